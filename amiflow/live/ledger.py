"""What has happened so far to the servers and actions of a run, counted.

Belongs here: numbers, for whoever asks (`status`, `metrics`). Never here: what is told of it (`tidings`, `narrator`),
or what flows did, which their machine counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class Line:
    """The line to a server: whether it can be used, since when (monotonic seconds), how often it was ready, and for how
    long in all its events were not seen. What is before the first time is no gap."""

    since: float
    ready: bool = False
    times_ready: int = 0
    gaps: int = 0
    gap_seconds: float = 0.0
    blind_since: float | None = None
    version: str = ""

    def blind_for(self, now: float) -> float:
        """The seconds of all gaps, with the one of now."""
        return self.gap_seconds + (now - self.blind_since if self.blind_since is not None else 0.0)


@dataclass(slots=True)
class Past:
    """What machines have counted that are no more: by kind and flow, runs by outcome, actions sent by name; and the
    worst of their exit statuses."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    sent: Counter[str] = field(default_factory=Counter)
    status: int = 0

    def keep(
        self, counts: Mapping[tuple[str, str], int], outcomes: Counter[str], sent: Counter[str], status: int
    ) -> None:
        """A machine has come to its end."""
        self.status = max(self.status, status)
        self.counts.update(counts)
        self.outcomes += outcomes
        self.sent += sent


class Ledger:
    """`actions` are counted by name and outcome: `success`, `error`, and what became of those without an answer."""

    def __init__(self, servers: Iterable[str], now: float) -> None:
        self.began = now
        self.lines = {name: Line(now) for name in servers}
        self.actions: Counter[tuple[str, str]] = Counter()
        self.past = Past()

    def ready(self, server: str, version: str, now: float) -> None:
        """The server can be used; it may be told twice."""
        line = self.lines[server]
        if not line.ready:
            line.gap_seconds = line.blind_for(now)
            line.ready, line.since, line.blind_since, line.version = True, now, None, version
            line.times_ready += 1

    def lost(self, server: str, silent: float, now: float) -> None:
        """It cannot be used any more, and was last heard so many seconds ago."""
        line = self.lines[server]
        if line.ready:
            line.ready, line.since, line.blind_since = False, now, now - silent
            line.gaps += 1

    def settled(self, action: str, outcome: str) -> None:
        """Nothing more will come of an action."""
        self.actions[action, outcome] += 1
