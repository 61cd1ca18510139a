"""Pools: so many slots, and who has them, who waits for one.

Belongs here: taking a slot, waiting for it in turn, and giving it back when the block is left in whatever way. Never
here: how many actions may go out in a time (`limits`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from amiflow.engine.core import Core
from amiflow.engine.evaluate import EvaluationError, Frame
from amiflow.engine.instance import Instance, Queueing, Slot
from amiflow.engine.timers import Timer
from amiflow.engine.values import Failure
from amiflow.plan.durations import duration_text
from amiflow.plan.expressions import Const, Global
from amiflow.plan.model import Take

_GLANCE = 1.0
"""Seconds after which a bound that may change by itself is read again, as long as somebody waits."""


class Elsewhere(Protocol):
    """What other machines, before and after this one, have to do with its pools (`succession`)."""

    def taken(self, pool: str) -> int: ...

    def serve(self, pool: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Glance:
    """A look at the bound of a pool."""

    pool: str


class Pools:
    """The pools of a machine. Who came first is served first."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._most = {pool.name: pool.max for pool in core.plan.pools}
        self._taken = dict.fromkeys(self._most, 0)
        self._waiting: dict[str, dict[Instance, None]] = {name: {} for name in self._most}
        self._glances: dict[str, Timer] = {}
        self.kin: Elsewhere | None = None

    def begin(self, instance: Instance, step: Take) -> bool:
        """Begin a `with`. True where there was a slot at once. Raises EvaluationError."""
        core = self._core
        within = core.spell(step.within, instance)
        self.serve(step.pool)
        if not self._waiting[step.pool] and self._has_free(step.pool):
            self._give(instance, step)
            return True
        instance.block = Queueing(step, within, core.timers.set(core.now + within, "block", instance))
        self._waiting[step.pool][instance] = None
        self._watch(step.pool)
        return False

    def _watch(self, pool: str) -> None:
        """Somebody waits. Of its own accord a constant, param or secret never changes."""
        glance = self._glances.get(pool)
        if not isinstance(self._most[pool], Const | Global) and (glance is None or not glance.live):
            self._glances[pool] = self._core.timers.set(self._core.now + _GLANCE, "pool", Glance(pool))

    def look(self, glance: Glance) -> None:
        """There may be more slots by now."""
        self.serve(glance.pool)
        if self._waiting[glance.pool]:
            self._watch(glance.pool)

    def rejoin(self, instance: Instance, waiting: Queueing) -> None:
        """The flow waits on for a slot after a restart, behind those who have waited longer."""
        queue = self._waiting[waiting.step.pool]
        last = next(reversed(queue), instance)
        queue[instance] = None
        if _since(instance) < _since(last):
            self._waiting[waiting.step.pool] = dict.fromkeys(sorted(queue, key=_since))
        self._watch(waiting.step.pool)

    def count(self, instance: Instance) -> None:
        """The flow has its slots still, after a restart."""
        for slot in instance.slots:
            self._taken[slot.pool] += 1

    def expire(self, instance: Instance, waiting: Queueing) -> None:
        """No slot became free in time."""
        self.leave(instance, waiting)
        spell = duration_text(timedelta(seconds=waiting.within))
        instance.break_off(waiting.step, Failure("timeout", f"no slot of {waiting.step.pool} was free within {spell}"))

    def leave(self, instance: Instance, waiting: Queueing) -> None:
        """It waits no longer."""
        self._core.timers.cancel(waiting.timer)
        self._waiting[waiting.step.pool].pop(instance, None)

    def release(self, instance: Instance, everything: bool = False) -> None:
        """Give back the slots of the blocks in which the flow no longer is."""
        while instance.slots and (everything or not instance.slots[-1].holds(instance.position)):
            *kept, slot = instance.slots
            instance.slots, pool = tuple(kept), slot.pool
            self._taken[pool] -= 1
            self.serve(pool)

    def serve_all(self) -> None:
        """Some had slots before a restart, and are no more."""
        for pool in self._waiting:
            self.serve(pool)

    def taken(self, pool: str) -> int:
        """How many slots its runs have, with those that are to come back after a restart."""
        return self._taken.get(pool, 0) + self._core.reserved(pool)

    def serve(self, pool: str) -> None:
        """Give free slots to those who wait, in whatever machine; none as long as it cannot be said how many there
        are."""
        if self.kin is not None:
            self.kin.serve(pool)
            return
        while self.serve_first(pool):
            pass

    def waits_since(self, pool: str) -> float | None:
        """Since when the first of those waits who wait here; none where nobody does."""
        return next(map(_since, self._waiting.get(pool, ())), None)

    def serve_first(self, pool: str) -> bool:
        """Whether the first of those who wait here has a slot now."""
        instance = next(iter(self._waiting.get(pool, ())), None)
        if instance is None or not isinstance(instance.block, Queueing):
            return False
        try:
            if not self._has_free(pool):
                return False
        except EvaluationError as error:
            self._core.complain(error, instance.program.flow.name, None)
            return False
        step = instance.block.step
        self.leave(instance, instance.block)
        self._give(instance, step)
        self._core.resume(instance)
        return True

    def _has_free(self, pool: str) -> bool:
        """Raises EvaluationError."""
        core = self._core
        taken = self.taken(pool) + (self.kin.taken(pool) if self.kin is not None else 0)
        return taken < core.count(self._most[pool], Frame({}, core.world, False))

    def _give(self, instance: Instance, step: Take) -> None:
        self._taken[step.pool] += 1
        instance.position += 1
        instance.slots += (Slot(step.pool, instance.position, step.end),)


def _since(instance: Instance) -> float:
    """When it began to wait; who did at the same time did so to the microsecond."""
    return round(instance.block.timer.when - instance.block.within, 6) if isinstance(instance.block, Queueing) else 0.0
