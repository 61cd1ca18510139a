"""The instructions for which a flow needs nobody: names, ways through its code, stores, words, and letting time pass.

Belongs here: what each of them does, and the note that it was done. Never here: who runs them (`steps`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from amiflow.engine.core import Core
from amiflow.engine.durable import Durable
from amiflow.engine.effects import Said
from amiflow.engine.evaluate import EvaluationError
from amiflow.engine.instance import BEGAN, Instance, Pausing
from amiflow.engine.values import Failure, Value, to_text
from amiflow.plan.durations import duration_text
from amiflow.plan.expressions import Expr
from amiflow.plan.keeping import Put, Remove
from amiflow.plan.model import Again, Enter, Fail, Instruction, Jump, JumpUnless, Log, Next, Pause, Reraise, Set
from amiflow.report.source import Span

_TRACED = 200  # steps in a row that are noted one by one
_SHOWN = 200  # characters of a value in a note


class Trace:
    """The notes of steps, where they are asked for; `on` says whether they are."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._noted = 0
        self.on = core.options.steps

    def begin(self, instance: Instance) -> None:
        """The flow runs on."""
        self._noted = _TRACED + 1 if instance.spent else 0

    def note(self, instance: Instance, span: Span, text: str) -> None:
        """Note a step; of many in a row only the first, lest a loop drown all else."""
        if not self.on or self._noted > _TRACED:
            return
        self._noted += 1
        if self._noted > _TRACED:
            text = "its further steps are not noted until it waits"
        shown = self._core.mask(text)[:_SHOWN]  # masked first: half a secret is no secret any more to the mask
        self._core.note("step", "debug", shown, instance=instance, span=span)


class Alone:
    """Each does one instruction; false where the flow now waits. They raise EvaluationError."""

    def __init__(self, core: Core, durable: Durable) -> None:
        self._core = core
        self._durable = durable
        self.trace = Trace(core)

    def instructions(self) -> dict[type[Instruction], Callable[[Instance, Any], bool]]:
        """What does each of them, by its class."""
        return {
            Set: self._set,
            JumpUnless: self._jump_unless,
            Jump: self._jump,
            Log: self._say,
            Put: self._put,
            Remove: self._remove,
            Next: self._next,
            Again: self._again,
            Pause: self._pause,
            Enter: self._enter,
            Fail: self._fail,
            Reraise: self._reraise,
        }

    def _value(self, instance: Instance, expr: Expr) -> Value:
        return self._core.value(expr, self._core.frame(instance.names, instance.server))

    # --- names and words ----------------------------------------------------------------------------------------------

    def _set(self, instance: Instance, step: Set) -> bool:
        value = instance.names[step.name] = self._value(instance, step.value)
        if self.trace.on and step.name.isidentifier():  # the code's own names are none
            self.trace.note(instance, step.span, f"{step.name} = {to_text(value)}")
        instance.position += 1
        return True

    def _say(self, instance: Instance, step: Log) -> bool:
        text = self._core.mask(to_text(self._value(instance, step.text)))
        self._core.emit(Said(step.level, text, instance.program.flow.name, instance.id, step.span))
        instance.position += 1
        return True

    # --- ways ---------------------------------------------------------------------------------------------------------

    def _jump(self, instance: Instance, step: Jump) -> bool:
        instance.position = step.target
        return True

    def _jump_unless(self, instance: Instance, step: JumpUnless) -> bool:
        holds = self._value(instance, step.condition)
        self.trace.note(instance, step.span, "the condition holds" if holds else "the condition does not hold")
        instance.position = instance.position + 1 if holds else step.target
        return True

    def _enter(self, instance: Instance, step: Enter) -> bool:
        self.trace.note(instance, step.span, f"begins the task {step.task}")
        instance.position += 1
        return True

    def _fail(self, instance: Instance, step: Fail) -> bool:
        instance.trouble = (Failure("failed", to_text(self._value(instance, step.text))), step.span)
        return True

    def _reraise(self, instance: Instance, step: Reraise) -> bool:
        instance.trouble = (instance.names[step.error], step.span)
        return True

    def _next(self, instance: Instance, step: Next) -> bool:
        """The head of a `for`."""
        names = instance.names
        items, at = names.get(step.items), names.get(step.position) or 0
        if not isinstance(items, tuple):
            raise EvaluationError(f"{to_text(items)} is no list", step.span)
        if at >= len(items):
            self.trace.note(instance, step.span, "no further item")
            instance.position = step.done
            return True
        self.trace.note(instance, step.span, f"item {at + 1} of {len(items)}")
        names[step.name] = items[at]
        names[step.position] = at + 1
        instance.position += 1
        return True

    def _again(self, instance: Instance, step: Again) -> bool:
        """The head of a `repeat`. The time of the last round's beginning is kept beside its count."""
        core, names, beginning = self._core, instance.names, f"{step.position}{BEGAN}"
        frame = core.frame(names, instance.server)
        count = names.get(step.position) or 0
        if count >= core.count(step.times, frame):
            self.trace.note(instance, step.span, "no further round")
            instance.position = step.done
            return True
        if step.every is not None:
            due = names[beginning] + core.seconds(step.every, frame) if count else core.now
            if due > core.now:
                self.trace.note(instance, step.span, "waits for its next round")
                return self._sleep(instance, due)
            names[beginning] = core.now
        self.trace.note(instance, step.span, f"round {count + 1}")
        names[step.position] = count + 1
        if step.name is not None:
            names[step.name] = count + 1
        instance.position += 1
        return True

    # --- time ---------------------------------------------------------------------------------------------------------

    def _pause(self, instance: Instance, step: Pause) -> bool:
        pause = self._core.spell(step.duration, instance)
        instance.position += 1
        if self.trace.on:
            self.trace.note(instance, step.span, f"waits for {duration_text(timedelta(seconds=pause))}")
        return self._sleep(instance, self._core.now + pause)

    def _sleep(self, instance: Instance, until: float) -> bool:
        instance.block = Pausing(self._core.timers.set(until, "block", instance))
        return False

    # --- stores -------------------------------------------------------------------------------------------------------

    def _put(self, instance: Instance, step: Put) -> bool:
        core, store = self._core, self._core.world.globals[step.store]
        key = self._value(instance, step.key)
        value = self._value(instance, step.value) if step.value is not None else None
        gone = store.put(key, value)
        self._durable.put(step.store, key, value, gone is not None)
        core.touch(f"store {step.store}")
        if gone is not None:
            core.overflow(step, f"`{step.store}` is full: the oldest, of `{gone}`, went", instance)
        if self.trace.on:
            self.trace.note(instance, step.span, f"{step.store}[{to_text(key)}] takes {to_text(value)}")
        instance.position += 1
        return True

    def _remove(self, instance: Instance, step: Remove) -> bool:
        core, store, key = self._core, step.store, self._value(instance, step.key)
        core.world.globals[store].remove(key)
        self._durable.remove(store, key)
        core.touch(f"store {store}")
        self.trace.note(instance, step.span, f"{store} forgets")
        instance.position += 1
        return True
