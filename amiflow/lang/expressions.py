"""From the grammar's tree to nodes, first half: names, texts, expressions, blocks and patterns.

Belongs here: taking apart what the parser has put together, with exact spans. Never: looking a name up, or recovering
from a syntax error (a text's `${…}` is handed back to the parser through `Reading.interpolation`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from amiflow.lang import literals, nodes
from amiflow.lang.lalr import Branch, Token
from amiflow.report.diagnostic import Diagnostic, Edit, Label
from amiflow.report.source import Source, Span

MAX_DEPTH = 100
"""How deep expressions nest, long chains of operators included: later phases walk them by recursion."""

_SIMPLE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)((?:\.[A-Za-z0-9_][A-Za-z0-9_-]*)?)")
_RESERVED = frozenset({"not", "true", "false", "none", "in", "or", "and", "like", "matches"})
_CODE_END = re.compile(r'["{}]')


@dataclass(slots=True)
class Reading:
    """One source being read: what was found wrong, and how to read a piece of it as an expression."""

    source: Source
    interpolation: Callable[[int, int], Branch | None]
    problems: list[Diagnostic] = field(default_factory=list)
    depth: int = 0

    def span(self, piece: Branch | Token) -> Span:
        return Span(self.source.path, piece.start_pos, piece.end_pos)

    def flaw(self, code: str, start: int, flaw: literals.Flaw, help_: str | None = None) -> None:
        """Report a flaw of a token that begins at `start`."""
        span = Span(self.source.path, start + flaw.start, start + flaw.end)
        edit = None if flaw.instead is None else Edit(span, flaw.instead, "likely")
        if help_ is None and flaw.instead is not None:
            help_ = f"write `{flaw.instead}`"
        label = Label(span, flaw.label, primary=True)
        self.problems.append(Diagnostic(code, "error", flaw.headline, label, help=help_, edit=edit))


# -- names and texts --------------------------------------------------------------------------------------------------


def ident(reading: Reading, token: Token) -> nodes.Ident:
    return nodes.Ident(reading.span(token), str(token))


def optional_ident(reading: Reading, token: Token | None) -> nodes.Ident | None:
    return None if token is None else ident(reading, token)


def member_name(reading: Reading, token: Token) -> nodes.Ident:
    """The name of a MEMBER token, without its dot."""
    span = reading.span(token)
    return nodes.Ident(Span(span.path, min(span.start + 1, span.end), span.end), str(token)[1:])


def key(reading: Reading, token: Token) -> nodes.Ident:
    """The name of a KEY or TEXT_KEY token, without its colon."""
    written = str(token)[:-1].rstrip(" \t")
    span = reading.span(token)
    place = Span(span.path, span.start, span.start + len(written))
    if token.type != "TEXT_KEY":
        return nodes.Ident(place, written)
    return nodes.Ident(place, _stretch(reading, written[1:-1], span.start + 1))


def plain(reading: Reading, token: Token) -> nodes.PlainText:
    """A text that can hold no interpolation; with one in it is reported, and stands as written."""
    text = text_of(reading, token)
    if isinstance(text, nodes.Hole):
        return nodes.PlainText(text.span, "")
    if any(not isinstance(part, str) for part in text.parts):
        flaw = literals.Flaw(0, len(token), "a text that is needed before the run holds `${…}`", "must be plain text")
        reading.flaw("not-a-literal", text.span.start, flaw)
        return nodes.PlainText(text.span, "")
    return nodes.PlainText(text.span, "".join(part for part in text.parts if isinstance(part, str)))


def optional_plain(reading: Reading, token: Token | None) -> nodes.PlainText | None:
    return None if token is None else plain(reading, token)


def text_of(reading: Reading, token: Token) -> nodes.Text | nodes.Hole:
    """A TEXT token; `Hole` for one that the writer left out."""
    span = reading.span(token)
    if not token:
        return nodes.Hole(span)
    inside = str(token)[1:-1]
    if "${" not in inside:
        return nodes.Text(span, (_stretch(reading, inside, span.start + 1),) if inside else ())
    parts: list[str | nodes.Expr] = []
    at, start = 0, span.start + 1
    while at < len(inside):
        opener = _next_code(inside, at)
        if opener > at:
            parts.append(_stretch(reading, inside[at:opener], start + at))
        if opener == len(inside):
            break
        closer = _code_end(inside, opener + 2)
        parts.append(_code(reading, start + opener + 2, start + closer))
        at = closer + 1
    return nodes.Text(span, tuple(parts))


def _next_code(inside: str, at: int) -> int:
    """Where the next `${` begins that is not escaped."""
    while (found := inside.find("${", at)) >= 0:
        slashes = found - len(inside[:found].rstrip("\\"))
        if slashes % 2 == 0:
            return found
        at = found + 1
    return len(inside)


def _code_end(inside: str, at: int) -> int:
    """Where the `}` stands that closes a `${` whose inside begins at `at`; texts in it may hold `${…}` again."""
    depth = 1
    while match := _CODE_END.search(inside, at):
        at = match.end()
        if match[0] == '"':
            at = _text_end(inside, at)
        else:
            depth += 1 if match[0] == "{" else -1
            if depth == 0:
                return match.start()
    return len(inside)


def _text_end(inside: str, at: int) -> int:
    """Behind the quote that closes a text whose inside begins at `at`."""
    while at < len(inside) and inside[at] != '"':
        if inside[at] == "\\":
            at += 2
        elif inside.startswith("${", at):
            at = _code_end(inside, at + 2) + 1
        else:
            at += 1
    return at + 1


def _stretch(reading: Reading, written: str, start: int) -> str:
    value, flaws = literals.unescape(written)
    for flaw in flaws:
        reading.flaw("bad-text", start, flaw)
    return value


def _code(reading: Reading, start: int, end: int) -> nodes.Expr:
    """The expression of a `${…}`; a name or a name's member, as nearly all are, needs no parser."""
    path = reading.source.path
    match = _SIMPLE.fullmatch(reading.source.text, start, end)
    if match is not None and match[1] not in _RESERVED:
        name = nodes.Name(Span(path, start, match.end(1)), match[1])
        if not match[2]:
            return name
        return nodes.Member(
            Span(path, start, end), name, nodes.Ident(Span(path, match.start(2) + 1, end), match[2][1:])
        )
    tree = reading.interpolation(start, end)
    return nodes.Hole(Span(path, start, end)) if tree is None else expr(reading, tree.children[0])


