"""Whether a run of a flow may begin, and when: keys and policies, `max`, `cooldown`, runs that wait for their turn.

Belongs here: everything between "its trigger is met" and "its first step runs", and what a run's end sets free.
Never here: triggers (`matching`, `machine`), and what runs do (`steps`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from math import inf
from typing import Protocol, TypeAlias

from amiflow.ami.message import Message
from amiflow.engine.core import Core
from amiflow.engine.dispatch import Listener, Watch
from amiflow.engine.evaluate import EvaluationError
from amiflow.engine.instance import Instance
from amiflow.engine.loops import Loop, Loops
from amiflow.engine.ours import Line
from amiflow.engine.program import Program
from amiflow.engine.server import Server
from amiflow.engine.steps import Steps
from amiflow.engine.tape import Tape
from amiflow.engine.timers import Timer
from amiflow.engine.values import Value, to_text
from amiflow.plan.expressions import Expr
from amiflow.plan.model import Policy

MOST_URGENT = 10_000
"""Runs of an urgent flow: it is exempt from its `max`, not from all bounds."""

Key: TypeAlias = tuple[Value, ...]
KeyAt: TypeAlias = tuple[str, Key]  # keys belong to a server


class Elsewhere(Protocol):
    """What other machines, before and after this one, have to do with its keys (`succession`)."""

    def holder(self, flow: str, at: KeyAt) -> Instance | None: ...

    def stop(self, instance: Instance) -> None: ...

    def outdo(self, flow: str, at: KeyAt) -> None: ...

    def freed(self, instance: Instance) -> None: ...


@dataclass(slots=True)
class _Turn:
    """One key: who has it, and who waits for it."""

    active: Instance
    waiting: deque[Instance] | None = None  # an empty one would weigh more than all the rest of a waiting flow


@dataclass(slots=True, eq=False)
class Latest:
    """The last event that a cooldown suppressed for a key: with `latest` it runs when the time is over."""

    program: Program
    server: Server
    names: dict[str, Value]
    key: Key | None
    cause: Message | None
    timer: Timer | None = None


@dataclass(slots=True)
class _Admitted:
    """One flow: how many runs there are (waiting ones count), its keys, when it last started for each key, and what
    waits for the end of a cooldown."""

    count: int = 0
    turns: dict[KeyAt, _Turn] = field(default_factory=dict)
    starts: dict[tuple[str, Key | None], float] = field(default_factory=dict)
    latest: dict[tuple[str, Key | None], Latest] = field(default_factory=dict)


def _nobody(_: Instance) -> None:
    """Who is told of runs that never began, where nobody wants to know."""


class Admission:
    """The runs of all flows of a machine."""

    def __init__(self, core: Core, steps: Steps, tape: Tape, loops: Loops) -> None:
        self._core = core
        self._loops = loops
        self._steps = steps
        self._tape = tape
        self._flows = tuple(_Admitted() for _ in core.programs)
        self._by_name = {program.flow.name: self._flows[program.number] for program in core.programs}
        self._paused: dict[tuple[str | None, str], None] = {}
        self.kin: Elsewhere | None = None
        self.discarded: Callable[[Instance], None] = _nobody
        self.closed = False

    # --- pauses -------------------------------------------------------------------------------------------------------

    def pause(self, flow: str | None, why: str) -> None:
        """Let no run of the flow, or with none of any flow, begin."""
        self._paused[flow, why] = None

    def resume(self, flow: str | None, why: str) -> None:
        """The pause for this reason is over; with no flow given, of all flows."""
        self._paused = {one: None for one in self._paused if one[1] != why or flow not in (None, one[0])}

    def paused(self, flow: str) -> str | None:
        """Why no run of the flow begins; none where runs may."""
        return next((why for name, why in self._paused if name in (None, flow)), None)

    # --- the beginning of a run ---------------------------------------------------------------------------------------

    def key(self, program: Program, names: dict[str, Value], server: Server, cause: Message | None) -> Key | None:
        """The run's key; none where the flow has none, or where a part of it is none or empty, which is logged."""
        per = program.flow.per
        if per is None:
            return None
        frame = self._core.frame(names, server)
        try:
            key = tuple([self._core.value(part, frame) for part in per.key])
            hash(key)
        except (EvaluationError, TypeError) as error:
            reason = error.text if isinstance(error, EvaluationError) else "it is no plain value"
        else:
            if not any(part is None or part in ("", ()) for part in key):
                return key
            reason = "it is none or empty"
        text = f"runs without its key: {reason}"
        self._core.note("unkeyed", "warn", text, flow=program.flow.name, span=per.span, message=cause)
        return None

    def start(
        self,
        program: Program,
        server: Server,
        names: dict[str, Value],
        key: Key | None,
        cause: Message | None,
        line: Line = (),
    ) -> Instance | None:
        """A flow's trigger is met: run it, let it wait for its turn, or refuse it (then there is no run). `line` are
        the flows that led to a signal."""
        if self._paused and (why := self.paused(program.flow.name)) is not None:
            self._core.counters["paused", program.flow.name] += 1
            self._suppress(program, why, cause)
            return None
        try:
            return None if self.closed else self._admit(program, server, names, key, cause, line)
        except EvaluationError as error:
            self._refuse(program, error.text, cause)
        except Loop as loop:
            self._refuse(program, str(loop), cause, "loop")
        return None

    def _admit(
        self,
        program: Program,
        server: Server,
        names: dict[str, Value],
        key: Key | None,
        cause: Message | None,
        line: Line,
    ) -> Instance | None:
        flow, admitted = program.flow, self._flows[program.number]
        if flow.cooldown is not None and self._is_cooling(program, flow.cooldown, server, names, key, cause):
            return None
        policy: Policy = flow.per.policy if flow.per is not None and key is not None else "parallel"
        turn = self._turn(program, (server.name, key)) if key is not None and policy != "parallel" else None
        if turn is not None and policy == "single":
            self._suppress(program, f"already runs for {to_text(key)}", cause)
            return None
        if self._loops.most:
            line = self._loops.line(flow.name, server.name, cause, line)
        replaces = turn is not None and policy == "replace"
        if replaces and key is not None:
            self.outdo(flow.name, (server.name, key))
            if self.kin is not None:
                self.kin.outdo(flow.name, (server.name, key))
        if not replaces and not self._core.options.uncapped and not self._has_room(program, names, server, cause):
            return None
        instance = self._new(program, server, names, key, cause)
        if self._loops.most:
            instance.line = line
        if turn is None:
            if key is not None and policy != "parallel":
                admitted.turns[server.name, key] = _Turn(instance)
            self._steps.start(instance)
            return instance
        turn.waiting = turn.waiting or deque()
        turn.waiting.append(instance)
        self._core.change(instance)
        self._tape.arm(instance, entered=False)
        if replaces and not self.stop(turn.active) and self.kin is not None:
            self.kin.stop(turn.active)
        return instance

    def outdo(self, flow: str, at: KeyAt) -> bool:
        """A newer run waits for the key: who waits here does so no longer. Whether anybody did."""
        admitted = self._by_name.get(flow)
        turn = admitted.turns.get(at) if admitted is not None else None
        if turn is None or not turn.waiting:
            return False
        while turn.waiting:
            self._discard(turn.waiting.popleft(), "a newer one takes its place")
        return True

    def _turn(self, program: Program, at: KeyAt) -> _Turn | None:
        """Who has the key: a run of this machine, or of one whose place it took."""
        turns = self._flows[program.number].turns
        turn = turns.get(at)
        if turn is None and self.kin is not None and (holder := self.kin.holder(program.flow.name, at)) is not None:
            turn = turns[at] = _Turn(holder)
        return turn

    def stop(self, instance: Instance) -> bool:
        """End a run; whether it is one of this machine."""
        if self._core.instances.get(instance.id) is not instance:
            return False
        self._steps.end(instance, "stopped")
        self._core.stirred = True
        return True

    def _is_cooling(
        self,
        program: Program,
        cooldown: Expr,
        server: Server,
        names: dict[str, Value],
        key: Key | None,
        cause: Message | None,
    ) -> bool:
        """Whether it started for this key too short a time ago."""
        core = self._core
        spell = core.seconds(cooldown, core.frame({}, server))
        starts = self._flows[program.number].starts
        while starts and next(iter(starts.values())) + spell <= core.now:
            del starts[next(iter(starts))]
        until = starts.get((server.name, key), -inf) + spell
        if until <= core.now:  # of runs that were taken up after a restart it need not be among the first
            return False
        if program.flow.latest:
            self._hold_back(program, server, names, key, cause, until)
        else:
            self._suppress(program, "cools down", cause)
        return True

    def _hold_back(
        self,
        program: Program,
        server: Server,
        names: dict[str, Value],
        key: Key | None,
        cause: Message | None,
        until: float,
    ) -> None:
        """Keep the event for the end of the cooldown; the one that was kept before is suppressed for good."""
        latest, at = self._flows[program.number].latest, (server.name, key)
        earlier = latest.get(at)
        if earlier is not None:
            self._suppress(program, "cools down, and a later one came", earlier.cause)
            earlier.names, earlier.cause = names, cause
            return
        latest[at] = held = Latest(program, server, names, key, cause)
        held.timer = self._core.timers.set(until, "cooldown", held)
        flow = program.flow
        self._core.note("held-back", "debug", "cools down", flow=flow.name, span=flow.span, message=cause)

    def cooled_down(self, held: Latest) -> None:
        """The cooldown is over."""
        del self._flows[held.program.number].latest[held.server.name, held.key]
        self.start(held.program, held.server, held.names, held.key, held.cause)

    def drop_held_back(self, why: str = "the run ends") -> None:
        """No cooldown is waited for any more."""
        for admitted in self._flows:
            for held in admitted.latest.values():
                self._core.timers.cancel(held.timer)
                self._suppress(held.program, why, held.cause)
            admitted.latest.clear()

    def _suppress(self, program: Program, text: str, cause: Message | None) -> None:
        flow = program.flow
        self._core.counters["suppressed", flow.name] += 1
        self._core.note("suppressed", "debug", text, flow=flow.name, span=flow.span, message=cause)

    def _has_room(self, program: Program, names: dict[str, Value], server: Server, cause: Message | None) -> bool:
        core, flow = self._core, program.flow
        most = core.count(flow.max, core.frame(names, server))
        if flow.urgent:
            most = max(most, MOST_URGENT)
        if self._flows[program.number].count < most:
            return True
        self._refuse(program, f"{most} of it run already", cause)
        return False

    def _refuse(self, program: Program, reason: str, cause: Message | None, kind: str = "refused") -> None:
        flow = program.flow
        self._core.counters[kind, flow.name] += 1
        self._core.note(kind, "error", f"refused: {reason}", flow=flow.name, span=flow.span, message=cause)

    def _new(
        self, program: Program, server: Server, names: dict[str, Value], key: Key | None, cause: Message | None
    ) -> Instance:
        core, admitted = self._core, self._flows[program.number]
        number = core.number("instance")
        instance = Instance(number, program, server, key, names, server.seen, cause, started=core.now)
        core.instances[number] = instance
        admitted.count += 1
        if program.flow.cooldown is not None:
            self._cool(program, admitted.starts, (server.name, key))
        if program.until is not None:
            self._arm_until(instance, program.until)
        return instance

    def _arm_until(self, instance: Instance, watch: Watch) -> None:
        instance.until = Listener(watch, "until", instance)
        instance.server.index.add(instance.until, self._core.frame(instance.names, instance.server))

    # --- restarts of amiflow ------------------------------------------------------------------------------------------

    def adopt(self, instance: Instance) -> None:
        """A run of before a restart is there again; whoever has its key comes before those who wait for it."""
        core, program, at = self._core, instance.program, (instance.server.name, instance.key)
        admitted, per = self._flows[program.number], program.flow.per
        core.instances[instance.id] = instance
        core.change(instance)  # its number is another one now
        admitted.count += 1
        if program.flow.cooldown is not None and instance.state == "running":
            admitted.starts[at] = max(instance.started, admitted.starts.get(at, instance.started))
        if instance.alive and program.until is not None:
            self._arm_until(instance, program.until)
        if per is None or per.policy == "parallel" or instance.key is None:
            turn = None
        else:
            turn = admitted.turns.setdefault((instance.server.name, instance.key), _Turn(instance))
        if instance.state == "queued" and turn is not None and turn.active is not instance:
            turn.waiting = turn.waiting or deque()
            turn.waiting.append(instance)
            self._tape.arm(instance, entered=False)
        elif instance.state == "queued" and (why := self.paused(program.flow.name)) is not None:
            self._discard(instance, why)
            if instance.key is not None:
                admitted.turns.pop((instance.server.name, instance.key), None)
        elif instance.state == "queued":
            self._steps.start(instance)

    def put_away(self, instance: Instance) -> None:
        """The run ends, and this one goes on in the next."""
        if instance.state == "queued":
            self._leave_queue(instance)
        self._steps.put_away(instance)

    # --- cooling down -------------------------------------------------------------------------------------------------

    def _cool(self, program: Program, starts: dict[tuple[str, Key | None], float], at: tuple[str, Key | None]) -> None:
        """From now on it cools down for this key; of too many keys the one that cools longest does so no more."""
        core, flow = self._core, program.flow
        starts.pop(at, None)  # the last to cool is the last in order
        if len(starts) >= core.options.max_pending:
            core.counters["cooldown-lost", flow.name] += 1
            del starts[next(iter(starts))]
            if core.is_due(("cooldown-lost", flow.name)):
                text = f"more than {core.options.max_pending} keys cool down: the oldest may start again"
                core.note("cooldown-lost", "warn", text, flow=flow.name, span=flow.span)
        starts[at] = core.now

    # --- the end of a run ---------------------------------------------------------------------------------------------

    def until(self, instance: Instance, message: Message) -> None:
        """The event that ends the flow came."""
        flow, watch = instance.program.flow.name, instance.program.until
        if not instance.alive or watch is None:
            return
        if not self._core.fits(watch, message, instance.names, instance.server, flow):
            return
        self._core.cover_way(watch.span, "met")
        self._core.note("until-met", "debug", "ended by its until", instance=instance, span=watch.span, message=message)
        if watch.name is not None:
            instance.names[watch.name] = message
        self.cancel(instance, "its until came first")

    def cancel(self, instance: Instance, text: str) -> None:
        """End a run, or one that still waits for its turn, in which case `text` is why it never began."""
        if instance.state == "queued":
            self._leave_queue(instance)
            self._discard(instance, text)
        else:
            self._steps.end(instance, "stopped")

    def _leave_queue(self, instance: Instance) -> None:
        if instance.key is not None:
            waiting = self._flows[instance.program.number].turns[instance.server.name, instance.key].waiting
            if waiting is not None:
                waiting.remove(instance)

    def _discard(self, instance: Instance, text: str) -> None:
        """A run that never began."""
        self._core.counters["suppressed", instance.program.flow.name] += 1
        self._core.note("suppressed", "debug", text, instance=instance, message=instance.cause)
        self._steps.forget(instance)
        self._flows[instance.program.number].count -= 1
        self.discarded(instance)

    def release(self, instance: Instance) -> None:
        """A run is over: whoever waits for its key is next."""
        admitted = self._flows[instance.program.number]
        admitted.count -= 1
        if instance.key is None:
            return
        at = (instance.server.name, instance.key)
        turn = admitted.turns.get(at)
        if turn is None or turn.active is not instance:
            return
        self._pass_on(admitted, at, turn)
        if self.kin is not None:
            self.kin.freed(instance)

    def _pass_on(self, admitted: _Admitted, at: KeyAt, turn: _Turn) -> None:
        while turn.waiting:
            turn.active = turn.waiting.popleft()
            why = self.paused(turn.active.program.flow.name)
            if why is None:
                self._steps.start(turn.active)
                return
            self._discard(turn.active, why)
        del admitted.turns[at]

    # --- other machines -----------------------------------------------------------------------------------------------

    def holder(self, flow: str, at: KeyAt) -> Instance | None:
        """The run of this machine that has the key of the flow of that name."""
        admitted = self._by_name.get(flow)
        turn = admitted.turns.get(at) if admitted is not None else None
        own = turn is not None and self._core.instances.get(turn.active.id) is turn.active
        return turn.active if turn is not None and own else None

    def inherit(self, instance: Instance) -> None:
        """A run of an earlier machine is over: who waits here for its key is next, unless another one there has it."""
        flow, admitted = instance.program.flow.name, self._by_name.get(instance.program.flow.name)
        if instance.key is None or self.kin is None:
            return
        at = (instance.server.name, instance.key)
        turn = admitted.turns.get(at) if admitted is not None else None
        if admitted is not None and turn is not None and turn.active is instance:
            next_one = self.kin.holder(flow, at)
            if next_one is not None:
                turn.active = next_one
            else:
                self._pass_on(admitted, at, turn)
        self.kin.freed(instance)

    def go_on_from(self, before: Admission, same: Collection[str], dropped: str) -> None:
        """Take over the pauses, and the cooldowns of these flows; what waits for the end of another's is dropped."""
        self._paused = dict(before._paused)
        self._loops.go_on_from(before._loops)
        for program in self._core.programs:
            if program.flow.name in same:
                old = before._by_name[program.flow.name]
                self._flows[program.number].starts = old.starts
                for held in old.latest.values():
                    self._adopt(program, held)
                    before._core.timers.cancel(held.timer)
                old.latest.clear()
        before.drop_held_back(dropped)

    def _adopt(self, program: Program, held: Latest) -> None:
        server = self._core.servers[held.server.name]
        own = Latest(program, server, held.names, held.key, held.cause)
        own.timer = self._core.timers.set(held.timer.when if held.timer else self._core.now, "cooldown", own)
        self._flows[program.number].latest[server.name, held.key] = own

    def close(self) -> None:
        """No run begins any more, and those that wait for their turn never do."""
        self.closed = True
        for admitted in self._flows:
            for turn in admitted.turns.values():
                while turn.waiting:
                    self._discard(turn.waiting.popleft(), "the run ends")
