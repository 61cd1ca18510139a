"""The clock: the one place that asks the system for the time.

Belongs here: a monotonic time for everything that is measured, and the wall clock for what is told.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Seconds: `now` never goes back; `wall` is the epoch and may jump."""

    def now(self) -> float: ...

    def wall(self) -> float: ...


class SystemClock:
    """The system's clocks."""

    now = staticmethod(time.monotonic)  # asked a dozen times for each event
    wall = staticmethod(time.time)
