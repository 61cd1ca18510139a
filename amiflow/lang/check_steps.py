"""Steps of flows: their parts fit, each can be reached, and what is known after each is known to the next.

Belongs here: the walk through a body. Never here: expressions (`infer`), headers (`check_blocks`), triggers (`check`).
"""

from __future__ import annotations

from collections.abc import Iterable

from amiflow.lang import (
    nodes,
    problems_flows,
    problems_messages,
    problems_names,
    problems_stores,
    problems_types,
    rules,
)
from amiflow.lang.check_blocks import check_block
from amiflow.lang.check_errands import check_errand
from amiflow.lang.check_stores import check_write
from amiflow.lang.check_tasks import Tasks
from amiflow.lang.constants import Constants
from amiflow.lang.infer import Inference
from amiflow.lang.narrow import NOTHING, Fact, Facts, common, joined, without
from amiflow.lang.scope import Symbol
from amiflow.lang.vocabulary import ANSWERED, FAILURE, LAUNCHED, RAW_ANSWER, USER_EVENT
from amiflow.plan.types import DURATION, INT, NONE, UNKNOWN, Maybe, MessageOf, StoreOf, Type, Unknown, maybe
from amiflow.plan.walk import descendants


class Steps:
    """Checks bodies; every method that walks steps says whether the flow can go on behind them."""

    def __init__(self, inference: Inference, constants: Constants) -> None:
        self.inference = inference
        self.say = inference.findings.say
        self._constants = constants
        self._loops = 0
        self.tasks = Tasks(inference, self.task)
        self.returns = True
        """Whether somebody takes what the steps return."""
        self._returned: list[Type] = []
        self._unbroken = False
        self._branching = False

    # --- parts that triggers share

    def duration(self, expr: nodes.Expr, what: str) -> None:
        """A bound or period: a duration above zero."""
        kind = self.inference.value(expr)
        if kind in rules.NUMERIC:
            self.say(problems_flows.bad_duration(expr, what))
        elif not rules.fits(kind, DURATION):
            self.say(problems_types.type_mismatch(expr, kind, DURATION, what))
        elif self._constants.is_not_positive(expr):
            self.say(problems_flows.bad_bound(expr, what))

    def count(self, expr: nodes.Expr, what: str) -> None:
        """A number of times: an int above zero."""
        kind = self.inference.expect(expr, INT, what)
        if not isinstance(kind, Unknown) and self._constants.is_not_positive(expr):
            self.say(problems_flows.bad_bound(expr, what))

    def pattern(self, pattern: nodes.Pattern) -> Facts:
        """Type the pattern's name and check its condition; what holds for an event that fits."""
        names = [name for message in pattern.events if (name := self._event(message)) is not None]
        complete = len(names) == len(pattern.events)
        self._bind(pattern.name, MessageOf("event", tuple(names)) if complete else UNKNOWN)
        return self.inference.condition(pattern.where)[0] if pattern.where is not None else NOTHING

    def _event(self, message: nodes.MessageName) -> str | None:
        vocabulary, name = self.inference.vocabulary, message.name
        if not name.text:
            return None
        event = vocabulary.catalog.event(name.text)
        if event is None:
            self.say(problems_messages.unknown_event(name, vocabulary.catalog))
            return None
        if (event.row or event.end) and not event.classes:
            self.say(problems_messages.row_event(name, event.name))
            return None
        return self.userevent(message, event.name)

    def userevent(self, message: nodes.MessageName, name: str) -> str | None:
        """`UserEvent Conference` where it is declared; the plain name for every other message."""
        own = message.userevent
        if own is None:
            return name
        declared = self.inference.vocabulary.userevents
        if name == USER_EVENT and own.text.casefold() in declared:
            return f"{USER_EVENT} {declared[own.text.casefold()][0]}"
        self.say(problems_messages.unknown_userevent(own, [spelling for spelling, _ in declared.values()]))
        return None

    def _bind(self, ident: nodes.Ident | None, kind: Type) -> Symbol | None:
        symbol = self.inference.bindings.declared.get(ident) if ident is not None else None
        if symbol is not None:
            self.inference.symbols[symbol] = kind
        return symbol

    # --- bodies

    def task(self, body: nodes.Body) -> tuple[list[Type], bool]:
        """Check a task's steps; the types of what they return, and whether their end can be reached."""
        outer = self._loops, self.returns, self._returned, self._unbroken, self._branching
        self._loops, self.returns, self._returned, self._unbroken, self._branching = 0, True, [], False, False
        goes_on = self.body(body.steps)
        returned = self._returned
        self._loops, self.returns, self._returned, self._unbroken, self._branching = outer
        return returned, goes_on

    def body(self, steps: tuple[nodes.Step, ...]) -> bool:
        """Check steps in order; names of theirs end with them, so the facts about those do no harm."""
        goes_on, told = True, False
        for step in steps:
            if not goes_on and not told:
                self.say(problems_flows.unreachable_step(step))
                told = True
            goes_on = self.step(step) and goes_on
        return goes_on

    def block(self, body: nodes.Body, facts: Facts = NOTHING) -> tuple[bool, Facts]:
        """Check an inner body in which `facts` hold too; the facts at its end, and those of before restored."""
        before = self.inference.facts
        self.inference.assume(facts)
        goes_on = self.body(body.steps)
        after, self.inference.facts = self.inference.facts, before
        return goes_on, after

    def step(self, step: nodes.Step) -> bool:
        inference = self.inference
        match step:
            case nodes.Do(operation=operation, tail=tail):
                self._operation(operation, None)
                if isinstance(operation, nodes.Call):
                    self._task_tail(operation, tail)
                return self._tail(tail, ())
            case nodes.Let():
                return self._let(step)
            case nodes.Var(name=name, value=value):
                self._bind(name, inference.infer(value))
            case nodes.Set(target=nodes.Name()):
                self._set(step)
            case nodes.Set() | nodes.Delete() | nodes.Add():
                check_write(inference, step)
            case nodes.With():
                return self._with(step)
            case nodes.Pause(duration=duration):
                self.duration(duration, "`wait`")
            case nodes.WaitEvent() | nodes.WaitAll():
                return self._wait(step)
            case nodes.WaitUntil():
                return self._wait_until(step)
            case nodes.WaitAny():
                return self._wait_any(step)
            case nodes.If():
                return self._if(step)
            case nodes.For() | nodes.Repeat():
                self._loop(step)
            case nodes.Break() | nodes.Continue():
                if not self._loops or (isinstance(step, nodes.Break) and self._unbroken):
                    self.say(
                        problems_flows.misplaced(step.span, "break" if isinstance(step, nodes.Break) else "continue")
                    )
                return False
            case nodes.Log(text=text):
                inference.printed(text)
            case nodes.Stop():
                return False
            case nodes.Fail(reason=reason):
                inference.printed(reason)
                return False
            case nodes.Return(value=value):
                self._returned.append(inference.infer(value))
                if self._branching:
                    self.say(problems_flows.return_in_branch(step.span))
                elif not self.returns:
                    self.say(problems_flows.misplaced_return(step.span))
                return False
            case nodes.Parallel(branches=branches):
                ends = [self._branch(body)[0] for body in branches]
                return all(ends)
        return True

    # --- actions

    def _let(self, step: nodes.Let) -> bool:
        if isinstance(step.value, nodes.Action | nodes.Raw | nodes.Http | nodes.Exec | nodes.Append | nodes.Signal):
            self._operation(step.value, step.name)
            return self._tail(step.tail, (step.name,))
        if isinstance(step.value, nodes.Call) and step.value in self.inference.bindings.calls:
            self._task_tail(step.value, step.tail)
            self._operation(step.value, step.name)
            return self._tail(step.tail, (step.name,))
        kind = self.inference.infer(step.value)
        self._bind(step.name, kind)
        tail = step.tail
        if tail.within is not None or tail.retry is not None or tail.handler is not None:
            if not (isinstance(step.value, nodes.Call) and isinstance(kind, Unknown)):
                self.say(problems_flows.needless_tail(step))
            return self._tail(tail, (step.name,))
        return True

    def _operation(self, operation: nodes.Operation, into: nodes.Ident | None) -> Type:
        kind: Type = UNKNOWN
        match operation:
            case nodes.Action():
                kind = self._action(operation)
            case nodes.Raw(name=name, block=block):
                known = self.inference.vocabulary.catalog.action(name.value)
                if known is not None and known.refused is not None:
                    self.say(problems_messages.refused_action(name, known.name, known.refused))
                elif known is not None:
                    self.say(problems_messages.needless_raw(name, known.name))
                check_block(self.inference, block, MessageOf("action", ()), "action")
                kind = RAW_ANSWER
            case nodes.Http() | nodes.Exec() | nodes.Append() | nodes.Signal():
                kind = check_errand(self.inference, operation)
                if into is not None and isinstance(operation, nodes.Append | nodes.Signal):
                    self.say(problems_flows.gives_nothing(into, type(operation).__name__.lower()))
            case nodes.Call() if operation in self.inference.bindings.calls:
                kind = self.tasks.call(operation)
            case nodes.Call():
                self.inference.infer(operation)
                if self.inference.types[operation] != UNKNOWN:
                    self.say(problems_flows.useless_call(operation))
        self._bind(into, kind)
        return kind

    def _task_tail(self, call: nodes.Call, tail: nodes.Tail) -> None:
        if tail.within is not None or tail.retry is not None:
            self.say(problems_flows.tail_of_task(call))

    def _action(self, action: nodes.Action) -> Type:
        vocabulary, ident = self.inference.vocabulary, action.message.name
        known = vocabulary.catalog.action(ident.text) if ident.text else None
        if known is None:
            if ident.text:
                self.say(problems_messages.unknown_action(ident, vocabulary.catalog))
            for entry in action.block.headers:
                self.inference.infer(entry.value)
            return UNKNOWN
        if known.refused is not None:
            self.say(problems_messages.refused_action(ident, known.name, known.refused))
        name = self.userevent(action.message, known.name)
        if name is not None:
            check_block(self.inference, action.block, MessageOf("action", (name,)), "action")
        if known.name == "Originate":
            return self._originate(action)
        return MessageOf("response", (known.name,))

    def _originate(self, action: nodes.Action) -> Type:
        keys = {entry.key.text.casefold(): entry for entry in action.block.headers}
        if "exten" in keys and "application" in keys:
            self.say(problems_messages.two_destinations(keys["application"].key, keys["exten"].key))
        entry = keys.get("async")
        if entry is None:
            return ANSWERED
        if not (isinstance(entry.value, nodes.Bool) and entry.value.value):
            self.say(problems_messages.originate_async(entry))
        return LAUNCHED

    def _tail(self, tail: nodes.Tail, names: Iterable[nodes.Ident]) -> bool:
        if tail.within is not None:
            self.duration(tail.within, "`within`")
        if tail.retry is not None:
            self.count(tail.retry.count, "`retry`")
            self.duration(tail.retry.every, "`every`")
        other_end = self._handler(tail.handler)
        if other_end is not None:
            self._soften(names)
            self.inference.facts = common(self.inference.facts, other_end)
        return True

    def _soften(self, names: Iterable[nodes.Ident]) -> None:
        """Behind an `or` that falls through the step's names may be none."""
        for name in names:
            symbol = self.inference.bindings.declared.get(name)
            if symbol is not None:
                self.inference.symbols[symbol] = maybe(self.inference.symbols.get(symbol, UNKNOWN))

    def _handler(self, handler: nodes.Handler | None) -> Facts | None:
        """What holds behind the step after its `or` has run; none where the flow does not go on there."""
        match handler:
            case nodes.OrSteps(name=name, body=body):
                self._bind(name, FAILURE)
                goes_on, facts = self.block(body)
                return facts if goes_on else None
            case nodes.OrWord(word=word, span=span):
                if word in ("continue", "break") and (not self._loops or (word == "break" and self._unbroken)):
                    self.say(problems_flows.misplaced(span, word))
                return self.inference.facts if word == "ignore" else None
            case nodes.OrFail(reason=reason):
                self.inference.printed(reason)
        return None

    # --- waits

    def _wait(self, step: nodes.WaitEvent | nodes.WaitAll) -> bool:
        self.duration(step.within, "`within`")
        other_end = self._handler(step.handler)
        patterns = (step.pattern,) if isinstance(step, nodes.WaitEvent) else step.patterns
        if not patterns:
            self.say(problems_flows.empty_wait(step.span))
        learnt: Facts = NOTHING
        for pattern in patterns:
            learnt = joined(learnt, self.pattern(pattern))
        self.inference.assume(learnt)
        if other_end is not None:
            self.inference.facts = common(self.inference.facts, other_end)
            self._soften(pattern.name for pattern in patterns if pattern.name is not None)
        return True

    def _wait_until(self, step: nodes.WaitUntil) -> bool:
        """What the condition shows may be over again at the next step: nothing is learnt from it."""
        self.inference.condition(step.condition)
        self.duration(step.within, "`within`")
        other_end = self._handler(step.handler)
        if other_end is not None:
            self.inference.facts = common(self.inference.facts, other_end)
        return True

    def _wait_any(self, step: nodes.WaitAny) -> bool:
        self.duration(step.after, "`after`")
        if not step.branches:
            self.say(problems_flows.empty_wait(step.span))
        before = self.inference.facts
        ends = []
        for branch in step.branches:
            learnt = self.pattern(branch.pattern)
            ends.append(self.block(branch.body, learnt))
            self.inference.facts = before
        ends.append(self.block(step.otherwise))
        return self._merge(ends)

    def _merge(self, ends: list[tuple[bool, Facts]]) -> bool:
        """Go on with what holds at the end of every branch that goes on."""
        open_ends = [facts for goes_on, facts in ends if goes_on]
        if not open_ends:
            return False
        known = open_ends[0]
        for facts in open_ends[1:]:
            known = common(known, facts)
        self.inference.facts = known
        return True

    # --- pools

    def _with(self, step: nodes.With) -> bool:
        self.duration(step.within, "`within`")
        held = self.inference.holder(step.pool)
        if held != UNKNOWN and not (isinstance(held, StoreOf) and held.kind == "pool"):
            self.say(problems_stores.not_a_pool(step.pool, held))
        other_end = self._handler(step.handler)
        ends = [self.block(step.body)]
        if other_end is not None:
            ends.append((True, other_end))
        return self._merge(ends)

    # --- branches and loops

    def _if(self, step: nodes.If) -> bool:
        ends = []
        for branch in step.branches:
            holds, fails = self.inference.condition(branch.condition)
            ends.append(self.block(branch.body, holds))
            self.inference.assume(fails)
        ends.append((True, self.inference.facts) if step.otherwise is None else self.block(step.otherwise))
        return self._merge(ends)

    def _loop(self, step: nodes.For | nodes.Repeat) -> None:
        """What a round sets, the next one meets: rounds are gone through until they change no name's type."""
        inference = self.inference
        if isinstance(step, nodes.Repeat):
            self.count(step.count, "`repeat`")
            if step.every is not None:
                self.duration(step.every, "`every`")
            self._bind(step.name, INT)
        else:
            inference.bind_item(step.name, step.source)
        assigned = self._assigned(step.body)
        inference.facts = without(inference.facts, assigned)
        found, returned = inference.findings.found, len(self._returned)
        before, told = None, len(found)
        while before != (before := [inference.symbols.get(symbol) for symbol in assigned]):
            found[told:] = [one for one in found[told:] if not step.span.holds(one.span)]  # tasks are gone through once
            del self._returned[returned:]
            self._round(step)

    def _round(self, step: nodes.For | nodes.Repeat) -> None:
        learnt: Facts = NOTHING
        if isinstance(step, nodes.For):
            if step.where is not None:
                learnt = self.inference.condition(step.where)[0]
            if step.parallel is not None:
                self.count(step.parallel, "`max`")
                self._branch(step.body, learnt, loops=1)
                return
        outer = self._loops, self._unbroken
        self._loops, self._unbroken = 1, False
        self.block(step.body, learnt)
        self._loops, self._unbroken = outer

    def _branch(self, body: nodes.Body, facts: Facts = NOTHING, loops: int = 0) -> tuple[bool, Facts]:
        """Check a parallel branch: it sets no name that others see, and is left only at its end."""
        for symbol, target in self._targets(body):
            if not body.span.start <= symbol.span.start < body.span.end:
                self.say(problems_flows.shared_variable(target, symbol))
        outer = self._loops, self._unbroken, self._branching
        self._loops, self._unbroken, self._branching = loops, True, True
        end = self.block(body, facts)
        self._loops, self._unbroken, self._branching = outer
        return end

    def _assigned(self, body: nodes.Body) -> set[Symbol]:
        """The variables that a loop's body sets: what was known of them before is not known in its second round."""
        return {symbol for symbol, _ in self._targets(body)}

    def _targets(self, body: nodes.Body) -> list[tuple[Symbol, nodes.Name]]:
        targets = [node.target for node in descendants(body) if isinstance(node, nodes.Set)]
        uses = self.inference.bindings.uses
        return [(uses[target], target) for target in targets if isinstance(target, nodes.Name) and target in uses]

    def _set(self, step: nodes.Set) -> None:
        inference = self.inference
        kind = inference.infer(step.value)
        assert isinstance(step.target, nodes.Name)
        symbol = inference.bindings.uses.get(step.target)
        if symbol is None:
            return
        if symbol.kind != "var":
            self.say(problems_names.not_a_var(step.target, symbol))
            return
        held = inference.symbols.get(symbol, UNKNOWN)
        joint = rules.unified((held, kind))
        if joint is None or not (held == UNKNOWN or rules.settles(held, joint)):
            self.say(problems_types.wrong_set(step, kind, held, symbol))
        elif held != UNKNOWN:
            inference.symbols[symbol] = joint
        inference.facts = without(inference.facts, (symbol,))
        if not isinstance(kind, Maybe | Unknown) and kind != NONE:
            inference.assume({(symbol,): Fact(True)})
