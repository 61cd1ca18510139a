"""A manager interface that loads one client and scores what it does: a process of its own.

Belongs here: the little of AMI that a login, a Redirect and its answer take, the load as fast as the client reads it or
at a pace, and the score. Never here: the client (`process`), what the scores mean (`rows`).

It says on standard output, one JSON object a line: `{"at": "listening", "port": …}`, `{"at": "start"}` when the client
is ready (it sends a UserEvent with the word BenchReady), and the score, `{"at": "end", …}`.
"""

from __future__ import annotations

import argparse
import json
import re
import select
import socket
import sys
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator

from benchmarks.stream import BLOCK, Load, events

_ACTION = re.compile(rb"(?im)^action:[ \t]*([^\r\n]*)")
_ID = re.compile(rb"(?im)^actionid:[ \t]*([^\r\n]*)")
_CHANNEL = re.compile(rb"(?im)^channel:[ \t]*([^\r\n]*)")
_EXTEN = re.compile(rb"(?im)^exten:[ \t]*680\r?$")
_ANSWERS = {
    b"challenge": b"Challenge: 123456789\r\n",
    b"listcommands": b"Redirect: Redirect a call.  (Priv: call,all)\r\nUserEvent: Send an event.  (Priv: user,all)\r\n",
}
_QUIET = 5.0  # seconds without an action after which those still missing count as lost
_LONGEST = 20.0  # seconds after the load after which a client that is too slow is left
_MOST = 120.0  # seconds that the load itself may take
_LATE = 5.0  # seconds that a client may be behind the pace
_SETTLE = 0.6
_MOST_MADE = 1_000_000
Block = tuple[bytes, set[bytes]]


class Desk:
    """The client's connection: answers what is asked, and remembers what was done when."""

    def __init__(self, client: socket.socket) -> None:
        self._client = client
        self._heard = b""
        self._answers = bytearray()
        self._blocks: deque[bytes] = deque()
        self._left = memoryview(b"")
        self.ready = False
        self.gone = False
        self.done: Counter[bytes] = Counter()
        self.times: dict[bytes, float] = {}
        self.last = time.perf_counter()
        client.setblocking(False)

    def send(self, block: bytes) -> None:
        """Have these whole messages sent as the client reads; answers go before the next block."""
        self._blocks.append(block)

    @property
    def full(self) -> bool:
        return len(self._blocks) > 1

    @property
    def empty(self) -> bool:
        return not (self._left or self._answers or self._blocks)

    def turn(self, patience: float) -> None:
        """Read and write what can be, waiting at most so many seconds."""
        readable, writable, _ = select.select([self._client], [] if self.empty else [self._client], [], patience)
        try:
            if readable:
                self._read()
            if writable:
                self._write()
        except BlockingIOError:
            pass
        except OSError:
            self.gone = True

    def _write(self) -> None:
        if not self._left and self._answers:
            self._left = memoryview(bytes(self._answers))
            self._answers.clear()
        elif not self._left:
            self._left = memoryview(self._blocks.popleft())
        self._left = self._left[self._client.send(self._left) :]

    def _read(self) -> None:
        data = self._client.recv(1 << 20)
        self.gone = not data
        *actions, self._heard = (self._heard + data).split(b"\r\n\r\n")
        for text in actions:
            self._answer(text)

    def _answer(self, text: bytes) -> None:
        name, number = _found(_ACTION, text).lower(), _found(_ID, text)
        head = b"Response: Success\r\n" + (b"ActionID: " + number + b"\r\n" if number else b"")
        self._answers += head + _ANSWERS.get(name, b"Message: Done\r\n") + b"\r\n"
        if b"BenchReady" in text:
            self.ready = True
        if name == b"login":
            self._answers += b"Event: FullyBooted\r\nPrivilege: system,all\r\nUptime: 1\r\nStatus: Fully Booted\r\n\r\n"
        elif name == b"redirect" and _EXTEN.search(text):
            self.last = time.perf_counter()
            channel = _found(_CHANNEL, text)
            self.times.setdefault(channel, self.last)
            self.done[channel] += 1


