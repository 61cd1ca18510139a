"""Pauses, and runs that are stopped from outside."""

from amiflow.engine.effects import Pause, Resume, Signalled, SignalReply, StopRuns
from amiflow.plan import triggers as m
from support.machines import Bench
from support.plans import const, flow, log, on, pause, span

WHY = "is paused"


def two_flows() -> Bench:
    return Bench(
        flow("f", on("A", "a"), log("f ", "a.N"), pause(10), log("f end ", "a.N"), final=(log("f finally"),)),
        flow("g", on("A", "a"), log("g ", "a.N")),
    )


def test_a_paused_flow_begins_no_run_and_those_that_there_are_go_on() -> None:
    bench = two_flows()
    bench.event("A", N="1")
    bench.give(Pause("f", WHY))
    bench.event("A", N="2")
    bench.advance(11)
    assert bench.said == ["f 1", "g 1", "g 2", "f end 1", "f finally"]
    assert bench.count("suppressed", "f") == 1 and bench.count("suppressed", "g") == 0
    assert [(note.flow, note.text) for note in bench.notes("suppressed")] == [("f", WHY)]
    bench.give(Resume("f", WHY))
    bench.event("A", N="3")
    assert bench.said[-2:] == ["f 3", "g 3"]


def test_all_are_paused_and_resumed() -> None:
    bench = two_flows()
    bench.give(Pause(None, WHY))
    bench.give(Pause("f", WHY))
    bench.event("A", N="1")
    assert bench.said == [] and bench.machine.paused() == {"f": WHY, "g": WHY}
    bench.give(Resume(None, WHY))
    assert bench.machine.paused() == {}
    bench.event("A", N="2")
    assert bench.said == ["f 2", "g 2"]


def test_a_pause_for_one_reason_is_not_ended_by_another() -> None:
    bench = two_flows()
    bench.give(Pause(None, "the kill switch is on"))
    bench.give(Resume(None, WHY))
    bench.event("A", N="1")
    assert bench.said == []


def test_who_waits_for_a_turn_does_not_begin_in_a_pause() -> None:
    bench = Bench(flow("f", on("A", "a"), log("a.N"), pause(10), per=("a.K",), policy="queued"))
    for number in "12":
        bench.event("A", K="k", N=number)
    bench.give(Pause("f", WHY))
    bench.advance(11)
    assert bench.said == ["1"] and bench.count("suppressed", "f") == 1
    bench.give(Resume("f", WHY))
    bench.event("A", K="k", N="3")
    assert bench.said == ["1", "3"]


def test_a_recipe_that_was_kept_from_running_at_all_is_no_success() -> None:
    bench = Bench(flow("f", m.OnRun("start", span()), log("runs")), ready=False)
    bench.give(Pause(None, WHY))
    bench.ready()
    assert bench.said == [] and bench.exits == [1]


def test_a_signal_to_a_paused_flow_is_told_why() -> None:
    bench = Bench(flow("f", m.OnSignal("click", (), None, None, span()), log("runs")))
    bench.give(Pause("f", WHY))
    bench.give(Signalled("click", {}, "1"))
    assert [one for one in bench.effects if isinstance(one, SignalReply)] == [
        SignalReply("1", None, "f: is paused", "idle")
    ]


def test_the_runs_of_a_flow_are_stopped_with_their_finally() -> None:
    bench = two_flows()
    for number in "12":
        bench.event("A", N=number)
    first = bench.machine.running()[0].instance
    bench.give(StopRuns("f", first))
    assert bench.ended.count(("f", "stopped")) == 1 and len(bench.machine.running()) == 1
    bench.give(StopRuns("f"))
    assert bench.ended.count(("f", "stopped")) == 2 and bench.said.count("f finally") == 2
    bench.event("A", N="3")
    assert bench.said[-2:] == ["f 3", "g 3"]


def test_the_sender_of_a_signal_whose_run_never_begins_is_told_so() -> None:
    trigger = m.OnSignal("click", (), None, None, span())
    bench = Bench(flow("f", trigger, log("runs"), pause(10), per=(const("k"),), policy="queued"))
    bench.give(Signalled("click", {}, "1"))
    bench.give(Signalled("click", {}, "2"))
    bench.give(StopRuns("f", 2))
    assert [one for one in bench.effects if isinstance(one, SignalReply)] == [
        SignalReply("2", None, "the flow was stopped", "stopped")
    ]
