"""The client's session: every state and what leads out of it, against scripted bytes and against our own server."""

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiflow.ami import lists
from amiflow.ami.asterisk import Account, ServerOptions, ServerSession
from amiflow.ami.errors import LocalError
from amiflow.ami.lists import ListShape
from amiflow.ami.message import Message
from amiflow.ami.reports import (
    Answered,
    Closed,
    Event,
    LoggedIn,
    LoginRefused,
    Ready,
    Sent,
    ServerShutdown,
    SessionEvent,
    Stray,
    Unanswered,
)
from amiflow.ami.session import TRANSITIONS, Auth, Session, SessionOptions, State
from support.captures import pieces
from support.properties import examples

PREFIX = "af9c1"
CUT_OFF = "in the middle of a message (writetimeout exceeded?)"
MODERN = b"Asterisk Call Manager/11.0.0\r\n"
FULLY_BOOTED = b"Event: FullyBooted\r\nPrivilege: system,all\r\nUptime: 542\r\nStatus: Fully Booted\r\n\r\n"
ACCEPTED = "Message: Authentication accepted"
QUEUES = ListShape.of(("QueueParams", "QueueMember"), "QueueStatusComplete")


def options(**changed: object) -> SessionOptions:
    return SessionOptions(username="amiflow", secret="s3cret", prefix=PREFIX, **changed)  # type: ignore[arg-type]


def kinds(events: Sequence[SessionEvent]) -> list[str]:
    return [type(event).__name__ for event in events]


class Client:
    """A session and a clock of its own; what it sends is read by the hand of a server."""

    def __init__(self, banner: bytes = MODERN, **changed: object) -> None:
        self.now = 0.0
        self.session = Session(options(**changed), self.now)
        self.events: list[SessionEvent] = []
        if banner:
            self.hears(banner)

    def hears(self, *parts: bytes | str) -> list[SessionEvent]:
        data = b"".join(part if isinstance(part, bytes) else part.encode() for part in parts)
        found = self.session.receive(data, self.now)
        self.events += found
        return found

    def later(self, seconds: float) -> list[SessionEvent]:
        self.now += seconds
        found = self.session.tick(self.now)
        self.events += found
        return found

    def said(self) -> list[dict[str, str]]:
        actions = self.session.data_to_send().decode().split("\r\n\r\n")[:-1]
        return [dict(line.split(": ", 1) for line in action.split("\r\n")) for action in actions]

    def asks(self, number: int, name: str = "Getvar", patience: float = 5.0, shape: ListShape | None = None) -> str:
        action_id = f"{PREFIX}-{number}"
        self.events += self.session.submit(action_id, [("Action", name)], self.now, patience, shape)
        return action_id


def answer(action_id: str, *lines: str, word: str = "Success") -> str:
    return "\r\n".join([f"Response: {word}", f"ActionID: {action_id}", *lines]) + "\r\n\r\n"


def row(name: str, action_id: str, *lines: str) -> str:
    return "\r\n".join([f"Event: {name}", *lines, f"ActionID: {action_id}"]) + "\r\n\r\n"


def ready(banner: bytes = MODERN, **changed: object) -> Client:
    """A client that has logged in by its secret and seen FullyBooted."""
    client = Client(banner, auth="plain", **changed)
    client.hears(answer(client.said()[0]["ActionID"], ACCEPTED), FULLY_BOOTED)
    assert client.session.state is State.READY
    client.events.clear()
    return client


# --- the table ---


def test_every_state_can_be_reached_and_left_and_closed_is_the_end() -> None:
    assert set(TRANSITIONS) == set(State)
    reached, found = {State.BANNER}, {State.BANNER}
    while found:
        found = {target for state in found for target in TRANSITIONS[state]} - reached
        reached |= found
    assert reached == set(State)
    assert [state for state in State if not TRANSITIONS[state]] == [State.CLOSED]
    assert all(State.CLOSED in TRANSITIONS[state] for state in State if state is not State.CLOSED)


def in_state(state: State) -> Client:
    """A client brought into that state by what a server says."""
    if state is State.BANNER:
        return Client(b"")
    if state is State.CHALLENGE:
        return Client()
    client = Client(auth="plain")
    if state is State.LOGIN:
        return client
    client.hears(answer(client.said()[0]["ActionID"], ACCEPTED))
    if state is not State.BOOTING:
        client.hears(FULLY_BOOTED)
    if state in (State.LEAVING, State.CLOSED):
        client.session.log_off(client.now)
    if state is State.CLOSED:
        client.hears(b"")
    return client


