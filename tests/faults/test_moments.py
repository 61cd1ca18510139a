"""Signals at every moment of the showpiece's conversation, and a wall clock that is set meanwhile, in virtual time."""

from __future__ import annotations

import signal
from collections.abc import Sequence

import pytest

from support.fault_table import Told
from support.faults import Cut, Fault, Pieces
from support.recipes import plan_of
from support.showpiece import RECIPE, STOP, Ordeal, count, first_call, scenario, through
from support.world import VirtualPbx, World

SLOWLY = Pieces("to client", 0, 40, 0.002)
"""So that a run sees everything in a hundred turns, not in ten."""
HOUR, DAY = 3600.0, 86_400.0


def stopped(turn: int, signals: Sequence[signal.Signals]) -> Ordeal:
    world = World([plan_of(RECIPE)], {"pbx": VirtualPbx(scenario(), [SLOWLY])}, STOP, signals, turn)
    return through(world, f"{signals} at turn {turn}")


def turns() -> int:
    """How many turns the loop takes until the first call is dealt with."""
    world = World([plan_of(RECIPE)], {"pbx": VirtualPbx(scenario(), [SLOWLY])}, STOP / 2)
    world.run()
    return world.turns


@pytest.mark.parametrize(
    ("signals", "statuses"),
    [
        ([signal.SIGTERM], {0}),
        ([signal.SIGINT], {130}),
        ([signal.SIGTERM, signal.SIGTERM], {0}),
        ([signal.SIGTERM, signal.SIGINT], {0, 130}),  # the second one may come too late
    ],
)
def test_a_signal_at_every_turn(signals: Sequence[signal.Signals], statuses: set[int], faults: Told) -> None:
    ordeals = [stopped(turn, signals) for turn in range(1, turns() + 1)]
    name = "at every turn of the loop: " + " and ".join(one.name for one in signals)
    count(name, ordeals, faults, lambda one: one.ended_in_order and one.status in statuses)
    assert {one.status for one in ordeals} == statuses
    assert {one.fates[:1] for one in ordeals} >= {("after the end",), ("done",)}


@pytest.mark.parametrize("by", [-HOUR, DAY])
@pytest.mark.parametrize("cut", [False, True])
def test_the_wall_clock_is_set_at_every_moment(by: float, cut: bool, faults: Told) -> None:
    ordeals = []
    for step in range(60):
        fault: Fault = Cut("to client", step * len(first_call("to client")) // 60) if cut else SLOWLY
        world = World([plan_of(RECIPE)], {"pbx": VirtualPbx(scenario(), [fault])}, STOP)
        world.jumps = [(0.01 * step, by)]
        ordeals.append(through(world, f"{by} s at {0.01 * step} s, {fault}"))
    count("the wall clock goes back an hour, or on by a day", ordeals, faults)
