"""Runs the tests of recipes, in virtual time, on the engine that runs recipes: there is no second implementation.

Belongs here: the steps of a test, the server that answers, and what of a plan tests reach. Never here: the words of a
report (`outcome`), values for what an event must carry (`plausible`), reading files and printing (`cli`).

An action is answered at the instant at which it is sent: as the test says, else with Success; an Originate also with
its OriginateResponse.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar, assert_never
from zoneinfo import ZoneInfo

from amiflow.ami.catalog import Catalog, load
from amiflow.ami.message import Message
from amiflow.engine import effects as fx
from amiflow.engine.core import Inputs, Options
from amiflow.engine.cover import Way
from amiflow.engine.evaluate import EvaluationError, Frame, compile_expr, seconds
from amiflow.engine.functions import World
from amiflow.engine.machine import Machine, Running
from amiflow.engine.snapshot import NOBODY
from amiflow.engine.tables import Rows, TableError, build
from amiflow.engine.values import BadText, Value, read, to_text, write
from amiflow.plan import testmodel as tm
from amiflow.plan.expressions import Compare, Const, Expr
from amiflow.plan.model import HeaderValue, Plan
from amiflow.plan.types import Coding
from amiflow.report.source import Span
from amiflow.tools.errands import Errands, Expected, meets, wanted
from amiflow.tools.listing import Listing
from amiflow.tools.memory import Memory
from amiflow.tools.outcome import Did, Ended, Headers, Item, Logged, Result, Returned, Sent, Traced, Unmet, action_text
from amiflow.tools.plausible import AMI, Plausible, originate_response

_SERVER = "pbx"
_PREFIX = "test"
_WALL = datetime(2026, 1, 1, tzinfo=UTC).timestamp()  # where the test says nothing
_ROUNDS = 100_000  # calls of the machine at one instant, before a test is taken to be stuck

_LISTED = Message.build((("Response", "Success"), ("EventList", "start")))

_T = TypeVar("_T", bound=Item)
_U = TypeVar("_U")


def run_tests(
    plan: Plan, tests: Iterable[tm.Test], catalog: Catalog | None = None, tables: Mapping[str, Rows] | None = None
) -> list[Result]:
    """Run each test by itself; `tables` are what a test does not give. Raises nothing that a recipe could cause."""
    # A test has one server: a flow for a certain one runs on it too.
    anywhere = replace(plan, flows=tuple(replace(flow, server=None) for flow in plan.flows))
    return [_Run(anywhere, test, catalog or load(), tables or {}).result() for test in tests]


class _Run:
    """One test being run."""

    def __init__(self, plan: Plan, test: tm.Test, catalog: Catalog, tables: Mapping[str, Rows]) -> None:
        self._plan = plan
        self._test = test
        self._plausible = Plausible(catalog)
        self._listing = Listing()
        self._memory = Memory()
        self._prefixes: list[str] = []
        self._errands = Errands()
        self._machine: Machine | None = None
        self._world = World()
        self._now = 0.0
        self._began = _WALL
        self._names: dict[str, Value] = {}
        self._params: dict[str, Value] = {}
        self._tables = dict(tables)
        self._replies: dict[str, deque[tm.Reply | tm.ReplyOriginate]] = {}
        self._rows: dict[str, deque[tm.Rows]] = {}
        self._items: list[Item] = []
        self._connected = True
        self._met = 0  # the place, among the items, behind the last expectation that was met
        self._inputs: deque[fx.Input] = deque()
        self._trace: list[Traced] = []
        self._ways: frozenset[tuple[Span, Way]] = frozenset()

    def result(self) -> Result:
        """Run the test."""
        unmet = None
        try:
            self._foreknow()
            for step in self._test.steps:
                self._step(step)
            if self._machine is not None:
                self._give(fx.Tick())
        except Unmet as found:
            unmet = found
        except EvaluationError as error:
            unmet = Unmet(error.span, error.text, "cannot be evaluated")
        ways = self._machine.ways if self._machine is not None else frozenset()
        return Result(self._test, unmet, tuple(self._trace), self._ways | ways)

    # --- steps --------------------------------------------------------------------------------------------------------

    def _step(self, step: tm.TestStep) -> None:
        match step:
            case tm.GivenParam(span=span) if self._machine is not None:
                raise Unmet(span, "the run has begun", "too late to give a param")
            case tm.GivenParam(name=name, value=value):
                self._params[name] = self._value(value)
                self._foreknow()
            case tm.GivenTable(span=span) if self._machine is not None:
                raise Unmet(span, "the run has begun", "too late to give a table")
            case tm.GivenTable(name=name, rows=rows, span=span):
                self._give_table(name, self._value(rows), span)
            case tm.GivenNow():
                moment = datetime.fromisoformat(step.local_time).replace(tzinfo=ZoneInfo(step.zone))
                self._began = moment.timestamp() - self._now
            case tm.Reply() | tm.ReplyOriginate():
                action = step.action if isinstance(step, tm.Reply) else "Originate"
                self._replies.setdefault(action.casefold(), deque()).append(step)
            case tm.ReplyHttp() | tm.ReplyExec():
                self._errands.replies.append(step)
            case tm.Rows():
                self._rows.setdefault(step.action.casefold(), deque()).append(step)
            case tm.RepeatSteps():
                for _ in range(self._count(step.times)):
                    for inner in step.steps:
                        self._step(inner)
            case _:
                self._begin()
                self._later_step(step)

    def _later_step(self, step: tm.TestStep) -> None:
        if not isinstance(step, tm.GiveEvent | tm.Advance):
            self._give(fx.Tick())
        match step:
            case tm.Begin():
                pass
            case tm.GiveEvent():
                self._event(step)
            case tm.Advance(duration=duration):
                self._advance(seconds(self._value(duration), step.span))
            case tm.Connection():
                self._connection(step)
            case tm.ExpectAction():
                self._expect_action(step)
            case tm.ExpectNoAction():
                self._expect_no_action(step)
            case tm.ExpectLog():
                self._expect_log(step)
            case tm.ExpectFlow():
                self._expect_flow(step)
            case tm.GiveSignal(signal=name, fields=fields):
                given = {field: to_text(value) for field, value in self._fields(fields).items()}
                self._give(fx.Signalled(name, given, f"{_PREFIX}-signal"))
            case tm.ExpectErrand() | tm.ExpectExec() | tm.ExpectSignal() | tm.ExpectReturn():
                self._expect_errand(step)
            case tm.ExpectNothing():
                self._expect_nothing(step.span)
            case (
                tm.GivenParam()
                | tm.GivenTable()
                | tm.GivenNow()
                | tm.Reply()
                | tm.ReplyOriginate()
                | tm.Rows()
                | tm.ReplyHttp()
                | tm.ReplyExec()
                | tm.RepeatSteps()
            ):
                self._step(step)
            case _:
                assert_never(step)

    def _give_table(self, name: str, rows: Value, span: Span) -> None:
        declared = next(table for table in self._plan.tables if table.name == name)
        try:
            self._tables[name] = build(declared, rows)
        except TableError as error:
            raise Unmet(span, str(error), "cannot be its contents") from error

    def _foreknow(self) -> None:
        """What steps before the run may read: params and constants, as far as they can be had without it."""
        names = self._world.globals
        defaults = [(param.name, param.default) for param in self._plan.params if param.default is not None]
        for name, expr in (*defaults, *((constant.name, constant.value) for constant in self._plan.constants)):
            with suppress(EvaluationError):
                names[name] = self._params[name] if name in self._params else self._value(expr)
        names.update(self._params)

    def _begin(self) -> None:
        """The run begins, if it has not yet."""
        if self._machine is not None:
            return
        self._machine = self._new()
        self._give(fx.ServerReady(_SERVER, AMI, False))

    def _new(self) -> Machine:
        self._prefixes.append(f"{_PREFIX}{len(self._prefixes) + 1}" if self._prefixes else _PREFIX)
        secrets = {secret.name: f"secret {secret.name}" for secret in self._plan.secrets}
        options = Options(self._prefixes[-1], (_SERVER,), cover=True, keeping=True)
        machine = Machine(self._plan, Inputs(self._params, secrets, self._tables), options)
        self._world = machine.world
        return machine

    def _event(self, step: tm.GiveEvent) -> None:
        message = self._message(step)
        self._listing.hear(message)
        if step.name is not None:
            self._names[step.name] = message
        self._tell("", f"event {step.event}", step.span)
        if self._connected:
            self._give(fx.Received(_SERVER, message))
        else:
            self._tell("", f"event {step.event} is not seen: the connection is down", step.span)

    def _restart(self, span: Span) -> None:
        """amiflow dies without a word, and begins again at the same instant; nothing in flight arrives."""
        old = self._running()
        self._tell("", "restart", span)
        self._inputs.clear()
        self._ways |= old.ways
        for run in old.running():
            self._forget(run)
        earlier = tuple(self._prefixes)
        self._machine = self._new()
        self._give(self._memory.restored(earlier))
        if self._connected:
            self._give(fx.ServerReady(_SERVER, AMI, False))

    def _forget(self, run: Running) -> None:
        """Nothing is written of some runs, as there is nothing for them to do: that amiflow ends is their end."""
        flow = next(flow for flow in self._plan.flows if flow.name == run.flow)
        if flow.after == "drop" or (flow.after == "fail" and not flow.final):
            outcome: fx.Outcome = "stopped" if flow.after == "drop" else "failed"
            self._items.append(Ended(run.flow, outcome, "amiflow was restarted"))
            self._tell(f"{run.flow} #{run.instance}", f"{outcome}: amiflow was restarted", run.at)

    def _connection(self, step: tm.Connection) -> None:
        if step.change == "restart":
            self._restart(step.span)
            return
        if self._connected != (step.change == "disconnect"):
            state = "there" if self._connected else "down"
            raise Unmet(step.span, f"the connection is {state}", f"`{step.change}` changes nothing")
        self._connected = not self._connected
        self._tell("", step.change, step.span)
        if self._connected:
            self._give(fx.ServerReady(_SERVER, AMI, False))
        else:
            self._give(fx.ServerLost(_SERVER, "disconnected by the test"))

    def _advance(self, spell: float) -> None:
        """Let time pass. What falls due at its very end waits for the next step: an event at that moment is in time."""
        machine, end = self._running(), self._now + spell
        while (due := machine.deadline()) is not None and due < end:
            self._now = max(self._now, due)
            self._give(fx.Tick())
        self._now = end

    # --- the machine and its server -----------------------------------------------------------------------------------

    def _running(self) -> Machine:
        assert self._machine is not None
        return self._machine

    def _give(self, item: fx.Input) -> None:
        """Hand an input to the machine, and answer its actions until all is quiet at this instant."""
        machine = self._running()
        self._inputs.append(item)
        for _ in range(_ROUNDS):
            if self._inputs:
                one = self._inputs.popleft()
            elif (due := machine.deadline()) is not None and due <= self._now:
                one = fx.Tick()
            else:
                return
            for effect in machine.handle(one, self._now, self._began + self._now):
                self._take(effect)
        raise Unmet(self._test.span, "the recipe does not come to rest", "time stands still here")

    def _take(self, effect: fx.Effect) -> None:
        match effect:
            case fx.Send(instance=instance) if instance == NOBODY:
                self._list(effect)
            case fx.Send():
                self._items.append(Sent(effect.headers))
                self._tell(f"#{effect.instance}", f"sends {self._items[-1]}", effect.span)
                self._answer(effect)
            case fx.Said():
                self._items.append(Logged(effect.level, effect.text))
                self._tell(f"{effect.flow} #{effect.instance}", str(self._items[-1]), effect.span)
            case fx.FlowEnded():
                self._items.append(Ended(effect.flow, effect.outcome, effect.failure))
                text = effect.outcome + (f": {effect.failure}" if effect.failure else "")
                self._tell(f"{effect.flow} #{effect.instance}", text, effect.span)
            case fx.Noted():
                run = effect.flow or ""
                run += f" #{effect.instance}" if effect.instance is not None else ""
                self._tell(run, f"{effect.kind}: {effect.text}", effect.span)
            case fx.Errand() | fx.Signal():
                self._do(effect)
            case fx.SignalReply(value=value, failure=failure):
                self._items.append(Returned(value, failure))
                self._tell("", str(self._items[-1]), None)
            case fx.Withdraw() | fx.Recall():
                pass
            case fx.Remember() | fx.StoreChanged():
                self._memory.take(effect, self._began + self._now)
            case fx.Exit(status=status):
                self._tell("", f"the run ends, exit status {status}", None)
            case _:
                assert_never(effect)

    def _list(self, send: fx.Send) -> None:
        """The machine asks what exists: what the test says, else what its events have told. Rows for Status are meant
        for the recipe's own."""
        action = send.headers[0][1].casefold()
        given = _next(self._rows.get(action)) if action != "status" else None
        if given is not None:
            self._listing.learn(send.headers, tuple(map(self._message, given.rows)))
        self._inputs.append(fx.Sent(send.action_id))
        self._inputs.append(fx.Answered(send.action_id, _LISTED, self._listing.rows(send.headers)))

    def _do(self, effect: fx.Errand | fx.Signal) -> None:
        """An errand is done at the instant at which it is asked for: as the test says, else with success."""
        self._items.append(Did(effect.request if isinstance(effect, fx.Errand) else effect))
        self._tell(f"#{effect.instance}", str(self._items[-1]), effect.span)
        if isinstance(effect, fx.Signal):
            self._inputs.append(fx.Signalled(effect.name, effect.fields, line=effect.line))
        else:
            self._inputs.append(self._errands.answer(effect, self._value))

    def _tell(self, run: str, text: str, span: Span | None) -> None:
        self._trace.append(Traced(self._now, run, text, span))

    def _answer(self, send: fx.Send) -> None:
        action = send.headers[0][1].casefold()
        reply = _next(self._replies.get(action))
        headers = self._headers(reply.headers) if isinstance(reply, tm.Reply) else []
        if not any(name.casefold() == "response" for name, _ in headers):
            headers.insert(0, ("Response", "Success"))
        listed = _next(self._rows.get(action)) if send.event_list is not None else None
        rows = tuple(map(self._message, listed.rows)) if listed is not None else ()
        response = Message.build([*headers, ("ActionID", send.action_id)])
        self._inputs.append(fx.Sent(send.action_id))
        self._inputs.append(fx.Answered(send.action_id, response, rows))
        if action == "originate" and response.get("Response") != "Error":
            self._inputs.append(fx.Received(_SERVER, originate_response(send, reply)))

    # --- values -------------------------------------------------------------------------------------------------------

    def _value(self, expr: Expr) -> Value:
        try:
            return compile_expr(expr)(Frame(self._names, self._world, True, self._listing.picture))
        except KeyError as error:  # a secret, a table or a store
            raise EvaluationError(f"{error} is not known before the run begins", expr.span) from error

    def _count(self, expr: Expr) -> int:
        value = self._value(expr)
        if isinstance(value, int):
            return value
        raise EvaluationError(f"{to_text(value)} is no whole number", expr.span)

    def _message(self, step: tm.GiveEvent) -> Message:
        absent = frozenset(one.name.casefold() for one in step.headers if self._value(one.value) is None)
        return self._plausible.event(step.event, self._headers(step.headers), absent, self._began + self._now)

    def _headers(self, headers: Sequence[HeaderValue]) -> list[tuple[str, str]]:
        """The headers as the server sends them; one that is none is left out."""
        written: list[tuple[str, str]] = []
        for header in headers:
            value = self._value(header.value)
            if value is not None:
                texts = write(value, header.coding)
                every = texts if isinstance(texts, tuple) else (texts,)
                written += ((header.name, _escaped(text) if header.coding.escaped else text) for text in every)
        return written

    # --- expectations -------------------------------------------------------------------------------------------------

    def _expect_action(self, step: tm.ExpectAction) -> None:
        wanted = action_text(step.action, tuple(self._shown(step.headers)))
        found = self._find(Sent, lambda sent: self._is(sent, step.action, step.headers))
        if found is None:
            raise Unmet(step.span, f"expected {wanted}", "was not sent", self._left())
        if step.name is not None:
            self._names[step.name] = Message.build(found.headers)

    def _expect_no_action(self, step: tm.ExpectNoAction) -> None:
        unwanted = action_text(step.action, tuple(self._shown(step.headers)))
        since = self._items[self._met :]
        sent = [str(one) for one in since if isinstance(one, Sent) and self._is(one, step.action, step.headers)]
        if sent:
            raise Unmet(step.span, f"expected no {unwanted}", "was sent", sent)

    def _expect_log(self, step: tm.ExpectLog) -> None:
        def is_like(logged: Logged) -> bool:
            text = Const(logged.text, step.span)
            return logged.level == step.level and bool(self._value(Compare("like", text, step.text, step.span)))

        if self._find(Logged, is_like) is None:
            wanted = f'log {step.level} "{to_text(self._value(step.text))}"'
            raise Unmet(step.span, f"expected {wanted}", "was not logged", self._left())

    def _expect_flow(self, step: tm.ExpectFlow) -> None:
        """How flows end is a matter of its own: it has no place in the order of the other expectations."""
        ended = [one for one in self._items if isinstance(one, Ended) and one.flow == step.flow and not one.used]
        found = next((one for one in ended if one.outcome == step.outcome), None)
        if found is None:
            came = [str(one) for one in ended] or self._still_running(step.flow)
            raise Unmet(step.span, f"expected flow {step.flow} {step.outcome}", "did not end so", came)
        found.used = True

    def _expect_errand(self, step: Expected) -> None:
        found = self._find(
            Returned if isinstance(step, tm.ExpectReturn) else Did, lambda item: meets(item, step, self._value)
        )
        if found is None:
            replies = [str(one) for one in self._items if isinstance(one, Returned) and not one.used]
            came = (replies if isinstance(step, tm.ExpectReturn) else []) or self._left()
            raise Unmet(step.span, f"expected {wanted(step, self._value)}", "did not come", came)

    def _fields(self, fields: Iterable[tuple[str, Expr]]) -> dict[str, Value]:
        return {name: self._value(value) for name, value in fields}

    def _still_running(self, flow: str) -> list[str]:
        runs = sum(running.flow == flow for running in self._running().running())
        return [f"{runs} of flow {flow} still running"] if runs else [f"flow {flow} did not run"]

    def _expect_nothing(self, span: Span) -> None:
        left = self._left()
        if left:
            raise Unmet(span, "expected nothing more", "something is left over", left)

    def _find(self, kind: type[_T], fits: Callable[[_T], bool]) -> _T | None:
        """The first item behind the last one that was expected; from now on that is this one."""
        for place in range(self._met, len(self._items)):
            item = self._items[place]
            if isinstance(item, kind) and not item.used and fits(item):
                item.used = True
                self._met = place + 1
                return item
        return None

    def _left(self) -> list[str]:
        """What no expectation was met by, of the things that `expect nothing more` counts."""
        return [str(item) for item in self._items if not item.used and _counts(item)]

    def _is(self, sent: Sent, action: str, headers: Sequence[HeaderValue]) -> bool:
        return sent.action.casefold() == action.casefold() and all(
            _same(self._value(header.value), _values(sent.headers, header.name), header.coding) for header in headers
        )

    def _shown(self, headers: Sequence[HeaderValue]) -> Iterable[tuple[str, str]]:
        return ((header.name, to_text(self._value(header.value))) for header in headers)


def _next(waiting: deque[_U] | None) -> _U | None:
    return waiting.popleft() if waiting else None


def _escaped(text: str) -> str:
    """As much of Asterisk's escaping as reading undoes."""
    return text.replace("\\", "\\\\")


def _counts(item: Item) -> bool:
    return isinstance(item, Sent | Did) or (isinstance(item, Logged) and item.level != "debug")


def _values(headers: Headers, name: str) -> list[str]:
    return [value for key, value in headers if key.casefold() == name.casefold()]


def _same(expected: Value, texts: list[str], coding: Coding) -> bool:
    """Whether a header was sent with the expected value; a list is a repeated header."""
    if expected is None:
        return texts in ([], [""])
    wanted = write(expected, coding)
    if isinstance(wanted, tuple):
        return [_read(text, coding) for text in wanted] == [_read(text, coding) for text in texts]
    return bool(texts) and _read(wanted, coding) == _read(texts[0], coding)


def _read(text: str, coding: Coding) -> Value:
    try:
        return read(text, coding, False)
    except BadText:
        return text
