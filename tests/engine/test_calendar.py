"""Opening hours: open minute by minute as declared, edges where that changes, also over daylight saving."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiflow.engine.calendar import Calendar
from amiflow.engine.evaluate import EvaluationError
from amiflow.plan import model as m
from amiflow.plan import triggers
from amiflow.plan.keeping import Hours, Opening
from support.machines import START, Bench
from support.plans import const, flow, list_of, log, plan, span
from support.properties import examples

BERLIN = ZoneInfo("Europe/Berlin")


def calendar(*openings: Opening, zone: str = "Europe/Berlin", closed: tuple[date, ...] = ()) -> Calendar:
    return Calendar(Hours("office", zone, openings, (), span()), closed)


def at(local: str, fold: int = 0) -> float:
    return datetime.fromisoformat(local).replace(tzinfo=BERLIN, fold=fold).timestamp()


def shown(moment: float | None) -> str | None:
    return datetime.fromtimestamp(moment, BERLIN).strftime("%m-%d %H:%M") if moment is not None else None


WEEK = Opening((1, 2, 3, 4, 5), ((480, 750), (810, 1080)))
SATURDAY = Opening((6,), ((540, 720),))
NIGHT = Opening((5, 6), ((1320, 240),))
ALWAYS = Opening((1, 2, 3, 4, 5, 6, 7), ((0, 1440),))


def test_it_is_open_from_the_first_minute_up_to_the_last() -> None:
    office = calendar(WEEK, SATURDAY)
    for local, wanted in (
        ("2026-03-02 07:59:59", False),
        ("2026-03-02 08:00", True),
        ("2026-03-02 12:29:59", True),
        ("2026-03-02 12:30", False),
        ("2026-03-07 09:00", True),
        ("2026-03-08 09:00", False),
    ):
        assert office.is_open(at(local)) is wanted, local
        assert (datetime.fromtimestamp(at(local), UTC) in office) is wanted
    assert "08:00" not in office


def test_edges_follow_each_other_over_the_weekend() -> None:
    office = calendar(WEEK, SATURDAY)
    assert shown(office.next_edge(at("2026-03-06 08:00"), True)) == "03-06 13:30"
    assert shown(office.next_edge(at("2026-03-06 13:30"), False)) == "03-06 18:00"
    assert shown(office.next_edge(at("2026-03-06 18:00"), True)) == "03-07 09:00"
    assert shown(office.next_edge(at("2026-03-07 12:00"), True)) == "03-09 08:00"


def test_hours_past_midnight_belong_to_the_day_on_which_they_begin() -> None:
    bar = calendar(NIGHT, closed=(date(2026, 3, 7),))
    assert bar.is_open(at("2026-03-07 03:59")) and not bar.is_open(at("2026-03-07 04:00"))
    assert not bar.is_open(at("2026-03-07 22:00")) and not bar.is_open(at("2026-03-08 01:00"))
    assert shown(bar.next_edge(at("2026-03-06 21:00"), False)) == "03-07 04:00"


def test_hours_that_touch_or_overlap_have_no_edge_between_them() -> None:
    assert calendar(ALWAYS).next_edge(at("2026-03-06 08:00"), False) is None
    touching = calendar(Opening((1,), ((480, 720), (720, 900), (600, 780))))
    assert shown(touching.next_edge(at("2026-03-02 08:00"), False)) == "03-02 15:00"


def test_hours_that_never_come_have_no_edge() -> None:
    assert calendar().next_edge(at("2026-03-06 08:00"), True) is None


def test_a_skipped_time_is_the_next_minute_and_a_doubled_one_its_first() -> None:
    early = calendar(Opening((7,), ((150, 600),)))  # 02:30 to 10:00 on Sundays
    assert shown(early.next_edge(at("2026-03-28 12:00"), True)) == "03-29 03:00"
    assert early.next_edge(at("2026-10-24 12:00"), True) == at("2026-10-25 02:30", fold=0)
    assert early.is_open(at("2026-10-25 02:10", fold=1))
    late = calendar(Opening((6,), ((1320, 150),)))  # Saturday 22:00 to 02:30
    assert late.next_edge(at("2026-10-24 23:00"), False) == at("2026-10-25 02:30", fold=0)
    assert not late.is_open(at("2026-10-25 02:10", fold=1))


minutes = st.integers(0, 1439)
openings = st.builds(
    Opening,
    st.lists(st.integers(1, 7), max_size=4, unique=True).map(tuple),
    st.lists(st.tuples(minutes, st.integers(1, 1440)), max_size=2).map(tuple),
)


@given(st.lists(openings, max_size=3), st.integers(0, 400 * 24 * 60))
@examples(20)
def test_the_next_edge_is_where_open_changes_first(made: list[Opening], later: int) -> None:
    hours = calendar(*made)
    after = at("2026-01-01 00:00") + later * 60
    now = hours.is_open(after)
    edge = hours.next_edge(after, opens=not now)
    end = after + timedelta(days=2).total_seconds()
    for moment in range(int(after), int(min(edge if edge is not None else end, end)), 60):
        assert hours.is_open(moment) is now
    if edge is not None:
        assert hours.is_open(edge) is not now and hours.is_open(edge - 60) is now


def bench(*flows: m.Flow, exceptions: tuple[str, ...] = ()) -> Bench:
    opening = Opening((1, 2, 3, 4, 5, 6, 7), ((600, 660),))
    dates = (list_of(*map(const, exceptions)),) if exceptions else ()
    return Bench(replace(plan(*flows), hours=(Hours("office", "UTC", (opening,), dates, span()),)))


def test_flows_begin_when_it_opens_and_when_it_closes_each_day() -> None:
    opens = flow("opens", triggers.OnHours("office", "opens", span()), log("open"))
    closes = flow("closes", triggers.OnHours("office", "closes", span()), log("closed"))
    tomorrow = (datetime.fromtimestamp(START, UTC).date() + timedelta(days=2)).isoformat()
    run = bench(opens, closes, exceptions=(tomorrow,))
    run.advance(4 * 86_400)
    assert run.said == ["open", "closed"] * 3


def test_an_exception_that_is_no_date_is_refused() -> None:
    with pytest.raises(EvaluationError, match="`Christmas` is no date"):
        bench(exceptions=("Christmas",))
