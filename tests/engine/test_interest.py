"""What a plan is interested in, and which values of headers it can be said to want."""

from __future__ import annotations

from amiflow.ami.scanner import Value, Wanted
from amiflow.engine.core import Inputs, Options
from amiflow.engine.interest import interest
from amiflow.engine.machine import Machine
from amiflow.plan.model import Plan
from support.runs import compiled

RECIPE = """
param room: text = "700"
param least: int = 2

flow enters
  on BridgeEnter as e where e.BridgeNumChannels == least and e.Context == "default"
  then Hangup as h where h.Uniqueid == e.Uniqueid and h.Cause == 16 within 10m
  until VarSet as v where v.Uniqueid == e.Uniqueid and v.Value == "end"
{
  Redirect { Channel: e.Channel Context: "default" Exten: room Priority: 1 } or ignore
  wait any {
    VarSet as v where v.Uniqueid == e.Uniqueid and v.Value == room { log "set" }
    Newexten as x where x.Exten == room { Hangup { Channel: e.Channel } or ignore }
    after 1h { log "late" }
  }
}

flow calls
  on Newexten as x where x.Exten == room or x.Context == "other"
{
  Originate { Channel: "Local/1@default" Context: "default" Exten: "1" Priority: 1 } within 1m
    or as e { log "${e.kind}" }
}
"""
PLAN = compiled(RECIPE)


def wanted(plan: Plan, **params: object) -> tuple[Wanted, ...]:
    machine = Machine(plan, Inputs(params), Options("run", ("pbx",)))
    return interest(plan, machine.world)


def test_params_and_constants_become_tests_and_what_changes_does_not() -> None:
    assert set(wanted(PLAN, room="701")) == {
        Wanted("OriginateResponse"),
        Wanted("BridgeEnter", (Value("BridgeNumChannels", 2), Value("Context", "default"))),
        Wanted("Hangup", (Value("Cause", 16),)),
        Wanted("VarSet", (Value("Value", "end", escaped=True),)),
        Wanted("VarSet", (Value("Value", "701", escaped=True),)),
        Wanted("Newexten", (Value("Exten", "701"),)),
        Wanted("Newexten"),
    }


def test_what_the_picture_needs_is_wanted_whole() -> None:
    looks = 'flow f on Hangup as h where h.Cause == 16 { if channel(h.Channel) != none { log "there" } }'
    assert Wanted("Hangup") in wanted(compiled(looks))
