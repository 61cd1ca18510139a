"""Durable stores: what is written down of them, and what comes back after a restart of amiflow.

Belongs here: each change of such a store as an effect, and filling the stores from what was kept. Never here: what a
store holds and for how long (`stores`), and where its entries are kept (`live.memory_db`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from amiflow.engine.core import Core
from amiflow.engine.effects import Entry, StoreChanged
from amiflow.engine.standing import Clock
from amiflow.engine.values import Value
from amiflow.engine.written import Unreadable
from amiflow.plan.keeping import MapStore, Store, kind_of


class Durable:
    """The durable stores of a machine; none where nothing is kept."""

    def __init__(self, core: Core) -> None:
        self._core = core
        kept = core.plan.stores if core.options.keeping else ()
        self._declared = {store.name: store for store in kept if store.durable}

    def put(self, store: str, key: str, value: Value, gone: bool) -> None:
        """The store has taken a value; `gone`: its oldest entry went for it."""
        declared = self._declared.get(store)
        if declared is not None:
            if gone:
                self._change("evict", declared, key, None)
            self._take(declared, key, value)

    def evict(self, store: str, key: str) -> None:
        """The store's oldest entry went, as the store holds less by now."""
        declared = self._declared.get(store)
        if declared is not None:
            self._change("evict", declared, key, None)

    def write_anew(self, store: str) -> None:
        """The store holds its entries for another time by now."""
        declared, core = self._declared.get(store), self._core
        if declared is None:
            return
        held, clock = core.world.globals[store], Clock(core.now, core.world.wall)
        self._clear(store)
        for key, value, at in held.entries():
            self._take(declared, key, value, clock.wall(at))

    def remove(self, store: str, key: str) -> None:
        """The store has forgotten the key."""
        declared = self._declared.get(store)
        if declared is not None:
            self._change("remove", declared, key, None)

    def _take(self, store: Store, key: str, value: Value, at: float | None = None) -> None:
        self._change("set" if isinstance(store, MapStore) else "add", store, key, value, at)

    def _change(
        self,
        change: Literal["set", "add", "remove", "evict", "clear"],
        store: Store,
        key: str,
        value: Value,
        at: float | None = None,
    ) -> None:
        core = self._core
        written, lasting = core.pen.write(value), core.world.globals[store.name].lasting
        when = core.world.wall if at is None else at
        core.emit(StoreChanged(change, Entry(store.name, kind_of(store), core.pen.write(key), written, when, lasting)))

    def _clear(self, store: str) -> None:
        self._core.emit(StoreChanged("clear", Entry(store, "", "", None, self._core.world.wall, 0.0)))

    def begin_anew(self, store: str) -> None:
        """The store has another declaration than in the machine whose place this one takes, or had none there."""
        if store in self._declared:
            self._clear(store)

    def let_go(self, store: str) -> None:
        """The machine that took this one's place has another store of that name: what runs of this one still put into
        theirs outlives nothing."""
        self._declared.pop(store, None)

    # --- after a restart ----------------------------------------------------------------------------------------------

    def fill(self, entries: Iterable[Entry]) -> None:
        """What earlier runs have kept, each entry for the rest of its time."""
        core, clock = self._core, Clock(self._core.now, self._core.world.wall)
        dropped: dict[str, str] = {}
        changed: dict[str, None] = {}  # those that were kept for another time
        for entry in sorted(entries, key=lambda one: one.at):
            declared = self._declared.get(entry.store)
            if declared is None:
                dropped[entry.store] = "it is no durable store any more"
            elif kind_of(declared) != entry.declared:
                dropped[entry.store] = f"it was a {entry.declared}, and is a {kind_of(declared)}"
            else:
                if entry.lasting != core.world.globals[entry.store].lasting:
                    changed[entry.store] = None
                try:
                    self._bring_back(declared, entry, min(clock.when(entry.at), core.now))
                except Unreadable as error:
                    core.note("store-dropped", "warn", f"an entry of `{entry.store}` cannot be read: {error}")
        for store, why in dropped.items():
            core.note("store-dropped", "warn", f"what was kept of `{store}` is dropped: {why}")
            self._clear(store)
        for store in changed:
            self.write_anew(store)

    def _bring_back(self, store: Store, entry: Entry, at: float) -> None:
        key, value = self._core.pen.read(entry.key), self._core.pen.read(entry.value)
        if not isinstance(key, str):
            raise Unreadable("its key is no text")
        if self._core.world.globals[store.name].put(key, value, at) is not None:
            self._change("evict", store, key, None)
