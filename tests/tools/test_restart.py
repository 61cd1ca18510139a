"""`restart` in recipe tests: each policy does what it says, and what is written down is what comes back."""

from __future__ import annotations

from functools import cache

import pytest

from amiflow.lang.compile import compile_recipe
from amiflow.lang.grammar import Grammar, build
from amiflow.tools.outcome import Result
from amiflow.tools.testing import run_tests

FLOWS = """\
secret pin
map seen: {who: text, at: time} lasting 10m max 3 durable
map forgotten: text lasting 10m max 3
counter misses within 10m max 4 durable
series holds: duration within 10m max 4 durable
pool lines max 1

flow moves on Newchannel as n where n.Context == "moves" per n.Channel after restart resume {
  let who = "from ${digits(n.CallerIDNum ?? "0")}"
  wait Hangup as h where h.Uniqueid == n.Uniqueid within 1m or as e { log "${e.kind}: ${e.Message}" stop }
  Setvar { Channel: "x" Variable: "V" Value: "1" } or as e { log "set: ${e.kind}" }
  log "${h.Cause} ${who}"
} finally { log debug "at its end" }

flow cuts on Newchannel as n where n.Context == "cuts" {
  let r = Setvar { Variable: "V" Value: "1" }
  wait 10m
} finally { Setvar { Variable: "V" Value: "0" } wait 2s if r != none { log "after ${r.Response}" } }

flow drops on Newchannel as n where n.Context == "drops" after restart drop { wait 10m } finally { log "no" }
flow fails on Newchannel as n where n.Context == "fails" { wait 10m }

flow calls on Newchannel as n where n.Context == "calls" after restart resume {
  let c = Originate { Channel: "PJSIP/1" Application: "Echo" } or as e { log "call: ${e.kind}" stop }
  log "talks to ${c.Channel}"
}

flow asks on Newchannel as n where n.Context == "asks" after restart resume {
  let r = Getvar { Variable: "V" } within 1m
  log "V is ${r.Value}"
}

flow holds_a_line on Newchannel as n where n.Context == "lines" per n.Context queued after restart resume {
  with lines within 30s { wait 5s }
  log "had a line"
}
flow wants_a_line on Newchannel as n where n.Context == "wants" after restart resume {
  with lines within 30s { log "has a line" }
}
flow spreads on Newchannel as n where n.Context == "spreads" lasting 2h after restart resume {
  var done = 0
  for one in ["a", "b", "c"] parallel max 2 { wait 10s log "${one}" }
  set done = done + 1
  repeat 3 every 10s as i { set done = done + i log "round ${i}, ${done}" }
}
flow posts on Newchannel as n where n.Context == "posts" after restart resume {
  let token = "Bearer ${pin}"
  wait 1s
  http post "https://x.example/" json {a: 1} headers {Authorization: token} or as e { log "post: ${e.kind}" }
}
flow counts on Newchannel as n where n.Context == "counts" {
  set seen["a"] = {who: n.Channel, at: now()}
  set forgotten["a"] = "x"
  add misses["a"]
  add holds["a"] 5s
}
flow tells on signal tell() {
  let one = seen["a"]
  let who = choose(one == none, "nobody", "somebody")
  log "${who} ${forgotten["a"]} ${misses["a"]} ${sum(holds["a"])}"
}
flow until_hung_up on Newchannel as n where n.Context == "until"
  until Hangup as h where h.Uniqueid == n.Uniqueid after restart resume {
  wait UserEvent as u within 10m
} finally { log "over" }
flow queues on Newchannel as n where n.Context == "queues" per n.Exten queued after restart resume {
  wait 5s
  log "${n.Channel} had its turn"
}
flow every_so_often every 1m after restart resume { wait 90s log "beat" }
"""


@cache
def grammar() -> Grammar:
    return build()


def result(steps: str, flows: str = FLOWS) -> Result:
    text = flows + 'test "t" {\n' + steps + "\n}\n"
    compiled = compile_recipe("r.flow", lambda _: text, grammar=grammar())
    assert compiled.plan is not None, compiled.diagnostics
    (one,) = run_tests(compiled.plan, compiled.tests)
    return one


def new(context: str, more: str = "") -> str:
    return f'event Newchannel {{ Channel: "PJSIP/a-1" Uniqueid: "1.1" Context: "{context}" {more} }}\n'


