"""What of a recipe its tests reach: flows, steps, and the ways that lead on from steps.

Belongs here: which ways there are, and counting, from what tests remember. Never here: remembering (`engine.cover`),
running tests (`testing`), printing (`cli`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from amiflow.engine.cover import Way
from amiflow.plan.model import (
    Act,
    Again,
    Await,
    Code,
    Enter,
    Errand,
    Fail,
    Flow,
    Fork,
    ForkEach,
    Instruction,
    Join,
    Jump,
    JumpUnless,
    Next,
    Plan,
    Reraise,
    Return,
    Set,
    Stop,
    Take,
    WaitUntil,
)
from amiflow.plan.triggers import OnEvents
from amiflow.report.data import dataclass
from amiflow.report.source import Span
from amiflow.tools.outcome import Result

Branch: TypeAlias = tuple[Span, Way]

_MISSED: dict[Way, str] = {
    "true": "the condition never holds",
    "false": "the condition always holds",
    "round": "the loop is never entered",
    "over": "the loop never comes to its end",
    "done": "the step never succeeds",
    "failed": "its `or` is never taken",
    "after": "its `after` is never taken",
    "met": "this never comes",
    "unmet": "this always comes",
}


@dataclass(frozen=True, slots=True)
class Missed:
    """A step that no test reached (`way` is none), or the way from one that none took, in words."""

    span: Span
    way: str | None


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many flows, steps and branches tests reached, of how many; and what none reached, in order. The branches of a
    step that none reached are counted, and not listed besides it."""

    flows: int
    all_flows: int
    steps: int
    all_steps: int
    branches: int
    all_branches: int
    missed: tuple[Missed, ...]


def coverage(plan: Plan, results: Iterable[Result]) -> Coverage:
    """What the tests with these results reached of the plan."""
    taken = frozenset[Branch]().union(*(result.ways for result in results))
    reached = {span for span, way in taken if way == "reached"}
    steps = [frozenset(_spans(flow)) for flow in plan.flows]
    every = frozenset[Span]().union(*steps)
    branches = {branch for flow in plan.flows for branch in _branches(flow)}
    unseen = branches - taken
    seen = {span for span, _ in taken}
    missed = [Missed(span, None) for span in (every | {span for span, _ in branches}) - seen]
    missed += [Missed(span, _words(way)) for span, way in unseen if span in seen]
    return Coverage(
        sum(bool(own & reached) for own in steps),
        len(plan.flows),
        len(every & reached),
        len(every),
        len(branches) - len(unseen),
        len(branches),
        tuple(sorted(missed, key=lambda one: (one.span.path, one.span.start, one.span.end, one.way or ""))),
    )


def _words(way: Way) -> str:
    return f"its entry {way + 1} never comes" if isinstance(way, int) else _MISSED[way]


def _spans(flow: Flow) -> Iterator[Span]:
    """The steps as written: what lowering put between them is none of them."""
    return (step.span for step in (*flow.body, *flow.final) if not _is_hidden(step))


def _is_hidden(step: Instruction) -> bool:
    # A hidden name has a character in it that no name of a recipe has.
    return isinstance(step, Join | Jump | Stop) or (isinstance(step, Set) and not step.name.isidentifier())


def _branches(flow: Flow) -> Iterator[Branch]:
    if flow.until is not None:
        yield from ((flow.until.span, "met"), (flow.until.span, "unmet"))
    for stage in flow.trigger.stages if isinstance(flow.trigger, OnEvents) else ():
        if stage.unless is not None:
            yield from ((stage.unless.span, "met"), (stage.unless.span, "unmet"))
        if stage.kind == "without":
            yield from ((stage.pattern.span, "met"), (stage.pattern.span, "unmet"))
    for code in (flow.body, flow.final):
        for at, step in enumerate(code):
            for way in _ways(code, at, step):
                yield step.span, way


def _ways(code: Code, at: int, step: Instruction) -> Iterator[Way]:
    """The ways on from a step, where there are several."""
    match step:
        case JumpUnless(target=target) if target != at + 1:
            yield from ("true", "false")
        case Next():
            yield from ("round", "over")
        case Again(done=done):
            yield "round"
            if _comes_round(code, at, done):
                yield "over"
        case Await(mode="any", entries=entries):
            yield from range(len(entries))
            yield "after"
        case Act() | Await() | Errand() | WaitUntil() | Take() if step.handler is not None:
            yield from ("done", "failed")
        case Enter(handler=handler) if handler is not None:
            yield "failed"


def _comes_round(code: Code, head: int, done: int) -> bool:
    """Whether a loop can come to its end: not one whose every round breaks off."""
    back = done - 1  # its last instruction is the jump back to its head
    targets = [target for step in code[head + 1 : back] for target in _targets(step)]
    return head in targets or back in targets or not isinstance(code[back - 1], Jump | Stop | Fail | Return | Reraise)


def _targets(step: Instruction) -> Iterator[int]:
    """Where else than behind itself the step may lead."""
    match step:
        case Jump(target=target) | JumpUnless(target=target):
            yield target
        case Next(done=done) | Again(done=done) | Fork(done=done) | ForkEach(done=done):
            yield done
        case Act() | Await() | Errand() | WaitUntil() | Take() | Enter() if step.handler is not None:
            yield step.handler.target
