"""What falls due when: timers over a clock that is handed in.

Belongs here: setting, cancelling and taking timers, in the order of their time and, at one time, of their setting.
Never here: what a timer means (its owner and kind say so to the machine), and the clock itself.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from heapq import heappop, heappush
from math import floor, inf
from typing import Literal, TypeAlias

TimerKind: TypeAlias = Literal[
    "block", "lifetime", "final", "match", "period", "appointment", "cleanup", "cooldown", "picture", "expiry", "limit",
    "dial",
]  # fmt: skip

_FEW = 64  # dead timers that are not worth a rebuilding
_SOON = 512  # timers that are put in order at once
_MANY = 1024  # timers that the heap may hold, if they are of different times
_SCALES = (2.0**-9, 2.0**-3, 2.0**3)  # spans in a second; powers of two, so that their ends are exact


class Timer:
    """One timer, due at `when` (seconds, monotonic), the `number`-th that was set; `owner` is whom it is for. Dead once
    taken or cancelled."""

    __slots__ = ("kind", "live", "number", "owner", "when")

    def __init__(self, when: float, kind: TimerKind, owner: object, number: int = 0) -> None:
        self.when = when
        self.kind = kind
        self.owner = owner
        self.number = number
        self.live = True


class _Later:
    """Timers in spans of one width, each span in no order; what is due before the horizon is put here."""

    __slots__ = ("horizon", "order", "scale", "spans")

    def __init__(self, scale: float, horizon: float) -> None:
        self.scale = scale
        self.horizon = horizon
        self.spans: dict[int, list[Timer]] = {}
        self.order: list[int] = []

    def put(self, timers: Iterable[Timer]) -> None:
        spans, scale = self.spans, self.scale
        for timer in timers:
            number = floor(timer.when * scale)
            if number in spans:
                spans[number].append(timer)
            else:
                spans[number] = [timer]
                heappush(self.order, number)

    def first(self) -> tuple[float, list[Timer]]:
        """Take the earliest span, with its end."""
        number = heappop(self.order)
        return (number + 1) / self.scale, self.spans.pop(number)

    def drop_dead(self) -> None:
        self.spans = {number: live for number, span in self.spans.items() if (live := _live(span))}
        self.order = sorted(self.spans)


class Timers:
    """All timers of a machine. Setting, cancelling and taking cost the same however many there are.

    Only what is due soon is in order, in a heap; what is later lies in spans of time, wide ones far away, and a span is
    put in order, or into narrower spans if it holds many, when its time comes. The heap is not empty unless all is.
    """

    __slots__ = ("_dead", "_many", "_narrow_first", "_set", "_size", "_soon", "_until")

    def __init__(self) -> None:
        self._soon: list[tuple[float, int, Timer]] = []
        self._until = 0.0  # what is due before it is in the heap
        self._many = _MANY  # so many are too many for the heap
        self._narrow_first = tuple(_Later(scale, -inf) for scale in reversed(_SCALES))
        self._narrow_first[-1].horizon = inf
        self._set = 0
        self._size = 0
        self._dead = 0

    def __len__(self) -> int:
        return self._size - self._dead

    def set(self, when: float, kind: TimerKind, owner: object) -> Timer:
        """A new timer."""
        number = self._set
        timer = Timer(when, kind, owner, number)
        self._set = number + 1
        self._size += 1
        if not self._soon:
            self._until = when
            self._soon.append((when, number, timer))
        elif when < self._until:
            heappush(self._soon, (when, number, timer))
            if len(self._soon) > self._many:
                self._put_off()
        else:
            self._put(timer)
        return timer

    def cancel(self, timer: Timer | None) -> None:
        """The timer will not be taken. None, or one that is dead already, is let pass."""
        if timer is None or not timer.live:
            return
        timer.live = False
        timer.owner = None  # who has the timer and is its owner would else be left to the garbage collector
        self._dead += 1
        if self._dead > _FEW and self._dead * 2 > self._size:
            # Long bounds of short waits would otherwise pile up until their time has come.
            self._soon = sorted(item for item in self._soon if item[2].live)
            for later in self._narrow_first:
                later.drop_dead()
            self._size -= self._dead
            self._dead = 0
            self._look_further()

    def deadline(self) -> float | None:
        """When the next timer is due; none where there is none."""
        if self._soon and not self._soon[0][2].live:
            self._skip()
        return self._soon[0][0] if self._soon else None

    def is_due(self, now: float) -> bool:
        """Whether a timer may be due by now, asked with each input: where not, none is, else `take` knows."""
        return bool(self._soon) and self._soon[0][0] <= now

    def mark(self) -> int:
        """A mark for `take`: timers set from here on are not taken with it."""
        return self._set

    def take(self, limit: float, inclusive: bool, mark: int) -> Timer | None:
        """The next timer due before `limit` (or at it, where inclusive) that was set before the mark."""
        if not self._soon or not self._soon[0][2].live:
            self._skip()
            if not self._soon:
                return None
        when, number, timer = self._soon[0]
        if number >= mark or when > limit or (when == limit and not inclusive):
            return None
        timer.live = False
        self._drop_first()
        return timer

    def _put(self, timer: Timer) -> None:
        for later in self._narrow_first:
            if timer.when < later.horizon:
                later.put((timer,))
                return

    def _put_off(self) -> None:
        """Leave the earlier half in the heap, unless all are due at one time."""
        self._soon.sort()
        middle = self._soon[len(self._soon) // 2][0]
        half = bisect_left(self._soon, (middle,))
        if half:
            self._until = middle
            for _, _, timer in self._soon[half:]:
                self._put(timer)
            del self._soon[half:]
        self._many = max(_MANY, 2 * len(self._soon))

    def _skip(self) -> None:
        while self._soon and not self._soon[0][2].live:
            self._dead -= 1
            self._drop_first()

    def _drop_first(self) -> None:
        heappop(self._soon)
        self._size -= 1
        if not self._soon:
            self._look_further()

    def _look_further(self) -> None:
        """Fill the empty heap from the next spans: narrow ones are earlier."""
        while not self._soon and self._size:
            place, later = next((place, one) for place, one in enumerate(self._narrow_first) if one.order)
            end, span = later.first()
            live = _live(span)
            self._size -= len(span) - len(live)
            self._dead -= len(span) - len(live)
            if place == 0 or len(live) <= _SOON:
                self._soon = sorted([(timer.when, timer.number, timer) for timer in live])
                self._until = end
            else:
                narrower = self._narrow_first[place - 1]
                narrower.horizon = end
                narrower.put(live)


def _live(timers: list[Timer]) -> list[Timer]:
    return [timer for timer in timers if timer.live]
