"""The live picture of a real server, against what the same server lists to a plain connection."""

from collections.abc import Callable

import pytest

from support.amiflow_process import Amiflow
from support.lab import calls
from support.lab.calls import BridgedCall
from support.lab.server import AsteriskServer
from support.plain_ami import PlainAmi

Run = Callable[[str], Amiflow]
MakeCall = Callable[[], BridgedCall]

SHOWS = """
    task shows() {
      for c in pbx.channels { log "channel ${c.Channel} ${c.Uniqueid} ${c.Linkedid} ${c.ChannelStateDesc}" }
      for b in pbx.bridges { for c in b.channels { log "bridge ${b.BridgeUniqueid} ${c.Channel}" } }
      for c in conference("680").members { log "member ${c.Channel}" }
      for q in ["support", "waiting", "nowhere"] { log "queue ${q} ${queue(q).available} ${queue(q).waiting}" }
      for d in ["Custom:lamp", "Custom:never"] { log "device ${d} ${device(d).State}" }
      log "shown"
    }
"""
AT_START = f"{SHOWS} flow begins on start {{ shows() }}"
WHEN_ASKED = f"""{SHOWS} flow asked on UserEvent as u where u.UserEvent == "Show" {{ shows() }}"""


@pytest.fixture
def run(robot: Run) -> Run:
    return robot


def shown(robot: Amiflow, kind: str) -> list[str]:
    """What the recipe has logged of this kind, the last time that it showed the picture."""
    said = [line["text"] for line in robot.seen("log")]
    assert said[-1] == "shown"
    begin = max((place for place, text in enumerate(said[:-1], 1) if text == "shown"), default=0)
    return sorted(text.removeprefix(f"{kind} ") for text in said[begin:] if text.startswith(f"{kind} "))


def show(robot: Amiflow, judge: PlainAmi, times: int = 1) -> None:
    """Has the picture shown as it is after all that the judge has seen."""
    judge.action("UserEvent", UserEvent="Show")
    robot.wait("log", "shown", times)


def channels(judge: PlainAmi) -> list[str]:
    rows = judge.listing("CoreShowChannels")
    return sorted(f"{row.Channel} {row.Uniqueid} {row.Linkedid} {row.ChannelStateDesc}" for row in rows)


def bridges(judge: PlainAmi) -> list[str]:
    ids = [row.BridgeUniqueid for row in judge.listing("BridgeList")]
    inside = ((one, row) for one in ids for row in judge.listing("BridgeInfo", BridgeUniqueid=one))
    return sorted(f"{one} {row.Channel}" for one, row in inside)


def queues(judge: PlainAmi) -> list[str]:
    rows = judge.listing("QueueSummary")
    return sorted(f"{row.Queue} {row.Available} {row.Callers}" for row in rows if row.Queue in ("support", "waiting"))


def devices(judge: PlainAmi) -> list[str]:
    return [f"{row.Device} {row.State}" for row in judge.listing("DeviceStateList") if row.Device == "Custom:lamp"]


def assert_is_as_listed(robot: Amiflow, judge: PlainAmi) -> None:
    assert shown(robot, "channel") == channels(judge)
    assert shown(robot, "bridge") == bridges(judge)
    assert shown(robot, "member") == sorted(calls.members(judge))
    assert shown(robot, "queue") == sorted(["nowhere - -", *queues(judge)])
    assert shown(robot, "device") == sorted(["Custom:never -", *devices(judge)])


def lamp(judge: PlainAmi, state: str) -> None:
    judge.action("Setvar", Variable="DEVICE_STATE(Custom:lamp)", Value=state)


def make_busy(judge: PlainAmi, bridged_call: MakeCall) -> None:
    """A call of two, one in a conference, one who waits in a queue, and a lamp that is on; all are up at the end."""
    lamp(judge, "NOT_INUSE")
    lamp(judge, "INUSE")
    bridged_call()
    for exten in ("680", "710"):
        calls.originate(judge, f"Local/{exten}@default", "600")
    judge.wait("ConfbridgeJoin", Conference="680")
    judge.wait("QueueCallerJoin", Queue="waiting")
    judge.wait("DeviceStateChange", Device="Custom:lamp", State="INUSE")
    judge.wait("QueueMemberStatus", Queue="support", Status="2")
    judge.until(lambda: all_up(judge) or None, "channels that are all up")


