"""What a condition shows when it holds, and when it does not: values that are not none, values that were compared.

Belongs here: facts about paths (`e.AccountCode`) and how `and`, `or`, `not` and comparisons give and join them. Never
here: types of expressions (`infer`), what a proof is good for (`safety`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from amiflow.lang import nodes
from amiflow.lang.scope import Groups, Symbol
from amiflow.plan.types import ListOf, Maybe, Type
from amiflow.report.data import dataclass

Path: TypeAlias = tuple[Symbol | str, ...]


@dataclass(frozen=True, slots=True)
class Fact:
    """What is known of a path: that it is `present` (not none), and what it was found equal to."""

    present: bool
    proofs: Groups = ()


Facts: TypeAlias = Mapping[Path, Fact]
Both: TypeAlias = tuple[Facts, Facts]
NOTHING: Facts = {}

_SWAPPED = {"!=": "==", "not in": "in"}
_NEVER_NONE = frozenset({"<", "<=", ">", ">=", "like", "matches"})
_MOST_GROUPS = 8  # long chains of `and` and `or` multiply them; fewer proofs are never wrong


def path_of(expr: nodes.Expr, uses: Mapping[nodes.Name, Symbol]) -> Path | None:
    """`e.Channel` and `e["Channel"]` as a symbol and names in lower case; none for what is no path."""
    match expr:
        case nodes.Name():
            return (uses[expr],) if expr in uses else None
        case nodes.Member(base=base, name=name):
            head = path_of(base, uses)
            return None if head is None else (*head, name.text.casefold())
        case nodes.Index(base=base, index=nodes.Text(parts=(str() as key,))):
            head = path_of(base, uses)
            return None if head is None or _is_store(head) else (*head, key.casefold())
        case nodes.Index(base=nodes.Name() as table, index=index):
            place = path_of(index, uses)
            is_table = table in uses and uses[table].kind == "table"
            return (uses[table], "[]", *place) if is_table and place is not None else None
    return None


def _is_store(path: Path) -> bool:
    """Whether it is a store, whose entries come and go at any time."""
    return isinstance(path[0], Symbol) and path[0].kind == "store"


def joined(first: Facts, second: Facts) -> Facts:
    """What is known when both hold."""
    result = dict(first)
    for path, fact in second.items():
        known = result.get(path)
        if known is None:
            result[path] = fact
        else:
            proofs = (*known.proofs, *fact.proofs)[-_MOST_GROUPS:]
            result[path] = Fact(known.present or fact.present, proofs)
    return result


def common(first: Facts, second: Facts) -> Facts:
    """What is known when one of them holds and nobody knows which."""
    result = {}
    for path in [path for path in first if path in second]:
        one, other = first[path], second[path]
        groups = tuple((*a, *b) for a in one.proofs for b in other.proofs)[:_MOST_GROUPS]
        result[path] = Fact(one.present and other.present, groups)
    return result


def without(facts: Facts, symbols: Iterable[Symbol]) -> Facts:
    """The facts that outlive an assignment to these names."""
    gone: set[Symbol | str] = set(symbols)
    return {path: fact for path, fact in facts.items() if gone.isdisjoint(path)}


class Narrowing:
    """Facts of conditions whose parts have types already."""

    __slots__ = ("_type_of", "_uses")

    def __init__(self, uses: Mapping[nodes.Name, Symbol], type_of: Callable[[nodes.Expr], Type]) -> None:
        self._uses = uses
        self._type_of = type_of

    def of(self, condition: nodes.Expr) -> Both:
        """What is known when the condition is true, and when it is false."""
        match condition:
            case nodes.Unary(op="not", operand=operand):
                holds, fails = self.of(operand)
                return fails, holds
            case nodes.Binary(op="and", left=left, right=right):
                (holds, fails), (more, less) = self.of(left), self.of(right)
                return joined(holds, more), common(fails, joined(holds, less))
            case nodes.Binary(op="or", left=left, right=right):
                (holds, fails), (more, less) = self.of(left), self.of(right)
                return common(holds, joined(fails, more)), joined(fails, less)
            case nodes.Binary():
                return self._comparison(condition)
        return NOTHING, NOTHING

    def _comparison(self, test: nodes.Binary) -> Both:
        if test.op in _SWAPPED:
            fails, holds = self._holding(_SWAPPED[test.op], test)
        else:
            holds, fails = self._holding(test.op, test)
        return holds, fails

    def _holding(self, op: str, test: nodes.Binary) -> Both:
        left, right = test.left, test.right
        if op == "==":
            for value, other in ((left, right), (right, left)):
                if isinstance(other, nodes.Nothing):
                    return NOTHING, self._fact(value, Fact(True))
            return joined(self._fact(left, Fact(True, ((right,),))), self._fact(right, Fact(True, ((left,),)))), NOTHING
        if op == "in":
            held = self._type_of(right)
            present = not (isinstance(held, ListOf) and isinstance(held.item, Maybe))
            return joined(self._fact(left, Fact(present, ((right,),))), self._row(left, right)), NOTHING
        if op in _NEVER_NONE:
            return joined(self._fact(left, Fact(True)), self._fact(right, Fact(True))), NOTHING
        return NOTHING, NOTHING

    def _row(self, key: nodes.Expr, table: nodes.Expr) -> Facts:
        """`n in vip` shows that `vip[n]` is there: a table does not change while a run goes on."""
        path = path_of(nodes.Index(key.span, table, key), self._uses)
        return {path: Fact(True)} if path is not None else NOTHING

    def _fact(self, value: nodes.Expr, fact: Fact) -> Facts:
        path = path_of(value, self._uses)
        return NOTHING if path is None else {path: fact}
