"""`python -m benchmarks` prints the table; with `--short` the form that CI runs, which asserts only counts.

Belongs here: which rows, in which order, and the table. Never here: a measurement.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence

from benchmarks import peers, rows
from benchmarks.process import Client
from benchmarks.rows import Row

_EVENTS, _CYCLES, _SECONDS, _SHORT = 1_000_000, 10_000, 10, 20_000


def main() -> int:
    """0, or 1 where the short form found an action lost, sent twice or wrong."""
    if "--short" in sys.argv[1:]:
        found, whole = rows.counts(_SHORT)
        _print(found)
        return 0 if whole else 1
    libraries, missing = peers.libraries()
    _print(_all(libraries))
    print("\namiflow runs as users run it, with journal and log as by default; only the caps (`max`) are lifted.")
    for text in missing:
        print(f"Not measured: {text}")
    return 0


def _all(libraries: Sequence[Client]) -> Iterator[Row]:
    """All rows, each measured when it is asked for."""
    yield from rows.throughput(libraries, _EVENTS)
    yield from rows.cycles(libraries, _CYCLES)
    yield rows.latency(libraries, _SECONDS)
    yield from rows.growth()
    yield rows.memory()
    yield Row("9", "bytes from real Asterisk", "`tests/asterisk/test_pushdown.py`", "< 12 % on 22, < 30 % on 16", None)
    yield from rows.commands()


def _print(found: Iterable[Row]) -> None:
    print("| # | measure | found | to be reached | reached |\n|---|---|---|---|---|")
    for row in found:
        reached = "-" if row.reached is None else "yes" if row.reached else "no"
        print(f"| {row.number} | {row.measure} | {row.found} | {row.wanted} | {reached} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