@pytest.mark.parametrize("state", State)
def test_the_end_of_the_stream_closes_every_state_once(state: State) -> None:
    client = in_state(state)
    assert client.session.state is state
    found = client.hears(b"")
    assert client.session.state is State.CLOSED and client.session.deadline() is None
    match found:
        case []:
            assert state is State.CLOSED
        case [Closed(reason=reason, why=why)]:
            assert why == ("asked" if state is State.LEAVING else "network")
            assert ("authlimit" in reason) == (state is State.BANNER)
        case _:
            pytest.fail(f"{found}")
    assert client.hears(FULLY_BOOTED) == client.hears(b"") == client.later(1000.0) == []


@pytest.mark.parametrize("state", [State.BANNER, State.CHALLENGE, State.LOGIN])
def test_a_server_that_says_nothing_is_given_up(state: State) -> None:
    client = in_state(state)
    assert client.session.deadline() == 15.0
    assert client.later(14.9) == []
    assert client.later(0.1) == [Closed(f"no answer within 15 s while {state.value}", "network")]


@pytest.mark.parametrize("state", [State.BANNER, State.CHALLENGE, State.LOGIN])
def test_to_log_off_before_login_is_to_close(state: State) -> None:
    client = in_state(state)
    client.session.data_to_send()
    assert client.session.log_off(0.0) == [Closed("the run ends", "asked")]
    assert client.said() == [] and client.session.log_off(0.0) == []


def test_a_peer_that_is_no_server() -> None:
    client = Client(b"")
    [closed] = client.hears(b"SSH-2.0-OpenSSH\r\n")
    assert isinstance(closed, Closed) and closed.why == "protocol" and "SSH-2.0" in closed.reason


# --- login ---


def test_md5_is_answered_in_lower_case_hex() -> None:
    client = Client(auth="md5")
    [challenge] = client.said()
    assert challenge == {"Action": "Challenge", "ActionID": f"{PREFIX}-s1", "AuthType": "MD5"}
    assert client.hears(answer(challenge["ActionID"], "Challenge: 741688336")) == []
    key = hashlib.md5(b"741688336s3cret").hexdigest()
    login = {"Action": "Login", "ActionID": f"{PREFIX}-s2", "Username": "amiflow", "AuthType": "MD5", "Key": key}
    assert client.said() == [login | {"Events": "on"}]
    assert client.hears(answer(f"{PREFIX}-s2", ACCEPTED)) == [LoggedIn("11.0.0", plain=False)]
    assert client.session.state is State.BOOTING


def test_plain() -> None:
    client = Client(auth="plain", mask="call,user")
    expected = {"Action": "Login", "ActionID": f"{PREFIX}-s1", "Username": "amiflow", "Secret": "s3cret"}
    assert client.said() == [expected | {"Events": "call,user"}]
    assert client.hears(answer(f"{PREFIX}-s1", ACCEPTED)) == [LoggedIn("11.0.0", plain=True)]


@pytest.mark.parametrize(
    ("banner", "mask", "asked"),
    [
        (b"11.0.0", "dialplan,system", "dialplan,system"),
        (b"5.0.0", "cdr,dialplan,reporting", "cdr,dialplan,reporting"),
        (b"2.10.6", "dialplan,reporting,system", "dialplan,reporting,system,call"),
        (b"1.3", "dialplan,reporting", "dialplan,reporting,call,test"),
        (b"1.0", "cdr,call", "cdr,call"),
        (b"1.0", "on", "on"),
    ],
)
def test_an_older_server_is_asked_for_the_classes_that_its_events_have(banner: bytes, mask: str, asked: str) -> None:
    client = Client(b"Asterisk Call Manager/" + banner + b"\r\n", auth="plain", mask=mask)
    assert client.said()[0]["Events"] == asked


def test_auto_falls_back_where_there_is_no_challenge_and_md5_does_not() -> None:
    client = Client()
    client.hears(answer(f"{PREFIX}-s1", "Message: Must specify AuthType", word="Error"))
    assert [action["Action"] for action in client.said()] == ["Challenge", "Login"]
    strict = Client(auth="md5")
    refused = strict.hears(answer(f"{PREFIX}-s1", "Message: No MD5", word="Error"))
    assert refused == [LoginRefused("No MD5"), Closed("login refused: No MD5", "refused")]
    assert [action["Action"] for action in strict.said()] == ["Challenge"]


@pytest.mark.parametrize("words", ["Authentication failed", "Login Already In Use", "Permission denied"])
def test_a_refused_login_ends_in_the_servers_words(words: str) -> None:
    client = in_state(State.LOGIN)
    refused = client.hears(answer(f"{PREFIX}-s1", f"Message: {words}", word="Error"))
    assert refused == [LoginRefused(words), Closed(f"login refused: {words}", "refused")]
    assert client.hears(b"") == []


