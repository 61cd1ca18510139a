"""The rules of types as functions of types alone: what fits where, what compares, what an operator gives.

Never here: trees, diagnostics.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from amiflow.plan.builtins import Accepts
from amiflow.plan.types import (
    BOOL,
    DATA,
    DURATION,
    INT,
    NO_ITEM,
    NONE,
    NUMBER,
    REGEX,
    TEXT,
    TIME,
    UNKNOWN,
    Data,
    ListOf,
    Maybe,
    MessageOf,
    RecordOf,
    Scalar,
    Type,
    Unknown,
    definite,
    maybe,
)

NUMERIC = frozenset({INT, NUMBER})
HEADED = frozenset({"event", "response", "row", "call", "action"})
"""The kinds of messages that Asterisk's headers are in; what others have, the runner gives them under fixed names."""
DEEPEST = 30
"""How deep lists and records may be in each other: names would let them be so to any depth."""
ORDERED = frozenset({INT, NUMBER, DURATION, TIME, TEXT})

TYPE_NAMES: Mapping[str, Type] = {
    "text": TEXT,
    "int": INT,
    "number": NUMBER,
    "bool": BOOL,
    "duration": DURATION,
    "time": TIME,
    "list": ListOf(TEXT),
    "data": DATA,
}


def fits(given: Type, wanted: Type) -> bool:
    """Whether a value of the one type can stand where the other is wanted."""
    match given, wanted:
        case (Unknown(), _) | (_, Unknown()):
            return True
        case _ if given == wanted:
            return True
        case (_, Maybe(of=of)):
            return given == NONE or fits(definite(given), of)
        case (ListOf(item=item), ListOf(item=other)):
            return fits(item, other)
        case (RecordOf(fields=fields), RecordOf(fields=others)):
            named = dict(fields)
            return named.keys() == dict(others).keys() and all(fits(named[key], kind) for key, kind in others)
        case (_, Data()):
            return not isinstance(given, MessageOf) and given != REGEX
    return given == INT and wanted == NUMBER


def depth(kind: Type) -> int:
    """How deep lists and records are in each other."""
    match kind:
        case Maybe(of=of):
            return depth(of)
        case ListOf(item=item):
            return 1 + depth(item)
        case RecordOf(fields=fields):
            return 1 + max((depth(field) for _, field in fields), default=0)
    return 0


def settles(open_: Type, settled: Type) -> bool:
    """Whether the one is the other, but for what none and empty lists in it have left open."""
    match open_, settled:
        case (ListOf(item=item), ListOf(item=other)) | (Maybe(of=item), Maybe(of=other)):
            return settles(item, other)
        case (RecordOf(fields=fields), RecordOf(fields=others)):
            return all(settles(kind, dict(others)[name]) for name, kind in fields)
    return open_ == settled or open_ in (NONE, NO_ITEM)


def unified(types: Iterable[Type]) -> Type | None:
    """The one type of several values, such as a list's items; none where there is no such type."""
    result: Type = UNKNOWN
    for kind in types:
        joint = _joint(result, kind)
        if joint is None:
            return None
        result = joint
    return result


def _joint(first: Type, second: Type) -> Type | None:
    if isinstance(first, Unknown) or isinstance(second, Unknown):
        return second if isinstance(first, Unknown) else first
    if first == NONE or second == NONE:
        return maybe(second if first == NONE else first)
    if isinstance(first, Maybe) or isinstance(second, Maybe):
        joint = _joint(definite(first), definite(second))
        return None if joint is None else maybe(joint)
    if isinstance(first, ListOf) and isinstance(second, ListOf):
        item = _joint(first.item, second.item)
        return None if item is None else ListOf(item)
    if isinstance(first, RecordOf) and isinstance(second, RecordOf):
        return _joint_records(dict(first.fields), dict(second.fields))
    if fits(first, second):
        return second
    return first if fits(second, first) else None


def _joint_records(first: Mapping[str, Type], second: Mapping[str, Type]) -> Type | None:
    """A record with the fields of both, where they are the same ones: `none` in one makes it `T?` in both."""
    if first.keys() != second.keys():
        return None
    fields = [(name, _joint(kind, second[name])) for name, kind in first.items()]
    known = tuple((name, kind) for name, kind in fields if kind is not None)
    return RecordOf(known) if len(known) == len(fields) else None


