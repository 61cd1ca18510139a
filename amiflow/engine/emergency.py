"""Protected numbers: calls to and from them, and the actions that must not touch such a call, nor begin one.

Belongs here: which channels are in an emergency call, told from the live picture and the events since, and whether an
action may go. Never here: the picture itself (`picture`), what becomes of a refused action (`actions`).

A channel is in an emergency call once it has dialled a protected number, or was dialled with one, or shows one as its
caller's or connected number, until it hangs up; so are the channels of the same call (its Linkedid), and whoever shares
a bridge with one. Where it cannot be told what an action would touch, it must not while there is such a call at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

from amiflow.ami.catalog import Action, load
from amiflow.ami.message import Message
from amiflow.engine.picture import Picture
from amiflow.plan.model import Plan
from amiflow.plan.needs import with_picture

Headers: TypeAlias = tuple[tuple[str, str], ...]

_PARTS = ("channels", "bridges", "emergency")
_SHOWN = ("Exten", "CallerIDNum", "ConnectedLineNum")
_WORDS = re.compile(r"[^\w*#+.-]+|(?<=\d)[wW](?=\d)")  # `w` waits in a dial string: `DAHDI/g1/0w112`
_UNCLEAR = frozenset(("command", "moduleload"))
"""Actions that may end calls without naming any: `channel request hangup all`, the channel driver unloaded."""
_HARMLESS = re.compile(r"\bshow\b", re.IGNORECASE)
_DEADLINE = re.compile(r"\s*timeout\(absolute\)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Numbers:
    """The protected numbers, and what may be dialled before one to get a line."""

    numbers: frozenset[str]
    prefixes: tuple[str, ...] = ()

    def match(self, dialled: str | None) -> str | None:
        """The protected number that this is: exactly, or behind one of the prefixes. A longer number that begins or
        ends with it is another one."""
        if not dialled:
            return None
        if dialled in self.numbers:
            return dialled
        bare = (dialled[len(prefix) :] for prefix in self.prefixes if dialled.startswith(prefix))
        return next((one for one in bare if one in self.numbers), None)

    def within(self, text: str) -> str | None:
        """The protected number that a dial string or the data of an application dials: `PJSIP/112@trunk,30`."""
        return next((found for word in _WORDS.split(text) if (found := self.match(word))), None)


def guarded(plan: Plan) -> Plan:
    """The plan, asking also for what tells of emergency calls."""
    catalog = load()
    return replace(plan, needs=with_picture(plan.needs, _PARTS, catalog.classes_of, catalog.privileges_of))


class Guard:
    """The emergency calls of one server, in its picture."""

    def __init__(self, numbers: Numbers, picture: Picture) -> None:
        self._numbers = numbers
        self._picture = picture
        self._marked: dict[str, str] = {}

    # --- which calls --------------------------------------------------------------------------------------------------

    def hear(self, event: Message) -> None:
        """An event, before the picture hears it."""
        own = event.get("Uniqueid") or ""
        match event.name:
            case "Newchannel":
                self._look(event, own)
            case "Newstate" | "NewCallerid" | "NewConnectedLine" if self._picture.id_of(own):  # not after its Hangup
                self._look(event, own)
            case "DialBegin":
                number = self._numbers.within(event.get("DialString") or "")
                self._mark(own, number)
                self._mark(event.get("DestUniqueid") or "", number)
                self._look(event, own)
                self._look(event, event.get("DestUniqueid") or "", "Dest")
            case "BridgeEnter":
                self._look(event, own)
                self._spread((own, *self._picture.inside(event.get("BridgeUniqueid") or "")))
            case "Hangup" if own in self._marked:
                self._spread(self._company(own))
                del self._marked[own]

    def go_on_from(self, before: Guard) -> None:
        """What another machine knew of the same server. Its picture is still to be taken, and cannot tell all of it."""
        self._marked = dict(before._marked)

    def take(self, rows: Iterable[Message]) -> None:
        """All channels that there are, each with where in the dialplan it is."""
        old, self._marked = self._marked, {}
        for row in rows:
            own = row.get("Uniqueid") or ""
            self._mark(own, old.get(own) or self._numbers.within(row.get("ApplicationData") or ""))
            self._look(row, own)

    def _look(self, message: Message, own: str, prefix: str = "") -> None:
        for header in _SHOWN:
            self._mark(own, self._numbers.match(message.get(prefix + header)))

    def _mark(self, own: str, number: str | None) -> None:
        if number is not None and own:
            self._marked.setdefault(own, number)

    def _spread(self, channels: Iterable[str]) -> None:
        """Whoever shares a call or a bridge with one of them is in it too, also when that one has left."""
        known = tuple(channels)
        number = next((self._marked[one] for one in known if one in self._marked), None)
        for one in known:
            self._mark(one, number)

    def _company(self, own: str) -> Iterator[str]:
        """The channel, those of the same call, and those in the same bridge."""
        yield own
        yield from self._picture.linked(own)
        yield from self._picture.beside(own)

    def _number(self, own: str) -> str | None:
        if not self._marked:
            return None
        return next((self._marked[one] for one in self._company(own) if one in self._marked), None)

    # --- what must not be done ----------------------------------------------------------------------------------------

    def forbids(self, action: str, headers: Headers) -> str | None:
        """Why this action must not be sent; none where it may."""
        values = {name.casefold(): value for name, value in headers}
        entry = load().action(action)
        if entry is not None and entry.reads:
            return None
        dialled = self._dialled(action.casefold(), values)
        if dialled is not None:
            return f"it would dial {dialled}"
        if not self._marked:
            return None
        if action.casefold() in _UNCLEAR:
            shows = action.casefold() == "command" and _HARMLESS.search(values.get("command", ""))
            return None if shows else self._unclear(action)
        if entry is None:
            known = (value for value in values.values() if self._picture.id_of(value))
            return next((why for value in known if (why := self._touched(value))), None)
        if _DEADLINE.match(values.get("variable", "")):
            return self._touched(values.get("channel", ""))
        return self._aimed(entry, values)

    def _dialled(self, action: str, values: dict[str, str]) -> str | None:
        """The protected number that the action would dial."""
        if action == "originate":
            by_name = (self._numbers.within(values.get(name, "")) for name in ("channel", "data"))
            return next(filter(None, by_name), None) or self._numbers.match(values.get("exten"))
        entry = load().action(action)
        aimed = entry.headers.values() if entry is not None and entry.aims else ()
        names = (header.name.casefold() for header in aimed if header.names == "extension")
        return next((found for name in names if (found := self._numbers.match(values.get(name)))), None)

    def _aimed(self, entry: Action, values: dict[str, str]) -> str | None:
        """A bridge, a conference or a queue stands for all who are in it, unless a channel is named too."""
        if entry.name == "Originate":
            return None
        given = [(entry.header(aim), values[aim.casefold()]) for aim in entry.aims if values.get(aim.casefold())]
        channels = [value for header, value in given if header is not None and header.names == "channel"]
        wanted = channels or [value for _, value in given]
        if entry.name == "Bridge":  # takes any channel whose id begins like this (ast_channel_get_by_name_prefix)
            for value in wanted:
                if any(own != value and own.startswith(value) for own in self._marked):
                    return self._unclear(value)
        return next((why for value in wanted if (why := self._touched(value))), None)

    def _touched(self, what: str) -> str | None:
        """Why this channel, or those in this bridge, must be left alone."""
        own = self._picture.id_of(what)
        members = (own,) if own else tuple(self._picture.inside(what))
        if not members:
            return self._unclear(what)
        number = next((found for one in members if (found := self._number(one))), None)
        return f"{what} is in an emergency call ({number})" if number is not None else None

    def _unclear(self, what: str) -> str:
        number = next(iter(self._marked.values()))
        return f"there is an emergency call ({number}), and `{what}` may touch it"
