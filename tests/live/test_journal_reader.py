"""The journal read again: choices, stories, and files in which anything may stand."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amiflow.ami.message import Message
from amiflow.engine import effects as fx
from amiflow.live.clock import SystemClock
from amiflow.live.journal_db import About, Keep
from amiflow.live.journal_file import Journal
from amiflow.live.journal_reader import Choice, Story, reading
from amiflow.live.problems import Trouble
from amiflow.live.secrets import Mask
from amiflow.report.source import Source, Span
from support.machines import START

TEXT = 'flow f on A as a {\n  Hangup { Channel: a.Channel }\n}\nflow g on B { log "x" }\n'
STEP, FLOW, OTHER = Span("recipe.flow", 21, 27), Span("recipe.flow", 0, 4), Span("recipe.flow", 53, 57)


def started(flow: str, number: int, span: Span, **headers: str) -> fx.Noted:
    message = Message.build([("Event", "A"), *headers.items()])
    return fx.Noted("flow-started", "debug", flow, flow, number, span, {"server": "pbx"}, message)


def ended(flow: str, number: int, span: Span, failure: str | None = None) -> fx.FlowEnded:
    return fx.FlowEnded(flow, number, "failed" if failure else "done", failure, span, None)


def fill(path: Path) -> None:
    """Two runs: in each one `f` that fails and a `g` that does not."""
    for name in ("run1", "run2"):
        sources = ((Source("recipe.flow", TEXT),),)
        keep = Keep(str(path), 1 << 30, 1e9, Mask())
        journal = Journal(keep, About(name, ("pbx", "other"), sources), SystemClock(), lambda: None)
        journal.add(START, None, fx.ServerReady("pbx", "11.0.0", False), ())
        journal.add(START + 1, 0, None, [started("f", 1, FLOW, Channel="PJSIP/a-1")])
        headers = (("Action", "Hangup"), ("Channel", "PJSIP/a-1"))
        journal.add(START + 1, 0, None, [fx.Send("pbx", f"{name}-1", headers, None, False, 9.0, 1, STEP)])
        journal.add(START + 2, 0, None, [started("g", 2, OTHER, Channel="PJSIP/b-1"), ended("g", 2, OTHER)])
        journal.add(START + 3, None, fx.ServerLost("other", "gone"), ())
        journal.add(START + 3, None, fx.ServerLost("pbx", "gone"), ())
        journal.add(START + 4, 0, fx.Unanswered(f"{name}-1", "unknown", ""), [ended("f", 1, STEP, "Hangup: unknown")])
        journal.close(20)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("journal") / "journal.sqlite"
    fill(made)
    return made


def chosen(path: Path, **choice: object) -> list[tuple[str, str | None]]:
    with reading(str(path)) as reader:
        return [(one.kind, one.flow) for one in reader.entries(Choice(**choice)) if one.run == 2]  # type: ignore[arg-type]


F = [("flow-started", "f"), ("action", "f"), ("unanswered", "f"), ("flow-ended", "f")]
G = [("flow-started", "g"), ("flow-ended", "g")]


def test_all_is_read_in_its_order(path: Path) -> None:
    assert [kind for kind, _ in chosen(path)] == [
        "gap",
        "run-started",
        "connected",
        "gap",
        "flow-started",
        "action",
        "flow-started",
        "flow-ended",
        "lost",
        "lost",
        "unanswered",
        "flow-ended",
        "gap",
        "gap",
        "run-ended",
    ]


def test_entries_of_a_flow(path: Path) -> None:
    assert chosen(path, flow="g") == G


@pytest.mark.parametrize("channel", ["PJSIP/a-1", "PJSIP/a-*"])
def test_runs_in_which_a_channel_was_named(path: Path, channel: str) -> None:
    assert chosen(path, channel=channel) == F
    assert chosen(path, channel="PJSIP/c-1") == []


def test_runs_that_failed(path: Path) -> None:
    assert chosen(path, failed=True) == F
    assert chosen(path, failed=True, flow="g") == []


def test_entries_from_a_time_on(path: Path) -> None:
    assert chosen(path, since=START + 2, flow="f") == F[2:]


def test_a_story_with_what_befell_its_own_server_meanwhile(path: Path) -> None:
    with reading(str(path)) as reader:
        entries = reader.story(Story(2, 0, 1))
    assert [(one.kind, one.server) for one in entries] == [
        ("flow-started", "pbx"),
        ("action", "pbx"),
        ("lost", "pbx"),
        ("unanswered", "pbx"),
        ("flow-ended", "pbx"),
    ]


@pytest.mark.parametrize(
    ("word", "story"),
    [
        ("1.2", Story(1, 0, 2)),
        ("1.2.3", Story(1, 3, 2)),
        ("f#1", Story(2, 0, 1)),
        ("f#9", None),
        ("nonsense", None),
        ("1.2.3.4", None),
        ("'; DROP TABLE entry; --", None),
    ],
)
def test_a_story_is_found_by_its_id_or_the_logs_name(path: Path, word: str, story: Story | None) -> None:
    with reading(str(path)) as reader:
        assert reader.find(word) == story
        assert story is None or reader.find(str(story)) == story


def test_the_line_of_the_recipe_is_as_it_was(path: Path) -> None:
    with reading(str(path)) as reader:
        lines = {one.kind: reader.source_line(one) for one in reader.story(Story(1, 0, 1))}
    assert lines["action"] == "  Hangup { Channel: a.Channel }"
    assert lines["flow-started"] == "flow f on A as a {"
    assert lines["lost"] is None


def test_many_pages_are_read(tmp_path: Path) -> None:
    keep = Keep(str(tmp_path / "j"), 1 << 30, 1e9, Mask())
    journal = Journal(keep, About("run1", (), ()), SystemClock(), lambda: None)
    journal.add(START, 0, None, [fx.Said("info", str(number), "f", 1, FLOW) for number in range(1500)])
    journal.close(20)
    with reading(str(tmp_path / "j")) as reader:
        texts = [one.text for one in reader.entries(Choice(flow="f"))]
    assert texts == [str(number) for number in range(1500)]


def test_no_journal_is_trouble_that_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="there is no journal"), reading(str(tmp_path / "absent")):
        pass


def test_another_database_is_no_journal(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "other")
    db.execute("CREATE TABLE theirs (x)")
    db.commit()
    db.close()
    with pytest.raises(Trouble, match="no journal that this amiflow can read"), reading(str(tmp_path / "other")):
        pass


@pytest.mark.parametrize("odd", ["odd ?#%41.sqlite", "ümläut.sqlite"])
def test_any_path_will_do(tmp_path: Path, odd: str) -> None:
    fill(tmp_path / odd)
    assert chosen(tmp_path / odd, flow="g") == G


# --- anything may stand in the file -----------------------------------------------------------------------------------


def read_all(path: Path) -> None:
    """Everything that the reader can do. Nothing but Trouble comes out of it."""
    try:
        with reading(str(path)) as reader:
            for choice in (Choice(), Choice(channel="PJSIP/*"), Choice(failed=True)):
                for one in reader.entries(choice):
                    reader.source_line(one)
            reader.find("f#1")
            reader.story(Story(1, 0, 1))
    except Trouble as trouble:
        assert "cannot be read: " in str(trouble) or "no journal that this amiflow" in str(trouble)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_file_gives_trouble_or_entries(path: Path, tmp_path: Path, data: st.DataObject) -> None:
    whole = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(whole) - 1))
        whole[at : at + 4] = data.draw(st.binary(min_size=4, max_size=4))
    damaged = tmp_path / "damaged.sqlite"
    damaged.write_bytes(whole[: data.draw(st.sampled_from([len(whole), len(whole) // 2, 4096, 100, 0]))])
    read_all(damaged)


def change(path: Path, at: Callable[[list[Any]], None], **columns: object) -> None:
    """Alter each page of a journal: what it holds, and the columns beside that."""
    db = sqlite3.connect(path, isolation_level=None)
    for number, entries in db.execute("SELECT id, entries FROM page").fetchall():
        page = json.loads(entries)
        at(page)
        db.execute("UPDATE page SET entries = ? WHERE id = ?", (json.dumps(page), number))
        for column, value in columns.items():
            db.execute(f"UPDATE OR IGNORE page SET {column} = ifnull(?, {column}) WHERE id = ?", (value, number))
    db.close()


_VALUES = st.one_of(
    st.none(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.none()),
)
_SQL_VALUES = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.binary(max_size=20))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 7), st.integers(-1, 6), _VALUES, st.sampled_from(["run", "first", "entries"]), _SQL_VALUES)
def test_any_value_anywhere_gives_trouble_or_entries(
    path: Path, tmp_path: Path, part: int, place: int, value: object, column: str, stored: object
) -> None:
    changed = tmp_path / "changed.sqlite"
    changed.write_bytes(path.read_bytes())

    def spoil(page: list[Any]) -> None:
        if place < 0:
            page[part] = value
        elif part == 0:
            page[0][0][place] = value
        else:
            page[part] = [value, *page[part][1:]]

    change(changed, spoil, **({column: stored} if part == 7 else {}))
    db = sqlite3.connect(changed, isolation_level=None)
    db.execute("UPDATE run SET sources = ?", (value if isinstance(value, str) and "\0" not in value else '{"r": 7}',))
    db.close()
    read_all(changed)


def columns(page: list[Any], number: int, value: object) -> None:
    page[number] = [value] * len(page[number])


def test_a_page_that_amiflow_never_wrote_is_trouble(path: Path, tmp_path: Path) -> None:
    damages: list[Callable[[list[Any]], None]] = [
        lambda page: columns(page, 1, 1e40),
        lambda page: columns(page, 1, "1"),
        lambda page: columns(page, 2, 999),
        lambda page: columns(page, 3, "one"),
        lambda page: columns(page, 5, None),
        lambda page: columns(page, 5, "\ud800"),
        lambda page: columns(page, 6, "[1]"),
        lambda page: columns(page, 6, "{"),
        lambda page: columns(page, 7, "\ud800"),
        lambda page: page.pop(),
        lambda page: page[1].pop(),
        lambda page: columns(page, 0, []),
        lambda page: columns(page, 0, [None, *page[0][0][1:]]),
    ]
    for damage in damages:
        changed = tmp_path / "changed.sqlite"
        changed.write_bytes(path.read_bytes())
        change(changed, damage)
        with pytest.raises(Trouble, match="cannot be read"), reading(str(changed)) as reader:
            list(reader.entries(Choice()))
