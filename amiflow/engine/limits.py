"""Brakes on actions: how many may go out in a time, and how many calls may be dialled at once; the others wait for
their turn.

Belongs here: the recipe's `limit`s, the caps of the whole run, which action may go now, and who is next. Never here:
what an action is, how long it waits (`actions`).

An action goes when every gate in its way is open at the same moment, and takes its place in all of them. One that meets
a closed gate, or others who wait before it, waits there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeAlias

from amiflow.engine.core import Core
from amiflow.engine.evaluate import EvaluationError, Frame
from amiflow.engine.instance import Instance
from amiflow.engine.originate import is_originate
from amiflow.engine.ours import Named
from amiflow.engine.timers import Timer
from amiflow.plan.bounds import Caps
from amiflow.plan.durations import duration_text
from amiflow.plan.keeping import Limit

_GLANCE = 0.25
"""Seconds after which a machine that waits for a place looks again: another one of the run may have given one back."""


@dataclass(slots=True)
class Went:
    """When actions went, as far back as the longest window looks that counts them."""

    kept: float
    times: deque[float] = field(default_factory=deque)


class Window:
    """So many in any such time."""

    __slots__ = ("most", "per", "went")

    def __init__(self, most: int, per: float) -> None:
        self.most = most
        self.per = per
        self.went = Went(per)

    def is_open(self, now: float) -> bool:
        """Whether one may go now."""
        times = self.went.times
        while times and times[0] + self.went.kept <= now:
            times.popleft()
        return len(times) < self.most or times[-self.most] + self.per <= now

    def take(self, now: float) -> None:
        """One goes."""
        self.went.times.append(now)

    def opens(self, now: float) -> float:
        """When to look again."""
        times = self.went.times
        return times[-self.most] + self.per if len(times) >= self.most else now

    def go_on_from(self, before: Window) -> None:
        """What was counted by another one counts, and goes on to be counted by both."""
        before.went.kept = max(before.went.kept, self.per)
        self.went = before.went


@dataclass(slots=True)
class Places:
    """So many at once: `taken` by calls that are being dialled."""

    most: int
    taken: int = 0

    def is_open(self, _: float) -> bool:
        """Whether there is a free one."""
        return self.taken < self.most

    def take(self, _: float) -> None:
        """It is taken once the call is dialled (`Limits.dials`)."""

    def opens(self, now: float) -> float:
        """When to look again."""
        return now + _GLANCE


Measure: TypeAlias = Window | Places


class Shared:
    """What all machines of a run have in common: what their actions named, and what the caps count, if there are
    any."""

    def __init__(self, caps: Caps | None = None) -> None:
        self.named = Named()
        self.rate = Window(caps.actions_per_second, 1.0) if caps is not None else None
        self.places = Places(caps.calls_dialled_at_once) if caps is not None else None


@dataclass(slots=True, eq=False)
class Gate:
    """A measure as one machine stands before it: who waits, with which action; `urgent` flows go first. `why` says what
    they wait for; `is_cap`: it is one of the whole run."""

    measure: Measure
    why: str
    is_cap: bool = False
    urgent: dict[Instance, str] = field(default_factory=dict)
    waiting: dict[Instance, str] = field(default_factory=dict)
    timer: Timer | None = None

    def lets(self, urgent: bool, now: float) -> bool:
        """Whether one who comes now may go now."""
        return not (self.urgent if urgent else self.urgent or self.waiting) and self.measure.is_open(now)

    def next(self) -> tuple[Instance, str]:
        """Who is next, and waits no longer; somebody does."""
        queue = self.urgent or self.waiting
        instance = next(iter(queue))
        return instance, queue.pop(instance)

    def leave(self, instance: Instance) -> bool:
        """It waits no longer; whether it did."""
        return (self.urgent.pop(instance, None) or self.waiting.pop(instance, None)) is not None

    def __len__(self) -> int:
        return len(self.urgent) + len(self.waiting)


@dataclass(frozen=True, slots=True)
class Dial:
    """A call that is being dialled, by the ActionID of its Originate."""

    action_id: str


class Limits:
    """The gates of a machine. `go` is called with each flow whose turn it is."""

    def __init__(self, core: Core, go: Callable[[Instance], None], shared: Shared) -> None:
        self._core = core
        self._go = go
        self._limits = {limit.action.casefold(): self._gate(limit) for limit in core.plan.limits}
        self._rate = _cap(shared.rate, "actions_per_second", "{} actions a second are sent")
        self._dialling = _cap(shared.places, "calls_dialled_at_once", "{} calls are being dialled")
        self._gates: dict[str, tuple[Gate, ...]] = {}
        self._dials: dict[str, Timer] = {}

    def _gate(self, limit: Limit) -> Gate:
        frame = Frame({}, self._core.world, False)
        most, per = self._core.count(limit.count, frame), self._core.seconds(limit.per, frame)
        if most < 1 or not per:
            where = limit.count if most < 1 else limit.per
            raise EvaluationError(f"`limit {limit.action}` is to let one go at least, in some time", where.span)
        return Gate(Window(most, per), f"`limit {limit.action} {most} per {duration_text(timedelta(seconds=per))}`")

    def go_on_from(self, before: Limits) -> None:
        """What another machine, whose place this one takes, has sent under a `limit` for the same action counts."""
        for action, gate in self._limits.items():
            earlier = before._limits.get(action)
            if earlier is not None and isinstance(earlier.measure, Window) and isinstance(gate.measure, Window):
                gate.measure.go_on_from(earlier.measure)

    def _before(self, action: str) -> tuple[Gate, ...]:
        """The gates in the way of an action."""
        gates = self._gates.get(action)
        if gates is None:
            dialling = self._dialling if is_originate(action) else None
            wanted = (dialling, self._limits.get(action.casefold()), self._rate)
            gates = self._gates[action] = tuple(gate for gate in wanted if gate is not None)
        return gates

    @property
    def waiting(self) -> int:
        """How many flows wait for their turn."""
        waiting = 0
        for gate in (*self._limits.values(), self._rate, self._dialling):
            if gate is not None:
                waiting += len(gate.urgent) + len(gate.waiting)
        return waiting

    def lift(self) -> None:
        """The caps are no longer in force: nothing begins any more, and what ends is to be left in order."""
        for action_id in tuple(self._dials):
            self.dialled(action_id)
        lifted = [gate for gate in (self._dialling, self._rate) if gate is not None]
        self._rate = self._dialling = None
        self._gates.clear()
        for gate in lifted:
            self._core.timers.cancel(gate.timer)
            while len(gate):
                instance, action = gate.next()
                if self.admits(action, instance):
                    self._go(instance)

    def admits(self, action: str, instance: Instance) -> bool:
        """Whether the flow's action may go now; if not, the flow is in a queue."""
        gates = self._gates.get(action)
        if gates is None:
            gates = self._before(action)
        if not gates:
            return True
        now, urgent = self._core.now, instance.program.flow.urgent
        for gate in gates:
            if not gate.lets(urgent, now):
                self._queue(gate, instance, action)
                return False
        for gate in gates:
            gate.measure.take(now)
        return True

    def _queue(self, gate: Gate, instance: Instance, action: str) -> None:
        (gate.urgent if instance.program.flow.urgent else gate.waiting)[instance] = action
        if gate.is_cap:
            self._tell(gate, instance)
        if gate.timer is None or not gate.timer.live:
            self._set(gate)

    def _tell(self, gate: Gate, instance: Instance) -> None:
        core = self._core
        core.counters["braked", instance.program.flow.name] += 1
        if core.is_due(gate.why):
            text = f"{gate.why}: what exceeds that waits for its turn"
            core.note("braked", "warn", text, instance=instance)

    def leave(self, action: str, instance: Instance) -> str | None:
        """The flow waits no longer; what it waited for, where it did."""
        return next((gate.why for gate in self._before(action) if gate.leave(instance)), None)

    def fall_due(self, gate: Gate) -> None:
        """One more may go."""
        core = self._core
        while len(gate) and gate.measure.is_open(core.now):
            instance, action = gate.next()
            gates, urgent = self._before(action), instance.program.flow.urgent
            closed = next((one for one in gates if one is not gate and not one.lets(urgent, core.now)), None)
            if closed is not None:
                self._queue(closed, instance, action)
                continue
            for one in gates:
                one.measure.take(core.now)
            self._go(instance)
        self._set(gate)

    def _set(self, gate: Gate) -> None:
        core = self._core
        core.timers.cancel(gate.timer)
        gate.timer = core.timers.set(gate.measure.opens(core.now), "limit", gate) if len(gate) else None

    # --- calls being dialled ------------------------------------------------------------------------------------------

    def dials(self, action_id: str, within: float) -> None:
        """A call is dialled from now on, for so many seconds at most."""
        if self._dialling is not None and isinstance(self._dialling.measure, Places):
            self._dialling.measure.taken += 1
            self._dials[action_id] = self._core.timers.set(self._core.now + within, "dial", Dial(action_id))

    def take_dials(self, before: Limits) -> None:
        """A machine is at its end, and calls that it dialled are not: they keep their places."""
        if self._dialling is not None:
            for action_id, timer in before._dials.items():
                self._dials[action_id] = self._core.timers.set(timer.when, "dial", Dial(action_id))
                before._core.timers.cancel(timer)
            before._dials.clear()

    def dialled(self, action_id: str) -> None:
        """It is dialled no longer: an OriginateResponse, a refusal, or no word of it in its time."""
        timer = self._dials.pop(action_id, None)
        if timer is None:
            return
        self._core.timers.cancel(timer)
        if self._dialling is not None and isinstance(self._dialling.measure, Places):
            self._dialling.measure.taken -= 1
            self.fall_due(self._dialling)


def _cap(measure: Measure | None, cap: str, why: str) -> Gate | None:
    if measure is None:
        return None
    return Gate(measure, f"{why.format(measure.most)} (`{cap}` under `limits` of the configuration)", is_cap=True)
