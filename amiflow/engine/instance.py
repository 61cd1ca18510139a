"""A running flow as data: its position, its names, its place on the tape, and what it waits for.

Belongs here: what there is to know of one run of a flow. Everything can be written down: no generator, no closure; the
timers and listeners follow from the rest. Never here: what a step does (`steps`, `tape`, `actions`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from amiflow.ami.message import Message
from amiflow.engine.dispatch import Listener
from amiflow.engine.effects import Outcome, Request
from amiflow.engine.lookback import binds
from amiflow.engine.ours import Line
from amiflow.engine.program import Program
from amiflow.engine.server import Server
from amiflow.engine.timers import Timer
from amiflow.engine.values import Failure, Value
from amiflow.plan.expressions import Local
from amiflow.plan.model import (
    Act,
    Again,
    Await,
    Code,
    Enter,
    Errand,
    Fork,
    ForkEach,
    Instruction,
    Jump,
    JumpUnless,
    Next,
    Set,
    Take,
    WaitUntil,
)
from amiflow.report.source import Span

BEGAN = " began"
"""How the hidden names end that hold a moment, in monotonic seconds: that at which a round of a `repeat` began."""
State: TypeAlias = Literal["queued", "running", "final", "ended"]
Phase: TypeAlias = Literal["limited", "held", "handed", "sent", "called", "between"]


@dataclass(slots=True)
class Pausing:
    """In `wait 5s`, between the rounds of a `repeat`, or (without a timer) letting others in during a long loop."""

    timer: Timer | None


@dataclass(slots=True)
class Awaiting:
    """In a wait for events, since `since` and for `within` seconds: what was taken for each entry, and the number that
    the last taken has on the tape."""

    step: Await
    within: float
    since: float
    timer: Timer
    listeners: list[Listener]
    taken: list[Message | None]
    last: int


@dataclass(slots=True)
class Acting:
    """In an action. `limited`: waits for its turn in a `limit`; `held`: waits for the connection; `handed`: the
    connection has it; `sent`: on the wire; `called`: queued by the server, its OriginateResponse is to come; `between`:
    before the next attempt.

    `attempts` are those left after this one; `moves` says that its sending is to be the flow's place on the tape. Of an
    awaited call `dial` is none until it is dialled, empty while it is, then the DialStatus; `refusal` is its failure
    where only the DialEnd says why.
    """

    step: Act
    headers: tuple[tuple[str, str], ...]
    within: float
    attempts: int
    every: float
    phase: Phase = "held"
    since: float = 0.0
    until: float = 0.0
    timer: Timer | None = None
    action_id: str = ""
    channel_id: str = ""
    moves: bool = False
    dial: str | None = None
    refusal: Failure | None = None


@dataclass(slots=True)
class Holding:
    """In `wait until`, since `since` and for `within` seconds. `reads` are the things whose change has it tested, each
    with its server or none; `expiry` is when something that it reads ends by itself."""

    step: WaitUntil
    within: float
    since: float
    timer: Timer
    reads: tuple[tuple[str, str], ...]
    expiry: Timer | None = None


@dataclass(slots=True)
class Queueing:
    """In the queue for a slot of a pool, for `within` seconds."""

    step: Take
    within: float
    timer: Timer


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot that a flow has while its position is from `first` up to `end`."""

    pool: str
    first: int
    end: int

    def holds(self, position: int) -> bool:
        """Whether the position is within the block."""
        return self.first <= position < self.end


@dataclass(slots=True)
class OnErrand:
    """Awaiting an errand, or (`between`) its next attempt; `attempts` are those left after this one."""

    step: Errand
    request: Request
    within: float
    attempts: int
    every: float
    between: bool = False
    timer: Timer | None = None
    errand_id: str = ""


@dataclass(slots=True)
class Forked:
    """In parallel branches: those that run, and those that are still to begin, each with its position and its own
    names. `place` and `movable` are those of the branch that got furthest on the tape."""

    done: int
    most: int
    waiting: deque[tuple[int, dict[str, Value]]]
    place: int
    movable: bool
    running: list[Instance] = field(default_factory=list)


Block: TypeAlias = Pausing | Awaiting | Holding | Acting | Queueing | OnErrand | Forked


@dataclass(slots=True)
class Ending:
    """How a run ended, kept while its finally runs."""

    outcome: Outcome
    failure: str | None = None
    span: Span | None = None
    result: Value = None
    calls: tuple[Span, ...] = ()


