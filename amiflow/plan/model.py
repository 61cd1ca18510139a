"""The plan: everything that the engine needs, as frozen data; each node carries the span of its source.

Belongs here: declarations, flows and their code. A flow's steps are a flat tuple of instructions, and a position in it
is an int, so that a running flow can be written down as (position, environment). Never here: triggers and patterns
(`plan.triggers`), how a plan is made (`lang.lower`), run (`engine`), printed (`plan.show`) or stored (`plan.store`).
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from amiflow.plan.errands import Operation
from amiflow.plan.expressions import Expr
from amiflow.plan.keeping import Hours, Limit, Pool, Put, Remove, Store, Table
from amiflow.plan.triggers import Pattern, Trigger
from amiflow.plan.types import Coding, Type
from amiflow.report.data import dataclass
from amiflow.report.source import Source, Span

VERSION = 1

# --- steps as code ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Handler:
    """Where an `or` goes on: the position of its first instruction, and the name that the error is bound to."""

    target: int
    error: str | None


@dataclass(frozen=True, slots=True)
class HeaderValue:
    """One header of an action; a list value is written as a repeated header."""

    name: str
    value: Expr
    coding: Coding
    span: Span


@dataclass(frozen=True, slots=True)
class Retry:
    """`retry 3 every 2s`: up to `times` further attempts."""

    times: Expr
    every: Expr


@dataclass(frozen=True, slots=True)
class EventList:
    """How an action's event list is known: the names of its rows, and of the event that ends it (Asterisk before 13.2
    has no `EventList` header on most lists). One that is `announced` is there only where the response says so."""

    rows: tuple[str, ...]
    end: str
    announced: bool = False


@dataclass(frozen=True, slots=True)
class Act:
    """Send an action and await its response (and its event list).

    `within` none means the default: 5 s, or for an awaited Originate its Timeout (30 s if absent) + 5 s. `reads` marks
    an action that changes nothing, which may be repeated freely and does not move the flow's place on the tape.
    `awaits_call` is true for an Originate written without `Async`: the step ends with its OriginateResponse.
    `privileges` are the classes of which the account needs any one.
    """

    action: str
    headers: tuple[HeaderValue, ...]
    into: str | None
    within: Expr | None
    retry: Retry | None
    handler: Handler | None
    reads: bool
    awaits_call: bool
    event_list: EventList | None
    privileges: tuple[str, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Errand:
    """Have something done outside of the PBX, and await what came of it. `within` none means 5 s."""

    operation: Operation
    into: str | None
    within: Expr | None
    retry: Retry | None
    handler: Handler | None
    span: Span


@dataclass(frozen=True, slots=True)
class Entry:
    """One alternative or part of a wait; `target` is where its steps begin (`wait any`), none where there are none."""

    pattern: Pattern
    target: int | None


@dataclass(frozen=True, slots=True)
class Pause:
    """`wait 5s`, `wait for name`."""

    duration: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Await:
    """`wait E`, `wait all { … }`, `wait any { … after D { … } }`.

    With `one` and `all`, `within` bounds the wait and `handler` is its `or`. With `any`, the entry that came decides
    the target; `within`/`timeout_target` are its `after` part.
    """

    mode: Literal["one", "all", "any"]
    entries: tuple[Entry, ...]
    within: Expr
    timeout_target: int | None
    handler: Handler | None
    span: Span


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """`wait until condition within D`: tested at once and whenever what it reads changes (`plan.picture.reads`)."""

    condition: Expr
    within: Expr
    handler: Handler | None
    span: Span


@dataclass(frozen=True, slots=True)
class Set:
    """`let`, `var` and `set`: bind the value to a name of the flow."""

    name: str
    value: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Jump:
    target: int
    span: Span


@dataclass(frozen=True, slots=True)
class JumpUnless:
    """Go on at `target` when the condition is false. Where it fails to be evaluated the flow fails, or, in a finally,
    goes on at `done`, which is behind all branches."""

    condition: Expr
    target: int
    done: int
    span: Span


@dataclass(frozen=True, slots=True)
class Next:
    """The head of a `for`: take the next item of the list held by `items` (a hidden name; `position` counts) into
    `name`, or go on at `done`."""

    items: str
    position: str
    name: str
    done: int
    span: Span


@dataclass(frozen=True, slots=True)
class Again:
    """The head of a `repeat`: count in `position` (hidden) and, with `every`, pause until that long after the last
    beginning (the first comes at once); bind the round, from 1, to `name`; after `times` rounds go on at `done`."""

    position: str
    times: Expr
    every: Expr | None
    name: str | None
    done: int
    span: Span


@dataclass(frozen=True, slots=True)
class Log:
    level: Literal["debug", "info", "warn", "error"]
    text: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Stop:
    """`stop`: the flow is done. Also the end of every body."""

    span: Span


@dataclass(frozen=True, slots=True)
class Fail:
    """`fail "…"`: the flow ends as failed with this text."""

    text: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Reraise:
    """The end of the flow as failed with the error bound to `error`: what a handler does that handles nothing."""

    error: str
    span: Span


@dataclass(frozen=True, slots=True)
class Return:
    """`return expr`: the flow is done, and this is its result."""

    value: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Enter:
    """The steps of a task begin, at `begin` after its arguments, and go up to `end`. What fails among them, and is not
    handled there, goes on where `handler` says, with `into` (the name for the task's result) none; without a handler
    it has failed as anywhere."""

    task: str
    into: str | None
    begin: int
    end: int
    handler: Handler | None
    span: Span


@dataclass(frozen=True, slots=True)
class Take:
    """`with lines within 30s { … }`: wait for a slot of the pool, and have it as long as the flow is in the steps
    behind this one, up to `end`. `handler` is where it goes on when none became free in time."""

    pool: str
    within: Expr
    end: int
    handler: Handler | None
    span: Span


@dataclass(frozen=True, slots=True)
class Fork:
    """`parallel { … }`: every branch runs from its position to its Join; then the flow goes on at `done`."""

    branches: tuple[int, ...]
    done: int
    span: Span


@dataclass(frozen=True, slots=True)
class ForkEach:
    """`for … parallel max N`: the branch at `body` runs once for each item of the list held by `items` (a hidden name),
    which is its `name`, `most` of them at a time."""

    items: str
    name: str
    most: Expr
    body: int
    done: int
    span: Span


@dataclass(frozen=True, slots=True)
class Join:
    """The end of a branch."""

    span: Span


Instruction: TypeAlias = (
    Act | Errand | Pause | Await | WaitUntil | Set | Jump | JumpUnless | Next | Again | Log | Stop | Fail | Reraise
    | Return | Enter | Fork | ForkEach | Join | Put | Remove | Take
)  # fmt: skip
Code: TypeAlias = tuple[Instruction, ...]

# --- flows ----------------------------------------------------------------------------------------------------------


Policy: TypeAlias = Literal["single", "replace", "queued", "parallel"]
AfterRestart: TypeAlias = Literal["resume", "drop", "fail"]


@dataclass(frozen=True, slots=True)
class Per:
    """`per key [policy]`; `known_at` is the index of the stage whose event completes the key."""

    key: tuple[Expr, ...]
    policy: Policy
    known_at: int
    span: Span


EMERGENCY = "emergency"
"""What a flow allows that may touch calls of protected numbers."""


@dataclass(frozen=True, slots=True)
class Allow:
    """`allow feedback-loop "reason"`: a warning that is meant; or `allow emergency "reason"`."""

    code: str
    reason: str
    span: Span


@dataclass(frozen=True, slots=True)
class Flow:
    """A trigger, its clauses and its code. `lasting` is the lifetime as written or, by default, as computed from the
    flow's own bounds (at least one hour). With `latest` the last event that the cooldown suppressed runs when it is
    over; `urgent` is exempt from `max`. `after` is what becomes of a run when amiflow itself is restarted."""

    name: str
    trigger: Trigger
    per: Per | None
    max: Expr
    cooldown: Expr | None
    until: Pattern | None
    lasting: Expr
    server: str | None
    allows: tuple[Allow, ...]
    body: Code
    final: Code
    span: Span
    latest: bool = False
    urgent: bool = False
    after: AfterRestart = "fail"


# --- the file ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Param:
    name: str
    type: Type
    default: Expr | None
    help: str
    span: Span


@dataclass(frozen=True, slots=True)
class Secret:
    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class Constant:
    """A `let` of the file; it may read params, secrets and earlier constants."""

    name: str
    value: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Trust:
    """One `trust(x)`: listed so that a reader of the plan sees what was taken on faith."""

    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class EventNeed:
    """An event that the plan listens to, with the classes of which the account must be able to read every one."""

    name: str
    classes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ActionNeed:
    """An action that the plan sends, with the classes of which the account must be able to write any one."""

    name: str
    classes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Needs:
    """What is asked of the server: events, actions, and the event mask for the login (`off` or `call,user,…`).

    `picture` are the parts of the live picture that are to be kept (`plan.picture.PARTS`), in the order of that table;
    `allowances` what a run must allow beyond AMI, such as `http:crm.example` (`plan.errands`).
    """

    events: tuple[EventNeed, ...]
    actions: tuple[ActionNeed, ...]
    mask: str
    picture: tuple[str, ...] = ()
    allowances: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """A compiled recipe. `sources` are the texts that spans point into, so that a run can show a step's line."""

    version: int
    sources: tuple[Source, ...]
    params: tuple[Param, ...]
    secrets: tuple[Secret, ...]
    constants: tuple[Constant, ...]
    flows: tuple[Flow, ...]
    needs: Needs
    trusts: tuple[Trust, ...]
    stores: tuple[Store, ...] = ()
    tables: tuple[Table, ...] = ()
    pools: tuple[Pool, ...] = ()
    limits: tuple[Limit, ...] = ()
    hours: tuple[Hours, ...] = ()
