"""What a run keeps by key: maps, counters and series, each bounded in time and size.

Belongs here: what is held, for how long, and what goes first when a store is full. Never here: which steps change a
store (`steps`), and where its contents outlive the run. An entry's time counts from the moment at which it came; at
exactly its end the entry is gone, so that whoever waits for that need not wait longer.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from typing import TypeAlias

from amiflow.engine.values import Value

Clock: TypeAlias = Callable[[], float]
"""The monotonic time in seconds."""


class HeldMap:
    """A `map`: the last value that was set for a key. Setting begins its time anew."""

    __slots__ = ("_clock", "_held", "_lasting", "_most")

    def __init__(self, clock: Clock, lasting: float, most: int) -> None:
        self._clock = clock
        self._lasting = lasting
        self._most = most
        self._held: OrderedDict[str, tuple[float, Value]] = OrderedDict()

    def get(self, key: str) -> Value:
        """The value; none where there is none."""
        self._expire()
        held = self._held.get(key)
        return held[1] if held is not None else None

    def __contains__(self, key: object) -> bool:
        self._expire()
        return key in self._held

    def keys(self) -> list[str]:
        """The keys, oldest first."""
        self._expire()
        return list(self._held)

    def keep_time(self, clock: Clock) -> None:
        """From now on the time is that of another machine."""
        self._clock = clock

    @property
    def lasting(self) -> float:
        """For how many seconds a value is held."""
        return self._lasting

    def keep_bounds(self, other: HeldMap) -> list[str]:
        """From now on the bounds are those of another one; the keys that have to go for it."""
        self._lasting, self._most = other._lasting, other._most
        self._expire()
        return [self._held.popitem(last=False)[0] for _ in range(len(self._held) - self._most)]

    def entries(self) -> Iterator[tuple[str, Value, float]]:
        """Each key with its value and its time, oldest first."""
        self._expire()
        yield from ((key, value, at) for key, (at, value) in self._held.items())

    def put(self, key: str, value: Value, at: float | None = None) -> str | None:
        """Set the value (at a time which none that is held is behind); the key that had to go for it, if any."""
        self._expire()
        self._held.pop(key, None)
        gone = self._held.popitem(last=False)[0] if len(self._held) >= self._most else None
        self._held[key] = (self._clock() if at is None else at, value)
        return gone

    def remove(self, key: str) -> None:
        """Forget the key."""
        self._held.pop(key, None)

    def next_expiry(self) -> float | None:
        """When the oldest value's time is over (monotonic seconds); none where there is none."""
        self._expire()
        return next(iter(self._held.values()))[0] + self._lasting if self._held else None

    def _expire(self) -> None:
        now = self._clock()  # compared as `next_expiry` says it: a difference may be off by a rounding
        while self._held and next(iter(self._held.values()))[0] + self._lasting <= now:
            self._held.popitem(last=False)


class _Window:
    """Entries of the last so long, by key; the oldest of all keys goes first."""

    __slots__ = ("_by_key", "_clock", "_count", "_most", "_order", "_within")

    def __init__(self, clock: Clock, within: float, most: int) -> None:
        self._clock = clock
        self._within = within
        self._most = most
        self._count = 0
        self._order: deque[tuple[float, str, deque[Value]]] = deque()
        self._by_key: dict[str, deque[Value]] = {}

    def keep_time(self, clock: Clock) -> None:
        """From now on the time is that of another machine."""
        self._clock = clock

    def __contains__(self, key: object) -> bool:
        self._expire()
        return key in self._by_key

    @property
    def lasting(self) -> float:
        """For how many seconds an entry counts."""
        return self._within

    def keep_bounds(self, other: _Window) -> list[str]:
        """From now on the bounds are those of another one; the keys of the entries that have to go for it."""
        self._within, self._most = other._within, other._most
        self._expire()
        return [gone for _ in range(self._count - self._most) if (gone := self._drop_oldest()) is not None]

    def entries(self) -> Iterator[tuple[str, Value, float]]:
        """Each entry with its key and its time, oldest first."""
        self._expire()
        left = {key: iter(held) for key, held in self._by_key.items()}
        yield from ((key, next(left[key]), at) for at, key, owner in self._order if self._by_key.get(key) is owner)

    def put(self, key: str, value: Value, at: float | None = None) -> str | None:
        """One more (of a time which none held is behind); the key of the entry that had to go for it, if any."""
        self._expire()
        gone = self._drop_oldest() if self._count >= self._most else None
        held = self._by_key.setdefault(key, deque())
        held.append(value)
        self._order.append((self._clock() if at is None else at, key, held))
        self._count += 1
        return gone

    def remove(self, key: str) -> None:
        """Forget the key's entries."""
        self._count -= len(self._by_key.pop(key, ()))
        if len(self._order) > 2 * max(self._most, self._count):  # or entries added and removed in turn would pile up
            self._order = deque(one for one in self._order if self._by_key.get(one[1]) is one[2])

    def next_expiry(self) -> float | None:
        """When the oldest entry's time is over (monotonic seconds); none where there is none."""
        self._expire()
        return self._order[0][0] + self._within if self._order else None

    def keys(self) -> list[str]:
        """The keys, oldest first."""
        self._expire()
        return list(self._by_key)

    def _entries(self, key: str) -> deque[Value] | None:
        self._expire()
        return self._by_key.get(key)

    def _expire(self) -> None:
        now = self._clock()
        while self._order and self._order[0][0] + self._within <= now:
            self._forget_first()

    def _drop_oldest(self) -> str | None:
        while self._order:
            gone = self._forget_first()
            if gone is not None:
                return gone
        return None

    def _forget_first(self) -> str | None:
        """Drop the oldest entry; its key, or none where it was removed long since."""
        _, key, owner = self._order.popleft()
        held = self._by_key.get(key)
        if held is None or held is not owner:
            return None
        held.popleft()
        self._count -= 1
        if not held:
            del self._by_key[key]
        return key


class HeldCounter(_Window):
    """A `counter`."""

    __slots__ = ()

    def get(self, key: str) -> int:
        """How many there are."""
        held = self._entries(key)
        return len(held) if held is not None else 0


class HeldSeries(_Window):
    """A `series`."""

    __slots__ = ()

    def get(self, key: str) -> tuple[Value, ...]:
        """The values, oldest first."""
        held = self._entries(key)
        return tuple(held) if held is not None else ()


Held: TypeAlias = HeldMap | HeldCounter | HeldSeries
