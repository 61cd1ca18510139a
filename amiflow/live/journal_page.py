"""Pages of the journal in its database: what is masked and cut on the way into it, and reading them again.

Belongs here: the table of pages, and what must not stand in it. Never here: the form of a page (`engine.page`), the
database as a whole and its bounds (`journal_db`), which entries somebody wants (`journal_reader`).

A run of a flow makes five entries and more; a table with a row for each would cost several times what making them does.
What is asked for most, failures and times, stands beside each page.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from typing import TypeAlias

from amiflow.ami.message import to_bytes, to_text
from amiflow.engine.page import MOST_ROWS, MOST_TEXT, Damaged, Page, Row, unpack
from amiflow.live.secrets import Mask

SCHEMA = """CREATE TABLE page (
  id INTEGER PRIMARY KEY, run INTEGER NOT NULL, first REAL NOT NULL, last REAL NOT NULL, failed INTEGER NOT NULL,
  entries BLOB NOT NULL)"""
_INSERT = "INSERT INTO page (run, first, last, failed, entries) VALUES (?, ?, ?, ?, ?)"
_AT_ONCE = 8  # pages read in one statement

Numbered: TypeAlias = tuple[int, int, Row]
"""An entry with its own number and that of its run."""


# --- writing ----------------------------------------------------------------------------------------------------------


def insert(db: sqlite3.Connection, run: int, pages: Iterable[Page], mask: Mask) -> None:
    """Write the pages, with no secret and nothing that is too long."""
    for page in pages:
        if page.records:
            times = page.times()
            db.execute(_INSERT, (run, min(times), max(times), page.failed, fit(page, mask)))


def fit(page: Page, mask: Mask) -> bytes:
    """The page as it may be kept. That there is nothing to be masked or cut is known of the whole at once, and only
    where that is not so is each entry looked at."""
    data = page.packed()
    if page.special or mask.finds(data):
        shown = Page()
        for row in unpack(data):
            shown.add_row(_shown(row, mask))
        data = shown.packed()
    return data


def _shown(row: Row, mask: Mask) -> Row:
    """The entry without secrets, and cut: masked first, as half a secret is none any more to the mask."""
    message, facts = row.message, row.facts
    if message is not None:
        message = to_bytes(mask(to_text(message)))[:MOST_TEXT]
    if facts is not None and len(facts := mask(facts)) > MOST_TEXT:
        facts = json.dumps({"cut": facts[:MOST_TEXT]})
    server, flow, file = (None if name is None else mask(name) for name in (row.server, row.flow, row.file))
    text = mask(row.text)[:MOST_TEXT]
    return row._replace(server=server, flow=flow, file=file, text=text, facts=facts, message=message)


# --- reading ----------------------------------------------------------------------------------------------------------


def read(db: sqlite3.Connection, where: str = "1", values: tuple[object, ...] = ()) -> Iterator[Numbered]:
    """The entries of the pages for which `where` holds, oldest first, a few pages at a time. Raises Damaged."""
    last = -1
    while True:
        query = f"SELECT id, run, entries FROM page WHERE id > ? AND ({where}) ORDER BY id LIMIT {_AT_ONCE}"
        found = db.execute(query, (last, *values)).fetchall()
        for page in found:
            yield from _numbered(*page)
        if len(found) < _AT_ONCE:
            return
        last = found[-1][0]


def read_back(db: sqlite3.Connection) -> Iterator[Numbered]:
    """All entries, newest first. Raises Damaged."""
    query = "SELECT id, run, entries FROM page WHERE id < ? ORDER BY id DESC LIMIT 1"
    last = 1 << 62
    while (page := db.execute(query, (last,)).fetchone()) is not None:
        yield from reversed(_numbered(*page))
        last = page[0]


def _numbered(page: object, run: object, entries: object) -> list[Numbered]:
    if not isinstance(page, int) or not isinstance(run, int):
        raise Damaged("a page has no number, or is of no run")
    return [(page * MOST_ROWS + at, run, row) for at, row in enumerate(unpack(entries))]
