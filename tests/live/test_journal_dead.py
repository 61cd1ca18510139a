"""A run that was killed: what it left open is closed by the next one, and nothing of it is sent again."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from amiflow.ami.message import Message
from amiflow.engine import effects as fx
from amiflow.engine.core import Inputs, Options
from amiflow.engine.machine import Machine
from amiflow.live import journal_dead
from amiflow.live.clock import SystemClock
from amiflow.live.journal_db import About, Keep
from amiflow.live.journal_dead import Left
from amiflow.live.journal_file import Journal
from amiflow.live.journal_reader import Choice, Entry, reading
from amiflow.live.problems import Trouble
from amiflow.live.secrets import Mask
from amiflow.plan.model import Plan
from amiflow.report.source import Source, Span
from support.amiflow_process import ROOT, clean_environment
from support.journal import RowScribe
from support.machines import START
from support.runs import compiled
from support.scripted_ami import Action, Connection, scripted

SPAN = Span("recipe.flow", 0, 1)
RECIPE = """\
flow moves on Newchannel as n {
  Redirect { Channel: n.Channel Context: "default" Exten: "680" Priority: 1 }
  Setvar { Channel: n.Channel Variable: "X" Value: "1" }
  wait 10m
}
"""
ENTRY = "from amiflow.cli.main import entry; entry()"


def begin(path: Path, name: str) -> Journal:
    keep = Keep(str(path), 1 << 30, 1e9, Mask())
    return Journal(keep, About(name, ("pbx",), ((Source("recipe.flow", "x"),),)), SystemClock(), lambda: None)


def settle(journal: Journal) -> None:
    journal.promise("settled")
    while "settled" not in journal.kept():
        os.sched_yield()


def entries(path: Path, run: int = 1) -> list[Entry]:
    with reading(str(path)) as reader:
        return [one for one in reader.entries(Choice()) if one.run == run]


def send(number: int) -> fx.Send:
    return fx.Send("pbx", f"a-{number}", (("Action", "Hangup"),), None, False, 9.0, number, SPAN)


def started(number: int) -> fx.Noted:
    return fx.Noted("flow-started", "debug", "f", "f", number, SPAN, {"server": "pbx"})


@pytest.fixture
def dead(tmp_path: Path) -> Iterator[Path]:
    """The journal of a run whose process is gone, as far as anybody can see: an action answered, one not, one that was
    never sent, a flow that ended and two that did not."""
    path = tmp_path / "journal.sqlite"
    journal = begin(path, "run1")
    for number in (1, 2, 3):
        journal.add(START, 0, None, [started(number), send(number)])
    journal.add(START, 0, fx.Sent("a-1"), ())
    journal.add(START, 0, fx.Answered("a-1", Message.build([("Response", "Success")]), ()), ())
    journal.add(START, 0, None, [fx.FlowEnded("f", 1, "done", None, SPAN, None)])
    journal.add(START, 0, fx.Sent("a-2"), ())
    journal.add(START, 0, None, [fx.Withdraw("pbx", "a-3")])
    settle(journal)
    assert journal._book._life is not None
    journal._book._life.end()  # the system lets go of the lock where a process is killed
    journal._book._life = None
    yield path
    journal.close(20)


def told(path: Path) -> list[tuple[str, int | None, str]]:
    return [
        (one.kind, one.story.instance if one.story else None, one.text)
        for one in entries(path)
        if "ended" in one.text and "amiflow" in one.text
    ]


def test_what_a_dead_run_left_open_is_closed(dead: Path) -> None:
    begin(dead, "run2").close(20)
    assert told(dead) == [
        ("unanswered", 2, "Hangup: unknown: amiflow ended before the answer came"),
        ("flow-ended", 2, "failed: amiflow ended before it did"),
        ("flow-ended", 3, "failed: amiflow ended before it did"),
        ("run-ended", None, "amiflow ended without a word"),
    ]
    with reading(str(dead)) as reader:
        assert {one.story.instance for one in reader.entries(Choice(failed=True)) if one.story} == {2, 3}


def test_it_is_closed_once(dead: Path) -> None:
    begin(dead, "run2").close(20)
    begin(dead, "run3").close(20)
    assert len(told(dead)) == 4


def test_a_file_that_holds_what_a_dead_run_never_wrote_is_set_aside(dead: Path) -> None:
    with closing(sqlite3.connect(dead)) as db, db:
        db.execute("UPDATE page SET entries = x'00'")
    second = begin(dead, "run2")
    second.close(20)
    assert "was damaged" in second.complaints()[0] and second.lost == 0
    assert [one.kind for one in entries(dead)] == ["run-started", "gap", "run-ended"]


def test_a_run_that_lives_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    living = begin(path, "run1")
    living.add(START, 0, None, [started(1), send(1)])
    settle(living)
    begin(path, "run2").close(20)
    assert told(path) == []
    living.close(20)
    assert not [one.name for one in tmp_path.iterdir() if one.name != "journal.sqlite"]


def test_the_sign_of_life_is_a_lock_not_a_file(tmp_path: Path) -> None:
    path, db = str(tmp_path / "j"), sqlite3.connect(":memory:")
    life = journal_dead.Life(path, "run1")
    assert not journal_dead.is_dead(db, path, "run1")
    assert journal_dead.is_dead(db, path, "run2")
    life.end()
    assert journal_dead.is_dead(db, path, "run1")


# --- a process that is really killed ----------------------------------------------------------------------------------


def start(port: int, folder: Path) -> subprocess.Popen[str]:
    where = ["--host", "127.0.0.1", "--port", str(port), "--username", "robot", "--secret-file", "secret"]
    command = [sys.executable, "-c", ENTRY, "run", "moves.flow", *where, "--journal", "journal.sqlite"]
    environ = clean_environment(PYTHONPATH=str(ROOT))
    return subprocess.Popen(
        command, cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


@pytest.mark.parametrize("at", ["Redirect", "Setvar"])
def test_after_kill_9_nothing_is_sent_twice_and_the_journal_says_what_is_unknown(tmp_path: Path, at: str) -> None:
    (tmp_path / "moves.flow").write_text(RECIPE)
    (tmp_path / "secret").write_text("hunter2\n")
    reached, first = threading.Event(), [True]

    def script(connection: Connection, action: Action) -> None:
        if action["Action"] == "(login)":
            if first[0]:
                first[0] = False
                connection.say("Event: Newchannel", "Channel: PJSIP/a-1", "Uniqueid: 1.1", "Linkedid: 1.1")
            else:
                reached.set()
        elif action["Action"] == at:
            reached.set()
        else:
            connection.answer(action, "Success")

    with scripted(script, commands=("ListCommands", "Redirect", "Setvar")) as ami:
        process = start(ami.port, tmp_path)
        assert reached.wait(30)
        _wait_for_entry(tmp_path / "journal.sqlite", f"{at} is on the wire")
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
        sent = ami.names().count(at)
        reached.clear()
        second = start(ami.port, tmp_path)
        assert reached.wait(30)
        second.send_signal(signal.SIGTERM)
        second.communicate(timeout=30)
        assert second.returncode == 0
        assert (sent, ami.names().count(at)) == (1, 1)
    texts = [one.text for one in entries(tmp_path / "journal.sqlite")]
    assert f"{at}: unknown: amiflow ended before the answer came" in texts
    assert "failed: amiflow ended before it did" in texts
    assert entries(tmp_path / "journal.sqlite", 2)[-1].kind == "run-ended"


def _wait_for_entry(path: Path, text: str) -> None:
    """Entries that nobody was promised are committed a moment later."""
    for _ in range(3000):
        with suppress(Trouble):  # the first moments of a new file
            if any(one.text == text for one in entries(path)):
                return
        threading.Event().wait(0.01)
    raise AssertionError(f"`{text}` was never written")


# --- killed at every write of the showpiece's conversation ------------------------------------------------------------

SHOWPIECE = ROOT / "recipes" / "both_legs_to_conference.flow"


def conversation() -> Iterator[tuple[fx.Input, bool]]:
    """The inputs of a call that is moved to the room; whether each is of the machine's own."""
    legs = ("PJSIP/a-1", "PJSIP/b-1")
    yield fx.ServerReady("pbx", "11.0.0", False), False
    for leg in legs:
        headers = [("Event", "BridgeEnter"), ("BridgeType", "basic"), ("BridgeUniqueid", "b1"), ("Channel", leg)]
        yield fx.Received("pbx", Message.build(headers)), False
    yield fx.Sent("run1m0-1"), True
    yield fx.Answered("run1m0-1", Message.build([("Response", "Success")]), ()), True
    for leg in legs:
        headers = [("Event", "ConfbridgeJoin"), ("Conference", "680"), ("Channel", leg)]
        yield fx.Received("pbx", Message.build(headers)), False


