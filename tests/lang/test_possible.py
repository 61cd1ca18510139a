"""What a condition leaves possible, against trying every value: what is called impossible never happens."""

import operator
from collections.abc import Callable
from fnmatch import fnmatchcase
from itertools import product
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from amiflow.lang import nodes
from amiflow.lang.bind import bind
from amiflow.lang.constants import Constants
from amiflow.lang.grammar import build
from amiflow.lang.parse import parse
from amiflow.lang.possible import EVERYTHING, Possible
from amiflow.lang.walk import Whole
from amiflow.report.source import Source

GRAMMAR = build()
TEXTS = (None, "a", "b", "ab")
NUMBERS = (None, 1, 2, 3)
TESTS = st.sampled_from(
    ['e.T == "a"', 'e.T != "a"', 'e.T in ["a", "ab"]', 'e.T not in ["b"]', 'e.T like "a*"', 'e.T like "b*"',
     "e.T == none", "e.T != none", "e.N > 1", "e.N < 3", "2 <= e.N", "e.N == 2", "e.N != 2", "e.N in [1, 3]"]
)  # fmt: skip
CONDITIONS = st.recursive(
    TESTS,
    lambda inner: st.one_of(
        inner.map(lambda one: f"not ({one})"),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda parts: f"({' '.join(parts)})"),
    ),
    max_leaves=5,
)
COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "in": lambda item, items: item in items,
    "not in": lambda item, items: item not in items,
    "like": lambda text, glob: text is not None and fnmatchcase(text, glob),
    "<": lambda one, other: None not in (one, other) and one < other,
    "<=": lambda one, other: None not in (one, other) and one <= other,
    ">": lambda one, other: None not in (one, other) and one > other,
}


def value(expr: nodes.Expr, event: dict[str, Any]) -> Any:
    match expr:
        case nodes.Binary(op="and", left=left, right=right):
            return value(left, event) and value(right, event)
        case nodes.Binary(op="or", left=left, right=right):
            return value(left, event) or value(right, event)
        case nodes.Binary(op=op, left=left, right=right):
            return COMPARE[op](value(left, event), value(right, event))
        case nodes.Unary(operand=operand):
            return not value(operand, event)
        case nodes.Member(name=name):
            return event[name.text]
        case nodes.ListOf(items=items):
            return [value(item, event) for item in items]
        case nodes.Text(parts=parts):
            return "".join(map(str, parts))
        case nodes.Int(value=number):
            return number
    return None


@settings(max_examples=40)
@given(CONDITIONS)
@example("not (e.N > 1) and e.T == none")
@example("not (e.N > 1) and not (e.N < 3)")
def test_what_is_called_impossible_never_happens(condition: str) -> None:
    file, problems = parse(Source("r.flow", f"flow f on UserEvent as e where {condition} {{ stop }}"), GRAMMAR)
    assert not problems
    flow = file.decls[0]
    assert isinstance(flow, nodes.FlowDecl) and isinstance(flow.trigger, nodes.EventTrigger)
    where = flow.trigger.first.where
    assert where is not None
    bindings, _ = bind(Whole(file))
    possible = Possible(Constants(file, bindings.declared, bindings.uses), bindings.uses)
    outcomes = {bool(value(where, {"T": text, "N": number})) for text, number in product(TEXTS, NUMBERS)}
    for outcome in outcomes:
        assert possible.when(where, outcome, EVERYTHING)
