"""Compiled expressions give the language's values, and say where they cannot."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from amiflow.ami.message import Message
from amiflow.engine import functions
from amiflow.engine.evaluate import EvaluationError, Frame, compile_expr, seconds
from amiflow.engine.functions import World
from amiflow.engine.values import Call, Failure, Reply, Value, to_text
from amiflow.engine.written import Pen
from amiflow.plan import expressions as ir
from amiflow.plan.types import Coding
from amiflow.report.source import Span

AT = Span("t.flow", 3, 9)
NONE = ir.Const(None, AT)


def const(value: ir.LiteralValue) -> ir.Const:
    return ir.Const(value, AT)


def local(name: str) -> ir.Local:
    return ir.Local(name, AT)


def value_of(expr: ir.Expr, **names: Value) -> Value:
    return compile_expr(expr)(Frame(names, World({"room": "680"}), True))


@pytest.mark.parametrize(
    ("op", "left", "right", "value"),
    [
        ("+", 1, 2, 3),
        ("+", "a", "b", "ab"),
        ("-", 1, 2, -1),
        ("*", 3, 2.5, 7.5),
        ("/", 7, 2, 3.5),
        ("%", 7, 2, 1),
        ("+", timedelta(seconds=1), timedelta(minutes=1), timedelta(seconds=61)),
    ],
)
def test_arithmetic(op: ir.BinaryOp, left: ir.LiteralValue, right: ir.LiteralValue, value: Value) -> None:
    assert value_of(ir.Binary(op, const(left), const(right), AT)) == value


@pytest.mark.parametrize(
    ("op", "left", "right", "value"),
    [
        ("==", 1, 1.0, True),
        ("==", None, None, True),
        ("==", None, "", False),
        ("!=", None, "x", True),
        ("<", 1, 2, True),
        ("<", None, 2, False),
        (">=", 2, None, False),
        ("like", "PJSIP/trunk-7", "PJSIP/trunk-*", True),
        ("like", "PJSIP/trunk-7", "trunk", False),
        ("like", "SIP/[2001:db8::1]-1", "SIP/[2001*", True),
        ("like", None, "*", False),
        ("in", "b", "abc", True),
        ("in", "b", None, False),
    ],
)
def test_comparison(op: ir.CompareOp, left: ir.LiteralValue, right: ir.LiteralValue, value: bool) -> None:
    assert value_of(ir.Compare(op, const(left), const(right), AT)) is value


def test_in_a_list() -> None:
    xs = ir.ListExpr((const(1), const(2)), AT)
    assert value_of(ir.Compare("in", const(2), xs, AT)) is True
    assert value_of(ir.Compare("not in", const(2), xs, AT)) is False


@pytest.mark.parametrize(
    ("expr", "reason"),
    [
        (ir.Binary("/", const(1), const(0), AT), "division by zero"),
        (ir.Binary("+", const("a"), const(1), AT), "do not fit"),
        (ir.Binary("*", const(10**1000), const(10**1000), AT), "too large"),
        (ir.Binary("*", const(1e300), const(1e300), AT), "too large"),
        (ir.Binary("/", const(1e300), const(1e-300), AT), "too large"),
        (ir.Binary("-", const(-1e308), const(1e308), AT), "too large"),
        (ir.Binary("+", const("a" * 1_000_000), const("a" * 1_000_000), AT), "longer than"),
        (ir.Header(NONE, "Channel", Coding(), AT), "no message"),
        (ir.Apply("only", (const("x"), const("0-9")), AT), "not of `0-9`"),
    ],
)
def test_failures_name_the_reason_and_the_place(expr: ir.Expr, reason: str) -> None:
    with pytest.raises(EvaluationError, match=reason) as caught:
        value_of(expr)
    assert caught.value.span == AT


def test_data_has_nothing_under_data() -> None:
    assert value_of(ir.Index(local("x"), local("x"), AT), x={"a": 1}) is None


@pytest.mark.parametrize(
    "wider",
    [
        lambda name: ir.ListExpr((name,), AT),
        lambda name: ir.RecordExpr((("a", name),), AT),
        lambda name: ir.Each(name, "y", ir.ListExpr((const(1),), AT), None, AT),
    ],
)
def test_what_a_loop_nests_stays_such_as_can_be_written(wider: Callable[[ir.Expr], ir.Expr]) -> None:
    value = _widened(wider)
    assert Pen({}).write(value) and to_text(value)


def test_what_doubles_at_each_level_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functions, "LONGEST", 1000)
    _widened(lambda name: ir.ListExpr((name, name), AT))


def _widened(wider: Callable[[ir.Expr], ir.Expr]) -> Value:
    widen, value = compile_expr(wider(ir.Local("x", AT))), ()
    with pytest.raises(EvaluationError, match=r"100 deep in|longer than"):
        for _ in range(5000):
            value = widen(Frame({"x": value}, World(), True))
    return value


def test_headers_are_read_through_their_coding() -> None:
    hangup = Message.build([("Event", "Hangup"), ("Cause", "16"), ("Channel", "SIP/a"), ("CallerIDName", "O\\'B")])
    e = local("e")
    assert value_of(ir.Header(e, "Cause", Coding("int"), AT), e=hangup) == 16
    assert value_of(ir.Header(e, "channel", Coding(), AT), e=hangup) == "SIP/a"
    assert value_of(ir.Header(e, "CallerIDName", Coding(optional=True, escaped=True), AT), e=hangup) == "O'B"
    assert value_of(ir.Header(e, "AccountCode", Coding(optional=True), AT), e=hangup) is None
    with pytest.raises(EvaluationError, match="does not carry"):
        value_of(ir.Header(e, "AccountCode", Coding(), AT), e=hangup)


def test_logic_stops_early() -> None:
    broken = ir.Binary("/", const(1), const(0), AT)
    assert value_of(ir.Both((const(False), broken), AT)) is False
    assert value_of(ir.Either((const(True), broken), AT)) is True
    assert value_of(ir.Apply("choose", (const(True), const(1), broken), AT)) == 1
    assert value_of(ir.Default(const("x"), broken, AT)) == "x"
    assert value_of(ir.Default(NONE, const("y"), AT)) == "y"
    assert value_of(ir.Not(const(False), AT)) is True


def test_a_text_is_joined_and_none_prints_a_dash() -> None:
    assert value_of(ir.Join((const("room "), ir.Global("room", AT), const(" "), NONE), AT)) == "room 680 -"


def test_members_and_items() -> None:
    rows = (Message.build([("Event", "QueueMember"), ("Name", "a")]), Message.build([("Event", "QueueEntry")]))
    reply = Reply(Message.build([("Response", "Success")]), rows)
    assert value_of(ir.Field(local("r"), "queuemember", AT), r=reply) == rows[:1]
    assert value_of(ir.Field(local("r"), "rows", AT), r=reply) == rows
    assert value_of(ir.Field(local("e"), "kind", AT), e=Failure("busy", "m")) == "busy"
    assert value_of(ir.Field(local("e"), "Message", AT), e=Failure("busy", "m")) == "m"
    assert value_of(ir.Field(local("c"), "Channel", AT), c=Call("SIP/a", "u", None)) == "SIP/a"
    record = ir.RecordExpr((("a", const(1)),), AT)
    assert value_of(ir.Field(record, "a", AT)) == 1
    assert value_of(ir.Index(record, const("b"), AT)) is None
    xs = ir.ListExpr((const("x"), const("y")), AT)
    assert [value_of(ir.Index(xs, const(i), AT)) for i in (0, -1, 2, -3)] == ["x", "y", None, None]


def test_a_comprehension_has_a_name_of_its_own() -> None:
    each = ir.Each(
        ir.Binary("*", local("n"), local("k"), AT), "n", ir.ListExpr((const(1), const(2), const(3)), AT),
        ir.Compare("!=", local("n"), const(2), AT), AT,
    )  # fmt: skip
    assert value_of(each, k=10) == (10, 30)


def test_seconds() -> None:
    assert seconds(timedelta(minutes=1), AT) == 60
    for bad in (None, 5, timedelta(seconds=-1)):
        with pytest.raises(EvaluationError):
            seconds(bad, AT)