def _found(pattern: re.Pattern[bytes], text: bytes) -> bytes:
    found = pattern.search(text)
    return found[1] if found else b""


def blast(desk: Desk, load: Load) -> dict[str, float]:
    """The whole load, as fast as it is read; made beforehand, unless that would take too much memory."""
    made: Iterable[Block] = _blocks(load)
    blocks = made if load.count > _MOST_MADE else list(made)
    wanted: set[bytes] = set()
    _say(at="start")
    began = desk.last = time.perf_counter()
    for block, channels in blocks:
        wanted |= channels
        desk.send(block)
        while desk.full and not desk.gone and time.perf_counter() < began + _MOST:
            desk.turn(1.0)
        if desk.full:
            break
    _finish(desk, wanted)
    return {"seconds": desk.last - began, **_score(desk, wanted)}


def _blocks(load: Load) -> Iterator[Block]:
    block, channels = bytearray(), set[bytes]()
    for data, channel in events(load):
        block += data
        if channel:
            channels.add(channel)
        if len(block) >= BLOCK:
            yield bytes(block), channels
            block, channels = bytearray(), set()
    yield bytes(block), channels


def pace(desk: Desk, load: Load, rate: float) -> dict[str, float]:
    """So many events a second, each sent by itself; how long each action took is measured."""
    ready = list(events(load))
    wanted, sent = {channel for _, channel in ready if channel}, {}
    _say(at="start")
    began = time.perf_counter()
    for number, (data, channel) in enumerate(ready):
        due = began + number / rate
        while not desk.gone and ((left := due - time.perf_counter()) > 0 or not desk.empty):
            desk.turn(max(0.0, min(left, 0.05)))
            if left < -_LATE:
                break
        if not desk.empty:
            break
        if channel:
            sent[channel] = time.perf_counter()
        desk.send(data)
        desk.turn(0.0)
    _finish(desk, wanted)
    took = sorted(desk.times[channel] - at for channel, at in sent.items() if channel in desk.times)
    latency = {"p50": took[len(took) // 2], "p99": took[len(took) * 99 // 100]} if took else {}
    return {"seconds": time.perf_counter() - began, **latency, **_score(desk, wanted)}


def _finish(desk: Desk, wanted: set[bytes]) -> None:
    began = time.perf_counter()
    while not desk.gone and (not desk.empty or len(desk.done) < len(wanted)):
        desk.turn(0.05)
        now = time.perf_counter()
        if now - began > _LONGEST or (desk.empty and now - max(began, desk.last) > _QUIET):
            return


def _score(desk: Desk, wanted: set[bytes]) -> dict[str, float]:
    return {
        "expected": len(wanted),
        "lost": len(wanted - desk.done.keys()),
        "twice": sum(count - 1 for count in desk.done.values()),
        "wrong": len(desk.done.keys() - wanted),
    }


def _say(**what: object) -> None:
    print(json.dumps(what), flush=True)


def main() -> None:
    """Serve one client."""
    parser = argparse.ArgumentParser()
    parser.add_argument("count", type=int)
    parser.add_argument("every", type=int)
    parser.add_argument("kind", choices=("calls", "one-name"))
    parser.add_argument("--rate", type=float, help="events a second; without it, as fast as they are read")
    given = parser.parse_args()
    load = Load(given.count, given.every, given.kind)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(30)
        _say(at="listening", port=listening.getsockname()[1])
        client, _ = listening.accept()
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.sendall(b"Asterisk Call Manager/11.0.0\r\n")  # before any answer: some clients do not wait for it
    desk = Desk(client)
    until = time.perf_counter() + 30
    while not desk.ready and not desk.gone and time.perf_counter() < until:
        desk.turn(0.1)
    settled = time.perf_counter() + _SETTLE
    while not desk.gone and time.perf_counter() < settled:
        desk.turn(0.05)
    _say(at="end", **(pace(desk, load, given.rate) if given.rate else blast(desk, load)))
    sys.stdin.readline()  # the client is measured before its connection goes


if __name__ == "__main__":
    main()
