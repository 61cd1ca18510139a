"""What flows and stores leave, in the journal's file: written with the entries, and handed to the next run, once."""

from __future__ import annotations

import os
import random
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from amiflow.engine import effects as fx
from amiflow.live import journal_file
from amiflow.live.clock import SystemClock
from amiflow.live.journal_db import About, Book, Keep
from amiflow.live.journal_dead import bury
from amiflow.live.journal_file import Journal
from amiflow.live.memory_db import Memory
from amiflow.live.secrets import Mask
from amiflow.report.source import Source, Span
from amiflow.tools import memory as plain
from support.machines import START
from support.sizes import sizes

LONG_AGO = START - 1e9


class Run:
    """The journal of one run of amiflow, which is killed by `die`."""

    def __init__(
        self, path: Path, name: str, *recipes: str, servers: tuple[str, ...] = ("pbx",), age: float = 1e12
    ) -> None:
        keep, self.path = Keep(str(path), 1 << 30, age, Mask()), path
        about = About(name, ("pbx",), tuple((Source(recipe, "x"),) for recipe in recipes or ("r.flow",)))
        memory = Memory(name, recipes or ("r.flow",), servers)
        self.journal = Journal(keep, about, SystemClock(), lambda: None, memory)
        self.left = self.journal.left(20)
        self._promises = 0

    def take(self, *effects: fx.Effect, machine: int = 0, at: float = START) -> None:
        self.journal.add(at, machine, None, effects)
        self._promises += 1
        self.journal.promise(str(self._promises))
        while str(self._promises) not in self.journal.kept():
            os.sched_yield()

    def end(self) -> None:
        self.journal.close(20)

    def die(self) -> None:
        """As the system has it: the lock is let go of, the sign stays; nothing more is written."""
        book = self.journal._book
        assert book._life is not None
        os.close(book._life._descriptor)
        book._life = None
        book.write = lambda *_: None  # type: ignore[assignment,method-assign]
        self.journal.close(20)


def remember(token: str, instance: int = 1, **state: object) -> fx.Remember:
    return fx.Remember(token, instance, "pbx", {"server": "pbx", **state})


def claimed(run: Run, recipe: str) -> fx.Restored:
    """What a recipe gets that comes to a run."""
    there = threading.Event()
    run.journal.claim([recipe], there.set)
    assert there.wait(20)
    found = run.journal.claimed()
    assert found is not None
    return found[0]


def tokens(left: fx.Restored) -> list[str]:
    return sorted(past.token for past in left.flows)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


@pytest.mark.parametrize("killed", [True, False])
def test_the_next_run_gets_what_is_left_and_its_name_in_the_journal(path: Path, killed: bool) -> None:
    first = Run(path, "run1")
    first.take(remember("t1", 7, state="running"), remember("t2", 8))
    first.take(fx.Remember("t2", 8, "pbx", None))
    first.die() if killed else first.end()
    second = Run(path, "run2")
    ((past,),) = (one.flows for one in second.left)
    assert (past.token, past.at, past.story, past.doubtful) == ("t1", START, "1.7", False)
    assert past.state == {"server": "pbx", "state": "running"} and second.left[0].runs == ("run1",)
    second.end()
    third = Run(path, "run3")  # the second wrote nothing of it, and has it still
    assert tokens(third.left[0]) == ["t1"]
    third.end()


def test_a_flow_may_wait_for_longer_than_entries_are_kept(path: Path) -> None:
    """Nothing changes in how it stands, so that it is not written again."""
    first = Run(path, "run1", age=3600.0)
    first.take(remember("waits"), at=LONG_AGO)
    first.take(remember("another"))
    first.die()
    second = Run(path, "run2", age=3600.0)
    assert tokens(second.left[0]) == ["another", "waits"]
    second.end()


def test_what_nobody_takes_up_goes_with_its_age(path: Path) -> None:
    first = Run(path, "run1", "gone.flow")
    first.take(remember("left"), at=LONG_AGO)
    first.end()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE run SET ended = ?", (LONG_AGO,))
    second = Run(path, "run2", age=3600.0)
    second.take(remember("another"))
    second.end()
    third = Run(path, "run3", "gone.flow")
    assert tokens(third.left[0]) == []
    third.end()


def test_a_run_that_lives_has_what_is_its_own(path: Path) -> None:
    first = Run(path, "run1")
    first.take(remember("t1"))
    second = Run(path, "run2")
    assert second.left == [fx.Restored()]
    second.end()
    first.end()


def test_a_run_that_lives_shows_it_though_all_that_belongs_to_the_journal_was_taken_away(path: Path) -> None:
    first = Run(path, "run1")
    first.take(remember("t1"))
    for one in path.parent.glob(f"{path.name}*"):
        one.unlink()
    first.take(remember("t2", 2))
    second = Run(path, "run2")
    assert second.left == [fx.Restored()]
    second.end()
    first.end()
    third = Run(path, "run3")
    assert tokens(third.left[0]) == ["t1", "t2"]
    third.end()
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_each_recipe_gets_its_own(path: Path) -> None:
    first = Run(path, "run1", "a.flow", "b.flow")
    first.take(remember("a"), machine=0)
    first.take(remember("b", 2), machine=1)
    first.die()
    second = Run(path, "run2", "b.flow")
    assert [(tokens(one), one.flows[0].story) for one in second.left] == [(["b"], "1.2.1")]
    second.end()
    third = Run(path, "run3", "a.flow", "b.flow")
    assert [tokens(one) for one in third.left] == [["a"], ["b"]]
    third.end()


