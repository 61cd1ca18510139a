"""What a wait sees."""

import pytest

from amiflow.engine.effects import Signalled
from amiflow.plan.model import Handler
from amiflow.plan.triggers import OnSignal
from support.machines import Bench
from support.plans import act, eq, field, flow, jump, let, local, log, ne, on, pause, span, start, stop, unless, wait
from support.runs import compiled


def test_a_wait_takes_the_first_event_that_fits() -> None:
    bench = Bench(flow("f", on("A", "a"), wait(on("B", "b", eq("b.X", "a.X")), within=5), log("b.N")))
    bench.event("A", X="1")
    for x, number in (("2", "no"), ("1", "yes"), ("1", "late")):
        bench.event("B", X=x, N=number)
    assert bench.said == ["yes"]


@pytest.mark.parametrize(("delay", "ended"), [(5, "done"), (5.1, "failed")])
def test_an_event_at_exactly_the_end_of_a_wait_is_in_time(delay: float, ended: str) -> None:
    bench = Bench(flow("f", on("A"), wait(on("B"), within=5)))
    bench.event("A")
    bench.now += delay
    bench.event("B")
    assert bench.ended == [("f", ended)]


def test_running_out_of_time_fails_the_flow_and_says_what_did_not_come() -> None:
    bench = Bench(flow("f", on("A"), wait(on("B|C"), within=1.5)))
    bench.event("A")
    bench.advance(2)
    assert bench.failures == ["no B|C within 1s500ms"]


def test_an_or_goes_on_with_the_error_bound_and_the_names_none() -> None:
    body = (wait(on("B", "b"), within=5, handler=Handler(2, "e")), stop(), log(field("e", "kind"), " ", local("b")))
    bench = Bench(flow("f", on("A"), *body))
    bench.event("A")
    bench.advance(5)
    assert bench.said == ["timeout -"]


def test_an_event_before_the_response_of_the_action_is_seen() -> None:
    bench = Bench(flow("f", on("A"), act("Redirect"), wait(on("B", "b"), within=5), log("b.N")))
    bench.event("A")
    bench.on_wire()
    bench.event("B", N="early")
    bench.answer()
    assert bench.said == ["early"]


def test_an_event_before_the_action_was_sent_is_not_seen() -> None:
    bench = Bench(flow("f", on("A"), act("Redirect"), wait(on("B", "b"), within=5), log("b.N")))
    bench.event("A")
    bench.event("B", N="before")  # the connection has the action, but was busy with another
    bench.on_wire()
    bench.event("B", N="after")
    bench.answer()
    assert bench.said == ["after"]


def test_an_action_that_waits_for_the_connection_sets_the_place_when_it_goes() -> None:
    bench = Bench(flow("f", on("A"), act("Redirect", within=60), wait(on("B", "b"), within=5), log("b.N")))
    bench.lose()
    bench.event("A")
    bench.event("B", N="before")
    bench.ready()
    bench.on_wire()
    bench.event("B", N="after")
    bench.answer()
    assert bench.said == ["after"]


def test_an_action_that_only_reads_leaves_the_place() -> None:
    body = (act("Getvar", reads=True), wait(on("B", "b"), within=5), log("b.N"))
    bench = Bench(flow("f", on("A"), *body))
    bench.event("A")
    bench.event("B", N="1")
    bench.on_wire()
    bench.event("B", N="2")
    bench.answer()
    assert bench.said == ["1"]


def test_a_pause_leaves_the_place() -> None:
    bench = Bench(flow("f", on("A"), pause(3), wait(on("B", "b"), within=5), log("b.N")))
    bench.event("A")
    bench.event("B", N="during")
    bench.advance(3)
    assert bench.said == ["during"]


def test_only_the_first_action_after_a_wait_moves_the_place() -> None:
    body = (act("One"), act("Two"), wait(on("B", "b"), within=5), log("b.N"))
    bench = Bench(flow("f", on("A"), *body))
    bench.event("A")
    bench.answer()
    bench.event("B", N="between")
    bench.answer()
    assert bench.said == ["between"]


