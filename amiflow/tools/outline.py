"""What of a recipe belongs together: groups of items in brackets, lines that begin, places where a line may go on.

Belongs here: one look at each node of the tree, which says where its brackets, its items and its clauses are. Never:
what the writer's own line ends do to the layout (`layout`), or columns (`typeset`). All places are indices of tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from amiflow.lang import nodes
from amiflow.plan.walk import children
from amiflow.report.source import Span
from amiflow.tools.tokens import Tokens

INDENT = 2
"""Blanks that a line in a group, or a clause of a flow, is further in."""


@dataclass(frozen=True, slots=True)
class Style:
    """How a kind of group is written.

    `padded`: blanks within the brackets. `commas`: none between the items, on one line alone, or over lines too (there
    also behind the last). `aligned`: values behind keys begin in one column, and so do comments. `gap`: blanks between
    items on one line. `breaks`: it is written over lines where the writer began a line before an item (`item`) or
    anywhere in it (`any`), or always.
    """

    padded: bool = False
    commas: Literal["none", "line", "lines"] = "none"
    aligned: bool = False
    gap: int = 1
    breaks: Literal["item", "any", "always"] = "any"


_BLOCK = Style(padded=True, aligned=True)
_FIELDS = Style(padded=True, aligned=True, gap=2)
_HOURS = Style(padded=True, gap=2)
_ROWS = Style(padded=True)
_STEP = Style(padded=True)
_STEPS = Style(padded=True, breaks="always")
_RECORD = Style(commas="line", aligned=True)
_LIST = Style(commas="lines", breaks="item")
_COMPREHENSION = Style(breaks="item")


@dataclass(frozen=True, slots=True)
class Outline:
    """Brackets and the items between them. `together`: the opening brackets of all groups that are either on one line
    or all over lines, this one among them."""

    open: int
    close: int
    items: tuple[int, ...]
    style: Style
    together: tuple[int, ...]


@dataclass(slots=True)
class Outlines:
    """What the tree says. `soft`: a line may go on there. `operands`: from a binary operator to its right operand.
    `glued`: no blank before it. `clauses`: lines of a flow's head, and the brace of its body, with their indent.
    `defaults`: from the first word of a param to its `=`."""

    groups: list[Outline] = field(default_factory=list)
    soft: set[int] = field(default_factory=set)
    operands: dict[int, int] = field(default_factory=dict)
    glued: set[int] = field(default_factory=set)
    clauses: dict[int, int] = field(default_factory=dict)
    defaults: dict[int, int] = field(default_factory=dict)


def outline(file: nodes.File, tokens: Tokens) -> Outlines:
    """The outlines of all nodes but those within texts."""
    found = Outlines()
    whole: set[int] = set()
    together: dict[int, tuple[int, ...]] = {}
    for node in _outside_texts(file):
        for open_, items, style in _group(node, tokens):
            close = tokens.closing(open_)
            found.groups.append(Outline(open_, close, tuple(items), style, (open_,)))
        found.soft.update(_soft(node, tokens))
        match node:
            case nodes.FlowDecl():
                whole.update(tokens.at(body.span) for body in (node.body, node.cleanup) if body)
                found.clauses.update(_head(node, tokens))
            case nodes.TaskDecl():
                whole.add(tokens.at(node.body.span))
            case nodes.ParamDecl(default=default) if default is not None:
                found.defaults[tokens.at(node.span)] = tokens.at(default.span) - 1
            case nodes.If():
                opens = tuple(tokens.at(body.span) for body in _bodies(node))
                together.update(dict.fromkeys(opens, opens))
            case nodes.Binary():
                found.operands[tokens.at(node.op_span)] = tokens.at(node.right.span)
            case nodes.Unary(op="-"):
                found.glued.add(tokens.at(node.operand.span))
            case nodes.Index():
                found.glued.add(tokens.behind(node.base.span))
    found.groups = [
        replace(
            group,
            style=_STEPS if group.open in whole else group.style,
            together=together.get(group.open, group.together),
        )
        for group in found.groups
    ]
    return found


def _outside_texts(file: nodes.File) -> Iterator[object]:
    todo: list[object] = [file]
    while todo:
        node = todo.pop()
        yield node
        if not isinstance(node, nodes.Text):
            todo.extend(children(node))


# -- groups -----------------------------------------------------------------------------------------------------------


def _group(node: object, tokens: Tokens) -> Iterator[tuple[int, list[int], Style]]:
    """The bracket that a node's group begins with, its items and its style."""
    match node:
        case nodes.Block(headers=items):
            if node.span.start < node.span.end:
                yield tokens.at(node.span), _starts(items, tokens), _BLOCK
        case nodes.Body(steps=steps):
            yield tokens.at(node.span), _starts(steps, tokens), _STEPS if len(steps) > 1 else _STEP
        case nodes.Record(entries=entries):
            yield tokens.opening(node.span), _starts(entries, tokens), _RECORD
        case nodes.ListOf(items=elements):
            yield tokens.opening(node.span), _starts(elements, tokens), _LIST
        case nodes.Comprehension():
            yield tokens.opening(node.span), _parts(node, tokens), _COMPREHENSION
        case nodes.Call(name=name, args=args):
            yield tokens.behind(name.span), _starts(args, tokens), _LIST
        case nodes.RecordType(fields=fields):
            yield tokens.at(node.span), _starts(fields, tokens), _RECORD
        case nodes.WaitAll(patterns=patterns):
            yield tokens.at(node.span) + 2, _starts(patterns, tokens), _STEPS
        case nodes.WaitAny(branches=branches, after=after):
            yield tokens.at(node.span) + 2, [*_starts(branches, tokens), tokens.at(after.span) - 1], _STEPS
        case nodes.Parallel(branches=bodies):
            yield tokens.at(node.span) + 1, _starts(bodies, tokens), _STEPS
        case nodes.TestRepeat(count=count, steps=test_steps):
            yield tokens.behind(count.span), _starts(test_steps, tokens), _STEPS
        case nodes.Rows(action=action, rows=rows):
            yield tokens.behind(action.span), _starts(rows, tokens), _ROWS
        case _:
            yield from _group_of_declaration(node, tokens)


