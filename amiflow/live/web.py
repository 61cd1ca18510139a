"""Requests to web servers, each within its time and bounded in size.

Belongs here: the errand `http`. Never here: whether the run allows it (`effects`), what a flow makes of the answer
(`engine.errands`).
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading

from amiflow.engine.effects import HttpRequest, HttpResult
from amiflow.live.bounded import LARGEST, NO_URL, Failed, left
from amiflow.plan.errands import URL

_OWN = frozenset(("host", "connection", "content-length", "transfer-encoding"))
"""They say to whom the request goes and where it ends: by these a request would become another one, or two."""
_REDIRECTS = range(300, 400)
_LONGEST = 2e6  # seconds that a socket can wait at a stretch: it takes no more than 24 days


def fetch(request: HttpRequest, end: float) -> HttpResult:
    """Ask once, until a monotonic time. A redirect is not followed: what it leads to is not what the run allows. Raises
    Failed, OSError, ValueError."""
    found = URL.fullmatch(request.url)
    if found is None:
        raise Failed(NO_URL, begun=False)
    own = next((name for name, _ in request.headers if name.casefold() in _OWN), None)
    if own is not None:
        raise Failed(f"the header {own} is not the recipe's to say", begun=False)
    connection = _connected(found["scheme"], found["host"], end)
    # A server that sends a byte now and then would keep each single wait short, and a worker busy for ever.
    cutter = threading.Timer(left(end), _cut, (connection.sock,))
    cutter.daemon = True
    cutter.start()
    try:
        path = found["path"] or "/"
        headers = {"User-Agent": "amiflow", "Connection": "close", **dict(request.headers)}
        body = request.body.encode("utf-8", "surrogateescape") if request.body is not None else None
        connection.request(request.method.upper(), path if path.startswith("/") else f"/{path}", body, headers)
        answer = connection.getresponse()
        if answer.status in _REDIRECTS:
            raise Failed(f"the server redirects ({answer.status}): ask {answer.headers.get('Location')} itself", True)
        text = _read(connection, answer, end).decode("utf-8", "replace")
        left(end)  # what was cut off looks as if it had ended
        return HttpResult(answer.status, text)
    except http.client.HTTPException as error:
        raise Failed(str(error) or type(error).__name__, begun=True) from error
    finally:
        cutter.cancel()
        connection.close()


def _patience(end: float) -> float:
    """How long a socket may wait. Raises Failed where the time is over."""
    return min(left(end), _LONGEST)


def _cut(connected: socket.socket) -> None:
    """The time is over: whoever waits for this connection gets its end."""
    with contextlib.suppress(OSError):
        connected.shutdown(socket.SHUT_RDWR)


def _connected(scheme: str, host: str, end: float) -> http.client.HTTPConnection:
    connection: http.client.HTTPConnection
    if scheme == "https":
        connection = http.client.HTTPSConnection(host, timeout=_patience(end), context=ssl.create_default_context())
    else:
        connection = http.client.HTTPConnection(host, timeout=_patience(end))
    try:
        connection.connect()
    except OSError as error:
        connection.close()
        raise Failed(f"no connection to {host}: {error}", begun=False) from error
    return connection


def _read(connection: http.client.HTTPConnection, answer: http.client.HTTPResponse, end: float) -> bytes:
    pieces, size = [], 0
    while piece := answer.read1(65536):
        pieces.append(piece)
        size += len(piece)
        if size > LARGEST:
            raise Failed(f"the answer is larger than {LARGEST} bytes", begun=True)
        if connection.sock is not None:
            connection.sock.settimeout(_patience(end))
    return b"".join(pieces)
