"""More than a run can act upon, and much that it does not want: nothing is lost silently, and memory is bounded."""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path

from benchmarks.stream import Load
from support.fault_table import Told
from support.gauntlet import rows_of
from support.load import RATE, bear, process

MUCH = 200_000
SLOWLY = RATE / 5  # a busy machine writes the journal slowly, and what waits for it takes memory
BURST = 20_000
ROOM = 64.0  # mebibytes that a burst may take, of which none is for what was refused
RECIPE = """
flow ready on start { UserEvent { UserEvent: "BenchReady" } }

flow redirect on BridgeEnter as e where e.BridgeNumChannels == 2 and e.Context == "default" {
  Redirect { Channel: e.Channel Context: "default" Exten: "680" Priority: 1 }
}
"""


def test_memory_does_not_grow_with_events(tmp_path: Path, faults: Told) -> None:
    with process(tmp_path, "--no-caps") as (running, desk):
        borne = bear(running, desk, Load(MUCH, 100), SLOWLY)
        status = running.end(signal.SIGTERM)
    survived = int(status == 0 and borne.lasted and borne.growth <= 0.05 and not borne.wrong)
    faults(f"{MUCH:,} events, 1 % acted upon", survived=survived, lost=borne.lost, twice=borne.twice)
    assert survived and not borne.lost and not borne.twice, borne


def test_more_than_can_be_acted_upon(tmp_path: Path, faults: Told) -> None:
    """Two hundred times the actions that are allowed in a second, at once."""
    recipe = tmp_path / "recipe.flow"
    recipe.write_text(RECIPE)
    with process(tmp_path, recipe=recipe) as (running, desk):
        borne = bear(running, desk, Load(BURST, 1, "one-name"))
        running.wait("flow-ended", "", times=1)
        status = running.end(signal.SIGTERM)
    rows = [row for _, row in rows_of(tmp_path / "journal.sqlite", 0.0) if row.flow == "redirect"]
    kinds = Counter(row.kind for row in rows)
    ended = Counter(row.text.partition(":")[0] for row in rows if row.kind == "flow-ended")
    accounted = kinds["flow-ended"] + kinds["refused"]
    survived = int(status == 0 and borne.lasted and borne.highest < borne.fresh + ROOM)
    faults(f"{BURST:,} calls at once", survived=survived, lost=BURST - accounted, twice=borne.twice)
    assert survived and accounted == BURST and not borne.twice, (kinds, ended, borne.highest)
    assert kinds["sent"] == sum(borne.done.values()) >= ended["done"] > 0 and kinds["refused"] > BURST / 2
