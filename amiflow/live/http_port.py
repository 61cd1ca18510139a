"""The HTTP port: signals come in by POST and their replies go out; health, readiness and metrics are told.

Belongs here: requests and answers of HTTP, who may ask, and the bounds on strangers. Never here: reading HTTP (the
standard library's server does), what a signal means (`desk`), which metrics there are (`metrics`).

A worker serves one request and closes; there are at most 16, further callers are turned away at once. A request must
have come whole within ten seconds, however its bytes drip in, with at most 16 KiB of headers and 64 KiB of body. A
worker that waits for a flow's reply holds its place for as long as the configuration lets it.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import re
import socket
import threading
import time
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BufferedIOBase
from typing import Any
from urllib.parse import unquote, urlsplit

from amiflow.live.config import HttpPort
from amiflow.live.metrics import CONTENT_TYPE, render
from amiflow.live.problems import Trouble
from amiflow.live.requests import GiveSignal, Kind, Mailbox, TellFigures, TellHealth
from amiflow.live.version import amiflow_version

_WORKERS = 16
_LARGEST = 64 * 1024  # bytes of a body
_HEADERS = 16 * 1024  # bytes of the request line and the headers
_SILENCE = 5.0  # seconds in which a byte must come, or go
_HURRY = 10.0  # seconds in which the whole request must have come
_LOOK = 0.5  # seconds between two looks at who is slow
_PROMPT = 5.0  # seconds that the loop may take to tell how it is
_NAME = re.compile(r"/signal/([A-Za-z_]\w{0,127})", re.ASCII)

_STATUS: Mapping[Kind, HTTPStatus] = {
    "done": HTTPStatus.OK,
    "unknown": HTTPStatus.NOT_FOUND,
    "wrong": HTTPStatus.BAD_REQUEST,
    "idle": HTTPStatus.CONFLICT,
    "failed": HTTPStatus.INTERNAL_SERVER_ERROR,
    "stopped": HTTPStatus.SERVICE_UNAVAILABLE,
    "over": HTTPStatus.SERVICE_UNAVAILABLE,
    "late": HTTPStatus.GATEWAY_TIMEOUT,
}


class _Refused(Exception):
    """The request is answered with this status and these words."""

    def __init__(self, status: HTTPStatus, text: str, **headers: str) -> None:
        super().__init__(text)
        self.status = status
        self.headers = headers


class Web:
    """Listens as long as it is open. Raises Trouble where it cannot."""

    def __init__(self, settings: HttpPort, token: str, mailbox: Mailbox) -> None:
        try:
            self._server = _Server(settings, token, mailbox)
        except OSError as error:
            where = f"{settings.host}:{settings.port}"
            help = "another run may have it: `listen` of `http` in the configuration says where"
            raise Trouble(f"cannot listen on {where} for HTTP: {error.strerror or error}", help) from None
        self.port: int = self._server.server_address[1]
        serve = threading.Thread(target=self._server.serve_forever, args=(_LOOK,), name="http", daemon=True)
        serve.start()

    def close(self) -> None:
        """Listen no longer; who waits for a reply has been told that the run is over."""
        self._server.shutdown()
        self._server.server_close()


class _Server(HTTPServer):
    """One thread accepts, and looks at times who is too slow; a worker for each of a few connections."""

    request_queue_size = _WORKERS

    def __init__(self, settings: HttpPort, token: str, mailbox: Mailbox) -> None:
        self.patience = settings.patience
        self.token = token.encode("utf-8", "surrogateescape")
        self.mailbox = mailbox
        self.address_family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        self._places = threading.BoundedSemaphore(_WORKERS)
        self.reading: dict[socket.socket, float] = {}
        super().__init__((settings.host, settings.port), _Handler)

    def server_bind(self) -> None:
        """As its parent's parent does: a look-up of the host's name may take seconds, and nobody needs it."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def get_request(self) -> tuple[socket.socket, Any]:
        """Who waits at the door; where the system has no descriptor for it, not at once again."""
        try:
            return self.socket.accept()
        except OSError:
            time.sleep(_LOOK)
            raise

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give it to a worker, if one is free."""
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        self.reading[request] = time.monotonic() + _HURRY
        try:
            threading.Thread(target=self._work, args=(request, client_address), name="http", daemon=True).start()
        except RuntimeError:  # the system gives this process no more threads, for now
            self._let_go(request)

    def _work(self, request: socket.socket, client_address: Any) -> None:
        try:
            with contextlib.suppress(OSError, ValueError):  # the caller has gone, or was cut off
                self.finish_request(request, client_address)
        finally:
            self._let_go(request)

    def _let_go(self, request: socket.socket) -> None:
        self.reading.pop(request, None)
        self.shutdown_request(request)
        self._places.release()

    def service_actions(self) -> None:
        """Cut off whose request has not come in time."""
        now = time.monotonic()
        for connection, until in list(self.reading.items()):
            if now >= until:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


class _Bounded(BufferedIOBase):
    """What comes in, up to so many bytes; then it seems to end."""

    def __init__(self, stream: Any, most: int) -> None:
        self._stream = stream
        self._left = most

    @property
    def is_full(self) -> bool:
        """Whether there was too much."""
        return self._left <= 0

    def readline(self, size: int | None = -1, /) -> bytes:
        line: bytes = self._stream.readline(min(self._left, size if size is not None and size >= 0 else self._left))
        self._left -= len(line)
        return line

    def close(self) -> None:
        """The stream below is another's."""


