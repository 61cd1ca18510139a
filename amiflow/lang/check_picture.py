"""Where the live picture may be looked at, and whether a `wait until` looks at anything that changes.

Never here: types of what is looked at (`infer`).
"""

from __future__ import annotations

from collections.abc import Iterator

from amiflow.lang import nodes, problems_flows
from amiflow.lang.infer import PICTURE
from amiflow.lang.scope import Bindings, descendants
from amiflow.plan.picture import QUESTIONS
from amiflow.report.diagnostic import Diagnostic


def picture_problems(file: nodes.File, bindings: Bindings) -> list[Diagnostic]:
    """Looks before the run, and waits for what does not change."""
    return [*_too_soon(file, bindings), *_for_nothing(file, bindings)]


def _too_soon(file: nodes.File, bindings: Bindings) -> Iterator[Diagnostic]:
    outside = (decl for decl in file.decls if not isinstance(decl, nodes.FlowDecl | nodes.TaskDecl | nodes.TestDecl))
    for node in (node for decl in outside for node in descendants(decl)):
        if isinstance(node, nodes.Call | nodes.Name) and (what := _looked(node, bindings)) is not None:
            yield problems_flows.picture_too_soon(node.span, what)


def _for_nothing(file: nodes.File, bindings: Bindings) -> Iterator[Diagnostic]:
    for node in descendants(file):
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
            return symbol is None or symbol.kind in ("store", "unbuilt")
        case nodes.Call(module=module):
            return module is not None
    return isinstance(node, nodes.Hole)
