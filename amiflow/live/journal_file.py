"""The journal on disk: one SQLite file, written beside the loop, so that the loop never waits for a disk.

Belongs here: the thread, promises, and what becomes of a full disk or a damaged file. Never here: what an entry says
(`engine.journal`), the database (`journal_db`), reading it again (`journal_reader`).

The loop hands over references to frozen data; rows, masking, JSON and SQL are made in the thread, some 50 ms of them in
one transaction (WAL, `synchronous=NORMAL`: what is committed outlives the process, even `kill -9`, without an fsync; a
power cut may take the commits since the last checkpoint). So nobody waits, with one exception: an action whose flow may
be taken up again after a restart. Its intention is committed first, and in the same transaction how the flow stands
(`memory_db`), and only then is it sent; else it could be sent twice. `promise` asks for that, and `kept` says when it
is so.

The file is bounded by size and age: the oldest entries make room for new ones within the one file. What cannot be
written is counted and complained of, and the run goes on; later it is tried again. A damaged file is renamed to
`….corrupt`, in place of one set aside earlier, and a new one begun. Secrets are masked before anything is written.
"""

from __future__ import annotations

import os
import queue
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeAlias

from amiflow.engine.effects import Effect, Errand, Input, Remember, Restored, Send, Signal, StoreChanged
from amiflow.engine.journal import Row, Scribe, of_run
from amiflow.live.clock import Clock
from amiflow.live.journal_db import About, Book, Keep, is_damage
from amiflow.live.log import Line, Log
from amiflow.live.memory_db import Memory
from amiflow.report.data import dataclass
from amiflow.report.source import Source

MOST_WAITING = 100_000  # batches of the loop that may wait for the thread

_MOST_AT_ONCE = 5_000  # of the loop's batches in one transaction
_PAUSE = 0.05  # seconds over which entries are gathered into one transaction
_SLICE, _BREATH = 64, 0.0001  # after so many of the loop's batches the thread lets it in, unless it is far behind
_PATIENCE = 10.0  # seconds that the end of a run waits for the disk
_RETRY = 10.0  # seconds between attempts to write to a file that could not be written


@dataclass(frozen=True, slots=True)
class Promise:
    """In the queue: say so once all that is before it is committed, or cannot be."""

    action_id: str


@dataclass(frozen=True, slots=True)
class Introduction:
    """In the queue: a recipe was read again, and the next machine runs it."""

    recipe: str
    sources: tuple[Source, ...]


_Item: TypeAlias = tuple[float, int | None, Input | None, Sequence[Effect]]


def promise_of(effect: Effect) -> str:
    """What the promise for this effect is called; empty where it need not be written down first."""
    match effect:
        case Send(promised=True, action_id=promise) | Errand(promised=True, errand_id=promise):
            return promise
        case Signal(promise_id=promise):
            return promise
    return ""


def default_path(environ: Mapping[str, str], root: bool) -> str:
    """`$XDG_STATE_HOME/amiflow/journal.sqlite`; without that variable below `/var/lib` for root, `~/.local/state` for
    others."""
    state = environ.get("XDG_STATE_HOME") or (
        "/var/lib" if root else os.path.join(environ.get("HOME", "/"), ".local", "state")
    )
    return os.path.join(state, "amiflow", "journal.sqlite")


@contextmanager
def writing(
    keep: Keep | None, about: About, clock: Clock, log: Log, poke: Callable[[], None], memory: Memory | None = None
) -> Iterator[Journal | None]:
    """A journal for as long as the block lasts, none where none is to be kept; what went wrong at its end is logged.
    With a memory, what it is given is remembered in the same file."""
    if keep is None:
        yield None
        return
    journal = Journal(keep, about, clock, poke, memory)
    try:
        yield journal
    finally:
        journal.close(_PATIENCE)
        for text in journal.complaints():
            log.line(Line("error", "journal", text))
        if journal.lost:
            text = f"{journal.lost} entries are not in the journal {keep.path}"
            log.line(Line("error", "journal", text, facts={"lost": journal.lost}))


