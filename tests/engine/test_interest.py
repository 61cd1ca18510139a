"""What a plan is interested in, and which values of headers it can be said to want."""

from __future__ import annotations

from amiflow.ami.scanner import Value, Wanted
from amiflow.engine.core import Inputs, Options
from amiflow.engine.interest import interest
from amiflow.engine.machine import Machine
from amiflow.plan.model import Plan
from support.runs import compiled
from support.watching import RECIPE

PLAN = compiled(RECIPE)


def wanted(plan: Plan, **params: object) -> tuple[Wanted, ...]:
    machine = Machine(plan, Inputs(params), Options("run", ("pbx",)))
    return interest(plan, machine.world)


def test_params_and_constants_become_tests_and_what_changes_does_not() -> None:
    assert set(wanted(PLAN, room="701")) == {
        Wanted("OriginateResponse"),
        Wanted("DialBegin"),
        Wanted("DialEnd"),
        Wanted("BridgeEnter", (Value("BridgeNumChannels", 2), Value("Context", "default"))),
        Wanted("Hangup", (Value("Cause", 16),)),
        Wanted("VarSet", (Value("Value", "end", escaped=True),)),
        Wanted("VarSet", (Value("Value", "701", escaped=True),)),
        Wanted("Newexten", (Value("Exten", "701"),)),
        Wanted("Newexten"),
    }


def test_the_dialling_of_a_call_that_is_awaited_is_wanted_whole() -> None:
    sees = 'flow f on DialEnd as d where d.DialStatus == "BUSY" { log "busy" }'
    busy = Wanted("DialEnd", (Value("DialStatus", "BUSY"),))
    assert wanted(compiled(sees)) == (busy,)
    calls = 'flow g on start { Originate { Channel: "PJSIP/1" Application: "Echo" } }'
    assert Wanted("DialEnd") in wanted(compiled(sees + calls))
    launches = 'flow g on start { Originate { Channel: "PJSIP/1" Application: "Echo" Async: true } }'
    assert Wanted("DialEnd") not in wanted(compiled(sees + launches))


def test_what_the_picture_needs_is_wanted_whole() -> None:
    looks = 'flow f on Hangup as h where h.Cause == 16 { if channel(h.Channel) != none { log "there" } }'
    assert Wanted("Hangup") in wanted(compiled(looks))
