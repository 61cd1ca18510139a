"""amiflow killed in the middle of a flow, on real Asterisk servers, and started again: it goes on, and acts once."""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from support.amiflow_process import Amiflow
from support.lab.calls import BridgedCall
from support.lab.server import AsteriskServer
from support.plain_ami import PlainAmi

FOLLOWS = """\
flow follows on BridgeEnter as b where b.BridgeType == "basic" per b.BridgeUniqueid after restart resume {
  Setvar { Channel: b.Channel Variable: "FOLLOWED" Value: "1" }
  log "follows"
  wait Hangup as h where h.Uniqueid == b.Uniqueid within 10m or as e { log "${e.kind}: ${e.Message}" stop }
  UserEvent { UserEvent: "Followed" }
  log "followed to its end"
}
"""
RINGS = """\
flow rings on start after restart resume {
  let c = Originate { Channel: "Local/noanswer@default" Context: "default" Exten: "600" Priority: 1 Timeout: 9s }
    or as e { log "in vain: ${e.kind}" stop }
  log "talks to ${c.Channel}"
}
"""
CLEANS = """\
flow cleans on BridgeEnter as b where b.BridgeType == "basic" per b.BridgeUniqueid {
  log "begun"
  wait 10m
} finally { UserEvent { UserEvent: "Cleaned" } }
"""

Start = Callable[[], Amiflow]


@pytest.fixture
def begin(asterisk: AsteriskServer, tmp_path: Path) -> Callable[[str], Start]:
    """Writes the recipe, and gives what starts it, each time with the same journal."""

    def recipe(text: str) -> Start:
        (tmp_path / "r.flow").write_text(text)
        config = tmp_path / "amiflow.yaml"
        settings = {"host": "127.0.0.1", "port": asterisk.ami_port, "username": "amiflow", "secret": asterisk.secret}
        config.write_text("servers:\n  lab:\n" + "".join(f"    {key}: {value}\n" for key, value in settings.items()))
        config.chmod(0o600)
        return lambda: Amiflow("r.flow", "--config", str(config), "--journal", "journal.sqlite", cwd=tmp_path)

    return recipe


def until_written(folder: Path, what: str) -> None:
    """Until what is written down of a flow says so."""
    for _ in range(3000):
        with closing(sqlite3.connect(f"file:{folder / 'journal.sqlite'}?mode=ro", uri=True)) as db:
            if any(what in state for (state,) in db.execute("SELECT state FROM flow_state")):
                return
        time.sleep(0.01)
    raise AssertionError(f"{what} was never written")


def followed_until_killed(start: Start, bridged_call: Callable[[], BridgedCall], folder: Path) -> BridgedCall:
    """The call that a run has begun to follow, which is killed once its wait is written down."""
    with start() as first:
        first.wait("ready")
        made = bridged_call()
        first.wait("log", "follows")
        until_written(folder, '"is":"wait"')
        first.end(signal.SIGKILL)
    return made


def test_a_flow_goes_on_after_kill_9_and_acts_once(
    begin: Callable[[str], Start], judge: PlainAmi, bridged_call: Callable[[], BridgedCall], tmp_path: Path
) -> None:
    start = begin(FOLLOWS)
    made = followed_until_killed(start, bridged_call, tmp_path)
    with start() as second:
        second.wait("resumed", "goes on after a restart of amiflow")
        assert judge.action("Getvar", Channel=made.one.Channel, Variable="FOLLOWED").Value == "1"
        judge.action("Hangup", Channel=made.one.Channel)
        second.wait("log", "followed to its end")
        judge.wait("UserEvent", UserEvent="Followed")
        assert second.end() == 0, second.story()
    with start() as third:
        third.wait("ready")
        assert third.end() == 0 and not third.seen("resumed")
    assert len(judge.seen("UserEvent", UserEvent="Followed")) == 1
    assert len(judge.seen("VarSet", Variable="FOLLOWED")) == 1


def test_a_call_that_ended_meanwhile_is_lost(
    begin: Callable[[str], Start], judge: PlainAmi, bridged_call: Callable[[], BridgedCall], tmp_path: Path
) -> None:
    start = begin(FOLLOWS)
    made = followed_until_killed(start, bridged_call, tmp_path)
    judge.action("Hangup", Channel=made.one.Channel)
    judge.wait("Hangup", Channel=made.one.Channel)
    with start() as second:
        (lost,) = second.wait("log", "lost: no Hangup: ")
        assert "went in the gap from " in lost["text"]
        assert second.end() == 0, second.story()
    assert judge.seen("UserEvent", UserEvent="Followed") == []


def test_the_outcome_of_a_call_that_an_earlier_run_began_reaches_its_flow(
    begin: Callable[[str], Start], judge: PlainAmi, tmp_path: Path
) -> None:
    start = begin(RINGS)
    with start() as first:
        first.wait("answer", "Originate was answered")
        until_written(tmp_path, '"phase":"called"')
        first.end(signal.SIGKILL)
    with start() as second:
        second.wait("log", "in vain: no_answer")
        assert second.end(None) == 0, second.story()
    assert len({one.Uniqueid for one in judge.seen("Newchannel") if one.Channel.endswith(";1")}) == 1


def test_a_finally_runs_after_kill_9(
    begin: Callable[[str], Start], judge: PlainAmi, bridged_call: Callable[[], BridgedCall], tmp_path: Path
) -> None:
    start = begin(CLEANS)
    with start() as first:
        first.wait("ready")
        bridged_call()
        first.wait("log", "begun")
        until_written(tmp_path, '"is":"pause"')
        first.end(signal.SIGKILL)
    with start() as second:
        judge.wait("UserEvent", UserEvent="Cleaned")
        second.wait("flow-ended", "amiflow was restarted")
        assert second.end() == 0, second.story()
    assert len(judge.seen("UserEvent", UserEvent="Cleaned")) == 1
