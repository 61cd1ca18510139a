"""A world whose run is killed at one of its journal's writes, and started again with what the file holds.

What belongs here: the real journal without its thread, so that the moment of a commit is known. What never does: what
is to come of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from amiflow.engine.effects import Effect, Input
from amiflow.engine.page import Row
from amiflow.live.journal_db import About, Keep
from amiflow.live.journal_file import Journal
from amiflow.live.memory_db import Memory
from amiflow.live.secrets import Mask
from amiflow.plan.model import Plan
from support.gauntlet import rows_of
from support.world import START, Killed, VirtualPbx, World


class _NoThread:
    """What the journal starts and waits for; it does its work when it is told to."""

    def __init__(self, **_: object) -> None:
        """Nothing is started."""

    def start(self) -> None:
        """Nor here."""


class StepByStep(Journal):
    """The journal, written when something is added, or, where it is `late`, when something is promised at the earliest.
    It is killed behind the write `fatal`."""

    def __init__(self, *args: Any, late: bool, fatal: int) -> None:
        with mock.patch("amiflow.live.journal_file.threading.Thread", _NoThread):
            super().__init__(*args)
        self.moments: list[float] = []
        self._late = late
        self._fatal = fatal
        self._take_all()
        self._found.put(self._claim(self._began))

    def add(self, at: float, machine: int | None, item: Input | None, effects: Sequence[Effect]) -> None:
        super().add(at, machine, item, effects)
        self.flush()
        if not self._late:
            self._take_all()
        self._count()

    def promise(self, action_id: str) -> None:
        super().promise(action_id)
        self._take_all()
        self._count()

    def _count(self) -> None:
        self.moments.append(self._clock.now())
        if len(self.moments) == self._fatal:
            self._book.shut()
            if self._book._life is not None:
                self._book._life.end()  # the system lets go of the lock where a process is killed
            raise Killed(f"at write {self._fatal}")

    def close(self, patience: float) -> None:
        if len(self.moments) != self._fatal:
            self._end_batch()
            self._take_all()
            self._book.end()


class KilledWorld(World):
    """A world whose first run is killed at the write `fatal`; a journal that is `late` has not committed what nobody
    waits for."""

    def __init__(
        self, plans: Sequence[Plan], pbx: VirtualPbx, stop_at: float, folder: Path, fatal: int, late: bool = False
    ) -> None:
        super().__init__(plans, {"pbx": pbx}, stop_at)
        self.path = folder / "journal.sqlite"
        self.keep = Keep(str(self.path), 1 << 30, 1e9, Mask())
        self.moments: list[float] = []
        """When the last run wrote."""
        self._fatal = fatal
        self._late = late

    @property
    def rows(self) -> list[tuple[float, Row]]:
        return [(at, row) for at, row in rows_of(self.path, START)]

    @contextmanager
    def _writing(self, keep: Keep, about: About, *rest: Any) -> Iterator[Any]:
        clock, _, poke, memory = rest
        journal = self._begin(keep, about, clock, poke, memory)
        try:
            yield journal
        finally:
            self.moments = journal.moments
            journal.close(0)

    def _begin(self, keep: Keep, about: About, clock: Any, poke: Any, memory: Memory | None) -> StepByStep:
        fatal = self._fatal if self.starts == 1 else 0
        return StepByStep(keep, about, clock, poke, memory, late=self._late, fatal=fatal)
