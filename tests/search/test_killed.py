"""amiflow killed at every point of a conversation: each policy does what it says, and no action is sent twice.

A point is: an input was dealt with and nothing of it is written; it is written and nothing of it has gone out; an
action has gone out and nobody knows. What is written is what `Memory` has after its JSON.
"""

from __future__ import annotations

import json
import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from functools import cache

import pytest

from amiflow.ami.message import Message
from amiflow.engine import effects as fx
from amiflow.engine.core import Inputs, Options
from amiflow.engine.machine import Machine
from amiflow.engine.snapshot import NOBODY
from amiflow.lang.compile import compile_recipe
from amiflow.lang.grammar import Grammar, build
from amiflow.plan.model import Plan
from amiflow.tools.memory import Memory
from support.machines import START, event
from support.recipes import ROOT

Happening = tuple[float, Message]
_OUT = re.compile(r'"phase": "(handed|sent|called)"|"between": false')
SUCCESS = (("Response", "Success"),)


@cache
def grammar() -> Grammar:
    return build()


@cache
def compiled(text: str) -> Plan:
    made = compile_recipe("r.flow", lambda _: text, grammar=grammar())
    assert made.plan is not None, made.diagnostics
    return made.plan


class Killed(Exception):
    """The process is gone."""


class World:
    """A server that carries out and answers what reaches it, and amiflow's lives beside it."""

    def __init__(self, plan: Plan, script: Iterable[Happening], kill_at: int | None) -> None:
        self.plan, self.script = plan, deque(script)
        self.kill_at, self.points, self.life = kill_at, 0, 0
        self.now = 0.0
        self.memory = Memory()
        self.wire: list[tuple[int, fx.Send | fx.Errand]] = []
        self.ends: list[tuple[int, str, str | None]] = []
        self.said: list[str] = []
        self.remembered: list[str] = []  # how the runs stood that were written down when it died
        self.in_flight = False  # whether something of them may have gone out, and nobody knows what came of it
        self.missed = False  # whether it died over an event of which nothing was written

    def run(self) -> World:
        try:
            self._live()
        except Killed:
            states = [past.state for past in self.memory.restored(()).flows]
            self.remembered = [str(state["state"]) for state in states]
            self.missed = self._over_event
            self.in_flight = _OUT.search(json.dumps(states)) is not None
            self.kill_at = None
            self.now += 1.0
            self._live()
        return self

    def _live(self) -> None:
        self.life += 1
        self.booted = self.now - 1000.0 * self.life
        self.inputs: deque[fx.Input] = deque()
        options = Options(f"run{self.life}", ("pbx",), keeping=True)
        self.machine = Machine(self.plan, Inputs({}, {}), options)
        self._handle(self.memory.restored(tuple(f"run{number}" for number in range(1, self.life))))
        self._handle(fx.ServerReady("pbx", "11.0.0", False))
        self._answer_all()
        while self.script:
            at, message = self.script[0]
            self._until(at)
            self.script.popleft()
            self._handle(fx.Received("pbx", message))
            self._answer_all()
        self._until(self.now + 100_000)

    def _until(self, at: float) -> None:
        while (due := self.machine.deadline()) is not None and due + self.booted <= at:
            self.now = max(self.now, due + self.booted)
            self._handle(fx.Tick())
            self._answer_all()
        self.now = max(self.now, at)

    def _answer_all(self) -> None:
        while self.inputs:
            self._handle(self.inputs.popleft())

    def _handle(self, item: fx.Input) -> None:
        self._over_event = isinstance(item, fx.Received)
        brought = self.machine.handle(item, self.now - self.booted, START + self.now)
        early = [one for one in brought if not _is_promised(one)]
        for effect in early:
            self._bring_about(effect)
        self._point()
        for effect in brought:
            if isinstance(effect, fx.Remember | fx.StoreChanged):
                self.memory.take(effect, START + self.now)
        self._over_event = False
        self._point()
        for effect in brought:
            if _is_promised(effect):
                self._bring_about(effect)

    def _bring_about(self, effect: fx.Effect) -> None:
        match effect:
            case fx.Send(action_id=action_id, headers=headers, instance=instance):
                if instance != NOBODY:
                    self.wire.append((self.life, effect))
                self._point()
                self.inputs.append(fx.Sent(action_id))
                response = [("Response", "Error")] if instance == NOBODY else [*SUCCESS]
                self.inputs.append(fx.Answered(action_id, Message.build(response), ()))
                if headers[0][1] == "Originate":
                    told = (("Event", "OriginateResponse"), ("ActionID", action_id), *SUCCESS, ("Channel", "PJSIP/1-a"))
                    self.inputs.append(fx.Received("pbx", Message.build(told)))
            case fx.Errand(errand_id=errand_id):
                self.wire.append((self.life, effect))
                self._point()
                self.inputs.append(fx.ErrandDone(errand_id, fx.HttpResult(200, "")))
            case fx.FlowEnded(outcome=outcome, failure=failure):
                self.ends.append((self.life, outcome, failure))
            case fx.Said(text=text):
                self.said.append(text)

    def _point(self) -> None:
        """A point at which the process may die."""
        self.points += 1
        if self.points == self.kill_at:
            raise Killed

    def sent(self, life: int | None = None) -> list[str]:
        """What has gone out that changes something, each with its own headers."""
        changing = (one for one in self.wire if isinstance(one[1], fx.Errand) or not one[1].reads)
        return [_what(one) for number, one in changing if life in (None, number)]


