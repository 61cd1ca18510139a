"""What a recipe keeps besides the names of its flows: stores by key, and the steps that change them.

Belongs here: their declarations and steps as frozen data. Never here: what they hold in a run (`engine.stores`).
"""

from __future__ import annotations

from typing import TypeAlias

from amiflow.plan.expressions import Expr
from amiflow.plan.types import Type, type_name
from amiflow.report.data import dataclass
from amiflow.report.source import Span


@dataclass(frozen=True, slots=True)
class MapStore:
    """`map seen: text lasting 10m max 10000`: values by text key, each for that long after it was set, at most so many.

    The bounds of every store read inputs of the run and constants only, and are read once, at its beginning. What a
    `durable` one holds comes back when amiflow is restarted, each entry for the rest of its time."""

    name: str
    value: Type
    lasting: Expr
    max: Expr
    span: Span
    durable: bool = False


@dataclass(frozen=True, slots=True)
class CounterStore:
    """`counter misses within 30m max 10000`: how often in the last so long, by key; `max` counts in all."""

    name: str
    within: Expr
    max: Expr
    span: Span
    durable: bool = False


@dataclass(frozen=True, slots=True)
class SeriesStore:
    """`series holds: duration within 1h max 10000`: the values of the last so long, by key; `max` values in all."""

    name: str
    value: Type
    within: Expr
    max: Expr
    span: Span
    durable: bool = False


@dataclass(frozen=True, slots=True)
class Pool:
    """`pool lines max expr`: slots for `with`; the bound is read at each taking."""

    name: str
    max: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Limit:
    """`limit Originate 5 per 1s`: so many of that action in any such time, over the whole run."""

    action: str
    count: Expr
    per: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Opening:
    """`mon-fri 08:00-12:00 13:00-18:00`: weekdays from 1 (Monday) to 7, and ranges in minutes since midnight, of which
    one that does not end later than it begins goes past midnight."""

    days: tuple[int, ...]
    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Hours:
    """`hours office in "Europe/Berlin" { … except holidays }`: `exceptions` are tables, by their keys, and lists of
    dates as text (`2026-12-24`), on which nothing opens."""

    name: str
    zone: str
    openings: tuple[Opening, ...]
    exceptions: tuple[Expr, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Table:
    """`table vip(number: text, name: text) from "vip.csv"`: records by their first column; an input of the run.

    `path` is relative to the folder of the recipe, which is that of the span's path."""

    name: str
    columns: tuple[tuple[str, Type], ...]
    path: str
    span: Span


Store: TypeAlias = MapStore | CounterStore | SeriesStore


def kind_of(store: Store) -> str:
    """What a store holds, as its declaration says it: what was kept for another kind is no use to it."""
    match store:
        case MapStore(value=value):
            return f"map of {type_name(value)}"
        case CounterStore():
            return "counter"
        case SeriesStore(value=value):
            return f"series of {type_name(value)}"


@dataclass(frozen=True, slots=True)
class Put:
    """`set seen[k] = value`, `add holds[k] value`, and `add misses[k]`, where `value` is none."""

    store: str
    key: Expr
    value: Expr | None
    span: Span


@dataclass(frozen=True, slots=True)
class Remove:
    """`delete seen[k]`: whatever the store has for the key is gone."""

    store: str
    key: Expr
    span: Span
