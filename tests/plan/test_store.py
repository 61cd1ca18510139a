"""A plan survives JSON, and a plan that was edited by hand is checked before it is run."""

import json
from typing import Any

import pytest

from amiflow.plan.store import StoreError, dump, load
from support.recipes import RECIPES, plan_of

SHOWPIECE = "recipes/both_legs_to_conference.flow"


@pytest.mark.parametrize("path", RECIPES)
def test_a_plan_comes_back_as_it_was(path: str) -> None:
    plan = plan_of(path)
    text = dump(plan)
    again = load(text)
    assert again == plan
    assert dump(again) == text


def edited(*path: str | int, value: Any) -> str:
    data = json.loads(dump(plan_of(SHOWPIECE)))
    place = data
    for step in path[:-1]:
        place = place[step]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return json.dumps(data)


FLOW = ("flows", 0)
ACT = (*FLOW, "body", 0)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("version",), 99, "version 99"),
        (("is",), "Recipe", "no plan"),
        ((*FLOW, "name"), 7, "plan.flows[0].name: str wanted, not 7"),
        ((*FLOW, "name"), None, "`name` is missing or too much"),
        ((*FLOW, "nonsense"), 1, "`nonsense` is missing or too much"),
        ((*ACT, "is"), "Explode", "`Explode` cannot stand here"),
        ((*ACT, "reads"), "no", "bool wanted"),
        ((*ACT, "headers"), {}, "a list wanted"),
        ((*FLOW, "body", 2, "target"), 99, "a step goes on at 99, but there are 6 steps"),
        ((*FLOW, "body", 1, "handler", "target"), -1, "a step goes on at -1"),
        ((*FLOW, "per", "policy"), "sometimes", "`sometimes` is none of single"),
        ((*FLOW, "lasting", "value"), {"is": "duration", "us": "long"}, "int wanted"),
        ((*FLOW, "lasting", "value"), ["x"], "cannot stand here"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(path: tuple[str | int, ...], value: Any, words: str) -> None:
    with pytest.raises(StoreError) as caught:
        load(edited(*path, value=value))
    assert words in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "[" * 100_000, '{"is": "Plan"}'])
def test_what_is_no_plan_is_refused(text: str) -> None:
    with pytest.raises(StoreError):
        load(text)


@pytest.mark.parametrize("value", [{"is": []}, {"is": {}}, {"is": "duration", "us": 10**30}, -1, []])
@pytest.mark.parametrize("key", ["trigger", "max"])
def test_a_value_that_no_compiler_wrote_is_refused(key: str, value: object) -> None:
    with pytest.raises(StoreError):
        load(edited(*FLOW, key, value=value))
