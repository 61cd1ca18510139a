"""What is asked of a run: who is waited for until a signal is answered."""

from __future__ import annotations

from typing import Any, cast

import pytest

from amiflow.engine.effects import Input, Signalled, SignalReply
from amiflow.live.clock import SystemClock
from amiflow.live.desk import Desk
from amiflow.live.ledger import Ledger
from amiflow.live.log import Log
from amiflow.live.requests import GiveSignal, Ticket
from amiflow.live.run import Job, machines
from amiflow.live.secrets import Mask
from amiflow.live.status import Status
from support.runs import compiled


@pytest.mark.parametrize("more", [False, True])
def test_a_signal_is_answered_by_the_machines_that_there_are_as_it_goes_out(more: bool) -> None:
    """Between the question and its going out a machine may come to its end, or others come as recipes are read."""
    log, given = Log(lambda _: None, lambda: 0.0, Mask()), list[Input]()
    jobs = [Job(compiled("flow f on Hangup { wait 1s }"), {}, {})] * 3
    all_of_them = machines(jobs, ["pbx"], "run", False, log)
    runners = all_of_them[:2]
    status = Status("run", {}, runners, Ledger((), 0.0), SystemClock(), None, None, None)
    desk, ticket = Desk(runners, status, log, given.append), Ticket("s1", GiveSignal("click", {}))
    desk.take(ticket)
    if more:
        runners.append(all_of_them[2])
    else:
        runners[1].status = 0
    (signal,) = given
    desk.goes_out(signal)
    for runner in [one for one in runners if one.status is None]:
        assert ticket.wait(0).kind == "late"
        for effect in runner.machine.handle(cast(Any, signal), 0.0, 0.0):
            if isinstance(effect, SignalReply):
                desk.reply(effect)
    assert isinstance(signal, Signalled) and ticket.wait(0).kind == "unknown"
