"""The steps of running flows: one instruction after the other, until the flow waits or ends.

Belongs here: beginning and ending a run, its finally, and each instruction that needs nobody else. Never here: actions
(`actions`), waits for events (`tape`), and which runs there are (`admission`).
"""

from __future__ import annotations

from datetime import timedelta
from typing import assert_never

from amiflow.ami.message import Message
from amiflow.engine.actions import Actions
from amiflow.engine.branches import Branches
from amiflow.engine.conditions import Conditions
from amiflow.engine.core import Core
from amiflow.engine.durable import Durable
from amiflow.engine.effects import FlowEnded, Outcome, Said
from amiflow.engine.errands import Errands
from amiflow.engine.evaluate import EvaluationError
from amiflow.engine.instance import (
    BEGAN,
    Acting,
    Awaiting,
    Ending,
    Forked,
    Holding,
    Instance,
    OnErrand,
    Pausing,
    Queueing,
)
from amiflow.engine.pools import Pools
from amiflow.engine.tape import Tape
from amiflow.engine.values import Failure, Value, to_text
from amiflow.plan.durations import duration_text
from amiflow.plan.expressions import Expr
from amiflow.plan.keeping import Put, Remove
from amiflow.plan.model import (
    Act,
    Again,
    Await,
    Enter,
    Errand,
    Fail,
    Fork,
    ForkEach,
    Instruction,
    Join,
    Jump,
    JumpUnless,
    Log,
    Next,
    Pause,
    Reraise,
    Return,
    Set,
    Stop,
    Take,
    WaitUntil,
)
from amiflow.report.source import Span

FINALLY = 30.0  # seconds that a finally may take
_SLICE = 10_000  # instructions in a row before others get their turn
MOST_STEPS = 1_000_000  # instructions in a row before the flow is taken to be stuck
_TRACED = 200  # steps in a row that are noted one by one
_SHOWN = 200  # characters of a value in a note


