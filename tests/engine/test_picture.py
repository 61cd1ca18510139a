"""The live picture: what events and lists make of it, and when it is taken."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from amiflow.ami.message import Message
from amiflow.engine.effects import Answered, Sent, Withdraw
from amiflow.engine.picture import Picture
from amiflow.plan.expressions import Field, Look
from amiflow.plan.model import Needs, Plan, WaitUntil
from amiflow.plan.picture import PARTS
from amiflow.plan.triggers import OnRun
from support.machines import Bench, event
from support.plans import call, const, eq, expr, flow, log, on, plan, seconds, span, start


def look(what: Any, key: Any = None) -> Look:
    return Look(what, None if key is None else expr(key), span())


def channel(name: str, own: str, **more: str) -> Message:
    return event("Newchannel", Channel=name, Uniqueid=own, Linkedid="l", **more)


def entered(bridge: str, name: str, own: str) -> Message:
    return event("BridgeEnter", BridgeUniqueid=bridge, BridgeType="basic", Channel=name, Uniqueid=own, Linkedid="l")


def left(bridge: str, name: str, own: str) -> Message:
    return event("BridgeLeave", BridgeUniqueid=bridge, BridgeType="basic", Channel=name, Uniqueid=own, Linkedid="l")


def heard(*events: Message) -> Picture:
    picture = Picture(PARTS)
    for one in events:
        picture.hear(one)
    return picture


def names(things: Sequence[dict[str, str]]) -> list[str]:
    return [thing["Channel"] for thing in things]


A, B, C = ("PJSIP/a-1", "1.1"), ("PJSIP/b-1", "1.2"), ("PJSIP/c-1", "1.3")


def test_a_channel_is_found_by_name_and_by_uniqueid() -> None:
    picture = heard(channel(*A, ChannelState="4"), event("Newstate", Channel=A[0], Uniqueid=A[1], ChannelState="6"))
    assert picture.look("channel", A[0]) == picture.look("channel", A[1])
    assert picture.look("channel", A[0])["ChannelState"] == "6"
    assert picture.look("channel", B[0]) is None


def test_a_renamed_channel_has_its_present_name() -> None:
    picture = heard(channel(*A), event("Rename", Channel=A[0], Newname="PJSIP/x-9", Uniqueid=A[1]))
    assert picture.look("channel", A[1])["Channel"] == "PJSIP/x-9"
    assert picture.look("channel", A[0]) is None and picture.look("channel", "PJSIP/x-9") is not None


def test_a_name_that_went_to_another_channel_stays_there() -> None:
    picture = heard(channel(*A), channel(*B), event("Rename", Channel=B[0], Newname=A[0], Uniqueid=B[1]))
    picture.hear(event("Hangup", Channel=A[0], Uniqueid=A[1]))
    assert picture.look("channel", A[0])["Uniqueid"] == B[1]


def test_a_peer_is_the_only_other_channel_of_the_bridge() -> None:
    picture = heard(entered("x", *A))
    assert picture.look("peer", A[0]) is None
    picture.hear(entered("x", *B))
    assert picture.look("peer", A[0])["Channel"] == B[0]
    picture.hear(entered("x", *C))
    assert picture.look("peer", A[0]) is None
    assert names(picture.look("bridge_of", A[0])["channels"]) == [A[0], B[0], C[0]]


def test_a_channel_is_in_the_bridge_that_it_entered_last() -> None:
    picture = heard(entered("x", *A), entered("y", *A), left("x", *A))
    assert picture.look("bridge_of", A[0])["BridgeUniqueid"] == "y"
    picture.hear(event("BridgeDestroy", BridgeUniqueid="y"))
    assert picture.look("bridge_of", A[0]) is None and len(picture.look("pbx", "")["bridges"]) == 1


def test_calls_that_share_a_basic_bridge_are_one_call() -> None:
    def enters(kind: str, name: str, own: str, linked: str) -> Message:
        return event("BridgeEnter", BridgeUniqueid="x", BridgeType=kind, Channel=name, Uniqueid=own, Linkedid=linked)

    picture = heard(enters("basic", *B, "younger"), enters("basic", *A, "older"))
    assert names(picture.look("call", "older")["channels"]) == [B[0], A[0]]
    picture = heard(enters("base", *B, "younger"), enters("base", *A, "older"))  # a conference
    assert names(picture.look("call", "older")["channels"]) == [A[0]]


def test_a_channel_that_hangs_up_is_nowhere_any_more() -> None:
    joined = event("ConfbridgeJoin", Conference="680", Channel=A[0], Uniqueid=A[1], Linkedid="l")
    picture = heard(entered("x", *A), entered("x", *B), joined, event("Hangup", Channel=A[0], Uniqueid=A[1]))
    assert picture.look("conference", "680")["members"] == ()
    assert names(picture.look("call", "l")["channels"]) == names(picture.look("pbx", "")["channels"]) == [B[0]]


@pytest.mark.parametrize("name", ["Newstate", "NewCallerid", "NewConnectedLine", "NewAccountCode"])
def test_what_is_told_of_a_channel_after_its_end_does_not_bring_it_back(name: str) -> None:
    """Asterisk 16 sends such events, of a connected line that another thread was about to change."""
    late = event(name, Channel=A[0], Uniqueid=A[1], Linkedid="l", ChannelState="6", CallerIDNum="821")
    picture = heard(channel(*A), event("Hangup", Channel=A[0], Uniqueid=A[1]), late)
    assert picture.look("channel", A[0]) is None and picture.look("pbx", "")["channels"] == ()


def test_a_conference_has_members_until_they_leave_or_it_ends() -> None:
    def joins(name: str, own: str) -> Message:
        return event("ConfbridgeJoin", Conference="Room", Channel=name, Uniqueid=own)

    picture = heard(joins(*A), joins(*B), event("ConfbridgeLeave", Conference="Room", Channel=A[0], Uniqueid=A[1]))
    assert names(picture.look("conference", "room")["members"]) == [B[0]]
    picture.hear(event("ConfbridgeEnd", Conference="Room"))
    assert picture.look("conference", "Room")["members"] == ()


@pytest.mark.parametrize(
    ("status", "paused", "available"),
    [("1", "0", 1), ("0", "0", 1), ("1", "1", 0), ("2", "0", 0), ("6", "0", 0), ("5", "0", 0)],
)
def test_a_member_is_available_as_queue_summary_counts(status: str, paused: str, available: int) -> None:
    told = event("QueueMemberStatus", Queue="q", Interface="PJSIP/1", Status=status, Paused=paused)
    assert heard(told).look("queue", "Q")["available"] == available


def test_callers_of_a_queue_come_and_go() -> None:
    picture = heard(
        event("QueueCallerJoin", Queue="q", Uniqueid="1"), event("QueueCallerJoin", Queue="q", Uniqueid="2")
    )
    picture.hear(event("QueueCallerLeave", Queue="q", Uniqueid="1"))
    assert picture.look("queue", "q")["waiting"] == 1
    assert picture.look("queue", "other")["waiting"] is None


def test_a_removed_member_is_not_available() -> None:
    added = event("QueueMemberAdded", Queue="q", Interface="PJSIP/1", Status="1", Paused="0")
    assert (
        heard(added, event("QueueMemberRemoved", Queue="q", Interface="PJSIP/1")).look("queue", "q")["available"] == 0
    )


def test_the_state_of_a_device_is_the_last_that_was_told() -> None:
    picture = heard(event("DeviceStateChange", Device="PJSIP/1", State="INUSE"))
    assert picture.look("device", "PJSIP/1")["State"] == "INUSE"
    assert picture.look("device", "PJSIP/2")["State"] is None


def test_what_was_handed_out_does_not_change() -> None:
    picture = heard(channel(*A, ChannelState="4"))
    seen = picture.look("channel", A[0])
    picture.hear(event("Newstate", Channel=A[0], Uniqueid=A[1], ChannelState="6"))
    assert seen["ChannelState"] == "4"


def test_lists_replace_what_was_known() -> None:
    picture = heard(entered("x", *A))
    picture.take("CoreShowChannels", "", (event("CoreShowChannel", Channel=B[0], Uniqueid=B[1], BridgeId="y"),))
    picture.take("BridgeList", "", (event("BridgeListItem", BridgeUniqueid="y"),))
    assert names(picture.look("pbx", "")["channels"]) == [B[0]]
    assert picture.look("bridge_of", B[0])["BridgeUniqueid"] == "y" and picture.look("bridge_of", A[0]) is None


# --- in the machine


def pictured(*parts: str, flows: tuple[Any, ...] = (), **options: Any) -> Bench:
    made: Plan = plan(*(flows or (flow("s", start(), log("begun")),)))
    return Bench(replace(made, needs=Needs((), (), "off", parts)), **options)


def listed(bench: Bench, action: str, *rows: Message, **headers: str) -> None:
    send = next(one for one in reversed(bench.sends) if one.headers[0][1] == action)
    bench.give(Sent(send.action_id))
    response = Message.build([("Response", headers.pop("Response", "Success")), *headers.items()])
    bench.give(Answered(send.action_id, response, rows))


def test_flows_at_the_start_come_after_the_whole_picture() -> None:
    bench = pictured("channels", "bridges")
    assert [action["Action"] for action in bench.actions] == ["CoreShowChannels", "BridgeList"]
    listed(bench, "CoreShowChannels")
    assert bench.said == []
    listed(bench, "BridgeList")
    assert bench.said == ["begun"]


def test_conferences_are_asked_for_one_by_one() -> None:
    counted = log(call("len", Field(look("conference", "680"), "members", span())))
    bench = pictured("channels", "conferences", flows=(flow("s", start(), counted),))
    listed(bench, "CoreShowChannels", event("CoreShowChannel", Channel=A[0], Uniqueid=A[1]))
    listed(bench, "ConfbridgeListRooms", event("ConfbridgeListRooms", Conference="680"))
    assert bench.actions[-1] == {"Action": "ConfbridgeList", "Conference": "680"} and bench.said == []
    listed(bench, "ConfbridgeList", event("ConfbridgeList", Channel=A[0], Uniqueid=A[1]))
    assert bench.said == ["1"]


def test_no_conference_is_no_trouble() -> None:
    bench = pictured("conferences")
    listed(bench, "ConfbridgeListRooms", Response="Error", Message="No active conferences.")
    assert bench.said == ["begun"] and not bench.notes("picture-incomplete")


def test_a_list_that_is_refused_is_told_and_the_run_goes_on() -> None:
    bench = pictured("queues")
    listed(bench, "QueueStatus", Response="Error", Message="Permission denied")
    assert bench.said == ["begun"]
    assert bench.notes("picture-incomplete")[0].text.endswith("lacks what QueueStatus lists: Permission denied")


def test_a_list_that_does_not_come_is_waited_for_half_a_minute() -> None:
    bench = pictured("devices")
    bench.advance(29)
    assert bench.said == []
    bench.advance(1)
    assert bench.said == ["begun"] and [type(one) for one in bench.effects].count(Withdraw) == 1
    bench.answer(0)
    assert bench.said == ["begun"]


def test_the_picture_is_taken_again_after_a_gap() -> None:
    bench = pictured("devices")
    bench.lose()
    bench.unanswered("unknown", 0)
    assert bench.said == [] and not bench.notes("picture-incomplete")
    bench.ready()
    listed(bench, "DeviceStateList")
    assert [action["Action"] for action in bench.actions] == ["DeviceStateList"] * 2 and bench.said == ["begun"]


def test_a_server_that_tells_late_that_it_has_booted_is_back_all_the_same() -> None:
    """It is ready a second time then, and the lists of the first are still to come."""
    bench = pictured("devices", flows=(flow("r", OnRun("reconnect", span()), log("back")),))
    listed(bench, "DeviceStateList")
    bench.lose()
    bench.ready()
    bench.ready()
    listed(bench, "DeviceStateList")
    assert bench.said == ["back"]
    bench.ready()
    listed(bench, "DeviceStateList")
    assert bench.said == ["back"]


def test_triggers_see_the_event_in_the_picture() -> None:
    asks = on("BridgeEnter", "b", eq(call("len", Field(look("pbx"), "channels", span())), const(1)))
    bench = pictured("channels", flows=(flow("f", asks, log("first")),))
    listed(bench, "CoreShowChannels")
    for name, own in (A, B):
        bench.event("BridgeEnter", BridgeUniqueid="x", Channel=name, Uniqueid=own)
    assert bench.said == ["first"]


# --- wait until


def is_gone() -> WaitUntil:
    return WaitUntil(eq(look("channel", A[0]), None), seconds(10), None, span())


def waiting() -> Bench:
    bench = pictured("channels", flows=(flow("f", on("Go"), is_gone(), log("gone")),))
    listed(bench, "CoreShowChannels", event("CoreShowChannel", Channel=A[0], Uniqueid=A[1]))
    bench.event("Go")
    return bench


def test_a_condition_is_tested_at_once() -> None:
    bench = pictured("channels", flows=(flow("f", on("Go"), is_gone(), log("gone")),))
    bench.event("Go")
    assert bench.said == ["gone"]


def test_a_condition_is_tested_when_the_picture_changes() -> None:
    bench = waiting()
    bench.event("Hangup", Channel=B[0], Uniqueid=B[1])
    assert bench.said == []
    bench.event("Hangup", Channel=A[0], Uniqueid=A[1])
    assert bench.said == ["gone"]
    bench.advance(11)
    assert bench.ended == [("f", "done")]


def test_a_condition_has_its_time() -> None:
    bench = waiting()
    bench.advance(10)
    assert bench.failures == ["it was not so within 10s"]


def test_a_condition_that_runs_out_across_a_gap_says_so() -> None:
    bench = waiting()
    bench.lose()
    bench.advance(10)
    assert bench.failures == ["it was not so within 10s, but the connection was down meanwhile"]


def test_a_new_snapshot_has_conditions_tested() -> None:
    bench = waiting()
    bench.lose()
    bench.ready()
    listed(bench, "CoreShowChannels")
    assert bench.said == ["gone"]


def test_a_server_that_never_tells_of_an_end_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amiflow.engine.picture.MOST_THINGS", 2)
    run = pictured("channels", "bridges", "queues", "conferences", "devices")
    for number in range(4):
        name, own = f"PJSIP/a-{number}", f"1.{number}"
        run.event("BridgeEnter", BridgeUniqueid=f"b{number}", Channel=name, Uniqueid=own, Linkedid=own)
        run.event("ConfbridgeJoin", Conference=f"{number}", Channel=name, Uniqueid=own, Linkedid=own)
        run.event("QueueCallerJoin", Queue=f"{number}", Uniqueid=own)
        run.event("QueueCallerJoin", Queue="0", Uniqueid=own)
        run.event("DeviceStateChange", Device=f"{number}", State="x")
    picture = run.machine._core.servers["pbx"].picture
    assert picture is not None
    assert [len(picture.look("pbx", "")[kind]) for kind in ("channels", "bridges")] == [2, 2]
    assert [len(one) for one in (picture.queues, picture.rooms, picture.devices, picture.queues["0"].callers)] == [
        2
    ] * 4
    assert (len(run.notes("picture-full")), run.count("picture-full", "")) == (1, 12)
