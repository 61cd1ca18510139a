"""The laboratory proves itself: what later tests rely on happens on every server, seen through a plain connection."""

import ssl
from collections.abc import Callable

import pytest

from support.lab.calls import BridgedCall, members, originate
from support.lab.calls import bridged_call as make_call
from support.lab.config import LATIN1_NAME
from support.lab.server import AsteriskServer
from support.plain_ami import PlainAmi

MakeCall = Callable[[], BridgedCall]


def move(ami: PlainAmi, call: BridgedCall, exten: str = "680") -> None:
    """Redirect both legs and wait until both are in the room."""
    target = {"Context": "default", "Exten": exten, "Priority": "1"}
    answer = ami.action("Redirect", Channel=call.one.Channel, ExtraChannel=call.two.Channel, **target)
    assert answer.Message == "Dual Redirect successful"
    for channel in call.channels:
        ami.wait("ConfbridgeJoin", Channel=channel, Conference=exten)


def test_the_server_is_of_its_version(asterisk: AsteriskServer) -> None:
    assert asterisk.version.startswith(f"{asterisk.major}.")
    assert asterisk.version in asterisk.cli("core show version")


def test_login_plain_and_md5(asterisk: AsteriskServer) -> None:
    for way in (PlainAmi.login, PlainAmi.login_md5):
        with PlainAmi(asterisk.ami_port) as ami:
            assert ami.banner.startswith("Asterisk Call Manager/")
            assert way(ami, "amiflow", asterisk.secret).Message == "Authentication accepted"
            assert ami.wait("FullyBooted").Status == "Fully Booted"


@pytest.mark.parametrize(("account", "secret"), [("amiflow", "wrong"), ("denied", "s3cret"), ("nosecret", "")])
def test_login_refused(asterisk: AsteriskServer, account: str, secret: str) -> None:
    with PlainAmi(asterisk.ami_port) as ami:
        assert ami.login(account, secret).Message == "Authentication failed"


def test_an_account_may_do_what_its_classes_allow(asterisk: AsteriskServer) -> None:
    redirect = {"Channel": "Local/nobody-1;1", "Context": "default", "Exten": "680", "Priority": "1"}
    answers = {}
    for account in ("nocall", "callonly"):
        with asterisk.connect(account) as ami:
            answers[account] = ami.action("Redirect", **redirect).Message
    assert answers == {"nocall": "Permission denied", "callonly": "Channel does not exist: Local/nobody-1;1"}


def test_tls_with_our_authority(asterisk: AsteriskServer) -> None:
    with PlainAmi(asterisk.tls_port, tls=asterisk.tls_context()) as ami:
        assert ami.login("amiflow", asterisk.secret).Response == "Success"


def test_tls_without_our_authority(asterisk: AsteriskServer) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        PlainAmi(asterisk.tls_port, tls=ssl.create_default_context())


def test_a_call_is_a_basic_bridge_of_two(judge: PlainAmi, bridged_call: MakeCall) -> None:
    call = bridged_call()
    in_bridge = judge.listing("BridgeInfo", BridgeUniqueid=call.bridge)
    assert {row.get("Channel") for row in in_bridge} >= call.channels
    assert {name.split("@")[0] for name in call.channels} == {"Local/800", "Local/1234"}


def test_both_legs_move_into_the_conference(judge: PlainAmi, bridged_call: MakeCall) -> None:
    call = bridged_call()
    move(judge, call)
    assert members(judge) == call.channels
    judge.wait("BridgeDestroy", BridgeUniqueid=call.bridge)
    # Of these legs alone: hangups of a test before may still come in.
    assert not [event for event in judge.seen("Hangup") if event.Channel in call.channels]


@pytest.mark.parametrize(
    ("exten", "response", "reason"),
    [("1234", "Success", "4"), ("busy", "Failure", "5"), ("noanswer", "Failure", "3"), ("congestion", "Failure", "8"),
     ("nowhere", "Failure", "0")],
)  # fmt: skip
def test_outcomes_of_originate(judge: PlainAmi, exten: str, response: str, reason: str) -> None:
    originate(judge, f"Local/{exten}@default", Timeout="1000")
    outcome = judge.wait("OriginateResponse")
    assert (outcome.Response, outcome.Reason) == (response, reason)


def test_a_user_event_of_the_dialplan(judge: PlainAmi) -> None:
    originate(judge, "Local/1234@default", "event")
    event = judge.wait("UserEvent", UserEvent="Laboratory")
    assert (event.Room, event.Pin, event.Empty) == ("680", "0042", "")
    assert event.Note == f'a: b = "c" {event.Channel}'


def test_a_quoted_variable_is_escaped(judge: PlainAmi) -> None:
    originate(judge, "Local/1234@default", "quoted")
    assert judge.wait("VarSet", Variable="QUOTED").Value == r"say \"hello\" to O\'Brien \\ back"


def test_a_caller_name_in_latin1(judge: PlainAmi, latin1_call: MakeCall) -> None:
    call = latin1_call()
    assert LATIN1_NAME in {call.one.ConnectedLineName, call.two.ConnectedLineName}


def test_a_queue_has_its_member(judge: PlainAmi) -> None:
    rows = judge.listing("QueueStatus", Queue="support")
    assert [row.Location for row in rows if row.Event == "QueueMember"] == ["Local/1234@default"]


def test_restart(asterisk: AsteriskServer, judge: PlainAmi) -> None:
    asterisk.restart()
    judge.until(lambda: judge.seen("Shutdown") or None, "Shutdown")
    with asterisk.connect() as ami:
        assert make_call(ami).one.BridgeType == "basic"


def test_kill(asterisk: AsteriskServer, judge: PlainAmi) -> None:
    asterisk.kill()
    assert not asterisk.running
    asterisk.start()
    assert judge.seen("Shutdown") == []


def test_two_sip_endpoints_in_a_bridge(judge: PlainAmi, sip_call: MakeCall) -> None:
    call = sip_call()
    assert {name.split("-")[0] for name in call.channels} == {"PJSIP/caller", "PJSIP/callee"}
    move(judge, call)
    assert members(judge) == call.channels


def test_two_hundred_calls_at_once(judge: PlainAmi) -> None:
    started = {originate(judge, "Local/800@default") for _ in range(200)}

    def bridged() -> bool | None:
        enters = judge.seen("BridgeEnter", BridgeType="basic", BridgeNumChannels="2")
        return {event.Linkedid for event in enters} >= started or None

    judge.timeout = 120
    judge.until(bridged, "two hundred bridges")
    assert len(judge.listing("CoreShowChannels")) == 200 * 4
