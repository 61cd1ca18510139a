"""`parallel { … }` and `for … parallel max N`, on the engine, in virtual time."""

from functools import cache

import pytest

from amiflow.lang.compile import compile_recipe
from amiflow.lang.grammar import Grammar, build
from amiflow.tools.testing import run_tests


@cache
def grammar() -> Grammar:
    return build()


def trouble(body: str, test: str, more: str = "") -> str:
    """What goes wrong in a test of the flow, nothing where it passes."""
    text = f'flow f on Newchannel as c lasting 9h {{\n{body}\n}} {more}\ntest "t" {{ {EVENT} {test} }}'
    made = compile_recipe("r.flow", lambda _: text, grammar=grammar())
    if made.plan is None:
        return str([one.headline for one in made.diagnostics])
    (result,) = run_tests(made.plan, made.tests)
    return "" if result.unmet is None else result.unmet.headline + "\n" + result.trace_text(())


EVENT = 'event Newchannel { Channel: "X" Uniqueid: "1" }'
HANGUP = "wait Hangup as h where h.Channel == c.Channel within 10s"
TWO = """
  parallel {
    { wait Hangup as h where h.Channel == "A" within 10s log "A" }
    { wait Hangup as h where h.Channel == "B" within 20s log "B" }
  }
  log "both"
"""


@pytest.mark.parametrize(
    ("body", "test"),
    [
        (
            TWO,
            'event Hangup { Channel: "B" } event Hangup { Channel: "A" } '
            'expect log "B" expect log "A" expect log "both"',
        ),
        (TWO, 'event Hangup { Channel: "B" } advance 11s expect log "B" expect flow f failed expect nothing more'),
        (TWO, "advance 30s expect flow f failed expect nothing more"),
        ('parallel { { } { } } log "over"', 'expect log "over" expect flow f done'),
        ('parallel { { wait 1s stop } { wait 5s log "never" } }', "advance 9s expect flow f done expect nothing more"),
        (
            'parallel { { wait 2s log "2" } { wait 1s log "1" } } log "3"',
            'advance 3s expect log "1" expect log "2" expect log "3"',
        ),
        (
            'parallel { { Ping { } log "p" } { wait 5s log "q" } }',
            'expect Ping { } expect log "p" advance 5s expect log "q"',
        ),
        ('parallel { { fail "one" } { wait 5s } }', "expect flow f failed"),
        (
            'parallel { { parallel { { wait 1s log "in" } { log "at" } } log "mid" } { log "on" } } log "out"',
            'expect log "on" expect log "at" advance 1s expect log "in" expect log "mid" expect log "out"',
        ),
        (
            'parallel { { parallel { { fail "deep" } { wait 9s } } } { wait 9s log "no" } }',
            "expect flow f failed advance 20s expect nothing more",
        ),
    ],
)
def test_branches(body: str, test: str) -> None:
    assert trouble(body, test) == ""


def test_after_joining_the_furthest_place_holds() -> None:
    body = TWO + 'wait Hangup as h where h.Channel like "*" within 9s log "next ${h.Channel}"'
    first = 'event Hangup { Channel: "A" } event Hangup { Channel: "M" } event Hangup { Channel: "B" } '
    assert trouble(body, first + 'event Hangup { Channel: "N" } expect log "next N"') == ""
    assert "next" in trouble(body, first + 'expect log "next M"')


def test_events_behind_the_furthest_place_are_kept() -> None:
    body = 'parallel { { wait Hangup within 9s } { wait 5s } } wait DialEnd as d within 1s log "${d.Channel}"'
    events = 'event DialEnd { Channel: "0" } event Hangup { } event DialEnd { Channel: "1" } advance 5s '
    assert trouble(body, events + 'expect log "1"') == ""


def test_each_branch_reads_the_tape_from_where_the_flow_stood() -> None:
    body = 'wait 5s parallel { { wait Hangup within 1s log "a" } { wait Hangup within 1s log "b" } }'
    assert trouble(body, 'event Hangup { } advance 5s expect log "a" expect log "b" expect flow f done') == ""


def test_the_end_of_the_flow_ends_its_branches_and_runs_its_finally() -> None:
    more = 'finally { log "finally" }'
    assert trouble('parallel { { wait 3s fail "why" } { wait 1m log "no" } }',
                   'advance 2m expect log "finally" expect flow f failed expect nothing more', more) == ""  # fmt: skip


def test_in_a_finally_a_failing_step_of_a_branch_is_passed_over() -> None:
    more = 'finally { parallel { { Ping { } log "a" } { wait 1s log "b" } } log "c" }'
    test = 'expect log "0" expect log "a" advance 1s expect log "b" expect log "c"'
    assert trouble('log "0"', test, more.replace("Ping", 'raw "Ping0"')) == ""
    failing = more.replace("Ping { }", 'log "${1 / len("")}"')
    assert trouble('log "0"', test, failing) == ""


def test_a_task_with_an_or_catches_what_fails_in_its_branches() -> None:
    more = 'task t() { parallel { { fail "one" } { wait 5s } } }'
    assert (
        trouble('t() or as e { log "caught ${e.Message}" } log "on"', 'expect log "caught one" expect log "on"', more)
        == ""
    )


def test_an_or_within_a_branch_is_its_own() -> None:
    more = "task t(n: text) { fail n }"
    body = 'parallel { { t("a") or ignore log "a" } { t("b") or as e { log e.Message } } } log "on"'
    assert trouble(body, 'expect log "a" expect log "b" expect log "on"', more) == ""


EACH = """
  for x in ["a", "b", "c", "d"] where x != "c" parallel max 2 {
    log "begins ${x}"
    wait 5s
    if x == "a" { continue }
    log "ends ${x}"
  }
  log "over"
"""


def test_for_runs_so_many_at_a_time() -> None:
    test = """
      expect log "begins a" expect log "begins b" expect nothing more
      advance 5s expect log "begins d" expect log "ends b" expect nothing more
      advance 5s expect log "ends d" expect log "over"
    """
    assert trouble(EACH, test) == ""


def test_a_later_branch_reads_the_tape_from_where_the_flow_stood_too() -> None:
    body = 'for x in ["a", "b"] parallel max 1 { wait Hangup as h where h.Channel == x within 5s log x }'
    events = 'event Hangup { Channel: "b" } event Hangup { Channel: "a" } '
    assert trouble(body, events + 'expect log "a" expect log "b" expect flow f done') == ""


def test_for_over_nothing_goes_on_at_once_and_over_no_list_or_by_none_fails() -> None:
    assert trouble('for x in take(["a"], 0) parallel max 2 { log x } log "on"', 'expect log "on"') == ""
    assert trouble('for x in ["a"] parallel max len("") { log x }', "expect flow f failed expect nothing more") == ""
