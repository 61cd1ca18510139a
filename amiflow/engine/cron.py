"""When `at` and `cron` flows are due: local times of a zone as moments.

Belongs here: the next moment after a given one. Never here: the clock, timers (`moments`), how a line is read (`lang`).

A local time that daylight saving skips is due at the next minute that exists; one that comes twice is due at its first
coming only.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from amiflow.plan.triggers import Cron

_FAR = 366 * 9  # days: there may be eight years between two leap days
_MINUTE = timedelta(minutes=1)


def next_due(cron: Cron, zone: ZoneInfo, after: float) -> float | None:
    """The first moment later than `after` that fits (both the epoch in seconds); none where none will."""
    # Local times are in the order of their moments, so those before the local time of `after` are not later than it.
    floor = datetime.fromtimestamp(after, zone).replace(tzinfo=None, fold=0)
    for day in range(_FAR):
        for local in _times(cron, floor.date() + timedelta(days=day)):
            if local >= floor and (due := moment(local, zone)) > after:
                return due
    return None


def _times(cron: Cron, day: date) -> Iterator[datetime]:
    if not _fits(cron, day):
        return
    for hour in cron.hours or range(24):
        for minute in cron.minutes or range(60):
            yield datetime.combine(day, time(hour, minute))


def _fits(cron: Cron, day: date) -> bool:
    if cron.months and day.month not in cron.months:
        return False
    in_month, in_week = day.day in cron.days, day.isoweekday() in cron.weekdays
    if cron.days and cron.weekdays:
        return in_month or in_week
    return (in_month or not cron.days) and (in_week or not cron.weekdays)


def moment(local: datetime, zone: ZoneInfo) -> float:
    """The local time, or the next minute that exists, as the epoch in seconds."""
    while (there := local.replace(tzinfo=zone)).astimezone(UTC).astimezone(zone).replace(tzinfo=None, fold=0) != local:
        local += _MINUTE
    return there.timestamp()
