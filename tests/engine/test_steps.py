"""Steps that need nobody else, the end of a run, and its finally."""

from typing import Any

import pytest

from amiflow.engine import steps
from amiflow.engine.effects import FlowEnded, Tick
from amiflow.plan.model import Again, Handler, Next, Pause, Reraise, Return
from support.machines import Bench
from support.plans import (
    act,
    both,
    call,
    const,
    eq,
    fail,
    field,
    flow,
    jump,
    let,
    list_of,
    local,
    log,
    on,
    pause,
    seconds,
    span,
    start,
    stop,
    unless,
    wait,
)


def ran(*body: object, **clauses: object) -> Bench:
    bench = Bench(flow("f", on("A", "a"), *body, **clauses))  # type: ignore[arg-type]
    bench.event("A", N="7")
    return bench


def test_let_and_set_bind_names() -> None:
    assert ran(let("x", "a.N"), let("y", local("x")), log(local("y"))).said == ["7"]


@pytest.mark.parametrize(("value", "said"), [("7", ["yes"]), ("8", ["no"])])
def test_an_if_takes_one_way(value: str, said: list[str]) -> None:
    body = (unless(eq("a.N", value), 3), log("yes"), stop(), log("no"))
    assert ran(*body).said == said


def test_a_for_takes_each_item() -> None:
    body = (
        let("items", list_of("a", "b")),
        let("at", 0),
        Next("items", "at", "x", 5, span()),
        log(local("x")),
        jump(2),
    )
    assert ran(*body, log("end")).said == ["a", "b", "end"]


def test_a_for_over_what_is_no_list_fails() -> None:
    body = (let("items", None), Next("items", "at", "x", 3, span()), jump(1))
    assert ran(*body).failures == ["- is no list"]


def test_a_repeat_counts_from_one() -> None:
    body = (let("n", 0), Again("n", const(3), None, "i", 4, span()), log(local("i")), jump(1), log("end"))
    assert ran(*body).said == ["1", "2", "3", "end"]


def test_a_repeat_comes_at_once_and_then_every_so_often_after_the_last_beginning() -> None:
    body = (let("n", 0), Again("n", const(3), seconds(10), "i", 5, span()), log(local("i")), pause(4), jump(1))
    bench = ran(*body, log("end"))
    said = []
    for _ in range(25):
        said.append(len(bench.said))
        bench.advance(1)
    assert said == [1] * 10 + [2] * 10 + [3] * 4 + [4]


def test_a_round_that_takes_longer_than_its_time_is_followed_at_once() -> None:
    body = (let("n", 0), Again("n", const(2), seconds(2), "i", 5, span()), log(local("i")), pause(5), jump(1))
    bench = ran(*body, log("end"))
    bench.advance(10)
    assert bench.said == ["1", "2", "end"]


def test_a_pause_takes_its_time() -> None:
    bench = ran(pause(2), log("awake"))
    bench.advance(1.9)
    assert bench.said == []
    bench.advance(0.1)
    assert bench.said == ["awake"]


def test_a_duration_that_is_none_fails_the_flow() -> None:
    assert ran(Pause(const("5"), span())).failures == ["5 is no duration"]


@pytest.mark.parametrize(
    ("last", "outcome", "failure"),
    [(stop(), "done", None), (fail("a.N"), "failed", "7"), (Return(const(3), span()), "done", None)],
)
def test_ways_to_end(last: object, outcome: str, failure: str | None) -> None:
    bench = ran(last, log("never"))
    assert (bench.ended, bench.failures, bench.said) == ([("f", outcome)], [failure], [])


def test_a_result_is_told() -> None:
    assert getattr(ran(Return(const(3), span())).effects[-1], "result", None) == 3


def test_a_failure_may_be_raised_again() -> None:
    body = (act("X", handler=Handler(2, "e")), stop(), log(field("e", "kind")), Reraise("e", span()))
    bench = ran(*body)
    bench.answer(Response="Error", Message="no")
    assert (bench.said, bench.failures) == (["error"], ["no"])


def test_an_expression_that_fails_ends_the_flow_with_its_span() -> None:
    broken = call("only", "a.N", "x")
    bench = ran(let("x", broken), log("never"))
    assert bench.ended == [("f", "failed")]
    assert getattr(bench.effects[-1], "span", None) == broken.span


# --- finally ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last", "outcome"), [(stop(), "done"), (fail("x"), "failed"), (Return(const(1), span()), "done")]
)
def test_a_finally_runs_at_every_end(last: object, outcome: str) -> None:
    bench = ran(last, final=(log("finally"),))
    assert (bench.said, bench.ended) == (["finally"], [("f", outcome)])


