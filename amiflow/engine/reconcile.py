"""After a gap: do the channels and bridges still exist that flows wait for?

Belongs here: what is asked of the server for that, and what follows from its answer. Never here: the live picture of
recipes (`snapshot`), and what a flow does with a wait that is `lost` (`tape`).

A wait for events that compares an Uniqueid, Linkedid, channel's name or bridge with a value that it knows is lost where
the server has no such thing any more: what it waits for came unseen, or cannot come. So is an `until` on the Hangup of
a channel that is gone: it is met. Where no flow waits for such a thing nothing is asked; where the server does not
answer, or the account may not ask, the flows wait on for their own time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from amiflow.ami.message import Message
from amiflow.engine.actions import Actions
from amiflow.engine.admission import Admission
from amiflow.engine.core import Core
from amiflow.engine.dispatch import Listener
from amiflow.engine.effects import Answered, Send, Unanswered, Withdraw
from amiflow.engine.instance import Acting, Awaiting, Instance
from amiflow.engine.server import Server
from amiflow.engine.snapshot import NOBODY
from amiflow.engine.tape import Tape
from amiflow.engine.timers import Timer
from amiflow.engine.values import Call, at, to_text
from amiflow.plan.expressions import Const, Global
from amiflow.plan.model import EventList
from amiflow.plan.triggers import Key

Kind: TypeAlias = Literal["id", "call", "name", "bridge"]
Thing: TypeAlias = tuple[Kind, str]

_PATIENCE = 10.0  # seconds for the lists of a server
# Status may be asked by an account that writes system, call or reporting (Asterisk 1.8 to 22), CoreShowChannels not by
# one that writes call alone; BridgeList by anyone (Asterisk 12+).
_LISTS = {
    "Status": EventList(("Status",), "StatusComplete"),
    "BridgeList": EventList(("BridgeListItem",), "BridgeListComplete"),
}
_UP = "6"  # AST_STATE_UP


@dataclass(slots=True, eq=False)
class Asking:
    """A server being asked; `runs` are those there were when it was ready again, each with what it knew of then: what
    began later is not judged by a list that may be older."""

    server: Server
    timer: Timer
    runs: list[tuple[Instance, frozenset[str]]]
    open: dict[str, str] = field(default_factory=dict)
    rows: dict[str, tuple[Message, ...]] = field(default_factory=dict)


class Reconciliation:
    """The servers being asked."""

    def __init__(self, core: Core, tape: Tape, actions: Actions, admission: Admission) -> None:
        self._core = core
        self._tape = tape
        self._actions = actions
        self._admission = admission
        self._open: dict[str, Asking] = {}

    def begin(self, server: Server) -> None:
        """The server can be used again after a gap."""
        things = {
            run: frozenset(_known(run)) for run in self._core.instances.values() if run.server is server and run.alive
        }
        known = frozenset().union(*things.values())
        wanted = ["Status"] if any(kind != "bridge" for kind, _ in known) else []
        wanted += ["BridgeList"] if any(kind == "bridge" for kind, _ in known) else []
        if wanted:
            runs = [(run, frozenset(name for _, name in some)) for run, some in things.items() if some]
            timer = self._core.timers.set(self._core.now + _PATIENCE, "picture", None)
            asking = timer.owner = Asking(server, timer, runs)
            for action in wanted:
                self._ask(asking, action)

    def _ask(self, asking: Asking, action: str) -> None:
        core, name = self._core, asking.server.name
        action_id = f"{core.options.prefix}-{core.number('action')}"
        asking.open[action_id] = action
        self._open[action_id] = asking
        span = core.plan.flows[0].span
        headers = (("Action", action),)
        core.emit(Send(name, action_id, headers, _LISTS[action], True, asking.timer.when, NOBODY, span))

    # --- what came of it ----------------------------------------------------------------------------------------------

    def answered(self, item: Answered) -> bool:
        """A list came, or was refused. False where it was not asked for here."""
        asking = self._open.pop(item.action_id, None)
        if asking is None:
            return False
        action = asking.open.pop(item.action_id)
        if item.response.get("Response") != "Error":
            asking.rows[action] = item.rows
        else:
            words = item.response.get("Message") or "the server refused"
            text = f"{asking.server.name}: which channels of before the gap exist is not known: {action}: {words}"
            self._core.note("picture-incomplete", "info", text, server=asking.server.name)
        self._close(asking)
        return True

    def unanswered(self, item: Unanswered) -> bool:
        """A list will not come. False where it was not asked for here."""
        asking = self._open.pop(item.action_id, None)
        if asking is None:
            return False
        del asking.open[item.action_id]
        self._close(asking)
        return True

    def expire(self, asking: Asking) -> None:
        """Its time is over."""
        for action_id in asking.open:
            self._core.emit(Withdraw(asking.server.name, action_id))
        self._forget(asking)

    def lost(self, server: Server) -> None:
        """The connection is gone: everything will be asked for again."""
        for asking in {one for one in self._open.values() if one.server is server}:
            self._forget(asking)

    def _forget(self, asking: Asking) -> None:
        self._core.timers.cancel(asking.timer)
        for action_id in asking.open:
            self._open.pop(action_id, None)
        asking.open.clear()

    def _close(self, asking: Asking) -> None:
        """Once all has come: let go on whose wait is lost."""
        if asking.open or not asking.server.ready:
            return
        self._forget(asking)
        gone, gap = _Gone(asking.rows), self._gap(asking.server)
        for run, known in asking.runs:
            if run.alive and (thing := gone.first(_ends_with(run.until), known)):
                text = f"ended by its until, which came unseen: {thing} went in {gap}"
                self._core.note("until-met", "info", text, instance=run)
                self._admission.cancel(run, text)
            for strand in tuple(run.strands()) if run.alive else ():
                match strand.block:
                    case Awaiting() as wait if thing := gone.first(_must(wait), known):
                        self._tape.lose(strand, wait, f"{thing} went in {gap}")
                    case Acting(phase="called") as acting if acting.channel_id in known and "Status" in asking.rows:
                        self._judge(strand, acting, asking.rows["Status"], gap)

    def _judge(self, instance: Instance, acting: Acting, rows: Sequence[Message], gap: str) -> None:
        """A call whose OriginateResponse may have come unseen: it still rings, was answered, or is over."""
        row = next((row for row in rows if row.get("Uniqueid") == acting.channel_id), None)
        if row is None:
            self._actions.lose(instance, acting, f"the call ended in {gap}")
        elif row.get("ChannelState") == _UP or row.get("State") == "Up":
            self._actions.found(instance, acting, row.get("Channel") or "")

    def _gap(self, server: Server) -> str:
        core = self._core
        ahead = core.world.wall - core.now
        since, to = (to_text(at(ahead + (when or 0.0))) for when in (server.lost, server.back))
        return f"the gap from {since} to {to}"


class _Gone:
    """What a server's lists do not show any more."""

    def __init__(self, rows: dict[str, tuple[Message, ...]]) -> None:
        channels, bridges = rows.get("Status"), rows.get("BridgeList")
        self._there: dict[Kind, set[str | None]] = {}
        if channels is not None:
            self._there["id"] = {row.get("Uniqueid") for row in channels}
            self._there["name"] = {row.get("Channel") for row in channels}
            calls = {row.get("Linkedid") for row in channels}
            if None not in calls:  # Asterisk before 12 does not list them
                self._there["call"] = calls
        if bridges is not None:
            self._there["bridge"] = {row.get("BridgeUniqueid") for row in bridges}

    def first(self, things: Iterable[Thing], known: frozenset[str]) -> str | None:
        """The first of these that is gone, among those that were known of."""
        judged = (thing for thing in things if thing[1] in known and thing[0] in self._there)
        return next((name for kind, name in judged if name not in self._there[kind]), None)


