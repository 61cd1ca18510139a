"""What the language has and this version cannot run: one diagnostic each, and everything else is still checked.

Belongs here: the list. A construct that is built loses its row here and gets its rule in `check` and `lower`.
"""

from __future__ import annotations

from amiflow.lang import nodes, problems
from amiflow.lang.scope import Bindings, children
from amiflow.report.diagnostic import Diagnostic
from amiflow.report.source import Span

_CONSTRUCTS: dict[type, str] = {
    nodes.RestartClause: "`after restart`",
}
_HEADED = (nodes.Parallel)
_FIRST_LINE = 12  # of a construct that holds others only its beginning is marked


def not_yet(file: nodes.File, bindings: Bindings) -> list[Diagnostic]:
    """One diagnostic for each construct that is not there yet."""
    unbuilt = {symbol.name for symbol in bindings.declared.values() if symbol.kind == "unbuilt"}
    found: list[Diagnostic] = []
    todo: list[object] = list(file.decls)
    while todo:
        node = todo.pop()
        what = _what(node, unbuilt, bindings)
        if what is not None:
            found.append(problems.not_yet(_where(node), what))
        todo.extend(children(node))
    return found


def _what(node: object, unbuilt: set[str], bindings: Bindings) -> str | None:
    match node:
        case nodes.Connection(change="restart"):
            return "`restart`"
        case nodes.MapDecl(durable=True) | nodes.CounterDecl(durable=True) | nodes.SeriesDecl(durable=True):
            return "`durable`"
    return _CONSTRUCTS.get(type(node))


def _where(node: object) -> Span:
    match node:
        case nodes.MapDecl(span=whole) | nodes.CounterDecl(span=whole) | nodes.SeriesDecl(span=whole):
            return Span(whole.path, whole.end - len("durable"), whole.end)
        case nodes.Call(name=name):
            return name.span
    span: Span = getattr(node, "span")  # noqa: B009 - every node of the table has one
    return Span(span.path, span.start, min(span.end, span.start + _FIRST_LINE)) if isinstance(node, _HEADED) else span
