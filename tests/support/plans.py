"""Plans made by hand, for tests that need no compiler."""

from datetime import timedelta

from amiflow.plan.expressions import Const
from amiflow.plan.model import Code, Flow, Stop, Trigger
from amiflow.report.source import Span

NOWHERE = Span("t.flow", 0, 0)


DONE: Code = (Stop(NOWHERE),)


def flow_of(trigger: Trigger, body: Code = DONE, name: str = "f") -> Flow:
    """A flow with this trigger and code and no clause."""
    return Flow(
        name=name, trigger=trigger, per=None, max=Const(1000, NOWHERE), cooldown=None, until=None,
        lasting=Const(timedelta(hours=1), NOWHERE), server=None, allows=(), body=body, final=(), source_hash="0",
        span=NOWHERE,
    )  # fmt: skip
