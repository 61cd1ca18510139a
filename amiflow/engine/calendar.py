"""Opening hours: when it is open, and when it opens or closes next.

Belongs here: local times of a zone as spells of moments, and dates on which nothing opens. Never here: the clock,
timers (`moments`). Times that daylight saving skips or doubles are the moments that `cron` takes them for: a skipped
one is the next minute that exists, a doubled one its first coming.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from typing import TypeAlias
from zoneinfo import ZoneInfo

from amiflow.engine.cron import moment
from amiflow.plan.keeping import Hours

Spell: TypeAlias = tuple[float, float]
"""From when on, and up to when, the epoch in seconds."""

_DAY = timedelta(days=1)
_FAR = 800  # days in which an edge is looked for
_KEPT = 1000  # days of which the spells are kept


class Calendar:
    """The hours of one declaration; `closed` are dates on which none of them begins."""

    def __init__(self, hours: Hours, closed: Iterable[date]) -> None:
        self._hours = hours
        self._zone = ZoneInfo(hours.zone)
        self._closed = frozenset(closed)
        self._spells: dict[date, tuple[Spell, ...]] = {}

    def __contains__(self, when: object) -> bool:
        return isinstance(when, datetime) and self.is_open(when.timestamp())

    def is_open(self, at: float) -> bool:
        """Whether it is open at that moment: from the first minute of an opening up to its end, which is past it."""
        return any(begin <= at < end for begin, end in self._around(at))

    def next_edge(self, after: float, opens: bool) -> float | None:
        """The first moment later than `after` at which it opens, or closes; none where there is none for two years."""
        first = self._local_day(after) - _DAY
        for days in range(_FAR):
            spells = self._of(first + timedelta(days=days))
            edges = [edge for spell in spells if (edge := spell[0 if opens else 1]) > after]
            found = [edge for edge in edges if self._is_edge(edge)]
            if found:
                return min(found)
        return None

    def _is_edge(self, at: float) -> bool:
        """Whether it is open either before or after that moment, but not both."""
        around = list(self._around(at))
        return any(begin < at <= end for begin, end in around) != any(begin <= at < end for begin, end in around)

    def _around(self, at: float) -> Iterator[Spell]:
        """The spells that may hold the moment: an opening of the day before may last past midnight."""
        day = self._local_day(at)
        yield from self._of(day - _DAY)
        yield from self._of(day)

    def _local_day(self, at: float) -> date:
        return datetime.fromtimestamp(at, self._zone).date()

    def _of(self, day: date) -> tuple[Spell, ...]:
        """The spells that begin on that day."""
        if day not in self._spells:
            if len(self._spells) >= _KEPT:
                self._spells.clear()
            self._spells[day] = tuple(self._made(day))
        return self._spells[day]

    def _made(self, day: date) -> Iterator[Spell]:
        if day in self._closed:
            return
        midnight = datetime.combine(day, time())
        for opening in self._hours.openings:
            for start, end in opening.ranges if day.isoweekday() in opening.days else ():
                until = end if end > start else end + 24 * 60
                yield (
                    moment(midnight + timedelta(minutes=start), self._zone),
                    moment(midnight + timedelta(minutes=until), self._zone),
                )
