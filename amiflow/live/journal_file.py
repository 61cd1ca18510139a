"""The journal on disk: one SQLite file, written beside the loop, so that the loop never waits for a disk.

Belongs here: the thread, promises, and what becomes of a full disk or a damaged file. Never here: what an entry says
(`engine.journal`), the database (`journal_db`), reading it again (`journal_reader`).

The loop makes the entries, once what they tell of is on the wire; the thread joins, masks and commits those of some
50 ms in one transaction (WAL, `synchronous=NORMAL`: what is committed outlives the process, even `kill -9`, without an
fsync; a power cut may take the commits since the last checkpoint). It does next to nothing itself, as whenever it does
the loop waits for the interpreter; and what it asks of SQLite is done without the interpreter. So nobody waits, with
one exception: an action whose flow may be taken up again after a restart. Its intention is committed first, and in the
same transaction how the flow stands (`memory_db`), and only then is it sent; else it could be sent twice. `promise`
asks for that, and `kept` says when it is so.

What gathers is a batch. It belongs to who has taken it out of the queue: the loop takes the last one, to add to it, and
puts it back; the thread takes the first.

The file is bounded by size and age: the oldest entries make room for new ones within the one file. What cannot be
written is counted and complained of, and the run goes on; later it is tried again. A damaged file is renamed to
`….corrupt`, in place of one set aside earlier, and a new one begun. Secrets are masked before anything is written.
"""

from __future__ import annotations

import os
import queue
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from amiflow.engine.effects import Effect, Errand, Input, Restored, Send, Signal
from amiflow.engine.journal import Batch, Scribe
from amiflow.engine.page import Damaged
from amiflow.live.clock import Clock
from amiflow.live.config import home
from amiflow.live.journal_db import About, Book, Keep, is_damage
from amiflow.live.log import Line, Log
from amiflow.live.memory_db import Memory
from amiflow.report.source import Source

MOST_WAITING = 64 << 20  # bytes of entries that may wait for the thread

_MOST_AT_ONCE = 1 << 20  # bytes of them in one batch
_MOST_ADDED = 100  # inputs of which the entries are not made yet
_PAUSE = 0.05  # seconds over which entries are gathered into one transaction
_PATIENCE = 10.0  # seconds that the end of a run waits for the disk
_RETRY = 10.0  # seconds between attempts to write to a file that could not be written


