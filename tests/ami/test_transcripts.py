"""The protocol against what real servers of Asterisk 16 and 22 said, and what they were told."""

import re
from collections.abc import Sequence

import pytest

from amiflow.ami.asterisk import Account, ServerOptions, ServerSession
from amiflow.ami.catalog import load
from amiflow.ami.codec import Banner, Decoder, Malformed
from amiflow.ami.errors import LocalError
from amiflow.ami.lists import ListShape
from amiflow.ami.message import Message
from amiflow.ami.reports import Answered, Event, LoggedIn, SessionEvent, Stray
from amiflow.ami.request import BadRequest, Request, RequestDecoder
from amiflow.ami.session import Session, SessionOptions
from support.captures import frames, from_client, from_server, names, pieces

VERSIONS = {"ast16": "5.0.4", "astL16": "5.0.4", "ast22": "11.0.0", "astL22": "11.0.0"}
BOTH = ("ast16", "ast22")
LOCAL = ("astL16", "astL22")
# How many more responses than requests: ModuleLoad answers two or three times; IAXnetstats answers with an empty line;
# an ActionID that is too long for Asterisk's buffers makes frames run into each other.
UNEVEN = {"double-response": 4, "event-zoo": 2, "readonly-actions": -1, "actionid-length": -4}


def subject(name: str) -> str:
    return name.rpartition("-")[0]


def decoded(name: str) -> list[Message]:
    """The messages of a capture, after its banner."""
    banner, *items = Decoder().feed(from_server(name))
    assert banner == Banner(VERSIONS[name.rpartition("-")[2]])
    return [item for item in items if isinstance(item, Message)]


def asked(name: str) -> list[Request | BadRequest]:
    return RequestDecoder().feed(from_client(name))


def responses(name: str) -> list[Message]:
    return [message for message in decoded(name) if message.kind == "response"]


# --- all captures ---


def test_there_are_captures() -> None:
    assert len(names()) == 88 and {name.rpartition("-")[2] for name in names()} == set(VERSIONS)


@pytest.mark.parametrize("name", names())
def test_every_frame_of_a_capture_is_a_message(name: str) -> None:
    found = decoded(name)
    assert [message.raw for message in found] == frames(from_server(name))
    assert {message.kind for message in found} <= {"event", "response"}
    for message in found:
        first, value = message.headers[0]
        assert message.name == value == message.get(first) and first in ("Event", "Response")


@pytest.mark.parametrize("name", names())
def test_a_capture_reads_the_same_in_pieces(name: str) -> None:
    data = from_server(name)
    decoder = Decoder()
    items = [item for piece in pieces(data, 1 if len(data) < 4000 else 1021) for item in decoder.feed(piece)]
    assert [item.raw for item in items[1:] if isinstance(item, Message)] == frames(data)
    assert not [item for item in items if isinstance(item, Malformed)] and decoder.unfinished() == b""


@pytest.mark.parametrize("name", names())
def test_a_server_reads_as_many_requests_as_the_real_one_answered(name: str) -> None:
    requests, answers = asked(name), responses(name)
    assert len(answers) - len(requests) == UNEVEN.get(subject(name), 0)
    if subject(name) not in UNEVEN:
        assert [one.action_id for one in requests] == [answer.get("ActionID") or "" for answer in answers]
    data = from_client(name)
    decoder = RequestDecoder()
    assert [one for piece in pieces(data, 1 if len(data) < 4000 else 7) for one in decoder.feed(piece)] == requests


# --- what single captures show ---


@pytest.mark.parametrize("on", BOTH)
def test_a_hundred_actions_at_once_are_answered_in_order_with_no_event_inside(on: str) -> None:
    found = decoded(f"pipeline100-{on}")
    ids = [message.get("ActionID") for message in found if message.kind == "response"]
    assert ids[1:] == [one.action_id for one in asked(f"pipeline100-{on}")[1:]] and len(set(ids[1:])) == 100
    flood = [message for message in found if message.name == "UserEvent"]
    assert len(flood) > 2800
    inside = None
    for message in found:
        if message.kind == "response":
            assert inside is None, f"{message.get('ActionID')} within {inside}"
            inside = message.get("ActionID") if message.get("EventList") == "start" else None
        elif inside:
            assert message.get("ActionID") == inside
            inside = None if message.get("EventList") == "Complete" else inside
    assert inside is None


@pytest.mark.parametrize("on", BOTH)
def test_framing_at_the_edges(on: str) -> None:
    name = f"framing-edge-{on}"
    for request, answer in zip(asked(name), responses(name), strict=True):
        if isinstance(request, BadRequest):
            assert (answer.name, answer.get("Message")) == ("Error", request.reason)
        elif request.name.casefold() == "ping":
            assert (answer.name, answer.get("Ping")) == ("Success", "Pong")
    assert b"\xff\xfe" in next(one.raw for one in responses(name) if (one.get("ActionID") or "").startswith("caf"))