# -- expressions ------------------------------------------------------------------------------------------------------


def expr(reading: Reading, piece: Branch | Token) -> nodes.Expr:
    """The node of an expression's tree or token."""
    if isinstance(piece, Token):
        return _atom(reading, piece)
    if reading.depth >= MAX_DEPTH:
        return _too_deep(reading, reading.span(piece))
    reading.depth += 1
    try:
        return _EXPRESSIONS[piece.data](reading, piece)
    finally:
        reading.depth -= 1


def optional_expr(reading: Reading, piece: Branch | Token | None) -> nodes.Expr | None:
    return None if piece is None else expr(reading, piece)


def _too_deep(reading: Reading, span: Span) -> nodes.Hole:
    if not any(problem.code == "nested-too-deep" for problem in reading.problems):
        label = Label(span, f"more than {MAX_DEPTH} deep", primary=True)
        help_ = "give parts of it names with `let`"
        reading.problems.append(Diagnostic("nested-too-deep", "error", "an expression is too long", label, help=help_))
    return nodes.Hole(span)


def _atom(reading: Reading, token: Token) -> nodes.Expr:
    span = reading.span(token)
    match token.type:
        case "TEXT":
            return text_of(reading, token)
        case "NUMBER":
            return number(reading, token)
        case "REGEX":
            return nodes.Regex(span, str(token)[2:-1].replace('\\"', '"'))
        case "TRUE" | "FALSE":
            return nodes.Bool(span, token.type == "TRUE")
        case "NONE":
            return nodes.Nothing(span)
        case _:
            return nodes.Name(span, str(token)) if token else nodes.Hole(span)


