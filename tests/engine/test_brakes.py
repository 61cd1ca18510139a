"""The caps of a run: actions a second, calls dialled at once, actions that wait. Who goes first, and what is told."""

from dataclasses import replace
from typing import Any

import pytest

from amiflow.engine.effects import Signal, Signalled, Withdraw
from amiflow.engine.limits import Shared
from amiflow.engine.machine import Machine
from amiflow.plan import model as m
from amiflow.plan.bounds import Caps
from amiflow.plan.errands import SignalCall
from amiflow.plan.keeping import Limit
from amiflow.plan.triggers import OnSignal
from support.machines import Bench
from support.plans import act, const, flow, log, on, pause, plan, seconds, span

CAPS = Caps(actions_per_second=2, calls_dialled_at_once=2, actions_waiting=4, loop_rounds=3)
AWAITED = {"Channel": const("PJSIP/1"), "Id": "u.Id"}


def ping(**options: Any) -> m.Flow:
    return flow("f", on("UserEvent", "u"), act("Ping", {"Id": "u.Id"}, within=options.pop("within", 5.0)), **options)


def calls(*more: Any, within: float = 60.0, awaits: bool = True, **options: Any) -> m.Flow:
    step = act("Originate", AWAITED, within=within, call=awaits)
    return flow("f", on("UserEvent", "u"), step, *more, **options)


def bench(*flows: m.Flow, caps: Caps = CAPS, **options: Any) -> Bench:
    return Bench(*flows, caps=caps, **options)


def begin(run: Bench, *ids: str) -> None:
    for one in ids:
        run.event("UserEvent", Id=one)


def sent(run: Bench) -> str:
    return "".join(headers["Id"] for headers in run.actions if "Id" in headers)


def response(run: Bench, at: int, **headers: str) -> None:
    run.event("OriginateResponse", ActionID=run.sends[at].action_id, **headers)


# --- actions a second -------------------------------------------------------------------------------------------------


def test_what_exceeds_the_actions_a_second_waits_for_its_turn() -> None:
    run = bench(ping())
    begin(run, *"abc")
    assert sent(run) == "ab"
    run.advance(1)
    assert sent(run) == "abc"


def test_it_waits_within_its_own_time_and_is_told_why_it_was_not_sent() -> None:
    run = bench(ping(within=0.5))
    begin(run, *"abc")
    run.advance(1)
    assert sent(run) == "ab"
    assert run.failures[-1] == (
        "could not be sent within 500ms: 2 actions a second are sent"
        " (`actions_per_second` under `limits` of the configuration)"
    )


def test_braking_is_counted_each_time_and_told_once_a_minute() -> None:
    run = bench(ping(within=60), caps=replace(CAPS, actions_waiting=1000))
    begin(run, *"abcdefgh")
    assert (len(run.notes("braked")), run.count("braked", "f")) == (1, 6)
    run.advance(61)
    begin(run, *"abcd")
    assert len(run.notes("braked")) == 2


def test_the_cap_holds_for_all_machines_of_a_run() -> None:
    shared = Shared(CAPS)
    runs = [bench(ping()), bench(ping())]
    for run in runs:
        run.machine = Machine(plan(ping()), run.inputs, run.options, shared)
        run.ready()
        begin(run, *"ab")
    assert [sent(run) for run in runs] == ["ab", ""]
    runs[1].advance(1)
    assert sent(runs[1]) == "ab"


def test_urgent_flows_go_first() -> None:
    alarm = replace(flow("alarm", on("Alarm", "a"), act("Ping", {"Id": "a.Id"})), urgent=True)
    run = bench(ping(), alarm)
    begin(run, *"abcd")
    run.event("Alarm", Id="!")
    run.advance(1)
    assert sent(run) == "ab!c"


def test_an_action_whose_turn_comes_as_its_time_ends_is_not_sent() -> None:
    run = bench(ping(within=1.0), caps=replace(CAPS, actions_per_second=1))
    begin(run, *"ab")
    run.answer()
    run.advance(1)
    assert run.failures[1:] and "could not be sent within 1s" in (run.failures[1] or "")
    assert sent(run) == "a" and not [one for one in run.effects if isinstance(one, Withdraw)]


def test_a_limit_of_the_recipe_holds_too_and_neither_is_exceeded() -> None:
    limit = Limit("Ping", const(1), seconds(2), span())
    other = flow("o", on("Other", "o"), act("Status", {"Id": "o.Id"}, within=60))
    run = bench(replace(plan(ping(within=60), other), limits=(limit,)), caps=replace(CAPS, actions_waiting=100))
    begin(run, *"abc")
    for one in "1234":
        run.event("Other", Id=one)
    assert sent(run) == "a1"
    run.advance(1)
    assert sent(run) == "a123"
    run.advance(1)
    assert sorted(sent(run)[4:]) == ["4", "b"]
    run.advance(10)
    assert sorted(sent(run)) == ["1", "2", "3", "4", "a", "b", "c"]


