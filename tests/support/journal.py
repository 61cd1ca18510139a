"""The journal's entries as rows of a table, for tests that ask for them in SQL; and a disk that stands still."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from amiflow.engine.journal import Row
from amiflow.live.journal_db import Book
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


def slow_disk(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """A disk that takes nothing, once the run has begun, until the event is set."""
    may_write, began, commit = threading.Event(), threading.Event(), Book.write

    def slow(book: Book, *args: object) -> None:
        if began.is_set():
            may_write.wait(30)
        began.set()
        commit(book, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Book, "write", slow)
    return may_write


def _unfold(db: sqlite3.Connection) -> None:
    db.execute(f"CREATE TEMP TABLE entry (id, run, {', '.join(Row._fields)})")
    marks = ", ".join("?" * (2 + len(Row._fields)))
    db.executemany(f"INSERT INTO entry VALUES ({marks})", [(number, run, *row) for number, run, row in read(db)])
