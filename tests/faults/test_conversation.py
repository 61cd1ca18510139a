"""The showpiece's conversation with a fault at every byte, both ways, in one process and in virtual time."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from support.fault_table import Told
from support.faults import (
    DIRECTIONS,
    Corrupt,
    Cut,
    Delay,
    Direction,
    Duplicate,
    Fault,
    Flood,
    HalfOpen,
    Merge,
    Pieces,
    Stall,
)
from support.showpiece import count, messages_at, places, suffer

PARTS = 6  # of each kind's places, so that the processors share them

AT_EVERY_BYTE: dict[str, Callable[[Direction, int], Fault]] = {
    "the connection is cut": Cut,
    "nothing passes any more, and nobody is told": HalfOpen,
    "what follows is held for 3 s": lambda direction, at: Stall(direction, at, 3.0),
    "what follows is held for 20 s, beyond every patience": lambda direction, at: Stall(direction, at, 20.0),
    "what follows comes 2 s late": lambda direction, at: Delay(direction, at, 2.0),
    "what follows comes merged, once a second": lambda direction, at: Merge(direction, at, 1.0),
    "one bit is turned round": lambda direction, at: Corrupt(direction, at, 1 << at % 8),
}

OTHER_CALLS = b"".join(
    b"Event: BridgeEnter\r\nPrivilege: call,all\r\nBridgeUniqueid: other-%d\r\nBridgeType: %b\r\n"
    b"Channel: PJSIP/other-%d\r\nUniqueid: 1.%d\r\nLinkedid: 1.%d\r\n\r\n" % (number, kind, number, number, number)
    for number in range(10)
    for kind in (b"holding", b"basic")
)
NOISE = b"Event: RTCPSent\r\nPrivilege: reporting,all\r\nBody: Event: BridgeEnter" + b"x" * 900 + b"\r\n\r\n"


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("kind", AT_EVERY_BYTE)
def test_at_every_byte(kind: str, part: int, faults: Told) -> None:
    make = AT_EVERY_BYTE[kind]
    suffered(f"at every byte: {kind}", (make(direction, at) for direction, at in places(part, PARTS)), faults)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_in_small_pieces(direction: Direction, size: int, faults: Told) -> None:
    suffered("all of it in pieces of 1 to 64 bytes", [Pieces(direction, 0, size)], faults)


def test_each_message_twice(faults: Told) -> None:
    suffered("after every message: it comes again", (Duplicate("to client", at) for at in messages_at()), faults)


def test_a_flood_after_each_message(faults: Told) -> None:
    flood = (OTHER_CALLS + NOISE * 20) * 25
    suffered("after every message: 1,000 others", (Flood("to client", at, flood, 1) for at in messages_at()), faults)


def suffered(name: str, given: Iterable[Fault], faults: Told) -> None:
    count(name, [suffer(fault) for fault in given], faults)
