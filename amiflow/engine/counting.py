"""Counts of a trigger `N times within D`: for each key, when its matches were completed, in a window that slides.

Belongs here: the moments of one flow's matches, and what forgets them. Never here: what a match is (`matching`), and
whether the flow may start (`admission`).
"""

from __future__ import annotations

from collections import deque
from typing import TypeAlias

from amiflow.engine.values import Value

CountKey: TypeAlias = tuple[str, tuple[Value, ...] | None]
"""The server, and the `per` key; matches without a key are counted together."""


class Counts:
    """The counts of one flow. A moment at exactly the beginning of the window is in it."""

    __slots__ = ("_moments",)

    def __init__(self) -> None:
        self._moments: dict[CountKey, deque[float]] = {}

    def __len__(self) -> int:
        return len(self._moments)

    def add(self, key: CountKey, now: float, within: float, wanted: int) -> bool:
        """Count a match; whether the last `wanted` of its key lie within so many seconds (older ones are let go)."""
        moments = self._moments.pop(key, None) or deque()
        self._moments[key] = moments  # the key that was counted last stands last
        moments.append(now)
        while len(moments) > wanted or moments[0] + within < now:
            moments.popleft()
        return len(moments) >= wanted

    def forget(self, key: CountKey) -> None:
        """The key's count begins anew."""
        self._moments.pop(key, None)

    def forget_server(self, server: str) -> int:
        """Every count of the server begins anew; how many there were."""
        gone = [key for key in self._moments if key[0] == server]
        for key in gone:
            del self._moments[key]
        return len(gone)

    def expire(self, now: float, within: float) -> None:
        """Let go the keys whose last match has left the window."""
        while self._moments:
            key, moments = next(iter(self._moments.items()))
            if moments[-1] + within >= now:
                return
            del self._moments[key]

    def drop_oldest(self) -> None:
        """Make room: the key that was counted longest ago goes."""
        del self._moments[next(iter(self._moments))]
