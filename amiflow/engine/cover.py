"""What tests want to know of a run: which steps it reached, and which way it took from each.

Belongs here: remembering. Never here: which ways there are (`tools.coverage`). A run that is no test has no `Cover`.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from amiflow.engine.instance import Instance
from amiflow.plan.model import Act, Again, Await, Errand, Instruction, JumpUnless, Next, Take, WaitUntil
from amiflow.report.source import Span

Way: TypeAlias = Literal["reached", "true", "false", "round", "over", "done", "failed", "after", "met", "unmet"] | int
"""The way on from a step: of a condition what it was, of a loop a round or its end, of what has an `or` how it ended,
of a `wait any` its entry or its `after`, of an `until` or `unless` whether it came. `reached` is the step itself."""


class Cover:
    """The ways that were taken, each with the span of what it leads away from."""

    def __init__(self) -> None:
        self.ways: set[tuple[Span, Way]] = set()
        self._at: dict[Instance, tuple[str, int]] = {}

    def add(self, span: Span, way: Way) -> None:
        """This way was taken."""
        self.ways.add((span, way))

    def come(self, instance: Instance, step: Instruction | None) -> None:
        """The run stands at this step now, or (none) behind its last one."""
        half, before = self._at.get(instance, ("", 0))
        diverted, instance.diverted = instance.diverted, False
        if half == instance.code:
            left = instance.instructions[before]
            way = _way(left, before, instance.position, diverted)
            if way is not None:
                self.add(left.span, way)
        if step is None:
            self._at.pop(instance, None)
            return
        self.add(step.span, "reached")
        self._at[instance] = instance.code, instance.position


def _way(step: Instruction, at: int, to: int, diverted: bool) -> Way | None:
    match step:
        case Await(mode="any", entries=entries, timeout_target=after):
            targets = [entry.target for entry in entries]
            return targets.index(to) if to in targets else "after" if to == after else None
        case Act() | Await() | Errand() | WaitUntil() | Take():
            return "failed" if diverted else "done"
        case JumpUnless(target=target):
            return "true" if to == at + 1 else "false" if to == target else None
        case Next(done=done) | Again(done=done):
            return "round" if to == at + 1 else "over" if to == done else None
    return None
