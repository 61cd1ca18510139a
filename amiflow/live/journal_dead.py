"""Runs that ended without a word: killed, or lost with the machine. What they left open is closed in the journal.

Belongs here: how a run shows that it lives, and what is written for one that does not. Never here: the journal's own
writing (`journal_file`).

A living run holds a lock (`flock`) on a file beside the journal, which the system lets go of however the run ends. The
next run that writes to the journal finds the file unlocked: each action without an answer is written as unknown, as it
may have been carried out, and each flow without an end as failed, but for those of which something is remembered
(`memory_db`): they are put away, for the next run of their recipe. Nothing of that is ever sent again.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress

from amiflow.engine.journal import of_run
from amiflow.engine.page import Row, pages_of
from amiflow.live.journal_page import insert, read
from amiflow.live.secrets import Mask

_CONCLUDED = frozenset(("answer", "unanswered", "errand-result", "recalled"))
_LEFT_WITH = frozenset(("flow-ended", "put-away", "suppressed"))
_DROPPED = '"after": "drop"'
_REMEMBERED = "SELECT machine, instance FROM flow_state WHERE run = ?"


class Life:
    """The sign that a run lives, from the beginning. Raises OSError.

    What it holds says that all which is to be remembered is written down. Where that could not be written the sign is
    made empty, which needs no room on the disk: what is remembered of the run's flows is then older than what they have
    done, and nothing of it must be taken up."""

    def __init__(self, path: str, name: str) -> None:
        self._place = _place(path, name)
        self._descriptor = os.open(self._place, os.O_RDWR | os.O_CREAT, 0o600)
        self._doubted = True
        fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.trust()

    @property
    def is_seen(self) -> bool:
        """Whether it is in its place still: who deletes a journal may take its signs along."""
        return os.fstat(self._descriptor).st_nlink > 0

    def trust(self) -> None:
        """All is written down."""
        if self._doubted:
            with suppress(OSError):  # where it cannot be said, it stays doubted
                os.pwrite(self._descriptor, b"+", 0)
                self._doubted = False

    def doubt(self) -> None:
        """Something could not be written down. Raises OSError where not even that can be said."""
        if not self._doubted:
            self._doubted = True
            os.ftruncate(self._descriptor, 0)

    def end(self) -> None:
        """The run is over, or has lost its sign. That of one that is doubted stays, for the next to see."""
        if not self._doubted:
            with suppress(OSError):
                os.unlink(self._place)
        os.close(self._descriptor)


def bury(db: sqlite3.Connection, path: str) -> None:
    """Within a transaction: close what dead runs left open. Raises sqlite3.Error."""
    for number, name in db.execute("SELECT id, name FROM run WHERE ended IS NULL").fetchall():
        if is_dead(db, path, name):
            _close(db, number, name)


def _close(db: sqlite3.Connection, run: int, name: str) -> None:
    at = db.execute("SELECT last FROM page WHERE run = ? ORDER BY id DESC LIMIT 1", (run,)).fetchone()
    ended = at[0] if at is not None else 0.0
    left = Left()
    for _, _, row in read(db, "run = ?", (run,)):
        left.add(row)

    remembered = set(db.execute(_REMEMBERED, (name,)))

    def is_remembered(row: Row) -> bool:
        return (row.machine, row.instance) in remembered

    closing = pages_of([*left.closing(ended, is_remembered), _last(ended)])
    insert(db, run, closing, Mask())  # what it says is masked already
    db.execute("UPDATE run SET ended = ? WHERE id = ?", (ended, run))


class Left:
    """What a run has left open, by its entries: actions and errands without an outcome, flows without an end."""

    def __init__(self) -> None:
        self._actions: dict[str, Row] = {}
        self._on_wire: set[str] = set()
        self._flows: dict[tuple[int | None, int], Row] = {}
        self._dropped: set[tuple[int | None, int]] = set()

    def add(self, row: Row) -> None:
        """The next of its entries."""
        if row.action is not None:
            self._of_action(row, row.action)
        if row.instance is None:
            return
        whose = (row.machine, row.instance)
        if row.kind in ("flow-started", "resumed"):
            self._flows[whose] = row
            if _DROPPED in (row.facts or ""):
                self._dropped.add(whose)
        elif row.kind in _LEFT_WITH:
            self._flows.pop(whose, None)
        elif whose in self._flows and row.line is not None:
            self._flows[whose] = row

    def _of_action(self, row: Row, action: str) -> None:
        if row.kind in ("action", "errand"):
            self._actions[action] = row
        elif row.kind == "sent":
            self._on_wire.add(action)
        elif row.kind in _CONCLUDED or (row.kind == "withdrawn" and action not in self._on_wire):
            self._actions.pop(action, None)
            self._on_wire.discard(action)

    def closing(self, at: float, is_remembered: Callable[[Row], bool]) -> Iterator[Row]:
        """The entries that close it; what is remembered of flows is told by the other function."""
        for row in self._actions.values():
            words = f"{row.text.partition(':')[0]}: unknown: amiflow ended before the answer came"
            yield row._replace(at=at, kind="unanswered", level="warn", text=words, facts=None, message=None)
        for whose, row in self._flows.items():
            closed = row._replace(at=at, kind="flow-ended", action=None, facts=None, message=None)
            if is_remembered(row):
                words = "amiflow ended before it did: the next run takes it up"
                yield closed._replace(kind="put-away", level="warn", text=words)
            elif whose in self._dropped:
                yield closed._replace(level="info", text="dropped: amiflow ended before it did")
            else:
                yield closed._replace(level="error", text="failed: amiflow ended before it did")


def _last(at: float) -> Row:
    return of_run(at, "run-ended", "error", None, "amiflow ended without a word", {})


def is_dead(db: sqlite3.Connection, path: str, name: str) -> bool:
    """Within a transaction: whether the run of this name is over. Its sign of life is taken away then, and what is
    remembered of its flows is marked where it is in doubt."""
    place = _place(path, name)
    try:
        descriptor = os.open(place, os.O_RDWR)
    except FileNotFoundError:
        return True
    except OSError:
        return False  # nobody can tell
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.pread(descriptor, 1, 0):
            db.execute("UPDATE flow_state SET doubtful = 1 WHERE run = ?", (name,))
        os.unlink(place)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def _place(path: str, name: str) -> str:
    return f"{path}.{''.join(one for one in name if one.isalnum())}"
