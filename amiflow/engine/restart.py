"""Runs of flows, and durable stores, of before a restart of amiflow: what becomes of them in this run.

Belongs here: the policies of `after restart`, and which runs cannot be taken up. Never here: the form in which they are
written (`standing`), where (`live.memory_db`), and what the parts do with a run that stands in them again (`steps`).

The runs of a server come back when it can be used for the first time, before anything is heard of it, with the gap in
which nobody listened. Until then they stay as they are written.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, TypeAlias

from amiflow.ami.message import Message
from amiflow.engine.admission import Admission
from amiflow.engine.core import Core
from amiflow.engine.durable import Durable
from amiflow.engine.effects import FlowEnded, Past, Remember, Restored
from amiflow.engine.instance import Instance
from amiflow.engine.program import Program
from amiflow.engine.rejoining import Rejoining
from amiflow.engine.server import Server
from amiflow.engine.standing import Clock, Reading, slots
from amiflow.engine.values import Call, Value
from amiflow.engine.written import Unreadable

_GONE = "its channel went as Asterisk was restarted"
_End: TypeAlias = Literal["cut off", "gone"]
_BOOT_SLACK = 5.0  # seconds by which an Uptime in whole seconds, and two clocks, may be off


class Restarts:
    """What earlier runs have left to a machine."""

    def __init__(self, core: Core, rejoining: Rejoining, admission: Admission, durable: Durable) -> None:
        self._core = core
        self._durable = durable
        self._rejoining = rejoining
        self._admission = admission
        self._pasts: dict[str, list[Past]] = {}
        core.reserved = self.taken

    def take(self, item: Restored) -> None:
        """What there is. Runs on a server that is none of this run are over."""
        core = self._core
        core.earlier += item.runs
        self._durable.fill(item.entries)
        for past in item.flows:
            server = past.state.get("server")
            if isinstance(server, str) and server in core.servers:
                self._pasts.setdefault(server, []).append(past)
            else:
                self._give_up(past, f"no server of this run is called `{server}`")

    def taken(self, pool: str) -> int:
        """How many slots those have that wait for their server, and for whom it is not too late."""
        return sum(tuple(slots(past.state)).count(pool) for past in self._going_on()) if self._pasts else 0

    def _going_on(self) -> Iterator[Past]:
        flows = {program.flow.name: program.identity for program in self._core.programs if program.resumes}
        for past in (past for pasts in self._pasts.values() for past in pasts):
            flow, lifetime = past.state.get("flow"), past.state.get("lifetime")
            same = isinstance(flow, str) and flows.get(flow) == past.state.get("identity")
            if same and isinstance(lifetime, float) and lifetime > self._core.world.wall:
                yield past

    def go_on_from(self, before: Restarts) -> None:
        """What waits for its server to be used waits here now."""
        self._pasts, before._pasts = before._pasts, {}

    def note_gap(self, server: Server) -> None:
        """The server can be used for the first time: since the earlier runs nobody has listened to it."""
        pasts = self._pasts.get(server.name)
        if pasts and server.lost is None:
            clock = Clock(self._core.now, self._core.world.wall)
            server.lost = min(clock.when(max(past.at for past in pasts)), self._core.now)

    def bring_back(self, server: Server, uptime: int | None) -> None:
        """The runs on this server stand again where they stood, or meet the end that is theirs."""
        pasts = self._pasts.pop(server.name, None)
        if pasts is None:
            return
        booted = self._core.world.wall - uptime if uptime is not None else None
        reading = Reading(self._core.pen, Clock(self._core.now, self._core.world.wall), self._core.timers)
        pasts.sort(key=_age)
        found = [(past, one) for past in pasts if (one := self._read(past, reading, server)) is not None]
        server.seen = max([server.seen, *(_seen(past) for past, _ in found)])
        ends = {one: _end(past, one, booted) for past, one in found}
        # Who waits for what another has comes behind it, and what one sets free is for all who go on.
        found.sort(key=lambda pair: (pair[1].state == "queued", ends[pair[1]] is not None))
        for past, instance in found:
            self._resume(past, instance, ends[instance])
        self._rejoining.serve()

    def _read(self, past: Past, reading: Reading, server: Server) -> Instance | None:
        """The run, where this plan can take it up. Its number is the next one."""
        core, state = self._core, past.state
        program = next((one for one in core.programs if one.flow.name == state.get("flow")), None)
        if program is None:
            self._give_up(past, "the recipe has no such flow any more")
            return None
        if program.identity != state.get("identity"):
            self._give_up(past, "its code was changed while amiflow was restarted", program)
            return None
        if past.doubtful:
            self._give_up(past, "what it did last could not be written down", program)
            return None
        try:
            instance = reading.instance(state, core.number("instance"), program, server)
            self._rejoining.count_slots(instance)
        except Unreadable as error:
            self._give_up(past, f"what is written of it cannot be read: {error}", program)
            return None
        instance.token, instance.written = past.token, True
        return instance

    def _resume(self, past: Past, instance: Instance, end: _End | None) -> None:
        core, flow = self._core, instance.program.flow
        if end is not None and instance.state == "queued":
            text = "amiflow was restarted before its turn came" if end == "cut off" else _GONE
            core.counters["suppressed", flow.name] += 1
            core.note("suppressed", "info", text, flow=flow.name, span=flow.span)
            core.emit(Remember(instance.token, instance.id, instance.server.name, None))
            return
        stood = instance.state != "queued"
        text = "was cut off by a restart of amiflow" if end == "cut off" else "goes on after a restart of amiflow"
        facts: dict[str, Any] = {"server": instance.server.name} | ({"of": past.story} if past.story else {})
        facts |= {"key": instance.key} if instance.key is not None else {}
        core.note("resumed", "info", text, instance=instance, span=flow.span, message=instance.cause, **facts)
        core.counters["resumed", flow.name] += 1
        self._admission.adopt(instance)
        if end == "cut off":
            self._rejoining.fall(instance)
        elif stood:
            self._rejoining.rejoin(instance)
        if end == "gone":
            core.note("restarted", "warn", _GONE, instance=instance)
            self._admission.cancel(instance, "its channel is gone")

    def _give_up(self, past: Past, why: str, program: Program | None = None) -> None:
        """A run that cannot be taken up has failed; its finally belongs to code that is not there any more."""
        core = self._core
        name, server = str(past.state.get("flow")), str(past.state.get("server"))
        number = core.number("instance")
        span = program.flow.span if program is not None else None
        of: dict[str, Any] = {"of": past.story} if past.story else {}
        core.note("not-resumed", "error", f"cannot go on after the restart: {why}", flow=name, span=span, **of)
        core.counters["failed", name] += 1
        core.emit(FlowEnded(name, number, "failed", f"amiflow was restarted, and {why}", span, None))
        core.emit(Remember(past.token, number, server, None))


def _age(past: Past) -> tuple[float, int]:
    """By which runs are in the order in which they began, or began to wait for their turn."""
    started, number = past.state.get("started"), past.state.get("number")
    return started if isinstance(started, float) else 0.0, number if isinstance(number, int) else 0


def _end(past: Past, instance: Instance, booted: float | None) -> _End | None:
    """Why the run does not go on; none where it does."""
    if instance.state == "final":
        return None
    if instance.program.flow.after != "resume":
        return "cut off"
    renewed = booted is not None and booted > past.at + _BOOT_SLACK
    return "gone" if renewed and holds_channel(instance) else None


def _seen(past: Past) -> int:
    seen = past.state.get("seen")
    return seen if isinstance(seen, int) else 0


def holds_channel(instance: Instance) -> bool:
    """Whether its names hold something of a channel."""
    return any(map(_is_of_channel, instance.values()))


def _is_of_channel(value: Value) -> bool:
    return isinstance(value, Call) or (isinstance(value, Message) and value.get("Uniqueid") is not None)
