"""The journal's entries as rows of a table, for tests that ask for them in SQL."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from amiflow.engine.journal import Row
from amiflow.live.journal_page import read


def query(path: Path, text: str) -> list[tuple[object, ...]]:
    """What a query on the journal gives; there is a table `entry` beside those of the file."""
    db = sqlite3.connect(path)
    try:
        if "FROM entry" in text:
            _unfold(db)
        return db.execute(text).fetchall()
    finally:
        db.close()


def _unfold(db: sqlite3.Connection) -> None:
    db.execute(f"CREATE TEMP TABLE entry (id, run, {', '.join(Row._fields)})")
    marks = ", ".join("?" * (2 + len(Row._fields)))
    db.executemany(f"INSERT INTO entry VALUES ({marks})", [(number, run, *row) for number, run, row in read(db)])
