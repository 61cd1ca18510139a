"""What all parts of a machine share: the time as it was handed in, the timers, the servers, and the way out.

Belongs here: inputs of a run, ids, the evaluation of a plan's expressions, effects as they are collected, counts.
Never here: what happens when; that is the business of `matching`, `admission`, `steps`, `tape` and `actions`.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from amiflow.ami.message import Message
from amiflow.engine import standing
from amiflow.engine.calendar import Calendar
from amiflow.engine.cover import Cover, Way
from amiflow.engine.dispatch import Watch
from amiflow.engine.effects import Effect, Level, Noted, Remember, Send
from amiflow.engine.emergency import Numbers
from amiflow.engine.evaluate import EvaluationError, Evaluator, Frame, compile_expr, seconds
from amiflow.engine.functions import World
from amiflow.engine.hearing import Hearing, words
from amiflow.engine.instance import Instance
from amiflow.engine.program import Program
from amiflow.engine.server import Server
from amiflow.engine.standing import Clock
from amiflow.engine.stores import Held, HeldCounter, HeldMap, HeldSeries
from amiflow.engine.tables import Rows
from amiflow.engine.timers import Timers
from amiflow.engine.values import Value, to_text
from amiflow.engine.written import Pen
from amiflow.plan.bounds import Caps
from amiflow.plan.expressions import Const, Expr
from amiflow.plan.identity import identity
from amiflow.plan.keeping import CounterStore, Hours, MapStore, Put, SeriesStore, Store
from amiflow.plan.model import Act, Await, Flow, Plan
from amiflow.report.source import Span

_COMPLAINT_PAUSE = 60.0  # seconds between two notes of the same thing that may come in a flood


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a run of a plan is given. A param without a default must be in `params`, every secret in `secrets`,
    every table in `tables`."""

    params: Mapping[str, Value] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, Rows] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Options:
    """How a plan is run. `prefix` begins this machine's ActionIDs and ChannelIds: unguessable, and at most 40 bytes, as
    some Asterisk versions cut ActionIDs off at 67. `run` is what the prefixes of all machines of the run begin with.

    `max_pending`: matches of one flow that may be pending; `max_kept`: events kept for one flow's later waits. With
    `shadow` only actions that merely read are sent; with `cover` the ways that were taken are remembered; with
    `steps` each step is noted, for the journal. Without `caps` there are no brakes but those of the recipe;
    the numbers of `emergency` are protected, in a plan that was made `emergency.guarded`. With `keeping` runs of flows
    and durable stores are written down, so that they outlive amiflow; else no flow is resumed.
    """

    prefix: str
    servers: tuple[str, ...]
    run: str = ""
    max_pending: int = 10_000
    max_kept: int = 1_000
    shadow: bool = False
    zone: str = "UTC"
    cover: bool = False
    steps: bool = False
    uncapped: bool = False
    caps: Caps | None = None
    emergency: Numbers | None = None
    keeping: bool = False


def _none(_: str) -> int:
    return 0