def _known(run: Instance) -> Iterator[Thing]:
    """The channels, calls and bridges that a run knows of, as far as it may wait for events of them."""
    yield from _ends_with(run.until)
    for strand in run.strands():
        if isinstance(strand.block, Awaiting):
            yield from _must(strand.block)
        if isinstance(strand.block, Acting) and strand.block.phase == "called":
            yield "id", strand.block.channel_id
    for value in run.values():
        if isinstance(value, Call):
            yield "id", value.uniqueid
        for name, text in value.headers if isinstance(value, Message) else ():
            kind = _kind(name.casefold())
            if kind is not None and text:
                yield kind, text


def _must(wait: Awaiting) -> tuple[Thing, ...]:
    """What must exist for the wait to be met. A `wait any` is left to its `after`, as others may come."""
    if wait.step.mode == "any":
        return ()
    found = (_of(listener, wait.step.entries[listener.slot].pattern.keys) for listener in wait.listeners)
    return tuple(thing for things in found for thing in things)


def _ends_with(until: Listener | None) -> tuple[Thing, ...]:
    """The channels with whose Hangup a flow ends."""
    if until is None or "Hangup" not in until.watch.events:
        return ()
    return tuple(thing for thing in _of(until, None) if thing[0] in ("id", "name"))


def _of(listener: Listener, keys: Sequence[Key] | None) -> Iterator[Thing]:
    """The things that the events it listens for are of, as far as it compares them with what a flow knows. A channel
    that is to come yet is none; the name of one that the recipe names may be another's next."""
    if listener.values is None or "Newchannel" in listener.watch.events:
        return
    for number, ((header, _), value) in enumerate(zip(listener.watch.shape, listener.values, strict=True)):
        written = keys is not None and isinstance(keys[number].value, Const | Global)
        kind = _kind(header.casefold())
        if kind is not None and isinstance(value, str) and value and not written:
            yield kind, value


def _kind(header: str) -> Kind | None:
    if header.endswith("uniqueid"):
        return "bridge" if "bridge" in header else "id"
    if header.endswith("linkedid"):
        return "call"
    return "name" if header.endswith("channel") else None