def all_up(judge: PlainAmi) -> bool:
    up = {event.Uniqueid for event in judge.seen("Newstate", ChannelStateDesc="Up")}
    return up == {event.Uniqueid for event in judge.seen("Newchannel")}


def test_the_first_picture_is_what_the_server_lists(run: Run, judge: PlainAmi, bridged_call: MakeCall) -> None:
    make_busy(judge, bridged_call)
    with run(AT_START) as robot:
        robot.wait("log", "shown")
        assert len(shown(robot, "channel")) == 8 and len(shown(robot, "bridge")) == 3
        assert_is_as_listed(robot, judge)


def test_events_keep_the_picture_as_the_server_lists_it(run: Run, judge: PlainAmi, bridged_call: MakeCall) -> None:
    with run(WHEN_ASKED) as robot:
        make_busy(judge, bridged_call)
        show(robot, judge)
        assert len(shown(robot, "channel")) == 8 and shown(robot, "device") == ["Custom:lamp INUSE", "Custom:never -"]
        assert_is_as_listed(robot, judge)
        everyone = {event.Uniqueid for event in judge.seen("Newchannel")}
        place = len(judge.events)
        judge.command("channel request hangup all")
        judge.until(lambda: {one.Uniqueid for one in judge.seen("Hangup")} == everyone or None, "everyone's end")
        judge.wait("ConfbridgeEnd", place, Conference="680")
        judge.wait("QueueMemberStatus", place, Queue="support", Status="1")
        show(robot, judge, times=2)
        assert shown(robot, "channel") == shown(robot, "bridge") == shown(robot, "member") == []
        assert_is_as_listed(robot, judge)


@pytest.mark.parametrize("first", [0, 1], ids=["the older first", "the younger first"])
def test_two_calls_that_are_bridged_are_one_call(run: Run, judge: PlainAmi, first: int) -> None:
    with run(WHEN_ASKED) as robot:
        names = []
        for _ in range(2):
            own = calls.originate(judge, "Local/1234@default/n")
            names.append(judge.wait("OriginateResponse", Uniqueid=own).Channel)
        judge.action("Bridge", Channel1=names[first], Channel2=names[1 - first])
        judge.until(lambda: len(judge.seen("BridgeEnter")) == 2 or None, "both in a bridge")
        judge.until(lambda: all_up(judge) or None, "channels that are all up")
        show(robot, judge)
        older = judge.seen("Newchannel")[0].Uniqueid
        assert [row.Linkedid for row in judge.listing("CoreShowChannels")].count(older) == 3
        assert_is_as_listed(robot, judge)


def test_the_picture_is_taken_again_after_a_restart(
    run: Run, asterisk: AsteriskServer, judge: PlainAmi, bridged_call: MakeCall
) -> None:
    with run(f"{WHEN_ASKED} flow again on reconnect {{ shows() }}") as robot:
        make_busy(judge, bridged_call)
        show(robot, judge)
        asterisk.kill()
        asterisk.start()
        robot.wait("log", "shown", times=2)
        assert shown(robot, "channel") == shown(robot, "bridge") == shown(robot, "member") == []
        with asterisk.connect() as anew:
            assert_is_as_listed(robot, anew)


def test_a_flow_waits_until_the_picture_is_so(run: Run, judge: PlainAmi) -> None:
    text = """
        flow steps on start {
          wait until len(conference("680").members) == 2 within 30s or fail "not two"
          log "two are in"
          wait until (queue("waiting").waiting ?? 0) == 1 within 30s or fail "none waits"
          log "one waits"
          wait until device("Custom:lamp").State == "RINGING" within 30s or fail "it does not ring"
          log "it rings"
        }
    """
    lamp(judge, "NOT_INUSE")
    with run(f"{text} {WHEN_ASKED}") as robot:
        calls.originate(judge, "Local/680@default", "600")
        judge.wait("ConfbridgeJoin", Conference="680")
        show(robot, judge)
        assert len(shown(robot, "member")) == 1 and not robot.seen("log", "two are in")
        calls.originate(judge, "Local/680@default", "600")
        robot.wait("log", "two are in")
        assert len(calls.members(judge)) == 2 and not robot.seen("log", "one waits")
        calls.originate(judge, "Local/710@default", "600")
        robot.wait("log", "one waits")
        assert len(judge.listing("QueueStatus", Queue="waiting")) == 2  # its params, and the caller
        lamp(judge, "RINGING")
        robot.wait("log", "it rings")
        robot.wait("flow-ended", "done")
