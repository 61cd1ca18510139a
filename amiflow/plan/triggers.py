"""What makes a flow begin, and the patterns of events that triggers and waits are made of, as frozen data.

Belongs here: patterns with their keys, and one class a kind of trigger. Never here: clauses and steps (`plan.model`),
telling whether something fits (`engine`).
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from amiflow.plan.expressions import Expr
from amiflow.plan.types import Coding
from amiflow.report.data import dataclass
from amiflow.report.source import Span


@dataclass(frozen=True, slots=True)
class Key:
    """An equality that a message must meet: `header == value`, where `value` does not depend on the message itself.

    Dispatch is indexed by it; it is also part of the pattern's `where`, which alone decides.
    """

    header: str
    coding: Coding
    value: Expr


@dataclass(frozen=True, slots=True)
class Pattern:
    """`E | F as name where cond`: events by their wire names."""

    events: tuple[str, ...]
    name: str | None
    where: Expr | None
    keys: tuple[Key, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Stage:
    """One event of a trigger: the first, one that follows (`then`), or one that must not come (`without`).

    `within` counts from the event before and is none only for the first. `unless` drops the match when it comes first.
    """

    kind: Literal["first", "then", "without"]
    pattern: Pattern
    unless: Pattern | None
    within: Expr | None


@dataclass(frozen=True, slots=True)
class Reset:
    """`reset by E as r where … for key`: the event of the pattern forgets what was counted for the key."""

    pattern: Pattern
    key: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Times:
    """`5 times within 10m`: so many matches for one key, in a window that slides."""

    count: Expr
    within: Expr
    reset: Reset | None


@dataclass(frozen=True, slots=True)
class OnEvents:
    stages: tuple[Stage, ...]
    span: Span
    times: Times | None = None


@dataclass(frozen=True, slots=True)
class OnRun:
    """`on start`, `on reconnect`, `on stop`: moments of the run itself, for each server."""

    moment: Literal["start", "reconnect", "stop"]
    span: Span


@dataclass(frozen=True, slots=True)
class SignalField:
    """A field that a signal carries, as text from outside; an optional one may be left out."""

    name: str
    coding: Coding


@dataclass(frozen=True, slots=True)
class OnSignal:
    """`on signal click(agent: text) as s where …`: the signal's fields are bound to `name` as a record."""

    signal: str
    fields: tuple[SignalField, ...]
    name: str | None
    where: Expr | None
    span: Span


@dataclass(frozen=True, slots=True)
class Every:
    """`every 60s`: first after the period, never overlapping."""

    period: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Cron:
    """`at "07:30" on mon-fri in "Europe/Berlin"`, `cron "…" in "…"`: the local times that fit every field, where an
    empty one is any. Weekdays are 1 (Monday) to 7. As in every cron, where both days and weekdays are given one of them
    is enough. Without a zone it is the run's."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]
    zone: str | None
    span: Span


@dataclass(frozen=True, slots=True)
class OnHours:
    """`on office opens`, `on office closes`."""

    hours: str
    edge: Literal["opens", "closes"]
    span: Span


Trigger: TypeAlias = OnEvents | OnRun | Every | Cron | OnSignal | OnHours
