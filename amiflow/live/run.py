"""A run put together: plans, servers and log become machines, peers and the loop; at the end, the summary.

Belongs here: composition and what is random (the ids' prefix, the pauses' jitter). Never here: arguments of the command
line (`cli`), or anything that happens while the run goes on (`loop`).
"""

from __future__ import annotations

import gc
import random
import secrets
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeAlias

from amiflow.ami.scanner import Wanted
from amiflow.ami.session import SessionOptions
from amiflow.engine.core import Inputs, Options
from amiflow.engine.emergency import Numbers, guarded
from amiflow.engine.evaluate import EvaluationError
from amiflow.engine.interest import interest
from amiflow.engine.limits import Shared
from amiflow.engine.machine import Machine
from amiflow.engine.tables import Rows
from amiflow.live.clock import Clock
from amiflow.live.company import Company
from amiflow.live.config import Server
from amiflow.live.doors import NOTHING_OUTSIDE, Outside, listening, watching
from amiflow.live.effects import Workshop, allowed
from amiflow.live.herald import Herald
from amiflow.live.journal_db import About, Keep
from amiflow.live.journal_file import writing
from amiflow.live.ledger import Past
from amiflow.live.link import Link
from amiflow.live.log import Line, Log
from amiflow.live.loop import CONTROL, ERRANDS, JOURNAL, RELOAD, SOURCE, SWITCH, Loop
from amiflow.live.memory_db import Memory
from amiflow.live.meter import Meter
from amiflow.live.narrator import Narrator
from amiflow.live.privileges import asked_of
from amiflow.live.problems import Refused, problem
from amiflow.live.pushdown import event_filter
from amiflow.live.record import Writer
from amiflow.live.reload import Needs, Reloader, Told
from amiflow.live.runner import Runner, recipe_of
from amiflow.live.supervise import Peer
from amiflow.live.wake import Wake
from amiflow.plan.bounds import DEFAULT, Caps, caps_text
from amiflow.plan.errands import ANY, allowance
from amiflow.plan.model import Errand, Plan
from amiflow.plan.triggers import OnSignal
from amiflow.report.source import Span

_READING = 90.0  # seconds that the beginning of a run waits for what earlier ones have left: one that was killed with
# a full journal, of 512 MiB, is looked through first, which takes twenty on a fast machine
_SWITCH = 0.0005  # seconds that a thread may keep the interpreter while another waits for it


@dataclass(frozen=True, slots=True)
class Job:
    """A plan and what it is given: values of params by name, every secret, the contents of its tables, and the zone of
    times for which it names none."""

    plan: Plan
    params: Mapping[str, Any]
    secrets: Mapping[str, str]
    tables: Mapping[str, Rows] = field(default_factory=dict)
    zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Brakes:
    """What holds for the run as a whole: its caps, if any are in force, and the numbers that are protected, if any."""

    caps: Caps | None = DEFAULT
    emergency: Numbers | None = None

    def text(self) -> str:
        """In a line, for people."""
        numbers = ", ".join(sorted(self.emergency.numbers)) if self.emergency is not None else "none"
        return f"{caps_text(self.caps) if self.caps is not None else 'no caps'}; protected numbers: {numbers}"


BRAKES = Brakes()


Load: TypeAlias = Callable[[Told], Sequence[Job]]
"""Reads recipes, params and tables again; what is worth telling goes to the one. Raises Refused and Trouble."""