@pytest.mark.parametrize("state", [State.CHALLENGE, State.LOGIN])
def test_a_server_that_is_shutting_down_refuses_nobody_and_is_shown_no_secret(state: State) -> None:
    client = in_state(state)
    client.said()
    found = client.hears(answer(f"{PREFIX}-s1", "Message: Asterisk is shutting down", word="Error"))
    assert found == [Closed("Asterisk is shutting down", "network")] and client.said() == []


@pytest.mark.parametrize("state", [State.CHALLENGE, State.LOGIN])
def test_only_the_answer_that_was_asked_for_moves_the_login_on_and_nothing_else_is_an_event(state: State) -> None:
    client = in_state(state)
    said = client.hears(
        "Response: Success\r\nChallenge: 1\r\n\r\n",
        answer("forged-s1", "Challenge: 1"),
        answer(f"{PREFIX}-s2", ACCEPTED),
        row("UserEvent", f"{PREFIX}-s1", "Challenge: 1", "Response: Success"),
        FULLY_BOOTED,
    )
    assert kinds(said) == ["Stray"] * 5
    assert client.session.state is state


def test_a_second_challenge_is_no_login() -> None:
    client = Client()
    client.hears(answer(f"{PREFIX}-s1", "Challenge: 1"), answer(f"{PREFIX}-s1", "Challenge: 1"))
    assert client.session.state is State.LOGIN and kinds(client.events) == ["Stray"]


def test_a_proxy_without_a_banner() -> None:
    client = Client(b"", auth="plain")
    client.hears("Event: Proxy\r\n\r\n")
    assert client.session.ami_version == "" and client.session.state is State.LOGIN
    client.hears(answer(f"{PREFIX}-s1", ACCEPTED))
    assert client.later(0.0) == [Ready("", booted=False, uptime=None)]


@pytest.mark.parametrize(
    "bad",
    [{"username": "a\r\nAction: x"}, {"secret": "a\x00"}, {"mask": "on\n"}, {"prefix": "a\n"}, {"prefix": "p" * 57}],
)
def test_options_that_cannot_be_sent_are_refused_at_once(bad: dict[str, str]) -> None:
    settings = {"username": "amiflow", "secret": "s", "prefix": PREFIX} | bad
    with pytest.raises(LocalError):
        Session(SessionOptions(**settings), 0.0)  # type: ignore[arg-type]


def test_the_secret_is_not_shown() -> None:
    assert "s3cret" not in repr(options())


# --- ready ---


def test_fully_booted_makes_it_ready_and_is_an_event_too() -> None:
    client = in_state(State.BOOTING)
    [is_ready, event] = client.hears(FULLY_BOOTED)
    assert is_ready == Ready("11.0.0", booted=True, uptime=542)
    assert isinstance(event, Event) and event.message.name == "FullyBooted"


@pytest.mark.parametrize("uptime", ["", "Uptime: x\r\n", "Uptime: " + "9" * 5000 + "\r\n", "Uptime: -1\r\n"])
def test_an_uptime_that_is_none(uptime: str) -> None:
    client = in_state(State.BOOTING)
    client.hears(f"Event: FullyBooted\r\n{uptime}\r\n")
    assert client.events[-2] == Ready("11.0.0", booted=True, uptime=None)


@pytest.mark.parametrize(
    ("banner", "mask", "seconds"),
    [
        (MODERN, "on", 2.0),
        (MODERN, "call,system", 2.0),
        (MODERN, "3", 2.0),
        (MODERN, "", 2.0),
        (MODERN, "call", 0.0),
        (MODERN, "off", 0.0),
        (b"Asterisk Call Manager/1.0\r\n", "on", 0.0),
    ],
)
def test_without_fully_booted_it_is_ready_after_a_while(banner: bytes, mask: str, seconds: float) -> None:
    client = Client(banner, auth="plain", mask=mask)
    client.hears(answer(f"{PREFIX}-s1", ACCEPTED))
    client.asks(1)
    assert client.session.deadline() == seconds
    found = client.later(seconds)
    assert found == [Ready(client.session.ami_version, booted=False, uptime=None), Sent(f"{PREFIX}-1")]
    # A server that was still booting says so later, once.
    late, event = client.hears(FULLY_BOOTED)
    assert late == Ready(client.session.ami_version, booted=True, uptime=542)
    assert kinds([event, *client.hears(FULLY_BOOTED)]) == ["Event", "Event"]


