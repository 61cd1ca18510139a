"""What the phases find out about a tree, kept beside it: side tables keyed by the nodes themselves.

Belongs here: symbols and the tables that one phase hands to the next, as frozen data. Never here: how they are found
(`bind`, `check`), or what is said about a mistake (`problems_*`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias

from amiflow.lang import nodes
from amiflow.lang.vocabulary import HeaderInfo
from amiflow.lang.walk import Whole
from amiflow.plan.types import UNKNOWN, Type
from amiflow.report.data import dataclass
from amiflow.report.diagnostic import Diagnostic
from amiflow.report.source import Span

SymbolKind: TypeAlias = Literal[
    "param", "secret", "constant", "let", "var", "message", "result", "error", "item", "round", "signal",
    "store", "table", "pool", "hours", "task", "arg", "module",
]  # fmt: skip

SYMBOL_WORDS: Mapping[SymbolKind, str] = {
    "param": "a param",
    "secret": "a secret",
    "constant": "a constant of the file",
    "let": "a `let`",
    "var": "a `var`",
    "message": "an event",
    "result": "the result of an action",
    "error": "an error",
    "item": "a loop's item",
    "round": "a loop's round",
    "signal": "a signal",
    "store": "a store",
    "table": "a table",
    "pool": "a pool",
    "hours": "opening hours",
    "task": "a task",
    "arg": "an argument",
    "module": "an imported file",
}
FILE_LEVEL: frozenset[SymbolKind] = frozenset({"param", "secret", "constant"})


@dataclass(frozen=True, slots=True, eq=False)
class Symbol:
    """One name where it is introduced; two symbols may be spelt alike, so identity is what counts."""

    name: str
    kind: SymbolKind
    span: Span


@dataclass(frozen=True, slots=True)
class Bindings:
    """Which symbol each name of a file is; userevents by their name in lower case, flows by name."""

    whole: Whole
    declared: Mapping[nodes.Ident, Symbol]
    uses: Mapping[nodes.Name, Symbol]
    userevents: Mapping[str, nodes.UserEventDecl]
    flows: Mapping[str, nodes.FlowDecl]
    calls: Mapping[nodes.Call, nodes.TaskDecl]
    """The calls that are a task's; the others are a builtin's, or nothing's."""

    def reached(self, node: object) -> Iterator[object]:
        """The node and everything in it, and in the tasks that it calls."""
        if not self.calls:
            yield from self.whole.within(node)
            return
        todo, entered = [node], set[nodes.TaskDecl]()
        while todo:
            for here in self.whole.within(todo.pop()):
                yield here
                task = self.calls.get(here) if isinstance(here, nodes.Call) else None
                if task is not None and task not in entered:
                    entered.add(task)
                    todo.append(task.body)


Groups: TypeAlias = tuple[tuple[nodes.Expr, ...], ...]
"""What a value was compared with: any one group shows that it is safe, if every expression in it is."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What is known of the tree once types are: of each expression its type and what proves it harmless, of each
    symbol its type, of each header that is written or read what the catalogue says."""

    types: Mapping[nodes.Expr, Type]
    symbols: Mapping[Symbol, Type]
    proofs: Mapping[nodes.Expr, Groups]
    written: Mapping[nodes.HeaderEntry, HeaderInfo]
    read: Mapping[nodes.Expr, HeaderInfo]

    def type_of(self, expr: nodes.Expr) -> Type:
        """The expression's type; unknown where something was complained about."""
        return self.types.get(expr, UNKNOWN)


class Findings:
    """Where the phases put diagnostics while they walk."""

    __slots__ = ("found",)

    def __init__(self) -> None:
        self.found: list[Diagnostic] = []

    def say(self, problem: Diagnostic) -> None:
        self.found.append(problem)


def plain_text(expr: nodes.Expr) -> str | None:
    """What a text without interpolation says; none for every other expression."""
    if isinstance(expr, nodes.Text) and all(isinstance(part, str) for part in expr.parts):
        return "".join(str(part) for part in expr.parts)
    return None


def literal(expr: nodes.Expr) -> int | float | str | None:
    """A number, a duration in milliseconds or a text that is written out."""
    match expr:
        case nodes.Int(value=value) | nodes.Number(value=value):
            return value
        case nodes.Duration(ms=ms):
            return ms
    return plain_text(expr)


def conjuncts(condition: nodes.Expr) -> Iterator[nodes.Expr]:
    """The parts of a condition that must all hold."""
    if isinstance(condition, nodes.Binary) and condition.op == "and":
        yield from conjuncts(condition.left)
        yield from conjuncts(condition.right)
    else:
        yield condition


def key_of(text: nodes.Text) -> nodes.Ident:
    """A name that is written as a text, such as that of `u["Room"]`."""
    return nodes.Ident(text.span, "".join(part for part in text.parts if isinstance(part, str)))


def written(expr: nodes.Expr) -> str | None:
    """A name with its members as a recipe writes it, `one.Channel`; none for other expressions."""
    match expr:
        case nodes.Name(text=text):
            return text
        case nodes.Member(base=base, name=name):
            head = written(base)
            return None if head is None else f"{head}.{name.text}"
    return None