HANGUP = 'event Hangup { Channel: "PJSIP/a-1" Uniqueid: "1.1" Cause: 16 }\n'


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param(
            new("moves", 'CallerIDNum: "123"') + f"restart {HANGUP}"
            'expect Setvar expect log "16 from 123" expect flow moves done expect nothing more',
            id="a wait goes on",
        ),
        pytest.param(
            new("moves") + f"restart restart advance 30s restart {HANGUP} expect Setvar",
            id="more than once",
        ),
        pytest.param(
            new("moves") + 'advance 30s restart advance 31s expect log "gap: *" expect nothing more',
            id="times go on, and the gap is known",
        ),
        pytest.param(
            new("moves") + f"disconnect {HANGUP} restart advance 5s reconnect"
            ' expect log "lost: no Hangup: 1.1 went in the gap from *" expect nothing more',
            id="what went meanwhile is lost",
        ),
        pytest.param(
            new("moves") + 'disconnect advance 2m restart advance 5s reconnect expect log "gap: *"',
            id="a time that was over meanwhile",
        ),
        pytest.param(
            new("cuts") + 'expect Setvar { Value: "1" } restart expect Setvar { Value: "0" } advance 3s'
            ' expect log "after Success" expect flow cuts failed expect nothing more',
            id="finally runs at the restart",
        ),
        pytest.param(
            new("cuts") + 'expect Setvar { Value: "1" } restart expect Setvar { Value: "0" } restart advance 40s'
            ' expect log "after Success" expect flow cuts failed expect nothing more',
            id="a finally that was cut off goes on",
        ),
        pytest.param(
            new("drops") + "restart expect flow drops stopped expect nothing more", id="what is dropped is told"
        ),
        pytest.param(new("fails") + "restart expect flow fails failed expect nothing more", id="what fails is told"),
        pytest.param(
            "disconnect\nreconnect\n" + new("lines") + 'restart advance 6s expect log "had a line"',
            id="a pool's slot is kept",
        ),
        pytest.param(
            new("lines") + new("wants") + 'restart advance 1s expect nothing more advance 5s expect log "had a line"'
            ' expect log "has a line" expect nothing more',
            id="who waits for a slot waits on",
        ),
        pytest.param(
            new("spreads") + 'advance 5s restart advance 5s restart advance 1s expect log "a" expect log "b" '
            'restart advance 10s expect log "c" restart expect log "round 1, 2" advance 11s restart '
            'expect log "round 2, 4" advance 10s expect log "round 3, 7" expect nothing more',
            id="branches, loops and variables",
        ),
        pytest.param(
            new("counts")
            + 'signal tell {} expect log "somebody x 1 5s" restart signal tell {} expect log "somebody - 1 5s" '
            'advance 9m restart signal tell {} expect log "somebody - 1 5s" advance 1m restart advance 1s '
            'signal tell {} expect log "nobody - 0 0s"',
            id="durable stores come back for the rest of their time",
        ),
        pytest.param(
            new("until") + f'disconnect {HANGUP} restart reconnect expect log "over" expect flow until_hung_up stopped',
            id="an until that came unseen",
        ),
        pytest.param(
            new("until") + f'restart {HANGUP} expect log "over" expect flow until_hung_up stopped',
            id="an until that comes",
        ),
        pytest.param(
            new("queues", 'Exten: "1"')
            + 'event Newchannel { Channel: "PJSIP/b-1" Uniqueid: "2.1" Exten: "1" Context: "queues" }'
            ' restart advance 5s restart advance 1s expect log "PJSIP/a-1 had its turn" restart advance 5s'
            ' expect log "PJSIP/b-1 had its turn" expect nothing more',
            id="turns are kept",
        ),
        pytest.param(
            'start advance 61s restart advance 88s expect nothing more advance 2s expect log "beat"',
            id="every never overlaps",
        ),
        pytest.param(
            new("calls") + 'expect Originate expect log "talks to PJSIP/1-*" restart expect nothing more',
            id="a call that was had",
        ),
    ],
)
def test_what_a_restart_does(steps: str) -> None:
    one = result(steps)
    assert one.passed, f"{one.unmet} {one.unmet and one.unmet.came}\n{one.trace_text(())}"
