"""Names: which declaration each name means, and what is unknown, doubled, hidden or never used.

Belongs here: the scopes of the language (one lexical rule, no shadowing) and the side table that comes of them. Never
here: types, headers, events (`check`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from amiflow.lang import nodes, problems_names
from amiflow.lang.infer import PICTURE
from amiflow.lang.scope import Bindings, Findings, Symbol, SymbolKind
from amiflow.lang.walk import Whole
from amiflow.plan.builtins import BUILTINS
from amiflow.plan.walk import children
from amiflow.report.diagnostic import Diagnostic
from amiflow.report.source import Span

_VALUES: dict[type, SymbolKind] = {
    nodes.ParamDecl: "param",
    nodes.SecretDecl: "secret",
    nodes.LetDecl: "constant",
    nodes.ImportDecl: "module",
    nodes.TableDecl: "table",
    nodes.MapDecl: "store",
    nodes.CounterDecl: "store",
    nodes.SeriesDecl: "store",
    nodes.PoolDecl: "pool",
    nodes.HoursDecl: "hours",
    nodes.TaskDecl: "task",
}


def bind(whole: Whole) -> tuple[Bindings, list[Diagnostic]]:
    """The symbols of a file, and what is wrong with its names."""
    binder = _Binder()
    binder.file(whole.file)
    tables = (binder.declared, binder.uses, binder.userevents, binder.flows, binder.calls)
    return Bindings(whole, *tables), binder.findings.found


class _Binder:
    def __init__(self) -> None:
        self.findings = Findings()
        self.scopes: list[dict[str, Symbol]] = [{}]
        self.declared: dict[nodes.Ident, Symbol] = {}
        self.uses: dict[nodes.Name, Symbol] = {}
        self.userevents: dict[str, nodes.UserEventDecl] = {}
        self.flows: dict[str, nodes.FlowDecl] = {}
        self.calls: dict[nodes.Call, nodes.TaskDecl] = {}
        self.tasks: dict[Symbol, nodes.TaskDecl] = {}
        self._used: set[Symbol] = set()
        self._complained: set[str] = set()
        self._declaring = Span("", 0, 0)
        self._used_events: set[str] = set()

    # --- scopes

    @contextmanager
    def scope(self) -> Iterator[None]:
        self.scopes.append({})
        yield
        self.scopes.pop()

    def declare(self, ident: nodes.Ident | None, kind: SymbolKind) -> None:
        if ident is None or not ident.text:
            return
        symbol = Symbol(ident.text, kind, ident.span)
        earlier = self.find(ident.text)
        if earlier is not None:
            doubled = ident.text in self.scopes[-1]
            self.findings.say((problems_names.duplicate_name if doubled else problems_names.shadowed)(symbol, earlier))
        self.scopes[-1][ident.text] = symbol
        self.declared[ident] = symbol

    def find(self, name: str) -> Symbol | None:
        return next((scope[name] for scope in reversed(self.scopes) if name in scope), None)

    def use(self, name: nodes.Name, before: int | None = None) -> None:
        """Look a name up; in a declaration of the file only those that stand `before` it count."""
        symbol = self.find(name.text)
        if symbol is None:
            self._unknown(name)
        elif before is not None and _is_behind(symbol, name, before) and symbol in self.scopes[0].values():
            self.findings.say(problems_names.used_before(name, symbol))
        else:
            self.uses[name] = symbol
            self._used.add(symbol)

    def _unknown(self, name: nodes.Name) -> None:
        """Said once in a declaration: the other uses are the same mistake."""
        if name.text == PICTURE or name.text in self._complained:
            return
        self._complained.add(name.text)
        visible = [symbol for scope in reversed(self.scopes) for symbol in scope.values()]
        messages = [symbol for symbol in visible if symbol.kind == "message"]
        begin = self._declaring.start
        elsewhere = [s for s in self.declared.values() if s.name == name.text and s.span.start >= begin]
        names = [symbol.name for symbol in visible]
        self.findings.say(problems_names.unknown_name(name, names, messages, elsewhere[-1] if elsewhere else None))

    # --- the file

    def file(self, file: nodes.File) -> None:
        for decl in file.decls:
            self._introduce(decl)
        for decl in file.decls:
            self._complained.clear()
            self._declaring = decl.span
            self._declaration(decl)
        unsaid = {"module"} | (set() if self.flows else {"task"})  # a file of tasks alone is for others
        for symbol in self.declared.values():
            if symbol not in self._used and symbol.kind not in unsaid:
                self.findings.say(problems_names.unused_name(symbol))
        for key, userevent in self.userevents.items():
            if key not in self._used_events:
                self.findings.say(problems_names.unused_userevent(userevent.name))

    def _introduce(self, decl: nodes.Decl) -> None:
        match decl:
            case nodes.FlowDecl(name=name):
                self._unique(self.flows.get(name.text), name, "flow")
                self.flows.setdefault(name.text, decl)
            case nodes.UserEventDecl(name=name):
                self._unique(self.userevents.get(name.text.casefold()), name, "userevent")
                self.userevents.setdefault(name.text.casefold(), decl)
            case nodes.TestDecl() | nodes.LimitDecl():
                pass
            case _:
                self.declare(decl.name, _VALUES[type(decl)])
                if isinstance(decl, nodes.TaskDecl) and decl.name in self.declared:
                    self.tasks[self.declared[decl.name]] = decl
                    if decl.name.text in BUILTINS:
                        self.findings.say(problems_names.builtin_name(decl.name))
                        self._used.add(self.declared[decl.name])  # nobody could call it

    def _unique(self, earlier: nodes.FlowDecl | nodes.UserEventDecl | None, name: nodes.Ident, what: str) -> None:
        if earlier is not None and name.text:
            self.findings.say(problems_names.duplicate_declaration(what, name, earlier.name))

    def _declaration(self, decl: nodes.Decl) -> None:
        match decl:
            case nodes.FlowDecl():
                self._flow(decl)
            case nodes.TestDecl(steps=steps):
                with self.scope():
                    self._test_steps(steps)
            case nodes.TaskDecl(args=args, body=body):
                with self.scope():
                    for arg in args:
                        self.declare(arg.name, "arg")
                    self._body(body)
            case nodes.LetDecl(value=value) | nodes.ParamDecl(default=value):
                self._expr(value, before=decl.span.start)
            case nodes.MapDecl(max=most) | nodes.CounterDecl(max=most) | nodes.SeriesDecl(max=most):
                spell = decl.lasting if isinstance(decl, nodes.MapDecl) else decl.within
                self._expr(spell, before=decl.span.start)
                self._expr(most, before=decl.span.start)
            case _:
                self._expr(decl)

    # --- flows

    def _flow(self, flow: nodes.FlowDecl) -> None:
        with self.scope():
            self._trigger(flow.trigger)
            for clause in flow.clauses:
                if isinstance(clause, nodes.UntilClause):
                    with self.scope():
                        self._pattern(clause.pattern)
                else:
                    self._expr(clause)
            with self.scope():
                self._steps(flow.body.steps)
                if flow.cleanup is not None:
                    with self.scope():
                        self._steps(flow.cleanup.steps)

    def _trigger(self, trigger: nodes.Trigger) -> None:
        match trigger:
            case nodes.EventTrigger(first=first, links=links, times=times):
                self._pattern(first)
                for link in links:
                    self._link(link)
                if times is not None:
                    with self.scope():
                        self._expr(times)
            case nodes.SignalTrigger(name=name, where=where):
                self.declare(name, "signal")
                self._expr(where)
            case _:
                self._expr(trigger)

    def _link(self, link: nodes.Then | nodes.Without) -> None:
        self._expr(link.within)
        if isinstance(link, nodes.Without):
            with self.scope():
                self._pattern(link.pattern)
            return
        if link.unless is not None:
            with self.scope():
                self._pattern(link.unless)
        self._pattern(link.pattern)

    def _pattern(self, pattern: nodes.Pattern) -> None:
        self._messages(pattern.events)
        self.declare(pattern.name, "message")
        self._expr(pattern.where)

    def _messages(self, messages: Iterable[nodes.MessageName]) -> None:
        self._used_events |= {message.userevent.text.casefold() for message in messages if message.userevent}

    # --- steps

    def _body(self, body: nodes.Body | None) -> None:
        if body is not None:
            with self.scope():
                self._steps(body.steps)

    def _steps(self, steps: Sequence[nodes.Step]) -> None:
        for step in steps:
            self._step(step)

    def _step(self, step: nodes.Step) -> None:
        match step:
            case nodes.Let(name=name, value=value, tail=tail):
                self._expr(value)
                self._tail(tail)
                is_action = isinstance(value, nodes.Action | nodes.Raw)
                self.declare(name, "result" if is_action else "let")
            case nodes.Do(operation=operation, tail=tail):
                self._expr(operation)
                self._tail(tail)
            case nodes.Var(name=name, value=value):
                self._expr(value)
                self.declare(name, "var")
            case nodes.Set(target=target, value=value) | nodes.Add(target=target, value=value):
                self._expr(value)
                self._target(target)
            case nodes.Delete(target=target):
                self._target(target)
            case nodes.WaitEvent() | nodes.WaitAll() | nodes.WaitAny() | nodes.WaitUntil():
                self._wait(step)
            case nodes.If() | nodes.For() | nodes.Repeat() | nodes.Parallel() | nodes.With():
                self._nested(step)
            case _:
                self._expr(step)

    def _target(self, target: nodes.Expr) -> None:
        """What is written to is not thereby used: a `var` or store that is never read is reported."""
        if isinstance(target, nodes.Index):
            self._expr(target.index)
            target = target.base
        if not isinstance(target, nodes.Name):
            self._expr(target)
            return
        seen = self.find(target.text)
        was_used = seen in self._used
        self.use(target)
        if seen is not None and not was_used:
            self._used.discard(seen)

    def _tail(self, tail: nodes.Tail) -> None:
        self._expr(tail.within)
        self._expr(tail.retry)
        self._handler(tail.handler)

    def _handler(self, handler: nodes.Handler | None) -> None:
        match handler:
            case nodes.OrSteps(name=name, body=body):
                with self.scope():
                    self.declare(name, "error")
                    self._body(body)
            case nodes.OrFail(reason=reason):
                self._expr(reason)

    def _wait(self, step: nodes.WaitEvent | nodes.WaitAll | nodes.WaitAny | nodes.WaitUntil) -> None:
        match step:
            case nodes.WaitEvent(pattern=pattern, within=within, handler=handler):
                self._expr(within)
                self._handler(handler)
                self._pattern(pattern)
            case nodes.WaitAll(patterns=patterns, within=within, handler=handler):
                self._expr(within)
                self._handler(handler)
                self._wait_all(patterns)
            case nodes.WaitAny(branches=branches, after=after, otherwise=otherwise):
                for branch in branches:
                    with self.scope():
                        self._pattern(branch.pattern)
                        self._body(branch.body)
                self._expr(after)
                self._body(otherwise)
            case nodes.WaitUntil(condition=condition, within=within, handler=handler):
                self._expr(condition)
                self._expr(within)
                self._handler(handler)

    def _wait_all(self, patterns: tuple[nodes.Pattern, ...]) -> None:
        """No entry sees another's name: they come in any order."""
        for pattern in patterns:
            outer = dict(self.scopes[-1])
            for other in patterns:
                if other.name is not None and pattern.name is not None and other.name.text != pattern.name.text:
                    self.scopes[-1].pop(other.name.text, None)
            self._pattern(pattern)
            self.scopes[-1] = {**outer, **self.scopes[-1]}

    def _nested(self, step: nodes.If | nodes.For | nodes.Repeat | nodes.Parallel | nodes.With) -> None:
        match step:
            case nodes.If(branches=branches, otherwise=otherwise):
                for branch in branches:
                    self._expr(branch.condition)
                    self._body(branch.body)
                self._body(otherwise)
            case nodes.For(name=name, source=source, where=where, parallel=parallel, body=body):
                self._expr(source)
                self._expr(parallel)
                with self.scope():
                    self.declare(name, "item")
                    self._expr(where)
                    self._body(body)
            case nodes.Repeat(count=count, every=every, name=name, body=body):
                self._expr(count)
                self._expr(every)
                with self.scope():
                    self.declare(name, "round")
                    self._body(body)
            case nodes.Parallel(branches=bodies):
                for body in bodies:
                    self._body(body)
            case nodes.With(pool=pool, within=within, body=body, handler=handler):
                self._expr(pool)
                self._expr(within)
                self._body(body)
                self._handler(handler)

    # --- tests

    def _test_steps(self, steps: tuple[nodes.TestStep, ...]) -> None:
        for step in steps:
            match step:
                case nodes.TestRepeat(count=count, steps=inner):
                    self._expr(count)
                    with self.scope():
                        self._test_steps(inner)
                case nodes.ExpectAction(block=block, name=name):
                    self._expr(step.message)
                    self._expr(block)
                    self.declare(name, "result")
                case _:
                    self._expr(step)

    # --- expressions, and everything that only holds expressions

    def _expr(self, node: object, before: int | None = None) -> None:
        match node:
            case None:
                return
            case nodes.Name():
                self.use(node, before)
            case nodes.MessageName():
                self._messages((node,))
            case nodes.Pattern():
                self._pattern(node)
            case nodes.Call(module=module, name=name, args=args):
                if module is not None:
                    self._no_module(node, module)
                task = self.find(name.text) if module is None else None
                if task in self.tasks:
                    self.calls[node] = self.tasks[task]
                    self._used.add(task)
                for arg in args:
                    self._expr(arg, before)
            case nodes.Comprehension(item=item, name=name, source=source, where=where):
                self._expr(source, before)
                with self.scope():
                    self.declare(name, "item")
                    self._expr(where, before)
                    self._expr(item, before)
            case _:
                for child in children(node):
                    self._expr(child, before)

    def _no_module(self, call: nodes.Call, module: nodes.Ident) -> None:
        """Calls of what is imported have become calls of the file's own tasks: this one names no import."""
        imports = [symbol.name for symbol in self.scopes[0].values() if symbol.kind == "module"]
        symbol = self.find(module.text)
        if symbol is not None:
            self._used.add(symbol)
        self.findings.say(problems_names.no_module(call, module, symbol, imports))


def _is_behind(symbol: Symbol, name: nodes.Name, before: int) -> bool:
    """Whether it is declared behind that place, in the same file."""
    return symbol.span.path == name.span.path and symbol.span.start >= before
