"""The `test` blocks of a recipe as frozen data, compiled like the flows they test.

Belongs here: the steps of a test with their expressions. Never here: how they are run (`tools.testing`). A test is no
part of the plan that runs on a PBX.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from amiflow.plan.errands import Method
from amiflow.plan.expressions import Expr
from amiflow.plan.model import HeaderValue
from amiflow.report.data import dataclass
from amiflow.report.source import Span


@dataclass(frozen=True, slots=True)
class GivenParam:
    """`given room = "681"`: a param's value in this test."""

    name: str
    value: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class GivenTable:
    """`given table vip = […]`: a table's rows in this test."""

    name: str
    rows: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class GivenNow:
    """`given now = "2026-03-02 07:59" in "Europe/Berlin"`: the wall clock at the test's beginning."""

    local_time: str
    zone: str
    span: Span


@dataclass(frozen=True, slots=True)
class Begin:
    """`start`: the run begins (login, FullyBooted, first snapshot)."""

    span: Span


@dataclass(frozen=True, slots=True)
class GiveEvent:
    """`event E { … }`: the server sends it; `name` binds it for later steps."""

    event: str
    headers: tuple[HeaderValue, ...]
    name: str | None
    span: Span


@dataclass(frozen=True, slots=True)
class Reply:
    """`reply Action { Response: "Error" … }`: the answer to the next such action."""

    action: str
    headers: tuple[HeaderValue, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class ReplyOriginate:
    """`reply Originate busy`: how the next Originate ends."""

    outcome: Literal["busy", "no_answer", "congestion", "failed"]
    span: Span


@dataclass(frozen=True, slots=True)
class Rows:
    """`rows QueueStatus [ QueueMember { … } … ]`: the event list of the next such action."""

    action: str
    rows: tuple[GiveEvent, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Advance:
    """`advance 5s`: virtual time goes on; timers that fall due fire in order."""

    duration: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Connection:
    """`disconnect`, `reconnect`: the line breaks, or is there again; `restart`: amiflow dies, and runs again."""

    change: Literal["disconnect", "reconnect", "restart"]
    span: Span


@dataclass(frozen=True, slots=True)
class RepeatSteps:
    """`repeat 10 { … }`."""

    times: Expr
    steps: tuple[TestStep, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class ExpectAction:
    """`expect Action { … } [as o]`: sent next among expectations, with these headers at least, compared by type."""

    action: str
    headers: tuple[HeaderValue, ...]
    name: str | None
    span: Span


@dataclass(frozen=True, slots=True)
class ExpectNoAction:
    """`expect no Action { … }`: none such since the last expectation that was met."""

    action: str
    headers: tuple[HeaderValue, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class ExpectLog:
    """`expect log warn "glob"`; without a level, info."""

    level: Literal["debug", "info", "warn", "error"]
    text: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class ExpectFlow:
    """`expect flow name done|failed|stopped`."""

    flow: str
    outcome: Literal["done", "failed", "stopped"]
    span: Span


@dataclass(frozen=True, slots=True)
class ExpectNothing:
    """`expect nothing more`: no action, effect or `log` step from info up is left over."""

    span: Span


@dataclass(frozen=True, slots=True)
class GiveSignal:
    """`signal name { … }`: it comes from outside."""

    signal: str
    fields: tuple[tuple[str, Expr], ...]
    span: Span


@dataclass(frozen=True, slots=True)
class ReplyHttp:
    """`reply http get "glob" { status: 200 json: {…} }`: the answer to the next such request."""

    method: Method
    url: Expr
    fields: tuple[tuple[str, Expr], ...]
    span: Span


@dataclass(frozen=True, slots=True)
class ReplyExec:
    """`reply exec { code: 1 }`: how the next program ends."""

    fields: tuple[tuple[str, Expr], ...]
    span: Span


@dataclass(frozen=True, slots=True)
class ExpectErrand:
    """`expect http|append …`: done next among expectations, with these fields at least; `target` is a glob."""

    what: Literal["get", "post", "put", "patch", "delete", "head", "append"]
    target: Expr
    fields: tuple[tuple[str, Expr], ...]
    span: Span


@dataclass(frozen=True, slots=True)
class ExpectExec:
    """`expect exec ["prog", arg]`."""

    argv: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class ExpectSignal:
    """`expect signal name {…}`: with these fields at least."""

    signal: str
    fields: tuple[tuple[str, Expr], ...]
    span: Span


@dataclass(frozen=True, slots=True)
class ExpectReturn:
    """`expect return value`: what a flow replied to a signal."""

    value: Expr
    span: Span


TestStep: TypeAlias = (
    GivenParam
    | GivenTable
    | GivenNow
    | Begin
    | GiveEvent
    | Reply
    | ReplyOriginate
    | Rows
    | Advance
    | Connection
    | RepeatSteps
    | ExpectAction
    | ExpectNoAction
    | ExpectLog
    | ExpectFlow
    | ExpectNothing
    | GiveSignal
    | ReplyHttp
    | ReplyExec
    | ExpectErrand
    | ExpectExec
    | ExpectSignal
    | ExpectReturn
)


@dataclass(frozen=True, slots=True)
class Test:
    """One `test "name" { … }`."""

    __test__ = False  # pytest collects classes by this name

    name: str
    steps: tuple[TestStep, ...]
    span: Span
