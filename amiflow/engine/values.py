"""Values at run time: what they are, how a header's text is read into one, written from one, and shown.

none is None; bool, int, float and str are themselves; a duration is a `timedelta`, a time an aware UTC `datetime`, a
list a tuple, a record or JSON a dict that nobody changes; a message is `ami.message.Message`; the results of actions
are the small classes below. Never here: expressions (`evaluate`) and builtin functions (`functions`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeAlias

from amiflow.ami.escape import unescape
from amiflow.ami.message import Message, finder
from amiflow.plan.durations import duration_text
from amiflow.plan.types import PLAIN, Coding

FailureKind: TypeAlias = Literal[
    "error", "timeout", "gap", "lost", "disconnected", "unknown", "busy", "congestion", "no_answer", "failed"
]


class BadText(Exception):
    """A header's text that is no value of its header's type, such as `abc` where the catalogue says int."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What an action gave: its response and, for a list action, the rows of its event list."""

    response: Message
    rows: tuple[Message, ...]

    def get(self, header: str) -> str | None:
        return self.response.get(header)

    def all(self, header: str) -> list[str]:
        return self.response.all(header)


@dataclass(frozen=True, slots=True)
class Call:
    """What an Originate gave: the channel (none while it goes on by itself), the Uniqueid and the OriginateResponse."""

    channel: str | None
    uniqueid: str
    response: Message | None

    def get(self, header: str) -> str | None:
        """A header of the call: its Channel and Uniqueid are known before and better than the OriginateResponse's."""
        match header.casefold():
            case "channel":
                return self.channel
            case "uniqueid":
                return self.uniqueid
        return self.response.get(header) if self.response else None

    def all(self, header: str) -> list[str]:
        return self.response.all(header) if self.response else []


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a step failed: the `e` of `or as e`; `message` is the server's words or ours."""

    kind: FailureKind
    message: str


# Any stands for the union of all the kinds above; dicts and tuples nest them, which no closed alias can say.
Value: TypeAlias = Any

_TRUE = frozenset(("1", "yes", "true", "y", "t", "on", "enabled"))
_FALSE = frozenset(("0", "no", "false", "n", "f", "off", "disabled"))
_UNITS = {"us": 1, "ms": 1_000, "s": 1_000_000, "min": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
_CLOCK = re.compile(r"(?:(\d+):)?(\d+):(\d\d)(?:\.(\d{1,6}))?")
_SHORT = 20  # digits that are a whole number in any case
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_bool(text: str) -> bool | None:
    """True or false as Asterisk reads it (`ast_true`, `ast_false`); none for any other text."""
    word = text.strip().lower()
    return True if word in _TRUE else False if word in _FALSE else None


def at(epoch: float) -> datetime:
    """The time so many seconds after 1970-01-01 UTC. Raises OverflowError outside the years 1 to 9999."""
    return _EPOCH + timedelta(seconds=epoch)


def read(text: str | None, coding: Coding, escapes: bool) -> Value:
    """The value of a header's text; `escapes` says whether this server makes C-escapes.

    Raises BadText where the header is absent or its text is no value of its type, and its coding is not optional.
    """
    if text is None or (text == "<unknown>" and coding.optional):
        if coding.optional:
            return None
        raise BadText("the message does not carry it")
    if coding.type == "text":
        return unescape(text) if coding.escaped and escapes and "\\" in text else text
    value = _decode(text.strip(), coding)
    if value is None and not coding.optional:
        raise BadText(f"`{text}` is no {coding.type}")
    return value


def reader(header: str, coding: Coding) -> Callable[[Message, bool], Value]:
    """`read` of one header, for who reads it again and again: a plain text, or digits, is seen to be one at once."""
    find, plain, whole = finder(header), coding == PLAIN, coding.type == "int"

    def read_header(message: Message, escapes: bool) -> Value:
        text = find(message)
        if text is None or not (plain or (whole and len(text) < _SHORT and text.isdecimal())):
            return read(text, coding, escapes)
        return int(text) if whole else text

    return read_header


def _decode(text: str, coding: Coding) -> Value:
    try:
        match coding.type:
            case "bool":
                return read_bool(text)
            case "int":
                return int(text)
            case "number":
                return finite(float(text))
            case "duration":
                return _read_duration(text, coding.unit or "s")
            case _:
                return _read_time(text, coding.unit or "epoch")
    except (ValueError, OverflowError):
        return None


def finite(number: float) -> float:
    """The number. Raises OverflowError where it is none that JSON can write (`nan`, `1e999`)."""
    if not math.isfinite(number):
        raise OverflowError
    return number


def _read_duration(text: str, unit: str) -> timedelta | None:
    clock = _CLOCK.fullmatch(text)
    if clock:
        hours, minutes, seconds, fraction = clock.groups()
        micros = int((fraction or "0").ljust(6, "0"))
        return timedelta(hours=int(hours or 0), minutes=int(minutes), seconds=int(seconds), microseconds=micros)
    return timedelta(microseconds=float(text) * _UNITS.get(unit, _UNITS["s"]))


def _read_time(text: str, unit: str) -> datetime:
    if unit.startswith("epoch"):
        return at(float(text))
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def write(value: Value, coding: Coding) -> str | tuple[str, ...]:
    """The header's text, or several where the value is a list: the header is then repeated."""
    if isinstance(value, tuple):
        return tuple(_write_one(item, coding) for item in value)
    return _write_one(value, coding)


def _write_one(value: Value, coding: Coding) -> str:
    match value:
        case None:
            return ""
        case bool():
            return coding.true if value else coding.false
        case timedelta():
            # Rounded up: a short bound must not become 0, which means "no limit" to Asterisk.
            return str(math.ceil(value / timedelta(microseconds=_UNITS.get(coding.unit or "s", _UNITS["s"]))))
        case datetime():
            return value.isoformat() if coding.unit == "iso" else str(int(value.timestamp()))
    return to_text(value)


def to_text(value: Value) -> str:
    """The value as `${…}` and `log` show it; none is `-`."""
    match value:
        case str():
            return value
        case None:
            return "-"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
        case timedelta():
            return duration_text(value)
        case datetime():
            return value.isoformat(timespec="seconds").replace("+00:00", "Z")
        case tuple() | list():
            return "[" + ", ".join(map(to_text, value)) + "]"
        case dict():
            return "{" + ", ".join(f"{key}: {to_text(item)}" for key, item in value.items()) + "}"
        case Message():
            return value.name
        case Reply():
            return value.response.name
        case Call():
            return value.channel or value.uniqueid
        case Failure():
            return f"{value.kind}: {value.message}"
    return str(value)


def to_plain(value: Value) -> Value:
    """The value as JSON can hold it: durations in seconds, messages by their names, times and the like as `to_text`."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case timedelta():
            return value.total_seconds()
        case list() | tuple():
            return [to_plain(item) for item in value]
        case dict():
            return {str(name): to_plain(item) for name, item in value.items()}
    return to_text(value)
