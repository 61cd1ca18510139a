"""Recipes of the library, run as users run them, on real Asterisk servers; the judge is a plain connection. Each run
has the account that `amiflow plan --manager-conf` prints for its recipe, and no more."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support import amiflow_process
from support.accounts import granted, section
from support.amiflow_process import ROOT, Amiflow
from support.lab import calls
from support.lab.calls import BridgedCall
from support.lab.server import AsteriskServer
from support.lab.sip import SipEndpoints
from support.plain_ami import PlainAmi

Run = Callable[..., Amiflow]
MakeCall = Callable[..., BridgedCall]
Ask = Callable[..., Any]


@pytest.fixture
def run(asterisk: AsteriskServer, tmp_path: Path) -> Run:
    """Begins to run a recipe with these params; it sees events when this returns."""

    def begin(recipe: str, **params: str) -> Amiflow:
        path = f"recipes/{recipe}.flow"
        given = [word for name, value in params.items() for word in ("--param", f"{name}={value}")]
        places = (*granted(asterisk, tmp_path, section(path)), "--control", str(tmp_path / "control"))
        robot = Amiflow(path, *given, *places, cwd=ROOT)
        robot.wait("ready")
        return robot

    return begin


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """Gives what runs a signal from a process of its own; the reply."""

    def signal(name: str, **fields: str) -> Any:
        given = [f"{key}={value}" for key, value in fields.items()]
        done = amiflow_process.amiflow("signal", name, *given, "--control", str(tmp_path / "control"))
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return signal


def extension(judge: PlainAmi, exten: str, *steps: tuple[str, str]) -> None:
    """Adds an extension to the dialplan of the running server."""
    for number, (application, data) in enumerate(steps, 1):
        headers = {"Context": "default", "Extension": exten, "Priority": str(number), "Replace": "yes"}
        answer = judge.action("DialplanExtensionAdd", Application=application, ApplicationData=data, **headers)
        assert answer.Response == "Success", answer.Message


def queue_member(judge: PlainAmi, queue: str, interface: str) -> None:
    """Adds a member, who must not be there already, to a queue."""
    judge.action("QueueRemove", Queue=queue, Interface=interface)
    answer = judge.action("QueueAdd", Queue=queue, Interface=interface, MemberName="Anna")
    assert answer.Response == "Success", answer.Message


# --- by hand ----------------------------------------------------------------------------------------------------------


def test_both_legs_go_to_the_conference(run: Run, judge: PlainAmi) -> None:
    with run("both_legs_to_conference") as robot:
        call = calls.bridged_call(judge)
        robot.wait("log", "both legs are in 680")
        assert calls.members(judge) == call.channels


def test_an_extension_is_called(run: Run) -> None:
    with run("manual/call_extension", channel="Local/1234@default") as robot:
        assert robot.end(None) == 0, robot.lines


# --- queues -----------------------------------------------------------------------------------------------------------


def test_a_caller_waits_too_long(run: Run, judge: PlainAmi) -> None:
    with run("queues/caller_waits_too_long", queue="waiting", patience="2s", exten="1234") as robot:
        uniqueid = calls.originate(judge, "Local/710@default")
        joined = judge.wait("QueueCallerJoin", Queue="waiting")
        robot.wait("log", "goes to 1234")
        left = judge.wait("QueueCallerLeave", Uniqueid=joined.Uniqueid)
        judge.wait("Newexten", Uniqueid=left.Uniqueid, Extension="1234")
        assert uniqueid == joined.Linkedid


def test_overflow_rescue(run: Run, judge: PlainAmi) -> None:
    calls.originate(judge, "Local/710@default")
    joined = judge.wait("QueueCallerJoin", Queue="waiting")
    with run("queues/overflow_rescue", queue="waiting", exten="1234") as robot:
        robot.wait("log", f"{joined.Channel} goes from waiting to 1234")
        judge.wait("Newexten", Uniqueid=joined.Uniqueid, Extension="1234")


def test_an_abandoned_caller_is_called_back(run: Run, judge: PlainAmi) -> None:
    extension(judge, "waiting", ("Answer", ""), ("Wait", "60"))
    extension(judge, "+49301234567", ("Answer", ""), ("Wait", "60"))
    extension(judge, "711", ("Set", "CALLERID(num)=030 1234567"), ("Goto", "default,710,1"))
    params = {"at_least": "0s", "pause": "1s", "context": "default", "agents": "default"}
    with run("queues/call_back_abandoned", **params) as robot:
        calls.originate(judge, "Local/711@default")
        joined = judge.wait("QueueCallerJoin", Queue="waiting")
        judge.action("Hangup", Channel=joined.Channel)
        robot.wait("log", "an agent calls +49301234567 back")
        judge.wait("Newexten", Extension="+49301234567")


# --- agents -----------------------------------------------------------------------------------------------------------


def test_an_agent_is_paused_after_missed_calls(run: Run, judge: PlainAmi) -> None:
    queue_member(judge, "waiting", "Local/busy@default")
    with run("agents/pause_after_missed_calls", often="1") as robot:
        calls.originate(judge, "Local/710@default")
        robot.wait("log", "Anna missed 1 calls of waiting and is paused")
        judge.wait("QueueMemberPause", Interface="Local/busy@default", Paused="1", PausedReason="missed")
    judge.action("QueueRemove", Queue="waiting", Interface="Local/busy@default")


# --- presence ---------------------------------------------------------------------------------------------------------


def test_the_lamp_follows_do_not_disturb(run: Run, judge: PlainAmi) -> None:
    judge.command("presencestate change CustomPresence:1001 dnd")
    with run("presence/dnd_lamp") as robot:
        judge.wait("DeviceStateChange", Device="Custom:dnd-1001", State="INUSE")
        judge.command("presencestate change CustomPresence:1001 available")
        robot.wait("log", "1001: available")
        judge.wait("DeviceStateChange", Device="Custom:dnd-1001", State="NOT_INUSE")


# --- recording --------------------------------------------------------------------------------------------------------


def test_record_by_rule(run: Run, judge: PlainAmi, sip_call: MakeCall) -> None:
    with run("recording/record_by_rule", recorded='["PJSIP/caller"]') as robot:
        call = sip_call()
        started = judge.wait("MixMonitorStart")
        assert started.Channel in call.channels
        robot.wait("log", f"{started.Channel} is recorded in amiflow/")
        assert len(judge.seen("MixMonitorStart")) == 1


def test_the_recording_is_silent_while_a_card_is_read_out(run: Run, judge: PlainAmi, bridged_call: MakeCall) -> None:
    channel = bridged_call().one.Channel
    judge.action("MixMonitor", Channel=channel, File="card.wav")
    with run("recording/card_payment_pause") as robot:
        judge.action("UserEvent", UserEvent="CardPayment", State="begin", Target=channel)
        robot.wait("log", "the recording is silent")
        judge.wait("MixMonitorMute", Channel=channel, State="1")
        judge.action("UserEvent", UserEvent="CardPayment", State="end", Target=channel)
        judge.wait("MixMonitorMute", Channel=channel, State="0")
        robot.wait("flow-ended", "done")


def test_a_channel_without_a_recording_is_hung_up_rather_than_left_unmuted(
    run: Run, judge: PlainAmi, bridged_call: MakeCall
) -> None:
    channel = bridged_call().one.Channel
    with run("recording/card_payment_pause") as robot:
        judge.action("UserEvent", UserEvent="CardPayment", State="begin", Target=channel)
        robot.wait("log", "the recording ends")
        judge.wait("Hangup", Channel=channel)


# --- conferences ------------------------------------------------------------------------------------------------------


def test_a_call_goes_to_a_conference_and_back(run: Run, judge: PlainAmi, bridged_call: MakeCall) -> None:
    extension(judge, "lounge", ("Answer", ""), ("Wait", "10"))
    call = bridged_call()
    with run("conference/call_to_conference_undo") as robot:
        judge.action("UserEvent", UserEvent="ToConference", Target=call.one.Channel)
        robot.wait("log", "are in conference 680")
        assert calls.members(judge) == call.channels
        place = len(judge.events)
        judge.action("UserEvent", UserEvent="Undo", Target=call.one.Channel)
        robot.wait("log", "are alone again")
        for channel in call.channels:
            judge.wait("BridgeEnter", place, Channel=channel, BridgeType="basic")
        assert calls.members(judge) == set()


def test_a_crash_bridge_of_three(run: Run, judge: PlainAmi) -> None:
    people = '["Local/1234@default", "Local/600@default", "Local/1234@default", "Local/noanswer@default"]'
    with run("conference/crash_bridge", people=people) as robot:
        judge.action("UserEvent", UserEvent="Crash", Room="680")
        robot.wait("log", "3 are in conference 680")
        robot.wait("flow-ended", "done")
        judge.until(lambda: len(calls.members(judge)) == 3 or None, "three members")
        judge.until(lambda: [e for e in judge.seen("Hangup") if "noanswer" in e.Channel] or None, "the fourth's end")
        assert len(calls.members(judge)) == 3


# --- watching ---------------------------------------------------------------------------------------------------------


def test_stuck_channels_are_hung_up(run: Run, judge: PlainAmi, bridged_call: MakeCall) -> None:
    call = bridged_call()
    calls.originate(judge, "Local/680@default", "600")
    meeting = judge.wait("ConfbridgeJoin", Conference="680").Channel
    with run("watch/stuck_channel_reaper", longest="1s", period="2s", left_alone="[ConfBridge, Echo]") as robot:
        for channel in call.channels:
            judge.wait("Hangup", Channel=channel)
        robot.wait("flow-ended", "done", times=2)
        assert calls.members(judge) == {meeting}


def test_the_longest_talk_time(run: Run, judge: PlainAmi, bridged_call: MakeCall) -> None:
    with run("watch/longest_talk_time", longest="4s", warn_for="2s") as robot:
        call = bridged_call()
        robot.wait("log", "have 2s left")
        # What is played on one half of a Local channel is heard at the other half, where the telephone would be.
        judge.until(lambda: len(judge.seen("DTMFEnd", Digit="A", Direction="Received")) == 2 or None, "two tones")
        for channel in call.channels:
            judge.wait("Hangup", Channel=channel)
        robot.wait("flow-ended", "stopped")


def test_toll_fraud_is_cut_off(run: Run, judge: PlainAmi, sip: SipEndpoints) -> None:
    with run("security/toll_fraud", often="2", expensive='["85*"]') as robot:
        first = sip.call(judge)
        second = sip.dial(judge)  # it may be cut off before it is answered
        robot.wait("log", "PJSIP/caller dialled 85")
        judge.wait("DeviceStateChange", Device="Custom:blocked-caller", State="INUSE")
        for channel in (*first.channels, second.Channel):
            judge.wait("Hangup", Channel=channel)


# --- calls ------------------------------------------------------------------------------------------------------------


def test_on_hold_too_long(run: Run, judge: PlainAmi, sip_call: MakeCall) -> None:
    with run("calls/on_hold_too_long", patience="1s") as robot:
        call = sip_call("holder.xml")
        held = judge.wait("Hold").Channel
        assert held in call.channels
        robot.wait("log", "on hold for too long, reminder 1")
        robot.wait("sent", "sends Originate Channel=PJSIP/caller")


def test_a_failed_transfer_comes_back(run: Run, judge: PlainAmi, sip_call: MakeCall) -> None:
    extension(judge, "away", ("Dial", "Local/busy@default"), ("Wait", "5"))
    extension(judge, "callee", ("Answer", ""), ("Wait", "60"))
    with run("calls/transfer_rescue") as robot:
        call = sip_call()
        caller, callee = sorted(call.channels, key=lambda name: "callee" in name)
        judge.action("BlindTransfer", Channel=callee, Exten="away", Context="default")
        robot.wait("log", f"{caller} goes back to callee")
        judge.wait("Newexten", Channel=caller, Extension="callee")


def test_a_click_calls_the_agent_and_then_the_customer(run: Run, ask: Ask, judge: PlainAmi) -> None:
    extension(judge, "+49301234567", ("Answer", ""), ("Wait", "60"))
    with run("calls/click_to_call", tech="Local", agents='["1234@default", "busy@default"]') as robot:
        answer = ask("click", agent="1234@default", number="030 1234567")
        assert answer == {"ok": True, "number": "+49301234567"}
        robot.wait("log", "1234@default calls +49301234567")
        customer = judge.wait("Newexten", Extension="+49301234567", Application="Wait").Channel
        assert customer.startswith("Local/1234@default-") and len(judge.seen("OriginateResponse")) == 1
        place = len(judge.events)
        assert ask("click", agent="busy@default", number="030 1234567") == {"ok": False, "why": "busy"}
        assert ask("click", agent="600@default", number="030 1234567") == {"ok": False, "why": "no such agent"}
        assert ask("click", agent="1234@default", number="nobody") == {"ok": False, "why": "no number"}
        tried = [event.Channel for event in judge.events[place:] if event.Event == "Newchannel"]
        assert tried and all(name.startswith("Local/busy@default-") for name in tried)


def test_a_supervisor_listens_whispers_and_joins(run: Run, ask: Ask, judge: PlainAmi, bridged_call: MakeCall) -> None:
    params = {"tech": "Local", "agents": '["1234@default"]', "supervisors": '["600@default"]'}
    with run("calls/listen_whisper_barge", **params) as robot:
        asked = {"supervisor": "600@default", "agent": "1234@default"}
        assert ask("spy", **asked, how="listen") == {"ok": False, "why": "no call"}
        assert ask("spy", **asked | {"supervisor": "800@default"}, how="listen") == {"ok": False, "why": "not allowed"}
        bridged_call()
        # The signal and the events of the call come by different ways: the first signals may be ahead of them.
        replies = (ask("spy", **asked, how="listen") for _ in range(20))
        assert next(one for one in replies if one != {"ok": False, "why": "no call"}) == {"ok": True}
        assert ask("spy", **asked, how="whisper") == ask("spy", **asked, how="barge") == {"ok": True}
        robot.wait("log", "600@default hears 1234@default", times=3)
        spied = judge.until(lambda: found if len(found := judge.seen("ChanSpyStart")) == 3 else None, "three spies")
        assert all(event.SpyeeChannel.startswith("Local/1234@default-") for event in spied)
        spies = [row for row in judge.listing("CoreShowChannels") if row.Application == "ChanSpy"]
        assert sorted(row.ApplicationData for row in spies) == [
            f"Local/1234@default,q{how}ES" for how in ("B", "", "w")
        ]


# --- the day ----------------------------------------------------------------------------------------------------------


def test_day_and_night_by_hand(run: Run, judge: PlainAmi) -> None:
    with run("daily/day_night_holiday") as robot:
        robot.wait("log", "the telephone is in ")
        for number, (word, state) in enumerate((("yes", "INUSE"), ("no", "NOT_INUSE"), ("yes", "INUSE")), 2):
            judge.action("UserEvent", UserEvent="Night", On=word)
            robot.wait("flow-ended", "done", times=number)
            assert judge.action("Getvar", Variable="DEVICE_STATE(Custom:night)").Value == state
