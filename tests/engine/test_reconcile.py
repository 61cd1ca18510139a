"""After a gap: what flows wait for is compared with what the server still has."""

from __future__ import annotations

from typing import Any

import pytest

from amiflow.ami.message import Message
from amiflow.engine import effects as fx
from amiflow.engine.snapshot import NOBODY
from amiflow.plan.model import Handler
from support.machines import Bench, event
from support.plans import const, eq, flow, local, log, on, pause, stop, wait

CHANNEL = {"Channel": "PJSIP/a-1", "Uniqueid": "1.1", "Linkedid": "1.1"}
ROW = event("Status", **CHANNEL, ChannelState="6")
OTHER = event("Status", Channel="PJSIP/z-1", Uniqueid="9.1", Linkedid="9.1", ChannelState="6")


def waiting(*entries: Any, mode: Any = "one", **more: Any) -> Bench:
    """A flow of a channel that stands in a wait, whose failure it says."""
    after = {"targets": tuple(3 for _ in entries), "after": 3} if mode == "any" else {}
    step = wait(*entries, within=60, mode=mode, handler=Handler(3, "e") if mode != "any" else None, **after)
    bench = Bench(flow("f", on("Newchannel", "n"), step, log("met"), stop(), log(local("e")), stop(), **more))
    bench.event("Newchannel", **CHANNEL)
    return bench


def hangup(header: str = "Uniqueid", of: str = "n.Uniqueid") -> Any:
    return on("Hangup", "h", eq(f"h.{header}", of))


def asked(bench: Bench) -> list[fx.Send]:
    return [send for send in bench.sends if send.instance == NOBODY]


def gap(bench: Bench, *rows: Message, lists: tuple[str, ...] = ("Status",), silent: float = 0.0) -> Bench:
    """The connection breaks and is back; the server is asked for these lists, and the first has these rows."""
    bench.give(fx.ServerLost("pbx", "gone", silent))
    bench.advance(10)
    bench.ready()
    sends = asked(bench)
    assert [send.headers[0][1] for send in sends] == list(lists) and all(send.reads for send in sends)
    for send, some in zip(sends, (rows, *[()] * len(lists)), strict=False):
        bench.give(fx.Answered(send.action_id, Message.build([("Response", "Success")]), some))
    return bench


def test_a_wait_whose_channel_is_gone_is_lost_and_the_gap_is_named() -> None:
    bench = gap(waiting(hangup()), OTHER, silent=5.0)
    (said,) = bench.said
    assert said == "lost: no Hangup: 1.1 went in the gap from 2027-01-15T07:59:55Z to 2027-01-15T08:00:10Z"
    assert bench.ended == [("f", "done")] and bench.notes("wait-lost")


def test_a_wait_whose_channel_is_there_goes_on() -> None:
    bench = gap(waiting(hangup()), ROW, OTHER)
    assert bench.said == []
    bench.event("Hangup", **CHANNEL)
    assert bench.said == ["met"]


@pytest.mark.parametrize(("header", "of"), [("Channel", "n.Channel"), ("Linkedid", "n.Linkedid")])
def test_names_and_calls_are_looked_for_too(header: str, of: str) -> None:
    assert gap(waiting(hangup(header, of)), OTHER).said[0].startswith("lost: ")
    assert gap(waiting(hangup(header, of)), ROW).said == []


def test_a_call_is_not_judged_where_the_server_lists_none() -> None:
    old = event("Status", Channel="PJSIP/z-1", Uniqueid="9.1", State="Up")
    assert gap(waiting(hangup("Linkedid", "n.Linkedid")), old).said == []


def test_one_of_several_that_cannot_come_any_more() -> None:
    both = (hangup(), on("Hold", "x"))
    assert gap(waiting(*both, mode="all"), OTHER).said[0].startswith("lost: no Hangup and Hold: 1.1 went")
    assert gap(waiting(*both, mode="any"), OTHER).said == []


def test_what_is_to_come_yet_or_is_named_by_the_recipe_is_not_lost() -> None:
    assert gap(waiting(on("Newchannel", "m", eq("m.Uniqueid", "n.Uniqueid"))), OTHER).said == []
    assert gap(waiting(hangup("Channel", const("DAHDI/1-1"))), OTHER).said == []


