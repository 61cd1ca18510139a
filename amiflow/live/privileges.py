"""What the account may do, compared with what the plans need.

Belongs here: what each server is asked about, reading the answer to ListCommands, which lists the actions that this
account may run and no others (Asterisk 1.4 and later), and the words for what is missing. Never here: asking (`login`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from amiflow.ami.message import Message
from amiflow.plan.manager_conf import least_class
from amiflow.plan.model import Act, ActionNeed, Instruction, Plan
from amiflow.plan.picture import PARTS

_NO_ACTIONS = frozenset({"response", "actionid", "message"})


@dataclass(frozen=True, slots=True)
class Asked:
    """An action that plans send, and the servers of the flows that do; none: any server."""

    need: ActionNeed
    servers: frozenset[str] | None

    def also(self, other: Asked) -> Asked:
        """The same action, as this and another plan send it."""
        anywhere = self.servers is None or other.servers is None
        return Asked(self.need, None if anywhere else (self.servers or frozenset()) | (other.servers or frozenset()))


def asked_of(plans: Iterable[Plan]) -> tuple[Asked, ...]:
    """The actions that plans send."""
    return together(Asked(need, _servers(plan, need.name)) for plan in plans for need in plan.needs.actions)


def together(asked: Iterable[Asked]) -> tuple[Asked, ...]:
    """Each action once."""
    found: dict[str, Asked] = {}
    for one in asked:
        known = found.get(one.need.name)
        found[one.need.name] = one if known is None else known.also(one)
    return tuple(found.values())


def needed_on(asked: Iterable[Asked], server: str) -> list[ActionNeed]:
    """The actions that are sent to this server."""
    return [one.need for one in asked if one.servers is None or server in one.servers]


def _servers(plan: Plan, action: str) -> frozenset[str] | None:
    """The servers that all flows which send the action are for; the lists of a picture are asked of any."""
    flows = [flow for flow in plan.flows if _sends((*flow.body, *flow.final), action)]
    named = frozenset(flow.server for flow in flows if flow.server is not None)
    lists = {name for part in plan.needs.picture for name, _, _ in PARTS[part].actions}
    return None if action in lists or not flows or any(flow.server is None for flow in flows) else named


def _sends(steps: Iterable[Instruction], action: str) -> bool:
    return any(isinstance(step, Act) and step.action == action for step in steps)


def missing(needs: Iterable[ActionNeed], commands: Message) -> list[ActionNeed]:
    """The needed actions that are not listed; none where the list could not be had."""
    listed = {name.casefold() for name, _ in commands.headers} - _NO_ACTIONS
    if commands.name != "Success" or not listed:
        return []
    return [need for need in needs if need.name.casefold() not in listed]


def complaint(username: str, lacking: Iterable[ActionNeed]) -> str:
    """What is missing, in one sentence for each action."""
    return "; ".join(
        f"the account `{username}` may not send {need.name}, which needs the class {' or '.join(need.classes)}"
        if need.classes
        else f"the server has no action {need.name} (is its module loaded?)"
        for need in lacking
    )


def grant(need: ActionNeed) -> str:
    """What to write into manager.conf: the least powerful class that will do."""
    if not need.classes:
        return f"the account lacks a class that {need.name} needs: see its `write =` in manager.conf"
    return f"{need.name} needs `write = {least_class(need.classes)}` for this account in manager.conf"
