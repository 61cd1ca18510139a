"""The run as a whole: moments, servers, the end, and that the same inputs give the same effects."""

import gc
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiflow.ami.message import Message
from amiflow.engine.core import Inputs, Options
from amiflow.engine.effects import (
    Effect,
    FlowEnded,
    Input,
    Noted,
    Received,
    Said,
    Send,
    ServerReady,
    SourceEnded,
    StopAsked,
    Tick,
    Withdraw,
)
from amiflow.engine.evaluate import EvaluationError
from amiflow.engine.machine import Machine
from amiflow.engine.ours import Named, is_from_run
from amiflow.plan import expressions as ir
from amiflow.plan.model import Flow, Instruction
from amiflow.plan.types import Coding
from support.machines import Bench, event
from support.plans import (
    act,
    call,
    chain,
    eq,
    every,
    flow,
    local,
    log,
    on,
    pause,
    plan,
    span,
    start,
    stop_moment,
    unless,
    wait,
)
from support.plans import given as param
from support.properties import examples

# --- on start, on stop, every -----------------------------------------------------------------------------------------


def test_on_start_runs_once_for_each_server_when_it_is_ready() -> None:
    bench = Bench(flow("f", start(), act("Ping", reads=True)), servers=("one", "two"), ready=False)
    assert bench.sends == []
    bench.ready("two")
    bench.ready("one")
    bench.lose("one")
    bench.ready("one")
    assert [send.server for send in bench.sends] == ["two", "one"]


@pytest.mark.parametrize(("response", "status"), [("Success", 0), ("Error", 1)])
def test_a_recipe_of_on_start_flows_ends_when_they_have_ended(response: str, status: int) -> None:
    bench = Bench(flow("f", start(), act("Ping")), flow("g", start(), pause(3)))
    bench.answer(Response=response)
    assert bench.exits == []
    bench.advance(3)
    assert bench.exits == [status]
    assert bench.machine.deadline() is None
    assert bench.event("A") == []


def test_it_waits_for_every_server() -> None:
    bench = Bench(flow("f", start(), log("x")), servers=("one", "two"), ready=False)
    bench.ready("one")
    assert bench.exits == []
    bench.ready("two")
    assert bench.exits == [0]


def test_with_any_other_trigger_a_recipe_runs_until_stopped() -> None:
    bench = Bench(flow("f", start(), log("x")), flow("g", on("A")))
    bench.advance(100)
    assert bench.exits == []


def test_every_comes_first_after_its_period_and_never_overlaps() -> None:
    bench = Bench(flow("f", every(10), log("round"), pause(15)))
    said = []
    for _ in range(5):
        said.append(len(bench.said))
        bench.advance(10)
    assert said == [0, 1, 1, 2, 2]
    assert bench.count("suppressed", "f") == 2


def test_every_of_no_time_never_comes_and_says_so() -> None:
    bench = Bench(flow("f", every(0), log("round")))
    bench.advance(10)
    assert bench.said == [] and [note.text for note in bench.notes("condition-failed")] == [
        "`every` needs more than zero, and never comes"
    ]


def test_every_keeps_its_beat() -> None:
    bench = Bench(flow("f", every(10), log("round")))
    bench.now = 14
    bench.give(Tick())
    assert bench.machine.deadline() == 20
    bench.now = 57
    bench.give(Tick())
    assert (len(bench.said), bench.machine.deadline()) == (2, 67)


def test_it_does_not_wait_for_a_server_that_no_flow_is_for() -> None:
    bench = Bench(flow("f", start(), log("x"), server="one"), servers=("one", "two"), ready=False)
    bench.ready("one")
    assert bench.exits == [0]


def test_every_runs_on_the_first_server_or_the_one_it_names() -> None:
    flows = (flow("f", every(10), act("One")), flow("g", every(10), act("Two"), server="b"))
    bench = Bench(*flows, servers=("a", "b"))
    bench.advance(10)
    assert [(send.server, dict(send.headers)["Action"]) for send in bench.sends] == [("a", "One"), ("b", "Two")]


# --- the end ----------------------------------------------------------------------------------------------------------


def stoppable() -> tuple[Flow, ...]:
    return (
        flow("f", on("A", "a"), log("a.N"), pause(60), final=(log("finally"), pause(2)), per=("a.K",), policy="queued"),
        flow("last", stop_moment(), log("last"), act("Ping", reads=True)),
    )


