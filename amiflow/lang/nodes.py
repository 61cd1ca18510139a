"""The syntax tree: what a recipe says, in its own order and spelling, before any name is looked up.

Belongs here: frozen nodes, each with its span, and the closed unions over them. Never: types, catalogue entries or
anything found out later: side tables hold that, keyed by the node itself, which is why nodes compare by identity.
A piece that the writer left out and the parser put in to go on is a `Hole`, or an `Ident` with empty text: no phase
says anything about either, since the parser already has.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from amiflow.report.data import dataclass
from amiflow.report.source import Span

BinaryOp = Literal[
    "or", "and", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "like", "matches", "??", "+", "-", "*", "/", "%"
]
UnaryOp = Literal["not", "-"]
Level = Literal["debug", "info", "warn", "error"]
Policy = Literal["single", "replace", "queued", "parallel"]
RestartPolicy = Literal["resume", "drop", "fail"]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DialOutcome = Literal["busy", "no_answer", "congestion", "failed"]
FlowOutcome = Literal["done", "failed", "stopped"]


@dataclass(frozen=True, slots=True, eq=False)
class Comment:
    """A comment; `text` is without the `#` and the blanks around it, `span` covers from `#` to the end of the line."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Ident:
    """A name where it is introduced or where only a name can stand; as a header key `UnitAmount(0)` is one too."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class PlainText:
    """A text literal that can hold no interpolation: a path, a zone, a test's name."""

    span: Span
    value: str


