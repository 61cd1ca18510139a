"""Steps become code: a flat tuple of instructions with jump targets, as `plan.model` describes them.

Belongs here: one rule for each kind of step, labels and their places. Never here: flows and declarations (`lower`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from amiflow.lang import nodes
from amiflow.lang.check_errands import ERRANDS
from amiflow.lang.lower_errands import lower_errand
from amiflow.lang.lower_expr import Lowering, store_name
from amiflow.plan import model
from amiflow.plan.expressions import Const, Local
from amiflow.plan.keeping import Put, Remove
from amiflow.report.source import Span

Label: TypeAlias = int
_Resolve: TypeAlias = Callable[[Label], int]
_Make: TypeAlias = Callable[[_Resolve], model.Instruction]


class _Code:
    """Instructions under construction; a label may be used before it is placed."""

    def __init__(self) -> None:
        self._made: list[_Make] = []
        self._places: list[int] = []

    def label(self) -> Label:
        self._places.append(-1)
        return len(self._places) - 1

    def place(self, label: Label) -> None:
        self._places[label] = len(self._made)

    def emit(self, make: _Make) -> None:
        self._made.append(make)

    def finished(self) -> model.Code:
        return tuple(make(self._places.__getitem__) for make in self._made)


def lower_body(lowering: Lowering, body: nodes.Body) -> model.Code:
    """The code of a flow's body or of its `finally`; it ends with Stop."""
    steps = _Steps(lowering)
    steps.body(body)
    end = Span(body.span.path, max(body.span.start, body.span.end - 1), body.span.end)
    steps.code.emit(lambda _: model.Stop(end))
    return steps.code.finished()


