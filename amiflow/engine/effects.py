"""What goes into the machine and what comes out of it: two closed unions of frozen data.

Belongs here: inputs (what the world reports) and effects (what the world is asked to do, and what is told of the run).
Never here: behaviour. Those of many fields that every run of a flow brings are named tuples, as frozen as the others
and made in a third of the time. Times are seconds: `now` is monotonic, `wall` is the epoch; both are arguments of
`machine.handle`, never read here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from amiflow.ami.message import Message

# That an action was handed to the connection, and its answer, are inputs as the connection's session reports them.
from amiflow.ami.reports import Answered as Answered
from amiflow.ami.reports import Sent as Sent
from amiflow.engine.ours import Line
from amiflow.plan.errands import Method
from amiflow.plan.model import EventList
from amiflow.report.source import Span

Level: TypeAlias = Literal["debug", "info", "warn", "error"]
Outcome: TypeAlias = Literal["done", "failed", "stopped"]

# --- what is done outside of the PBX ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request to a web server; `body` is none where there is none."""

    method: Method
    url: str
    headers: tuple[tuple[str, str], ...]
    body: str | None


@dataclass(frozen=True, slots=True)
class HttpResult:
    """The answer of a web server, its body as text."""

    status: int
    text: str


@dataclass(frozen=True, slots=True)
class ExecRequest:
    """A program to be run, never by a shell."""

    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExecResult:
    """How a program ended (a signal's number below zero), and what it wrote to its standard output."""

    code: int
    out: str


@dataclass(frozen=True, slots=True)
class AppendRequest:
    """A line to be written to the end of a file."""

    path: str
    line: str


Request: TypeAlias = HttpRequest | ExecRequest | AppendRequest

# --- inputs -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ServerReady:
    """A server is logged in and ready to be used; the first time its `on start` flows begin.

    `ami_version` is the banner's ("11.0.0"); it decides whether C-escapes are undone. `restarted` is true where
    Asterisk itself was restarted since the last time (its Uptime went back). `unseen` is for how many seconds nothing
    had come from it before, none the first time; the wall clock may have been set meanwhile. `uptime` is that of
    Asterisk in seconds, where it tells.
    """

    server: str
    ami_version: str
    restarted: bool
    unseen: float | None = None
    uptime: int | None = None


@dataclass(frozen=True, slots=True)
class ServerLost:
    """The connection is gone; times go on, and waiting actions wait for the next ServerReady within their time.

    `silent` is for how many seconds nothing had come from it: since then events may have been missed."""

    server: str
    reason: str
    silent: float = 0.0


class Received(NamedTuple):
    """An event that is no part of an event list."""

    server: str
    message: Message


@dataclass(frozen=True, slots=True)
class Unanswered:
    """An action will not be answered: `unsent` was never on the wire, `unknown` was when the line broke; `invalid`
    could not be sent at all (a CR, LF or NUL in a value, a line too long), as `reason` says; `refused` was kept from
    being sent (the kill switch)."""

    action_id: str
    kind: Literal["unsent", "unknown", "invalid", "refused"]
    reason: str


@dataclass(frozen=True, slots=True)
class Tick:
    """Nothing happened but time."""


@dataclass(frozen=True, slots=True)
class ErrandDone:
    """What came of an errand: its result, or what kept it from being done. `begun` is false where the other side cannot
    have seen anything of it."""

    errand_id: str
    result: HttpResult | ExecResult | None
    failure: str | None = None
    begun: bool = True


@dataclass(frozen=True, slots=True)
class Signalled:
    """A signal from outside, or from a flow of this run (then with the `line` of flows that led to it); with an id its
    sender waits for a reply (`SignalReply`)."""

    name: str
    fields: Mapping[str, str]
    signal_id: str | None = None
    line: Line = ()


@dataclass(frozen=True, slots=True)
class Pause:
    """From now on no run of this flow begins, of none given that of no flow; `why` is told of each trigger that is met
    meanwhile. Runs that there are go on."""

    flow: str | None
    why: str


@dataclass(frozen=True, slots=True)
class Resume:
    """What was paused for this reason begins again; with no flow given, all that was."""

    flow: str | None
    why: str


@dataclass(frozen=True, slots=True)
class StopRuns:
    """End the runs of this flow, or only that one, as stopped, with their `finally`."""

    flow: str
    instance: int | None = None


@dataclass(frozen=True, slots=True)
class Retire:
    """Another machine has taken this one's place: nothing begins here any more, the runs that there are go on, then
    Exit."""


@dataclass(frozen=True, slots=True)
class StopAsked:
    """^C or SIGTERM: end every flow in order (`on stop` flows, `finally`), then Exit."""

    reason: str


@dataclass(frozen=True, slots=True)
class SourceEnded:
    """No server will send anything more (the end of a recording or of a simulated scenario): Exit when no flow runs."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a durable store was given: the value for a key, the time (the epoch in seconds) and for how many seconds.
    Key and value are in the form of `engine.written`; `declared` is what the store held (`plan.keeping.kind_of`)."""

    store: str
    declared: str
    key: object
    value: object
    at: float
    lasting: float


