"""What all errands have in common: how long they may take, how much they may bring, and that they could not be done.

Never here: how one is done (`effects`, `web`).
"""

from __future__ import annotations

import time

LARGEST = 1 << 20  # bytes of an answer or of a program's output
OVER = "the time is over"
NO_URL = "this is no URL of http or https"


class Failed(Exception):
    """The errand could not be done; `begun` says whether the other side may have seen something of it."""

    def __init__(self, text: str, begun: bool) -> None:
        super().__init__(text)
        self.begun = begun


def left(end: float) -> float:
    """The seconds until a monotonic time. Raises Failed where it has come."""
    seconds = end - time.monotonic()
    if seconds <= 0:
        raise Failed(OVER, begun=True)
    return seconds
