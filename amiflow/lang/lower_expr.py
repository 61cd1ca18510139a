"""Expressions of the tree become expressions of the plan: names resolved, headers with their codings.

Belongs here: one rule for each kind of expression, patterns, headers that are written. Never here: steps
(`lower_steps`).
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from datetime import timedelta
from itertools import count
from typing import Literal, TypeAlias, cast

from amiflow.lang import nodes
from amiflow.lang.infer import PICTURE, TRUST
from amiflow.lang.scope import FILE_LEVEL, Bindings, Checked
from amiflow.lang.vocabulary import USER_EVENT, HeaderInfo, Vocabulary
from amiflow.plan import expressions as ir
from amiflow.plan.model import HeaderValue, Trust
from amiflow.plan.picture import QUESTIONS
from amiflow.plan.triggers import Pattern
from amiflow.plan.types import DURATION, OPEN, PLAIN, ListOf, Maybe, MessageOf, StoreOf, definite
from amiflow.report.source import Source, Span

_UNITS = {"us": "microseconds", "ms": "milliseconds", "s": "seconds", "min": "minutes"}
_TRUE = frozenset({"1", "yes", "true", "on"})
_Equality: TypeAlias = Literal["==", "!=", "in", "not in"]
_NEGATED: Mapping[_Equality, _Equality] = {"!=": "==", "not in": "in"}


class Lowering:
    """What lowering needs of the phases before; it collects each `trust` on its way."""

    def __init__(
        self, sources: Mapping[str, Source], bindings: Bindings, checked: Checked, vocabulary: Vocabulary
    ) -> None:
        self.sources = sources
        self.bindings = bindings
        self.checked = checked
        self.vocabulary = vocabulary
        self.trusts: dict[Span, Trust] = {}
        self._hidden = count(1)
        self._task = ""

    def slice(self, span: Span) -> str:
        """The text there, in whichever file it is."""
        return self.sources[span.path].slice(span)

    def hidden(self, what: str) -> str:
        """A name that no recipe can write."""
        return f"%{what}{next(self._hidden)}"

    def local(self, name: str) -> str:
        """A flow's own name; those of a task have another beginning each time that it is called."""
        return self._task + name

    def within(self, task: str) -> Lowering:
        """The same for one call of that task."""
        inner = copy(self)
        inner._task = f"{task}{next(self._hidden)}\N{MIDDLE DOT}"  # no recipe can write it, and yet it is a name's
        return inner

    def items(self, source: nodes.Expr) -> ir.Expr:
        """What a `for` goes through."""
        kind = self.checked.type_of(source)
        lowered = self.expr(source)
        if not isinstance(kind, StoreOf):
            return lowered
        return ir.Rows(lowered, source.span) if kind.kind == "table" else ir.Keys(lowered, source.span)

    # --- expressions

    def expr(self, expr: nodes.Expr) -> ir.Expr:
        """The plan's form of a checked expression; the most frequent kinds come first."""
        span = expr.span
        match expr:
            case nodes.Name(text=text) if text == PICTURE and expr not in self.bindings.uses:
                return ir.Look("pbx", None, span)
            case nodes.Name(text=text):
                kind = self.bindings.uses[expr].kind
                if kind == "store":
                    return ir.Stored(text, span)
                of_file = kind in FILE_LEVEL or kind in ("table", "hours")
                return ir.Global(text, span) if of_file else ir.Local(self.local(text), span)
            case nodes.Member() | nodes.Index():
                return self._part(expr)
            case nodes.Text():
                return self._text(expr)
            case nodes.Int(value=value) | nodes.Number(value=value) | nodes.Bool(value=value):
                return ir.Const(value, span)
            case nodes.Duration(ms=ms):
                return ir.Const(timedelta(milliseconds=ms), span)
            case nodes.Nothing() | nodes.Hole():
                return ir.Const(None, span)
            case nodes.Regex(pattern=pattern):
                return ir.Const(pattern, span)
            case nodes.ListOf(items=items):
                return ir.ListExpr(tuple(map(self.expr, items)), span)
            case nodes.Record(entries=entries):
                return ir.RecordExpr(tuple((entry.key.text, self.expr(entry.value)) for entry in entries), span)
            case nodes.Comprehension(item=item, name=name, source=source, where=where):
                test = self.expr(where) if where is not None else None
                return ir.Each(self.expr(item), self.local(name.text), self.items(source), test, span)
            case nodes.Call():
                return self._call(expr)
            case nodes.Unary(op=op, operand=operand):
                inner = self.expr(operand)
                return ir.Not(inner, span) if op == "not" else _negated(inner, span)
            case nodes.Binary():
                return self._binary(expr)

    def _text(self, text: nodes.Text) -> ir.Expr:
        if all(isinstance(part, str) for part in text.parts):
            return ir.Const("".join(str(part) for part in text.parts), text.span)
        parts = [ir.Const(part, text.span) if isinstance(part, str) else self.expr(part) for part in text.parts]
        return ir.Join(tuple(parts), text.span)

    def _part(self, expr: nodes.Member | nodes.Index) -> ir.Expr:
        base = self.expr(expr.base)
        info = self.checked.read.get(expr)
        if info is not None:
            return ir.Header(base, info.name, info.coding, expr.span)
        if isinstance(expr, nodes.Index):
            return ir.Index(base, self.expr(expr.index), expr.span)
        return ir.Field(base, self._field_name(expr), expr.span)

    def _field_name(self, member: nodes.Member) -> str:
        """Rows of a list are named as the catalogue spells their event."""
        kind = definite(self.checked.type_of(member.base))
        if isinstance(kind, MessageOf) and kind.kind == "response":
            event = self.vocabulary.event(member.name.text)
            return event.name if event is not None else member.name.text
        return member.name.text

    def _call(self, call: nodes.Call) -> ir.Expr:
        if call.name.text == TRUST:
            span = call.span
            self.trusts[span] = Trust(self.slice(call.args[0].span), span)
            return self.expr(call.args[0])
        if call.name.text in QUESTIONS:
            return ir.Look(call.name.text, self.expr(call.args[0]), call.span)
        args = tuple(map(self.expr, call.args))
        if call.name.text == "sum" and len(args) == 1 and self.checked.type_of(call.args[0]) == ListOf(DURATION):
            args = (*args, ir.Const(timedelta(0), call.span))  # the sum of no durations is one too
        return ir.Apply(call.name.text, args, call.span)

    def _binary(self, binary: nodes.Binary) -> ir.Expr:
        left, right, span = self.expr(binary.left), self.expr(binary.right), binary.span
        match binary.op:
            case "and":
                return both((left, right), span)
            case "or":
                parts = [
                    part for side in (left, right) for part in (side.parts if isinstance(side, ir.Either) else (side,))
                ]
                return ir.Either(tuple(parts), span)
            case "==" | "!=" | "in" | "not in" as op:
                return self._equality(binary, op, left, right)
            case "matches":
                return ir.Matches(left, cast("nodes.Regex", binary.right).pattern, span)
            case "??":
                return ir.Default(left, right, span)
            case "+" | "-" | "*" | "/" | "%":
                return ir.Binary(binary.op, left, right, span)
        return ir.Compare(binary.op, left, right, span)

    def _equality(self, binary: nodes.Binary, op: _Equality, left: ir.Expr, right: ir.Expr) -> ir.Expr:
        """None equals only a written none, so where both sides may be none that is tested as well."""
        span, kind = binary.span, self.checked.type_of(binary.right)
        held = kind.item if isinstance(kind, ListOf) and op in ("in", "not in") else kind
        others = binary.right.items if isinstance(binary.right, nodes.ListOf) else (binary.right,)
        written = any(isinstance(side, nodes.Nothing) for side in (binary.left, *others))
        unsure = isinstance(held, Maybe) and isinstance(self.checked.type_of(binary.left), Maybe)
        if written or not unsure:
            return ir.Compare(op, left, right, span)
        present = ir.Compare("!=", left, ir.Const(None, span), span)
        equal = both((ir.Compare(_NEGATED.get(op, op), left, right, span), present), span)
        return ir.Not(equal, span) if op in _NEGATED else equal

    # --- headers that are written

    def headers(self, block: nodes.Block, message: nodes.MessageName | None) -> tuple[HeaderValue, ...]:
        """The block's headers, behind the name of a declared userevent."""
        first: list[HeaderValue] = []
        if message is not None and message.userevent is not None:
            span = message.userevent.span
            name = self.userevent_name(message.userevent)
            first.append(HeaderValue(USER_EVENT, ir.Const(name, span), PLAIN, span))
        return (*first, *(self._header(entry) for entry in block.headers))

    def _header(self, entry: nodes.HeaderEntry) -> HeaderValue:
        info = self.checked.written[entry]
        return HeaderValue(info.name, _as_typed(self.expr(entry.value), info), info.coding, entry.span)

    def userevent_name(self, ident: nodes.Ident) -> str:
        """A userevent's name as it was declared."""
        return self.bindings.userevents[ident.text.casefold()].name.text

    # --- patterns

    def pattern(self, pattern: nodes.Pattern) -> Pattern:
        """A pattern with its wire names and its whole condition; its keys are a pass's (`plan.optimize`)."""
        name = self.local(pattern.name.text) if pattern.name is not None else None
        own = [message for message in pattern.events if message.userevent is not None]
        if own and name is None:
            name = self.hidden("event")
        tests = [self._is_userevent(own, pattern, name)] if own and name is not None else []
        if pattern.where is not None:
            tests.append(self.expr(pattern.where))
        where = both(tuple(tests), pattern.span) if tests else None
        events = tuple(dict.fromkeys(self._event_name(message) for message in pattern.events))
        return Pattern(events, name, where, (), pattern.span)

    def _event_name(self, message: nodes.MessageName) -> str:
        event = self.vocabulary.event(message.name.text)
        return event.name if event is not None else message.name.text

    def _is_userevent(self, own: list[nodes.MessageName], pattern: nodes.Pattern, name: str) -> ir.Expr:
        span = own[0].span
        names = [ir.Const(self.userevent_name(message.userevent), span) for message in own if message.userevent]
        carried = ir.Header(ir.Local(name, span), USER_EVENT, OPEN, span)
        if len(names) == 1:
            test: ir.Expr = ir.Compare("==", carried, names[0], span)
        else:
            test = ir.Compare("in", carried, ir.ListExpr(tuple(names), span), span)
        if len(own) == len(pattern.events):
            return test
        kind = ir.Header(ir.Local(name, span), "Event", OPEN, span)
        return ir.Either((ir.Compare("!=", kind, ir.Const(USER_EVENT, span), span), test), span)


