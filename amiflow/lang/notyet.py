"""What the language has and this version cannot run: one diagnostic each, and everything else is still checked.

Belongs here: the list. A construct that is built loses its row here and gets its rule in `check` and `lower`.
"""

from __future__ import annotations

from amiflow.lang import nodes, problems_flows
from amiflow.lang.walk import Whole
from amiflow.report.diagnostic import Diagnostic
from amiflow.report.source import Span


def not_yet(whole: Whole) -> list[Diagnostic]:
    """One diagnostic for each construct that is not there yet."""
    suspects = [node for node in whole.everything if isinstance(node, _SUSPECTS)]
    return [problems_flows.not_yet(*found) for node in suspects if (found := _unbuilt(node)) is not None]


_SUSPECTS = (nodes.RestartClause, nodes.Connection, nodes.MapDecl, nodes.CounterDecl, nodes.SeriesDecl)


def _unbuilt(node: object) -> tuple[Span, str] | None:
    match node:
        case nodes.RestartClause(span=span):
            return span, "`after restart`"
        case nodes.Connection(change="restart", span=span):
            return span, "`restart`"
        case nodes.MapDecl() | nodes.CounterDecl() | nodes.SeriesDecl() if node.durable:
            return Span(node.span.path, node.span.end - len("durable"), node.span.end), "`durable`"
    return None
