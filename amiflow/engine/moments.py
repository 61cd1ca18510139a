"""Triggers that no event sets off: `on start`, `on reconnect`, `on stop`, `every`, `at` and `cron`.

Belongs here: when such flows begin, and on which servers. Never here: triggers on events (`matching`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from math import inf
from zoneinfo import ZoneInfo

from amiflow.engine.admission import Admission
from amiflow.engine.calendar import Calendar
from amiflow.engine.core import Core
from amiflow.engine.cron import next_due
from amiflow.engine.evaluate import EvaluationError
from amiflow.engine.instance import Instance
from amiflow.engine.program import Program
from amiflow.engine.server import Server
from amiflow.engine.timers import Timer
from amiflow.plan.expressions import Expr
from amiflow.plan.triggers import Cron, Every, OnHours, OnRun

_LONGEST = 3600.0  # seconds that a time of day is waited for at a stretch: the wall clock may be set meanwhile

_EARLY = 0.001  # seconds by which sums of times may be off


@dataclass(slots=True, eq=False)
class Period:
    """An `every` flow on its server: when it is next due, and its last run."""

    program: Program
    server: Server
    expr: Expr
    timer: Timer | None = None
    run: Instance | None = None


@dataclass(slots=True, eq=False)
class Appointment:
    """An `at`, `cron` or hours' flow on its server, when it is next due and since when that is awaited: since it last
    was, or its server could be used (the epoch in seconds); `next` gives the moment after another."""

    program: Program
    server: Server
    next: Callable[[float], float | None]
    due: float = inf
    last: float = -inf
    timer: Timer | None = None


class Moments:
    """The flows of a machine that time, or the run itself, begins."""

    def __init__(self, core: Core, admission: Admission) -> None:
        self._core = core
        self._admission = admission
        self._periods: list[Period] = []
        self._appointments: list[Appointment] = []
        triggers = (program.flow.trigger for program in core.programs)
        self.are_all = all(isinstance(trigger, OnRun) and trigger.moment == "start" for trigger in triggers)
        """Whether the recipe has `on start` flows alone: then it ends when these have."""

    def begin(self, server: Server) -> None:
        """The server can be used for the first time."""
        self._start_all("start", server)
        self._await_times(server)

    def go_on_from(self, before: Moments, same: Collection[str]) -> None:
        """Await the times of flows on servers that were used already; these flows keep their beat, miss no time that
        has just come, and see none twice."""
        for server in self._core.servers.values():
            if server.begun:
                self._await_times(server)
        beats = {(one.program.flow.name, one.server.name): one for one in before._periods}
        for period in self._periods:
            earlier = beats.get((period.program.flow.name, period.server.name))
            if earlier is not None:
                period.run = earlier.run
            if earlier is not None and earlier.timer is not None and period.program.flow.name in same:
                self._core.timers.cancel(period.timer)
                period.timer = self._core.timers.set(earlier.timer.when, "period", period)
        times = {(one.program.flow.name, one.server.name): one for one in before._appointments}
        for appointment in self._appointments:
            past = times.get((appointment.program.flow.name, appointment.server.name))
            if past is not None and appointment.program.flow.name in same:
                self._core.timers.cancel(appointment.timer)
                self._appoint(appointment, max(past.last, min(past.due - _EARLY, self._core.world.wall)))
        before.stop()

    def _await_times(self, server: Server) -> None:
        first = self._core.options.servers[0]
        for program in self._core.programs:
            trigger = program.flow.trigger
            if isinstance(trigger, Every) and (program.flow.server or first) == server.name:
                period = Period(program, server, trigger.period, run=self._going_on(program, server))
                self._periods.append(period)
                self._set(period, self._core.now)
            if isinstance(trigger, Cron | OnHours) and (program.flow.server or first) == server.name:
                appointment = Appointment(program, server, self._next(trigger))
                self._appointments.append(appointment)
                self._appoint(appointment, self._core.world.wall)

    def again(self, server: Server) -> None:
        """The server can be used again."""
        self._start_all("reconnect", server)

    def last(self) -> None:
        """Everything else is over."""
        self._admission.closed = False
        for server in self._core.servers.values():
            if server.begun:
                self._start_all("stop", server)

    def _start_all(self, moment: str, server: Server) -> None:
        for program in self._core.programs:
            trigger = program.flow.trigger
            if not isinstance(trigger, OnRun) or trigger.moment != moment:
                continue
            goes_on = moment == "start" and program.resumes and self._going_on(program, server) is not None
            if program.flow.server in (None, server.name) and not goes_on:
                self._start(program, server)

    def _going_on(self, program: Program, server: Server) -> Instance | None:
        """The run that was taken up after a restart of amiflow, where there is one."""
        runs = self._core.instances.values()
        return next((one for one in runs if one.program is program and one.server is server), None)

    def _start(self, program: Program, server: Server) -> Instance | None:
        key = self._admission.key(program, {}, server, None)
        return self._admission.start(program, server, {}, key, None)

    # --- every --------------------------------------------------------------------------------------------------------

    def _set(self, period: Period, since: float) -> None:
        core, flow = self._core, period.program.flow
        try:
            spell = core.seconds(period.expr, core.frame({}, period.server))
            if not spell:
                raise EvaluationError("`every` needs more than zero, and never comes", period.expr.span)
        except EvaluationError as error:
            core.note("condition-failed", "error", error.text, flow=flow.name, span=error.span)
            return
        # A period that ran late (a suspended machine) is not caught up with; else the beat is kept.
        due = since + spell if since + spell > core.now else core.now + spell
        period.timer = core.timers.set(due, "period", period)

    def fall_due(self, period: Period) -> None:
        """A period is over: run the flow, unless its last run is still going on."""
        flow = period.program.flow
        due = period.timer.when if period.timer is not None else self._core.now
        if period.run is not None and period.run.state != "ended":
            self._core.counters["suppressed", flow.name] += 1
            self._core.note("suppressed", "debug", "its last run is not over", flow=flow.name, span=flow.span)
        else:
            period.run = self._start(period.program, period.server)
        self._set(period, due)

    # --- at, cron and hours -------------------------------------------------------------------------------------------

    def _next(self, trigger: Cron | OnHours) -> Callable[[float], float | None]:
        if isinstance(trigger, Cron):
            return partial(next_due, trigger, ZoneInfo(trigger.zone or self._core.options.zone))
        calendar: Calendar = self._core.world.globals[trigger.hours]
        return partial(calendar.next_edge, opens=trigger.edge == "opens")

    def _appoint(self, appointment: Appointment, after: float) -> None:
        appointment.last, due = after, appointment.next(after)
        if due is not None:
            appointment.due = due
            self._await(appointment)

    def _await(self, appointment: Appointment) -> None:
        core = self._core
        left = min(appointment.due - core.world.wall, _LONGEST)
        appointment.timer = core.timers.set(core.now + left, "appointment", appointment)

    def arrive(self, appointment: Appointment) -> None:
        """The time may have come. What a suspended machine slept through runs once. A clock that was set back by more
        than an hour had been wrong: what comes from there on is awaited anew, though it may have been once."""
        wall = self._core.world.wall
        if wall < appointment.last - _LONGEST:
            self._appoint(appointment, wall)
            return
        if appointment.due - wall > _EARLY:
            self._await(appointment)
            return
        self._start(appointment.program, appointment.server)
        self._appoint(appointment, max(wall, appointment.due))

    def stop(self) -> None:
        """Nothing begins any more."""
        for appointment in self._appointments:
            self._core.timers.cancel(appointment.timer)
        self._appointments.clear()
        for period in self._periods:
            self._core.timers.cancel(period.timer)
        self._periods.clear()

    # --- recipes that end by themselves -------------------------------------------------------------------------------

    def are_over(self) -> bool:
        """Whether nothing is left to begin, once nothing runs."""
        return self.are_all and all(server.begun or not self._has_any(server) for server in self._core.servers.values())

    def _has_any(self, server: Server) -> bool:
        return any(program.flow.server in (None, server.name) for program in self._core.programs)

    def status(self) -> int:
        """The exit status. What did not run at all because it was paused is no success either."""
        failed = any(number for (kind, _), number in self._core.counters.items() if kind in ("failed", "paused"))
        return 1 if failed and self.are_all else 0
