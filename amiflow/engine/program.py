"""A flow made ready to run: its patterns compiled, its later waits known.

Belongs here: what follows from the plan alone, made once. Never here: anything of one run (`instance`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from amiflow.engine.dispatch import Watch
from amiflow.engine.lookback import Lookback
from amiflow.plan.expressions import Expr
from amiflow.plan.model import EMERGENCY, Await, Enter, Flow, Handler
from amiflow.plan.triggers import OnEvents, Pattern, Stage


def watch(pattern: Pattern) -> Watch:
    """The pattern, compiled."""
    return Watch(pattern.events, pattern.name, pattern.where, pattern.keys, pattern.span)


@dataclass(frozen=True, slots=True)
class ReadyStage:
    """A stage of a trigger, compiled; `role` is that of those who listen for its event."""

    role: Literal["start", "then", "without"]
    watch: Watch
    unless: Watch | None
    within: Expr | None


class Program:
    """A flow and what was made of it; `number` is its place in the plan. Where its runs are to be written down
    (`keeps`), `identity` is the hash of its code (`plan.identity`); those that `resume` go on after a restart."""

    __slots__ = (
        "_waits", "allows_emergency", "flow", "identity", "keeps", "lookback", "number", "reset", "resumes", "stages",
        "times", "until"
    )  # fmt: skip

    def __init__(self, flow: Flow, number: int, identity: str = "") -> None:
        self.flow = flow
        self.number = number
        self.identity = identity
        self.keeps = bool(identity)
        self.resumes = self.keeps and flow.after == "resume"
        trigger = flow.trigger
        self.stages = tuple(map(_ready, trigger.stages)) if isinstance(trigger, OnEvents) else ()
        self.times = trigger.times if isinstance(trigger, OnEvents) else None
        self.reset = watch(self.times.reset.pattern) if self.times is not None and self.times.reset else None
        self.until = watch(flow.until) if flow.until is not None else None
        self.lookback = Lookback(flow.body, flow.final)
        self.allows_emergency = any(allow.code == EMERGENCY for allow in flow.allows)
        self._waits: dict[int, tuple[Watch, ...]] = {}

    def guard(self, code: Literal["body", "final"], position: int, first: int) -> tuple[Enter, Handler] | None:
        """The innermost call of a task with an `or`, from `first` on, within whose steps the position is."""
        calls = self.calls(code, position, first)
        return next(((call, call.handler) for call in calls if call.handler is not None), None)

    def calls(self, code: Literal["body", "final"], position: int, first: int = 0) -> Iterator[Enter]:
        """The calls of tasks, from `first` on, within whose steps the position is, the innermost first."""
        steps = self.flow.final if code == "final" else self.flow.body
        for start in range(min(position, len(steps)) - 1, first - 1, -1):
            step = steps[start]
            if isinstance(step, Enter) and position < step.end:
                yield step

    def entries(self, step: Await) -> tuple[Watch, ...]:
        """The watches of a wait's entries, compiled when first asked for."""
        if id(step) not in self._waits:
            self._waits[id(step)] = tuple(watch(entry.pattern) for entry in step.entries)
        return self._waits[id(step)]


def _ready(stage: Stage) -> ReadyStage:
    unless = watch(stage.unless) if stage.unless is not None else None
    return ReadyStage("start" if stage.kind == "first" else stage.kind, watch(stage.pattern), unless, stage.within)
