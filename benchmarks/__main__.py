"""`python -m benchmarks` prints the table, or only the rows that are named (`python -m benchmarks 3 7`); with `--short`
the form that CI runs, which asserts only counts.

Belongs here: which rows, in which order, and the table. Never here: a measurement.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from benchmarks import growth, peers, rows
from benchmarks.process import Client
from benchmarks.table import HEAD, Row

_Rows: TypeAlias = Callable[[Sequence[Client]], Iterable[Row]]

_EVENTS, _CYCLES, _SECONDS, _SHORT = 1_000_000, 10_000, 10, 20_000

_BESIDE_OTHERS = ("1", "2", "3", "4")
_ALL: Mapping[str, _Rows] = {
    "1": lambda libraries: rows.few_acted_upon(libraries, _EVENTS),
    "2": lambda libraries: rows.one_name(libraries, _EVENTS),
    "3": lambda libraries: rows.cycles(libraries, _CYCLES),
    "4": lambda libraries: rows.latency(libraries, _SECONDS),
    "5": lambda _: [growth.listening()],
    "6": lambda _: [growth.waiting()],
    "7": lambda _: [growth.timers()],
    "8": lambda _: [rows.memory()],
    "9": lambda _: [rows.received()],
    "10": lambda _: [growth.starting()],
    "11": lambda _: [growth.compiling()],
    "12": lambda _: [growth.testing()],
}


def main(words: Sequence[str]) -> int:
    """0, or 1 where the short form found an action lost, sent twice or wrong; 2 for what is no row."""
    if list(words) == ["--short"]:
        found, whole = rows.counts(_SHORT)
        _print(found)
        return 0 if whole else 1
    if unknown := [word for word in words if word not in _ALL]:
        print(f"no such row: {', '.join(unknown)}; there are {', '.join(_ALL)}, and --short", file=sys.stderr)
        return 2
    asked = words or list(_ALL)
    libraries, missing = peers.libraries() if set(asked) & set(_BESIDE_OTHERS) else ([], [])
    _print(_rows(asked, libraries))
    print("\namiflow runs as users run it, with journal and log as by default; only the caps (`max`) are lifted.")
    for text in missing:
        print(f"Not measured: {text}")
    return 0


def _rows(asked: Iterable[str], libraries: Sequence[Client]) -> Iterator[Row]:
    """Each is measured when it is asked for."""
    for number in asked:
        yield from _ALL[number](libraries)


def _print(found: Iterable[Row]) -> None:
    print(HEAD)
    for row in found:
        print(row, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
