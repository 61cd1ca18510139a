"""The simulated PBX and real Asterisk 22, asked for the same calls, must tell the same of them.

Asterisk's threads race: a channel's story is accepted when the real server told the same one in any of `TRIES` runs.
What is compared and what is not is in `support.differential`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from amiflow.ami.catalog import load
from amiflow.live.simulator import Simulator
from amiflow.tools.scenario import read_scenario
from support.differential import Account, account
from support.lab.config import EXTENSIONS, SECRET
from support.lab.server import AsteriskServer
from support.lab.sip import SipEndpoints
from support.plain_ami import Frame, PlainAmi

TRIES = 5
SETTLED = 0.9  # seconds after which nothing more comes of an action; Answer alone takes half a second of them

Script = Callable[["Stage"], None]
SCRIPTS: dict[str, Script] = {}


class Stage:
    """One server and the means to make calls on it. `tag` makes the uniqueids of a run unlike those of any other."""

    def __init__(self, ami: PlainAmi, tag: str) -> None:
        self.ami = ami
        self.tag = tag

    def act(self, action: str, seconds: float = SETTLED, **headers: str) -> str:
        """Send an action, let its consequences come, and return its Message."""
        answer = self.ami.action(action, **headers)
        time.sleep(seconds)
        return answer.get("Message") or ""

    def call(self, exten: str, to: str = "1234", name: str = "a", seconds: float = SETTLED, **more: str) -> None:
        """Originate to `exten` and connect it to `to`."""
        target = {"Context": "default", "Exten": to, "Priority": "1", "Async": "true"}
        self.act("Originate", seconds, Channel=f"Local/{exten}@default", ChannelId=self.tag + name, **target, **more)

    def legs(self) -> tuple[str, str]:
        """Called and calling leg of the last basic bridge."""
        called, calling = self.ami.seen("BridgeEnter", BridgeType="basic")[-2:]
        return called.Channel, calling.Channel

    def redirect(self, exten: str, channel: str, **more: str) -> None:
        self.act("Redirect", Channel=channel, Context="default", Exten=exten, Priority="1", **more)


def script(play: Script) -> Script:
    SCRIPTS[play.__name__] = play
    return play


@script
def a_bridge_of_two(stage: Stage) -> None:
    stage.call("800")


@script
def both_legs_into_a_conference(stage: Stage) -> None:
    stage.call("800")
    called, calling = stage.legs()
    stage.redirect("680", calling, ExtraChannel=called)


@script
def the_calling_leg_alone_into_a_conference(stage: Stage) -> None:
    stage.call("800")
    stage.redirect("680", stage.legs()[1])


@script
def the_called_leg_alone_into_a_conference(stage: Stage) -> None:
    stage.call("800")
    stage.redirect("680", stage.legs()[0])


@script
def both_legs_to_nowhere(stage: Stage) -> None:
    stage.call("800")
    called, calling = stage.legs()
    stage.redirect("99999", called, ExtraChannel=calling)


@script
def each_leg_to_its_own_place(stage: Stage) -> None:
    stage.call("800")
    called, calling = stage.legs()
    extra = {"ExtraContext": "default", "ExtraExten": "600", "ExtraPriority": "1"}
    stage.redirect("680", called, ExtraChannel=calling, **extra)


@script
def an_unbridged_channel_redirected_and_hung_up(stage: Stage) -> None:
    stage.call("1234")
    stage.redirect("600", stage.tag + "a")
    stage.act("Hangup", Channel=stage.tag + "a")


@script
def a_ringing_channel_redirected(stage: Stage) -> None:
    stage.call("noanswer")
    stage.redirect("600", stage.tag + "a")


@script
def the_calling_leg_hung_up_with_a_cause(stage: Stage) -> None:
    stage.call("800")
    stage.act("Hangup", Channel=stage.tag + "a;2", Cause="17")


@script
def the_called_leg_hung_up(stage: Stage) -> None:
    stage.call("800")
    stage.act("Hangup", Channel=stage.legs()[0])


@script
def busy(stage: Stage) -> None:
    stage.call("busy")


@script
def congestion(stage: Stage) -> None:
    stage.call("congestion")


@script
def nobody_answers(stage: Stage) -> None:
    stage.call("noanswer", seconds=2, Timeout="1000")


@script
def no_such_extension(stage: Stage) -> None:
    stage.call("nope")


@script
def the_dialplan_ends_after_a_dial(stage: Stage) -> None:
    stage.call("through")


@script
def a_dial_to_nowhere(stage: Stage) -> None:
    stage.call("nobody")


@script
def a_short_call(stage: Stage) -> None:
    stage.call("short", seconds=1.5)


@script
def an_answer_after_ringing(stage: Stage) -> None:
    stage.call("810", seconds=3.2)


@script
def a_user_event_of_the_dialplan(stage: Stage) -> None:
    stage.call("event", seconds=1.5)


@script
def a_variable_of_the_dialplan(stage: Stage) -> None:
    stage.call("quoted", seconds=1.5)


@script
def an_application_instead_of_an_extension(stage: Stage) -> None:
    headers = {"CallerID": '"Bob" <55>', "Variable": "A=1,B=2", "Account": "acc", "ChannelId": stage.tag + "a"}
    stage.act("Originate", 2, Channel="Local/1234@default", Application="Wait", Data="1", Async="true", **headers)


@script
def variables_and_a_caller_in_quotes(stage: Stage) -> None:
    variables = r'A=x\,y,B="q,r",C=\"s\",D=a\\b,CALLERID(name)=X'
    stage.call("1234", CallerID=r'"O\'Neil \"Q\"" <0049 (30) 1-2.3>', Variable=variables)


@script
def a_caller_without_a_name(stage: Stage) -> None:
    stage.call("1234", CallerID="0049 30-1.2")


@script
def two_calls_bridged_by_an_action(stage: Stage) -> None:
    for name in "ab":
        stage.call("1234", name=name)
    stage.act("Bridge", Channel1=stage.tag + "a", Channel2=stage.tag + "b")
    stage.act("Hangup", Channel=stage.tag + "b")


@script
def legs_taken_out_of_their_bridges(stage: Stage) -> None:
    called = []
    for name in "ab":
        stage.call("800", name=name)
        called.append(stage.legs()[0])
    stage.act("Bridge", 1.5, Channel1=called[0], Channel2=called[1])


@script
def a_conference_of_two_that_ends(stage: Stage) -> None:
    for name in "ab":
        stage.call("1234", to="680", name=name)
    for name in "ab":
        stage.act("Hangup", Channel=stage.tag + name)


@script
def out_of_a_conference(stage: Stage) -> None:
    stage.call("1234", to="680")
    stage.redirect("600", stage.tag + "a")


@script
def a_queue_and_its_member(stage: Stage) -> None:
    stage.call("700", seconds=1.8)
    stage.act("Hangup", Channel=stage.legs()[0])


@script
def a_caller_who_leaves_a_queue(stage: Stage) -> None:
    stage.call("710", seconds=1.5)
    stage.act("Hangup", Channel=stage.tag + "a")


@script
def a_caller_redirected_out_of_a_queue(stage: Stage) -> None:
    stage.call("710")
    stage.redirect("600", stage.tag + "a;2")


@script
def a_call_without_an_extension(stage: Stage) -> None:
    stage.act("Originate", Channel="Local/1234@default", ChannelId=stage.tag + "a", Async="true", Variable="__A=1, B=2")


@script
def variables_and_user_events(stage: Stage) -> None:
    stage.call("1234")
    stage.act("Setvar", Channel=stage.tag + "a", Variable="X", Value="a\"b'c\\d?")
    stage.act("Setvar", Variable="GLOBALLY", Value="1")
    stage.act("UserEvent", UserEvent="Foo", Room="680", Note="a: b")


def laboratory_dialplan() -> dict[str, list[str]]:
    """The laboratory's own context `default`, as a scenario has it."""
    steps: dict[str, list[str]] = {}
    for line in EXTENSIONS.partition("[default]")[2].partition("\n[")[0].splitlines():
        if found := re.fullmatch(r"exten => ([^,]+),1,(.*)", line):
            steps[found[1]] = current = [found[2]]
        elif found := re.fullmatch(r" same => n,(.*)", line):
            current.append(found[1])
    return steps


