"""Recipes and stored plans as plans.

Belongs here: which of the two a file is. Never here: the compiler, which is imported only when there is something to
compile, so that a stored plan runs without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from amiflow.cli.files import STORED, read
from amiflow.cli.terminal import show
from amiflow.live.problems import Trouble
from amiflow.plan.model import Plan
from amiflow.plan.store import StoreError, load
from amiflow.report.data import dataclass
from amiflow.report.diagnostic import Diagnostic
from amiflow.report.source import Source


class Faulty(Exception):
    """Recipes have errors, which have been told."""


Tell: TypeAlias = Callable[[Iterable[Diagnostic], Mapping[str, Source]], None]
"""Takes diagnostics, with the sources that they point into."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A plan, and the path that it came from."""

    path: str
    plan: Plan


def plans(paths: Iterable[str], tell: Tell = show) -> list[Loaded]:
    """The plans of recipes and stored plans (`*.json`). Raises Trouble, and Faulty once all errors are told."""
    loaded = [stored(path) if path.endswith(STORED) else _compiled(path, tell) for path in dict.fromkeys(paths)]
    good = [one for one in loaded if one is not None]
    if len(good) < len(loaded):
        raise Faulty
    return good


def stored(path: str) -> Loaded:
    """A stored plan. Raises Trouble where it is none that can be run."""
    try:
        return Loaded(path, load(read(path)))
    except StoreError as error:
        raise Trouble(f"{path}: {error}") from None


def _compiled(path: str, tell: Tell) -> Loaded | None:
    # The compiler is heavy (Lark alone takes a tenth of a second), and a stored plan must run without it.
    from amiflow.cli.compiling import compile_file

    compiled = compile_file(path)
    tell(compiled.diagnostics, compiled.sources)
    return Loaded(path, compiled.plan) if compiled.plan else None
