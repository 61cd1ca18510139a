from hypothesis import given
from hypothesis import strategies as st

from amiflow.engine.timers import Timer, Timers
from support.properties import examples


def drain(timers: Timers, limit: float, inclusive: bool = True) -> list[Timer]:
    taken, mark = [], timers.mark()
    while (timer := timers.take(limit, inclusive, mark)) is not None:
        taken.append(timer)
    return taken


def test_timers_come_in_the_order_of_their_time_and_then_of_their_setting() -> None:
    timers = Timers()
    late, first, second = timers.set(2.0, "block", "late"), timers.set(1.0, "block", 1), timers.set(1.0, "block", 2)
    assert timers.deadline() == 1.0
    assert drain(timers, 5.0) == [first, second, late]
    assert timers.deadline() is None


def test_a_limit_leaves_what_is_due_at_it_unless_inclusive() -> None:
    timers = Timers()
    timer = timers.set(1.0, "block", None)
    assert drain(timers, 1.0, inclusive=False) == []
    assert drain(timers, 1.0, inclusive=True) == [timer]


def test_what_is_set_after_the_mark_stays() -> None:
    timers = Timers()
    mark = timers.mark()
    timers.set(1.0, "block", None)
    assert timers.take(9.0, True, mark) is None
    assert timers.take(9.0, True, timers.mark()) is not None


def test_cancelling_twice_or_after_the_end_does_nothing() -> None:
    timers = Timers()
    timer = timers.set(1.0, "block", None)
    timers.cancel(timer)
    timers.cancel(timer)
    timers.cancel(None)
    assert (len(timers), timers.deadline()) == (0, None)


def test_cancelled_timers_do_not_pile_up() -> None:
    timers = Timers()
    for _ in range(10_000):
        timers.cancel(timers.set(3600.0, "block", None))
    assert len(timers) == 0
    assert len(timers._heap) < 200


@examples(60)
@given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), max_size=200), st.integers(0, 20))
def test_taking_gives_what_a_sorted_list_would(set_: list[tuple[int, bool]], limit: int) -> None:
    timers = Timers()
    made = [(timers.set(float(when), "block", None), keep) for when, keep in set_]
    for timer, keep in made:
        if not keep:
            timers.cancel(timer)
    expected = sorted((t for t, keep in made if keep and t.when <= limit), key=lambda t: t.when)
    assert drain(timers, float(limit)) == expected
    assert len(timers) == sum(keep for _, keep in made) - len(expected)
