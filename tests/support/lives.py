"""A machine that dies and comes back: with what it had written down when it died, and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from amiflow.ami.message import Message
from amiflow.engine import effects as fx
from amiflow.engine import standing
from amiflow.engine.core import Inputs, Options
from amiflow.engine.machine import Machine
from amiflow.engine.snapshot import NOBODY
from amiflow.engine.standing import Clock
from amiflow.plan.model import Plan
from support.machines import START, event


class Lives:
    """Each life has a machine of its own; effects and the time go on over all of them. After each input what is written
    down is compared with how the runs stand: `checked` says how often there was something to compare."""

    def __init__(self, plan: Plan, secrets: dict[str, str] | None = None) -> None:
        self.plan = plan
        self.secrets = secrets or {}
        self.now, self.lives, self.born, self.checked, self.answered = 0.0, 0, 0, 0, 0
        self.written: dict[str, tuple[float, str]] = {}
        self.effects: list[fx.Effect] = []
        self.come_back()

    def come_back(self, later: float = 0.0, uptime: int | None = None, ready: bool = True) -> None:
        """Die, and live again so much later; nothing that was in flight arrives."""
        self.now += later
        self.lives, self.born = self.lives + 1, len(self.effects)
        self.booted = self.now - 1000.0 * self.lives  # each life has a monotonic clock of its own
        inputs, options = Inputs({}, self.secrets), Options(f"run{self.lives}", ("pbx",), keeping=True)
        self.machine = Machine(self.plan, inputs, options)
        flows = tuple(fx.Past(token, at, json.loads(text)) for token, (at, text) in self.written.items())
        self.give(fx.Restored(flows, (), tuple(f"run{number}" for number in range(1, self.lives))))
        if ready:
            self.ready(uptime)

    def ready(self, uptime: int | None = None) -> None:
        self.give(fx.ServerReady("pbx", "11.0.0", False, uptime=uptime))
        self.pass_time(0)  # what is overdue falls due behind it

    @property
    def mono(self) -> float:
        return self.now - self.booted

    @property
    def wall(self) -> float:
        return START + self.now

    def give(self, item: fx.Input) -> list[fx.Effect]:
        brought = self.machine.handle(item, self.mono, self.wall)
        self.effects += brought
        for effect in brought:
            if isinstance(effect, fx.Remember) and effect.state is None:
                del self.written[effect.token]
            elif isinstance(effect, fx.Remember):
                self.written[effect.token] = (self.wall, json.dumps(effect.state))
        self._check()
        return brought

    def _check(self) -> None:
        core = self.machine._core
        if self.machine._restarts._pasts:
            return
        clock, kept = Clock(self.mono, self.wall), [one for one in core.instances.values() if one.program.keeps]
        stands = {one.token: json.loads(json.dumps(standing.write(one, core.pen, clock))) for one in kept}
        written = {token: json.loads(text) for token, (_, text) in self.written.items()}
        away = written.keys() - stands.keys()
        put_away = [one for one in self.effects[self.born :] if isinstance(one, fx.Noted) and one.kind == "put-away"]
        assert len(away) == len(put_away)
        written = {token: state for token, state in written.items() if token not in away}
        assert _settled(written) == _settled(stands)
        self.checked += bool(stands)

    def event(self, name: str, /, **headers: str) -> None:
        self.give(fx.Received("pbx", event(name, **headers)))

    def on_wire(self) -> None:
        self.give(fx.Sent(self.sends[-1].action_id))

    def answer(self, **headers: str) -> None:
        """The last action of a flow is sent and answered, by default with Success."""
        self.on_wire()
        response = Message.build([("Response", headers.pop("Response", "Success")), *headers.items()])
        self.give(fx.Answered(self.sends[-1].action_id, response, ()))

    def list_channels(self, *rows: Message) -> None:
        """The machine asked which channels there are, and is told."""
        asked = [one for one in self.effects if isinstance(one, fx.Send) and one.instance == NOBODY]
        assert [asked[-1].headers[0][1], asked[-1].reads] == ["Status", True]
        self.give(fx.Answered(asked[-1].action_id, Message.build([("Response", "Success")]), rows))

    def pass_time(self, seconds: float) -> None:
        end = self.now + seconds
        while (due := self.machine.deadline()) is not None and due + self.booted <= end:
            self.now = max(self.now, due + self.booted)
            self.give(fx.Tick())
        self.now = end

    @property
    def sends(self) -> list[fx.Send]:
        """What flows sent."""
        return [one for one in self.effects if isinstance(one, fx.Send) and one.instance != NOBODY]

    @property
    def actions(self) -> list[str]:
        return [send.headers[0][1] for send in self.sends]

    @property
    def said(self) -> list[str]:
        return [one.text for one in self.effects if isinstance(one, fx.Said)]

    @property
    def ended(self) -> list[tuple[str, str | None]]:
        return [(one.outcome, one.failure) for one in self.effects if isinstance(one, fx.FlowEnded)]

    def changed(self, **flow: Any) -> None:
        """The recipe's first flow is another from the next life on."""
        first, *others = self.plan.flows
        self.plan = replace(self.plan, flows=(replace(first, **flow), *others))


def _settled(states: Any) -> Any:
    """Without the number of the last event, which goes on with events that concern nobody, and with rounded times."""
    if isinstance(states, dict):
        return {name: _settled(state) for name, state in states.items() if name != "seen"}
    if isinstance(states, list):
        return [_settled(one) for one in states]
    return round(states, 3) if isinstance(states, float) else states
