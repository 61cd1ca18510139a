"""The PBX as a whole, without its manager interface: an exchange that plays a scenario.

Belongs here: the table of applications, the scenario's calls, when it has ended. Never here: sessions (`service`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from amiflow.ami.request import Request
from amiflow.tools.pbx import applications as plain
from amiflow.tools.pbx.actions import ACTIONS
from amiflow.tools.pbx.answer import Answer, Reply
from amiflow.tools.pbx.conference import run_conf_bridge
from amiflow.tools.pbx.dial import run_dial
from amiflow.tools.pbx.exchange import App, Event, Exchange
from amiflow.tools.pbx.queueing import run_queue
from amiflow.tools.pbx.schedule import Sleep, Thread
from amiflow.tools.pbx.technology import arrive, end_later
from amiflow.tools.scenario import Call, Scenario

APPLICATIONS: Mapping[str, App] = {
    "Answer": plain.run_answer,
    "Busy": plain.run_busy,
    "ConfBridge": run_conf_bridge,
    "Congestion": plain.run_congestion,
    "Dial": run_dial,
    "Echo": plain.run_echo,
    "Hangup": plain.run_hangup,
    "NoOp": plain.run_noop,
    "Queue": run_queue,
    "Ringing": plain.run_ringing,
    "Set": plain.run_set,
    "UserEvent": plain.run_user_event,
    "Wait": plain.run_wait,
}
_BY_NAME = {name.lower(): action for name, action in ACTIONS.items()}


class Pbx:
    """A simulated PBX. Times are epoch seconds and never go back; `emit` is called for each event, in order.

    `begin` starts the scenario's clock; before it no call comes in.
    """

    def __init__(self, scenario: Scenario, now: float, emit: Callable[[Event], None]) -> None:
        self.exchange = Exchange(scenario, APPLICATIONS, now, emit)
        self._began: float | None = None
        self._calls_left = len(scenario.calls)

    def begin(self, now: float) -> None:
        """Let the scenario begin; a second time means nothing."""
        if self._began is None:
            self._began = now
            for call in self.exchange.scenario.calls:
                self.exchange.schedule.spawn(self._play(now + call.at, call))

    def act(self, request: Request, reply: Reply, now: float) -> Answer | None:
        """Carry an action of ACTIONS out; none: `reply` gets the answer later. Raises KeyError for any other."""
        self.advance(now)
        return _BY_NAME[request.name.lower()](self.exchange, request, reply)

    def advance(self, now: float) -> None:
        """Let everything happen that happens by `now`."""
        self.exchange.schedule.run(now)

    def deadline(self) -> float | None:
        """When something happens by itself next; none: never."""
        return self.exchange.schedule.deadline()

    @property
    def ended(self) -> bool:
        """Whether the scenario is over: its `ends` has come, or no call is to come and nothing will change by itself. A
        conference or a call that nobody ends is over in this sense."""
        if self._began is None:
            return False
        ends = self.exchange.scenario.ends
        if ends is not None and self.exchange.now >= self._began + ends:
            return True
        return self._calls_left == 0 and self.deadline() is None

    def _play(self, at: float, call: Call) -> Thread:
        while self.exchange.now < at:
            yield Sleep(until=at)
        self._calls_left -= 1
        channel = arrive(self.exchange, self.exchange.scenario.endpoints[call.endpoint], call.exten)
        if channel is not None and call.hangs_up_after is not None:
            yield from end_later(self.exchange, channel, call.hangs_up_after)
