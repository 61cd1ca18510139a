"""What of a recipe its tests reach: flows, and steps.

Belongs here: counting, from the spans that tests remember. Never here: running tests (`testing`), printing (`cli`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from amiflow.plan.model import Flow, Instruction, Join, Jump, Plan, Set, Stop
from amiflow.report.source import Span
from amiflow.tools.outcome import Result


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many flows and steps tests reached, of how many; `missed` are the steps that none reached, in order."""

    flows: int
    all_flows: int
    steps: int
    all_steps: int
    missed: tuple[Span, ...]


def coverage(plan: Plan, results: Iterable[Result]) -> Coverage:
    """What the tests with these results reached of the plan."""
    reached = frozenset[Span]().union(*(result.reached for result in results))
    steps = [frozenset(_spans(flow)) for flow in plan.flows]
    every = frozenset[Span]().union(*steps)
    return Coverage(
        sum(bool(own & reached) for own in steps),
        len(plan.flows),
        len(every & reached),
        len(every),
        tuple(sorted(every - reached, key=lambda span: (span.path, span.start))),
    )


def _spans(flow: Flow) -> Iterator[Span]:
    """The steps as written: what lowering put between them is none of them."""
    return (step.span for step in (*flow.body, *flow.final) if not _is_hidden(step))


def _is_hidden(step: Instruction) -> bool:
    # A hidden name has a character in it that no name of a recipe has.
    return isinstance(step, Join | Jump | Stop) or (isinstance(step, Set) and not step.name.isidentifier())
