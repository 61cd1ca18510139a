"""Keys are found where an equality does not depend on the message itself."""

from amiflow.plan import expressions as ir
from amiflow.plan.optimize import index_equalities
from amiflow.plan.triggers import Key, OnEvents
from amiflow.plan.types import PLAIN
from amiflow.report.source import Span
from support.plans import flow, on, plan

AT = Span("t.flow", 0, 1)


def header(of: str, name: str) -> ir.Header:
    return ir.Header(ir.Local(of, AT), name, PLAIN, AT)


def keys_of(where: ir.Expr | None) -> tuple[Key, ...]:
    trigger = index_equalities(plan(flow("f", on("Hangup", "e", where)))).flows[0].trigger
    assert isinstance(trigger, OnEvents)
    return trigger.stages[0].pattern.keys


def equal(left: ir.Expr, right: ir.Expr) -> ir.Compare:
    return ir.Compare("==", left, right, AT)


def test_an_equality_with_another_message_is_a_key_either_way_round() -> None:
    value = header("one", "Channel")
    assert keys_of(equal(header("e", "Channel"), value)) == (Key("Channel", PLAIN, value),)
    assert keys_of(equal(value, header("e", "Channel"))) == (Key("Channel", PLAIN, value),)


def test_all_parts_of_an_and_are_looked_at() -> None:
    one, two = ir.Const("1", AT), ir.Const("2", AT)
    inner = ir.Both((equal(header("e", "B"), two), ir.Const(True, AT)), AT)
    assert [key.header for key in keys_of(ir.Both((equal(header("e", "A"), one), inner), AT))] == ["A", "B"]


def test_what_is_no_key() -> None:
    x = ir.Const("x", AT)
    for where in (
        None,
        equal(header("e", "A"), header("e", "B")),
        equal(header("e", "A"), ir.Const(None, AT)),
        equal(header("other", "A"), x),
        ir.Either((equal(header("e", "A"), x), equal(header("e", "B"), x)), AT),
        ir.Not(equal(header("e", "A"), x), AT),
        ir.Compare("!=", header("e", "A"), x, AT),
    ):
        assert keys_of(where) == ()
