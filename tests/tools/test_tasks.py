"""Tasks: their names, results, failures and what a `stop` in them ends, on the engine."""

from functools import cache

import pytest

from amiflow.lang.compile import Compiled, compile_recipe
from amiflow.lang.grammar import Grammar, build
from amiflow.plan.identity import identity
from amiflow.tools.coverage import coverage
from amiflow.tools.testing import run_tests

TASKS = """\
task loud(what: text) {
  let n = upper(what)
  return "${n}!"
}

task twice(what: text) {
  let a = loud(what)
  let b = loud(a)
  return a + b
}

task first_long(words: list, least: int) {
  for word in words {
    if len(word) >= least { return word }
  }
}

task refuses(what: text) { fail "${what} is refused" }

task stops(what: text) {
  if what == "x" { stop }
}

task asks(channel: text) {
  let r = Getvar { Channel: trust(channel) Variable: "X" }
  return r.Value
}

task asks_of(channel: text) { log "asks of ${channel}" }

pool lines max 1

task ends_when_hung_up(channel: text) {
  wait Hangup as h where h.Channel == channel within 10s
  return h.Cause
}

"""


@cache
def grammar() -> Grammar:
    return build()


def compiled(body: str, test: str, more: str = "") -> Compiled:
    text = TASKS + f'flow f on Newchannel as c {{\n{body}\nlog "end of ${{c.Channel}}"\n{more} }}\n'
    return compile_recipe("r.flow", lambda _: text + f'test "t" {{ {test} }}', grammar=grammar())


def trouble(body: str, test: str, more: str = "") -> str:
    """What goes wrong in a test of the flow, nothing where it passes."""
    made = compiled(body, test, more)
    errors = [one.headline for one in made.diagnostics if one.severity == "error"]
    if made.plan is None:
        return str(errors)
    (result,) = run_tests(made.plan, made.tests)
    return "" if result.unmet is None else result.unmet.headline + "\n" + result.trace_text(())


EVENT = 'event Newchannel { Channel: "X" Exten: "12" } '


@pytest.mark.parametrize(
    ("body", "test"),
    [
        ('let x = loud("a") log x', 'expect log "A!" expect log "end of X" expect flow f done'),
        ('let x = twice("a") log x', 'expect log "A!A!!"'),
        ('for w in ["a", "b"] { let x = loud(w) log x }', 'expect log "A!" expect log "B!"'),
        ('let x = first_long(["a", "bcd", "ef"], 2) log "${x}"', 'expect log "bcd"'),
        ('let x = first_long(["a"], 2) log "${x}"', 'expect log "-"'),
        ('loud("a")', 'expect log "end of X"'),
        ('refuses("me")', "expect no Ping { } expect flow f failed"),
        ('refuses("me") or ignore', 'expect log "end of X"'),
        ('refuses("me") or as e { log "${e.kind}: ${e.Message}" }', 'expect log "failed: me is refused"'),
        ('refuses("me") or fail "worse"', "expect flow f failed"),
        ('repeat 2 { refuses("me") or continue log "no" }', 'expect log "end of X" expect nothing more'),
        ('stops("y") log "on" stops("x") log "never"', 'expect log "on" expect flow f done expect nothing more'),
        ('let x = asks("A") or as e { log "${e.kind} ${e.Message}" } log "${x}"', 'expect log "B" expect log "end*"'),
        ('log "${first_long}"', ""),
        ('let h = ends_when_hung_up("X") log "${h}"', 'event Hangup { Channel: "X" Cause: 17 } expect log "17"'),
        ('let h = ends_when_hung_up("X") or as e { log e.kind }', 'advance 11s expect log "timeout"'),
        ('ends_when_hung_up("X") wait Hangup as h where h.Channel == "Y" within 9s', EVENT + "expect no Ping { }"),
    ],
)
def test_what_calls_do(body: str, test: str) -> None:
    if "${first_long}" in body:
        assert "no value" in trouble(body, "start expect nothing more")
        return
    before = 'reply Getvar { Value: "B" } ' if "asks" in body else ""
    assert trouble(body, before + EVENT + test) == ""


def test_an_error_of_an_action_in_a_task_reaches_the_or_of_its_call() -> None:
    body = 'let x = asks("A") or as e { log "${e.kind}: ${e.Message}" } log "${x}"'
    test = 'expect log "error: No such channel" expect log "-"'
    assert trouble(body, 'reply Getvar { Response: "Error" Message: "No such channel" } ' + EVENT + test) == ""


