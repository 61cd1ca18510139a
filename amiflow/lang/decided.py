"""Conditions that are decided before they are asked: patterns that no event can fit, branches that are always taken.

Belongs here: which conditions of a file are looked at, and what is known where each stands. Never here: what a
condition leaves possible (`possible`), conditions that are constant by themselves (`operators`), wording.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from amiflow.lang import nodes, problems_types
from amiflow.lang.constants import Constants
from amiflow.lang.narrow import Path, path_of
from amiflow.lang.possible import EVERYTHING, Possible, States
from amiflow.lang.scope import Bindings, Checked, conjuncts
from amiflow.lang.walk import Whole
from amiflow.plan.types import ListOf
from amiflow.plan.walk import descendants
from amiflow.report.diagnostic import Diagnostic


def decided(bindings: Bindings, checked: Checked, found: Sequence[Diagnostic]) -> list[Diagnostic]:
    """What is wrong with conditions of which nothing else was `found` to be wrong."""
    known = _Known(
        Possible(Constants(bindings.whole.file, bindings.declared, bindings.uses), bindings.uses), bindings, checked
    )
    said = [problem.span for problem in found if problem.code != "unknown-value"]  # the lists are not complete
    problems = []
    for condition, starts in _conditions(bindings.whole):
        if not any(condition.span.holds(span) for span in said):
            problem = known.problem(condition, starts)
            problems += [problem] if problem is not None else []
    return problems


_ASKING = (
    nodes.Pattern, nodes.SignalTrigger, nodes.IfBranch, nodes.WaitUntil, nodes.For, nodes.Comprehension, nodes.Call,
)  # fmt: skip


def _conditions(whole: Whole) -> Iterator[tuple[nodes.Expr, bool]]:
    """Every condition of the file, and whether it is one that an event or signal has to fit."""
    for node in (node for node in whole.everything if isinstance(node, _ASKING)):
        match node:
            case nodes.Pattern(where=where) | nodes.SignalTrigger(where=where) if where is not None:
                yield where, True
            case nodes.IfBranch(condition=condition) | nodes.WaitUntil(condition=condition):
                yield condition, False
            case nodes.For(where=where) | nodes.Comprehension(where=where) if where is not None:
                yield where, False
            case nodes.Call(module=None, name=nodes.Ident(text="choose"), args=(condition, _, _)):
                yield condition, False


class _Known:
    def __init__(self, possible: Possible, bindings: Bindings, checked: Checked) -> None:
        self._possible = possible
        self._bindings = bindings
        self._checked = checked

    def problem(self, condition: nodes.Expr, fits: bool) -> Diagnostic | None:
        if self._is_open(condition):
            return None
        before = self._before(condition)
        if not self._can(condition, before):
            part, reason = self._contradiction(condition, before)
            return problems_types.never_matches(part, reason) if fits else problems_types.never_holds(part, reason)
        if not self._possible.when(condition, False, before):
            return problems_types.const_condition(condition, True)
        dead = self._dead(condition, before)
        return problems_types.const_condition(dead, False) if dead is not None else None

    def _is_open(self, condition: nodes.Expr) -> bool:
        """Whether it is one comparison of what nothing is known of: the most frequent kind, which decides something."""
        if not isinstance(condition, nodes.Binary) or condition.op in ("and", "or"):
            return False
        return not any(self._checked.proofs.get(side) for side in (condition.left, condition.right))

    def _can(self, condition: nodes.Expr, states: States) -> bool:
        return bool(self._possible.when(condition, True, states))

    def _before(self, condition: nodes.Expr) -> States:
        """What was found out before the condition is asked: what proves each path where it is first named."""
        states, seen = EVERYTHING, set[Path]()
        for expr in descendants(condition):
            if isinstance(expr, nodes.Name | nodes.Member | nodes.Index):
                path = path_of(expr, self._bindings.uses)
                is_list = isinstance(self._checked.type_of(expr), ListOf)
                if path is not None and path not in seen and not is_list:
                    seen.add(path)
                    states = self._possible.proved(expr, self._checked.proofs.get(expr, ()), states)
        return states or EVERYTHING

    def _contradiction(self, condition: nodes.Expr, before: States) -> tuple[nodes.Expr, nodes.Expr | None]:
        """The first part that cannot hold, and the part before it that forbids it, if a single one does."""
        states, earlier = before, list[nodes.Expr]()
        for part in conjuncts(condition):
            following = self._possible.when(part, True, states)
            if not following:
                alone = (one for one in earlier if not self._can(part, self._possible.when(one, True, EVERYTHING)))
                return part, next(alone, None)
            states = following
            earlier.append(part)
        return condition, None

    def _dead(self, condition: nodes.Expr, states: States) -> nodes.Expr | None:
        """An alternative of an `or` that can never hold where it is asked."""
        match condition:
            case nodes.Binary(op="and", left=left, right=right):
                return self._dead(left, states) or self._dead(right, self._possible.when(left, True, states))
            case nodes.Binary(op="or", left=left, right=right):
                otherwise = self._possible.when(left, False, states)
                for part, asked in ((left, states), (right, otherwise)):
                    if not self._can(part, asked):
                        return part
                    if (dead := self._dead(part, asked)) is not None:
                        return dead
        return None
