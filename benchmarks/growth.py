"""Rows that need no server: what does not grow, the compiler, the tests of recipes.

Belongs here: rows 5 to 7 and 10 to 12. Never here: how they are measured (`inside`).
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from benchmarks import inside
from benchmarks.table import Row, growth, spread

_RECIPE = str(Path(__file__).parent / "redirect.flow")
_ROUNDS = 9


def listening() -> Row:
    """Row 5."""
    costs = {number: inside.listening(number) for number in (1, 100, 10_000)}
    return Row("5", "cost/event, flows on other values", growth(costs), "flat within 1.5 x", spread(costs) <= 1.5)


def waiting() -> Row:
    """Row 6."""
    found = {number: inside.waiting(number) for number in (10, 1_000, 100_000)}
    costs, size = {number: cost for number, (cost, _) in found.items()}, found[100_000][1]
    return Row(
        "6",
        "cost/event, flows waiting; memory of each",
        f"{growth(costs)}; {size:,.0f} bytes",
        "flat within 1.5 x, < 2 KB",
        spread(costs) <= 1.5 and size < 2048,
    )


def timers() -> Row:
    """Row 7: the sizes take turns, as what else the machine does is in its caches too."""
    sizes = (1_000, 10_000, 100_000, 1_000_000)
    rounds = [[inside.timers(number) for number in sizes] for _ in range(5)]
    costs = dict(zip(sizes, map(median, zip(*rounds, strict=True)), strict=True))
    return Row("7", "cost/timer, set and fired", growth(costs), "flat within 2 x", spread(costs) <= 2.0)


def starting() -> Row:
    """Row 10: both take turns, as the machine may be busy with something else for a while."""
    program = ("-c", "from amiflow.cli.main import entry; entry()", "check", _RECIPE)
    _wall(*program)  # fills the caches
    rounds = [(_wall(*program), _wall("-c", "import lark, click, yaml")) for _ in range(_ROUNDS)]
    share = median(ours / bare for ours, bare in rounds)
    ours, bare = (median(column) for column in zip(*rounds, strict=True))
    found = f"{ours * 1e3:.0f} ms; imports {bare * 1e3:.0f} ms ({share:.2f} x)"
    return Row("10", "`amiflow check`, wall", found, "< 2.5 x", share < 2.5)


def compiling() -> Row:
    """Row 11."""
    costs = {number: inside.compiling(number) for number in (10, 100, 1000)}
    each = {number: ours / number for number, (ours, _) in costs.items()}
    ours, parse = costs[1000]
    found = f"{growth(each)}; Lark alone {parse:.2f} s of {ours:.2f} s ({ours / parse:.2f} x)"
    reached = spread(each) <= 1.5 and ours < 2.5 * parse
    return Row("11", "compiling 50 lines", found, "linear, < 2.5 x Lark alone", reached)


def testing() -> Row:
    """Row 12."""
    count, spent = inside.testing()
    return Row("12", "recipe tests/s", f"{count / spent:,.0f} ({count} tests)", "> 200", count > 200 * spent)


def _wall(*words: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, capture_output=True, env=os.environ)
    return time.perf_counter() - began