def test_what_ends_in_order_is_not_braked() -> None:
    closing = tuple(act("Ping", {"Id": const("z")}) for _ in range(5))
    run = bench(flow("f", on("UserEvent", "u"), pause(100), final=closing))
    begin(run, "a")
    run.stop()
    for _ in closing:
        run.answer()
    assert (sent(run), run.exits) == ("zzzzz", [0])


def test_what_waited_for_its_turn_goes_once_when_the_run_ends() -> None:
    """A finally that was braked as the run was stopped, and then gave its action up, sends the next one once."""
    first = act("Ping", {"Id": const("y")}, within=0.5, handler=m.Handler(1, "e"))
    run = bench(flow("f", on("UserEvent", "u"), final=(first, act("Ping", {"Id": const("z")}))))
    begin(run, *"abcd")
    run.stop()
    run.advance(10)
    assert (sent(run), run.exits) == ("yyyyzzzz", [0])


# --- calls dialled at once --------------------------------------------------------------------------------------------


def dialling(run: Bench) -> int:
    return len(run.sends)


def test_a_call_is_dialled_until_its_originate_response() -> None:
    run = bench(calls())
    begin(run, *"abc")
    run.advance(2)
    assert sent(run) == "ab"
    response(run, 0, Response="Success", Channel="PJSIP/1-1")
    assert sent(run) == "abc"


@pytest.mark.parametrize(
    "way",
    [
        lambda run: run.answer(0, Response="Error", Message="no"),
        lambda run: response(run, 0, Response="Failure", Reason="5"),
        lambda run: run.unanswered("invalid", 0),
        lambda run: run.advance(40),
    ],
    ids=["refused", "busy", "invalid", "no word of it"],
)
def test_however_it_ends_its_place_is_free_again(way: Any) -> None:
    run = bench(calls(within=100))
    begin(run, *"abc")
    run.advance(2)
    assert sent(run) == "ab"
    way(run)
    assert sent(run) == "abc"


def test_a_call_that_is_not_awaited_takes_a_place_too() -> None:
    run = bench(calls(awaits=False))
    begin(run, *"ab")
    run.answer(0)
    run.answer(1)
    run.advance(2)
    begin(run, "c")
    assert sent(run) == "ab"
    response(run, 1, Response="Success")
    assert sent(run) == "abc"


def test_a_call_whose_turn_does_not_come_times_out_with_the_reason() -> None:
    run = bench(calls(within=3))
    begin(run, *"abc")
    run.on_wire(0)
    run.on_wire(1)
    run.advance(3)
    assert run.failures[-1] == (
        "could not be sent within 3s: 2 calls are being dialled"
        " (`calls_dialled_at_once` under `limits` of the configuration)"
    )


def test_a_machine_that_has_ended_gives_its_places_back() -> None:
    shared = Shared(CAPS)
    runs = [bench(calls(awaits=False)), bench(calls(awaits=False))]
    for run in runs:
        run.machine = Machine(plan(calls(awaits=False)), run.inputs, run.options, shared)
        run.ready()
    begin(runs[0], *"ab")
    begin(runs[1], "c")
    for at in (0, 1):
        runs[0].answer(at)
    runs[1].advance(3)
    assert (sent(runs[0]), sent(runs[1])) == ("ab", "")
    runs[0].stop()
    assert runs[0].exits == [0]
    runs[1].advance(1)
    assert sent(runs[1]) == "c"


# --- actions that wait ------------------------------------------------------------------------------------------------


def test_beyond_the_actions_that_may_wait_one_fails_at_once() -> None:
    run = bench(ping())
    begin(run, *"abcdef")
    assert run.failures == ["too many actions wait already (`actions_waiting` under `limits` of the configuration)"] * 2
    assert (len(run.notes("action-refused")), run.count("action-refused", "f")) == (1, 2)
    run.answer(0)
    begin(run, "g")
    run.advance(3)
    assert sent(run) == "abcdg"


# --- loops ------------------------------------------------------------------------------------------------------------


def moves(name: str, trigger: str) -> m.Flow:
    return flow(name, on(trigger, "e"), act("Redirect", {"Channel": "e.Channel"}), log(name))


LOOSE = Caps(loop_rounds=3)


def test_calls_of_the_same_name_on_many_servers_are_no_loop() -> None:
    names = tuple("abcdefgh")
    run = bench(moves("f", "ConfbridgeJoin"), caps=LOOSE, servers=names)
    for name in names:
        run.event("ConfbridgeJoin", server=name, Channel="PJSIP/1-1")
    assert dialling(run) == len(names) and not run.notes("loop")


def test_a_flow_that_keeps_starting_itself_is_stopped_and_named() -> None:
    run = bench(moves("f", "ConfbridgeJoin"), caps=LOOSE)
    for _ in range(5):
        run.event("ConfbridgeJoin", Channel="PJSIP/1-1")
        run.now += 0.5
    assert dialling(run) == 3
    refused = run.notes("loop")
    assert [note.level for note in refused] == ["error", "error"]
    assert refused[0].text == (
        "refused: it keeps starting itself, 3 times in 1.5 s (`loop_rounds` under `limits` of the configuration): f > f"
    )
    assert run.count("loop", "f") == 2


