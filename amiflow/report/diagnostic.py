"""A diagnostic as a value: what is wrong, where, why, and what to do.

Belongs here: the shape and its order. Never: a kind's rule and examples (`codes`), wording (each phase's own module),
or drawing (`render`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from amiflow.report.data import dataclass
from amiflow.report.source import Span

Severity = Literal["error", "warning"]
Sure = Literal["safe", "likely"]


@dataclass(frozen=True, slots=True)
class Label:
    """A few words under a piece of source. The primary one says what is wrong, a secondary one why."""

    span: Span
    text: str
    primary: bool = False


@dataclass(frozen=True, slots=True)
class Edit:
    """A replacement of `span`; `safe` ones are applied by `--fix`, `likely` ones only shown."""

    span: Span
    replacement: str
    sure: Sure


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One mistake. `code` is a row of `codes.CODES`; `headline` is one fact, lower case, without a full stop."""

    code: str
    severity: Severity
    headline: str
    primary: Label
    secondary: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    help: str | None = None
    edit: Edit | None = None

    @property
    def span(self) -> Span:
        """Where the mistake is."""
        return self.primary.span


def ordered(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """By source, then place, then kind: the same findings print the same way, whichever phase came first."""
    return sorted(diagnostics, key=lambda one: (one.span.path, one.span.start, one.span.end, one.code, one.headline))
