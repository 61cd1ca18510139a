"""Frozen, slotted data, made at less cost than the standard library's: `dataclass` for `dataclasses.dataclass`.

Nearly all of the program's data is frozen, and so are the classes of the syntax tree and of the plan, four hundred in
all. The standard library writes, compiles and runs source text for six methods of each, 0.35 ms a class: that was a
third of the time that `amiflow check` took to start. Here methods are shared but for `__init__`, whose code is compiled
once for each list of fields, and which sets the slots themselves, so that instances are made faster too.

Belongs here: that one decorator, for `frozen=True, slots=True`. What is made works with `fields`, `replace` and
`is_dataclass`. Never here: fields that are made by a factory or by `__post_init__`, and classes that can be changed or
inherit fields: they take the standard library's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cache
from operator import attrgetter
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

_Class = TypeVar("_Class", bound=type)


@dataclasses.dataclass(frozen=True, slots=True)
class _Model:
    """What the standard library makes: `fields` and `replace` look for these marks."""

    field: int


_PARAMS = _Model.__dataclass_params__  # type: ignore[attr-defined]
_KIND = dataclasses.fields(_Model)[0]._field_type  # type: ignore[attr-defined]


def _frozen_dataclass(*, frozen: bool = False, slots: bool = False, eq: bool = True) -> Callable[[_Class], _Class]:
    """As `dataclasses.dataclass`; instances of a class with `eq=False` are equal to themselves alone."""
    assert frozen and slots, "data that can be changed is the standard library's"

    def made(cls: type) -> type:
        kinds = cls.__annotations__
        names = tuple(kinds)
        defaults = {name: cls.__dict__[name] for name in names if name in cls.__dict__}
        own = {name: value for name, value in cls.__dict__.items() if name not in (*names, "__dict__", "__weakref__")}
        own |= {"__slots__": names, "__match_args__": names, "__annotations__": kinds, **_SHARED}
        own["__dataclass_fields__"] = {name: _field(name, kinds[name], defaults) for name in names}
        own["__dataclass_params__"] = _PARAMS
        if eq:
            own |= _by_value(names)
        again = type(cls)(cls.__name__, cls.__bases__, own)
        setters = {f"_{name}": again.__dict__[name].__set__ for name in names}
        again.__init__ = FunctionType(  # type: ignore[misc]
            _init(names), {"__name__": cls.__module__, **setters}, "__init__", tuple(defaults.values())
        )
        return again

    return made  # type: ignore[return-value]


@cache
def _init(names: tuple[str, ...]) -> CodeType:
    lines = "".join(f"\n    _{name}(self, {name})" for name in names) or "\n    pass"
    module = compile(f"def __init__({', '.join(('self', *names))}):{lines}", "<data>", "exec")
    return next(constant for constant in module.co_consts if isinstance(constant, CodeType))


def _field(name: str, kind: str, defaults: dict[str, Any]) -> Any:
    field: Any = dataclasses.field(default=defaults.get(name, dataclasses.MISSING))
    field.name, field.type, field._field_type = name, kind, _KIND
    return field


def _by_value(names: tuple[str, ...]) -> dict[str, Any]:
    values: Callable[[Any], Any] = attrgetter(*names) if names else lambda _: ()

    def equal(self: Any, other: Any) -> Any:
        if self is other:
            return True
        return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

    def hashed(self: Any) -> int:
        return hash(values(self))

    return {"__eq__": equal, "__hash__": hashed}


# -- the same for all classes -----------------------------------------------------------------------------------------


def _set(self: Any, name: str, _: Any) -> NoReturn:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _delete(self: Any, name: str) -> NoReturn:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _shown(self: Any) -> str:
    values = (f"{name}={getattr(self, name)!r}" for name in self.__slots__)
    return f"{self.__class__.__qualname__}({', '.join(values)})"


def _state(self: Any) -> list[Any]:
    return [getattr(self, name) for name in self.__slots__]


def _restore(self: Any, state: list[Any]) -> None:
    for name, value in zip(self.__slots__, state, strict=True):
        object.__setattr__(self, name, value)


_SHARED = {
    "__setattr__": _set,
    "__delattr__": _delete,
    "__repr__": _shown,
    "__getstate__": _state,
    "__setstate__": _restore,
}

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:
    dataclass = _frozen_dataclass
