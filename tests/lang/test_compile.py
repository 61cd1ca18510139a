"""Whole recipes through the compiler: what is right gives a plan, what is wrong the diagnostic at its line."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiflow.ami.catalog import load
from amiflow.lang.compile import Compiled, compile_recipe
from amiflow.lang.grammar import Grammar, build
from amiflow.plan.show import show
from amiflow.plan.store import dump
from amiflow.plan.store import load as load_plan
from amiflow.report.codes import CODES
from amiflow.report.kind import Code
from amiflow.report.render import render
from support.programs import Program, programs
from support.properties import examples
from support.recipes import RECIPES
from support.recipes import compiled as whole_recipe

HERE = Path(__file__).parent
RIGHT = programs(HERE / "programs" / "right.flow")
WRONG = programs(HERE / "programs" / "wrong.flow")
COMPILED_KINDS = {row.name: row for row in CODES.values() if row.language == "recipe"}


@cache
def grammar() -> Grammar:
    return build()


def compiled(text: str) -> Compiled:
    return compile_recipe("r.flow", lambda _: text, load(), grammar())


def shown(result: Compiled) -> str:
    return "\n".join(render(problem, result.sources) for problem in result.diagnostics)


@pytest.mark.parametrize("program", RIGHT, ids=lambda program: f"line{program.line}")
def test_right(program: Program) -> None:
    result = compiled(program.text)
    assert result.plan is not None and not result.diagnostics, shown(result)
    assert load_plan(dump(result.plan)) == result.plan


@pytest.mark.parametrize("path", RECIPES)
def test_recipes(path: str) -> None:
    result = whole_recipe(path)
    assert result.plan is not None and result.tests and not result.diagnostics, shown(result)


@pytest.mark.parametrize("program", WRONG, ids=lambda program: f"line{program.line}")
def test_wrong(program: Program) -> None:
    result = compiled(program.text)
    source = result.sources["r.flow"]
    got = [(source.position(one.span.start)[0], one.code, one.headline) for one in result.diagnostics]
    wanted = list(program.expected)
    for line, code, headline in got:
        fitting = [one for one in wanted if one[:2] == (line, code) and headline.startswith(one[2])]
        assert fitting, shown(result)
        wanted.remove(fitting[0])
    assert not wanted, shown(result)
    assert (result.plan is None) == any(one.severity == "error" for one in result.diagnostics)


def test_golden_diagnostics(golden: Callable[[Path, str], None]) -> None:
    golden(HERE / "golden" / "wrong.txt", "\n".join(shown(compiled(program.text)) for program in WRONG))


def test_golden_plans(golden: Callable[[Path, str], None]) -> None:
    plans = [result.plan for program in RIGHT if (result := compiled(program.text)).plan is not None]
    golden(HERE / "golden" / "plans.txt", "\n".join(show(plan) for plan in plans))


@pytest.mark.parametrize("row", COMPILED_KINDS.values(), ids=lambda row: row.name)
def test_examples_of_kinds(row: Code) -> None:
    """The failing example fails in this way alone; the corrected one has no error."""
    bad = {one.code for one in compiled(row.bad).diagnostics}
    assert row.name in bad and bad == {row.name}
    good = compiled(row.good).diagnostics
    assert row.name not in {one.code for one in good}
    assert {one.code for one in good if one.severity == "error"} == set()


def test_every_kind_of_the_compiler_has_a_program() -> None:
    tried = {code for program in WRONG for _, code, _ in program.expected}
    of_parser = {row.name for row in COMPILED_KINDS.values() if row.name not in tried}
    wrong_syntax = {one.code for name in of_parser for one in compiled(CODES[name].bad).diagnostics}
    assert of_parser <= wrong_syntax


TOKENS = st.sampled_from(
    [piece for program in (*RIGHT, *WRONG) for line in program.text.splitlines() for piece in line.split()]
)


@examples(10)
@given(st.sampled_from(RIGHT), st.data())
def test_any_text_gives_a_plan_or_diagnostics(program: Program, data: st.DataObject) -> None:
    pieces = program.text.split(" ")
    for _ in range(data.draw(st.integers(1, 2))):
        pieces[data.draw(st.integers(0, len(pieces) - 1))] = data.draw(TOKENS)
    result = compiled(" ".join(pieces))
    assert (result.plan is None) == any(one.severity == "error" for one in result.diagnostics)
    assert all(render(one, result.sources) for one in result.diagnostics)


@pytest.mark.parametrize("condition", [" and ".join(["true"] * 5000), "not " * 70 + "true", "-" * 500 + "1 == 1"])
def test_a_long_expression_is_refused_and_not_recursed_into(condition: str) -> None:
    result = compiled("flow f on start { if " + condition + ' { log "x" } }\n')
    assert [one.code for one in result.diagnostics] == ["nested-too-deep"]


def test_a_loop_within_a_loop_is_looked_at_once() -> None:
    loops = "".join(f"for x{n} in rows {{ log x{n} " for n in range(45))
    text = f"param rows: list\nflow f on start {{ {loops} {'}' * 45} }}"
    assert compiled(text).plan is not None


def test_what_is_just_short_enough_is_compiled() -> None:
    opened, operators = "if len(rows) > 2 { " * 40, "not " * 60
    inner = f'if {operators}(len(rows) > 1) {{ log rows[0] ?? upper("x") }}'
    text = f"param rows: list\nflow f on start {{ {opened} {inner} {'}' * 40} }}"
    assert compiled(text).plan is not None