@pytest.mark.parametrize("on", BOTH)
def test_long_action_ids_fuse_frames(on: str) -> None:
    """Why `encode` refuses an ActionID of more than 67 bytes: this is what 244 and more come to."""
    fused = [one for one in decoded(f"actionid-length-{on}") if re.search(rb"\r\n(?:Event|Response): ", one.raw)]
    assert len(fused) == 24 and {len(one.get("ActionID") or "") for one in fused} == {245}
    assert sum(one.get("Response") == "Success" for one in fused) == -UNEVEN["actionid-length"]


@pytest.mark.parametrize("on", LOCAL)
def test_an_action_id_of_67_bytes_is_the_longest_that_comes_back_whole(on: str) -> None:
    rows = [one.get("ActionID") or "" for one in decoded(f"confbridge-actionid80-{on}") if one.name == "ConfbridgeList"]
    ends = ("AAZ", "AZ\rConference: 680", "AZConference: 680", "AAConference: 680")
    assert len(rows[0]) == 67 and [row[-len(end) :] for row, end in zip(rows, ends, strict=True)] == list(ends)


@pytest.mark.parametrize("on", BOTH)
def test_a_wrong_login_and_a_login_that_never_comes(on: str) -> None:
    for name in (f"login-wrong-user-{on}", f"login-wrong-secret-{on}"):
        [answer] = decoded(name)
        assert (answer.name, answer.get("Message")) == ("Error", "Authentication failed")
    local = on.replace("ast", "astL")
    assert decoded(f"authtimeout-{local}") == [] and from_client(f"authtimeout-{local}") == b""


@pytest.mark.parametrize("on", LOCAL)
def test_a_forged_header_does_not_change_what_an_event_is(on: str) -> None:
    [forged] = [one for one in decoded(f"event-zoo-{on}") if one.get("Channel") == "Fake/1"]
    assert (forged.kind, forged.name, forged.get("Event")) == ("event", "UserEvent", "UserEvent")
    assert forged.all("Event") == ["UserEvent", "Hangup"] and forged.get("Weird Header Name") == "x"


@pytest.mark.parametrize("on", BOTH)
def test_a_line_feed_in_a_value_ends_nothing(on: str) -> None:
    values = [one.get("Message") or "" for one in responses(f"readonly-actions-{on}")]
    assert "No Contacts found\n" in values
    [version] = [one for one in responses(f"readonly-actions-{on}") if one.get("ActionID") == "a47"]
    assert version.all("Output")[0].startswith("Asterisk ") and len(version.all("Output")) == 1


# --- our client in place of the recorded one ---


def replay(name: str, outstanding: int) -> tuple[list[str], list[str], list[SessionEvent]]:
    """Log in, send what the recorded client sent after its login, and hear what it heard. What was sent, what may not
    be sent, and what came of it."""
    head, _, rest = from_server(name).partition(b"Message: Authentication accepted\r\n\r\n")
    session = Session(SessionOptions("testuser", "testsecret", "", "plain", "off", outstanding), 0.0)
    session.receive(head.replace(b"Response: Success\r\n", b"Response: Success\r\nActionID: -s1\r\n") + b"\r\n", 0.0)
    session.tick(0.0)
    sent, refused = [], []
    for request in asked(name)[1:]:
        known = load().action(request.name) if isinstance(request, Request) else None
        assert isinstance(request, Request)
        shape = ListShape.of(known.list.rows, known.list.end) if known and known.list else None
        headers = [(key, value) for key, value in request.headers if key != "ActionID"]
        try:
            session.submit(request.action_id, headers, 0.0, 5.0, shape)
            sent.append(request.action_id)
        except LocalError:
            refused.append(request.action_id)
    found: list[SessionEvent] = []
    for piece in pieces(rest, 997):
        found += session.receive(piece, 0.0)
    return sent, refused, found


def answered(found: Sequence[SessionEvent]) -> list[Answered]:
    return [one for one in found if isinstance(one, Answered)]


@pytest.mark.parametrize("on", BOTH)
def test_every_reading_action_is_answered_and_its_list_is_whole(on: str) -> None:
    sent, refused, found = replay(f"readonly-actions-{on}", 100)
    assert sorted(one.action_id for one in answered(found)) == sorted(sent)
    assert [one.message.get("ActionID") for one in found if isinstance(one, Stray)] == refused[1:]
    assert len(refused) == 9  # IAXnetstats, which got no answer, Events and Queues
    ends = [one for one in answered(found) if one.end is not None]
    assert len(ends) > 15
    for one in ends:
        assert one.end is not None and one.end.get("ListItems") == str(len(one.rows)), one.action_id
    single = [one for one in answered(found) if one.end is None and one.rows]
    assert [one.rows[0].name for one in single] == ["FAXStats"]


@pytest.mark.parametrize("on", BOTH)
def test_a_hundred_actions_in_flight(on: str) -> None:
    sent, refused, found = replay(f"pipeline100-{on}", 100)
    assert [one.action_id for one in answered(found)] == sent and len(sent) == 100 and refused == []
    assert {one.message.name for one in found if isinstance(one, Event)} == {"UserEvent"}
    lists = [one for one in answered(found) if one.end]
    assert lists and all(one.end and one.end.get("ListItems") == str(len(one.rows)) for one in lists)


