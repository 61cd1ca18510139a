"""How a run of a flow stands, as plain data, and read again: its position, names, place on the tape, and what it is in.

Belongs here: the form in which an instance is written down. Never here: when that is done (`core`), and what becomes of
what was read (`restart`).

Times are written as moments of the wall clock: they go on while amiflow does not run. Where a step of the code belongs
to what a flow is in, it is not written: it is the one at the flow's position.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeVar, assert_never

from amiflow.ami.message import Message
from amiflow.engine.effects import AppendRequest, ExecRequest, HttpRequest, Outcome, Request
from amiflow.engine.instance import (
    BEGAN,
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
    Slot,
)
from amiflow.engine.program import Program
from amiflow.engine.server import Server
from amiflow.engine.timers import Timer, Timers
from amiflow.engine.values import Failure, Value
from amiflow.engine.written import Pen, Plain, Unreadable
from amiflow.plan.model import Act, Await, Errand, Fork, ForkEach, Take, WaitUntil
from amiflow.report.source import Span

FORM = 1
"""The version of the form. What has another one is not taken up."""

_REQUESTS = {kind.__name__: kind for kind in (HttpRequest, ExecRequest, AppendRequest)}
_T = TypeVar("_T")


class Clock:
    """The wall clock beside the monotonic one, at one moment."""

    __slots__ = ("_ahead",)

    def __init__(self, now: float, wall: float) -> None:
        self._ahead = wall - now

    def wall(self, when: float) -> float:
        """The epoch in seconds."""
        return when + self._ahead

    def when(self, wall: float) -> float:
        """Monotonic seconds, which may lie before the run's beginning."""
        return wall - self._ahead


# --- writing ----------------------------------------------------------------------------------------------------------


def write(instance: Instance, pen: Pen, clock: Clock) -> dict[str, Plain]:
    """How the run stands."""
    ending = instance.ending
    return {
        "form": FORM,
        "flow": instance.program.flow.name,
        "identity": instance.program.identity,
        "server": instance.server.name,
        "number": instance.id,
        "seen": instance.server.seen,
        "state": instance.state,
        "key": pen.write(instance.key),
        "cause": pen.write(instance.cause),
        "started": clock.wall(instance.started),
        "lifetime": _due(instance.lifetime, clock),
        "ending": [ending.outcome, pen.write(ending.failure), _span(ending.span), pen.write(ending.result)]
        if ending is not None
        else None,
        **_strand(instance, pen, clock),
    }


def _strand(instance: Instance, pen: Pen, clock: Clock) -> dict[str, Plain]:
    """What a run and its branches have alike."""
    trouble = instance.trouble
    return {
        "position": instance.position,
        "names": _names(instance.names, pen, clock),
        "place": instance.place,
        "movable": instance.movable,
        "kept": [[number, pen.write(message)] for number, message in instance.kept or ()],
        "dropped": instance.dropped,
        "slots": [[slot.pool, slot.first, slot.end] for slot in instance.slots],
        "trouble": [pen.write(trouble[0]), _span(trouble[1])] if trouble is not None else None,
        "block": _block(instance.block, pen, clock),
    }


def _block(block: Block | None, pen: Pen, clock: Clock) -> Plain:
    match block:
        case None:
            return None
        case Pausing(timer=timer):
            return {"is": "pause", "due": _due(timer, clock)}
        case Awaiting():
            own = {"is": "wait", "taken": pen.write(tuple(block.taken)), "last": block.last}
        case Holding():
            own = {"is": "until"}
        case Queueing():
            own = {"is": "pool"}
        case Acting():
            own = {
                "is": "act",
                "headers": pen.write(block.headers),
                "attempts": block.attempts,
                "every": block.every,
                "phase": block.phase,
                "until": clock.wall(block.until),
                "action": block.action_id,
                "call": block.channel_id,
                "moves": block.moves,
                "dial": block.dial,
                "refusal": pen.write(block.refusal),
            }
        case OnErrand():
            own = {
                "is": "errand",
                "kind": type(block.request).__name__,
                "request": [pen.write(getattr(block.request, name)) for name in block.request.__slots__],
                "attempts": block.attempts,
                "every": block.every,
                "between": block.between,
            }
        case Forked():
            return {
                "is": "branches",
                "done": block.done,
                "most": block.most,
                "waiting": [[position, _names(names, pen, clock)] for position, names in block.waiting],
                "place": block.place,
                "movable": block.movable,
                "running": [_strand(branch, pen, clock) for branch in block.running],
            }
        case other:
            assert_never(other)
    since = clock.wall(block.since) if isinstance(block, Awaiting | Holding | Acting) else None
    return {**own, "within": block.within, "since": since, "due": _due(block.timer, clock)}