class Core:
    """The shared state of one machine."""

    def __init__(self, plan: Plan, inputs: Inputs, options: Options) -> None:
        self.plan = plan
        self.options = options
        self.programs = tuple(self._program(flow, number) for number, flow in enumerate(plan.flows))
        self.pen = Pen(inputs.secrets)
        self.changed: dict[Instance, None] = {}
        self.earlier: tuple[str, ...] = ()
        self.servers = {name: Server(name) for name in options.servers}
        self.world = World(zone=options.zone)
        self.timers = Timers()
        self.now = 0.0
        self.instances: dict[int, Instance] = {}
        self.ready: deque[Instance] = deque()
        self.yielded: list[Instance] = []
        self.over: deque[Instance] = deque()
        self.freed: deque[Instance] = deque()  # runs of an earlier machine that are over
        self.touched: set[tuple[str, str]] = set()
        self.stirred = False  # by another machine: something here can go on
        self.reserved: Callable[[str], int] = _none  # slots of a pool, for runs that are to come back
        self.relatives: list[Core] = []  # of machines with which this one may share stores
        self.counters: Counter[tuple[str, str]] = Counter()
        self.cover = Cover() if options.cover else None
        self.hearing = Hearing(plan)
        self._effects: list[Effect] = []
        self._evaluators: dict[int, Evaluator] = {}
        self._spells: dict[int, float] = {}
        self._told: dict[object, float] = {}
        self._secrets = tuple(sorted(filter(None, inputs.secrets.values()), key=len, reverse=True))
        self._numbers: dict[str, int] = {}
        self._set_globals(inputs)

    def _program(self, flow: Flow, number: int) -> Program:
        wanted = flow.after == "resume" or (flow.after == "fail" and flow.final)
        return Program(flow, number, identity(self.plan, flow) if self.options.keeping and wanted else "")

    def _set_globals(self, inputs: Inputs) -> None:
        names = self.world.globals
        for param in self.plan.params:
            if param.name in inputs.params:
                names[param.name] = inputs.params[param.name]
            elif param.default is not None:
                names[param.name] = self.value(param.default, Frame({}, self.world, False))
            else:
                raise EvaluationError(f"the param `{param.name}` has no value", param.span)
        for secret in self.plan.secrets:
            if secret.name not in inputs.secrets:
                raise EvaluationError(f"the secret `{secret.name}` has no value", secret.span)
            names[secret.name] = inputs.secrets[secret.name]
        for table in self.plan.tables:
            if table.name not in inputs.tables:
                raise EvaluationError(f"the table `{table.name}` has no contents", table.span)
            names[table.name] = inputs.tables[table.name]
        for constant in self.plan.constants:
            names[constant.name] = self.value(constant.value, Frame({}, self.world, False))
        for hours in self.plan.hours:
            names[hours.name] = Calendar(hours, self._closed(hours))
        for store in self.plan.stores:
            names[store.name] = self._held(store)

    def _closed(self, hours: Hours) -> Iterator[date]:
        """The dates of what is behind `except`."""
        for expr in hours.exceptions:
            for text in self.value(expr, Frame({}, self.world, False)):  # of a table these are its keys
                try:
                    yield date.fromisoformat(text)
                except ValueError:
                    raise EvaluationError(f"`{text}` is no date such as `2026-12-24`", expr.span) from None

    def _held(self, store: Store) -> Held:
        frame = Frame({}, self.world, False)
        most = self.count(store.max, frame)
        if most < 1:
            raise EvaluationError(f"`{store.name}` is to hold at least one", store.max.span)
        match store:
            case MapStore(lasting=lasting):
                return HeldMap(self.clock, self.seconds(lasting, frame), most)
            case CounterStore(within=within):
                return HeldCounter(self.clock, self.seconds(within, frame), most)
            case SeriesStore(within=within):
                return HeldSeries(self.clock, self.seconds(within, frame), most)

    def clock(self) -> float:
        """The time, for stores: the latest that this machine, or one with which it shares them, was told."""
        return max(self.now, *(other.now for other in self.relatives)) if self.relatives else self.now

    # --- expressions --------------------------------------------------------------------------------------------------

    def frame(self, names: dict[str, Value], server: Server) -> Frame:
        """The names as an expression sees them on that server; it is to be evaluated before the next one is made."""
        self.world.server = server.name
        return Frame(names, self.world, server.escapes, server.picture)

    def evaluator(self, expr: Expr) -> Evaluator:
        """What gives the expression's value, compiled once."""
        evaluate = self._evaluators.get(id(expr))  # the plan holds every expression for as long as this lives
        if evaluate is None:
            evaluate = self._evaluators[id(expr)] = compile_expr(expr)
        return evaluate

    def value(self, expr: Expr, frame: Frame) -> Value:
        """The expression's value. Raises EvaluationError."""
        return self.evaluator(expr)(frame)

    def seconds(self, expr: Expr, frame: Frame) -> float:
        """A duration in seconds; nearly all are constants of the recipe. Raises EvaluationError."""
        spell = self._spells.get(id(expr))
        if spell is None:
            spell = seconds(self.value(expr, frame), expr.span)
            if isinstance(expr, Const):
                self._spells[id(expr)] = spell
        return spell

    def spell(self, expr: Expr, instance: Instance) -> float:
        """A duration in seconds, as a run of a flow sees it. Raises EvaluationError."""
        spell = self._spells.get(id(expr))
        return spell if spell is not None else self.seconds(expr, self.frame(instance.names, instance.server))

    def count(self, expr: Expr, frame: Frame) -> int:
        """A number of times. Raises EvaluationError where it is no int."""
        value = expr.value if isinstance(expr, Const) else self.value(expr, frame)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        raise EvaluationError(f"{to_text(value)} is no whole number", expr.span)

    def fits(
        self, watch: Watch, message: Message, names: dict[str, Value], server: Server, flow: str, indexed: bool = False
    ) -> bool:
        """Whether the event meets the pattern's condition; one that cannot be evaluated counts as false. `indexed`: the
        index has found the watch by the event's values."""
        where = watch.beyond if indexed else watch.where
        if where is None:
            return True
        if watch.name is not None:
            names = {**names, watch.name: message}
        try:
            return bool(where(self.frame(names, server)))
        except EvaluationError as error:
            self.complain(error, flow, message)
            return False

    def complain(self, error: EvaluationError, flow: str, message: Message | None) -> None:
        """A condition cannot be evaluated; said once a minute for each."""
        self.counters["condition-failed", flow] += 1
        if self.is_due(error.span):
            self.note("condition-failed", "warn", error.text, flow=flow, span=error.span, message=message)

    def is_due(self, what: object) -> bool:
        """Whether what may come in a flood (one of the plan's places, or of a few words) is to be told now: it was not,
        in the last minute."""
        last = self._told.get(what)
        if last is not None and self.now < last + _COMPLAINT_PAUSE:
            return False
        self._told[what] = self.now
        return True

    def touch(self, what: str, server: str = "") -> None:
        """What a `wait until` may read has changed: `store NAME`, or a part of a server's picture."""
        self.touched.add((what, server))
        for other in self.relatives:
            if what.startswith("store ") and other.world.globals.get(what[6:]) is self.world.globals[what[6:]]:
                other.touched.add((what, server))
                other.stirred = True

    # --- stores -------------------------------------------------------------------------------------------------------

    def overflow(self, step: Put, text: str, instance: Instance) -> None:
        """A store was full; said once a minute for each step."""
        self.counters["store-full", instance.program.flow.name] += 1
        if self.is_due(step.span):
            self.note("store-full", "warn", text, instance=instance, span=step.span)

    def go_on_from(self, before: Core) -> None:
        """This machine takes another one's place, as if it had known its servers all the time."""
        self._numbers = before._numbers.copy()
        self.earlier = before.earlier
        for name, server in self.servers.items():
            server.go_on_from(before.servers[name])

    # --- ids ----------------------------------------------------------------------------------------------------------

    def number(self, kind: str) -> int:
        """The next number of a kind, from 1."""
        number = self._numbers[kind] = self._numbers.get(kind, 0) + 1
        return number

    @property
    def runs(self) -> tuple[str, ...]:
        """What every id of this run begins with, or of the earlier ones that it takes up."""
        return (self.options.run or self.options.prefix, *self.earlier)

    # --- effects ------------------------------------------------------------------------------------------------------

    def emit(self, effect: Effect) -> None:
        """Collect an effect; they come out in this order."""
        self._effects.append(effect)

    def retract(self, action_id: str) -> bool:
        """Take back an action that has not left the machine yet; false where it has."""
        found = [one for one in self._effects if isinstance(one, Send) and one.action_id == action_id]
        for effect in found:
            self._effects.remove(effect)
        return bool(found)

    def take(self) -> list[Effect]:
        """The effects collected since the last time."""
        effects, self._effects = self._effects, []
        return effects

    def doubt(
        self, server: Server, classes: Iterable[str], instance: Instance | None, span: Span | None = None
    ) -> None:
        """Say once of each class that its events may never come."""
        fresh = [one for one in classes if one not in server.doubted]
        if fresh:
            server.doubted.update(fresh)
            self.note("unheard", "warn", words(fresh), instance=instance, span=span, server=server.name)

    def missed(self, instance: Instance, step: Act | Await, wanted: Iterable[Sequence[str]]) -> str:
        """Events did not come in time, of each of `wanted` one: what there is to say of their classes. That is part of
        the flow's failure, or where this is handled it goes to the log."""
        classes = sorted({one for events in wanted for one in self.hearing.in_vain(instance.server, events)})
        if step.handler is None:
            return "; " + words(classes) if classes else ""
        self.doubt(instance.server, classes, instance, step.span)
        return ""

    def cover_way(self, span: Span, way: Way) -> None:
        """This way was taken, for whom it is remembered."""
        if self.cover is not None:
            self.cover.add(span, way)

    def note(
        self,
        kind: str,
        level: Level,
        text: str,
        *,
        flow: str | None = None,
        instance: Instance | None = None,
        span: Span | None = None,
        message: Message | None = None,
        **facts: object,
    ) -> None:
        """Tell a fact about the run; one of a run of a flow is of where it stands, unless told else."""
        number = None
        if instance is not None:
            flow, number = instance.program.flow.name, instance.id
            if span is None:
                step = instance.step()
                span = step.span if step is not None else instance.program.flow.span
        self.tell(Noted(kind, level, text, flow, number, span, facts, message))

    def tell(self, note: Noted) -> None:
        """Tell a fact about the run, secrets masked."""
        if self._secrets:
            facts = {name: self.mask(fact) if isinstance(fact, str) else fact for name, fact in note.facts.items()}
            note = note._replace(text=self.mask(note.text), facts=facts)
        self._effects.append(note)

    def mask(self, text: str) -> str:
        """The text with every secret's value replaced."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    # --- what is written down -----------------------------------------------------------------------------------------

    def change(self, instance: Instance) -> None:
        """The run stands otherwise than before: it is to be written down, where its flow wants that."""
        if instance.program.keeps:
            self.changed[instance.root] = None

    def write_down_changed(self) -> None:
        """Have written down how all runs stand that stand otherwise than before."""
        while self.changed:
            self.write_down(self.changed.popitem()[0])

    def write_down(self, instance: Instance) -> None:
        """Have written down how the run stands, or that it is over."""
        over = instance.state == "ended"
        if over and not instance.written:
            return
        instance.token = instance.token or f"{self.options.prefix}-{instance.id}"
        instance.written = not over
        state = None if over else standing.write(instance, self.pen, Clock(self.now, self.world.wall))
        self.emit(Remember(instance.token, instance.id, instance.server.name, state))

    # --- running flows ------------------------------------------------------------------------------------------------

    def resume(self, instance: Instance) -> None:
        """The instance waits no longer: let it run on."""
        instance.block = None
        instance.spent = 0
        self.ready.append(instance)
