"""Expressions become Python closures, once, when the plan is loaded; an event then only calls them.

Belongs here: `compile_expr`, one function for each kind of expression. Never here: how values are read and shown
(`values`), what builtin functions do (`functions`). A closure raises `EvaluationError`, with the span of the part that
failed, where a value cannot be had; in a `where` that counts as false, in a step the flow fails.
"""

from __future__ import annotations

import fnmatch
import operator
import re
from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache
from typing import TypeAlias, assert_never

from amiflow.ami.message import Message
from amiflow.engine.functions import HEARD, LONGEST, PURE, WORLDLY, Trouble, World, matches, nested
from amiflow.engine.picture import Picture
from amiflow.engine.stores import HeldCounter, HeldMap, HeldSeries
from amiflow.engine.values import BadText, Call, Failure, Reply, Value, finite, read, reader, to_text
from amiflow.plan import expressions as ir
from amiflow.report.source import Span


class EvaluationError(Exception):
    """An expression that has no value this time; `text` says why and `span` where."""

    def __init__(self, text: str, span: Span) -> None:
        super().__init__(text)
        self.text = text
        self.span = span


class Frame:
    """The names that an expression sees: those of its flow's run, the world, whether the flow's server makes C-escapes,
    and the picture of that server, where there is one."""

    __slots__ = ("escapes", "names", "picture", "world")

    def __init__(self, names: dict[str, Value], world: World, escapes: bool, picture: Picture | None = None) -> None:
        self.names = names
        self.world = world
        self.escapes = escapes
        self.picture = picture


Evaluator: TypeAlias = Callable[[Frame], Value]

_MOST_BITS = 4096  # of an int


def _bounded(value: Value) -> Value:
    if isinstance(value, str | tuple) and len(value) > LONGEST:
        raise Trouble(f"the result is longer than {LONGEST}")
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        raise OverflowError
    return finite(value) if isinstance(value, float) else value


