"""A recording played to recipes in virtual time."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from amiflow.live.dryrun import VirtualClock, beginning, play
from amiflow.live.log import Log
from amiflow.live.problems import Trouble
from amiflow.live.record import Capture, Piece
from amiflow.live.run import Job
from amiflow.live.secrets import Mask
from support.runs import compiled

BANNER = b"Asterisk Call Manager/11.0.0\r\n"


def event(name: str, **headers: str) -> bytes:
    lines = [f"Event: {name}", *(f"{key}: {value}" for key, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode()


def played(recipe: str, *pieces: tuple[float, bytes], begun: float | None = 1000.0) -> tuple[int, list[str], float]:
    """The status, the log's lines, and the virtual time at the end."""
    return played_to([recipe], *pieces, begun=begun)


def played_to(
    recipes: Sequence[str], *pieces: tuple[float, bytes], begun: float | None = 1000.0
) -> tuple[int, list[str], float]:
    plans, lines, clock = [compiled(recipe) for recipe in recipes], list[str](), VirtualClock(begun or 0.0)
    log = Log(lines.append, clock.wall, Mask(), "text", "info", sources=plans[0].sources)
    capture = Capture("pbx", begun, tuple(Piece(at, data) for at, data in pieces))
    status = play([Job(plan, {}, {}) for plan in plans], capture, log, clock)
    return status, lines, clock.at


HANGUP = 'flow f on Hangup as h { wait 5s Redirect { Channel: h.Channel Context: "d" Exten: "680" Priority: 1 } }'


def test_what_would_be_sent_is_told_and_time_goes_on_to_the_end() -> None:
    gone = event("Hangup", Channel="PJSIP/a-1", Uniqueid="1.1", Linkedid="1.1")
    status, lines, at = played(HANGUP, (0.0, BANNER), (2.0, gone))
    assert (status, at) == (0, 7.0)
    assert [line for line in lines if "would send Redirect Channel=PJSIP/a-1 Context=d Exten=680 Priority=1" in line]
    assert "flows: 1 done; actions sent: none; 7.0 s" in lines[-1]


def test_timers_fire_between_events_in_their_order() -> None:
    recipe = (
        "flow f on DialBegin as d without DialEnd as e where e.DestUniqueid == d.DestUniqueid within 3s"
        ' { log "no end" }'
    )
    begin = event("DialBegin", DestChannel="PJSIP/b-1", DestUniqueid="2.1", DialString="b")
    end = event("DialEnd", DestChannel="PJSIP/b-1", DestUniqueid="2.1", DialStatus="ANSWER")
    assert [line for line in played(recipe, (0.0, BANNER + begin), (3.5, end))[1] if "no end" in line]
    assert not [line for line in played(recipe, (0.0, BANNER + begin), (2.5, end))[1] if "no end" in line]


def test_raw_bytes_take_their_times_from_timestamps() -> None:
    gone = event("Hangup", Timestamp="1700000002.5", Channel="PJSIP/a-1", Uniqueid="1.1", Linkedid="1.1")
    first = event("FullyBooted", Timestamp="1700000000.0")
    assert played(HANGUP, (0.0, BANNER + first + gone), begun=None)[2] == 7.5


def test_raw_bytes_have_the_time_of_day_of_their_first_timestamp() -> None:
    gone = event("Hangup", Channel="PJSIP/a-1", Timestamp="1700000002.5")
    assert beginning(Capture("pbx", None, (Piece(0.0, BANNER + event("FullyBooted") + gone),))) == 1700000002.5
    assert beginning(Capture("pbx", 5.0, (Piece(0.0, BANNER + gone),))) == 5.0
    assert beginning(Capture("pbx", None, (Piece(0.0, BANNER),))) == 0.0
    far = BANNER + event("FullyBooted", Timestamp="999999999999.0") + gone
    assert beginning(Capture("pbx", None, (Piece(0.0, far),))) == 1700000002.5
    assert played(HANGUP, (0.0, BANNER + gone + event("FullyBooted", Timestamp="999999999999.0")), begun=None)[2] == 5.0


