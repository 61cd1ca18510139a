"""What tests reach: steps and branches of one small flow each, and that the project's recipes leave nothing out."""

import pytest

from amiflow.live.tables import tables_for_tests
from amiflow.tools.coverage import coverage
from amiflow.tools.testing import run_tests
from support.recipes import RECIPES, compile_text, compiled

NOISE = 'UserEvent as u where u["Do"] == '


@pytest.mark.parametrize(
    ("flow", "test", "missed"),
    [
        ('flow f on Newchannel as c { if c.Exten == "1" { log "x" } }', ['Exten: "1"'], ["the condition always holds"]),
        (
            'flow f on Newchannel as c { if c.Exten == "1" { log "x" } }',
            ['Exten: "2"'],
            ["", "the condition never holds"],
        ),
        ('flow f on Newchannel as c { if c.Exten == "1" { log "x" } }', ['Exten: "1"', 'Exten: "2"'], []),
        ("flow f on Newchannel { for r in list_of { log r } }", [""], ["", "the loop is never entered"]),
        ('flow f on Newchannel { repeat 2 { log "x" } }', [""], []),
        ("flow f on Newchannel { repeat 2 { break } }", [""], []),
        ("flow f on Newchannel { Ping { } or ignore }", [""], ["its `or` is never taken"]),
        ("flow f on Newchannel { wait Hangup within 5s or ignore }", [""], ["the step never succeeds"]),
        ("flow f on Newchannel { t() or ignore }\ntask t() { Ping { } }", [""], ["its `or` is never taken"]),
        ('flow f on Newchannel { t() or ignore }\ntask t() { fail "x" }', [""], []),
        (
            'flow f on Newchannel { wait any { Hangup { } Newexten { log "x" } after 1s { log "y" } } }',
            [""],
            ["its entry 1 never comes", "its entry 2 never comes", ""],
        ),
        ("flow f on Newchannel until Hangup { wait 5s }", [""], ["this never comes"]),
        ("flow f on Newchannel without Hangup within 5s { stop }", [""], ["this never comes"]),
        (
            "flow f on Newchannel then Newexten unless Hangup within 5s { stop }",
            [""],
            [""],
        ),
        (
            "pool p max 1\nflow f on Newchannel { with p within 1s { wait 1s } or ignore }",
            [""],
            ["its `or` is never taken"],
        ),
    ],
)
def test_what_is_missed(flow: str, test: list[str], missed: list[str]) -> None:
    events = "".join(f"event Newchannel {{ {headers} }} " for headers in test)
    made = compile_text(f'param list_of: list = []\n{flow}\ntest "t" {{ {events} advance 10s expect no Hangup {{ }} }}')
    assert made.plan is not None, made.diagnostics
    (result,) = run_tests(made.plan, made.tests)
    assert result.passed
    found = coverage(made.plan, [result])
    ways = [one.way or "" for one in found.missed]
    assert [way for way in ways if way] == [way for way in missed if way]
    assert ("" in ways) == ("" in missed)


@pytest.mark.parametrize("path", RECIPES)
def test_the_tests_of_each_recipe_reach_all_of_it(path: str) -> None:
    made = compiled(path)
    assert made.plan is not None
    results = run_tests(made.plan, made.tests, tables=tables_for_tests(made.plan, made.tests))
    assert [result.test.name for result in results if not result.passed] == []
    assert coverage(made.plan, results).missed == ()
