"""What is in a part of a plan, or of a recipe's tree: both are frozen data of closed classes.

Belongs here: walks without recursion, outer before inner, in the order of the fields. Never here: what is looked for.

Every phase walks, and a field that holds no part (a span, a text) is not even read: that is most of a walk's cost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from functools import cache
from operator import attrgetter, is_not
from typing import Any, TypeAlias, TypeVar

from amiflow.report.source import Span

_Part = TypeVar("_Part")
_Look: TypeAlias = Callable[[Any], tuple[Any, ...]]
_PLAIN = frozenset((
    "Span", "str", "int", "float", "bool", "str | None", "int | None", "tuple[str, ...]", "tuple[int, ...]",
    "LiteralValue",
))  # fmt: skip


class _Parts(dict[type, _Look | None]):
    """For each class what gives the fields that may hold parts, found when first asked for; for what is no part,
    such as a number, none."""

    def __missing__(self, kind: type) -> _Look | None:
        self[kind] = look = _look(kind) if is_dataclass(kind) and kind is not Span else None
        return look


class _Fields(dict[type, tuple[str, ...] | None]):
    """The names of all fields of a class of parts; of any other class none, which is not the same as no fields."""

    def __missing__(self, kind: type) -> tuple[str, ...] | None:
        names = tuple(field.name for field in fields(kind) if field.init) if is_dataclass(kind) else None
        self[kind] = names
        return names


def _look(kind: type) -> _Look:
    names = _names(kind)
    if not names:
        return _nothing
    look = attrgetter(*names)
    return look if len(names) > 1 else lambda part: (look(part),)


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind) if field.type not in _PLAIN)


def _nothing(_: Any) -> tuple[Any, ...]:
    return ()


FIELDS = _Fields()
_PARTS = _Parts()


def children(part: object) -> list[Any]:
    """The parts directly in a part; tuples are looked into, and are no parts themselves."""
    look = _PARTS[type(part)]
    if look is None or look is _nothing:
        return []
    todo, found = list(look(part)), []
    todo.reverse()
    while todo:
        value = todo.pop()
        if type(value) is tuple:
            todo += reversed(value)
        elif _PARTS[type(value)] is not None:
            found.append(value)
    return found


def descendants(part: object) -> Iterator[Any]:
    """The part, or the parts of a tuple, and everything in them."""
    todo: list[Any] = [part]
    while todo:
        here = todo.pop()
        if type(here) is tuple:
            todo += reversed(here)
            continue
        look = _PARTS[type(here)]
        if look is not None:
            yield here
            if look is not _nothing:
                todo += reversed(look(here))


def is_leaf(part: object) -> bool:
    """Whether nothing can be in it."""
    return _PARTS[type(part)] is _nothing


def rewritten(part: Any, change: Callable[[_Part], _Part], kind: type[_Part], without: frozenset[type]) -> Any:
    """The part with each outermost part of a kind in it changed; those of the classes `without` hold none."""
    own: Any = type(part)
    if own is kind:
        return change(part)
    if own is tuple:
        items = tuple([rewritten(item, change, kind, without) for item in part])
        return items if any(map(is_not, items, part)) else part
    if _PARTS[own] is None or own in without:
        return part
    changed = {}
    for name in _names(own):
        old = getattr(part, name)
        new = rewritten(old, change, kind, without)
        if new is not old:
            changed[name] = new
    return replace(part, **changed) if changed else part