def test_actions_wait_until_it_is_ready() -> None:
    client = Client(auth="plain")
    client.asks(1)
    client.hears(answer(f"{PREFIX}-s1", ACCEPTED))
    assert [action["Action"] for action in client.said()] == ["Login"]
    assert kinds(client.hears(FULLY_BOOTED)) == ["Ready", "Event", "Sent"]
    assert client.said() == [{"Action": "Getvar", "ActionID": f"{PREFIX}-1"}]


# --- actions ---


def test_one_action_at_a_time() -> None:
    client = ready()
    first, second, third = (client.asks(number) for number in (1, 2, 3))
    assert client.events == [Sent(first)]
    assert client.session.withdraw(third) and not client.session.withdraw(third) and not client.session.withdraw(first)
    [answered, sent] = client.hears(answer(first, "Value: x"))
    assert isinstance(answered, Answered) and answered.response.get("Value") == "x"
    assert (answered.action_id, answered.rows, answered.end, sent) == (first, (), None, Sent(second))
    assert [action["ActionID"] for action in client.said()] == [first, second]
    assert client.session.withdraw(second) is False


def test_several_at_a_time_are_answered_by_their_ids() -> None:
    client = ready(outstanding=2)
    ids = [client.asks(number) for number in (1, 2, 3)]
    assert client.events == [Sent(ids[0]), Sent(ids[1])]
    found = client.hears(answer(ids[1], word="Error"), answer(ids[0]))
    assert [(one.action_id, one.response.name) for one in found if isinstance(one, Answered)] == [
        (ids[1], "Error"),
        (ids[0], "Success"),
    ]


def test_an_action_with_a_line_break_in_it_is_not_sent() -> None:
    client = ready()
    with pytest.raises(LocalError):
        client.session.submit(f"{PREFIX}-1", [("Action", "Getvar"), ("Variable", "a\r\n\r\nAction: x")], 0.0, 5.0, None)
    assert client.said() == [] and client.asks(2) and client.events == [Sent(f"{PREFIX}-2")]


@pytest.mark.parametrize(
    "name", ["IAXnetstats", "queues", "Login", "logoff", "Challenge", "Events", "Filter", "WaitEvent"]
)
def test_actions_that_would_break_the_session(name: str) -> None:
    with pytest.raises(LocalError, match=f"{name} cannot be sent: "):
        ready().asks(1, name)


def test_answers_to_nothing_are_strays() -> None:
    client = ready()
    first = client.asks(1, "ModuleLoad")
    second = client.asks(2)
    double = answer(first, "Message: Need module name", word="Error")
    found = client.hears(double, double, double)
    assert kinds(found) == ["Answered", "Stray", "Stray", "Sent"]
    strays = [answer(PREFIX), answer(second.upper()), "Response: Success\r\n\r\n", "raw text\r\n\r\n", answer(first)]
    assert kinds(client.hears(*strays)) == ["Stray"] * 5
    assert kinds(client.hears(answer(second))) == ["Answered"]


@pytest.mark.parametrize("word", ["Success", "Events On"])
def test_old_servers_answer_events_in_its_turn_without_its_action_id(word: str) -> None:
    """Up to Asterisk 1.8.4; up to 1.4.31 in other words."""
    client, bare = ready(outstanding=2), f"Response: {word}\r\nEvents: On\r\n\r\n"
    first, second = client.asks(1), f"{PREFIX}-2"
    client.session.submit(second, [("Action", "Events")], client.now, 5.0, None, own=True)
    assert kinds(client.hears(bare)) == ["Stray"]
    found = client.hears(answer(first), bare, bare)
    assert kinds(found) == ["Answered", "Answered", "Stray"]
    assert [event.action_id for event in found if isinstance(event, Answered)] == [first, second]


def test_an_event_is_no_answer_whatever_it_carries() -> None:
    client = ready()
    action_id = client.asks(1)
    forged = row("UserEvent", action_id, "Response: Success", "Event: FullyBooted", "EventList: Complete")
    assert kinds(client.hears(forged, row("OriginateResponse", action_id, "Response: Failure"))) == ["Event", "Event"]
    assert kinds(client.hears(answer(action_id))) == ["Answered"]


@pytest.mark.parametrize("old", [True, False])
def test_command_output_of_old_and_new_servers(old: bool) -> None:
    client = ready(b"Asterisk Call Manager/1.3\r\n" if old else MODERN)
    action_id = client.asks(1, "Command")
    head = f"Response: Follows\r\nPrivilege: Command\r\nActionID: {action_id}\r\n"
    text = head + "a: b\n\r\n\r\n  c--END COMMAND--\r\n\r\n"
    lines = ("Message: Command output follows", "Output: a: b", "Output: ", "Output: ", "Output:   c")
    [answered] = client.hears(text if old else answer(action_id, *lines))
    assert isinstance(answered, Answered) and answered.response.all("Output") == ["a: b", "", "", "  c"]


