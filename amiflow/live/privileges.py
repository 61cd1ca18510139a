"""What the account may do, compared with what the plans need.

Belongs here: reading the answer to ListCommands, which lists the actions that this account may run and no others
(Asterisk 1.4 and later), and the words for what is missing. Never here: asking (`loop`).
"""

from __future__ import annotations

from collections.abc import Iterable

from amiflow.ami.message import Message
from amiflow.plan.model import ActionNeed

_NO_ACTIONS = frozenset({"response", "actionid", "message"})


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
    """What to write into manager.conf."""
    if not need.classes:
        return f"the account lacks a class that {need.name} needs: see its `write =` in manager.conf"
    return f"{need.name} needs `write = {need.classes[0]}` for this account in manager.conf"
