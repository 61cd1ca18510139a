"""The PBX's threads in virtual time: generators that sleep until a moment or until something wakes them.

Belongs here: who runs next. Never here: what a thread does, or a clock: `run` is told what time it is. Asterisk runs a
thread for each channel; here they take turns in one fixed order, so that the same inputs give the same events.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Sleep:
    """Sleep until the time `until` (seconds; none: for ever), or until one of the things in `on` is woken."""

    on: tuple[object, ...] = ()
    until: float | None = None


Thread: TypeAlias = Generator[Sleep, None, None]


@dataclass(slots=True, eq=False)
class _Task:
    thread: Thread
    sleep: Sleep = Sleep()
    naps: int = 0  # tells a timer of an earlier sleep from the present one's
    ready: bool = True


@dataclass(slots=True)
class Schedule:
    """All threads. `now` is the time of what is being run, in seconds."""

    now: float
    _ready: deque[_Task] = field(default_factory=deque)
    _timers: list[tuple[float, int, _Task, int]] = field(default_factory=list)
    _sleepers: dict[int, list[_Task]] = field(default_factory=dict)
    _count: int = 0

    def spawn(self, thread: Thread) -> None:
        """Start a thread; it runs at the next `run`, after those that are ready before it."""
        self._ready.append(_Task(thread))

    def wake(self, thing: object) -> None:
        """Let every thread that sleeps on `thing` look again."""
        for task in self._sleepers.get(id(thing), ()):
            self._rouse(task)

    def deadline(self) -> float | None:
        """When something happens by itself next; none: nothing ever will."""
        if self._ready:
            return self.now
        while self._timers and _stale(self._timers[0]):
            heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def run(self, now: float) -> None:
        """Run all that is ready, then each sleeper whose time has come by `now`, in the order of their times."""
        self._run_ready()
        while (due := self.deadline()) is not None and due <= now:
            self.now = max(self.now, due)
            self._rouse(heappop(self._timers)[2])
            self._run_ready()
        self.now = max(self.now, now)

    def _run_ready(self) -> None:
        while self._ready:
            task = self._ready.popleft()
            self._unlist(task)
            try:
                self._lay_down(task, next(task.thread))
            except StopIteration:
                task.naps += 1

    def _lay_down(self, task: _Task, sleep: Sleep) -> None:
        task.sleep, task.ready, task.naps = sleep, False, task.naps + 1
        for thing in sleep.on:
            self._sleepers.setdefault(id(thing), []).append(task)
        if sleep.until is not None:
            self._count += 1
            heappush(self._timers, (sleep.until, self._count, task, task.naps))

    def _rouse(self, task: _Task) -> None:
        if not task.ready:
            task.ready = True
            task.naps += 1
            self._ready.append(task)

    def _unlist(self, task: _Task) -> None:
        for thing in task.sleep.on:
            sleepers = self._sleepers[id(thing)]
            sleepers.remove(task)
            if not sleepers:
                del self._sleepers[id(thing)]
        task.sleep = Sleep()


def _stale(timer: tuple[float, int, _Task, int]) -> bool:
    return timer[2].naps != timer[3]
