"""What can be asked of a run from outside, and the way to the loop and back.

Belongs here: the questions, the answer, and the box in which they lie until the loop looks. Never here: sockets
(`control`, `http_port`), or what a question means (`desk`).

Whoever asks does so in a thread of its own and waits there; the loop is woken, takes what lies in the box, and answers
at once or later.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["done", "unknown", "wrong", "idle", "failed", "stopped", "late", "over"]
"""How a question was met: as asked (`done`), there is no such thing (`unknown`), it is not well put (`wrong`), it
changed nothing (`idle`), what it began `failed` or was `stopped`, no answer came in time (`late`), the run is `over`.
"""


@dataclass(frozen=True, slots=True)
class GiveSignal:
    """A signal for the flows that take it; the answer is what the first of them to end returns."""

    name: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TellStatus:
    """What the run is doing."""


@dataclass(frozen=True, slots=True)
class TellHealth:
    """Whether the run is alive, and ready for all that it is for."""


@dataclass(frozen=True, slots=True)
class TellFigures:
    """What it is doing, with how long things take."""


@dataclass(frozen=True, slots=True)
class PauseFlows:
    """Let no run of this flow begin, or with none of any flow."""

    flow: str | None


@dataclass(frozen=True, slots=True)
class ResumeFlows:
    """The opposite."""

    flow: str | None


@dataclass(frozen=True, slots=True)
class StopFlow:
    """End the runs of a flow, or only one of them."""

    flow: str
    instance: int | None


@dataclass(frozen=True, slots=True)
class Reload:
    """Read recipes, params and tables again."""


Request: TypeAlias = GiveSignal | TellStatus | TellHealth | TellFigures | PauseFlows | ResumeFlows | StopFlow | Reload


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes back: a value that JSON can hold, or what kept it from being had."""

    value: object = None
    failure: str | None = None
    kind: Kind = "done"


_OVER = Answer(None, "the run has ended", "over")


@dataclass(frozen=True, slots=True, eq=False)
class Ticket:
    """A question that waits for its answer; `number` names it."""

    number: str
    request: Request
    _answer: queue.SimpleQueue[Answer] = field(default_factory=queue.SimpleQueue)

    def answer(self, answer: Answer) -> None:
        """Whoever asked goes on. Only the first answer counts."""
        self._answer.put(answer)

    def wait(self, patience: float) -> Answer:
        """The answer, as soon as it is there."""
        try:
            return self._answer.get(timeout=patience)
        except queue.Empty:
            return Answer(None, f"no answer came within {patience:g} s", "late")


class Mailbox:
    """The box; `poke` wakes the loop."""

    def __init__(self, poke: Callable[[], None]) -> None:
        self._poke = poke
        self._fresh: queue.SimpleQueue[Ticket] = queue.SimpleQueue()
        self._open: dict[str, Ticket] = {}
        self._numbers: Iterator[int] = iter(range(1, 1 << 62))
        self._closed = False

    def ask(self, request: Request, patience: float) -> Answer:
        """The answer of the loop. To be called from any other thread."""
        ticket = Ticket(f"s{next(self._numbers)}", request)
        self._open[ticket.number] = ticket
        self._fresh.put(ticket)
        if self._closed:
            return _OVER
        self._poke()
        try:
            return ticket.wait(patience)
        finally:
            self._open.pop(ticket.number, None)

    def leave(self, request: Request) -> None:
        """Have it done; nobody waits for the answer."""
        self._fresh.put(Ticket(f"s{next(self._numbers)}", request))
        self._poke()

    def take(self) -> Iterator[Ticket]:
        """What was asked since the last time; for the loop."""
        while not self._fresh.empty():
            yield self._fresh.get()

    def close(self) -> None:
        """The run is over: nobody waits any longer."""
        self._closed = True
        for ticket in list(self._open.values()):
            ticket.answer(_OVER)
