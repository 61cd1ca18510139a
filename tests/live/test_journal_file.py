"""The journal's file: what is committed when, its bounds, and every way in which a disk lets one down."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from amiflow.ami.message import Message
from amiflow.engine import effects as fx
from amiflow.engine.journal import of_run
from amiflow.engine.page import MOST_TEXT, pages_of
from amiflow.live import journal_file
from amiflow.live.clock import Clock
from amiflow.live.journal_db import About, Book, Keep, check
from amiflow.live.journal_file import Journal, default_path, writing
from amiflow.live.journal_reader import Choice, reading
from amiflow.live.log import Log
from amiflow.live.problems import Trouble
from amiflow.live.secrets import Mask
from amiflow.report.source import Source, Span
from support.journal import query
from support.machines import START

SOURCES = ((Source("recipe.flow", 'flow f on A { log "pass w0rd" }\n'),),)
SPAN = Span("recipe.flow", 0, 1)


class Standing:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.at = 0.0
        self.ahead = 0.0

    def now(self) -> float:
        return self.at

    def wall(self) -> float:
        return START + self.at + self.ahead


class Desk:
    """A journal for a test, ended at the latest when the test is."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = Standing()
        self.mask = Mask()
        self.max_size = 1 << 30
        self.max_age = 1e6
        self.began: list[Journal] = []

    def begin(self, name: str = "run1", clock: Clock | None = None) -> Journal:
        keep = Keep(str(self.path), self.max_size, self.max_age, self.mask)
        journal = Journal(keep, About(name, ("pbx",), SOURCES), clock or self.clock, lambda: None)
        self.began.append(journal)
        return journal

    def written(self, *texts: str) -> Journal:
        journal = self.begin()
        for text in texts:
            say(journal, text)
        journal.close(20)
        return journal

    def query(self, text: str) -> list[tuple[object, ...]]:
        return query(self.path, text)

    def texts(self) -> list[object]:
        return [row[0] for row in self.query("SELECT text FROM entry WHERE kind = 'log' ORDER BY id")]

    def kinds(self) -> list[object]:
        return [row[0] for row in self.query("SELECT kind FROM entry ORDER BY id")]


@pytest.fixture
def desk(tmp_path: Path, request: pytest.FixtureRequest) -> Desk:
    made = Desk(tmp_path / "state" / "journal.sqlite")
    request.addfinalizer(lambda: [journal.close(20) for journal in made.began])
    return made


def say(journal: Journal, text: str, at: float = START) -> None:
    journal.add(at, 0, None, [fx.Said("info", text, "f", 1, SPAN)])


def settle(journal: Journal) -> None:
    """All that was added has been written, or could not be."""
    journal.promise("settled")
    while "settled" not in journal.kept():
        os.sched_yield()


# --- writing ----------------------------------------------------------------------------------------------------------


def test_a_run_is_written_from_its_beginning_to_its_end(desk: Desk) -> None:
    journal = desk.written("one", "two")
    assert desk.kinds() == ["run-started", "log", "log", "gap", "run-ended"]
    assert desk.texts() == ["one", "two"]
    assert desk.query("SELECT file, line, flow, instance FROM entry WHERE text = 'one'") == [("recipe.flow", 1, "f", 1)]
    assert desk.query("SELECT name, ended IS NOT NULL FROM run") == [("run1", 1)]
    assert desk.query("SELECT text FROM source") == [(SOURCES[0][0].text,)]
    assert journal.lost == 0 and journal.complaints() == []


def test_only_its_owner_can_read_it(desk: Desk) -> None:
    journal = desk.begin()
    settle(journal)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in desk.path.parent.iterdir()}
    assert modes["journal.sqlite"] == modes["journal.sqlite-wal"] == 0o600
    assert stat.S_IMODE(desk.path.parent.stat().st_mode) == 0o700


def test_what_is_promised_is_committed_before_it_is_said_to_be(desk: Desk) -> None:
    journal = desk.begin()
    for number in range(20):
        say(journal, f"action {number}")
        journal.promise(f"a{number}")
        while f"a{number}" not in journal.kept():
            os.sched_yield()
        assert len(desk.texts()) == number + 1  # seen from outside, as after a kill -9


