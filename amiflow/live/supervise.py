"""One server of a run, over all its connections: the link and session of now, and when to try again.

Belongs here: connecting beside the loop, back-off, and handing bytes from link to session and back. Never here: waiting
(`loop`), and what the session's events mean to flows.

A connection that cannot be made is tried again after half a second, then after twice as long each time, up to half a
minute; a refused login after half a minute up to ten minutes, as Asterisk sleeps a second at each refusal, and a guard
in front of it may ban us. Each pause is shortened at random by up to a half, so that many clients do not come back in
one moment. A session that lived for a minute begins anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, TypeAlias

from amiflow.ami.errors import LocalError
from amiflow.ami.lists import ListShape
from amiflow.ami.reports import Closed, Ready, ServerShutdown, SessionEvent, Unanswered
from amiflow.ami.scanner import Wanted
from amiflow.ami.session import Session, SessionOptions
from amiflow.engine.effects import Send
from amiflow.live.config import Server
from amiflow.live.link import END_OF_STREAM, Link, LinkLost, connect, reason_of
from amiflow.live.wake import Finished, Wake

CONNECTS = "connects to "
"""How the name of a worker begins that connects; a server may be called as any other worker is."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_FIRST_REFUSED, _LONGEST_REFUSED = 30.0, 600.0
_STEADY = 60.0
_BOOT_SLACK = 5.0  # seconds by which an Uptime in whole seconds may be off, as it is told late

Jitter: TypeAlias = Callable[[], float]
Headers: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class NotConnected:
    """An attempt to connect failed, before a word was said."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an action was not handed to the session."""

    kind: Literal["unsent", "invalid"]
    reason: str


PeerEvent: TypeAlias = SessionEvent | NotConnected
_OWN_BUSINESS = (Ready, ServerShutdown, Closed)


@dataclass(slots=True)
class Backoff:
    """The pauses between attempts; `jitter` gives numbers from 0 to 1."""

    jitter: Jitter
    _failures: int = 0
    _refusals: int = 0

    def reset(self) -> None:
        """All is well again."""
        self._failures = self._refusals = 0

    def pause(self, refused: bool) -> float:
        """Seconds until the next attempt, after one that failed or was refused."""
        if refused:
            self._refusals += 1
            longest = min(_FIRST_REFUSED * 2.0 ** min(self._refusals - 1, 30), _LONGEST_REFUSED)
        else:
            self._failures += 1
            longest = min(_FIRST_PAUSE * 2.0 ** min(self._failures - 1, 30), _LONGEST_PAUSE)
        return longest * (1.0 - self.jitter() / 2)


