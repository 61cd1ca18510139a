"""Which values a condition leaves possible: whether it can hold at all, and whether it can fail.

Belongs here: what comparisons with known values say of paths (`e.AccountCode`), and where that contradicts itself. What
it cannot follow it takes for possible. Never here: which conditions are looked at (`decided`), types, wording.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TypeAlias

from amiflow.lang import nodes
from amiflow.lang.constants import Constants
from amiflow.lang.narrow import Path, path_of
from amiflow.lang.scope import Symbol
from amiflow.plan.builtins import BUILTINS
from amiflow.report.data import dataclass

Value: TypeAlias = int | float | str | timedelta
Limit: TypeAlias = tuple[float | timedelta, bool]
"""Where a range ends, and whether it may be there itself."""
_MOST = 16  # ways in which a condition can hold that are told apart; with more of them everything is possible
_SWAPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_NEGATED = {"==": "!=", "!=": "==", "in": "not in", "not in": "in"}
"""The others say less when they fail: `x > 5` is false of none too."""


@dataclass(frozen=True, slots=True)
class Domain:
    """What one path may be: one of `among` (none: anything) but none of `besides`, from `least` to `most`, fitting
    every glob of `like`. `missing` tells whether it is none, where that is known."""

    among: frozenset[Value] | None = None
    besides: frozenset[Value] = frozenset()
    least: Limit | None = None
    most: Limit | None = None
    like: tuple[str, ...] = ()
    missing: bool | None = None

    @property
    def empty(self) -> bool:
        if self.missing:
            return self.among is not None or bool(self.like) or self.least is not None or self.most is not None
        if self.among is not None:
            return not any(self._allows(value) for value in self.among - self.besides)
        if self.least is not None and self.most is not None:
            return _crossed(self.least, self.most)
        return any(_apart(one, other) for one in self.like for other in self.like)

    def _allows(self, value: Value) -> bool:
        if isinstance(value, str):
            return all(fnmatch.fnmatchcase(value, glob.replace("[", "[[]")) for glob in self.like)
        exactly = (value, True)
        low, high = self.least, self.most
        return not (low is not None and _crossed(low, exactly)) and not (high is not None and _crossed(exactly, high))


def _crossed(least: Limit, most: Limit) -> bool:
    """Whether nothing lies between the two."""
    low, high = least[0], most[0]
    if isinstance(low, timedelta) and isinstance(high, timedelta):
        return low > high or (low == high and not (least[1] and most[1]))
    if isinstance(low, timedelta) or isinstance(high, timedelta):
        return False
    return low > high or (low == high and not (least[1] and most[1]))


def _apart(one: str, other: str) -> bool:
    """Whether two globs can be seen to have no text in common, from how they begin."""
    heads = [re.split(r"[*?]", glob)[0] for glob in (one, other)]
    return not (heads[0].startswith(heads[1]) or heads[1].startswith(heads[0]))


State: TypeAlias = Mapping[Path, Domain]
States: TypeAlias = tuple[State, ...]
EVERYTHING: States = ({},)


class Possible:
    """Follows conditions; every way in which one can hold is a state of its own."""

    __slots__ = ("_constants", "_uses")

    def __init__(self, constants: Constants, uses: Mapping[nodes.Name, Symbol]) -> None:
        self._constants = constants
        self._uses = uses

    def when(self, condition: nodes.Expr, holds: bool, states: States) -> States:
        """The states, of these, in which the condition holds (or fails)."""
        match condition:
            case nodes.Unary(op="not", operand=operand):
                return self.when(operand, not holds, states)
            case nodes.Binary(op="and" | "or" as op, left=left, right=right):
                if (op == "and") == holds:
                    return self.when(right, holds, self.when(left, holds, states))
                ways = (*self.when(left, holds, states), *self.when(right, holds, self.when(left, not holds, states)))
                return ways if len(ways) <= _MOST else states
            case nodes.Binary(op=op):
                return self._comparison(op, condition, holds, states)
            case nodes.Name() | nodes.Member() | nodes.Index():
                return self._narrowed(condition, lambda domain: _among(domain, [holds]), states)
        return states

    def proved(self, expr: nodes.Expr, groups: Iterable[tuple[nodes.Expr, ...]], states: States) -> States:
        """The states in which the path is equal to one of each group, where all of the group is known."""
        for group in groups:
            found = [self._values(one) for one in group]
            values = [value for known in found if known is not None for value in known]
            if all(known is not None for known in found):
                states = self._narrowed(expr, partial(_among, values=values), states)
        return states

    def _values(self, expr: nodes.Expr) -> list[Value] | None:
        """A known value, or those of a list of known ones."""
        if isinstance(expr, nodes.ListOf):
            values = [self._constants.value(item) for item in expr.items]
            return [value for value in values if value is not None] if None not in values else None
        value = self._constants.value(expr)
        return None if value is None else [value]

    def _comparison(self, op: str, test: nodes.Binary, holds: bool, states: States) -> States:
        sides = [(op, test.left, test.right)]
        if op in ("==", "!=", *_SWAPPED):
            sides.append((_SWAPPED.get(op, op), test.right, test.left))
        for way, path, other in sides:
            change = self._change(way if holds else _NEGATED.get(way, ""), other)
            if change is not None:
                states = self._narrowed(path, change, states)
        return states

    def _change(self, op: str, other: nodes.Expr) -> Callable[[Domain], Domain] | None:
        """What a comparison that holds does to the domain of its other side; none where that is unknown."""
        if isinstance(other, nodes.Nothing):
            return {"==": lambda domain: _missing(domain, True), "!=": lambda domain: _missing(domain, False)}.get(op)
        values = self._values(other)
        if values is None or isinstance(other, nodes.ListOf) != (op in ("in", "not in")):
            return None
        match op:
            case "==" | "in":
                return partial(_among, values=values)
            case "!=" | "not in":
                return lambda domain: replace(domain, besides=domain.besides | frozenset(values))
            case "<" | "<=" | ">" | ">=":
                return lambda domain: _bounded(domain, op, values[0])
            case "like":
                return lambda domain: _missing(replace(domain, like=(*domain.like, *_texts(values))), False)
        return None

    def _narrowed(self, expr: nodes.Expr, change: Callable[[Domain], Domain], states: States) -> States:
        path = self._path(expr)
        if path is None:
            return states
        changed = [{**state, path: change(state.get(path, Domain()))} for state in states]
        return tuple(state for state in changed if not state[path].empty)

    def _path(self, expr: nodes.Expr) -> Path | None:
        """A path, or what a function makes of paths: asked twice at one instant it is the same."""
        if not isinstance(expr, nodes.Call) or expr.module is not None or expr.name.text not in BUILTINS:
            return path_of(expr, self._uses)
        parts = [path_of(arg, self._uses) for arg in expr.args]
        known = [part for part in parts if part is not None]
        whole: Path = (f"{expr.name.text}(", *(one for part in known for one in (*part, ",")))
        return whole if len(known) == len(parts) else None


def _texts(values: Iterable[Value]) -> list[str]:
    return [value for value in values if isinstance(value, str)]


def _missing(domain: Domain, missing: bool) -> Domain:
    """None is known to be there, or not; both at once leave nothing."""
    if domain.missing is not None and domain.missing != missing:
        return replace(domain, among=frozenset(), missing=False)
    return replace(domain, missing=missing)


def _among(domain: Domain, values: Iterable[Value]) -> Domain:
    wanted = frozenset(values)
    among = wanted if domain.among is None else domain.among & wanted
    return _missing(replace(domain, among=among), False)


def _bounded(domain: Domain, op: str, value: Value) -> Domain:
    if isinstance(value, str | bool):
        return domain
    bound = (value, op in ("<=", ">="))
    if op in (">", ">="):
        tighter = domain.least is None or _tighter(bound, domain.least, up=True)
        domain = replace(domain, least=bound) if tighter else domain
    else:
        tighter = domain.most is None or _tighter(bound, domain.most, up=False)
        domain = replace(domain, most=bound) if tighter else domain
    return _missing(domain, False)


def _tighter(new: Limit, old: Limit, up: bool) -> bool:
    if isinstance(new[0], timedelta) != isinstance(old[0], timedelta):
        return False
    if new[0] == old[0]:
        return not new[1]
    return _crossed(old, (new[0], False)) if not up else _crossed((new[0], False), old)