def test_an_until_on_the_hangup_of_a_channel_that_is_gone_is_met() -> None:
    until = on("Hangup", "u", eq("u.Uniqueid", "n.Uniqueid"))
    bench = gap(waiting(on("Hold", "x"), until=until, final=(log("over"),)), OTHER)
    assert bench.said == ["over"] and bench.ended == [("f", "stopped")]
    (note,) = bench.notes("until-met")
    assert "1.1 went in the gap from " in note.text
    assert gap(waiting(on("Hold", "x"), until=until), ROW).ended == []


def test_bridges_are_asked_for_where_a_flow_knows_one() -> None:
    step = wait(on("BridgeLeave", "l", eq("l.BridgeUniqueid", "b.BridgeUniqueid")), within=60, handler=Handler(2, "e"))
    bench = Bench(flow("f", on("BridgeEnter", "b"), step, stop(), log(local("e"))))
    bench.event("BridgeEnter", BridgeUniqueid="b1", **CHANNEL)
    gap(bench, ROW, lists=("Status", "BridgeList"))
    assert bench.said[0].startswith("lost: no BridgeLeave: b1 went in the gap from ")


def test_nothing_is_asked_where_no_flow_knows_a_channel() -> None:
    bench = Bench(flow("f", on("UserEvent", "u"), pause(99)))
    bench.event("UserEvent", UserEvent="x")
    gap(bench, lists=())
    assert Bench().sends == []


def test_nothing_is_asked_at_the_first_connect() -> None:
    assert asked(waiting(hangup())) == []


@pytest.mark.parametrize("answer", ["Error", "unanswered", "nothing"])
def test_where_it_is_not_told_the_wait_goes_on(answer: str) -> None:
    bench = waiting(hangup())
    bench.lose()
    bench.advance(10)
    bench.ready()
    (send,) = asked(bench)
    match answer:
        case "Error":
            refusal = Message.build([("Response", "Error"), ("Message", "Permission denied")])
            bench.give(fx.Answered(send.action_id, refusal, ()))
            assert "Status: Permission denied" in bench.notes("picture-incomplete")[0].text
        case "unanswered":
            bench.give(fx.Unanswered(send.action_id, "unknown", "why"))
        case _:
            bench.advance(11)
            assert any(isinstance(one, fx.Withdraw) and one.action_id == send.action_id for one in bench.effects)
    assert bench.said == []
    bench.advance(60)
    assert bench.said[0].startswith("gap: ")


def test_a_second_gap_asks_again_and_the_late_answer_of_the_first_counts_for_nothing() -> None:
    bench = waiting(hangup())
    bench.lose()
    bench.ready()
    (first,) = asked(bench)
    bench.lose()
    bench.advance(1)
    bench.ready()
    bench.give(fx.Answered(first.action_id, Message.build([("Response", "Success")]), ()))
    assert bench.said == []
    _, second = asked(bench)
    bench.give(fx.Answered(second.action_id, Message.build([("Response", "Success")]), (OTHER,)))
    assert bench.said[0].startswith("lost: ")


def test_a_run_that_began_after_the_gap_is_not_judged_by_its_list() -> None:
    bench = waiting(hangup())
    bench.lose()
    bench.ready()
    bench.event("Newchannel", Channel="PJSIP/b-1", Uniqueid="2.1", Linkedid="2.1")
    (send,) = asked(bench)
    bench.give(fx.Answered(send.action_id, Message.build([("Response", "Success")]), (ROW,)))
    assert bench.said == []
    bench.event("Hangup", Uniqueid="2.1")
    assert bench.said == ["met"]


def test_a_wait_that_was_met_meanwhile_is_not_lost() -> None:
    bench = waiting(hangup())
    bench.lose()
    bench.ready()
    bench.event("Hangup", **CHANNEL)
    (send,) = asked(bench)
    bench.give(fx.Answered(send.action_id, Message.build([("Response", "Success")]), ()))
    assert bench.said == ["met"]
