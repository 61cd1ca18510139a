"""The account that a recipe needs: enough, and without any one class of it not enough."""

import pytest

from amiflow.plan.manager_conf import manager_conf, read_classes, write_classes
from amiflow.plan.model import Plan
from support.recipes import RECIPES, ROOT, compile_text, plan_of


def made_of(text: str) -> Plan:
    plan = compile_text(text).plan
    assert plan is not None
    return plan


@pytest.mark.parametrize("path", RECIPES)
def test_no_class_of_it_can_be_left_out(path: str) -> None:
    plan = plan_of(path)
    read, write = set(read_classes(plan.needs)), set(write_classes(plan))
    for event in plan.needs.events:
        assert set(event.classes) <= read
    groups = [set(need.classes) for need in plan.needs.actions if need.classes]
    assert all(group & write for group in groups)
    for one in write - {"system"}:
        assert not all(group & (write - {one}) for group in groups)


@pytest.mark.parametrize(
    ("step", "write"),
    [
        ("Ping { }", ""),
        ('Getvar { Variable: "X" }', "reporting"),
        ('Getvar { Variable: "X" } CoreStatus { }', "reporting"),
        ('Originate { Channel: "PJSIP/1" Application: "Echo" }', "originate"),
        ('Originate { Channel: "PJSIP/1" Application: "MixMonitor" Data: "x" }', "originate,system"),
    ],
)
def test_the_least_powerful_class_is_taken(step: str, write: str) -> None:
    assert f"write = {write}\n" in manager_conf(made_of("flow f on start { " + step + " }"))


def test_the_section_is_complete() -> None:
    text = manager_conf(made_of("flow f on DTMFEnd as d { Hangup { Channel: d.Channel } }"))
    assert text.splitlines()[1:] == ["[amiflow]", "secret = ; fill in", "read = dtmf,system", "write = call"]


def test_an_application_known_only_later_is_said() -> None:
    text = manager_conf(
        made_of('param app = "Echo" flow f on start { Originate { Channel: "PJSIP/1" Application: app } }')
    )
    assert "known only at run time" in text


@pytest.mark.parametrize("path", RECIPES)
def test_its_head_says_what_is_printed(path: str) -> None:
    plan, text = plan_of(path), (ROOT / path).read_text(encoding="utf-8")
    read, write = (",".join(some) or "(nothing)" for some in (read_classes(plan.needs), write_classes(plan)))
    assert [line for line in text.splitlines() if line.startswith("# The account needs:")] == [
        f"# The account needs: read = {read}   write = {write}"
    ]
