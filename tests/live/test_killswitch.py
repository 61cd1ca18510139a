"""The kill switch: looked for, and what it keeps from being done."""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
from pathlib import Path
from typing import TextIO

import pytest

from amiflow.engine.effects import AppendRequest, Errand, ExecRequest, HttpRequest, Request, Send
from amiflow.live.clock import SystemClock
from amiflow.live.doors import Outside
from amiflow.live.killswitch import KillSwitch, changes
from amiflow.live.log import Log
from amiflow.live.run import Job, run
from amiflow.live.secrets import Mask
from amiflow.report.source import Span
from support.runs import Ran, answering, compiled, server_of, stop_with
from support.scripted_ami import Action, Connection, scripted

SPAN = Span("a.flow", 0, 1)
RECIPE = """
flow acts on start {
  Getvar { Variable: "x" }
  Redirect { Channel: "PJSIP/a-1" Context: "default" Exten: "680" Priority: 1 } or as e {
    log "outcome ${e.kind}: ${e.Message}"
  }
  exec ["/bin/true"] or as e { log "exec ${e.kind}: ${e.Message}" }
  Getvar { Variable: "last" }
}
"""


def go(ran: Ran, port_of: object, switch: Path, recipe: str = RECIPE) -> None:
    plan = compiled(recipe)
    log = Log(ran.lines.append, lambda: 0.0, Mask(), "text", "debug", sources=plan.sources)
    outside = Outside(("exec:/bin/true", "exec:/bin/cat"), kill_switch=str(switch))
    servers = [(server_of(port_of), "hunter2")]  # type: ignore[arg-type]  # the scripted server of the test
    ran.status = run([Job(plan, {}, {})], servers, log, SystemClock(), outside=outside)


def test_the_file_coming_and_going_is_noticed(tmp_path: Path) -> None:
    path, poked = tmp_path / "stop", queue.SimpleQueue[None]()
    switch = KillSwitch(str(path), lambda: poked.put(None))
    try:
        assert not switch.on and switch.has_folder
        path.touch()
        poked.get(timeout=10)
        assert switch.on
        path.unlink()
        poked.get(timeout=10)
        assert not switch.on
    finally:
        switch.close()


def test_what_cannot_be_looked_for_counts_as_there(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert KillSwitch(str(loop), lambda: None).on
    missing = KillSwitch(str(tmp_path / "nowhere" / "stop"), lambda: None)
    assert not missing.on and not missing.has_folder


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (HttpRequest("get", "http://x/", (), None), False),
        (HttpRequest("head", "http://x/", (), None), False),
        (HttpRequest("post", "http://x/", (), None), True),
        (ExecRequest(("/bin/true",)), True),
        (AppendRequest("a.jsonl", "{}"), True),
    ],
)
def test_which_errands_change_something(request_: Request, expected: bool) -> None:
    assert changes(Errand("e", request_, 1.0, 1, SPAN)) is expected


@pytest.mark.parametrize("reads", [True, False])
def test_which_actions_change_something(reads: bool) -> None:
    assert changes(Send("pbx", "1", (("Action", "X"),), None, reads, 1.0, 1, SPAN)) is not reads


def test_a_running_flow_reads_on_but_changes_nothing(tmp_path: Path) -> None:
    switch, ran = tmp_path / "stop", Ran()

    def value(connection: Connection, action: Action) -> None:
        if action["Variable"] == "x":
            switch.touch()
            while not ran.said("nothing is sent or done that changes anything"):
                time.sleep(0.01)
        connection.answer(action, "Success", "Variable: x", "Value: 1")

    with scripted(answering(Getvar=value)) as ami:
        go(ran, ami, switch)
    assert ran.status == 0 and ami.names().count("Getvar") == 2 and "Redirect" not in ami.names()
    assert ran.said(f"making the file {switch} stops all that is done")
    assert ran.said(f"outcome failed: the kill switch {switch} is on")
    assert ran.said(f"exec failed: the kill switch {switch} is on")
    assert ran.said("does not send Redirect Channel=PJSIP/a-1") and ran.said("does not do exec /bin/true")


def test_what_waits_to_be_done_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program holds the only place; the other one has not been begun."""
    monkeypatch.setattr("amiflow.live.effects._AT_ONCE", 1)
    switch, gate, ran = tmp_path / "stop", tmp_path / "gate", Ran()
    os.mkfifo(gate)
    recipe = f"""flow holds on start {{ exec ["/bin/cat", "{gate}"] within 1m or ignore }}
flow waits on start {{
  Getvar {{ Variable: "x" }}
  exec ["/bin/true"] within 1m or as e {{ log "exec ${{e.kind}}: ${{e.Message}}" }}
}}"""

    def pull(held: TextIO) -> None:
        with held:
            while not ran.said("exec /bin/true"):
                time.sleep(0.01)
            switch.touch()
            while not ran.said("nothing is sent or done that changes anything"):
                time.sleep(0.01)

    def value(connection: Connection, action: Action) -> None:
        held = gate.open("w")  # once the program reads
        threading.Thread(target=pull, args=(held,)).start()
        connection.answer(action, "Success", "Variable: x", "Value: 1")

    with scripted(answering(Getvar=value)) as ami:
        go(ran, ami, switch, recipe)
    assert ran.status == 0 and ran.said("does not do exec /bin/true")
    assert ran.said(f"exec failed: the kill switch {switch} is on")


def test_nothing_begins_as_long_as_it_is_on(tmp_path: Path) -> None:
    switch, ran = tmp_path / "stop", Ran()
    switch.touch()

    def start(connection: Connection, _: Action) -> None:
        connection.say("Event: UserEvent", "Privilege: user,all", "UserEvent: Go", "Key: 1")
        while not ran.said(f"moves (recipe.flow:2) the kill switch {switch} is on"):
            time.sleep(0.01)
        switch.unlink()
        while not ran.said("is off again"):
            time.sleep(0.01)
        connection.say("Event: UserEvent", "Privilege: user,all", "UserEvent: Go", "Key: 2")

    def value(connection: Connection, action: Action) -> None:
        connection.answer(action, "Success", "Variable: x", "Value: 1")
        stop_with(signal.SIGTERM)

    recipe = """userevent Go { Key: text }
flow moves on UserEvent Go as u { Getvar { Variable: digits(u.Key) } }"""
    with scripted(answering(login=start, Getvar=value)) as ami:
        go(ran, ami, switch, recipe)
    assert [action["Variable"] for action in ami.seen if action["Action"] == "Getvar"] == ["2"]


def test_a_recipe_of_on_start_alone_that_could_not_begin_is_no_success(tmp_path: Path) -> None:
    switch, ran = tmp_path / "stop", Ran()
    switch.touch()
    with scripted(answering()) as ami:
        go(ran, ami, switch)
    assert ran.status == 1 and "Getvar" not in ami.names()
