"""What the machine knows of one server: whether it can be used, where its tape of events stands, who listens.

Belongs here: the state of a server as the inputs tell it. Never here: the connection itself (`live.link`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from amiflow.engine.dispatch import Index
from amiflow.engine.emergency import Guard
from amiflow.engine.picture import Picture


@dataclass(slots=True, eq=False)
class Server:
    """One server. `seen` numbers its events from 1; `lost` and `back` are when the line last broke and was there again
    (monotonic seconds); `escapes`: it makes C-escapes. `begun`: its `on start` flows have begun; `returned`: the line
    was broken since, which flows are still to be told. `picture` is there where the plan wants one; `known`: it was
    taken since the line was last there. `guard` is there where numbers are protected. `heard` are the names of the
    events that have come, `doubted` the classes of which it was said that none has."""

    name: str
    ready: bool = False
    begun: bool = False
    returned: bool = False
    escapes: bool = False
    seen: int = 0
    lost: float | None = None
    back: float | None = None
    index: Index = field(default_factory=Index)
    picture: Picture | None = None
    known: bool = False
    guard: Guard | None = None
    heard: set[str] = field(default_factory=set)
    doubted: set[str] = field(default_factory=set)

    @property
    def blind(self) -> bool:
        """Whether it is not known yet which calls must not be touched."""
        return self.guard is not None and not self.known

    def go_on_from(self, before: Server) -> None:
        """The same server, as another machine knew it; its picture is to be taken anew."""
        self.ready, self.begun, self.returned = before.ready, before.begun, before.returned
        self.escapes, self.seen, self.lost, self.back = before.escapes, before.seen, before.lost, before.back
        self.heard, self.doubted = before.heard, before.doubted
        self.heed(before)

    def heed(self, other: Server) -> None:
        """What another machine knows of emergency calls on it."""
        if self.guard is not None and other.guard is not None:
            self.guard.go_on_from(other.guard)

    def forget_line(self) -> None:
        """How the line is, and was, is not known."""
        self.ready, self.lost, self.back = False, None, None

    def gap_since(self, when: float) -> bool:
        """Whether the line was down at any time from `when` on."""
        if self.lost is None:
            return not self.ready
        return not self.ready or (self.back is not None and self.back > when)
