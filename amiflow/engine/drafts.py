"""Actions made ready to be sent: what stays the same for the whole run is written once, the rest for each action.

Belongs here: the headers of an `Act` step, and how long and how often it is tried. Never here: what becomes of the
action (`actions`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from amiflow.ami.codec import header_line
from amiflow.ami.errors import LocalError
from amiflow.engine.core import Core
from amiflow.engine.evaluate import EvaluationError, Frame
from amiflow.engine.instance import Acting, Instance
from amiflow.engine.originate import Headers, default_within
from amiflow.engine.values import write
from amiflow.plan.expressions import Const, Global, Join
from amiflow.plan.model import Act, HeaderValue
from amiflow.report.source import Span

_WITHIN = 5.0  # seconds, where the step says nothing
_SHORT = 200  # characters that fit into a line whatever they are, behind a name that is as short

_Part: TypeAlias = Headers | Callable[[Frame], Headers]
"""Headers that stay the same, or how one that does not is written."""


class Drafts:
    """The `Act` steps of a machine, each made ready when it is first come to."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._parts: dict[int, tuple[_Part, ...]] = {}

    def prepare(self, instance: Instance, step: Act) -> Acting:
        """The action with its headers as they are now. Raises EvaluationError."""
        core, frame = self._core, self._core.frame(instance.names, instance.server)
        if instance.state == "final":
            self._check_present(step, frame)
        headers: list[tuple[str, str]] = []
        for part in self._parts.get(id(step)) or self._ready(step, frame):
            headers += part if isinstance(part, tuple) else part(frame)
        if step.within is not None:
            within = core.seconds(step.within, frame)
        else:
            within = default_within(tuple(headers)) if step.awaits_call else _WITHIN
        if step.retry is None:
            return Acting(step, tuple(headers), within, 0, 0.0)
        return Acting(
            step, tuple(headers), within, core.count(step.retry.times, frame), core.seconds(step.retry.every, frame)
        )

    def _check_present(self, step: Act, frame: Frame) -> None:
        """A step of the finally may have failed that was to give a value: it would be sent as nothing, or as `-`."""
        for header in step.headers:
            for part in header.value.parts if isinstance(header.value, Join) else (header.value,):
                if self._core.evaluator(part)(frame) is None:
                    raise EvaluationError(f"there is no value for `{header.name}`", part.span)

    def _ready(self, step: Act, frame: Frame) -> tuple[_Part, ...]:
        """The step's parts, for as long as the plan holds it. Raises EvaluationError."""
        parts: list[_Part] = []
        for header in step.headers:
            writer = self._writer(header)
            fixed = isinstance(header.value, Const | Global)
            last = parts[-1] if parts else None
            if fixed and isinstance(last, tuple):
                parts[-1] = last + writer(frame)
            else:
                parts.append(writer(frame) if fixed else writer)
        made = self._parts[id(step)] = tuple(parts)
        return made

    def _writer(self, header: HeaderValue) -> Callable[[Frame], Headers]:
        """What writes the header, once for each value of a list. It and what it gives raise EvaluationError."""
        evaluate, name, coding, span = self._core.evaluator(header.value), header.name, header.coding, header.span
        _check(name, "", span)
        short = _SHORT if len(name) <= _SHORT else 0

        def written(frame: Frame) -> Headers:
            value = evaluate(frame)
            if isinstance(value, str) and len(value) < short and value.isprintable():
                return ((name, value),)
            text = write(value, coding)
            texts = text if isinstance(text, tuple) else (text,)
            for one in texts:
                _check(name, one, span)
            return tuple([(name, one) for one in texts])

        return written


def _check(name: str, text: str, span: Span) -> None:
    """Say at once, and where, that a header cannot be sent; the session would refuse it too."""
    try:
        header_line(name, text)
    except LocalError as error:
        raise EvaluationError(str(error), span) from error
