"""The simulated PBX against what Asterisk 22 does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiflow.tools.pbx import exchange
from amiflow.tools.pbx.actions import ACTIONS
from amiflow.tools.pbx.pbx import APPLICATIONS
from amiflow.tools.pbx.schedule import Schedule, Sleep, Thread
from amiflow.tools.scenario import APPLICATIONS as KNOWN
from support.bench import Bench, Told
from support.properties import examples

# --- a call and its bridge --------------------------------------------------------------------------------------------


def test_dial_joins_two_local_channels_in_a_basic_bridge() -> None:
    bench = Bench()
    assert bench.originate("Local/800@default", ChannelId="a")["Message"] == "Originate successfully queued"
    assert bench.names("Local/800@default-00000000;2") == [
        "Newchannel",
        "Newexten",
        "DialBegin",
        "DialEnd",
        "Newstate",
        "BridgeEnter",
    ]
    one, two = bench.told("BridgeEnter")
    assert (one["Channel"], two["Channel"]) == ("Local/1234@default-00000001;1", "Local/800@default-00000000;2")
    assert (one["BridgeNumChannels"], two["BridgeNumChannels"]) == ("1", "2")
    assert one["BridgeUniqueid"] == two["BridgeUniqueid"] == bench.told("BridgeCreate")[0]["BridgeUniqueid"]
    assert {event["Linkedid"] for event in bench.events if "Linkedid" in event} == {"a"}
    assert bench.told("OriginateResponse")[0].items() >= {"Response": "Success", "Reason": "4", "Uniqueid": "a"}.items()


def test_the_second_uniqueid_of_a_local_call_follows_the_first() -> None:
    bench = Bench()
    bench.originate("Local/1234@default", ChannelId="a")
    bench.originate("Local/1234@default", ChannelId="b", OtherChannelId="c")
    assert [event["Uniqueid"] for event in bench.told("Newchannel")] == ["a", "a;2", "b", "c"]


def test_both_legs_redirected_reach_the_conference_and_nobody_is_hung_up() -> None:
    bench = Bench()
    bench.originate("Local/800@default")
    one, two = bench.legs()
    bench.events.clear()
    answer = bench.act("Redirect", 1, Channel=one, ExtraChannel=two, Context="default", Exten="680", Priority="1")
    assert answer["Message"] == "Dual Redirect successful"
    for leg in (one, two):
        assert bench.names(leg) == ["Newexten", "BridgeLeave", "Newexten", "BridgeEnter", "ConfbridgeJoin"]
    assert not bench.told("Hangup")
    assert len(bench.told("BridgeDestroy")) == 1
    assert {row["Channel"] for row in bench.rows("ConfbridgeList", Conference="680")[:-1]} == {one, two}
    moved = bench.told("Newexten", Channel=one)[0]
    assert (moved["Exten"], moved["Application"]) == ("680", "AppDial")  # priority 1 is told of the old application


@pytest.mark.parametrize("moves", [0, 1])
def test_one_leg_redirected_leaves_the_other_hung_up_with_cause_16(moves: int) -> None:
    bench = Bench()
    bench.originate("Local/800@default")
    legs = bench.legs()
    bench.act("Redirect", 1, Channel=legs[moves], Context="default", Exten="680", Priority="1")
    assert [event["Channel"] for event in bench.told("ConfbridgeJoin")] == [legs[moves]]
    assert bench.told("Hangup", Channel=legs[1 - moves])[0]["Cause"] == "16"


def test_the_extra_channel_may_have_a_target_of_its_own() -> None:
    bench = Bench()
    bench.originate("Local/800@default")
    one, two = bench.legs()
    extra = {"ExtraContext": "default", "ExtraExten": "600", "ExtraPriority": "1"}
    bench.act("Redirect", 1, Channel=one, ExtraChannel=two, Context="default", Exten="680", Priority="1", **extra)
    assert [event["Channel"] for event in bench.told("ConfbridgeJoin")] == [one]
    assert bench.told("Newexten", Channel=two, Application="Echo")


def test_a_redirect_to_nowhere_succeeds_and_then_hangs_both_up() -> None:
    bench = Bench()
    bench.originate("Local/800@default")
    one, two = bench.legs()
    answer = bench.act("Redirect", 1, Channel=one, ExtraChannel=two, Context="default", Exten="99999", Priority="1")
    assert answer["Response"] == "Success"
    for leg in (one, two):
        assert bench.told("Hangup", Channel=leg)[0].items() >= {"Cause": "16", "Exten": "99999"}.items()
    assert not bench.pbx.exchange.channels


def test_a_hangup_hands_its_cause_to_the_other_half_only() -> None:
    bench = Bench()
    bench.originate("Local/800@default", ChannelId="a")
    assert bench.act("Hangup", 1, Channel="a;2", Cause="17")["Message"] == "Channel Hungup"
    causes = {event["Channel"]: (event["Cause"], event["Cause-txt"]) for event in bench.told("Hangup")}
    busy, normal = ("17", "User busy"), ("16", "Normal Clearing")
    assert causes == {
        "Local/800@default-00000000;1": busy,
        "Local/800@default-00000000;2": busy,
        "Local/1234@default-00000001;1": normal,
        "Local/1234@default-00000001;2": normal,
    }


def test_hangup_by_pattern_lists_what_it_hung_up() -> None:
    bench = Bench()
    bench.originate("Local/1234@default", exten="600")
    *rows, end = bench.rows("Hangup", Channel="/^Local/")
    bench.pass_time(1)
    assert [row.name for row in rows] == ["ChannelHungup", "ChannelHungup"]
    assert end.items() >= {"Event": "ChannelsHungupListComplete", "ListItems": "2"}.items()
    assert not bench.pbx.exchange.channels


# --- outcomes of Originate --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channel", "reason", "dial_status"),
    [
        ("Local/busy@default", "5", "BUSY"),
        ("Local/congestion@default", "8", "CONGESTION"),
        ("Local/noanswer@default", "3", None),
        ("Local/nowhere@default", "0", None),
        ("PJSIP/carol", "0", "BUSY"),
        ("PJSIP/erin", "0", "CONGESTION"),
        ("PJSIP/dave", "3", None),
        ("PJSIP/nobody", "0", None),
        ("Foo/bar", "0", None),
    ],
)
def test_a_call_that_fails_says_why(channel: str, reason: str, dial_status: str | None) -> None:
    bench = Bench()
    bench.originate(channel, seconds=20, Timeout="1500")
    (response,) = bench.told("OriginateResponse")
    assert (
        response.items()
        >= {"Response": "Failure", "Reason": reason, "Channel": channel, "Uniqueid": "<unknown>"}.items()
    )
    assert [event["DialStatus"] for event in bench.told("DialEnd")] == ([dial_status] if dial_status else [])
    assert not bench.pbx.exchange.channels


def test_an_endpoint_rings_and_answers() -> None:
    bench = Bench()
    bench.originate("PJSIP/bob", seconds=2)
    name = "PJSIP/bob-00000000"
    assert bench.names(name)[:4] == ["Newchannel", "Newexten", "Newstate", "Newstate"]
    assert [event["ChannelStateDesc"] for event in bench.told("Newstate", Channel=name)] == ["Ringing", "Up"]
    assert [event["State"] for event in bench.told("DeviceStateChange", Device="PJSIP/bob")] == ["RINGING", "INUSE"]


def test_a_uniqueid_in_use_is_refused() -> None:
    bench = Bench()
    bench.originate("Local/1234@default", ChannelId="a")
    bench.originate("Local/1234@default", ChannelId="a")
    assert [event["Response"] for event in bench.told("OriginateResponse")] == ["Success", "Failure"]


def test_originate_without_async_answers_when_the_call_is_decided() -> None:
    bench = Bench()
    asked = {"Context": "default", "Exten": "1234", "Priority": "1"}
    assert bench.ask("Originate", Channel="PJSIP/bob", **asked) is None
    assert bench.late == []
    bench.pass_time(2)
    assert bench.ask("Originate", Channel="PJSIP/carol", **asked) is None
    bench.pass_time(2)
    assert [dict(one.response)["Message"] for one in bench.late] == [
        "Originate successfully queued",
        "Originate failed",
    ]
    assert not bench.told("OriginateResponse")


def test_originate_runs_an_application_and_hangs_up() -> None:
    bench = Bench()
    head = {"Channel": "Local/1234@default", "Application": "Wait", "Data": "1", "Async": "true"}
    bench.act("Originate", 2, CallerID="\"Bob 'x'\" <55>", Variable="A=1,B=2", Account="acc", **head)
    (response,) = bench.told("OriginateResponse")
    assert response.items() >= {"Application": "Wait", "Data": "1", "CallerIDNum": "55"}.items()
    assert bench.told("NewCallerid")[0].items() >= {"CallerIDName": "Bob \\'x\\'", "AccountCode": "acc"}.items()
    assert not bench.pbx.exchange.channels


def test_originate_reads_its_variables_and_caller_as_asterisk_does() -> None:
    bench = Bench()
    head = {"Channel": "Local/1234@default", "ChannelId": "a", "Application": "Wait", "Data": "9", "Async": "true"}
    variables = r'A=x\,y,B="q,r",C=\"s\",CALLERID(name)=Ann'
    bench.act("Originate", CallerID=r'"Bob \"B\"" <0049 (30) 1-2>', Variable=variables, **head)
    values = [bench.act("Getvar", Channel="a", Variable=name)["Value"] for name in "ABC"]
    assert values == ["x,y", "q,r", '"s"']
    told = [(one["CallerIDName"], one["CallerIDNum"]) for one in bench.told("NewCallerid", Uniqueid="a")]
    assert told == [("Ann", "<unknown>"), (r"Bob \"B\"", "00493012")]


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({}, "Channel not specified"),
        ({"Channel": "Foo"}, "Invalid channel"),
        ({"Channel": "Local/1", "Priority": "x"}, "Invalid priority"),
        ({"Channel": "Local/1", "Timeout": "x"}, "Invalid timeout"),
        ({"Channel": "Local/1", "ChannelId": "x" * 150}, "Uniqueid length exceeds maximum of 149\n"),
        ({"Channel": "Local/1", "Context": "default", "Exten": "no", "Priority": "1"}, "Extension does not exist."),
        ({"Channel": "Local/1", "Context": "default", "Priority": "1", "Async": "true"}, "Extension does not exist."),
        ({"Channel": "Local/1", "Application": "Wait", "Exten": "1234", "Priority": "1"}, "Extension does not exist."),
        ({"Channel": "Local/1"}, "Originate with 'Exten' requires 'Context' and 'Priority'"),
    ],
)
def test_originate_refuses_in_asterisks_words(headers: dict[str, str], words: str) -> None:
    assert Bench().act("Originate", **headers).items() >= {"Response": "Error", "Message": words}.items()


_PLACE = {"Channel": "Local/1234@default-00000000;1", "Context": "default", "Exten": "680", "Priority": "1"}
_OTHER = {"ExtraChannel": "Local/1234@default-00000000;2", "ExtraContext": "default"}


@pytest.mark.parametrize(
    ("action", "headers", "words"),
    [
        ("Redirect", {**_PLACE, **_OTHER}, "ExtraExten not specified"),
        ("Redirect", {**_PLACE, **_OTHER, "ExtraExten": "6"}, "ExtraPriority not specified"),
        ("Redirect", {**_PLACE, **_OTHER, "ExtraExten": "6", "ExtraPriority": "0"}, "ExtraPriority is invalid"),
        ("Redirect", {**_PLACE, "ExtraChannel": "Local/none-1;1"}, "ExtraChannel does not exist: Local/none-1;1"),
        ("Redirect", {**_PLACE, "Channel": "Local/none-1;1"}, "Channel does not exist: Local/none-1;1"),
        ("Redirect", {**_PLACE, "Channel": ""}, "Channel not specified"),
        ("Redirect", {**_PLACE, "Context": ""}, "Context not specified"),
        ("Redirect", {**_PLACE, "Exten": ""}, "Exten not specified"),
        ("Redirect", {**_PLACE, "Priority": ""}, "Priority not specified"),
        ("Redirect", {**_PLACE, "Priority": "nolabel"}, "Priority is invalid"),
        ("Redirect", {**_PLACE, "Priority": "0"}, "Priority is invalid"),
        ("Hangup", {}, "No channel specified"),
        ("Hangup", {"Channel": "x"}, "No such channel"),
        ("Status", {"Channel": "x"}, "No such channel"),
        ("Getvar", {"Channel": "x", "Variable": "A"}, "No such channel"),
        ("Getvar", {}, "No variable specified"),
        ("Setvar", {"Channel": "x", "Variable": "A"}, "No such channel"),
        ("Setvar", {"Value": "1"}, "No variable specified"),
        ("Bridge", {"Channel1": "x"}, "Missing channel parameter in request"),
        ("Bridge", {"Channel1": "x", "Channel2": "y"}, "Channel1 does not exist: x"),
        ("ConfbridgeList", {}, "No Conference name provided."),
        ("ConfbridgeList", {"Conference": "9"}, "No active conferences."),
        ("Hangup", {"Channel": "/Local"}, "Regex format invalid, Channel param should be /regex/"),
        ("Hangup", {"Channel": "/(/"}, "Regex compile failed on: /(/"),
        ("ConfbridgeListRooms", {}, "No active conferences."),
        ("BridgeInfo", {}, "BridgeUniqueid must be provided"),
        ("BridgeInfo", {"BridgeUniqueid": "x"}, "Specified BridgeUniqueid not found"),
        ("Command", {}, "No command provided"),
    ],
)
def test_refusals_are_in_asterisks_words(action: str, headers: dict[str, str], words: str) -> None:
    bench = Bench()
    bench.originate("Local/1234@default")
    assert bench.act(action, **headers).items() >= {"Response": "Error", "Message": words}.items()


# --- more of the dialplan ---------------------------------------------------------------------------------------------


def test_dial_rings_several_and_the_first_to_answer_wins() -> None:
    bench = Bench(extensions={"default": {"9": ["Dial(PJSIP/dave&PJSIP/bob,20)", "Hangup()"]}})
    bench.originate("Local/9@default", seconds=3)
    assert {event["DestChannel"]: event["DialStatus"] for event in bench.told("DialEnd", DialStatus="CANCEL")} == {
        "PJSIP/dave-00000000": "CANCEL"
    }
    assert bench.legs()[0] == "PJSIP/bob-00000001"
    assert bench.told("Hangup", Channel="PJSIP/dave-00000000")[0]["Cause-txt"] == "Answered elsewhere"


def test_dial_gives_up_and_goes_on() -> None:
    bench = Bench(
        extensions={"default": {"9": ["Dial(PJSIP/dave,3)", "UserEvent(Gave,Up: ${DIALSTATUS})", "Hangup()"]}}
    )
    bench.originate("Local/9@default", seconds=5)
    assert bench.told("DialEnd", DestChannel="PJSIP/dave-00000000")[0]["DialStatus"] == "NOANSWER"
    assert bench.told("UserEvent")[0].items() >= {"UserEvent": "Gave", "Up": "NOANSWER"}.items()


def test_a_caller_who_gives_up_cancels_the_dial() -> None:
    bench = Bench(calls=[{"from": "PJSIP/alice", "to": "dave", "hangs_up_after": "3s"}])
    bench.pass_time(5)
    assert [event["DialStatus"] for event in bench.told("DialEnd")] == ["CANCEL"]
    assert [(event["Channel"][:11], event["Cause"]) for event in bench.told("Hangup")] == [
        ("PJSIP/dave-", "127"),
        ("PJSIP/alice", "127"),
    ]


def test_a_caller_who_was_answered_hangs_up_normally() -> None:
    bench = Bench(calls=[{"from": "PJSIP/alice", "to": "bob", "hangs_up_after": "3s"}])
    bench.pass_time(5)
    assert [event["Cause"] for event in bench.told("Hangup")] == ["16", "16"]


def test_a_call_to_nowhere_never_becomes_a_channel() -> None:
    bench = Bench(calls=[{"from": "PJSIP/alice", "to": "nowhere"}])
    bench.pass_time(5)
    assert not bench.events


def test_a_caller_by_sip_is_refused_as_busy_at_once() -> None:
    bench = Bench(calls=[{"from": "PJSIP/alice", "to": "busy"}])
    bench.pass_time(1)
    assert bench.names("PJSIP/alice-00000000")[-4:] == ["Newstate", "HangupRequest", "SoftHangupRequest", "Hangup"]
    assert bench.told("Hangup")[0]["Cause"] == "17"


@pytest.mark.parametrize(
    ("dialled", "reason", "cause"),
    [("PJSIP/carol", "5", "17"), ("PJSIP/erin", "8", "34"), ("PJSIP/nobody", "8", "34"), ("Local/nowhere", "8", "34")],
)
def test_where_the_dialplan_ends_a_caller_hears_what_became_of_the_dial(dialled: str, reason: str, cause: str) -> None:
    bench = Bench(extensions={"default": {"9": [f"Dial({dialled})"]}})
    bench.originate("Local/9@default", seconds=20)
    assert bench.told("OriginateResponse")[0]["Reason"] == reason
    end = bench.told("Hangup", Channel="Local/9@default-00000000;2")[0]
    assert (end["Cause"], end["ChannelStateDesc"], end["Priority"]) == (cause, "Busy", "2")
    assert len(bench.told("Newexten", Channel=end["Channel"])) == 1


@pytest.mark.parametrize(("timeout", "responses"), [("0", 0), ("-1", 0), ("1x", 1)])
def test_without_a_time_an_originate_rings_for_ever(timeout: str, responses: int) -> None:
    bench = Bench()
    bench.originate("Local/noanswer@default", seconds=500, Timeout=timeout)
    assert len(bench.told("OriginateResponse")) == responses


def test_without_an_extension_a_local_call_goes_where_it_was_dialled() -> None:
    bench = Bench()
    bench.act("Originate", 2, Channel="Local/1234@default", Async="true")
    assert {event["Application"] for event in bench.told("Newexten", Exten="1234", Priority="2")} == {"Wait"}
    assert len(bench.pbx.exchange.channels) == 2


def test_a_tone_of_busy_is_no_cause_for_who_was_answered() -> None:
    bench = Bench(extensions={"default": {"9": ["Answer()", "Busy(1)"]}})
    bench.originate("Local/9@default", seconds=3)
    assert bench.told("Hangup", Channel="Local/9@default-00000000;2")[0]["Cause"] == "0"


def test_who_was_answered_hears_ten_seconds_of_it() -> None:
    bench = Bench(extensions={"default": {"9": ["Answer()", "Dial(PJSIP/carol)"]}})
    bench.originate("Local/1234@default", exten="9", seconds=9)
    assert not bench.told("Hangup", Channel="Local/1234@default-00000000;1")
    bench.pass_time(5)
    assert bench.told("Hangup", Channel="Local/1234@default-00000000;1")


def test_a_local_channel_to_nowhere_is_told_who_calls_it() -> None:
    bench = Bench(extensions={"default": {"9": ["Dial(Local/nowhere@default)", "Hangup()"]}})
    bench.originate("Local/9@default")
    assert bench.names("Local/nowhere@default-00000001;2") == ["Newchannel", "NewConnectedLine", "Hangup"]


def test_patterns_and_variables() -> None:
    steps = ["Set(ROOM=${EXTEN:2})", "UserEvent(Went,Room: ${ROOM},Last: ${EXTEN:-1},Cut: ${EXTEN:1:2})"]
    bench = Bench(extensions={"default": {"_9X[3-5].": steps}})
    bench.originate("Local/92345@default")
    assert bench.told("UserEvent")[0].items() >= {"Room": "345", "Last": "5", "Cut": "23"}.items()
    bench.originate("Local/9265@default")
    assert len(bench.told("UserEvent")) == 1


def test_a_user_event_of_the_dialplan_keeps_colons_and_loses_quotes() -> None:
    bench = Bench()
    bench.originate("Local/event@default")
    (event,) = bench.told("UserEvent")
    assert event.items() >= {"UserEvent": "Laboratory", "Room": "680", "Pin": "0042", "Empty": ""}.items()
    assert event["Note"] == f"a: b = c {event['Channel']}"


def test_variables_are_set_told_escaped_and_read_back() -> None:
    bench = Bench()
    bench.originate("Local/1234@default", ChannelId="a")
    bench.act("Setvar", Channel="a", Variable="FOO", Value="b\"a'r\\")
    assert bench.told("VarSet", Variable="FOO")[0]["Value"] == "b\\\"a\\'r\\\\"
    assert bench.act("Getvar", Channel="a", Variable="FOO")["Value"] == "b\"a'r\\"
    bench.act("Setvar", Variable="G", Value="1")
    assert bench.told("VarSet", Variable="G")[0].items() >= {"Channel": "none", "Uniqueid": "none"}.items()
    assert bench.act("Getvar", Variable="G")["Value"] == bench.act("Getvar", Variable="GLOBAL(G)")["Value"] == "1"
    bench.act("Setvar", Channel="a", Variable="CHANNEL(language)", Value="de")
    assert bench.act("Getvar", Channel="a", Variable="CHANNEL(language)")["Value"] == "de"
    assert not bench.told("VarSet", Value="de")
    bench.act("Setvar", Channel="a", Variable="CALLERID(num)", Value="77")
    assert bench.told("NewCallerid")[0]["CallerIDNum"] == "77"


def test_who_is_called_inherits_variables_with_underscores() -> None:
    bench = Bench(extensions={"default": {"9": ["Set(__DEEP=1)", "Set(_ONCE=2)", "Set(OWN=3)", "Dial(Local/800)"]}})
    bench.originate("Local/9@default")
    called, next_called = "Local/800@default-00000001;1", "Local/1234@default-00000002;1"
    assert [bench.act("Getvar", Channel=called, Variable=name)["Value"] for name in ("DEEP", "ONCE", "OWN")] == [
        "1",
        "2",
        "",
    ]
    assert [bench.act("Getvar", Channel=next_called, Variable=name)["Value"] for name in ("DEEP", "ONCE")] == ["1", ""]
    assert {event["Channel"] for event in bench.told("VarSet", Variable="__DEEP")} >= {called, next_called}


def test_blanks_belong_to_the_names_of_variables() -> None:
    bench = Bench()
    bench.originate("Local/1234@default", ChannelId="a", Variable="A=1, B=2,C,=3")
    assert {event["Variable"] for event in bench.told("VarSet", Uniqueid="a")} == {"A", " B"}


def test_a_conference_counts_its_announcer() -> None:
    bench = Bench()
    bench.originate("Local/1234@default", exten="680", ChannelId="a")
    bench.originate("Local/1234@default", exten="680", ChannelId="b")
    assert [event["BridgeNumChannels"] for event in bench.told("BridgeEnter")] == ["2", "3"]
    assert {event["Linkedid"] for event in bench.told("ConfbridgeJoin")} == {"a", "b"}
    assert bench.act("ConfbridgeList", Conference="9")["Message"] == "No Conference by that name found."
    bench.act("Hangup", 1, Channel="a")
    bench.act("Hangup", 1, Channel="b")
    assert [event["BridgeNumChannels"] for event in bench.told("BridgeLeave")] == ["2", "1"]
    assert [event["Cause"] for event in bench.told("Hangup", Uniqueid="a")] == ["16"]
    order = [event.name for event in bench.events if event.get("BridgeName") == "680"]
    assert order[:2] == ["BridgeCreate", "ConfbridgeStart"]
    assert order[-2:] == ["ConfbridgeEnd", "BridgeDestroy"]


def test_bridge_joins_two_calls_and_the_one_left_goes_on_in_the_dialplan() -> None:
    bench = Bench()
    for uniqueid in ("a", "b"):
        bench.originate("Local/1234@default", ChannelId=uniqueid)
    assert bench.act("Bridge", 1, Channel1="a", Channel2="b")["Message"] == "Channels have been bridged"
    enters = bench.told("BridgeEnter")
    assert [(event["Uniqueid"], event["Linkedid"], event["Priority"]) for event in enters] == [
        ("a", "a", "3"),
        ("b", "a", "3"),
    ]
    bench.act("Hangup", 1, Channel="b")
    assert bench.told("Newexten", Uniqueid="a")[-1].items() >= {"Application": "Hangup", "Priority": "3"}.items()


def test_bridge_takes_nobody_out_of_a_conference() -> None:
    bench = Bench()
    bench.originate("Local/1234@default", exten="680", ChannelId="a")
    bench.originate("Local/1234@default", ChannelId="b")
    answer = bench.act("Bridge", 1, Channel1="a", Channel2="b")
    assert answer["Message"] == "Unable to add Channel1 to bridge: Local/1234@default-00000000;1"
    assert not bench.told("BridgeLeave")


def test_bridge_takes_legs_out_of_their_bridges() -> None:
    bench = Bench()
    bench.originate("Local/800@default")
    first = bench.legs()
    bench.originate("Local/800@default")
    second = bench.legs()
    bench.act("Bridge", 1, Channel1=first[0], Channel2=second[0])
    assert set(bench.legs()) == {first[0], second[0]}
    assert {event["Channel"] for event in bench.told("Hangup")} >= {first[1], second[1]}
    assert len(bench.pbx.exchange.bridges) == 1


def test_a_bridge_that_nobody_is_left_to_enter_goes() -> None:
    bench = Bench()
    for uniqueid in ("a", "b"):
        bench.originate("Local/1234@default", ChannelId=uniqueid)
    bench.ask("Bridge", Channel1="a", Channel2="b")
    for uniqueid in ("a", "b"):  # both hang up before their threads come to it
        channel = bench.pbx.exchange.find(uniqueid)
        assert channel is not None
        bench.pbx.exchange.other_end_hung_up(channel, 16)
    bench.pass_time(1)
    assert len(bench.told("BridgeDestroy")) == 1
    assert not bench.told("BridgeEnter")


# --- queues -----------------------------------------------------------------------------------------------------------


def test_a_queue_calls_its_member_and_connects_the_caller() -> None:
    bench = Bench()
    bench.originate("Local/700@default")
    wanted = ("QueueCallerJoin", "AgentCalled", "QueueCallerLeave", "AgentConnect", "BridgeCreate", "BridgeEnter")
    assert [event.name for event in bench.events if event.name in wanted] == [*wanted, "BridgeEnter"]
    assert bench.told("QueueCallerJoin")[0].items() >= {"Queue": "support", "Position": "1", "Count": "1"}.items()
    assert bench.told("AgentConnect")[0].items() >= {"Interface": "Local/1234@default", "HoldTime": "0"}.items()
    bench.pass_time(3)
    bench.act("Hangup", 1, Channel=bench.legs()[0])
    assert bench.told("AgentComplete")[0]["Reason"] == "agent"
    params, member, *_ = bench.rows("QueueStatus", Queue="support")
    assert (params["Completed"], member["CallsTaken"]) == ("1", "1")


def test_the_members_of_a_queue_who_were_too_slow_are_cancelled_twice() -> None:
    queues = {"both": ["PJSIP/dave", "Local/1234@default"]}
    bench = Bench(queues=queues, extensions={"default": {"9": ["Answer()", "Queue(both)"]}})
    bench.originate("Local/9@default", seconds=3)
    slow = bench.told("DialEnd", DestChannel="PJSIP/dave-00000000")
    assert [event["DialStatus"] for event in slow] == ["CANCEL", "CANCEL"]
    assert bench.told("Hangup", Channel="PJSIP/dave-00000000")[0]["Cause"] == "26"


def test_a_caller_who_is_redirected_out_of_a_queue_abandons_it_at_the_new_place() -> None:
    bench = Bench()
    bench.originate("Local/710@default", ChannelId="a")
    bench.events.clear()
    bench.act("Redirect", 1, Channel="a;2", Context="default", Exten="600", Priority="1")
    told = ("Newexten", "QueueCallerAbandon", "QueueCallerLeave", "Newexten")
    assert tuple(event.name for event in bench.events if event.get("Uniqueid") == "a;2" and event.name in told) == told
    assert bench.told("Newexten")[0].items() >= {"Exten": "600", "Application": "Queue"}.items()


def test_a_queue_that_does_not_exist_says_so() -> None:
    bench = Bench(extensions={"default": {"9": ["Queue(nope)", "UserEvent(Left,Why: ${QUEUESTATUS})"]}})
    bench.originate("Local/9@default")
    assert bench.told("UserEvent")[0]["Why"] == "UNKNOWN"


def test_a_caller_who_leaves_a_queue_is_abandoned() -> None:
    bench = Bench()
    bench.originate("Local/710@default", ChannelId="a")
    entry = bench.rows("QueueStatus", Queue="waiting")[1]
    assert (
        entry.items() >= {"Event": "QueueEntry", "Uniqueid": "a;2", "Position": "1", "CallerIDNum": "unknown"}.items()
    )
    bench.act("Hangup", 1, Channel="a")
    assert [event.name for event in bench.events if event.name.startswith("QueueCaller")] == [
        "QueueCallerJoin",
        "QueueCallerAbandon",
        "QueueCallerLeave",
    ]
    assert bench.rows("QueueSummary", Queue="waiting")[0]["Callers"] == "0"


def test_a_member_who_does_not_answer_is_tried_again() -> None:
    bench = Bench(queues={"sales": ["PJSIP/dave"]}, extensions={"default": {"9": ["Answer()", "Queue(sales)"]}})
    bench.originate("Local/9@default", seconds=25)
    assert len(bench.told("AgentCalled")) == 2
    assert bench.told("AgentRingNoAnswer")[0]["RingTime"] == "15000"


def test_a_caller_loses_patience_and_the_dialplan_goes_on() -> None:
    steps = ["Answer()", "Queue(sales,,,,8)", "UserEvent(Gone,Why: ${QUEUESTATUS})"]
    bench = Bench(queues={"sales": ["PJSIP/dave"]}, extensions={"default": {"9": steps}})
    bench.originate("Local/9@default", seconds=10)
    assert bench.told("UserEvent")[0]["Why"] == "TIMEOUT"
    assert bench.told("QueueCallerAbandon")[0]["HoldTime"] == "8"


# --- lists and commands -----------------------------------------------------------------------------------------------


def test_lists_show_what_there_is() -> None:
    bench = Bench()
    bench.originate("Local/800@default", ChannelId="a", Variable="X=1")
    assert [row.get("Channel") for row in bench.rows("CoreShowChannels")][:-1] == list(bench.pbx.exchange.channels)
    (status, end) = bench.rows("Status", Channel="a;2", Variables="X,NONE")
    assert status.items() >= {"Privilege": "Call", "Application": "Dial", "Seconds": "1"}.items()
    assert end.items() >= {"Event": "StatusComplete", "Items": "1"}.items()
    (bridge, _) = bench.rows("BridgeList")
    assert bridge["BridgeNumChannels"] == "2"
    assert len(bench.rows("BridgeInfo", BridgeUniqueid=bridge["BridgeUniqueid"])) == 3
    assert bench.act("CoreStatus").items() >= {"CoreCurrentCalls": "3", "CoreProcessedCalls": "3"}.items()
    assert bench.act("CoreSettings")["AMIversion"] == "11.0.0"


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("core show version", "Asterisk 22."),
        ("core show channels", "4 active channels"),
        ("core show channels concise", "Local/800@default-00000000;1!default!1234!2!Up!Wait!600!!!!3!1!!"),
        ("core show channels count", "3 active calls"),
        ("core show calls", "3 calls processed"),
        ("core show uptime", "System uptime: 1 seconds"),
        ("bridge show all", "simple_bridge"),
        ("confbridge list", "Conference Bridge Name"),
        ("confbridge list 9", "No conference bridge named '9' found!"),
        ("channel request hangup nobody", "nobody is not a known channel"),
        ("channel request hangup all", "Requested Hangup on channel 'Local/800@default-00000000;1'"),
    ],
)
def test_commands(command: str, line: str) -> None:
    bench = Bench()
    bench.originate("Local/800@default")
    answer = bench.ask("Command", Command=command)
    assert answer is not None
    assert answer.response[:2] == (("Response", "Success"), ("Message", "Command output follows"))
    assert any(line in value for _, value in answer.response[2:])


def test_an_unknown_command_is_an_error_with_output() -> None:
    answer = Bench().act("Command", Command="blah")
    words = "No such command 'blah' (type 'core show help blah' for other possible commands)"
    assert answer == {"Response": "Error", "Message": "Command output follows", "Output": words}


# --- the scenario -----------------------------------------------------------------------------------------------------


def test_a_scenario_plays_its_calls_and_ends_when_all_is_still() -> None:
    bench = Bench(calls=[{"at": "1s", "from": "PJSIP/alice", "to": "bob"}])
    bench.pass_time(0.5)
    assert not bench.told("Newchannel")
    assert not bench.pbx.ended
    bench.pass_time(3)
    assert {name.partition("-")[0] for name in bench.legs()} == {"PJSIP/alice", "PJSIP/bob"}
    assert (
        bench.told("Newchannel")[0].items() >= {"CallerIDNum": "101", "CallerIDName": "Alice", "Exten": "bob"}.items()
    )
    bench.pass_time(30)
    assert bench.pbx.ended


def test_a_scenario_that_says_when_it_ends_waits_for_nothing() -> None:
    bench = Bench(ends="10s")
    bench.originate("Local/1234@default", exten="600")
    assert not bench.pbx.ended
    bench.pass_time(10)
    assert bench.pbx.ended


def test_an_endpoint_hangs_up_after_its_time() -> None:
    bench = Bench(endpoints={"PJSIP/bob": {"hangs_up_after": "10s"}}, calls=[{"from": "PJSIP/alice", "to": "bob"}])
    bench.pass_time(30)
    assert not bench.pbx.exchange.channels
    assert bench.pbx.ended


def test_a_dialplan_that_dials_itself_stops_at_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "MOST_CHANNELS", 200)
    bench = Bench(extensions={"default": {"loop": ["Dial(Local/loop@default)"]}})
    bench.originate("Local/loop@default", seconds=1)
    assert len(bench.told("Newchannel")) == 200
    assert not bench.pbx.exchange.channels


def test_every_application_that_a_scenario_may_name_exists() -> None:
    assert set(APPLICATIONS) == set(KNOWN)


def test_the_actions_of_the_simulated_pbx() -> None:
    assert set(ACTIONS) >= {"Originate", "Redirect", "Hangup", "Bridge", "Status", "CoreShowChannels", "QueueStatus"}


# --- time -------------------------------------------------------------------------------------------------------------


def test_sleepers_wake_in_the_order_of_their_times_and_a_wake_up_cancels_the_timer() -> None:
    schedule, seen, thing = Schedule(0.0), [], object()

    def sleeper(name: str, until: float | None) -> Thread:
        yield Sleep((thing,) if name == "woken" else (), until)
        seen.append((name, schedule.now))

    for name, until in (("late", 3.0), ("early", 1.0), ("woken", 2.0)):
        schedule.spawn(sleeper(name, until))
    schedule.run(0.0)
    assert schedule.deadline() == 1.0
    schedule.wake(thing)
    schedule.run(5.0)
    assert seen == [("woken", 0.0), ("early", 1.0), ("late", 3.0)]
    assert schedule.deadline() is None


# --- whatever comes ---------------------------------------------------------------------------------------------------

_EXTENS = st.sampled_from(
    ["680", "681", "1234", "600", "700", "710", "800", "810", "busy", "noanswer", "short", "bob", "dave", "no"]
)
_TARGETS = st.one_of(
    _EXTENS.map("Local/{}@default".format), st.sampled_from(["PJSIP/bob", "PJSIP/carol", "PJSIP/dave", "X/y"])
)
_PICK = st.integers(0, 30)
_STEPS = st.one_of(
    st.tuples(st.just("originate"), _TARGETS, _EXTENS),
    st.tuples(st.just("redirect"), _PICK, _EXTENS),
    st.tuples(st.just("both"), _PICK, _PICK, _EXTENS),
    st.tuples(st.just("bridge"), _PICK, _PICK),
    st.tuples(st.just("hangup"), _PICK, st.integers(0, 40)),
    st.tuples(st.just("wait"), st.floats(0, 20)),
)


def _name(bench: Bench, number: object) -> str:
    names = list(bench.pbx.exchange.channels)
    return names[int(str(number)) % len(names)] if names else "nobody"


def _do(bench: Bench, step: tuple[object, ...]) -> None:
    place = {"Context": "default", "Exten": str(step[-1]), "Priority": "1"}
    match step:
        case ("originate", target, _):
            bench.act("Originate", Channel=str(target), Async="true", Timeout="9000", **place)
        case ("redirect", one, _):
            bench.act("Redirect", Channel=_name(bench, one), **place)
        case ("both", one, two, _):
            bench.act("Redirect", Channel=_name(bench, one), ExtraChannel=_name(bench, two), **place)
        case ("bridge", one, two):
            bench.act("Bridge", Channel1=_name(bench, one), Channel2=_name(bench, two))
        case ("hangup", one, cause):
            bench.act("Hangup", Channel=_name(bench, one), Cause=str(cause))
        case ("wait", float(seconds)):
            bench.pass_time(seconds)


class _Judge:
    """Replays the events and objects to what no Asterisk would tell."""

    def __init__(self) -> None:
        self.alive: set[str] = set()
        self.dead: set[str] = set()
        self.bridges: dict[str, list[str]] = {}
        self.gone: set[str] = set()

    def hear(self, event: Told) -> None:
        channel, bridge = event.get("Channel", ""), event.get("BridgeUniqueid", "")
        match event.name:
            case "Newchannel":
                assert channel not in self.alive | self.dead
                self.alive.add(channel)
            case "Hangup":
                self.alive.remove(channel)
                self.dead.add(channel)
                assert not any(channel in members for members in self.bridges.values())
            case "BridgeCreate":
                assert bridge not in self.bridges
                self.bridges[bridge] = []
            case "BridgeEnter":
                assert not any(channel in members for members in self.bridges.values())
                self.bridges[bridge].append(channel)
                self._count(event)
            case "BridgeLeave":
                self.bridges[bridge].remove(channel)
                self._count(event)
            case "BridgeDestroy":
                assert self.bridges.pop(bridge) == []
                assert event["BridgeNumChannels"] == "0"
                self.gone.add(bridge)
        if event.name not in ("Hangup", "OriginateResponse", "VarSet") and channel:
            assert channel in self.alive, event
        assert bridge not in self.gone or event.name == "BridgeDestroy"

    def _count(self, event: Told) -> None:
        announcer = event["BridgeType"] == "base"
        assert int(event["BridgeNumChannels"]) == len(self.bridges[event["BridgeUniqueid"]]) + announcer


def _consistent(bench: Bench, judge: _Judge) -> None:
    exchange = bench.pbx.exchange
    assert set(exchange.channels) == judge.alive
    assert {name: [one.name for one in bridge.members] for name, bridge in exchange.bridges.items()} == judge.bridges
    for bridge in exchange.bridges.values():
        linkedids = {member.linkedid for member in bridge.members}
        assert bridge.kind == "base" or len(linkedids) <= 1
        assert all(member.bridge is bridge for member in bridge.members)


@examples(15)
@given(st.lists(_STEPS, max_size=25))
def test_whatever_is_asked_the_events_stay_consistent(steps: list[tuple[object, ...]]) -> None:
    bench, judge, heard = Bench(), _Judge(), 0
    for step in [*steps, ("wait", 0.5)]:
        _do(bench, step)
        for event in bench.events[heard:]:
            judge.hear(event)
        heard = len(bench.events)
        _consistent(bench, judge)
    bench.act("Command", Command="channel request hangup all")
    bench.pass_time(60)
    exchange = bench.pbx.exchange
    assert not exchange.channels
    assert not exchange.bridges
    assert not exchange.rooms
    assert not any(queue.entries for queue in exchange.queues.values())
    assert {event["State"] for event in bench.told("DeviceStateChange")} <= {"INUSE", "NOT_INUSE", "RINGING"}
    assert all(state == "NOT_INUSE" for state in exchange.devices.values())