@pytest.mark.parametrize(
    "step",
    [
        'asks_of(only(c.Exten, "a"))',
        'let x = loud(only(c.Exten, "a")) log "x is ${x}"',
        'let x = loud(only(c.Exten, "a")) or ignore log "x is ${x}"',
        'if only(c.Exten, "a") == "a" { log "yes" } else if c.Exten == "12" { log "no" } else { log "neither" }',
        'for x in split(c.Exten, only(c.Exten, "a")) { log x }',
        'for x in ["1", "2"] where only(c.Exten, "a") == x { log x }',
        'for x in split(c.Exten, only(c.Exten, "a")) parallel max 2 { log x }',
        'repeat len(only(c.Exten, "a")) { log "again" }',
        'for y in ["", "a"] { for x in take(["with a line"], len(only(y, "b"))  + 1) { log x } }',
        'let x = only(c.Exten, "a") Hangup { Channel: x }',
        'let x = only(c.Exten, "a") Hangup { Channel: "PJSIP/${x}" }',
        'let x = only(c.Exten, "a") parallel { { Hangup { Channel: "PJSIP/${x}" } } }',
        'let x = c.CallerIDNum if x == none { fail "nobody" } Hangup { Channel: trust(x) }',
        'with lines within 1s { with lines within 1s { log "with no line" } log "with a line" }',
    ],
)
def test_what_fails_in_a_finally_is_passed_over_with_all_that_belongs_to_it(step: str) -> None:
    more = f'}} finally {{ {step} log "behind"'
    wanted = [f'expect log "{one}"' for one in ("x is -", "with a line") if one in step.replace("${x}", "-")]
    test = f'advance 5s expect log "end of X" {" ".join(wanted)} expect log "behind" expect nothing more'
    assert trouble("", EVENT.replace("}", 'CallerIDNum: "<unknown>" }') + test, more) == ""


def test_a_let_that_fails_in_a_finally_has_not_the_value_of_the_round_before() -> None:
    pause = 'let x = only(y, "0-9") QueuePause { Interface: x Paused: true }'
    more = f'}} finally {{ var n = 1 for y in ["1", "a"] {{ {pause} set n = n + len(x) }} log "${{n}}"'
    test = 'expect log "end of X" expect QueuePause { Interface: "1" } expect log "2" expect nothing more'
    assert trouble("", EVENT + test, more) == ""


def test_an_event_for_a_wait_in_a_later_task_is_kept() -> None:
    body = 'wait Newexten as n where n.Channel == c.Channel within 9s\nlet h = ends_when_hung_up(n.Channel) log "${h}"'
    events = EVENT + 'event Newexten { Channel: "X" } event Hangup { Channel: "X" Cause: 16 } '
    assert trouble(body, events + 'expect log "16"') == ""


def test_an_or_of_a_call_may_lead_to_a_wait_for_which_events_are_kept() -> None:
    body = """
      let h = ends_when_hung_up("Y") or as e {
        wait DialEnd as d where d.Channel == "X" within 1s
        log "dial ${d.DialStatus}"
      }
    """
    events = EVENT + 'event DialEnd { Channel: "X" DialStatus: "BUSY" } advance 11s '
    assert trouble(body, events + 'expect log "dial BUSY"') == ""


def test_a_failing_task_in_a_finally_lets_the_next_step_run() -> None:
    more = '} finally { refuses("a") log "one" refuses("b") or as e { log e.Message }'
    assert trouble("", EVENT + 'expect log "end*" expect log "one" expect log "b is refused"', more) == ""


def test_the_steps_of_a_task_are_steps_of_the_recipe() -> None:
    made = compiled('stops("y")', EVENT + 'expect log "end*"')
    assert made.plan is not None
    covered = coverage(made.plan, run_tests(made.plan, made.tests))
    assert (covered.flows, covered.all_flows) == (1, 1) and covered.steps == covered.all_steps


def test_a_flow_changes_with_its_tasks() -> None:
    one = compile_recipe("r", lambda _: 'flow f on start { t() }\ntask t() { log "a" }', grammar=grammar())
    two = compile_recipe("r", lambda _: 'flow f on start { t() }\ntask t() { log "b" }', grammar=grammar())
    assert one.plan is not None and two.plan is not None
    assert identity(one.plan, one.plan.flows[0]) != identity(two.plan, two.plan.flows[0])


def test_tasks_that_multiply_are_refused() -> None:
    tasks = "".join(f"task t{n}() {{ t{n + 1}() t{n + 1}() }}\n" for n in range(60))
    text = "flow f on start { t0() }\n" + tasks + 'task t60() { log "x" }'
    made = compile_recipe("r.flow", lambda _: text, grammar=grammar())
    assert [one.code for one in made.diagnostics] == ["nested-too-deep"]
