"""Servers that mean ill, and files that nobody wrote: a short run of what `make fuzz` does for longer."""

from __future__ import annotations

import pytest

from support.fault_table import Told
from support.faults import Flood
from support.fuzz_live import KINDS
from support.recipes import plan_of
from support.showpiece import RECIPE, STOP, messages_at, scenario, through
from support.world import VirtualPbx, World

SEEDS = range(40)
NAMES = {
    "server": "a server that means ill",
    "config": "a configuration changed at random",
    "journal": "a journal's file changed at random",
}


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_breaks(kind: str, faults: Told) -> None:
    for seed in SEEDS:
        KINDS[kind](seed)
    faults(NAMES[kind], injected=len(SEEDS), survived=len(SEEDS))


@pytest.mark.parametrize("endless", [b"x", b"Header: value\r\n", b"\r\n\r\nEvent: X\r\nX: " + b"y" * 500])
def test_what_has_no_end_costs_no_more_than_its_bound(endless: bytes, faults: Told) -> None:
    """40 MiB of it: a message ends the session at 16 MiB, and the run comes back."""
    flood = Flood("to client", messages_at()[3], endless, (40 << 20) // len(endless))
    pbx = VirtualPbx(scenario(), [flood])
    ordeal = through(World([plan_of(RECIPE)], {"pbx": pbx}, STOP), flood.direction)
    faults("40 MiB of what has no end", survived=int(ordeal.survived), lost=len(ordeal.account.lost))
    assert ordeal.survived and ordeal.account.is_clean, ordeal.account
