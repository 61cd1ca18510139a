"""What is written down of a run: every input and effect, tied together, with its line."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from amiflow.engine import effects as fx
from amiflow.engine.journal import Batch
from amiflow.engine.page import Row
from amiflow.plan.model import Policy
from amiflow.report.source import Source, Span
from support.journal import RowScribe
from support.machines import START, Bench, event
from support.plans import act, chain, eq, flow, log, on, stop, wait
from support.sizes import sizes
from support.soak import grown

TEXT = "\n" * 100


class Written(Bench):
    """A bench whose every input and effect is written down."""

    def __init__(self, *flows: object, **options: object) -> None:
        self.rows: list[Row] = []
        self.scribe = RowScribe([[Source("test.flow", TEXT)]], ["pbx"], START)
        super().__init__(*flows, steps=True, **options)  # type: ignore[arg-type]

    def give(self, item: fx.Input) -> list[fx.Effect]:
        new = super().give(item)
        shared = not isinstance(item, fx.Sent | fx.Answered | fx.Unanswered)
        at = START + self.now
        if shared:
            self.rows += self.scribe.rows(at, None, item, ())
        self.rows += self.scribe.rows(at, 0, None if shared else item, new)
        return new

    def kinds(self) -> list[str]:
        return [row.kind for row in self.rows]

    def of(self, kind: str) -> list[Row]:
        return [row for row in self.rows if row.kind == kind]


def hangs_up(*body: object, **clauses: object) -> Written:
    bench = Written(flow("f", on("A", "a"), *body, stop(), **clauses))  # type: ignore[arg-type]
    bench.event("A", Channel="PJSIP/a-1")
    return bench


def test_a_run_of_a_flow_is_written_from_its_event_to_its_end() -> None:
    bench = hangs_up(act("Hangup", {"Channel": "a.Channel"}), wait(on("B", "b"), within=5), log("over"))
    bench.answer(Message="Channel Hungup")
    bench.event("B", Channel="PJSIP/a-1")
    assert bench.kinds() == [
        "connected",
        "gap",
        "flow-started",
        "action",
        "sent",
        "answer",
        "step",
        "wait-met",
        "log",
        "flow-ended",
    ]
    story = [row for row in bench.rows if row.instance is not None]
    assert {(row.machine, row.instance, row.flow, row.server, row.file) for row in story} == {
        (0, 1, "f", "pbx", "test.flow")
    }
    assert bench.of("action")[0].message == b"Action: Hangup\r\nChannel: PJSIP/a-1"
    assert bench.of("answer")[0].text == "Hangup: Success: Channel Hungup"
    assert bench.of("wait-met")[0].message == event("B", Channel="PJSIP/a-1").raw
    assert len({row.action for row in bench.rows if row.kind in ("action", "sent", "answer")}) == 1


def test_the_line_is_that_of_the_step() -> None:
    step = replace(act("Hangup", {"Channel": "x"}), span=Span("test.flow", 41, 42))
    assert hangs_up(step).of("action")[0].line == 42


def test_each_event_of_a_trigger_is_written() -> None:
    trigger = chain(on("A", "a"), ("then", on("B", "b"), 5))
    bench = Written(flow("f", trigger, stop(), per=("a.N",)))
    bench.event("A", N="1")
    bench.event("B", N="2")
    assert bench.kinds()[2:] == ["match-started", "event", "event", "flow-started", "flow-ended"]
    assert [row.message for row in bench.of("event")] == [event("A", N="1").raw, event("B", N="2").raw]
    assert json.loads(bench.of("flow-started")[0].facts or "") == {"key": ["1"]}


def test_an_answer_that_comes_too_late_is_still_tied_to_its_action() -> None:
    bench = hangs_up(act("Hangup", {"Channel": "x"}, within=5))
    bench.on_wire()
    bench.advance(6)
    bench.answer()
    assert bench.kinds()[2:] == [
        "flow-started",
        "action",
        "sent",
        "withdrawn",
        "action-failed",
        "flow-ended",
        "sent",
        "answer",
    ]
    assert bench.of("answer")[0].instance == 1 and bench.of("flow-ended")[0].level == "error"


def test_an_unknown_outcome_is_written_with_its_reason() -> None:
    bench = hangs_up(act("Hangup", {"Channel": "x"}))
    bench.on_wire()
    bench.unanswered("unknown", reason="")
    assert bench.of("unanswered")[0].text == "Hangup: unknown: the connection broke before the answer came"
    assert bench.of("flow-ended")[0].text.startswith("failed: ")


def test_a_gap_begins_when_the_server_was_last_heard() -> None:
    bench = Written(flow("f", on("A"), stop()))
    bench.now = 100.0
    bench.give(fx.ServerLost("pbx", "no answer to a Ping", 30.0))
    bench.now = 130.0
    bench.ready()
    assert bench.kinds() == ["connected", "gap", "lost", "connected", "gap"]
    assert json.loads(bench.rows[-1].facts or "") == {"from": START + 70, "to": START + 130}
    assert bench.rows[-1].text == "no events were seen for 60.000 s" and bench.rows[-1].level == "warn"
    assert bench.rows[1].level == "info"


def test_a_gap_is_as_long_as_it_was_though_the_wall_clock_was_set_back() -> None:
    bench = Written(flow("f", on("A"), stop()))
    bench.lose()
    bench.now = -3600.0
    _, row = bench.scribe.rows(START - 3590, None, fx.ServerReady("pbx", "11.0.0", False, 10.0), ())
    assert json.loads(row.facts or "") == {"from": START - 3600, "to": START - 3590}
    assert row.text == "no events were seen for 10.000 s"


def test_a_gap_that_is_open_at_the_end_began_no_later_than_it_ends() -> None:
    bench = Written(flow("f", on("A"), stop()))
    bench.lose()
    (last,) = bench.scribe.rest(START - 3600)
    assert last.text == "no events were seen for 0.000 s"


def test_a_gap_that_is_open_at_the_end_is_written() -> None:
    bench = Written(flow("f", on("A"), stop()))
    bench.lose()
    (last,) = bench.scribe.rest(START + 7)
    assert (last.kind, last.server, last.at) == ("gap", "pbx", START + 7)
    assert not bench.scribe.rest(START + 8)


def test_what_a_run_leaves_open_when_it_is_cut_short_is_closed() -> None:
    bench = Written(flow("f", on("A", "a"), act("Hangup", {"Channel": "x"}), stop(), per=("a.N",)))
    bench.event("A", N="1")
    bench.on_wire()
    bench.event("A", N="2")
    rows = bench.scribe.rest(START + 7)
    assert [(row.kind, row.text, row.instance) for row in rows] == [
        ("unanswered", "Hangup: unknown: amiflow ended before the answer came", 1),
        ("unanswered", "Hangup: unsent: amiflow ended before it could be sent", 2),
        ("flow-ended", "failed: amiflow ended before it did", 1),
        ("flow-ended", "failed: amiflow ended before it did", 2),
    ]
    assert {row.flow for row in rows} == {"f"} and all(row.line for row in rows)
    assert not bench.scribe.rest(START + 8)


def test_a_run_of_a_flow_that_is_remembered_is_left_to_the_next_run_of_amiflow() -> None:
    bench = Written(flow("f", on("A", "a"), wait(on("B"), within=5), per=("a.N",)))
    for number in ("1", "2", "3"):
        bench.event("A", N=number)
    for instance, states in ((1, ({},)), (2, ({}, None))):
        for state in states:
            bench.scribe.rows(START, 0, None, [fx.Remember("t", instance, "pbx", state)])
    assert [(row.kind, row.level, row.instance) for row in bench.scribe.rest(START + 7)] == [
        ("put-away", "warn", 1),
        ("flow-ended", "error", 2),
        ("flow-ended", "error", 3),
    ]


def test_what_was_refused_and_suppressed_is_written() -> None:
    bench = Written(flow("f", on("A", "a"), wait(on("B"), within=5), per=("a.N",), most=1))
    for number in ("1", "1", "2"):
        bench.event("A", N=number)
    assert [row.kind for row in bench.rows if row.kind in ("suppressed", "refused")] == ["suppressed", "refused"]
    assert bench.of("refused")[0].flow == "f" and bench.of("refused")[0].message is not None


@pytest.mark.parametrize("policy", ["single", "replace", "queued"])
@pytest.mark.parametrize("latest", [False, True])
def test_whatever_is_told_of_a_flow_has_its_line(policy: Policy, latest: bool) -> None:
    body = (act("Hangup", {"Channel": "x"}, within=3), wait(on("B"), within=5))
    one = flow("f", on("A", "a"), *body, per=("a.N",), policy=policy, most=2)
    held = replace(flow("h", on("A"), *body, cooldown=2), latest=latest)
    bench = Written(one, flow("g", on("A", "a"), *body, most=1), held)
    for number in ("1", "1", "1", "2", "3"):
        bench.event("A", N=number)
        bench.answer(Response="Error", Message="no")
        bench.advance(0.5)
    bench.lose()
    bench.advance(20)
    told = [row for row in bench.rows if row.flow is not None]
    assert [row.kind for row in told if row.line is None] == []
    assert {row.kind for row in told} >= {"refused", "suppressed" if policy == "single" else "flow-ended"}


def test_what_a_run_in_the_shadow_would_send_is_written_as_an_action() -> None:
    bench = Written(flow("f", on("A", "a"), act("Hangup", {"Channel": "x"}), stop()), shadow=True)
    bench.event("A")
    assert bench.of("would-send")[0].message == b"Action: Hangup\r\nChannel: x"


def test_each_event_of_a_wait_for_all_is_written() -> None:
    body = wait(on("B", "b"), on("C", "c", eq("c.N", "1")), within=5, mode="all")
    bench = hangs_up(body)
    bench.event("C", N="1")
    bench.event("B")
    assert [(row.kind, row.message) for row in bench.rows if row.kind.startswith("wait")] == [
        ("wait-part", event("C", N="1").raw),
        ("wait-met", event("B").raw),
    ]


def test_an_actions_rows_are_counted() -> None:
    bench = hangs_up(act("QueueStatus", reads=True))
    bench.answer(rows=(event("QueueMember"), event("QueueMember")))
    assert bench.of("answer")[0].facts == '{"rows": 2}'


def test_an_answer_to_nothing_of_ours_is_written_without_an_owner() -> None:
    scribe = RowScribe([[]], [], START)
    (row,) = scribe.rows(START, 0, fx.Answered("x-1", event("A"), ()), ())
    assert (row.kind, row.action, row.instance, row.flow) == ("answer", "x-1", None, None)


def test_a_source_that_is_not_there_leaves_the_line_out() -> None:
    said = fx.Said("info", "hello", "f", 1, Span("other.flow", 0, 1))
    (row,) = RowScribe([[]], [], START).rows(START, 0, None, [said])
    assert (row.file, row.line) == ("other.flow", None)


# --- errands and signals ----------------------------------------------------------------------------------------------

POST = fx.HttpRequest("post", "https://crm.example/calls?key=1", (("Accept", "*/*"),), '{"x": 1}')


def written(*steps: fx.Input | fx.Effect) -> list[Row]:
    """The rows of inputs and effects of one machine."""
    scribe, rows = RowScribe([[Source("test.flow", TEXT)]], ["pbx"], START), list[Row]()
    for step in steps:
        is_input = isinstance(step, fx.ErrandDone | fx.Signalled)
        item, effects = (step, []) if is_input else (None, [step])
        rows += scribe.rows(START, 0, item, effects)  # type: ignore[arg-type]
    return rows


@pytest.mark.parametrize(
    ("request_", "result", "texts", "facts"),
    [
        (
            POST,
            fx.HttpResult(201, "made"),
            ["http post https://crm.example/calls: is to be done", "http post https://crm.example/calls: status 201"],
            {"text": "made"},
        ),
        (
            fx.ExecRequest(("/bin/notify", "7")),
            fx.ExecResult(1, "no"),
            ["exec /bin/notify: is to be done", "exec /bin/notify: ended with 1"],
            {"out": "no"},
        ),
        (
            fx.AppendRequest("calls.jsonl", "{}"),
            None,
            ["append calls.jsonl: is to be done", "append calls.jsonl: done"],
            {},
        ),
    ],
)
def test_an_errand_is_written_with_what_came_of_it(
    request_: fx.Request, result: fx.HttpResult | fx.ExecResult | None, texts: list[str], facts: dict[str, object]
) -> None:
    rows = written(fx.Errand("e-1", request_, 9.0, 1, Span("test.flow", 4, 5)), fx.ErrandDone("e-1", result))
    assert [row.text for row in rows] == texts
    assert [(row.kind, row.action, row.instance, row.line) for row in rows] == [
        ("errand", "e-1", 1, 5),
        ("errand-result", "e-1", 1, 5),
    ]
    assert json.loads(rows[1].facts or "{}") == facts
    asked = json.loads(rows[0].facts or "{}")
    assert asked.keys() == set(request_.__slots__)  # type: ignore[attr-defined]


def test_an_errand_that_failed_or_was_recalled_is_written() -> None:
    errand = fx.Errand("e-1", POST, 9.0, 1, Span("test.flow", 4, 5))
    rows = written(errand, fx.ErrandDone("e-1", None, "not allowed", False), errand, fx.Recall("e-1"))
    assert [(row.kind, row.level) for row in rows] == [
        ("errand", "info"),
        ("errand-result", "warn"),
        ("errand", "info"),
        ("recalled", "info"),
    ]
    assert rows[1].text.endswith(": not allowed")


def test_signals_are_written() -> None:
    rows = written(
        fx.Signalled("click", {"agent": "7"}, "s-1"),
        fx.Signal("ring", {"to": "8"}, 1, Span("test.flow", 4, 5)),
        fx.SignalReply("s-1", {"ok": True}),
        fx.SignalReply("s-1", None, "no flow wants it"),
    )
    assert [(row.kind, row.text, json.loads(row.facts or "null")) for row in rows] == [
        ("signal-came", "click", {"agent": "7"}),
        ("signal", "ring", {"to": "8"}),
        ("signal-reply", "a flow replies", {"value": {"ok": True}}),
        ("signal-reply", "no flow wants it", None),
    ]


def test_the_documentation_names_each_kind_of_entry() -> None:
    root = Path(__file__).resolve().parents[2]
    sources = "".join(path.read_text(encoding="utf-8") for path in (root / "amiflow" / "engine").glob("*.py"))
    kinds = set(re.findall(r'note\(\s*"([a-z-]+)"', sources)) | {"wait-timeout", "wait-gap"}
    shown = set(re.findall(r"`([a-z-]+)`", (root / "docs" / "journal.md").read_text(encoding="utf-8")))
    assert len(kinds) > 20 and kinds - shown == set()


def test_a_run_that_was_taken_up_in_a_queue_and_never_began_is_not_open_at_the_end() -> None:
    scribe = RowScribe([[Source("test.flow", TEXT)]], ["pbx"], START)
    notes = [fx.Noted(kind, "info", "", "f", 1, Span("test.flow", 0, 1), {}) for kind in ("resumed", "suppressed")]
    rows = scribe.rows(START, 0, None, notes)
    assert [row.kind for row in (*rows, *scribe.rest(START))] == ["resumed", "suppressed", "gap"]


def test_of_recipes_that_are_read_again_and_again_nothing_is_kept_but_the_last() -> None:
    """A run may last for years. What a machine at its end has left on the wire is told with its line still."""
    scribe, span = RowScribe([[Source("test.flow", TEXT)]], ["pbx"], START), Span("test.flow", 5, 6)
    held = []
    for machine in range(50):
        send = fx.Send("pbx", f"id-{machine}", (("Action", "Ping"),), None, True, 0.0, 1, span, False)
        scribe.rows(START, machine, None, [send])
        scribe.introduce([Source("test.flow", TEXT)])
        scribe.rows(START, machine, None, [fx.Exit(0)])
        (row,) = scribe.rows(START, machine, fx.Unanswered(f"id-{machine}", "unknown", ""), [])
        assert (row.file, row.line) == ("test.flow", 6)
        held.append(sizes(scribe, (Source, Span, Batch)))
    assert grown(held[9], held[49], 0) == {}
