"""What a machine has asked to be remembered, as the next one gets it: for `restart` in recipe tests.

Belongs here: a memory that goes through the same JSON as the one on disk (`live.memory_db`). Never here: what becomes
of it (`engine.restart`).
"""

from __future__ import annotations

import json
from dataclasses import replace

from amiflow.engine.effects import Entry, Past, Remember, Restored, StoreChanged


class Memory:
    """The runs of flows and the entries of stores, as they were last written down."""

    def __init__(self) -> None:
        self._flows: dict[str, tuple[float, str]] = {}
        self._entries: list[tuple[Entry, str]] = []

    def take(self, effect: Remember | StoreChanged, wall: float) -> None:
        """Something is to be remembered, or forgotten."""
        match effect:
            case Remember(token=token, state=None):
                self._flows.pop(token, None)
            case Remember(token=token, state=state):
                self._flows[token] = (wall, json.dumps(state))
            case StoreChanged():
                self._change(effect)

    def _change(self, effect: StoreChanged) -> None:
        entry, entries = effect.entry, self._entries
        if effect.change in ("set", "remove"):
            entries[:] = [one for one in entries if (one[0].store, one[0].key) != (entry.store, entry.key)]
        if effect.change == "clear":
            entries[:] = [one for one in entries if one[0].store != entry.store]
        if effect.change == "evict":
            # Those whose time was over by then had gone before.
            held = (one for one in entries if one[0].store == entry.store and one[0].at + one[0].lasting > entry.at)
            if (oldest := next(held, None)) is not None:
                entries.remove(oldest)
        if effect.change in ("set", "add"):
            entries.append((entry, json.dumps(entry.value)))

    def restored(self, runs: tuple[str, ...]) -> Restored:
        """What the next machine is given; `runs` are what the ids of those before began with."""
        flows = tuple(Past(token, at, json.loads(state), token) for token, (at, state) in self._flows.items())
        entries = tuple(replace(entry, value=json.loads(value)) for entry, value in self._entries)
        return Restored(flows, entries, runs)
