"""What came of a recipe's test: what the flows did, what was expected of it, and the report on both.

Belongs here: the items that expectations are compared with, in their order, and all wording of a failing test. Never
here: running a test (`testing`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from amiflow.engine.cover import Way
from amiflow.engine.effects import AppendRequest, ExecRequest, HttpRequest, Level, Outcome, Request, Signal
from amiflow.engine.values import to_text
from amiflow.plan.testmodel import Test
from amiflow.report.diagnostic import Diagnostic, Label
from amiflow.report.source import Source, Span

Headers = tuple[tuple[str, str], ...]

_LONGEST = 12  # lines of what came instead


@dataclass(slots=True)
class Sent:
    """An action that was sent."""

    headers: Headers
    used: bool = False

    @property
    def action(self) -> str:
        """Its name."""
        return self.headers[0][1]

    def __str__(self) -> str:
        return action_text(self.action, self.headers[1:])


@dataclass(slots=True)
class Logged:
    """A `log` step."""

    level: Level
    text: str
    used: bool = False

    def __str__(self) -> str:
        return f'log {self.level} "{self.text}"'


@dataclass(slots=True)
class Ended:
    """The end of a run of a flow."""

    flow: str
    outcome: Outcome
    failure: str | None
    used: bool = False

    def __str__(self) -> str:
        return f"flow {self.flow} {self.outcome}" + (f": {self.failure}" if self.failure else "")


@dataclass(slots=True)
class Did:
    """Something done outside of the PBX: an errand, or a signal that was sent."""

    what: Request | Signal
    used: bool = False

    def __str__(self) -> str:
        match self.what:
            case Signal(name=name, fields=fields):
                return f"signal {name} {to_text(dict(fields))}"
            case HttpRequest(method=method, url=url, body=body):
                return f'http {method} "{url}"' + (f" {body}" if body else "")
            case ExecRequest(argv=argv):
                return f"exec {json.dumps(argv)}"
            case AppendRequest(path=path, line=line):
                return f'append "{path}" {line.strip()}'


@dataclass(slots=True)
class Returned:
    """What a flow replied to a signal."""

    value: object
    failure: str | None
    used: bool = False

    def __str__(self) -> str:
        return f"return {to_text(self.value)}" if self.failure is None else f"no reply: {self.failure}"


Item = Sent | Logged | Ended | Did | Returned


@dataclass(frozen=True, slots=True)
class Traced:
    """One thing that happened: when (seconds from the test's beginning), to which run of a flow, and where in the
    recipe."""

    time: float
    run: str
    text: str
    span: Span | None


class Unmet(Exception):
    """An expectation that was not met, or a step of a test that cannot be done."""

    def __init__(self, span: Span, headline: str, label: str, came: Iterable[str] = ()) -> None:
        super().__init__(headline)
        self.span = span
        self.headline = headline
        self.label = label
        self.came = tuple(came)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one test. `ways` are the steps that its flows reached and the ways that they took from them."""

    test: Test
    unmet: Unmet | None
    trace: tuple[Traced, ...]
    ways: frozenset[tuple[Span, Way]] = field(repr=False)

    @property
    def passed(self) -> bool:
        """Whether every expectation was met."""
        return self.unmet is None

    def diagnostic(self) -> Diagnostic | None:
        """Why it failed, for `report.render`."""
        if self.unmet is None:
            return None
        came = self.unmet.came
        cut = (*came[:_LONGEST], f"... and {len(came) - _LONGEST} more") if len(came) > _LONGEST else came
        notes = ("came instead: " + "\n".join(cut),) if cut else ("nothing came",)
        label = Label(self.unmet.span, self.unmet.label, True)
        name = Label(self.test.span, f"test {self.test.name!r}")
        secondary = () if name.span == label.span else (Label(name.span.head(), "in this test"),)
        return Diagnostic("test-failed", "error", self.unmet.headline, label, secondary, notes)

    def trace_text(self, sources: Iterable[Source]) -> str:
        """The test's story, one line for each thing that happened, with the recipe's lines."""
        by_path = {source.path: source for source in sources}
        return "".join(f"{_trace_line(traced, by_path)}\n" for traced in self.trace)


def _trace_line(traced: Traced, sources: dict[str, Source]) -> str:
    source = sources.get(traced.span.path) if traced.span is not None else None
    where = (
        f"  (line {source.position(traced.span.start)[0]})" if source is not None and traced.span is not None else ""
    )
    run = f"{traced.run}: " if traced.run else ""
    return f"{traced.time:9.3f}s  {run}{traced.text}{where}"


def action_text(action: str, headers: Headers) -> str:
    """An action as a recipe writes it."""
    inner = " ".join(f'{name}: "{value}"' for name, value in headers)
    return f"{action} {{ {inner} }}" if inner else action