_ARITHMETIC: dict[str, Callable[[Value, Value], Value]] = {
    "+": lambda x, y: _bounded(x + y),
    "-": lambda x, y: _bounded(x - y),
    "*": lambda x, y: _bounded(x * y),
    "/": lambda x, y: _bounded(x / y),
    "%": operator.mod,
}
_ORDER: dict[str, Callable[[Value, Value], Value]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_KEYED = (dict, HeldMap, HeldCounter, HeldSeries, Message, Reply, Call)
_FLAT = ir.Const | ir.Header | ir.Join | ir.Compare | ir.Negate
_REASONS = (Trouble, ZeroDivisionError, OverflowError, TypeError, ValueError)


def compile_expr(expr: ir.Expr) -> Evaluator:
    """The closure that gives the expression's value in a frame."""
    match expr:
        case ir.Const(value=value):
            return lambda _frame: value
        case ir.Local(name=name):
            return lambda frame: frame.names.get(name)
        case ir.Global(name=name) | ir.Stored(name=name):
            return lambda frame: frame.world.globals[name]
        case ir.Look():
            return _look(expr)
        case ir.Header():
            return _header(expr)
        case ir.Field():
            return _field(expr)
        case ir.Rows(of=of):
            table = compile_expr(of)
            return lambda frame: tuple(table(frame).values())
        case ir.Keys(of=of):
            store = compile_expr(of)
            return lambda frame: tuple(store(frame).keys())
        case ir.Index():
            return _index(expr)
        case ir.Binary():
            return _binary(expr)
        case ir.Negate(of=of, span=span):
            return _guarded(operator.neg, (compile_expr(of),), span)
        case ir.Compare():
            return _compare(expr)
        case ir.Matches():
            return _matches(expr)
        case ir.Both(parts=parts):
            tests = tuple(map(compile_expr, parts))
            return lambda frame: all(test(frame) for test in tests)
        case ir.Either(parts=parts):
            tests = tuple(map(compile_expr, parts))
            return lambda frame: any(test(frame) for test in tests)
        case ir.Not(of=of):
            test = compile_expr(of)
            return lambda frame: not test(frame)
        case ir.Default():
            return _default(expr)
        case ir.Join(parts=parts, span=span):
            return _guarded(
                lambda *values: _bounded("".join(map(to_text, values))), tuple(map(compile_expr, parts)), span
            )
        case ir.ListExpr(items=items, span=span):
            members = tuple(map(compile_expr, items))
            return _holding(lambda frame: tuple([member(frame) for member in members]), items, span)
        case ir.RecordExpr(fields=fields, span=span):
            pairs = tuple((key, compile_expr(value)) for key, value in fields)
            made = tuple(value for _, value in fields)
            return _holding(lambda frame: {key: value(frame) for key, value in pairs}, made, span)
        case ir.Each():
            return _each(expr)
        case ir.Apply():
            return _apply(expr)
        case _:
            assert_never(expr)


def _holding(make: Evaluator, parts: tuple[ir.Expr, ...], span: Span) -> Evaluator:
    """What makes a list or record; one that may hold others is looked through."""
    return make if all(isinstance(part, _FLAT) for part in parts) else _guarded(nested, (make,), span)


def _look(expr: ir.Look) -> Evaluator:
    what, span, key = expr.what, expr.span, compile_expr(expr.key) if expr.key is not None else None

    def look(frame: Frame) -> Value:
        if frame.picture is None:
            raise EvaluationError("there is no server whose picture could be looked at", span)
        return frame.picture.look(what, key(frame) if key is not None else "")

    return look


def _header(expr: ir.Header) -> Evaluator:
    of, name, coding, span = compile_expr(expr.of), expr.name, expr.coding, expr.span
    looked, read_header = isinstance(expr.of, ir.Look), reader(name, coding)

    def header(frame: Frame) -> Value:
        message = of(frame)
        if message is None and looked:
            return None
        if message is None:
            raise EvaluationError(f"there is no message to read `{name}` from", span)
        try:
            if isinstance(message, Message):
                return read_header(message, frame.escapes)
            return read(message.get(name), coding, frame.escapes)
        except BadText as error:
            raise EvaluationError(f"`{name}`: {error}", span) from error

    return header


def _field(expr: ir.Field) -> Evaluator:
    of, name, span = compile_expr(expr.of), expr.name, expr.span

    def field(frame: Frame) -> Value:
        value = of(frame)
        match value:
            case dict():
                return value.get(name)
            case Reply():
                return value.rows if name == "rows" else _rows(value, name)
            case Failure():
                return value.kind if name == "kind" else value.message
            case Call() | Message():
                return value.get(name)
            case None:
                return None
        raise EvaluationError(f"{to_text(value)} has no `{name}`", span)

    return field


def _rows(reply: Reply, event: str) -> tuple[Message, ...]:
    wanted = event.casefold()
    return tuple(row for row in reply.rows if row.name.casefold() == wanted)


def _index(expr: ir.Index) -> Evaluator:
    of, key = compile_expr(expr.of), compile_expr(expr.key)

    def index(frame: Frame) -> Value:
        value, at = of(frame), key(frame)
        if isinstance(value, tuple):
            inside = isinstance(at, int) and -len(value) <= at < len(value)
            return value[at] if inside else None
        return value.get(at) if isinstance(value, _KEYED) and isinstance(at, str) else None

    return index


def _guarded(function: Callable[..., Value], args: tuple[Evaluator, ...], span: Span) -> Evaluator:
    def guarded(frame: Frame) -> Value:
        values = [arg(frame) for arg in args]
        try:
            return function(*values)
        except _REASONS as error:
            raise EvaluationError(_reason(error), span) from error

    return guarded


def _reason(error: Exception) -> str:
    match error:
        case Trouble():
            return str(error)
        case ZeroDivisionError():
            return "division by zero"
        case OverflowError():
            return "the result is too large"
    return f"the values do not fit the operation: {error}"


def _binary(expr: ir.Binary) -> Evaluator:
    return _guarded(_ARITHMETIC[expr.op], (compile_expr(expr.left), compile_expr(expr.right)), expr.span)


def _compare(expr: ir.Compare) -> Evaluator:
    left, right, span = compile_expr(expr.left), compile_expr(expr.right), expr.span
    match expr.op:
        case "==":
            return lambda frame: left(frame) == right(frame)
        case "!=":
            return lambda frame: left(frame) != right(frame)
        case "in":
            return _guarded(_contained, (left, right), span)
        case "not in":
            return _guarded(lambda x, xs: not _contained(x, xs), (left, right), span)
        case "like":
            return _guarded(_like, (left, right), span)
    order = _ORDER[expr.op]
    return _guarded(lambda x, y: x is not None and y is not None and order(x, y), (left, right), span)


def _contained(item: Value, holder: Value) -> bool:
    return holder is not None and item in holder


@lru_cache(maxsize=1024)
def _glob(pattern: str) -> re.Pattern[str]:
    # Brackets stand for themselves, since channel names of IPv6 peers hold them; `translate` never backtracks into a *.
    return re.compile(fnmatch.translate(pattern.replace("[", "[[]")))


def _like(text: Value, pattern: str) -> bool:
    return text is not None and _glob(pattern).match(text) is not None


def _matches(expr: ir.Matches) -> Evaluator:
    pattern = expr.pattern
    return _guarded(lambda text: text is not None and matches(text, pattern), (compile_expr(expr.of),), expr.span)


def _default(expr: ir.Default) -> Evaluator:
    of, default = compile_expr(expr.of), compile_expr(expr.default)

    def or_default(frame: Frame) -> Value:
        value = of(frame)
        return default(frame) if value is None else value

    return or_default


def _each(expr: ir.Each) -> Evaluator:
    item, name, source = compile_expr(expr.item), expr.name, compile_expr(expr.source)
    where = compile_expr(expr.where) if expr.where else None

    def each(frame: Frame) -> Value:
        inner = Frame(dict(frame.names), frame.world, frame.escapes, frame.picture)
        found = []
        for value in source(frame) or ():
            inner.names[name] = value
            if where is None or where(inner):
                found.append(item(inner))
        return tuple(found)

    return _holding(each, (expr.item,), expr.span)


def _apply(expr: ir.Apply) -> Evaluator:
    args = tuple(map(compile_expr, expr.args))
    if expr.function == "choose":
        condition, then, otherwise = args
        return lambda frame: then(frame) if condition(frame) else otherwise(frame)
    if expr.function in PURE:
        return _guarded(PURE[expr.function], args, expr.span)
    if expr.function in HEARD:
        return _guarded(HEARD[expr.function], (lambda frame: frame.escapes, *args), expr.span)
    worldly = WORLDLY[expr.function]
    span = expr.span

    def apply(frame: Frame) -> Value:
        values = [arg(frame) for arg in args]
        try:
            return worldly(frame.world, *values)
        except _REASONS as error:
            raise EvaluationError(_reason(error), span) from error

    return apply


def seconds(value: Value, span: Span) -> float:
    """A duration in seconds. Raises EvaluationError where the value is no duration of 0 or more."""
    if isinstance(value, timedelta) and value >= timedelta(0):
        return value.total_seconds()
    raise EvaluationError(f"{to_text(value)} is no duration", span)
