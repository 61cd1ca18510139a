"""The journal read again: entries as they were written, chosen by flow, channel, time or outcome.

Belongs here: opening the file to read, and which entries are wanted. Never here: how entries are written down
(`journal_page`), writing them (`journal_file`), printing (`cli`).

A few pages are read at a time, so that a run which writes meanwhile can go on reusing its file of pending changes.
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
from amiflow.engine.page import Damaged
from amiflow.live.journal_db import APPLICATION, VERSION, refuse_no_file
from amiflow.live.journal_page import Numbered, read, read_back
from amiflow.live.problems import Trouble
from amiflow.report.data import dataclass

_ID = re.compile(r"(?:\w{0,200}#)?(\d{1,15})\.(\d{1,15})(?:\.(\d{1,6}))?")
_NAMED = re.compile(r"(\w{1,200})#(\d{1,15})")


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


def _look_for(path: str) -> None:
    """Raises Trouble where there is no journal, or none that this user may read."""
    refused = not os.access(path, os.R_OK)
    try:
        os.stat(path)
    except PermissionError:
        pass
    except OSError:
        help = "`amiflow run` writes one; `--journal FILE` names another"
        raise Trouble(f"there is no journal {path}", help) from None
    if refused:
        raise Trouble(f"the journal {path} cannot be read: permission denied", "ask as the user of its run, or as root")
    refuse_no_file(path)


@contextmanager
def reading(path: str) -> Iterator[Reader]:
    """The journal, open for reading. Raises Trouble where there is none, and where it cannot be read on."""
    _look_for(path)
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
        self._lines: dict[tuple[int, int, str], list[str]] = {}

    def entries(self, choice: Choice) -> Iterator[Entry]:
        """The entries chosen, oldest first."""
        tests: list[_Test] = []
        if choice.flow is not None:
            tests.append(lambda entry: entry.flow == choice.flow)
        if choice.channel is not None:
            channel = choice.channel
            told = self._stories("1", lambda entry: entry.names(channel))
            tests.append(lambda entry: entry.story in told if entry.story is not None else entry.names(channel))
        if choice.failed:
            failed = self._stories("failed", lambda entry: entry.kind == "flow-ended" and entry.level == "error")
            tests.append(lambda entry: entry.story in failed)
        if choice.since is not None:
            since = choice.since
            tests.append(lambda entry: entry.at >= since)
        where, values = ("1", ()) if choice.since is None else ("last >= ?", (choice.since,))
        for entry in map(_entry, read(self._db, where, values)):
            if all(test(entry) for test in tests):
                yield entry

    def _stories(self, where: str, test: _Test) -> set[Story]:
        entries = map(_entry, read(self._db, where))
        return {entry.story for entry in entries if entry.story is not None and test(entry)}

    def story(self, story: Story) -> list[Entry]:
        """What happened in one run of a flow, with what befell the connection meanwhile; empty where there is none."""
        found: list[Entry] = []
        meanwhile: list[Entry] = []
        for numbered in read(self._db, "run = ?", (story.run,)):
            row = numbered[2]
            if (row.machine, row.instance) == (story.machine, story.instance):
                found += [*meanwhile, _entry(numbered)]
                meanwhile.clear()
            elif row.machine is None and found:
                meanwhile.append(_entry(numbered))
        server = next((entry.server for entry in found if entry.story is not None and entry.server), None)
        return [entry for entry in found if entry.story is not None or entry.server in (None, server)]

    def find(self, word: str) -> Story | None:
        """The story that is meant by an id such as `12.3`, also behind a flow's name (`transfer#12.3`), or by name and
        number as the log shows them, such as `transfer#3`: the latest of them. None where the word is neither, or
        nothing has it."""
        if found := _ID.fullmatch(word):
            return Story(int(found[1]), int(found[3] or 0), int(found[2]))
        if found := _NAMED.fullmatch(word):
            sought = (found[1], int(found[2]))
            return next((_story(one) for one in read_back(self._db) if (one[2].flow, one[2].instance) == sought), None)
        return None

    def source_line(self, entry: Entry) -> str | None:
        """The line of the recipe, as it was when this was done."""
        file = entry.file
        if file is None or entry.line is None:
            return None
        machine = entry.story.machine if entry.story is not None else 0
        at = (entry.run, machine, file)
        if at not in self._lines:
            query = (
                "SELECT one.key, source.text FROM run, json_each(run.sources) AS one"
                " JOIN source ON source.hash = one.value WHERE run.id = ?"
            )
            named = self._db.execute(query, (entry.run,)).fetchall()
            texts = {of: text for name, text in named if (of := _machine_of(name, machine, file)) is not None}
            self._lines[at] = re.split(r"\r\n|\n|\r", str(texts[max(texts)])) if texts else []
        lines = self._lines[at]
        return lines[entry.line - 1] if 0 < entry.line <= len(lines) else None


def _machine_of(name: str, machine: int, path: str) -> int | None:
    """The machine for which a source was read (-1: from the beginning), by the name that `journal_db` gives it; none
    where it is another file's, or was read later than for this machine."""
    if name == path:
        return -1
    number, _, rest = name.partition(":")
    known = rest == path and number.isdecimal() and len(number) < 10 and int(number) <= machine
    return int(number) if known else None


def _story(numbered: Numbered) -> Story | None:
    _, run, row = numbered
    return Story(run, row.machine or 0, row.instance) if row.instance is not None else None


def _entry(numbered: Numbered) -> Entry:
    """Raises Damaged."""
    number, run, row = numbered
    return Entry(
        number,
        run,
        row.at,
        _story(numbered),
        row.kind,
        row.level,
        row.server,
        row.flow,
        row.file,
        row.line,
        row.action,
        row.text,
        _facts(row.facts) if row.facts is not None else {},
        Message(row.message) if row.message is not None else None,
    )


def _facts(text: str) -> Mapping[str, Any]:
    try:
        facts = json.loads(text)
    except (ValueError, RecursionError):
        raise Damaged("an entry has facts that are no JSON") from None
    if not isinstance(facts, dict):
        raise Damaged("an entry has facts that are none")
    return facts


def _quoted(path: str) -> str:
    """The path as a URI has it."""
    return os.path.abspath(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