class _Gathered(Batch):
    """A batch as the thread gets it: with promises, to be kept once it and all before it is committed, or cannot be;
    with the recipes and sources of new machines; with recipes for which is to be claimed what earlier runs have left,
    and what is called once it is; with the number of entries for which there was no room, and of inputs that could not
    be written for a mistake. With the last one the run `ends`."""

    __slots__ = ("claims", "ends", "introduced", "mistaken", "promises", "refused")

    def __init__(self) -> None:
        super().__init__()
        self.promises: list[str] = []
        self.introduced: list[tuple[str, tuple[Source, ...]]] = []
        self.claims: tuple[Sequence[str], Callable[[], None]] | None = None
        self.refused = self.mistaken = 0
        self.ends = False


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
    state = environ.get("XDG_STATE_HOME") or ("/var/lib" if root else os.path.join(home(environ), ".local", "state"))
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
        self._clock = clock
        self._poke = poke
        self._began, self._born = clock.wall(), clock.now()
        self._scribe = Scribe(about.sources, about.servers, self._began)
        self._queue: deque[_Gathered] = deque()
        self._added: list[tuple[float, int | None, Input | None, Sequence[Effect]]] = []
        self._stir, self._hurry = threading.Event(), threading.Event()
        self._asleep = self._behind = self._ended = False
        self._kept: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._complaints: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._book = Book(keep, about, self._began, memory)
        self._failing = False
        self._retry_at = 0.0
        self._lost_here = 0
        first = self._own()
        self._scribe.begin(first)
        self._scribe.of_run(self._began, "run-started", "info", "the run begins", {"servers": about.servers})
        self._queue.append(first)
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
        self._thread.start()

    # --- for the loop -------------------------------------------------------------------------------------------------

    def add(self, at: float, machine: int | None, item: Input | None, effects: Sequence[Effect]) -> None:
        """Have this written, see `Scribe.take`: by `flush`, as there is more to do at once. Nobody may change it."""
        self._added.append((at, machine, item, effects))
        if len(self._added) >= _MOST_ADDED:
            self.flush()

    def flush(self) -> None:
        """Write what was added; returns at once. When the thread is far behind, it is counted only, but for what is to
        be remembered: a run of a flow that is over would be taken up else."""
        if not self._added:
            return
        added, self._added = self._added, []
        batch = self._own()
        if self._behind:
            self._behind = self._is_behind()
        into: Batch = Batch() if self._behind else batch
        self._scribe.begin(into)
        for one in added:
            try:
                self._scribe.take(*one)
            except Exception as error:  # whatever is wrong with the journal, it ends no run
                batch.mistaken += 1
                self._complain(f"a mistake of amiflow's own, {type(error).__name__}: {error}")
        if into is not batch:
            batch.refused += into.count
            batch.remembered += into.remembered
        self._put(batch)

    def introduce(self, recipe: str, sources: Iterable[Source]) -> None:
        """One more machine, the next by number: what its recipe is known by, and the sources of its plan."""
        self.flush()
        batch, given = self._own(), tuple(sources)
        self._scribe.introduce(given)
        batch.introduced.append((recipe, given))
        self._put(batch)

    def promise(self, action_id: str) -> None:
        """Commit all that was added; then the id is among those of `kept`, and `poke` is called. It comes there too
        where the journal cannot be written: the run goes on."""
        self.flush()
        batch = self._own()
        batch.promises.append(action_id)
        self._put(batch)
        self._hurry.set()

    def claim(self, recipes: Sequence[str], told: Callable[[], None]) -> None:
        """Read what earlier runs have left to recipes that come new to this one; then `claimed` has it, and `told` is
        called. One claim at a time."""
        self.flush()
        batch = self._own()
        batch.claims = (recipes, told)
        self._put(batch)
        self._hurry.set()

    def claimed(self) -> list[Restored] | None:
        """What a claim gave, once it is there: for each recipe, or nothing where that cannot be read."""
        found = None
        while not self._found.empty():  # what came too late for the beginning of the run lies before it
            found = self._found.get()
        return found

    def _own(self) -> _Gathered:
        """The last batch, taken out of the queue."""
        try:
            batch = self._queue.pop()
        except IndexError:
            return _Gathered()
        if batch.size >= _MOST_AT_ONCE:
            self._queue.append(batch)
            self._behind = self._is_behind()
            return _Gathered()
        return batch

    def _is_behind(self) -> bool:
        return sum(batch.size for batch in list(self._queue)) >= MOST_WAITING

    def _put(self, batch: _Gathered) -> None:
        self._queue.append(batch)
        if self._asleep:
            self._asleep = False
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
        waiting = list(self._queue)
        lost = self.lost + sum(batch.refused for batch in waiting)
        count = sum(batch.count for batch in waiting)
        return {"file": self._keep.path, "waiting": count, "lost": lost, "written": not self._failing}

    def close(self, patience: float) -> None:
        """Write all that is left, waiting for at most so many seconds."""
        self._end_batch()
        self._hurry.set()
        self._thread.join(patience)
        if self._thread.is_alive():
            self._complaints.put(f"the journal {self._keep.path} could not be ended within {patience:g} s")

    def _end_batch(self) -> None:
        self.flush()
        batch, at = self._own(), self._clock.wall()
        self._scribe.begin(batch)
        self._scribe.last(at)
        self._scribe.of_run(at, "run-ended", "info", "the run is over")
        batch.ends = True
        self._put(batch)

    # --- the thread ---------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        wrote = self._take_all()
        self._found.put(self._claim(self._began))
        while not self._ended:
            if not wrote:
                self._sleep()
            self._hurry.wait(_PAUSE)
            self._hurry.clear()
            wrote = self._take_all()
        self._book.end()

    def _sleep(self) -> None:
        """Wait for something to be added. As long as there always is, the loop need not wake the thread at all."""
        self._stir.clear()
        self._asleep = True
        if not self._queue:
            self._stir.wait()
        self._asleep = False

    def _take_all(self) -> bool:
        """Write what has gathered, promises and all; whether there was anything. The loop may have taken the last batch
        to add to it: then it comes the next time."""
        is_any = False
        while self._queue:
            try:
                batch = self._queue.popleft()
            except IndexError:
                break
            is_any = True
            self._take(batch)
        return is_any

    def _claim(self, now: float, recipes: Sequence[str] | None = None) -> list[Restored]:
        try:
            return self._book.claim(now, recipes)
        except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or str(error)
        except Exception as error:  # whatever is wrong with the journal, it ends no run
            why = f"a mistake of amiflow's own, {type(error).__name__}: {error}"
        self._book.shut()
        self._complain(f"what earlier runs have left in {self._keep.path} cannot be read: {why}")
        return []

    def _take(self, batch: _Gathered) -> None:
        self.lost += batch.mistaken + batch.refused
        if batch.refused:
            self._complain(f"{batch.refused} entries came faster than the journal could be written, and are lost")
        try:
            self._learn(batch)
            self._write(batch)
        except Exception as error:  # whatever is wrong with the journal, it ends no run
            self._fail(batch.count, f"a mistake of amiflow's own, {type(error).__name__}: {error}")
        for action_id in batch.promises:
            self._kept.put(action_id)
        if batch.promises:
            self._poke()
        if batch.claims is not None:
            recipes, told = batch.claims
            self._found.put(self._claim(self._clock.wall(), recipes))
            told()
        self._ended = batch.ends

    def _learn(self, batch: _Gathered) -> None:
        for recipe, sources in batch.introduced:
            self._book.introduce(sources)
            if self._memory is not None:
                self._memory.introduce(recipe)
        if self._memory is not None:
            for remembered in batch.remembered:
                self._memory.take(*remembered)

    def _write(self, batch: _Gathered) -> None:
        is_idle = not batch.count and (self._memory is None or not self._memory.waits)
        if is_idle or (self._failing and self._clock.now() < self._retry_at and not batch.ends):
            self._lose(batch.count)
            if not is_idle:
                self._doubt()
            return
        try:
            self._commit(batch)
        except OSError as error:
            self._fail(batch.count, error.strerror or str(error))
        except (sqlite3.Error, UnicodeDecodeError, Damaged) as error:
            if is_damage(error):
                self._begin_anew(batch, str(error))
            else:
                self._fail(batch.count, str(error))

    def _commit(self, batch: _Gathered) -> None:
        wall, passed = self._clock.wall(), self._clock.now() - self._born
        by = min(wall, self._began + passed)  # a clock that is ahead, perhaps for a moment, makes nothing old
        self._book.write(wall, by, batch.pages, self._lost_here, batch.ends)
        if self._failing:
            self._complain(f"the journal {self._keep.path} is written again; {self._lost_here} entries are lost")
        self._failing, self._lost_here = False, 0

    # --- what goes wrong ----------------------------------------------------------------------------------------------

    def _begin_anew(self, batch: _Gathered, why: str) -> None:
        """The file is damaged: set it aside, once."""
        try:
            aside = self._book.set_aside()
            self._complain(
                f"the journal {self._keep.path} was damaged ({why}); it is now {aside}, and a new one begins"
            )
            self._commit(batch)
        except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
            self._fail(batch.count, str(error))

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
