"""Passes over a plan: each a function from plan to plan that keeps its meaning.

Belongs here: `PASSES` and what they need to rewrite patterns and expressions. Never here: anything that a plan needs to
be right; a plan runs the same without them, only slower (a test holds that).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import get_args

from amiflow.plan.expressions import Compare, Const, Expr, Header, Local, Look, Stored, conjuncts
from amiflow.plan.model import Plan
from amiflow.plan.triggers import Key, Pattern
from amiflow.plan.walk import descendants, rewritten

_EXPRESSIONS = frozenset(get_args(Expr))


def index_equalities(plan: Plan) -> Plan:
    """Give each pattern the keys that dispatch is indexed by: the `header == value` parts of its `where` whose value
    does not depend on the message itself."""
    return replace(plan, flows=rewritten(plan.flows, _with_keys, Pattern, _EXPRESSIONS))


PASSES: tuple[Callable[[Plan], Plan], ...] = (index_equalities,)


def optimize(plan: Plan) -> Plan:
    """The plan after all passes."""
    for run_pass in PASSES:
        plan = run_pass(plan)
    return plan


def _with_keys(pattern: Pattern) -> Pattern:
    return replace(pattern, keys=tuple(_keys(pattern)))


def _keys(pattern: Pattern) -> Iterator[Key]:
    for part in conjuncts(pattern.where):
        match part:
            case Compare(op="==", left=Header() as header, right=value) if _is_key(pattern, header, value):
                yield Key(header.name, header.coding, value)
            case Compare(op="==", left=value, right=Header() as header) if _is_key(pattern, header, value):
                yield Key(header.name, header.coding, value)


def _is_key(pattern: Pattern, header: Header, value: Expr) -> bool:
    """None as the value would mean absence, which no index by value can find; what a store holds can change."""
    if _is_stored(value):
        return False
    own = isinstance(header.of, Local) and header.of.name == pattern.name
    return own and not (isinstance(value, Const) and value.value is None) and not _mentions(value, pattern.name)


def _mentions(value: Expr, name: str | None) -> bool:
    return any(isinstance(part, Local) and part.name == name for part in descendants(value))


def _is_stored(value: Expr) -> bool:
    return any(isinstance(part, (Stored, Look)) for part in descendants(value))
