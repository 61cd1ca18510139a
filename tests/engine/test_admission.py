"""`per`, `max`, `cooldown` and `until`."""

from dataclasses import replace
from typing import Any

import pytest

from amiflow.engine import effects as fx
from support.machines import START, Bench
from support.plans import act, eq, flow, log, on, pause, wait
from support.runs import compiled


def keyed(policy: Any, *, final: bool = False, **clauses: Any) -> Bench:
    """A flow that says its number at its beginning, sleeps 10 s, and says it again at its end."""
    last = (log("finally ", "a.N"), pause(2)) if final else ()
    body = (log("a.N"), pause(10), log("end ", "a.N"))
    return Bench(flow("f", on("A", "a"), *body, per=("a.K",), policy=policy, final=last, **clauses))


@pytest.mark.parametrize(
    ("policy", "said", "ended"),
    [
        ("single", ["1", "end 1"], ["done"]),
        ("replace", ["1", "2", "3", "end 3"], ["stopped", "stopped", "done"]),
        ("queued", ["1", "end 1", "2", "end 2", "3", "end 3"], ["done"] * 3),
        ("parallel", ["1", "2", "3", "end 1", "end 2", "end 3"], ["done"] * 3),
    ],
)
def test_what_becomes_of_further_runs_for_a_key(policy: str, said: list[str], ended: list[str]) -> None:
    bench = keyed(policy)
    for number in "123":
        bench.event("A", K="k", N=number)
    bench.advance(60)
    assert bench.said == said
    assert [outcome for _, outcome in bench.ended] == ended


@pytest.mark.parametrize("policy", ["single", "replace", "queued"])
def test_another_key_is_another_matter(policy: str) -> None:
    bench = keyed(policy)
    bench.event("A", K="k", N="1")
    bench.event("A", K="l", N="2")
    assert bench.said == ["1", "2"]


def test_a_key_is_free_again_after_the_end() -> None:
    bench = keyed("single")
    bench.event("A", K="k", N="1")
    bench.advance(11)
    bench.event("A", K="k", N="2")
    assert bench.said == ["1", "end 1", "2"]


@pytest.mark.parametrize("headers", [{}, {"K": ""}, {"K": "<unknown>"}])
def test_an_empty_key_runs_unkeyed_and_is_logged(headers: dict[str, str]) -> None:
    bench = keyed("single")
    bench.event("A", N="1", **headers)
    bench.event("A", N="2", **headers)
    assert bench.said == ["1", "2"]
    assert [note.flow for note in bench.notes("unkeyed")] == ["f", "f"]


def test_without_per_runs_are_parallel() -> None:
    bench = Bench(flow("f", on("A", "a"), log("a.N"), pause(5)))
    bench.event("A", N="1")
    bench.event("A", N="2")
    assert bench.said == ["1", "2"]


def test_replace_starts_the_new_run_after_the_old_finally_and_of_several_the_newest() -> None:
    bench = keyed("replace", final=True)
    bench.event("A", K="k", N="1")
    for number in "234":
        bench.event("A", K="k", N=number)
    assert bench.said == ["1", "finally 1"]
    bench.advance(2)
    assert bench.said == ["1", "finally 1", "4"]
    assert bench.count("suppressed", "f") == 2
    assert bench.ended == [("f", "stopped")]


def test_max_counts_queued_runs_and_what_exceeds_it_is_refused_loudly() -> None:
    bench = keyed("queued", most=2)
    for number in "123":
        bench.event("A", K="k", N=number)
    assert [note.level for note in bench.notes("refused")] == ["error"]
    assert bench.count("refused", "f") == 1
    bench.advance(60)
    assert bench.said == ["1", "end 1", "2", "end 2"]
    bench.event("A", K="k", N="4")
    assert bench.said[-1] == "4"


def test_replacing_needs_no_room() -> None:
    bench = keyed("replace", most=1)
    bench.event("A", K="k", N="1")
    bench.event("A", K="k", N="2")
    assert bench.said == ["1", "2"]
    bench.event("A", K="l", N="3")
    assert bench.count("refused", "f") == 1


@pytest.mark.parametrize(("gap", "said"), [(4.9, ["1"]), (5, ["1", "2"])])
def test_cooldown_lets_one_start_in_its_time(gap: float, said: list[str]) -> None:
    bench = Bench(flow("f", on("A", "a"), log("a.N"), per=("a.K",), cooldown=5))
    bench.event("A", K="k", N="1")
    bench.now += gap
    bench.event("A", K="k", N="2")
    assert bench.said == said
    assert bench.count("suppressed", "f") == 2 - len(said)


