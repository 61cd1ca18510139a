"""amiflow killed, or stopped, and started again, as processes: flows go on, and nothing is sent twice."""

from __future__ import annotations

import signal
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from amiflow.live.journal_reader import Choice, Entry, reading
from support.amiflow_process import Amiflow
from support.scripted_ami import Action, Connection, ScriptedAmi, scripted

COMMANDS = ("ListCommands", "Redirect", "Setvar", "Hangup", "Status", "Originate")
NEW = ("Event: Newchannel", "Channel: PJSIP/a-1", "Uniqueid: 1.1", "Linkedid: 1.1", "Context: default")
HANGUP = ("Event: Hangup", "Channel: PJSIP/a-1", "Uniqueid: 1.1", "Linkedid: 1.1", "Cause: 16")
ROW = ("Event: Status", "Channel: PJSIP/a-1", "Uniqueid: 1.1", "Linkedid: 1.1", "ChannelState: 6")

GOES_ON = """\
counter calls within 1h max 10 durable
flow moves on Newchannel as n after restart resume {
  add calls[n.Channel]
  Setvar { Channel: n.Channel Variable: "V" Value: "1" } or as e { log "set: ${e.kind}" }
  wait Hangup as h where h.Uniqueid == n.Uniqueid within 10m or as e { log "${e.kind}" stop }
  Redirect { Channel: "x" Context: "default" Exten: "1" Priority: 1 }
  log "moved, ${calls[n.Channel]}"
}
"""
CLEANS_UP = """\
flow cleans on Newchannel as n {
  Setvar { Channel: n.Channel Variable: "V" Value: "1" }
  wait 10m
} finally { Setvar { Channel: n.Channel Variable: "V" Value: "0" } log "cleaned" }
"""


class Server:
    """Lets a call begin at the first login, and hangs it up when it was asked for the channels after a later one."""

    def __init__(self, mute: str = "", gone: bool = False) -> None:
        self.mute, self.gone = mute, gone
        self.logins = 0
        self.muted = threading.Event()

    def __call__(self, connection: Connection, action: Action) -> None:
        match action["Action"]:
            case "(login)":
                self.logins += 1
                if self.logins == 1:
                    connection.say(*NEW)
            case "Status":
                connection.answer(action, "Success", "EventList: start")
                if not self.gone:
                    connection.say(*ROW, f"ActionID: {action['ActionID']}")
                connection.say("Event: StatusComplete", f"ActionID: {action['ActionID']}", "EventList: Complete")
                connection.say(*HANGUP)
            case self.mute if not self.muted.is_set():
                self.muted.set()
            case _:
                connection.answer(action, "Success")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("hunter2\n")
    return tmp_path


def start(ami: ScriptedAmi, folder: Path) -> Amiflow:
    where = ("--host", "127.0.0.1", "--port", str(ami.port), "--username", "robot", "--secret-file", "secret")
    own = str(folder / f"control{ami.names().count('Login')}")
    return Amiflow("r.flow", *where, "--journal", "journal.sqlite", "--control", own, cwd=folder)


def until(told: Callable[[], bool]) -> None:
    for _ in range(3000):
        if told():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it did not come about")


def states(folder: Path) -> list[str]:
    """What is written down of flows."""
    path = folder / "journal.sqlite"
    if not path.exists():
        return []
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        try:
            return [state for (state,) in db.execute("SELECT state FROM flow_state")]
        except sqlite3.OperationalError:  # the first moments of a new file
            return []


def stands_in(folder: Path, what: str) -> Callable[[], bool]:
    return lambda: any(f'"block":{{"is":"{what}"' in state for state in states(folder))


def entries(folder: Path, kind: str) -> list[Entry]:
    with reading(str(folder / "journal.sqlite")) as reader:
        return [one for one in reader.entries(Choice()) if one.kind == kind]


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM])
def test_a_flow_goes_on_and_acts_once(folder: Path, by: signal.Signals) -> None:
    (folder / "r.flow").write_text(GOES_ON)
    with scripted(Server(), commands=COMMANDS) as ami:
        with start(ami, folder) as first:
            until(stands_in(folder, "wait"))
            first.end(by)
        with start(ami, folder) as second:
            second.wait("log", "moved, 1")
            until(lambda: states(folder) == [])
            assert second.end() == 0
        assert [name for name in ami.names() if name in ("Setvar", "Redirect")] == ["Setvar", "Redirect"]
    (away,), (back,) = entries(folder, "put-away"), entries(folder, "resumed")
    assert str(away.story) == "1.1" == back.facts["of"] and str(back.story) == "2.1"
    (ended,) = entries(folder, "flow-ended")
    assert ended.text == "done" and str(ended.story) == "2.1"


def test_a_wait_whose_channel_went_while_amiflow_was_down_is_lost(folder: Path) -> None:
    (folder / "r.flow").write_text(GOES_ON)
    with scripted(Server(gone=True), commands=COMMANDS) as ami:
        with start(ami, folder) as first:
            until(stands_in(folder, "wait"))
            first.end(signal.SIGKILL)
        with start(ami, folder) as second:
            second.wait("log", "lost")
            assert second.end() == 0
        assert "Redirect" not in ami.names()
    (lost,) = entries(folder, "wait-lost")
    assert "1.1 went in the gap from " in lost.text


