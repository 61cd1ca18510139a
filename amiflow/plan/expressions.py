"""Expressions of a plan: frozen data, each with the span of the source that it came from.

Belongs here: the closed union of expression nodes, with names resolved and headers' codings known. Never here: their
meaning (`engine.evaluate`), their types (`lang.check` leaves them in side tables), their text form (`plan.show`).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Literal, TypeAlias

from amiflow.plan.types import Coding
from amiflow.report.data import dataclass
from amiflow.report.source import Span

LiteralValue: TypeAlias = bool | int | float | str | timedelta | None

BinaryOp: TypeAlias = Literal["+", "-", "*", "/", "%"]
LookWhat: TypeAlias = Literal["channel", "peer", "bridge_of", "call", "device", "queue", "conference", "pbx"]
CompareOp: TypeAlias = Literal["==", "!=", "<", "<=", ">", ">=", "in", "not in", "like"]


@dataclass(frozen=True, slots=True)
class Const:
    """A value written in the recipe; a duration is a `timedelta`."""

    value: LiteralValue
    span: Span


@dataclass(frozen=True, slots=True)
class Local:
    """A name of the running flow: a message of the trigger or of a wait, a `let`, `var` or loop variable."""

    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class Global:
    """A name of the file: a param, secret or constant, qualified (`queues.limit`) when it comes from an import."""

    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class Stored:
    """A store of the file (`plan.keeping`): what stands before `[k]` and behind `in`. What it holds changes."""

    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class Look:
    """A thing of the live picture (a row of `plan.picture`), as it is at this moment on the flow's server."""

    what: LookWhat
    key: Expr | None
    span: Span


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a table, as `for` goes through them; by itself the table is a record of its rows by their key."""

    of: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys that a store has now, oldest first, as `for` goes through them."""

    of: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Header:
    """`one.Channel`: the first header of that name in the message, decoded.

    Absent, it reads as none when its coding is optional and is a run-time failure otherwise.
    """

    of: Expr
    name: str
    coding: Coding
    span: Span


@dataclass(frozen=True, slots=True)
class Field:
    """A member that is not a header: of a record, of `data`, of a call, of `or as e`, rows of a list by event name."""

    of: Expr
    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class Index:
    """`xs[0]`, `xs[-1]`, `record["k"]`: none where there is no such item."""

    of: Expr
    key: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Binary:
    op: BinaryOp
    left: Expr
    right: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Negate:
    of: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Compare:
    """A comparison; none equals only none, and an ordering with none is false. `like` is a glob over the whole text."""

    op: CompareOp
    left: Expr
    right: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Matches:
    """`x matches r"…"`: the whole text, by a linear-time engine."""

    of: Expr
    pattern: str
    span: Span


@dataclass(frozen=True, slots=True)
class Both:
    """`and` of two or more, left to right, stopping at the first that is false."""

    parts: tuple[Expr, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Either:
    """`or` of two or more, left to right, stopping at the first that is true."""

    parts: tuple[Expr, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Not:
    of: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Default:
    """`x ?? y`: y, evaluated only then, where x is none."""

    of: Expr
    default: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Join:
    """A text with interpolations: the parts as text, one after the other; none prints `-`."""

    parts: tuple[Expr, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class ListExpr:
    items: tuple[Expr, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class RecordExpr:
    fields: tuple[tuple[str, Expr], ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Each:
    """`[item for name in source where where]`."""

    item: Expr
    name: str
    source: Expr
    where: Expr | None
    span: Span


@dataclass(frozen=True, slots=True)
class Apply:
    """A call of a builtin function (a row of `plan.builtins`)."""

    function: str
    args: tuple[Expr, ...]
    span: Span


Expr: TypeAlias = (
    Const
    | Local
    | Global
    | Stored
    | Rows
    | Keys
    | Look
    | Header
    | Field
    | Index
    | Binary
    | Negate
    | Compare
    | Matches
    | Both
    | Either
    | Not
    | Default
    | Join
    | ListExpr
    | RecordExpr
    | Each
    | Apply
)


def conjuncts(where: Expr | None) -> Iterator[Expr]:
    """The tests that must all hold, where the condition is one."""
    match where:
        case None:
            return
        case Both(parts=parts):
            for part in parts:
                yield from conjuncts(part)
        case _:
            yield where