def test_after_a_wait_the_next_action_moves_it_again() -> None:
    body = (act("One"), wait(on("B"), within=5), act("Two"), wait(on("C", "c"), within=5), log("c.N"))
    bench = Bench(flow("f", on("A"), *body))
    bench.event("A")
    bench.on_wire()
    bench.event("C", N="before b")
    bench.event("B")
    bench.answer()
    assert len(bench.sends) == 1 + 1
    bench.answer()
    bench.event("C", N="after two")
    assert bench.said == ["after two"]


def test_a_retry_leaves_the_place() -> None:
    body = (act("One", retry=(1, 2)), wait(on("B", "b"), within=5), log("b.N"))
    bench = Bench(flow("f", on("A"), *body))
    bench.event("A")
    bench.on_wire()
    bench.event("B", N="before the retry")
    bench.answer(Response="Error")
    bench.advance(2)
    bench.answer()
    assert bench.said == ["before the retry"]


def test_an_event_is_never_read_twice() -> None:
    body = (act("One"), wait(on("B", "b"), within=5), wait(on("B", "c"), within=5), log("b.N", "c.N"))
    bench = Bench(flow("f", on("A"), *body))
    bench.event("A")
    bench.on_wire()
    for number in "12":
        bench.event("B", N=number)
    bench.answer()
    assert bench.said == ["12"]


def test_what_a_wait_passed_over_is_past() -> None:
    body = (act("One"), wait(on("B"), within=5), wait(on("C", "c"), within=5), log("c.N"))
    bench = Bench(flow("f", on("A"), *body))
    bench.event("A")
    bench.on_wire()
    for name, number in (("C", "before b"), ("B", ""), ("C", "after b")):
        bench.event(name, N=number)
    bench.answer()
    assert bench.said == ["after b"]


def test_a_wait_that_ran_out_of_time_passes_over_nothing() -> None:
    body = (act("One"), wait(on("B"), within=5, handler=Handler(2, None)), wait(on("C", "c"), within=5), log("c.N"))
    bench = Bench(flow("f", on("A"), *body))
    bench.event("A")
    bench.answer()
    bench.event("C", N="meanwhile")
    bench.advance(5)
    assert bench.said == ["meanwhile"]


def all_of_two() -> Bench:
    entries = (on("B", "b", eq("b.X", "1")), on("B", "c"))
    body = (wait(*entries, within=5, mode="all"), wait(on("B", "d"), within=5), log("b.N", "c.N", "d.N"))
    return Bench(flow("f", on("A"), *body))


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ("1a 2b 3c", ["abc"]),
        ("2a 1b 3c", ["bac"]),
        ("1a 1b 1c", ["abc"]),
        ("2a 2b 1c 1d", ["cad"]),
    ],
)
def test_wait_all_fills_the_first_open_entry_and_stands_behind_the_last_taken(events: str, said: list[str]) -> None:
    bench = all_of_two()
    bench.event("A")
    for x, number in events.split():
        bench.event("B", X=x, N=number)
    assert bench.said == said


def test_wait_all_out_of_time_leaves_all_its_names_none_and_its_events_to_be_read() -> None:
    entries = (on("B", "b"), on("C", "c"))
    body = (
        wait(*entries, within=5, mode="all", handler=Handler(1, None)),
        wait(on("B", "d"), within=5),
        log(local("b"), "d.N"),
    )
    bench = Bench(flow("f", on("A"), *body))
    bench.event("A")
    bench.event("B", N="1")
    bench.advance(5)
    assert bench.said == ["-1"]
    assert bench.ended == [("f", "done")]


def test_a_missing_entry_is_named() -> None:
    bench = Bench(flow("f", on("A"), wait(on("B"), on("C"), on("D"), within=5, mode="all")))
    bench.event("A")
    bench.event("C")
    bench.advance(5)
    assert bench.failures == ["no B and D within 5s"]


