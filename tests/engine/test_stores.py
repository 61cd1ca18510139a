"""Maps, counters and series against a model that keeps everything; and in flows, the note when one is full."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiflow.engine.evaluate import EvaluationError
from amiflow.engine.stores import HeldCounter, HeldMap, HeldSeries
from amiflow.plan.keeping import CounterStore, MapStore, Put, SeriesStore
from amiflow.plan.types import TEXT
from support.machines import Bench
from support.plans import const, expr, flow, on, plan, seconds, span
from support.properties import examples

KEYS = st.sampled_from(("a", "b", "c"))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), KEYS),
        st.tuples(st.just("remove"), KEYS),
        st.tuples(st.just("advance"), st.integers(1, 6)),
    ),
    max_size=40,
)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@given(STEPS)
@examples(30)
def test_a_window_holds_the_last_so_long_and_so_many(steps: list[tuple[str, str | int]]) -> None:
    clock = Clock()
    counter, series = HeldCounter(clock, 10, 4), HeldSeries(clock, 10, 4)
    kept: list[tuple[float, str, int]] = []
    for number, (what, value) in enumerate(steps):
        if what == "put":
            kept = [one for one in kept if one[0] > clock.now - 10]
            gone = kept.pop(0)[1] if len(kept) == 4 else None
            assert counter.put(str(value), None) == series.put(str(value), number) == gone
            kept.append((clock.now, str(value), number))
        elif what == "remove":
            counter.remove(str(value))
            series.remove(str(value))
            kept = [one for one in kept if one[1] != value]
        else:
            clock.now += float(value)
            kept = [one for one in kept if one[0] > clock.now - 10]
        for key in "abc":
            wanted = tuple(entry for _, owner, entry in kept if owner == key)
            assert series.get(key) == wanted and counter.get(key) == len(wanted)
            assert (key in series) == (key in counter) == bool(wanted)


@given(STEPS)
@examples(30)
def test_a_map_holds_the_last_value_for_so_long(steps: list[tuple[str, str | int]]) -> None:
    clock, kept = Clock(), dict[str, tuple[float, int]]()
    held = HeldMap(clock, 10, 2)
    for number, (what, value) in enumerate(steps):
        kept = {key: one for key, one in kept.items() if one[0] > clock.now - 10}
        if what == "put":
            kept.pop(str(value), None)
            gone = next(iter(kept)) if len(kept) == 2 else None
            kept = {key: one for key, one in kept.items() if key != gone}
            assert held.put(str(value), number) == gone
            kept[str(value)] = (clock.now, number)
        elif what == "remove":
            held.remove(str(value))
            kept.pop(str(value), None)
        else:
            clock.now += float(value)
            kept = {key: one for key, one in kept.items() if one[0] > clock.now - 10}
        for key in "abc":
            assert held.get(key) == (kept[key][1] if key in kept else None)
            assert (key in held) == (key in kept)


def test_entries_removed_do_not_pile_up() -> None:
    counter = HeldCounter(Clock(), 10, 4)
    for _ in range(1000):
        counter.put("a", None)
        counter.remove("a")
    assert len(counter._order) <= 10


def test_at_the_time_that_is_told_an_entry_is_gone_however_sums_are_rounded() -> None:
    """0.059 + 0.7 - 0.7 is less than 0.059: who was woken then would be told the same time again, for ever."""
    clock = Clock()
    for store in (HeldMap(clock, 0.7, 9), HeldCounter(clock, 0.7, 9), HeldSeries(clock, 0.7, 9)):
        clock.now = 0.059
        store.put("a", 1)
        due = store.next_expiry()
        assert due is not None and "a" in store
        clock.now = due
        assert "a" not in store and store.next_expiry() is None


def test_the_next_expiry_is_the_oldest_entry_s() -> None:
    clock = Clock()
    held, series = HeldMap(clock, 10, 5), HeldSeries(clock, 10, 5)
    assert held.next_expiry() is None and series.next_expiry() is None
    for store in (held, series):
        store.put("a", 1)
    clock.now = 3
    for store in (held, series):
        store.put("b", 2)
        assert store.next_expiry() == 10
    clock.now = 10
    assert held.next_expiry() == series.next_expiry() == 13


def test_a_full_store_drops_its_oldest_and_says_so_once_a_minute() -> None:
    store = MapStore("seen", TEXT, seconds(3600), const(2), span())
    put = flow("put", on("UserEvent", "u"), Put("seen", expr("u.Key"), const("x"), span()))
    bench = Bench(replace(plan(put), stores=(store,)))
    for name in ("a", "b", "c", "d"):
        bench.event("UserEvent", UserEvent="x", Key=name)
    assert [note.text for note in bench.notes("store-full")] == ["`seen` is full: the oldest, of `a`, went"]
    assert bench.count("store-full", "put") == 2


@pytest.mark.parametrize(
    "store",
    [CounterStore("n", seconds(5), const(0), span()), SeriesStore("n", TEXT, seconds(5), const(0), span())],
)
def test_a_store_that_is_to_hold_nothing_does_not_begin(store: CounterStore | SeriesStore) -> None:
    with pytest.raises(EvaluationError, match="at least one"):
        Bench(replace(plan(flow("f", on("Hangup"))), stores=(store,)))
