"""Limits: how many of an action may go out in a time, over the whole run; the others wait for their turn.

Belongs here: which action may go now, and who is next. Never here: what an action is, how long it waits (`actions`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from amiflow.engine.core import Core
from amiflow.engine.evaluate import Frame
from amiflow.engine.instance import Instance
from amiflow.engine.timers import Timer
from amiflow.plan.keeping import Limit


@dataclass(slots=True, eq=False)
class Gate:
    """One limit: when the last ones went, and who waits; `urgent` ones go first."""

    most: int
    per: float
    went: deque[float] = field(default_factory=deque)
    urgent: dict[Instance, None] = field(default_factory=dict)
    waiting: dict[Instance, None] = field(default_factory=dict)
    timer: Timer | None = None

    def is_open(self, now: float) -> bool:
        """Whether one may go now."""
        while self.went and self.went[0] + self.per <= now:
            self.went.popleft()
        return len(self.went) < self.most

    def next(self) -> Instance | None:
        """Who is next, and waits no longer."""
        queue = self.urgent or self.waiting
        first = next(iter(queue), None)
        if first is not None:
            del queue[first]
        return first


class Limits:
    """The limits of a machine. `go` is called with each flow whose turn it is."""

    def __init__(self, core: Core, go: Callable[[Instance], None]) -> None:
        self._core = core
        self._go = go
        self._gates = {limit.action.casefold(): self._gate(limit) for limit in core.plan.limits}

    def _gate(self, limit: Limit) -> Gate:
        frame = Frame({}, self._core.world, False)
        return Gate(max(self._core.count(limit.count, frame), 1), self._core.seconds(limit.per, frame))

    def admits(self, action: str, instance: Instance) -> bool:
        """Whether the flow's action may go now; if not, the flow is in the queue."""
        gate = self._gates.get(action.casefold())
        if gate is None:
            return True
        urgent = instance.program.flow.urgent
        ahead = gate.urgent if urgent else gate.urgent or gate.waiting
        if not ahead and gate.is_open(self._core.now):
            gate.went.append(self._core.now)
            return True
        (gate.urgent if urgent else gate.waiting)[instance] = None
        self._set(gate)
        return False

    def leave(self, action: str, instance: Instance) -> None:
        """The flow waits no longer."""
        gate = self._gates.get(action.casefold())
        if gate is not None:
            gate.urgent.pop(instance, None)
            gate.waiting.pop(instance, None)

    def fall_due(self, gate: Gate) -> None:
        """One more may go."""
        while (gate.urgent or gate.waiting) and gate.is_open(self._core.now):
            instance = gate.next()
            if instance is not None:
                gate.went.append(self._core.now)
                self._go(instance)
        self._set(gate)

    def _set(self, gate: Gate) -> None:
        self._core.timers.cancel(gate.timer)
        wanted = (gate.urgent or gate.waiting) and gate.went
        gate.timer = self._core.timers.set(gate.went[0] + gate.per, "limit", gate) if wanted else None
