"""The server's end: framing of requests, login, privileges, masks and filters, and what is written in which order."""

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiflow.ami.asterisk import Account, Closing, ServerOptions, ServerSession
from amiflow.ami.classes import BITS, EVERYTHING, bits, privilege, read_mask, read_permissions
from amiflow.ami.codec import encode
from amiflow.ami.filters import NO_PATTERN, WRONG, read_filter
from amiflow.ami.request import BadRequest, Request, RequestDecoder
from support.captures import pieces
from support.properties import examples

NEEDED = {"status": ("system", "call", "reporting"), "userevent": ("user",), "command": ("command",), "queuestatus": ()}
ACCOUNTS = (
    Account("admin", "Secret"),
    Account("caller", "pw", read="call", write="call"),
    Account("nobody", "", read="all"),
    Account("both", "pw", read="system,user"),
)


def options() -> ServerOptions:
    return ServerOptions(ACCOUNTS, lambda name: NEEDED.get(name.lower()))


def say(session: ServerSession, *headers: tuple[str, str]) -> str:
    """Send one action of the session's own business, and read what it answers."""
    session.receive(encode(headers))
    assert session.next_request(1060.5) is None
    return session.data_to_send().decode()


def logged_in(user: str = "admin", secret: str = "Secret", events: str = "on") -> ServerSession:
    session = ServerSession(options(), started=1000.0)
    session.data_to_send()
    reply = say(session, ("Action", "Login"), ("Username", user), ("Secret", secret), ("Events", events))
    assert reply.startswith("Response: Success\r\nMessage: Authentication accepted\r\n\r\n"), reply
    return session


# --- requests ---


def requests(data: bytes) -> list[Request | BadRequest]:
    """The requests of a stream, the same however it is cut and whatever follows."""
    whole = RequestDecoder().feed(data)
    for size in (1, 3, 1000):
        decoder = RequestDecoder()
        assert [one for piece in pieces(data, size) for one in decoder.feed(piece)] == whole
    assert RequestDecoder().feed(data + b"Action: Pi") == whole
    return whole


def a(name: str, *headers: tuple[str, str], action_id: str = "") -> Request:
    return Request(name, headers, action_id)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"Action: Ping\r\n\r\n", a("Ping", ("Action", "Ping"))),
        (b"Action: Ping\n\n", a("Ping", ("Action", "Ping"))),
        (b"Action:Ping\r\n\r\n", a("Ping", ("Action", "Ping"))),
        (b"Action:\t Ping \r\n\r\n", a("Ping ", ("Action", "Ping "))),
        (b"aCTION: x\r\naCTIONid: 7\r\n\r\n", a("x", ("aCTION", "x"), ("aCTIONid", "7"), action_id="7")),
        (b"Action: x\r\nA: b: c\r\nnothing\r\n\r\n", a("x", ("Action", "x"), ("A", "b: c"))),
        (b"Action: \r\nAction: x\r\nAction: y\r\n\r\n", a("x", ("Action", ""), ("Action", "x"), ("Action", "y"))),
        (b"Action: x\rActionID: 1\r\r\n\r\n", a("x\rActionID: 1\r", ("Action", "x\rActionID: 1\r"))),
        (b"Action: x\x00y\r\n\r\n", a("x", ("Action", "x"))),
        (b"\r\n", BadRequest("Missing action in request", "")),
        (b"\n", BadRequest("Missing action in request", "")),
        (b"\x00Action: x\r\n", BadRequest("Missing action in request", "")),
        (b"Action : x\r\nActionID: 1\r\n\r\n", BadRequest("Missing action in request", "1")),
        (b" Action: x\r\n\r\n", BadRequest("Missing action in request", "")),
    ],
)
def test_one_request(data: bytes, expected: Request | BadRequest) -> None:
    assert requests(data) == [expected]


def test_the_first_action_id_wins_even_if_it_is_empty() -> None:
    [one] = requests(b"Action: x\r\nActionID: 1\r\nActionID: 2\r\n\r\n")
    [other] = requests(b"Action: x\r\nActionID: \r\nActionID: 2\r\n\r\n")
    assert (one.action_id, other.action_id) == ("1", "")


