"""Triggers on events: which flow an event starts, and the matches that are still to be completed.

Belongs here: chains of `then`, `unless` and `without`, their times, and that a flow has at most one pending match for a
key. Never here: whether a completed match may run (`admission`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from amiflow.ami.message import Message
from amiflow.engine.admission import Admission, Key
from amiflow.engine.core import Core
from amiflow.engine.counting import Counts
from amiflow.engine.dispatch import Listener, Role, Watch
from amiflow.engine.evaluate import EvaluationError
from amiflow.engine.program import Program
from amiflow.engine.server import Server
from amiflow.engine.timers import Timer
from amiflow.engine.values import Value
from amiflow.plan.triggers import Reset, Times
from amiflow.report.source import Span


@dataclass(slots=True, eq=False)
class Match:
    """A pending match: `stage` is the one whose event is awaited, or must not come, until the timer's time."""

    id: int
    trigger: Trigger
    server: Server
    names: dict[str, Value]
    cause: Message
    stage: int = 1
    key: Key | None = None
    timer: Timer | None = None
    listeners: list[Listener] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Trigger:
    """A flow's trigger on events, and its pending matches, oldest first."""

    program: Program
    pending: dict[int, Match] = field(default_factory=dict)
    by_key: dict[tuple[str, Key], Match] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)


