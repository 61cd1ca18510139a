"""Values that are known when a recipe is compiled: literals, the file's constants, and arithmetic on them.

Never here: params and secrets, which a run may change.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TypeAlias

from amiflow.lang import nodes
from amiflow.lang.scope import FILE_LEVEL, Symbol
from amiflow.plan.walk import descendants

Known: TypeAlias = int | float | timedelta | str | bool | None


class Constants:
    """Evaluates what can be evaluated; the expressions need not be right."""

    __slots__ = ("_uses", "_values")

    def __init__(self, file: nodes.File, declared: Mapping[nodes.Ident, Symbol], uses: Mapping[nodes.Name, Symbol]):
        self._uses = uses
        self._values: dict[Symbol, Known] = {}
        for decl in file.decls:
            if isinstance(decl, nodes.LetDecl) and decl.name in declared:
                self._values[declared[decl.name]] = self.value(decl.value)

    def value(self, expr: nodes.Expr) -> Known:
        """The value, or none where it is not known."""
        match expr:
            case nodes.Int(value=value) | nodes.Number(value=value) | nodes.Bool(value=value):
                return value
            case nodes.Duration(ms=ms):
                return timedelta(milliseconds=ms)
            case nodes.Text(parts=()):
                return ""
            case nodes.Text(parts=(str() as text,)):
                return text
            case nodes.Name():
                symbol = self._uses.get(expr)
                return self._values.get(symbol) if symbol is not None else None
            case nodes.Unary(op="-", operand=operand):
                return _negative(self.value(operand))
            case nodes.Binary(op="+" | "-" | "*" | "/" as op, left=left, right=right):
                return _arithmetic(op, self.value(left), self.value(right))
        return None

    def duration(self, expr: nodes.Expr) -> timedelta | None:
        """The duration, where it is known and one."""
        value = self.value(expr)
        return value if isinstance(value, timedelta) else None

    def number(self, expr: nodes.Expr) -> int | None:
        """The whole number, where it is known and one."""
        value = self.value(expr)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def known_at_start(self, expr: nodes.Expr) -> bool:
        """Whether the expression needs nothing but inputs and constants of the file."""
        names = [node for node in descendants(expr) if isinstance(node, nodes.Name)]
        return all(name in self._uses and self._uses[name].kind in FILE_LEVEL for name in names)

    def is_not_positive(self, expr: nodes.Expr) -> bool:
        """Whether it is known to be zero or less."""
        value = self.value(expr)
        if isinstance(value, timedelta):
            return value <= timedelta(0)
        return isinstance(value, int | float) and not isinstance(value, bool) and value <= 0


def _negative(value: Known) -> Known:
    return None if value is None or isinstance(value, str) else -value


def _arithmetic(op: str, left: Known, right: Known) -> Known:
    try:
        match op, left, right:
            case "+" | "-", timedelta(), timedelta():
                return left + right if op == "+" else left - right
            case "*", timedelta(), int() | float():
                return left * right
            case "*", int() | float(), timedelta():
                return right * left
            case "/", timedelta(), int() | float():
                return left / right
            case _, int() | float(), int() | float():
                return _numbers(op, left, right)
    except (ZeroDivisionError, OverflowError, ValueError):
        return None
    return None


def _numbers(op: str, left: float, right: float) -> float:
    match op:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
    return left / right