def test_a_loop_of_two_flows_is_named_as_such() -> None:
    run = bench(moves("f", "ConfbridgeJoin"), moves("g", "QueueCallerJoin"), caps=LOOSE)
    for _ in range(4):
        run.event("ConfbridgeJoin", Channel="PJSIP/1-1")
        run.event("QueueCallerJoin", Channel="PJSIP/1-1")
    assert run.notes("loop")[0].text.endswith(": f > g > f")


def test_many_calls_are_no_loop() -> None:
    run = bench(moves("f", "ConfbridgeJoin"), moves("g", "QueueCallerJoin"), caps=LOOSE)
    for number in range(20):
        run.event("ConfbridgeJoin", Channel=f"PJSIP/1-{number}")
        run.event("QueueCallerJoin", Channel=f"PJSIP/1-{number}")
    assert (dialling(run), run.notes("loop")) == (40, [])


@pytest.mark.parametrize(
    ("action", "trigger", "headers"),
    [
        ("QueuePenalty", "QueueCallerJoin", {"Queue": "support"}),  # the next caller, not what the action did
        ("Setvar", "DTMFEnd", {"Channel": "PJSIP/1-1"}),
        ("Redirect", "DTMFEnd", {"Channel": "PJSIP/1-1"}),  # somebody presses keys, wherever the call is moved
    ],
)
def test_what_comes_from_people_is_no_loop(action: str, trigger: str, headers: dict[str, str]) -> None:
    run = bench(flow("f", on(trigger), act(action, {name: const(text) for name, text in headers.items()})), caps=LOOSE)
    for _ in range(10):
        run.event(trigger, **headers)
    assert (dialling(run), run.notes("loop")) == (10, [])


def test_what_an_action_raises_by_itself_is_followed() -> None:
    run = bench(flow("f", on("QueueMemberPause", "e"), act("QueuePause", {"Interface": "e.Interface"})), caps=LOOSE)
    for _ in range(5):
        run.event("QueueMemberPause", Interface="PJSIP/1")
    assert dialling(run) == 3


def test_a_slow_circle_is_none() -> None:
    run = bench(moves("f", "ConfbridgeJoin"), caps=LOOSE)
    for _ in range(10):
        run.event("ConfbridgeJoin", Channel="PJSIP/1-1")
        run.advance(2.1)
    assert (dialling(run), run.notes("loop")) == (10, [])


def test_calls_that_begin_calls_are_followed_by_their_ids() -> None:
    redial = flow("f", on("Hangup", "h"), act("Originate", {"Channel": const("PJSIP/1"), "Async": const("true")}))
    run = bench(redial, caps=LOOSE)
    run.event("Hangup", Uniqueid="17.1")
    for number in (1, 2, 3):
        run.now += 5
        run.event("Hangup", Uniqueid=f"run-c{number}", Linkedid="17.1")
    assert dialling(run) == 3


def test_an_event_that_says_which_of_our_actions_raised_it_is_followed() -> None:
    run = bench(flow("f", on("UserEvent"), act("UserEvent", {"UserEvent": const("Again")})), caps=LOOSE)
    run.event("UserEvent")
    for number in (1, 2, 3):
        run.event("UserEvent", ActionID=f"run-{number}")
    run.event("UserEvent")  # somebody else's
    assert dialling(run) == 4


def test_a_flow_that_was_caught_is_held_from_itself_for_a_minute_and_no_longer() -> None:
    run = bench(moves("f", "ConfbridgeJoin"), caps=LOOSE)

    def rounds(channel: str) -> int:
        before = dialling(run)
        for _ in range(4):
            run.event("ConfbridgeJoin", Channel=channel)
        return dialling(run) - before

    assert [rounds("PJSIP/1-1"), rounds("PJSIP/1-2")] == [3, 1]
    run.advance(61)
    assert rounds("PJSIP/1-3") == 3


def test_signals_from_flow_to_flow_are_followed() -> None:
    again = m.Errand(SignalCall("go", ()), None, None, None, None, span())
    run = bench(flow("f", OnSignal("go", (), None, None, span()), again), caps=LOOSE)
    run.give(Signalled("go", {}))
    for _ in range(5):
        given = [effect for effect in run.effects if isinstance(effect, Signal)][-1]
        run.give(Signalled(given.name, given.fields, line=given.line))
    assert run.count("started", "f") == 3


# --- bounds of what is remembered -------------------------------------------------------------------------------------


def test_an_urgent_flow_is_exempt_from_its_max_but_not_from_every_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amiflow.engine.admission.MOST_URGENT", 3)
    run = bench(replace(flow("f", on("UserEvent"), pause(9), most=1), urgent=True))
    begin(run, *"abcde")
    assert (len(run.machine.running()), run.count("refused", "f")) == (3, 2)


def test_of_too_many_keys_that_cool_down_the_oldest_may_start_again() -> None:
    run = bench(flow("f", on("UserEvent", "u"), log("u.Id"), per=("u.Id",), cooldown=60), max_pending=2)
    begin(run, *"abc", *"cba")
    assert run.said == ["a", "b", "c", "a"]
    assert (run.count("cooldown-lost", "f"), len(run.notes("cooldown-lost"))) == (2, 1)