class Peer:
    """A server: `phase` is `connecting` while a worker connects, `up` with a link, `waiting` between attempts, and
    `over` when no further attempt will be made; `attempts` counts these; `heard_at` is when it last said anything,
    `mask` which classes of events it was asked for, at its login or since."""

    def __init__(self, server: Server, options: SessionOptions, wake: Wake[Link | None], jitter: Jitter) -> None:
        self.server = server
        self.name = server.name
        self.phase: Literal["connecting", "up", "waiting", "over"] = "waiting"
        self.ready = False
        self.restarted = False
        self.attempts = 0
        self.times_ready = 0
        self.heard_at = 0.0
        self._blind_since: float | None = None
        self.link: Link | None = None
        self.mask = options.mask
        self._options = options
        self._session: Session | None = None
        self._wake = wake
        self._backoff = Backoff(jitter)
        self._retry_at = 0.0
        self._ready_at = 0.0
        self._booted_at: float | None = None
        self._leaving = False
        self.tap: Callable[[bytes], None] | None = None

    # --- connecting ---

    def begin(self) -> None:
        """Connect, beside the loop; `connected` is to be called with what the worker came to."""
        self.phase = "connecting"
        self.attempts += 1
        self._wake.work(f"{CONNECTS}{self.name}", partial(connect, self.server))

    def connected(self, finished: Finished[Link | None], now: float) -> Sequence[PeerEvent]:
        """A worker has a link, or the reason why not. Any exception but a failure to connect is raised again."""
        if self.phase != "connecting":
            if finished.result:
                finished.result.close()
            return []
        if finished.result:
            self.link, self.phase, self.heard_at = finished.result, "up", now
            self._session, self.mask = Session(self._options, now, self.link.waiting), self._options.mask
            return []
        if not isinstance(finished.error, OSError | ValueError):
            raise finished.error or AssertionError("a worker ended with nothing")
        self._wait(now, refused=False)
        return [NotConnected(reason_of(finished.error))]

    def _wait(self, now: float, refused: bool) -> None:
        if self.ready and now - self._ready_at >= _STEADY:
            self._backoff.reset()
        self.ready = False
        self.phase = "over" if self._leaving else "waiting"
        self._retry_at = now + self._backoff.pause(refused)

    @property
    def pause(self) -> float:
        """When the next attempt will be made, in monotonic seconds."""
        return self._retry_at

    @property
    def queued(self) -> int:
        """How many actions wait to be sent."""
        return self._session.queued if self._session else 0

    def hurry(self, now: float) -> None:
        """Make the next attempt at once, where one is waited for."""
        if self.phase == "waiting":
            self._retry_at = now

    def reconnect(self, reason: str, now: float) -> Sequence[PeerEvent]:
        """Give up this connection for a new one."""
        return self._drop(reason, now) if self._session else []

    # --- bytes and time ---

    def read(self, now: float, most: int) -> Sequence[PeerEvent]:
        """Read what there is, up to about so many bytes, and what it brings."""
        events: Sequence[PeerEvent] = ()
        while (link := self.link) is not None and (session := self._session) is not None and most > 0:
            room = session.room()
            try:
                size = link.receive(room)
            except LinkLost as error:
                return [*events, *self._drop(str(error), now)]
            if size:
                self.heard_at = now
                if self.tap is not None:
                    self.tap(bytes(room[:size]))
                found = self._after(session.took(size, now), now)
                events = [*events, *found] if events else found
            if size < len(room) and not (link.encrypted and self.link is link and link.holds_more):
                break  # where there is room left, that was all
            most -= size
        return events

    def write(self, now: float) -> Sequence[PeerEvent]:
        """Write what waits to be written."""
        try:
            if self.link is not None:
                self.link.flush()
        except LinkLost as error:
            return self._drop(str(error), now)
        return ()

    def tick(self, now: float) -> Sequence[PeerEvent]:
        """What falls due: the session's times, or the next attempt."""
        if self.phase == "waiting" and now >= self._retry_at:
            self.begin()
        if not self._session:
            return []
        deadline = self._session.deadline()
        return self._after(self._session.tick(now), now) if deadline is not None and now >= deadline else []

    def deadline(self) -> float | None:
        """When `tick` has something to do."""
        if self.phase == "waiting":
            return self._retry_at
        return self._session.deadline() if self._session else None

    def _drop(self, reason: str, now: float) -> Sequence[PeerEvent]:
        """The link is gone: the session is told that its stream has ended, and its reason is ours where it is known
        better."""
        assert self._session is not None
        events = self._session.receive(b"", now)
        closing = [_blame(one, reason) for one in events]
        return self._after(closing, now)

    def _after(self, events: list[SessionEvent], now: float) -> Sequence[PeerEvent]:
        for event in events:
            if not isinstance(event, _OWN_BUSINESS):
                continue
            match event:
                case Ready(uptime=uptime):
                    self._note_boot(uptime, now)
                case ServerShutdown():
                    self.restarted = True
                case Closed(why=why):
                    self._close(now, why == "refused")
        return events

    def _note_boot(self, uptime: int | None, now: float) -> None:
        """Uptime is of the server's wall clock, which may go slow for weeks, and be set back. But a server that was
        restarted began when it was last heard or later: later than before by all the time that it was connected."""
        booted_at = now - uptime if uptime is not None else None
        connected = self._blind_since - self._ready_at if self._blind_since is not None else 0.0
        if self._booted_at is not None and booted_at is not None:
            self.restarted |= booted_at > self._booted_at + max(_BOOT_SLACK, connected / 2)
        self._booted_at = self._booted_at if booted_at is None else booted_at
        self._ready_at, self.ready = now, True
        self.times_ready += 1

    def uptime(self, now: float) -> int | None:
        """For how many seconds the server has been running, where it has ever told."""
        return int(now - self._booted_at) if self._booted_at is not None else None

    def take_unseen(self, now: float) -> float | None:
        """For how many seconds nothing was seen of it, since it was last told to be ready, which it is now again."""
        since, self._blind_since = self._blind_since, None if self.ready else self.heard_at
        return now - since if since is not None else None

    def _close(self, now: float, refused: bool) -> None:
        if self.ready and self._blind_since is None:
            self._blind_since = self.heard_at
        if self.link:
            self.link.close()
        self.link = self._session = None
        self._wait(now, refused)

    # --- actions ---

    def submit(self, send: Send, now: float) -> Sequence[PeerEvent] | Refusal:
        """Hand an action to the session."""
        if not self._session or not self.ready:
            return Refusal("unsent", "not connected")
        listed = send.event_list
        shape = ListShape.of(listed.rows, listed.end, listed.announced) if listed else None
        try:
            events = self._session.submit(send.action_id, send.headers, now, max(0.0, send.until - now), shape)
        except LocalError as error:
            return Refusal("invalid", str(error))
        return self._after(events, now)

    @property
    def ami_version(self) -> str:
        """What its banner says; empty while there is none."""
        return self._session.ami_version if self._session is not None else ""

    def submit_own(self, action_id: str, headers: Headers, now: float, patience: float) -> Sequence[PeerEvent]:
        """Hand an action of the runner's own to a session that is ready, and may be gone again: what made it ready and
        what ended it may have come together."""
        if self._session is None:
            return [Unanswered(action_id, sent=False)]
        return self._after(self._session.submit(action_id, headers, now, patience, None, own=True), now)

    def want(self, mask: str, wanted: tuple[Wanted, ...] | None) -> None:
        """The events that matter now; the mask is that of the next login."""
        self._options = replace(self._options, mask=mask, wanted=wanted)
        if self._session:
            self._session.want(wanted)

    def withdraw(self, action_id: str) -> bool:
        """Whether the action could still be kept from being sent."""
        return self._session is not None and self._session.withdraw(action_id)

    def leave(self, now: float) -> Sequence[PeerEvent]:
        """Say goodbye, and never come back."""
        self._leaving = True
        if self.phase != "up" or not self._session:
            self.phase = "over"
            return []
        return self._after(self._session.log_off(now), now)

    def cut(self) -> None:
        """Close the link at once."""
        self._leaving, self.phase = True, "over"
        if self.link:
            self.link.close()
        self.link = self._session = None


def _blame(event: SessionEvent, reason: str) -> SessionEvent:
    """The end of the session, with the link's own reason where that says more than that the stream has ended."""
    if isinstance(event, Closed) and event.why == "network" and reason != END_OF_STREAM:
        return Closed(reason, event.why)
    return event
