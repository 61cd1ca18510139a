"""What falls due when: timers over a clock that is handed in.

Belongs here: setting, cancelling and taking timers, in the order of their time and, at one time, of their setting.
Never here: what a timer means (its owner and kind say so to the machine), and the clock itself.

Nearly all timers are cancelled long before their time: what they bound comes first. So a new one is only laid aside,
and put in order with all others once the first of them may be due; until then cancelling it costs no more than a mark.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from math import floor, inf
from typing import Literal, TypeAlias

TimerKind: TypeAlias = Literal[
    "block", "lifetime", "final", "match", "period", "appointment", "cleanup", "cooldown", "picture", "expiry", "limit",
    "dial", "pool",
]  # fmt: skip

_FEW = 64  # dead timers that are not worth a rebuilding
_SOON = 512  # timers that are put in order at once
_MANY = 1024  # timers that the heap may hold, if they are of different times
_SCALES = (2.0**-9, 2.0**-3, 2.0**3)  # spans in a second; powers of two, so that their ends are exact


class Timer:
    """One timer, due at `when` (seconds, monotonic), the `number`-th that was put in order; `owner` is whom it is for.
    Dead once taken or cancelled."""

    __slots__ = ("kind", "live", "number", "owner", "when")

    number: int

    def __init__(self, when: float, kind: TimerKind, owner: object) -> None:
        self.when = when
        self.kind = kind
        self.owner = owner
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
    put in order, or into narrower spans if it holds many, when its time comes. The heap is not empty unless all is that
    was put in order. `next` is a moment before which none is due; what it was the time of may be cancelled by now.
    """

    __slots__ = ("_dead", "_many", "_narrow_first", "_new", "_ordered", "_size", "_soon", "_until", "next")

    def __init__(self) -> None:
        self.next = inf
        self._new: list[Timer] = []
        self._soon: list[tuple[float, int, Timer]] = []
        self._until = 0.0  # what is due before it is in the heap
        self._many = _MANY  # so many are too many for the heap
        self._narrow_first = tuple(_Later(scale, -inf) for scale in reversed(_SCALES))
        self._narrow_first[-1].horizon = inf
        self._ordered = 0
        self._size = 0
        self._dead = 0

    def __len__(self) -> int:
        return self._size - self._dead

    def set(self, when: float, kind: TimerKind, owner: object) -> Timer:
        """A new timer."""
        timer = Timer(when, kind, owner)
        self._new.append(timer)
        self._size += 1
        if when < self.next:
            self.next = when
        return timer

    def cancel(self, timer: Timer | None) -> None:
        """The timer will not be taken. None, or one that is dead already, is let pass."""
        if timer is None or not timer.live:
            return
        timer.live = False
        timer.owner = None  # who has the timer and is its owner would else be left to the garbage collector
        self._dead += 1
        if self._dead == self._size:
            self._clear()
        elif self._dead > _FEW and self._dead * 2 > self._size:
            # Long bounds of short waits would otherwise pile up until their time has come.
            self._drop_dead()

    def due(self, limit: float, inclusive: bool) -> Iterator[Timer]:
        """Take those due before `limit` (or at it, where inclusive), but none that is set meanwhile."""
        self._put_in_order()
        while (timer := self._take(limit, inclusive)) is not None:
            yield timer
        self.next = min([timer.when for timer in self._new], default=inf)
        if self._soon:
            self.next = min(self.next, self._soon[0][0])

    def _put_in_order(self) -> None:
        """What was set since the last time."""
        new, self._new = self._new, []
        later: list[Timer] = []
        for timer in new:
            if not timer.live:
                self._size -= 1
                self._dead -= 1
                continue
            timer.number = self._ordered
            self._ordered += 1
            if timer.when >= self._until:
                later.append(timer)
                continue
            heappush(self._soon, (timer.when, timer.number, timer))
            if len(self._soon) > self._many:
                self._put_off()
        self._put(later)
        self._look_further()

    def _take(self, limit: float, inclusive: bool) -> Timer | None:
        while self._soon:
            when, _, timer = self._soon[0]
            if timer.live and (when > limit or (when == limit and not inclusive)):
                return None
            heappop(self._soon)
            self._size -= 1
            if not self._soon:
                self._look_further()
            if timer.live:
                timer.live = False
                return timer
            self._dead -= 1
        return None

    def _put(self, timers: list[Timer]) -> None:
        for later in self._narrow_first:
            if timers:
                later.put([timer for timer in timers if timer.when < later.horizon])
                timers = [timer for timer in timers if timer.when >= later.horizon]

    def _put_off(self) -> None:
        """Leave the earlier half in the heap, unless all are due at one time."""
        self._soon.sort()
        middle = self._soon[len(self._soon) // 2][0]
        half = bisect_left(self._soon, (middle,))
        if half:
            self._until = middle
            self._put([timer for _, _, timer in self._soon[half:]])
            del self._soon[half:]
        self._many = max(_MANY, 2 * len(self._soon))

    def _clear(self) -> None:
        """None is left alive."""
        self.next = inf
        self._new.clear()
        self._size = self._dead = 0
        self._soon.clear()
        for later in self._narrow_first:
            if later.order:
                later.spans.clear()
                later.order.clear()

    def _drop_dead(self) -> None:
        self._new = _live(self._new)
        self._soon = sorted(item for item in self._soon if item[2].live)
        for later in self._narrow_first:
            later.drop_dead()
        self._size -= self._dead
        self._dead = 0
        self._look_further()

    def _look_further(self) -> None:
        """Fill the empty heap from the next spans: narrow ones are earlier."""
        while not self._soon:
            found = next(((place, one) for place, one in enumerate(self._narrow_first) if one.order), None)
            if found is None:
                return
            place, later = found
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