def test_the_loop_is_woken_for_a_promise(desk: Desk) -> None:
    woken = threading.Event()
    keep = Keep(str(desk.path), 1 << 30, 1e6, desk.mask)
    journal = Journal(keep, About("run1", ("pbx",), SOURCES), desk.clock, woken.set)
    desk.began.append(journal)
    journal.promise("a1")
    assert woken.wait(20)
    assert journal.kept() == ["a1"]


@pytest.mark.parametrize(
    ("later", "words"), [(60.0, "60.000 s"), (-60.0, "0.000 s, or longer: the clock was set back")]
)
def test_a_second_run_goes_on_in_the_same_file_and_names_the_time_between(desk: Desk, later: float, words: str) -> None:
    desk.written("one")
    desk.clock.at += later
    journal = desk.begin("run2")
    say(journal, "two")
    journal.close(20)
    assert desk.texts() == ["one", "two"]
    assert desk.query("SELECT id, name FROM run") == [(1, "run1"), (2, "run2")]
    assert desk.query("SELECT count(*) FROM source") == [(1,)]
    gaps = desk.query("SELECT text FROM entry WHERE kind = 'gap' AND run = 2 AND server IS NULL")
    assert gaps == [(f"nothing is written of these servers for {words}",)]


def test_two_runs_write_to_one_file_at_once(desk: Desk) -> None:
    first, second = desk.begin("run1"), desk.begin("run2")
    for number in range(50):
        say(first, f"one {number}")
        say(second, f"two {number}")
        if number % 10 == 0:
            settle(first)
            settle(second)
    first.close(20)
    second.close(20)
    assert (first.lost, second.lost) == (0, 0)
    assert sorted(desk.query("SELECT run, count(*) FROM entry WHERE kind = 'log' GROUP BY run")) == [(1, 50), (2, 50)]


def test_bytes_that_are_no_text_are_kept(desk: Desk) -> None:
    journal = desk.begin()
    message = Message(b"Event: A\r\nName: \xff\xe4")
    journal.add(START, 0, None, [fx.Noted("wait-met", "info", "a \udcff", "f", 1, SPAN, {"x": "\udce4"}, message)])
    journal.close(20)
    (found,) = desk.query("SELECT text, facts, message FROM entry WHERE kind = 'wait-met'")
    assert found == ("a \\udcff", '{"x": "\\udce4"}', b"Event: A\r\nName: \xff\xe4")


def test_no_secret_gets_in(desk: Desk) -> None:
    desk.mask.add("w0rd")
    journal = desk.begin()
    headers = (("Action", "Setvar"), ("Value", "a w0rd"))
    journal.add(START, 0, None, [fx.Send("pbx", "x-1", headers, None, False, 1.0, 1, SPAN)])
    message = Message.build([("Event", "A"), ("Name", "w0rd")])
    journal.add(START, 0, None, [fx.Noted("x", "info", "the w0rd", "f", 1, SPAN, {"list": ("w0rd",)}, message)])
    say(journal, "x" * (MOST_TEXT - 2) + "w0rd")
    answer = Message.build([("Response", "Error"), ("Message", "not w0rd")])
    journal.add(START, 0, fx.Answered("x-1", answer, ()), ())
    settle(journal)
    files = [path.read_bytes() for path in desk.path.parent.iterdir()]
    assert len(files) > 1 and not any(b"w0rd" in data for data in files)
    assert desk.query("SELECT text FROM entry WHERE kind = 'x'") == [("the ***",)]
    assert desk.query("SELECT text FROM entry WHERE kind = 'answer'") == [("Setvar: Error: not ***",)]
    assert desk.query("SELECT text FROM source") == [('flow f on A { log "pass ***" }\n',)]


def test_what_is_no_secret_is_kept_though_its_pieces_stand_side_by_side(desk: Desk) -> None:
    desk.mask.add("w0rd")
    journal = desk.begin()
    journal.add(START, 0, None, [fx.Noted("x", "info", "w0", "f", 1, SPAN, {}, Message(b"rd"))])
    journal.close(20)
    assert desk.query("SELECT text, message FROM entry WHERE kind = 'x'") == [("w0", b"rd")]


