"""Keeping only what a later wait may want gives the same as keeping everything."""

from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiflow.engine.dispatch import Watch
from amiflow.engine.lookback import Lookback
from amiflow.plan.model import Handler, Instruction, Next
from support.machines import Bench
from support.plans import act, call, eq, flow, jump, let, list_of, local, log, ne, on, pause, span, stop, wait
from support.properties import examples

NAMES = "BC"


def everything(self: Lookback, code: str, position: int, entered: bool, movable: bool) -> tuple[Watch, ...]:
    return (Watch(tuple(NAMES), None, None, (), span()),)


def later(*body: Instruction, at: int = 0, entered: bool = True, movable: bool = False, final: Any = ()) -> list[str]:
    """What would be kept: events, and how many of their tests."""
    found = Lookback((*body, stop()), final).later("body", at, entered, movable)
    return sorted(f"{'|'.join(watch.events)} {'tested' if watch.where else 'untested'}" for watch in found)


KNOWN = on("B", "b", eq("b.X", "a.X"))


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        (later(act("One"), wait(KNOWN, within=1)), ["B tested"]),
        (later(act("One", into="a"), wait(KNOWN, within=1)), ["B untested"]),
        (later(act("One"), let("a", "x"), wait(KNOWN, within=1)), ["B untested"]),
        (later(act("One"), wait(on("B", "b", eq("b.X", call("now"))), within=1)), ["B untested"]),
        (later(wait(on("C"), within=1), wait(KNOWN, within=1)), []),
        (later(wait(on("C"), within=1, handler=Handler(1, None)), wait(KNOWN, within=1)), ["B tested"]),
        (later(pause(1), act("One"), wait(KNOWN, within=1), movable=True), []),
        (later(pause(1), act("One", reads=True), wait(KNOWN, within=1), movable=True), ["B tested"]),
        (later(pause(1), act("One"), wait(KNOWN, within=1), movable=False), ["B tested"]),
        (later(act("One"), wait(on("C"), within=1), act("Two"), wait(KNOWN, within=1)), ["C untested"]),
        (later(act("One"), jump(3), wait(KNOWN, within=1), wait(on("C"), within=1)), ["C untested"]),
        (later(act("One"), final=(wait(on("C"), within=1), stop())), ["C untested"]),
        (later(pause(1), wait(KNOWN, within=1), entered=False, movable=True), ["B tested"]),
    ],
)
def test_what_is_kept(kept: list[str], expected: list[str]) -> None:
    assert kept == expected


# --- programs -------------------------------------------------------------------------------------------------------

PATTERNS = st.sampled_from(
    [
        lambda n: on("B", f"n{n}", eq(f"n{n}.X", "a.X")),
        lambda n: on("C", f"n{n}", ne(f"n{n}.X", "a.X")),
        lambda n: on("B|C", f"n{n}", eq(f"n{n}.X", local("v"))),
        lambda n: on("B|C", f"n{n}"),
    ]
)
QUICK = st.sampled_from([("act", False), ("act", False), ("act", True), ("pause", 3), ("set", "2")])
WAITS = st.tuples(st.sampled_from(["one", "one", "all", "or"]), st.lists(PATTERNS, min_size=2, max_size=2))
PARTS = st.tuples(st.lists(QUICK, max_size=2), WAITS).map(lambda part: [*part[0], part[1]])


def written(steps: list[tuple[str, Any]]) -> list[Instruction]:
    body: list[Instruction] = []
    for number, (kind, what) in enumerate(steps):
        match kind:
            case "act":
                body.append(act("X", reads=what))
            case "pause":
                body.append(pause(what))
            case "set":
                body.append(let("v", what))
            case _:
                body += waited(kind, [make(f"{number}{slot}") for slot, make in enumerate(what)], len(body))
    return body


def waited(kind: str, patterns: list[Any], at: int) -> list[Instruction]:
    """A wait that says what it got; `or` goes on when nothing came."""
    names = [f"{pattern.name}.N" for pattern in patterns]
    match kind:
        case "one":
            return [wait(patterns[0], within=40), log(names[0])]
        case "all":
            return [wait(*patterns, within=20, mode="all", handler=Handler(at + 2, None)), log(*names)]
    return [wait(patterns[0], within=2, handler=Handler(at + 2, None)), log(names[0])]


def program(steps: list[tuple[str, Any]], closing: bool) -> Any:
    """The steps twice over, with another value of `v` each time: so that what is known in one round is not in both."""
    head = [let("items", list_of("1", "2")), let("at", 0)]
    # Handlers count from the beginning of the body, behind the head of the loop.
    inner = written(steps)
    shift = len(head) + 1
    moved = [shifted(step, shift) for step in inner]
    loop = [*head, Next("items", "at", "v", shift + len(inner) + 1, span()), *moved, jump(len(head))]
    final = (wait(on("B", "f", eq("f.X", "2")), within=1), log("f.N")) if closing else ()
    return flow("f", on("A", "a"), *loop, log("end"), lasting=1000, final=final)


def shifted(step: Instruction, by: int) -> Instruction:
    handler = getattr(step, "handler", None)
    if handler is None:
        return step
    return replace(step, handler=Handler(handler.target + by, handler.error))  # type: ignore[type-var]


EVENTS = st.tuples(st.sampled_from("BC"), st.sampled_from("12"), st.sampled_from(["", "answer", "answer", "3s"]))


def said(made: Any, events: list[tuple[str, str, str]]) -> tuple[list[str], list[tuple[str, str]]]:
    bench = Bench(made)
    bench.event("A", X="1")
    if bench.sends:
        bench.on_wire()
    for number, (name, x, then) in enumerate(events):
        bench.event(name, X=x, N=f"{name}{number} ")
        match then:
            case "answer" if bench.sends:
                bench.answer()
            case "3s":
                bench.advance(float(then[0]))
    for _ in range(30):
        if bench.sends:
            bench.answer()
        bench.advance(5)
    return bench.said, bench.ended


@examples(25)
@given(st.lists(PARTS, min_size=1, max_size=3), st.lists(EVENTS, min_size=6, max_size=12), st.booleans())
def test_keeping_what_may_be_wanted_is_as_good_as_keeping_all(
    parts: list[list[tuple[str, Any]]], events: list[tuple[str, str, str]], closing: bool
) -> None:
    made = program([step for part in parts for step in part], closing)
    kept = said(made, events)
    with patch.object(Lookback, "later", everything):
        assert said(made, events) == kept
