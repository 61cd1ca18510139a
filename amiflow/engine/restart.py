"""Runs of flows, and durable stores, of before a restart of amiflow: what becomes of them in this run.

Belongs here: the policies of `after restart`, and which runs cannot be taken up. Never here: the form in which they are
written (`standing`), where (`live.memory_db`), and what the parts do with a run that stands in them again (`steps`).

The runs of a server come back when it can be used for the first time, before anything is heard of it, with the gap in
which nobody listened. Until then they stay as they are written.
"""

from __future__ import annotations

from typing import Any

from amiflow.ami.message import Message
from amiflow.engine.admission import Admission
from amiflow.engine.core import Core
from amiflow.engine.durable import Durable
from amiflow.engine.effects import FlowEnded, Past, Remember, Restored
from amiflow.engine.instance import Instance
from amiflow.engine.program import Program
from amiflow.engine.rejoining import Rejoining
from amiflow.engine.server import Server
from amiflow.engine.standing import Clock, Reading
from amiflow.engine.values import Call, Value
from amiflow.engine.written import Unreadable

_BOOT_SLACK = 5.0  # seconds by which an Uptime in whole seconds, and two clocks, may be off


class Restarts:
    """What earlier runs have left to a machine."""

    def __init__(self, core: Core, rejoining: Rejoining, admission: Admission, durable: Durable) -> None:
        self._core = core
        self._durable = durable
        self._rejoining = rejoining
        self._admission = admission
        self._pasts: dict[str, list[Past]] = {}

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
        found = [(past, one) for past in pasts if (one := self._read(past, reading, server)) is not None]
        server.seen = max([server.seen, *(_seen(past) for past, _ in found)])
        found.sort(key=lambda pair: (pair[1].state == "queued", pair[1].started, pair[1].id))
        for past, instance in found:
            self._resume(past, instance, booted is not None and booted > past.at + _BOOT_SLACK)

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
        except (Unreadable, KeyError) as error:
            self._give_up(past, f"what is written of it cannot be read: {error}", program)
            return None
        instance.token, instance.written = past.token, True
        return instance

    def _resume(self, past: Past, instance: Instance, renewed: bool) -> None:
        core, flow = self._core, instance.program.flow
        goes_on = flow.after == "resume" or instance.state == "final"
        text = "goes on after a restart of amiflow" if goes_on else "was cut off by a restart of amiflow"
        if not goes_on and instance.state == "queued":
            text = "amiflow was restarted before its turn came"
            core.note("suppressed", "info", text, flow=flow.name, span=flow.span)
            core.emit(Remember(instance.token, instance.id, instance.server.name, None))
            return
        facts: dict[str, Any] = {"server": instance.server.name} | ({"of": past.story} if past.story else {})
        facts |= {"key": instance.key} if instance.key is not None else {}
        core.note("resumed", "info", text, instance=instance, span=flow.span, message=instance.cause, **facts)
        core.counters["resumed", flow.name] += 1
        self._admission.adopt(instance)
        if not goes_on:
            self._rejoining.fall(instance)
        elif instance.state == "running" and renewed and holds_channel(instance):
            self._rejoining.rejoin(instance)
            core.note("restarted", "warn", "its channel went as Asterisk was restarted", instance=instance)
            self._admission.cancel(instance, "its channel is gone")
        elif instance.state != "queued":
            self._rejoining.rejoin(instance)

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


def _seen(past: Past) -> int:
    seen = past.state.get("seen")
    return seen if isinstance(seen, int) else 0


def holds_channel(instance: Instance) -> bool:
    """Whether its names hold something of a channel."""
    return any(map(_is_of_channel, instance.values()))


def _is_of_channel(value: Value) -> bool:
    return isinstance(value, Call) or (isinstance(value, Message) and value.get("Uniqueid") is not None)
