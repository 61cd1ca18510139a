"""Classes of events that a plan listens for and that never come: the account may not read them, and no server says so.

Belongs here: which classes have come, and the words about those that have not. Never here: classes of actions, which a
server can be asked about (`live.privileges`).

An account sees an event where it may read every class of it (Asterisk's manager.c, the mask test of process_events).
"""

from __future__ import annotations

from collections.abc import Iterable

from amiflow.engine.server import Server
from amiflow.plan.model import Plan

_TOLD_OTHERWISE = frozenset({"system"})  # FullyBooted, at login


class Hearing:
    """What the events of a server so far show of what its account may read."""

    def __init__(self, plan: Plan) -> None:
        self._classes = {need.name: frozenset(need.classes) - _TOLD_OTHERWISE for need in plan.needs.events}

    def silent(self, server: Server) -> list[str]:
        """The classes that the plan listens for and of which no event has come since the first login."""
        return self._unheard(server, frozenset().union(*self._classes.values()))

    def in_vain(self, server: Server, events: Iterable[str]) -> list[str]:
        """Such classes that keep each of these events away, if the account lacks them; none where one may come."""
        lacking = [self._unheard(server, self._classes.get(event, frozenset())) for event in events]
        return sorted({one for some in lacking for one in some}) if all(lacking) else []

    def _unheard(self, server: Server, classes: frozenset[str]) -> list[str]:
        heard = frozenset().union(*(self._classes.get(event, frozenset()) for event in server.heard))
        return sorted(classes - heard)


def words(classes: Iterable[str]) -> str:
    """What to say of them."""
    named = " or ".join(f"`{one}`" for one in classes)
    return f"no event of class {named} has come since login: does the account's `read =` in manager.conf have it?"
