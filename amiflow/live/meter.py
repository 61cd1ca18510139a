"""How long things take in a run, counted in buckets, where somebody wants to know.

Belongs here: the two times that matter, from an event to its action and from an action to its answer. Never here: who
is told of them (`metrics`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from amiflow.engine.effects import Effect, Input, Received, Send, Sent, Withdraw

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Histogram:
    """How many lasted at most so long; the last bucket has no bound."""

    __slots__ = ("counts", "sum")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.sum = 0.0

    def add(self, seconds: float) -> None:
        """One more."""
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.sum += seconds

    def plain(self) -> dict[str, object]:
        """As plain values."""
        return {"counts": list(self.counts), "sum": self.sum}


class Meter:
    """Times of one run. What is open is let go with its answer, or as it is withdrawn, so that there is as much of it
    as there are actions."""

    def __init__(self) -> None:
        self.reaction = Histogram()
        self.answers: dict[str, Histogram] = {}
        self._caused: dict[str, float] = {}
        self._sent: dict[str, float] = {}

    def measure(self, item: Input, brought: Sequence[Effect], read_at: float, now: float) -> None:
        """What an input, read then, has brought about."""
        for effect in brought:
            if isinstance(effect, Withdraw):
                self._caused.pop(effect.action_id, None)
        if isinstance(item, Received):
            self.caused(brought, read_at)
        elif isinstance(item, Sent):
            self.sent(item.action_id, now)

    def caused(self, brought: Sequence[Effect], read_at: float) -> None:
        """An event that was read then has brought these effects about."""
        for effect in brought:
            if isinstance(effect, Send):
                self._caused[effect.action_id] = read_at

    def sent(self, action_id: str, now: float) -> None:
        """The action is among the bytes to be written."""
        self._sent[action_id] = now
        read_at = self._caused.pop(action_id, None)
        if read_at is not None:
            self.reaction.add(now - read_at)

    def settled(self, send: Send, answered: bool, now: float) -> None:
        """Nothing more will come of the action."""
        self._caused.pop(send.action_id, None)
        sent = self._sent.pop(send.action_id, None)
        if sent is not None and answered:
            self.answers.setdefault(send.headers[0][1], Histogram()).add(now - sent)

    def plain(self) -> dict[str, object]:
        """As plain values."""
        answers = {name: histogram.plain() for name, histogram in self.answers.items()}
        return {"reaction": self.reaction.plain(), "answers": answers}
