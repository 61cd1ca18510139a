"""The life of connections, in virtual time: a server that is away for long, and servers that know nothing of others."""

from __future__ import annotations

from itertools import pairwise

import pytest

from support.accounting import Books
from support.fault_table import Told
from support.faults import Cut, Fault, HalfOpen, Stall
from support.recipes import plan_of
from support.showpiece import FIRST_IS_OVER, RECIPE, STOP, count, first_call, scenario, through
from support.world import VirtualPbx, World

DAY = 86_400.0


def test_a_server_that_is_away_for_a_day_is_tried_all_the_time(faults: Told) -> None:
    """The run never gives up; a pause is half a minute at most, so that it is back at once."""
    pbx = VirtualPbx(scenario(DAY + 100.0), [Cut("to client", 2000)], down=[(0.1, DAY)])
    tried: list[float] = []
    connect = pbx.connect

    def counted(clock: object) -> object:
        tried.append(clock.at)  # type: ignore[attr-defined]  # a VirtualClock
        return connect(clock)  # type: ignore[arg-type]

    pbx.connect = counted  # type: ignore[method-assign,assignment]
    ordeal = through(World([plan_of(RECIPE)], {"pbx": pbx}, DAY + 200.0), "away for a day")
    count("the server is away for a day", [ordeal], faults)
    pauses = [later - earlier for earlier, later in pairwise(tried)]
    assert max(pauses) <= 30.0 and min(pauses[8:-1]) >= 15.0 and DAY <= tried[-1] <= DAY + 30.0


@pytest.mark.parametrize("fault", [Cut, HalfOpen, lambda direction, at: Stall(direction, at, 20.0)])
def test_what_befalls_one_server_delays_no_other(fault: type[Fault], faults: Told) -> None:
    for at in range(0, len(first_call("to client")), 500):
        pbxs = {"bad": VirtualPbx(scenario(), [fault("to client", at)]), "good": VirtualPbx(scenario())}  # type: ignore[call-arg]
        world = World([plan_of(RECIPE)], pbxs, STOP)
        assert world.run() == 0
        rows = [(moment, row) for moment, row in world.rows if row.server in (None, "good")]
        account = Books(pbxs["good"].seen, pbxs["good"].lines, rows).judge()
        ended = [moment for moment, row in rows if row.kind == "flow-ended" and moment < FIRST_IS_OVER]
        ready = [moment for moment, row in rows if row.kind == "connected"]
        well = list(account.fates.values()) == ["done", "done"] and ended == [pytest.approx(0.31)] and ready == [0.0]
        faults(
            "another server of the run is lost", survived=int(well), lost=len(account.lost), twice=len(account.twice)
        )
        assert well and account.is_clean, (at, account, world.lines)