def test_stopping_ends_flows_then_runs_their_finally_then_on_stop_then_exits() -> None:
    bench = Bench(*stoppable())
    bench.event("A", K="k", N="1")
    bench.event("A", K="k", N="2")
    bench.give(StopAsked("SIGTERM"))
    assert (bench.said, bench.exits) == (["1", "finally"], [])
    bench.event("A", K="l", N="3")
    bench.advance(2)
    assert (bench.said, bench.exits) == (["1", "finally", "last"], [])
    bench.give(StopAsked("SIGTERM"))
    bench.answer()
    assert bench.exits == [0]
    assert bench.ended == [("f", "stopped"), ("last", "done")]


def test_stopping_with_nothing_running_exits_at_once() -> None:
    bench = Bench(flow("f", on("A")))
    bench.give(StopAsked("SIGINT"))
    assert bench.exits == [0]


def test_stopping_before_any_server_was_ready_exits_at_once() -> None:
    bench = Bench(*stoppable(), ready=False)
    bench.give(StopAsked("SIGINT"))
    assert (bench.exits, bench.said) == ([0], [])


def test_stopping_waits_until_unwanted_calls_are_hung_up() -> None:
    bench = Bench(flow("f", on("A"), act("Originate", {"Channel": "PJSIP/1"}, call=True)))
    bench.event("A")
    bench.answer()
    bench.give(StopAsked("SIGTERM"))
    assert bench.actions[-1] == {"Action": "Hangup", "Channel": "run-c1"}
    assert bench.exits == []
    bench.answer()
    assert bench.exits == [0]


def test_when_its_source_has_ended_a_run_ends_with_its_last_flow() -> None:
    silent = flow("silent", chain(on("A"), ("without", on("B"), 10)), log("never"))
    bench = Bench(flow("f", on("A"), pause(5), log("done")), silent, flow("t", every(1), log("tick")))
    bench.event("A")
    bench.give(SourceEnded())
    assert bench.exits == []
    bench.advance(5)
    assert (bench.said, bench.exits) == (["done"], [0])


# --- servers ----------------------------------------------------------------------------------------------------------


def test_a_gap_is_told_from_when_to_when() -> None:
    bench = Bench(flow("f", on("A")))
    bench.lose()
    bench.advance(7)
    bench.ready()
    lost, back = bench.notes("gap")
    assert (lost.facts["server"], back.facts["seconds"]) == ("pbx", 7)


def test_after_a_restart_of_asterisk_flows_that_hold_a_channel_end_as_stopped() -> None:
    holds = flow("holds", on("A", "a"), pause(60), final=(log("finally"),))
    holds_none = flow("none", on("B", "b"), pause(60))
    bench = Bench(holds, holds_none)
    bench.event("A", Uniqueid="1.1", Channel="x")
    bench.event("B", Device="d")
    bench.lose()
    bench.ready(restarted=True)
    assert (bench.ended, bench.said) == ([("holds", "stopped")], ["finally"])


@pytest.mark.parametrize(("version", "name"), [("11.0.0", "O'Brien"), ("2.7.0", "O\\'Brien")])
def test_escapes_are_undone_where_the_server_makes_them(version: str, name: str) -> None:
    caller = ir.Header(local("a"), "CallerIDName", Coding(escaped=True), span())
    bench = Bench(flow("f", on("A", "a"), log(caller)), ready=False)
    bench.ready(version=version)
    bench.event("A", CallerIDName="O\\'Brien")
    assert bench.said == [name]


# --- ours -------------------------------------------------------------------------------------------------------------


def ours(**options: Any) -> Bench:
    """A flow that pauses a queue member, and one that tells what was not caused by the run."""
    acting = flow("acting", on("Go"), act("QueuePause", {"Queue": "q", "Interface": "PJSIP/1", "Paused": "true"}))
    telling = flow("telling", on("QueueMemberPause|Hangup", "e"), unless(call("ours", local("e")), 2), log("ours"))
    return Bench(acting, telling, **options)


@pytest.mark.parametrize(
    ("delay", "headers", "said"),
    [
        (1, {"Queue": "q", "Interface": "PJSIP/2"}, ["ours"]),
        (1, {"Queue": "r", "Interface": "PJSIP/1"}, ["ours"]),
        (1, {"Queue": "r", "Interface": "PJSIP/2"}, []),
        (3, {"Queue": "q", "Interface": "PJSIP/1"}, []),
    ],
)
def test_an_event_about_what_an_action_named_lately_is_ours(
    delay: float, headers: dict[str, str], said: list[str]
) -> None:
    bench = ours()
    bench.event("Go")
    bench.now += delay
    bench.event("QueueMemberPause", **headers)
    assert bench.said == said


