"""Walks over plans and trees leave nothing out, though they read few fields."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from amiflow.lang.parse import parse
from amiflow.lang.walk import Whole
from amiflow.plan.expressions import Const
from amiflow.plan.model import Log
from amiflow.plan.walk import children, descendants, is_leaf, rewritten
from amiflow.report.source import Source, Span
from support.plans import flow, log, start
from support.recipes import RECIPES, ROOT, plan_of

SOME = RECIPES[::9]
PROGRAMS = Path(__file__).parents[1] / "lang" / "programs" / "valid.flow"


def naive(part: Any) -> Iterator[Any]:
    if isinstance(part, tuple):
        for item in part:
            yield from naive(item)
    elif is_dataclass(part) and not isinstance(part, Span):
        yield part
        for field in fields(part):
            yield from naive(getattr(part, field.name))


@pytest.mark.parametrize("path", SOME)
def test_every_part_of_a_plan_is_met_outer_before_inner(path: str) -> None:
    flows = plan_of(path).flows
    assert [id(part) for part in descendants(flows)] == [id(part) for part in naive(flows)]


def test_a_file_laid_out_holds_every_node_and_knows_what_is_in_it() -> None:
    for text in [*((ROOT / path).read_text() for path in SOME), *PROGRAMS.read_text().split("---\n")]:
        file, _ = parse(Source("x.flow", text))
        whole = Whole(file)
        assert [id(node) for node in whole.everything] == [id(node) for node in naive(file)]
        for node in whole.everything[::7]:
            assert whole.within(node) == list(descendants(node))
            assert is_leaf(node) <= (children(node) == [])


def test_what_is_rewritten_is_new_and_all_else_stays_the_same() -> None:
    made = flow("f", start(), log("a"), log("b"))
    changed = rewritten(made, lambda one: replace(one, level="warn"), Log, frozenset())
    assert [step.level for step in changed.body if isinstance(step, Log)] == ["warn", "warn"]
    assert changed.trigger is made.trigger
    assert rewritten(made, lambda one: one, Const, frozenset()) is made


def test_what_is_left_out_is_not_rewritten() -> None:
    made = log("a")
    (changed,) = rewritten((made,), lambda one: replace(one, value="b"), Const, frozenset())
    assert [one.value for one in descendants(changed) if isinstance(one, Const)] == ["b"]
    assert rewritten((made,), lambda one: replace(one, value="b"), Const, frozenset({Log})) == (made,)
