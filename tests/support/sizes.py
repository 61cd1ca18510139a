"""How much an object holds: every container that can be reached from it, by the way there.

What is shared by all (classes, modules, functions, plans, spans, the catalogue) is not gone into.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

_ALIKE = (str, bytes, int, float, bool, type(None), type, ModuleType, FunctionType, BuiltinFunctionType)
_CONTAINERS = (dict, list, set, frozenset, tuple, deque)


def sizes(root: object, leave_out: tuple[type, ...] = ()) -> Counter[str]:
    """The number of things in containers, by a way such as `_admission._flows.starts`; keys and places are not told
    apart, so that what grows shows as one line."""
    found: Counter[str] = Counter()
    seen: set[int] = set()
    left: list[tuple[str, Any]] = [("", root)]
    while left:
        way, one = left.pop()
        if isinstance(one, (*_ALIKE, *leave_out)) or id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, _CONTAINERS):
            found[way] += len(one)
        left.extend(_within(way, one))
    return found


def _within(way: str, one: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(one, Mapping):
        for key, value in one.items():
            yield way, key
            yield way, value
    elif isinstance(one, _CONTAINERS):
        for value in one:
            yield way, value
    elif isinstance(one, MethodType):
        yield way, one.__self__
    else:
        names = [name for kind in type(one).__mro__ for name in getattr(kind, "__slots__", ())]
        for name in [*names, *getattr(one, "__dict__", ())]:
            if hasattr(one, name):
                yield f"{way}.{name}" if way.count(".") < 7 else way, getattr(one, name)
