"""Rows of clients under a load: what is measured, against what, and what is to be reached.

Belongs here: rows 1 to 4, 8 and 9, and the short form. Never here: how one measurement is made (`process`), rows
without a server (`growth`).

All clients of a row take turns, in a few rounds; what counts is the median of the ratios within the rounds, as the
machine may be another one a minute later. Libraries of other registries than PyPI are shown and decide nothing.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import peers
from benchmarks.process import Client, Score, fitting, measure
from benchmarks.stream import Kind, Load
from benchmarks.table import Row, ratio, thousands, times

DECIDING = "PyPI"
_RECIPE = "redirect.flow"
_ROUNDS = 3
_THEIRS = 200_000  # the most events that a library gets, and the most seconds that it has for them
_SECONDS = 2.5
_DEAF = 2.0
_MEMORY_EVENTS = 5_000_000
_ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class _Load:
    """A row of events a CPU second: how often ours must be as fast as the best of the libraries, and as the limit; and
    the number of the same with `outstanding: 16`."""

    number: str
    wide: str
    text: str
    every: int
    kind: Kind
    best: float
    limit: float


_FEW = (
    _Load("1a", "1c", "events/CPU s, 1 in 1,000 acted upon", 1000, "calls", 20.0, 0.6),
    _Load("1b", "1d", "events/CPU s, 1 in 100 acted upon", 100, "calls", 8.0, 0.3),
)
_ONE_NAME = _Load("2", "2b", "events/CPU s, all of one name, 99 % fail `where`", 100, "one-name", 5.0, 0.0)


class _Contest:
    """The libraries at one load, each with as many events as it does in a few seconds; rates round by round."""

    def __init__(self, libraries: Sequence[Client], load: Load) -> None:
        self._loads = [(one, fitting(one, load, _SECONDS)) for one in libraries]
        self._rates: dict[str, list[float]] = {one.name: [] for one in libraries}

    def round(self) -> None:
        """Each of them once; those that decide nothing take part in the first round only."""
        for one, load in self._loads:
            rates = self._rates[one.name]
            if one.registry == DECIDING or not rates:
                rates.append(_rate(one, load))

    def best(self, ours: Sequence[float]) -> float | None:
        """How many times as fast ours is as the fastest from PyPI."""
        theirs = [self._rates[one.name] for one, _ in self._loads if one.registry == DECIDING]
        fastest = [max(rates) for rates in zip(*theirs, strict=True)]
        return ratio(ours, fastest) if fastest else None

    def told(self, ours: Sequence[float]) -> str:
        return ", ".join(
            f"{one.name} {thousands(rates)} ({times(ratio(ours, rates))}{_fewer(load)})"
            for one, load in self._loads
            if (rates := self._rates[one.name])
        )


def few_acted_upon(libraries: Sequence[Client], count: int) -> Iterator[Row]:
    """Row 1: events a CPU second, of which few are acted upon."""
    for one in _FEW:
        yield from _throughput(libraries, count, one)


def one_name(libraries: Sequence[Client], count: int) -> Iterator[Row]:
    """Row 2: every event is of the name that a flow listens to."""
    yield from _throughput(libraries, count, _ONE_NAME)


def _throughput(libraries: Sequence[Client], count: int, row: _Load) -> Iterator[Row]:
    load = Load(count, row.every, row.kind)
    contest = _Contest(libraries, Load(_THEIRS, row.every, row.kind))
    forms = ((row.number, row.text, 1), (row.wide, f"{row.text}; `outstanding: 16`", 16))
    ours: dict[str, list[float]] = {number: [] for number, *_ in forms}
    most: list[float] = []
    for _ in range(_ROUNDS):
        for number, _, outstanding in forms:
            ours[number].append(_rate(peers.amiflow(_RECIPE, outstanding=outstanding), load))
        most.append(_rate(peers.limit(), load))
        contest.round()
    wanted = f">= {row.best:g} x best" + (f", >= {row.limit:g} x limit" if row.limit else "")
    for number, text, _ in forms:
        rates = ours[number]
        best, share = contest.best(rates), ratio(rates, most)
        found = f"{thousands(rates)}; limit {thousands(most)} ({times(share)}); {contest.told(rates) or 'no library'}"
        yield Row(number, text, found, wanted, _reached(best, row.best) and (share or 0.0) >= row.limit)


def cycles(libraries: Sequence[Client], count: int) -> Iterator[Row]:
    """Row 3: every event is acted upon. Beside the libraries, most of which have any number of actions under way, is
    the least that awaiting each answer can cost."""
    load = Load(count, 1, "one-name")
    contest = _Contest(libraries, load)
    quiet = ("--no-journal",)
    forms: tuple[tuple[str, str, tuple[str, ...], int, float], ...] = (
        ("3a", "with journal", (), 1, 1.0),
        ("3b", "without journal", quiet, 1, 2.0),
        ("3c", "with journal, `outstanding: 16`", (), 16, 1.0),
        ("3d", "without journal, `outstanding: 16`", quiet, 16, 2.0),
    )
    ours: dict[str, list[float]] = {number: [] for number, *_ in forms}
    bare: list[float] = []
    for _ in range(_ROUNDS):
        bare.append(_rate(peers.awaiting(), load))
        for number, _, more, outstanding, _ in forms:
            ours[number].append(_rate(peers.amiflow(_RECIPE, *more, outstanding=outstanding), load))
        contest.round()
    for number, text, _, _, least in forms:
        rates = ours[number]
        awaiting = f"awaiting limit {thousands(bare)} ({times(ratio(rates, bare))})"
        found = f"{thousands(rates)}; {awaiting}; {contest.told(rates) or 'no library'}"
        reached = _reached(contest.best(rates), least)
        yield Row(number, f"full cycles/CPU s, {text}", found, f">= {least:g} x best", reached)


def latency(libraries: Sequence[Client], seconds: int) -> Iterator[Row]:
    """Row 4: a thousand acted-upon events a second among two thousand others; also with a terminal that hangs."""
    load, rate = Load(3000 * seconds, 3, "calls"), 3000.0
    ours = measure(peers.amiflow(_RECIPE), load, rate)
    theirs = [(one, measure(one, load, rate)) for one in libraries]
    rivals = [score for one, score in theirs if one.registry == DECIDING]
    others = (_shown_latency(one.name, score) for one, score in theirs)
    found = "; ".join((_shown_latency("amiflow", ours), *others))
    yield Row("4", "latency at 1,000 actions/s, p50/p99", found, _WANTED, _is_quick(ours, rivals))
    held = measure(peers.amiflow(_RECIPE, "-v"), load, rate, deaf=_DEAF)
    text = f"the same with `-v`, to a pipe that nobody reads for {_DEAF:g} s"
    yield Row("4v", text, _shown_latency("amiflow", held), _WANTED, _is_quick(held, rivals))


_WANTED = "better than all; p99 < 5 x p50"


def _is_quick(ours: Score, rivals: Sequence[Score]) -> bool | None:
    p50, p99 = _latency(ours)
    better = all(p50 <= _latency(one)[0] and p99 <= _latency(one)[1] for one in rivals)
    return (better and p99 < 5 * p50) if rivals else None


def memory(count: int = _MEMORY_EVENTS) -> Row:
    """Row 8: resident memory, fresh and after many events."""
    early = measure(peers.amiflow(_RECIPE), Load(100_000, 1000))
    late = measure(peers.amiflow(_RECIPE), Load(count, 1000))
    fresh, after, end = early.memory[0], early.memory[1], late.memory[1]
    found = f"{fresh:.0f} MiB fresh, {after:.0f} after 100,000, {end:.0f} after {count:,} events"
    return Row("8", "memory", found, "< 45 MiB fresh, then no growth", fresh < 45 and end <= after * 1.05)


def received() -> Row:
    """Row 9: bytes that real servers send, by the test of that; where the servers are installed."""
    command = [sys.executable, "-m", "pytest", "-q", "-s", "tests/asterisk/test_pushdown.py"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=_ROOT)
    found = re.findall(r"Asterisk (\d+)\S*: \d+ of \d+ bytes, ([\d.]+%)", done.stdout)
    told = ", ".join(f"{share} on {version}" for version, share in found)
    reached = done.returncode == 0 if found else None
    return Row("9", "bytes from real Asterisk", told or _no_server(done.stdout), "< 12 % on 22, < 30 % on 16", reached)


def _no_server(output: str) -> str:
    said = [line for line in output.splitlines() if line.startswith(("E ", "ERROR", "SKIPPED"))]
    return f"not measured: {said[0].removeprefix('E ').strip() if said else 'no server'} (`make test-asterisk`)"


def counts(count: int) -> tuple[list[Row], bool]:
    """The short form: nothing lost, nothing twice, the same actions with everything sent and without a journal."""
    rows, whole = [], True
    for number, text, load, more in (
        ("1", "1 in 100 acted upon", Load(count, 100), ()),
        ("2", "all of one name", Load(count, 100, "one-name"), ()),
        ("3", "every event acted upon", Load(count // 20, 1, "one-name"), ()),
        ("3b", "the same without journal", Load(count // 20, 1, "one-name"), ("--no-journal",)),
        ("9", "everything sent", Load(count, 100), ("--no-pushdown",)),
    ):
        score = measure(peers.amiflow(_RECIPE, *more), load)
        whole = whole and score.whole and score.counts["expected"] == load.expected
        told = ", ".join(f"{word} {score.counts.get(word, '?')}" for word in ("expected", "lost", "twice", "wrong"))
        rate = f"{score.rate:,.0f} events/CPU s" if score.rate else "not measured"
        rows.append(Row(number, text, f"{told}; {rate}", "nothing lost, twice or wrong", score.whole))
    return rows, whole


def _rate(client: Client, load: Load) -> float:
    """Events a CPU second; a run that is not whole, as the machine was busy, is made once more."""
    return measure(client, load).rate or measure(client, load).rate or 0.0


def _reached(best: float | None, least: float) -> bool | None:
    return None if best is None else best >= least


def _fewer(load: Load) -> str:
    return "" if load.count >= 10_000 else f", {load.count:,} events"


def _latency(score: Score) -> tuple[float, float]:
    """Seconds; for ever where actions are missing."""
    never = float("inf")
    return (score.counts.get("p50", never), score.counts.get("p99", never)) if score.whole else (never, never)


def _shown_latency(name: str, score: Score) -> str:
    p50, p99 = _latency(score)
    if score.whole:
        return f"{name} {p50 * 1e6:,.0f}/{p99 * 1e6:,.0f} us"
    return f"{name} did not keep up ({score.counts.get('lost', '?')} of {score.load.expected:,} not done)"
