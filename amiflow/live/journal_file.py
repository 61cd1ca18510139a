"""The journal on disk: one SQLite file, written beside the loop, so that the loop never waits for a disk.

Belongs here: the file, its thread, its bounds, and what becomes of a full disk or a damaged file. Never here: what an
entry says (`engine.journal`), reading it again (`journal_reader`).

The loop hands over references to frozen data; rows, masking, JSON and SQL are made in the thread, some 50 ms of them in
one transaction (WAL, `synchronous=NORMAL`: what is committed outlives the process, even `kill -9`, without an fsync; a
power cut may take the commits since the last checkpoint). So nobody waits, with one exception: an action whose flow may
be taken up again after a restart, today one that its `finally` sends. Its intention is committed first, and only then
is it sent; else it could be sent twice. `promise` asks for that, and `kept` says when it is so.

The file is bounded by size and age: the oldest entries make room for new ones within the one file. What cannot be
written is counted and complained of, and the run goes on; later it is tried again. A damaged file is renamed to
`….corrupt`, in place of one set aside earlier, and a new one begun. Secrets are masked before anything is written.
"""

from __future__ import annotations

import hashlib
import json
import os
import queue
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from typing import TypeAlias

from amiflow.ami.message import to_bytes, to_text
from amiflow.engine.effects import Effect, Input, Level
from amiflow.engine.journal import Row, Scribe
from amiflow.live.clock import Clock
from amiflow.live.journal_dead import bury, live
from amiflow.live.log import Line, Log
from amiflow.live.problems import Trouble
from amiflow.live.secrets import Mask
from amiflow.report.source import Source

APPLICATION = 0x616D6966  # "amif", in the file's header: no other program's database is ever touched
VERSION = 1
MOST_WAITING = 100_000  # batches of the loop that may wait for the thread
MOST_TEXT = 16_384  # bytes of a message, characters of a text

_MOST_AT_ONCE = 5_000  # of the loop's batches in one transaction
_PAUSE = 0.05  # seconds over which entries are gathered into one transaction
_SLICE, _BREATH = 64, 0.0001  # after so many of the loop's batches the thread lets it in, unless it is far behind
_PRUNED, _ROUNDS = 2_000, 20  # entries deleted at a time at most, and how often in one transaction
_RETURNED = 500  # pages given back to the file system at a time, where the file is too large
_PATIENCE = 10.0  # seconds that the end of a run waits for the disk
_RETRY = 10.0  # seconds between attempts to write to a file that could not be written
_BUSY = 5.0  # seconds to wait for another process that writes to the same file
_WAL = 16 << 20  # bytes to which the file of pending changes is cut back
_ID = 68  # offset of the application's id in the header of a SQLite database
_CORRUPT = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

_SCHEMA = (
    f"PRAGMA application_id = {APPLICATION}",
    f"PRAGMA user_version = {VERSION}",
    """CREATE TABLE run (
      id INTEGER PRIMARY KEY, name TEXT NOT NULL, pid INTEGER NOT NULL, began REAL NOT NULL, ended REAL,
      servers TEXT NOT NULL, sources TEXT NOT NULL)""",
    "CREATE TABLE source (hash TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE entry (
      id INTEGER PRIMARY KEY, run INTEGER NOT NULL, at REAL NOT NULL, machine INTEGER, instance INTEGER,
      kind TEXT NOT NULL, level TEXT NOT NULL, server TEXT, flow TEXT, file TEXT, line INTEGER, action TEXT,
      text TEXT NOT NULL, facts TEXT, message BLOB)""",
)
_INSERT = (
    "INSERT INTO entry (run, at, machine, instance, kind, level, server, flow, file, line, action, text, facts,"
    " message) VALUES "
)
_ROW = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_MANY = 200  # rows in one statement: SQLite takes 32,766 values since 3.32


@dataclass(frozen=True, slots=True)
class Keep:
    """Where the journal is kept and how much of it: bytes, and seconds that an entry is old."""

    path: str
    max_size: int
    max_age: float
    mask: Mask


@dataclass(frozen=True, slots=True)
class About:
    """What there is to say of the run itself; `sources` are those of each machine's plan."""

    name: str
    servers: tuple[str, ...]
    sources: tuple[tuple[Source, ...], ...]


@dataclass(frozen=True, slots=True)
class Promise:
    """In the queue: say so once all that is before it is committed, or cannot be."""

    action_id: str


