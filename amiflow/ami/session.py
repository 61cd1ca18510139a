"""One connection to a manager interface, from banner to goodbye, without I/O.

Belongs here: login, readiness, keep-alive, and which response, row and end of list belongs to which action. Bytes and
the time go in, events and bytes to send come out; bytes never raise. Never here: sockets (`live.link`), when to connect
again (`live.supervise`), what the answers mean to a flow (`engine`).

The states and their order are `TRANSITIONS`; the documentation's diagram is drawn from it.
"""

from __future__ import annotations

import hashlib
import re
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, TypeAlias

from amiflow.ami.classes import BITS, mask_for, read_mask
from amiflow.ami.codec import Banner, Decoder, encode
from amiflow.ami.errors import LocalError
from amiflow.ami.lists import Listing, Lists, ListShape
from amiflow.ami.message import Message, finder, to_bytes
from amiflow.ami.reports import (
    Answered,
    Closed,
    Event,
    LoggedIn,
    LoginRefused,
    Ready,
    Sent,
    ServerShutdown,
    SessionEvent,
    Stray,
    Unanswered,
)
from amiflow.ami.scanner import Sieve, Wanted
from amiflow.ami.versions import at_least, marks_lists


class State(Enum):
    """Where a session stands."""

    BANNER = "waiting for the banner"
    CHALLENGE = "asking for a challenge"
    LOGIN = "logging in"
    BOOTING = "waiting for FullyBooted"
    READY = "ready"
    LEAVING = "logging off"
    CLOSED = "closed"


TRANSITIONS: dict[State, frozenset[State]] = {
    State.BANNER: frozenset((State.CHALLENGE, State.LOGIN, State.CLOSED)),
    State.CHALLENGE: frozenset((State.LOGIN, State.CLOSED)),
    State.LOGIN: frozenset((State.BOOTING, State.CLOSED)),
    State.BOOTING: frozenset((State.READY, State.LEAVING, State.CLOSED)),
    State.READY: frozenset((State.LEAVING, State.CLOSED)),
    State.LEAVING: frozenset((State.CLOSED,)),
    State.CLOSED: frozenset(),
}

Auth: TypeAlias = Literal["auto", "md5", "plain"]


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """How to log in and what to ask for; times in seconds.

    `mask` is the event mask sent with the login (`on`, `off`, or class names joined by commas, without blanks).
    `prefix` begins the ActionIDs of the session's own actions; it is random, so that nobody can forge an answer.
    `wanted` are the events that anybody wants (none: all of them); others may be left out, rows of lists never are.
    """

    username: str
    secret: str = field(repr=False)
    prefix: str
    auth: Auth = "auto"
    mask: str = "on"
    outstanding: int = 1
    login_timeout: float = 15.0
    boot_timeout: float = 2.0
    keepalive: float = 30.0
    keepalive_timeout: float = 10.0
    logoff_timeout: float = 2.0
    wanted: tuple[Wanted, ...] | None = None


@dataclass(slots=True)
class _Pending:
    """An action from its submission to the end of its answer, for which the connection has so much patience; the
    session's own Ping has no `data`."""

    action_id: str
    name: str
    data: bytes
    patience: float
    shape: ListShape | None
    deadline: float = 0.0


# Asterisk answers these without an ActionID, so that nothing can tell to what (IAXnetstats up to master, Queues up to
# 14), or they are the session's own business.
_UNSENDABLE = {
    "iaxnetstats": "Asterisk answers it without ActionID",
    "queues": "Asterisk answers it without ActionID",
    "login": "the runner logs in by itself",
    "logoff": "the runner logs off by itself",
    "challenge": "the runner logs in by itself",
    "events": "the runner sets the event mask",
    "filter": "the runner filters its events",
    "waitevent": "it stops the whole session",
}


_action_id, _event_list = finder("ActionID"), finder("EventList")
_OF_SERVER = frozenset(("FullyBooted", "Shutdown"))


# What Asterisk from 13.9 on answers to whatever is asked of it then; nobody's login has been looked at.
_SHUTTING_DOWN = "Asterisk is shutting down"


def _is_shutting_down(message: Message) -> bool:
    return message.name == "Error" and message.get("Message") == _SHUTTING_DOWN