@contextmanager
def simulated(**more: object) -> Iterator[PlainAmi]:
    """A new simulated PBX with the laboratory's account and dialplan, and `more` of a scenario."""
    keys = {"calls": [], "accounts": {"judge": {"secret": SECRET}}, "extensions": {"default": laboratory_dialplan()}}
    scenario, problems = read_scenario(keys | more)
    assert scenario is not None, problems
    simulator = Simulator(scenario, load())
    try:
        simulator.start()
        with PlainAmi(simulator.address[1]) as ami:
            assert ami.login("judge", SECRET).Response == "Success"
            yield ami
    finally:
        simulator.stop()


def told(ami: PlainAmi, play: Script, tag: str) -> Account:
    """What the server tells while a script plays."""
    first = len(ami.events)
    play(Stage(ami, tag))
    return account(ami.events[first:])


def differences(mine: Account, real: list[Account]) -> list[str]:
    """What the simulated PBX told as no real run did, and the other way round."""
    channels = set(mine.stories).union(*(one.stories for one in real))
    found = [
        f"{channel}:\n  simulated {mine.stories.get(channel)}\n  real      {real[-1].stories.get(channel)}"
        for channel in sorted(channels)
        if all(one.stories.get(channel) != mine.stories.get(channel) for one in real)
    ]
    everywhere = set.intersection(*(one.loose for one in real))
    anywhere = set.union(*(one.loose for one in real))
    found += [f"only simulated: {one}" for one in sorted(mine.loose - anywhere)]
    found += [f"only real: {one}" for one in sorted(everywhere - mine.loose)]
    for name, seen in mine.headers.items():
        known = {frozenset(headers) for one in real for headers in one.headers.get(name, ())}
        found += [f"headers of {name}: {one} and not {known}" for one in sorted(seen) if frozenset(one) not in known]
    return found


