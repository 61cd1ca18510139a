"""The `test` blocks of a recipe: inputs that exist, events and actions that could be so, and at least one expectation.

Never here: how a test is run.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import available_timezones

from amiflow.lang import (
    nodes,
    problems_flows,
    problems_messages,
    problems_names,
    problems_stores,
    problems_tests,
    problems_types,
    rules,
)
from amiflow.lang.check_blocks import Role, check_block
from amiflow.lang.check_errands import check_expected, check_reply, check_signal
from amiflow.lang.check_steps import Steps
from amiflow.lang.crontab import is_zone
from amiflow.plan.types import TEXT, UNKNOWN, ListOf, MessageOf, StoreOf

_YEARS = range(1970, 9000)  # within what calendars can count, whatever the zone, and however far a test goes on
_EXPECTATIONS = (
    nodes.ExpectAction
    | nodes.ExpectLog
    | nodes.ExpectHttp
    | nodes.ExpectExec
    | nodes.ExpectAppend
    | nodes.ExpectSignal
    | nodes.ExpectReturn
    | nodes.ExpectFlow
    | nodes.ExpectNothing
)
_BEFORE_START = (
    nodes.GivenParam | nodes.GivenTable | nodes.GivenNow | nodes.ReplyAction | nodes.ReplyDial | nodes.Rows
    | nodes.ReplyHttp | nodes.ReplyExec | nodes.TestStart
)  # fmt: skip


def _is_before_start(step: nodes.TestStep) -> bool:
    """Whether it prepares the run, or begins it by its name. In a `repeat` only the former can be."""
    if isinstance(step, nodes.TestRepeat):
        return not any(isinstance(one, nodes.TestStart) or not _is_before_start(one) for one in step.steps)
    return isinstance(step, _BEFORE_START)


def check_test(steps: Steps, test: nodes.TestDecl, params: Mapping[str, nodes.ParamDecl]) -> None:
    """Check one test; `params` are the file's."""
    _Test(steps, params).run(test)