def converse(folder: Path, plan: Plan) -> int:
    """Have the conversation, and after each write keep a copy of what a kill would leave; returns their number."""
    path = folder / "journal.sqlite"
    keep = Keep(str(path), 1 << 30, 1e9, Mask())
    journal = Journal(keep, About("run1", ("pbx",), (plan.sources,)), SystemClock(), lambda: None)
    machine = Machine(plan, Inputs({}, {}), Options("run1m0", ("pbx",), "run1", steps=True))
    count = 0
    for now, (item, own) in enumerate(conversation()):
        effects = machine.handle(item, float(now), START + now)
        for some in ([], effects[:1], effects[1:]):
            journal.add(START + now, 0 if own else None, item if not some else None, some)
            settle(journal)
            count += 1
            (folder / str(count)).mkdir()
            for one in folder.glob("journal.sqlite*"):
                if one.suffix in (".sqlite", ".sqlite-wal"):
                    shutil.copy(one, folder / str(count) / one.name)
    journal.close(20)
    return count


def test_killed_at_every_write_each_action_and_flow_has_an_end(tmp_path: Path) -> None:
    plan = compiled(SHOWPIECE.read_text(), "both_legs_to_conference.flow")
    seen: set[tuple[str, ...]] = set()
    for number in range(1, converse(tmp_path, plan) + 1):
        path = tmp_path / str(number) / "journal.sqlite"
        begin(path, "run2").close(20)
        found = entries(path)
        actions = [one.action for one in found if one.kind == "action"]
        concluded = [one.action for one in found if one.kind in ("answer", "unanswered")]
        assert sorted(map(str, actions)) == sorted(map(str, concluded)), number
        began = [one.story for one in found if one.kind == "flow-started"]
        assert began == [one.story for one in found if one.kind == "flow-ended"], number
        assert [one.kind for one in found].count("run-ended") == 1
        seen.add(tuple(one.text for one in found if one.kind in ("unanswered", "flow-ended")))
    unknown = "Redirect: unknown: amiflow ended before the answer came"
    failed = "failed: amiflow ended before it did"
    assert seen == {(), (failed,), (unknown, failed), ("done",)}


def test_a_run_that_was_taken_up_in_a_queue_and_never_began_is_not_left_open() -> None:
    left = Left()
    notes = [fx.Noted(kind, "info", "", "f", 1, SPAN, {}) for kind in ("resumed", "suppressed")]
    for row in RowScribe([[Source("recipe.flow", "x")]], ["pbx"], START).rows(START, 0, None, notes):
        left.add(row)
    assert list(left.closing(START, lambda _: False)) == []
