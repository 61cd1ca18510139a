"""`disconnect` and `reconnect` in recipe tests, and what gaps do to flows."""

import pytest

from amiflow.lang.compile import compile_recipe
from amiflow.tools.outcome import Result
from amiflow.tools.testing import run_tests

FLOWS = """\
flow unanswered
  on DialBegin as d without DialEnd as e where e.DestUniqueid == d.DestUniqueid within 30s
{
  log "unanswered"
}

flow awaits on UserEvent as u
{
  wait Hangup as h where h.Uniqueid == u["Uniqueid"] within 10s or as e { log e.kind stop }
  log h.Channel
}

flow acts on Newchannel as c
{
  Hangup { Channel: c.Channel } or as e { log e.kind }
}

"""


def result(steps: str) -> Result:
    compiled = compile_recipe("r.flow", lambda _: FLOWS + 'test "t" {\n' + steps + "\n}\n")
    assert compiled.plan is not None, compiled.diagnostics
    (one,) = run_tests(compiled.plan, compiled.tests)
    return one


@pytest.mark.parametrize(
    "steps",
    [
        'event DialBegin { } advance 31s expect log "unanswered"',
        "event DialBegin { } disconnect reconnect advance 31s expect nothing more",
        'event UserEvent { Uniqueid: "1" } disconnect advance 1s event Hangup { Uniqueid: "1" } '
        'reconnect expect log "lost"',
        'event UserEvent { Uniqueid: "1" } disconnect reconnect '
        'event Hangup { Uniqueid: "1" Channel: "X" } expect log "X"',
        'event UserEvent { Uniqueid: "1" } disconnect advance 11s reconnect expect log "gap"',
        'event UserEvent { Uniqueid: "1" } advance 11s expect log "timeout"',
        'event Newchannel { Channel: "X" } expect Hangup { Channel: "X" } disconnect',
    ],
)
def test_what_a_gap_does(steps: str) -> None:
    one = result(steps)
    assert one.passed, one.trace_text(())


@pytest.mark.parametrize(
    ("steps", "headline"),
    [("start reconnect", "the connection is there"), ("disconnect disconnect", "the connection is down")],
)
def test_a_change_that_is_none_is_no_step(steps: str, headline: str) -> None:
    unmet = result(steps + " expect nothing more").unmet
    assert unmet is not None and unmet.headline == headline