def test_shutdown_is_told_and_is_an_event_too() -> None:
    found = ready().hears("Event: Shutdown\r\nShutdown: Cleanly\r\nRestart: True\r\n\r\n")
    assert found[0] == ServerShutdown(restart=True) and kinds(found) == ["ServerShutdown", "Event"]


# --- lists ---


def listing(client: Client, shape: ListShape | None = QUEUES, start: str = "EventList: start") -> str:
    action_id = client.asks(1, "QueueStatus", shape=shape)
    assert client.hears(answer(action_id, *([start] if start else []))) == []
    return action_id


def names(rows: Sequence[Message]) -> list[str]:
    return [one.name for one in rows]


@pytest.mark.parametrize("shape", [QUEUES, None])
def test_a_list_is_collected_up_to_its_end(shape: ListShape | None) -> None:
    client = ready()
    action_id = listing(client, shape, "EventList: Start")
    found = client.hears(
        row("QueueParams", action_id),
        row("QueueMember", "another"),
        "Event: QueueMember\r\n\r\n",
        row("UserEvent", action_id, "EventList: Complete"),
        row("QueueMember", action_id),
        row("QueueStatusComplete", action_id, "EventList: Complete", "ListItems: 2"),
    )
    assert kinds(found) == ["Event", "Event", "Event", "Answered"]
    answered = found[-1]
    assert isinstance(answered, Answered) and answered.end is not None
    assert names(answered.rows) == ["QueueParams", "QueueMember"] and answered.end.get("ListItems") == "2"


def test_an_old_server_marks_neither_the_beginning_nor_the_end() -> None:
    client = ready(b"Asterisk Call Manager/1.1\r\n")
    action_id = listing(client, start="")
    found = client.hears(
        row("AgentComplete", action_id), row("QueueMember", action_id), row("QueueStatusComplete", action_id)
    )
    assert kinds(found) == ["Event", "Answered"]
    assert isinstance(found[1], Answered) and names(found[1].rows) == ["QueueMember"]


def test_a_new_server_that_announces_no_list_sends_none() -> None:
    client = ready()
    action_id = client.asks(1, "VoicemailBoxSummary", shape=QUEUES)
    assert kinds(client.hears(answer(action_id))) == ["Answered"]


@pytest.mark.parametrize("banner", [MODERN, b"Asterisk Call Manager/1.3\r\n", b"Asterisk Call Manager/1.1\r\n"])
def test_a_list_that_only_some_requests_get_is_there_where_it_is_announced(banner: bytes) -> None:
    shape = ListShape.of(("ChannelHungup",), "ChannelsHungupListComplete", announced=True)
    client = ready(banner)
    one = client.asks(1, "Hangup", shape=shape)
    [alone] = client.hears(answer(one, "Message: Channel Hungup"))
    assert isinstance(alone, Answered) and alone.rows == ()
    many = client.asks(2, "Hangup", shape=shape)
    assert client.hears(answer(many, "EventList: start", "Message: Channels hung up will follow")) == []
    [listed] = client.hears(
        row("ChannelHungup", many, "Channel: a"), row("ChannelsHungupListComplete", many, "EventList: Complete")
    )
    assert isinstance(listed, Answered) and names(listed.rows) == ["ChannelHungup"]


def test_an_error_is_the_whole_answer_even_after_the_list_began() -> None:
    client = ready()
    action_id = client.asks(1, "ConfbridgeList", shape=QUEUES)
    assert kinds(client.hears(answer(action_id, "Message: No active conferences.", word="Error"))) == ["Answered"]
    map_id = client.asks(2, "CoreShowChannelMap")
    found = client.hears(
        answer(map_id, "EventList: start"), row("CoreShowChannelMap", map_id), answer(map_id, word="Error")
    )
    assert isinstance(found[-1], Answered) and found[-1].response.name == "Error" and len(found[-1].rows) == 1
    assert kinds(client.hears(row("CoreShowChannelMap", map_id))) == ["Event"]


def test_a_list_of_one_row_without_an_end() -> None:
    client = ready()
    action_id = client.asks(1, "FAXStats", shape=ListShape.of(("FAXStats",), ""))
    [answered] = client.hears(answer(action_id), row("FAXStats", action_id, "FailedFAXes: 0"))
    assert isinstance(answered, Answered) and names(answered.rows) == ["FAXStats"] and answered.end is None


