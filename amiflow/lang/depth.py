"""A bound on how deep an expression is, so that the phases behind the parser, which recurse, need no guard.

Never here: brackets and blocks, whose depth the parser bounds. Its own bound on expressions keeps the parser within
Python's stack; inference takes several calls for one operator, and so less depth.
"""

from __future__ import annotations

from amiflow.lang import nodes, problems_types
from amiflow.lang.walk import Whole
from amiflow.report.diagnostic import Diagnostic

MOST_OPERANDS = 64
"""How many operators may stand in a row."""


_OPERATORS = (nodes.Binary, nodes.Unary, nodes.Member, nodes.Index)


def too_deep(whole: Whole) -> Diagnostic | None:
    """What to say about the first expression that is too long, if there is one."""
    ends: list[int] = []  # of the operators that the node at `place` is in
    for place, node in enumerate(whole.everything):
        if isinstance(node, _OPERATORS):
            while ends and ends[-1] <= place:
                ends.pop()
            ends.append(whole.end(node))
            if len(ends) > MOST_OPERANDS:
                return problems_types.too_long(node.span, MOST_OPERANDS)
    return None
