"""Trouble with the environment: the exception that ends a run with exit status 2.

Belongs here: that one class. Never here: the user's mistakes in a recipe or a configuration, which are diagnostics.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from amiflow.report.diagnostic import Diagnostic
from amiflow.report.source import Source


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
