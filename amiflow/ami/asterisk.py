"""The server's end of one connection, without I/O: what a client meets before any action is carried out.

Belongs here: banner, login, privileges, event mask, filters, Ping, Logoff, the order of answers and events, as Asterisk
22 has them. Never here: what other actions do and which events there are; that is the owner's, who also has the sockets
and the clock. Bytes never raise.

One thread serves a session in Asterisk: while an action waits for its answer, nothing further is read and no event goes
out. So it is here: `next_request` gives nothing more, and events are kept back, until `respond`.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from amiflow.ami import filters
from amiflow.ami.classes import EVERYTHING, bits, privilege, read_mask, read_permissions
from amiflow.ami.message import to_bytes
from amiflow.ami.request import BadRequest, Request, RequestDecoder

Headers: TypeAlias = Sequence[tuple[str, str]]

_BEFORE_LOGIN = frozenset(("login", "challenge", "logoff"))


@dataclass(frozen=True, slots=True)
class Account:
    """Who may log in. The name ignores case; without a secret nobody can. `read` and `write` as in manager.conf."""

    username: str
    secret: str = field(repr=False)
    read: str = "all"
    write: str = "all"


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """What a session needs to know of its server.

    `privileges` says which classes allow an action (any one of them; none: everybody), and None where there is no such
    action. `challenge` is what MD5 logins answer to.
    """

    accounts: tuple[Account, ...]
    privileges: Callable[[str], Sequence[str] | None]
    ami_version: str = "11.0.0"
    challenge: str = "141460721"


@dataclass(frozen=True, slots=True)
class Closing:
    """How the session ends: after `delay` seconds `farewell` is written and the connection closed."""

    delay: float
    farewell: bytes


class ServerSession:
    """One client's session. `now` is epoch seconds, `started` when the server was fully booted: None if it is not yet,
    and then the owner sends FullyBooted by `event`."""

    def __init__(self, options: ServerOptions, started: float | None = None) -> None:
        self.closing: Closing | None = None
        self.account: Account | None = None
        self._read = self._write_bits = 0
        self._mask = EVERYTHING
        self._options = options
        self._started = started
        self._decoder = RequestDecoder()
        self._asked: deque[Request | BadRequest] = deque()
        self._open: Request | None = None
        self._out = bytearray(f"Asterisk Call Manager/{options.ami_version}\r\n".encode())
        self._held: list[bytes] = []
        self._filters: list[filters.Filter] = []
        self._challenged = False
        self._own: dict[str, Callable[[Request, float], None]] = {
            "challenge": self._challenge,
            "login": self._login,
            "logoff": self._log_off,
            "ping": self._ping,
            "events": self._set_mask,
            "filter": self._add_filter,
        }

    # --- bytes in, requests out, answers in, bytes out ---

    @property
    def busy(self) -> bool:
        """Whether a request waits for its answer; nothing more should be read from the client until it has it."""
        return self._open is not None

    def receive(self, data: bytes) -> None:
        """Take what the client sent; it is acted upon by `next_request`."""
        if self.closing is None:
            self._asked += self._decoder.feed(data)

    def next_request(self, now: float) -> Request | None:
        """The next action that the owner is to carry out and `respond` to; all others up to it are answered."""
        while self._asked and self._open is None and self.closing is None:
            asked = self._asked.popleft()
            if isinstance(asked, BadRequest):
                self._refuse(asked, asked.reason)
            elif not self._is_allowed(asked):
                continue
            elif own := self._own.get(asked.name.casefold()):
                own(asked, now)
            else:
                self._open = asked
                return asked
        return None

    def respond(self, request: Request, response: Headers, rows: Iterable[Headers] = ()) -> None:
        """Answer the request that is open: its response, then the rows of its list and what ends it.

        `response` begins with Response, each of `rows` with Event; the ActionID is put behind it.
        """
        assert request is self._open, f"{request.name} is not open"
        self._open = None
        for headers in (response, *rows):
            self._write(headers, request.action_id)
        self._release()

    def event(self, name: str, classes: Sequence[str], headers: Headers) -> None:
        """Send an event, if the client may see it, wants it and does not filter it out."""
        if self.account is None or self.closing is not None:
            return
        needed = bits(classes)
        if needed & self._read & self._mask != needed:
            return
        raw = _message([("Event", name), ("Privilege", privilege(classes)), *headers])
        if filters.passes(self._filters, raw):
            self._held.append(raw)
            self._release()

    def data_to_send(self) -> bytes:
        """The bytes that are to be written now; they are handed out once."""
        data = bytes(self._out)
        self._out.clear()
        return data

    # --- the session's own actions ---

    def _is_allowed(self, asked: Request) -> bool:
        """Whether the action may be carried out; if not, that has been answered."""
        name = asked.name.casefold()
        if self.account is None and name not in _BEFORE_LOGIN:
            self._refuse(asked, "Permission denied")
            return False
        needed = ("system",) if name == "filter" else () if name in self._own else self._options.privileges(asked.name)
        if needed is None:
            hint = "Use Action: ListCommands to show available commands."
            self._refuse(asked, f"Invalid/unknown command: {asked.name}. {hint}")
        elif needed and not bits(needed) & self._write_bits:
            self._refuse(asked, "Permission denied")
        else:
            return True
        return False

    def _challenge(self, asked: Request, _now: float) -> None:
        if asked.get("AuthType").casefold() != "md5":
            self._refuse(asked, "Must specify AuthType")
            return
        self._challenged = True
        self._answer(asked, ("Challenge", self._options.challenge))

    def _login(self, asked: Request, now: float) -> None:
        if self.account is not None:
            self._answer(asked, ("Message", "Already authenticated"))
            return
        account = self._authenticate(asked)
        if account is None:
            # Asterisk sleeps before it says so.
            self._close(1.0, _error(asked, "Authentication failed"))
            return
        self.account = account
        self._read, self._write_bits = read_permissions(account.read), read_permissions(account.write)
        mask = read_mask(asked.get("Events"))
        self._mask = self._mask if mask is None else mask
        self._answer(asked, ("Message", "Authentication accepted"))
        if self._started is not None and self._read & self._mask & bits(("system",)):
            seconds = str(int(now - self._started))
            times = (("Uptime", seconds), ("LastReload", seconds), ("Status", "Fully Booted"))
            self._write([("Event", "FullyBooted"), ("Privilege", privilege(("system",))), *times], "")

    def _authenticate(self, asked: Request) -> Account | None:
        name = asked.get("Username").casefold()
        account = next((one for one in self._options.accounts if one.username.casefold() == name), None)
        if account is None or not account.secret:
            return None
        if asked.get("AuthType").casefold() != "md5":
            return account if asked.get("Secret") == account.secret else None
        key = hashlib.md5(to_bytes(self._options.challenge + account.secret), usedforsecurity=False).hexdigest()
        return account if self._challenged and asked.get("Key") == key else None

    def _log_off(self, asked: Request, _now: float) -> None:
        thanks = ("Message", "Thanks for all the fish.")
        self._close(0.0, _message(_identified([("Response", "Goodbye"), thanks], asked.action_id)))

    def _ping(self, asked: Request, now: float) -> None:
        self._answer(asked, ("Ping", "Pong"), ("Timestamp", f"{now:.6f}"))

    def _set_mask(self, asked: Request, _now: float) -> None:
        mask = read_mask(asked.get("EventMask"))
        if mask is None:
            self._refuse(asked, "Invalid event mask")
            return
        self._mask = mask
        self._answer(asked, ("Events", "On" if mask else "Off"))

    def _add_filter(self, asked: Request, _now: float) -> None:
        if asked.get("Operation").casefold() != "add":
            self._refuse(asked, "Unknown operation")
            return
        found = filters.read_filter(asked.get("MatchCriteria"), asked.get("Filter"))
        if isinstance(found, str):
            self._refuse(asked, found)
            return
        self._filters.append(found)
        self._answer(asked, ("Message", "Success"))

    # --- writing ---

    def _answer(self, asked: Request, *headers: tuple[str, str]) -> None:
        self._write([("Response", "Success"), *headers], asked.action_id)

    def _refuse(self, asked: Request | BadRequest, words: str) -> None:
        self._out += _error(asked, words)

    def _close(self, delay: float, farewell: bytes) -> None:
        self.closing = Closing(delay, farewell)
        self._asked.clear()

    def _write(self, headers: Headers, action_id: str) -> None:
        self._out += _message(_identified(headers, action_id))

    def _release(self) -> None:
        if self._open is None:
            for raw in self._held:
                self._out += raw
            self._held.clear()


def _error(asked: Request | BadRequest, words: str) -> bytes:
    return _message(_identified([("Response", "Error"), ("Message", words)], asked.action_id))


def _identified(headers: Headers, action_id: str) -> Headers:
    return [headers[0], ("ActionID", action_id), *headers[1:]] if action_id else headers


def _message(headers: Headers) -> bytes:
    return to_bytes("".join(f"{name}: {value}\r\n" for name, value in headers)) + b"\r\n"
