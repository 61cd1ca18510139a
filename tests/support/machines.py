"""A machine on the bench: inputs in, effects sorted by kind, in virtual time that a test moves on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amiflow.ami.message import Message
from amiflow.engine import effects as fx
from amiflow.engine.core import Inputs, Options
from amiflow.engine.machine import Machine
from amiflow.plan.model import Flow, Plan
from support.plans import plan

START = 1_800_000_000.0  # an epoch for the wall clock


def event(name: str, /, **headers: str) -> Message:
    """An event; `Cause_txt` stands for `Cause-txt`."""
    return Message.build([("Event", name), *((key.replace("_", "-"), value) for key, value in headers.items())])


class Bench:
    """A machine that was started (`ready`) unless told otherwise."""

    def __init__(self, *flows: Flow | Plan, servers: tuple[str, ...] = ("pbx",), ready: bool = True, **options: Any):
        made = flows[0] if flows and isinstance(flows[0], Plan) else plan(*flows)  # type: ignore[arg-type]
        inputs = Inputs(options.pop("params", {}), options.pop("secrets", {}))
        self.inputs, self.options = inputs, Options("run", servers, **options)
        self.machine = Machine(made, self.inputs, self.options)
        self.now = 0.0
        self.effects: list[fx.Effect] = []
        if ready:
            for server in servers:
                self.ready(server)

    def give(self, item: fx.Input) -> list[fx.Effect]:
        new = self.machine.handle(item, self.now, START + self.now)
        self.effects += new
        return new

    def ready(self, server: str = "pbx", restarted: bool = False, version: str = "11.0.0") -> None:
        self.give(fx.ServerReady(server, version, restarted))

    def lose(self, server: str = "pbx") -> None:
        self.give(fx.ServerLost(server, "gone"))

    def stop(self) -> None:
        self.give(fx.StopAsked("^C"))

    def event(self, name: str, /, server: str = "pbx", **headers: str) -> list[fx.Effect]:
        return self.give(fx.Received(server, event(name, **headers)))

    def answer(self, at: int = -1, rows: tuple[Message, ...] = (), **headers: str) -> None:
        """Sent, and answered, by default with Success: the action at that place among those sent."""
        action_id = self.sends[at].action_id
        self.give(fx.Sent(action_id))
        response = Message.build([("Response", headers.pop("Response", "Success")), *headers.items()])
        self.give(fx.Answered(action_id, response, rows))

    def on_wire(self, at: int = -1) -> None:
        self.give(fx.Sent(self.sends[at].action_id))

    def unanswered(self, kind: Any, at: int = -1, reason: str = "why") -> None:
        self.give(fx.Unanswered(self.sends[at].action_id, kind, reason))

    def advance(self, seconds: float) -> None:
        """Time goes on; the machine is called whenever it asked to be."""
        end = self.now + seconds
        while (due := self.machine.deadline()) is not None and due <= end:
            self.now = max(self.now, due)
            self.give(fx.Tick())
        self.now = end
        self.give(fx.Tick())

    @property
    def sends(self) -> list[fx.Send]:
        return [effect for effect in self.effects if isinstance(effect, fx.Send)]

    @property
    def actions(self) -> list[Mapping[str, str]]:
        return [dict(send.headers) for send in self.sends]

    @property
    def said(self) -> list[str]:
        return [effect.text for effect in self.effects if isinstance(effect, fx.Said)]

    @property
    def ended(self) -> list[tuple[str, str]]:
        return [(effect.flow, effect.outcome) for effect in self.effects if isinstance(effect, fx.FlowEnded)]

    @property
    def failures(self) -> list[str | None]:
        return [effect.failure for effect in self.effects if isinstance(effect, fx.FlowEnded)]

    @property
    def exits(self) -> list[int]:
        return [effect.status for effect in self.effects if isinstance(effect, fx.Exit)]

    def notes(self, kind: str) -> list[fx.Noted]:
        return [effect for effect in self.effects if isinstance(effect, fx.Noted) and effect.kind == kind]

    def count(self, kind: str, flow: str) -> int:
        return self.machine.counts().get((kind, flow), 0)
