"""Passes over a plan: each a function from plan to plan that keeps its meaning.

Belongs here: `PASSES` and what they need to rewrite patterns and expressions. Never here: anything that a plan needs to
be right; a plan runs the same without them, only slower (a test holds that).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

from amiflow.plan.expressions import Compare, Const, Expr, Header, Local, Look, Stored, conjuncts
from amiflow.plan.model import Plan
from amiflow.plan.triggers import Key, Pattern


def index_equalities(plan: Plan) -> Plan:
    """Give each pattern the keys that dispatch is indexed by: the `header == value` parts of its `where` whose value
    does not depend on the message itself."""
    return replace(plan, flows=_rewrite(plan.flows))


PASSES: tuple[Callable[[Plan], Plan], ...] = (index_equalities,)


def optimize(plan: Plan) -> Plan:
    """The plan after all passes."""
    for run_pass in PASSES:
        plan = run_pass(plan)
    return plan


def _rewrite(value: Any) -> Any:
    if isinstance(value, Pattern):
        return replace(value, keys=tuple(_keys(value)))
    if isinstance(value, tuple):
        return tuple(map(_rewrite, value))
    if is_dataclass(value) and not isinstance(value, type):
        changed = {f.name: _rewrite(getattr(value, f.name)) for f in fields(value)}
        return replace(value, **changed)
    return value


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


def _mentions(value: Any, name: str | None) -> bool:
    if isinstance(value, Local):
        return value.name == name
    if isinstance(value, tuple):
        return any(_mentions(item, name) for item in value)
    return is_dataclass(value) and any(_mentions(getattr(value, f.name), name) for f in fields(value))


def _is_stored(value: Any) -> bool:
    if isinstance(value, Stored | Look):
        return True
    if isinstance(value, tuple):
        return any(map(_is_stored, value))
    return is_dataclass(value) and any(_is_stored(getattr(value, f.name)) for f in fields(value))