def test_bytes_that_are_no_utf8_come_back_as_they_were() -> None:
    session = logged_in()
    session.receive(b"Action: Ping\r\nActionID: caf\xe9\xff\r\n\r\n")
    assert session.next_request(0.0) is None
    assert b"ActionID: caf\xe9\xff\r\n" in session.data_to_send()


TOO_LONG = "Failed to parse message: line too long"


@pytest.mark.parametrize(
    ("length", "end", "expected"),
    [
        (1022, b"\r\n", ["x"]),
        (1023, b"\n", ["x"]),
        (1023, b"\r\n", [TOO_LONG, "Missing action in request"]),
        (1024, b"\r\n", [TOO_LONG]),
        (1024, b"\n", [TOO_LONG]),
        (2045, b"\r\n", [TOO_LONG]),
        (2046, b"\r\n", [TOO_LONG, "Missing action in request"]),
        (5000, b"\r\n", [TOO_LONG]),
    ],
)
def test_a_long_line(length: int, end: bytes, expected: list[str]) -> None:
    found = requests(b"Action: x\r\nActionID: 7\r\nH: " + b"a" * (length - 3) + end + end)
    assert [one.name if isinstance(one, Request) else one.reason for one in found] == expected
    assert found[0].action_id == "7"


def test_more_headers_than_fit_blame_a_long_line_on_the_next_message() -> None:
    def action(count: int, extra: bytes = b"") -> bytes:
        return b"Action: x\r\nActionID: 7\r\n" + b"H: v\r\n" * (count - 2) + extra + b"\r\n"

    many = BadRequest("Too many lines in message or allocation failure", "7")
    assert isinstance(requests(action(128))[0], Request)
    assert requests(action(129)) == [many]
    long = b"L" * 1500 + b"\r\n"
    assert requests(action(129, long) + action(3) + action(3)) == [
        many,
        BadRequest(TOO_LONG, "7"),
        *requests(action(3)),
    ]


@examples(20)
@given(
    st.lists(
        st.sampled_from([b"\r", b"\n", b"\x00", b"Action: x", b"A", b":", b"a" * 1000]) | st.binary(max_size=5),
        max_size=30,
    )
)
def test_any_bytes_are_requests_or_none_however_they_are_cut(blocks: list[bytes]) -> None:
    data = b"".join(blocks)
    assert len(requests(data)) <= data.count(b"\n")


# --- classes ---

NAMES = {"call,user": 66, "none": 0, "all": EVERYTHING, "call, system": 2, "CALL": 0, "bogus": 0, "-1": 0, "": 0}


@pytest.mark.parametrize(("text", "mask"), NAMES.items())
def test_permissions_are_lower_case_names_without_blanks(text: str, mask: int) -> None:
    assert read_permissions(text) == mask


@pytest.mark.parametrize(
    ("text", "mask"),
    [("1", 1), ("0", 0), ("1048575", 1048575), ("On", EVERYTHING), ("y", EVERYTHING), ("OFF", 0), ("f", 0), ("1e3", 0)]
    + [
        ("user,bogus", 64),
        ("0x40", 0),
        ("99999999999999", 99999999999999 & EVERYTHING),
        ("sys,call", 3),
        ("system,", 1),
    ]
    + [item for item in NAMES.items() if item[0]],
)
def test_event_masks(text: str, mask: int) -> None:
    assert read_mask(text) == mask


def test_an_empty_mask_is_none() -> None:
    assert read_mask("") is None


def test_a_privilege_names_classes_in_asterisks_order() -> None:
    assert privilege(("user", "system")) == "system,user,all"
    assert privilege(()) == "all"
    assert bits(BITS) == sum(BITS.values())
    with pytest.raises(KeyError):
        bits(("calls",))


# --- login ---


def test_the_banner_comes_first_and_nothing_but_login_goes_before_it() -> None:
    session = ServerSession(options(), started=1000.0)
    assert session.data_to_send() == b"Asterisk Call Manager/11.0.0\r\n"
    denied = "Response: Error\r\nActionID: p\r\nMessage: Permission denied\r\n\r\n"
    for name in ("Ping", "Status", "Nosuch"):
        assert say(session, ("Action", name), ("ActionID", "p")) == denied
    session.receive(b"\r\n")
    assert session.next_request(0.0) is None
    assert session.data_to_send() == b"Response: Error\r\nMessage: Missing action in request\r\n\r\n"
    session.event("Hangup", ("call",), [])
    assert session.data_to_send() == b"" and session.closing is None