@dataclass(frozen=True, slots=True)
class Events:
    """What makes the servers' events where they are simulated: `begin` is called when the first server is ready, `wait`
    returns when nothing more will be sent, and is called in a worker."""

    begin: Callable[[], None]
    wait: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Making:
    """How machines are made of jobs, at the beginning of a run and when its recipes are read again. With `steps` they
    note each of them; without caps no flow's `max` is in force either, and with `keeping` they have written down what
    is to outlive them."""

    servers: Sequence[str]
    run_id: str
    shadow: bool
    log: Log
    steps: bool
    brakes: Brakes
    shared: Shared
    keeping: bool

    def runners(self, jobs: Sequence[Job], first: int = 0) -> list[Runner]:
        """A machine for each plan, counted from that number on. Raises Refused where a constant has no value."""
        return [self._runner(job, number, again=first > 0) for number, job in enumerate(jobs, first)]

    def _runner(self, job: Job, number: int, again: bool) -> Runner:
        caps = self.brakes.caps
        options = Options(
            f"{self.run_id}m{number}",
            tuple(self.servers),
            self.run_id,
            zone=job.zone,
            shadow=self.shadow,
            steps=self.steps,
            uncapped=caps is None,
            caps=caps,
            emergency=self.brakes.emergency,
            keeping=self.keeping,
        )
        plan = guarded(job.plan) if self.brakes.emergency is not None else job.plan
        machine = _machine(replace(job, plan=plan), options, self.shared)
        log = self.log.about(plan.sources) if again else self.log
        return Runner(plan, machine, Narrator(log, plan), number)


def machines(
    jobs: Sequence[Job],
    servers: Sequence[str],
    run_id: str,
    shadow: bool,
    log: Log,
    steps: bool = False,
    brakes: Brakes = BRAKES,
    keeping: bool = False,
) -> list[Runner]:
    """A machine for each plan of a run. Raises Refused where a constant has no value."""
    return Making(servers, run_id, shadow, log, steps, brakes, Shared(brakes.caps), keeping).runners(jobs)


def needs(runners: Sequence[Runner], shadow: bool, pushdown: bool) -> Needs:
    """What these machines need of the servers; without `pushdown` all events."""
    wanted = tuple(dict.fromkeys(one for runner in runners for one in interest(runner.plan, runner.machine.world)))
    actions = () if shadow else asked_of(runner.plan for runner in runners)
    mask = event_mask(runner.plan for runner in runners) if pushdown else "on"
    return Needs(mask, event_filter(wanted) if pushdown else None, wanted, actions)


def _machine(job: Job, options: Options, shared: Shared) -> Machine:
    try:
        return Machine(job.plan, Inputs(job.params, job.secrets, job.tables), options, shared)
    except EvaluationError as error:
        wrong = problem("no-value", error.text, error.span, "has no value")
        raise Refused([wrong], {source.path: source for source in job.plan.sources}) from None


def run(
    jobs: Sequence[Job],
    servers: Sequence[tuple[Server, str]],
    log: Log,
    clock: Clock,
    shadow: bool = False,
    events: Events | None = None,
    keep: Keep | None = None,
    pushdown: bool = True,
    brakes: Brakes = BRAKES,
    outside: Outside = NOTHING_OUTSIDE,
    load: Load | None = None,
) -> int:
    """Run the plans on the servers, each given with its secret; returns the exit status. Without `keep` there is no
    journal; without `pushdown` the servers are asked for all events; without `load` the recipes cannot be read again.
    Raises Trouble, Refused."""
    run_id = new_run_id()
    wake: Wake[Link | None] = Wake()
    names = [server.name for server, _ in servers]
    real = not shadow and events is None  # what is left belongs to runs on real servers
    keeping = keep is not None and real
    if real and keep is None:
        _warn_of_no_memory(jobs, log)
    making = Making(names, run_id, shadow, log, keep is not None, brakes, Shared(brakes.caps), keeping)
    check(jobs, names, shadow, outside)
    _warn_of_doubles(jobs, (server for server, _ in servers), log)
    runners = making.runners(jobs)
    needed = needs(runners, shadow, pushdown)
    peers = [peer(server, secret, needed.mask, run_id, wake, needed.wanted) for server, secret in servers]
    began = clock.now()
    log.line(Line("info", "limits", brakes.text()))
    _spare_the_collector()
    memory = Memory(run_id, [recipe_of(job.plan) for job in jobs], names) if keeping else None
    about = About(run_id, tuple(names), tuple(job.plan.sources for job in jobs))
    with wake.listening():
        try:
            with (
                writing(keep, about, clock, log, partial(wake.poke, JOURNAL), memory) as journal,
                listening(outside, _awaits_signals(jobs), log, partial(wake.poke, CONTROL)) as mailbox,
                watching(outside.kill_switch, partial(wake.poke, SWITCH)) as switch,
                closing(outside.herald or Herald()) as herald,
                closing(Workshop(allowed(outside.allow), partial(wake.poke, ERRANDS))) as workshop,
            ):
                meter = Meter() if outside.web is not None else None
                reread = partial(wake.poke, RELOAD)
                reloader = _reloader(load, making, outside, pushdown, needed, reread) if load is not None else None
                company = Company(
                    _beginning(events, wake),
                    journal,
                    workshop,
                    mailbox,
                    switch,
                    herald,
                    meter,
                    reloader,
                    outside.hangup_ends,
                )
                loop = Loop(peers, runners, needed.actions, log, clock, wake, run_id, needed.filter, company)
                for runner, left in zip(runners, journal.left(_READING) if journal and memory else (), strict=False):
                    loop.restore(runner, left)
                status = loop.run()
        finally:
            wake.close()
    summarize(loop.runners, log, clock.now() - began, loop.ledger.past)
    return status