def test_a_failing_step_of_a_finally_is_logged_and_the_next_one_runs() -> None:
    final = (
        let("x", call("only", "a.N", "x")),
        act("Undo"),
        wait(on("B"), within=1),
        unless(both(eq(call("only", "a.N", "x"), "x")), 5),
        log("never"),
        fail("x"),
        log("last"),
    )
    bench = ran(final=final)
    bench.answer(Response="Error", Message="refused")
    bench.advance(1)
    assert bench.said == ["last"]
    assert len(bench.notes("finally-failed")) == 5
    assert bench.ended == [("f", "done")]


def test_a_failing_wait_any_in_a_finally_passes_over_its_branches() -> None:
    final = (
        wait(on("B"), on("C"), within=-1, mode="any", targets=(1, 3), after=5),
        log("b"),
        jump(6),
        log("c"),
        jump(6),
        log("after"),
        log("behind"),
    )
    assert ran(final=final).said == ["behind"]


def test_a_finally_has_thirty_seconds() -> None:
    bench = ran(final=(pause(60), log("never")))
    bench.advance(29)
    assert bench.ended == []
    bench.advance(1)
    assert (bench.ended, bench.said) == ([("f", "done")], [])
    assert len(bench.notes("finally-failed")) == 1


def test_nothing_ends_a_finally_once_it_runs() -> None:
    bench = ran(pause(9), until=on("U"), final=(pause(5), log("finally")))
    bench.event("U")
    bench.event("U")
    bench.advance(5)
    assert (bench.said, bench.ended) == (["finally"], [("f", "stopped")])


# --- loops that never wait --------------------------------------------------------------------------------------------


def test_a_long_loop_lets_others_in_and_goes_on() -> None:
    body = (let("n", 0), Again("n", const(8_000), None, None, 3, span()), jump(1), log("end"))
    bench = Bench(flow("f", on("A"), *body))
    bench.event("A")
    assert bench.said == []
    assert bench.machine.deadline() == bench.now
    bench.advance(0)
    assert bench.said == ["end"]


def test_a_loop_that_never_waits_fails_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "MOST_STEPS", 3_000)
    bench = ran(jump(0))
    bench.advance(1)
    assert bench.failures == ["it ran 3,000 steps without waiting for anything"]


def test_a_loop_of_no_time_at_all_cannot_hold_up_the_machine() -> None:
    bench = Bench(flow("f", start(), pause(0), jump(0), lasting=5))
    calls = 0
    while bench.machine.deadline() == 0.0 and calls < 5:
        calls += 1
        bench.give(Tick())
    assert calls == 5


# --- what the journal is told -----------------------------------------------------------------------------------------


def test_each_step_is_noted_where_that_is_asked_for() -> None:
    body = (
        let("x", "a.N"),
        let("%hidden", 0),
        unless(eq(local("x"), "8"), 3),
        pause(5),
        wait(on("B", "b"), within=5),
        stop(),
    )
    bench = Bench(flow("f", on("A", "a"), *body), steps=True)
    bench.event("A", N="7")
    bench.advance(5)
    bench.event("B")
    texts = [note.text for note in bench.notes("step")]
    assert texts[:3] == ["x = 7", "the condition does not hold", "waits for 5s"]
    assert texts[3:] == ["waits up to 5s for B"]
    (ended,) = [effect for effect in bench.effects if isinstance(effect, FlowEnded)]
    assert ended.span == body[-1].span
    assert bench.notes("flow-started")[0].facts == {"server": "pbx"}
    assert not ran(let("x", "a.N")).notes("step")


def test_many_steps_in_a_row_are_not_noted_one_by_one() -> None:
    bench = Bench(flow("f", on("A", "a"), *[let("x", "a.N") for _ in range(300)]), steps=True)
    bench.event("A", N="7")
    assert [note.text for note in bench.notes("step")][199:] == [
        "x = 7",
        "its further steps are not noted until it waits",
    ]


def test_a_secret_is_in_no_note_of_a_step() -> None:
    secret = "s3cret" * 40
    bench = Bench(flow("f", on("A", "a"), let("x", "a.N")), steps=True, secrets={"key": secret})
    bench.event("A", N="-" * 190 + secret)
    assert [note.text for note in bench.notes("step")] == ["x = " + "-" * 190 + "***"]


@pytest.mark.parametrize(
    ("after", "keeping", "promised"),
    [("fail", True, [True, False, True]), ("drop", True, [False] * 3), ("fail", False, [False] * 3)],
)
def test_what_changes_something_is_promised_where_the_flow_is_kept(after: Any, keeping: bool, promised: Any) -> None:
    final = (act("Getvar", reads=True), act("Hangup"))
    bench = Bench(flow("f", on("A", "a"), act("Hangup"), final=final, after=after), keeping=keeping)
    bench.event("A")
    for _ in range(3):
        bench.answer()
    assert [send.promised for send in bench.sends] == promised