def _is_promised(effect: fx.Effect) -> bool:
    return isinstance(effect, fx.Send | fx.Errand) and effect.promised


def _what(effect: fx.Send | fx.Errand) -> str:
    if isinstance(effect, fx.Errand):
        return str(effect.request)
    headers = [f"{name}={value}" for name, value in effect.headers if name not in ("ChannelId", "OtherChannelId")]
    return " ".join(headers)


def killed_everywhere(text: str, script: list[Happening]) -> tuple[World, list[World]]:
    """The run that nobody interrupts, and one for each point at which it can be killed."""
    plan = compiled(text)
    whole = World(plan, script, None).run()
    assert Counter(whole.sent()).most_common(1)[0][1] == 1, "each action of the conversation is another one"
    return whole, [World(plan, script, at).run() for at in range(1, whole.points + 1)]


def by_policy(text: str, policy: str) -> str:
    return text.replace("AFTER", f"after restart {policy}")


SHOWPIECE = ROOT / "recipes" / "both_legs_to_conference.flow"


def showpiece() -> str:
    """Recipe and tests as shipped, with a policy and a finally that undoes."""
    text = SHOWPIECE.read_text(encoding="utf-8").partition("\ntest ")[0]
    head, _, body = text.partition("  per one.BridgeUniqueid\n")
    body = body.rstrip().removesuffix("}")
    final = '} finally { Setvar { Channel: "x" Variable: "DONE" Value: "1" } }\n'
    return f"{head}  per one.BridgeUniqueid AFTER\n{body}{final}"


def bridge(channel: str) -> Message:
    return event("BridgeEnter", BridgeUniqueid="b1", BridgeType="basic", Channel=channel, Uniqueid=channel[-3:])


def joined(channel: str) -> Message:
    return event("ConfbridgeJoin", Conference="680", Channel=channel)


MOVED = [(1.0, bridge("PJSIP/a-1")), (1.5, bridge("PJSIP/b-1")), (4.0, joined("PJSIP/b-1")), (4.1, joined("PJSIP/a-1"))]

CALLS = """\
flow calls on Newchannel as n AFTER {
  let c = Originate { Channel: "PJSIP/1" Application: "Echo" } or as e { log "${e.kind}" stop }
  repeat 3 every 5s as i { Setvar { Channel: n.Channel Variable: "I" Value: "${i}" } or ignore }
  parallel { { wait 3s Setvar { Variable: "A" Value: "1" } or ignore } { http post "https://x.example/" or ignore } }
  wait Hangup as h where h.Uniqueid == n.Uniqueid within 1h
  Setvar { Variable: "H" Value: h.Cause }
} finally { Setvar { Variable: "END" Value: "1" } }
"""
NEW = event("Newchannel", Channel="PJSIP/a-1", Uniqueid="1.1", Linkedid="1.1")
CALLED = [(1.0, NEW), (60.0, event("Hangup", Channel="PJSIP/a-1", Uniqueid="1.1", Linkedid="1.1", Cause="16"))]


def conversations() -> Iterator[tuple[str, list[Happening]]]:
    yield showpiece(), MOVED
    yield CALLS, CALLED