class Journal:
    """The journal of one run. All but the thread's own methods are called by the loop; `poke` wakes it."""

    def __init__(
        self, keep: Keep, about: About, clock: Clock, poke: Callable[[], None], memory: Memory | None = None
    ) -> None:
        self.lost = 0
        self._memory = memory
        self._found: queue.SimpleQueue[list[Restored]] = queue.SimpleQueue()
        self._keep = keep
        self._about = about
        self._clock = clock
        self._poke = poke
        self._scribe = Scribe(about.sources, about.servers, clock.wall())
        self._began = clock.wall()
        self._queue: deque[_Item | Promise | Introduction] = deque()
        self._stir, self._hurry = threading.Event(), threading.Event()
        self._closing = False
        self._refused = 0
        self._kept: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._complaints: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._book = Book(keep, about, self._began, memory)
        self._failing = False
        self._retry_at = 0.0
        self._lost_here = 0
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
        self._thread.start()

    # --- for the loop -------------------------------------------------------------------------------------------------

    def add(self, at: float, machine: int | None, item: Input | None, effects: Sequence[Effect]) -> None:
        """Have this written, see `Scribe.rows`; returns at once. When the thread is far behind, it is counted only, but
        for what is to be remembered: a run of a flow that is over would be taken up else."""
        if len(self._queue) >= MOST_WAITING:
            self._refused += 1
            item, effects = None, [one for one in effects if isinstance(one, Remember | StoreChanged)]
            if not effects or self._memory is None:
                return
        self._queue.append((at, machine, item, effects))
        if not self._stir.is_set():
            self._stir.set()

    def introduce(self, recipe: str, sources: Iterable[Source]) -> None:
        """One more machine, the next by number: what its recipe is known by, and the sources of its plan."""
        self._queue.append(Introduction(recipe, tuple(sources)))
        self._stir.set()

    def promise(self, action_id: str) -> None:
        """Commit all that was added; then the id is among those of `kept`, and `poke` is called. It comes there too
        where the journal cannot be written: the run goes on."""
        self._queue.append(Promise(action_id))
        self._hurry.set()
        self._stir.set()

    def kept(self) -> list[str]:
        """The promises fulfilled since the last time."""
        return _all(self._kept)

    def left(self, patience: float) -> list[Restored]:
        """What earlier runs have left to the machines of this one: to be asked for once, before the run begins; nothing
        where that cannot be read, or not within so many seconds."""
        try:
            return self._found.get(timeout=patience)
        except queue.Empty:
            self._complain(f"what earlier runs have left in {self._keep.path} could not be read in time")
            return []

    def complaints(self) -> list[str]:
        """What went wrong since the last time, in words."""
        return _all(self._complaints)

    def state(self) -> dict[str, object]:
        """Where it is, how much waits to be written, how much could not be, and whether it can be written now."""
        waiting, lost = len(self._queue), self.lost + self._refused
        return {"file": self._keep.path, "waiting": waiting, "lost": lost, "written": not self._failing}

    def close(self, patience: float) -> None:
        """Write all that is left, waiting for at most so many seconds."""
        self._closing = True
        self._hurry.set()
        self._stir.set()
        self._thread.join(patience)
        if self._thread.is_alive():
            self._complaints.put(f"the journal {self._keep.path} could not be ended within {patience:g} s")

    # --- the thread ---------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        closing = False
        self._take(began=True)
        self._found.put(self._claim())
        while not closing:
            self._stir.wait()
            self._hurry.wait(_PAUSE)
            self._stir.clear()
            self._hurry.clear()
            closing = self._closing
            while len(self._queue) > _MOST_AT_ONCE:
                self._take()
            self._take(ended=closing)
        self._book.end()

    def _claim(self) -> list[Restored]:
        try:
            return self._book.claim(self._began)
        except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
            self._book.shut()
            self._complain(f"what earlier runs have left in {self._keep.path} cannot be read: {error}")
            return []

    def _take(self, began: bool = False, ended: bool = False) -> None:
        """Write what has gathered, promises and all."""
        items: list[_Item] = []
        promises: list[str] = []
        for _ in range(min(len(self._queue), _MOST_AT_ONCE)):
            item = self._queue.popleft()
            if isinstance(item, Promise):
                promises.append(item.action_id)
            elif isinstance(item, Introduction):
                self._scribe.introduce(item.sources)
                self._book.introduce(item.sources)
                if self._memory is not None:
                    self._memory.introduce(item.recipe)
            else:
                items.append(item)
        self._note_refused()
        try:
            self._write(items, began, ended)
        except Exception as error:  # whatever is wrong with the journal, it ends no run
            self._fail(len(items), f"a mistake of amiflow's own, {type(error).__name__}: {error}")
        for action_id in promises:
            self._kept.put(action_id)
        if promises:
            self._poke()

    def _note_refused(self) -> None:
        refused, self._refused = self._refused, 0
        if refused:
            self.lost += refused
            self._complain(f"{refused} batches of entries came faster than the journal could be written, and are lost")

    def _write(self, items: Iterable[_Item], began: bool, ended: bool) -> None:
        rows = [self._beginning()] if began else []
        for number, item in enumerate(items):
            rows += self._scribe.rows(*item)
            if self._memory is not None and item[3]:
                self._memory.take(item[0], item[1] or 0, item[3])
            if number % _SLICE == _SLICE - 1 and len(self._queue) < _MOST_AT_ONCE:
                time.sleep(_BREATH)
        if ended:
            at = self._clock.wall()
            rows += [*self._scribe.last(at), of_run(at, "run-ended", "info", None, "the run is over", {})]
        is_idle = not rows and (self._memory is None or not self._memory.waits)
        if is_idle or (self._failing and self._clock.now() < self._retry_at and not ended):
            self._lose(len(rows))
            if not is_idle:
                self._doubt()
            return
        try:
            self._commit(rows, ended)
        except OSError as error:
            self._fail(len(rows), error.strerror or str(error))
        except (sqlite3.Error, UnicodeDecodeError) as error:
            if is_damage(error):
                self._begin_anew(rows, ended, str(error))
            else:
                self._fail(len(rows), str(error))

    def _beginning(self) -> Row:
        facts = {"servers": self._about.servers}
        return of_run(self._began, "run-started", "info", None, "the run begins", facts)

    def _commit(self, rows: Sequence[Row], ended: bool) -> None:
        at = max((row.at for row in rows), default=self._clock.wall())
        self._book.write(at, rows, self._lost_here, ended)
        if self._failing:
            self._complain(f"the journal {self._keep.path} is written again; {self._lost_here} entries are lost")
        self._failing, self._lost_here = False, 0

    # --- what goes wrong ----------------------------------------------------------------------------------------------

    def _begin_anew(self, rows: list[Row], ended: bool, why: str) -> None:
        """The file is damaged: set it aside, once."""
        try:
            aside = self._book.set_aside()
            self._complain(
                f"the journal {self._keep.path} was damaged ({why}); it is now {aside}, and a new one begins"
            )
            self._commit(rows, ended)
        except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
            self._fail(len(rows), str(error))

    def _fail(self, count: int, why: str) -> None:
        self._book.shut()
        self._lose(count)
        self._doubt()
        if not self._failing:
            again = f"next attempt in {_RETRY:g} s"
            self._complain(f"the journal {self._keep.path} cannot be written: {why}; the run goes on, {again}")
        self._failing = True
        self._retry_at = self._clock.now() + _RETRY

    def _doubt(self) -> None:
        try:
            self._book.doubt()
        except OSError as error:
            text = f"if amiflow is killed now, its next run may do again what it has done: {error.strerror}"
            self._complain(text)

    def _lose(self, count: int) -> None:
        self.lost += count
        self._lost_here += count

    def _complain(self, text: str) -> None:
        self._complaints.put(text)
        self._poke()


def _all(source: queue.SimpleQueue[str]) -> list[str]:
    found = []
    while not source.empty():
        found.append(source.get())
    return found
