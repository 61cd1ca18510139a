"""Actions: answers, times, retries, lost connections; Originate."""

from typing import Any

import pytest

from amiflow.engine.effects import Answered, Tick, Withdraw
from amiflow.plan.model import EventList, Handler
from support.machines import Bench, event
from support.plans import act, call, const, each_row, field, flow, given, list_of, local, log, on, plan, stop


def one(step: Any, *more: Any, **options: Any) -> Bench:
    """A flow that does one action; when that fails it says the error's kind and message."""
    handled = (step, log("ok ", *more), stop(), log(field("e", "kind"), ": ", field("e", "message"), " ", local("r")))
    bench = Bench(flow("f", on("A", "a"), *handled), **options)
    bench.event("A", Channel="x")
    return bench


def tried(action: str = "Redirect", **options: Any) -> Any:
    return act(action, options.pop("headers", None), into="r", handler=Handler(3, "e"), **options)


def test_what_came_before_the_end_of_a_time_is_taken_before_it_however_much_that_is() -> None:
    bench = Bench(flow("f", on("A", "a"), act("Hangup", {"Channel": const("x")}, within=5)))
    bench.event("A")
    bench.now = 5.0
    bench.event("Other")
    bench.on_wire()
    bench.give(Tick())
    assert bench.failures == ["no answer within 5s"]


def test_an_action_goes_out_with_its_headers_and_an_id_of_the_run() -> None:
    bench = one(tried(headers={"Channel": "a.Channel", "Variable": list_of("a=1", "b=2")}, within=3))
    (send,) = bench.sends
    assert send.headers == (("Action", "Redirect"), ("Channel", "x"), ("Variable", "a=1"), ("Variable", "b=2"))
    assert (send.server, send.action_id, send.until, send.instance) == ("pbx", "run-1", 3, 1)


def test_the_response_is_bound() -> None:
    bench = one(tried("Getvar", reads=True), "r.Value")
    bench.answer(Value="7")
    assert bench.said == ["ok 7"]


def test_the_rows_of_a_list_are_bound_with_it() -> None:
    step = tried("QueueStatus", reads=True, rows=EventList(("QueueMember", "QueueEntry"), "QueueStatusComplete"))
    bench = one(step, each_row("r", "QueueMember", "Name"))
    rows = (event("QueueMember", Name="1"), event("QueueEntry", Name="2"), event("QueueMember", Name="3"))
    bench.answer(rows=rows)
    assert bench.said == ["ok [1, 3]"]


@pytest.mark.parametrize(
    ("happening", "said"),
    [
        (lambda b: b.answer(Response="Error", Message="No such channel"), "error: No such channel -"),
        (lambda b: b.answer(Response="Error"), "error: the server refused -"),
        # Of a command, from Asterisk 14 on, the Message is always the same.
        (lambda b: b.answer(Response="Error", Message="Command output follows", Output="No such"), "error: No such -"),
        (lambda b: (b.on_wire(), b.advance(5)), "timeout: no answer within 5s -"),
        (lambda b: b.advance(5), "timeout: could not be sent within 5s -"),
        (lambda b: (b.on_wire(), b.unanswered("unknown", reason="cut")), "unknown: cut -"),
        (lambda b: b.unanswered("invalid", reason="too long"), "failed: too long -"),
        (lambda b: (b.unanswered("unsent"), b.advance(5)), "timeout: could not be sent within 5s -"),
        (lambda b: (b.unanswered("unsent"), b.lose(), b.advance(5)), "disconnected: no connection within 5s -"),
    ],
)  # fmt: skip
def test_what_reaches_the_or(happening: Any, said: str) -> None:
    bench = one(tried())
    happening(bench)
    assert bench.said == [said]
    assert bench.machine.deadline() is None


def test_without_an_or_the_flow_fails_at_the_step() -> None:
    step = act("Hangup", {"Channel": "x"})
    bench = Bench(flow("f", on("A"), step, log("never")))
    bench.event("A")
    bench.answer(Response="Error", Message="No such channel")
    ended = bench.effects[-1]
    assert (bench.ended, bench.failures, bench.said) == ([("f", "failed")], ["No such channel"], [])
    assert getattr(ended, "span", None) == step.span


@pytest.mark.parametrize("text", ["a\r\nAction: Hangup", "a\nb", "a\0b", "x" * 1100])
def test_what_no_header_can_carry_fails_the_step_and_is_not_sent(text: str) -> None:
    bench = one(tried(headers={"Channel": const(text)}))
    assert bench.sends == []
    assert bench.said[0].startswith("failed: ")