def test_an_empty_list() -> None:
    client = ready()
    action_id = listing(client)
    [answered] = client.hears(row("QueueStatusComplete", action_id, "EventList: Complete", "ListItems: 0"))
    assert isinstance(answered, Answered) and answered.rows == ()


def test_a_list_takes_no_slot_and_other_lists_go_on_beside_it() -> None:
    client = ready()
    first = listing(client)
    second = client.asks(2, "QueueStatus", shape=QUEUES)
    found = client.hears(
        answer(second, "EventList: start"),
        row("QueueMember", first),
        row("QueueMember", second),
        row("QueueStatusComplete", second),
        row("QueueStatusComplete", first),
    )
    assert [one.action_id for one in found if isinstance(one, Answered)] == [second, first]


def test_a_list_without_an_end_is_given_up_and_its_late_rows_are_no_events() -> None:
    client = ready()
    action_id = listing(client)
    client.hears(row("QueueMember", action_id))
    assert client.session.deadline() == 10.0
    assert client.later(10.0) == [Unanswered(action_id, sent=True)]
    late = client.hears(row("QueueMember", action_id), row("QueueStatusComplete", action_id))
    assert kinds(late) == ["Stray", "Stray"]
    assert kinds(client.hears(row("QueueMember", action_id))) == ["Event"]


def test_an_endless_list_costs_no_more_than_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "MAX_LIST", 10_000)
    client = ready()
    action_id = listing(client)
    found = client.hears(*(row("QueueMember", action_id) for _ in range(100)))
    assert found[0] == Unanswered(action_id, sent=True)
    assert kinds(found[1:]) == ["Stray"] * (len(found) - 1) and 50 < len(found) < 100


def test_several_lists_share_one_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "MAX_LIST", 10_000)
    client = ready()
    ids = [client.asks(number, "QueueStatus", shape=QUEUES) for number in range(4)]
    for action_id in ids:
        client.hears(answer(action_id, "EventList: start"))
    found = client.hears(*(row("QueueMember", action_id) for _ in range(15) for action_id in ids))
    assert Unanswered(ids[0], sent=True) in found or Unanswered(ids[1], sent=True) in found
    assert sum(isinstance(one, Unanswered) for one in found) < 4  # the others end with what has been freed


def test_only_so_many_lists_that_were_given_up_are_remembered() -> None:
    client = ready()
    ids = [client.asks(number, "QueueStatus", shape=QUEUES) for number in range(101)]
    for action_id in ids:
        client.hears(answer(action_id, "EventList: start"))
    client.later(10.0)
    assert kinds(client.hears(row("QueueMember", ids[0]), row("QueueMember", ids[1]))) == ["Event", "Stray"]


# --- keep-alive ---


def test_an_idle_connection_is_asked_and_lives() -> None:
    for pong in ("Response: Pong", "Response: Success\r\nPing: Pong"):
        client = ready()
        assert client.session.deadline() == 30.0
        assert client.later(29.0) == [] and client.said() == []
        assert client.later(1.0) == []
        [ping] = client.said()
        assert ping["Action"] == "Ping" and client.session.deadline() == 40.0
        client.now = 31.0
        assert client.hears(f"{pong}\r\nActionID: {ping['ActionID']}\r\n\r\n") == []
        assert client.session.deadline() == 61.0


def test_events_are_a_sign_of_life() -> None:
    client = ready()
    client.now = 20.0
    client.hears("Event: X\r\n\r\n")
    assert client.session.deadline() == 50.0


def test_a_half_open_connection_is_noticed() -> None:
    client = ready()
    client.later(30.0)
    waiting = client.asks(1)
    assert client.later(10.0) == [
        Unanswered(waiting, sent=False),
        Closed("no answer to Ping within 10 s", "network"),
    ]


def test_an_action_that_is_never_answered_tells_the_same() -> None:
    client = ready()
    first, second = client.asks(1, patience=60.0), client.asks(2)
    assert client.session.deadline() == 60.0 and client.later(59.0) == []
    assert client.later(1.0) == [
        Unanswered(first, sent=True),
        Unanswered(second, sent=False),
        Closed("no answer to Getvar within 60 s", "network"),
    ]


def test_of_several_actions_only_the_one_whose_turn_it_is_ages() -> None:
    client = ready(outstanding=2, keepalive_timeout=10.0)
    slow, quick = client.asks(1, patience=60.0), client.asks(2, patience=5.0)
    assert client.session.tick(30.0) == [] and client.session.deadline() == 60.0
    client.now = 50.0
    assert kinds(client.hears(answer(slow))) == ["Answered"]
    assert client.session.deadline() == 60.0, quick
    assert kinds(client.session.tick(60.0)) == ["Unanswered", "Closed"]


