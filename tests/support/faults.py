"""What can befall a connection between a client and a manager interface: cut, half-open, stalled, delayed, in pieces,
merged, doubled, corrupted, flooded.

What belongs here: the faults as data, and a line that bytes go through, sans-IO, so that it serves one process in
virtual time (`support.world`) as well as real sockets (`support.fault_proxy`). What never does: sockets, clocks, and
what a fault ought to lead to. Times are seconds of whatever clock the owner has.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias, assert_never

Direction: TypeAlias = Literal["to server", "to client"]
DIRECTIONS: tuple[Direction, ...] = ("to server", "to client")
END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Cut:
    """Once so many bytes have passed, the connection ends for both."""

    direction: Direction
    at: int


@dataclass(frozen=True, slots=True)
class HalfOpen:
    """Once so many bytes have passed, nothing passes any more in either direction, and nobody is told."""

    direction: Direction
    at: int


@dataclass(frozen=True, slots=True)
class Stall:
    """What comes after so many bytes is held until `seconds` have passed, then all of it passes at once."""

    direction: Direction
    at: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Delay:
    """What comes after so many bytes takes `seconds` to arrive."""

    direction: Direction
    at: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Pieces:
    """After so many bytes nobody reads more than `size` bytes at once, nor sooner than `pause` after the last."""

    direction: Direction
    at: int
    size: int
    pause: float = 0.0


@dataclass(frozen=True, slots=True)
class Merge:
    """After so many bytes, what comes within `seconds` arrives as one."""

    direction: Direction
    at: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The message in which this byte lies comes twice."""

    direction: Direction
    at: int


@dataclass(frozen=True, slots=True)
class Corrupt:
    """This byte is another one: its bits are those of `mask` turned round."""

    direction: Direction
    at: int
    mask: int


@dataclass(frozen=True, slots=True)
class Flood:
    """Behind the message in which this byte lies come `messages`, so many times."""

    direction: Direction
    at: int
    messages: bytes
    times: int


Fault: TypeAlias = Cut | HalfOpen | Stall | Delay | Pieces | Merge | Duplicate | Corrupt | Flood


class Line:
    """One connection and what befalls it. Bytes are `put` in at one end and taken out at the other when they are due.

    `is_cut`: both ends see the end of the connection, after what has passed. `put_in` is what was put in, `passed` what
    was taken out and when.
    """

    def __init__(self, fault: Fault | None = None) -> None:
        self.is_cut = False
        self.put_in: dict[Direction, bytearray] = {one: bytearray() for one in DIRECTIONS}
        self.passed: dict[Direction, list[tuple[float, bytes]]] = {one: [] for one in DIRECTIONS}
        self._fault = fault
        self._silent = False
        self._due: dict[Direction, deque[tuple[float, bytes]]] = {one: deque() for one in DIRECTIONS}
        self._held_until: float | None = None
        self._done = False
        if fault is not None and fault.at == 0:
            self._strike(fault)

    def put(self, direction: Direction, data: bytes, now: float) -> None:
        """Bytes of the sender."""
        fault, before = self._fault, len(self.put_in[direction])
        self.put_in[direction] += data
        if self.is_cut or not data:
            return
        if fault is None or fault.direction != direction or before + len(data) < fault.at:
            self._enqueue(direction, data, now)
            return
        split = max(0, fault.at - before)
        self._enqueue(direction, data[:split], now)
        self._strike(fault)
        self._suffer(fault, data[split:], now)

    def take(self, direction: Direction, now: float) -> bytes:
        """What the receiver reads now, at one go; empty where there is nothing."""
        due, fault = self._due[direction], self._fault
        found = bytearray()
        in_pieces = isinstance(fault, Pieces) and fault.direction == direction
        while due and due[0][0] <= now and not (in_pieces and found):
            _, data = due.popleft()
            found += data
            if isinstance(fault, Pieces) and in_pieces:
                del found[fault.size :]
                self._put_off(direction, data[fault.size :], now + fault.pause)
        if found:
            self.passed[direction].append((now, bytes(found)))
        return bytes(found)

    def _put_off(self, direction: Direction, rest: bytes, until: float) -> None:
        """What is left of a piece, and all behind it, is not due before that time."""
        due = self._due[direction]
        if rest:
            due.appendleft((until, rest))
        for number, (when, data) in enumerate(due):
            due[number] = (max(when, until), data)

    def deadline(self) -> float | None:
        """When something that is held becomes due."""
        return min((due[0][0] for due in self._due.values() if due), default=None)

    def stream(self, direction: Direction) -> bytes:
        """All that the receiver read."""
        return b"".join(data for _, data in self.passed[direction])

    def _enqueue(self, direction: Direction, data: bytes, due: float) -> None:
        if data and not self._silent:
            self._due[direction].append((due, data))

    def _strike(self, fault: Fault) -> None:
        """The byte is reached."""
        match fault:
            case Cut():
                self.is_cut = True
            case HalfOpen():
                self._silent = True

    def _suffer(self, fault: Fault, data: bytes, now: float) -> None:
        """These bytes are behind the one at which the fault begins."""
        match fault:
            case Cut() | HalfOpen():
                return
            case Pieces():
                self._enqueue(fault.direction, data, now)
            case Delay(seconds=seconds):
                self._enqueue(fault.direction, data, now + seconds)
            case Stall(seconds=seconds):
                self._held_until = now + seconds if self._held_until is None else self._held_until
                self._enqueue(fault.direction, data, max(now, self._held_until))
            case Merge(seconds=seconds):
                if self._held_until is None or self._held_until <= now:
                    self._held_until = now + seconds
                self._enqueue(fault.direction, data, self._held_until)
            case Duplicate():
                self._add_behind(fault, data, now, lambda message: message)
            case Flood(messages=messages, times=times):
                self._add_behind(fault, data, now, lambda message: messages * times)
            case Corrupt(mask=mask):
                if data and not self._done:
                    self._done, data = True, bytes([data[0] ^ mask]) + data[1:]
                self._enqueue(fault.direction, data, now)
            case _:
                assert_never(fault)

    def _add_behind(self, fault: Fault, data: bytes, now: float, more: Callable[[bytes], bytes]) -> None:
        """Pass the bytes on, and something more behind the message in which the fault begins."""
        whole = self.put_in[fault.direction]
        end = whole.find(END, fault.at)
        behind = len(whole) - (end + len(END))
        if self._done or end < 0 or behind > len(data):
            self._enqueue(fault.direction, data, now)
            return
        self._done = True
        start = whole.rfind(END, 0, fault.at)
        message = bytes(whole[start + len(END) if start >= 0 else 0 : end + len(END)])
        self._enqueue(fault.direction, data[: len(data) - behind] + more(message) + data[len(data) - behind :], now)
