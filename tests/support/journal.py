"""The journal's entries as rows, of a scribe or, for tests that ask for them in SQL, of a table; and a disk that stands
still."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from amiflow.engine.effects import Effect, Input
from amiflow.engine.journal import Batch, Scribe
from amiflow.engine.page import Row, unpack
from amiflow.live.journal_db import Book
from amiflow.live.journal_page import read


class RowScribe(Scribe):
    """A scribe that gives what it writes at once."""

    def rows(self, at: float, machine: int | None, item: Input | None, effects: Sequence[Effect]) -> list[Row]:
        """What an input was and what came of it."""
        batch = Batch()
        self.begin(batch)
        self.take(at, machine, item, effects)
        return rows_of(batch)

    def rest(self, at: float) -> list[Row]:
        """The end of the run."""
        batch = Batch()
        self.begin(batch)
        self.last(at)
        return rows_of(batch)


def rows_of(batch: Batch) -> list[Row]:
    """The entries of a batch."""
    return [row for page in batch.pages for row in unpack(page.packed())]


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
