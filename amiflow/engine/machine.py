"""The runner's mind: `handle(input, now, wall)` gives the effects. It touches nothing, and the same inputs at the same
times give the same effects.

Belongs here: what each input means for the parts, the order in which they see an event, timers, and the end of the run.
Never here: what the parts do themselves.

An event is first put to the flows' `until`s, then to their waits, and these flows run on before triggers see it. An
input at exactly the end of a time comes before that end.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from amiflow.ami.message import Message
from amiflow.ami.versions import escapes
from amiflow.engine.actions import Actions
from amiflow.engine.admission import Admission, Latest
from amiflow.engine.conditions import Conditions
from amiflow.engine.core import Core, Inputs, Options
from amiflow.engine.cover import Way
from amiflow.engine.dispatch import OF_RUNS, Listener
from amiflow.engine.durable import Durable
from amiflow.engine.effects import (
    Answered,
    Effect,
    ErrandDone,
    Exit,
    Input,
    Pause,
    Received,
    Restored,
    Resume,
    Retire,
    Sent,
    ServerLost,
    ServerReady,
    Signalled,
    SourceEnded,
    StopAsked,
    StopRuns,
    Tick,
    Unanswered,
)
from amiflow.engine.errands import Errands
from amiflow.engine.functions import World
from amiflow.engine.hangups import Hangup
from amiflow.engine.instance import Instance, Pausing, State
from amiflow.engine.limits import Dial, Gate, Shared
from amiflow.engine.loops import Loops
from amiflow.engine.matching import Match, Matching
from amiflow.engine.moments import Appointment, Moments, Period
from amiflow.engine.ours import is_from_run
from amiflow.engine.picture import MOST_THINGS, Picture
from amiflow.engine.pools import Glance
from amiflow.engine.reconcile import Asking, Reconciliation
from amiflow.engine.rejoining import Rejoining
from amiflow.engine.restart import Restarts, holds_channel
from amiflow.engine.server import Server
from amiflow.engine.signals import Signals
from amiflow.engine.snapshot import Snapshots, Taking
from amiflow.engine.steps import Steps
from amiflow.engine.succession import Kin
from amiflow.engine.tape import Tape
from amiflow.engine.timers import Timer
from amiflow.engine.values import Value
from amiflow.plan.model import Plan
from amiflow.report.source import Span

_OF_CALLS = frozenset(("OriginateResponse", "DialBegin", "DialEnd"))
GONE = "the recipe was read again, and has this flow no more"


@dataclass(frozen=True, slots=True)
class Running:
    """What there is to say of a running flow: since when (monotonic seconds), and where it stands."""

    flow: str
    instance: int
    server: str
    state: State
    key: tuple[Value, ...] | None
    since: float
    at: Span


class Machine:
    """One plan being run; `shared` is what all machines of a run have in common.

    Raises `evaluate.EvaluationError` where a param or secret has no value, or a constant of the file cannot be had.
    """

    def __init__(self, plan: Plan, inputs: Inputs, options: Options, shared: Shared | None = None) -> None:
        core = self._core = Core(plan, inputs, options)
        shared = shared or Shared(options.caps)
        self._named = shared.named
        core.world.ours = self._is_ours
        self._tape = Tape(core)
        self._actions = Actions(core, self._tape, shared)
        self._conditions = Conditions(core)
        self._errands = Errands(core)
        durable = Durable(core)
        self._steps = Steps(core, self._tape, self._actions, self._conditions, self._errands, durable)
        self._admission = Admission(core, self._steps, self._tape, Loops(core, self._named))
        self._matching = Matching(core, self._admission)
        self._moments = Moments(core, self._admission)
        self._signals = Signals(core, self._admission)
        self._snapshots = Snapshots(core, self._pictured)
        rejoining = Rejoining(core, self._steps, self._tape, self._actions, self._conditions, self._errands)
        self._restarts = Restarts(core, rejoining, self._admission, durable)
        self._reconciliation = Reconciliation(core, self._tape, self._actions, self._admission)
        self._kin = Kin(
            core,
            self._admission,
            self._matching,
            self._moments,
            self._steps.pools,
            self._actions.limits,
            durable,
            self._restarts,
        )
        self._takes = self._handlers()
        self._ending: str | None = None
        self._exited = False

    # --- from outside -------------------------------------------------------------------------------------------------

    def handle(self, item: Input, now: float, wall: float) -> list[Effect]:
        """What the input brings about. `now` is monotonic and `wall` the epoch, in seconds; `now` never goes back."""
        core = self._core
        if self._exited:
            return []
        core.now, core.world.wall, core.stirred = now, wall, False
        if core.yielded:
            self._wake_yielded()
        if core.timers.next <= now:
            self._fire(now, inclusive=False)
        self._takes[type(item)](item)
        if core.freed:
            self._inherit()
        if core.ready or core.over or core.touched:
            self._drain()
        if core.timers.next <= now and isinstance(item, Tick):  # others may have come before the end of a time as well
            self._fire(now, inclusive=True)
        if self._steps.leaving:
            self._steps.put_away_rest()
            self._drain()
        if not core.instances and (self._ending is not None or self._moments.are_all):
            self._close_when_over()
        core.write_down_changed()
        return core.take()

    def deadline(self) -> float | None:
        """When `handle` is to be called at the latest, with a `Tick` if nothing else comes; none: no need."""
        if self._exited:
            return None
        core = self._core
        due = core.timers.next
        if core.yielded or core.stirred or due < core.now:  # runs come back with times that are long over
            return core.now
        return due if due < inf else None

    def take_over(self, before: Machine, same: Collection[str], now: float, wall: float) -> None:
        """Take the place of another machine of the same recipe, in which nothing begins from now on. `same` are the
        flows whose trigger and key are the same (`succession.same_triggers`); the times are as for `handle`."""
        self._kin.take_over(before._kin, same, now, wall)

    def heed(self, other: Machine) -> None:
        """Protect the calls that another machine of the run knows to be emergency calls, whatever recipe that runs."""
        for name, server in self._core.servers.items():
            server.heed(other._core.servers[name])

    def let_go(self) -> None:
        """Nothing is asked of the machine any more. Its parts refer to each other in circles, which a collector that is
        told to look seldom finds late."""
        self._kin.leave()
        for part in (self._kin, self._matching, self._core, self):
            vars(part).clear()

    def running(self) -> tuple[Running, ...]:
        """The runs that there are, oldest first."""
        return tuple(map(_shown, self._core.instances.values()))

    def counts(self) -> dict[tuple[str, str], int]:
        """How often what happened to which flow: (`started`, `done`, `failed`, `refused`, …; the flow's name)."""
        return dict(self._core.counters)

    def paused(self) -> dict[str, str]:
        """The flows of which no run begins, each with the reason."""
        names = (program.flow.name for program in self._core.programs)
        return {name: why for name in names if (why := self._admission.paused(name)) is not None}

    def seen(self) -> dict[str, int]:
        """How many events of each server it was given."""
        return {name: server.seen for name, server in self._core.servers.items()}

    @property
    def world(self) -> World:
        """What expressions of this plan read besides the names of a flow."""
        return self._core.world

    @property
    def ways(self) -> frozenset[tuple[Span, Way]]:
        """Which steps were reached and which ways taken, where the options ask for it."""
        return frozenset(self._core.cover.ways if self._core.cover is not None else ())

    @property
    def pending(self) -> int:
        """How many matches are still to be completed."""
        return self._matching.pending

    # --- inputs -------------------------------------------------------------------------------------------------------

    def _handlers(self) -> dict[type[Input], Callable[[Any], None]]:
        """What each input means, by its class: a look-up costs the same for all of them."""
        admission = self._admission
        return {
            Received: self._received,
            Sent: self._actions.sent,
            Answered: self._answered,
            Unanswered: self._unanswered,
            ErrandDone: self._errands.done,
            Signalled: self._signals.take,
            Tick: _nothing,
            ServerReady: self._ready,
            ServerLost: self._lost,
            Pause: lambda item: admission.pause(item.flow, item.why),
            Resume: lambda item: admission.resume(item.flow, item.why),
            StopRuns: self._stop_runs,
            Restored: self._restarts.take,
            Retire: self._retire,
            StopAsked: self._ask_to_stop,
            SourceEnded: self._end_source,
        }

    def _answered(self, item: Answered) -> None:
        if not self._actions.answered(item) and not self._snapshots.answered(item):
            self._reconciliation.answered(item)

    def _unanswered(self, item: Unanswered) -> None:
        if not self._snapshots.unanswered(item) and not self._reconciliation.unanswered(item):
            self._actions.unanswered(item)

    def _received(self, item: Received) -> None:
        server, message = self._core.servers[item.server], item.message
        name = message.name
        server.seen += 1
        server.heard.add(name)
        if name in _OF_CALLS:
            self._hear_of_call(message)
        if server.guard is not None:
            server.guard.hear(message)
        if server.picture is not None:
            self._depict(server, server.picture, message)
        listeners = server.index.candidates(message, server.escapes)
        if not listeners:
            return
        of_runs = 0
        for one in listeners:
            of_runs += one.role in OF_RUNS
        if of_runs:
            self._offer_to_runs(listeners, message)
        if self._core.freed:
            self._inherit()
        if self._ending is None and of_runs < len(listeners):
            self._matching.event(server, listeners, message)

    def _hear_of_call(self, message: Message) -> None:
        if message.name == "OriginateResponse":
            self._actions.called(message)
        else:
            self._actions.dialled(message)
        self._drain()

    def _depict(self, server: Server, picture: Picture, message: Message) -> None:
        for part in picture.hear(message):
            self._core.touch(part, server.name)
        if picture.left_out:
            self._overflow(picture)

    def _offer_to_runs(self, listeners: Sequence[Listener], message: Message) -> None:
        for listener in listeners:
            if listener.role == "until" and isinstance(listener.owner, Instance):
                self._admission.until(listener.owner, message)
        self._offer_to_waits(listeners, message)
        self._drain()

    def _overflow(self, picture: Picture) -> None:
        self._core.counters["picture-full", ""] += picture.left_out
        picture.left_out = 0
        if self._core.is_due("picture-full"):
            text = f"the live picture leaves things out: it keeps {MOST_THINGS} of a kind"
            self._core.note("picture-full", "error", text)

    def _offer_to_waits(self, listeners: Sequence[Listener], message: Message) -> None:
        waiting: dict[Instance, list[Listener]] = {}
        for listener in listeners:
            if listener.role in ("wait", "keep") and isinstance(listener.owner, Instance):
                waiting.setdefault(listener.owner, []).append(listener)
        for instance, wishes in waiting.items():
            still = [wish for wish in wishes if wish.live]
            if still:
                self._tape.offer(instance, still, message)

    def _ready(self, item: ServerReady) -> None:
        core, server = self._core, self._core.servers[item.server]
        self._restarts.note_gap(server)
        gap = core.now - server.lost if server.lost is not None and not server.ready else None
        server.ready, server.back = True, core.now
        server.escapes = escapes(item.ami_version)
        if gap is not None:
            text = f"{server.name} is back: the events of the gap were not seen"
            core.note("gap", "warn", text, server=server.name, seconds=gap)
        if item.restarted:
            self._end_of_before(server)
        self._restarts.bring_back(server, item.uptime)
        self._actions.connected(server)
        server.returned = server.returned or (server.begun and gap is not None)
        if gap is not None:
            self._reconciliation.begin(server)
        self._snapshots.begin(server, item.restarted)

    def _pictured(self, server: Server) -> None:
        """What exists on the server is known now, as far as the plan wants to know."""
        if server.guard is not None:
            self._actions.connected(server)
        if self._ending is None and not server.begun:
            server.begun = True
            self._moments.begin(server)
        elif self._ending is None and server.returned:
            server.returned = False
            self._moments.again(server)

    def _end_of_before(self, server: Server) -> None:
        """Asterisk was restarted: no channel of before exists any more."""
        for instance in list(self._core.instances.values()):
            if instance.server is server and holds_channel(instance):
                self._core.note("restarted", "warn", "its channel went with the restart", instance=instance)
                self._admission.cancel(instance, "its channel is gone")

    def _lost(self, item: ServerLost) -> None:
        server = self._core.servers[item.server]
        self._matching.gap(server)  # events are seen from the login on, before the server can be used
        if not server.ready and (server.lost is not None or not server.seen):
            return
        server.ready, server.lost = False, self._core.now - item.silent
        self._snapshots.lost(server)
        self._reconciliation.lost(server)
        # The runner says so itself, once for all its plans.
        self._core.note("gap", "debug", f"{server.name} is lost: {item.reason}", server=server.name)

    # --- time ---------------------------------------------------------------------------------------------------------

    def _fire(self, limit: float, inclusive: bool) -> None:
        """What falls due up to now. Timers set meanwhile wait for the next call, so that none can hold up the loop."""
        for timer in self._core.timers.due(limit, inclusive):
            self._fall_due(timer)
            self._drain()

    def _fall_due(self, timer: Timer) -> None:
        match timer.owner:
            case Instance() as instance if timer.kind == "block":
                self._steps.wake(instance)
            case Instance() as instance if timer.kind == "expiry":
                self._conditions.outdated(instance)
            case Instance() as instance:
                self._steps.outlive(instance)
            case Match() as match:
                self._matching.expire(match)
            case Gate() as gate:
                self._actions.limits.fall_due(gate)
            case Glance() as glance:
                self._steps.pools.look(glance)
            case Dial(action_id=action_id):
                self._actions.limits.dialled(action_id)
            case Hangup() as hangup:
                self._actions.hangups.expire(hangup)
            case Taking() as taking:
                self._snapshots.expire(taking)
            case Asking() as asking:
                self._reconciliation.expire(asking)
            case Period() as period:
                self._moments.fall_due(period)
            case Appointment() as appointment:
                self._moments.arrive(appointment)
            case Latest() as held:
                self._admission.cooled_down(held)

    def _wake_yielded(self) -> None:
        yielded, self._core.yielded = self._core.yielded, []
        for instance in yielded:
            if isinstance(instance.block, Pausing) and instance.block.timer is None:
                instance.block = None
                self._core.ready.append(instance)
        self._drain()

    def _inherit(self) -> None:
        """Runs of earlier machines are over: who waits here for their keys is next."""
        while self._core.freed:
            self._admission.inherit(self._core.freed.popleft())
            self._drain()

    def _drain(self) -> None:
        """Let run what can run, until everything waits."""
        core = self._core
        while core.ready or core.over or core.touched:
            if core.touched:
                self._conditions.test()
            while core.over:
                over = core.over.popleft()
                self._admission.release(over)
                if self._signals.asked:
                    self._signals.ended(over)
            if core.ready:
                self._steps.run(core.ready.popleft())

    # --- the end ------------------------------------------------------------------------------------------------------

    def _ask_to_stop(self, item: StopAsked) -> None:
        if self._ending == "retired":
            self._stop_all()
        elif self._ending in (None, "source"):
            self._core.note("stopping", "info", f"stops: {item.reason}")
            for server in filter(lambda server: server.begun, self._core.servers.values()):
                self._core.doubt(server, self._core.hearing.silent(server), None)
            self._ending = "stop"
            self._stop_all()

    def _stop_runs(self, item: StopRuns) -> None:
        for instance in list(self._core.instances.values()):
            if instance.program.flow.name == item.flow and item.instance in (None, instance.id):
                self._admission.cancel(instance, "stopped from outside")

    def _retire(self, _: Retire) -> None:
        """What was not taken over is dropped, and no `on stop` flow runs: the run goes on."""
        self._ending = self._ending or "retired"
        self._admission.closed = True
        self._admission.drop_held_back(GONE)
        self._matching.clear(GONE)
        self._moments.stop()

    def _end_source(self, _: SourceEnded) -> None:
        self._ending = self._ending or "source"
        self._matching.clear()
        self._admission.drop_held_back()
        self._moments.stop()

    def _stop_all(self) -> None:
        self._matching.clear()
        self._moments.stop()
        self._admission.drop_held_back()
        for instance in list(self._core.instances.values()):
            if instance.program.resumes and instance.alive:
                self._admission.put_away(instance)
        self._admission.close()
        for instance in list(self._core.instances.values()):
            if not instance.program.resumes:
                self._steps.end(instance, "stopped")
        self._actions.limits.lift()
        self._drain()

    def _close_when_over(self) -> None:
        """Once nothing runs any more: `on stop` flows, and when these are over too, the end."""
        if self._core.instances or self._actions.cleaning:
            return
        if self._ending is None and self._moments.are_over():
            self._ending = "over"
        if self._ending in ("stop", "source"):
            if not self._kin.is_last:
                return
            self._ending = "last"
            self._moments.last()
            self._drain()
            self._close_when_over()
        elif self._ending in ("over", "last", "retired"):
            self._exited = True
            self._kin.end()
            self._actions.limits.lift()  # places of calls that it dialled are those of the other machines of the run
            self._core.write_down_changed()  # the end is the last that is heard of a machine
            self._core.emit(Exit(self._moments.status()))

    def _is_ours(self, message: Message) -> bool:
        core = self._core
        return is_from_run(message, core.runs) or self._named.caused(core.world.server, message, core.now)


def _nothing(_: Tick) -> None:
    """Time alone has gone on."""


def _shown(instance: Instance) -> Running:
    step = instance.step()
    at = step.span if step is not None else instance.program.flow.span
    flow, server = instance.program.flow.name, instance.server.name
    return Running(flow, instance.id, server, instance.state, instance.key, instance.started, at)
