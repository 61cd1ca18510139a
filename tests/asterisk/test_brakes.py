"""Brakes on a real server: a flow that goes round in circles through the dialplan, and calls dialled at once."""

from collections.abc import Callable

from support.amiflow_process import Amiflow
from support.lab import calls
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
LAMP = """
    flow lamp on DeviceStateChange as d where d.Device == "Custom:lamp" {
      Setvar { Variable: "DEVICE_STATE(Custom:lamp)" Value: choose(d.State == "INUSE", "NOT_INUSE", "INUSE") }
    }
    flow tells on VarSet as v where v.Variable == "SEEN" and not ours(v) {
      Setvar { Variable: "SEEN" Value: "told" }
    }
"""
AGAIN = """
    flow again on DialEnd as d where d.DialStatus == "BUSY" {
      Originate { Channel: "Local/busy@default" Application: "Wait" Data: "1" } or ignore
    }
    flow other on DialEnd as d where d.DialStatus == "BUSY" and not ours(d) { log "somebody was busy" }
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


def test_a_circle_through_the_dialplan_is_stopped_and_named(robot: Run, judge: PlainAmi) -> None:
    with robot(CIRCLE, "limits: {loop_rounds: 3}\n") as running:
        calls.originate(judge, "Local/680@default", "600")
        (stopped,) = running.wait("loop", "it keeps starting itself, 3 times")
        assert ": bounces > returns > bounces (ConfbridgeJoin Channel=Local/680@default" in stopped["text"]
        sent = running.seen("sent", "sends Redirect")
        assert len(sent) == 6
        # A later call goes as far: the flow is held from its own doing alone.
        before = len(running.seen("flow-started"))
        calls.originate(judge, "Local/680@default", "600")
        running.wait("loop", "within the last minute")
        assert len(running.seen("flow-started")) > before


def test_a_lamp_that_switches_itself_is_stopped_and_what_is_set_is_ours(robot: Run, judge: PlainAmi) -> None:
    with robot(LAMP, "limits: {loop_rounds: 3}\n") as running:
        judge.action("Setvar", Variable="SEEN", Value="once")
        for state in ("NOT_INUSE", "INUSE"):  # one of the two is a change
            judge.action("Setvar", Variable="DEVICE_STATE(Custom:lamp)", Value=state)
        running.wait("loop", "it keeps starting itself, 3 times")
        assert [event.Value for event in judge.seen("VarSet", Variable="SEEN")] == ["once", "told"]


def test_a_flow_that_dials_whoever_is_busy_is_stopped(robot: Run, judge: PlainAmi) -> None:
    with robot(AGAIN, "limits: {loop_rounds: 3}\n") as running:
        calls.originate(judge, "Local/busy@default", "600")
        running.wait("loop", "it keeps starting itself, 3 times")
        assert len(running.seen("sent", "sends Originate")) == 3
        assert len(running.seen("log", "somebody was busy")) == 1


def test_calls_are_dialled_so_many_at_once(robot: Run, judge: PlainAmi) -> None:
    with robot(DIALLER, "limits: {calls_dialled_at_once: 2}\n") as running:
        for number in range(4):
            judge.action("UserEvent", UserEvent="Dial", Number=str(number))
        running.wait("braked", "2 calls are being dialled")
        judge.until(lambda: len(judge.seen("Newchannel", Exten="noanswer")) >= 2 or None, "two calls")
        assert len(running.seen("sent", "sends Originate")) == 2
        for row in judge.listing("CoreShowChannels"):
            judge.action("Hangup", Channel=row.Channel)
        running.wait("sent", "sends Originate", 4)
