"""What a connection's events mean to the run, and how they are told.

Belongs here: words for logins, refusals, losses and failed attempts, and which of them end the run. Never here: when to
connect again (`supervise`), and what flows make of a loss (`engine`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from amiflow.ami.reports import Closed, LoggedIn, LoginRefused, Ready, ServerShutdown, Stray
from amiflow.engine.effects import ServerLost
from amiflow.live.clock import Clock
from amiflow.live.config import Server
from amiflow.live.link import UNVERIFIED
from amiflow.live.log import Line, Log
from amiflow.live.problems import Trouble
from amiflow.live.supervise import NotConnected, Peer


class Tidings:
    """Tells of all servers of a run. Raises Trouble where a login is refused at the first attempt, or no server can be
    reached."""

    def __init__(self, peers: Mapping[str, Peer], log: Log, clock: Clock) -> None:
        self._peers = peers
        self._log = log
        self._clock = clock
        self._untried = set(peers)

    def logged_in(self, peer: Peer, ready: Ready) -> None:
        """The server has let us in: from now on a refusal is no mistake in the configuration."""
        self._untried.discard(peer.name)
        if not ready.booted:
            self._log.server("info", peer.name, "not-booted", _NOT_BOOTED)

    def tell(
        self, peer: Peer, event: LoggedIn | LoginRefused | ServerShutdown | Stray | Closed | NotConnected
    ) -> ServerLost | None:
        """Tell of it; what the machines are to know of it, if anything."""
        match event:
            case LoggedIn(ami_version=version, plain=plain):
                self._welcome(peer, version, plain)
            case LoginRefused(message=message):
                self._refused(peer, message)
            case ServerShutdown(restart=restart):
                text = "Asterisk restarts" if restart else "Asterisk shuts down"
                self._log.server("warn", peer.name, "shutdown", text)
            case Stray(message=message):
                self._log.server("debug", peer.name, "stray", f"belongs to nothing: {message!r}")
            case Closed(reason=reason, why=why):
                return self._closed(peer, reason, why)
            case NotConnected(reason=reason):
                self._not_connected(peer, reason)
            case _:
                assert_never(event)
        return None

    def cut(self, left: int) -> None:
        """The run is cut off, with so many runs of flows."""
        runs = f"{left} run{'s' if left != 1 else ''} of a flow, without the rest of its `finally`"
        self._log.line(Line("warn", "cut", f"cut off by a second ^C: {runs if left else 'no flow was running'}"))

    def _welcome(self, peer: Peer, version: str, plain: bool) -> None:
        where = f"{peer.server.host}:{peer.server.port}"
        encrypted = peer.link is not None and peer.link.encrypted
        who = f"{' over TLS' if encrypted else ''} as {peer.server.username}"
        text = f"logged in to {where}{who} (manager interface {version or 'unknown'})"
        self._log.server("info", peer.name, "logged-in", text, ami=version)
        if plain and peer.link and not encrypted and not _is_local(peer.server.host):
            text = "the secret was sent in plain text over an unencrypted connection: see `tls` and `auth`"
            self._log.server("warn", peer.name, "plain-login", text)

        if encrypted and peer.server.tls is not None and not peer.server.tls.verify:
            text = "its certificate is not verified: anybody on the way may be this server, see `tls`"
            self._log.server("warn", peer.name, "unverified", text)

    def _refused(self, peer: Peer, words: str) -> None:
        if peer.name in self._untried:
            raise Trouble(
                f"{peer.name}: login as `{peer.server.username}` refused: {words}",
                "check username and secret, and `permit`/`deny` of the account in manager.conf",
            )
        self._log.server("error", peer.name, "login-refused", f"login refused: {words}")

    def _closed(self, peer: Peer, reason: str, why: str) -> ServerLost | None:
        if why == "asked":
            self._log.server("info", peer.name, "logged-off", reason)
            return None
        if peer.name in self._untried:
            self._not_connected(peer, reason)
            return None
        silent = self._clock.now() - peer.heard_at
        self._log.server("warn", peer.name, "lost", f"connection lost: {reason}; {self._again(peer)}")
        return ServerLost(peer.name, reason, silent)

    def _not_connected(self, peer: Peer, reason: str) -> None:
        where = f"{peer.server.host}:{peer.server.port}"
        self._untried.discard(peer.name)
        if not self._untried and not any(one.times_ready or one.phase == "up" for one in self._peers.values()):
            raise Trouble(f"{peer.name}: no manager interface at {where}: {reason}", _help(peer.server, reason))
        self._log.server("warn", peer.name, "not-connected", f"no connection to {where}: {reason}; {self._again(peer)}")

    def _again(self, peer: Peer) -> str:
        return f"next attempt in {max(0.0, peer.pause - self._clock.now()):.1f} s"


_NOT_BOOTED = (
    "no FullyBooted came: Asterisk is still starting, or the account lacks `read = system`, or it is older than 1.8.5"
)
_HELP_CERTIFICATE = "in the server's `tls`, `ca` is the file of its authority, `server_name` whom it is for"
_HELP_TLS = "check host and port, and `tlsenable = yes`, `tlsbindaddr` and `tlscertfile` of [general] in manager.conf"
_HELP_PLAIN = (
    "check host and port, and `enabled = yes`, `port` and `bindaddr` of [general] in manager.conf; "
    "a port that speaks TLS needs `tls`"
)


def _help(server: Server, reason: str) -> str:
    if server.tls is None:
        return _HELP_PLAIN
    return _HELP_CERTIFICATE if reason.startswith(UNVERIFIED) else _HELP_TLS


def _is_local(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")