def test_a_plain_login_and_fully_booted_behind_it() -> None:
    session = ServerSession(options(), started=1000.0)
    session.data_to_send()
    assert say(session, ("Action", "login"), ("ActionID", "l"), ("Username", "ADMIN"), ("Secret", "Secret")) == (
        "Response: Success\r\nActionID: l\r\nMessage: Authentication accepted\r\n\r\n"
        "Event: FullyBooted\r\nPrivilege: system,all\r\nUptime: 60\r\nLastReload: 60\r\nStatus: Fully Booted\r\n\r\n"
    )
    assert session.account == ACCOUNTS[0]
    again = say(session, ("Action", "Login"), ("Username", "x"), ("Secret", "x"))
    assert again == "Response: Success\r\nMessage: Already authenticated\r\n\r\n"


@pytest.mark.parametrize(
    ("user", "secret", "events", "started"),
    [
        ("caller", "pw", "on", 1.0),
        ("admin", "Secret", "call", 1.0),
        ("admin", "Secret", "off", 1.0),
        ("admin", "Secret", "on", None),
    ],
)
def test_no_fully_booted_without_system_or_before_it(
    user: str, secret: str, events: str, started: float | None
) -> None:
    session = ServerSession(options(), started)
    session.data_to_send()
    reply = say(session, ("Action", "Login"), ("Username", user), ("Secret", secret), ("Events", events))
    assert reply == "Response: Success\r\nMessage: Authentication accepted\r\n\r\n"


def key(secret: str) -> str:
    return hashlib.md5(f"141460721{secret}".encode()).hexdigest()


def test_an_md5_login() -> None:
    session = ServerSession(options())
    session.data_to_send()
    wrong = say(session, ("Action", "Challenge"), ("AuthType", "sha1"))
    assert wrong == "Response: Error\r\nMessage: Must specify AuthType\r\n\r\n"
    asked = say(session, ("Action", "Challenge"), ("ActionID", "c"), ("AuthType", "md5"))
    assert asked == "Response: Success\r\nActionID: c\r\nChallenge: 141460721\r\n\r\n"
    login = [("Action", "Login"), ("AuthType", "MD5"), ("Username", "admin"), ("Key", key("Secret"))]
    assert "accepted" in say(session, *login)


@pytest.mark.parametrize(
    "headers",
    [
        [("Username", "admin"), ("Secret", "secret")],
        [("Username", "nosuch"), ("Secret", "Secret")],
        [("Username", "nobody"), ("Secret", "")],
        [("Secret", "Secret")],
        [("Username", "admin"), ("AuthType", "MD5"), ("Key", key("Secret").upper())],
        [("Username", "nobody"), ("AuthType", "MD5"), ("Key", key(""))],
    ],
)
def test_every_wrong_login_ends_alike(headers: Sequence[tuple[str, str]]) -> None:
    session = ServerSession(options())
    say(session, ("Action", "Challenge"), ("AuthType", "MD5"))
    assert say(session, ("Action", "Login"), ("ActionID", "w"), *headers) == ""
    assert session.closing == Closing(1.0, b"Response: Error\r\nActionID: w\r\nMessage: Authentication failed\r\n\r\n")
    assert say(session, ("Action", "Ping")) == ""


def test_md5_without_a_challenge_is_refused() -> None:
    session = ServerSession(options())
    say(session, ("Action", "Login"), ("Username", "admin"), ("AuthType", "MD5"), ("Key", key("Secret")))
    assert session.closing is not None and session.closing.delay == 1.0


def test_logoff() -> None:
    session = logged_in()
    assert say(session, ("Action", "Logoff"), ("ActionID", "bye")) == ""
    farewell = b"Response: Goodbye\r\nActionID: bye\r\nMessage: Thanks for all the fish.\r\n\r\n"
    assert session.closing == Closing(0.0, farewell)
    session.event("Hangup", ("call",), [])
    assert session.data_to_send() == b""


# --- actions ---


def ask(session: ServerSession, *headers: tuple[str, str]) -> Request:
    session.receive(encode(headers))
    request = session.next_request(0.0)
    assert request is not None
    return request


