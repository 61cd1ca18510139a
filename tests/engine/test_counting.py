"""`N times within D`, and what resets it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiflow.engine.counting import Counts
from amiflow.engine.effects import StopAsked
from amiflow.plan import triggers
from support.machines import Bench
from support.plans import const, eq, expr, flow, log, on, pause, seconds, span


def bench(*, times: int = 3, within: float = 10, reset: bool = False, **clauses: object) -> Bench:
    options = {name: clauses.pop(name) for name in ("max_pending",) if name in clauses}
    forgets = triggers.Reset(on("R", "r"), (expr("r.K"),)) if reset else None
    stages = (triggers.Stage("first", on("A", "a"), None, None),)
    trigger = triggers.OnEvents(stages, span(), triggers.Times(const(times), seconds(within), forgets))
    return Bench(flow("f", trigger, log("a.N"), per=("a.K",), **clauses), **options)  # type: ignore[arg-type]


def test_the_last_of_so_many_starts_the_flow_and_counting_begins_anew() -> None:
    made = bench()
    for number in "1234567":
        made.event("A", K="k", N=number)
    assert made.said == ["3", "6"]


@pytest.mark.parametrize(("gap", "said"), [(4.9, ["3"]), (5, ["3"]), (5.1, [])])
def test_the_window_slides_and_holds_its_beginning(gap: float, said: list[str]) -> None:
    made = bench()
    for number in "123":
        made.event("A", K="k", N=number)
        made.advance(gap)
    assert made.said == said


def test_each_key_has_its_own_count() -> None:
    made = bench()
    for number in "12":
        made.event("A", K="k", N=number)
        made.event("A", K="l", N=number)
    made.event("A", K="k", N="3")
    assert made.said == ["3"]


def test_a_reset_forgets_the_count_of_its_key_alone() -> None:
    made = bench(reset=True)
    for key in "kl":
        made.event("A", K=key, N="1")
        made.event("A", K=key, N="2")
    made.event("R", K="k")
    made.event("A", K="k", N="3")
    made.event("A", K="l", N="4")
    assert made.said == ["4"]


@pytest.mark.parametrize(("reset", "said"), [(True, []), (False, ["3"])])
def test_a_gap_may_hide_a_reset_and_nothing_else(reset: bool, said: list[str]) -> None:
    made = bench(reset=reset)
    made.event("A", K="k", N="1")
    made.event("A", K="k", N="2")
    made.lose()
    made.ready()
    made.event("A", K="k", N="3")
    assert made.said == said
    assert made.count("gap", "f") == (1 if reset else 0)


def test_counting_goes_on_where_the_flow_may_not_start() -> None:
    made = bench(cooldown=5)
    for number in "123456":
        made.event("A", K="k", N=number)
    made.advance(6)
    made.event("A", K="k", N="7")
    assert made.said == ["3", "7"]


def test_the_oldest_count_is_dropped_where_there_are_too_many() -> None:
    made = bench(max_pending=2)
    for key in "abc":
        made.event("A", K=key, N="1")
        made.event("A", K=key, N="2")
    assert len(made.notes("match-dropped")) == made.count("match-refused", "f") == 1
    made.event("A", K="c", N="c")
    made.event("A", K="b", N="b")
    made.event("A", K="a", N="a")
    assert made.said == ["c", "b"]


def test_the_window_may_be_too_long_to_be_had_and_nothing_starts() -> None:
    stages = (triggers.Stage("first", on("A", "a"), None, None),)
    trigger = triggers.OnEvents(stages, span(), triggers.Times(const("x"), seconds(1), None))
    made = Bench(flow("f", trigger, log("a.N")))
    made.event("A", N="1")
    assert made.said == [] and [note.text for note in made.notes("condition-failed")] == ["x is no whole number"]


@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from("ab")), max_size=40), st.integers(1, 4))
def test_counts_agree_with_counting_everything(steps: list[tuple[int, str]], wanted: int) -> None:
    counts, now, seen = Counts(), 0.0, list[tuple[float, str]]()
    for delay, key in steps:
        now += delay
        counts.expire(now, 10)
        seen.append((now, key))
        enough = sum(one == key and when >= now - 10 for when, one in seen) >= wanted
        assert counts.add(("pbx", (key,)), now, 10, wanted) == enough


def test_with_latest_the_last_event_of_a_cooldown_runs_when_it_is_over() -> None:
    made = latest()
    for number in "1234":
        made.event("A", K="k", N=number)
    assert made.said == ["1"] and made.count("suppressed", "f") == 2
    made.advance(10)
    assert made.said == ["1", "4"]
    made.event("A", K="k", N="5")
    made.advance(9)
    assert made.said == ["1", "4"]
    made.advance(1)
    assert made.said == ["1", "4", "5"]


def test_what_is_held_back_is_dropped_at_the_end() -> None:
    made = latest()
    made.event("A", K="k", N="1")
    made.event("A", K="k", N="2")
    made.give(StopAsked("^C"))
    assert made.said == ["1"] and made.exits == [0] and made.count("suppressed", "f") == 1


def latest() -> Bench:
    return Bench(replace(flow("f", on("A", "a"), log("a.N"), per=("a.K",), cooldown=10), latest=True))


def test_an_urgent_flow_is_exempt_from_max() -> None:
    made = Bench(replace(flow("f", on("A", "a"), log("a.N"), pause(9), most=1), urgent=True))
    made.event("A", N="1")
    made.event("A", N="2")
    assert made.said == ["1", "2"]


def test_on_reconnect_runs_each_time_that_a_server_is_back() -> None:
    made = Bench(
        flow("f", triggers.OnRun("reconnect", span()), log("back")),
        flow("g", on("A", "a", eq("a.K", "k")), log("on")),
    )
    assert made.said == []
    for _ in "12":
        made.lose()
        made.ready()
    assert made.said == ["back", "back"]
