"""Stores, pools and tables together with waits, branches and tasks, as tests of a recipe say it."""

from pathlib import Path

from amiflow.lang.compile import compile_recipe
from amiflow.report.render import render
from amiflow.tools.outcome import Result
from amiflow.tools.testing import run_tests

RECIPE = (Path(__file__).parent / "programs" / "keeping.flow").read_text(encoding="utf-8")
LOOKS_UP = """\
table vip(number: text, name: text) from "vip.csv"
flow f on Newchannel as c where c.CallerIDNum in vip { log vip[c.CallerIDNum].name }
test "t" {
  STEPS
}
"""


def run(text: str, **tables: dict[str, dict[str, str]]) -> tuple[Result, ...]:
    compiled = compile_recipe("r.flow", lambda _: text)
    assert compiled.plan is not None, [render(one, compiled.sources) for one in compiled.diagnostics]
    return tuple(run_tests(compiled.plan, compiled.tests, tables=tables))


def looks_up(steps: str, **tables: dict[str, dict[str, str]]) -> tuple[str, str] | None:
    (result,) = run(LOOKS_UP.replace("STEPS", steps), **tables)
    return (result.unmet.headline, result.unmet.label) if result.unmet is not None else None


def test_the_recipe_s_own_tests_pass() -> None:
    results = run(RECIPE)
    assert len(results) == 3
    assert [result.trace_text(()) for result in results if not result.passed] == []


def test_a_table_is_the_test_s_or_the_file_s() -> None:
    called = 'event Newchannel { CallerIDNum: "1" } expect log'
    assert looks_up(f'{called} "Ada"', vip={"1": {"number": "1", "name": "Ada"}}) is None
    given = 'given table vip = [{number: "1", name: "Bob"}]'
    assert looks_up(f'{given} {called} "Bob"', vip={"1": {"number": "1", "name": "Ada"}}) is None


def test_a_table_that_cannot_be_had_fails_the_test() -> None:
    twice = 'given table vip = [{number: "1", name: "a"}, {number: "1", name: "b"}] expect nothing more'
    assert looks_up(twice) == ("row 2 of `vip` has the key `1` again", "cannot be its contents")
    assert looks_up("expect nothing more") == ("the table `vip` has no contents", "cannot be evaluated")
