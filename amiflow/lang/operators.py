"""What operators make of the types of their two sides, and what is wrong with them.

Belongs here: one function a family of operators, types in, a diagnostic or a type out. Never here: finding the types
(`infer`), rules that need no operator (`rules`), wording (`problems_*`).
"""

from __future__ import annotations

from collections.abc import Mapping

from amiflow.lang import nodes, problems_types, rules
from amiflow.lang.narrow import path_of
from amiflow.lang.scope import Symbol, literal
from amiflow.plan.types import (
    NONE,
    REGEX,
    TEXT,
    TIME,
    Data,
    ListOf,
    Maybe,
    RecordOf,
    StoreOf,
    Type,
    Unknown,
    definite,
)
from amiflow.report.diagnostic import Diagnostic


def wrong_comparison(binary: nodes.Binary, left: Type, right: Type) -> Diagnostic | None:
    """What forbids this comparison, or makes it say nothing."""
    match binary.op:
        case "==" | "!=":
            return _equality(binary, left, right)
        case "in" | "not in":
            return _membership(binary, left, definite(right))
        case "like" | "matches":
            return _likeness(binary, definite(left), right)
    return None if rules.orderable(left, right) else problems_types.incomparable(binary, left, right)


def _equality(binary: nodes.Binary, left: Type, right: Type) -> Diagnostic | None:
    if not rules.comparable(left, right):
        return problems_types.incomparable(binary, left, right)
    if NONE not in (left, right):
        return None
    kind = right if left == NONE else left
    is_open = isinstance(kind, Maybe | Data | Unknown) or kind == NONE
    return None if is_open else problems_types.never_none(binary)


def _membership(binary: nodes.Binary, item: Type, holder: Type) -> Diagnostic | None:
    match holder:
        case StoreOf(kind="hours"):
            wanted: Type = TIME
        case StoreOf(kind="map" | "counter" | "series" | "table"):
            wanted = TEXT
        case ListOf(item=kind):
            wanted = kind
        case RecordOf() | Data() | Unknown():
            return None
        case other:
            return problems_types.not_a_holder(binary, other)
    return None if rules.comparable(item, wanted) else problems_types.incomparable(binary, item, wanted)


def _likeness(binary: nodes.Binary, kind: Type, pattern: Type) -> Diagnostic | None:
    wanted = TEXT if binary.op == "like" else REGEX
    if not rules.fits(kind, TEXT):
        return problems_types.type_mismatch(binary.left, kind, TEXT, f"`{binary.op}`")
    if not rules.fits(pattern, wanted) or (wanted == REGEX and not isinstance(binary.right, nodes.Regex)):
        return problems_types.bad_pattern(binary, pattern)
    return None


def defaulted(left: Type, right: Type) -> Type | None:
    """The type of `left ?? right`; none where they have none in common."""
    if isinstance(left, Data) or left == NONE:
        return right
    return rules.unified((definite(left), right))


def constant_truth(expr: nodes.Expr, uses: Mapping[nodes.Name, Symbol]) -> bool | None:
    """What a condition always is; none where it depends on something."""
    match expr:
        case nodes.Bool(value=value):
            return value
        case nodes.Unary(op="not", operand=operand):
            inner = constant_truth(operand, uses)
            return None if inner is None else not inner
        case nodes.Binary(op="==" | "<=" | ">=" | "!=" | "<" | ">" as op, left=left, right=right):
            path = path_of(left, uses)
            if path is not None and path == path_of(right, uses):
                return op in ("==", "<=", ">=")
            return rules.compared(op, literal(left), literal(right))
    return None
