"""The times of `at` and `cron` triggers, read into the sets of the plan.

Belongs here: the five fields of a cron line, with their names, ranges, lists and steps. Never here: when they are next
due (`engine.cron`), wording (`problems_*`).
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterable, Mapping
from zoneinfo import ZoneInfo

from amiflow.lang import nodes
from amiflow.report.data import dataclass

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_ITEM = re.compile(r"(?:\*|(\w+)(?:-(\w+))?)(?:/([0-9]{1,3}))?", re.ASCII)
_CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
_LEAP_YEAR = 2024


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    least: int
    most: int
    words: Mapping[str, int]


_FIELDS = (
    _Field("minute", 0, 59, {}),
    _Field("hour", 0, 23, {}),
    _Field("day of the month", 1, 31, {}),
    _Field("month", 1, 12, {word: number for number, word in enumerate(_MONTHS, 1)}),
    _Field("day of the week", 0, 7, {word: number for number, word in enumerate(DAYS, 1)}),
)


@dataclass(frozen=True, slots=True)
class Times:
    """What fits: an empty field is any. Weekdays are 1 (Monday) to 7."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...] = ()
    months: tuple[int, ...] = ()
    weekdays: tuple[int, ...] = ()


def read_at(trigger: nodes.AtTrigger) -> Times | str:
    """The times of an `at`, or what is wrong with it."""
    found = _CLOCK.fullmatch(trigger.time.value)
    if found is None:
        return f"`{trigger.time.value}` is no time of day"
    weekdays = weekdays_of(trigger.days)
    every = len(weekdays) == len(DAYS)
    return Times((int(found[2]),), (int(found[1]),), weekdays=() if every else weekdays)


def weekdays_of(ranges: Iterable[nodes.DayRange]) -> tuple[int, ...]:
    """The weekdays of `mon-fri, sun`, from 1 (Monday) to 7; `fri-mon` goes over the weekend."""
    weekdays = set[int]()
    for days in ranges:
        first, last = DAYS.index(days.first), DAYS.index(days.last)
        weekdays |= {day % 7 + 1 for day in range(first, last + 1 if last >= first else last + 8)}
    return tuple(sorted(weekdays))


def read_cron(line: str) -> Times | str:
    """The times of a cron line, or what is wrong with it."""
    texts = line.split()
    if len(texts) != len(_FIELDS):
        return f"a cron line has five fields, and this has {len(texts)}"
    read: list[tuple[int, ...]] = []
    for text, field in zip(texts, _FIELDS, strict=True):
        found = _field(text.casefold(), field)
        if found is None:
            return f"`{text}` is no {field.name}"
        read.append(found)
    minutes, hours, days, months, weekdays = read
    times = Times(minutes, hours, days, months, tuple(sorted({day or 7 for day in weekdays})))
    return times if _ever(times) else f"no month that is meant has a day {min(days)}"


def _field(text: str, field: _Field) -> tuple[int, ...] | None:
    """The numbers of a field, none of them where it is `*`; none where it cannot be read."""
    if text == "*":
        return ()
    numbers = set[int]()
    for item in text.split(","):
        found = _ITEM.fullmatch(item)
        if found is None:
            return None
        first = _number(found[1], field) if found[1] else field.least
        last = _number(found[2], field) if found[2] else (first if found[1] and not found[3] else field.most)
        step = int(found[3]) if found[3] else 1
        if first is None or last is None or first > last or step == 0:
            return None
        numbers |= set(range(first, last + 1, step))
    return tuple(sorted(numbers))


def _number(word: str, field: _Field) -> int | None:
    number = field.words.get(word, int(word) if word.isdecimal() and len(word) <= 2 else -1)
    return number if field.least <= number <= field.most else None


def _ever(times: Times) -> bool:
    """Whether any of the months has any of the days."""
    months: Iterable[int] = times.months or range(1, 13)
    longest = max(monthrange(_LEAP_YEAR, month)[1] for month in months)
    return not times.days or bool(times.weekdays) or min(times.days) <= longest


def is_zone(name: str) -> bool:
    """Whether the time zone database has the name."""
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        return False
    return True