@pytest.mark.parametrize("server", ["22"], indirect=True)
@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_the_simulated_pbx_tells_what_asterisk_tells(asterisk: AsteriskServer, judge: PlainAmi, name: str) -> None:
    with simulated() as ami, ThreadPoolExecutor() as beside:
        playing = beside.submit(told, ami, SCRIPTS[name], "t0")
        real = [told(judge, SCRIPTS[name], "t1")]
        mine = playing.result()
    while (found := differences(mine, real)) and len(real) < TRIES:
        asterisk.clean()
        time.sleep(SETTLED)
        real.append(told(judge, SCRIPTS[name], f"t{len(real) + 1}"))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("server", ["22"], indirect=True)
@pytest.mark.parametrize(
    ("extension", "caller", "seconds"),
    [
        ("busy", "caller.xml", None),
        ("congestion", "caller.xml", None),
        ("noanswer", "gives_up.xml", "1s"),
        ("nowhere", "caller.xml", None),
        ("short", "caller.xml", None),
        ("through", "caller.xml", None),
    ],
)
def test_a_simulated_telephone_calls_as_one_by_sip(
    judge: PlainAmi, sip: SipEndpoints, extension: str, caller: str, seconds: str | None
) -> None:
    sip.ring(extension, caller)
    time.sleep(2 * SETTLED)
    call = {"from": "PJSIP/caller", "to": extension, "at": "0s"} | ({"hangs_up_after": seconds} if seconds else {})
    with simulated(calls=[call], endpoints={"PJSIP/caller": {"callerid": '"Caller" <caller>'}}) as ami:
        time.sleep(2 * SETTLED)
        assert account(ami.events).stories == account(judge.events).stories