def test_an_authorised_action_is_the_owners() -> None:
    session = logged_in("caller", "pw")
    request = ask(session, ("Action", "status"), ("ActionID", "7"), ("Variables", "a"), ("variables", "b"))
    assert (request.name, request.get("VARIABLES"), request.get("Nosuch")) == ("status", "a", "")
    rows = [[("Event", "Status"), ("Privilege", "Call")], [("Event", "StatusComplete"), ("EventList", "Complete")]]
    session.respond(request, [("Response", "Success"), ("EventList", "start")], rows)
    assert session.data_to_send().decode().split("\r\n\r\n") == [
        "Response: Success\r\nActionID: 7\r\nEventList: start",
        "Event: Status\r\nActionID: 7\r\nPrivilege: Call",
        "Event: StatusComplete\r\nActionID: 7\r\nEventList: Complete",
        "",
    ]
    session.respond(ask(session, ("Action", "QueueStatus")), [("Response", "Success")])
    assert session.data_to_send() == b"Response: Success\r\n\r\n"


def test_actions_without_the_privilege_and_unknown_ones() -> None:
    session = logged_in("caller", "pw")
    assert say(session, ("Action", "Command")) == "Response: Error\r\nMessage: Permission denied\r\n\r\n"
    assert say(session, ("Action", "Filter"), ("Operation", "Add")).endswith("Message: Permission denied\r\n\r\n")
    unknown = "Invalid/unknown command: Nosuch. Use Action: ListCommands to show available commands."
    assert say(session, ("Action", "Nosuch")) == f"Response: Error\r\nMessage: {unknown}\r\n\r\n"


def test_ping() -> None:
    assert say(logged_in(), ("Action", "PING"), ("ActionID", "p")) == (
        "Response: Success\r\nActionID: p\r\nPing: Pong\r\nTimestamp: 1060.500000\r\n\r\n"
    )


def test_a_slow_action_stops_the_whole_session() -> None:
    session = logged_in()
    session.data_to_send()
    session.receive(encode([("Action", "Status"), ("ActionID", "1")]) + encode([("Action", "Ping"), ("ActionID", "2")]))
    request = session.next_request(0.0)
    assert request is not None and session.busy
    session.event("Hangup", ("call",), [])
    assert session.next_request(0.0) is None and session.data_to_send() == b""
    session.respond(request, [("Response", "Success")])
    assert not session.busy and session.next_request(0.0) is None
    names = [line for line in session.data_to_send().decode().split("\r\n") if line.startswith(("Event", "ActionID"))]
    assert names == ["ActionID: 1", "Event: Hangup", "ActionID: 2"]


# --- events ---


def seen(session: ServerSession, *events: tuple[str, tuple[str, ...], str]) -> list[str]:
    session.data_to_send()
    for name, classes, value in events:
        session.event(name, classes, [("V", value)])
    lines = session.data_to_send().decode().split("\r\n")
    return [line.removeprefix("V: ") for line in lines if line.startswith("V: ")]


EVENTS = (("A", ("call",), "1"), ("B", ("user",), "2"), ("C", ("system", "user"), "3"), ("D", (), "4"))


@pytest.mark.parametrize(
    ("user", "mask", "expected"),
    [
        ("admin", "on", "1234"),
        ("admin", "user", "24"),
        ("admin", "system,user", "234"),
        ("admin", "none", "4"),
        ("caller", "on", "14"),
        ("caller", "user", "4"),
        ("both", "all", "234"),
    ],
)
def test_an_event_needs_all_its_classes_in_permission_and_mask(user: str, mask: str, expected: str) -> None:
    session = logged_in(user, "Secret" if user == "admin" else "pw", "off")
    said = say(session, ("Action", "Events"), ("EventMask", mask))
    assert said == f"Response: Success\r\nEvents: {'Off' if mask == 'none' else 'On'}\r\n\r\n"
    assert seen(session, *EVENTS) == list(expected)


def test_an_empty_mask_changes_nothing() -> None:
    session = logged_in(events="user")
    assert say(session, ("Action", "Events"), ("EventMask", "")).endswith("Message: Invalid event mask\r\n\r\n")
    assert seen(session, *EVENTS) == ["2", "4"]


def test_an_events_form() -> None:
    session = logged_in()
    session.data_to_send()
    session.event("Hangup", ("call",), [("Channel", "x")])
    assert session.data_to_send() == b"Event: Hangup\r\nPrivilege: call,all\r\nChannel: x\r\n\r\n"