class _Steps:
    """`returns` is, in a task, the name for its result and the place behind it."""

    def __init__(
        self, lowering: Lowering, code: _Code | None = None, returns: tuple[str | None, Label] | None = None
    ) -> None:
        self.code = code or _Code()
        self._lowering = lowering
        self._returns = returns
        self._loops: list[tuple[Label, Label]] = []

    def body(self, body: nodes.Body) -> None:
        for step in body.steps:
            self._step(step)

    def _step(self, step: nodes.Step) -> None:
        code, expr, span = self.code, self._lowering.expr, step.span
        match step:
            case nodes.Do(operation=nodes.Action() | nodes.Raw() as operation, tail=tail):
                self._act(operation, tail, None, span)
            case nodes.Let(name=name, value=nodes.Action() | nodes.Raw() as operation, tail=tail):
                self._act(operation, tail, self._lowering.local(name.text), span)
            case nodes.Do(operation=nodes.Http() | nodes.Exec() | nodes.Append() | nodes.Signal() as errand, tail=tail):
                self._errand(errand, tail, None, span)
            case nodes.Let(name=name, value=nodes.Http() | nodes.Exec() as errand, tail=tail):
                self._errand(errand, tail, self._lowering.local(name.text), span)
            case nodes.Do(operation=nodes.Call() as call, tail=tail):
                self._call(call, tail, None)
            case nodes.Let(name=name, value=nodes.Call() as call, tail=tail) if call in self._lowering.bindings.calls:
                self._call(call, tail, self._lowering.local(name.text))
            case nodes.Let(name=name, value=value) | nodes.Var(name=name, value=value):
                # An operation that is not built has been refused before any code is made.
                assert not isinstance(
                    value, nodes.Http | nodes.Exec | nodes.Append | nodes.Signal | nodes.Action | nodes.Raw
                )
                self._set(self._lowering.local(name.text), value, span)
            case nodes.Set(target=nodes.Name(text=text), value=value):
                self._set(self._lowering.local(text), value, span)
            case nodes.Pause(duration=duration):
                code.emit(lambda _: model.Pause(expr(duration), span))
            case nodes.WaitEvent() | nodes.WaitAll() | nodes.WaitAny():
                self._wait(step)
            case nodes.WaitUntil():
                self._wait_until(step)
            case nodes.With():
                self._with(step)
            case nodes.If():
                self._if(step)
            case nodes.For(parallel=None):
                self._for(step)
            case nodes.For(parallel=most) if most is not None:
                self._for_parallel(step, most)
            case nodes.Parallel():
                self._parallel(step)
            case nodes.Repeat():
                self._repeat(step)
            case _:
                self._end(step)

    def _end(self, step: nodes.Step) -> None:
        """Steps of one instruction that say something or go elsewhere."""
        expr, span = self._lowering.expr, step.span
        match step:
            case nodes.Break():
                self._jump(self._loops[-1][1], span)
            case nodes.Continue():
                self._jump(self._loops[-1][0], span)
            case (
                nodes.Set(target=nodes.Index() as target, value=value)
                | nodes.Add(target=nodes.Index() as target, value=value)
            ):
                stored = expr(value) if value is not None else None
                self.code.emit(lambda _: Put(store_name(target.base), expr(target.index), stored, span))
            case nodes.Delete(target=nodes.Index() as target):
                self.code.emit(lambda _: Remove(store_name(target.base), expr(target.index), span))
            case nodes.Log(level=level, text=text):
                self.code.emit(lambda _: model.Log(level or "info", expr(text), span))
            case nodes.Stop():
                self.code.emit(lambda _: model.Stop(span))
            case nodes.Fail(reason=reason):
                self.code.emit(lambda _: model.Fail(expr(reason), span))
            case nodes.Return(value=value):
                self._return(value, span)

    def _return(self, value: nodes.Expr, span: Span) -> None:
        lowered = self._lowering.expr(value)
        if self._returns is None:
            self.code.emit(lambda _: model.Return(lowered, span))
            return
        into, end = self._returns
        # Evaluated where nobody takes it too: it may fail.
        self.code.emit(lambda _: model.Set(into or "%returned", lowered, span))
        self._jump(end, span)

    # --- tasks

    def _call(self, call: nodes.Call, tail: nodes.Tail, into: str | None) -> None:
        """The task's steps take the place of the call, so that a run needs no other place than its position."""
        task, code, after = self._lowering.bindings.calls[call], self.code, self.code.label()
        begin, end = code.label(), code.label()
        target, error = self._target(tail.handler, after)
        inner = _Steps(self._lowering.within(task.name.text), code, (into, end))
        code.emit(
            lambda at: model.Enter(
                task=task.name.text,
                into=into,
                begin=at(begin),
                end=at(end),
                handler=None if target is None else model.Handler(at(target), error),
                span=call.span,
            )
        )
        for field, arg in zip(task.args, call.args, strict=True):
            self._set(inner._lowering.local(field.name.text), arg, arg.span)
        code.place(begin)
        inner.body(task.body)
        if into is not None:
            code.emit(lambda _: model.Set(into, Const(None, call.span), call.span))
        code.place(end)
        self._handler(tail.handler, target, after)

    def _set(self, name: str, value: nodes.Expr, span: Span) -> None:
        lowered = self._lowering.expr(value)
        self.code.emit(lambda _: model.Set(name, lowered, span))

    def _jump(self, label: Label, span: Span) -> None:
        self.code.emit(lambda at: model.Jump(at(label), span))

    # --- actions and their `or`

    def _act(self, operation: nodes.Action | nodes.Raw, tail: nodes.Tail, into: str | None, span: Span) -> None:
        lowering, after = self._lowering, self.code.label()
        target, error = self._target(tail.handler, after)
        message = operation.message if isinstance(operation, nodes.Action) else None
        known = lowering.vocabulary.catalog.action(message.name.text) if message is not None else None
        headers = lowering.headers(operation.block, message)
        within = lowering.expr(tail.within) if tail.within is not None else None
        retry = self._retry(tail.retry)
        name = known.name if known is not None else operation.name.value if isinstance(operation, nodes.Raw) else ""
        awaits = name == "Originate" and all(header.name != "Async" for header in headers)
        rows = known.list if known is not None else None
        self.code.emit(
            lambda at: model.Act(
                action=name,
                headers=headers,
                into=into,
                within=within,
                retry=retry,
                handler=None if target is None else model.Handler(at(target), error),
                reads=known is not None and known.reads,
                awaits_call=awaits,
                event_list=model.EventList(rows.rows, rows.end, rows.announced) if rows is not None else None,
                privileges=known.privileges if known is not None else (),
                span=span,
            )
        )
        self._handler(tail.handler, target, after)

    def _errand(self, errand: ERRANDS, tail: nodes.Tail, into: str | None, span: Span) -> None:
        after = self.code.label()
        target, error = self._target(tail.handler, after)
        operation, retry = lower_errand(errand, self._lowering), self._retry(tail.retry)
        within = self._lowering.expr(tail.within) if tail.within is not None else None
        self.code.emit(
            lambda at: model.Errand(
                operation, into, within, retry, None if target is None else model.Handler(at(target), error), span
            )
        )
        self._handler(tail.handler, target, after)

    def _retry(self, retry: nodes.Retry | None) -> model.Retry | None:
        if retry is None:
            return None
        return model.Retry(self._lowering.expr(retry.count), self._lowering.expr(retry.every))

    def _target(self, handler: nodes.Handler | None, after: Label) -> tuple[Label | None, str | None]:
        """Where the `or` goes on, and the name of its error."""
        match handler:
            case None:
                return None, None
            case nodes.OrWord(word="ignore"):
                return after, None
            case nodes.OrWord(word="continue" | "break" as word):
                return self._loops[-1][word == "break"], None
            case nodes.OrSteps(name=name):
                return self.code.label(), self._lowering.local(name.text) if name is not None else None
        return self.code.label(), None

    def _handler(self, handler: nodes.Handler | None, target: Label | None, after: Label) -> None:
        """The code of the `or` out of the way of the step's success, then the place behind both."""
        if target is not None and (isinstance(handler, nodes.OrSteps | nodes.OrFail) or _stops(handler)):
            assert handler is not None
            self._jump(after, handler.span)
            self.code.place(target)
            self._handling(handler)
        self.code.place(after)

    def _handling(self, handler: nodes.Handler) -> None:
        span = handler.span
        match handler:
            case nodes.OrSteps(body=body):
                self.body(body)
            case nodes.OrFail(reason=reason):
                text = self._lowering.expr(reason)
                self.code.emit(lambda _: model.Fail(text, span))
            case nodes.OrWord():
                self.code.emit(lambda _: model.Stop(span))

    # --- waits

    def _wait(self, step: nodes.WaitEvent | nodes.WaitAll | nodes.WaitAny) -> None:
        match step:
            case nodes.WaitEvent(pattern=pattern):
                self._await("one", (pattern,), step)
            case nodes.WaitAll(patterns=patterns):
                self._await("all", patterns, step)
            case nodes.WaitAny():
                self._await_any(step)

    def _await(self, mode: str, patterns: Iterable[nodes.Pattern], step: nodes.WaitEvent | nodes.WaitAll) -> None:
        after = self.code.label()
        target, error = self._target(step.handler, after)
        entries = tuple(model.Entry(self._lowering.pattern(pattern), None) for pattern in patterns)
        within = self._lowering.expr(step.within)
        self.code.emit(
            lambda at: model.Await(
                mode="one" if mode == "one" else "all",
                entries=entries,
                within=within,
                timeout_target=None,
                handler=None if target is None else model.Handler(at(target), error),
                span=step.span,
            )
        )
        self._handler(step.handler, target, after)

    def _wait_until(self, step: nodes.WaitUntil) -> None:
        after = self.code.label()
        target, error = self._target(step.handler, after)
        condition, within = self._lowering.expr(step.condition), self._lowering.expr(step.within)
        self.code.emit(
            lambda at: model.WaitUntil(
                condition, within, None if target is None else model.Handler(at(target), error), step.span
            )
        )
        self._handler(step.handler, target, after)

    def _await_any(self, step: nodes.WaitAny) -> None:
        labels = [self.code.label() for _ in step.branches]
        otherwise, done = self.code.label(), self.code.label()
        patterns = [self._lowering.pattern(branch.pattern) for branch in step.branches]
        within = self._lowering.expr(step.after)
        self.code.emit(
            lambda at: model.Await(
                mode="any",
                entries=tuple(model.Entry(pattern, at(label)) for pattern, label in zip(patterns, labels, strict=True)),
                within=within,
                timeout_target=at(otherwise),
                handler=None,
                span=step.span,
            )
        )
        for branch, label in zip(step.branches, labels, strict=True):
            self.code.place(label)
            self.body(branch.body)
            self._jump(done, branch.span)
        self.code.place(otherwise)
        self.body(step.otherwise)
        self.code.place(done)

    # --- pools

    def _with(self, step: nodes.With) -> None:
        end, after = self.code.label(), self.code.label()
        target, error = self._target(step.handler, after)
        within, pool = self._lowering.expr(step.within), store_name(step.pool)
        self.code.emit(
            lambda at: model.Take(
                pool=pool,
                within=within,
                end=at(end),
                handler=None if target is None else model.Handler(at(target), error),
                span=step.span,
            )
        )
        self.body(step.body)
        self.code.place(end)
        self._handler(step.handler, target, after)

    # --- branches and loops

    def _if(self, step: nodes.If) -> None:
        done = self.code.label()
        for position, branch in enumerate(step.branches):
            other = self.code.label()
            self._unless(branch.condition, other, done)
            self.body(branch.body)
            if step.otherwise is not None or position + 1 < len(step.branches):
                self._jump(done, branch.span)
            self.code.place(other)
        if step.otherwise is not None:
            self.body(step.otherwise)
        self.code.place(done)

    def _unless(self, condition: nodes.Expr, target: Label, done: Label) -> None:
        lowered = self._lowering.expr(condition)
        self.code.emit(lambda at: model.JumpUnless(lowered, at(target), at(done), condition.span))

    def _for(self, step: nodes.For) -> None:
        code, head, done = self.code, self.code.label(), self.code.label()
        items, position = self._lowering.hidden("items"), self._lowering.hidden("position")
        source = self._lowering.items(step.source)
        code.emit(lambda _: model.Set(items, source, step.source.span))
        code.emit(lambda _: model.Set(position, Const(0, step.span), step.span))
        code.place(head)
        code.emit(lambda at: model.Next(items, position, self._lowering.local(step.name.text), at(done), step.span))
        if step.where is not None:
            self._unless(step.where, head, head)
        self._looped(step.body, head, done, step.span)

    def _parallel(self, step: nodes.Parallel) -> None:
        labels, done = [self.code.label() for _ in step.branches], self.code.label()
        self.code.emit(lambda at: model.Fork(tuple(map(at, labels)), at(done), step.span))
        for body, label in zip(step.branches, labels, strict=True):
            self.code.place(label)
            self._branch(body, self.code.label())
        self.code.place(done)

    def _for_parallel(self, step: nodes.For, most: nodes.Expr) -> None:
        code, body, join, done = self.code, self.code.label(), self.code.label(), self.code.label()
        items, name = self._lowering.hidden("items"), self._lowering.local(step.name.text)
        source, count = self._lowering.items(step.source), self._lowering.expr(most)
        code.emit(lambda _: model.Set(items, source, step.source.span))
        code.emit(lambda at: model.ForkEach(items, name, count, at(body), at(done), step.span))
        code.place(body)
        if step.where is not None:
            self._unless(step.where, join, join)
        self._branch(step.body, join)
        code.place(done)

    def _branch(self, body: nodes.Body, join: Label) -> None:
        """A `continue` ends the branch; that there is no `break` in it has been seen to."""
        outer, self._loops = self._loops, [(join, join)]
        self.body(body)
        self._loops = outer
        self.code.place(join)
        end = Span(body.span.path, max(body.span.start, body.span.end - 1), body.span.end)
        self.code.emit(lambda _: model.Join(end))

    def _repeat(self, step: nodes.Repeat) -> None:
        code, head, done = self.code, self.code.label(), self.code.label()
        position, times = self._lowering.hidden("round"), self._lowering.hidden("times")
        every = self._lowering.expr(step.every) if step.every is not None else None
        name = self._lowering.local(step.name.text) if step.name is not None else None
        self._set(times, step.count, step.count.span)
        code.emit(lambda _: model.Set(position, Const(0, step.span), step.span))
        code.place(head)
        count = Local(times, step.count.span)
        code.emit(lambda at: model.Again(position, count, every, name, at(done), step.span))
        self._looped(step.body, head, done, step.span)

    def _looped(self, body: nodes.Body, head: Label, done: Label, span: Span) -> None:
        self._loops.append((head, done))
        self.body(body)
        self._loops.pop()
        self._jump(head, span)
        self.code.place(done)


def _stops(handler: nodes.Handler | None) -> bool:
    return isinstance(handler, nodes.OrWord) and handler.word == "stop"