def test_a_long_list_does_not_stop_the_keep_alive() -> None:
    client = ready()
    action_id = client.asks(1, "QueueStatus", patience=3600.0, shape=QUEUES)
    client.hears(answer(action_id, "EventList: start"))
    assert client.session.deadline() == 30.0
    client.later(30.0)
    assert [action["Action"] for action in client.said()] == ["QueueStatus", "Ping"]
    assert client.later(10.0) == [Unanswered(action_id, sent=True), Closed("no answer to Ping within 10 s", "network")]


# --- the end ---


def test_what_was_sent_and_not_answered_is_unknown() -> None:
    client = ready(outstanding=1)
    listed = listing(client)
    sent, queued = client.asks(2), client.asks(3)
    assert client.hears(answer(sent)[:-2] + "half", b"") == []
    assert client.hears(b"") == [
        Unanswered(sent, sent=True),
        Unanswered(listed, sent=True),
        Unanswered(queued, sent=False),
        Closed(f"the server closed the connection while ready, {CUT_OFF}", "network"),
    ]


def test_a_stream_that_ends_between_two_messages() -> None:
    client = ready()
    client.hears("Event: X\r\n\r\n\r\n")
    assert client.hears(b"") == [Closed("the server closed the connection while ready", "network")]


def test_log_off_waits_for_goodbye() -> None:
    client = ready()
    sent, queued = client.asks(1), client.asks(2)
    assert client.session.log_off(client.now) == [Unanswered(queued, sent=False)]
    assert [action["Action"] for action in client.said()] == ["Getvar", "Logoff"]
    late = client.asks(3)
    assert client.events[-1] == Unanswered(late, sent=False)
    found = client.hears(answer(sent), "Event: X\r\n\r\n", answer(f"{PREFIX}-s2", word="Goodbye"), "Event: Y\r\n\r\n")
    assert kinds(found) == ["Answered", "Event", "Closed"] and found[-1] == Closed("logged off", "asked")
    after = client.asks(4)
    assert client.events[-1] == Unanswered(after, sent=False)


def test_log_off_does_not_wait_for_ever() -> None:
    client = in_state(State.LEAVING)
    assert client.session.deadline() == 2.0 and client.later(1.9) == []
    assert client.later(0.1) == [Closed("logged off, without a goodbye", "asked")]


def test_a_goodbye_that_nobody_asked_for() -> None:
    client = ready()
    assert kinds(client.hears("Response: Goodbye\r\n\r\n")) == ["Stray"] and client.session.state is State.READY


def test_rubbish_in_the_middle_ends_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amiflow.ami.codec.MAX_LINES", 5)
    client = ready()
    sent = client.asks(1)
    assert client.hears("x\r\n" * 9 + "\r\n") == [
        Unanswered(sent, sent=True),
        Closed("a message of more than 5 lines", "protocol"),
    ]


# --- anything at all ---

_IDS = st.sampled_from([f"{PREFIX}-s1", f"{PREFIX}-s2", f"{PREFIX}-s3", f"{PREFIX}-1", f"{PREFIX}-2", "x"])
_WORDS = st.sampled_from(["Success", "Error", "Goodbye", "Pong", "Follows"])
_LINES = st.sampled_from(["EventList: start", "EventList: Complete", "Challenge: 1", ACCEPTED, "Event: X"])
_NAMES = st.sampled_from(["QueueMember", "QueueStatusComplete", "UserEvent", "FullyBooted", "Shutdown", "X"])
_SAYS = st.one_of(
    st.builds(lambda one, line, word: answer(one, line, word=word).encode(), _IDS, _LINES, _WORDS),
    st.builds(lambda name, one, line: row(name, one, line).encode(), _NAMES, _IDS, _LINES),
    st.binary(max_size=12),
    st.just(FULLY_BOOTED),
)
_STEP = st.one_of(_SAYS, st.floats(0.0, 40.0), st.sampled_from(["submit", "list", "withdraw", "leave", "end"]))


@examples(25)
@given(st.sampled_from(State), st.lists(_STEP, max_size=15))
def test_nothing_raises_in_any_state_and_every_action_ends_once(state: State, steps: list[bytes | float | str]) -> None:
    client = in_state(state)
    client.events.clear()
    asked: list[str] = []
    withdrawn: list[str] = []
    for step in steps:
        match step:
            case bytes():
                client.hears(step or b"\r\n")
            case float():
                client.later(step)
            case "submit" | "list":
                asked.append(client.asks(len(asked) + 1, shape=QUEUES if step == "list" else None))
            case "withdraw":
                withdrawn += [one for one in asked[-1:] if client.session.withdraw(one)]
            case "leave":
                client.events += client.session.log_off(client.now)
            case _:
                client.hears(b"")
    client.hears(b"")
    assert client.session.state is State.CLOSED
    ended = [one.action_id for one in client.events if isinstance(one, Answered | Unanswered)]
    assert sorted([*ended, *withdrawn]) == sorted(asked)
    assert len([one for one in client.events if isinstance(one, Closed)]) == (state is not State.CLOSED)