def test_cooldown_is_for_each_key_and_counts_from_the_last_start() -> None:
    bench = Bench(flow("f", on("A", "a"), log("a.N"), per=("a.K",), cooldown=5))
    bench.event("A", K="k", N="1")
    bench.advance(3)
    bench.event("A", K="k", N="2")
    bench.event("A", K="l", N="3")
    bench.advance(2)
    bench.event("A", K="k", N="4")
    assert bench.said == ["1", "3", "4"]


def test_a_cooldown_of_before_a_restart_is_over_in_its_time_whichever_server_is_there_first() -> None:
    def begun(**options: Any) -> Bench:
        calls = flow("f", on("A", "a"), log("a.K"), pause(500), per=("a.K",), policy="parallel", cooldown=60)
        return Bench(replace(calls, after="resume"), servers=("one", "two"), keeping=True, **options)

    before = begun()
    before.event("A", server="two", K="k")
    left = next(effect for effect in reversed(before.effects) if isinstance(effect, fx.Remember))
    assert left.state is not None
    bench = begun(ready=False)
    bench.now = 100
    bench.give(fx.Restored((fx.Past(left.token, START, left.state),)))
    bench.ready("one")
    bench.event("A", server="one", K="other")
    bench.ready("two")
    bench.event("A", server="two", K="k")
    assert bench.said == ["other", "k"] and bench.count("suppressed", "f") == 0


def test_cooldown_without_per_is_for_the_whole_flow() -> None:
    bench = Bench(flow("f", on("A", "a"), log("a.N"), cooldown=5))
    for number in "12":
        bench.event("A", N=number)
    assert bench.said == ["1"]


def until(*body: Any, **clauses: Any) -> Bench:
    ends = on("Hangup", "u", eq("u.Channel", "a.Channel"))
    final = (log("finally ", "u.Channel"),)
    return Bench(flow("f", on("A", "a"), *body, until=ends, final=final, **clauses))


def test_until_ends_a_flow_that_waits_and_its_finally_runs() -> None:
    bench = until(pause(60), log("never"))
    bench.event("A", Channel="x")
    bench.event("Hangup", Channel="y")
    assert bench.ended == []
    bench.event("Hangup", Channel="x")
    assert (bench.said, bench.ended) == (["finally x"], [("f", "stopped")])
    assert bench.machine.deadline() is None


def test_until_is_seen_before_any_wait_sees_the_event() -> None:
    bench = until(wait(on("Hangup", "h"), within=9), log("never"))
    bench.event("A", Channel="x")
    bench.event("Hangup", Channel="x")
    assert bench.said == ["finally x"]


def test_until_interrupts_an_awaited_action() -> None:
    bench = until(act("Redirect", {"Channel": "a.Channel"}), log("never"))
    bench.event("A", Channel="x")
    bench.event("Hangup", Channel="x")
    assert [type(effect).__name__ for effect in bench.effects if "Withdraw" in type(effect).__name__] == ["Withdraw"]
    bench.answer()
    assert bench.said == ["finally x"]


def test_until_drops_a_run_that_is_still_queued() -> None:
    bench = until(log("a.N"), pause(10), per=("a.K",), policy="queued")
    bench.event("A", Channel="x", K="k", N="1")
    bench.event("A", Channel="y", K="k", N="2")
    bench.event("Hangup", Channel="y")
    bench.advance(60)
    assert (bench.said, bench.ended) == (["1"], [("f", "done")])
    assert bench.count("suppressed", "f") == 1


def test_the_event_that_ends_one_run_may_start_the_next() -> None:
    bench = Bench(flow("f", on("A", "a"), log("a.N"), pause(9), per=("a.K",), until=on("A", "u")))
    bench.event("A", K="k", N="1")
    bench.event("A", K="k", N="2")
    assert bench.said == ["1", "2"]


def test_a_run_that_outlives_its_lifetime_has_failed() -> None:
    bench = Bench(flow("f", on("A"), pause(60), lasting=30, final=(log("finally"),)))
    bench.event("A")
    bench.advance(29)
    assert bench.ended == []
    bench.advance(1)
    assert (bench.ended, bench.said) == ([("f", "failed")], ["finally"])
    assert bench.failures == ["it ran longer than 30s, its lifetime"]


def test_a_lifetime_ends_a_run_whatever_it_would_be_by_then() -> None:
    bench = Bench(
        compiled("""
            map setting: text lasting 1d max 10
            flow h on Newchannel lasting (int(only(setting["n"] ?? "1", "0-9")) ?? 1) * 1h { wait 2h }
            flow g on Hangup { set setting["n"] = "many" }
        """)
    )
    bench.event("Newchannel", Channel="PJSIP/a-1")
    bench.event("Hangup", Channel="PJSIP/a-1")
    bench.advance(3600)
    assert bench.failures[-1] == "it ran longer than 1h, its lifetime"
