"""The journal read again: entries as they were written, chosen by flow, channel, time or outcome.

Belongs here: opening the file to read, and entries from its rows, which are checked, as anything may have happened to
a file. Never here: writing it (`journal_file`), printing (`cli`).

A page of rows is read at a time, so that a run which writes meanwhile can go on reusing its file of pending changes.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

from amiflow.ami.message import Message
from amiflow.live.journal_db import APPLICATION, VERSION
from amiflow.live.problems import Trouble
from amiflow.report.data import dataclass

_PAGE = 500
_COLUMNS = "id, run, at, machine, instance, kind, level, server, flow, file, line, action, text, facts, message"
_ID = re.compile(r"(\d{1,15})\.(\d{1,15})(?:\.(\d{1,6}))?")
_NAMED = re.compile(r"(\w{1,200})#(\d{1,15})")


class Damaged(Exception):
    """A row is none that amiflow wrote."""


@dataclass(frozen=True, slots=True)
class Story:
    """One run of a flow: the run's number in the journal, the plan's in the run, the instance's in the plan."""

    run: int
    machine: int
    instance: int

    def __str__(self) -> str:
        return f"{self.run}.{self.instance}" + (f".{self.machine}" if self.machine else "")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry; `at` is the epoch in seconds, `story` the flow's run that it belongs to."""

    id: int
    run: int
    at: float
    story: Story | None
    kind: str
    level: str
    server: str | None
    flow: str | None
    file: str | None
    line: int | None
    action: str | None
    text: str
    facts: Mapping[str, Any]
    message: Message | None

    def names(self, channel: str) -> bool:
        """Whether its message has a header with this value, in which `*` stands for any text."""
        headers = self.message.headers if self.message is not None else ()
        return any(value == channel or fnmatchcase(value, channel) for _, value in headers)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which entries are wanted: of a flow, of the runs of flows in which a channel was named, from a time on, of the
    runs of flows that failed. What is none or false does not choose."""

    flow: str | None = None
    channel: str | None = None
    since: float | None = None
    failed: bool = False


_Test: TypeAlias = Callable[[Entry], bool]


@contextmanager
def reading(path: str) -> Iterator[Reader]:
    """The journal, open for reading. Raises Trouble where there is none, and where it cannot be read on."""
    if not os.path.exists(path):
        raise Trouble(f"there is no journal {path}", "`amiflow run` writes one; `--journal FILE` names another")
    db: sqlite3.Connection | None = None
    try:
        db = sqlite3.connect(f"file:{_quoted(path)}?mode=ro", uri=True, timeout=5.0)
        (ours,), (version,) = (
            db.execute("PRAGMA application_id").fetchone(),
            db.execute("PRAGMA user_version").fetchone(),
        )
        if (ours, version) != (APPLICATION, VERSION):
            raise Trouble(f"{path} is no journal that this amiflow can read (version {VERSION})")
        yield Reader(db)
    except (sqlite3.Error, Damaged, UnicodeDecodeError) as error:  # the last from SQLite's words on a damaged table
        raise Trouble(f"the journal {path} cannot be read: {error}") from None
    finally:
        if db is not None:
            db.close()


class Reader:
    """Reads the entries of a journal. Raises sqlite3.Error, and Damaged."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._lines: dict[tuple[int, str], list[str]] = {}

    def entries(self, choice: Choice) -> Iterator[Entry]:
        """The entries chosen, oldest first."""
        tests: list[_Test] = []
        if choice.flow is not None:
            tests.append(lambda entry: entry.flow == choice.flow)
        if choice.channel is not None:
            channel = choice.channel
            told = self._stories("message IS NOT NULL", lambda entry: entry.names(channel))
            tests.append(lambda entry: entry.story in told if entry.story is not None else entry.names(channel))
        if choice.failed:
            failed = self._stories("kind = 'flow-ended' AND level = 'error'", lambda entry: True)
            tests.append(lambda entry: entry.story in failed)
        if choice.since is not None:
            since = choice.since
            tests.append(lambda entry: entry.at >= since)
        for entry in self._rows("1"):
            if all(test(entry) for test in tests):
                yield entry

    def _stories(self, where: str, test: _Test) -> set[Story]:
        return {entry.story for entry in self._rows(where) if entry.story is not None and test(entry)}

    def story(self, story: Story) -> list[Entry]:
        """What happened in one run of a flow, with what befell the connection meanwhile; empty where there is none."""
        own = f"run = {story.run} AND machine = {story.machine} AND instance = {story.instance}"
        first, last = self._db.execute(f"SELECT min(id), max(id) FROM entry WHERE {own}").fetchone()
        if first is None:
            return []
        meanwhile = f"run = {story.run} AND machine IS NULL AND id BETWEEN {first} AND {last}"
        found = list(self._rows(f"({own}) OR ({meanwhile})"))
        server = next((entry.server for entry in found if entry.story is not None and entry.server), None)
        return [entry for entry in found if entry.story is not None or entry.server in (None, server)]

    def find(self, word: str) -> Story | None:
        """The story that is meant by an id such as `12.3`, or by a flow's name and number as the log shows them, such
        as `transfer#3`: the latest of them. None where the word is neither, or nothing has it."""
        if found := _ID.fullmatch(word):
            return Story(int(found[1]), int(found[3] or 0), int(found[2]))
        if found := _NAMED.fullmatch(word):
            query = "SELECT run, machine FROM entry WHERE flow = ? AND instance = ? ORDER BY id DESC LIMIT 1"
            row = self._db.execute(query, (found[1], int(found[2]))).fetchone()
            return Story(_int(row[0]), _int(row[1]), int(found[2])) if row is not None else None
        return None

    def source_line(self, entry: Entry) -> str | None:
        """The line of the recipe, as it was when the run began."""
        if entry.file is None or entry.line is None:
            return None
        at = (entry.run, entry.file)
        if at not in self._lines:
            query = (
                "SELECT source.text FROM run, json_each(run.sources) AS one JOIN source ON source.hash = one.value"
                " WHERE run.id = ? AND one.key = ?"
            )
            found = self._db.execute(query, at).fetchone()
            self._lines[at] = re.split(r"\r\n|\n|\r", _text(found[0])) if found is not None else []
        lines = self._lines[at]
        return lines[entry.line - 1] if 0 < entry.line <= len(lines) else None

    def _rows(self, where: str) -> Iterator[Entry]:
        last = -1
        while True:
            query = f"SELECT {_COLUMNS} FROM entry WHERE id > ? AND ({where}) ORDER BY id LIMIT {_PAGE}"
            page = self._db.execute(query, (last,)).fetchall()
            yield from map(_entry, page)
            if len(page) < _PAGE:
                return
            last = _int(page[-1][0])


