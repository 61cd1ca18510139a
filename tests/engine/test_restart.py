"""What is written down of runs is how they stand, at every moment; and what becomes of it in the next life."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from amiflow.ami.message import Message
from amiflow.engine import effects as fx
from amiflow.engine.values import Call, Failure, Reply, Value
from amiflow.engine.written import Pen
from amiflow.plan.model import Again, Handler
from support.lives import Lives
from support.machines import START, Bench, event
from support.plans import act, const, eq, flow, jump, let, local, log, on, pause, plan, seconds, span, stop, wait
from support.runs import compiled

SENT_ONCE = "an action that changes something is sent once"


def resumed(*body: object, **more: object) -> Lives:
    """A flow that goes on, and has begun."""
    lives = Lives(plan(flow("f", on("A", "a"), *body, after="resume", **more)))  # type: ignore[arg-type]
    lives.event("A", Channel="x", Uniqueid="1.1")
    return lives


HANDLED = (
    act("Redirect", handler=Handler(3, "e")),
    log("moved"),
    stop(),
    log(local("e")),
    stop(),
)


def test_what_was_sent_without_an_answer_is_unknown_and_not_sent_again() -> None:
    for known in (False, True):
        lives = resumed(*HANDLED)
        if known:
            lives.on_wire()
        lives.come_back(1)
        assert lives.actions == ["Redirect"] and lives.said == [
            "unknown: amiflow was restarted before the answer came"
        ], SENT_ONCE
        assert lives.ended == [("done", None)] and lives.written == {}


def test_a_run_whose_time_is_long_over_takes_nobody_back_to_that_time() -> None:
    """The loop gives what comes next to the machine at its deadline at the latest, and no time may lie before that."""
    lives = resumed(wait(on("B"), within=5))
    lives.come_back(3600, ready=False)
    lives.give(fx.ServerReady("pbx", "11.0.0", False))
    assert lives.machine.deadline() == lives.mono


def test_the_end_of_a_machine_is_the_last_that_is_heard_of_it() -> None:
    """Whoever writes down what it remembers may forget it then."""
    bench = Bench(plan(flow("f", on("A"), pause(10), after="resume")), keeping=True)
    bench.event("A")
    bench.give(fx.Retire())
    bench.advance(10)
    assert [type(one) for one in bench.effects[-2:]] == [fx.Remember, fx.Exit]


def test_what_was_answered_is_not_sent_again() -> None:
    lives = resumed(act("Redirect"), pause(10), log("on"))
    lives.answer()
    lives.come_back(4)
    lives.pass_time(5)
    assert lives.said == []
    lives.pass_time(1)
    assert lives.actions == ["Redirect"] and lives.said == ["on"]


def test_what_waits_for_the_connection_is_sent_by_the_next_life() -> None:
    lives = Lives(plan(flow("f", on("A"), act("Redirect", within=60), log("moved"), after="resume")))
    lives.event("A")
    lives.give(fx.Unanswered(lives.sends[-1].action_id, "unsent", "why"))
    lives.give(fx.ServerLost("pbx", "gone"))
    lives.come_back(10)
    assert lives.actions == ["Redirect", "Redirect"] and lives.sends[0].action_id != lives.sends[1].action_id
    lives.answer()
    assert lives.said == ["moved"]


def test_what_waited_for_the_connection_too_long_is_not_sent() -> None:
    lives = resumed(*HANDLED)
    lives.give(fx.Unanswered(lives.sends[-1].action_id, "unsent", "why"))
    lives.come_back(10)
    assert lives.actions == ["Redirect"] and lives.said == ["disconnected: no connection within 5s"]


def test_what_merely_reads_is_asked_again() -> None:
    lives = resumed(act("Getvar", into="r", reads=True), log(local("r")))
    lives.on_wire()
    lives.come_back(1)
    assert lives.actions == ["Getvar", "Getvar"]
    lives.answer(Value="1")
    assert lives.ended == [("done", None)]


def test_an_attempt_between_two_is_made_by_the_next_life() -> None:
    lives = resumed(act("Redirect", retry=(2, 10)), log("moved"))
    lives.answer(Response="Error", Message="no")
    lives.come_back(4)
    assert lives.actions == ["Redirect"]
    lives.pass_time(6)
    assert lives.actions == ["Redirect"] * 2
    lives.answer()
    assert lives.said == ["moved"]


def test_each_kept_event_is_read_by_the_wait_that_comes_later() -> None:
    same = eq("b.Uniqueid", "a.Uniqueid")
    lives = resumed(pause(10), wait(on("B", "b", same), within=5), log("b.Note"))
    lives.event("B", Uniqueid="1.1", Note="first")
    lives.event("B", Uniqueid="1.1", Note="second")
    lives.event("B", Uniqueid="9", Note="another's")
    for _ in range(3):
        lives.come_back(3)
    lives.pass_time(1)
    assert lives.said == ["first"]


def test_part_of_a_wait_is_kept() -> None:
    lives = resumed(wait(on("B", "b"), on("C", "c"), within=60, mode="all"), log("b.Note"), log("c.Note"))
    lives.event("C", Note="c")
    lives.come_back(1)
    lives.event("C", Note="another")
    lives.event("B", Note="b")
    assert lives.said == ["b", "c"]


def test_a_secret_is_written_by_name_and_is_the_next_lifes_own() -> None:
    made = plan(
        flow("f", on("A"), let("t", "call me hunter2!"), pause(5), log(local("t")), after="resume"), secrets=("pin",)
    )
    lives = Lives(made, {"pin": "hunter2"})
    lives.event("A")
    assert "hunter2" not in str(lives.written) and "pin" in str(lives.written)
    lives.secrets = {"pin": "correct horse"}
    lives.come_back()
    assert lives.machine._core.instances[1].names["t"] == "call me correct horse!"


# --- what cannot go on ------------------------------------------------------------------------------------------------


def test_changed_code_is_not_taken_up() -> None:
    lives = resumed(pause(10), log("on"), final=(log("its finally"),))
    lives.changed(body=(pause(10), log("else"), stop()))
    lives.come_back()
    lives.pass_time(20)
    why = "amiflow was restarted, and its code was changed while amiflow was restarted"
    assert lives.ended == [("failed", why)] and lives.said == [] and lives.written == {}


def test_what_concerns_only_the_beginning_may_change() -> None:
    lives = resumed(pause(10), log("on"))
    lives.changed(max=const(5), cooldown=None, name="f")
    lives.come_back()
    lives.pass_time(20)
    assert lives.said == ["on"]


def test_a_flow_that_is_gone_has_failed() -> None:
    lives = resumed(pause(10), log("on"))
    lives.changed(name="g")
    lives.come_back()
    assert lives.ended == [("failed", "amiflow was restarted, and the recipe has no such flow any more")]


@pytest.mark.parametrize("damage", ['{"is": "wait"', '"position": "x', '"form": 0', "null"])
def test_what_cannot_be_read_has_failed(damage: str) -> None:
    lives = resumed(pause(10), log("on"))
    (token, (at, text)) = next(iter(lives.written.items()))
    for good, bad in (('{"is": "pause"', damage), ('"position": 1', damage), ('"form": 1', damage)):
        if damage.split(":")[0] == good.split(":")[0]:
            text = text.replace(good, bad + ('"' if bad.endswith("x") else ""))
    lives.written[token] = (at, "{}" if damage == "null" else text)
    lives.come_back()
    ((outcome, why),) = lives.ended
    assert outcome == "failed" and why is not None and why.startswith("amiflow was restarted, and ")
    lives.pass_time(20)
    assert lives.said == [] and lives.written == {}


def test_a_slot_of_no_pool_cannot_be_read_and_takes_none() -> None:
    lives = begun(f"pool p max 1\nflow f on UserEvent Go as u after restart resume {{ {WITHIN} }}", "1")
    ((token, (at, text)),) = lives.written.items()
    lives.written[token] = (at, text.replace('"slots": [["p"', '"slots": [["p", 1, 4], ["q"'))
    lives.come_back(1)
    lives.event("UserEvent", UserEvent="Go", Key="k", N="2")
    lives.pass_time(60)
    assert [outcome for outcome, _ in lives.ended] == ["failed", "done"] and lives.said == ["in 1", "in 2"]


# --- a run that is cut off --------------------------------------------------------------------------------------------


def test_a_finally_runs_with_the_names_of_before() -> None:
    lives = Lives(plan(flow("f", on("A", "a"), act("Redirect"), pause(99), final=(act("Hangup"), log("a.Channel")))))
    lives.event("A", Channel="x")
    lives.answer()
    lives.come_back(500)
    assert lives.actions == ["Redirect", "Hangup"]
    lives.answer()
    assert lives.said == ["x"] and lives.ended == [("failed", "amiflow was restarted")]


def test_a_finally_that_was_cut_off_goes_on_and_sends_nothing_twice() -> None:
    lives = Lives(plan(flow("f", on("A"), stop(), final=(act("Hangup"), pause(9), log("over")))))
    lives.event("A")
    assert lives.sends[-1].promised
    lives.come_back(500)
    assert lives.actions == ["Hangup"] and lives.said == []
    lives.pass_time(9)
    assert lives.said == ["over"] and lives.ended == [("done", None)]


def test_a_call_that_a_cut_off_flow_began_is_hung_up() -> None:
    lives = Lives(plan(flow("f", on("A"), act("Originate", call=True), final=(log("over"),))))
    lives.event("A")
    lives.come_back()
    assert lives.actions == ["Originate", "Hangup"]
    assert dict(lives.sends[1].headers)["Channel"] == "run1-c1"


# --- durable stores ---------------------------------------------------------------------------------------------------


def test_what_was_kept_for_another_time_is_written_anew() -> None:
    """Else it went from the journal at the end of that time, though it is held for longer."""
    made = compiled(
        GO + "map seen: text lasting 20m max 9 durable\nflow f on UserEvent Go as u { set seen[u.Key] = u.N }"
    )
    for lasting, changes in ((600.0, ["clear", "set", "set"]), (1200.0, [])):
        bench = Bench(made, keeping=True, ready=False)
        kept = [fx.Entry("seen", "map of text", key, "1", START - 60.0, lasting) for key in "ab"]
        bench.give(fx.Restored((), tuple(kept)))
        written = [one for one in bench.effects if isinstance(one, fx.StoreChanged)]
        assert [one.change for one in written] == changes
        assert {(one.entry.at, one.entry.lasting) for one in written[1:]} <= {(START - 60.0, 1200.0)}


# --- turns ------------------------------------------------------------------------------------------------------------

GO = "userevent Go { Key: text N: text }\n"


def begun(recipe: str, *numbers: str, apart: float = 1.0) -> Lives:
    """A recipe whose flows begin with a UserEvent, and so many of these, one after the other."""
    lives = Lives(compiled(GO + recipe))
    for number in numbers:
        lives.event("UserEvent", UserEvent="Go", Key="k", N=number)
        lives.pass_time(apart)
    return lives


WITHIN = 'with p within 5m { log "in ${u.N}" wait 60s }'


def test_a_slot_is_put_away_with_the_run_that_has_it() -> None:
    lives = begun(f"pool p max 1\nflow f on UserEvent Go as u after restart resume {{ {WITHIN} }}", "1", "2")
    lives.give(fx.StopAsked("SIGTERM"))
    lives.come_back(1)
    assert lives.said == ["in 1"]
    lives.pass_time(60)
    assert lives.said == ["in 1", "in 2"]


def test_a_slot_of_a_run_whose_server_is_not_there_yet_is_taken() -> None:
    """Until its lifetime is over, which nobody sees then."""
    made = compiled(f"{GO}pool p max 1\nflow f on UserEvent Go as u lasting 10m after restart resume {{ {WITHIN} }}")
    servers = ("one", "two")
    first = Bench(made, servers=servers, keeping=True)
    first.event("UserEvent", server="two", UserEvent="Go", Key="k", N="1")
    (remembered,) = [one for one in first.effects if isinstance(one, fx.Remember)]
    assert remembered.state is not None
    for later, said in ((1.0, []), (601.0, ["in 2"])):
        second = Bench(made, servers=servers, keeping=True, ready=False)
        second.now = later
        second.give(fx.Restored((fx.Past("t", START, remembered.state),)))
        second.ready("one")
        second.event("UserEvent", server="one", UserEvent="Go", Key="k", N="2")
        assert second.said == said
        second.ready("two")
        second.advance(60)
        assert second.said == ["in 2"]


def test_a_slot_of_a_run_that_is_no_more_is_for_who_waits() -> None:
    dropped = f'flow g on UserEvent Go as u where u.N == "1" after restart drop {{ {WITHIN} }}\n'
    waits = f'flow f on UserEvent Go as u where u.N != "1" after restart resume {{ {WITHIN} }}\n'
    lives = begun("pool p max 1\n" + dropped + waits, "1", "2", "3")
    lives.come_back(1)
    assert lives.said == ["in 1", "in 2"]
    lives.pass_time(60)
    assert lives.said == ["in 1", "in 2", "in 3"]


def test_who_waited_longest_for_a_slot_is_next_though_its_run_began_last() -> None:
    body = f'if u.N == "2" {{ wait 5s }} {WITHIN}'
    lives = begun(f"pool p max 1\nflow f on UserEvent Go as u after restart resume {{ {body} }}", "1", "2", "3")
    lives.pass_time(10)
    lives.come_back(1)
    lives.pass_time(130)
    assert lives.said == ["in 1", "in 3", "in 2"]


def test_who_waited_longest_for_a_key_is_next() -> None:
    """Of those that were written down at one time the tokens say nothing, nor does the last writing."""
    numbers = [str(number) for number in range(1, 12)]
    queued = 'flow f on UserEvent Go as u per u.Key queued after restart resume { log "in ${u.N}" wait 10s }'
    lives = begun(queued, *numbers, apart=0.0)
    for _ in range(2):
        lives.written = dict(sorted(lives.written.items()))
        lives.come_back(1)
    lives.pass_time(200)
    assert lives.said == [f"in {number}" for number in numbers]


def test_who_waits_for_its_turn_does_not_begin_where_its_flow_is_paused() -> None:
    queued = 'flow f on UserEvent Go as u per u.Key queued after restart resume { log "in ${u.N}" wait 60s }'
    lives = begun(queued, "1", "2")
    del lives.written["run1-1"]
    lives.come_back(1, ready=False)
    lives.give(fx.Pause(None, "the kill switch is on"))
    lives.ready()
    assert lives.said == ["in 1"] and lives.written == {}


def test_who_waits_for_its_turn_with_a_channel_of_before_a_restart_of_asterisk_never_begins() -> None:
    queued = flow("f", on("Hangup", "h"), log("in"), pause(60), per=(const("k"),), policy="queued", after="resume")
    lives = Lives(plan(queued))
    lives.event("Hangup", Uniqueid="1.1")
    lives.event("Hangup", Uniqueid="1.2")
    lives.come_back(100, uptime=3)
    assert lives.said == ["in"] and lives.written == {}


# --- calls in flight --------------------------------------------------------------------------------------------------


def called() -> Lives:
    lives = resumed(act("Originate", {"Channel": "PJSIP/1"}, call=True, into="c", handler=Handler(3, "e")),
                    log("c.Channel"), stop(), log(local("e")))  # fmt: skip
    lives.answer()
    return lives


def response(lives: Lives, **headers: str) -> None:
    lives.event("OriginateResponse", ActionID=lives.sends[0].action_id, Response="Success", **headers)


def test_an_originate_response_of_a_former_lifes_call_is_its_answer() -> None:
    lives = called()
    lives.come_back(1)
    assert lives.actions == ["Originate"]
    lives.list_channels(event("Status", Uniqueid="run1-c1", Channel="PJSIP/1-a", ChannelState="5"))
    response(lives, Channel="PJSIP/1-a")
    assert lives.said == ["PJSIP/1-a"]


def test_a_call_that_was_answered_meanwhile_is_found() -> None:
    lives = called()
    lives.come_back(1)
    lives.list_channels(event("Status", Uniqueid="run1-c1", Channel="PJSIP/1-a", ChannelState="6"))
    response(lives, Channel="PJSIP/1-a")
    assert lives.said == ["PJSIP/1-a"] and lives.ended == [("done", None)]


def test_a_call_that_ended_meanwhile_is_lost() -> None:
    lives = called()
    lives.come_back(1)
    lives.list_channels(event("Status", Uniqueid="other", Channel="PJSIP/2-a", ChannelState="6"))
    ((said,),) = (lives.said,)
    assert said.startswith("lost: no OriginateResponse: the call ended in the gap from ")
    assert lives.actions == ["Originate"]


def fails(lives: Lives) -> None:
    lives.event("OriginateResponse", ActionID=lives.sends[0].action_id, Response="Failure", Reason="0")


@pytest.mark.parametrize("point", range(3))
def test_why_a_call_failed_is_known_though_amiflow_was_restarted_meanwhile(point: int) -> None:
    lives = called()
    story = (
        lambda: lives.event("DialBegin", DestUniqueid="run1-c1"),
        lambda: fails(lives),
        lambda: lives.event("DialEnd", DestUniqueid="run1-c1", DialStatus="BUSY"),
    )
    for number, happens in enumerate(story):
        if number == point:
            lives.come_back(0.1)
        happens()
    assert [said.partition(":")[0] for said in lives.said] == ["busy"]


def test_a_call_that_had_failed_is_not_lost() -> None:
    lives = called()
    lives.event("DialBegin", DestUniqueid="run1-c1")
    fails(lives)
    lives.come_back(0.1)
    lives.list_channels()
    assert lives.said == ["failed: the call failed (Reason 0)"]


def test_the_calls_of_former_lives_are_ours() -> None:
    lives = called()
    lives.come_back()
    assert lives.machine._is_ours(event("Newchannel", Uniqueid="run1-c1", Linkedid="run1-c1"))
    assert lives.machine._is_ours(event("Newchannel", Uniqueid="run2-c1", Linkedid="x"))
    assert not lives.machine._is_ours(event("Newchannel", Uniqueid="run9-c1", Linkedid="x"))


# --- an orderly end ---------------------------------------------------------------------------------------------------


def test_what_goes_on_is_put_away_without_its_finally() -> None:
    lives = resumed(wait(on("B", "b"), within=60), log("on"), final=(log("over"),))
    lives.give(fx.StopAsked("SIGTERM"))
    assert lives.said == [] and lives.ended == [] and len(lives.written) == 1
    assert isinstance(lives.effects[-1], fx.Exit)
    lives.come_back(10)
    lives.event("B")
    assert lives.said == ["on", "over"]


def test_an_answer_that_is_on_its_way_is_awaited_before_a_flow_is_put_away() -> None:
    lives = resumed(act("Redirect"), log("moved"))
    lives.give(fx.StopAsked("SIGTERM"))
    assert not any(isinstance(one, fx.Exit) for one in lives.effects)
    lives.answer()
    assert lives.said == [] and isinstance(lives.effects[-1], fx.Exit)
    lives.come_back()
    assert lives.said == ["moved"] and lives.actions == ["Redirect"]


def test_an_orderly_end_waits_for_no_further_attempt() -> None:
    lives = resumed(act("Redirect", retry=(9, 60)), log("moved"))
    lives.give(fx.StopAsked("SIGTERM"))
    lives.answer(Response="Error", Message="no")
    assert isinstance(lives.effects[-1], fx.Exit)
    lives.come_back(60)
    lives.answer()
    assert lives.actions == ["Redirect"] * 2 and lives.said == ["moved"]


def test_an_awaited_call_is_left_alone_by_an_orderly_end() -> None:
    lives = called()
    lives.give(fx.StopAsked("SIGTERM"))
    assert lives.actions == ["Originate"] and isinstance(lives.effects[-1], fx.Exit)
    lives.come_back()
    response(lives, Channel="PJSIP/1-a")
    assert lives.said == ["PJSIP/1-a"]


def test_without_a_memory_what_should_go_on_ends_with_its_finally() -> None:
    from support.machines import Bench

    bench = Bench(flow("f", on("A"), pause(9), final=(log("over"),), after="resume"))
    bench.event("A")
    bench.give(fx.StopAsked("SIGTERM"))
    assert bench.said == ["over"] and bench.ended == [("f", "stopped")]


# --- Asterisk was restarted too ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("uptime", "ended"), [(3, [("stopped", None)]), (5000, []), (None, [])])
def test_a_channel_of_before_a_restart_of_asterisk_is_gone(uptime: int | None, ended: object) -> None:
    lives = resumed(pause(999), final=(log("over"),))
    lives.come_back(100, uptime=uptime)
    assert lives.ended == ended


def test_nothing_happens_before_the_server_can_be_used() -> None:
    lives = resumed(pause(10), act("Hangup"))
    lives.come_back(20, ready=False)
    lives.pass_time(20)
    assert lives.actions == [] and len(lives.written) == 1
    lives.ready()
    assert lives.actions == ["Hangup"]


def test_the_messages_of_a_name_come_back_byte_by_byte() -> None:
    lives = Lives(plan(flow("f", on("A", "a"), pause(5), after="resume")))
    raw = b"Event: A\r\nName: M\xfcller \xc3\xa9\r\nOdd\r\nPark: a\nb"
    lives.give(fx.Received("pbx", Message(raw)))
    lives.come_back()
    assert lives.machine._core.instances[1].names["a"].raw == raw


def test_the_rounds_of_a_repeat_keep_their_beat() -> None:
    lives = resumed(Again("%r", const(3), seconds(10), None, 4, span()), log("round"), pause(5), jump(0), stop())
    for _ in range(3):
        lives.come_back(2)
    lives.pass_time(3.9)
    assert lives.said == ["round"]
    lives.pass_time(0.1)
    assert lives.said == ["round"] * 2
    lives.come_back(12)
    assert lives.said == ["round"] * 3


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        -1,
        0.25,
        "text \udcff \x00 \u2028",
        timedelta(days=-1, microseconds=1),
        datetime(2026, 3, 2, 7, 59, 12, 345678, UTC),
        ("a", ("b", 1), {}),
        {"is": "record", "of": (), "deep": {"x": (None, 1.5)}},
        Failure("lost", "why"),
    ],
)
def test_each_kind_of_value_is_read_as_it_was_written(value: Value) -> None:
    pen = Pen({"pin": "hunter2", "part": "hunter"})
    for one in (value, (value, {"of": value})):
        assert pen.read(json.loads(json.dumps(pen.write(one)))) == one


def test_messages_and_what_holds_them_are_read_as_they_were_written() -> None:
    message, pen = event("A", Note="hunter2"), Pen({"pin": "hunter2"})
    values = (message, Reply(message, (message,)), Call(None, "1.1", message))
    read = pen.read(json.loads(json.dumps(pen.write(values))))
    assert read[0].raw == read[1].response.raw == read[1].rows[0].raw == read[2].response.raw == message.raw
    assert (read[2].channel, read[2].uniqueid) == (None, "1.1")


def test_secrets_within_secrets_and_texts_are_written_by_name() -> None:
    pen = Pen({"long": "hunter2", "short": "hunter", "empty": ""})
    written = json.dumps(pen.write(("hunter2hunter", {"hunter": "x"}, "no secret")))
    assert "hunter" not in written
    assert pen.read(json.loads(written)) == ("hunter2hunter", {"hunter": "x"}, "no secret")
