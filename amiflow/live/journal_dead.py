"""Runs that ended without a word: killed, or lost with the machine. What they left open is closed in the journal.

Belongs here: how a run shows that it lives, and what is written for one that does not. Never here: the journal's own
writing (`journal_file`).

A living run holds a lock (`flock`) on a file beside the journal, which the system lets go of however the run ends. The
next run that writes to the journal finds the file unlocked: each action without an answer is written as unknown, as it
may have been carried out, and each flow without an end as failed. Nothing of that is ever sent again.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress

# of several rows in a group SQLite takes the other columns from that of the least or greatest id
_OPEN_ACTIONS = """
SELECT machine, instance, server, flow, file, line, action, text, min(id) FROM entry
WHERE run = ? AND action IS NOT NULL GROUP BY action
HAVING total(kind IN ('action', 'errand')) > 0
AND total(kind IN ('answer', 'unanswered', 'errand-result', 'recalled')) = 0
AND (total(kind = 'sent') > 0 OR total(kind = 'withdrawn') = 0)
"""
_LAST_OF_OPEN_FLOWS = """
SELECT machine, instance, server, flow, file, line, max(id) FROM entry
WHERE run = ? AND instance IS NOT NULL AND line IS NOT NULL GROUP BY machine, instance
HAVING total(kind = 'flow-started') > 0 AND total(kind = 'flow-ended') = 0
"""
_INSERT = (
    "INSERT INTO entry (run, at, machine, instance, kind, level, server, flow, file, line, action, text)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


def live(path: str, name: str) -> Callable[[], None]:
    """Show that the run of this name lives; the result ends that. Raises OSError."""
    place = _place(path, name)
    descriptor = os.open(place, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def end() -> None:
        with suppress(OSError):
            os.unlink(place)
        os.close(descriptor)

    return end


def bury(db: sqlite3.Connection, path: str) -> None:
    """Within a transaction: close what dead runs left open. Raises sqlite3.Error."""
    for number, name in db.execute("SELECT id, name FROM run WHERE ended IS NULL").fetchall():
        if _is_dead(path, name):
            _close(db, number)


def _close(db: sqlite3.Connection, run: int) -> None:
    at = db.execute("SELECT at FROM entry WHERE run = ? ORDER BY id DESC LIMIT 1", (run,)).fetchone()
    ended = at[0] if at is not None else 0.0
    rows: list[tuple[object, ...]] = []
    for machine, instance, *place, action, text, _ in db.execute(_OPEN_ACTIONS, (run,)):
        words = f"{str(text).partition(':')[0]}: unknown: amiflow ended before the answer came"
        rows.append((run, ended, machine, instance, "unanswered", "warn", *place, action, words))
    for machine, instance, *place, _ in db.execute(_LAST_OF_OPEN_FLOWS, (run,)):
        words = "failed: amiflow ended before it did"
        rows.append((run, ended, machine, instance, "flow-ended", "error", *place, None, words))
    rows.append((run, ended, *[None] * 2, "run-ended", "error", *[None] * 5, "amiflow ended without a word"))
    db.executemany(_INSERT, rows)
    db.execute("UPDATE run SET ended = ? WHERE id = ?", (ended, run))


def _is_dead(path: str, name: str) -> bool:
    place = _place(path, name)
    try:
        descriptor = os.open(place, os.O_RDWR)
    except FileNotFoundError:
        return True
    except OSError:
        return False  # nobody can tell
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(place)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def _place(path: str, name: str) -> str:
    return f"{path}.{''.join(one for one in name if one.isalnum())}"