def store_name(base: nodes.Expr) -> str:
    """The name of a checked store."""
    assert isinstance(base, nodes.Name)
    return base.text


def both(parts: tuple[ir.Expr, ...], span: Span) -> ir.Expr:
    """`and` of the parts, without another inside it."""
    flat = [inner for part in parts for inner in (part.parts if isinstance(part, ir.Both) else (part,))]
    return flat[0] if len(flat) == 1 else ir.Both(tuple(flat), span)


def _negated(inner: ir.Expr, span: Span) -> ir.Expr:
    if isinstance(inner, ir.Const) and isinstance(inner.value, int | float | timedelta):
        return ir.Const(-inner.value, span)
    return ir.Negate(inner, span)


def _as_typed(value: ir.Expr, info: HeaderInfo) -> ir.Expr:
    """A text that is written for a typed header is the value it spells, so that values compare by type."""
    if isinstance(value, ir.ListExpr):
        return ir.ListExpr(tuple(_as_typed(item, info) for item in value.items), value.span)
    if not isinstance(value, ir.Const) or not isinstance(value.value, str):
        return value
    text = value.value
    match info.coding.type:
        case "int":
            return ir.Const(int(text), value.span)
        case "number":
            return ir.Const(float(text), value.span)
        case "bool":
            return ir.Const(text.casefold() in _TRUE, value.span)
        case "duration" if info.coding.unit in _UNITS:
            return ir.Const(timedelta(**{_UNITS[info.coding.unit or "s"]: float(text)}), value.span)
    return value
