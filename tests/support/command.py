"""What the command line's tests share: two small recipes, and the type of the fixture that runs a command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

RIGHT = """\
param room: text = "680"   # the conference's extension
param limit: int = 5
flow says on start { log "room ${room}, limit ${limit}" }
test "it says so" { start expect log "room 680, limit 5" }
"""
WRONG = 'flow f on Hangup as h { log "${h.Caus}" }\n'


@dataclass(frozen=True)
class Result:
    """What a command came to."""

    status: int
    out: str
    err: str


Amiflow = Callable[..., Result]
