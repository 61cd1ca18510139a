"""A run of a flow that was read again stands where it stood before a restart of amiflow: in its wait, its action, its
branches.

Belongs here: which part takes it up. Never here: which runs there are and what becomes of them (`restart`), and what
the parts do with a run that stands in them again.
"""

from __future__ import annotations

from amiflow.engine.actions import Actions
from amiflow.engine.conditions import Conditions
from amiflow.engine.core import Core
from amiflow.engine.errands import Errands
from amiflow.engine.instance import Acting, Awaiting, Forked, Holding, Instance, OnErrand, Pausing, Queueing
from amiflow.engine.steps import FINALLY, Steps
from amiflow.engine.tape import Tape

_CUT_OFF = "amiflow was restarted"


class Rejoining:
    """The parts of a machine that a run may stand in."""

    def __init__(
        self, core: Core, steps: Steps, tape: Tape, actions: Actions, conditions: Conditions, errands: Errands
    ) -> None:
        self._core = core
        self._steps = steps
        self._tape = tape
        self._actions = actions
        self._conditions = conditions
        self._errands = errands
        self._pools = steps.pools

    def rejoin(self, instance: Instance) -> None:
        """The run stands, after a restart, in what it stood in before."""
        core = self._core
        core.change(instance)
        if instance.state == "final" and instance.parent is None:
            # its time is for its steps, and did not go on while these could not
            core.timers.cancel(instance.lifetime)
            instance.lifetime = core.timers.set(core.now + FINALLY, "final", instance)
        match instance.block:
            case None | Pausing(timer=None):
                core.resume(instance)
                return
            case Awaiting() as wait:
                self._tape.rejoin(instance, wait)
            case Holding() as wait:
                self._conditions.rejoin(instance, wait)
            case Acting() as acting:
                self._actions.rejoin(instance, acting)
            case OnErrand() as errand:
                self._errands.rejoin(instance, errand)
            case Queueing() as waiting:
                self._pools.rejoin(instance, waiting)
            case Forked(running=running):
                for branch in tuple(running):
                    self.rejoin(branch)
        if instance.block is not None:
            self._tape.arm(instance, entered=not isinstance(instance.block, Pausing))

    def count_slots(self, instance: Instance) -> None:
        """The run has its slots of pools still."""
        for strand in instance.strands():
            self._pools.count(strand)

    def serve(self) -> None:
        """All are there again: who waits for a slot may have one that another had."""
        self._pools.serve_all()

    def fall(self, instance: Instance) -> None:
        """The run was cut off by a restart: its finally is all that is left of it."""
        for strand in instance.strands():
            if isinstance(strand.block, Acting):
                self._actions.forsake(strand, strand.block)
                strand.block = None
        self._steps.end(instance, "failed", _CUT_OFF, instance.program.flow.span)
