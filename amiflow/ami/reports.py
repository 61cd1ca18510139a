"""What a session reports, in the order in which it came about.

Belongs here: the closed union of these reports. Never here: when they are made (`session`), what they mean to a run
(`live.loop`). Those that come with every event and action are named tuples, as frozen as the others and made in a third
of the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from amiflow.ami.message import Message


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """The server accepted the login. `plain` tells that the secret itself was sent."""

    ami_version: str
    plain: bool


@dataclass(frozen=True, slots=True)
class LoginRefused:
    """The server did not accept the login, in its own words. It slept a second before it said so."""

    message: str


@dataclass(frozen=True, slots=True)
class Ready:
    """Actions can be sent. `booted` tells that FullyBooted was seen, which only an account that reads `system` gets;
    `uptime` is its Uptime in seconds (Asterisk 14 and later). Told again where a server that was still starting was not
    waited for any longer, and says FullyBooted after all."""

    ami_version: str
    booted: bool
    uptime: int | None


class Event(NamedTuple):
    """An event that is no part of one of our event lists."""

    message: Message


class Sent(NamedTuple):
    """The action is among the bytes to send: from here on its outcome may be unknown."""

    action_id: str


class Answered(NamedTuple):
    """The response to an action, with the rows of its whole event list, where it has one, and the event that ended
    it."""

    action_id: str
    response: Message
    rows: tuple[Message, ...]
    end: Message | None = None


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The connection ended before the whole answer came, or the action's list did not end within time and bounds:
    `sent` tells whether the action may have been carried out."""

    action_id: str
    sent: bool


@dataclass(frozen=True, slots=True)
class ServerShutdown:
    """Asterisk says that it is shutting down."""

    restart: bool


@dataclass(frozen=True, slots=True)
class Stray:
    """A message that belongs to nothing: a second response, a row of a list that nobody waits for."""

    message: Message


@dataclass(frozen=True, slots=True)
class Closed:
    """The session is over. `asked` after our Logoff, `refused` after a refused login, `protocol` where the peer is no
    AMI server, `network` else."""

    reason: str
    why: Literal["asked", "refused", "protocol", "network"]


SessionEvent: TypeAlias = (
    LoggedIn | LoginRefused | Ready | Event | Sent | Answered | Unanswered | ServerShutdown | Stray | Closed
)
