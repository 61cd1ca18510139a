"""Pools and limits: who gets a slot or a turn, in which order, and what is given back when a flow leaves or ends."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiflow.engine.evaluate import EvaluationError
from amiflow.plan import model as m
from amiflow.plan.keeping import Limit, Pool
from support.machines import Bench
from support.plans import act, const, eq, fail, field, flow, jump, log, on, pause, plan, seconds, span, wait
from support.plans import given as global_
from support.properties import examples
from support.runs import compiled


def take(end: int, within: float = 30, handler: int | None = None) -> m.Take:
    target = m.Handler(handler, "e") if handler is not None else None
    return m.Take("lines", seconds(within), end, target, span())


def bench(*flows: m.Flow, most: Any = 1, limits: tuple[Limit, ...] = (), **options: Any) -> Bench:
    made = plan(*flows, params={"most": const(2)})
    pool = Pool("lines", global_("most") if most is None else const(most), span())
    return Bench(replace(made, pools=(pool,), limits=limits), **options)


def begin(bench: Bench, *names: str) -> None:
    for name in names:
        bench.event("UserEvent", Id=name)


def held(*body: m.Instruction, **options: Any) -> m.Flow:
    """A flow for each UserEvent, within a `with` around that body."""
    return flow("f", on("UserEvent", "u"), take(len(body) + 1), *body, log("out ", "u.Id"), **options)


def test_a_bound_that_cannot_be_had_ends_no_run() -> None:
    """It is read when a slot is given back, too, and a flow may have stored what cannot be read since."""
    run = Bench(
        compiled("""
            userevent Go { Id: text }
            map setting: text lasting 1d max 10
            pool lines max int(only(setting["n"] ?? "1", "0-9")) ?? 1
            flow f on UserEvent Go { with lines within 30s { wait 5s } or fail "none was free" }
            flow g on Hangup { set setting["n"] = "many" }
        """)
    )
    for number in "ab":
        run.event("UserEvent", UserEvent="Go", Id=number)
    run.event("Hangup", Channel="PJSIP/a-1")
    run.advance(30)
    assert run.ended == [("g", "done"), ("f", "done"), ("f", "failed")]
    assert [note.text for note in run.notes("condition-failed")] == ["`many` has a character that is not of `0-9`: `m`"]


def test_who_waits_has_a_slot_once_the_bound_has_grown_by_itself() -> None:
    run = Bench(
        compiled("""
            userevent Go { Id: text }
            map setting: int lasting 1d max 10
            pool lines max setting["n"] ?? 0
            flow f on UserEvent Go { with lines within 30s { log "in" } }
            flow g on Hangup { set setting["n"] = 1 }
        """)
    )
    run.event("UserEvent", UserEvent="Go", Id="a")
    run.advance(5)
    run.event("Hangup", Channel="PJSIP/a-1")
    run.advance(1)
    assert run.said == ["in"]
    assert run.machine.deadline() is None


def test_a_bound_that_stays_as_it_is_is_not_read_again_and_again() -> None:
    run = bench(held(pause(100)))
    begin(run, "a", "b")
    assert run.machine.deadline() == run.now + 30


def test_who_came_first_is_served_first_and_the_slot_is_free_behind_the_block() -> None:
    run = bench(held(log("in ", "u.Id"), pause(10)))
    begin(run, "a", "b", "c")
    assert run.said == ["in a"]
    run.advance(10)
    assert run.said == ["in a", "out a", "in b"]
    run.advance(10)
    assert run.said[3:] == ["out b", "in c"]


def test_no_slot_in_time_is_a_failure_that_its_or_handles() -> None:
    body = (take(3, 5, 3), log("in"), pause(60), log("none: ", field("e", "kind")))
    run = bench(flow("f", on("UserEvent", "u"), *body))
    begin(run, "a", "b")
    run.advance(5)
    assert run.said == ["in", "none: timeout"]
    run = bench(held(pause(60)))
    begin(run, "a", "b")
    run.advance(30)
    assert run.failures == ["no slot of lines was free within 30s"]


OUT = m.Handler(4, None)


@pytest.mark.parametrize(
    "way",
    [
        fail("x"),
        m.Stop(span()),
        m.Return(const(1), span()),
        jump(4),
        wait(on("Never"), within=1, handler=OUT),
        act("Ping", within=1, handler=OUT),
    ],
    ids=lambda way: type(way).__name__,
)
def test_every_way_out_of_the_block_gives_the_slot_back(way: m.Instruction) -> None:
    run = bench(flow("f", on("UserEvent", "u"), take(4), log("in"), way, pause(100), pause(1000)))
    begin(run, "a")
    run.advance(2)
    begin(run, "b")
    assert run.said == ["in", "in"]


def test_the_end_of_a_flow_gives_its_slots_back_before_its_finally() -> None:
    ended = held(log("in ", "u.Id"), pause(1000), until=on("Hangup", "h", eq("h.Id", "u.Id")), final=(pause(20),))
    run = bench(ended)
    begin(run, "a", "b")
    run.event("Hangup", Id="a")
    assert run.said == ["in a", "in b"]


def test_who_ends_while_waiting_is_not_served() -> None:
    run = bench(held(log("in ", "u.Id"), pause(10), until=on("Hangup", "h", eq("h.Id", "u.Id"))))
    begin(run, "a", "b", "c")
    run.event("Hangup", Id="b")
    run.advance(10)
    assert run.said == ["in a", "out a", "in c"]


def test_the_bound_may_be_a_param() -> None:
    run = bench(held(log("in ", "u.Id"), pause(10)), most=None)
    begin(run, "a", "b", "c")
    assert run.said == ["in a", "in b"]


@given(st.lists(st.sampled_from(("begin", "end", "advance")), max_size=30), st.integers(1, 3))
@examples(20)
def test_never_more_than_the_bound_and_nobody_waits_beside_a_free_slot(steps: list[str], most: int) -> None:
    body = (log("in"), wait(on("Hangup"), within=20, mode="one", handler=m.Handler(3, None)), log("out"))
    run = bench(flow("f", on("UserEvent", "u"), take(4, 1000), *body), most=most)
    begun = 0
    for step in steps:
        if step == "begin":
            begin(run, "x")
            begun += 1
        elif step == "end":
            run.event("Hangup")
        else:
            run.advance(7)
        inside = run.said.count("in") - run.said.count("out")
        waiting = begun - run.said.count("in")
        assert inside <= most and (waiting == 0 or inside == most)


# --- limits -----------------------------------------------------------------------------------------------------------


def pings(within: float = 5, retry: tuple[int, float] | None = None, **options: Any) -> m.Flow:
    return flow("f", on("UserEvent", "u"), act("Ping", {"Id": "u.Id"}, within=within, retry=retry), **options)


def limited(*flows: m.Flow, count: int = 2, **options: Any) -> Bench:
    return bench(*flows, limits=(Limit("Ping", const(count), seconds(1), span()),), **options)


def sent(run: Bench) -> list[str]:
    return [headers["Id"] for headers in run.actions]


def test_what_exceeds_a_limit_waits_for_its_turn() -> None:
    run = limited(pings())
    begin(run, *"abcde")
    assert sent(run) == ["a", "b"]
    run.advance(0.5)
    begin(run, "f")
    run.advance(0.5)
    assert sent(run) == ["a", "b", "c", "d"]
    run.advance(1)
    assert sent(run) == list("abcdef")


def test_waiting_counts_in_the_action_s_time() -> None:
    run = limited(pings(within=1.5), count=1)
    begin(run, "a", "b", "c")
    run.answer()
    run.advance(1)
    run.on_wire()
    run.advance(2)
    assert sent(run) == ["a", "b"]
    assert run.failures == [None, "no answer within 1s500ms", "could not be sent within 1s500ms: `limit Ping 1 per 1s`"]


def test_urgent_flows_go_first() -> None:
    urgent = replace(flow("u", on("Alarm", "a"), act("Ping", {"Id": "a.Id"})), urgent=True)
    run = limited(pings(), urgent, count=1)
    begin(run, "a", "b")
    run.event("Alarm", Id="!")
    run.advance(1)
    assert sent(run) == ["a", "!"]
    run.advance(1)
    assert sent(run) == ["a", "!", "b"]


def test_a_turn_without_a_connection_waits_for_it() -> None:
    run = limited(pings(within=20), count=1)
    begin(run, "a", "b")
    run.lose()
    run.advance(3)
    assert sent(run) == ["a"]
    run.ready()
    assert sent(run) == ["a", "b"]


def test_who_ends_while_waiting_does_not_use_up_a_turn() -> None:
    run = limited(pings(until=on("Hangup", "h", eq("h.Id", "u.Id"))), count=1)
    begin(run, "a", "b", "c")
    run.event("Hangup", Id="b")
    run.advance(1)
    assert sent(run) == ["a", "c"]


def test_other_actions_are_not_held_up() -> None:
    other = flow("o", on("Other"), act("Status"))
    run = limited(pings(), other, count=1)
    begin(run, "a", "b")
    run.event("Other")
    assert [headers["Action"] for headers in run.actions] == ["Ping", "Status"]


@pytest.mark.parametrize(("count", "per"), [(0, 1), (-3, 1), (1, 0)])
def test_a_limit_that_lets_none_go_or_all_does_not_begin(count: int, per: float) -> None:
    """A recipe whose param says none must not be one that sends."""
    with pytest.raises(EvaluationError, match="`limit Ping` is to let one go at least, in some time"):
        Bench(replace(plan(flow("f", on("Hangup"))), limits=(Limit("Ping", const(count), seconds(per), span()),)))
