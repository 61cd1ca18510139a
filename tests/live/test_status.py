"""What a run tells of itself: a server is ready once flows can use it."""

from types import SimpleNamespace
from typing import Any

from amiflow.live.clock import SystemClock
from amiflow.live.ledger import Ledger
from amiflow.live.status import Status


def test_a_server_is_ready_once_nothing_is_left_to_be_asked_of_it() -> None:
    peer: Any = SimpleNamespace(name="pbx", ready=True, phase="up")
    ledger = Ledger(("pbx",), 0.0)
    status = Status("run", {"pbx": peer}, [], ledger, SystemClock(), None, None, None)
    assert status.headline() == "pbx logging in" and status.health()["ready"] is False
    ledger.ready("pbx", "11.0.0", 1.0)
    assert status.headline() == "pbx ready" and status.health()["ready"] is True
    peer.ready, peer.phase = False, "over"
    assert status.headline() == "pbx closed" and status.health()["up"] == 0


def test_a_server_that_tells_late_that_it_has_booted_has_not_been_away() -> None:
    ledger = Ledger(("pbx",), 0.0)
    ledger.ready("pbx", "11.0.0", 1.0)
    ledger.ready("pbx", "11.0.0", 3.0)
    line = ledger.lines["pbx"]
    assert (line.times_ready, line.since, line.blind_for(9.0)) == (1, 1.0, 0.0)
