"""What servers are asked not to send, and that it changes nothing that flows do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiflow.ami.codec import Decoder
from amiflow.ami.filters import passes, read_filter
from amiflow.ami.message import Message
from amiflow.ami.scanner import Sieve, Wanted
from amiflow.engine.core import Inputs, Options
from amiflow.engine.effects import Answered, Effect, FlowEnded, Received, Said, Send, Sent, ServerReady, Tick
from amiflow.engine.interest import interest
from amiflow.engine.machine import Machine
from amiflow.live.pushdown import event_filter
from amiflow.plan.model import Plan
from support.properties import examples
from support.runs import Ran, answering, compiled, go, server_of
from support.scripted_ami import COMMANDS, Action, Connection, scripted
from support.watching import RECIPE

PLAN = compiled(RECIPE)


def value(name: str, *values: str) -> st.SearchStrategy[tuple[str, str]]:
    return st.sampled_from(values).map(lambda one: (name, one))


HEADERS = st.tuples(
    value("Uniqueid", "1", "2"),
    value("Channel", "PJSIP/1-1", "PJSIP/2-1"),
    value("BridgeNumChannels", "2", "02", "1", "x"),
    value("Context", "default", "other"),
    value("Exten", "700", "800"),
    value("Cause", "16", "17", ""),
    value("Value", "end", "700", "\\e", "no"),
)
NAMES = st.sampled_from(["BridgeEnter", "BridgeEnter", "Hangup", "VarSet", "Newexten", "Newchannel", "HangupRequest"])
EVENTS = st.lists(st.builds(lambda name, pairs: (("Event", name), *pairs), NAMES, HEADERS), max_size=25)


def run(plan: Plan, messages: list[Message | None]) -> list[Effect]:
    """A run that is given a message each second; none where there was one that did not arrive."""
    machine = Machine(plan, Inputs(), Options("run", ("pbx",)))
    told = list(machine.handle(ServerReady("pbx", "11.0.0", False), 0.0, 0.0))
    for number, message in enumerate(messages):
        now = float(number)
        fresh = machine.handle(Received("pbx", message) if message else Tick(), now, now)
        told += fresh
        for send in [one for one in fresh if isinstance(one, Send)]:
            told += machine.handle(Sent(send.action_id), now, now)
            told += machine.handle(Answered(send.action_id, Message.build([("Response", "Success")]), ()), now, now)
    return [one for one in told if isinstance(one, Send | Said | FlowEnded)]


@examples(75)
@given(EVENTS)
def test_the_same_actions_are_sent_whether_all_events_come_or_only_those_of_interest(
    events: list[tuple[tuple[str, str], ...]],
) -> None:
    messages = [Message.build(event) for event in events]
    interests = interest(PLAN, Machine(PLAN, Inputs(), Options("run", ("pbx",))).world)
    text = event_filter(interests)
    assert text is not None
    one = read_filter("", text)
    assert not isinstance(one, str)
    arrived = [passes([one], message.raw) and is_let_through(message, interests) for message in messages]
    sifted = [message if there else None for message, there in zip(messages, arrived, strict=True)]
    assert run(PLAN, sifted) == run(PLAN, list(messages))


def is_let_through(message: Message, interests: tuple[Wanted, ...]) -> bool:
    decoder = Decoder()
    decoder.feed(b"Asterisk Call Manager/11.0.0\r\n")
    decoder.sieve = Sieve(interests)
    return bool(decoder.feed(message.raw + b"\r\n\r\n"))


ON_EVENT = """
userevent Go {}
flow moves on UserEvent Go { Hangup { Channel: "PJSIP/a-1" } }
"""


def go_event(connection: Connection, _: Action) -> None:
    connection.say("Event: UserEvent", "Privilege: user,all", "UserEvent: Go")


def refuse(connection: Connection, action: Action) -> None:
    connection.answer(action, "Error", "Message: Filter did not compile")
    go_event(connection, action)


def grant(connection: Connection, action: Action) -> None:
    connection.answer(action, "Success", "Message: Success")
    go_event(connection, action)


@pytest.mark.parametrize(
    ("answer", "said"), [(grant, "sends only events of the names"), (refuse, "does not filter its events by name")]
)
def test_the_filter_is_asked_for_before_the_server_counts_as_ready(answer: object, said: str) -> None:
    ran = Ran()
    with scripted(answering(Filter=answer), commands=(*COMMANDS, "Filter")) as ami:  # type: ignore[arg-type]
        go(ON_EVENT, [(server_of(ami), "hunter2")], ran)
    assert ami.names()[-4:] == ["ListCommands", "Filter", "Hangup", "Logoff"]
    asked = next(action for action in ami.seen if action["Action"] == "Filter")
    assert asked["Filter"] == "^Event: (FullyBooted|Shutdown|UserEvent)[[:cntrl:]]" and "MatchCriteria" not in asked
    assert ran.said(said)


def test_an_account_that_may_not_filter_is_not_asked_to() -> None:
    ran = Ran()
    with scripted(answering()) as ami:
        go('flow asks on start { Hangup { Channel: "PJSIP/a-1" } }', [(server_of(ami), "hunter2")], ran)
    assert "Filter" not in ami.names() and ran.said("cannot be filtered by name")


def test_names_that_fit_no_line_are_not_asked_for() -> None:
    assert event_filter([Wanted(f"Event{number}") for number in range(200)]) is None
    assert event_filter([Wanted("Odd|Name")]) is None