def number(reading: Reading, token: Token) -> nodes.Expr:
    """A NUMBER token."""
    span = reading.span(token)
    match literals.number(str(token)) if token else None:
        case literals.Milliseconds(ms):
            return nodes.Duration(span, ms)
        case int(value):
            return nodes.Int(span, value)
        case float(value):
            return nodes.Number(span, value)
        case literals.Flaw() as flaw:
            units = None if flaw.instead else "durations are written `250ms`, `5s`, `10m`, `2h`, `1d` or `1h30m`"
            reading.flaw("bad-number", span.start, flaw, units)
    return nodes.Hole(span)


def _name(reading: Reading, tree: Branch) -> nodes.Expr:
    return _atom(reading, cast(Token, tree.children[0]))


def _paren(reading: Reading, tree: Branch) -> nodes.Expr:
    inner = expr(reading, tree.children[0])
    return _respan(inner, reading.span(tree))


def _respan(node: nodes.Expr, span: Span) -> nodes.Expr:
    values = [getattr(node, name) for name in node.__slots__[1:]]
    return type(node)(span, *values)


def _unary(reading: Reading, tree: Branch) -> nodes.Expr:
    op, operand = cast(list[Any], tree.children)
    return nodes.Unary(reading.span(tree), cast(nodes.UnaryOp, str(op)), expr(reading, operand))


def _binary(reading: Reading, tree: Branch) -> nodes.Expr:
    """A chain of operators of one level, from left to right."""
    pieces = cast(list[Any], tree.children)
    length = len(pieces) // 2
    if reading.depth + length > MAX_DEPTH:
        return _too_deep(reading, reading.span(tree))
    reading.depth += length - 1
    left = expr(reading, pieces[0])
    for op, right in zip(pieces[1::2], pieces[2::2], strict=True):
        value = expr(reading, right)
        span = Span(left.span.path, left.span.start, value.span.end)
        left = nodes.Binary(span, cast(nodes.BinaryOp, str(op)), left, value, reading.span(op))
    reading.depth -= length - 1
    return left


def _not_in(reading: Reading, tree: Branch) -> nodes.Expr:
    left, first, last, right = cast(list[Any], tree.children)
    op_span = reading.span(first).to(reading.span(last))
    return nodes.Binary(reading.span(tree), "not in", expr(reading, left), expr(reading, right), op_span)


def _access(reading: Reading, tree: Branch) -> nodes.Expr:
    """`base.a[b].c(…)`, trailers from left to right."""
    base, *trailers = cast(list[Any], tree.children)
    if reading.depth + len(trailers) > MAX_DEPTH:
        return _too_deep(reading, reading.span(tree))
    reading.depth += len(trailers) - 1
    node = expr(reading, base)
    for trailer in trailers:
        node = _trailed(reading, node, trailer)
    reading.depth -= len(trailers) - 1
    return node


def _trailed(reading: Reading, base: nodes.Expr, trailer: Branch | Token) -> nodes.Expr:
    span = base.span.to(reading.span(trailer))
    if isinstance(trailer, Token):
        return nodes.Member(span, base, member_name(reading, trailer))
    if trailer.data == "index":
        return nodes.Index(span, base, expr(reading, trailer.children[0]))
    name = member_name(reading, cast(Token, trailer.children[0]))
    arguments = args(reading, cast(Branch, trailer.children[1]))
    if isinstance(base, nodes.Name):
        return nodes.Call(span, nodes.Ident(base.span, base.text), name, arguments)
    flaw = literals.Flaw(0, len(name.text), "a value has no functions of its own", "not a function")
    reading.flaw("foreign-habit", name.span.start, flaw, f"write `{name.text}(…)` around the value")
    return nodes.Hole(span)


def args(reading: Reading, tree: Branch) -> tuple[nodes.Expr, ...]:
    return tuple(expr(reading, piece) for piece in tree.children if piece is not None)


def _call(reading: Reading, tree: Branch) -> nodes.Expr:
    name, arguments = cast(list[Any], tree.children)
    return nodes.Call(reading.span(tree), None, ident(reading, name), args(reading, arguments))


