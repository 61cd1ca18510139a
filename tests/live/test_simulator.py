"""The simulated PBX on its socket, met by a plain client."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiflow.ami.catalog import load
from amiflow.live.simulator import Simulator
from amiflow.tools.pbx.service import Service
from amiflow.tools.scenario import Scenario, default_scenario, read_scenario
from support.plain_ami import PlainAmi
from support.properties import examples

MEETING = {"from": "PJSIP/alice", "to": "room"}
ROOM = {"default": {"room": ["ConfBridge(680)"]}}
PLACE = {"Context": "default", "Priority": "1"}


def scenario(**keys: object) -> Scenario:
    found, problems = read_scenario({"calls": [], **keys})
    assert found is not None, problems
    return found


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    accounts = {"amiflow": {"secret": "s"}, "deaf": {"secret": "s", "read": "system", "write": "call"}}
    running = Simulator(scenario(accounts=accounts), load())
    running.start()
    yield running
    running.stop()


def client(simulator: Simulator, name: str = "amiflow") -> PlainAmi:
    ami = PlainAmi(simulator.address[1])
    assert ami.login(name, "s").Message == "Authentication accepted"
    return ami


def test_login_plain_and_md5_then_fully_booted(simulator: Simulator) -> None:
    for way in (PlainAmi.login, PlainAmi.login_md5):
        with PlainAmi(simulator.address[1]) as ami:
            assert ami.banner == "Asterisk Call Manager/11.0.0"
            assert way(ami, "amiflow", "s").Message == "Authentication accepted"
            assert ami.wait("FullyBooted").Privilege == "system,all"
            assert ami.action("Logoff").Response == "Goodbye"
            ami.until(lambda: ami.closed or None, "end of the connection")


def test_a_call_is_moved_into_a_conference(simulator: Simulator) -> None:
    with client(simulator) as ami:
        ami.action("Originate", Channel="Local/800@default", Exten="1234", **PLACE, Async="true")
        legs = [ami.wait("BridgeEnter", BridgeNumChannels=number) for number in "12"]
        assert legs[0].Privilege == "call,all"
        one, two = legs[0].Channel, legs[1].Channel
        moved = ami.action("Redirect", Channel=one, ExtraChannel=two, Exten="680", **PLACE)
        assert moved.Message == "Dual Redirect successful"
        for leg in (one, two):
            ami.wait("ConfbridgeJoin", Channel=leg, Conference="680")
        rows = ami.listing("ConfbridgeList", Conference="680")
        assert {row.Channel for row in rows} == {one, two}


def test_privileges_hold_for_actions_and_events(simulator: Simulator) -> None:
    with client(simulator) as loud, client(simulator, "deaf") as deaf:
        assert deaf.action("UserEvent", UserEvent="X").Message == "Permission denied"
        assert deaf.action("Nonsense").Message.startswith("Invalid/unknown command: Nonsense.")
        assert loud.action("UserEvent", UserEvent="X", Room="1").Message == "Event Sent"
        assert loud.wait("UserEvent", UserEvent="X").Room == "1"
        assert {name for name, _ in deaf.action("ListCommands")} >= {"Redirect", "Hangup", "Ping", "BridgeList"}
        assert not {name for name, _ in deaf.action("ListCommands")} & {"UserEvent", "Originate", "Command", "Filter"}
        assert "Originate" in {name for name, _ in loud.action("ListCommands")}
        assert not deaf.seen("UserEvent")


def test_an_originate_without_async_holds_its_session_alone(simulator: Simulator) -> None:
    with client(simulator) as one, client(simulator) as two:
        head = "Action: Originate\r\nActionID: slow\r\nChannel: PJSIP/bob\r\n"
        body = "".join(f"{name}: {value}\r\n" for name, value in {**PLACE, "Exten": "1234"}.items())
        one.socket.sendall((head + body + "\r\nAction: Ping\r\nActionID: fast\r\n\r\n").encode())
        two.wait("DialBegin")
        assert two.action("Ping").Ping == "Pong"
        two.wait("DialEnd", DialStatus="ANSWER")
        answer = one.action("Ping")
        assert answer.Response == "Success"
        assert list(one._answers)[-3:-1] == ["slow", "fast"]
        assert one.wait("DialBegin").Event == "DialBegin"


def test_the_scenario_begins_at_the_first_login_and_ends() -> None:
    simulator = Simulator(scenario(calls=[{"at": "10ms", **MEETING}], extensions=ROOM), load())
    simulator.start()
    try:
        assert not simulator.wait(0.1)
        with client_of(simulator) as ami:
            ami.wait("ConfbridgeJoin")
            assert simulator.wait(20)
    finally:
        simulator.stop()


def client_of(simulator: Simulator) -> PlainAmi:
    ami = PlainAmi(simulator.address[1])
    ami.login("amiflow", "amiflow")
    return ami


def test_the_scenario_may_begin_when_it_is_told_to() -> None:
    simulator = Simulator(scenario(calls=[MEETING], extensions=ROOM), load(), begins_at_login=False)
    simulator.start()
    try:
        with client_of(simulator) as ami:
            ami.action("Ping")
            assert not ami.seen("Newchannel")
            simulator.begin()
            ami.wait("ConfbridgeJoin")
            assert simulator.wait(20)
    finally:
        simulator.stop()


def test_stopping_ends_connections_and_whoever_waits() -> None:
    simulator = Simulator(default_scenario(), load())
    simulator.start()
    with client_of(simulator) as ami:
        simulator.stop()
        ami.until(lambda: ami.closed or None, "end of the connection")
        assert simulator.wait(0)
        simulator.stop()


def test_a_port_that_is_taken_is_an_error(simulator: Simulator) -> None:
    with pytest.raises(OSError):
        Simulator(default_scenario(), load(), port=simulator.address[1])


def test_a_client_that_vanishes_is_forgotten(simulator: Simulator) -> None:
    with socket.create_connection(simulator.address) as rude:
        rude.sendall(b"Action: Login\r\nUsername: amiflow\r\nSecret: s\r\n\r\nAction: Ping\r\n")
    with client(simulator) as ami:
        assert ami.action("Ping").Ping == "Pong"


# --- without a socket: whatever bytes come ----------------------------------------------------------------------------

_WORDS = st.sampled_from(
    [
        "Action",
        "Originate",
        "Redirect",
        "Hangup",
        "Bridge",
        "Status",
        "Getvar",
        "Setvar",
        "UserEvent",
        "Command",
        "Filter",
        "Operation",
        "Add",
        "Async",
        "true",
        "Channel",
        "Channel1",
        "Channel2",
        "ExtraChannel",
        "Local/800@default",
        "PJSIP/bob",
        "/(/",
        "Variable",
        "Value",
        "${EXTEN:1}",
        "CALLERID(num)",
        "Exten",
        "Context",
        "default",
        "680",
        "800",
        "1",
        "Priority",
        "Timeout",
        "ChannelId",
    ]
)
_GARBAGE = st.lists(st.one_of(_WORDS.map(str.encode), st.binary(max_size=6)), max_size=30).map(b"".join)
_LINES = st.tuples(_WORDS, _WORDS).map(lambda pair: f"{pair[0]}: {pair[1]}\r\n".encode())
_REQUESTS = st.tuples(_WORDS, st.lists(_LINES, max_size=8)).map(
    lambda asked: f"Action: {asked[0]}\r\n".encode() + b"".join(asked[1]) + b"\r\n"
)
LOGIN = b"Action: Login\r\nUsername: amiflow\r\nSecret: amiflow\r\n\r\n"
CATALOG = load()


@examples(50)
@given(st.lists(_REQUESTS | _GARBAGE, max_size=8), st.booleans())
def test_bytes_never_raise(pieces: list[bytes], logged_in: bool) -> None:
    service = Service(default_scenario(), CATALOG, 1000.0, "123")
    service.connect(1)
    for number, piece in enumerate([LOGIN if logged_in else b"", *pieces, b"\r\n\r\n"]):
        service.receive(1, piece, 1000.0 + number)
    service.advance(2000.0)
    assert service.data_to_send(1, 2000.0).startswith(b"Asterisk Call Manager/11.0.0\r\n")
    service.disconnect(1)


@given(st.lists(st.integers(1, 400), max_size=12))
def test_requests_may_be_split_anywhere(cuts: list[int]) -> None:
    key = hashlib.md5(b"123amiflow").hexdigest()
    login = f"Action: Login\r\nAuthType: MD5\r\nUsername: amiflow\r\nKey: {key}\r\n\r\n".encode()
    stream = b"Action: Challenge\r\nAuthType: MD5\r\n\r\n" + login
    stream += b"Action: CoreShowChannels\r\nActionID: x\r\n\r\nAction: Logoff\r\n\r\n"
    places = sorted({min(cut, len(stream)) for cut in cuts} | {0, len(stream)})
    service = Service(default_scenario(), CATALOG, 1000.0, "123")
    service.connect(1)
    for start, end in pairwise(places):
        service.receive(1, stream[start:end], 1000.0)
    said = service.data_to_send(1, 1000.0)
    assert b"Message: Authentication accepted" in said
    assert b"Event: CoreShowChannelsComplete\r\nActionID: x\r\nEventList: Complete\r\nListItems: 0\r\n\r\n" in said
    assert said.endswith(b"Response: Goodbye\r\nMessage: Thanks for all the fish.\r\n\r\n")
    assert service.left(1)


def test_a_refused_login_is_told_after_a_second_and_cut_off() -> None:
    service = Service(default_scenario(), CATALOG, 1000.0, "123")
    service.connect(1)
    service.receive(1, LOGIN.replace(b"Secret: amiflow", b"Secret: wrong"), 1000.0)
    assert service.data_to_send(1, 1000.0) == b"Asterisk Call Manager/11.0.0\r\n"
    assert service.deadline() == 1001.0
    service.advance(1001.0)
    assert b"Message: Authentication failed\r\n" in service.data_to_send(1, 1001.0)
    assert service.left(1)
    assert service.deadline() is None