@pytest.mark.parametrize(("uniqueid", "said"), [("run-c7", ["ours"]), ("run-c7;2", ["ours"]), ("17.1", [])])
def test_an_event_of_a_call_that_the_run_began_is_ours(uniqueid: str, said: list[str]) -> None:
    bench = ours()
    bench.event("Hangup", Uniqueid=uniqueid, Linkedid="17.0")
    assert bench.said == said


@pytest.mark.parametrize("name", ["DestUniqueid", "DestLinkedid"])
def test_the_dialling_of_a_call_that_the_run_began_is_ours(name: str) -> None:
    told = event("DialEnd", **{name: "run-c7"}, DialStatus="BUSY")
    assert is_from_run(told, ("run-",)) and not is_from_run(told, ("walk-",))
    named = Named()
    named.began(10.0, "run-c7", (("f", 9.0),))
    assert named.line("pbx", told, 11.0) == (("f", 9.0),)


def test_who_is_taken_the_place_of_is_not_whom_it_tells_of() -> None:
    assert not is_from_run(event("BridgeEnter", Uniqueid="1.1", Linkedid="1.1", SwapUniqueid="run-c7"), ("run-",))


def test_machines_of_one_run_share_what_they_named() -> None:
    named = Named()
    named.record(10.0, "pbx", "Hangup", (("Channel", "PJSIP/1-1"),))
    assert named.caused("pbx", event("Hangup", Channel="PJSIP/1-1"), 11.0)
    assert not named.caused("pbx", event("Hangup", Channel="PJSIP/2-1"), 11.0)
    assert not named.caused("pbx", event("Hangup", Channel="PJSIP/1-1"), 13.0)


@pytest.mark.parametrize(
    ("variable", "told"),
    [
        ("X", event("VarSet", Channel="none", Uniqueid="none", Variable="X")),
        ("GLOBAL(X)", event("VarSet", Channel="none", Uniqueid="none", Variable="X")),
        ("DEVICE_STATE(Custom:lamp)", event("DeviceStateChange", Device="Custom:lamp", State="INUSE")),
        ("PRESENCE_STATE(CustomPresence:1)", event("PresenceStateChange", Presentity="CustomPresence:1")),
    ],
)
def test_what_setvar_sets_of_the_server_is_ours(variable: str, told: Message) -> None:
    named = Named()
    assert not named.caused("pbx", told, 10.0)
    named.record(10.0, "pbx", "Setvar", (("Variable", variable), ("Value", "1")), (("f", 9.0),))
    assert named.caused("pbx", told, 11.0) and named.line("pbx", told, 11.0) == (("f", 9.0),)
    of_a_channel = event("VarSet", Channel="PJSIP/1-1", Uniqueid="1.1", Variable="X")
    assert not named.caused("pbx", of_a_channel, 11.0)


def test_a_thing_of_the_same_name_on_another_server_is_none_of_ours() -> None:
    bench = ours(servers=("pbx", "other"))
    bench.event("Go")
    bench.event("QueueMemberPause", server="other", Queue="q", Interface="PJSIP/1")
    assert bench.said == []
    bench.event("QueueMemberPause", Queue="q", Interface="PJSIP/1")
    assert bench.said == ["ours"]


# --- inputs of the run ------------------------------------------------------------------------------------------------


def test_a_param_has_its_default_unless_it_is_given() -> None:
    made = plan(flow("f", on("A"), log(param("room"))), params={"room": "680"})
    for params, said in (({}, "680"), ({"room": "681"}, "681")):
        bench = Bench(made, params=params)
        bench.event("A")
        assert bench.said == [said]


def test_a_secret_without_a_value_is_said_before_anything_runs() -> None:
    with pytest.raises(EvaluationError, match="secret `pw`"):
        Bench(plan(flow("f", on("A")), secrets=("pw",)))


# --- as a whole -------------------------------------------------------------------------------------------------------


def test_what_runs_can_be_looked_at() -> None:
    waiting = wait(on("B"), within=9)
    bench = Bench(flow("f", on("A", "a"), waiting, per=("a.K",)))
    bench.now = 4
    bench.event("A", K="k")
    (running,) = bench.machine.running()
    assert (running.flow, running.key, running.since, running.state) == ("f", ("k",), 4, "running")
    assert running.at == waiting.span
    assert bench.machine.counts() == {("started", "f"): 1}