def comparable(first: Type, second: Type) -> bool:
    """Whether `==` between the two can ever be true for a reason other than a mistake."""
    one, other = definite(first), definite(second)
    if NONE in (one, other) or isinstance(one, Data) or isinstance(other, Data):
        return True
    if isinstance(one, ListOf) and isinstance(other, ListOf):
        return comparable(one.item, other.item)
    return fits(one, other) or fits(other, one)


def orderable(first: Type, second: Type) -> bool:
    """Whether `<` and its kin make sense between the two."""
    one, other = definite(first), definite(second)
    if isinstance(one, Unknown | Data) or isinstance(other, Unknown | Data):
        return True
    return (one in NUMERIC and other in NUMERIC) or (one == other and one in ORDERED)


_ARITHMETIC: Mapping[tuple[str, Type, Type], Type] = {
    ("+", TEXT, TEXT): TEXT,
    ("+", DURATION, DURATION): DURATION,
    ("+", TIME, DURATION): TIME,
    ("+", DURATION, TIME): TIME,
    ("-", DURATION, DURATION): DURATION,
    ("-", TIME, DURATION): TIME,
    ("-", TIME, TIME): DURATION,
    ("/", DURATION, DURATION): NUMBER,
    ("%", DURATION, DURATION): DURATION,
}


def arithmetic(op: str, left: Type, right: Type) -> Type | None:
    """What `left op right` gives; none where it makes no sense. Both are definite types."""
    if isinstance(left, Unknown) or isinstance(right, Unknown):
        return left if isinstance(left, Unknown) else right
    if left in NUMERIC and right in NUMERIC:
        return INT if left == right == INT and op != "/" else NUMBER
    if op == "+" and isinstance(left, ListOf) and isinstance(right, ListOf):
        return unified((left, right))
    if op in "*/" and left == DURATION and right in NUMERIC:
        return DURATION
    if op == "*" and left in NUMERIC and right == DURATION:
        return DURATION
    return _ARITHMETIC.get((op, left, right))


_ACCEPTED: Mapping[Accepts, frozenset[Type]] = {
    "text": frozenset({TEXT}),
    "int": frozenset({INT}),
    "number": NUMERIC,
    "bool": frozenset({BOOL}),
    "duration": frozenset({DURATION}),
    "time": frozenset({TIME}),
    "ordered": ORDERED,
    "data": frozenset({DATA}),
    "regex": frozenset({REGEX}),
    "sizable": frozenset({TEXT, DATA}),
    "keyed": frozenset({DATA}),
    "searchable": frozenset({TEXT}),
}


def accepts(how: Accepts, given: Type) -> bool:
    """Whether a builtin's parameter takes a value of this definite type."""
    if isinstance(given, Unknown) or given in _ACCEPTED.get(how, ()):
        return True
    match given:
        case ListOf(item=item):
            return how in ("list", "any", "sizable", "searchable") or _accepts_items(how, item)
        case RecordOf():
            return how in ("any", "sizable", "keyed")
        case MessageOf(kind=kind):
            return (how == "message" and kind in HEADED) or (how == "event" and kind in ("event", "row", "action"))
    return how == "any" and given != REGEX


def _accepts_items(how: Accepts, item: Type) -> bool:
    held = definite(item)
    match how:
        case "texts":
            return fits(item, TEXT)
        case "ranked":
            return not isinstance(held, RecordOf | MessageOf)
        case "summed":
            return isinstance(held, Unknown | Data) or held in (*NUMERIC, DURATION)
    return False


def is_scalar(kind: Type) -> bool:
    """Whether the value is one piece of text on the wire."""
    return isinstance(kind, Scalar) and kind not in (NONE, REGEX)


_COMPARED: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def compared(op: str, left: float | str | None, right: float | str | None) -> bool | None:
    """What a comparison of two written values gives; none where one is not written out, or they do not compare."""
    if left is None or right is None or isinstance(left, str) != isinstance(right, str):
        return None
    return _COMPARED[op](left, right)