def test_a_value_that_cannot_be_had_fails_the_step() -> None:
    bench = one(tried(headers={"Exten": call("only", "a.Channel", "0-9")}))
    assert bench.sends == []
    assert bench.said[0].startswith("failed: ")


# --- retries ----------------------------------------------------------------------------------------------------------


def test_a_refused_action_is_tried_again_with_a_new_id() -> None:
    bench = one(tried(retry=(2, 3)))
    bench.answer(Response="Error")
    assert len(bench.sends) == 1
    bench.advance(3)
    bench.answer(Response="Error")
    bench.advance(3)
    bench.answer()
    assert [send.action_id for send in bench.sends] == ["run-1", "run-2", "run-3"]
    assert bench.said == ["ok "]


def test_when_no_attempt_is_left_the_step_has_failed() -> None:
    bench = one(tried(retry=(1, 3)))
    bench.answer(Response="Error", Message="1")
    bench.advance(3)
    bench.answer(Response="Error", Message="2")
    assert bench.said == ["error: 2 -"]


@pytest.mark.parametrize(("reads", "attempts"), [(False, 1), (True, 2)])
@pytest.mark.parametrize(
    "happening", [lambda b: b.advance(5), lambda b: b.unanswered("unknown")], ids=["timeout", "unknown"]
)
def test_an_action_in_flight_is_repeated_only_where_it_merely_reads(happening: Any, reads: bool, attempts: int) -> None:
    bench = one(tried(reads=reads, retry=(1, 1)))
    bench.on_wire()
    happening(bench)
    bench.advance(2)
    assert len(bench.sends) == attempts


def test_an_action_that_could_not_be_sent_is_tried_again() -> None:
    bench = one(tried(retry=(1, 1)))
    bench.advance(5)
    assert [effect.action_id for effect in bench.effects if isinstance(effect, Withdraw)] == ["run-1"]
    bench.advance(1)
    bench.answer()
    assert bench.said == ["ok "]


def test_an_answer_that_nobody_waits_for_any_more_is_let_pass() -> None:
    bench = one(tried())
    bench.on_wire()
    bench.advance(5)
    bench.answer()
    assert bench.said == ["timeout: no answer within 5s -"]


# --- connections ------------------------------------------------------------------------------------------------------


def test_an_action_waits_for_the_connection_within_its_own_time() -> None:
    bench = one(tried(), ready=False)
    assert bench.sends == []
    bench.advance(4)
    bench.ready()
    assert [send.until for send in bench.sends] == [5]
    bench.answer()
    assert bench.said == ["ok "]


def test_without_a_connection_it_fails_as_disconnected() -> None:
    bench = one(tried(), ready=False)
    bench.advance(5)
    bench.ready()
    assert (bench.said, bench.sends) == (["disconnected: no connection within 5s -"], [])


def test_what_was_never_on_the_wire_goes_out_after_the_reconnect() -> None:
    bench = one(tried())
    bench.unanswered("unsent")
    bench.lose()
    bench.advance(1)
    bench.ready()
    assert [send.action_id for send in bench.sends if send.instance] == ["run-1", "run-2"]
    bench.answer(1)
    assert bench.said == ["ok "]


def test_what_was_on_the_wire_is_never_sent_again_by_itself() -> None:
    bench = one(tried())
    bench.on_wire()
    bench.lose()
    bench.unanswered("unknown")
    bench.ready()
    bench.advance(10)
    assert len(bench.sends) == 1
    assert bench.said == ["unknown: why -"]


# --- Originate --------------------------------------------------------------------------------------------------------

CALL = {"Channel": "PJSIP/1", "Exten": "600", "Async": "false", "Timeout": "20000"}


def originate(awaited: bool = True, channel: str = "PJSIP/1", **options: Any) -> Bench:
    step = tried("Originate", headers={**CALL, "Channel": const(channel)}, call=awaited, **options)
    return one(step, "r.Channel", " ", "r.Uniqueid")


def result(bench: Bench, response: str, reason: str, action_id: str = "run-1") -> None:
    bench.event("OriginateResponse", ActionID=action_id, Response=response, Reason=reason, Channel="PJSIP/1-0a")


def test_an_originate_is_asynchronous_and_names_its_call_beforehand() -> None:
    bench = originate()
    headers = dict(bench.sends[0].headers)
    assert (headers["Async"], headers["ChannelId"], headers["Exten"]) == ("true", "run-c1", "600")
    assert [name for name, _ in bench.sends[0].headers].count("Async") == 1
    assert "OtherChannelId" not in headers


def test_a_local_channel_gets_an_id_for_its_other_half() -> None:
    headers = dict(originate(channel="Local/600@default").sends[0].headers)
    assert (headers["ChannelId"], headers["OtherChannelId"]) == ("run-c1", "run-c1;2")


