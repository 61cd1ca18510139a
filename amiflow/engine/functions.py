"""What the builtin functions do: one entry for each row of `plan.builtins`, values in, a value out.

Belongs here: the functions, each pure but for the `World` that hands in the time and the zone. A function that cannot
give a result raises `Trouble` with the reason. Never here: what they are for people (the rows), their types.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from math import inf
from typing import Any
from zoneinfo import ZoneInfo

import re2

from amiflow.ami.escape import unescape
from amiflow.ami.message import Message, to_bytes
from amiflow.engine.values import Value, at, finite, read_bool, to_text

LONGEST = 1 << 20  # characters of a text, items of a list: so that a loop cannot double one until memory is gone
DEEPEST = 100  # lists and records in each other: what writes values down goes through them by recursion


class Trouble(Exception):
    """A function or operator that has no result for these values; its text says why."""


def _never_ours(_message: Message) -> bool:
    return False


@dataclass(slots=True)
class World:
    """What an expression may read besides the names of its flow: the file's constants, the time (`wall`, seconds since
    1970), the run's zone, the server that it is about, and which events of that one this run caused. The machine keeps
    it up to date."""

    globals: dict[str, Value] = field(default_factory=dict)
    wall: float = 0.0
    zone: str = "UTC"
    server: str = ""
    ours: Callable[[Message], bool] = _never_ours


@lru_cache(maxsize=512)
def regex(pattern: str) -> Any:
    """The compiled pattern of a linear-time engine. Raises Trouble where it is no valid one."""
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern.encode(), options)
    except re2.error as error:
        raise Trouble(f"`{pattern}` is no regular expression: {error}") from error


def matches(text: str, pattern: str) -> bool:
    """Whether the pattern matches the whole text; bytes that are no UTF-8 count as `?`."""
    return regex(pattern).fullmatch(text.encode("utf-8", "replace")) is not None


def _int(x: Value) -> int | None:
    if isinstance(x, str):
        return int(x) if re.fullmatch(r"\s*[+-]?\d{1,4000}\s*", x, re.ASCII) else None
    return int(x) if isinstance(x, bool | int | float) else None


def _number(x: Value) -> float | int | None:
    if isinstance(x, str):
        found = float(x) if re.fullmatch(r"\s*[+-]?(\d+\.?\d*|\.\d+)\s*", x, re.ASCII) else inf
        return found if abs(found) < inf else None
    return x if isinstance(x, int | float) and not isinstance(x, bool) else None


def _text(x: Value) -> str | None:
    return None if x is None else to_text(x)


def _bool(x: Value) -> bool | None:
    if isinstance(x, bool):
        return x
    return read_bool(str(x)) if isinstance(x, str | int) else None


def _list(x: Value) -> tuple[Value, ...] | None:
    return x if isinstance(x, tuple) else None


def _e164(number: str, country: str = "") -> str | None:
    dialled = number.strip()
    if dialled.startswith(("+", "00")):
        dialled = dialled.replace("(0)", "")
    digits = re.sub(r"[^0-9]", "", dialled)
    if dialled.startswith("00"):
        digits = digits[2:]
    elif not dialled.startswith("+"):
        digits = re.sub(r"[^0-9]", "", country) + digits.removeprefix("0") if country else ""
    return f"+{digits}" if 7 <= len(digits) <= 15 and not digits.startswith("0") else None


def _only(x: str, characters: str) -> str:
    allowed = set(re.sub(r"(.)-(.)", lambda m: "".join(map(chr, range(ord(m[1]), ord(m[2]) + 1))), characters))
    if "-" in re.sub(r".-.", "", characters):
        allowed.add("-")
    strange = next((c for c in x if c not in allowed), None)
    if strange is not None:
        raise Trouble(f"`{x}` has a character that is not of `{characters}`: `{strange}`")
    return x


def _one_of(x: str, allowed: tuple[str, ...]) -> str:
    if x not in allowed:
        raise Trouble(f"`{x}` is none of {to_text(allowed)}")
    return x


def _split(x: str, separator: str) -> tuple[str, ...]:
    if not separator:
        raise Trouble("the separator of `split` is empty")
    return tuple(x.split(separator)) if x else ()


def _join(xs: Iterable[Value], separator: str) -> str:
    texts = [to_text(x) for x in xs]
    _check_length(sum(map(len, texts)) + len(separator) * len(texts))
    return separator.join(texts)


def _replace(x: str, old: str, new: str) -> str:
    if not old:
        return x
    _check_length(len(x) + x.count(old) * (len(new) - len(old)))
    return x.replace(old, new)


def _check_length(length: int) -> None:
    """Before the text is made: a loop must not double one until memory is gone."""
    if length > LONGEST:
        raise Trouble(f"the result is longer than {LONGEST}")


def nested(value: Value) -> Value:
    """A list or record that may hold others. Raises Trouble where nobody could write it down."""
    todo, items = [(value, 1)], 0
    while todo:
        held, depth = todo.pop()
        items += len(held)
        if depth > DEEPEST:
            raise Trouble(f"lists and records are more than {DEEPEST} deep in each other")
        _check_length(items)  # on the way: a name that stands twice in each level doubles them
        within = held.values() if isinstance(held, dict) else held
        todo += [(item, depth + 1) for item in within if isinstance(item, tuple | list | dict)]
    return value


def _groups(x: str, pattern: str) -> tuple[str, ...]:
    encoded = x.encode("utf-8", "replace")
    found = regex(pattern).fullmatch(encoded)
    if not found:
        return ()
    # A byte that is no UTF-8 counts as one `?`: so each character keeps its place, and what is taken is the text's own.
    spans = [found.span(group) for group in range(1, found.re.groups + 1)]
    return tuple(x[len(encoded[:a].decode()) : len(encoded[:b].decode())] if a >= 0 else "" for a, b in spans)


def _extreme(pick: Callable[[Any], Any]) -> Callable[..., Value]:
    def extreme(*args: Value) -> Value:
        items = args[0] if len(args) == 1 and isinstance(args[0], tuple) else args
        return pick(items) if items else None

    return extreme


def _sum(xs: tuple[Value, ...], start: Value = None) -> Value:
    if not xs:
        return 0 if start is None else start
    return sum(xs[1:], start=xs[0] if start is None else start + xs[0])


def _local(t: datetime, zone: str) -> datetime:
    try:
        return t.astimezone(ZoneInfo(zone))
    except (KeyError, ValueError, OSError) as error:
        raise Trouble(f"no time zone `{zone}`") from error


def _time_of_day(t: datetime, zone: str) -> timedelta:
    local = _local(t, zone)
    return timedelta(hours=local.hour, minutes=local.minute, seconds=local.second, microseconds=local.microsecond)


def _peer_of(channel: str) -> str:
    peer, dash, _ = channel.rpartition("-")
    if channel.startswith("Local/"):
        raise Trouble(f"`{channel}` is a Local channel: it has no endpoint")
    if not dash or "/" not in peer:
        raise Trouble(f"`{channel}` is no channel name")
    return peer


def _all(escapes: bool, e: Value, header: str) -> tuple[str, ...]:
    escaped = escapes and header.lower().endswith("chanvariable")  # of the repeated headers it is those (the catalogue)
    return tuple(map(unescape, e.all(header)) if escaped else e.all(header))


def _chanvar(escapes: bool, e: Value, name: str) -> str | None:
    for header in ("ChanVariable", "Variable"):
        for pair in _all(escapes, e, header):
            key, equals, value = pair.partition("=")
            if equals and key == name:
                return value
    return None


def parsed_json(x: str) -> Value:
    """The value of a JSON text; none where it is no JSON, or too deep."""
    try:
        data = json.loads(x, parse_float=_float, parse_constant=_float)
        return _frozen(nested(data)) if isinstance(data, list | dict) else data
    except (ValueError, OverflowError, RecursionError, Trouble):
        return None


def _float(x: str) -> float:
    return finite(float(x))


def _frozen(data: Value) -> Value:
    if isinstance(data, list):
        return tuple(map(_frozen, data))
    return {key: _frozen(value) for key, value in data.items()} if isinstance(data, dict) else data


def _hash(x: str) -> str:
    return hashlib.sha256(to_bytes(x)).hexdigest()[:16]


# `choose` is no function: its arguments are evaluated as needed (`evaluate`).
PURE: dict[str, Callable[..., Value]] = {
    "int": _int,
    "number": _number,
    "text": _text,
    "bool": _bool,
    "list": _list,
    "len": len,
    "lower": str.lower,
    "upper": str.upper,
    "trim": str.strip,
    "digits": lambda x: re.sub(r"[^0-9]", "", x),
    "e164": _e164,
    "only": _only,
    "one_of": _one_of,
    "split": _split,
    "join": _join,
    "replace": _replace,
    "groups": _groups,
    "starts_with": str.startswith,
    "ends_with": str.endswith,
    "contains": lambda x, part: part in x,
    "first": lambda xs: xs[0] if xs else None,
    "last": lambda xs: xs[-1] if xs else None,
    "min": _extreme(min),
    "max": _extreme(max),
    "sum": _sum,
    "sort": lambda xs: tuple(sorted(xs)),
    "unique": lambda xs: tuple(x for i, x in enumerate(xs) if x not in xs[:i]),
    "take": lambda xs, count: xs[: max(count, 0)],
    "keys": lambda x: tuple(x),
    "tech_of": lambda channel: channel.partition("/")[0],
    "peer_of": _peer_of,
    "json": parsed_json,
    "hash": _hash,
}

# These read what a server has written: whether it makes C-escapes is their first argument.
HEARD: dict[str, Callable[..., Value]] = {"all": _all, "chanvar": _chanvar}

# These read the world too: it is their first argument.
WORLDLY: dict[str, Callable[..., Value]] = {
    "now": lambda world: at(world.wall),
    "format_time": lambda world, t, form, zone=None: _local(t, zone or world.zone).strftime(form),
    "time_of_day": lambda world, t, zone=None: _time_of_day(t, zone or world.zone),
    "weekday": lambda world, t, zone=None: _local(t, zone or world.zone).strftime("%a").lower(),
    "ours": lambda world, e: world.ours(e),
}
