"""The rows of the table: what is measured, against what, and what is to be reached.

Belongs here: one function a row. Never here: how a measurement is made (`process`, `inside`).
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from amiflow.cli.compiling import grammar
from benchmarks import inside, peers
from benchmarks.process import Client, Score, measure
from benchmarks.stream import Kind, Load

_RECIPE = "redirect.flow"
_MEMORY_EVENTS = 5_000_000


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table; `reached` is none where it could not be measured."""

    number: str
    measure: str
    found: str
    wanted: str
    reached: bool | None


def throughput(libraries: Sequence[Client], count: int) -> Iterator[Row]:
    """Rows 1 and 2: events a CPU second, of which few are acted upon."""
    loads: tuple[tuple[str, str, int, Kind, float, float], ...] = (
        ("1a", "events/CPU s, 1 in 1,000 acted upon", 1000, "calls", 20.0, 0.6),
        ("1b", "events/CPU s, 1 in 100 acted upon", 100, "calls", 8.0, 0.3),
        ("2", "events/CPU s, all of one name, 99 % fail `where`", 100, "one-name", 5.0, 0.0),
    )
    for one in loads:
        yield _throughput(libraries, count, *one)


def _throughput(
    libraries: Sequence[Client], count: int, number: str, text: str, every: int, kind: Kind, least: float, share: float
) -> Row:
    ours = _rate(measure(peers.amiflow(_RECIPE), Load(count, every, kind)))
    limit = _rate(measure(peers.limit(), Load(count, every, kind)))
    theirs = {one.name: _rate(measure(one, Load(count // 50, every, kind))) for one in libraries}
    best = max(theirs.values(), default=0.0)
    found = f"{_k(ours)}; limit {_k(limit)} ({_ratio(ours, limit)}); " + _others(ours, theirs)
    wanted = f">= {least:g} x best" + (f", >= {share:g} x limit" if share else "")
    return Row(number, text, found, wanted, ours >= least * best and ours >= share * limit if best else None)


def cycles(libraries: Sequence[Client], count: int) -> list[Row]:
    """Row 3: every event is acted upon."""
    load = Load(count, 1, "one-name")
    theirs = {one.name: _rate(measure(one, Load(count // 2, 1, "one-name"))) for one in libraries}
    best = max(theirs.values(), default=0.0)
    rows = []
    for letter, more, least in (("a", (), 1.0), ("b", ("--no-journal",), 2.0)):
        ours = _rate(measure(peers.amiflow(_RECIPE, *more), load))
        text = "full cycles/CPU s, " + ("without journal" if more else "with journal")
        reached = ours >= least * best if best else None
        rows.append(Row(f"3{letter}", text, f"{_k(ours)}; {_others(ours, theirs)}", f">= {least:g} x best", reached))
    return rows


def latency(libraries: Sequence[Client], seconds: int) -> Row:
    """Row 4: a thousand acted-upon events a second among two thousand others."""
    load, rate = Load(3000 * seconds, 3, "calls"), 3000.0
    ours = measure(peers.amiflow(_RECIPE), load, rate)
    theirs = {one.name: measure(one, load, rate) for one in libraries}
    p50, p99 = _latency(ours)
    found = "; ".join([_shown_latency("amiflow", ours), *(_shown_latency(*one) for one in theirs.items())])
    better = all(p50 <= _latency(one)[0] and p99 <= _latency(one)[1] for one in theirs.values())
    return Row("4", "latency at 1,000 actions/s", found, "better than all; p99 < 5 x p50", better and p99 < 5 * p50)


def growth() -> list[Row]:
    """Rows 5 to 7: what does not grow with the number of flows, of waiting flows, of timers."""
    flows = {number: inside.listening(number) for number in (1, 100, 10_000)}
    waits = {number: inside.waiting(number) for number in (10, 1_000, 100_000)}
    timers = {number: inside.timers(number) for number in (1_000, 1_000_000)}
    size = waits[100_000][1]
    waited = {number: cost for number, (cost, _) in waits.items()}
    return [
        Row("5", "cost/event, flows on other values", _growth(flows), "flat within 1.5 x", _spread(flows) <= 1.5),
        Row(
            "6",
            "cost/event, flows waiting; memory of each",
            f"{_growth(waited)}; {size:,.0f} bytes",
            "flat within 1.5 x, < 2 KB",
            _spread(waited) <= 1.5 and size < 2048,
        ),
        Row("7", "cost/timer, set and fired", _growth(timers), "flat within 2 x", _spread(timers) <= 2.0),
    ]


def memory(count: int = _MEMORY_EVENTS) -> Row:
    """Row 8: resident memory, fresh and after many events."""
    early = measure(peers.amiflow(_RECIPE), Load(100_000, 1000))
    late = measure(peers.amiflow(_RECIPE), Load(count, 1000))
    fresh, after, end = early.memory[0], early.memory[1], late.memory[1]
    found = f"{fresh:.0f} MiB fresh, {after:.0f} after 100,000, {end:.0f} after {count:,} events"
    return Row("8", "memory", found, "< 45 MiB fresh, then no growth", fresh < 45 and end <= after * 1.05)


def commands() -> list[Row]:
    """Rows 10 to 12: the compiler and the tests of recipes."""
    recipe = str(Path(__file__).parent / _RECIPE)
    check = _wall("-c", "from amiflow.cli.main import entry; entry()", "check", recipe)
    bare = _wall("-c", "import lark, click, yaml")
    costs = {number: inside.compiling(number, grammar()) for number in (10, 100, 1000)}
    each = {number: ours / number for number, (ours, _) in costs.items()}
    ours, parse = costs[1000]
    count, spent = inside.testing()
    return [
        Row("10", "`amiflow check`, wall", f"{check:.2f} s; imports {bare:.2f} s ({check / bare:.1f} x)", "< 2.5 x",
            check < 2.5 * bare),
        Row("11", "compiling 50 lines", f"{_growth(each)}; bare parse {parse:.1f} s of {ours:.1f} s "
            f"({ours / parse:.1f} x)", "linear, < 2.5 x", _spread(each) <= 1.5 and ours < 2.5 * parse),
        Row("12", "recipe tests/s", f"{count / spent:,.0f} ({count} tests)", "> 200", count > 200 * spent),
    ]  # fmt: skip


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


def _rate(score: Score) -> float:
    return score.rate or 0.0


def _k(rate: float) -> str:
    return f"{rate / 1000:,.0f} k" if rate else "not whole"


def _ratio(ours: float, theirs: float) -> str:
    return f"{ours / theirs:.2f} x" if theirs else "-"


def _others(ours: float, theirs: dict[str, float]) -> str:
    return ", ".join(f"{name} {_k(rate)} ({_ratio(ours, rate)})" for name, rate in theirs.items()) or "no peer"


def _latency(score: Score) -> tuple[float, float]:
    """Seconds; for ever where actions are missing."""
    never = float("inf")
    return (score.counts.get("p50", never), score.counts.get("p99", never)) if score.whole else (never, never)


def _shown_latency(name: str, score: Score) -> str:
    p50, p99 = _latency(score)
    return f"{name} {p50 * 1e6:,.0f}/{p99 * 1e6:,.0f} us" if score.whole else f"{name} lost {score.counts.get('lost')}"


def _growth(costs: dict[int, float]) -> str:
    return ", ".join(f"{number:,}: {cost * 1e6:.1f} us" for number, cost in costs.items())


def _spread(costs: dict[int, float]) -> float:
    """How much dearer the largest number is than the smallest, or the other way round."""
    return max(costs.values()) / min(costs.values())


def _wall(*words: str) -> float:
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        subprocess.run([sys.executable, *words], check=True, capture_output=True, env=os.environ)
        best = min(best, time.perf_counter() - began)
    return best
