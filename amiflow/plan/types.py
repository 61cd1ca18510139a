"""The types of the language as data, and how a header's text is read and written.

Belongs here: the closed set of types that the compiler infers and the plan mentions, and `Coding`, which tells the
engine how one header's text becomes a value and back. Never here: inference (`lang.check`), values (`engine.values`).
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from amiflow.report.data import dataclass

ScalarName: TypeAlias = Literal["text", "int", "number", "bool", "duration", "time", "none", "regex"]
MessageKind: TypeAlias = Literal["event", "response", "row", "call", "action", "error", "http", "exec", "seen"]


@dataclass(frozen=True, slots=True)
class Scalar:
    """A value without parts."""

    name: ScalarName


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list whose items have one type."""

    item: Type


@dataclass(frozen=True, slots=True)
class RecordOf:
    """A record `{key: value}` with the fields in the order written."""

    fields: tuple[tuple[str, Type], ...]


@dataclass(frozen=True, slots=True)
class Data:
    """JSON of unknown shape: its members are `data?`."""


@dataclass(frozen=True, slots=True)
class MessageOf:
    """A message whose kind is known: an event (alternatives have several names), a response to an action, a row of
    an event list, the call an Originate gives, the `e` of `or as e`, the result of an effect, or a thing seen in the
    live picture."""

    kind: MessageKind
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StoreOf:
    """A declaration that is asked by key and is no value itself, with the type of what it holds for a key."""

    kind: Literal["map", "counter", "series", "table", "pool", "hours"]
    of: Type


@dataclass(frozen=True, slots=True)
class Maybe:
    """`T?`: the value or none."""

    of: Type


@dataclass(frozen=True, slots=True)
class Unknown:
    """The type of what was already complained about, or that of the items of a list that has none: it agrees with
    everything."""

    no_item: bool = False


Type: TypeAlias = Scalar | ListOf | RecordOf | Data | MessageOf | StoreOf | Maybe | Unknown

TEXT = Scalar("text")
INT = Scalar("int")
NUMBER = Scalar("number")
BOOL = Scalar("bool")
DURATION = Scalar("duration")
TIME = Scalar("time")
NONE = Scalar("none")
REGEX = Scalar("regex")
DATA = Data()
UNKNOWN = Unknown()
NO_ITEM = Unknown(no_item=True)


def maybe(kind: Type) -> Type:
    """`T?`, without doubling the question mark; an item of an empty list, or none, is none."""
    if kind == NO_ITEM:
        return NONE
    return kind if isinstance(kind, Maybe | Unknown | Data) or kind == NONE else Maybe(kind)


def definite(kind: Type) -> Type:
    """`T` of `T?`."""
    return kind.of if isinstance(kind, Maybe) else kind


def type_name(kind: Type) -> str:
    """The type as recipes and diagnostics write it, such as `text?` or `list of int`."""
    match kind:
        case Scalar(name=name):
            return name
        case Maybe(of=of):
            return f"{type_name(of)}?"
        case ListOf(item=item):
            return f"list of {type_name(item)}"
        case RecordOf(fields=fields):
            return "{" + ", ".join(f"{key}: {type_name(value)}" for key, value in fields) + "}"
        case MessageOf(kind="seen", names=names):
            return " | ".join(names)
        case MessageOf(kind="http"):
            return "answer of a web server"
        case MessageOf(kind="exec"):
            return "end of a program"
        case MessageOf(kind=kind_, names=names):
            return f"{kind_} {' | '.join(names)}".rstrip()
        case StoreOf(kind=store):
            return store
        case Data():
            return "data"
        case Unknown(no_item=no_item):
            return "nothing" if no_item else "unknown"


HeaderType: TypeAlias = Literal["text", "int", "number", "bool", "duration", "time"]


@dataclass(frozen=True, slots=True)
class Coding:
    """How one header's text is read into a value and written from one, as the catalogue says.

    `unit` is a duration's (`ms`, `s`, `min`, …) or a time's (`epoch`, `iso`, …); `true` and `false` are this header's
    way to write a bool; `optional` headers read absence and `<unknown>` as none; `escaped` ones have Asterisk's
    C-escapes undone where the server makes them (Asterisk 13.5 and later, `ast_escape_c_alloc`).
    """

    type: HeaderType = "text"
    unit: str | None = None
    true: str = "true"
    false: str = "false"
    optional: bool = False
    escaped: bool = False


PLAIN = Coding()
OPEN = Coding(optional=True)
