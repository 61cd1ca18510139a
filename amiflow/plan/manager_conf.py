"""The account in `manager.conf` that a plan needs, and no more.

Belongs here: which classes are the least, and the section's text. Never here: what an account has (only a run can ask
the server), or event filters, which the run adds to its session.

To see an event an account needs every class of it, to send an action any one of its classes (Asterisk's manager.c,
function_capable_string and the mask test of process_message).
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

from amiflow.plan.expressions import Const
from amiflow.plan.model import Act, Needs, Plan

NAME = "amiflow"
SYSTEM = "system"
# What an account may do with them reaches beyond calls: programs, files, the whole configuration. `reporting` mostly
# asks.
_COST = {"system": 1000, "command": 1000, "config": 1000, "originate": 100, "agi": 100, "dialplan": 100, "reporting": 1}
_OTHER = 2
# Asterisk refuses these in an Originate's Application to an account that may not write `system` (manager.c, 16 to 22).
_GUARDED = ("system", "exec", "agi", "mixmonitor", "externalivr", "originate", "reload", "dbdeltree")


def manager_conf(plan: Plan) -> str:
    """A section of `manager.conf` for this plan; the secret is left to fill in."""
    read, write = read_classes(plan.needs), write_classes(plan)
    lines = [
        f"; The least that this recipe needs: {', '.join(need.name for need in plan.needs.actions) or 'no action'}.",
        f"[{NAME}]",
        "secret = ; fill in",
        f"read = {','.join(read)}",
        f"write = {','.join(write)}",
    ]
    if _unknown_application(plan):
        lines.insert(1, "; An Originate's Application is known only at run time: some need `system` in `write` too.")
    return "\n".join(lines) + "\n"


def read_classes(needs: Needs) -> tuple[str, ...]:
    """The classes whose events are asked for; `system` tells that the server has booted, or shuts down."""
    return tuple(sorted({SYSTEM, *(one for event in needs.events for one in event.classes)}))


def write_classes(plan: Plan) -> tuple[str, ...]:
    """The least powerful set of classes in which every action finds one of its own."""
    groups = {frozenset(need.classes) for need in plan.needs.actions if need.classes}
    certain = {one for group in groups if len(group) == 1 for one in group}
    if any(_is_guarded(act) for act in _originates(plan)):
        certain.add(SYSTEM)
    left = [group for group in groups if not group & certain]
    return tuple(sorted(certain | _cheapest(left)))


def least_class(classes: Iterable[str]) -> str:
    """The least powerful of these classes."""
    return min(classes, key=lambda one: _COST.get(one, _OTHER))


def _cheapest(groups: list[frozenset[str]]) -> set[str]:
    candidates = sorted({one for group in groups for one in group})
    sets = (set(chosen) for size in range(len(candidates) + 1) for chosen in combinations(candidates, size))
    fitting = (chosen for chosen in sets if all(group & chosen for group in groups))
    return min(fitting, key=lambda chosen: (sum(_COST.get(one, _OTHER) for one in chosen), sorted(chosen)))


def _originates(plan: Plan) -> Iterable[Act]:
    steps = (step for flow in plan.flows for step in (*flow.body, *flow.final))
    return (step for step in steps if isinstance(step, Act) and step.action == "Originate")


def _application(act: Act) -> object:
    return next((header.value for header in act.headers if header.name.casefold() == "application"), None)


def _is_guarded(act: Act) -> bool:
    written = _application(act)
    return isinstance(written, Const) and any(word in str(written.value).casefold() for word in _GUARDED)


def _unknown_application(plan: Plan) -> bool:
    return any(not isinstance(_application(act), Const | None) for act in _originates(plan))
