"""The text of a plan is stable, and expressions are written so that they can be read back."""

from collections.abc import Callable
from pathlib import Path

import pytest

from amiflow.plan.expressions import Join
from amiflow.plan.model import Log
from amiflow.plan.show import expression, show
from support.recipes import RECIPES, compile_text, plan_of

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("path", RECIPES)
def test_plans_of_the_recipes(path: str, golden: Callable[[Path, str], None]) -> None:
    golden(GOLDEN / f"{Path(path).stem}.txt", show(plan_of(path)))


@pytest.mark.parametrize(
    "text",
    [
        "1 + 2 * 3",
        "(1 + 2) * 3",
        "1 - (2 - 3)",
        "1 - 2 - 3",
        '"a" == "b" and (1 < 2 or not 2 > 3)',
        "[n * 2 for n in [1, 2] where n > 1]",
        '{a: 1, b: "x"}',
        "-len([1])",
        'int("1") ?? 2',
        'not "a" in ["a"]',
        '"a" matches r"\\d+"',
        '"a" like "b*"',
        "first([1, 2])",
        "[1, 2][0]",
        '"x\\n\\"\\$"',
        "1h30m",
        "none",
        'choose(true, "a", "b${1}")',
    ],
)
def test_an_expression_is_written_as_a_recipe_would(text: str) -> None:
    compiled = compile_text(f'flow f\n  on start\n{{\n  log "${{{text}}}"\n}}\n')
    assert compiled.plan is not None, compiled.diagnostics
    said = compiled.plan.flows[0].body[0]
    assert isinstance(said, Log)
    assert isinstance(said.text, Join)
    assert expression(said.text.parts[0]) == text