# --- filters ---

ZOO = (("Hangup", ("call",), "a"), ("Newchannel", ("call",), "b"), ("Hangup", ("call",), "c"))


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([("", "Event: Hangup")], "ac"),
        ([("", "!Event: Hangup")], "b"),
        ([("", "V: a"), ("", "V: b")], "ab"),
        ([("", "Event: Hangup"), ("", "!V: c")], "a"),
        ([("", "Event: hangup")], ""),
        ([("name(Hangup)", "")], "ac"),
        ([("name(hangup)", "")], ""),
        ([("action(exclude),name(Hangup),header(V),method(starts_with)", "c")], "ab"),
        ([("name(Hangup),header(V),method(exact)", "a")], "a"),
        ([("header(V),method(ends_with)", "b")], "b"),
        ([("method(contains)", "new")], ""),
        ([("method(contains)", "Newch")], "b"),
        ([("header(V),method(regex)", "[ab]")], "ab"),
        ([("header(V)", "")], "abc"),
        ([("header(Nosuch)", "")], ""),
        ([("name(Hangup),method(regex)", "V: c")], "c"),
    ],
)
def test_filters(filters: list[tuple[str, str]], expected: str) -> None:
    session = logged_in()
    for criteria, pattern in filters:
        said = say(session, *filter_action(criteria, pattern))
        assert said == "Response: Success\r\nMessage: Success\r\n\r\n"
    assert seen(session, *ZOO) == list(expected)


def filter_action(criteria: str, pattern: str, operation: str = "Add") -> list[tuple[str, str]]:
    more = [("MatchCriteria", criteria)] if criteria else []
    return [("Action", "Filter"), ("Operation", operation), *more, ("Filter", pattern)]


@pytest.mark.parametrize(
    ("criteria", "pattern", "words"),
    [
        ("", "(", NO_PATTERN),
        ("", "", WRONG),
        ("", "!", WRONG),
        ("bogus(x)", "a", WRONG),
        ("name()", "a", WRONG),
        ("name", "a", WRONG),
        ("method(like)", "a", WRONG),
        ("action(drop)", "a", WRONG),
        ("method(none)", "a", WRONG),
        ("method(none)", "", WRONG),
        ("action(exclude)", "", WRONG),
        ("name(X)", "a", WRONG),
        ("header(X)", "a", WRONG),
        ("name(X),header(Y)", "(", WRONG),
        ("method(exact)", "", WRONG),
        ("header(X),method(regex)", "[", NO_PATTERN),
    ],
)
def test_filters_that_are_refused(criteria: str, pattern: str, words: str) -> None:
    assert read_filter(criteria, pattern) == words


def test_filters_never_touch_answers() -> None:
    session = logged_in()
    assert say(session, *filter_action("", "x", "Remove")).endswith("Message: Unknown operation\r\n\r\n")
    say(session, *filter_action("", "Nothing"))
    session.respond(ask(session, ("Action", "Status")), [("Response", "Success")], [[("Event", "Status")]])
    assert session.data_to_send() == b"Response: Success\r\n\r\nEvent: Status\r\n\r\n"
    assert seen(session, *ZOO) == []


# --- anything at all ---

_ACTIONS = ("Login", "Challenge", "Ping", "Status", "Events", "Filter", "Logoff", "X")
_MORE: tuple[list[tuple[str, str]], ...] = (
    [],
    [("Username", "admin"), ("Secret", "Secret")],
    [("AuthType", "MD5"), ("EventMask", "7")],
)
_SAID = st.sampled_from([encode([("Action", name), *more]) for name in _ACTIONS for more in _MORE])


@examples(20)
@given(st.lists(_SAID | st.binary(max_size=20), max_size=12), st.integers(1, 30))
def test_no_bytes_raise_and_every_request_is_answered_once(said: list[bytes], size: int) -> None:
    session = ServerSession(options(), 0.0)
    answers = session.data_to_send().count(b"Response: ")
    for piece in pieces(b"".join(said), size):
        session.receive(piece)
        while request := session.next_request(1.0):
            session.respond(request, [("Response", "Success")])
        answers += session.data_to_send().count(b"Response: ")
    farewell = session.closing is not None
    asked = len(RequestDecoder().feed(b"".join(said)))
    assert answers + farewell <= asked if farewell else answers == asked
