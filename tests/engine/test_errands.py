"""Errands and signals: attempts, outcomes, time, and replies."""

from dataclasses import replace
from typing import Any

import pytest

from amiflow.engine.effects import (
    AppendRequest,
    Errand,
    ErrandDone,
    ExecRequest,
    ExecResult,
    HttpRequest,
    HttpResult,
    Recall,
    Signal,
    Signalled,
    SignalReply,
)
from amiflow.engine.functions import parsed_json
from amiflow.engine.values import to_text
from amiflow.plan import model as m
from amiflow.plan import triggers
from amiflow.plan.errands import AppendCall, ExecCall, HttpCall, Operation, SignalCall, allowance, host_of
from amiflow.plan.expressions import Apply, Join, RecordExpr
from amiflow.plan.types import Coding
from support.machines import Bench
from support.plans import const, expr, field, flow, list_of, local, log, on, pause, seconds, span

URL = "https://crm.example/calls"


def record(**fields: Any) -> RecordExpr:
    return RecordExpr(tuple((name, expr(value)) for name, value in fields.items()), span())


def http(method: Any = "get", url: str = URL, **parts: Any) -> HttpCall:
    return HttpCall(method, const(url), parts.get("json"), parts.get("form"), parts.get("body"), parts.get("headers"))


def errand(operation: Operation, into: str | None = None, retry: int = 0, handler: m.Handler | None = None) -> m.Errand:
    again = m.Retry(const(retry), seconds(1)) if retry else None
    return m.Errand(operation, into, None, again, handler, span())


def ran(*body: m.Instruction, **options: Any) -> Bench:
    bench = Bench(flow("f", on("A", "a"), *body), **options)
    bench.event("A", N="7")
    return bench


def errands(bench: Bench) -> list[Errand]:
    return [effect for effect in bench.effects if isinstance(effect, Errand)]


def done(bench: Bench, result: Any, failure: str | None = None, begun: bool = True) -> None:
    bench.give(ErrandDone(errands(bench)[-1].errand_id, result, failure, begun))


def test_an_answer_gives_status_text_and_data() -> None:
    bench = ran(errand(http(), "r"), log(field("r", "status"), " ", field("r", "text"), " ", field("r", "data")))
    assert errands(bench)[0].request == HttpRequest("get", URL, (), None)
    done(bench, HttpResult(200, '{"name": "Ann"}'))
    assert bench.said == ['200 {"name": "Ann"} {name: Ann}']


@pytest.mark.parametrize(
    ("parts", "body", "kind"),
    [
        ({"json": record(n="a.N", spell=seconds(5))}, '{"n": "7", "spell": 5.0}', "application/json"),
        ({"form": record(q="a b&c")}, "q=a%20b%26c", "application/x-www-form-urlencoded"),
        ({"body": const("hello")}, "hello", "text/plain; charset=utf-8"),
    ],
)
def test_a_request_carries_its_body(parts: dict[str, Any], body: str, kind: str) -> None:
    request = errands(ran(errand(http("post", **parts))))[0].request
    assert request == HttpRequest("post", URL, (("Content-Type", kind),), body)


def test_a_line_break_in_a_header_fails_the_step() -> None:
    bench = ran(errand(http(headers=record(Key="a\r\nb"))))
    assert bench.failures == ["a value holds a line break"] and not errands(bench)


def test_a_line_break_in_a_form_is_written_as_any_sign_is() -> None:
    bench = ran(errand(http("post", form=record(text="a\nb"))))
    (asked,) = errands(bench)
    assert isinstance(asked.request, HttpRequest) and asked.request.body == "text=a%0Ab"


@pytest.mark.parametrize("part", ["form", "headers"])
def test_half_a_character_fails_the_step(part: str) -> None:
    """JSON that somebody sends can write such a thing: `\\ud800`."""
    bench = ran(errand(http("post", **{part: record(Key="a\ud800")})))
    assert bench.failures == ["a value holds half a character"] and not errands(bench)


@pytest.mark.parametrize("part", ["form", "headers"])
@pytest.mark.parametrize("json", ["[1]", "null"])
def test_data_that_is_no_record_fails_the_step(part: str, json: str) -> None:
    bench = ran(errand(http("post", **{part: Apply("json", (const(json),), span())})))
    assert bench.failures == [f"{to_text(parsed_json(json))} is no record"] and not errands(bench)


def test_a_status_of_400_is_an_error_and_is_tried_again() -> None:
    bench = ran(errand(http("post"), retry=1, handler=m.Handler(2, "e")), log("good"), log(field("e", "kind")))
    done(bench, HttpResult(503, "busy"))
    assert len(errands(bench)) == 1
    bench.advance(1)
    done(bench, HttpResult(404, "no"))
    assert len(errands(bench)) == 2 and bench.said == ["error"]


@pytest.mark.parametrize(("method", "attempts"), [("get", 2), ("post", 1)])
def test_after_its_time_only_what_reads_is_tried_again(method: str, attempts: int) -> None:
    bench = ran(errand(http(method), retry=1))
    bench.advance(5)
    assert [type(effect) for effect in bench.effects].count(Recall) == 1
    bench.advance(1)
    assert len(errands(bench)) == attempts


