"""The live picture and `wait until` through the compiler: what they are typed as, what is wrong, what is asked for."""

import pytest

from amiflow.lang.compile import Compiled
from amiflow.plan.model import Needs, Plan
from amiflow.plan.picture import PARTS, QUESTIONS, THINGS
from amiflow.plan.show import show
from amiflow.plan.store import dump, load
from support.recipes import compile_text


def headlines(result: Compiled) -> list[tuple[str, str]]:
    return [(one.code, one.headline) for one in result.diagnostics]


def plan_of(body: str, trigger: str = "on Hangup as h where h.Cause == 16") -> Plan:
    result = compile_text(f"flow f {trigger} {{ log h.Channel {body} }}")
    assert result.plan is not None and not result.diagnostics, headlines(result)
    return result.plan


def needs(body: str) -> Needs:
    return plan_of(body).needs


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        ('log "${channel(h.Channel).ChannelStateDesc}"', ("channels",)),
        ('log "${peer(h.Channel).CallerIDNum}"', ("channels",)),
        ('log "${bridge_of(h.Channel).BridgeType}"', ("channels", "bridges")),
        ('log "${len(call(h.Linkedid).channels)}"', ("channels",)),
        ('log "${device("PJSIP/1").State}"', ("devices",)),
        ('log "${queue("q").available} ${queue("q").waiting}"', ("queues",)),
        ('for m in conference("680").members { log m.Channel }', ("channels", "conferences")),
        ('log "${len(pbx.channels)} ${len(pbx.bridges)}"', ("channels", "bridges")),
        ("", ()),
    ],
)
def test_only_what_is_looked_at_is_asked_for(body: str, parts: tuple[str, ...]) -> None:
    asked = needs(body)
    assert asked.picture == parts
    actions = {name for part in parts for name, _, _ in PARTS[part].actions}
    events = {name for part in parts for name in PARTS[part].events}
    assert {need.name for need in asked.actions} == actions
    assert {need.name for need in asked.events} == events | {"Hangup"}


def test_a_plan_with_a_picture_survives_being_stored_and_shown() -> None:
    plan = plan_of("wait until channel(h.Channel) == none within 5s or ignore")
    assert load(dump(plan)) == plan
    assert "wait until channel(h.Channel) == none within 5s, or go to" in show(plan)
    assert "picture     channels" in show(plan)


def test_a_comparison_with_the_picture_is_no_key_of_dispatch() -> None:
    plan = plan_of("stop", 'on Hangup as h where h.Channel == channel("1.1").Channel')
    trigger = plan.flows[0].trigger
    assert not trigger.stages[0].pattern.keys  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('let all = len(pbx.channels)\nflow f on start { log "${all}" }', ("misplaced", "there is no `pbx` before")),
        ('flow f on start { let p = peer("a") log p.Channel }', ("maybe-none", "")),
        ('flow f on start { log "${queue("q").agents}" }', ("unknown-header", "a queue has no header `agents`")),
        ("flow f on start { log pbx.chanels }", ("unknown-header", "the live picture has no header `chanels`")),
        ('flow f on start { let c = channel() if c != none { log c.Channel } }', ("wrong-argument", "")),
        ("flow f on start { let c = channel(5s) if c != none { log c.Channel } }", ("type-mismatch", "")),
        (
            "flow f on Hangup as h { wait until h.Cause == 1 within 5s }",
            ("const-condition", "nothing that this condition reads changes"),
        ),
        (
            'flow f on Newchannel as h { let p = peer(h.Channel) if p != none { Getvar { Channel: h.Channel '
            "Variable: p.CallerIDName ?? \"x\" } } }",
            ("unsafe-value", ""),
        ),
    ],
)  # fmt: skip
def test_wrong(text: str, wanted: tuple[str, str]) -> None:
    found = headlines(compile_text(text))
    assert [code for code, _ in found] == [wanted[0]], found
    assert found[0][1].startswith(wanted[1])


def test_a_channel_of_the_picture_is_a_safe_aim() -> None:
    plan_of("let p = peer(h.Channel) if p != none { Hangup { Channel: p.Channel } }", "on MusicOnHoldStart as h")


def test_every_question_gives_a_thing_that_is_described() -> None:
    assert {question.thing for question in QUESTIONS.values()} == set(THINGS)
    assert all(part in PARTS for question in QUESTIONS.values() for part in question.parts)
