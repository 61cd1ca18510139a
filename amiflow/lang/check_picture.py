"""Where the live picture may be looked at, and whether a `wait until` looks at anything that changes.

Never here: types of what is looked at (`infer`).
"""

from __future__ import annotations

from collections.abc import Iterator

from amiflow.lang import nodes, problems_flows
from amiflow.lang.infer import PICTURE
from amiflow.lang.scope import Bindings
from amiflow.plan.picture import QUESTIONS
from amiflow.plan.walk import descendants
from amiflow.report.diagnostic import Diagnostic

_WITHIN_A_RUN = (nodes.FlowDecl, nodes.TaskDecl, nodes.TestDecl)


def picture_problems(bindings: Bindings) -> list[Diagnostic]:
    """Looks before the run, and waits for what does not change."""
    return [*_too_soon(bindings), *_for_nothing(bindings)]


def _too_soon(bindings: Bindings) -> Iterator[Diagnostic]:
    outside = (decl for decl in bindings.whole.file.decls if not isinstance(decl, _WITHIN_A_RUN))
    for node in (node for decl in outside for node in descendants(decl)):
        if isinstance(node, nodes.Call | nodes.Name) and (what := _looked(node, bindings)) is not None:
            yield problems_flows.picture_too_soon(node.span, what)


def _for_nothing(bindings: Bindings) -> Iterator[Diagnostic]:
    for node in bindings.whole.everything:
        if isinstance(node, nodes.WaitUntil) and not _changes(node.condition, bindings):
            yield problems_flows.never_changes(node.condition)


def _looked(node: object, bindings: Bindings) -> str | None:
    """What of the picture is looked at here."""
    match node:
        case nodes.Call(module=None, name=name) if name.text in QUESTIONS:
            return name.text
        case nodes.Name(text=text) if text == PICTURE and node not in bindings.uses:
            return text
    return None


def _changes(condition: nodes.Expr, bindings: Bindings) -> bool:
    """Whether it looks at the picture or at a store; what was complained about may."""
    return any(_looked(node, bindings) is not None or _may_change(node, bindings) for node in descendants(condition))


def _may_change(node: object, bindings: Bindings) -> bool:
    match node:
        case nodes.Name():
            symbol = bindings.uses.get(node)
            return symbol is None or symbol.kind == "store"
        case nodes.Call(module=module):
            return module is not None
    return isinstance(node, nodes.Hole)