@pytest.mark.parametrize(("begun", "attempts"), [(False, 2), (True, 1)])
def test_a_failure_is_tried_again_where_nothing_of_it_was_seen(begun: bool, attempts: int) -> None:
    bench = ran(errand(http("post"), retry=1))
    done(bench, None, "no connection", begun)
    bench.advance(1)
    assert len(errands(bench)) == attempts


def test_a_program_and_a_line_of_a_file() -> None:
    said = log(field("r", "code"), " ", field("r", "out"))
    line = errand(AppendCall(const("calls.jsonl"), record(n="a.N")))
    bench = ran(errand(ExecCall(list_of("/bin/echo", "a.N")), "r"), said, line, log("written"))
    assert errands(bench)[0].request == ExecRequest(("/bin/echo", "7"))
    done(bench, ExecResult(3, "out"))
    assert bench.said == ["3 out"] and errands(bench)[1].request == AppendRequest("calls.jsonl", '{"n": "7"}\n')
    done(bench, None)
    assert bench.said == ["3 out", "written"]


def test_an_outcome_that_nobody_waits_for_is_let_pass() -> None:
    bench = ran(errand(http(), handler=m.Handler(1, None)), pause(60), log("end"))
    bench.advance(5)
    done(bench, HttpResult(200, ""))
    assert bench.said == []


def test_a_shadow_does_nothing_outside() -> None:
    bench = ran(errand(http("post"), "r"), log(field("r", "status")), shadow=True)
    assert not errands(bench) and bench.notes("would-do")[0].text == f"http post {URL}" and bench.said == ["200"]


# --- signals


def clicks(*body: m.Instruction) -> Bench:
    fields = (triggers.SignalField("agent", Coding()), triggers.SignalField("n", Coding("int", optional=True)))
    return Bench(flow("f", triggers.OnSignal("click", fields, "s", None, span()), *body))


def replies(bench: Bench) -> list[SignalReply]:
    return [effect for effect in bench.effects if isinstance(effect, SignalReply)]


def test_a_flow_replies_to_a_signal() -> None:
    bench = clicks(log(field("s", "agent")), m.Return(record(n=field("s", "n")), span()))
    bench.give(Signalled("click", {"agent": "Ann", "n": "3"}, "1"))
    assert bench.said == ["Ann"] and replies(bench) == [SignalReply("1", {"n": 3})]


@pytest.mark.parametrize(
    ("name", "fields", "reason"),
    [
        ("other", {}, "no flow takes this signal"),
        ("click", {}, "`agent` is missing"),
        ("click", {"agent": "a", "x": "y"}, "the signal click has no field `x`"),
        ("click", {"agent": "a", "n": "y"}, "`n`: `y` is no int"),
    ],
)
def test_a_signal_that_starts_nothing_is_told_so(name: str, fields: dict[str, str], reason: str) -> None:
    bench = clicks(log("started"))
    bench.give(Signalled(name, fields, "1"))
    assert bench.said == [] and [reply.failure for reply in replies(bench)] == [reason]


@pytest.mark.parametrize("fields", [{}, {"n": ""}])
def test_an_optional_field_may_be_left_out_or_empty(fields: dict[str, str]) -> None:
    bench = clicks(m.Return(record(n=field("s", "n")), span()))
    bench.give(Signalled("click", {"agent": "a", **fields}, "1"))
    assert replies(bench) == [SignalReply("1", {"n": None})]


def test_a_flow_that_fails_says_why() -> None:
    bench = clicks(m.Fail(const("no agent"), span()))
    bench.give(Signalled("click", {"agent": "a"}, "1"))
    assert [reply.failure for reply in replies(bench)] == ["no agent"]


def test_a_signal_of_a_flow_goes_out_and_is_not_awaited() -> None:
    bench = ran(errand(SignalCall("tell", (("who", expr("a.N")),))), log("on"))
    assert next(effect for effect in bench.effects if isinstance(effect, Signal)).fields == {"who": "7"}
    assert bench.said == ["on"]


# --- what a run must allow


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://crm.example/x?y=z", "crm.example"),
        ("http://CRM.example:8080", "crm.example:8080"),
        ("https://crm.example@evil.example/", None),
        ("https://crm.example\\@evil.example/", None),
        ("ftp://crm.example/", None),
        ("https:///x", None),
        ("https://crm.example/a b", None),
    ],
)
def test_the_host_of_a_url(url: str, host: str | None) -> None:
    assert host_of(url) == host


def test_what_is_known_before_the_run_is_named() -> None:
    joined = Join((const("https://crm.example/c/"), local("n")), span())
    unknown = Join((const("https://crm."), local("n")), span())
    assert allowance(replace(http(), url=joined)) == "http:crm.example"
    assert allowance(replace(http(), url=unknown)) == "http:?"
    assert allowance(ExecCall(list_of("/bin/x", local("n")))) == "exec:/bin/x"
    assert allowance(AppendCall(local("n"), record())) == "append:?"
