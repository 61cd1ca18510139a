from math import inf
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiflow.engine import timers as engine_timers
from amiflow.engine.timers import Timer, Timers
from support.properties import examples


def drain(timers: Timers, limit: float, inclusive: bool = True) -> list[Timer]:
    return list(timers.due(limit, inclusive))


def test_timers_come_in_the_order_of_their_time_and_then_of_their_setting() -> None:
    timers = Timers()
    late, first, second = timers.set(2.0, "block", "late"), timers.set(1.0, "block", 1), timers.set(1.0, "block", 2)
    assert timers.next == 1.0
    assert drain(timers, 5.0) == [first, second, late]
    assert timers.next == inf


def test_a_limit_leaves_what_is_due_at_it_unless_inclusive() -> None:
    timers = Timers()
    timer = timers.set(1.0, "block", None)
    assert drain(timers, 1.0, inclusive=False) == []
    assert drain(timers, 1.0, inclusive=True) == [timer]


def test_what_is_set_meanwhile_stays() -> None:
    timers = Timers()
    first = timers.set(1.0, "block", None)
    taken = []
    for timer in timers.due(9.0, True):
        taken.append(timer)
        second = timers.set(0.5, "block", None)
    assert taken == [first]
    assert timers.next == 0.5
    assert drain(timers, 9.0) == [second]


def test_none_is_due_before_next_and_once_it_has_come_it_is_when_one_is() -> None:
    timers = Timers()
    early, late = timers.set(1.0, "block", None), timers.set(2.0, "block", None)
    timers.cancel(early)
    assert timers.next <= late.when
    assert drain(timers, timers.next, inclusive=False) == []
    assert timers.next == late.when


def test_cancelling_twice_or_after_the_end_does_nothing() -> None:
    timers = Timers()
    timer = timers.set(1.0, "block", None)
    timers.cancel(timer)
    timers.cancel(timer)
    timers.cancel(None)
    assert (len(timers), timers.next) == (0, inf)


def test_cancelled_timers_do_not_pile_up() -> None:
    timers = Timers()
    for _ in range(10_000):
        timers.cancel(timers.set(3600.0, "block", None))
    assert len(timers) == 0
    assert timers._size < 200


@pytest.fixture(params=[1, 100], ids=["as it is", "with little room"])
def room(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """So few timers are put in order at once that spans and the heap are divided again and again."""
    for name in ("_SOON", "_MANY", "_FEW"):
        monkeypatch.setattr(engine_timers, name, max(2, getattr(engine_timers, name) // request.param))


@pytest.mark.usefixtures("room")
def test_timers_far_apart_come_in_order_with_what_is_set_meanwhile() -> None:
    timers, random = Timers(), Random(7)
    spread = (1e-4, 1.0, 50.0, 5_000.0, 1e6, 1e9)
    made = [timers.set(random.random() * random.choice(spread), "block", None) for _ in range(3_000)]
    for timer in made[::3]:
        timers.cancel(timer)
    taken: list[Timer] = []
    while timers.next < inf:
        now = timers.next
        for timer in timers.due(now, True):
            assert timer.when == now
            taken.append(timer)
            if len(made) < 4_000:
                made.append(timers.set(timer.when + random.random() * random.choice(spread), "block", None))
    whens = [timer.when for timer in taken]
    assert whens == sorted(whens)
    assert len(taken) == 3_000 and len(timers) == 0


@pytest.mark.usefixtures("room")
def test_many_timers_of_one_time_come_as_they_were_set() -> None:
    timers = Timers()
    last = timers.set(7.0, "block", "last")
    first = [timers.set(5.0, "block", n) for n in range(3_000)]
    more = [timers.set(6.0, "block", n) for n in range(10)]
    assert drain(timers, 9.0) == [*first, *more, last]


TIMES = st.one_of(
    st.integers(0, 20), st.integers(0, 300).map(lambda n: n * 40), st.integers(0, 9).map(lambda n: n / 512)
)


@examples(30)
@given(st.lists(st.tuples(TIMES, st.booleans()), max_size=200), st.integers(0, 5000))
def test_taking_gives_what_a_sorted_list_would(set_: list[tuple[float, bool]], limit: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("_SOON", "_MANY", "_FEW"):
            patch.setattr(engine_timers, name, 5)
        _agree_with_a_list(set_, limit)


def _agree_with_a_list(set_: list[tuple[float, bool]], limit: int) -> None:
    timers = Timers()
    made = [(timers.set(float(when), "block", None), keep) for when, keep in set_]
    for timer, keep in made:
        if not keep:
            timers.cancel(timer)
    expected = sorted((t for t, keep in made if keep and t.when <= limit), key=lambda t: t.when)
    assert drain(timers, float(limit)) == expected
    assert timers.next == min((t.when for t, keep in made if keep and t.when > limit), default=inf)
    assert len(timers) == sum(keep for _, keep in made) - len(expected)


def test_times_before_the_clock_began_are_in_order_too() -> None:
    """What fell due while amiflow did not run may lie before the machine was booted."""
    timers = Timers()
    for when in (-1000.0, -600.0, -100.0):
        timers.set(when, "block", None)
    assert next(timers.due(0.0, True)).when == -1000.0
    timers.set(-50.0, "block", None)
    assert [timer.when for timer in timers.due(0.0, True)] == [-600.0, -100.0, -50.0]