@examples(20)
@given(st.lists(_SAYS, max_size=12), st.integers(1, 9))
def test_a_split_stream_brings_the_same_events(says: list[bytes], size: int) -> None:
    whole, cut = (ready(outstanding=2) for _ in range(2))
    for client in (whole, cut):
        client.asks(1, shape=QUEUES)
        client.asks(2)
    data = b"".join(says) + b"\r\n"
    whole.hears(data)
    for piece in pieces(data, size):
        cut.hears(piece)
    assert list(map(repr, whole.events)) == list(map(repr, cut.events))


# --- client and server, back to back ---

SERVER = ServerOptions((Account("AMIflow", "s3cret"),), lambda name: () if name == "QueueStatus" else None)


class Pair:
    """A session of ours and one of the server's, and what each says brought to the other in pieces."""

    def __init__(self, size: int, started: float | None = 0.0, **changed: object) -> None:
        self.client = Client(b"", **changed)
        self.server = ServerSession(SERVER, started)
        self._size = size
        self.talk()

    def talk(self) -> None:
        """Until neither has anything to say."""
        while True:
            to_client, to_server = self.server.data_to_send(), self.client.session.data_to_send()
            if not to_client and not to_server:
                return
            for piece in pieces(to_client, self._size):
                self.client.hears(piece)
            for piece in pieces(to_server, self._size):
                self.server.receive(piece)
            while request := self.server.next_request(542.0):
                self.server.respond(request, [("Response", "Success"), ("EventList", "start")], QUEUE)


QUEUE = (
    (("Event", "QueueMember"), ("Name", "a")),
    (("Event", "QueueStatusComplete"), ("EventList", "Complete"), ("ListItems", "1")),
)


@pytest.mark.parametrize("size", [1, 5, 10_000])
@pytest.mark.parametrize("auth", ["auto", "md5", "plain"])
def test_a_whole_conversation(auth: Auth, size: int) -> None:
    pair = Pair(size, auth=auth)
    client = pair.client
    assert client.events[:2] == [LoggedIn("11.0.0", auth == "plain"), Ready("11.0.0", booted=True, uptime=542)]
    asked = [client.asks(number, "QueueStatus", shape=QUEUES) for number in range(3)]
    pair.talk()
    answered = [one for one in client.events if isinstance(one, Answered)]
    assert [one.action_id for one in answered] == asked
    assert all(names(one.rows) == ["QueueMember"] and one.end is not None for one in answered)
    unknown = client.asks(3, "Nosuch")
    pair.talk()
    last = client.events[-1]
    assert isinstance(last, Answered) and (last.action_id, last.response.name) == (unknown, "Error")
    pair.server.event("Hangup", ("call",), [("Channel", "x")])
    pair.talk()
    assert kinds(client.events[-1:]) == ["Event"]
    client.later(30.0)
    pair.talk()
    assert client.session.deadline() == 60.0 and not [one for one in client.events if isinstance(one, Stray)]
    client.session.log_off(client.now)
    pair.talk()
    assert pair.server.closing is not None
    assert client.hears(pair.server.closing.farewell) == [Closed("logged off", "asked")]


@pytest.mark.parametrize("auth", ["auto", "md5", "plain"])
def test_a_wrong_secret(auth: Auth) -> None:
    server = ServerSession(ServerOptions((Account("amiflow", "other"),), lambda name: ()))
    client = Client(b"", auth=auth)
    while out := server.data_to_send():
        client.hears(out)
        server.receive(client.session.data_to_send())
        server.next_request(0.0)
    assert server.closing is not None and client.events == []
    refused = client.hears(server.closing.farewell)
    assert refused == [LoginRefused("Authentication failed"), Closed("login refused: Authentication failed", "refused")]


def test_a_server_that_is_still_booting() -> None:
    pair = Pair(100, started=None)
    assert kinds(pair.client.events) == ["LoggedIn"]
    pair.server.event("FullyBooted", ("system",), [("Status", "Fully Booted"), ("Uptime", "1")])
    pair.talk()
    assert pair.client.events[1] == Ready("11.0.0", booted=True, uptime=1)