class Session:
    """A connection whose bytes somebody else carries. `now` is monotonic seconds throughout; behind `out` are put the
    bytes to be written."""

    def __init__(self, options: SessionOptions, now: float, out: bytearray | None = None) -> None:
        """Raises LocalError where the user name, secret, mask or prefix could not be sent as it is."""
        encode([("Username", options.username), ("Secret", options.secret), ("Events", options.mask)])
        encode([("ActionID", f"{options.prefix}-s{10**9}")])
        self.state = State.BANNER
        self.ami_version = ""
        self._options = options
        self._decoder = Decoder()
        self.room = self._decoder.room
        """Where a socket is to put the next bytes; `took` is then to be told how many."""
        self._sieve = Sieve(options.wanted) if options.wanted is not None else None
        self.out = bytearray() if out is None else out
        self._events: list[SessionEvent] = []
        self._queue: deque[_Pending] = deque()
        self._open: dict[str, _Pending] = {}  # sent, no response yet: each takes a slot
        self._lists = Lists()  # response there, rows still coming
        self._own = 0
        self._asked = ""  # the ActionID of the challenge or login that is to be answered
        self._plain = False
        self._booted = False
        self._heard = now
        self._deadline: float | None = now + options.login_timeout
        self._handlers: dict[State, Callable[[Message, float], None]] = {
            State.BANNER: self._before_banner,
            State.CHALLENGE: self._on_challenge,
            State.LOGIN: self._on_login,
            State.BOOTING: self._on_message,
            State.READY: self._on_message,
            State.LEAVING: self._on_message,
        }
        self._handle: Callable[[Message, float], None] = self._before_banner

    def receive(self, data: bytes, now: float) -> list[SessionEvent]:
        """What these bytes bring; `b""` is the end of the stream."""
        if data:
            self._decoder.put(data)
            return self._hear(now)
        self._end_of_stream()
        return self._take_events()

    def took(self, size: int, now: float) -> list[SessionEvent]:
        """What the bytes bring that were put into the room."""
        self._decoder.took(size)
        return self._hear(now)

    def _hear(self, now: float) -> list[SessionEvent]:
        self._heard = now
        while (item := self._decoder.next()) is not None and self.state is not State.CLOSED:
            if isinstance(item, Message):
                self._handle(item, now)
            elif isinstance(item, Banner):
                self._on_banner(item.version)
            else:
                self._close(item.reason, "protocol")
        return self._pumped(now)

    def tick(self, now: float) -> list[SessionEvent]:
        """What the passing of time brings; to be called when `deadline` is reached, harmless before."""
        due = self._deadline is not None and now >= self._deadline
        match self.state:
            case State.READY:
                self._check_answers(now)
            case State.BOOTING if due:
                self._become_ready(None)
            case State.LEAVING if due:
                self._close("logged off, without a goodbye", "asked")
            case State.BANNER | State.CHALLENGE | State.LOGIN if due:
                self._close(f"no answer within {self._options.login_timeout:g} s while {self.state.value}", "network")
        return self._pumped(now)

    def data_to_send(self) -> bytes:
        """The bytes that are to be written now; they are handed out once."""
        data = bytes(self.out)
        self.out.clear()
        return data

    def deadline(self) -> float | None:
        """When `tick` has something to do, in monotonic seconds."""
        if self.state is not State.READY:
            return self._deadline
        oldest = self._oldest()
        due = oldest.deadline if oldest else self._heard + self._options.keepalive
        return min(due, *self._lists.deadlines()) if self._lists.coming else due

    def submit(
        self,
        action_id: str,
        headers: Sequence[tuple[str, str]],
        now: float,
        patience: float,
        shape: ListShape | None,
        own: bool = False,
    ) -> list[SessionEvent]:
        """Send the action as soon as a slot is free; `headers` begin with `Action` and hold no ActionID.

        `patience` is how long its sender waits, in seconds; the connection counts as dead after that time or the
        keep-alive's, whichever is longer. Raises LocalError where the action must not be sent, unless it is the
        runner's `own`.
        """
        name = headers[0][1]
        reason = None if own else _UNSENDABLE.get(name.casefold())
        if reason:
            raise LocalError(f"{name} cannot be sent: {reason}")
        data = encode([headers[0], ("ActionID", action_id), *headers[1:]])
        self._queue.append(_Pending(action_id, name, data, max(patience, self._options.keepalive_timeout), shape))
        if self.state in (State.LEAVING, State.CLOSED):
            self._drop_queue()
        return self._pumped(now)

    def want(self, wanted: tuple[Wanted, ...] | None) -> None:
        """From now on these are the events that matter; none: all of them."""
        self._sieve = Sieve(wanted) if wanted is not None else None
        self._choose_sieve()

    @property
    def queued(self) -> int:
        """How many actions wait to be sent."""
        return len(self._queue)

    def withdraw(self, action_id: str) -> bool:
        """Forget an action that has not been sent; false where it has been."""
        found = next((pending for pending in self._queue if pending.action_id == action_id), None)
        if found:
            self._queue.remove(found)
        return found is not None

    def log_off(self, now: float) -> list[SessionEvent]:
        """Say goodbye; what is still queued is not sent any more."""
        if self.state not in (State.READY, State.BOOTING):
            self._close("the run ends", "asked")
            return self._take_events()
        self._drop_queue()
        self._become(State.LEAVING)
        self._deadline = now + self._options.logoff_timeout
        self._send_own([("Action", "Logoff")])
        return self._take_events()

    def _choose_sieve(self) -> None:
        """While an event list comes in, and before the session is ready, everything is looked at: a list's rows follow
        the response that begins it."""
        everything = self._lists.coming or self.state is not State.READY
        self._decoder.sieve = None if everything else self._sieve

    def _become(self, state: State) -> None:
        assert state in TRANSITIONS[self.state], f"{self.state} to {state}"
        self.state = state
        self._handle = self._handlers.get(state, self._handle)
        self._choose_sieve()

    def _close(self, reason: str, why: Literal["asked", "refused", "protocol", "network"]) -> None:
        if self.state is State.CLOSED:
            return
        self._become(State.CLOSED)
        self._deadline = None
        answering = [pending.action_id for pending in self._open.values() if pending.data]
        for action_id in (*answering, *(listing.action_id for listing in self._lists.close())):
            self._report(Unanswered(action_id, sent=True))
        self._open.clear()
        self._drop_queue()
        self._report(Closed(reason, why))

    def _drop_queue(self) -> None:
        for pending in self._queue:
            self._report(Unanswered(pending.action_id, sent=False))
        self._queue.clear()

    def _end_of_stream(self) -> None:
        match self.state:
            case State.LEAVING:
                self._close("logged off", "asked")
            case State.BANNER:
                # Asterisk closes at once, without a banner, when `authlimit` is exceeded.
                self._close("the server closed the connection before its banner (authlimit exceeded?)", "network")
            case state if self._decoder.unfinished():
                # So Asterisk leaves whoever reads too slowly: no error frame, nothing in its log at the default level.
                where = f"while {state.value}, in the middle of a message (writetimeout exceeded?)"
                self._close(f"the server closed the connection {where}", "network")
            case state:
                self._close(f"the server closed the connection while {state.value}", "network")

    def _report(self, event: SessionEvent) -> None:
        self._events.append(event)

    def _take_events(self) -> list[SessionEvent]:
        events, self._events = self._events, []
        return events

    # --- login ---

    def _before_banner(self, message: Message, now: float) -> None:
        # A proxy that leaves the banner out speaks first all the same; its message belongs to nothing of ours.
        self._on_banner("")
        self._handle(message, now)

    def _on_banner(self, version: str) -> None:
        self.ami_version = version
        if self._options.auth == "plain":
            self._log_in_plainly()
        else:
            self._become(State.CHALLENGE)
            self._asked = self._send_own([("Action", "Challenge"), ("AuthType", "MD5")])

    def _log_in_plainly(self) -> None:
        self._plain = True
        self._log_in([("Secret", self._options.secret)])

    def _log_in(self, proof: list[tuple[str, str]]) -> None:
        self._become(State.LOGIN)
        who = [("Action", "Login"), ("Username", self._options.username)]
        self._asked = self._send_own([*who, *proof, ("Events", mask_for(self._options.mask, self.ami_version))])

    def _on_challenge(self, message: Message, now: float) -> None:
        if not self._is_asked(message):
            self._report(Stray(message))  # to somebody who has not logged in Asterisk sends no event
            return
        if _is_shutting_down(message):
            self._close(_SHUTTING_DOWN, "network")
            return
        challenge = message.get("Challenge")
        if challenge:
            key = hashlib.md5(to_bytes(challenge + self._options.secret), usedforsecurity=False)
            self._log_in([("AuthType", "MD5"), ("Key", key.hexdigest())])
        elif self._options.auth == "auto":
            self._log_in_plainly()
        else:
            self._refuse(message)

    def _on_login(self, message: Message, now: float) -> None:
        if not self._is_asked(message):
            self._report(Stray(message))
        elif message.name == "Success":
            self._report(LoggedIn(self.ami_version, self._plain))
            self._become(State.BOOTING)
            # Asterisk 1.4 has no FullyBooted; a session whose account or mask lacks `system` never gets it.
            mask = read_mask(self._options.mask)
            wanted = mask is None or mask & BITS["system"]
            known = wanted and at_least(self.ami_version, (1, 6))
            self._deadline = now + (self._options.boot_timeout if known else 0.0)
        elif _is_shutting_down(message):
            self._close(_SHUTTING_DOWN, "network")
        else:
            self._refuse(message)

    def _refuse(self, message: Message) -> None:
        words = message.get("Message") or message.name
        self._report(LoginRefused(words))
        self._close(f"login refused: {words}", "refused")

    def _become_ready(self, fully_booted: Message | None) -> None:
        if self.state is State.BOOTING:
            self._become(State.READY)
        self._booted = fully_booted is not None
        uptime = (fully_booted.get("Uptime") if fully_booted else None) or ""
        seconds = int(uptime) if re.fullmatch("[0-9]{1,12}", uptime) else None
        self._report(Ready(self.ami_version, fully_booted is not None, seconds))

    # --- messages ---

    def _on_message(self, message: Message, now: float) -> None:
        if message.kind == "response":
            self._on_response(message, now)
        elif message.kind != "event":
            self._report(Stray(message))
        elif taken := self._lists.take(message):
            self._on_row(message, *taken)
        else:
            if message.name in _OF_SERVER:
                self._on_news(message)
            self._events.append(Event(message))

    def _on_news(self, message: Message) -> None:
        """The server's own beginning and end."""
        if message.name == "Shutdown":
            self._report(ServerShutdown((message.get("Restart") or "").casefold() == "true"))
        elif not self._booted and self.state in (State.BOOTING, State.READY):
            self._become_ready(message)

    def _on_response(self, message: Message, now: float) -> None:
        action_id = _action_id(message)
        if message.name == "Goodbye" and self.state is State.LEAVING:
            self._close("logged off", "asked")
            return
        pending = self._open.pop(action_id or self._unnamed(), None)
        if pending is not None:
            self._on_answer(pending, message, now)
            if self._open and (oldest := self._oldest()):
                oldest.deadline = max(oldest.deadline, now + oldest.patience)
        elif action_id and (listing := self._lists.stop(action_id)):
            # CoreShowChannelMap may say Error after it has begun its list.
            self._choose_sieve()
            self._report(Answered(action_id, message, tuple(listing.rows), None))
        else:
            self._report(Stray(message))

    def _unnamed(self) -> str:
        """What an answer without ActionID is to: up to 1.8.4 Asterisk answers `Events` so, in its turn."""
        oldest = self._oldest()
        return oldest.action_id if oldest is not None and oldest.name == "Events" else ""

    def _on_answer(self, pending: _Pending, response: Message, now: float) -> None:
        if not pending.data:
            return
        if self._begins_list(pending, response):
            self._lists.begin(Listing(pending.action_id, response, pending.shape, now + pending.patience))
            self._choose_sieve()
        else:
            self._events.append(Answered(pending.action_id, response, ()))

    def _begins_list(self, pending: _Pending, response: Message) -> bool:
        if response.name != "Success":
            return False
        if (_event_list(response) or "").casefold() == "start":
            return True
        shape = pending.shape
        if shape is None or shape.announced:
            return False
        return not shape.end or not marks_lists(self.ami_version)

    def _on_row(self, message: Message, listing: Listing, was_open: bool) -> None:
        self._choose_sieve()
        if not was_open:
            self._report(Stray(message))
        elif listing.state == "whole":
            self._report(Answered(listing.action_id, listing.response, tuple(listing.rows), listing.end))
        elif listing.state == "given up":
            self._report(Unanswered(listing.action_id, sent=True))

    def _is_asked(self, message: Message) -> bool:
        return message.kind == "response" and message.get("ActionID") == self._asked

    def _send_own(self, headers: list[tuple[str, str]]) -> str:
        self._own += 1
        action_id = f"{self._options.prefix}-s{self._own}"
        self.out += encode([headers[0], ("ActionID", action_id), *headers[1:]])
        return action_id

    def _pumped(self, now: float) -> list[SessionEvent]:
        """What there is to report, once every action has been sent that may be."""
        queue, opened = self._queue, self._open
        while queue and len(opened) < self._options.outstanding and self.state is State.READY:
            pending = queue.popleft()
            pending.deadline = now + pending.patience
            opened[pending.action_id] = pending
            self.out += pending.data
            self._events.append(Sent(pending.action_id))
        return self._take_events()

    def _oldest(self) -> _Pending | None:
        """The action whose turn it is: Asterisk answers in order, one at a time, so that only this one ages."""
        return next(iter(self._open.values()), None)

    def _check_answers(self, now: float) -> None:
        """A slot is free only at its response, so that an action never answered tells that the connection is dead; an
        idle connection is asked by a Ping."""
        oldest = self._oldest()
        if oldest and now >= oldest.deadline:
            self._close(f"no answer to {oldest.name} within {round(oldest.patience, 1):g} s", "network")
            return
        for listing in self._lists.overdue(now):
            self._report(Unanswered(listing.action_id, sent=True))
        self._choose_sieve()
        if not self._open and now >= self._heard + self._options.keepalive:
            self._ping(now)

    def _ping(self, now: float) -> None:
        patience = self._options.keepalive_timeout
        action_id = self._send_own([("Action", "Ping")])
        self._open[action_id] = _Pending(action_id, "Ping", b"", patience, None, deadline=now + patience)