def test_of_a_machine_at_its_end_only_what_it_left_is_kept(path: Path) -> None:
    """However often recipes are read again in a run that lasts for years."""
    first = Run(path, "run1", "a.flow")
    memory = first.journal._memory
    assert memory is not None
    before = sizes(memory, ())
    for number in range(1, 4):
        first.journal.introduce("b.flow" if number == 3 else "a.flow", ())
        first.take(fx.Exit(0), machine=number - 1)
    assert sizes(memory, ()) == before
    first.take(remember("t1"), machine=3)
    first.end()
    second = Run(path, "run2", "b.flow")
    assert tokens(second.left[0]) == ["t1"]
    second.end()


def test_a_recipe_that_comes_back_in_a_run_gets_its_stores_as_it_left_them(path: Path) -> None:
    first = Run(path, "run1")
    first.take(remember("t1"), fx.StoreChanged("add", fx.Entry("seen", "counter", "a", 1, START, 1e12)))
    assert (tokens(claimed(first, "r.flow")), claimed(first, "r.flow").entries[0].key) == ([], "a")
    first.end()


def test_flows_on_another_server_are_left_to_the_run_that_has_it(path: Path) -> None:
    first = Run(path, "run1")
    first.take(remember("t1"))
    first.die()
    second = Run(path, "run2", servers=("other",))
    assert second.left[0].flows == ()
    second.end()
    third = Run(path, "run3", servers=("other", "pbx"))
    assert tokens(third.left[0]) == ["t1"]
    third.end()