class _Handler(BaseHTTPRequestHandler):
    """One request."""

    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = _SILENCE
    error_content_type, error_message_format = "application/json", '{"error": "%(message)s"}\n'

    def handle(self) -> None:
        """Serve one request and be done: an idle connection would hold a worker."""
        self._whole = self.rfile
        self._head = self.rfile = _Bounded(self.rfile, _HEADERS)
        self.close_connection = True
        self.handle_one_request()
        self._linger()

    def _answer(self) -> None:
        path = urlsplit(self.path).path
        try:
            if self._head.is_full:
                words = f"the request line and the headers have at most {_HEADERS} bytes"
                raise _Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, words)
            pages = {"/health": self._health, "/ready": self._ready, "/metrics": self._metrics}
            if path in pages:
                self._check_method(f"{path} is asked for by GET", "GET", "HEAD")
                pages[path]()
            elif (signal := _NAME.fullmatch(unquote(path))) is not None:
                self._check_method("a signal is given by POST", "POST")
                self._signal(signal[1])
            else:
                raise _Refused(HTTPStatus.NOT_FOUND, "there is /signal/NAME, /health, /ready and /metrics")
        except _Refused as refused:
            self._say(refused.status, {"error": str(refused)}, **refused.headers)

    # What none of these is, is answered by 501.
    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_TRACE = do_CONNECT = _answer

    # --- what there is

    def _signal(self, name: str) -> None:
        self._check_token()
        fields = self._fields()
        self.server.reading.pop(self.connection, None)
        request = GiveSignal(name, fields)
        if "respond-async" in self.headers.get("Prefer", ""):
            self.server.mailbox.leave(request)
            self._say(HTTPStatus.ACCEPTED, {"accepted": name})
            return
        answer = self.server.mailbox.ask(request, self.server.patience)
        body = answer.value if answer.failure is None else {"error": answer.failure}
        self._say(_STATUS[answer.kind], body)

    def _health(self) -> None:
        """Whether the loop turns."""
        answer = self.server.mailbox.ask(TellHealth(), _PROMPT)
        alive = answer.failure is None
        status = HTTPStatus.OK if alive else HTTPStatus.SERVICE_UNAVAILABLE
        self._say(status, answer.value if alive else {"alive": False})

    def _ready(self) -> None:
        """Whether all that the run is for can be done: every server is ready, and the kill switch is off."""
        answer = self.server.mailbox.ask(TellHealth(), _PROMPT)
        state = answer.value if isinstance(answer.value, dict) else {"alive": False}
        self._say(HTTPStatus.OK if state.get("ready") else HTTPStatus.SERVICE_UNAVAILABLE, state)

    def _metrics(self) -> None:
        self._check_token()
        answer = self.server.mailbox.ask(TellFigures(), _PROMPT)
        if not isinstance(answer.value, dict):
            raise _Refused(_STATUS[answer.kind], answer.failure or "no figures came")
        self._send(HTTPStatus.OK, CONTENT_TYPE, render(answer.value, amiflow_version()))

    # --- what comes in

    def _check_method(self, words: str, *methods: str) -> None:
        if self.command not in methods:
            raise _Refused(HTTPStatus.METHOD_NOT_ALLOWED, words, Allow=", ".join(methods))

    def _check_token(self) -> None:
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        given = token.strip().encode("utf-8", "surrogateescape")
        if scheme.casefold() != "bearer" or not hmac.compare_digest(given, self.server.token):
            words = "this needs `Authorization: Bearer TOKEN`, with the token of `http:` in the configuration"
            raise _Refused(HTTPStatus.UNAUTHORIZED, words, WWW_Authenticate="Bearer")

    def _fields(self) -> dict[str, str]:
        """The fields of the signal, from a JSON object of plain values."""
        kind = self.headers.get_content_type() if "Content-Type" in self.headers else "application/json"
        if kind != "application/json":
            raise _Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"the body is JSON (application/json), not {kind}")
        try:
            given = json.loads(self._body() or b"{}", parse_constant=_no_number, object_pairs_hook=_once)
        except (ValueError, RecursionError) as error:
            raise _Refused(HTTPStatus.BAD_REQUEST, f"the body is no JSON: {error}") from None
        if not isinstance(given, dict):
            raise _Refused(HTTPStatus.BAD_REQUEST, "the body is a JSON object, a field of the signal for each key")
        return {name: _text(name, value) for name, value in given.items() if value is not None}

    def _body(self) -> bytes:
        if "Transfer-Encoding" in self.headers:
            raise _Refused(HTTPStatus.LENGTH_REQUIRED, "the body is sent whole, with its Content-Length")
        length = self.headers.get("Content-Length", "0")
        if not re.fullmatch(r"\d{1,12}", length, re.ASCII):
            raise _Refused(HTTPStatus.BAD_REQUEST, "Content-Length is no number of bytes")
        if int(length) > _LARGEST:
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body has at most {_LARGEST} bytes")
        body: bytes = self._whole.read(int(length))
        if len(body) < int(length):
            raise _Refused(HTTPStatus.BAD_REQUEST, "the body is shorter than its Content-Length")
        return body

    # --- what goes out

    def _say(self, status: HTTPStatus, value: object, **headers: str) -> None:
        self._send(status, "application/json", json.dumps(value).encode() + b"\n", **headers)

    def _send(self, status: HTTPStatus, kind: str, body: bytes, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        for name, text in headers.items():
            self.send_header(name.replace("_", "-"), text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _linger(self) -> None:
        """Read on for a moment what was not read: a connection that is closed before loses our answer on its way."""
        self.wfile.flush()
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(_LOOK)
            left = _LARGEST
            while left > 0 and (piece := self.connection.recv(min(left, 8192))):
                left -= len(piece)

    def version_string(self) -> str:
        """Without its version, which is nobody's business."""
        return "amiflow"

    def log_message(self, format: str, *args: object) -> None:
        """Who asks is not told in the log: a stranger could fill it."""


def _no_number(word: str) -> object:
    raise ValueError(f"{word} is no number")


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is there twice")
    return found


def _text(name: str, value: object) -> str:
    """A field's value as a signal carries it; a flow reads it by its declared type."""
    match value:
        case bool():
            return "true" if value else "false"
        case str() | int() | float():
            return str(value)
    raise _Refused(HTTPStatus.BAD_REQUEST, f"`{name}` is a text, a number or a bool, nothing that has parts")
