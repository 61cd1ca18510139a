"""A bound on how deep an expression is, so that the phases behind the parser, which recurse, need no guard.

Never here: brackets and blocks, whose depth the parser bounds. Its own bound on expressions keeps the parser within
Python's stack; inference takes several calls for one operator, and so less depth.
"""

from __future__ import annotations

from amiflow.lang import nodes, problems_types
from amiflow.lang.scope import children
from amiflow.report.diagnostic import Diagnostic

MOST_OPERANDS = 64
"""How many operators may stand in a row."""


def too_deep(file: nodes.File) -> Diagnostic | None:
    """What to say about the first expression that is too long, if there is one."""
    todo: list[tuple[object, int]] = [(file, 0)]
    while todo:
        node, depth = todo.pop()
        inner = depth + 1 if isinstance(node, nodes.Binary | nodes.Unary | nodes.Member | nodes.Index) else depth
        if inner > MOST_OPERANDS and isinstance(node, nodes.Binary | nodes.Unary | nodes.Member | nodes.Index):
            return problems_types.too_long(node.span, MOST_OPERANDS)
        todo.extend((child, inner) for child in children(node))
    return None