def test_what_could_not_be_written_is_in_doubt_until_it_is(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit, full = Book.write, [True]

    def write(book: Book, *args: object) -> None:
        if full[0]:
            raise OSError(28, "No space left on device")
        commit(book, *args)  # type: ignore[arg-type]

    first = Run(path, "run1")
    first.take(remember("t1", step=1))
    monkeypatch.setattr(Book, "write", write)
    first.take(remember("t1", step=2))
    first.die()
    full[0] = False
    second = Run(path, "run2")
    assert [(past.state["step"], past.doubtful) for past in second.left[0].flows] == [(1, True)]
    second.take(remember("t1", step=3))
    full[0] = True
    second.take(remember("t1", step=4))
    full[0] = False
    second.journal._retry_at = 0.0
    second.take(remember("t1", step=5))
    second.die()
    third = Run(path, "run3")
    assert [(past.state["step"], past.doubtful) for past in third.left[0].flows] == [(5, False)]
    third.end()


def test_a_mistake_in_what_is_left_ends_no_run(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyError("here")

    monkeypatch.setattr(Memory, "claim", fail)
    run = Run(path, "run1")
    assert run.left == []
    run.take(remember("t1"))  # what is promised is kept
    assert any("KeyError" in text for text in run.journal.complaints())
    run.end()


def test_a_mistake_in_what_is_remembered_holds_no_action_up(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Run(path, "run1")
    with monkeypatch.context() as wrong:
        wrong.setattr(Memory, "take", lambda *_: 1 / 0)
        first.take(remember("t1"))  # whose promise is kept all the same
    first.take(remember("t2"))
    assert "a mistake of amiflow's own, ZeroDivisionError" in first.journal.complaints()[0]
    first.end()


def test_what_comes_too_fast_for_the_journal_is_remembered_still(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Run(path, "run1")
    first.take(remember("t1"), remember("t2"))
    monkeypatch.setattr(journal_file, "MOST_WAITING", 0)
    first.journal._behind = True
    over = fx.FlowEnded("f", 1, "done", None, None, None)
    first.take(over, fx.Remember("t1", 1, "pbx", None))
    first.take(over)
    first.die()
    assert first.journal.lost == 2
    second = Run(path, "run2")
    assert tokens(second.left[0]) == ["t2"]
    second.end()


def test_of_flows_that_begin_and_end_while_the_disk_is_full_nothing_is_left(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though a transaction may have been written that seemed to fail."""
    commit, settled, full = Book.write, Memory.committed, [True]

    def write(book: Book, *args: object) -> None:
        commit(book, *args)  # type: ignore[arg-type]
        if full[0]:
            raise OSError(28, "No space left on device")

    first = Run(path, "run1")
    monkeypatch.setattr(Book, "write", write)
    monkeypatch.setattr(Memory, "committed", lambda memory: None if full[0] else settled(memory))
    memory = first.journal._memory
    assert memory is not None
    first.take(remember("t1"), remember("t2", 2))
    first.take(fx.Remember("t1", 1, "pbx", None))
    assert list(memory._states) == ["t2"]
    full[0] = False
    first.journal._retry_at = 0.0
    first.take(remember("t3", 3))
    first.die()
    second = Run(path, "run2")
    assert tokens(second.left[0]) == ["t2", "t3"]
    second.end()


def test_a_new_file_gets_all_that_is_remembered(path: Path) -> None:
    first = Run(path, "run1")
    first.take(remember("t1"), remember("t2"))
    path.unlink()
    first.take(remember("t2", step=2))
    first.die()
    second = Run(path, "run2")
    assert tokens(second.left[0]) == ["t1", "t2"]
    second.end()


def test_damaged_states_are_handed_on_as_what_nothing_can_be_made_of(path: Path) -> None:
    first = Run(path, "run1")
    first.take(remember("t1"))
    first.die()
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE flow_state SET state = '{\"broken'")
        db.commit()
    second = Run(path, "run2")
    assert [past.state for past in second.left[0].flows] == [{}]
    second.end()


def test_a_full_store_costs_no_more_however_much_it_holds_and_is_beside_it(tmp_path: Path) -> None:
    def steps(held: int) -> int:
        """Of SQLite's, for one entry more."""
        memory, count = Memory("run1", ["r.flow"], ["pbx"]), [0]
        keep = Keep(str(tmp_path / f"{held}.sqlite"), 1 << 30, 1e12, Mask())
        book = Book(keep, About("run1", ("pbx",), ()), START, memory)
        for number in range(held):
            for store in "another", "x":
                entry = fx.Entry(store, "counter", f"{number}", None, START, 1e6)
                memory.take(START, 0, fx.StoreChanged("add", entry))
            memory.take(START, 0, remember(f"t{number}", number))
        book.write(START, START, [], 0, False)
        assert book._db is not None
        book._db.set_progress_handler(lambda: count.__setitem__(0, count[0] + 1), 1)
        for change in ("evict", "add"):
            memory.take(START, 0, fx.StoreChanged(change, fx.Entry("x", "counter", "new", None, START, 1e6)))  # type: ignore[arg-type]
        book.write(START, START, [], 0, True)
        book.end()
        return count[0]

    assert steps(1000) < steps(10) + 50


def test_what_a_killed_run_leaves_open_is_looked_for_once_however_much_that_is(tmp_path: Path) -> None:
    def steps(flows: int) -> int:
        """Of SQLite's, to close its entries."""
        path, count = tmp_path / f"{flows}.sqlite", [0]
        run, span = Run(path, "run1"), Span("r.flow", 0, 1)
        for number in range(flows):
            began = fx.Noted("flow-started", "debug", "f", "f", number, span, {}, None)
            run.journal.add(START, 0, None, [began, remember(f"t{number}", number)])
        run.take()
        run.die()
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.set_progress_handler(lambda: count.__setitem__(0, count[0] + 1), 1)
            bury(db, str(path))
            assert db.execute("SELECT ended FROM run").fetchone() != (None,)
        return count[0]

    assert steps(400) < 20 * steps(40)


@pytest.mark.parametrize("seed", range(5))
def test_stores_come_back_as_from_the_memory_that_recipe_tests_have(path: Path, seed: int) -> None:
    chance, other, now = random.Random(seed), plain.Memory(), SystemClock().wall()
    first = Run(path, "run1")
    for number in range(60):
        change = chance.choice(["set", "add", "add", "set", "remove", "evict", "clear"][: 6 + (number % 20 == 0)])
        entry = fx.Entry(chance.choice("xy"), "map of text", chance.choice("abc"), {"n": number}, now + number, 1e6)
        if change == "evict" and not any(one.store == entry.store for one in other.restored(()).entries):
            continue
        effect = fx.StoreChanged(change, entry)  # type: ignore[arg-type]
        other.take(effect, START)
        first.journal.add(START, 0, None, [effect])
    first.take()
    first.die()
    second = Run(path, "run2")
    assert second.left[0].entries == other.restored(()).entries != ()
    second.end()


def test_the_oldest_that_makes_room_is_none_whose_time_was_over(path: Path) -> None:
    now, other = SystemClock().wall(), plain.Memory()
    first = Run(path, "run1")
    changes = [
        fx.StoreChanged("evict" if key == "evict" else "add", fx.Entry("x", "counter", key, None, at, 60.0))
        for key, at in (("over", now - 100), ("oldest", now - 50), ("evict", now), ("new", now))
    ]
    for change in changes:
        other.take(change, now)
    first.take(*changes, at=now)
    first.end()
    second = Run(path, "run2")
    assert [entry.key for entry in second.left[0].entries] == ["new"]
    assert [entry.key for entry in other.restored(()).entries] == [
        "over",
        "new",
    ]  # the former is over as it is put back
    second.end()


def test_entries_whose_time_is_over_are_gone(path: Path) -> None:
    now = SystemClock().wall()
    first = Run(path, "run1")
    for key, at in (("old", now - 100), ("new", now - 10)):
        first.take(fx.StoreChanged("add", fx.Entry("x", "counter", key, None, at, 60.0)), at=now)
    first.end()
    second = Run(path, "run2")
    assert [entry.key for entry in second.left[0].entries] == ["new"]
    second.end()