@dataclass(slots=True, eq=False)
class Instance:
    """One run of a flow on one server. `position` counts within the body, or within the finally once `state` is final.

    `place` is the number, on the server's tape, of the last event that is past; `movable`: the next action that does
    more than read moves it; `kept` are later events that a later wait may want; `dropped` is the last that found no
    room among them. A parallel branch is an instance too, with the `id` of the run and its `parent`. `line` are the
    flows that led here, this one last, where the run itself brought that about. `token` is what the run is called over
    all restarts of amiflow; `written`: something is written down of it.
    """

    id: int
    program: Program
    server: Server
    key: tuple[Value, ...] | None
    names: dict[str, Value]
    place: int
    cause: Message | None
    state: State = "queued"
    position: int = 0
    movable: bool = True
    kept: list[tuple[int, Message]] | None = None
    dropped: int = 0
    block: Block | None = None
    keepers: tuple[Listener, ...] = ()
    until: Listener | None = None
    lifetime: Timer | None = None
    started: float = 0.0
    spent: int = 0
    trouble: tuple[Failure, Span, *tuple[Span, ...]] | None = None
    """What failed and where; of a branch also the calls of tasks that it was in, the innermost first."""
    ending: Ending | None = None
    slots: tuple[Slot, ...] = ()
    parent: Instance | None = None
    line: Line = ()
    diverted: bool = False
    """Whether it stands where it does because a step failed and an `or` took over."""
    token: str = ""
    written: bool = False

    @property
    def code(self) -> Literal["body", "final"]:
        """Which half that is."""
        return "final" if self.state == "final" else "body"

    @property
    def alive(self) -> bool:
        """Whether its body still runs, or is to run."""
        return self.state in ("queued", "running")

    def break_off(
        self, step: Act | Await | Errand | WaitUntil | Take, failure: Failure, span: Span | None = None
    ) -> None:
        """The step failed (at that span of it): go on where its `or` says, its names none; or be in trouble, which ends
        the flow."""
        for name in binds(step):
            self.names[name] = None
        handler = step.handler
        if handler is None:
            self.trouble = (failure, span or step.span)
            return
        self.position, self.diverted = handler.target, True
        if handler.error is not None:
            self.names[handler.error] = failure

    @property
    def root(self) -> Instance:
        """The run that a branch belongs to; of others themselves."""
        return self if self.parent is None else self.parent.root

    @property
    def own_line(self) -> Line:
        """The line that what this run does goes on with."""
        if self.parent is not None:
            return self.parent.own_line
        return self.line or ((self.program.flow.name, self.started),)

    def strands(self) -> Iterator[Instance]:
        """The run itself, and the branches that run, with theirs."""
        yield self
        if isinstance(self.block, Forked):
            for branch in self.block.running:
                yield from branch.strands()

    def values(self) -> Iterator[Value]:
        """What its names hold, and those of its branches."""
        for strand in self.strands():
            yield from strand.names.values()

    def escape(self) -> Enter | None:
        """In trouble within a task whose call has an `or`: go on there, where there is one in the same branch."""
        first = self.parent.position + 1 if self.parent is not None else 0
        guard = self.program.guard(self.code, self.position, first)
        if guard is None or self.trouble is None:
            return None
        enter, handler = guard
        if enter.into is not None:
            self.names[enter.into] = None
        if handler.error is not None:
            self.names[handler.error] = self.trouble[0]
        self.position, self.trouble = handler.target, None
        return enter

    @property
    def instructions(self) -> Code:
        """The half of the flow's code that `position` counts in."""
        return self.program.flow.final if self.state == "final" else self.program.flow.body

    def pass_over(self) -> None:
        """In a finally: go on behind the step that it stands at, which failed. A `let` has given its name no value
        then, whatever the round before gave it; what a `set` was to change stays as it is."""
        step, flow = self.step(), self.program.flow
        if isinstance(step, Set):
            setting = [one for one in (*flow.body, *flow.final) if isinstance(one, Set) and one.name == step.name]
            if len(setting) == 1:
                self.names[step.name] = None
        self.position = self._behind

    @property
    def _behind(self) -> int:
        """Where the step after the one that it stands at begins, whatever that one leads to."""
        match self.step():
            case JumpUnless(done=done) | Next(done=done) | Again(done=done) | Fork(done=done) | ForkEach(done=done):
                return done
            case Take(end=end):
                return end
            case Set(name=name):
                return self._behind_set(name)
            case Await(timeout_target=int() as after):
                # Each branch of a `wait any` but the last, which is its `after`, ends with a jump behind them all.
                jump = self.instructions[after - 1]
                return jump.target if isinstance(jump, Jump) else after
        return self.position + 1

    def _behind_set(self, name: str) -> int:
        """Without what it goes through or how often, a loop is over; without an argument, a task."""
        for head in self.instructions[self.position + 1 : self.position + 3]:
            match head:
                case Next(items=hidden) | ForkEach(items=hidden) | Again(times=Local(name=hidden)) if hidden == name:
                    return head.done
        task = next(self.program.calls(self.code, self.position), None)
        if task is not None and self.position < task.begin:
            # What stands before its end says that it returned nothing, where somebody wants to know.
            return task.end if task.into is None else task.end - 1
        return self.position + 1

    def step(self) -> Instruction | None:
        """The step that it stands at; none past the end of the code."""
        code = self.instructions
        return code[self.position] if self.position < len(code) else None
