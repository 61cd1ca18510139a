"""How long a flow can take at most, from its own waits: its default lifetime, and whether a written one is enough.

Belongs here: bounds as terms that are known now or when the flow starts. Never here: the engine's own bounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from amiflow.lang import nodes
from amiflow.lang.constants import Constants
from amiflow.report.data import dataclass
from amiflow.report.source import Span

ZERO = timedelta(0)
ACTION = timedelta(seconds=5)
"""The default bound of an action."""
RINGING = timedelta(seconds=30)
"""How long an Originate rings without a Timeout (Asterisk's own default)."""


@dataclass(frozen=True, slots=True)
class Product:
    """A duration so many times, of which a part is known only when the run begins."""

    duration: nodes.Expr | timedelta
    counts: tuple[nodes.Expr, ...]
    times: int


@dataclass(frozen=True, slots=True)
class Bound:
    """A sum: what is known, what the inputs of the run will tell, and the places that cannot be known beforehand."""

    known: timedelta = ZERO
    later: tuple[Product, ...] = ()
    endless: tuple[Span, ...] = ()

    def __add__(self, other: Bound) -> Bound:
        return Bound(
            _sum(self.known, other.known),
            (*self.later, *other.later),
            (*self.endless, *other.endless),
        )


NONE = Bound()


class Bounds:
    """Adds up bounds; with `waits_only` those that people notice: what the recipe writes itself, and ringing, without
    the time that other actions may take by default and without `or`s."""

    __slots__ = ("_calls", "_constants", "_entered", "_found", "_waits_only", "noticed")

    def __init__(
        self, constants: Constants, calls: Mapping[nodes.Call, nodes.TaskDecl], waits_only: bool = False
    ) -> None:
        self._constants = constants
        self._calls = calls
        self._entered: set[nodes.TaskDecl] = set()
        self._found: dict[nodes.Body, Bound] = {}  # else loops within loops, and tasks, would be looked at 2^n times
        self._waits_only = waits_only
        self.noticed: Bounds = self if waits_only else Bounds(constants, calls, waits_only=True)

    def flow(self, flow: nodes.FlowDecl) -> Bound:
        """The bound of a flow's body."""
        return self._body(flow.body)

    def _body(self, body: nodes.Body) -> Bound:
        if body not in self._found:
            total = NONE
            for step in body.steps:
                total += self._step(step)
            self._found[body] = total
        return self._found[body]

    def _step(self, step: nodes.Step) -> Bound:
        match step:
            case nodes.Do(operation=operation, tail=tail):
                return self._operation(operation, tail)
            case nodes.Let(
                value=nodes.Action() | nodes.Raw() | nodes.Http() | nodes.Exec() | nodes.Call() as operation, tail=tail
            ):
                return self._operation(operation, tail)
            case nodes.Pause(duration=duration):
                return self.one(duration)
            case (
                nodes.WaitEvent(within=within, handler=handler)
                | nodes.WaitAll(within=within, handler=handler)
                | nodes.WaitUntil(within=within, handler=handler)
            ):
                return self.one(within) + self._handler(handler)
            case nodes.With(within=within, body=body, handler=handler):
                return self.one(within) + self._body(body) + self._handler(handler)
            case nodes.WaitAny(branches=branches, after=after, otherwise=otherwise):
                bodies = [branch.body for branch in branches]
                return self.one(after) + self._longest([*bodies, otherwise])
            case nodes.If(branches=branches, otherwise=otherwise):
                bodies = [branch.body for branch in branches]
                return self._longest([*bodies, otherwise] if otherwise else bodies)
            case nodes.Parallel(branches=branches):
                return self._longest(list(branches))
            case nodes.Repeat():
                return self._repeat(step)
            case nodes.For(body=body):
                return self._for(step, self._body(body))
        return NONE

    def one(self, duration: nodes.Expr) -> Bound:
        """The bound that one duration is."""
        known = self._constants.duration(duration)
        if known is not None:
            return Bound(known)
        if self._constants.known_at_start(duration):
            return Bound(later=(Product(duration, (), 1),))
        return Bound(endless=(duration.span,))

    def _handler(self, handler: nodes.Handler | None) -> Bound:
        if self._waits_only or not isinstance(handler, nodes.OrSteps):
            return NONE
        return self._body(handler.body)

    def _task(self, task: nodes.TaskDecl) -> Bound:
        if task in self._entered:
            return NONE
        self._entered.add(task)
        bound = self._body(task.body)
        self._entered.discard(task)
        return bound

    def _operation(self, operation: nodes.Operation, tail: nodes.Tail) -> Bound:
        if isinstance(operation, nodes.Call):
            task = self._calls.get(operation)
            return self._task(task) + self._handler(tail.handler) if task is not None else NONE
        if tail.within is not None:
            once = self.one(tail.within)
        elif self._waits_only and not _rings(operation):
            once = NONE
        else:
            once = _default(operation, self)
        if tail.retry is not None:
            again = once + self.one(tail.retry.every)
            once += self._times(again, tail.retry.count)
        return once + self._handler(tail.handler)

    def _longest(self, bodies: list[nodes.Body]) -> Bound:
        """Of alternatives one runs: the longest known one, and all that is not known yet."""
        bounds = [self._body(body) for body in bodies]
        longest = max((bound.known for bound in bounds), default=ZERO)
        later = tuple(product for bound in bounds for product in bound.later)
        endless = tuple(loop for bound in bounds for loop in bound.endless)
        return Bound(longest, later, endless)

    def _repeat(self, step: nodes.Repeat) -> Bound:
        body = self._body(step.body)
        # A round begins `every` after the one before, or when that is over, whichever is later.
        period = self.one(step.every) if step.every is not None else NONE
        once = Bound(max(body.known, period.known), (*body.later, *period.later), body.endless)
        if self._constants.number(step.count) is None and self._waits(step):
            return Bound(endless=(step.count.span,))
        return self._times(once, step.count)

    def _for(self, step: nodes.For, once: Bound) -> Bound:
        if isinstance(step.source, nodes.ListOf):
            return _times(once, len(step.source.items))
        return Bound(once.known, once.later, (step.source.span,)) if self._waits(step) else once

    def _waits(self, step: nodes.For | nodes.Repeat) -> bool:
        """Whether a round takes its time by the recipe's own will: an action's answer comes in milliseconds."""
        return self.noticed._body(step.body) != NONE or (isinstance(step, nodes.Repeat) and step.every is not None)

    def _times(self, once: Bound, count: nodes.Expr) -> Bound:
        times = self._constants.number(count)
        if times is not None:
            return _times(once, max(times, 0))
        if not self._constants.known_at_start(count):
            return once
        known = (Product(once.known, (count,), 1),) if once.known else ()
        later = tuple(Product(one.duration, (*one.counts, count), one.times) for one in once.later)
        return Bound(ZERO, (*known, *later), once.endless)


def _times(once: Bound, factor: int) -> Bound:
    later = tuple(Product(one.duration, one.counts, one.times * factor) for one in once.later)
    return Bound(_product(once.known, factor), later, once.endless)


def _rings(operation: nodes.Operation) -> bool:
    """Whether it is an Originate whose outcome is awaited."""
    if not isinstance(operation, nodes.Action) or operation.message.name.text.casefold() != "originate":
        return False
    return all(entry.key.text.casefold() != "async" for entry in operation.block.headers)


def _default(operation: nodes.Operation, bounds: Bounds) -> Bound:
    if not isinstance(operation, nodes.Action) or not _rings(operation):
        awaited = nodes.Action | nodes.Raw | nodes.Http | nodes.Exec | nodes.Append
        return Bound(ACTION) if isinstance(operation, awaited) else NONE
    entries = {entry.key.text.casefold(): entry.value for entry in operation.block.headers}
    ringing = entries.get("timeout")
    return Bound(ACTION) + (bounds.one(ringing) if ringing is not None else Bound(RINGING))


def _sum(first: timedelta, second: timedelta) -> timedelta:
    try:
        return first + second
    except OverflowError:
        return timedelta.max


def _product(duration: timedelta, factor: int) -> timedelta:
    try:
        return duration * factor
    except OverflowError:
        return timedelta.max