def rich_plan(indexed: bool) -> Any:
    match_ = chain(on("A", "a"), ("then", on("B", "b", eq("b.X", "a.X")), 3, on("C", "c", eq("c.X", "a.X"))))
    waits = (
        act("One", {"X": "a.X"}),
        wait(on("B", "p", eq("p.X", "a.X")), on("C", "q"), within=4, mode="all"),
        log("p.X", "q.X"),
    )
    return plan(
        flow("match", match_, log("a.X", "b.X"), per=("a.X",), policy="queued", cooldown=1),
        flow("silence", chain(on("C", "c"), ("without", on("A", "a", eq("a.X", "c.X")), 2)), log("c.X")),
        flow("waits", on("A", "a"), *waits, until=on("D", "d", eq("d.X", "a.X")), final=(pause(1), log("fin"))),
        flow("replaced", on("D", "d"), pause(2), log("d.X"), per=("d.X",), policy="replace"),
        flow("beat", every(5), log("beat")),
        indexed=indexed,
    )


EVENTS = st.tuples(st.sampled_from("ABCD"), st.sampled_from("12"), st.sampled_from([0.0, 0.5, 1.0, 2.5]))


def play(indexed: bool, events: list[tuple[str, str, float]]) -> list[Effect]:
    bench = Bench(rich_plan(indexed))
    for name, x, delay in events:
        bench.event(name, X=x)
        if bench.sends:
            bench.answer()
        bench.advance(delay)
    bench.give(StopAsked("end"))
    bench.advance(40)
    return bench.effects


def told(effects: list[Effect]) -> list[str]:
    """The effects without what differs by construction: the spans of two plans, and messages by identity."""
    lines = []
    for effect in effects:
        match effect:
            case Send():
                lines.append(f"send {effect.action_id} {effect.headers} {effect.until}")
            case Noted():
                lines.append(f"{effect.kind} {effect.flow} {effect.instance} {effect.text}")
            case Said() | FlowEnded():
                lines.append(f"{type(effect).__name__} {effect.flow} {effect.instance} {getattr(effect, 'text', '')}")
            case Withdraw():
                lines.append(f"withdraw {effect.action_id}")
    return lines


@examples(10)
@given(st.lists(EVENTS, max_size=25))
def test_the_same_inputs_give_the_same_effects_with_and_without_the_index(events: list[tuple[str, str, float]]) -> None:
    first = told(play(True, events))
    assert told(play(True, events)) == first
    assert told(play(False, events)) == first


@examples(10)
@given(st.lists(EVENTS, max_size=25))
def test_after_the_end_nothing_is_left(events: list[tuple[str, str, float]]) -> None:
    machine = Machine(rich_plan(True), Inputs(), Options("run", ("pbx",)))
    machine.handle(ServerReady("pbx", "11.0.0", False), 0.0, 0.0)
    shelves = machine._core.servers["pbx"].index._shelves
    at_rest = {name: len(shelf.plain) + len(shelf.keyed) for name, shelf in shelves.items()}
    now = 0.0
    for name, x, delay in events:
        machine.handle(Received("pbx", event(name, X=x)), now, now)
        now += delay
    machine.handle(StopAsked("end"), now, now)
    while (due := machine.deadline()) is not None:
        machine.handle(Tick(), due, due)
    assert {name: len(shelf.plain) + len(shelf.keyed) for name, shelf in shelves.items()} == at_rest
    assert machine.running() == ()
    assert len(machine._core.timers) == 0


# --- memory -----------------------------------------------------------------------------------------------------------


def test_a_run_of_a_flow_that_is_over_leaves_nothing_for_the_collector_to_find() -> None:
    """It is set to look seldom: cycles would pile up for minutes."""
    body = (act("Hangup", {"Channel": "a.Channel"}), wait(on("B", "b"), within=5), log("over"))
    bench = Bench(flow("f", on("A", "a"), *body), steps=True)
    gc.collect()
    gc.disable()
    try:
        for number in range(4):
            bench.event("A", Channel=f"PJSIP/a-{number}")
            bench.answer()
            if number % 2:
                bench.event("B")
            bench.advance(9)
            bench.effects.clear()
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_each_input_and_each_instruction_is_taken_by_somebody() -> None:
    """They are looked up by their class."""
    machine = Bench(flow("f", on("A"))).machine
    assert machine._takes.keys() == set(get_args(Input))
    assert machine._steps._does.keys() == set(get_args(Instruction))
