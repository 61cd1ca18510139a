"""Calls that nobody wants any more, hung up by the machine itself.

Belongs here: a call whose flow is past caring, until its Hangup is answered or given up. Never here: when that is so
(`actions`), and the Hangup that a flow sends.
"""

from __future__ import annotations

from dataclasses import dataclass

from amiflow.engine.core import Core
from amiflow.engine.effects import Send
from amiflow.engine.instance import Instance
from amiflow.engine.server import Server
from amiflow.engine.timers import Timer
from amiflow.report.source import Span

_CLEANUP = 30.0  # seconds in which such a call is to be hung up


@dataclass(slots=True, eq=False)
class Hangup:
    """A call to be hung up for the machine itself."""

    server: Server
    channel_id: str
    instance: int
    span: Span
    action_id: str = ""
    timer: Timer | None = None


class Hangups:
    """Those of a machine that are not over yet."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._waiting: dict[Hangup, None] = {}
        self._open: dict[str, Hangup] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def begin(self, instance: Instance, channel_id: str, span: Span) -> None:
        """The call that this flow began is to be hung up, as soon as its server can be reached."""
        hangup = Hangup(instance.server, channel_id, instance.id, span)
        hangup.timer = self._core.timers.set(self._core.now + _CLEANUP, "cleanup", hangup)
        self._waiting[hangup] = None
        if instance.server.ready and not instance.server.blind:
            self._hand(hangup)

    def connected(self, server: Server) -> None:
        """The server can be used again, or its picture is taken."""
        if not server.blind:
            for hangup in [one for one in self._waiting if one.server is server and not one.action_id]:
                self._hand(hangup)

    def unsent(self, action_id: str) -> None:
        """An action could not be sent; if it was one of these it waits for the connection."""
        hangup = self._open.pop(action_id, None)
        if hangup is not None:
            hangup.action_id = ""

    def expire(self, hangup: Hangup) -> None:
        """Its time is over."""
        if not hangup.action_id:
            text = f"Hangup: {hangup.channel_id} was not hung up: it could not be sent within {_CLEANUP:g}s"
            self._core.note("action-failed", "warn", text, span=hangup.span)
        self.end(hangup)

    def over(self, action_id: str) -> None:
        """An action was answered, or will not be; perhaps one of these."""
        hangup = self._open.get(action_id)
        if hangup is not None:
            self.end(hangup)

    def end(self, hangup: Hangup) -> None:
        """It was hung up, or will not be."""
        self._core.timers.cancel(hangup.timer)
        self._waiting.pop(hangup, None)
        self._open.pop(hangup.action_id, None)

    def _hand(self, hangup: Hangup) -> None:
        """Hangup takes a Uniqueid where no channel has that name (`ast_channel_get_by_name`, Asterisk 1.8+)."""
        core, guard = self._core, hangup.server.guard
        headers = (("Action", "Hangup"), ("Channel", hangup.channel_id))
        if guard is not None and (why := guard.forbids("Hangup", headers[1:])) is not None:
            core.note("emergency", "warn", f"{hangup.channel_id} is not hung up: {why}", span=hangup.span)
            self.end(hangup)
            return
        hangup.action_id = f"{core.options.prefix}-{core.number('action')}"
        self._open[hangup.action_id] = hangup
        until = core.now + _CLEANUP if hangup.timer is None else hangup.timer.when
        core.emit(Send(hangup.server.name, hangup.action_id, headers, None, False, until, hangup.instance, hangup.span))