def test_an_awaited_originate_gives_the_call() -> None:
    bench = originate()
    bench.answer()
    assert bench.said == []
    result(bench, "Success", "4")
    assert bench.said == ["ok PJSIP/1-0a run-c1"]


def test_its_result_may_come_before_the_response() -> None:
    bench = originate()
    bench.on_wire()
    result(bench, "Success", "4")
    bench.answer()
    assert bench.said == ["ok PJSIP/1-0a run-c1"]


@pytest.mark.parametrize(
    ("reason", "kind"),
    [("0", "failed"), ("1", "no_answer"), ("3", "no_answer"), ("5", "busy"), ("8", "congestion"), ("99", "failed")],
)
def test_a_failure_goes_to_the_or(reason: str, kind: str) -> None:
    bench = originate()
    bench.answer()
    result(bench, "Failure", reason)
    assert bench.said[0].startswith(f"{kind}: ")
    assert len(bench.sends) == 1


def refused(bench: Bench) -> None:
    """What PJSIP makes of any refusal."""
    result(bench, "Failure", "0")


def begun(bench: Bench, uniqueid: str = "run-c1") -> None:
    bench.event("DialBegin", DestUniqueid=uniqueid)


def ended(bench: Bench, status: str, uniqueid: str = "run-c1") -> None:
    bench.event("DialEnd", DestUniqueid=uniqueid, DialStatus=status)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("BUSY", "busy: the called party is busy (DialStatus BUSY) -"),
        ("CONGESTION", "congestion: congestion (DialStatus CONGESTION) -"),
        ("NOANSWER", "no_answer: nobody answered (DialStatus NOANSWER) -"),
        ("CHANUNAVAIL", "failed: the call failed (DialStatus CHANUNAVAIL) -"),
    ],
)
def test_where_the_reason_says_nothing_the_end_of_the_dialling_does(status: str, said: str) -> None:
    before, after = originate(), originate()
    for bench in (before, after):
        bench.answer()
        begun(bench)
    ended(before, status)
    refused(before)
    refused(after)
    assert after.said == []
    ended(after, status)
    assert before.said == after.said == [said]


def test_the_end_of_the_dialling_is_not_waited_for_long_and_not_where_nothing_was_dialled() -> None:
    bench = originate()
    bench.answer()
    begun(bench)
    refused(bench)
    begun(bench, "other")
    ended(bench, "BUSY", "other")
    bench.advance(0.9)
    assert bench.said == []
    bench.advance(0.1)
    assert bench.said == ["failed: the call failed (Reason 0) -"]
    assert len(bench.sends) == 1


def test_a_call_that_was_refused_is_tried_again_and_its_answer_is_its_own() -> None:
    bench = originate(retry=(1, 1))
    bench.answer()
    begun(bench)
    ended(bench, "BUSY")
    refused(bench)
    bench.advance(1)
    bench.answer()
    ended(bench, "CONGESTION")  # of the first attempt, late
    result(bench, "Success", "4", "run-2")
    assert bench.said == ["ok PJSIP/1-0a run-c2"]


def test_a_call_that_failed_is_tried_again_with_a_new_id() -> None:
    bench = originate(retry=(1, 1))
    bench.answer()
    result(bench, "Failure", "5")
    bench.advance(1)
    assert dict(bench.sends[1].headers)["ChannelId"] == "run-c2"
    bench.answer()
    result(bench, "Success", "4", "run-2")
    assert bench.said == ["ok PJSIP/1-0a run-c2"]


def test_somebody_elses_result_is_none_of_it() -> None:
    bench = originate()
    bench.answer()
    result(bench, "Success", "4", "other-1")
    assert bench.said == []


def test_a_call_that_may_ring_for_ever_is_waited_for_as_one_without_a_time() -> None:
    bench = one(tried("Originate", headers={**CALL, "Timeout": "0"}, call=True))
    bench.answer()
    bench.advance(34)
    assert bench.said == []
    bench.advance(2)
    assert bench.said[0].startswith("timeout: no OriginateResponse within 35s")


def test_when_time_runs_out_the_call_is_hung_up() -> None:
    bench = originate()
    bench.answer()
    bench.advance(24)
    assert len(bench.sends) == 1
    bench.advance(1)
    assert bench.actions[1:] == [{"Action": "Hangup", "Channel": "run-c1"}]
    assert bench.said == ["timeout: no OriginateResponse within 25s -"]


def test_when_the_flow_ends_meanwhile_the_call_is_hung_up() -> None:
    step = act("Originate", CALL, call=True)
    bench = Bench(flow("f", on("A"), step, until=on("U")))
    bench.event("A")
    bench.answer()
    bench.event("U")
    assert bench.actions[1:] == [{"Action": "Hangup", "Channel": "run-c1"}]