class Steps:
    """What running flows do."""

    def __init__(
        self, core: Core, tape: Tape, actions: Actions, conditions: Conditions, errands: Errands, durable: Durable
    ) -> None:
        self._core = core
        self._durable = durable
        self._tape = tape
        self._actions = actions
        self._conditions = conditions
        self._errands = errands
        self.pools = Pools(core)
        self._branches = Branches(core, tape)
        self._traced = 0
        self.leaving: set[Instance] = set()

    # --- beginning and end --------------------------------------------------------------------------------------------

    def start(self, instance: Instance) -> None:
        """The run begins now, its lifetime too."""
        core, flow = self._core, instance.program.flow
        self._tape.disarm(instance)
        instance.state = "running"
        instance.started = core.now
        core.counters["started", flow.name] += 1
        origin = _origin(instance) if core.options.steps else {}
        if flow.after == "drop":
            origin["after"] = "drop"
        core.note(
            "flow-started", "debug", flow.name, instance=instance, span=flow.span, message=instance.cause, **origin
        )
        try:
            lasting = core.seconds(flow.lasting, core.frame(instance.names, instance.server))
        except EvaluationError as error:
            self.end(instance, "failed", error.text, error.span)
            return
        instance.lifetime = core.timers.set(core.now + lasting, "lifetime", instance)
        core.resume(instance)

    def end(
        self,
        instance: Instance,
        outcome: Outcome,
        failure: str | None = None,
        span: Span | None = None,
        result: Value = None,
        calls: tuple[Span, ...] = (),
    ) -> None:
        """The body of the run is over; its finally is next where it has one. Once in its finally nothing ends it."""
        if instance.state != "running":
            return
        instance = instance.root
        self.leaving.discard(instance)
        self._leave(instance)
        instance.ending = Ending(outcome, failure, span, result, calls)
        if instance.program.flow.final:
            instance.state, instance.position = "final", 0
            instance.lifetime = self._core.timers.set(self._core.now + FINALLY, "final", instance)
            self._core.resume(instance)
        else:
            self._finish(instance)

    def _leave(self, instance: Instance, quietly: bool = False) -> None:
        """Wait for nothing any more; `quietly`: what it has begun is left as it is."""
        core = self._core
        match instance.block:
            case Pausing(timer=timer):
                core.timers.cancel(timer)
            case Awaiting() as wait:
                self._tape.leave(instance, wait)
            case Holding() as wait:
                self._conditions.leave(instance, wait)
            case OnErrand() as errand:
                self._errands.abandon(errand)
            case Acting() as acting:
                (self._actions.leave if quietly else self._actions.abandon)(instance, acting)
            case Queueing() as waiting:
                self.pools.leave(instance, waiting)
            case Forked() as forked:
                self._cancel_branches(forked, quietly)
        instance.block = None
        instance.trouble = None
        if instance.slots and not quietly:
            self.pools.release(instance, everything=True)
        self._tape.disarm(instance)
        core.timers.cancel(instance.lifetime)
        if instance.until is not None:
            instance.server.index.remove(instance.until)
            instance.until = None

    def _cancel_branches(self, forked: Forked, quietly: bool = False) -> None:
        for branch in forked.running:
            self._leave(branch, quietly)
            branch.state = "ended"

    def _fail_branch(self, flow: Instance, failure: Failure, span: Span, calls: tuple[Span, ...]) -> None:
        """A branch failed: the others are cancelled, and the step that they are part of has failed."""
        if isinstance(flow.block, Forked):
            self._cancel_branches(flow.block)
            flow.trouble = (failure, span, *calls)
            self._core.resume(flow)

    def _finish(self, instance: Instance) -> None:
        core, flow, ending = self._core, instance.program.flow, instance.ending
        self._strike(instance)
        core.over.append(instance)
        if ending is not None:
            if flow.until is not None and ending.outcome != "stopped":
                core.cover_way(flow.until.span, "unmet")
            core.counters[ending.outcome, flow.name] += 1
            failure = core.mask(ending.failure) if ending.failure is not None else None
            outcome, span, result = ending.outcome, ending.span, ending.result
            core.emit(FlowEnded(flow.name, instance.id, outcome, failure, span, result, ending.calls))

    def forget(self, instance: Instance) -> None:
        """The run is no more."""
        self._leave(instance)
        self._strike(instance)

    def _strike(self, instance: Instance) -> None:
        self._core.change(instance)
        instance.state = "ended"
        instance.kept = None
        del self._core.instances[instance.id]

    # --- restarts of amiflow ------------------------------------------------------------------------------------------

    def put_away(self, instance: Instance) -> None:
        """The run of amiflow ends, and this flow goes on in the next one; first the answers that it awaits come in."""
        if any(map(_is_out, instance.strands())):
            self.leaving.add(instance)
            return
        self.leaving.discard(instance)
        core = self._core
        step = instance.step()
        span = step.span if step is not None else instance.program.flow.span
        core.note("put-away", "info", "goes on when amiflow runs again", instance=instance, span=span)
        core.write_down(instance)
        self._leave(instance, quietly=True)
        instance.state = "ended"
        core.changed.pop(instance, None)
        del core.instances[instance.id]
        core.over.append(instance)

    def put_away_rest(self) -> None:
        """Put away those for whose answers was waited, as soon as these are there: the next attempt is not for now."""
        for instance in tuple(self.leaving):
            self.put_away(instance)

    # --- time ---------------------------------------------------------------------------------------------------------

    def wake(self, instance: Instance) -> None:
        """The time of what the flow waits for is over."""
        match instance.block:
            case Awaiting() as wait:
                self._tape.expire(instance, wait)
                self._core.resume(instance)
            case Holding() as wait:
                self._conditions.expire(instance, wait)
                self._core.resume(instance)
            case OnErrand() as errand:
                self._errands.expire(instance, errand)
            case Acting() as acting:
                self._actions.expire(instance, acting)
            case Queueing() as waiting:
                self.pools.expire(instance, waiting)
                self._core.resume(instance)
            case Pausing():
                self._core.resume(instance)

    def outlive(self, instance: Instance) -> None:
        """The flow's lifetime is over, or that of its finally."""
        flow = instance.program.flow
        if instance.state == "final":
            self._log_trouble(instance, f"finally took longer than {FINALLY:g}s", flow.span)
            self._leave(instance)
            self._finish(instance)
            return
        # What it was made of may say something else by now, or nothing.
        lasting = instance.lifetime.when - instance.started if instance.lifetime is not None else 0.0
        text = f"it ran longer than {duration_text(timedelta(seconds=lasting))}, its lifetime"
        self.end(instance, "failed", text, flow.span)

    # --- running ------------------------------------------------------------------------------------------------------

    def run(self, instance: Instance) -> None:
        """Run the flow on from where it stands, until it waits or ends."""
        if instance.state == "ended" or instance.block is not None:
            return
        self._core.change(instance)
        if self.leaving and instance.root in self.leaving:
            self.put_away(instance.root)
            return
        self._tape.disarm(instance)
        self._traced = _TRACED + 1 if instance.spent else 0
        for _ in range(_SLICE):
            if instance.trouble is not None and not self._meet(instance, *instance.trouble):
                return
            if instance.slots:
                self.pools.release(instance)
            step = instance.step()
            if self._core.cover is not None:
                self._core.cover.come(instance, step)
            try:
                if not self._execute(instance, step):
                    return
            except EvaluationError as error:
                instance.trouble = (Failure("failed", error.text), error.span)
        self._let_others_in(instance)

    def _meet(self, instance: Instance, failure: Failure, span: Span, *calls: Span) -> bool:
        """A step failed and its own `or` does not handle it: the one of the task's call may; else the flow has failed,
        but a finally goes on with its next step."""
        call = instance.escape()
        if call is not None:
            self._core.cover_way(call.span, "failed")
            return True
        if instance.state != "final":
            within = instance.program.calls(instance.code, instance.position)
            calls = calls or tuple(call.span for call in within)
            if instance.parent is not None:
                self._fail_branch(instance.parent, failure, span, calls)
            else:
                self.end(instance, "failed", failure.message, span, calls=calls)
            return False
        instance.trouble = None
        self._log_trouble(instance, failure.message, span)
        instance.position = instance.behind
        return True

    def _log_trouble(self, instance: Instance, text: str, span: Span) -> None:
        self._core.counters["finally-failed", instance.program.flow.name] += 1
        self._core.note("finally-failed", "error", text, instance=instance, span=span)

    def _let_others_in(self, instance: Instance) -> None:
        instance.spent += _SLICE
        if instance.spent >= MOST_STEPS:
            text = f"it ran {MOST_STEPS:,} steps without waiting for anything"
            span = instance.program.flow.span
            if instance.state == "final":
                self._log_trouble(instance, text, span)
                self._done(instance, None, span)
            else:
                self.end(instance, "failed", text, span)
            return
        instance.block = Pausing(None)
        self._core.yielded.append(instance)
        self._tape.arm(instance, entered=False)

    def _execute(self, instance: Instance, step: Instruction | None) -> bool:
        """Do one instruction. False where the flow now waits, or has ended."""
        match step:
            case None:
                return self._done(instance, None, None)
            case Stop(span=span):
                return self._done(instance, None, span)
            case Return(value=value, span=span):
                return self._done(instance, self._value(instance, value), span)
            case Act():
                return self._begin(instance, self._actions.begin(instance, step))
            case Await():
                return self._begin(instance, self._tape.begin(instance, step))
            case Errand():
                return self._begin(instance, self._errands.begin(instance, step))
            case WaitUntil():
                return self._begin(instance, self._conditions.begin(instance, step))
            case Pause(duration=duration):
                pause = self._core.seconds(duration, self._core.frame(instance.names, instance.server))
                instance.position += 1
                self._trace(instance, step.span, f"waits for {duration_text(timedelta(seconds=pause))}")
                return self._sleep(instance, self._core.now + pause)
            case Again():
                return self._again(instance, step)
            case Fail(text=text, span=span):
                instance.trouble = (Failure("failed", to_text(self._value(instance, text))), span)
            case Reraise(error=error, span=span):
                instance.trouble = (instance.names[error], span)
            case Jump(target=target):
                instance.position = target
            case JumpUnless(condition=condition, target=target, span=span):
                holds = self._value(instance, condition)
                self._trace(instance, span, "the condition holds" if holds else "the condition does not hold")
                instance.position = instance.position + 1 if holds else target
            case Next():
                self._next(instance, step)
            case Enter(task=task, span=span):
                self._trace(instance, span, f"begins the task {task}")
                instance.position += 1
            case Set(name=name, value=value, span=span):
                instance.names[name] = self._value(instance, value)
                if self._core.options.steps and name.isidentifier():  # the code's own names are none
                    self._trace(instance, span, f"{name} = {to_text(instance.names[name])}")
                instance.position += 1
            case Log():
                self._say(instance, step)
            case Put():
                self._put(instance, step)
            case Fork() | ForkEach():
                return self._begin(instance, self._branches.begin(instance, step))
            case Join():
                self._leave(instance)
                self._branches.join(instance)
                return False
            case Take():
                return self._begin(instance, self.pools.begin(instance, step))
            case Remove(store=store, key=key, span=span):
                self._remove(store, self._value(instance, key))
                self._core.touch(f"store {store}")
                self._trace(instance, span, f"{store} forgets")
                instance.position += 1
            case _:
                assert_never(step)
        return True

    def _value(self, instance: Instance, expr: Expr) -> Value:
        return self._core.value(expr, self._core.frame(instance.names, instance.server))

    def _begin(self, instance: Instance, goes_on: bool) -> bool:
        if not goes_on:
            self._tape.arm(instance, entered=True)
        return goes_on

    def _done(self, instance: Instance, result: Value, span: Span | None) -> bool:
        instance = instance.root
        if instance.state == "final":
            self._leave(instance)
            self._finish(instance)
        else:
            self.end(instance, "done", None, span, result)
        return False

    def _sleep(self, instance: Instance, until: float) -> bool:
        instance.block = Pausing(self._core.timers.set(until, "block", instance))
        self._tape.arm(instance, entered=False)
        return False

    def _again(self, instance: Instance, step: Again) -> bool:
        """The head of a `repeat`. The time of the last round's beginning is kept beside its count."""
        core, names, beginning = self._core, instance.names, f"{step.position}{BEGAN}"
        frame = core.frame(names, instance.server)
        count = names.get(step.position) or 0
        if count >= core.count(step.times, frame):
            self._trace(instance, step.span, "no further round")
            instance.position = step.done
            return True
        if step.every is not None:
            due = names[beginning] + core.seconds(step.every, frame) if count else core.now
            if due > core.now:
                self._trace(instance, step.span, "waits for its next round")
                return self._sleep(instance, due)
            names[beginning] = core.now
        self._trace(instance, step.span, f"round {count + 1}")
        names[step.position] = count + 1
        if step.name is not None:
            names[step.name] = count + 1
        instance.position += 1
        return True

    def _next(self, instance: Instance, step: Next) -> None:
        """The head of a `for`."""
        names = instance.names
        items, at = names.get(step.items), names.get(step.position) or 0
        if not isinstance(items, tuple):
            raise EvaluationError(f"{to_text(items)} is no list", step.span)
        if at >= len(items):
            self._trace(instance, step.span, "no further item")
            instance.position = step.done
            return
        self._trace(instance, step.span, f"item {at + 1} of {len(items)}")
        names[step.name] = items[at]
        names[step.position] = at + 1
        instance.position += 1

    def _put(self, instance: Instance, step: Put) -> None:
        core, store = self._core, self._core.world.globals[step.store]
        key = self._value(instance, step.key)
        value = self._value(instance, step.value) if step.value is not None else None
        gone = store.put(key, value)
        self._durable.put(step.store, key, value, gone is not None)
        core.touch(f"store {step.store}")
        if gone is not None:
            core.overflow(step, f"`{step.store}` is full: the oldest, of `{gone}`, went", instance)
        if core.options.steps:
            self._trace(instance, step.span, f"{step.store}[{to_text(key)}] takes {to_text(value)}")
        instance.position += 1

    def _remove(self, store: str, key: str) -> None:
        self._core.world.globals[store].remove(key)
        self._durable.remove(store, key)

    def _trace(self, instance: Instance, span: Span, text: str) -> None:
        """Note a step, where that is asked for; of many in a row only the first, lest a loop drown all else."""
        if not self._core.options.steps or self._traced > _TRACED:
            return
        self._traced += 1
        if self._traced > _TRACED:
            text = "its further steps are not noted until it waits"
        shown = self._core.mask(text)[:_SHOWN]  # masked first: half a secret is no secret any more to the mask
        self._core.note("step", "debug", shown, instance=instance, span=span)

    def _say(self, instance: Instance, step: Log) -> None:
        text = self._core.mask(to_text(self._value(instance, step.text)))
        self._core.emit(Said(step.level, text, instance.program.flow.name, instance.id, step.span))
        instance.position += 1


def _origin(instance: Instance) -> dict[str, Value]:
    """Where a run comes from: its server, its key, and the events of its trigger where there are several."""
    events = tuple(value for value in instance.names.values() if isinstance(value, Message))
    origin: dict[str, Value] = {"server": instance.server.name}
    if instance.key is not None:
        origin["key"] = instance.key
    if len(events) > 1:
        origin["events"] = events
    return origin


def _is_out(strand: Instance) -> bool:
    """Whether an answer is on its way that tells what came of something."""
    match strand.block:
        case Acting(phase="handed" | "sent"):
            return True
        case OnErrand(between=between):
            return not between
    return False