def any_of_two(after: int | None) -> Bench:
    entries = (on("B", "b"), on("C", "c"))
    body = (
        wait(*entries, within=5, mode="any", targets=(1, 3), after=after),
        log("b ", "b.N"),
        stop(),
        log("c ", "c.N"),
        stop(),
        log("after"),
    )
    return Bench(flow("f", on("A"), *body))


@pytest.mark.parametrize(("name", "said"), [("B", "b 7"), ("C", "c 7")])
def test_wait_any_goes_on_with_the_entry_that_came(name: str, said: str) -> None:
    bench = any_of_two(5)
    bench.event("A")
    bench.event(name, N="7")
    assert bench.said == [said]


def test_wait_any_goes_on_with_its_after_when_nothing_came() -> None:
    bench = any_of_two(5)
    bench.event("A")
    bench.advance(5)
    assert (bench.said, bench.ended) == (["after"], [("f", "done")])


def test_wait_any_without_after_fails() -> None:
    bench = any_of_two(None)
    bench.event("A")
    bench.advance(5)
    assert bench.failures == ["no B or C within 5s"]


def test_a_wait_that_runs_out_across_a_gap_says_so() -> None:
    body = (wait(on("B"), within=5, handler=Handler(2, "e")), stop(), log(field("e", "kind")))
    bench = Bench(flow("f", on("A"), *body))
    bench.event("A")
    bench.advance(1)
    bench.lose()
    bench.advance(1)
    bench.ready()
    bench.advance(5)
    assert bench.said == ["gap"]


def test_a_wait_that_begins_before_a_server_is_there_says_so() -> None:
    body = (wait(on("B"), within=5, handler=Handler(2, "e")), stop(), log(field("e", "kind")))
    bench = Bench(flow("f", OnSignal("go", (), None, None, span()), *body), ready=False)
    bench.give(Signalled("go", {}))
    bench.advance(5)
    assert bench.said == ["gap"]


def test_a_line_that_breaks_before_a_server_could_be_used_is_a_gap() -> None:
    """From the login on events are seen."""
    body = (wait(on("B"), within=5, handler=Handler(2, "e")), stop(), log(field("e", "kind")))
    bench = Bench(flow("f", on("A"), *body), ready=False)
    bench.event("A")
    bench.lose()
    bench.advance(1)
    bench.ready()
    bench.advance(5)
    assert bench.said == ["gap"]


def test_a_gap_before_the_wait_is_none_of_it() -> None:
    body = (wait(on("B"), within=5, handler=Handler(2, "e")), stop(), log(field("e", "kind")))
    bench = Bench(flow("f", on("A"), *body))
    bench.lose()
    bench.advance(1)
    bench.ready()
    bench.advance(1)
    bench.event("A")
    bench.advance(5)
    assert bench.said == ["timeout"]


def test_only_events_that_a_later_wait_may_want_are_kept() -> None:
    later = wait(on("B", "b", eq("b.X", "a.X")), within=5)
    bench = Bench(flow("f", on("A", "a"), act("One"), later, log("b.N")))
    bench.event("A", X="1")
    bench.on_wire()
    for x in "12345":
        bench.event("B", X=x, N=x)
        bench.event("C", X=x)
    (instance,) = bench.machine._core.instances.values()
    assert [message.get("X") for _, message in instance.kept or ()] == ["1"]
    bench.answer()
    assert bench.said == ["1"]


def test_a_test_on_a_value_not_yet_known_is_left_for_the_wait() -> None:
    first = act("Getvar", into="r", reads=True)
    body = (act("One"), first, wait(on("B", "b", eq("b.X", "r.Value")), within=5), log("b.N"))
    bench = Bench(flow("f", on("A"), *body))
    bench.event("A")
    bench.on_wire()
    for x in "123":
        bench.event("B", X=x, N=x)
    bench.answer()
    bench.answer(Value="2")
    assert bench.said == ["2"]


