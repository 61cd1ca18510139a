"""Tasks: each is checked once, before the first step that calls it, and gives its calls their type.

Never here: steps (`check_steps`), names (`bind`), a stranger's text on its way through a task (`safety`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, get_args

from amiflow.lang import nodes, problems_flows, problems_types, rules
from amiflow.lang.infer import Inference
from amiflow.lang.narrow import NOTHING
from amiflow.plan.types import NONE, UNKNOWN, RecordOf, Type, maybe

CheckBody: TypeAlias = Callable[[nodes.Body], tuple[list[Type], bool]]
"""Checks a task's steps; the types of what they return, and whether their end can be reached."""

MOST_STEPS = 10_000
"""Steps of a flow with those of its tasks: these become part of the flow's code wherever they are called."""


_STEPS = frozenset(get_args(nodes.Step))


def type_written(written: nodes.TypeExpr) -> Type:
    """The type that a recipe writes; unknown where its name is none."""
    kind: Type
    match written:
        case nodes.NamedType(name=name):
            kind = rules.TYPE_NAMES.get(name.text, UNKNOWN)
        case nodes.RecordType(fields=fields):
            kind = RecordOf(tuple((field.name.text, type_written(field.type)) for field in fields))
    return maybe(kind) if written.optional else kind


class Tasks:
    """What each task returns, found when first asked for."""

    def __init__(self, inference: Inference, check_body: CheckBody) -> None:
        self._inference = inference
        self._say = inference.findings.say
        self._check_body = check_body
        self._results: dict[nodes.TaskDecl, Type] = {}
        self._sizes: dict[nodes.TaskDecl, int] = {}
        self._entered: list[nodes.TaskDecl] = []

    def call(self, call: nodes.Call) -> Type:
        """Check a call's arguments; the type of what the task returns."""
        task = self._inference.bindings.calls[call]
        kinds = [self._inference.infer(arg) for arg in call.args]
        self._inference.types[call] = UNKNOWN
        if len(kinds) != len(task.args):
            self._say(problems_types.wrong_count(call, task.name.text, len(task.args), len(task.args)))
        else:
            for field, arg, kind in zip(task.args, call.args, kinds, strict=True):
                wanted = type_written(field.type)
                if not rules.fits(kind, wanted):
                    self._say(problems_types.type_mismatch(arg, kind, wanted, f"`{field.name.text}`"))
        if task in self._entered:
            self._say(problems_flows.recursive_task(call, task.name))
            return UNKNOWN
        self._inference.types[call] = self.result(task)
        return self._inference.types[call]

    def result(self, task: nodes.TaskDecl) -> Type:
        """Check the task, if that has not been done; what it returns."""
        if task not in self._results:
            self._results[task] = UNKNOWN
            self._entered.append(task)
            self._results[task] = self._check(task)
            self._entered.pop()
        return self._results[task]

    def _check(self, task: nodes.TaskDecl) -> Type:
        inference, declared = self._inference, self._inference.bindings.declared
        for field in task.args:
            if field.name in declared:
                inference.symbols[declared[field.name]] = type_written(field.type)
        facts, softened = inference.facts, inference.softened
        inference.facts, inference.softened = NOTHING, set()
        returned, goes_on = self._check_body(task.body)
        inference.facts, inference.softened = facts, softened
        kinds = [*returned, NONE] if goes_on else returned
        kind = rules.unified(kinds)
        if kind is None:
            self._say(problems_flows.uneven_returns(task.name, kinds))
            return UNKNOWN
        return NONE if not returned else kind

    def fits(self, name: nodes.Ident, *bodies: nodes.Body | None) -> bool:
        """Whether the steps, with those of the tasks, are few enough; complain where they are not."""
        fits = sum(map(self._size, bodies)) <= MOST_STEPS
        if not fits:
            self._say(problems_flows.too_many_steps(name, MOST_STEPS))
        return fits

    def _size(self, body: object) -> int:
        count = 0
        bindings = self._inference.bindings
        for node in bindings.whole.within(body):
            count += type(node) in _STEPS
            task = bindings.calls.get(node) if isinstance(node, nodes.Call) else None
            if task is not None and task not in self._entered:
                count += self._size_of(task)
        return count

    def _size_of(self, task: nodes.TaskDecl) -> int:
        if task not in self._sizes:
            self._entered.append(task)
            self._sizes[task] = self._size(task.body)
            self._entered.pop()
        return self._sizes[task]
