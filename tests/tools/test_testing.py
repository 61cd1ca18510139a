"""Recipe tests: what makes them pass, what makes them fail, and what they then say. A docstring would be the program;
here it is the text of the flow, to which each case adds its test."""

import pytest

from amiflow.ami.catalog import load
from amiflow.engine.values import read
from amiflow.lang.compile import compile_recipe
from amiflow.plan.optimize import optimize
from amiflow.plan.types import Coding
from amiflow.report.render import render
from amiflow.report.source import Source
from amiflow.tools.coverage import coverage
from amiflow.tools.outcome import Result
from amiflow.tools.plausible import Plausible
from amiflow.tools.testing import run_tests

FLOWS = """\
param room = "680"
param patience = 5s

flow greet
  on Newchannel as c where c.Channel like "PJSIP/*"
  per c.Channel
{
  log "${c.Channel} of ${c.Linkedid}"
  log debug "unseen"
  Redirect { Channel: c.Channel Context: "default" Exten: room Priority: 1 } or ignore
  wait for patience
  log warn "patience is over"
}

flow dials
  on UserEvent as u where u["Do"] == "dial"
{
  let c = Originate { Channel: "PJSIP/1001" Exten: "600" Context: "default" Priority: 1 } or as e {
    log "no call: ${e.kind} ${e.Message}"
    stop
  }
  log "answered: ${c.Channel} ${c.Uniqueid}"
}

flow plays
  on UserEvent as u where u["Do"] == "play"
{
  let c = Originate { Channel: "Local/1234@default/n" Application: "Playback" Data: "tt" }
  log "${c.Channel} does ${c.Application}(${c.Data})"
}

flow lists
  on UserEvent as u where u["Do"] == "list"
{
  let q = QueueStatus { Queue: "support" }
  log "${len(q.QueueMember)} members: ${join([m.Name for m in q.QueueMember], " ")}"
}

flow pauses
  on QueueMemberPause as p where p.Paused and not ours(p)
{
  QueuePause { Queue: p.Queue Interface: p.Interface Paused: false }
}

flow tells_time
  on UserEvent as u where u["Do"] == "time"
{
  log format_time(now(), "%H:%M", "Europe/Berlin")
}

"""


NEWLINE = "\n"


def recipe(steps: str) -> str:
    return FLOWS + 'test "t" {\n' + steps + "\n}\n"


def run(steps: str) -> Result:
    """One test of these flows with these steps."""
    compiled = compile_recipe("t.flow", lambda _: recipe(steps), load())
    assert compiled.plan is not None, "\n".join(render(one, compiled.sources) for one in compiled.diagnostics)
    (result,) = run_tests(optimize(compiled.plan), compiled.tests)
    return result


NEW = 'event Newchannel { Channel: "PJSIP/a-1" }\n'
DIAL = 'event UserEvent { UserEvent: "x" Do: "dial" }\n'
LIST = 'event UserEvent { UserEvent: "x" Do: "list" }\n'
PAUSE = 'event QueueMemberPause { Queue: "support" Interface: "PJSIP/7" Paused: true }\n'

