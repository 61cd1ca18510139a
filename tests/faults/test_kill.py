"""`kill -9` at every write of the journal, and the restart: each policy does what it says, nothing is sent twice."""

from __future__ import annotations

import signal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from amiflow.plan.model import Plan
from support.fault_table import Told
from support.faults import Pieces
from support.gauntlet import Gauntlet
from support.killing import KilledWorld
from support.recipes import ROOT
from support.runs import compiled
from support.showpiece import FIRST_IS_OVER, RECIPE, STOP, Ordeal, count, scenario, through
from support.world import VirtualPbx

SLOWLY = Pieces("to client", 0, 100, 0.002)
NEVER = 3600.0  # the second call is made when the second run is there
RAM = "/dev/shm" if Path("/dev/shm").is_dir() else None


def with_policy(policy: str) -> str:
    text, clause = (ROOT / RECIPE).read_text(encoding="utf-8"), "  per one.BridgeUniqueid\n"
    return text.replace(clause, f"{clause}  after restart {policy}\n", 1)


def killed(made: Plan, fatal: int, late: bool) -> tuple[Ordeal, KilledWorld]:
    """A run killed at that write, and what came of it; of a late journal nothing is committed that nobody waits for."""
    with TemporaryDirectory(dir=RAM) as folder:
        world = KilledWorld([made], VirtualPbx(scenario(wait=3.0), [SLOWLY]), STOP, Path(folder), fatal, late)
        return through(world, f"killed at write {fatal}, late: {late}", slack=0.1), world


@pytest.mark.parametrize(
    ("policy", "late", "fates"),
    [
        ("resume", False, {"gap", "failed", "done"}),  # failed: the outcome of its action is unknown
        ("resume", True, {"gap", "failed"}),
        ("fail", False, {"gap", "failed", "done"}),
        ("fail", True, {"gap"}),
        ("drop", False, {"gap", "dropped", "done"}),
        ("drop", True, {"gap"}),
    ],
)
def test_at_every_write(policy: str, late: bool, fates: set[str], faults: Told) -> None:
    made = compiled(with_policy(policy))
    moments = [at for at in killed(made, 0, late)[1].moments if at < FIRST_IS_OVER]
    ordeals = [killed(made, fatal, late)[0] for fatal in range(1, len(moments) + 1)]
    count(f"kill -9 at every write of the journal, after restart {policy}", ordeals, faults)
    assert {one.fates[0] for one in ordeals} == fates
    if policy == "resume":
        failed = [str(one) for one in ordeals if one.fates[0] == "failed"]
        assert all("before the answer came" in one or "the connection was down meanwhile" in one for one in failed)


@pytest.mark.parametrize(
    ("policy", "at"),
    [*(("resume", at) for at in ("match-started", "sent", "answer", "log")), ("drop", "answer"), ("fail", "sent")],
)
def test_a_real_process(policy: str, at: str, tmp_path: Path, faults: Told) -> None:
    recipe = tmp_path / "recipe.flow"
    recipe.write_text(with_policy(policy))
    with Gauntlet(tmp_path, [None], NEVER, str(recipe)) as gauntlet:
        (station,) = gauntlet.stations
        with gauntlet.start() as first:
            first.wait("ready")
            station.begin()
            first.wait(at)
            first.end(signal.SIGKILL)
        with gauntlet.start() as second:
            second.wait("ready")
            station.call_again()
            second.wait("log", "PJSIP/erin")
            status = second.end(signal.SIGTERM)
        ordeals = gauntlet.ordeals(status, [first.story(), second.story()])
    count("kill -9 of a real process, and its restart", ordeals, faults)
