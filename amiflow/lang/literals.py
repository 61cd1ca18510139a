"""What is written in one token: numbers, durations, times of day, escapes. Bad ones get words.

Belongs here: text of a token -> value or `Flaw`. Never: the tree, or where a token may stand.
"""

from __future__ import annotations

import re

from amiflow.report.data import dataclass

UNITS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
_LONGEST_MS = 3660 * UNITS["d"]
_DURATION = re.compile(r"(?:[0-9]+(?:ms|[smhd]))+")
_PIECE = re.compile(r"([0-9]+)(ms|[smhd])")
_ONE_UNIT = re.compile(r"([0-9]+(?:\.[0-9]+)?)([A-Za-z]+)")
_FOREIGN_UNITS = {
    **dict.fromkeys(("msec", "msecs", "millis", "MS"), "ms"),
    **dict.fromkeys(("sec", "secs", "second", "seconds", "S"), "s"),
    **dict.fromkeys(("min", "mins", "minute", "minutes", "M"), "m"),
    **dict.fromkeys(("hr", "hrs", "hour", "hours", "H"), "h"),
    **dict.fromkeys(("day", "days", "D"), "d"),
}
_SIMPLE_ESCAPES = {'"': '"', "\\": "\\", "n": "\n", "t": "\t", "$": "$"}
_ESCAPE = re.compile(r"\\(?:u\{([^}\"]*)\}|(.))")
_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})-([0-9]{1,2}):([0-9]{2})")


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong with characters `start:end` of a token, and the text that would be right instead of them."""

    start: int
    end: int
    headline: str
    label: str
    instead: str | None = None


@dataclass(frozen=True, slots=True)
class Milliseconds:
    """A duration; an int of its own kind, since a plain int is a count."""

    ms: int


def number(text: str) -> int | float | Milliseconds | Flaw:
    """The value of a NUMBER token."""
    if text.isdecimal():
        return _int(text)
    whole, _, fraction = text.partition(".")
    if whole.isdecimal() and fraction.isdecimal() and len(text) <= 40:
        return float(text)
    if _DURATION.fullmatch(text):
        return _duration(text)
    return _no_number(text)


def _int(text: str) -> int | Flaw:
    if len(text) > 18:
        return Flaw(0, len(text), "a number is too large", "more than 18 digits")
    if text[0] == "0" and text != "0":  # a number to dial: `0301234` would reach somebody else as 301234
        return Flaw(0, len(text), f"the number `{text}` would lose its leading zero", "this is a number", f'"{text}"')
    return int(text)


def _duration(text: str) -> Milliseconds | Flaw:
    pieces = [(int(count[:18]), unit) for count, unit in _PIECE.findall(text)]
    sizes = [UNITS[unit] for _, unit in pieces]
    total = sum(count * UNITS[unit] for count, unit in pieces)
    if total > _LONGEST_MS:
        return Flaw(0, len(text), f"the duration `{_short(text)}` is too long", "more than ten years")
    if sizes != sorted(set(sizes), reverse=True):
        right = spell(total)
        return Flaw(0, len(text), f"the units of `{_short(text)}` are not in order", "larger units first", right)
    return Milliseconds(total)


def spell(ms: int) -> str:
    """A duration as the language writes it, largest unit first."""
    parts = []
    for unit, size in UNITS.items():
        count, ms = divmod(ms, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def _no_number(text: str) -> Flaw:
    match = _ONE_UNIT.fullmatch(text)
    unit = match and (match[2] if match[2] in UNITS else _FOREIGN_UNITS.get(match[2]))
    if match is None or unit is None:
        return Flaw(0, len(text), f"`{_short(text)}` is no number and no duration", "cannot be read")
    ms = float(match[1][:18]) * UNITS[unit]
    right = spell(round(ms)) if ms <= _LONGEST_MS else None
    if "." in match[1]:
        return Flaw(0, len(text), "a duration is made of whole numbers", "has a fraction", right)
    return Flaw(match.start(2), match.end(2), f"`{match[2]}` is no unit of time", "unknown unit", unit)


def _short(text: str) -> str:
    return text if len(text) <= 30 else text[:29] + "…"


def unescape(text: str) -> tuple[str, list[Flaw]]:
    """A stretch of a text between its quotes, with escapes undone; a bad one stands for itself."""
    if "\\" not in text:
        return text, []
    flaws: list[Flaw] = []

    def undo(match: re.Match[str]) -> str:
        if match[2] in _SIMPLE_ESCAPES:
            return _SIMPLE_ESCAPES[match[2]]
        character = None if match[1] is None else _character(match[1])
        if character is None:
            flaws.append(_bad_escape(match))
        return match[0] if character is None else character

    return _ESCAPE.sub(undo, text), flaws


def _character(code: str) -> str | None:
    if not re.fullmatch(r"[0-9A-Fa-f]{1,6}", code):
        return None
    value = int(code, 16)
    return chr(value) if value <= 0x10FFFF and not 0xD800 <= value <= 0xDFFF else None


def _bad_escape(match: re.Match[str]) -> Flaw:
    if match[1] is not None:
        headline, label, right = f"`{_short(match[0])}` names no character", "no such character", None
    elif match[2] == "u":
        headline, label, right = "`\\u` is followed by a code in braces", "write `\\u{…}`", None
    elif match[2] == "'":
        headline, label, right = "`'` needs no backslash", "unknown escape", "'"
    else:
        headline, label, right = f"`{match[0]}` is no escape", "unknown escape", "\\" + match[0]
    return Flaw(match.start(), match.end(), headline, label, right)


def clock(text: str) -> tuple[int, int] | Flaw:
    """`08:00-18:00` in minutes since midnight."""
    match = _CLOCK.fullmatch(text)
    if match is None:
        hours = re.fullmatch(r"([0-9]{1,2})-([0-9]{1,2})", text)
        instead = f"{int(hours[1]):02}:00-{int(hours[2]):02}:00" if hours else None
        return Flaw(0, len(text), f"`{_short(text)}` is no range of times", "hours and minutes", instead)
    times = []
    for hour, minute in ((1, 2), (3, 4)):
        value = int(match[hour]) * 60 + int(match[minute])
        if int(match[minute]) > 59 or value > 1440:
            there = f"{match[hour]}:{match[minute]}"
            return Flaw(match.start(hour), match.end(minute), f"`{there}` is no time of day", "no such time")
        times.append(value)
    return times[0], times[1]