def test_a_call_that_never_went_out_is_withdrawn_instead() -> None:
    bench = Bench(flow("f", on("A"), act("Originate", CALL, call=True), until=on("U")))
    bench.event("A")
    bench.event("U")
    assert len(bench.sends) == 1
    assert [effect.action_id for effect in bench.effects if isinstance(effect, Withdraw)] == ["run-1"]


def test_a_call_of_unknown_fate_is_hung_up_after_the_reconnect() -> None:
    bench = originate()
    bench.on_wire()
    bench.lose()
    bench.unanswered("unknown")
    assert len(bench.sends) == 1
    bench.ready()
    assert bench.actions[1:] == [{"Action": "Hangup", "Channel": "run-c1"}]
    assert bench.said == ["unknown: why -"]


def test_a_hangup_that_meets_the_broken_line_goes_out_after_the_reconnect() -> None:
    """What the line has left unanswered is told before its loss."""
    bench = originate()
    bench.on_wire()
    bench.unanswered("unknown")
    bench.unanswered("unsent")
    bench.lose()
    bench.advance(20)
    bench.ready()
    assert bench.actions[1:] == [{"Action": "Hangup", "Channel": "run-c1"}] * 2
    bench.answer()
    bench.lose()
    bench.ready()
    assert len(bench.sends) == 3 and bench.notes("action-failed")[1:] == []


def test_a_call_that_cannot_be_hung_up_in_time_is_told() -> None:
    bench = originate()
    bench.on_wire()
    bench.lose()
    bench.unanswered("unknown")
    bench.advance(30)
    assert bench.notes("action-failed")[1].text == "Hangup: run-c1 was not hung up: it could not be sent within 30s"
    bench.ready()
    assert len(bench.sends) == 1


def test_a_call_whose_result_may_have_come_in_a_gap_is_unknown() -> None:
    bench = originate()
    bench.answer()
    bench.lose()
    bench.advance(1)
    bench.ready()
    bench.advance(30)
    assert bench.said == ["unknown: no OriginateResponse within 25s -"]


def test_its_time_is_that_of_the_ringing_and_five_seconds() -> None:
    bench = one(tried("Originate", headers={"Channel": "PJSIP/1"}, call=True))
    assert bench.sends[0].until == 35


def test_an_asynchronous_originate_goes_on_at_once_with_the_uniqueid() -> None:
    bench = originate(awaited=False)
    assert bench.sends[0].until == 5
    bench.answer()
    assert bench.said == ["ok - run-c1"]
    bench.advance(60)
    assert len(bench.sends) == 1


# --- shadow -----------------------------------------------------------------------------------------------------------


def test_in_shadow_only_what_reads_is_sent_and_the_rest_is_noted() -> None:
    body = (act("Getvar", reads=True), act("Hangup", {"Channel": "a.Channel"}, into="r"), log("r.Response"))
    bench = Bench(flow("f", on("A", "a"), *body), shadow=True)
    bench.event("A", Channel="x")
    bench.answer()
    assert [send["Action"] for send in bench.actions] == ["Getvar"]
    assert bench.said == ["Success"]
    assert [note.facts["headers"] for note in bench.notes("would-send")] == [(("Channel", "x"),)]


def test_in_shadow_an_originate_is_taken_to_have_been_answered() -> None:
    step = tried("Originate", headers=CALL, call=True)
    assert one(step, "r.Channel", shadow=True).said == ["ok PJSIP/1"]


# --- several servers --------------------------------------------------------------------------------------------------


def test_an_action_goes_to_the_server_of_the_flows_event() -> None:
    bench = Bench(flow("f", on("A"), act("Hangup")), servers=("one", "two"))
    bench.event("A", server="two")
    assert [send.server for send in bench.sends] == ["two"]


def test_secrets_go_out_but_are_not_shown() -> None:
    body = (act("Login", {"Secret": given("pw")}), log("it is ", given("pw")))
    bench = Bench(plan(flow("f", on("A"), *body), secrets=("pw",)), secrets={"pw": "s3cret"})
    bench.event("A")
    assert bench.actions[0]["Secret"] == "s3cret"
    bench.answer(Response="hello s3cret")
    assert bench.said[0] == "it is ***"
    assert [note.text for note in bench.notes("answer")] == ["hello ***"]


def test_an_answer_with_an_unknown_id_is_let_pass() -> None:
    bench = Bench(flow("f", on("A")))
    assert bench.give(Answered("other-7", event("x"), ())) == []
