"""The simulated PBX on a listening socket of 127.0.0.1: `amiflow simulate`, and the server of `amiflow run --simulate`.

Belongs here: sockets, the clock, one `select` loop, in the caller's thread (`serve`) or in one of its own (`start`).
Never here: anything that AMI or a PBX means (`tools.pbx`). Other threads do no more than ask through a socket pair.
"""

from __future__ import annotations

import itertools
import secrets
import selectors
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field

from amiflow.ami.catalog import Catalog
from amiflow.tools.pbx.service import Service
from amiflow.tools.scenario import Scenario

HOST = "127.0.0.1"
_READ = 65_536
_MOST_WAITING = 8 * 1024 * 1024  # bytes that a client may leave unread; then it is cut off, as Asterisk does
_BEGIN, _STOP = b"b", b"s"


@dataclass(slots=True, eq=False)
class _Client:
    number: int
    socket: socket.socket
    watched: int = 0  # what `select` looks for
    waiting: bytearray = field(default_factory=bytearray)


class Simulator:
    """A server of one simulated PBX. Raises OSError where the port is taken.

    `port` 0 is any free one; `address` says which it became. The scenario begins when the first client has logged in,
    or, where `begins_at_login` is false, when `begin` is called.
    """

    def __init__(self, scenario: Scenario, catalog: Catalog, port: int = 0, begins_at_login: bool = True) -> None:
        self._listener = socket.create_server((HOST, port))
        self._listener.setblocking(False)
        self.address: tuple[str, int] = (HOST, self._listener.getsockname()[1])
        self._ask, self._asked = socket.socketpair()
        self._offset = time.time() - time.monotonic()
        challenge = str(secrets.randbelow(10**9))
        self._service = Service(scenario, catalog, self._now(), challenge, begins_at_login)
        self._numbers = itertools.count()
        self._clients: dict[int, _Client] = {}
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ, self._listener)
        self._selector.register(self._asked, selectors.EVENT_READ, self._asked)

    # --- for other threads --------------------------------------------------------------------------------------------

    def start(self) -> tuple[str, int]:
        """Serve in a thread of its own; returns host and port."""
        self._thread = threading.Thread(target=self.serve, name="simulator", daemon=True)
        self._thread.start()
        return self.address

    def begin(self) -> None:
        """Let the scenario begin."""
        self._ask.send(_BEGIN)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the scenario has ended and every client has been sent what came of it, or until `stop`; false
        where `timeout` seconds were over before."""
        return self._ended.wait(timeout)

    def stop(self) -> None:
        """Cut every connection and stop serving; a second time means nothing."""
        with suppress(OSError):  # it has stopped already
            self._ask.send(_STOP)
        if self._thread is not None:
            self._thread.join()
        self._ask.close()

    # --- the loop -----------------------------------------------------------------------------------------------------

    def serve(self) -> None:
        """Serve until `stop`, or until an exception such as KeyboardInterrupt."""
        try:
            while self._turn():
                pass
        finally:
            self._close()

    def _turn(self) -> bool:
        """Wait for what comes next and see to it; false when asked to stop."""
        for key, events in self._selector.select(self._patience()):
            if key.data is self._listener:
                self._accept()
            elif key.data is self._asked:
                if not self._obey():
                    return False
            elif events & selectors.EVENT_READ:
                self._read(key.data)
        self._service.advance(self._now())
        for client in list(self._clients.values()):
            self._write(client)
        if self._service.ended and not any(client.waiting for client in self._clients.values()):
            self._ended.set()
        return True

    def _patience(self) -> float | None:
        deadline = self._service.deadline()
        return None if deadline is None else max(0.0, deadline - self._now())

    def _now(self) -> float:
        return time.monotonic() + self._offset

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return  # it has gone again
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = _Client(next(self._numbers), connection)
        self._clients[client.number] = client
        self._service.connect(client.number)

    def _obey(self) -> bool:
        asked = self._asked.recv(64)
        if _BEGIN in asked:
            self._service.begin(self._now())
        return _STOP not in asked

    def _read(self, client: _Client) -> None:
        try:
            data = client.socket.recv(_READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._service.receive(client.number, data, self._now())
        else:
            self._drop(client)

    def _write(self, client: _Client) -> None:
        client.waiting += self._service.data_to_send(client.number, self._now())
        try:
            sent = client.socket.send(client.waiting) if client.waiting else 0
        except BlockingIOError:
            sent = 0
        except OSError:
            self._drop(client)
            return
        del client.waiting[:sent]
        leaves = self._service.left(client.number) and not client.waiting
        if leaves or len(client.waiting) > _MOST_WAITING:
            self._drop(client)
        else:
            self._watch(client)

    def _watch(self, client: _Client) -> None:
        wanted = 0 if self._service.busy(client.number) else selectors.EVENT_READ
        wanted |= selectors.EVENT_WRITE if client.waiting else 0
        if wanted == client.watched:
            return
        if client.watched:
            self._selector.unregister(client.socket)
        if wanted:
            self._selector.register(client.socket, wanted, client)
        client.watched = wanted

    def _drop(self, client: _Client) -> None:
        if client.watched:
            self._selector.unregister(client.socket)
        client.socket.close()
        del self._clients[client.number]
        self._service.disconnect(client.number)

    def _close(self) -> None:
        for client in list(self._clients.values()):
            self._drop(client)
        self._selector.close()
        self._listener.close()
        self._asked.close()
        self._ended.set()
