"""The table of faults that a run of the tests prints: what was injected, what survived, what was lost or done twice.

What belongs here: rows from the tests to the summary, also from pytest-xdist's workers. What never does: faults.
`tests/conftest.py` takes over `faults` and `pytest_terminal_summary`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, TypeAlias

import pytest

_MARK = "fault"
_HEAD = ("fault", "injected", "survived", "actions lost", "actions twice")
Told: TypeAlias = Callable[..., None]


@pytest.fixture
def faults(record_property: Callable[[str, object], None]) -> Told:
    """Puts a row into the table; rows of one name are added up."""

    def tell(name: str, *, injected: int = 1, survived: int, lost: int = 0, twice: int = 0) -> None:
        record_property(_MARK, (name, injected, survived, lost, twice))

    return tell


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the table, where any test has put a row into it."""
    rows: dict[str, list[int]] = {}
    for report in chain.from_iterable(terminalreporter.stats.values()):
        if getattr(report, "when", "") == "call":
            for name, *numbers in (told for key, told in report.user_properties if key == _MARK):
                rows[name] = [one + more for one, more in zip(rows.get(name, [0] * 4), numbers, strict=True)]
    if rows:
        terminalreporter.section("faults")
        terminalreporter.write_line(table(rows))


def table(rows: dict[str, list[int]]) -> str:
    """The table in Markdown, a row for each fault, in the order of their names."""
    cells = [_HEAD, *((name, *map(str, rows[name])) for name in sorted(rows))]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["| " + " | ".join(_aligned(row, widths)) + " |" for row in cells]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def _aligned(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [row[0].ljust(widths[0]), *(one.rjust(width) for one, width in zip(row[1:], widths[1:], strict=True))]
