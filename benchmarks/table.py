"""A line of the table, and how numbers are written in it.

Never here: a measurement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table; `reached` is none where it could not be measured."""

    number: str
    measure: str
    found: str
    wanted: str
    reached: bool | None

    def __str__(self) -> str:
        reached = "-" if self.reached is None else "yes" if self.reached else "no"
        return f"| {self.number} | {self.measure} | {self.found} | {self.wanted} | {reached} |"


HEAD = "| # | measure | found | to be reached | reached |\n|---|---|---|---|---|"


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float | None:
    """The median of how many times as much ours is, in each round that both took part in; none where theirs is not
    whole."""
    found = [one / other for one, other in zip(ours, theirs, strict=False) if other]
    return median(found) if len(found) == len(theirs) else None


def times(value: float | None) -> str:
    """How a ratio is written."""
    return "-" if value is None else f"{value:.2f} x"


def thousands(rates: Sequence[float]) -> str:
    """How events a CPU second are written: the median of the rounds."""
    return f"{median(rates) / 1000:,.0f} k" if all(rates) else "not whole"


def growth(costs: Mapping[int, float]) -> str:
    """How seconds by size are written."""
    return ", ".join(f"{number:,}: {cost * 1e6:.2f} us" for number, cost in costs.items())


def spread(costs: Mapping[int, float]) -> float:
    """How much dearer the dearest is than the cheapest."""
    return max(costs.values()) / min(costs.values())
