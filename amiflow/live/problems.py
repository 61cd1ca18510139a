"""What ends a run with exit status 2: trouble with the environment, and what is wrong with what was given.

Belongs here: the two exceptions, and the shape of their words. Never here: the recipe's own mistakes, which are the
compiler's to tell.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from amiflow.report.diagnostic import Diagnostic, Label, Severity
from amiflow.report.source import Source, Span
from amiflow.report.suggest import near

_FEW = 30


class Trouble(Exception):
    """Something outside amiflow is not as it must be: a file, a server, an account. `help` is one thing to do."""

    def __init__(self, text: str, help: str | None = None) -> None:
        super().__init__(text)
        self.help = help


class Refused(Exception):
    """The configuration or the parameters are wrong, as the diagnostics say; `sources` are what they point into."""

    def __init__(self, diagnostics: Sequence[Diagnostic], sources: Mapping[str, Source]) -> None:
        super().__init__("; ".join(one.headline for one in diagnostics))
        self.diagnostics = diagnostics
        self.sources = sources


def problem(
    code: str, headline: str, span: Span, label: str, help: str | None = None, severity: Severity = "error"
) -> Diagnostic:
    """A diagnostic with one label."""
    return Diagnostic(code, severity, headline, Label(span, label, primary=True), help=help)


def nearest(word: str, known: Collection[str]) -> str | None:
    """The help of an unknown word: what is near, else what there is, if that is not too much to be read."""
    close = near(word, sorted(known))
    if close:
        return "did you mean " + " or ".join(f"`{one}`" for one in close) + "?"
    if not 0 < len(known) <= _FEW:
        return None
    return "there is " + ", ".join(f"`{one}`" for one in sorted(known))
