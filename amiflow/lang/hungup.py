"""Channels that are used after they were hung up, on every way that leads there.

Belongs here: following which channels are gone through a flow's steps. Never here: what a task does to its caller's
channels (it is looked at as nobody's), wording (`problems_*`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from amiflow.lang import nodes, problems_flows
from amiflow.lang.narrow import Path, path_of
from amiflow.lang.scope import Bindings, Checked, Symbol, conjuncts
from amiflow.report.diagnostic import Diagnostic
from amiflow.report.source import Span

HANGUP = "hangup"
_LIVING = "bridgeenter confbridgejoin dialbegin hold meetmejoin newstate parkedcall queuecallerjoin unhold"
_NEVER_AFTER = frozenset(_LIVING.split())
"""Events of a living channel. Others still come: those of its end, and those of hangup handlers."""

Gone = Mapping[Path, Span]
"""The channels that are gone, and where they went."""


def after_hangup(bindings: Bindings, checked: Checked) -> list[Diagnostic]:
    """A warning for each use of a channel that has been hung up by then."""
    walk = _Walk(bindings, checked)
    for decl in bindings.whole.file.decls:
        if isinstance(decl, nodes.FlowDecl):
            gone: Gone = {}
            if isinstance(decl.trigger, nodes.EventTrigger):
                chain = [
                    decl.trigger.first,
                    *(one.pattern for one in decl.trigger.links if isinstance(one, nodes.Then)),
                ]
                for pattern in chain:
                    gone = {**gone, **walk.ended(pattern)}
            walk.steps(decl.body.steps, gone)
        elif isinstance(decl, nodes.TaskDecl):
            walk.steps(decl.body.steps, {})
    return walk.found


class _Walk:
    """Every method that walks steps gives what is gone behind them; none where they do not go on."""

    def __init__(self, bindings: Bindings, checked: Checked) -> None:
        self.found: list[Diagnostic] = []
        self._bindings = bindings
        self._checked = checked

    def ended(self, pattern: nodes.Pattern) -> Gone:
        """The channels of which a Hangup that fits the pattern tells the end."""
        if any(message.name.text.casefold() != HANGUP for message in pattern.events) or pattern.name is None:
            return {}
        symbol = self._bindings.declared.get(pattern.name)
        if symbol is None:
            return {}
        gone: dict[Path, Span] = {(symbol, "channel"): pattern.span}
        for part in conjuncts(pattern.where) if pattern.where is not None else ():
            if isinstance(part, nodes.Binary) and part.op == "==":
                for mine, other in ((part.left, part.right), (part.right, part.left)):
                    path = self._same_channel(symbol, mine, other)
                    gone |= {path: pattern.span} if path is not None else {}
        return gone

    def _same_channel(self, symbol: Symbol, mine: nodes.Expr, other: nodes.Expr) -> Path | None:
        """The channel that is known to be the ended one, because it or its Uniqueid is equal."""
        path = path_of(other, self._bindings.uses)
        match path_of(mine, self._bindings.uses):
            case (one, "channel") if one is symbol:
                return path
            case (one, "uniqueid") if one is symbol and path is not None:
                last = path[-1]
                if isinstance(last, str) and last.endswith("uniqueid"):
                    return (*path[:-1], last.removesuffix("uniqueid") + "channel")
        return None

    def steps(self, steps: Sequence[nodes.Step], gone: Gone) -> Gone | None:
        for step in steps:
            after = self._step(step, gone)
            if after is None:
                return None
            gone = after
        return gone

    def _step(self, step: nodes.Step, gone: Gone) -> Gone | None:
        match step:
            case nodes.Do(operation=operation, tail=tail) | nodes.Let(value=operation, tail=tail):
                return self._operation(operation, tail, gone)
            case nodes.WaitEvent(pattern=pattern, handler=handler):
                return self._wait((pattern,), handler, gone)
            case nodes.WaitAll(patterns=patterns, handler=handler):
                return self._wait(patterns, handler, gone)
            case nodes.WaitUntil(handler=handler):
                return self._either(gone, self._handler(handler, gone))
            case nodes.WaitAny(branches=branches, otherwise=otherwise):
                ends = [self._branch(branch, gone) for branch in branches]
                return self._merged([*ends, self.steps(otherwise.steps, gone)])
            case nodes.If(branches=branches, otherwise=otherwise):
                ends = [self.steps(branch.body.steps, gone) for branch in branches]
                return self._merged([*ends, self.steps(otherwise.steps, gone) if otherwise is not None else gone])
            case nodes.For(body=body) | nodes.Repeat(body=body):
                self.steps(body.steps, gone)
            case nodes.With(body=body, handler=handler):
                return self._either(self.steps(body.steps, gone), self._handler(handler, gone))
            case nodes.Parallel(branches=branches):
                ends = [self.steps(body.steps, gone) for body in branches]
                return None if None in ends else {path: span for end in ends if end for path, span in end.items()}
            case nodes.Set(target=nodes.Name() as target) if target in self._bindings.uses:
                return {path: span for path, span in gone.items() if path[0] is not self._bindings.uses[target]}
            case nodes.Stop() | nodes.Fail() | nodes.Return() | nodes.Break() | nodes.Continue():
                return None
        return gone

    def _operation(self, operation: object, tail: nodes.Tail, gone: Gone) -> Gone | None:
        done = gone
        if isinstance(operation, nodes.Action):
            hangs_up = operation.message.name.text.casefold() == HANGUP
            for entry in operation.block.headers:
                info = self._checked.written.get(entry)
                path = path_of(entry.value, self._bindings.uses) if info is not None and info.channel else None
                if path is not None and hangs_up:
                    done = {**done, path: operation.span}
                elif path is not None and path in gone:
                    action = operation.message.name.text
                    self.found.append(problems_flows.acts_after_hangup(entry.value, action, gone[path]))
        return self._either(done, self._handler(tail.handler, gone))

    def _wait(self, patterns: Sequence[nodes.Pattern], handler: nodes.Handler | None, gone: Gone) -> Gone | None:
        done = dict(gone)
        for pattern in patterns:
            self._in_vain(pattern, gone)
            done |= self.ended(pattern)
        return self._either(done, self._handler(handler, gone))

    def _branch(self, branch: nodes.WaitBranch, gone: Gone) -> Gone | None:
        self._in_vain(branch.pattern, gone)
        return self.steps(branch.body.steps, {**gone, **self.ended(branch.pattern)})

    def _in_vain(self, pattern: nodes.Pattern, gone: Gone) -> None:
        """The pattern wants an event that only a living channel has, of one that is gone."""
        if pattern.where is None or any(one.name.text.casefold() not in _NEVER_AFTER for one in pattern.events):
            return
        for part in conjuncts(pattern.where):
            if isinstance(part, nodes.Binary) and part.op == "==":
                for side in (part.left, part.right):
                    path = path_of(side, self._bindings.uses)
                    if path is not None and path in gone:
                        event = pattern.events[0].name.text
                        self.found.append(problems_flows.waits_after_hangup(side, event, gone[path]))

    def _handler(self, handler: nodes.Handler | None, gone: Gone) -> Gone | None:
        match handler:
            case nodes.OrSteps(body=body):
                return self.steps(body.steps, gone)
            case nodes.OrWord(word="ignore"):
                return gone
        return None

    def _either(self, done: Gone | None, otherwise: Gone | None) -> Gone | None:
        return self._merged([done, otherwise])

    def _merged(self, ends: Sequence[Gone | None]) -> Gone | None:
        """What is gone on every way that goes on."""
        open_ends = [end for end in ends if end is not None]
        if not open_ends:
            return None
        first, *rest = open_ends
        return {path: span for path, span in first.items() if all(path in end for end in rest)}
