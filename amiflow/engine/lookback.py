"""Which waits may still come: read off a flow's code, so that a running flow keeps the events that they will look for.

Belongs here: the static question "a flow stands here; which later waits could take an event that comes now, and which
of their tests hold already known values?". Never here: events themselves, and the place on the tape (`tape`).

An event that comes now is out of reach of a later wait where, on every way there, an action moves the place on the tape
beyond it first. A value is known where nothing on any way there binds its name anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TypeAlias

from amiflow.engine.dispatch import Watch
from amiflow.plan.expressions import Apply, Both, Expr, Local, Look, Stored, conjuncts
from amiflow.plan.model import (
    Act,
    Again,
    Await,
    Code,
    Enter,
    Errand,
    Fail,
    Fork,
    ForkEach,
    Handler,
    Instruction,
    Join,
    Jump,
    JumpUnless,
    Next,
    Reraise,
    Return,
    Set,
    Stop,
    Take,
    WaitUntil,
)
from amiflow.plan.triggers import Pattern
from amiflow.plan.walk import descendants

# A point of a flow: the position in its body with its finally behind, and whether the next action moves the place.
Point: TypeAlias = tuple[int, bool]
_Names: TypeAlias = frozenset[str]

_CHANGING = frozenset(("now", "ours", "stored"))  # builtins and stores whose answer may be another one at the wait


def binds(step: Instruction) -> tuple[str, ...]:
    """The names that a step gives a value to (or none, where it fails and goes on)."""
    match step:
        case Act(into=into) | Errand(into=into) if into is not None:
            return (into,)
        case Await(entries=entries):
            return tuple(entry.pattern.name for entry in entries if entry.pattern.name is not None)
        case Set(name=name) | Enter(into=str() as name):
            return (name,)
        case Next(position=position, name=name):
            return (position, name)
        case ForkEach(name=name):
            return (name,)
        case Again(position=position, name=name):
            return (position, name) if name is not None else (position,)
    return ()


class Lookback:
    """The later waits of one flow's code, from any position, found when first asked for."""

    __slots__ = ("_body", "_code", "_found", "_guards", "_waits_at_end", "waits")

    def __init__(self, body: Code, final: Code) -> None:
        self._body = len(body)
        self._code = body + final
        self._guards = tuple(
            (at, step.end + self._offset(at), step.handler.target + self._offset(at), _rebound(step))
            for at, step in enumerate(self._code)
            if isinstance(step, Enter) and step.handler is not None
        )
        self._waits_at_end = any(isinstance(step, Await) for step in final)
        self.waits = any(isinstance(step, Await) for step in self._code)
        """Whether there are any."""
        self._found: dict[tuple[int, bool, bool], tuple[Watch, ...]] = {}

    def later(self, code: str, position: int, entered: bool, movable: bool) -> tuple[Watch, ...]:
        """What to keep while a flow stands at a position of its `body` or `final`; `entered` says whether it is within
        that step or before it; `movable` whether the next action moves its place."""
        at = position + (self._body if code == "final" else 0)
        key = (at, entered, movable)
        if key not in self._found:
            self._found[key] = tuple(self._watches(at, entered, movable))
        return self._found[key]

    def _watches(self, at: int, entered: bool, movable: bool) -> Iterator[Watch]:
        for position, rebound in self._reached(at, entered, movable).items():
            step = self._code[position]
            if isinstance(step, Await):
                unknown = rebound.union(binds(step))
                for entry in step.entries:
                    yield _known_part(entry.pattern, unknown)

    def _reached(self, at: int, entered: bool, movable: bool) -> dict[int, _Names]:
        """Each position that may be reached, with the names that some way there binds anew."""
        reached: dict[Point, _Names] = {}
        ways: list[tuple[Point, _Names]] = [((at, movable), frozenset())]
        if entered:
            passed = self._rebound(at)
            onward = (*self._within(at, movable), *self._end(at, movable), *self._escapes(at, movable))
            ways = [(point, passed) for point in onward]
        while ways:
            point, names = ways.pop()
            if point[0] >= len(self._code) or (point in reached and names <= reached[point]):
                continue
            reached[point] = reached.get(point, frozenset()) | names
            beyond = reached[point] | self._rebound(point[0])
            onward = (*self._onward(*point), *self._end(*point), *self._escapes(*point))
            ways += [(further, beyond) for further in onward]
        positions: dict[int, _Names] = {}
        for (position, _), names in sorted(reached.items(), key=lambda way: way[0]):
            positions[position] = positions.get(position, frozenset()) | names
        return positions

    def _end(self, at: int, movable: bool) -> Iterator[Point]:
        """A flow may be ended anywhere in its body, and its finally run."""
        if self._waits_at_end and at < self._body:
            yield (self._body, movable)

    def _escapes(self, at: int, movable: bool) -> Iterator[Point]:
        """Within a task a failure may go on at the `or` of its call."""
        for start, end, target, _ in self._guards:
            if start < at < end:
                yield (target, movable)

    def _rebound(self, at: int) -> _Names:
        names = _rebound(self._code[at])
        return names.union(*(bound for start, end, _, bound in self._guards if start < at < end))

    def _within(self, at: int, movable: bool) -> Iterator[Point]:
        """Where a flow goes on from a step that it stands in. From a wait for events only past its end of time: the
        event that ends it is the last one seen, and moves the place beyond what was kept before."""
        step = self._code[at]
        match step:
            case Await():
                yield from ((target, True) for target in self._after_time(step, at))
            case (
                WaitUntil(handler=Handler(target=target))
                | Take(handler=Handler(target=target))
                | Errand(handler=Handler(target=target))
            ):
                yield from ((at + 1, movable), (target + self._offset(at), movable))
            case Fork(done=done):
                yield (done + self._offset(at), False)
            case Act():
                yield (at + 1, movable)
                if step.handler is not None:
                    yield (step.handler.target + self._offset(at), movable)
            case _:
                yield from self._onward(at, movable)

    def _onward(self, at: int, movable: bool) -> Iterator[Point]:
        step, offset = self._code[at], self._offset(at)
        match step:
            case Act(reads=reads, handler=handler):
                if reads or not movable:
                    yield (at + 1, movable)
                if handler is not None:
                    yield (handler.target + offset, movable)
            case Await(entries=entries):
                targets = {at + 1 if entry.target is None else entry.target + offset for entry in entries}
                yield from ((target, True) for target in sorted(targets.union(self._after_time(step, at))))
            case (
                WaitUntil(handler=Handler(target=target))
                | Take(handler=Handler(target=target))
                | Errand(handler=Handler(target=target))
            ):
                yield from ((at + 1, movable), (target + offset, movable))
            case Jump(target=target):
                yield (target + offset, movable)
            case JumpUnless(target=target):
                yield (at + 1, movable)
                yield (target + offset, movable)
            case Next(done=done) | Again(done=done):
                yield (at + 1, movable)
                yield (done + offset, movable)
            case Fork(branches=branches, done=done):
                yield from ((branch + offset, movable) for branch in branches)
                yield (done + offset, False)  # where the furthest branch stands then, nobody knows now
            case ForkEach(body=body, done=done):
                yield (body + offset, movable)
                yield (done + offset, False)
            case Stop() | Fail() | Reraise() | Return() | Join():
                pass
            case _:
                yield (at + 1, movable)

    def _after_time(self, step: Await, at: int) -> Iterator[int]:
        if step.timeout_target is not None:
            yield step.timeout_target + self._offset(at)
        if step.handler is not None:
            yield step.handler.target + self._offset(at)

    def _offset(self, at: int) -> int:
        return self._body if at >= self._body else 0


