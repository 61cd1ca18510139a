"""What the engine and the compiler cost by themselves: no socket, virtual time.

Belongs here: rows that are about growth, each measured at several sizes. Never here: processes (`process`).
"""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

from amiflow.ami import catalog
from amiflow.ami.message import Message
from amiflow.engine.core import Inputs, Options
from amiflow.engine.effects import Effect, Input, Received, ServerReady, Tick
from amiflow.engine.machine import Machine
from amiflow.engine.timers import Timers
from amiflow.lang.compile import compile_recipe
from amiflow.lang.grammar import grammar_text, lark
from amiflow.plan.model import Plan
from amiflow.tools.testing import run_tests

_EVENTS, _ROUNDS = 5_000, 15
_LISTENING = 'flow f{n} on Hangup as e where e.Exten == "9{n}" {{ log "gone" }}\n'
_FIFTY_LINES = """flow f{n}
  on Hangup as e where e.Exten == "{n}"
{{
  log "${{e.Channel}} is gone from {n}"
}}
"""
_WAITING = """flow f
  on Newchannel as c
  lasting 2h
  max 1000000
{
  wait Hangup as h where h.Uniqueid == c.Uniqueid within 1h
  log "gone"
}
"""
_RECIPES = Path(__file__).parent.parent / "recipes"


def compiled(text: str) -> Plan:
    """The plan of a recipe that has no errors."""
    made = compile_recipe("bench.flow", lambda _: text, catalog.load())
    assert made.plan, made.diagnostics
    return made.plan


class Bench:
    """A machine that is ready, at a virtual now."""

    def __init__(self, plan: Plan) -> None:
        self.machine = Machine(plan, Inputs(), Options("bench", ("pbx",)))
        self.now = 0.0
        self.give(ServerReady("pbx", "11.0.0", False))

    def give(self, item: Input) -> list[Effect]:
        return self.machine.handle(item, self.now, self.now)


def listening(flows: int) -> float:
    """Seconds of CPU for an event that none of so many flows wants, though all listen to its name."""
    bench = Bench(compiled("".join(_LISTENING.format(n=number) for number in range(flows))))
    return _each(bench, lambda number: _event("Hangup", f"{number}"))


def waiting(flows: int) -> tuple[float, float]:
    """Seconds of CPU for an event that none of so many waiting flows wants, and the bytes that each of them takes."""
    bench = Bench(compiled(_WAITING))
    tracemalloc.start()
    for number in range(flows):
        bench.give(Received("pbx", _event("Newchannel", f"w{number}")))
    size = tracemalloc.get_traced_memory()[0] / flows
    tracemalloc.stop()
    return _each(bench, lambda number: _event("Hangup", f"{number}")), size


def timers(count: int) -> float:
    """Seconds of CPU to set a timer and let it fall due, in virtual time; few timers, many times over. The garbage
    collector is as a run has it."""
    gc.set_threshold(20_000, 20, 100)
    rounds, spent = max(1, 200_000 // count), 0.0
    for _ in range(rounds):
        began, made = time.process_time(), Timers()
        for number in range(count):
            made.set((number * 7919) % count, "block", None)
        for _ in made.due(float(count), True):
            pass
        spent += time.process_time() - began
    return spent / (count * rounds)


def compiling(recipes: int) -> tuple[float, float]:
    """Seconds of CPU to compile so many recipes of fifty lines, and for Lark alone to parse the same texts by the same
    grammar into a tree with its places; they take turns, few recipes many times over."""
    one = "".join(_FIFTY_LINES.format(n=number) for number in range(10))
    facts, bare = catalog.load(), lark(grammar_text(), propagate_positions=True)
    for _ in range(2):
        bare.parse(one, "file")
        compile_recipe("warm.flow", lambda _: one, facts)
    ours, theirs, rounds = 0.0, 0.0, max(1, 200 // recipes)
    for number in range(recipes * rounds):
        began = time.process_time()
        bare.parse(one, "file")
        parsed = time.process_time()
        made = compile_recipe(f"{number}.flow", lambda _: one, facts)
        theirs += parsed - began
        ours += time.process_time() - parsed
        assert made.plan, made.diagnostics
    return ours / rounds, theirs / rounds


def testing() -> tuple[int, float]:
    """How many tests the recipe library has, and the CPU seconds to run them all, compiled already."""
    facts = catalog.load()
    made = [compile_recipe(str(path), _read, facts) for path in sorted(_RECIPES.rglob("*.flow"))]
    began, count = time.process_time(), 0
    for one in made:
        if one.plan and not one.plan.tables:
            count += len(run_tests(one.plan, one.tests, facts))
    return count, time.process_time() - began


def _read(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")


def _each(bench: Bench, make: Callable[[int], Message]) -> float:
    inputs = [Received("pbx", make(number)) for number in range(_EVENTS)]
    bench.give(Tick())
    best = float("inf")
    for _ in range(_ROUNDS):
        began = time.process_time()
        for item in inputs:
            bench.give(item)
        best = min(best, time.process_time() - began)
    return best / _EVENTS


def _event(name: str, unique: str) -> Message:
    headers = (("Event", name), ("Channel", f"PJSIP/1-{unique}"), ("Exten", unique), ("Uniqueid", unique))
    return Message.build((*headers, ("Cause", "16"), ("Cause-txt", "Normal Clearing"), ("Linkedid", unique)))
