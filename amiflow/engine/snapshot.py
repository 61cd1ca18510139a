"""Asking a server what exists now: the lists that a picture begins with, after each connect.

Belongs here: which lists are asked for in which order, and what becomes of their answers. Never here: what a row means
(`picture`).

A list that does not come is lacking until the next connect. Where numbers are protected, those that tell who speaks
with whom are asked for again after a pause, as every action that changes something waits for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from amiflow.ami.message import Message
from amiflow.engine.core import Core
from amiflow.engine.effects import Answered, Send, Unanswered, Withdraw
from amiflow.engine.emergency import Guard
from amiflow.engine.picture import Picture
from amiflow.engine.server import Server
from amiflow.engine.timers import Timer
from amiflow.plan.model import EventList
from amiflow.plan.picture import PARTS

_PATIENCE = 30.0  # seconds for all lists of a server
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 300.0  # seconds until lists are asked for again; each pause is twice the last
_ROOMS, _ROOM = "ConfbridgeListRooms", "ConfbridgeList"
_NONE_THERE = "no active conferences"
"""What ConfbridgeListRooms answers, as an error, where there is no conference (app_confbridge)."""
_CHANNELS = "CoreShowChannels"
_TELLING = frozenset((_CHANNELS, "BridgeList"))
"""Without these it is not known who speaks with whom."""
NOBODY = 0
"""The instance of an action that no flow has asked for."""


@dataclass(slots=True, eq=False)
class Taking:
    """A picture being taken: the lists still to come, by ActionID, each with the conference that it is of, and those
    that did not come. Where none is still to come it waits to be taken further, for `pause` seconds."""

    server: Server
    picture: Picture
    until: float = 0.0
    timer: Timer | None = None
    open: dict[str, tuple[str, str]] = field(default_factory=dict)
    lacking: set[str] = field(default_factory=set)
    pause: float = _FIRST_PAUSE


class Snapshots:
    """The pictures being taken; `taken` is told when one is complete."""

    def __init__(self, core: Core, taken: Callable[[Server], None]) -> None:
        self._core = core
        self._taken = taken
        self._open: dict[str, Taking] = {}
        self._pausing: dict[Server, Taking] = {}
        for server in core.servers.values():
            server.picture = Picture(core.plan.needs.picture) if core.plan.needs.picture else None
            if core.options.emergency is not None and server.picture is not None:
                server.guard = Guard(core.options.emergency, server.picture)

    def begin(self, server: Server, restarted: bool) -> None:
        """The server is there (again): ask for everything. Without a picture there is nothing to wait for."""
        self.lost(server)  # it may be told to be ready twice
        picture = server.picture
        if picture is None:
            self._taken(server)
            return
        if restarted:
            picture.clear()
        self._ask_all(
            Taking(server, picture), [action for part in picture.parts for action, _, _ in PARTS[part].actions[:1]]
        )

    def _ask_all(self, taking: Taking, actions: Iterable[str]) -> None:
        taking.until = self._core.now + _PATIENCE
        taking.timer = self._core.timers.set(taking.until, "picture", taking)
        for action in actions:
            self._ask(taking, action)

    def lost(self, server: Server) -> None:
        """The connection is gone: everything will be asked for again."""
        server.known = False
        for taking in {one for one in (*self._open.values(), *self._pausing.values()) if one.server is server}:
            self._forget(taking)

    def _ask(self, taking: Taking, action: str, room: str = "") -> None:
        core = self._core
        action_id = f"{core.options.prefix}-{core.number('action')}"
        rows, end = next((rows, end) for part in PARTS.values() for name, rows, end in part.actions if name == action)
        headers = (("Action", action), *((("Conference", room),) if room else ()))
        taking.open[action_id] = (action, room)
        self._open[action_id] = taking
        listed, span = EventList(rows, end), core.plan.flows[0].span
        core.emit(Send(taking.server.name, action_id, headers, listed, True, taking.until, NOBODY, span))

    # --- what came of it ----------------------------------------------------------------------------------------------

    def answered(self, item: Answered) -> bool:
        """A list came, or was refused. False where it was not asked for here."""
        taking = self._open.pop(item.action_id, None)
        if taking is None:
            return False
        action, room = taking.open.pop(item.action_id)
        words = item.response.get("Message") or "the server refused"
        # A conference that ended meanwhile is none any more.
        is_empty = action == _ROOM or words.casefold().startswith(_NONE_THERE)
        if item.response.name == "Error" and not is_empty:
            self._complain(taking, action, words)
        else:
            self._take(taking, action, room, item.rows)
        self._close_when_complete(taking)
        return True

    def unanswered(self, item: Unanswered) -> bool:
        """A list will not come. False where it was not asked for here."""
        taking = self._open.pop(item.action_id, None)
        if taking is None:
            return False
        action, _ = taking.open.pop(item.action_id)
        if taking.server.ready:
            self._complain(taking, action, item.reason)
            self._close_when_complete(taking)
        return True

    def expire(self, taking: Taking) -> None:
        """Its time is over: what is missing stays as it was. Or its pause is."""
        if self._pausing.pop(taking.server, None) is not None:
            again, taking.lacking = sorted(taking.lacking & _TELLING), taking.lacking - _TELLING
            self._ask_all(taking, again)
            return
        for action_id, (action, _) in taking.open.items():
            self._complain(taking, action, f"no answer within {_PATIENCE:g}s")
            self._core.emit(Withdraw(taking.server.name, action_id))
        self._close(taking)

    def _take(self, taking: Taking, action: str, room: str, rows: tuple[Message, ...]) -> None:
        taking.picture.take(action, room, rows)
        if taking.server.guard is not None and action == _CHANNELS:
            taking.server.guard.take(rows)
        if action == _ROOMS:
            for row in rows:
                self._ask(taking, _ROOM, row.get("Conference") or "")

    def _close_when_complete(self, taking: Taking) -> None:
        if not taking.open:
            self._close(taking)

    def _close(self, taking: Taking) -> None:
        self._forget(taking)
        taking.server.known = not taking.lacking & _TELLING
        if taking.server.blind:
            taking.timer = self._core.timers.set(self._core.now + taking.pause, "picture", taking)
            self._pausing[taking.server] = taking
            taking.pause = min(2 * taking.pause, _LONGEST_PAUSE)
        for part in taking.picture.parts:
            self._core.touch(part, taking.server.name)
        self._taken(taking.server)

    def _forget(self, taking: Taking) -> None:
        self._core.timers.cancel(taking.timer)
        self._pausing.pop(taking.server, None)
        for action_id in taking.open:
            self._open.pop(action_id, None)
        taking.open.clear()

    def _complain(self, taking: Taking, action: str, why: str) -> None:
        taking.lacking.add(action)
        text = f"{taking.server.name}: the live picture lacks what {action} lists: {why}"
        self._core.note("picture-incomplete", "warn", text, server=taking.server.name)
