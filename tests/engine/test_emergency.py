"""Protected numbers: which calls are emergency calls, what must not touch them, and what is not known yet."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from amiflow.ami.message import Message
from amiflow.engine.effects import Answered, Sent
from amiflow.engine.emergency import Guard, Numbers, guarded
from amiflow.engine.picture import Picture
from amiflow.plan import model as m
from amiflow.plan.picture import PARTS
from amiflow.plan.triggers import OnRun
from support.machines import Bench, event
from support.plans import act, const, field, flow, log, on, plan, span, start, stop

NUMBERS = Numbers(frozenset(("112", "911")), ("0", "9"))


def channel(name: str, own: str, linked: str | None = None, /, **more: str) -> Message:
    return event("Newchannel", Channel=name, Uniqueid=own, Linkedid=linked or own, **more)


def entered(bridge: str, name: str, own: str, linked: str, /, **more: str) -> Message:
    return event("BridgeEnter", BridgeUniqueid=bridge, Channel=name, Uniqueid=own, Linkedid=linked, **more)


def heard(*events: Message) -> Guard:
    picture = Picture(PARTS)
    guard = Guard(NUMBERS, picture)
    for one in events:
        guard.hear(one)
        picture.hear(one)
    return guard


def hangup(guard: Guard, name: str) -> str | None:
    return guard.forbids("Hangup", (("Channel", name),))


CALLER, CALLEE, OTHER = ("PJSIP/a-1", "1.1"), ("PJSIP/trunk-1", "1.2"), ("PJSIP/b-1", "2.1")
DIALS = channel(*CALLER, Exten="0112")
ANOTHER = channel(*OTHER, Exten="200")

# --- numbers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dialled", "number"),
    [
        ("112", "112"),
        ("0112", "112"),
        ("9911", "911"),
        ("1120", None),  # another number, as dialled on a site with four digits
        ("5112", None),
        ("00112", None),  # what is dialled for a line is dialled once
        ("", None),
        (None, None),
    ],
)
def test_a_number_is_protected_exactly_or_behind_a_prefix(dialled: str | None, number: str | None) -> None:
    assert NUMBERS.match(dialled) == number


@pytest.mark.parametrize(
    ("dial_string", "number"),
    [
        ("PJSIP/112@trunk", "112"),
        ("PJSIP/trunk/sip:0112@192.0.2.1", "112"),
        ("Local/112@default/n", "112"),
        ("DAHDI/g1/112", "112"),
        ("DAHDI/g1/0w112", "112"),
        ("PJSIP/1&PJSIP/911@trunk,30,tT", "911"),
        ("PJSIP/trunk112/5551120", None),
        ("SIP/200@10.0.0.112", None),
    ],
)
def test_a_dial_string_is_looked_through(dial_string: str, number: str | None) -> None:
    assert NUMBERS.within(dial_string) == number


# --- calls ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "tells",
    [
        DIALS,
        channel(*CALLER, CallerIDNum="112"),  # the dispatcher calls back
        channel(*CALLER, ConnectedLineNum="911"),
        event("DialBegin", Uniqueid="1.1", DestUniqueid="1.2", DestChannel="x", DialString="112@trunk"),
        event("DialBegin", Uniqueid="1.1", DestUniqueid="1.2", DestChannel="x", DestCallerIDNum="112"),
    ],
)
def test_whoever_tells_of_the_number_both_legs_are_left_alone(tells: Message) -> None:
    guard = heard(channel(*CALLER), channel(*CALLEE, "1.1"), ANOTHER, tells)
    for name in (*CALLER, *CALLEE):
        assert (hangup(guard, name) or "").startswith(f"{name} is in an emergency call (")
    assert hangup(guard, OTHER[0]) is None


def test_who_shares_a_bridge_with_it_is_in_it_also_when_the_others_have_left() -> None:
    leaves = event("Hangup", Channel=CALLER[0], Uniqueid=CALLER[1])
    guard = heard(DIALS, channel(*CALLEE, "1.1"), ANOTHER, entered("b", *CALLER, "1.1"), entered("b", *OTHER, "2.1"))
    assert hangup(guard, OTHER[0]) is not None
    guard = heard(DIALS, channel(*CALLEE, "1.1"), leaves)
    assert hangup(guard, CALLEE[0]) is not None


def test_after_its_end_nothing_is_protected() -> None:
    over = event("Hangup", Channel=CALLER[0], Uniqueid=CALLER[1])
    guard = heard(DIALS, ANOTHER, over)
    assert hangup(guard, OTHER[0]) is None and hangup(guard, "PJSIP/never-1") is None


def test_what_is_told_of_a_channel_after_its_end_protects_nothing() -> None:
    over = event("Hangup", Channel=CALLER[0], Uniqueid=CALLER[1])
    late = event("NewConnectedLine", Channel=CALLER[0], Uniqueid=CALLER[1], ConnectedLineNum="112")
    guard = heard(DIALS, ANOTHER, over, late)
    assert guard.forbids("Command", (("Command", "dialplan reload"),)) is None


def test_the_list_of_channels_tells_of_calls_that_were_there_before() -> None:
    picture = Picture(PARTS)
    guard = Guard(NUMBERS, picture)
    rows = (
        event("CoreShowChannel", Channel=CALLER[0], Uniqueid="1.1", Linkedid="1.1", ApplicationData="PJSIP/112@t"),
        event("CoreShowChannel", Channel=OTHER[0], Uniqueid="2.1", Linkedid="2.1", ApplicationData="PJSIP/3"),
    )
    picture.list_channels(rows)
    guard.take(rows)
    assert hangup(guard, CALLER[0]) is not None and hangup(guard, OTHER[0]) is None


def test_who_takes_the_place_of_another_machine_knows_what_no_list_tells() -> None:
    before = heard(DIALS, channel(*CALLEE, "1.1"), channel(*OTHER), entered("b", *CALLER, "1.1"))
    before.hear(entered("b", *OTHER, "2.1"))
    picture = Picture(PARTS)
    guard = Guard(NUMBERS, picture)
    guard.go_on_from(before)
    rows = (event("CoreShowChannel", Channel=OTHER[0], Uniqueid=OTHER[1], Linkedid="2.1", Exten="200"),)
    picture.list_channels(rows)
    guard.take(rows)
    assert hangup(guard, OTHER[0]) is not None


# --- actions ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "headers"),
    [
        ("Hangup", {"Channel": "PJSIP/a-1"}),
        ("Hangup", {"Channel": "/^PJSIP/"}),  # many, and who knows which
        ("Hangup", {"Channel": "pjsip/A-1"}),  # Asterisk looks for it in any case
        ("Redirect", {"Channel": "PJSIP/b-1", "ExtraChannel": "PJSIP/a-1"}),
        ("BlindTransfer", {"Channel": "1.1", "Exten": "200"}),
        ("Bridge", {"Channel1": "PJSIP/b-1", "Channel2": "PJSIP/a-1"}),
        ("BridgeDestroy", {"BridgeUniqueid": "b"}),
        ("BridgeDestroy", {"BridgeUniqueid": "unknown"}),
        ("BridgeKick", {"BridgeUniqueid": "b", "Channel": "PJSIP/a-1"}),
        ("ConfbridgeKick", {"Conference": "680", "Channel": "all"}),
        ("Park", {"Channel": "PJSIP/a-1"}),
        ("AbsoluteTimeout", {"Channel": "PJSIP/a-1", "Timeout": "1"}),
        ("Setvar", {"Channel": "PJSIP/a-1", "Variable": "TIMEOUT(absolute)", "Value": "1"}),
        ("Command", {"Command": "channel request hangup all"}),
        ("ModuleLoad", {"LoadType": "unload", "Module": "chan_pjsip.so"}),
        ("Invented", {"Whatever": "PJSIP/a-1"}),
        ("Originate", {"Channel": "PJSIP/1", "Exten": "112", "Context": "c", "Priority": "1"}),
        ("Originate", {"Channel": "Local/0112@out", "Application": "Wait"}),
        ("Originate", {"Channel": "PJSIP/1", "Application": "Dial", "Data": "PJSIP/112@trunk,20"}),
        ("Redirect", {"Channel": "PJSIP/b-1", "Exten": "911"}),
    ],
)
def test_what_ends_moves_or_begins_an_emergency_call_is_refused(action: str, headers: dict[str, str]) -> None:
    guard = heard(DIALS, ANOTHER, entered("b", *CALLER, "1.1"), entered("c", *OTHER, "2.1"))
    assert guard.forbids(action, tuple(headers.items())) is not None


@pytest.mark.parametrize(
    ("action", "headers"),
    [
        ("Hangup", {"Channel": "PJSIP/b-1"}),
        ("Redirect", {"Channel": "PJSIP/b-1", "Exten": "200"}),
        ("BridgeDestroy", {"BridgeUniqueid": "c"}),
        ("ConfbridgeKick", {"Conference": "680", "Channel": "PJSIP/b-1"}),
        ("Setvar", {"Channel": "PJSIP/a-1", "Variable": "X", "Value": "1"}),
        ("Getvar", {"Channel": "PJSIP/a-1", "Variable": "X"}),
        ("QueuePause", {"Interface": "PJSIP/a"}),
        ("Command", {"Command": "core show channels"}),
        ("Invented", {"Whatever": "PJSIP/b-1"}),
        ("Originate", {"Channel": "PJSIP/1", "Exten": "200", "Context": "c", "Priority": "1"}),
    ],
)
def test_everything_else_goes(action: str, headers: dict[str, str]) -> None:
    guard = heard(DIALS, ANOTHER, entered("b", *CALLER, "1.1"), entered("c", *OTHER, "2.1"))
    assert guard.forbids(action, tuple(headers.items())) is None


def test_a_bridge_by_an_id_may_take_another_channel_whose_id_begins_like_it() -> None:
    guard = heard(channel("PJSIP/b-1", "1.1"), channel("PJSIP/c-1", "3.1"), channel("PJSIP/a-1", "1.12", Exten="0112"))
    assert guard.forbids("Bridge", (("Channel1", "PJSIP/c-1"), ("Channel2", "1.1"))) is not None
    assert guard.forbids("Bridge", (("Channel1", "PJSIP/c-1"), ("Channel2", "PJSIP/b-1"))) is None
    assert guard.forbids("Hangup", (("Channel", "1.1"),)) is None


def test_where_there_is_no_emergency_call_only_dialling_one_is_refused() -> None:
    guard = heard(ANOTHER)
    assert hangup(guard, "/.*/") is None
    assert guard.forbids("Command", (("Command", "core restart now"),)) is None
    assert guard.forbids("Originate", (("Channel", "PJSIP/112@trunk"),)) == "it would dial 112"


# --- in a run ---------------------------------------------------------------------------------------------------------


def protecting(*allows: m.Allow, within: float = 5.0, **options: Any) -> Bench:
    tried = act("Hangup", {"Channel": "e.Channel"}, within=within, handler=m.Handler(3, "x"))
    told = log(field("x", "kind"), ": ", field("x", "message"))
    made = replace(flow("f", on("UserEvent", "e"), tried, log("done"), stop(), told), allows=allows)
    return Bench(guarded(plan(made)), emergency=NUMBERS, **options)


def lists(run: Bench, *rows: Message) -> None:
    for send in run.sends:
        name = dict(send.headers)["Action"]
        if name in ("CoreShowChannels", "BridgeList"):
            run.give(Sent(send.action_id))
            answer = Message.build([("Response", "Success")])
            run.give(Answered(send.action_id, answer, rows if name == "CoreShowChannels" else ()))


def of_call(row: Message, own: str) -> Message:
    return event("CoreShowChannel", **{**dict(row.headers), "Uniqueid": own, "Linkedid": own})


def hung_up(run: Bench) -> list[str]:
    return [headers["Channel"] for headers in run.actions if headers["Action"] == "Hangup"]


ROW = event("CoreShowChannel", Channel=CALLER[0], Uniqueid=CALLER[1], Linkedid=CALLER[1], Exten="112")
ELSE = event("CoreShowChannel", Channel=OTHER[0], Uniqueid=OTHER[1], Linkedid=OTHER[1], Exten="200")


def test_a_refusal_reaches_the_or_is_told_and_counted() -> None:
    run = protecting()
    lists(run, ROW, ELSE)
    run.event("UserEvent", Channel=CALLER[0])
    why = "PJSIP/a-1 is in an emergency call (112): only a flow with `allow emergency` may do that"
    assert (run.said, hung_up(run)) == ([f"failed: {why}"], [])
    assert [note.level for note in run.notes("emergency")] == ["error"]
    assert run.count("emergency", "f") == 1
    run.event("UserEvent", Channel=OTHER[0])
    assert hung_up(run) == [OTHER[0]]


def test_a_flow_that_allows_it_may() -> None:
    run = protecting(m.Allow("emergency", "the dispatcher asked for it", span()))
    lists(run, ROW)
    run.event("UserEvent", Channel=CALLER[0])
    assert hung_up(run) == [CALLER[0]]


def test_a_run_that_only_watches_says_what_would_be_refused() -> None:
    run = protecting(shadow=True)
    lists(run, ROW, ELSE)
    run.event("UserEvent", Channel=CALLER[0])
    run.event("UserEvent", Channel=OTHER[0])
    assert (len(run.notes("emergency")), len(run.notes("would-send"))) == (1, 1)
    assert [text.split(":")[0] for text in run.said] == ["failed", "done"]


def test_until_the_picture_is_taken_an_action_waits_and_is_then_judged() -> None:
    run = protecting()
    run.event("UserEvent", Channel=CALLER[0])
    run.event("UserEvent", Channel=OTHER[0])
    assert hung_up(run) == []
    lists(run, ROW, ELSE)
    assert hung_up(run) == [OTHER[0]]
    assert run.said[0].startswith("failed: PJSIP/a-1 is in an emergency call")


def test_where_the_picture_does_not_come_it_is_not_sent() -> None:
    run = protecting(within=40)
    run.event("UserEvent", Channel=OTHER[0])
    run.advance(60)
    assert hung_up(run) == []
    assert run.said == ["timeout: not sent within 40s: it is not known yet which calls are emergency calls"]


def refuses_lists(run: Bench) -> None:
    answer = Message.build([("Response", "Error"), ("Message", "Permission denied")])
    for send in run.sends:
        run.give(Sent(send.action_id))
        run.give(Answered(send.action_id, answer, ()))
    run.effects.clear()


def test_a_list_that_failed_is_asked_for_again_until_it_comes() -> None:
    run = protecting(within=40)
    refuses_lists(run)
    run.event("UserEvent", Channel=OTHER[0])
    run.advance(1)
    assert [headers["Action"] for headers in run.actions] == ["BridgeList", "CoreShowChannels"]
    lists(run, ROW, ELSE)
    assert hung_up(run) == [OTHER[0]]
    run.effects.clear()
    run.advance(3600)
    assert run.sends == []


def test_the_pauses_between_lists_that_fail_grow_to_a_bound() -> None:
    run = protecting()
    asked: list[float] = []
    for second in range(1700):
        if run.sends:
            asked.append(second)
            refuses_lists(run)
        run.advance(1)
    assert [after - before for before, after in pairwise(asked)] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


def test_lists_that_do_not_come_are_asked_for_again_as_well() -> None:
    run = protecting(within=40)
    run.event("UserEvent", Channel=OTHER[0])
    run.advance(30)
    run.effects.clear()
    run.advance(1)
    lists(run, ELSE)
    assert hung_up(run) == [OTHER[0]]


def test_a_lost_line_ends_the_asking_again() -> None:
    run = protecting()
    refuses_lists(run)
    run.lose()
    run.advance(5)
    assert run.sends == []
    run.ready()
    lists(run, ELSE)
    run.effects.clear()
    run.advance(3600)
    assert run.sends == []


def test_a_server_that_is_ready_twice_is_asked_for_each_list_once() -> None:
    """It tells late that it has booted (`FullyBooted`)."""
    run = protecting()
    refuses_lists(run)
    run.ready()
    run.advance(20)
    assert [headers["Action"] for headers in run.actions] == ["CoreShowChannels", "BridgeList"]


def test_flows_of_a_start_and_a_reconnect_begin_once_however_often_lists_are_asked_for() -> None:
    made = plan(flow("s", start(), log("start")), flow("r", OnRun("reconnect", span()), log("reconnect")))
    run = Bench(guarded(made), emergency=NUMBERS)
    for _ in range(2):
        refuses_lists(run)
        run.advance(1)
        lists(run)
        run.lose()
        run.ready()
    assert (run.count("started", "s"), run.count("started", "r")) == (1, 1)


def test_after_a_gap_nothing_is_known_until_it_is_taken_again() -> None:
    run = protecting()
    lists(run, ELSE)
    run.lose()
    run.effects.clear()
    run.ready()
    run.event("UserEvent", Channel=OTHER[0])
    assert hung_up(run) == []
    lists(run, ELSE)
    assert hung_up(run) == [OTHER[0]]


def test_a_call_of_ours_that_became_an_emergency_call_is_not_hung_up_for_nobody() -> None:
    step = act("Originate", {"Channel": const("PJSIP/1")}, within=3, call=True)
    run = Bench(guarded(plan(flow("f", on("UserEvent"), step))), emergency=NUMBERS)
    lists(run)
    run.event("UserEvent")
    run.on_wire()
    run.event("Newchannel", Channel="PJSIP/1-1", Uniqueid="run-c1", Linkedid="run-c1", ConnectedLineNum="112")
    run.advance(4)
    assert (hung_up(run), run.ended, len(run.notes("emergency"))) == ([], [("f", "failed")], 1)


def test_until_the_picture_is_taken_no_call_is_hung_up_for_nobody_either() -> None:
    step = act("Originate", {"Channel": const("PJSIP/1")}, call=True)
    for rows, expected in (((), ["run-c1"]), ((of_call(ROW, "run-c1"),), [])):
        run = Bench(guarded(plan(flow("f", on("UserEvent"), step))), emergency=NUMBERS)
        lists(run)
        run.event("UserEvent")
        run.on_wire()
        run.lose()
        run.unanswered("unknown")
        run.ready()
        assert hung_up(run) == []
        lists(run, *rows)
        assert hung_up(run) == expected


def test_a_recipe_that_is_new_in_a_run_knows_of_the_calls_that_others_saw_dialled() -> None:
    """The list of channels does not tell that one was dialled with such a number."""
    first, second = protecting(), protecting(ready=False)
    lists(first, ELSE)
    first.event("DialBegin", DestChannel=OTHER[0], DestUniqueid=OTHER[1], DialString="112@trunk")
    second.machine.heed(first.machine)
    second.ready()
    lists(second, ELSE)
    second.event("UserEvent", Channel=OTHER[0])
    assert hung_up(second) == []


def test_the_plan_asks_for_what_is_needed() -> None:
    needs = guarded(plan(flow("f", on("A")))).needs
    assert {"Newchannel", "DialBegin", "BridgeEnter", "Hangup"} <= {need.name for need in needs.events}
    assert [need.name for need in needs.actions] == ["BridgeList", "CoreShowChannels"]
    assert needs.mask == "call,system"