REFUSED = {
    "Redirect": [{}, {"Channel": "x"}, {"Channel": "x", "Context": "default", "Exten": "1", "Priority": "1"}],
    "Hangup": [{}, {"Channel": "x"}, {"Channel": "/(/"}, {"Channel": "/x"}],
    "Status": [{"Channel": "x"}],
    "Getvar": [{}, {"Channel": "x", "Variable": "A"}, {"Variable": "NOBODY_SET_IT"}],
    "Setvar": [{}, {"Channel": "x", "Variable": "A", "Value": "1"}],
    "Bridge": [{}, {"Channel1": "x"}, {"Channel1": "x", "Channel2": "y"}],
    "BridgeInfo": [{}, {"BridgeUniqueid": "x"}],
    "BridgeList": [{}],
    "ConfbridgeList": [{}, {"Conference": "x"}],
    "ConfbridgeListRooms": [{}],
    "Originate": [
        {},
        {"Channel": "x"},
        {"Channel": "Local/1", "Priority": "x"},
        {"Channel": "Local/1", "Timeout": "x"},
        {"Channel": "Local/1@default", "Context": "default", "Exten": "nope", "Priority": "1", "Async": "true"},
        {"Channel": "Local/nope@default", "Context": "default", "Exten": "1234", "Priority": "1"},
        {"Channel": "Local/1@default", "Context": "default", "Priority": "1", "Async": "true"},
        {"Channel": "Local/1@default", "Application": "Wait", "Exten": "1234", "Priority": "1", "Async": "true"},
        {"Channel": "Local/1@default"},
    ],
    "Command": [{}, {"Command": "blah"}, {"Command": "confbridge list"}, {"Command": "bridge show all"}],
    "Events": [{}, {"EventMask": "bogus"}, {"EventMask": "on"}],
    "Challenge": [{}, {"AuthType": "x"}],
    "Filter": [
        {},
        {"Operation": "Remove"},
        {"Operation": "Add"},
        {"Operation": "Add", "MatchCriteria": "name(X)", "Filter": "a"},
        {"Operation": "Add", "MatchCriteria": "method(none)"},
        {"Operation": "Add", "MatchCriteria": "name(X), header(Y)"},
    ],
    "Login": [{}],
    "Nonsense": [{}],
    "UserEvent": [{"UserEvent": "X"}],
    "CoreShowChannels": [{}],
    "QueueStatus": [{"Queue": "nope"}],
}


@pytest.mark.parametrize("server", ["22"], indirect=True)
@pytest.mark.parametrize("action", sorted(REFUSED))
def test_the_simulated_pbx_answers_what_asterisk_answers(judge: PlainAmi, action: str) -> None:
    with simulated() as ami:
        for headers in REFUSED[action]:
            mine, real = (one.action(action, **headers) for one in (ami, judge))
            assert [pair for pair in mine if pair[0] != "ActionID"] == [pair for pair in real if pair[0] != "ActionID"]


# --- lists ------------------------------------------------------------------------------------------------------------

LISTS = ("Status", "CoreShowChannels", "BridgeList", "ConfbridgeList", "ConfbridgeListRooms", "QueueStatus")
# Counted in seconds, or (ActionID) where it stands among the headers.
PASSING = {"ActionID", "AnsweredTime", "Duration", "LoginTime", "LongestHoldTime", "Seconds", "Wait"}
NUMBERS = (
    (re.compile(r"\bt\d(?=[abc])"), "t"),  # the tag of the run
    (re.compile(r"-[0-9a-f]{8}(?=;|$)"), "-n"),  # a channel's
    (re.compile(r"^\d{10}\.\d+$"), "n"),  # a uniqueid
    (re.compile(r"^[0-9a-f]{8}-[0-9a-f-]{27}$"), "bridge"),
)


def listed(ami: PlainAmi, tag: str) -> dict[str, list[list[tuple[str, str]]]]:
    """What the lists show of a bridged call, a conference and a caller in a queue; the order of rows is no matter."""
    stage = Stage(ami, tag)
    stage.call("800")
    stage.call("1234", to="680", name="b")
    stage.call("710", name="c", seconds=1.5)
    found = {action: ami.listing(action, Conference="680") for action in (*LISTS, "QueueSummary")}
    bridges = [row.BridgeUniqueid for row in found["BridgeList"]]
    found["BridgeInfo"] = [row for one in bridges for row in ami.listing("BridgeInfo", BridgeUniqueid=one)]
    return {action: sorted(map(shown, rows)) for action, rows in found.items()}


def shown(row: Frame) -> list[tuple[str, str]]:
    pairs = [(name, value) for name, value in row if name not in PASSING]
    for pattern, instead in NUMBERS:
        pairs = [(name, pattern.sub(instead, value)) for name, value in pairs]
    return pairs + [(name, "") for name in sorted({name for name, _ in row} & PASSING)]


@pytest.mark.parametrize("server", ["22"], indirect=True)
def test_the_simulated_pbx_lists_what_asterisk_lists(judge: PlainAmi) -> None:
    judge.action("QueueReset")  # earlier tests on this server had calls answered by the queues' members
    with simulated() as ami, ThreadPoolExecutor() as beside:
        playing = beside.submit(listed, ami, "t0")
        real = listed(judge, "t1")
        mine = playing.result()
    assert all(real.values())
    assert mine == real
