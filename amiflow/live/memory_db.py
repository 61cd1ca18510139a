"""What flows and durable stores leave to the next run, in the journal's file: two tables beside the entries.

Belongs here: SQL for what machines remember, and handing it to the next run of the same recipe. Never here: what it
says (`engine.standing`, `engine.durable`), when it is written and what becomes of an error (`journal_file`).

What is remembered belongs to a run, by name. When that is over, in whatever way, the next run of the same recipe takes
it over: in one transaction, so that of two that begin at once one has it. A recipe is known by the path of its file.
What is written is the last of all that gathered; what could not be written is written with the next.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from collections import deque
from collections.abc import Iterable, Sequence

from amiflow.engine.effects import Entry, Exit, Past, Remember, Restored, StoreChanged
from amiflow.live.journal_dead import is_dead
from amiflow.report.data import dataclass

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS flow_state (
      token TEXT PRIMARY KEY, run TEXT NOT NULL, machine INTEGER, instance INTEGER, recipe TEXT NOT NULL,
      server TEXT NOT NULL, at REAL NOT NULL, state TEXT NOT NULL, doubtful INTEGER NOT NULL DEFAULT 0)
      WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS store_entry (
      id INTEGER PRIMARY KEY, run TEXT NOT NULL, recipe TEXT NOT NULL, store TEXT NOT NULL, declared TEXT NOT NULL,
      key TEXT NOT NULL, value TEXT NOT NULL, at REAL NOT NULL, lasting REAL NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS store_entry_key ON store_entry (recipe, store, key)",
    "CREATE INDEX IF NOT EXISTS store_entry_age ON store_entry (recipe, store)",  # within it they are in their order
)

_MOST_CHANGES = 100_000  # of stores, that wait for a disk that cannot be written; then the oldest go
_MOST_RUNS = 16  # earlier runs whose calls are known as ours
_INTO_STATES = (
    "INSERT OR REPLACE INTO flow_state (token, run, machine, instance, recipe, server, at, state)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_TO_CLAIM = "run = ? AND recipe = ? AND server IN (SELECT value FROM json_each(?))"
# Without a machine are those of earlier runs that are still to be taken up.
_LEFT_OVER = (
    "DELETE FROM flow_state WHERE run = ? AND machine IS NOT NULL AND token NOT IN (SELECT value FROM json_each(?))"
)
_OF_STORE = "run = ? AND recipe = ? AND store = ?"


@dataclass(frozen=True, slots=True)
class _State:
    """A run of a flow as it is to be written; its data are none where it is over."""

    machine: int
    recipe: str
    at: float
    remember: Remember


class Memory:
    """What the machines of one run remember. `recipes` are the paths of their plans' files; flows on other servers than
    the run's are left to another run."""

    def __init__(self, run: str, recipes: Sequence[str], servers: Sequence[str]) -> None:
        self._run = run
        self._servers = json.dumps(list(servers))
        self._recipes = dict(enumerate(recipes))  # of each machine that is not at its end
        self._machines = len(recipes)
        self._states: dict[str, _State] = {}
        self._stored: set[str] = set()  # the tokens that are in the file
        self._unwritten: dict[str, None] = {}
        self._changes: deque[tuple[str, StoreChanged]] = deque(maxlen=_MOST_CHANGES)

    def introduce(self, recipe: str) -> None:
        """The recipe of the next machine, as one was read again."""
        self._recipes[self._machines] = sys.intern(recipe)
        self._machines += 1

    @property
    def waits(self) -> bool:
        """Whether something is to be written."""
        return bool(self._unwritten or self._changes)

    def take(self, at: float, machine: int, effect: Remember | StoreChanged | Exit) -> None:
        """What there is to remember of a machine, until its end."""
        if isinstance(effect, Exit):
            self._recipes.pop(machine, None)
        elif isinstance(effect, StoreChanged):
            self._changes.append((self._recipes[machine], effect))
        elif effect.state is None and effect.token not in self._stored:
            # Of those that begin and end while the disk is full nothing is left, however long that lasts.
            self._states.pop(effect.token, None)
            self._unwritten.pop(effect.token, None)
        else:
            self._states[effect.token] = _State(machine, self._recipes[machine], at, effect)
            self._unwritten[effect.token] = None

    def write(self, db: sqlite3.Connection, anew: bool, sure: bool) -> None:
        """Within a transaction: write what waits; `anew`: the file is a new one, in which nothing is yet. Where it is
        not `sure` what became of the last transaction, it may have left something after all."""
        if not sure:
            db.execute(_LEFT_OVER, (self._run, json.dumps(list(self._states))))
        for token in tuple(self._states) if anew else tuple(self._unwritten):
            self._write_state(db, token, self._states[token])
        for recipe, changed in self._changes:
            self._write_change(db, recipe, changed)

    def committed(self) -> None:
        """It is written."""
        for token in self._unwritten:
            if self._states[token].remember.state is None:
                del self._states[token]
                self._stored.discard(token)
            else:
                self._stored.add(token)
        self._unwritten.clear()
        self._changes.clear()

    def _write_state(self, db: sqlite3.Connection, token: str, one: _State) -> None:
        remember = one.remember
        if remember.state is None:
            db.execute("DELETE FROM flow_state WHERE token = ?", (token,))
            return
        whose = (token, self._run, one.machine, remember.instance, one.recipe, remember.server)
        db.execute(_INTO_STATES, (*whose, one.at, _json(remember.state)))

    def _write_change(self, db: sqlite3.Connection, recipe: str, changed: StoreChanged) -> None:
        entry, key = changed.entry, _json(changed.entry.key)
        whose = (self._run, recipe, entry.store)
        match changed.change:
            case "clear":
                db.execute(f"DELETE FROM store_entry WHERE {_OF_STORE}", whose)
            case "remove" | "set":
                db.execute(f"DELETE FROM store_entry WHERE {_OF_STORE} AND key = ?", (*whose, key))
            case "evict":
                # Those whose time was over by then had gone before.
                oldest = f"SELECT id FROM store_entry WHERE {_OF_STORE} AND at + lasting > ? ORDER BY id LIMIT 1"
                db.execute(f"DELETE FROM store_entry WHERE id = ({oldest})", (*whose, entry.at))
        if changed.change in ("set", "add"):
            row = (*whose, entry.declared, key, _json(entry.value), entry.at, entry.lasting)
            columns = "run, recipe, store, declared, key, value, at, lasting"
            db.execute(f"INSERT INTO store_entry ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)

    # --- what earlier runs have left ----------------------------------------------------------------------------------

    def claim(
        self, db: sqlite3.Connection, path: str, now: float, recipes: Sequence[str] | None = None
    ) -> list[Restored]:
        """Within a transaction: what runs that are over have left, for each machine; from now on it is this run's. Or
        for each of the recipes that this run comes to have; if it had one before, its stores are as that left them."""
        dead = self._dead(db, path)
        whose = dead if recipes is None else [*dead, self._run]
        earlier = tuple(dead[-_MOST_RUNS:])
        found, taken = [], set[str]()
        for recipe in self._recipes.values() if recipes is None else recipes:
            if recipe in taken:
                found.append(Restored(runs=earlier))
                continue
            taken.add(recipe)
            pasts = tuple(past for run in dead for past in self._claim_states(db, run, recipe))
            entries = tuple(entry for run in whose for entry in self._claim_entries(db, run, recipe, now))
            found.append(Restored(pasts, entries, earlier))
        return found

    def _dead(self, db: sqlite3.Connection, path: str) -> list[str]:
        """The names of the runs that are over, oldest first, of those whose ids may still be met with."""
        rows = db.execute(
            "SELECT name FROM (SELECT id, name FROM run ORDER BY id DESC LIMIT ?)"
            " UNION SELECT run FROM flow_state UNION SELECT run FROM store_entry",
            (_MOST_RUNS,),
        )
        numbers = {name: id for id, name in db.execute("SELECT id, name FROM run")}
        names = sorted((name for (name,) in rows if name != self._run), key=lambda name: numbers.get(name, 0))
        return [name for name in names if is_dead(db, path, name)]

    def _claim_states(self, db: sqlite3.Connection, run: str, recipe: str) -> Iterable[Past]:
        number = db.execute("SELECT id FROM run WHERE name = ?", (run,)).fetchone()
        columns = "token, machine, instance, at, state, doubtful"
        whose = (run, recipe, self._servers)
        query = f"SELECT {columns} FROM flow_state WHERE {_TO_CLAIM} ORDER BY at"
        for token, machine, instance, at, text, doubtful in db.execute(query, whose).fetchall():
            story = "" if number is None or instance is None else f"{number[0]}.{instance}"
            story += f".{machine}" if story and machine else ""
            state = _read(text)
            self._stored.add(token)
            yield Past(token, at, state if isinstance(state, dict) else {}, story, bool(doubtful))
        change = f"UPDATE flow_state SET run = ?, machine = NULL, instance = NULL WHERE {_TO_CLAIM}"
        db.execute(change, (self._run, *whose))

    def _claim_entries(self, db: sqlite3.Connection, run: str, recipe: str, now: float) -> Iterable[Entry]:
        db.execute("DELETE FROM store_entry WHERE run = ? AND recipe = ? AND at + lasting <= ?", (run, recipe, now))
        columns = "store, declared, key, value, at, lasting"
        query = f"SELECT {columns} FROM store_entry WHERE run = ? AND recipe = ? ORDER BY id"
        for store, declared, key, value, at, lasting in db.execute(query, (run, recipe)).fetchall():
            yield Entry(store, declared, _read(key), _read(value), at, lasting)
        db.execute("UPDATE store_entry SET run = ? WHERE run = ? AND recipe = ?", (self._run, run, recipe))


def prune(db: sqlite3.Connection, now: float, max_age: float) -> None:
    """Within a transaction: let go what no run will want any more. Flows may wait for longer than entries are kept:
    what a run has written down of its own stays while that goes on, and for so long behind its end."""
    db.execute("DELETE FROM store_entry WHERE at + lasting <= ?", (now,))
    wanted = "SELECT name FROM run WHERE ended IS NULL OR ended >= :since"
    db.execute(f"DELETE FROM flow_state WHERE at < :since AND run NOT IN ({wanted})", {"since": now - max_age})


def _json(data: object) -> str:
    return json.dumps(data, separators=(",", ":"))


def _read(text: object) -> object:
    """The data of a JSON text; an empty record, which nothing can be made of, where it is none."""
    try:
        return json.loads(text) if isinstance(text, str) else {}
    except (ValueError, RecursionError):
        return {}