def _warn_of_doubles(jobs: Sequence[Job], servers: Iterable[Server], log: Log) -> None:
    """A server that has two names in a run sends each event twice, and flows for any server act upon both."""
    if all(flow.server is not None for job in jobs for flow in job.plan.flows):
        return
    names: dict[tuple[str, int], list[str]] = {}
    for server in servers:
        names.setdefault((server.host.casefold(), server.port), []).append(server.name)
    for (host, port), one in names.items():
        if len(one) > 1:
            text = f"{' and '.join(one)} are one server, {host}:{port}: what flows do for each event is done twice"
            log.line(Line("warn", "servers", text))


def _warn_of_no_memory(jobs: Sequence[Job], log: Log) -> None:
    """Without a journal nothing outlives amiflow."""
    for job in jobs:
        flows = [flow.name for flow in job.plan.flows if flow.after == "resume"]
        stores = [store.name for store in job.plan.stores if store.durable]
        text = "no journal is kept: "
        if flows:
            named = ", ".join(flows)
            log.line(Line("warn", "memory", f"{text}`after restart resume` of {named} is as `after restart fail`"))
        if stores:
            log.line(Line("warn", "memory", f"{text}what is in {', '.join(stores)} does not outlive this run"))


def _reloader(
    load: Load, making: Making, outside: Outside, pushdown: bool, needed: Needs, poke: Callable[[], None]
) -> Reloader:
    """What reads the recipes again, on a worker, and makes machines of them."""

    def make(first: int, told: Told) -> tuple[list[Runner], Needs]:
        jobs = load(told)
        check(jobs, making.servers, making.shadow, outside)
        runners = making.runners(jobs, first)
        return runners, needs(runners, making.shadow, pushdown)

    return Reloader(make, needed, poke)


def check(jobs: Sequence[Job], servers: Sequence[str], shadow: bool, outside: Outside) -> None:
    """Raises Refused where a flow is for no server of this run, or wants something done that is not allowed."""
    check_servers(jobs, servers)
    if not shadow:
        check_allowed(jobs, outside)


def check_constants(jobs: Sequence[Job], log: Log) -> None:
    """Raises Refused where a constant has no value."""
    asked_for = sorted({flow.server for job in jobs for flow in job.plan.flows if flow.server is not None})
    machines(jobs, asked_for or [""], new_run_id(), True, log)


def check_allowed(jobs: Sequence[Job], outside: Outside) -> None:
    """Raises Refused where a plan is sure to want something done that this run does not allow."""
    may = allowed(outside.allow)
    found = [
        problem(
            "not-allowed",
            f"this run does not allow `{one}`",
            span,
            "asked for here",
            f"start it with `--allow {one}`, or say so under `allow:` of the configuration",
        )
        for job in jobs
        for one, span in sorted(_wanted(job.plan).items())
        if not one.endswith(f":{ANY}") and not may.covers(one)
    ]
    if found:
        raise Refused(found, {source.path: source for job in jobs for source in job.plan.sources})


def _wanted(plan: Plan) -> dict[str, Span]:
    """What the plan wants to be allowed, each with the first step that does."""
    wanted: dict[str, Span] = {}
    for step in (step for flow in plan.flows for step in (*flow.body, *flow.final) if isinstance(step, Errand)):
        if (name := allowance(step.operation)) is not None:
            wanted.setdefault(name, step.span)
    return wanted


