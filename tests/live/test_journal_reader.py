"""The journal read again: choices, stories, and files in which anything may stand."""

from __future__ import annotations

import json
import sqlite3
import struct
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amiflow.ami.message import Message
from amiflow.engine import effects as fx
from amiflow.engine.page import Row, pages_of, unpack
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


def spoilt(path: Path, folder: Path, spoil: Callable[[bytes], object], **columns: object) -> Path:
    """A copy of a journal in which each page is altered: what it holds, and the columns beside that."""
    changed = folder / "changed.sqlite"
    changed.write_bytes(path.read_bytes())
    with closing(sqlite3.connect(changed, isolation_level=None)) as db:
        for number, entries in db.execute("SELECT id, entries FROM page").fetchall():
            db.execute("UPDATE page SET entries = ? WHERE id = ?", (spoil(entries), number))
            for column, value in columns.items():
                db.execute(f"UPDATE OR IGNORE page SET {column} = ifnull(?, {column}) WHERE id = ?", (value, number))
    return changed


_SQL_VALUES = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.binary(max_size=20), st.text())


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=8), st.sampled_from(["alter", "insert", "cut"])
)
def test_any_bytes_anywhere_in_a_page_give_trouble_or_entries(
    path: Path, tmp_path: Path, place: float, other: bytes, way: str
) -> None:
    def spoil(page: bytes) -> bytes:
        at = int(place * len(page))
        after = {"alter": at + len(other), "insert": at, "cut": len(page)}[way]
        return page[:at] + other + page[after:]

    read_all(spoilt(path, tmp_path, spoil))


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["run", "first", "entries"]), _SQL_VALUES, st.text(max_size=20))
def test_any_value_in_any_column_gives_trouble_or_entries(
    path: Path, tmp_path: Path, column: str, stored: object, sources: str
) -> None:
    changed = spoilt(path, tmp_path, lambda page: page, **{column: stored})
    with closing(sqlite3.connect(changed, isolation_level=None)) as db:
        db.execute("UPDATE run SET sources = ?", (sources if "\0" not in sources else '{"r": 7}',))
    read_all(changed)


_COMMON: dict[str, Any] = {"machine": 0, "kind": "x", "level": "info", "server": None, "flow": "f", "file": None}


def made(number: int = 0, lengths: Sequence[int] = (-1, 1, -1, -1), *, at: float = START, **common: Any) -> bytes:
    """A page of one entry that says `x`."""
    known = json.dumps([[*(_COMMON | {"line": 1, "said": ""} | common).values()]]).encode()
    record = struct.pack("<dHqiiii", at, number, 1, *lengths)
    return struct.pack("<II", len(known), 1) + known + record + b"x"


@pytest.mark.parametrize(
    "page",
    [
        made(at=1e40),
        made(at=-1.0),
        made(at=float("nan")),
        made(number=1),
        made(said=None),
        made(said="\ud800"),
        made(lengths=(-1, 2, -1, -1)),
        made(lengths=(-1, 2**31 - 1, -1, -1)),
        made(lengths=(-1, 0, -1, -1)),
        made(machine=None),
        made(machine=-1),
        made(machine=1 << 64),
        made(machine="0"),
        made(kind=None),
        made(level=7),
        made(server="\ud800"),
        made(more=1),
        made().replace(b"[[", b"{{"),
        made().replace(b"[[", b"[7"),
        made()[:-1],
        made() + b"y",
        made()[:-1] + b"\xff",
        made(lengths=(-1, 0, 1, -1)),
        b"",
        struct.pack("<II", 2, 1 << 31) + b"[]",
        struct.pack("<II", 1 << 31, 0) + b"[]",
        struct.pack("<II", 200_000, 0) + b"[" * 200_000,
        made().decode("latin-1"),
        7,
        None,
    ],
)
def test_a_page_that_amiflow_never_wrote_is_trouble(path: Path, tmp_path: Path, page: object) -> None:
    assert [row.text for row in unpack(made())] == ["x"]
    changed = spoilt(path, tmp_path, lambda _: page if page is not None else b"\0")
    with pytest.raises(Trouble, match="cannot be read"), reading(str(changed)) as reader:
        list(reader.entries(Choice()))


@given(
    st.lists(
        st.builds(
            Row,
            st.floats(0, 1e10),
            st.integers(0, 9),
            st.none() | st.integers(0, 1 << 40),
            st.sampled_from(["step", "flow-ended"]),
            st.sampled_from(["info", "error"]),
            st.none() | st.text(max_size=5),
            st.none() | st.text(max_size=5),
            st.none() | st.text(max_size=5),
            st.none() | st.integers(0, 9),
            st.none() | st.just("a-1"),
            st.text(max_size=9),
            st.none() | st.just('{"x": 1}'),
            st.none() | st.binary(max_size=9),
        ),
        min_size=1,
        max_size=9,
    )
)
def test_entries_are_read_as_they_were_written(rows: list[Row]) -> None:
    assert [row for page in pages_of(rows) for row in unpack(page.packed())] == rows
