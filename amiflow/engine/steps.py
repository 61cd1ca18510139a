"""The steps of running flows: one instruction after the other, until the flow waits or ends.

Belongs here: beginning and ending a run, its finally, and who does which instruction. Never here: what they do: actions
(`actions`), waits for events (`tape`), what a flow does alone (`alone`); and which runs there are (`admission`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from amiflow.ami.message import Message
from amiflow.engine.actions import Actions
from amiflow.engine.alone import Alone
from amiflow.engine.branches import Branches
from amiflow.engine.conditions import Conditions
from amiflow.engine.core import Core
from amiflow.engine.durable import Durable
from amiflow.engine.effects import FlowEnded, Noted, Outcome
from amiflow.engine.errands import Errands
from amiflow.engine.evaluate import EvaluationError
from amiflow.engine.instance import (
    Acting,
    Awaiting,
    Block,
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
from amiflow.engine.values import Failure, Value
from amiflow.plan.durations import duration_text
from amiflow.plan.model import Act, Await, Errand, Fork, ForkEach, Instruction, Join, Return, Stop, Take, WaitUntil
from amiflow.report.source import Span

FINALLY = 30.0  # seconds that a finally may take
_SLICE = 10_000  # instructions in a row before others get their turn
MOST_STEPS = 1_000_000  # instructions in a row before the flow is taken to be stuck


class Steps:
    """What running flows do."""

    def __init__(
        self, core: Core, tape: Tape, actions: Actions, conditions: Conditions, errands: Errands, durable: Durable
    ) -> None:
        self._core = core
        self._tape = tape
        self._actions = actions
        self._conditions = conditions
        self._errands = errands
        self.pools = Pools(core)
        self._branches = Branches(core, tape)
        self._alone = Alone(core, durable)
        self._does = self._instructions()
        self.leaving: set[Instance] = set()

    def _instructions(self) -> dict[type[Instruction], Callable[[Instance, Any], bool]]:
        """What does each instruction, by its class. False where the flow now waits, or has ended."""
        return {
            **self._alone.instructions(),
            Act: self._actions.begin,
            Await: self._tape.begin,
            Errand: self._errands.begin,
            WaitUntil: self._conditions.begin,
            Fork: self._branches.begin,
            ForkEach: self._branches.begin,
            Take: self.pools.begin,
            Join: self._join,
            Stop: lambda instance, step: self._done(instance, None, step.span),
            Return: self._return,
        }

    # --- beginning and end --------------------------------------------------------------------------------------------

    def start(self, instance: Instance) -> None:
        """The run begins now, its lifetime too."""
        core, flow = self._core, instance.program.flow
        if instance.keepers:
            self._tape.disarm(instance)
        instance.state = "running"
        instance.started = core.now
        core.counters["started", flow.name] += 1
        origin = _origin(instance) if core.options.steps else {}
        if flow.after == "drop":
            origin["after"] = "drop"
        core.tell(Noted("flow-started", "debug", flow.name, flow.name, instance.id, flow.span, origin, instance.cause))
        try:
            lasting = core.spell(flow.lasting, instance)
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
        if instance.parent is not None:
            instance = instance.root
        if self.leaving:
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
        if instance.block is not None:
            self._unblock(instance, instance.block, quietly)
        instance.trouble = None
        if instance.slots and not quietly:
            self.pools.release(instance, everything=True)
        if instance.keepers:
            self._tape.disarm(instance)
        self._core.timers.cancel(instance.lifetime)
        if instance.until is not None:
            instance.server.index.remove(instance.until)
            instance.until = None

    def _unblock(self, instance: Instance, block: Block, quietly: bool) -> None:
        core = self._core
        match block:
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
        if instance.program.keeps:
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
        core = self._core
        if instance.program.keeps:
            core.change(instance)
        if self.leaving and instance.root in self.leaving:
            self.put_away(instance.root)
            return
        if instance.keepers:
            self._tape.disarm(instance)
        if self._alone.trace.on:
            self._alone.trace.begin(instance)
        code = instance.instructions
        for _ in range(_SLICE):
            if instance.trouble is not None and not self._meet(instance, *instance.trouble):
                return
            if instance.slots:
                self.pools.release(instance)
            step = code[instance.position] if instance.position < len(code) else None
            if core.cover is not None:
                core.cover.come(instance, step)
            if step is None:
                self._done(instance, None, None)
                return
            try:
                if not self._does[type(step)](instance, step):
                    break
            except EvaluationError as error:
                instance.trouble = (Failure("failed", error.text), error.span)
        else:
            self._let_others_in(instance)
        if instance.block is not None and instance.program.lookback.waits:
            self._tape.arm(instance, entered=not isinstance(instance.block, Pausing))

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
        instance.pass_over()
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

    def _join(self, branch: Instance, _: Join) -> bool:
        self._leave(branch)
        self._branches.join(branch)
        return False

    def _return(self, instance: Instance, step: Return) -> bool:
        result = self._core.value(step.value, self._core.frame(instance.names, instance.server))
        return self._done(instance, result, step.span)

    def _done(self, instance: Instance, result: Value, span: Span | None) -> bool:
        if instance.parent is not None:
            instance = instance.root
        if instance.state == "final":
            self._leave(instance)
            self._finish(instance)
        else:
            self.end(instance, "done", None, span, result)
        return False


def _origin(instance: Instance) -> dict[str, Value]:
    """Where a run comes from: its server, its key, and the events of its trigger where there are several."""
    origin: dict[str, Value] = {"server": instance.server.name}
    if instance.key is not None:
        origin["key"] = instance.key
    if len(instance.names) > 1:
        events = tuple([value for value in instance.names.values() if isinstance(value, Message)])
        origin |= {"events": events} if len(events) > 1 else {}
    return origin


def _is_out(strand: Instance) -> bool:
    """Whether an answer is on its way that tells what came of something."""
    match strand.block:
        case Acting(phase="handed" | "sent"):
            return True
        case OnErrand(between=between):
            return not between
    return False
