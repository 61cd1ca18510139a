"""The faults of `support.faults` between real sockets: a proxy in front of a manager interface.

What belongs here: one thread that carries bytes from clients to the server and back through lines. What never does:
what befalls them (`support.faults`), amiflow.
"""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

from support.faults import Fault, Line

_READ = 65_536
_MOST_UNSENT = 262_144
_CUT, _STOP = b"c", b"s"


@dataclass(eq=False)
class _Way:
    """A client, the server's end for it, and what is between."""

    client: socket.socket
    server: socket.socket
    line: Line
    unsent: dict[socket.socket, bytearray] = field(default_factory=dict)
    ended: set[socket.socket] = field(default_factory=set)

    def open_ends(self) -> list[socket.socket]:
        """Those from which is read: who stops reading at one end stops the other one from writing, as without us."""
        across = {self.client: self.server, self.server: self.client}
        return [end for end in across if end not in self.ended and len(self.unsent[across[end]]) < _MOST_UNSENT]


class FaultProxy:
    """Listens on `port` for as long as its block lasts. `faults` befall its connections in their order, the others
    none; `lines` are all of them so far."""

    def __init__(self, target: int, faults: Sequence[Fault | None] = ()) -> None:
        self.lines: list[Line] = []
        self._target = target
        self._faults = faults
        self._ways: list[_Way] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._ask, self._asked = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, name="proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ask.send(_STOP)
        self._thread.join(10)
        self._ask.close()

    def cut(self) -> None:
        """Cut the connections that there are."""
        self._ask.send(_CUT)

    def _serve(self) -> None:
        try:
            while self._turn():
                pass
        finally:
            for way in self._ways:
                self._close(way)
            self._listener.close()
            self._asked.close()

    def _turn(self) -> bool:
        reading = [end for way in self._ways for end in way.open_ends()]
        writing = [end for way in self._ways for end, data in way.unsent.items() if data]
        due = min((at for way in self._ways if (at := way.line.deadline()) is not None), default=None)
        patience = None if due is None else max(0.0, due - time.monotonic())
        readable, writable, _ = select.select([self._listener, self._asked, *reading], writing, [], patience)
        if self._asked in readable and not self._obey():
            return False
        if self._listener in readable:
            self._accept()
        for way in list(self._ways):
            self._carry(way, readable, writable)
        return True

    def _obey(self) -> bool:
        asked = self._asked.recv(64)
        for way in self._ways if _CUT in asked else ():
            way.line.is_cut = True
        return _STOP not in asked

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        try:
            server = socket.create_connection(("127.0.0.1", self._target), 5)
        except OSError:
            client.close()
            return
        number = len(self.lines)
        line = Line(self._faults[number] if number < len(self._faults) else None)
        self.lines.append(line)
        for end in (client, server):
            end.setblocking(False)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._ways.append(_Way(client, server, line, {client: bytearray(), server: bytearray()}))

    def _carry(self, way: _Way, readable: Sequence[object], writable: Sequence[object]) -> None:
        now = time.monotonic()
        for end, direction in ((way.client, "to server"), (way.server, "to client")):
            if end in readable:
                self._read(way, end, direction, now)
        for end, direction in ((way.server, "to server"), (way.client, "to client")):
            while data := way.line.take(direction, now):
                way.unsent[end] += data
            self._write(way, end)
        nothing_left = way.line.deadline() is None and not any(way.unsent.values())
        if (way.line.is_cut or way.ended) and nothing_left:
            self._close(way)
            self._ways.remove(way)

    def _read(self, way: _Way, end: socket.socket, direction: str, now: float) -> None:
        try:
            data = end.recv(_READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            way.ended.add(end)
        way.line.put(direction, data, now)  # type: ignore[arg-type]  # one of the two, as the callers know

    def _write(self, way: _Way, end: socket.socket) -> None:
        unsent = way.unsent[end]
        if unsent:
            try:
                del unsent[: end.send(unsent)]
            except BlockingIOError:
                return
            except OSError:
                unsent.clear()

    def _close(self, way: _Way) -> None:
        for end in (way.client, way.server):
            with suppress(OSError):
                end.close()
