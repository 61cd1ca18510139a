"""A queue and its members, as data.

Belongs here: who waits, who answers, the figures, and the headers that show them. Never here: waiting itself
(`queueing`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from amiflow.tools.pbx.channel import Channel, Headers

_STATUS = {"NOT_INUSE": "1", "INUSE": "2", "RINGING": "6"}


@dataclass(slots=True, eq=False)
class Member:
    """Somebody who answers a queue. `since` is when the member was added."""

    interface: str
    since: float
    state: str = "NOT_INUSE"
    taken: int = 0
    last: int = 0
    talking: int = 0

    def status_headers(self) -> Headers:
        """What follows the queue's name in QueueMemberStatus."""
        named = (("MemberName", self.interface), ("Interface", self.interface))
        return (*named, *self._figures(), ("Ringinuse", "1"), ("Wrapuptime", "0"))

    def row(self) -> Headers:
        """What follows the queue's name in the row QueueMember."""
        return (("Name", self.interface), ("Location", self.interface), *self._figures(), ("Wrapuptime", "0"))

    def _figures(self) -> Headers:
        return (
            ("StateInterface", self.interface),
            ("Membership", "static"),
            ("Penalty", "0"),
            ("CallsTaken", str(self.taken)),
            ("LastCall", str(self.last)),
            ("LastPause", "0"),
            ("LoginTime", str(int(self.since))),
            ("InCall", str(int(self.talking > 0))),
            ("Status", _STATUS.get(self.state, "0")),
            ("Paused", "0"),
            ("PausedReason", ""),
        )


@dataclass(slots=True, eq=False)
class Entry:
    """A caller who waits, since a time in seconds."""

    channel: Channel
    since: float


@dataclass(slots=True, eq=False)
class Queue:
    """A queue as it is: everybody is rung at once (`strategy=ringall`)."""

    name: str
    interfaces: Sequence[str]
    since: float
    members: list[Member] = field(init=False)
    entries: list[Entry] = field(default_factory=list)
    completed: int = 0
    abandoned: int = 0
    held: int = 0
    talked: int = 0

    def __post_init__(self) -> None:
        self.members = [Member(interface, self.since) for interface in self.interfaces]

    def position(self, entry: Entry) -> int:
        """From 1."""
        return self.entries.index(entry) + 1

    def params(self) -> Headers:
        """The headers of QueueParams. The service level's span is 0 s, so that what was completed was in time."""
        share = 100.0 * self.completed / (self.completed + self.abandoned) if self.completed else 0.0
        return (
            ("Queue", self.name),
            ("Max", "0"),
            ("Strategy", "ringall"),
            ("Calls", str(len(self.entries))),
            ("Holdtime", str(self.held)),
            ("TalkTime", str(self.talked)),
            ("Completed", str(self.completed)),
            ("Abandoned", str(self.abandoned)),
            ("ServiceLevel", "0"),
            ("ServicelevelPerf", f"{share:.1f}"),
            ("ServicelevelPerf2", f"{share:.1f}"),
            ("Weight", "0"),
        )