def test_a_name_bound_anew_in_a_loop_is_not_taken_for_known() -> None:
    """Two rounds; both hangups come in the pause of the first, the second round's first."""
    body = (
        let("c", "x"),
        pause(5),
        wait(on("Hangup", "h", eq("h.Channel", local("c"))), within=5),
        log("h.N"),
        unless(ne(local("c"), "y"), 7),
        let("c", "y"),
        jump(1),
        log("end"),
    )
    bench = Bench(flow("f", on("A"), *body))
    bench.event("A")
    for channel, number in (("x", "1"), ("y", "2")):
        bench.event("Hangup", Channel=channel, N=number)
    bench.advance(10)
    assert bench.said == ["1", "2", "end"]


def test_look_back_lost() -> None:
    body = (
        act("Getvar", into="r", reads=True),
        wait(on("B", "b", eq("b.X", "r.Value")), within=5, handler=Handler(3, "e")),
        stop(),
        log(field("e", "kind"), ": ", field("e", "message")),
    )
    bench = Bench(flow("f", on("A"), *body), max_kept=3)
    bench.event("A")
    for number in "12345":
        bench.event("B", X=number)
    bench.answer(Value="5")
    assert bench.said == ["lost: look-back-lost: more than 3 events came that this wait might want"]


def test_what_was_lost_before_the_place_does_no_harm() -> None:
    body = (
        act("Getvar", reads=True, handler=Handler(1, None)),
        wait(on("B", "b"), within=5),
        log("b.N"),
    )
    bench = Bench(flow("f", on("A"), *body), max_kept=3)
    bench.event("A")
    for number in "12345":
        bench.event("B", N=number)
    bench.answer()
    assert bench.said == ["1"]


def test_a_queued_run_reads_from_the_event_that_set_it_off() -> None:
    body = (log("a.N"), pause(5), wait(on("B", "b", eq("b.N", "a.N")), within=1), log("b ", "b.N"))
    bench = Bench(flow("f", on("A", "a"), *body, per=("a.K",), policy="queued"))
    bench.event("A", K="k", N="1")
    bench.event("A", K="k", N="2")
    bench.event("B", N="2")
    bench.event("B", N="1")
    bench.advance(30)
    assert bench.said == ["1", "b 1", "2", "b 2"]


def test_a_flow_without_an_event_reads_from_its_start() -> None:
    bench = Bench(flow("f", start(), wait(on("B", "b"), within=5), log("b.N")), ready=False)
    bench.event("B", N="before")
    bench.ready()
    bench.event("B", N="after")
    assert bench.said == ["after"]


def test_a_wait_in_a_finally_sees_what_came_while_the_body_ran() -> None:
    final = (act("Undo"), wait(on("Undone", "u"), within=5), log("u.N"))
    bench = Bench(flow("f", on("A"), act("Do"), final=final))
    bench.event("A")
    bench.answer()
    bench.on_wire()
    bench.event("Undone", N="early")
    bench.answer()
    assert bench.said == ["early"]


def test_nothing_is_left_in_the_index_when_all_is_over() -> None:
    body = (act("One"), wait(on("B", "b", eq("b.X", "a.X")), on("C"), within=5, mode="all"), pause(1))
    bench = Bench(flow("f", on("A", "a"), *body, until=on("U", "u", eq("u.X", "a.X"))))
    before = repr(bench.machine._core.servers["pbx"].index._shelves.keys())
    for x in "12":
        bench.event("A", X=x)
    bench.answer(0)
    bench.event("U", X="1")
    bench.event("U", X="2")
    assert repr(bench.machine._core.servers["pbx"].index._shelves.keys()) == before
    assert bench.machine.deadline() is None


def test_what_ends_one_run_is_seen_by_another_that_goes_on_for_it() -> None:
    """Who had the slot is ended by an event that the next in line has waited for since before it came."""
    bench = Bench(
        compiled("""
            pool lines max 1
            flow ends on Hangup until Shutdown { with lines within 1m { wait 1h } }
            flow waits on Hangup as h { with lines within 1m { wait Shutdown within 1m log "saw it" } }
        """)
    )
    bench.event("Hangup", Channel="a")
    bench.event("Shutdown")
    assert bench.said == ["saw it"]
