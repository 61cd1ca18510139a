"""Whether two parts of plans mean the same, wherever they stand in their files.

Belongs here: that one question. Never here: what follows from the answer (`engine.succession`).
"""

from __future__ import annotations

from typing import Any

from amiflow.plan.walk import FIELDS
from amiflow.report.source import Span


def alike(one: Any, other: Any) -> bool:
    """Whether they are equal but for their spans."""
    if type(one) is not type(other):
        return False
    if isinstance(one, Span):
        return True
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(alike, one, other))
    names = FIELDS[type(one)]
    if names is not None:
        return all(alike(getattr(one, name), getattr(other, name)) for name in names)
    return bool(one == other)