def _names(names: Mapping[str, Value], pen: Pen, clock: Clock) -> Plain:
    return {name: clock.wall(value) if name.endswith(BEGAN) else pen.write(value) for name, value in names.items()}


def _due(timer: Timer | None, clock: Clock) -> float | None:
    return clock.wall(timer.when) if timer is not None else None


def _span(span: Span | None) -> Plain:
    return [span.path, span.start, span.end] if span is not None else None


# --- reading ----------------------------------------------------------------------------------------------------------


class Reading:
    """Reads what was written."""

    def __init__(self, pen: Pen, clock: Clock, timers: Timers) -> None:
        self._pen = pen
        self._clock = clock
        self._timers = timers
        self._set: list[Timer] = []

    def instance(self, state: Mapping[str, Plain], number: int, program: Program, server: Server) -> Instance:
        """The run with its blocks, of which none is in any queue or index yet, though their timers are set. Raises
        Unreadable."""
        self._set.clear()
        try:
            if state["form"] != FORM:
                raise Unreadable("another version of amiflow wrote it")
            return self._instance(state, number, program, server)
        except (Unreadable, KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
            for timer in self._set:
                self._timers.cancel(timer)
            raise error if isinstance(error, Unreadable) else Unreadable(f"{type(error).__name__}: {error}") from error

    def _instance(self, state: Mapping[str, Plain], number: int, program: Program, server: Server) -> Instance:
        cause = self._pen.read(state["cause"])
        instance = Instance(
            number,
            program,
            server,
            self._pen.read(state["key"]),
            {},
            0,
            cause if isinstance(cause, Message) else None,
            _one_of(state["state"], ("queued", "running", "final")),
            started=self._clock.when(state["started"]),
        )
        if state["ending"] is not None:
            outcome, failure, span, result = state["ending"]
            ended: Outcome = _one_of(outcome, ("done", "failed", "stopped"))
            instance.ending = Ending(ended, self._pen.read(failure), _read_span(span), self._pen.read(result))
        self._fill(instance, state)
        if state["lifetime"] is not None:
            instance.lifetime = self._timer(state["lifetime"], instance, "lifetime")
        return instance

    def _fill(self, instance: Instance, state: Mapping[str, Plain]) -> None:
        pen = self._pen
        instance.names = self._names(state["names"])
        instance.position, instance.place = int(state["position"]), int(state["place"])
        instance.movable, instance.dropped = bool(state["movable"]), int(state["dropped"])
        instance.kept = [(int(number), pen.message(message)) for number, message in state["kept"]] or None
        instance.slots = tuple([self._slot(instance, *slot) for slot in state["slots"]])
        if state["trouble"] is not None:
            failure, span = state["trouble"]
            instance.trouble = (pen.read(failure), _read_span(span) or instance.program.flow.span)
        if instance.position < 0:
            raise Unreadable("it stands nowhere")
        if state["block"] is not None:
            instance.block = self._block(instance, state["block"])

    def _slot(self, instance: Instance, pool: str, first: int, end: int) -> Slot:
        match instance.instructions[first - 1]:
            case Take(pool=known, end=last) if (known, last) == (pool, end):
                return Slot(known, first, last)
        raise Unreadable("it has a slot that it cannot have taken")

    def _block(self, instance: Instance, data: Mapping[str, Plain]) -> Block:
        kind, step = data["is"], instance.step()
        if kind == "branches" and isinstance(step, Fork | ForkEach):
            return self._branches(instance, data)
        if kind == "pause":
            return Pausing(self._timer(data["due"], instance) if data["due"] is not None else None)
        within, since = float(data["within"]), data["since"]
        timer = self._timer(data["due"], instance)
        match kind, step:
            case "wait", Await():
                taken = [None if one is None else self._pen.message(one) for one in data["taken"]]
                if len(taken) != len(step.entries):
                    raise Unreadable("a wait has other entries")
                return Awaiting(step, within, self._clock.when(since), timer, [], taken, int(data["last"]))
            case "until", WaitUntil():
                return Holding(step, within, self._clock.when(since), timer, ())
            case "pool", Take():
                return Queueing(step, within, timer)
            case "act", Act():
                return self._acting(step, data, within, timer)
            case "errand", Errand():
                block = OnErrand(step, self._request(data), within, int(data["attempts"]), float(data["every"]))
                block.between, block.timer = bool(data["between"]), timer
                return block
        raise Unreadable(f"it is in a {kind!r:.20}, and there is none where it stands")

    def _acting(self, step: Act, data: Mapping[str, Plain], within: float, timer: Timer) -> Acting:
        headers = self._pen.read(data["headers"])
        acting = Acting(step, headers, within, int(data["attempts"]), float(data["every"]))
        acting.phase = _one_of(data["phase"], ("limited", "held", "handed", "sent", "called", "between"))
        acting.since, acting.until = self._clock.when(data["since"]), self._clock.when(data["until"])
        acting.timer, acting.moves = timer, bool(data["moves"])
        acting.action_id, acting.channel_id = str(data["action"]), str(data["call"])
        dial, refusal = data.get("dial"), self._pen.read(data.get("refusal"))
        acting.dial = str(dial) if dial is not None else None
        acting.refusal = refusal if isinstance(refusal, Failure) else None
        return acting

    def _request(self, data: Mapping[str, Plain]) -> Request:
        request: Request = _REQUESTS[data["kind"]](*map(self._pen.read, data["request"]))
        return request

    def _branches(self, instance: Instance, data: Mapping[str, Plain]) -> Forked:
        waiting = deque((int(position), self._names(names)) for position, names in data["waiting"])
        forked = Forked(int(data["done"]), int(data["most"]), waiting, int(data["place"]), bool(data["movable"]))
        for strand in data["running"]:
            branch = Instance(
                instance.id,
                instance.program,
                instance.server,
                instance.key,
                {},
                0,
                instance.cause,
                instance.state,
                started=instance.started,
                parent=instance,
            )
            self._fill(branch, strand)
            forked.running.append(branch)
        return forked

    def _names(self, names: Mapping[str, Plain]) -> dict[str, Value]:
        return {
            name: self._clock.when(value) if name.endswith(BEGAN) else self._pen.read(value)
            for name, value in names.items()
        }

    def _timer(self, wall: float, instance: Instance, kind: Literal["block", "lifetime"] = "block") -> Timer:
        timer = self._timers.set(self._clock.when(wall), kind, instance)
        self._set.append(timer)
        return timer


def _one_of(word: Any, words: tuple[_T, ...]) -> _T:
    if word not in words:
        raise Unreadable(f"{word!r:.20} is none of {words}")
    return words[words.index(word)]


def slots(state: Mapping[str, Plain]) -> Iterator[str]:
    """The pools of which a run has slots, as it is written down; none where that cannot be read."""
    block, taken = state.get("block"), state.get("slots")
    yield from (str(slot[0]) for slot in taken or () if isinstance(taken, list) and isinstance(slot, list) and slot)
    for strand in block.get("running") or () if isinstance(block, dict) else ():
        yield from slots(strand)


def _read_span(data: Plain) -> Span | None:
    return None if data is None else Span(str(data[0]), int(data[1]), int(data[2]))