class Matching:
    """The triggers of a machine. An event takes part in at most one match of a flow: it extends the oldest pending one
    that it fits, else starts one. An `unless` or `without` ends every pending match that it fits, and leaves the event
    free to start another; an event that fits both a `then` and its `unless` counts as the `unless`."""

    def __init__(self, core: Core, admission: Admission) -> None:
        self._core = core
        self._admission = admission
        self._triggers = [Trigger(program) for program in core.programs if program.stages]
        for server in core.servers.values():
            for trigger in self._triggers:
                if trigger.program.flow.server in (None, server.name):
                    self._listen(trigger.program.stages[0].watch, "start", trigger, {}, server)
                    if trigger.program.reset is not None:
                        self._listen(trigger.program.reset, "reset", trigger, {}, server)

    def _listen(self, watch: Watch, role: Role, owner: object, names: dict[str, Value], server: Server) -> Listener:
        listener = Listener(watch, role, owner)
        server.index.add(listener, self._core.frame(names, server))
        return listener

    # --- events -------------------------------------------------------------------------------------------------------

    def event(self, server: Server, listeners: Sequence[Listener], message: Message) -> None:
        """An event that some triggers, or pending matches, may want."""
        if len(listeners) == 1 and listeners[0].role == "start":
            self._start(listeners[0], server, message)
            return
        wanted: dict[int, list[Listener]] = {}
        for listener in listeners:
            owner = listener.owner
            trigger = owner.trigger if isinstance(owner, Match) else owner
            if isinstance(trigger, Trigger):
                wanted.setdefault(trigger.program.number, []).append(listener)
        for number in sorted(wanted):
            self._offer(server, wanted[number], message)

    def _offer(self, server: Server, listeners: Sequence[Listener], message: Message) -> None:
        for one in listeners:
            if one.role == "reset" and isinstance(one.owner, Trigger) and self._begins(one, one.owner, server, message):
                self._reset(one.owner, server, message)
        if self._offer_to_matches(listeners, message):
            return
        for one in listeners:
            if one.role == "start":
                self._start(one, server, message)

    def _offer_to_matches(self, listeners: Sequence[Listener], message: Message) -> bool:
        """True where a pending match took the event."""
        matches = [(one.owner.id, one) for one in listeners if isinstance(one.owner, Match)]
        matches.sort(key=_by_number)
        for _, one in matches:
            if one.role != "then" and isinstance(one.owner, Match) and self._fits(one, one.owner, message):
                self._core.cover_way(one.watch.span, "met")
                self._drop(one.owner, f"{message.name} came", one.watch.span, message)
        for _, one in matches:
            if one.role == "then" and isinstance(one.owner, Match) and self._fits(one, one.owner, message):
                self._extend(one.owner, message)
                return True
        return False

    def _fits(self, listener: Listener, match: Match, message: Message) -> bool:
        flow = match.trigger.program.flow.name
        is_pending = match.id in match.trigger.pending
        return is_pending and self._core.fits(listener.watch, message, match.names, match.server, flow)

    def _begins(self, listener: Listener, trigger: Trigger, server: Server, message: Message) -> bool:
        indexed = listener.values is not None
        return self._core.fits(listener.watch, message, {}, server, trigger.program.flow.name, indexed)

    def _start(self, listener: Listener, server: Server, message: Message) -> None:
        """The event is the first that a trigger wants, if it meets its condition."""
        trigger = listener.owner
        if not isinstance(trigger, Trigger):
            return
        if not listener.certain and not self._begins(listener, trigger, server, message):
            return
        program = trigger.program
        first = program.stages[0].watch.name
        names: dict[str, Value] = {first: message} if first is not None else {}
        if len(program.stages) == 1:
            key = self._admission.key(program, names, server, message) if program.flow.per is not None else None
            if program.times is None:
                self._admission.start(program, server, names, key, message)
            else:
                self._complete(trigger, server, names, key, message)
            return
        match = Match(self._core.number("match"), trigger, server, names, message)
        if not self._claim(match, 0):
            self._core.counters["suppressed", trigger.program.flow.name] += 1
            self._note("suppressed", match, "a match is pending for its key", None, message)
            return
        self._make_room(trigger)
        trigger.pending[match.id] = match
        self._note("match-started", match, f"{message.name} may be the first of several", None, message)
        self._arm(match)

    def _extend(self, match: Match, message: Message) -> None:
        stage = match.trigger.program.stages[match.stage]
        if stage.unless is not None:
            self._core.cover_way(stage.unless.span, "unmet")
        if stage.watch.name is not None:
            match.names[stage.watch.name] = message
        match.cause = message
        self._disarm(match)
        if self._claim(match, match.stage):
            self._advance(match)
        else:
            self._drop(match, "another match is pending for its key", None, message)

    def _advance(self, match: Match) -> None:
        match.stage += 1
        if match.stage < len(match.trigger.program.stages):
            self._arm(match)
            return
        self._forget(match)
        program = match.trigger.program
        key = match.key if program.flow.per is not None else None
        self._complete(match.trigger, match.server, match.names, key, match.cause)

    # --- so many times ------------------------------------------------------------------------------------------------

    def _complete(
        self, trigger: Trigger, server: Server, names: dict[str, Value], key: Key | None, cause: Message
    ) -> None:
        """A match is complete: the flow starts, or once it has been so often."""
        times, at = trigger.program.times, (server.name, key)
        if times is None or self._count(trigger, times, server, at, cause):
            started = self._admission.start(trigger.program, server, names, key, cause)
            if started is not None:
                trigger.counts.forget(at)

    def _count(
        self, trigger: Trigger, times: Times, server: Server, at: tuple[str, Key | None], cause: Message
    ) -> bool:
        core, flow, frame = self._core, trigger.program.flow, self._core.frame({}, server)
        try:
            wanted, within = core.count(times.count, frame), core.seconds(times.within, frame)
        except EvaluationError as error:
            core.note("condition-failed", "error", error.text, flow=flow.name, span=error.span, message=cause)
            return False
        trigger.counts.expire(core.now, within)
        enough = trigger.counts.add(at, core.now, within, max(wanted, 1))
        if len(trigger.counts) > core.options.max_pending:
            core.counters["match-refused", flow.name] += 1
            trigger.counts.drop_oldest()
            text = f"more than {core.options.max_pending} keys are counted: the oldest count is dropped"
            core.note("match-dropped", "warn", text, flow=flow.name, span=flow.trigger.span, message=cause)
        return enough

    def _reset(self, trigger: Trigger, server: Server, message: Message) -> None:
        core, flow, watch = self._core, trigger.program.flow, trigger.program.reset
        reset: Reset | None = trigger.program.times.reset if trigger.program.times is not None else None
        if reset is None or watch is None:
            return
        frame = core.frame({watch.name: message} if watch.name is not None else {}, server)
        try:
            key = tuple([core.value(part, frame) for part in reset.key])
            trigger.counts.forget((server.name, key))
        except (EvaluationError, TypeError) as error:
            text = error.text if isinstance(error, EvaluationError) else "the key is no plain value"
            core.note("condition-failed", "warn", text, flow=flow.name, span=watch.span, message=message)

    # --- keys ---------------------------------------------------------------------------------------------------------

    def _claim(self, match: Match, stage: int) -> bool:
        """Once the key is known no other match may be pending for it, but with `replace` the newer one is."""
        trigger, per = match.trigger, match.trigger.program.flow.per
        if per is None or per.known_at != stage:
            return True
        match.key = self._admission.key(trigger.program, match.names, match.server, match.cause)
        if match.key is None:
            return True
        at = (match.server.name, match.key)
        holder = trigger.by_key.get(at)
        if holder is not None and per.policy != "replace":
            return False
        if holder is not None:
            self._drop(holder, "a newer one takes its place", None, match.cause)
        trigger.by_key[at] = match
        return True

    def _make_room(self, trigger: Trigger) -> None:
        most = self._core.options.max_pending
        if len(trigger.pending) >= most:
            self._core.counters["match-refused", trigger.program.flow.name] += 1
            oldest = next(iter(trigger.pending.values()))
            self._drop(oldest, f"more than {most} are pending", None, None, loud=True)

    # --- time ---------------------------------------------------------------------------------------------------------

    def _arm(self, match: Match) -> None:
        """Await the next stage from now on."""
        core, stage = self._core, match.trigger.program.stages[match.stage]
        if stage.within is None:
            return
        try:
            within = core.seconds(stage.within, core.frame(match.names, match.server))
        except EvaluationError as error:
            self._drop(match, error.text, error.span, match.cause, loud=True)
            return
        match.timer = core.timers.set(core.now + within, "match", match)
        match.listeners.append(self._listen(stage.watch, stage.role, match, match.names, match.server))
        if stage.unless is not None:
            match.listeners.append(self._listen(stage.unless, "unless", match, match.names, match.server))

    def _disarm(self, match: Match) -> None:
        self._core.timers.cancel(match.timer)
        for listener in match.listeners:
            match.server.index.remove(listener)
        match.listeners.clear()

    def expire(self, match: Match) -> None:
        """The time of a stage is over: good for a `without`, the end for a `then`."""
        stage = match.trigger.program.stages[match.stage]
        if stage.role == "then":
            self._drop(match, "what should follow did not come in time", stage.watch.span, None)
            return
        self._core.cover_way(stage.watch.span, "unmet")
        self._disarm(match)
        self._advance(match)

    def gap(self, server: Server) -> None:
        """The connection broke: what did not come in a gap may have come unseen."""
        for match in self._of(server):
            stage = match.trigger.program.stages[match.stage]
            if stage.role == "without" or stage.unless is not None:
                self._core.counters["gap", match.trigger.program.flow.name] += 1
                text = "the connection broke: what must not come may have come unseen"
                self._drop(match, text, stage.watch.span, None, loud=True)
        for trigger in self._triggers:
            if trigger.program.reset is not None and (gone := trigger.counts.forget_server(server.name)):
                flow = trigger.program.flow
                self._core.counters["gap", flow.name] += gone
                text = "the connection broke: what resets its counts may have come unseen, so they begin anew"
                self._core.note("match-dropped", "warn", text, flow=flow.name, span=flow.trigger.span)

    @property
    def pending(self) -> int:
        """How many matches are pending."""
        return sum(len(trigger.pending) for trigger in self._triggers)

    def go_on_from(self, before: Matching, same: Collection[str], dropped: str) -> None:
        """Take over the pending matches and the counts of these flows; others are dropped."""
        old = {trigger.program.flow.name: trigger for trigger in before._triggers}
        for trigger in self._triggers:
            if trigger.program.flow.name in same:
                earlier = old[trigger.program.flow.name]
                trigger.counts = earlier.counts
                for match in list(earlier.pending.values()):
                    before._disarm(match)
                    before._forget(match)
                    self._adopt(trigger, match)
        before.clear(dropped)

    def _adopt(self, trigger: Trigger, match: Match) -> None:
        """The time of its stage goes on."""
        server = self._core.servers[match.server.name]
        own = Match(match.id, trigger, server, match.names, match.cause, match.stage, match.key)
        trigger.pending[own.id] = own
        if own.key is not None:
            trigger.by_key[server.name, own.key] = own
        self._arm(own)
        if own.timer is not None and match.timer is not None:
            self._core.timers.cancel(own.timer)
            own.timer = self._core.timers.set(match.timer.when, "match", own)

    def clear(self, why: str = "the run ends") -> None:
        """No match will be completed."""
        for trigger in self._triggers:
            for match in list(trigger.pending.values()):
                self._drop(match, why, None, None)

    def _of(self, server: Server) -> list[Match]:
        return [match for trigger in self._triggers for match in trigger.pending.values() if match.server is server]

    def _drop(self, match: Match, text: str, span: Span | None, message: Message | None, loud: bool = False) -> None:
        self._disarm(match)
        self._forget(match)
        self._note("match-dropped", match, text, span, message, loud)

    def _forget(self, match: Match) -> None:
        match.trigger.pending.pop(match.id, None)
        if match.key is not None and match.trigger.by_key.get((match.server.name, match.key)) is match:
            del match.trigger.by_key[match.server.name, match.key]

    def _note(
        self, kind: str, match: Match, text: str, span: Span | None, message: Message | None, loud: bool = False
    ) -> None:
        flow = match.trigger.program.flow
        self._core.note(
            kind, "warn" if loud else "debug", text, flow=flow.name, span=span or flow.trigger.span, message=message
        )


def _by_number(pair: tuple[int, Listener]) -> int:
    return pair[0]