def shipped(path: str) -> str:
    """A recipe as it is, without its tests."""
    return (ROOT / "recipes" / path).read_text(encoding="utf-8").partition("\ntest ")[0]


QUEUED = {"Queue": "support", "Interface": "PJSIP/1001", "MemberName": "Anna"}
SHIPPED: dict[str, list[Happening]] = {
    "agents/wrap_up_pause.flow": [(1.0, event("AgentComplete", **QUEUED))],
    "recording/card_payment_pause.flow": [
        (1.0, event("UserEvent", UserEvent="CardPayment", State="begin", Target="PJSIP/t-1")),
        (9.0, event("UserEvent", UserEvent="CardPayment", State="end", Target="PJSIP/t-1")),
    ],
    "security/nuisance_callers.flow": [
        one
        for number in range(10)
        for one in (
            (number * 9.0 + 1, event("Newchannel", Uniqueid="1", Linkedid="1", Channel="X", CallerIDNum="0301234")),
            (number * 9.0 + 2, event("Hangup", Uniqueid="1", Linkedid="1", Channel="X")),
        )
    ],
}


@pytest.mark.parametrize("path", SHIPPED)
def test_a_shipped_recipe_sends_nothing_twice_and_leaves_nothing_undone(path: str) -> None:
    whole, others = killed_everywhere(shipped(path), SHIPPED[path])
    assert whole.ends == [(1, "done", None)]
    for at, world in enumerate(others, 1):
        assert [what for what, times in Counter(world.sent()).items() if times > 1] == [], f"killed at point {at}"
        if world.remembered and not world.in_flight and not world.missed:
            assert Counter(world.sent()) == Counter(whole.sent()), f"killed at point {at}"


@pytest.mark.parametrize("policy", ["resume", "drop", "fail"])
@pytest.mark.parametrize("number", [0, 1])
def test_nothing_is_sent_twice_wherever_it_dies(policy: str, number: int) -> None:
    text, script = list(conversations())[number]
    whole, others = killed_everywhere(by_policy(text, policy), script)
    assert len(others) > 20 and whole.ends == [(1, "done", None)]
    for at, world in enumerate(others, 1):
        twice = [what for what, times in Counter(world.sent()).items() if times > 1 and "Hangup" not in what]
        assert twice == [], f"killed at point {at}"


@pytest.mark.parametrize("number", [0, 1])
def test_what_is_to_go_on_goes_on_wherever_it_dies(number: int) -> None:
    text, script = list(conversations())[number]
    whole, others = killed_everywhere(by_policy(text, "resume"), script)
    went_on = 0
    for at, world in enumerate(others, 1):
        if not world.remembered:  # it had not begun, or was over
            assert not world.sent(1) or not world.sent(2), f"killed at point {at}"
        elif not world.in_flight and not world.missed:
            assert Counter(world.sent()) == Counter(whole.sent()), f"killed at point {at}"
            assert world.ends[-1] == (2, "done", None) and world.said[-1:] == whole.said[-1:]
            went_on += 1
        else:
            assert world.ends[-1][0] == 2, f"killed at point {at}"
    assert went_on > 1


@pytest.mark.parametrize("number", [0, 1])
def test_a_finally_runs_once_wherever_it_dies(number: int) -> None:
    text, script = list(conversations())[number]
    last = "Variable=DONE" if number == 0 else "Variable=END"
    _, others = killed_everywhere(by_policy(text, "fail"), script)
    for at, world in enumerate(others, 1):
        finals = [what for what in world.sent() if last in what]
        begun = any(number == 1 for number, _ in world.wire)
        assert len(finals) <= 1
        if world.remembered == ["running"]:
            assert len(finals) == 1 and world.ends[-1][:2] == (2, "failed"), f"killed at point {at}"
            assert set(world.sent(2)) - set(finals) <= {"Action=Hangup Channel=run1-c1"}
        elif not world.remembered and begun and not finals:
            raise AssertionError(f"killed at point {at} it had acted, and was forgotten")


@pytest.mark.parametrize("number", [0, 1])
def test_what_is_to_be_dropped_does_nothing_more_wherever_it_dies(number: int) -> None:
    text, script = list(conversations())[number]
    _, others = killed_everywhere(by_policy(text, "drop"), script)
    for at, world in enumerate(others, 1):
        assert world.remembered == [], f"killed at point {at}"
        assert not world.sent(1) or not world.sent(2)