def test_a_long_value_is_cut(desk: Desk) -> None:
    journal = desk.begin()
    say(journal, "x" * 100_000)
    journal.add(START, 0, None, [fx.FlowEnded("f", 1, "done", None, SPAN, "x" * 100_000)])
    journal.close(20)
    assert [len(str(text)) for text in desk.texts()] == [MOST_TEXT]
    ((facts,),) = desk.query("SELECT facts FROM entry WHERE kind = 'flow-ended'")
    assert len(json.loads(str(facts))["cut"]) == MOST_TEXT


# --- bounds -----------------------------------------------------------------------------------------------------------


def test_the_oldest_make_room_for_the_new(desk: Desk) -> None:
    desk.max_size = 1 << 20
    journal = desk.begin()
    for number in range(6000):
        say(journal, f"{number:5} " + "x" * 1000)
        if number % 500 == 0:
            settle(journal)
    settle(journal)
    texts = desk.texts()
    assert texts[-1] == f"{5999:5} " + "x" * 1000 and str(texts[0]) > f"{4000:5}"
    assert desk.path.stat().st_size < 4 << 20 and journal.lost == 0


def test_a_limit_that_was_lowered_makes_the_file_smaller(desk: Desk) -> None:
    desk.written(*["x" * 10_000 for _ in range(600)])
    before = desk.path.stat().st_size
    desk.max_size = 1 << 20
    journal = desk.begin("run2")
    for number in range(10):
        say(journal, str(number))
        settle(journal)
    journal.close(20)
    assert before > 5 << 20 and desk.path.stat().st_size < 2 << 20
    assert desk.texts()[-1] == "9"


def test_what_is_too_old_goes_and_with_it_its_run_and_sources(desk: Desk) -> None:
    desk.max_age = 3600.0
    desk.written("old")
    desk.clock.at = 7200.0
    journal = desk.begin("run2")
    say(journal, "new", START + 7200.0)
    journal.close(20)
    assert desk.texts() == ["new"]
    assert desk.query("SELECT name FROM run") == [("run2",)]
    assert desk.query("SELECT count(*) FROM source") == [(1,)]


def test_a_clock_that_is_years_ahead_for_a_while_makes_nothing_old(desk: Desk) -> None:
    journal = desk.begin()
    say(journal, "before")
    settle(journal)
    desk.clock.ahead = 1e9
    say(journal, "meanwhile", START + 1e9)
    settle(journal)
    desk.clock.ahead = 0.0
    say(journal, "after")
    journal.close(20)
    assert desk.texts() == ["before", "meanwhile", "after"]


def test_to_write_costs_no_more_however_much_was_written_before(desk: Desk) -> None:
    def steps(name: str) -> int:
        """Of SQLite's, for a second transaction."""
        book, count = Book(Keep(str(desk.path), 1 << 30, 1e6, desk.mask), About(name, (), ()), START), [0]
        book.write(START, START, [], 0, False)
        assert book._db is not None
        book._db.set_progress_handler(lambda: count.__setitem__(0, count[0] + 1), 1)
        book.write(START, START, [*pages_of([of_run(START, "x", "info", None, "", {})])], 0, True)
        book.end()
        return count[0]

    before = steps("run1")
    with closing(sqlite3.connect(desk.path)) as db, db:
        for _ in range(10):
            db.execute("INSERT INTO page SELECT NULL, run, first, last, failed, entries FROM page")
    assert steps("run2") < before + 50


def test_entries_that_come_much_too_fast_are_counted(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("MOST_WAITING", 200_000), ("_MOST_AT_ONCE", 60_000), ("_PAUSE", 20.0)):
        monkeypatch.setattr(journal_file, name, value)
    journal = desk.begin()
    settle(journal)
    for number in range(1000):
        say(journal, f"{number:1000}")
    journal.close(20)
    assert journal.lost + len(desk.texts()) == 1000 and 0 < journal.lost < 900
    assert "came faster than the journal could be written" in journal.complaints()[0]