def _group_of_declaration(node: object, tokens: Tokens) -> Iterator[tuple[int, list[int], Style]]:
    match node:
        case nodes.TestDecl(name=title, steps=steps):
            yield tokens.behind(title.span), _starts(steps, tokens), _STEPS
        case nodes.UserEventDecl(name=name, fields=fields):
            yield tokens.behind(name.span), _starts(fields, tokens), _FIELDS
        case nodes.TaskDecl(name=name, args=args) | nodes.SignalTrigger(signal=name, args=args):
            yield tokens.behind(name.span), _starts(args, tokens), _LIST
        case nodes.TableDecl(name=name, columns=columns):
            yield tokens.behind(name.span), _starts(columns, tokens), _LIST
        case nodes.HoursDecl(zone=zone, openings=openings, exceptions=exceptions):
            items = _starts(openings, tokens) + [tokens.at(one.span) - 1 for one in exceptions[:1]]
            yield tokens.behind(zone.span), items, _HOURS


class _Placed(Protocol):
    @property
    def span(self) -> Span: ...


def _starts(items: Iterable[_Placed], tokens: Tokens) -> list[int]:
    return [tokens.at(item.span) for item in items]


def _parts(node: nodes.Comprehension, tokens: Tokens) -> list[int]:
    parts = [tokens.at(node.item.span), tokens.at(node.name.span) - 1]
    return parts if node.where is None else [*parts, tokens.at(node.where.span) - 1]


def _bodies(node: nodes.If) -> list[nodes.Body]:
    bodies = [branch.body for branch in node.branches]
    return bodies if node.otherwise is None else [*bodies, node.otherwise]


# -- lines ------------------------------------------------------------------------------------------------------------


def _head(flow: nodes.FlowDecl, tokens: Tokens) -> Iterator[tuple[int, int]]:
    """The lines of a flow from its trigger to the brace of its body. A `max` may stand behind the `per` before it."""
    yield tokens.at(flow.trigger.span), INDENT
    if isinstance(flow.trigger, nodes.EventTrigger):
        for link in flow.trigger.links:
            yield tokens.at(link.span), INDENT
    for before, clause in zip((None, *flow.clauses), flow.clauses, strict=False):
        if not (isinstance(clause, nodes.MaxClause) and isinstance(before, nodes.PerClause)):
            yield tokens.at(clause.span), INDENT
    yield tokens.at(flow.body.span), 0


_SOFT_FIELDS = ("where", "unless", "within", "lasting", "max")


def _soft(node: object, tokens: Tokens) -> Iterator[int]:
    """Where a line that the writer broke goes on: before clauses within a statement, handlers and operators."""
    match node:
        case nodes.Binary():
            yield tokens.at(node.op_span)
        case nodes.Reset() | nodes.Times() | nodes.Retry() | nodes.HttpPart() | nodes.MaxClause():
            yield tokens.at(node.span)
        case nodes.OrSteps() | nodes.OrWord() | nodes.OrFail():
            yield tokens.at(node.span)
    for name in _SOFT_FIELDS:
        value = getattr(node, name, None)
        span = getattr(value, "span", None)
        if isinstance(span, Span):
            yield tokens.at(span) - 1
