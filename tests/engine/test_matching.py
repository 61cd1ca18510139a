"""Triggers, section "Triggers and clauses of a flow" of the language."""

import pytest

from amiflow.engine.effects import Tick
from support.machines import Bench
from support.plans import call, chain, eq, flow, log, on


def one_then_two(**clauses: object) -> Bench:
    trigger = chain(on("A", "a"), ("then", on("B", "b", eq("b.X", "a.X")), 10))
    return Bench(flow("f", trigger, log("a.N", "b.N"), **clauses))  # type: ignore[arg-type]


def test_the_second_event_completes_the_match_and_both_names_are_known() -> None:
    bench = one_then_two()
    bench.event("A", X="1", N="first")
    bench.event("B", X="2", N="other")
    assert bench.said == []
    bench.event("B", X="1", N="second")
    assert bench.said == ["firstsecond"]
    assert bench.machine.pending == 0


@pytest.mark.parametrize(("delay", "said"), [(9.9, ["12"]), (10, ["12"]), (10.1, [])])
def test_an_event_at_exactly_the_end_of_the_time_is_in_time(delay: float, said: list[str]) -> None:
    bench = one_then_two()
    bench.event("A", X="1", N="1")
    bench.now += delay
    bench.event("B", X="1", N="2")
    assert bench.said == said


def test_an_event_extends_the_oldest_match_that_it_fits_and_no_other() -> None:
    bench = one_then_two()
    bench.event("A", X="1", N="old")
    bench.event("A", X="1", N="new")
    bench.event("B", X="1", N="!")
    assert bench.said == ["old!"]
    assert bench.machine.pending == 1
    bench.event("B", X="1", N="?")
    assert bench.said == ["old!", "new?"]


def test_an_event_that_extends_a_match_does_not_start_one() -> None:
    bench = Bench(flow("f", chain(on("A", "a"), ("then", on("A", "b"), 10)), log("a.N", "b.N")))
    for number in "1234":
        bench.event("A", N=number)
    assert bench.said == ["12", "34"]
    assert bench.machine.pending == 0


def test_each_time_counts_from_the_event_before() -> None:
    bench = Bench(flow("f", chain(on("A"), ("then", on("B"), 10), ("then", on("C"), 10)), log("yes")))
    bench.event("A")
    bench.advance(9)
    bench.event("B")
    bench.advance(9)
    bench.event("C")
    assert bench.said == ["yes"]


def test_a_match_whose_time_is_over_is_dropped_and_said_so() -> None:
    bench = one_then_two()
    bench.event("A", X="1")
    bench.advance(11)
    assert bench.machine.pending == 0
    assert [note.flow for note in bench.notes("match-dropped")] == ["f"]


def unless_bench() -> Bench:
    gone = on("C", "c", eq("c.X", "a.X"))
    return Bench(
        flow("f", chain(on("A", "a"), ("then", on("B|C", "b", eq("b.X", "a.X")), 10, gone)), log("a.N", "b.N"))
    )


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ("A1 B1", ["A1B1"]),
        ("A1 C1 B1", []),
        ("A1 C2 B1", ["A1B1"]),
        ("A1 A1 C1 B1 B1", []),
        ("A1 B1 C1", ["A1B1"]),
    ],
)
def test_unless_drops_every_match_that_it_fits(events: str, said: list[str]) -> None:
    bench = unless_bench()
    for name in events.split():
        bench.event(name[0], X=name[1], N=name)
    assert bench.said == said


def without_bench(**clauses: object) -> Bench:
    trigger = chain(on("A", "a"), ("without", on("B", "b", eq("b.X", "a.X")), 10))
    return Bench(flow("f", trigger, log("a.N"), **clauses))  # type: ignore[arg-type]


def test_without_starts_when_the_time_has_passed_and_nothing_came() -> None:
    bench = without_bench()
    bench.event("A", X="1", N="lonely")
    bench.advance(9)
    assert bench.said == []
    bench.advance(1)
    assert bench.said == ["lonely"]


@pytest.mark.parametrize(("delay", "said"), [(5, []), (10, []), (10.5, ["a"])])
def test_without_is_dropped_by_its_event_up_to_the_end_of_the_time(delay: float, said: list[str]) -> None:
    bench = without_bench()
    bench.event("A", X="1", N="a")
    bench.now += delay
    bench.event("B", X="1")
    bench.advance(60)
    assert bench.said == said


def test_the_event_that_drops_a_match_may_start_another() -> None:
    bench = Bench(flow("f", chain(on("A", "a"), ("without", on("A"), 10)), log("a.N")))
    bench.event("A", N="1")
    bench.advance(6)
    bench.event("A", N="2")
    bench.advance(6)
    assert bench.said == []
    bench.advance(4)
    assert bench.said == ["2"]


def test_a_without_in_the_middle_of_a_chain_lets_the_next_stage_begin() -> None:
    bench = Bench(flow("f", chain(on("A"), ("without", on("B"), 10), ("then", on("C"), 5)), log("yes")))
    bench.event("A")
    bench.event("C")
    bench.advance(12)
    bench.event("C")
    assert bench.said == ["yes"]


