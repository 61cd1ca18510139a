"""When local times are due, over the changes of daylight saving, and the flows that they begin."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiflow.engine.cron import next_due
from amiflow.engine.effects import Tick
from amiflow.plan.triggers import Cron
from support.machines import START, Bench
from support.plans import flow, log, span
from support.properties import examples

BERLIN = ZoneInfo("Europe/Berlin")
SAMOA = ZoneInfo("Pacific/Apia")


def cron(minutes: Any = (), hours: Any = (), days: Any = (), months: Any = (), weekdays: Any = ()) -> Cron:
    return Cron(minutes, hours, days, months, weekdays, "UTC", span())


def dues(one: Cron, zone: ZoneInfo, begin: str, count: int) -> list[str]:
    """The next moments, in that zone's own time."""
    moment, found = datetime.fromisoformat(begin).replace(tzinfo=zone).timestamp(), []
    for _ in range(count):
        due = next_due(one, zone, moment)
        assert due is not None
        moment = due
        found.append(datetime.fromtimestamp(moment, zone).strftime("%m-%d %H:%M%z"))
    return found


def test_a_time_of_day_keeps_its_local_hour() -> None:
    daily = cron((30,), (7,))
    assert dues(daily, BERLIN, "2026-03-28 07:30", 2) == ["03-29 07:30+0200", "03-30 07:30+0200"]
    assert dues(daily, BERLIN, "2026-03-28 07:29:59", 1) == ["03-28 07:30+0100"]


def test_a_time_that_is_skipped_is_due_at_the_next_minute_and_once() -> None:
    assert dues(cron((30,), (2,)), BERLIN, "2026-03-28 12:00", 2) == ["03-29 03:00+0200", "03-30 02:30+0200"]
    quarters = cron((0, 30), (1, 2, 3))
    assert dues(quarters, BERLIN, "2026-03-29 01:00", 3) == ["03-29 01:30+0100", "03-29 03:00+0200", "03-29 03:30+0200"]


def test_a_time_that_comes_twice_is_due_the_first_time() -> None:
    assert dues(cron((30,), (2,)), BERLIN, "2026-10-24 12:00", 2) == ["10-25 02:30+0200", "10-26 02:30+0100"]
    halves = dues(cron((0, 30), (1, 2, 3)), BERLIN, "2026-10-25 01:10", 4)
    assert halves == ["10-25 01:30+0200", "10-25 02:00+0200", "10-25 02:30+0200", "10-25 03:00+0100"]


def test_from_within_the_doubled_hour_its_second_coming_is_past() -> None:
    within = datetime(2026, 10, 25, 2, 10, tzinfo=BERLIN, fold=1).timestamp()
    due = next_due(cron((30,), (2,)), BERLIN, within)
    assert due is not None and datetime.fromtimestamp(due, BERLIN).isoformat() == "2026-10-26T02:30:00+01:00"


def test_a_whole_day_may_be_skipped() -> None:
    assert dues(cron((0,), (12,)), SAMOA, "2011-12-29 12:00", 2) == ["12-31 00:00+1400", "12-31 12:00+1400"]


def test_weekdays_days_and_months() -> None:
    workdays = cron((0,), (8,), weekdays=(1, 2, 3, 4, 5))
    assert dues(workdays, BERLIN, "2026-11-20 08:00", 1) == ["11-23 08:00+0100"]
    either = cron((0,), (0,), (13,), (), (5,))
    assert dues(either, BERLIN, "2026-11-07 00:00", 2) == ["11-13 00:00+0100", "11-20 00:00+0100"]
    leap = cron((0,), (0,), (29,), (2,))
    assert datetime.fromtimestamp(next_due(leap, ZoneInfo("UTC"), 4.07e9) or 0, UTC).year == 2104


def test_there_may_be_no_such_day() -> None:
    assert next_due(cron((0,), (0,), (31,), (2,)), BERLIN, START) is None


@examples(20)
@given(
    st.datetimes(datetime(2024, 1, 1), datetime(2027, 1, 1)),
    st.frozensets(st.integers(0, 59), max_size=3),
    st.frozensets(st.integers(0, 23), min_size=1, max_size=3),
)
def test_dues_rise_and_none_is_left_out(moment: datetime, minutes: frozenset[int], hours: frozenset[int]) -> None:
    one = cron(tuple(sorted(minutes)), tuple(sorted(hours)))
    after = moment.replace(tzinfo=BERLIN).timestamp()
    due = next_due(one, BERLIN, after)
    assert due is not None and after < due <= after + 2 * 86400
    local = datetime.fromtimestamp(due, BERLIN)
    fits = (not minutes or local.minute in minutes) and local.hour in hours
    assert fits or local.replace(tzinfo=None) == datetime(local.year, 3, local.day, 3)
    earlier = datetime.fromtimestamp(after, BERLIN).replace(tzinfo=None, second=0, microsecond=0) + timedelta(minutes=1)
    while earlier < local.replace(tzinfo=None):  # no local time in between that fits and comes the first time
        there = earlier.replace(tzinfo=BERLIN)
        if (not minutes or earlier.minute in minutes) and earlier.hour in hours:
            assert not after < there.timestamp() < due
        earlier += timedelta(minutes=1)


def test_flows_begin_at_their_time_on_the_first_server() -> None:
    assert datetime.fromtimestamp(START, UTC).isoformat() == "2027-01-15T08:00:00+00:00"
    bench = Bench(flow("f", cron((30,), (8,)), log("half past")), servers=("a", "b"))
    bench.advance(1799)
    assert bench.said == []
    bench.advance(1)
    assert bench.said == ["half past"]
    bench.advance(86400 * 3)
    assert bench.said == ["half past"] * 4


def test_a_clock_that_is_set_back_is_waited_for() -> None:
    bench = Bench(flow("f", cron((30,), (8,)), log("half past")))
    bench.now += 1800
    bench.machine.handle(Tick(), bench.now, START + 1700)
    assert bench.said == []
    bench.effects += bench.machine.handle(Tick(), bench.now + 101, START + 1801)
    assert bench.said == ["half past"]


def test_what_a_clock_set_forward_leaps_over_runs_once() -> None:
    bench = Bench(flow("f", cron((30,)), log("half past")))
    bench.now += 3600
    bench.effects += bench.machine.handle(Tick(), bench.now, START + 86400)
    assert bench.said == ["half past"]


@pytest.mark.parametrize("back", [0, 1800])
def test_what_ran_does_not_run_again_as_the_clock_is_set_back_by_less_than_an_hour(back: int) -> None:
    bench = Bench(flow("f", cron((30,), (8,)), log("half past")))
    bench.advance(1800)
    for hours in range(1, 24):
        bench.effects += bench.machine.handle(Tick(), 1800 + hours * 3600, START + 1800 - back + hours * 3600)
    assert bench.said == ["half past"]


def test_a_clock_that_was_years_ahead_for_a_while_does_not_take_the_days_until_then_with_it() -> None:
    bench = Bench(flow("f", cron((30,), (8,)), log("half past")))
    bench.effects += bench.machine.handle(Tick(), 60.0, START + 10 * 366 * 86400)
    bench.effects += bench.machine.handle(Tick(), 3600.0, START + 10 * 366 * 86400)
    assert bench.said == ["half past"]
    bench.now = 7300.0
    bench.give(Tick())
    bench.advance(86400)
    assert bench.said == ["half past"] * 2


def test_nothing_begins_after_the_stop() -> None:
    bench = Bench(flow("f", cron(), log("each minute")))
    bench.advance(60)
    bench.machine.handle(Tick(), bench.now, START + bench.now)
    assert bench.said == ["each minute"]
