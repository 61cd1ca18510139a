"""Protected numbers on a real server: extension 810 stands for 112."""

from collections.abc import Callable

import pytest

from support.amiflow_process import Amiflow
from support.lab import calls
from support.plain_ami import PlainAmi

RECIPE = """
    userevent Try { Target: text }
    flow ends on UserEvent Try as u {
      Hangup { Channel: trust(u.Target) } or as e { log "kept ${u.Target}: ${e.kind} ${e.Message}" stop }
      log "ended ${u.Target}"
    }
    userevent Move { Target: text }
    flow moves on UserEvent Move as u {
      Redirect { Channel: trust(u.Target) Context: "default" Exten: "600" Priority: 1 }
        or as e { log "kept ${u.Target}: ${e.kind} ${e.Message}" stop }
      log "moved ${u.Target}"
    }
    userevent Dial { Target: text }
    flow dials on UserEvent Dial as u {
      Originate { Channel: trust("Local/${u.Target}@default") Application: "Wait" Data: "60" Async: true }
        or as e { log "kept ${u.Target}: ${e.kind} ${e.Message}" stop }
      log "dialled ${u.Target}"
    }
    userevent Clear { Target: text }
    flow clears on UserEvent Clear as u allow emergency "the dispatcher asked for it" {
      Hangup { Channel: trust(u.Target) }
      log "cleared ${u.Target}"
    }
"""


@pytest.fixture
def run(robot: Callable[..., Amiflow]) -> Callable[[], Amiflow]:
    """Begins to run the recipe."""
    return lambda: robot(RECIPE, 'emergency: {numbers: ["810"], prefixes: ["0"]}\n')


def ask(judge: PlainAmi, what: str, target: str) -> None:
    judge.action("UserEvent", UserEvent=what, Target=target)


def legs(judge: PlainAmi, linkedid: str) -> set[str]:
    return {row.Channel for row in judge.listing("CoreShowChannels") if row.Linkedid == linkedid}


def emergency_call(judge: PlainAmi) -> tuple[str, set[str]]:
    """A call to the protected number, its Linkedid and its legs, once it rings."""
    linkedid = calls.originate(judge, "Local/810@default", "600")
    judge.wait("Newexten", Linkedid=linkedid, Application="Wait")
    return linkedid, legs(judge, linkedid)


def begin(run: Callable[[], Amiflow], judge: PlainAmi, before: bool) -> tuple[Amiflow, str, set[str]]:
    """The recipe at work, and an emergency call that began before it or began since."""
    if before:
        linkedid, channels = emergency_call(judge)
        return run(), linkedid, channels
    robot = run()
    return robot, *emergency_call(judge)


@pytest.mark.parametrize("before", [True, False], ids=["seen in the list", "seen to begin"])
def test_an_emergency_call_is_neither_ended_nor_moved(
    run: Callable[[], Amiflow], judge: PlainAmi, before: bool
) -> None:
    robot, linkedid, channels = begin(run, judge, before)
    with robot:
        assert len(channels) == 2
        for channel in channels:
            for times, what in enumerate(("Try", "Move"), 1):
                ask(judge, what, channel)
                robot.wait("log", f"kept {channel}: failed {channel} is in an emergency call (810)", times)
        assert legs(judge, linkedid) == channels


def test_other_calls_are_ended_while_there_is_one(run: Callable[[], Amiflow], judge: PlainAmi) -> None:
    with run() as robot:
        linkedid, channels = emergency_call(judge)
        other = calls.bridged_call(judge)
        ask(judge, "Try", other.one.Channel)
        robot.wait("log", f"ended {other.one.Channel}")
        judge.wait("Hangup", Channel=other.one.Channel)
        assert legs(judge, linkedid) == channels


def test_it_is_not_dialled(run: Callable[[], Amiflow], judge: PlainAmi) -> None:
    with run() as robot:
        ask(judge, "Dial", "0810")
        robot.wait("log", "kept 0810: failed it would dial 810")
        ask(judge, "Dial", "1234")
        robot.wait("log", "dialled 1234")
        assert not judge.seen("Newchannel", Exten="0810")


def test_a_flow_that_allows_it_ends_it(run: Callable[[], Amiflow], judge: PlainAmi) -> None:
    with run() as robot:
        _, channels = emergency_call(judge)
        channel = min(channels)
        ask(judge, "Clear", channel)
        robot.wait("log", f"cleared {channel}")
        judge.wait("Hangup", Channel=channel)