def test_what_was_on_its_way_is_unknown_and_not_sent_again(folder: Path) -> None:
    (folder / "r.flow").write_text(GOES_ON)
    server = Server(mute="Setvar")
    with scripted(server, commands=COMMANDS) as ami:
        with start(ami, folder) as first:
            assert server.muted.wait(30)  # it is sent: so its intention is committed
            first.end(signal.SIGKILL)
        assert stands_in(folder, "act")()
        with start(ami, folder) as second:
            second.wait("log", "set: unknown")
            second.wait("log", "moved, 1")
            assert second.end() == 0
        assert [name for name in ami.names() if name in ("Setvar", "Redirect")] == ["Setvar", "Redirect"]


def test_a_finally_runs_in_the_next_run(folder: Path) -> None:
    (folder / "r.flow").write_text(CLEANS_UP)
    with scripted(Server(), commands=COMMANDS) as ami:
        with start(ami, folder) as first:
            until(stands_in(folder, "pause"))
            first.end(signal.SIGKILL)
        for _ in range(2):
            with start(ami, folder) as later:
                later.wait("ready")
                if states(folder) != []:
                    later.wait("log", "cleaned")
                assert later.end() == 0
        assert [action["Value"] for action in ami.seen if action["Action"] == "Setvar"] == ["1", "0"]
    assert [one.text for one in entries(folder, "flow-ended")] == ["failed: amiflow was restarted"]


def test_a_changed_recipe_does_not_take_the_flow_up(folder: Path) -> None:
    (folder / "r.flow").write_text(GOES_ON)
    with scripted(Server(), commands=COMMANDS) as ami:
        with start(ami, folder) as first:
            until(stands_in(folder, "wait"))
            first.end(signal.SIGKILL)
        (folder / "r.flow").write_text("# another one\n" + GOES_ON.replace('Exten: "1"', 'Exten: "2"'))
        with start(ami, folder) as second:
            second.wait("flow-ended", "its code was changed")
            assert second.end() == 0
        assert "Redirect" not in ami.names()


def test_a_run_that_lives_keeps_what_is_its_own(folder: Path) -> None:
    (folder / "r.flow").write_text(GOES_ON)
    with scripted(Server(), commands=COMMANDS) as ami, start(ami, folder) as first:
        until(stands_in(folder, "wait"))
        with start(ami, folder) as second:
            second.wait("ready")
            assert second.end() == 0
        assert stands_in(folder, "wait")() and not second.seen("resumed")
        assert first.end(signal.SIGKILL) != 0


def test_without_a_journal_it_says_what_does_not_outlive_the_run(folder: Path) -> None:
    (folder / "r.flow").write_text(GOES_ON)
    with scripted(Server(), commands=COMMANDS) as ami:
        where = ("--host", "127.0.0.1", "--port", str(ami.port), "--username", "robot", "--secret-file", "secret")
        with Amiflow("r.flow", *where, "--no-journal", cwd=folder) as only:
            told = [line["text"] for line in only.wait("memory", times=2)]
            only.wait("answer")
            assert only.end() == 0
    assert told == [
        "no journal is kept: `after restart resume` of moves is as `after restart fail`",
        "no journal is kept: what is in calls does not outlive this run",
    ]


QUEUED = """\
flow moves on Newchannel as n per n.Context queued after restart resume {
  log "has ${n.Channel}"
  wait Hangup as h where h.Uniqueid == n.Uniqueid within 10m
  Redirect { Channel: n.Channel Context: "default" Exten: "1" Priority: 1 }
}
"""


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM])
def test_who_waits_for_a_run_of_before_a_reload_waits_for_it_in_the_next_run_too(
    folder: Path, by: signal.Signals
) -> None:
    (folder / "r.flow").write_text(QUEUED)
    last: list[Connection] = []

    def of(lines: tuple[str, ...], letter: str, number: int) -> list[str]:
        return [line.replace("a-1", f"{letter}-1").replace("1.1", f"1.{number}") for line in lines]

    def script(connection: Connection, action: Action) -> None:
        if action["Action"] == "(login)":
            last.append(connection)
            return
        is_list = action["Action"] == "Status"
        connection.answer(action, "Success", *(("EventList: start",) if is_list else ()))
        if is_list:
            for channel in (("a", 1), ("b", 2)):
                connection.say(*of(ROW, *channel), f"ActionID: {action['ActionID']}")
            connection.say("Event: StatusComplete", f"ActionID: {action['ActionID']}", "EventList: Complete")

    with scripted(script, commands=COMMANDS) as ami:
        with start(ami, folder) as first:
            first.wait("ready")
            last[-1].say(*of(NEW, "a", 1))
            first.wait("log", "has PJSIP/a-1")
            first.send(signal.SIGHUP)
            first.wait("reload", "1 runs go on by those of before")
            last[-1].say(*of(NEW, "b", 2))
            until(lambda: len(states(folder)) == 2)
            first.end(by)
        with start(ami, folder) as second:
            second.wait("ready")
            until(lambda: "Status" in ami.names())
            last[-1].say(*of(HANGUP, "a", 1))
            second.wait("log", "has PJSIP/b-1")
            last[-1].say(*of(HANGUP, "b", 2))
            until(lambda: states(folder) == [])
            assert second.end() == 0
        moved = [action["Channel"] for action in ami.seen if action["Action"] == "Redirect"]
    assert moved == ["PJSIP/a-1", "PJSIP/b-1"]
    assert [str(one.facts["of"]) for one in entries(folder, "resumed")] == ["1.1", "1.2.1"]
