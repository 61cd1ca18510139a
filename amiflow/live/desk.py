"""What is asked of a run from outside, done: signals given to the flows, pauses, stops, and the answers.

Belongs here: what each question means to the machines, and which answer it gets. Never here: how questions come in
(`control`, `http_port`), figures (`status`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import assert_never

from amiflow.engine import effects
from amiflow.engine.effects import Input, SignalReply
from amiflow.live.killswitch import KillSwitch
from amiflow.live.log import Line, Log
from amiflow.live.problems import Trouble, nearest
from amiflow.live.requests import (
    Answer,
    GiveSignal,
    PauseFlows,
    Reload,
    ResumeFlows,
    StopFlow,
    TellFigures,
    TellHealth,
    TellStatus,
    Ticket,
)
from amiflow.live.runner import Runner
from amiflow.live.status import Status
from amiflow.plan.model import Flow
from amiflow.plan.triggers import OnSignal

PAUSED = "is paused"
_NEARNESS = ("unknown", "idle", "wrong", "stopped", "failed", "done")


@dataclass(slots=True)
class _Signal:
    """A signal whose sender waits: how many machines have still to say what they make of it, and the best answer."""

    ticket: Ticket
    best: Answer
    left: int = 0


class Desk:
    """`give` hands an input to all machines of the run; `renew` reads its recipes again, where it can."""

    def __init__(self, runners: Sequence[Runner], status: Status, log: Log, give: Callable[[Input], None]) -> None:
        self._runners = runners
        self._status = status
        self._log = log
        self._give = give
        self._signals: dict[str, _Signal] = {}
        self._paused: dict[str | None, None] = {}
        self.renew: Callable[[Ticket], None] | None = None
        self._trouble: Trouble | None = None
        self._killed: str | None = None

    def take(self, ticket: Ticket) -> None:
        """Do what is asked; of a signal the answer comes later, by `reply`."""
        match ticket.request:
            case GiveSignal(name=name, fields=fields):
                self._signals[ticket.number] = _Signal(ticket, self._unknown(name))
                self._give(effects.Signalled(name, fields, ticket.number))
            case TellStatus():
                ticket.answer(Answer(self._status.tell()))
            case TellHealth():
                ticket.answer(Answer(self._status.health()))
            case TellFigures():
                ticket.answer(Answer(self._status.figures()))
            case PauseFlows(flow=flow):
                ticket.answer(self._lacks(flow) or self._pause(flow))
            case ResumeFlows(flow=flow):
                ticket.answer(self._lacks(flow) or self._resume(flow))
            case StopFlow(flow=flow, instance=instance):
                ticket.answer(self._lacks(flow) or self._stop(flow, instance))
            case Reload() if self.renew is not None:
                self.renew(ticket)
            case Reload():
                ticket.answer(Answer(None, "this run does not know where its recipes come from", "wrong"))
            case other:
                assert_never(other)

    def headline(self) -> str:
        """The state of the run in a line."""
        return self._status.headline()

    def pauses(self) -> list[effects.Pause]:
        """What keeps flows from beginning, for a machine that is new in the run."""
        killed = [effects.Pause(None, self._killed)] if self._killed is not None else []
        return killed + [effects.Pause(flow, PAUSED) for flow in self._paused]

    def switched(self, switch: KillSwitch) -> bool:
        """Whether the kill switch is on, at the beginning of a run or since it was last looked at."""
        if switch.on:
            self._killed = switch.why
            self._give(effects.Pause(None, switch.why))
            text = f"{switch.why}: nothing is sent or done that changes anything, and no flow begins"
            self._log.line(Line("error", "kill-switch", text))
        elif self._killed is not None:
            self._killed = None
            self._give(effects.Resume(None, switch.why))
            self._log.line(Line("warn", "kill-switch", f"the kill switch {switch.path} is off again"))
        elif switch.has_folder:
            self._log.line(Line("info", "kill-switch", f"making the file {switch.path} stops all that is done"))
        else:
            text = f"the kill switch {switch.path} cannot be pulled: its folder does not exist"
            self._log.line(Line("warn", "kill-switch", text))
        return switch.on

    def give_up(self, trouble: Trouble) -> None:
        """The run cannot go on. Where flows run on other servers it ends in order first; else this is raised at once,
        and so is what comes as it ends."""
        if self._trouble is not None or not any(one.machine.running() for one in self._runners):
            raise trouble
        self._trouble = trouble
        self._log.line(Line("error", "gives-up", f"{trouble}: the run ends"))
        self._give(effects.StopAsked(str(trouble)))

    def concluded(self, status: int) -> int:
        """The exit status of a run that is over. Raises what it was given up for."""
        if self._trouble is not None:
            raise self._trouble
        return status

    def goes_out(self, item: Input) -> None:
        """It is given to all machines now: those that there are by now will say what they make of a signal."""
        if isinstance(item, effects.Signalled) and item.signal_id in self._signals:
            self._signals[item.signal_id].left = sum(one.status is None for one in self._runners)

    def reply(self, reply: SignalReply) -> None:
        """The first flow to end answers for the run. Where none was started, the answer comes once every machine has
        said so, and is that of the machine which came nearest."""
        signal = self._signals.get(reply.signal_id)
        if signal is None:
            return
        signal.left -= 1
        answer = Answer(reply.value, reply.failure, reply.kind)
        if answer.kind != "unknown" and _NEARNESS.index(answer.kind) >= _NEARNESS.index(signal.best.kind):
            signal.best = answer
        if signal.left <= 0 or reply.kind in ("done", "failed", "stopped"):
            del self._signals[reply.signal_id]
            signal.ticket.answer(signal.best)

    def _unknown(self, signal: str) -> Answer:
        """The answer where no flow takes the signal."""
        signals = {one.trigger.signal for one in self._flows() if isinstance(one.trigger, OnSignal)}
        return _none_such("no flow takes this signal", signal, signals)

    def _lacks(self, flow: str | None) -> Answer | None:
        """The answer where no plan has the flow."""
        names = {one.name for one in self._flows()}
        if flow is None or flow in names:
            return None
        return _none_such(f"no recipe of this run has a flow `{flow}`", flow, names)

    def _flows(self) -> Iterator[Flow]:
        """Those of the machines that run."""
        return (one for runner in self._runners if runner.status is None for one in runner.plan.flows)

    def _pause(self, flow: str | None) -> Answer:
        if flow in self._paused:
            return Answer(None, f"{_named(flow)} paused already", "idle")
        self._paused[flow] = None
        self._give(effects.Pause(flow, PAUSED))
        self._log.line(Line("warn", "paused", f"{_named(flow)} paused: no run begins, those that there are go on"))
        return Answer({"paused": flow or "all"})

    def _resume(self, flow: str | None) -> Answer:
        """A flow by itself cannot be resumed where all were paused together."""
        if flow is not None and None in self._paused:
            return Answer(None, "all flows are paused together, and can only be resumed together", "idle")
        if flow not in self._paused and (flow is not None or not self._paused):
            return Answer(None, "nothing is paused" if flow is None else f"{flow} is not paused", "idle")
        self._paused = {one: None for one in self._paused if flow is not None and one != flow}
        self._give(effects.Resume(flow, PAUSED))
        self._log.line(Line("warn", "resumed", f"{_named(flow)} resumed"))
        return Answer({"resumed": flow or "all"})

    def _stop(self, flow: str, instance: int | None) -> Answer:
        stops = [
            one.instance
            for runner in self._runners
            for one in runner.machine.running()
            if one.flow == flow and instance in (None, one.instance) and one.state in ("queued", "running")
        ]
        if not stops:
            which = "no run" if instance is None else f"no run {instance}"
            return Answer(None, f"{which} of {flow} goes on", "idle")
        self._give(effects.StopRuns(flow, instance))
        self._log.line(Line("warn", "stop-flow", f"{len(stops)} runs of {flow} are to stop"))
        return Answer({"stopped": stops})


def _none_such(text: str, word: str, known: Collection[str]) -> Answer:
    help = nearest(word, known)
    return Answer(None, f"{text}; {help}" if help else text, "unknown")


def _named(flow: str | None) -> str:
    return "all flows are" if flow is None else f"{flow} is"
