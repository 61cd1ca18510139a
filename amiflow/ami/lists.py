"""Event lists while they are received: which events are rows of ours, and when a list is whole.

Belongs here: rows, ends, the bound on both. Never here: whether an action begins a list, and what is reported of it
(`session`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from amiflow.ami.message import Message

# What the rows of all open lists may cost, in bytes; a row takes about so much more than its own bytes.
MAX_LIST = 128 * 1024 * 1024
_ROW = 256
# How many lists that were given up are remembered, so that rows which come all the same are no events.
_GIVEN_UP = 100


@dataclass(frozen=True, slots=True)
class ListShape:
    """How an action's event list looks: the events of its rows, and the one that ends it. `end` is empty where a
    single row is all that comes (`FAXSession`); `rows` is empty where they are not known. One that is `announced` is
    there only where the response says `EventList: start`, on old servers too (`Hangup` with a regular expression)."""

    rows: frozenset[str]
    end: str
    announced: bool = False

    @classmethod
    def of(cls, rows: Iterable[str], end: str, announced: bool = False) -> ListShape:
        return cls(frozenset(row.casefold() for row in rows), end.casefold(), announced)


@dataclass(slots=True)
class Listing:
    """The list of one action. `end` is the event that ended it; it is `given up` where it did not end within its time
    or bound."""

    action_id: str
    response: Message
    shape: ListShape | None
    deadline: float
    state: Literal["open", "whole", "given up"] = "open"
    rows: list[Message] = field(default_factory=list)
    end: Message | None = None
    cost: int = 0

    def takes(self, message: Message) -> bool:
        """Whether an event with this list's ActionID is of it. The ActionID alone is no proof: a UserEvent carries its
        sender's to every session."""
        name = message.name.casefold()
        if self.shape and (name in self.shape.rows or name == self.shape.end):
            return True
        if name == "userevent":
            return False
        return not (self.shape and self.shape.rows) or _completes(message)

    def add(self, message: Message) -> None:
        """Take a row or the end."""
        single = self.shape is not None and not self.shape.end
        if _completes(message) or (self.shape is not None and message.name.casefold() == self.shape.end):
            self.end = message
        elif self.state == "open":
            self.rows.append(message)
            self.cost += len(message.raw) + _ROW
        if self.end or single:
            self.state = "whole"


class Lists:
    """The lists of one session, by ActionID."""

    __slots__ = ("_given_up", "coming")

    def __init__(self) -> None:
        self.coming: dict[str, Listing] = {}
        """Those of which more is to come."""
        self._given_up: dict[str, Listing] = {}

    def begin(self, listing: Listing) -> None:
        """A list begins."""
        self.coming[listing.action_id] = listing

    def take(self, message: Message) -> tuple[Listing, bool] | None:
        """The list that an event belongs to, and whether it was open before it; None for an event of none. A list that
        is `whole` after it is forgotten."""
        if not self.coming and not self._given_up:
            return None
        action_id = message.get("ActionID") or ""
        opened = self.coming.get(action_id)
        listing = opened or self._given_up.get(action_id)
        if listing is None or not listing.takes(message):
            return None
        listing.add(message)
        if listing.state == "whole":
            self.coming.pop(action_id, None)
            self._given_up.pop(action_id, None)
        elif opened and sum(one.cost for one in self.coming.values()) > MAX_LIST:
            self._give_up(listing)
        return listing, opened is not None

    def stop(self, action_id: str) -> Listing | None:
        """The open list of that action, which takes no more rows."""
        return self.coming.pop(action_id, None)

    def overdue(self, now: float) -> list[Listing]:
        """The open lists whose time is over; they are given up."""
        late = [listing for listing in self.coming.values() if now >= listing.deadline]
        for listing in late:
            self._give_up(listing)
        return late

    def deadlines(self) -> list[float]:
        """When open lists are overdue."""
        return [listing.deadline for listing in self.coming.values()]

    def close(self) -> list[Listing]:
        """The open lists; nothing more will come."""
        left = list(self.coming.values())
        self.coming.clear()
        return left

    def _give_up(self, listing: Listing) -> None:
        listing.state = "given up"
        listing.rows.clear()
        del self.coming[listing.action_id]
        if len(self._given_up) >= _GIVEN_UP:
            del self._given_up[next(iter(self._given_up))]
        self._given_up[listing.action_id] = listing


def _completes(message: Message) -> bool:
    return (message.get("EventList") or "").casefold() == "complete"