@pytest.mark.parametrize("on", LOCAL)
def test_second_answers_disturb_nothing(on: str) -> None:
    sent, _, found = replay(f"double-response-{on}", 100)
    assert {one.action_id for one in answered(found)} >= {"ml1", "ml2", "ml3", "s1"}
    late = [one.message for one in found if isinstance(one, Stray) and one.message.name == "Error"]
    assert [message.get("ActionID") for message in late] == ["ml1", "ml1", "ml2", "ml3"]
    assert sent[:3] == ["ml1", "ml2", "ml3"]


# --- our server in place of the real one ---

STAMP = re.compile(rb"Timestamp: [0-9.]+\r\n")


def serve(name: str, started: float | None = None, challenge: str = "0") -> ServerSession:
    """Our server, told what the recorded client said; it has one action, UserEvent."""
    accounts = (Account("testuser", "testsecret"),)
    known = {"userevent": ("user",)}
    version = VERSIONS[name.rpartition("-")[2]]
    session = ServerSession(ServerOptions(accounts, lambda one: known.get(one.lower()), version, challenge), started)
    session.receive(from_client(name))
    return session


def carry_out(session: ServerSession) -> None:
    """Answer UserEvents as Asterisk does, which sends the event to its sender too."""
    while request := session.next_request(542.0):
        session.respond(request, [("Response", "Success"), ("Message", "Event Sent")])
        session.event("UserEvent", ("user",), request.headers[1:])


@pytest.mark.parametrize("on", BOTH)
def test_our_server_answers_the_edges_of_framing_byte_for_byte(on: str) -> None:
    session = serve(f"framing-edge-{on}")
    carry_out(session)
    assert STAMP.sub(b"", session.data_to_send()) == STAMP.sub(b"", from_server(f"framing-edge-{on}"))


@pytest.mark.parametrize("on", BOTH)
def test_our_server_logs_in_as_the_real_one(on: str) -> None:
    name = f"banner-login-{on}"
    challenge = next(one for one in responses(name) if one.get("Challenge")).get("Challenge")
    session = serve(name, 0.0, challenge or "")
    carry_out(session)
    ours = [one for one in Decoder().feed(session.data_to_send())[1:] if isinstance(one, Message)]
    assert session.closing is not None
    ours += [Message(session.closing.farewell.removesuffix(b"\r\n\r\n"))]
    # Our server has no CoreSettings nor CoreStatus, and raises no security events.
    apart = ("x-CoreSettings", "x-CoreStatus")
    theirs = [one for one in decoded(name) if "security" not in (one.get("Privilege") or "")]
    pairs = [pair for pair in zip(ours, theirs, strict=True) if pair[1].get("ActionID") not in apart]
    assert len(pairs) == 16
    for mine, real in pairs:
        changing = ("Timestamp", "Uptime", "LastReload")
        assert [one for one in mine.headers if one[0] not in changing] == [
            one for one in real.headers if one[0] not in changing
        ]


@pytest.mark.parametrize("name", [name for name in names() if name.startswith("login-wrong-")])
def test_our_server_refuses_as_the_real_one(name: str) -> None:
    session = serve(name)
    carry_out(session)
    assert session.closing is not None and session.closing.delay == 1.0
    assert session.data_to_send() + session.closing.farewell == from_server(name)


@pytest.mark.parametrize("name", [name for name in names() if re.fullmatch(r"filter-(?!lists).*-ast22", name)])
def test_our_server_filters_as_asterisk_22(name: str) -> None:
    session = serve(name)
    carry_out(session)
    for number, word in enumerate(("alpha", "beta", "gamma"), 1):
        session.event("UserEvent", ("user",), [("UserEvent", word), ("N", str(number)), ("Text", "hello world")])
    assert session.data_to_send() == STAMP.sub(b"", from_server(name))


@pytest.mark.parametrize("on", LOCAL)
def test_our_server_reads_event_masks_as_the_real_one(on: str) -> None:
    session = serve(f"double-response-{on}")
    carry_out(session)

    def story(found: Sequence[object]) -> list[tuple[str, str]]:
        messages = [one for one in found if isinstance(one, Message)]
        kept = [
            (one.name, one.get("Events") or one.get("Message") or "") for one in messages if "ml" not in repr(one.raw)
        ]
        return [one for one in kept if "command" not in one[1]]

    assert story(Decoder().feed(session.data_to_send())) == story(decoded(f"double-response-{on}"))


def test_the_replayed_login_is_ours() -> None:
    head = from_server("pipeline100-ast22").partition(b"Message: ")[0]
    session = Session(SessionOptions("testuser", "testsecret", "", "plain", "off"), 0.0)
    found = session.receive(head.replace(b"Success\r\n", b"Success\r\nActionID: -s1\r\n") + b"\r\n", 0.0)
    assert found == [LoggedIn("11.0.0", plain=True)]
