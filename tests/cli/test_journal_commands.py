"""The journal as a user meets it: written by `run`, read by `log` and `trace`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.command import Amiflow
from support.journal import query
from support.runs import answering
from support.scripted_ami import Action, Connection, scripted

RECIPE = """\
secret token
flow asks on start {
  let r = Getvar { Variable: "ROOM" }
  log "the room is ${r.Value}"
} finally {
  Setvar { Variable: "X" Value: token } or ignore
}
flow fails on start {
  Hangup { Channel: "PJSIP/a-1" }
}
"""
DEFAULT = Path("state/amiflow/journal.sqlite")


def value(connection: Connection, action: Action) -> None:
    connection.answer(action, "Success", f"Variable: {action['Variable']}", "Value: 680")


def refuse(connection: Connection, action: Action) -> None:
    connection.answer(action, "Error", "Message: No such channel")


@pytest.fixture
def where(amiflow: Amiflow, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, ...]]:
    """A recipe, and the options for a server for it."""
    monkeypatch.setenv("AMIFLOW_SECRET_TOKEN", "t0ps3cret")
    Path("asks.flow").write_text(RECIPE)
    Path("secret").write_text("hunter2\n")

    script = answering(Getvar=value)

    def without_end(connection: Connection, action: Action) -> None:
        refuse(connection, action) if action["Action"] == "Hangup" else script(connection, action)

    commands = ("ListCommands", "Getvar", "Setvar", "Hangup")
    with scripted(without_end, commands=commands) as ami:
        yield ("--host", "127.0.0.1", "--port", str(ami.port), "--username", "robot", "--secret-file", "secret")


def kinds(path: Path) -> list[str]:
    return [str(row[0]) for row in query(path, "SELECT kind FROM entry ORDER BY id")]


def test_run_writes_a_journal_that_log_and_trace_read(amiflow: Amiflow, where: tuple[str, ...]) -> None:
    assert amiflow("run", "asks.flow", *where).status == 1  # one of its flows fails
    assert DEFAULT.stat().st_mode & 0o777 == 0o600
    log = amiflow("log")
    assert log.status == 0 and log.err == ""
    assert "asks#1.1 (asks.flow:3) Getvar Variable=ROOM" in log.out
    assert "fails#1.2 (asks.flow:9) failed: No such channel" in log.out
    trace = amiflow("trace", "asks#1")
    assert trace.status == 0
    assert trace.out.startswith("asks#1.1, from ")
    assert 'asks.flow:3 |   let r = Getvar { Variable: "ROOM" }' in trace.out
    assert "answer         Getvar: Success" in trace.out and "Value=680" in trace.out
    assert "log            the room is 680" in trace.out
    assert amiflow("trace", "1.1").out == amiflow("trace", "asks#1.1").out == trace.out


def test_no_secret_is_in_the_journal(amiflow: Amiflow, where: tuple[str, ...]) -> None:
    amiflow("run", "asks.flow", *where)
    data = DEFAULT.read_bytes()
    assert b"Value: ***" in data
    assert b"t0ps3cret" not in data and b"hunter2" not in data


def test_what_a_finally_changes_is_written_before_it_is_sent(amiflow: Amiflow, tmp_path: Path) -> None:
    Path("last.flow").write_text('flow f on start { stop } finally { Setvar { Variable: "X" Value: "1" } }\n')
    Path("secret").write_text("hunter2\n")
    seen: list[list[str]] = []

    def look(connection: Connection, action: Action) -> None:
        if action["Action"] == "Setvar":
            seen.append(kinds(tmp_path / DEFAULT))
        connection.answer(action, "Success") if action["Action"] != "(login)" else None

    with scripted(look, commands=("Setvar",)) as ami:
        options = ("--host", "127.0.0.1", "--port", str(ami.port), "--username", "robot", "--secret-file", "secret")
        assert amiflow("run", "last.flow", *options).status == 0
    assert seen and "action" in seen[0]


def test_choices_of_log(amiflow: Amiflow, where: tuple[str, ...]) -> None:
    amiflow("run", "asks.flow", *where)

    def flows(*options: str) -> set[str | None]:
        lines = amiflow("log", "--json", *options).out.splitlines()
        return {json.loads(line).get("flow") for line in lines}

    assert flows() == {"asks", "fails", None}
    assert flows("--flow", "asks") == {"asks"}
    assert flows("--failed") == {"fails"}
    assert flows("--channel", "PJSIP/a-*") == {"fails"}
    assert flows("--since", "1h") == {"asks", "fails", None}
    assert flows("--since", "2999-01-01T00:00") == set()
    assert "holds no such entry" in amiflow("log", "--flow", "askz").err and amiflow("log").err == ""


def test_log_as_json_has_everything(amiflow: Amiflow, where: tuple[str, ...]) -> None:
    amiflow("run", "asks.flow", *where)
    entries = [json.loads(line) for line in amiflow("log", "--json").out.splitlines()]
    (answer,) = [one for one in entries if one["kind"] == "answer" and one["text"].startswith("Getvar")]
    assert (answer["story"], answer["file"], answer["line"], answer["server"]) == ("1.1", "asks.flow", 3, "127.0.0.1")
    assert ["Value", "680"] in answer["message"] and answer["time"].endswith("Z")
    told = [json.loads(line) for line in amiflow("trace", "1.1", "--json").out.splitlines()]
    assert [one["id"] for one in told] == [one["id"] for one in entries if one in told] and told


def test_a_journal_of_ones_own(amiflow: Amiflow, where: tuple[str, ...]) -> None:
    amiflow("run", "asks.flow", *where, "--journal", "mine/own.sqlite")
    assert kinds(Path("mine/own.sqlite"))[-1] == "run-ended" and not DEFAULT.exists()
    assert "Getvar" in amiflow("log", "--journal", "mine/own.sqlite").out
    assert amiflow("trace", "1.1", "--journal", "mine/own.sqlite").status == 0


def test_a_journal_that_is_named_is_read_whatever_the_configuration_is(
    amiflow: Amiflow, where: tuple[str, ...]
) -> None:
    amiflow("run", "asks.flow", *where, "--journal", "own.sqlite")
    Path("amiflow.yaml").write_text("server: {}\n")
    assert amiflow("log", "--journal", "own.sqlite").status == 0
    assert amiflow("trace", "asks#1", "--journal", "own.sqlite").status == 0
    assert amiflow("log").status == 2


def test_a_journal_by_the_configuration(amiflow: Amiflow, where: tuple[str, ...]) -> None:
    Path("amiflow.yaml").write_text("journal: {file: kept/journal.sqlite, max_size: 4MB, max_age: 30d}\n")
    amiflow("run", "asks.flow", *where)
    assert kinds(Path("kept/journal.sqlite"))[-1] == "run-ended" and not DEFAULT.exists()
    assert "Getvar" in amiflow("log").out


@pytest.mark.parametrize(
    "args",
    [
        ("run", "asks.flow", "--no-journal"),
        ("run", "right.flow", "--dry-run"),
        ("run", "right.flow", "--simulate", "--scenario", "none.yaml"),
    ],
)
def test_no_journal_where_none_is_wanted(amiflow: Amiflow, where: tuple[str, ...], args: tuple[str, ...]) -> None:
    Path("none.yaml").write_text("calls: []\n")
    assert amiflow(*args, *(where if "--no-journal" in args else ())).status in (0, 1)
    assert not DEFAULT.exists()


def test_a_simulated_run_with_a_journal(amiflow: Amiflow) -> None:
    Path("none.yaml").write_text("calls: []\n")
    result = amiflow("run", "right.flow", "--simulate", "--scenario", "none.yaml", "--journal", "j.sqlite")
    assert result.status == 0
    assert "room 680, limit 5" in amiflow("log", "--journal", "j.sqlite").out


def test_a_recording_played_with_a_journal(amiflow: Amiflow) -> None:
    Path("hangs.flow").write_text('flow f on Hangup as h { Setvar { Variable: "X" Value: h.Channel } }\n')
    stream = b"Asterisk Call Manager/11.0.0\r\nEvent: Hangup\r\nChannel: PJSIP/a-1\r\nUniqueid: 1.1\r\n\r\n"
    Path("stream").write_bytes(stream)
    result = amiflow("run", "hangs.flow", "--dry-run", "--events", "stream", "--journal", "j.sqlite")
    assert result.status == 0, result.err
    assert "would-send" in kinds(Path("j.sqlite")) and "flow-ended" in kinds(Path("j.sqlite"))
    assert "Setvar Variable=X Value=PJSIP/a-1" in amiflow("trace", "f#1", "--journal", "j.sqlite").out


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("log",), "there is no journal"),
        (("trace", "1.1"), "there is no journal"),
        (("log", "--journal", "."), "the journal . is a folder"),
        (("log", "--since", "yesterday"), "`yesterday` is neither a length of time such as 1h30m nor a moment"),
        (("log", "--since", "7"), "`7` is neither"),
        (("run", "right.flow", "--journal", "x", "--no-journal"), "exclude each other"),
    ],
)
def test_wrong_usage_is_said(amiflow: Amiflow, args: tuple[str, ...], words: str) -> None:
    result = amiflow(*args)
    assert result.status == 2 and words in result.err


def test_a_journal_that_is_something_else_stops_a_run_at_once(amiflow: Amiflow, where: tuple[str, ...]) -> None:
    result = amiflow("run", "asks.flow", *where, "--journal", ".")
    assert result.status == 2 and "is a folder" in result.err


@pytest.mark.parametrize("command", [("log",), ("run", "right.flow", "--simulate")])
def test_a_journal_is_no_device(amiflow: Amiflow, command: tuple[str, ...]) -> None:
    result = amiflow(*command, "--journal", "/dev/null")
    assert result.status == 2 and "the journal /dev/null is no file" in result.err


def test_a_journal_that_may_not_be_read_is_there_all_the_same(
    amiflow: Amiflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "journal").touch()
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "the journal journal cannot be read: permission denied" in amiflow("log", "--journal", "journal").err
    assert "there is no journal absent" in amiflow("log", "--journal", "absent").err


def test_a_story_that_is_not_there_is_said(amiflow: Amiflow, where: tuple[str, ...]) -> None:
    amiflow("run", "asks.flow", *where)
    result = amiflow("trace", "7.7")
    assert result.status == 2 and "has no `7.7`" in result.err and "amiflow log" in result.err
