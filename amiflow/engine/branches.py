"""Parallel branches of a running flow: their beginning, and the joining.

Belongs here: which branches run and which wait for their turn, and where the flow stands on the tape afterwards. Never
here: the steps of a branch, and how a failing one cancels the others (`steps`).
"""

from __future__ import annotations

from collections import deque

from amiflow.engine.core import Core
from amiflow.engine.evaluate import EvaluationError
from amiflow.engine.instance import Forked, Instance
from amiflow.engine.tape import Tape
from amiflow.engine.values import to_text
from amiflow.plan.model import Fork, ForkEach


class Branches:
    """The branches of a machine's flows. Each has its own place on the tape, and begins where the flow stood."""

    def __init__(self, core: Core, tape: Tape) -> None:
        self._core = core
        self._tape = tape

    def begin(self, instance: Instance, step: Fork | ForkEach) -> bool:
        """Begin a step's branches. True where there are none. Raises EvaluationError."""
        if isinstance(step, Fork):
            waiting = deque((position, dict(instance.names)) for position in step.branches)
            most = len(waiting)
        else:
            waiting = self._of_items(instance, step)
            most = self._core.count(step.most, self._core.frame(instance.names, instance.server))
            if most < 1:
                raise EvaluationError(f"{most} branches at a time would never be over", step.most.span)
        if not waiting:
            instance.position = step.done
            return True
        forked = instance.block = Forked(step.done, most, waiting, instance.place, instance.movable)
        self._fill(instance, forked)
        return False

    def _of_items(self, instance: Instance, step: ForkEach) -> deque[tuple[int, dict[str, object]]]:
        items = instance.names.get(step.items)
        if not isinstance(items, tuple):
            raise EvaluationError(f"{to_text(items)} is no list", step.span)
        return deque((step.body, {**instance.names, step.name: item}) for item in items)

    def _fill(self, instance: Instance, forked: Forked) -> None:
        while forked.waiting and len(forked.running) < forked.most:
            position, names = forked.waiting.popleft()
            branch = Instance(
                instance.id,
                instance.program,
                instance.server,
                instance.key,
                names,
                instance.place,
                instance.cause,
                instance.state,
                position,
                instance.movable,
                list(instance.kept) if instance.kept else None,
                instance.dropped,
                started=instance.started,
                parent=instance,
            )
            forked.running.append(branch)
            self._core.resume(branch)

    def join(self, branch: Instance) -> None:
        """A branch is over: the next one begins, or, after the last, the flow goes on."""
        branch.state = "ended"
        flow = branch.parent
        forked = flow.block if flow is not None else None
        if flow is None or not isinstance(forked, Forked):
            return
        forked.running.remove(branch)
        if branch.place > forked.place:
            forked.place, forked.movable = branch.place, branch.movable
        elif branch.place == forked.place:
            forked.movable = forked.movable and branch.movable
        self._fill(flow, forked)
        if not forked.running:
            self._tape.move(flow, forked.place)
            flow.movable, flow.position = forked.movable, forked.done
            self._core.resume(flow)
