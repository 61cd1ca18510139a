"""What a whole run holds does not grow with the calls that it has seen: the loop with all that hangs on it, in virtual
time on the simulated PBX."""

from __future__ import annotations

from collections import Counter
from unittest import mock

from amiflow.ami.catalog import Catalog
from amiflow.live import run as running
from amiflow.live.loop import Loop
from amiflow.plan.model import Plan
from amiflow.report.source import Source, Span
from amiflow.tools.scenario import read_scenario
from support.recipes import plan_of
from support.sizes import sizes
from support.soak import grown
from support.world import MemoryJournal, VirtualClock, VirtualPbx, World

OF_THE_TEST = (World, VirtualPbx, VirtualClock, MemoryJournal)
SHARED = (Plan, Span, Source, Catalog)
RECIPES = ("recipes/both_legs_to_conference.flow", "recipes/who_is_calling.flow")


def held_after(calls: int) -> Counter[str]:
    """What the loop holds some time after so many calls, one every two seconds."""
    call = {"from": "PJSIP/alice", "to": "bob", "every": "2s", "times": calls, "at": "0s"}
    data = {"calls": [call], "endpoints": {"PJSIP/bob": {"after": "300ms"}}}
    scenario, problems = read_scenario(data)
    assert scenario is not None, problems
    loops: list[Loop] = []

    def kept(*args: object, **options: object) -> Loop:
        loops.append(Loop(*args, **options))  # type: ignore[arg-type]
        return loops[0]

    world = World([plan_of(one) for one in RECIPES], {"pbx": VirtualPbx(scenario)}, calls * 2.0 + 120.0)
    with mock.patch.object(running, "Loop", kept):
        assert world.run() == 0
    assert sum("sends Redirect" in line for line in world.lines) == calls
    return sizes(loops[0], (*OF_THE_TEST, *SHARED))


def test_a_run_holds_no_more_after_many_calls_than_after_few() -> None:
    assert grown(held_after(20), held_after(80), 0) == {}