_Item: TypeAlias = tuple[float, int | None, Input | None, Sequence[Effect]]


def default_path(environ: Mapping[str, str], root: bool) -> str:
    """`$XDG_STATE_HOME/amiflow/journal.sqlite`; without that variable below `/var/lib` for root, `~/.local/state` for
    others."""
    state = environ.get("XDG_STATE_HOME") or (
        "/var/lib" if root else os.path.join(environ.get("HOME", "/"), ".local", "state")
    )
    return os.path.join(state, "amiflow", "journal.sqlite")


def check(path: str) -> None:
    """Raises Trouble where the path is something else than a journal: a folder, another program's database."""
    if os.path.isdir(path):
        raise Trouble(f"the journal {path} is a folder", "name a file")
    head = b""
    with suppress(OSError), open(path, "rb") as file:  # what cannot be read is complained of when it is written to
        head = file.read(100)
    is_database = head.startswith(b"SQLite format 3\0") and len(head) == 100
    if is_database and head[_ID : _ID + 4] not in (APPLICATION.to_bytes(4, "big"), bytes(4)):
        raise Trouble(f"{path} is another program's database", "name another file for the journal")


@contextmanager
def writing(
    keep: Keep | None, about: About, clock: Clock, log: Log, poke: Callable[[], None]
) -> Iterator[Journal | None]:
    """A journal for as long as the block lasts, none where none is to be kept; what went wrong at its end is logged."""
    if keep is None:
        yield None
        return
    journal = Journal(keep, about, clock, poke)
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

    def __init__(self, keep: Keep, about: About, clock: Clock, poke: Callable[[], None]) -> None:
        self.lost = 0
        self._keep = keep
        self._about = about
        self._clock = clock
        self._poke = poke
        self._scribe = Scribe(about.sources, about.servers, clock.wall())
        self._began = clock.wall()
        self._queue: deque[_Item | Promise] = deque()
        self._stir, self._hurry = threading.Event(), threading.Event()
        self._closing = False
        self._refused = 0
        self._kept: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._complaints: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._db: sqlite3.Connection | None = None
        self._end_of_life: Callable[[], None] | None = None
        self._names: dict[str, str] = {}
        self._inode: tuple[int, int] | None = None
        self._run_number = 0
        self._failing = False
        self._retry_at = 0.0
        self._lost_here = 0
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
        self._thread.start()

    # --- for the loop -------------------------------------------------------------------------------------------------

    def add(self, at: float, machine: int | None, item: Input | None, effects: Sequence[Effect]) -> None:
        """Have this written, see `Scribe.rows`; returns at once. When the thread is far behind, it is counted only."""
        if len(self._queue) >= MOST_WAITING:
            self._refused += 1
            return
        self._queue.append((at, machine, item, effects))
        if not self._stir.is_set():
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

    def complaints(self) -> list[str]:
        """What went wrong since the last time, in words."""
        return _all(self._complaints)

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
        while not closing:
            self._stir.wait()
            self._hurry.wait(_PAUSE)
            self._stir.clear()
            self._hurry.clear()
            closing = self._closing
            while len(self._queue) > _MOST_AT_ONCE:
                self._take()
            self._take(ended=closing)
        self._shut()
        if self._end_of_life is not None:
            self._end_of_life()

    def _take(self, began: bool = False, ended: bool = False) -> None:
        """Write what has gathered, promises and all."""
        items: list[_Item] = []
        promises: list[str] = []
        for _ in range(min(len(self._queue), _MOST_AT_ONCE)):
            item = self._queue.popleft()
            if isinstance(item, Promise):
                promises.append(item.action_id)
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
        rows = [self._of_run("run-started", self._began, "the run begins")] if began else []
        for number, item in enumerate(items):
            rows += self._scribe.rows(*item)
            if number % _SLICE == _SLICE - 1 and len(self._queue) < _MOST_AT_ONCE:
                time.sleep(_BREATH)
        if ended:
            at = self._clock.wall()
            rows += [*self._scribe.last(at), self._of_run("run-ended", at, "the run is over")]
        if not rows or (self._failing and self._clock.now() < self._retry_at and not ended):
            self._lose(len(rows))
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

    def _begin_anew(self, rows: list[Row], ended: bool, why: str) -> None:
        """The file is damaged: set it aside, once."""
        try:
            self._set_aside(why)
            self._commit(rows, ended)
        except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
            self._fail(len(rows), str(error))

    def _commit(self, rows: Sequence[Row], ended: bool) -> None:
        db = self._opened()
        try:
            db.execute("BEGIN IMMEDIATE")
            rows = [*self._silence(db), *rows]
            run = self._the_run(db)
            self._insert(db, run, rows)
            self._prune(db, max(row.at for row in rows))
            if ended:
                db.execute("UPDATE run SET ended = ? WHERE id = ?", (rows[-1].at, run))
            db.execute("COMMIT")
        except BaseException:
            self._shut()
            raise
        if _pragma(db, "page_count") * _pragma(db, "page_size") > self._keep.max_size:
            with suppress(sqlite3.Error):  # what matters is committed
                db.executescript(f"PRAGMA incremental_vacuum({_RETURNED})")  # `execute` would give back one page only
        if self._failing:
            self._complain(f"the journal {self._keep.path} is written again; {self._lost_here} entries are lost")
        self._failing, self._lost_here = False, 0

    # --- what goes wrong ----------------------------------------------------------------------------------------------

    def _fail(self, count: int, why: str) -> None:
        self._shut()
        self._lose(count)
        if not self._failing:
            again = f"next attempt in {_RETRY:g} s"
            self._complain(f"the journal {self._keep.path} cannot be written: {why}; the run goes on, {again}")
        self._failing = True
        self._retry_at = self._clock.now() + _RETRY

    def _lose(self, count: int) -> None:
        self.lost += count
        self._lost_here += count

    def _complain(self, text: str) -> None:
        self._complaints.put(text)
        self._poke()

    def _set_aside(self, why: str) -> None:
        self._shut()
        path, aside = self._keep.path, f"{self._keep.path}.corrupt"
        for suffix in ("-wal", "-shm"):
            with suppress(FileNotFoundError):
                os.unlink(path + suffix)
        os.replace(path, aside)
        self._complain(f"the journal {path} was damaged ({why}); it is now {aside}, and a new one begins")

    # --- the file -----------------------------------------------------------------------------------------------------

    def _opened(self) -> sqlite3.Connection:
        """The database, opened anew where somebody has taken the file away."""
        path = self._keep.path
        if self._db is not None and self._inode == _inode(path):
            return self._db
        self._shut()
        os.makedirs(os.path.dirname(os.path.abspath(path)), mode=0o700, exist_ok=True)
        if self._end_of_life is None:
            self._end_of_life = live(path, self._about.name)
        if not os.path.exists(path):  # SQLite gives its other files the same mode
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        db = self._db = sqlite3.connect(path, timeout=_BUSY, isolation_level=None)
        if db.execute("PRAGMA page_count").fetchone()[0] == 0:
            db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        db.execute("PRAGMA journal_mode = WAL").fetchall()
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute(f"PRAGMA journal_size_limit = {_WAL}").fetchall()
        self._make_ours(db)
        self._inode = _inode(path)
        return db

    def _make_ours(self, db: sqlite3.Connection) -> None:
        """A new file gets its tables; one of another version is no use to this one."""
        db.execute("BEGIN IMMEDIATE")  # two runs may begin with the same new file
        if (_pragma(db, "application_id"), _pragma(db, "user_version")) != (APPLICATION, VERSION):
            if db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                raise OSError(f"it is no journal of this version of amiflow (version {VERSION})")
            for statement in _SCHEMA:
                db.execute(statement)
        db.execute("COMMIT")

    def _silence(self, db: sqlite3.Connection) -> Iterator[Row]:
        """What the journal does not know: since an earlier run on the same servers, and what could not be written."""
        if self._lost_here:
            text = f"{self._lost_here} entries before this could not be written"
            yield self._of_run("entries-lost", self._clock.wall(), text)
        if self._run_number:
            return
        last = "SELECT at FROM entry WHERE run IN (SELECT id FROM run WHERE servers = ?) ORDER BY id DESC LIMIT 1"
        found = db.execute(last, (json.dumps(self._about.servers),)).fetchone()
        if found is not None:
            text = f"nothing is written of these servers for {self._began - found[0]:.3f} s"
            facts = json.dumps({"from": found[0], "to": self._began})
            yield self._of_run("gap", self._began, text)._replace(facts=facts)

    def _the_run(self, db: sqlite3.Connection) -> int:
        """The run's number in this file, which may not be the one that it began with."""
        about, known = self._about, (self._run_number, self._about.name)
        if db.execute("SELECT 1 FROM run WHERE id = ? AND name = ?", known).fetchone():
            return self._run_number
        bury(db, self._keep.path)
        hashes = {}
        for source in (one for sources in about.sources for one in sources):
            text = _storable(self._keep.mask(source.text))
            hashes[source.path] = hashlib.sha256(text.encode()).hexdigest()
            db.execute("INSERT OR IGNORE INTO source VALUES (?, ?)", (hashes[source.path], text))
        self._run_number = (
            db.execute(
                "INSERT INTO run (name, pid, began, servers, sources) VALUES (?, ?, ?, ?, ?)",
                (about.name, os.getpid(), self._began, json.dumps(about.servers), json.dumps(hashes)),
            ).lastrowid
            or 0
        )
        return self._run_number

    def _insert(self, db: sqlite3.Connection, run: int, rows: Sequence[Row]) -> None:
        """Many rows in one statement: Python's lock is let go of and waited for once in each."""
        for first in range(0, len(rows), _MANY):
            values = [self._values(run, row) for row in rows[first : first + _MANY]]
            db.execute(_INSERT + ", ".join([_ROW] * len(values)), list(chain.from_iterable(values)))

    def _values(self, run: int, row: Row) -> tuple[object, ...]:
        """The row as SQL takes it: no secret, and nothing that is no UTF-8."""
        mask, message, facts = self._keep.mask, row.message, row.facts
        if message is not None:
            text = to_text(message)
            shown = mask(text)
            message = (message if shown is text else to_bytes(shown))[:MOST_TEXT]
        text = _storable(mask(row.text))[:MOST_TEXT]
        places = [self._shown(place) for place in (row.server, row.flow, row.file)]
        before = (run, row.at, row.machine, row.instance, row.kind, row.level, *places, row.line, row.action)
        return (*before, text, mask(facts) if facts is not None else None, message)

    def _shown(self, name: str | None) -> str | None:
        """One of the few names of servers, flows and files."""
        if name is None:
            return None
        if name not in self._names:
            self._names[name] = _storable(self._keep.mask(name))
        return self._names[name]

    def _prune(self, db: sqlite3.Connection, now: float) -> None:
        """Let the oldest make room, some at a time; what was freed is used again."""
        oldest, newest = db.execute("SELECT min(id), max(id) FROM entry").fetchone()
        number, since = db.execute("SELECT run, at FROM entry WHERE id = ?", (oldest,)).fetchone()
        some = max(1, min(_PRUNED, (newest - oldest) // 10))
        if since < now - self._keep.max_age:
            db.execute("DELETE FROM entry WHERE id < ? AND at < ?", (oldest + _PRUNED, now - self._keep.max_age))
        for _ in range(_ROUNDS):
            if self._used(db) <= self._keep.max_size:
                break
            db.execute("DELETE FROM entry WHERE id < (SELECT min(id) FROM entry) + ?", (some,))
        first = db.execute("SELECT run FROM entry ORDER BY id LIMIT 1").fetchone()
        if first is None or first[0] != number:
            number = first[0] if first else self._run_number
            db.execute("DELETE FROM run WHERE id < ? AND id <> ?", (number, self._run_number))
            db.execute("DELETE FROM source WHERE hash NOT IN (SELECT value FROM run, json_each(run.sources))")

    def _used(self, db: sqlite3.Connection) -> int:
        return (_pragma(db, "page_count") - _pragma(db, "freelist_count")) * _pragma(db, "page_size")

    def _shut(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            with suppress(sqlite3.Error):  # what was not committed is lost with it, as it is counted
                db.close()

    def _of_run(self, kind: str, at: float, text: str) -> Row:
        level: Level = "error" if kind == "entries-lost" else "info"
        facts = json.dumps({"servers": self._about.servers}) if kind == "run-started" else None
        return Row(at, None, None, kind, level, None, None, None, None, None, text, facts, None)


def _all(source: queue.SimpleQueue[str]) -> list[str]:
    found = []
    while not source.empty():
        found.append(source.get())
    return found


def _inode(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def is_damage(error: Exception) -> bool:
    """Whether the file itself is broken. SQLite's words on that may quote bytes that are no text."""
    return isinstance(error, UnicodeDecodeError) or getattr(error, "sqlite_errorcode", 0) & 0xFF in _CORRUPT


def _pragma(db: sqlite3.Connection, name: str) -> int:
    return int(db.execute(f"PRAGMA {name}").fetchone()[0])


def _storable(text: str) -> str:
    """The text without surrogate escapes, which SQLite does not take."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")
