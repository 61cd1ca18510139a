"""The journal's database: its tables, one transaction after the other, its bounds.

Belongs here: how the file is opened, bounded and set aside, and what goes into one transaction. Never here: the form of
what is written (`journal_page`), when that is done, and what becomes of an error (`journal_file`).
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from math import inf
from pathlib import Path

from amiflow.engine.effects import Restored
from amiflow.engine.journal import of_run
from amiflow.engine.page import Damaged, Page, Row, pages_of, storable
from amiflow.live import journal_page, memory_db
from amiflow.live.journal_dead import Life, bury
from amiflow.live.memory_db import Memory
from amiflow.live.problems import Trouble
from amiflow.live.secrets import Mask
from amiflow.report.data import dataclass
from amiflow.report.source import Source

APPLICATION = 0x616D6966  # "amif", in the file's header: no other program's database is ever touched
VERSION = 3

_PRUNED, _ROUNDS = 50, 20  # pages deleted at a time at most, and how often in one transaction
_PRUNING = 10.0  # seconds between two looks through all that is remembered for what is too old
_RETURNED = 500  # pages given back to the file system at a time, where the file is too large
_BUSY = 5.0  # seconds to wait for another process that writes to the same file
_WAL = 16 << 20  # bytes to which the file of pending changes is cut back
_CACHE = 256  # KiB of pages kept in memory: what is written is not read again
_ID = 68  # offset of the application's id in the header of a SQLite database
# Where min(id) and max(id) are asked for in one SELECT, all pages are looked through.
_ENDS = "SELECT id, run, last, (SELECT max(id) FROM page) FROM page ORDER BY id LIMIT 1"
_CORRUPT = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

_SCHEMA = (
    f"PRAGMA application_id = {APPLICATION}",
    f"PRAGMA user_version = {VERSION}",
    """CREATE TABLE run (
      id INTEGER PRIMARY KEY, name TEXT NOT NULL, pid INTEGER NOT NULL, began REAL NOT NULL, ended REAL,
      servers TEXT NOT NULL, sources TEXT NOT NULL)""",
    "CREATE TABLE source (hash TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID",
    journal_page.SCHEMA,
)


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


def check(path: str) -> None:
    """Raises Trouble where the path is something else than a journal: a folder, another program's database, a text such
    as a recipe. A journal that is damaged has zero bytes still, and is set aside when it is written to."""
    refuse_no_file(path)
    head = b""
    with suppress(OSError), open(path, "rb") as file:  # what cannot be read is complained of when it is written to
        head = file.read(100)
    if head and 0 not in head:
        raise Trouble(f"{path} is a text, and no journal", "name another file for the journal")
    is_database = head.startswith(b"SQLite format 3\0") and len(head) == 100
    if is_database and head[_ID : _ID + 4] not in (APPLICATION.to_bytes(4, "big"), bytes(4)):
        raise Trouble(f"{path} is another program's database", "name another file for the journal")
    if is_database and _holds_others(path):
        raise Trouble(f"{path} is another program's database", "name another file for the journal")


def refuse_no_file(path: str) -> None:
    """Raises Trouble for a folder, and for a pipe or a device: to open such a one may wait for ever."""
    if os.path.exists(path) and not os.path.isfile(path):
        raise Trouble(f"the journal {path} is {'a folder' if os.path.isdir(path) else 'no file'}", "name a file")


def _holds_others(path: str) -> bool:
    """Whether there are tables in a database that nobody has called his own. One that a run has just begun may have its
    id in the file of pending changes only, so SQLite is asked."""
    place = f"{Path(path).absolute().as_uri()}?mode=ro"
    with suppress(sqlite3.Error, UnicodeDecodeError), closing(sqlite3.connect(place, uri=True)) as db:
        return not _pragma(db, "application_id") and db.execute("SELECT count(*) FROM sqlite_schema").fetchone() != (0,)
    return False


class Book:
    """The database of one run's journal, opened when it is first written to. Its methods raise sqlite3.Error, OSError,
    Damaged, and UnicodeDecodeError, which SQLite's words on a damaged file may be; after that it is to be `shut`."""

    def __init__(self, keep: Keep, about: About, began: float, memory: Memory | None = None) -> None:
        self._keep = keep
        self._memory = memory
        self._about = about
        self._began = began
        self._introduced = list(about.sources)
        self._machines = 0  # whose sources have their names
        self._texts: dict[str, str] = {}  # by name
        self._latest: dict[str, str] = {}  # by path
        self._stored = False  # whether all of that is in the file
        self._db: sqlite3.Connection | None = None
        self._inode: tuple[int, int] | None = None
        self._size = self._page_size = 0  # bytes of the file, and of a page of it
        self._run_number = 0
        self._anew = True
        self._sure = False  # whether the last transaction is known to be in the file
        self._life: Life | None = None
        self._pruned_at = -inf

    def introduce(self, sources: tuple[Source, ...]) -> None:
        """The sources of the next machine; written with the next entries."""
        self._introduced.append(sources)

    def write(self, at: float, by: float, pages: Sequence[Page], lost: int, ended: bool) -> None:
        """Commit the entries, and with them what is to be remembered; `by` is the time by which things are too old,
        `lost` how many could not be written before them, `ended` whether they are the last."""
        db = self._opened()
        db.execute("BEGIN IMMEDIATE")
        silence = tuple(pages_of(self._silence(db, at, lost)))
        run = self._the_run(db)
        journal_page.insert(db, run, (*silence, *pages), self._keep.mask)
        if self._memory is not None and (self._anew or not self._sure or self._memory.waits):
            self._memory.write(db, self._anew, self._sure)
            if abs(by - self._pruned_at) >= _PRUNING:
                memory_db.prune(db, by, self._keep.max_age)
                self._pruned_at = by
        self._prune(db, by)
        if ended:
            db.execute("UPDATE run SET ended = ? WHERE id = ?", (at, run))
        db.execute("COMMIT")
        self._anew, self._sure = False, True
        if self._memory is not None:
            self._memory.committed()
        if self._life is not None:
            self._life.trust()
        if self._size > self._keep.max_size:
            with suppress(sqlite3.Error):  # what matters is committed
                db.executescript(f"PRAGMA incremental_vacuum({_RETURNED})")  # `execute` would give back one page only

    def claim(self, now: float, recipes: Sequence[str] | None = None) -> list[Restored]:
        """What earlier runs have left to the machines of this one, or to these recipes."""
        if self._memory is None:
            return []
        db = self._opened()
        db.execute("BEGIN IMMEDIATE")
        found = self._memory.claim(db, self._keep.path, now, recipes)
        db.execute("COMMIT")
        return found

    def doubt(self) -> None:
        """Something that is to be remembered could not be written, so that what is there must not be taken up. Raises
        OSError where not even that can be said."""
        if self._life is not None and self._memory is not None and self._memory.waits:
            self._life.doubt()

    def set_aside(self) -> str:
        """Rename the file, so that a new one can begin; returns what it is called now."""
        self.shut()
        path, aside = self._keep.path, f"{self._keep.path}.corrupt"
        for suffix in ("-wal", "-shm"):
            with suppress(FileNotFoundError):
                os.unlink(path + suffix)
        os.replace(path, aside)
        return aside

    def shut(self) -> None:
        """Let go of the file, and of what is not committed; it is opened again when it is next written to."""
        db, self._db = self._db, None
        self._stored = self._sure = False
        if db is not None:
            with suppress(sqlite3.Error):
                db.close()

    def end(self) -> None:
        """The run is over."""
        self.shut()
        if self._life is not None:
            self._life.end()

    def _opened(self) -> sqlite3.Connection:
        """The database, opened anew where somebody has taken the file away."""
        path = self._keep.path
        if self._db is not None and self._inode == _inode(path):
            return self._db
        self.shut()
        os.makedirs(os.path.dirname(os.path.abspath(path)), mode=0o700, exist_ok=True)
        if self._life is not None and not self._life.is_seen:
            self._life.end()
            self._life = None
        if self._life is None:
            self._life = Life(path, self._about.name)
        if not os.path.exists(path):  # SQLite gives its other files the same mode
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        db = self._db = sqlite3.connect(path, timeout=_BUSY, isolation_level=None)
        if db.execute("PRAGMA page_count").fetchone()[0] == 0:
            db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        db.execute("PRAGMA journal_mode = WAL").fetchall()
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute(f"PRAGMA journal_size_limit = {_WAL}").fetchall()
        db.execute(f"PRAGMA cache_size = -{_CACHE}")
        self._make_ours(db)
        self._page_size = _pragma(db, "page_size")
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
        for statement in memory_db.SCHEMA:
            db.execute(statement)
        db.execute("COMMIT")

    def _silence(self, db: sqlite3.Connection, at: float, lost: int) -> Iterator[Row]:
        """What the journal does not know: since an earlier run on the same servers, and what could not be written."""
        if lost:
            yield of_run(at, "entries-lost", "error", None, f"{lost} entries before this could not be written", {})
        if self._run_number:
            return
        last = "SELECT last FROM page WHERE run IN (SELECT id FROM run WHERE servers = ?) ORDER BY id DESC LIMIT 1"
        found = db.execute(last, (json.dumps(self._about.servers),)).fetchone()
        if found is not None:
            since = min(found[0], self._began)
            text = f"nothing is written of these servers for {self._began - since:.3f} s"
            text += ", or longer: the clock was set back" if since < found[0] else ""
            yield of_run(self._began, "gap", "info", None, text, {"from": since, "to": self._began})

    def _the_run(self, db: sqlite3.Connection) -> int:
        """The run's number in this file, which may not be the one that it began with."""
        about, known = self._about, (self._run_number, self._about.name)
        is_there = db.execute("SELECT 1 FROM run WHERE id = ? AND name = ?", known).fetchone() is not None
        self._name_sources()
        if is_there and self._stored:
            return self._run_number
        if not is_there:
            bury(db, self._keep.path)
            self._anew = True
        hashes = self._hashes(db)
        self._stored = True
        if is_there:
            db.execute("UPDATE run SET sources = ? WHERE id = ?", (json.dumps(hashes), self._run_number))
            return self._run_number
        self._run_number = (
            db.execute(
                "INSERT INTO run (name, pid, began, servers, sources) VALUES (?, ?, ?, ?, ?)",
                (about.name, os.getpid(), self._began, json.dumps(about.servers), json.dumps(hashes)),
            ).lastrowid
            or 0
        )
        return self._run_number

    def _name_sources(self) -> None:
        """A recipe that was read again has the number of its machine before its path, since the entries of before go on
        to be of the old text. Where the text is the same, as it is each time that only a table has changed, it needs
        no other name: it is that of the last machine before which has one."""
        for sources in self._introduced:
            for source in sources:
                text = storable(self._keep.mask(source.text))
                if self._latest.get(source.path) != text:
                    again = self._machines >= len(self._about.sources)
                    self._texts[f"{self._machines}:{source.path}" if again else source.path] = text
                    self._latest[source.path] = text
                    self._stored = False
            self._machines += 1
        self._introduced.clear()

    def _hashes(self, db: sqlite3.Connection) -> dict[str, str]:
        """What each source is called, of which the texts are written here."""
        hashes = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in self._texts.items()}
        db.executemany(
            "INSERT OR IGNORE INTO source VALUES (?, ?)", [(hashes[name], text) for name, text in self._texts.items()]
        )
        return hashes

    def _prune(self, db: sqlite3.Connection, now: float) -> None:
        """Let the oldest make room, some at a time; what was freed is used again."""
        ends = db.execute(_ENDS).fetchone()
        if ends is None:
            return  # a new file, in which something is remembered before anything is told
        oldest, number, since, newest = ends
        some = max(1, min(_PRUNED, (newest - oldest) // 10))
        if since < now - self._keep.max_age:
            db.execute("DELETE FROM page WHERE id < ? AND last < ?", (oldest + _PRUNED, now - self._keep.max_age))
        for _ in range(_ROUNDS):
            if self._used(db) <= self._keep.max_size:
                break
            db.execute("DELETE FROM page WHERE id < (SELECT min(id) FROM page) + ? AND id < ?", (some, newest))
        first = db.execute("SELECT run FROM page ORDER BY id LIMIT 1").fetchone()
        if first is None or first[0] != number:
            number = first[0] if first else self._run_number
            db.execute("DELETE FROM run WHERE id < ? AND id <> ?", (number, self._run_number))
            db.execute("DELETE FROM source WHERE hash NOT IN (SELECT value FROM run, json_each(run.sources))")

    def _used(self, db: sqlite3.Connection) -> int:
        self._size = _pragma(db, "page_count") * self._page_size
        return self._size - _pragma(db, "freelist_count") * self._page_size


def _inode(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def is_damage(error: Exception) -> bool:
    """Whether the file itself is broken. SQLite's words on that may quote bytes that are no text."""
    return isinstance(error, UnicodeDecodeError | Damaged) or getattr(error, "sqlite_errorcode", 0) & 0xFF in _CORRUPT


def _pragma(db: sqlite3.Connection, name: str) -> int:
    return int(db.execute(f"PRAGMA {name}").fetchone()[0])
