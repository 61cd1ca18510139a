"""Scenario files: what they may say and what is said of their mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from amiflow.ami.asterisk import Account
from amiflow.tools import scenario
from amiflow.tools.scenario import (
    Call,
    Endpoint,
    Step,
    default_scenario,
    pattern,
    read_scenario,
)
from support.properties import ANY

ROOT = Path(__file__).parents[2]
FULL = """
calls:
  - {at: 2s, from: PJSIP/erin, to: "106", hangs_up_after: 1m30s, every: 5, times: 2}
  - {from: PJSIP/alice, to: bob}
endpoints:
  PJSIP/erin: {callerid: '"Erin E" <205>', context: internal, does: ring, after: 250ms, hangs_up_after: 60s}
extensions:
  default:
    106: [answer(), "Dial(PJSIP/erin&PJSIP/bob,20)", Hangup]
    "600": [Echo()]
  internal: {_9XX.: [ConfBridge(680)]}
queues:
  sales: [PJSIP/bob, Local/1@default]
  empty:
accounts:
  wallboard: {secret: 0815, read: "call,agent", write: ""}
ends: 2m
"""


def problems(text: str) -> list[str]:
    scenario, found = read_scenario(yaml.safe_load(text))
    assert (scenario is None) == bool(found)
    return [str(one) for one in found]


def test_every_key_is_read() -> None:
    scenario, found = read_scenario(yaml.safe_load(FULL))
    assert found == ()
    assert scenario is not None
    assert scenario.calls == (
        Call(0.0, "PJSIP/alice", "bob"),
        Call(2.0, "PJSIP/erin", "106", 90.0),
        Call(7.0, "PJSIP/erin", "106", 90.0),
    )
    assert scenario.endpoints["PJSIP/erin"] == Endpoint("PJSIP/erin", "205", "Erin E", "internal", "ring", 0.25, 60.0)
    steps = (Step("Answer", ""), Step("Dial", "PJSIP/erin&PJSIP/bob,20"), Step("Hangup", ""))
    assert scenario.extensions["default"]["106"] == steps
    assert scenario.extensions["default"]["600"] == (Step("Echo", ""),)
    assert scenario.extensions["internal"] == {"_9XX.": (Step("ConfBridge", "680"),)}
    assert scenario.queues["sales"] == ("PJSIP/bob", "Local/1@default")
    assert scenario.queues["empty"] == ()
    assert scenario.accounts == (Account("wallboard", "0815", "call,agent", ""),)
    assert scenario.ends == 120.0


def test_an_empty_file_is_the_default_scenario() -> None:
    scenario, found = read_scenario(None)
    assert (scenario, found) == (default_scenario(), ())
    assert scenario is not None
    assert scenario.calls == (Call(1.0, "PJSIP/alice", "bob"),)
    assert scenario.extensions["default"]["102"] == (Step("Dial", "PJSIP/bob,30"), Step("Hangup", ""))
    assert scenario.accounts == (Account("amiflow", "amiflow"),)


def test_calls_may_be_none_and_what_is_typed_is_taken_too() -> None:
    scenario, found = read_scenario(yaml.safe_load("calls: []\nends: 0.5"))
    assert scenario is not None, found
    assert (scenario.calls, scenario.ends) == ((), 0.5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("call: []", "call: there is no key `call` here (did you mean `calls`?)"),
        ("[]", "a mapping of keys and values is wanted here"),
        ("calls: {}", "calls: a list is wanted here"),
        ("calls: [{from: PJSIP/alice}]", "calls[0]: a call has no `to`"),
        (
            "calls: [{from: PJSIP/alise, to: bob}]",
            "calls[0].from: there is no endpoint `PJSIP/alise` (did you mean `PJSIP/alice`?)",
        ),
        (
            "calls: [{from: PJSIP/alice, to: bob, at: soon}]",
            "calls[0].at: `soon` is no duration (write it as `2s` or `1m30s`)",
        ),
        ("calls: [{from: PJSIP/alice, to: bob, times: 0}]", "calls[0].times: `0` is no number from 1 to 10000"),
        (
            "calls: [{from: PJSIP/alice, to: bob, times: 2}]",
            "calls[0]: a call that comes several times needs `every`",
        ),
        ("calls: [{from: PJSIP/alice, to: [bob]}]", "calls[0].to: a text is wanted here"),
        ("endpoints: {bob: {}}", "endpoints.bob: `bob` is no endpoint's name (write it as `PJSIP/name`)"),
        (
            "endpoints: {PJSIP/x: {does: answers}}",
            "endpoints.PJSIP/x.does: an endpoint cannot `answers` (did you mean `answer`?)",
        ),
        (
            "endpoints: {PJSIP/x: {callerid: <x}}",
            'endpoints.PJSIP/x.callerid: `<x` is no caller ID (write it as `"Name" <number>`)',
        ),
        (
            "extensions: {default: {1: [Anser()]}}",
            "extensions.default.1[0]: the simulated PBX has no application `Anser` (did you mean `Answer`?)",
        ),
        (
            "extensions: {default: {1: [Answer(]}}",
            "extensions.default.1[0]: `Answer(` is no step (write it as `Application(arguments)`)",
        ),
        ("extensions: {default: {1: []}}", "extensions.default.1: extension `1` has no steps"),
        ("extensions: {default: {'_[z-a]': [Answer()]}}", "extensions.default._[z-a]: `_[z-a]` is no pattern"),
        ('extensions: {default: {1: ["Wait(1)\\n"]}}', "extensions.default.1[0]: a text of one line is wanted here"),
        (
            "queues: {a: [bob]}",
            "queues.a[0]: `bob` is no member (write it as `PJSIP/name` or `Local/exten@context`)",
        ),
        ("queues: {a: [PJSIP/bobb]}", "queues.a[0]: there is no endpoint `PJSIP/bobb` (did you mean `PJSIP/bob`?)"),
        ("accounts: {a: {secret: x, read: cal}}", "accounts.a.read: there is no class `cal` (did you mean `call`?)"),
        ("accounts: {}", "accounts: without an account nobody can log in"),
        ("accounts: {a: {}}", "accounts.a: account `a` has no `secret`"),
        ("ends: yes", "ends: a text is wanted here"),
    ],
)
def test_a_mistake_is_said_once_and_where_it_is(text: str, said: str) -> None:
    assert problems(text) == [said]


@pytest.mark.parametrize("place", ["docs/simulator.md", "recipes/both_legs_to_conference.scenario.yaml"])
def test_the_scenarios_that_we_ship_are_right(place: str) -> None:
    text = (ROOT / place).read_text(encoding="utf-8")
    if place.endswith(".md"):
        text = text.partition("```yaml\n")[2].partition("```")[0]
    assert problems(text) == []


def test_all_mistakes_are_found_at_once() -> None:
    assert len(problems("ends: x\nqueues: 1\ncalls: [{}, {from: PJSIP/alice, to: bob, at: x}]")) == 4


def test_too_many_calls_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenario, "MOST_CALLS", 100)
    call = "{from: PJSIP/alice, to: bob, every: 1s, times: 100}"
    assert problems(f"calls: [{call}, {call}]") == ["calls: more than 100 calls"]


@pytest.mark.parametrize(
    ("text", "fits", "fits_not"),
    [
        ("_NXX", ("234", "999"), ("134", "2345", "23a")),
        ("_9.", ("91", "9ab"), ("9",)),
        ("_9!", ("9", "91"), ("8",)),
        ("_Z[13-5]", ("11", "94"), ("01", "12")),
        ("_+4x", ("+49",), ("49", "++9")),
        ("_a[b", ("a[b",), ("ab",)),
    ],
)
def test_patterns_are_asterisks(text: str, fits: tuple[str, ...], fits_not: tuple[str, ...]) -> None:
    assert all(pattern(text).fullmatch(one) for one in fits)
    assert not any(pattern(text).fullmatch(one) for one in fits_not)


_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(ANY, max_size=8)
_KEYS = st.sampled_from(["calls", "endpoints", "extensions", "queues", "accounts", "ends", "default", "PJSIP/x", "at"])
_TREES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS | st.text(ANY, max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(_TREES)
def test_whatever_a_file_holds_it_is_read_or_refused(data: object) -> None:
    scenario, found = read_scenario(data)
    assert (scenario is None) == bool(found)