class _Test:
    def __init__(self, steps: Steps, params: Mapping[str, nodes.ParamDecl]) -> None:
        self.steps = steps
        self.inference = steps.inference
        self.say = steps.say
        self._params = params
        self._given: dict[str, nodes.Ident] = {}
        self._started: nodes.TestStep | None = None

    def run(self, test: nodes.TestDecl) -> None:
        for step in test.steps:
            self._step(step)
        if not any(isinstance(node, _EXPECTATIONS) for node in self.inference.bindings.whole.within(test)):
            self.say(problems_tests.expects_nothing(test.name))
        missing = [
            name
            for name, param in self._params.items()
            if param.default is None and not param_is_optional(param) and name not in self._given
        ]
        if missing:
            self.say(problems_tests.param_not_given(test.name, missing[0], self._params[missing[0]].name))

    def _step(self, step: nodes.TestStep) -> None:
        if self._started is None and not _is_before_start(step):
            self._started = step
        match step:
            case nodes.GivenParam() | nodes.GivenNow():
                self._setting(step)
            case nodes.GivenTable():
                self._table(step)
            case nodes.TestStart():
                if self._started is not None:
                    self.say(problems_tests.late_step(step.span, "start", self._started.span))
                self._started = step
            case nodes.TestEvent(message=message, block=block):
                self._event(message, block)
            case nodes.ReplyAction() | nodes.ReplyDial() | nodes.Rows():
                self._answer(step)
            case nodes.Advance(duration=duration):
                self.steps.duration(duration, "`advance`")
            case nodes.TestRepeat(count=count, steps=inner):
                self.steps.count(count, "`repeat`")
                for one in inner:
                    self._step(one)
            case nodes.ExpectAction():
                self._expect_action(step)
            case nodes.ExpectLog(text=text):
                self.inference.expect(text, TEXT, "an expected text")
            case nodes.ReplyHttp(url=url, block=block):
                self.inference.expect(url, TEXT, "a URL")
                check_reply(self.inference, "http", block)
            case nodes.ReplyExec(block=block):
                check_reply(self.inference, "exec", block)
            case nodes.ExpectHttp() | nodes.ExpectExec() | nodes.ExpectAppend() | nodes.ExpectSignal():
                check_expected(self.inference, step)
            case nodes.ExpectReturn(value=value):
                self.inference.infer(value)
            case nodes.TestSignal(name=name, block=block):
                self._signal(name, block)
            case nodes.ExpectFlow(flow=flow):
                if flow.text and flow.text not in self.inference.bindings.flows:
                    self.say(problems_names.unknown_flow(flow, list(self.inference.bindings.flows)))

    def _signal(self, name: nodes.Ident, block: nodes.Block) -> None:
        if not check_signal(self.inference, name, block):
            triggers = [flow.trigger for flow in self.inference.bindings.flows.values()]
            signals = [one.signal.text for one in triggers if isinstance(one, nodes.SignalTrigger)]
            self.say(problems_names.unknown_signal(name, signals))
        for entry in block.headers:
            self.inference.infer(entry.value)

    def _setting(self, step: nodes.GivenParam | nodes.GivenNow) -> None:
        if self._started is not None:
            self.say(problems_tests.late_step(step.span, "given", self._started.span))
        if isinstance(step, nodes.GivenNow):
            self._now(step)
            return
        name = step.name
        kind = self.inference.infer(step.value)
        if not name.text:
            return
        if name.text not in self._params:
            symbols = {symbol.name: symbol for symbol in self.inference.bindings.declared.values()}
            self.say(problems_names.unknown_param(name, list(self._params), symbols.get(name.text)))
            return
        if name.text in self._given:
            self.say(problems_messages.duplicate_key(name, self._given[name.text]))
        self._given[name.text] = name
        symbol = self.inference.bindings.declared.get(self._params[name.text].name)
        wanted = self.inference.symbols.get(symbol, UNKNOWN) if symbol is not None else UNKNOWN
        if not rules.fits(kind, wanted):
            self.say(problems_types.type_mismatch(step.value, kind, wanted, f"`{name.text}`"))

    def _table(self, step: nodes.GivenTable) -> None:
        if self._started is not None:
            self.say(problems_tests.late_step(step.span, "given", self._started.span))
        kinds = {symbol.name: kind for symbol, kind in self.inference.symbols.items() if symbol.kind == "table"}
        given, table = self.inference.value(step.rows), kinds.get(step.name.text)
        if not isinstance(table, StoreOf):
            if step.name.text:
                self.say(problems_stores.unknown_table(step.name, list(kinds)))
        elif not rules.fits(given, ListOf(table.of)):
            self.say(problems_types.type_mismatch(step.rows, given, ListOf(table.of), f"`{step.name.text}`"))

    def _now(self, step: nodes.GivenNow) -> None:
        try:
            moment = datetime.fromisoformat(step.time.value)
            good = moment.tzinfo is None and moment.year in _YEARS
        except ValueError:
            good = False
        if not good:
            self.say(problems_flows.bad_moment(step.time))
        if step.zone is not None and not is_zone(step.zone.value):
            self.say(problems_flows.unknown_zone(step.zone, sorted(available_timezones())))

    def _event(self, message: nodes.MessageName, block: nodes.Block) -> None:
        vocabulary = self.inference.vocabulary
        event = vocabulary.catalog.event(message.name.text)
        if event is None and message.name.text:
            self.say(problems_messages.unknown_event(message.name, vocabulary.catalog))
        name = self.steps.userevent(message, event.name) if event is not None else None
        self._block(block, MessageOf("event", (name,)) if name is not None else None, "event")

    def _block(self, block: nodes.Block, message: MessageOf | None, role: Role) -> None:
        if message is not None:
            check_block(self.inference, block, message, role)
            return
        for entry in block.headers:
            self.inference.infer(entry.value)

    def _action(self, ident: nodes.Ident) -> str | None:
        action = self.inference.vocabulary.catalog.action(ident.text)
        if action is None and ident.text:
            self.say(problems_messages.unknown_action(ident, self.inference.vocabulary.catalog))
        return action.name if action is not None else None

    def _answer(self, step: nodes.ReplyAction | nodes.ReplyDial | nodes.Rows) -> None:
        match step:
            case nodes.ReplyAction(message=message, block=block):
                name = self._action(message.name)
                self._block(block, MessageOf("response", (name,)) if name is not None else None, "reply")
            case nodes.ReplyDial(message=message):
                if message.name.text.casefold() != "originate":
                    self.say(problems_tests.dial_reply(message.name, step.outcome))
            case nodes.Rows():
                self._rows(step)

    def _rows(self, step: nodes.Rows) -> None:
        name = self._action(step.action)
        action = self.inference.vocabulary.action(name) if name is not None else None
        if action is not None and action.list is None:
            self.say(problems_tests.no_list(step.action, action.name))
        for row in step.rows:
            event = self.inference.vocabulary.catalog.event(row.message.name.text)
            if event is None and row.message.name.text:
                self.say(problems_messages.unknown_event(row.message.name, self.inference.vocabulary.catalog))
            elif event is not None and action is not None and action.list and event.name not in action.list.rows:
                self.say(problems_tests.foreign_row(row.message.name, action.name, action.list.rows))
            self._block(row.block, MessageOf("row", (event.name,)) if event is not None else None, "event")

    def _expect_action(self, step: nodes.ExpectAction) -> None:
        name = self._action(step.message.name)
        full = self.steps.userevent(step.message, name) if name is not None else None
        message = MessageOf("action", (full,)) if full is not None else None
        self._block(step.block, message, "expect")
        symbol = self.inference.bindings.declared.get(step.name) if step.name is not None else None
        if symbol is not None:
            self.inference.symbols[symbol] = message if message is not None else UNKNOWN


def param_is_optional(param: nodes.ParamDecl) -> bool:
    """Whether a param without a default may be left out: its type ends in `?`."""
    return param.type is not None and param.type.optional
