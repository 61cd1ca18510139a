"""Flows in `wait until`: tested at once, and whenever something that they read changes.

Belongs here: who waits for which change, and the end of such a wait. Never here: who changes what (`core.touch` is told
of it: by the picture for its parts, by steps for stores).
"""

from __future__ import annotations

from datetime import timedelta

from amiflow.engine.core import Core
from amiflow.engine.evaluate import EvaluationError
from amiflow.engine.instance import Holding, Instance
from amiflow.engine.values import Failure, FailureKind
from amiflow.plan.durations import duration_text
from amiflow.plan.model import WaitUntil
from amiflow.plan.picture import PARTS, reads


class Conditions:
    """The flows of a machine that wait for a condition."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._waiting: dict[tuple[str, str], dict[Instance, None]] = {}
        self._reads: dict[int, frozenset[str]] = {}

    def begin(self, instance: Instance, step: WaitUntil) -> bool:
        """Begin a wait. True where the condition holds at once."""
        core = self._core
        within = core.spell(step.within, instance)
        if self._holds(instance, step):
            instance.position += 1
            return True
        timer = core.timers.set(core.now + within, "block", instance)
        wait = instance.block = Holding(step, within, core.now, timer, ())
        self._watch(instance, wait)
        if core.options.steps:
            text = f"waits up to {duration_text(timedelta(seconds=within))} until that is so"
            core.note("step", "debug", text, instance=instance, span=step.span)
        return False

    def _watch(self, instance: Instance, wait: Holding) -> None:
        wait.reads = self._wanted(instance, wait.step)
        for what in wait.reads:
            self._waiting.setdefault(what, {})[instance] = None
        self._watch_expiry(instance, wait)

    def rejoin(self, instance: Instance, wait: Holding) -> None:
        """The flow stands in the wait after a restart. What it reads of the picture is known when that is taken."""
        self._watch(instance, wait)
        for what, server in wait.reads:
            if not server:
                self._core.touch(what)

    def _wanted(self, instance: Instance, step: WaitUntil) -> tuple[tuple[str, str], ...]:
        """What the condition reads; the plan holds every step for as long as this lives."""
        if id(step) not in self._reads:
            self._reads[id(step)] = reads(step.condition)
        server = instance.server.name
        return tuple((what, server if what in PARTS else "") for what in sorted(self._reads[id(step)]))

    def _holds(self, instance: Instance, step: WaitUntil) -> bool:
        core = self._core
        try:
            return bool(core.value(step.condition, core.frame(instance.names, instance.server)))
        except EvaluationError as error:
            core.complain(error, instance.program.flow.name, None)
            return False

    def test(self) -> None:
        """Something has changed: let go on whose condition holds now."""
        core = self._core
        changed, core.touched = core.touched, set()
        concerned = {instance: None for what in sorted(changed) for instance in self._waiting.get(what, ())}
        for instance in concerned:
            if isinstance(instance.block, Holding):
                self._try(instance, instance.block)

    def _try(self, instance: Instance, wait: Holding) -> None:
        core = self._core
        if not self._holds(instance, wait.step):
            self._watch_expiry(instance, wait)
            return
        self.leave(instance, wait)
        instance.position += 1
        core.note("wait-met", "debug", "it is so", instance=instance, span=wait.step.span)
        core.resume(instance)

    def _watch_expiry(self, instance: Instance, wait: Holding) -> None:
        """Entries of stores end by themselves: be woken then."""
        core, due = self._core, None
        core.timers.cancel(wait.expiry)
        stores = [what.removeprefix("store ") for what, _ in wait.reads if what.startswith("store ")]
        for store in stores:
            end = core.world.globals[store].next_expiry()
            due = end if due is None or (end is not None and end < due) else due
        wait.expiry = core.timers.set(due, "expiry", instance) if due is not None else None

    def outdated(self, instance: Instance) -> None:
        """An entry of a store that the flow reads has ended."""
        if isinstance(instance.block, Holding):
            self._try(instance, instance.block)

    def expire(self, instance: Instance, wait: Holding) -> None:
        """The wait's time is over."""
        self.leave(instance, wait)
        gap = any(server for _, server in wait.reads) and instance.server.gap_since(wait.since)
        kind: FailureKind = "gap" if gap else "timeout"
        text = f"it was not so within {duration_text(timedelta(seconds=wait.within))}"
        if gap:
            text += ", but the connection was down meanwhile"
        self._core.note(f"wait-{kind}", "debug", text, instance=instance, span=wait.step.span)
        instance.break_off(wait.step, Failure(kind, text))

    def leave(self, instance: Instance, wait: Holding) -> None:
        """The wait is over, one way or another."""
        self._core.timers.cancel(wait.timer)
        self._core.timers.cancel(wait.expiry)
        for what in wait.reads:
            waiting = self._waiting[what]
            del waiting[instance]
            if not waiting:
                del self._waiting[what]