def _entry(row: tuple[Any, ...]) -> Entry:
    """Raises Damaged."""
    id, run, at, machine, instance, kind, level, server, flow, file, line, action, text, facts, message = row
    story = Story(_int(run), _int(machine), _int(instance)) if instance is not None else None
    if not isinstance(at, float) or not 0 <= at < 1e11:
        raise Damaged("an entry has no time")
    if message is not None and not isinstance(message, bytes):
        raise Damaged("an entry has a message that is none")
    return Entry(
        _int(id),
        _int(run),
        at,
        story,
        _text(kind),
        _text(level),
        _maybe(server),
        _maybe(flow),
        _maybe(file),
        _int(line) if line is not None else None,
        _maybe(action),
        _text(text),
        _facts(_text(facts)) if facts is not None else {},
        Message(message) if message is not None else None,
    )


def _facts(text: str) -> Mapping[str, Any]:
    try:
        facts = json.loads(text)
    except (ValueError, RecursionError):
        raise Damaged("an entry has facts that are no JSON") from None
    if not isinstance(facts, dict):
        raise Damaged("an entry has facts that are none")
    return facts


def _int(value: object) -> int:
    if not isinstance(value, int):
        raise Damaged(f"a number is wanted, not {value!r:.40}")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise Damaged(f"a text is wanted, not {value!r:.40}")
    return value


def _maybe(value: object) -> str | None:
    return None if value is None else _text(value)


def _quoted(path: str) -> str:
    """The path as a URI has it."""
    return os.path.abspath(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