@dataclass(frozen=True, slots=True)
class Past:
    """A run of a flow as it was last written down (`Remember`), at that time (the epoch in seconds); `story` is what
    the journal calls it. Where it is `doubtful` it has done more since then, which could not be written."""

    token: str
    at: float
    state: Mapping[str, object]
    story: str = ""
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class Restored:
    """What earlier runs of this plan, which are over, have left: to be given before the first ServerReady. `runs` are
    what the ids of these began with."""

    flows: tuple[Past, ...] = ()
    entries: tuple[Entry, ...] = ()
    runs: tuple[str, ...] = ()


Input: TypeAlias = (
    ServerReady
    | ServerLost
    | Received
    | Sent
    | Answered
    | Unanswered
    | ErrandDone
    | Signalled
    | Tick
    | Pause
    | Resume
    | StopRuns
    | Retire
    | StopAsked
    | SourceEnded
    | Restored
)

# --- effects ----------------------------------------------------------------------------------------------------------


class Send(NamedTuple):
    """Send this action on this server's connection, as soon as a slot is free.

    `action_id` is the runner's own, unique for the run, and is to be put on the wire as `ActionID`; `headers` begin
    with `Action`. `until` is the monotonic time at which the flow's own patience ends: an action not yet sent by then
    is dropped. `instance` is the flow instance that asked, with the step's span. Where it is `promised`, this and every
    effect before it is to be in the journal, if there is one, before it is sent.
    """

    server: str
    action_id: str
    headers: tuple[tuple[str, str], ...]
    event_list: EventList | None
    reads: bool
    until: float
    instance: int
    span: Span
    promised: bool = False


@dataclass(frozen=True, slots=True)
class Withdraw:
    """The flow waits no longer for this action: do not send it if it has not been sent."""

    server: str
    action_id: str


@dataclass(frozen=True, slots=True)
class Said:
    """A `log` step."""

    level: Level
    text: str
    flow: str
    instance: int
    span: Span


class Noted(NamedTuple):
    """A fact about the run, for log and journal: `kind` names it, `facts` are plain values, secrets masked.

    Kinds: `flow-started` `flow-ended` `step` `answer` `wait-met` `wait-timeout` `match-started` `match-dropped`
    `suppressed` `refused` `loop` `braked` `condition-failed` `gap` `look-back-lost` `finally-failed` …; each says which
    flow and instance where there is one, and the message that led there where there is one.
    """

    kind: str
    level: Level
    text: str
    flow: str | None
    instance: int | None
    span: Span | None
    facts: Mapping[str, object]
    message: Message | None = None


class FlowEnded(NamedTuple):
    """An instance came to its end; `failure` is the text of a failed one, with the span of the step that failed, and
    the calls of the tasks that it is in, the innermost first. Of one that is done, the span is where it stopped."""

    flow: str
    instance: int
    outcome: Outcome
    failure: str | None
    span: Span | None
    result: object
    calls: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Exit:
    """The run is over: 0, or 1 where a flow failed in a recipe of `on start` flows."""

    status: int


@dataclass(frozen=True, slots=True)
class Errand:
    """Have this done by a worker, unless the run does not allow it; its outcome is to come as `ErrandDone`. `until` is
    the monotonic time at which the flow's patience ends; `promised` as in `Send`."""

    errand_id: str
    request: Request
    until: float
    instance: int
    span: Span
    promised: bool = False


@dataclass(frozen=True, slots=True)
class Recall:
    """The flow waits no longer for this errand."""

    errand_id: str


@dataclass(frozen=True, slots=True)
class Signal:
    """A `signal` step: to be given to every machine of the run as `Signalled`, with its `line`. Where it has a
    `promise_id` it is promised under that, as in `Send`."""

    name: str
    fields: Mapping[str, str]
    instance: int
    span: Span
    line: Line = ()
    promise_id: str = ""


@dataclass(frozen=True, slots=True)
class SignalReply:
    """What a flow returned to a signal, as plain values that JSON can hold; `failure` where none did, with what kind it
    is of: no flow takes the signal (`unknown`), a field is `wrong`, it started no flow (`idle`), the flow `failed` or
    was `stopped`."""

    signal_id: str
    value: object
    failure: str | None = None
    kind: Literal["done", "unknown", "wrong", "idle", "failed", "stopped"] = "done"


@dataclass(frozen=True, slots=True)
class Remember:
    """Write down how a run of a flow stands, in place of what was written of it before; with a state of none it is over
    and to be forgotten. The token is its own over all runs of amiflow. The state is plain data, as JSON has it, that
    nobody changes."""

    token: str
    instance: int
    server: str
    state: Mapping[str, object] | None


@dataclass(frozen=True, slots=True)
class StoreChanged:
    """A durable store changed. `set`: the entry takes the place of what there is for its key; `add`: it is one more;
    `remove`: what there is for its key is gone; `evict`: the oldest entry of the store is gone; `clear`: all are."""

    change: Literal["set", "add", "remove", "evict", "clear"]
    entry: Entry


Effect: TypeAlias = (
    Send | Withdraw | Errand | Recall | Signal | SignalReply | Said | Noted | FlowEnded | Exit | Remember | StoreChanged
)