PASS = {
    "an action with these headers at least": NEW + 'expect Redirect { Exten: "680" }',
    "a log, info where nothing is said": NEW + 'expect log "PJSIP/a-1 of *"',
    "logs of other levels": NEW + 'expect log debug "unse*"',
    "time that goes on": NEW + 'advance 5s expect log warn "patience is over"',
    "an event at the very end of a time, which is in time": NEW
    + "advance 5s\n"
    + NEW
    + 'expect log "PJSIP/a-1 of *" expect Redirect expect log warn "patience is over" expect nothing more',
    "a param that is given": 'given room = "681"\n' + NEW + 'expect Redirect { Exten: "681" }',
    "a duration that is given": "given patience = 2h\n" + NEW + 'advance 2h expect log warn "patience*"',
    "the end of a flow": NEW + "advance 5s expect flow greet done",
    "nothing more": NEW + 'expect log "*" expect Redirect expect nothing more',
    "nothing more, whatever was logged as debug": 'event Newchannel { Channel: "SIP/1" }\nexpect nothing more',
    "no such action": 'event Newchannel { Channel: "SIP/1" } expect no Redirect',
    "no such action since the last expectation": NEW + 'expect Redirect expect no Redirect { Exten: "680" }',
    "an action with other headers is none of it": NEW + 'expect no Redirect { Exten: "999" } expect Redirect',
    "a refusal": 'reply Redirect { Response: "Error" Message: "no" }\n' + NEW + "advance 5s expect flow greet done",
    "a refusal is for one action": 'reply Redirect { Response: "Error" }\n'
    + NEW
    + 'event Newchannel { Channel: "PJSIP/b-1" } expect Redirect expect Redirect',
    "an Originate with an application tells of it and of its half of a Local channel": (
        'event UserEvent { UserEvent: "X" Do: "play" } expect log "Local/1234@default-00000001;1 does Playback(tt)"'
    ),
    "an Originate is answered": DIAL + 'expect log "answered: PJSIP/1001-00000001 test-c1"',
    "an Originate that fails": "reply Originate busy\n" + DIAL + 'expect log "no call: busy *"',
    "an Originate that nobody answers": "reply Originate no_answer\n" + DIAL + 'expect log "no call: no_answer *"',
    "an Originate that is refused": 'reply Originate { Response: "Error" Message: "Access denied" }\n'
    + DIAL
    + 'expect log "no call: error Access denied"',
    "a name for what was sent": DIAL
    + 'expect Originate as o event Hangup { Uniqueid: o.ChannelId } expect log "*test-c1"',
    "rows of a list": 'rows QueueStatus [ QueueMember { Name: "Ann" } QueueMember { Name: "Bo" } ]\n'
    + LIST
    + 'expect log "2 members: Ann Bo"',
    "a list without rows": LIST + 'expect log "0 members: "',
    "values compared by their type": PAUSE + "expect QueuePause { Paused: false }",
    "the clock": 'given now = "2026-07-01 07:59" in "Europe/Berlin"\nevent UserEvent { UserEvent: "x" Do: "time" }\n'
    'expect log "07:59" advance 2m event UserEvent { UserEvent: "x" Do: "time" } expect log "08:01"',
    "steps that are repeated": "repeat 3 { "
    + LIST
    + '} repeat 3 { expect QueueStatus expect log "0 members*" } expect nothing more',
    "a Linkedid for all that is left out": NEW + 'expect log "PJSIP/a-1 of 1800000000.1"',
}


@pytest.mark.parametrize("steps", PASS.values(), ids=PASS.keys())
def test_what_is_as_expected_passes(steps: str) -> None:
    result = run(steps)
    assert result.passed, result.unmet


FAIL = {
    "an action that was not sent": (
        'event Newchannel { Channel: "SIP/1" }\nexpect Redirect { Exten: "680" }',
        'expected Redirect { Exten: "680" }',
        (),
    ),
    "an action with another header": (
        NEW + 'expect Redirect { Exten: "999" }',
        'expected Redirect { Exten: "999" }',
        (
            'log info "PJSIP/a-1 of 1800000000.1"',
            'Redirect { Channel: "PJSIP/a-1" Context: "default" Exten: "680" Priority: "1" }',
        ),
    ),
    "the wrong order": (
        NEW + 'expect Redirect expect log "PJSIP*"',
        'expected log info "PJSIP*"',
        ('log info "PJSIP/a-1 of 1800000000.1"',),
    ),
    "one action expected twice": (NEW + 'expect log "*" expect Redirect expect Redirect', "expected Redirect", ()),
    "another level": (
        NEW + 'expect Redirect expect log "unseen"',
        'expected log info "unseen"',
        ('log info "PJSIP/a-1 of 1800000000.1"',),
    ),
    "something left over": (
        NEW + "expect Redirect expect nothing more",
        "expected nothing more",
        ('log info "PJSIP/a-1 of 1800000000.1"',),
    ),
    "an action that should not be": (
        NEW + 'expect no Redirect { Exten: "680" }',
        'expected no Redirect { Exten: "680" }',
        ('Redirect { Channel: "PJSIP/a-1" Context: "default" Exten: "680" Priority: "1" }',),
    ),
    "a flow that still runs": (
        NEW + "expect flow greet done",
        "expected flow greet done",
        ("1 of flow greet still running",),
    ),
    "a flow that never ran": (
        'event Newchannel { Channel: "SIP/1" }\nexpect flow greet failed',
        "expected flow greet failed",
        ("flow greet did not run",),
    ),
    "a flow that ended otherwise": (
        NEW + "advance 5s expect flow greet failed",
        "expected flow greet failed",
        ("flow greet done",),
    ),
    "time that has not come": (
        NEW + 'expect Redirect advance 4s expect log warn "*"',
        'expected log warn "*"',
        ('log info "PJSIP/a-1 of 1800000000.1"',),
    ),
}


