"""What this run caused itself, as far as can be told: behind the builtin `ours(e)`.

Belongs here: the memory of what the run's actions named, for two seconds, and the comparison of an event with it.
Never here: who asks (`evaluate`) and what is sent (`actions`).
"""

from __future__ import annotations

from collections import deque

from amiflow.ami.catalog import load
from amiflow.ami.message import Message

_MEMORY = 2.0  # seconds
_KINDS = frozenset(("channel", "interface", "queue", "device", "conference"))


class Named:
    """What the actions of a run named lately. One is shared by all machines of a run."""

    __slots__ = ("_fresh", "_times")

    def __init__(self) -> None:
        self._fresh: deque[tuple[float, str, tuple[tuple[str, str], ...]]] = deque()
        self._times: dict[tuple[str, str], float] = {}

    def record(self, now: float, action: str, headers: tuple[tuple[str, str], ...]) -> None:
        """An action that may cause events goes out."""
        self._fresh.append((now, action, headers))
        while self._fresh[0][0] < now - _MEMORY:
            self._fresh.popleft()

    def caused(self, message: Message, now: float) -> bool:
        """Whether the event tells of a thing that an action named within the last two seconds."""
        self._digest(now)
        entry = load().event(message.name) if self._times else None
        if entry is None:
            return False
        marked = ((header.names, message.get(header.name)) for header in entry.headers.values())
        return any(kind in _KINDS and value and (kind, value) in self._times for kind, value in marked)

    def _digest(self, now: float) -> None:
        """The catalogue is looked into only when somebody asks: few recipes do."""
        while self._fresh:
            when, action, headers = self._fresh.popleft()
            entry = load().action(action)
            for name, value in headers:
                header = entry.header(name) if entry is not None else None
                if header is not None and header.names in _KINDS:
                    self._times.pop((header.names, value), None)
                    self._times[header.names, value] = when
        while self._times and next(iter(self._times.values())) < now - _MEMORY:
            del self._times[next(iter(self._times))]


def is_from_run(message: Message, prefix: str) -> bool:
    """Whether the event is of a channel, or of a call, that the run began: their ids were chosen by it."""
    return any((message.get(header) or "").startswith(prefix) for header in ("Uniqueid", "Linkedid"))
