"""Durations as recipes write them.

Belongs here: the one way a duration becomes text. Never here: a header's units (`plan.types.Coding`).
"""

from __future__ import annotations

from datetime import timedelta


def duration_text(value: timedelta) -> str:
    """The duration as recipes write it, `1h30m`; what is below a millisecond is cut off."""
    millis = abs(value) // timedelta(milliseconds=1)
    text = ""
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)):
        count, millis = divmod(millis, size)
        text += f"{count}{unit}" if count else ""
    return ("-" if value < timedelta(0) else "") + (text or "0s")