def _rebound(step: Instruction) -> _Names:
    handler = step.handler if isinstance(step, Act | Await | Enter | Errand | Take | WaitUntil) else None
    error = (handler.error,) if handler is not None and handler.error is not None else ()
    return frozenset(binds(step) + error)


def _known_part(pattern: Pattern, unknown: _Names) -> Watch:
    """The pattern with only those of its tests that read known values."""
    unknown = unknown - {pattern.name} if pattern.name is not None else unknown
    tests = tuple(test for test in conjuncts(pattern.where) if _is_known(test, unknown))
    where = Both(tests, pattern.span) if tests else None
    keys = tuple(key for key in pattern.keys if _is_known(key.value, unknown))
    return Watch(pattern.events, pattern.name, where, keys, pattern.span)


def _is_known(expr: Expr, unknown: _Names) -> bool:
    names, functions = _reads(expr)
    return not names & unknown and not functions & _CHANGING


@lru_cache(maxsize=4096)
def _reads(expr: Expr) -> tuple[_Names, _Names]:
    """The names of the flow and the builtin functions that an expression mentions."""
    names: set[str] = set()
    functions: set[str] = set()
    for node in descendants(expr):
        if isinstance(node, Local):
            names.add(node.name)
        elif isinstance(node, Apply):
            functions.add(node.function)
        elif isinstance(node, (Stored, Look)):
            functions.add("stored")
    return frozenset(names), frozenset(functions)