# -- expressions ------------------------------------------------------------------------------------------------------
# The span of an expression in parentheses includes them.


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    """A text; `parts` are its stretches with escapes undone and, in between, the expressions of `${…}`."""

    span: Span
    parts: tuple[str | Expr, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Int:
    span: Span
    value: int


@dataclass(frozen=True, slots=True, eq=False)
class Number:
    span: Span
    value: float


@dataclass(frozen=True, slots=True, eq=False)
class Duration:
    span: Span
    ms: int


@dataclass(frozen=True, slots=True, eq=False)
class Bool:
    span: Span
    value: bool


@dataclass(frozen=True, slots=True, eq=False)
class Nothing:
    """The literal `none`."""

    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class Regex:
    """`r"…"`; the pattern is verbatim, only `\\"` is undone."""

    span: Span
    pattern: str


@dataclass(frozen=True, slots=True, eq=False)
class ListOf:
    span: Span
    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    span: Span
    entries: tuple[HeaderEntry, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Comprehension:
    """`[item for name in source where condition]`."""

    span: Span
    item: Expr
    name: Ident
    source: Expr
    where: Expr | None


@dataclass(frozen=True, slots=True, eq=False)
class Name:
    """A name that is used."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """`base.name`; the name may hold `-`, and its span is without the dot."""

    span: Span
    base: Expr
    name: Ident


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """`base[index]`."""

    span: Span
    base: Expr
    index: Expr


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """`name(args)`, a builtin or a task; `module.name(args)` is a task of an imported file."""

    span: Span
    module: Ident | None
    name: Ident
    args: tuple[Expr, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Unary:
    span: Span
    op: UnaryOp
    operand: Expr


@dataclass(frozen=True, slots=True, eq=False)
class Binary:
    span: Span
    op: BinaryOp
    left: Expr
    right: Expr
    op_span: Span


@dataclass(frozen=True, slots=True, eq=False)
class Hole:
    """An expression that is missing in the text; its type is unknown and nothing more is said about it."""

    span: Span


Expr: TypeAlias = (
    Text
    | Int
    | Number
    | Duration
    | Bool
    | Nothing
    | Regex
    | ListOf
    | Record
    | Comprehension
    | Name
    | Member
    | Index
    | Call
    | Unary
    | Binary
    | Hole
)


@dataclass(frozen=True, slots=True, eq=False)
class HeaderEntry:
    """`Key: value`; the key of `"My Header": x` is what the text says."""

    span: Span
    key: Ident
    value: Expr


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """`{ Key: value … }` of an action, an event or a reply; empty and without width where it was left out."""

    span: Span
    headers: tuple[HeaderEntry, ...]


# -- types ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class NamedType:
    """`text`, `int?` …; whether the name is a type's is found out later."""

    span: Span
    name: Ident
    optional: bool


@dataclass(frozen=True, slots=True, eq=False)
class RecordType:
    """`{queue: text, at: time}`."""

    span: Span
    fields: tuple[Field, ...]
    optional: bool


TypeExpr: TypeAlias = NamedType | RecordType


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """`name: type`: a header of a userevent, a column, an argument of a task or of a signal."""

    span: Span
    name: Ident
    type: TypeExpr


# -- patterns and triggers --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class MessageName:
    """The name of an event or action; `userevent` is the second word of `UserEvent Conference`."""

    span: Span
    name: Ident
    userevent: Ident | None


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """`Hangup | SoftHangupRequest as e where condition`."""

    span: Span
    events: tuple[MessageName, ...]
    name: Ident | None
    where: Expr | None


@dataclass(frozen=True, slots=True, eq=False)
class Then:
    """`then pattern [unless pattern] within D`."""

    span: Span
    pattern: Pattern
    unless: Pattern | None
    within: Expr


@dataclass(frozen=True, slots=True, eq=False)
class Without:
    """`without pattern within D`."""

    span: Span
    pattern: Pattern
    within: Expr


@dataclass(frozen=True, slots=True, eq=False)
class Reset:
    """`reset by pattern for key`."""

    span: Span
    pattern: Pattern
    key: Expr


@dataclass(frozen=True, slots=True, eq=False)
class Times:
    """`N times within D [reset …]`."""

    span: Span
    count: Expr
    within: Expr
    reset: Reset | None


@dataclass(frozen=True, slots=True, eq=False)
class EventTrigger:
    """`on pattern`, what follows it in order, and perhaps a count."""

    span: Span
    first: Pattern
    links: tuple[Then | Without, ...]
    times: Times | None


@dataclass(frozen=True, slots=True, eq=False)
class LifecycleTrigger:
    span: Span
    moment: Literal["start", "reconnect", "stop"]


@dataclass(frozen=True, slots=True, eq=False)
class HoursTrigger:
    """`on office opens`; `hours` is a `Name`, or a `Member` of an imported file."""

    span: Span
    hours: Expr
    edge: Literal["opens", "closes"]


@dataclass(frozen=True, slots=True, eq=False)
class SignalTrigger:
    """`on signal click(agent: text) as s where condition`."""

    span: Span
    signal: Ident
    args: tuple[Field, ...]
    name: Ident | None
    where: Expr | None


@dataclass(frozen=True, slots=True, eq=False)
class EveryTrigger:
    span: Span
    period: Expr


@dataclass(frozen=True, slots=True, eq=False)
class DayRange:
    """`mon-fri`, or one day with first == last."""

    span: Span
    first: Day
    last: Day


@dataclass(frozen=True, slots=True, eq=False)
class AtTrigger:
    """`at "07:30" on mon-fri in "Europe/Berlin"`; without days every day, without a zone the runner's."""

    span: Span
    time: PlainText
    days: tuple[DayRange, ...]
    zone: PlainText | None


@dataclass(frozen=True, slots=True, eq=False)
class CronTrigger:
    span: Span
    line: PlainText
    zone: PlainText | None


Trigger: TypeAlias = (
    EventTrigger | LifecycleTrigger | HoursTrigger | SignalTrigger | EveryTrigger | AtTrigger | CronTrigger
)


# -- clauses of a flow ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class PerClause:
    """`per key [policy]`; the `max N` that may follow is a clause of its own."""

    span: Span
    key: Expr
    policy: Policy | None


@dataclass(frozen=True, slots=True, eq=False)
class MaxClause:
    span: Span
    bound: Expr


@dataclass(frozen=True, slots=True, eq=False)
class UrgentClause:
    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class CooldownClause:
    span: Span
    period: Expr
    latest: bool


@dataclass(frozen=True, slots=True, eq=False)
class UntilClause:
    span: Span
    pattern: Pattern


@dataclass(frozen=True, slots=True, eq=False)
class LastingClause:
    span: Span
    period: Expr


@dataclass(frozen=True, slots=True, eq=False)
class RestartClause:
    """`after restart resume | drop | fail`."""

    span: Span
    policy: RestartPolicy


@dataclass(frozen=True, slots=True, eq=False)
class AllowClause:
    """`allow feedback-loop "reason"`."""

    span: Span
    what: Ident
    reason: PlainText


@dataclass(frozen=True, slots=True, eq=False)
class ServerClause:
    span: Span
    server: PlainText


Clause: TypeAlias = (
    PerClause
    | MaxClause
    | UrgentClause
    | CooldownClause
    | UntilClause
    | LastingClause
    | RestartClause
    | AllowClause
    | ServerClause
)


# -- steps ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """`{ steps }` with its braces."""

    span: Span
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Action:
    """`Hangup { … }`."""

    span: Span
    message: MessageName
    block: Block


@dataclass(frozen=True, slots=True, eq=False)
class Raw:
    """`raw "Name" { … }`: an action that the catalogue does not have."""

    span: Span
    name: PlainText
    block: Block


@dataclass(frozen=True, slots=True, eq=False)
class HttpPart:
    """`json expr`, `headers expr`; the kinds are the writer's until checked."""

    span: Span
    kind: Ident
    value: Expr


@dataclass(frozen=True, slots=True, eq=False)
class Http:
    """`http post url json {…} headers {…}`; `method` in the writer's spelling."""

    span: Span
    method: Ident
    url: Expr
    parts: tuple[HttpPart, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Exec:
    """`exec ["prog", arg]`."""

    span: Span
    argv: Expr


@dataclass(frozen=True, slots=True, eq=False)
class Append:
    """`append "file.jsonl" {…}`."""

    span: Span
    path: Expr
    record: Expr


@dataclass(frozen=True, slots=True, eq=False)
class Signal:
    """`signal name {…}`."""

    span: Span
    name: Ident
    block: Block


Operation: TypeAlias = Action | Raw | Http | Exec | Append | Signal | Call
"""What is awaited and can fail. A `Call` is one when it names a task."""


@dataclass(frozen=True, slots=True, eq=False)
class Retry:
    """`retry N every D`."""

    span: Span
    count: Expr
    every: Expr


@dataclass(frozen=True, slots=True, eq=False)
class OrSteps:
    """`or { … }`, `or as e { … }`."""

    span: Span
    name: Ident | None
    body: Body


@dataclass(frozen=True, slots=True, eq=False)
class OrWord:
    span: Span
    word: Literal["ignore", "stop", "continue", "break"]


@dataclass(frozen=True, slots=True, eq=False)
class OrFail:
    span: Span
    reason: Expr


Handler: TypeAlias = OrSteps | OrWord | OrFail


@dataclass(frozen=True, slots=True, eq=False)
class Tail:
    """What follows an operation: `within D retry N every D or …`; None where not written."""

    within: Expr | None
    retry: Retry | None
    handler: Handler | None


@dataclass(frozen=True, slots=True, eq=False)
class Do:
    """An operation as a step, its result not kept."""

    span: Span
    operation: Operation
    tail: Tail


@dataclass(frozen=True, slots=True, eq=False)
class Let:
    """`let name = value`. The tail is empty for a plain expression, except after a `Call` that may be a task's."""

    span: Span
    name: Ident
    value: Expr | Operation
    tail: Tail


@dataclass(frozen=True, slots=True, eq=False)
class Var:
    span: Span
    name: Ident
    value: Expr


@dataclass(frozen=True, slots=True, eq=False)
class Set:
    """`set n = x`, `set seen[k] = x`; the target is a `Name`, a `Member` of an import, or an `Index` of either."""

    span: Span
    target: Expr
    value: Expr


@dataclass(frozen=True, slots=True, eq=False)
class Delete:
    """`delete seen[k]`; the target is an `Index`."""

    span: Span
    target: Expr


@dataclass(frozen=True, slots=True, eq=False)
class Add:
    """`add misses[k]`, `add holds[k] value`; the target is an `Index`."""

    span: Span
    target: Expr
    value: Expr | None


@dataclass(frozen=True, slots=True, eq=False)
class Pause:
    """`wait 5s`, `wait for name`."""

    span: Span
    duration: Expr


@dataclass(frozen=True, slots=True, eq=False)
class WaitEvent:
    span: Span
    pattern: Pattern
    within: Expr
    handler: Handler | None


@dataclass(frozen=True, slots=True, eq=False)
class WaitAll:
    span: Span
    patterns: tuple[Pattern, ...]
    within: Expr
    handler: Handler | None


@dataclass(frozen=True, slots=True, eq=False)
class WaitBranch:
    span: Span
    pattern: Pattern
    body: Body


@dataclass(frozen=True, slots=True, eq=False)
class WaitAny:
    """`wait any { E as a { … } … after D { … } }`."""

    span: Span
    branches: tuple[WaitBranch, ...]
    after: Expr
    otherwise: Body


@dataclass(frozen=True, slots=True, eq=False)
class WaitUntil:
    span: Span
    condition: Expr
    within: Expr
    handler: Handler | None


@dataclass(frozen=True, slots=True, eq=False)
class IfBranch:
    span: Span
    condition: Expr
    body: Body


@dataclass(frozen=True, slots=True, eq=False)
class If:
    """`if … { } else if … { } else { }`; at least one branch, in order."""

    span: Span
    branches: tuple[IfBranch, ...]
    otherwise: Body | None


@dataclass(frozen=True, slots=True, eq=False)
class For:
    """`for name in source [where condition] [parallel max N] { }`; `parallel` is N, or None."""

    span: Span
    name: Ident
    source: Expr
    where: Expr | None
    parallel: Expr | None
    body: Body


@dataclass(frozen=True, slots=True, eq=False)
class Repeat:
    """`repeat count [every D] [as i] { }`."""

    span: Span
    count: Expr
    every: Expr | None
    name: Ident | None
    body: Body


@dataclass(frozen=True, slots=True, eq=False)
class Break:
    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class Continue:
    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class Parallel:
    span: Span
    branches: tuple[Body, ...]


@dataclass(frozen=True, slots=True, eq=False)
class With:
    """`with lines within D { } [or …]`; the pool is a `Name`, or a `Member` of an import."""

    span: Span
    pool: Expr
    within: Expr
    body: Body
    handler: Handler | None


@dataclass(frozen=True, slots=True, eq=False)
class Log:
    """`log [level] text`; without a level it is info."""

    span: Span
    level: Level | None
    text: Expr


@dataclass(frozen=True, slots=True, eq=False)
class Stop:
    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class Fail:
    span: Span
    reason: Expr


@dataclass(frozen=True, slots=True, eq=False)
class Return:
    span: Span
    value: Expr


Step: TypeAlias = (
    Do
    | Let
    | Var
    | Set
    | Delete
    | Add
    | Pause
    | WaitEvent
    | WaitAll
    | WaitAny
    | WaitUntil
    | If
    | For
    | Repeat
    | Break
    | Continue
    | Parallel
    | With
    | Log
    | Stop
    | Fail
    | Return
)


# -- steps of a test --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class GivenParam:
    span: Span
    name: Ident
    value: Expr


@dataclass(frozen=True, slots=True, eq=False)
class GivenTable:
    span: Span
    name: Ident
    rows: Expr


@dataclass(frozen=True, slots=True, eq=False)
class GivenNow:
    span: Span
    time: PlainText
    zone: PlainText | None


@dataclass(frozen=True, slots=True, eq=False)
class TestStart:
    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class TestEvent:
    span: Span
    message: MessageName
    block: Block


@dataclass(frozen=True, slots=True, eq=False)
class TestSignal:
    span: Span
    name: Ident
    block: Block


@dataclass(frozen=True, slots=True, eq=False)
class ReplyAction:
    span: Span
    message: MessageName
    block: Block


@dataclass(frozen=True, slots=True, eq=False)
class ReplyDial:
    """`reply Originate busy`."""

    span: Span
    message: MessageName
    outcome: DialOutcome


@dataclass(frozen=True, slots=True, eq=False)
class ReplyHttp:
    span: Span
    method: Ident
    url: Expr
    block: Block


@dataclass(frozen=True, slots=True, eq=False)
class ReplyExec:
    span: Span
    block: Block


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    span: Span
    message: MessageName
    block: Block


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """`rows QueueStatus [ QueueMember { … } … ]`."""

    span: Span
    action: Ident
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Advance:
    span: Span
    duration: Expr


@dataclass(frozen=True, slots=True, eq=False)
class Connection:
    span: Span
    change: Literal["disconnect", "reconnect", "restart"]


@dataclass(frozen=True, slots=True, eq=False)
class TestRepeat:
    span: Span
    count: Expr
    steps: tuple[TestStep, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ExpectAction:
    """`expect Action { … } [as o]`; with `negated` it is `expect no Action { … }`."""

    span: Span
    negated: bool
    message: MessageName
    block: Block
    name: Ident | None


@dataclass(frozen=True, slots=True, eq=False)
class ExpectLog:
    span: Span
    level: Level | None
    text: Expr


@dataclass(frozen=True, slots=True, eq=False)
class ExpectHttp:
    span: Span
    method: Ident
    url: Expr
    block: Block


@dataclass(frozen=True, slots=True, eq=False)
class ExpectExec:
    span: Span
    argv: Expr


@dataclass(frozen=True, slots=True, eq=False)
class ExpectAppend:
    span: Span
    path: Expr
    block: Block


@dataclass(frozen=True, slots=True, eq=False)
class ExpectSignal:
    span: Span
    name: Ident
    block: Block


@dataclass(frozen=True, slots=True, eq=False)
class ExpectReturn:
    span: Span
    value: Expr


@dataclass(frozen=True, slots=True, eq=False)
class ExpectFlow:
    span: Span
    flow: Ident
    outcome: FlowOutcome


@dataclass(frozen=True, slots=True, eq=False)
class ExpectNothing:
    """`expect nothing more`."""

    span: Span


TestStep: TypeAlias = (
    GivenParam
    | GivenTable
    | GivenNow
    | TestStart
    | TestEvent
    | TestSignal
    | ReplyAction
    | ReplyDial
    | ReplyHttp
    | ReplyExec
    | Rows
    | Advance
    | Connection
    | TestRepeat
    | ExpectAction
    | ExpectLog
    | ExpectHttp
    | ExpectExec
    | ExpectAppend
    | ExpectSignal
    | ExpectReturn
    | ExpectFlow
    | ExpectNothing
)


# -- declarations -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class ParamDecl:
    """`param name: type = default  # help`; the help is the comment on the line on which the declaration ends."""

    span: Span
    name: Ident
    type: TypeExpr | None
    default: Expr | None
    help: str


@dataclass(frozen=True, slots=True, eq=False)
class SecretDecl:
    span: Span
    name: Ident


@dataclass(frozen=True, slots=True, eq=False)
class LetDecl:
    """A constant of the file."""

    span: Span
    name: Ident
    value: Expr


@dataclass(frozen=True, slots=True, eq=False)
class ImportDecl:
    span: Span
    path: PlainText
    name: Ident


@dataclass(frozen=True, slots=True, eq=False)
class UserEventDecl:
    span: Span
    name: Ident
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True, eq=False)
class TableDecl:
    span: Span
    name: Ident
    columns: tuple[Field, ...]
    path: PlainText


@dataclass(frozen=True, slots=True, eq=False)
class MapDecl:
    span: Span
    name: Ident
    value: TypeExpr
    lasting: Expr
    max: Expr
    durable: bool


@dataclass(frozen=True, slots=True, eq=False)
class CounterDecl:
    span: Span
    name: Ident
    within: Expr
    max: Expr
    durable: bool


@dataclass(frozen=True, slots=True, eq=False)
class SeriesDecl:
    span: Span
    name: Ident
    value: TypeExpr
    within: Expr
    max: Expr
    durable: bool


@dataclass(frozen=True, slots=True, eq=False)
class PoolDecl:
    span: Span
    name: Ident
    max: Expr


@dataclass(frozen=True, slots=True, eq=False)
class LimitDecl:
    """`limit Originate 5 per 1s`."""

    span: Span
    action: Ident
    count: Expr
    per: Expr


@dataclass(frozen=True, slots=True, eq=False)
class ClockRange:
    """`08:00-18:00` in minutes since midnight, 0 to 1440; an end before the start goes past midnight."""

    span: Span
    start: int
    end: int


@dataclass(frozen=True, slots=True, eq=False)
class Opening:
    """`mon-fri 08:00-12:00 13:00-18:00`."""

    span: Span
    days: tuple[DayRange, ...]
    ranges: tuple[ClockRange, ...]


@dataclass(frozen=True, slots=True, eq=False)
class HoursDecl:
    """`hours office in "zone" { openings … except holidays }`; what follows `except` are names of tables or lists."""

    span: Span
    name: Ident
    zone: PlainText
    openings: tuple[Opening, ...]
    exceptions: tuple[Expr, ...]


@dataclass(frozen=True, slots=True, eq=False)
class TaskDecl:
    span: Span
    name: Ident
    args: tuple[Field, ...]
    body: Body


@dataclass(frozen=True, slots=True, eq=False)
class FlowDecl:
    span: Span
    name: Ident
    trigger: Trigger
    clauses: tuple[Clause, ...]
    body: Body
    cleanup: Body | None


@dataclass(frozen=True, slots=True, eq=False)
class TestDecl:
    span: Span
    name: PlainText
    steps: tuple[TestStep, ...]


Decl: TypeAlias = (
    ParamDecl
    | SecretDecl
    | LetDecl
    | ImportDecl
    | UserEventDecl
    | TableDecl
    | MapDecl
    | CounterDecl
    | SeriesDecl
    | PoolDecl
    | LimitDecl
    | HoursDecl
    | TaskDecl
    | FlowDecl
    | TestDecl
)


@dataclass(frozen=True, slots=True, eq=False)
class File:
    """A recipe: everything of it that could be read, and its comments in order."""

    span: Span
    decls: tuple[Decl, ...]
    comments: tuple[Comment, ...]
