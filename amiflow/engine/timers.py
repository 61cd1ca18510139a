"""What falls due when: a heap of timers over a clock that is handed in.

Belongs here: setting, cancelling and taking timers, in the order of their time and, at one time, of their setting.
Never here: what a timer means (its owner and kind say so to the machine), and the clock itself.
"""

from __future__ import annotations

import heapq
from typing import Literal, TypeAlias

TimerKind: TypeAlias = Literal[
    "block", "lifetime", "final", "match", "period", "appointment", "cleanup", "cooldown", "picture", "expiry", "limit",
    "dial",
]  # fmt: skip

_FEW = 64  # dead timers that are not worth a rebuilding of the heap


class Timer:
    """One timer, due at `when` (seconds, monotonic); `owner` is whom it is for. Dead once taken or cancelled."""

    __slots__ = ("kind", "live", "owner", "when")

    def __init__(self, when: float, kind: TimerKind, owner: object) -> None:
        self.when = when
        self.kind = kind
        self.owner = owner
        self.live = True


class Timers:
    """All timers of a machine. Setting and taking cost log n, cancelling costs next to nothing."""

    __slots__ = ("_dead", "_heap", "_set")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._set = 0
        self._dead = 0

    def __len__(self) -> int:
        return len(self._heap) - self._dead

    def set(self, when: float, kind: TimerKind, owner: object) -> Timer:
        """A new timer."""
        timer = Timer(when, kind, owner)
        heapq.heappush(self._heap, (when, self._set, timer))
        self._set += 1
        return timer

    def cancel(self, timer: Timer | None) -> None:
        """The timer will not be taken. None, or one that is dead already, is let pass."""
        if timer is None or not timer.live:
            return
        timer.live = False
        self._dead += 1
        if self._dead > _FEW and self._dead * 2 > len(self._heap):
            # Long bounds of short waits would otherwise pile up until their time has come.
            self._heap = [item for item in self._heap if item[2].live]
            heapq.heapify(self._heap)
            self._dead = 0

    def deadline(self) -> float | None:
        """When the next timer is due; none where there is none."""
        heap = self._heap
        if heap and not heap[0][2].live:
            self._skip()
        return heap[0][0] if heap else None

    def is_due(self, now: float) -> bool:
        """Whether a timer may be due by now, asked with each input: where not, none is, else `take` knows."""
        return bool(self._heap) and self._heap[0][0] <= now

    def mark(self) -> int:
        """A mark for `take`: timers set from here on are not taken with it."""
        return self._set

    def take(self, limit: float, inclusive: bool, mark: int) -> Timer | None:
        """The next timer due before `limit` (or at it, where inclusive) that was set before the mark."""
        self._skip()
        if not self._heap:
            return None
        when, order, timer = self._heap[0]
        if order >= mark or when > limit or (when == limit and not inclusive):
            return None
        heapq.heappop(self._heap)
        timer.live = False
        return timer

    def _skip(self) -> None:
        while self._heap and not self._heap[0][2].live:
            heapq.heappop(self._heap)
            self._dead -= 1