def _list(reading: Reading, tree: Branch) -> nodes.Expr:
    return nodes.ListOf(reading.span(tree), args(reading, cast(Branch, tree.children[0])))


def _comprehension(reading: Reading, tree: Branch) -> nodes.Expr:
    item, name, source, where = cast(list[Any], tree.children)
    return nodes.Comprehension(
        reading.span(tree),
        expr(reading, item),
        ident(reading, name),
        expr(reading, source),
        optional_expr(reading, where),
    )


def record(reading: Reading, tree: Branch) -> nodes.Record:
    return nodes.Record(reading.span(tree), _entries(reading, tree))


_EXPRESSIONS: dict[str, Callable[[Reading, Branch], nodes.Expr]] = {
    "binary": _binary,
    "not_in": _not_in,
    "unary": _unary,
    "access": _access,
    "name": _name,
    "call": _call,
    "paren": _paren,
    "list": _list,
    "comprehension": _comprehension,
    "record": record,
}


# -- blocks, types, patterns ------------------------------------------------------------------------------------------


def _entries(reading: Reading, tree: Branch) -> tuple[nodes.HeaderEntry, ...]:
    entries = []
    for entry in cast(list[Branch], tree.children):
        name, value = cast(list[Any], entry.children)
        entries.append(nodes.HeaderEntry(reading.span(entry), key(reading, name), expr(reading, value)))
    return tuple(entries)


def block(reading: Reading, tree: Branch) -> nodes.Block:
    return nodes.Block(reading.span(tree), _entries(reading, tree))


def optional_block(reading: Reading, tree: Branch | None, behind: Span) -> nodes.Block:
    """A block that may be left out; then it is empty and stands without width behind what it belongs to."""
    return nodes.Block(behind.tail(), ()) if tree is None else block(reading, tree)


def type_of(reading: Reading, tree: Branch) -> nodes.TypeExpr:
    first, optional = cast(list[Any], tree.children)
    if tree.data == "named_type":
        return nodes.NamedType(reading.span(tree), ident(reading, first), optional is not None)
    return nodes.RecordType(reading.span(tree), fields(reading, first), optional is not None)


def fields(reading: Reading, tree: Branch) -> tuple[nodes.Field, ...]:
    found = []
    for piece in cast(list[Branch | None], tree.children):
        if piece is not None:
            name, type_ = cast(list[Any], piece.children)
            found.append(nodes.Field(reading.span(piece), key(reading, name), type_of(reading, type_)))
    return tuple(found)


def message(reading: Reading, tree: Branch) -> nodes.MessageName:
    token = cast(Token, tree.children[0])
    span = reading.span(token)
    if token.type != "USEREVENT":
        return nodes.MessageName(span, nodes.Ident(span, str(token)), None)
    first, second = str(token).split()
    name = nodes.Ident(Span(span.path, span.start, span.start + len(first)), first)
    return nodes.MessageName(span, name, nodes.Ident(Span(span.path, span.end - len(second), span.end), second))


def pattern(reading: Reading, tree: Branch) -> nodes.Pattern:
    *events, name, where = cast(list[Any], tree.children)
    return nodes.Pattern(
        reading.span(tree),
        tuple(message(reading, event) for event in events),
        optional_ident(reading, name),
        optional_expr(reading, where),
    )


def optional_pattern(reading: Reading, tree: Branch | None) -> nodes.Pattern | None:
    return None if tree is None else pattern(reading, tree)


def whole_name(reading: Reading, tree: Branch) -> nodes.Ident:
    """`name`, or `module.name`, as one name."""
    name, member = cast(list[Any], tree.children)
    whole = str(name) if member is None else f"{name}.{member_name(reading, member).text}"
    return nodes.Ident(reading.span(tree), whole)


def ref(reading: Reading, tree: Branch) -> nodes.Expr:
    """`name`, or `module.name`."""
    name, member = cast(list[Any], tree.children)
    base = _atom(reading, name)
    return base if member is None else nodes.Member(reading.span(tree), base, member_name(reading, member))
