"""The showpiece's conversation: two calls whose legs `both_legs_to_conference` moves, the second one long after.

What belongs here: the calls, and one run of them with a fault in its first connection. What never does: which faults.
The first call falls into the fault; the second proves that the run has come through.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from amiflow.tools.scenario import Scenario, read_scenario
from support.accounting import Account, Books
from support.fault_table import Told
from support.faults import DIRECTIONS, END, Corrupt, Direction, Fault
from support.recipes import plan_of
from support.world import VirtualPbx, World

RECIPE = "recipes/both_legs_to_conference.flow"
SECOND_CALL, STOP = 60.0, 75.0
FIRST_IS_OVER = 30.0


@cache
def scenario(second_call: float = SECOND_CALL, wait: float = 0.0) -> Scenario:
    """Bob answers Alice at once; Frank answers Erin so many seconds later. Whoever is moved waits so long before the
    room."""
    answers = {"after": "300ms"}
    data = {
        "calls": [
            {"at": "0s", "from": "PJSIP/alice", "to": "bob"},
            {"at": f"{second_call:g}s", "from": "PJSIP/erin", "to": "frank"},
        ],
        "endpoints": {"PJSIP/bob": answers, "PJSIP/erin": {}, "PJSIP/frank": answers},
        "extensions": {"default": {"680": ["Answer()", f"Wait({wait:g})", "ConfBridge(680)"]}} if wait else {},
    }
    found, problems = read_scenario(data)
    assert found is not None, problems
    return found


@dataclass(frozen=True)
class Ordeal:
    """A run that has been through a fault; `told` is its log, for a test that failed."""

    fault: object
    account: Account
    status: int
    told: tuple[str, ...]
    fates: tuple[str, ...]

    @property
    def ended_in_order(self) -> bool:
        """It was stopped by a signal, and left nothing open."""
        return self.status in (0, 130) and not self.account.faults

    @property
    def survived(self) -> bool:
        """It went on, moved the second call, and its books are in order. Where a fault alters bytes, the request to
        filter events may have become another one, so that the second call is not moved either."""
        is_last_moved = self.fates[-1:] == ("done",) or isinstance(self.fault, Corrupt)
        return self.status == 0 and not self.account.faults and len(self.fates) == 2 and is_last_moved

    def __str__(self) -> str:
        what = f"{self.fault}: status {self.status}, {self.fates}, {self.account}"
        return "\n    ".join([what, *self.told])


def suffer(*faults: Fault | None) -> Ordeal:
    """Run the two calls with these faults, one for each connection in turn."""
    pbx = VirtualPbx(scenario(), faults)
    return through(World([plan_of(RECIPE)], {"pbx": pbx}, STOP), faults[0] if faults else None)


def through(world: World, fault: object, slack: float = 0.001) -> Ordeal:
    """Run a world of one PBX to its end, and judge it; `slack` is for how long something may have been on its way."""
    (pbx,) = world.pbxs.values()
    try:
        status = world.run()
    except Exception:
        world.lines.append(traceback.format_exc())
        status = 3
    account = Books(pbx.seen, pbx.lines, world.rows, isinstance(fault, Corrupt), slack).judge()
    return Ordeal(fault, account, status, tuple(world.lines), tuple(account.fates.values()))


@cache
def undisturbed() -> VirtualPbx:
    """The PBX after a run without a fault."""
    pbx = VirtualPbx(scenario())
    World([plan_of(RECIPE)], {"pbx": pbx}, STOP).run()
    return pbx


def first_call(direction: Direction) -> bytes:
    """What goes that way until the first call is dealt with, without a fault."""
    return b"".join(data for at, data in undisturbed().lines[0].passed[direction] if at < FIRST_IS_OVER)


def places(part: int = 0, of: int = 1) -> list[tuple[Direction, int]]:
    """Every byte of the first call's conversation, both ways; one part of them, of so many that are alike."""
    every = [(direction, at) for direction in DIRECTIONS for at in range(len(first_call(direction)) + 1)]
    return every[part::of]


def messages_at() -> list[int]:
    """Where each message to the client begins."""
    stream = first_call("to client")
    return [0, *(found.end() for found in re.finditer(re.escape(END), stream) if found.end() < len(stream))]


def count(
    name: str, ordeals: Sequence[Ordeal], faults: Told, survived: Callable[[Ordeal], bool] = lambda one: one.survived
) -> None:
    """A row of the table. Raises AssertionError with the first that are not as they ought to be."""
    faults(
        name,
        injected=len(ordeals),
        survived=sum(map(survived, ordeals)),
        lost=sum(len(one.account.lost) for one in ordeals),
        twice=sum(len(one.account.twice) for one in ordeals),
    )
    bad = [one for one in ordeals if not survived(one) or not one.account.is_clean]
    assert not bad, "\n".join([f"{len(bad)} of {len(ordeals)}:", *map(str, bad[:3])])