def test_a_gap_drops_matches_that_wait_for_silence_and_leaves_the_others() -> None:
    lasting = flow("then", chain(on("A"), ("then", on("B"), 10)), log("then"))
    silent = flow("silent", chain(on("A"), ("without", on("B"), 10)), log("silent"))
    guarded = flow("guarded", chain(on("A"), ("then", on("B"), 10, on("C"))), log("guarded"))
    bench = Bench(lasting, silent, guarded)
    bench.event("A")
    bench.lose()
    assert [note.flow for note in bench.notes("match-dropped")] == ["silent", "guarded"]
    assert bench.count("gap", "silent") == 1
    bench.ready()
    bench.event("B")
    assert bench.said == ["then"]


def test_a_line_that_breaks_again_before_the_server_can_be_used_is_a_gap_too() -> None:
    """From the login on events are seen."""
    bench = Bench(flow("f", chain(on("A"), ("without", on("B"), 10)), log("silent")))
    bench.lose()
    bench.event("A")
    bench.lose()
    bench.ready()
    bench.advance(20)
    assert bench.said == [] and bench.count("gap", "f") == 1


def test_for_one_key_a_second_first_event_is_ignored() -> None:
    bench = one_then_two(per=("a.X",), policy="parallel")
    bench.event("A", X="1", N="1")
    bench.event("A", X="1", N="2")
    bench.event("A", X="9", N="3")
    assert bench.machine.pending == 2
    bench.event("B", X="1", N="!")
    bench.event("B", X="1", N="?")
    assert bench.said == ["1!"]
    assert bench.count("suppressed", "f") == 1


def test_with_replace_the_newer_first_event_takes_its_place() -> None:
    bench = one_then_two(per=("a.X",), policy="replace")
    bench.event("A", X="1", N="1")
    bench.event("A", X="1", N="2")
    assert bench.machine.pending == 1
    bench.event("B", X="1", N="!")
    assert bench.said == ["2!"]


def three(policy: str) -> Bench:
    trigger = chain(on("A", "a"), ("then", on("B", "b", eq("b.X", "a.X")), 10), ("then", on("C", "c"), 10))
    return Bench(flow("f", trigger, log("a.N", "b.N", "c.N"), per=("b.K",), policy=policy, known_at=1))  # type: ignore[arg-type]


@pytest.mark.parametrize(("policy", "said"), [("single", "12!"), ("replace", "34!")])
def test_a_key_that_is_known_later_is_claimed_when_it_is(policy: str, said: str) -> None:
    bench = three(policy)
    for name, number, x in (("A", "1", "1"), ("B", "2", "1"), ("A", "3", "2"), ("B", "4", "2"), ("C", "!", "")):
        bench.event(name, N=number, X=x, K="same")
    assert bench.said == [said]
    assert bench.machine.pending == 0


def test_the_oldest_of_too_many_matches_is_dropped_logged_and_counted() -> None:
    trigger = chain(on("A", "a"), ("then", on("B", "b", eq("b.X", "a.X")), 10))
    bench = Bench(flow("f", trigger, log("a.X")), max_pending=3)
    for number in "1234":
        bench.event("A", X=number)
    assert bench.machine.pending == 3
    assert bench.count("match-refused", "f") == 1
    assert [note.level for note in bench.notes("match-dropped")] == ["warn"]
    for number in "1234":
        bench.event("B", X=number)
    assert bench.said == ["2", "3", "4"]


def test_a_condition_that_cannot_be_evaluated_is_false_and_logged_once_a_minute() -> None:
    bench = Bench(flow("f", on("A", "a", eq(call("only", "a.X", "a-z"), "b")), log("never")))
    for _ in range(3):
        bench.event("A", X="1")
    assert len(bench.notes("condition-failed")) == 1
    bench.advance(60)
    bench.event("A", X="1")
    assert len(bench.notes("condition-failed")) == 2
    assert (bench.said, bench.count("condition-failed", "f")) == ([], 4)


def test_servers_do_not_share_matches() -> None:
    trigger = chain(on("A", "a"), ("then", on("B", "b"), 10))
    bench = Bench(flow("f", trigger, log("a.N", "b.N")), servers=("one", "two"))
    bench.event("A", server="one", N="1")
    bench.event("B", server="two", N="2")
    assert bench.said == []
    bench.event("B", server="one", N="3")
    assert bench.said == ["13"]


def test_a_flow_for_one_server_hears_no_other() -> None:
    bench = Bench(flow("f", on("A", "a"), log("a.N"), server="two"), servers=("one", "two"))
    bench.event("A", server="one", N="1")
    bench.event("A", server="two", N="2")
    assert bench.said == ["2"]


def test_a_tick_at_the_very_end_fires_what_is_due() -> None:
    bench = without_bench()
    bench.event("A", X="1", N="x")
    assert bench.machine.deadline() == 10
    bench.now = 10
    bench.give(Tick())
    assert bench.said == ["x"]


def test_flows_see_an_event_in_the_order_of_the_file() -> None:
    bench = Bench(*(flow(name, on("A"), log(name)) for name in ("z", "a", "m")))
    bench.event("A")
    assert bench.said == ["z", "a", "m"]