def test_a_recipe_that_is_read_again_and_again_is_written_as_often_as_it_changes(desk: Desk) -> None:
    """Machines 0 to 5 run texts a, a, b, b, a, a; each entry is shown with the line that its machine ran."""
    journal = desk.begin()
    again = Source("recipe.flow", "# b\n")
    for machine in range(6):
        if machine:
            journal.introduce("recipe.flow", [again if machine in (2, 3) else SOURCES[0][0]])
        journal.add(START, machine, None, [fx.Said("info", str(machine), "f", 1, SPAN)])
    journal.close(20)
    assert [list(json.loads(str(names))) for (names,) in desk.query("SELECT sources FROM run")] == [
        ["recipe.flow", "2:recipe.flow", "4:recipe.flow"]
    ]
    with reading(str(desk.path)) as reader:
        lines = [reader.source_line(entry) for entry in reader.entries(Choice()) if entry.kind == "log"]
    old, new = SOURCES[0][0].text.rstrip("\n"), "# b"
    assert lines == [old, old, new, new, old, old]


# --- what goes wrong --------------------------------------------------------------------------------------------------


class Failing(sqlite3.Connection):
    """A database that raises `error` instead of committing, as long as there is one."""

    error: Exception | None = None

    def execute(self, sql: str, *args: object) -> sqlite3.Cursor:  # type: ignore[override]
        if sql == "COMMIT" and Failing.error is not None:
            raise Failing.error
        return super().execute(sql, *args)  # type: ignore[arg-type]


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> type[Failing]:
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **more: connect(*args, factory=Failing, **more))
    monkeypatch.setattr(Failing, "error", None)
    return Failing


@pytest.mark.parametrize(
    "error",
    [
        sqlite3.OperationalError("database or disk is full"),
        sqlite3.OperationalError("attempt to write a readonly database"),
        OSError(28, "No space left on device"),
    ],
)
def test_the_run_goes_on_without_a_disk_and_says_so(desk: Desk, failing: type[Failing], error: Exception) -> None:
    journal = desk.begin()
    say(journal, "before")
    settle(journal)
    failing.error = error
    say(journal, "lost")
    settle(journal)  # a promise that cannot be kept holds nobody up
    (complaint,) = journal.complaints()
    assert "cannot be written: " in complaint and "the run goes on" in complaint and journal.lost == 1
    say(journal, "lost too")
    settle(journal)
    assert journal.lost == 2 and journal.complaints() == []  # said once
    failing.error = None
    say(journal, "too early to try again")
    settle(journal)
    desk.clock.at = 11.0
    say(journal, "after")
    settle(journal)
    assert journal.complaints() == [f"the journal {desk.path} is written again; 3 entries are lost"]
    assert desk.texts() == ["before", "after"] and journal.lost == 3
    assert desk.query("SELECT text FROM entry WHERE kind = 'entries-lost'") == [
        ("3 entries before this could not be written",)
    ]


def test_a_disk_that_is_really_full(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    class Small(sqlite3.Connection):
        def execute(self, sql: str, *args: object) -> sqlite3.Cursor:  # type: ignore[override]
            if sql == "BEGIN IMMEDIATE":
                super().execute("PRAGMA max_page_count = 12").fetchall()
            return super().execute(sql, *args)  # type: ignore[arg-type]

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **more: connect(*args, factory=Small, **more))
    journal = desk.begin()
    settle(journal)
    for number in range(20):
        say(journal, f"{number} " + "x" * 16_000)
    settle(journal)
    assert journal.lost == 20 and "disk is full" in journal.complaints()[0]


def test_a_path_that_cannot_be_written(desk: Desk) -> None:
    desk.path.parent.write_text("a file where a folder should be")
    journal = desk.written("lost")
    assert journal.lost == 4 and "cannot be written: " in journal.complaints()[0]


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda data: b"no database at all" * 300, id="no-database"),
        pytest.param(lambda data: data[:100] + b"\xff" * (len(data) - 100), id="overwritten"),
        pytest.param(lambda data: data[:5000], id="cut-off"),
        pytest.param(lambda data: data.replace(b"CREATE TABLE", b"\x80REATE TABLE"), id="damaged-schema"),
    ],
)
def test_a_damaged_file_is_set_aside(desk: Desk, damage: Callable[[bytes], bytes]) -> None:
    desk.written(*map(str, range(100)))
    damaged = damage(desk.path.read_bytes())
    desk.path.write_bytes(damaged)
    journal = desk.begin("run2")
    say(journal, "new")
    journal.close(20)
    assert desk.texts() == ["new"] and journal.lost == 0
    assert "was damaged" in journal.complaints()[0]
    assert Path(f"{desk.path}.corrupt").read_bytes()[:5000] == damaged[:5000]


