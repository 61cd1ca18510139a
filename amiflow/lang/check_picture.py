"""Where the live picture may be looked at, and whether a `wait until` looks at anything that changes.

Never here: types of what is looked at (`infer`).
"""

from __future__ import annotations

from amiflow.lang import nodes, problems
from amiflow.lang.infer import PICTURE
from amiflow.lang.scope import Bindings, descendants
from amiflow.plan.picture import QUESTIONS
from amiflow.report.diagnostic import Diagnostic


def picture_problems(file: nodes.File, bindings: Bindings) -> list[Diagnostic]:
    """Looks before the run, and waits for what does not change."""
    found: list[Diagnostic] = []
    for decl in file.decls:
        if not isinstance(decl, nodes.FlowDecl | nodes.TaskDecl):
            for node in descendants(decl):
                if isinstance(node, nodes.Call | nodes.Name) and (what := _looked(node, bindings)) is not None:
                    found.append(problems.picture_too_soon(node.span, what))
    for node in descendants(file):
        if isinstance(node, nodes.WaitUntil) and not _changes(node.condition, bindings):
            found.append(problems.never_changes(node.condition))
    return found


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
    for node in descendants(condition):
        if _looked(node, bindings) is not None or (isinstance(node, nodes.Hole | nodes.Call) and _is_foreign(node)):
            return True
        if isinstance(node, nodes.Name):
            symbol = bindings.uses.get(node)
            if symbol is None or symbol.kind in ("store", "unbuilt"):
                return True
    return False


def _is_foreign(node: nodes.Hole | nodes.Call) -> bool:
    return isinstance(node, nodes.Hole) or node.module is not None