def _awaits_signals(jobs: Sequence[Job]) -> bool:
    return any(isinstance(flow.trigger, OnSignal) for job in jobs for flow in job.plan.flows)


def _spare_the_collector() -> None:
    """What is there by now stays for the whole run, and a run of a flow leaves no cycles to speak of: looking through
    everything again and again would hold up events for milliseconds, as would a thread of the log or journal that keeps
    the interpreter as long as it does by default."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)
    sys.setswitchinterval(_SWITCH)


def check_servers(jobs: Sequence[Job], names: Sequence[str], help: str | None = None) -> None:
    """Raises Refused where a flow is for a server that is not of this run: it would never start."""
    found = [
        problem(
            "unknown-server", f"no server of this run is called `{flow.server}`", flow.span, "would never start", help
        )
        for job in jobs
        for flow in job.plan.flows
        if flow.server is not None and flow.server not in names
    ]
    if found:
        raise Refused(found, {source.path: source for job in jobs for source in job.plan.sources})


def _beginning(events: Events | None, wake: Wake[Link | None]) -> Callable[[], None] | None:
    if events is None:
        return None

    return partial(_begin, events, wake)


def _begin(events: Events, wake: Wake[Link | None]) -> None:
    events.begin()
    wake.work(SOURCE, lambda: _nothing(events.wait()))


def _nothing(_: object) -> None:
    """A worker's result where there is none."""


def record(server: Server, secret: str, writer: Writer, log: Log, clock: Clock) -> int:
    """Write down what a server sends, every event the account may read, until a signal comes. Raises Trouble."""
    run_id = new_run_id()
    wake: Wake[Link | None] = Wake()
    source = peer(server, secret, "on", run_id, wake)
    source.tap = lambda data: writer.add(data, clock.now())
    with wake.listening():
        try:
            Loop([source], [], [], log, clock, wake, run_id).run()
        finally:
            wake.close()
    log.server("info", server.name, "recorded", f"{writer.size} bytes in {writer.pieces} pieces")
    return 0


def new_run_id() -> str:
    """What the ids of this run begin with; nobody can guess it, so that nobody can forge an answer."""
    return f"af{secrets.token_hex(6)}"


def peer(
    server: Server,
    secret: str,
    mask: str,
    run_id: str,
    wake: Wake[Link | None],
    wanted: tuple[Wanted, ...] | None = None,
) -> Peer:
    """The server made ready to be connected to; `wanted` are the events that matter (none: all of them)."""
    times = server.timeouts
    options = SessionOptions(
        server.username,
        secret,
        run_id,
        server.auth,
        mask,
        server.outstanding,
        login_timeout=times.login,
        keepalive=times.keepalive,
        keepalive_timeout=times.answer,
        wanted=wanted,
    )
    return Peer(server, options, wake, random.random)


def event_mask(plans: Iterable[Plan]) -> str:
    """The classes that any of the plans needs, and `system`: FullyBooted and Shutdown tell the server's state."""
    masks = {plan.needs.mask for plan in plans}
    if "on" in masks:
        return "on"
    classes = {one for mask in masks - {"off"} for one in mask.split(",")}
    return ",".join(sorted(classes | {"system"}))


def summarize(runners: Sequence[Runner], log: Log, seconds: float, past: Past | None = None) -> None:
    """One line: how the flows ended, what was sent; `past` is what machines counted that are no more."""
    outcomes = past.outcomes.copy() if past is not None else Counter[str]()
    actions = past.sent.copy() if past is not None else Counter[str]()
    for runner in runners:
        outcomes += runner.narrator.outcomes
        actions += runner.narrator.actions
    flows = ", ".join(f"{outcomes[word]} {word}" for word in ("done", "failed", "stopped") if outcomes[word])
    sent = ", ".join(f"{count} {name}" for name, count in sorted(actions.items()))
    text = f"flows: {flows or 'none'}; actions sent: {sent or 'none'}; {seconds:.1f} s"
    log.line(Line("info", "summary", text, facts={"flows": dict(outcomes), "actions": dict(actions)}))