def test_a_file_that_is_damaged_during_the_run_is_set_aside(desk: Desk, failing: type[Failing]) -> None:
    journal = desk.begin()
    settle(journal)
    failing.error = sqlite3.DatabaseError("database disk image is malformed")
    failing.error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT  # type: ignore[attr-defined]
    say(journal, "in vain")
    settle(journal)
    assert "was damaged" in journal.complaints()[0] and Path(f"{desk.path}.corrupt").exists()
    failing.error, desk.clock.at = None, 11.0
    say(journal, "new")
    journal.close(20)
    assert desk.texts() == ["new"]


def test_a_file_that_is_taken_away_is_begun_anew(desk: Desk) -> None:
    journal = desk.begin()
    say(journal, "one")
    settle(journal)
    desk.path.rename(desk.path.with_name("moved.sqlite"))
    say(journal, "two")
    journal.close(20)
    assert desk.texts() == ["two"] and journal.lost == 0
    assert desk.query("SELECT name FROM run") == [("run1",)]


def test_another_programs_database_is_left_alone(desk: Desk) -> None:
    desk.path.parent.mkdir()
    db = sqlite3.connect(desk.path)
    db.execute("CREATE TABLE theirs (x)")
    db.commit()
    db.close()
    journal = desk.written("lost")
    assert "it is no journal" in journal.complaints()[0] and journal.lost > 0
    assert desk.query("SELECT name FROM sqlite_schema") == [("theirs",)]


def test_a_mistake_of_our_own_ends_no_run(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = desk.begin()
    settle(journal)
    monkeypatch.setattr(journal._scribe, "take", lambda *_: 1 / 0)
    say(journal, "lost")
    settle(journal)
    assert journal.lost == 1 and "a mistake of amiflow's own, ZeroDivisionError" in journal.complaints()[0]


def test_what_was_lost_is_logged_at_the_end(desk: Desk) -> None:
    desk.path.parent.write_text("a file where a folder should be")
    lines: list[str] = []
    log = Log(lines.append, lambda: START, Mask())
    keep = Keep(str(desk.path), 1 << 30, 1e6, Mask())
    with writing(keep, About("run1", (), ()), desk.clock, log, lambda: None) as journal:
        assert journal is not None
    assert "cannot be written" in lines[0] and f"2 entries are not in the journal {desk.path}" in lines[-1]
    with writing(None, About("run1", (), ()), desk.clock, log, lambda: None) as nothing:
        assert nothing is None


# --- its place --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "root", "path"),
    [
        ({"XDG_STATE_HOME": "/s", "HOME": "/home/a"}, False, "/s/amiflow/journal.sqlite"),
        ({"XDG_STATE_HOME": "/s"}, True, "/s/amiflow/journal.sqlite"),
        ({"HOME": "/home/a"}, False, "/home/a/.local/state/amiflow/journal.sqlite"),
        ({"HOME": "/root"}, True, "/var/lib/amiflow/journal.sqlite"),
        ({}, False, "/home/b/.local/state/amiflow/journal.sqlite"),
        ({"HOME": ""}, False, "/home/b/.local/state/amiflow/journal.sqlite"),
    ],
)
def test_the_default_place(environ: dict[str, str], root: bool, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os.path, "expanduser", {"~": "/home/b"}.__getitem__)  # as the list of users says
    assert default_path(environ, root) == path


def test_a_path_that_is_something_else_is_trouble_at_once(tmp_path: Path) -> None:
    other = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(other)) as db:
        db.execute("CREATE TABLE theirs (x)")
        db.commit()
        with pytest.raises(Trouble, match="another program's database"):
            check(str(other))
        db.execute("PRAGMA application_id = 7")
    with pytest.raises(Trouble, match="another program's database"):
        check(str(other))
    recipe = tmp_path / "mistaken.flow"
    recipe.write_text('flow f on start { log "x" }')
    with pytest.raises(Trouble, match="is a text, and no journal"):
        check(str(recipe))
    with pytest.raises(Trouble, match="is a folder"):
        check(str(tmp_path))
    check(str(tmp_path / "absent"))
