"""Brakes on a real server: a flow that goes round in circles through the dialplan, and calls dialled at once."""

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from support.amiflow_process import ROOT, Amiflow
from support.lab import calls
from support.lab.server import AsteriskServer
from support.plain_ami import PlainAmi

Run = Callable[[str, str], Amiflow]

CIRCLE = """
    flow bounces on ConfbridgeJoin as j where j.Conference == "680" {
      Redirect { Channel: j.Channel Context: "default" Exten: "700" Priority: 1 }
    }
    flow returns on QueueCallerJoin as q {
      Redirect { Channel: q.Channel Context: "default" Exten: "680" Priority: 1 }
    }
"""
DIALLER = """
    userevent Dial { Number: text }
    flow dials on UserEvent Dial as u {
      Originate { Channel: "Local/noanswer@default" Application: "Wait" Data: "1" Timeout: 20s } or as e {
        log "${u.Number}: ${e.kind}"
        stop
      }
    }
"""


@pytest.fixture
def run(asterisk: AsteriskServer, tmp_path: Path) -> Run:
    """Begins to run a recipe under these limits; it sees events when this returns."""

    def begin(text: str, limits: str) -> Amiflow:
        config, recipe = tmp_path / "amiflow.yaml", tmp_path / "recipe.flow"
        address = f"host: 127.0.0.1\n    port: {asterisk.ami_port}"
        server = f"servers:\n  lab:\n    {address}\n    username: amiflow\n    secret: {asterisk.secret}\n"
        config.write_text(f"{server}limits: {limits}\n")
        config.chmod(0o600)
        recipe.write_text(textwrap.dedent(text))
        robot = Amiflow(str(recipe), "--config", str(config), cwd=ROOT)
        robot.wait("ready")
        return robot

    return begin


def test_a_circle_through_the_dialplan_is_stopped_and_named(run: Run, judge: PlainAmi) -> None:
    with run(CIRCLE, "{loop_rounds: 3}") as robot:
        calls.originate(judge, "Local/680@default", "600")
        (stopped,) = robot.wait("loop", "it keeps starting itself, 3 times")
        assert ": bounces > returns > bounces (ConfbridgeJoin Channel=Local/680@default" in stopped["text"]
        sent = robot.seen("sent", "sends Redirect")
        assert len(sent) == 6
        # A later call goes as far: the flow is held from its own doing alone.
        before = len(robot.seen("flow-started"))
        calls.originate(judge, "Local/680@default", "600")
        robot.wait("loop", "within the last minute")
        assert len(robot.seen("flow-started")) > before


def test_calls_are_dialled_so_many_at_once(run: Run, judge: PlainAmi) -> None:
    with run(DIALLER, "{calls_dialled_at_once: 2}") as robot:
        for number in range(4):
            judge.action("UserEvent", UserEvent="Dial", Number=str(number))
        robot.wait("braked", "2 calls are being dialled")
        judge.until(lambda: len(judge.seen("Newchannel", Exten="noanswer")) >= 2 or None, "two calls")
        assert len(robot.seen("sent", "sends Originate")) == 2
        for row in judge.listing("CoreShowChannels"):
            judge.action("Hangup", Channel=row.Channel)
        robot.wait("sent", "sends Originate", 4)
