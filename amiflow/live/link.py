"""One connection: bytes in, bytes out, over a TCP or TLS socket.

Belongs here: connecting, certificates, partial reads and writes. Never here: what the bytes mean (`ami.session`), when
to try again (`supervise`), or waiting (`loop`). A connected socket never waits: the loop calls when `select` says that
there is no need to, and a TLS record of which half has come is read when the rest of it is there. (A socket with a time
of its own would be polled before each call, two system calls for one.)
"""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass, field

from amiflow.live.config import Server, Tls

END_OF_STREAM = "the server closed the connection"
UNVERIFIED = "its certificate does not verify"
MAX_WAITING = 8 * 1024 * 1024


class LinkLost(Exception):
    """The connection is gone, for the reason in the text."""


@dataclass(slots=True, eq=False)
class Link:
    """A connected socket with the bytes that it has not taken yet, at most `MAX_WAITING` of them. What is to be written
    is put behind them."""

    _socket: socket.socket
    peer: str
    encrypted: bool
    waiting: bytearray
    descriptor: int = field(init=False)
    """For `select`."""

    def __post_init__(self) -> None:
        self.descriptor = self._socket.fileno()

    def receive(self, room: memoryview) -> int:
        """Put what there is into the room: how many bytes; none where there is nothing, or a TLS record is not whole
        yet. Raises LinkLost at the end."""
        try:
            size = self._socket.recv_into(room)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return 0
        except OSError as error:
            raise LinkLost(reason_of(error)) from None
        if not size:
            raise LinkLost(END_OF_STREAM)
        return size

    @property
    def holds_more(self) -> bool:
        """Whether decrypted bytes wait that `select` cannot see."""
        return self.encrypted and isinstance(self._socket, ssl.SSLSocket) and self._socket.pending() > 0

    def flush(self) -> None:
        """Write what waits, as far as the socket will have it. Raises LinkLost, also when the peer has stopped reading
        and more than `MAX_WAITING` bytes are due."""
        waiting = self.waiting
        if len(waiting) > MAX_WAITING:
            raise LinkLost(f"the server takes no bytes: {len(waiting)} are waiting")
        try:
            del waiting[: self._socket.send(waiting)]
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError as error:
            raise LinkLost(reason_of(error)) from None

    def close(self) -> None:
        """Close the socket; nothing that waits is sent any more."""
        self._socket.close()


def connect(server: Server) -> Link:
    """A connection to the server, made within its time for connecting; meant for a worker, as it waits.

    Raises OSError (among them `ssl.SSLError`) as the system gives it, and ValueError for a host that is no name.
    """
    context = tls_context(server.tls) if server.tls else None
    plain = socket.create_connection((server.host, server.port), timeout=server.timeouts.connect)
    try:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wrapped = plain
        if context and server.tls:
            wrapped = context.wrap_socket(plain, server_hostname=server.tls.server_name or server.host)
        wrapped.setblocking(False)
    except BaseException:
        plain.close()
        raise
    return Link(wrapped, f"{server.host}:{server.port}", context is not None, bytearray())


def tls_context(tls: Tls) -> ssl.SSLContext:
    """What a certificate must meet. Raises OSError where the file of authorities cannot be read."""
    context = ssl.create_default_context(cafile=tls.ca)
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def reason_of(error: Exception) -> str:
    """The error in words for a log line."""
    match error:
        case ssl.SSLCertVerificationError():
            return f"{UNVERIFIED}: {error.verify_message}"
        case ssl.SSLError():
            return f"TLS failed: {(error.reason or str(error)).replace('_', ' ').lower()}"
        case TimeoutError():
            return "no answer in time"
        case socket.gaierror():
            return f"its name is not known ({error.strerror})"
        case OSError(strerror=str(text)):
            return text.lower()
    return str(error)