@pytest.mark.parametrize(("steps", "headline", "came"), FAIL.values(), ids=FAIL.keys())
def test_what_is_not_as_expected_says_what_was_and_what_came(steps: str, headline: str, came: tuple[str, ...]) -> None:
    result = run(steps)
    assert result.unmet is not None
    assert (result.unmet.headline, result.unmet.came) == (headline, came)


def test_a_failure_is_shown_with_its_line_and_the_story() -> None:
    steps = NEW + 'expect log "PJSIP*"\nexpect Redirect { Exten: "999" }'
    result = run(steps)
    diagnostic = result.diagnostic()
    assert diagnostic is not None
    source = Source("t.flow", recipe(steps))
    shown = render(diagnostic, {"t.flow": source})
    assert f"t.flow:{FLOWS.count(NEWLINE) + 4}:1" in shown
    assert "came instead: Redirect" in shown
    story = result.trace_text([source])
    assert "event Newchannel" in story
    assert 'sends Redirect { Channel: "PJSIP/a-1"' in story
    assert "(line 10)" in story


def test_a_constant_that_cannot_be_had_is_said() -> None:
    text = 'param n = 0\nlet x = 1 / n\nflow f on start { log text(x) }\ntest "t" { start expect log "x" }\n'
    compiled = compile_recipe("t.flow", lambda _: text, load())
    assert compiled.plan is not None, compiled.diagnostics
    (result,) = run_tests(compiled.plan, compiled.tests)
    assert result.unmet is not None
    assert (result.unmet.headline, text[result.unmet.span.start : result.unmet.span.end]) == (
        "division by zero",
        "1 / n",
    )


def test_tests_do_not_share_anything() -> None:
    text = FLOWS + 'test "a" {\n' + NEW + "expect Redirect\n}\n" + 'test "b" {\n' + NEW + "expect Redirect\n}\n"
    compiled = compile_recipe("t.flow", lambda _: text, load())
    assert compiled.plan is not None
    assert [result.passed for result in run_tests(compiled.plan, compiled.tests)] == [True, True]


def test_a_flow_for_a_certain_server_can_be_tested() -> None:
    text = 'flow f on Hangup as h server "second" { log h.Channel }\n'
    text += 'test "t" { event Hangup { Channel: "x" } expect log "x" }\n'
    compiled = compile_recipe("t.flow", lambda _: text, load())
    assert compiled.plan is not None, compiled.diagnostics
    assert run_tests(compiled.plan, compiled.tests)[0].passed


def test_coverage_counts_flows_and_steps_and_names_those_missed() -> None:
    text = 'flow f on start { if now() == now() { log "a" } else { log "b" } }\nflow g on Hangup { log "c" }\n'
    text += 'test "t" { start expect log "a" }\n'
    compiled = compile_recipe("t.flow", lambda _: text, load())
    assert compiled.plan is not None, compiled.diagnostics
    covered = coverage(compiled.plan, run_tests(compiled.plan, compiled.tests))
    assert (covered.flows, covered.all_flows) == (1, 2)
    assert (covered.steps, covered.all_steps) == (2, 4)
    assert (covered.branches, covered.all_branches) == (1, 2)
    missed = [(text[one.span.start : one.span.end], one.way) for one in covered.missed]
    assert missed == [("now() == now()", "the condition always holds"), ('log "b"', None), ('log "c"', None)]


# --- events that the test leaves incomplete ---------------------------------------------------------------------------


def test_every_event_is_completed_with_values_of_the_right_types() -> None:
    for entry in load().events:
        message = Plausible(load()).event(entry.name, (), frozenset(), 1_800_000_000.0)
        for header in entry.headers.values():
            if (value := message.get(header.name)) is not None:
                coding = Coding(header.type, header.unit, header.true, header.false, optional=False)
                assert read(value, coding, False) is not None, (entry.name, header.name, value)


def test_what_is_given_stays_and_what_is_absent_is_not_made_up() -> None:
    message = Plausible(load()).event("Hangup", (("Channel", "x"),), frozenset({"cause"}), 0.0)
    assert (message.get("Channel"), message.get("Cause")) == ("x", None)


def test_the_ids_of_one_test_agree() -> None:
    plausible = Plausible(load())
    enter, dial = (plausible.event(name, (), frozenset(), 0.0) for name in ("BridgeEnter", "DialBegin"))
    assert enter.get("Uniqueid") == "1800000000.1"
    assert dial.get("DestChannel") != enter.get("Channel")
    assert dial.get("DestLinkedid") == enter.get("Linkedid")