def test_responses_and_rows_of_the_recorder_start_nothing() -> None:
    answer = b"Response: Success\r\nActionID: x\r\nEventList: start\r\n\r\n"
    row = event("Hangup", ActionID="x", Channel="PJSIP/a-1", Uniqueid="1.1", Linkedid="1.1")
    end = event("StatusComplete", ActionID="x", EventList="Complete")
    assert "flows: none" in played(HANGUP, (0.0, BANNER + answer + row + end))[1][-1]
    assert "flows: 1 done" in played(HANGUP, (0.0, BANNER + answer + end + row))[1][-1]


def test_a_new_connection_within_a_recording_is_a_gap() -> None:
    lines = played(HANGUP, (0.0, BANNER), (1.0, BANNER))[1]
    assert [line for line in lines if "pbx is back" in line]


def test_what_does_not_come_while_the_recorder_was_not_connected_is_not_absent() -> None:
    recipe = 'flow f on DialBegin as d without DialEnd within 3s { log "no end" }'
    begin = event("DialBegin", DestChannel="PJSIP/b-1", DestUniqueid="2.1", DialString="b")
    lines = played(recipe, (0.0, BANNER + begin), (60.0, BANNER), (120.0, event("FullyBooted")))[1]
    assert not [line for line in lines if "no end" in line]


@pytest.mark.parametrize("data", [b"SSH-2.0-OpenSSH_9.6\r\n", b""])
def test_what_is_no_recording_is_trouble(data: bytes) -> None:
    with pytest.raises(Trouble, match="the recording"):
        played(HANGUP, (0.0, data))


def test_a_failed_start_flow_is_status_1() -> None:
    assert played('flow f on start { fail "no" }', (0.0, BANNER))[0] == 1


@pytest.mark.parametrize("until", [0.0, 600.0])
def test_time_is_one_for_all_recipes(until: float) -> None:
    slow = 'flow slow on start { wait 5m log "slow" }'
    fast = 'flow fast on start { wait 5s log "one" wait 5s log "two" }'
    later = event("FullyBooted")
    lines = played_to([slow, fast], (0.0, BANNER), (until, later), begun=0.0)[1]
    said = [(line.split()[1][3:], line.split()[-1]) for line in lines if "(recipe.flow:1)" in line]
    assert [one for one in said if one[1] in ("slow", "one", "two")] == [
        ("00:05.000", "one"),
        ("00:10.000", "two"),
        ("05:00.000", "slow"),
    ]


def test_a_signal_goes_to_all_recipes() -> None:
    sends = 'flow sends on start { signal go { n: "7" } }'
    hears = 'flow hears on signal go(n: text) as s { log "heard ${s.n}" }'
    for recipes in ([sends, hears], [hears, sends]):
        assert [line for line in played_to(recipes, (0.0, BANNER))[1] if "heard 7" in line]


def test_flows_that_signal_each_other_without_end_are_stopped() -> None:
    ping = "flow ping on signal ping() as s { signal pong {} }\nflow starts on start { signal ping {} }"
    pong = "flow pong on signal pong() as s { signal ping {} }"
    assert [line for line in played_to([ping, pong], (0.0, BANNER))[1] if "ping > pong > ping" in line]


CALLS = """\
task outer(n: int) { log "first" inner(n) }
task inner(n: int) {
  if n > 1 { fail "no more than ${n}" }
}
flow f on start {
  outer(1)
  parallel {
    { wait 1h }
    { outer(2) }
  }
}
"""


def test_a_failure_within_a_task_shows_where_that_was_called() -> None:
    """The call that failed, of several, through tasks and out of a branch."""
    lines = played(CALLS, (0.0, BANNER))[1]
    (frame,) = [line for line in lines if "flow `f` failed" in line]
    assert frame.splitlines()[2:] == [
        " --> recipe.flow:3:14",
        "  |",
        '1 | task outer(n: int) { log "first" inner(n) }',
        "  |                                  -------- called here",
        "2 | task inner(n: int) {",
        '3 |   if n > 1 { fail "no more than ${n}" }',
        "  |              ^^^^^^^^^^^^^^^^^^^^^^^^ this step",
        "...",
        "9 |     { outer(2) }",
        "  |       -------- called here",
    ]


def test_what_a_call_gives_to_its_task_is_no_step_of_the_task() -> None:
    text = 'param n = 0\ntask t(m: number) { log "${m}" }\nflow f on start { t(1 / n) }\n'
    (frame,) = [line for line in played(text, (0.0, BANNER))[1] if "flow `f` failed" in line]
    assert "called here" not in frame
