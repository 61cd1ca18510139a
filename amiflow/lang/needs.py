"""What a plan asks of the server: events, actions, and the event mask that is asked for at login.

Never here: what an account must be granted in `manager.conf` terms (whoever prints that reads it from here).
"""

from __future__ import annotations

from collections.abc import Iterator

from amiflow.ami.catalog import Catalog
from amiflow.plan import model, triggers
from amiflow.plan.errands import allowances
from amiflow.plan.needs import with_picture
from amiflow.plan.picture import reads

ORIGINATE_ANSWER = "OriginateResponse"
_DIALLING = ("DialBegin", "DialEnd")  # why a call that a flow awaits failed


def needs_of(flows: tuple[model.Flow, ...], catalog: Catalog) -> model.Needs:
    """The least that these flows need."""
    instructions = [instruction for flow in flows for instruction in (*flow.body, *flow.final)]
    names = {event for flow in flows for pattern in _patterns(flow) for event in pattern.events}
    actions: dict[str, model.ActionNeed] = {}
    for instruction in instructions:
        if isinstance(instruction, model.Act):
            actions.setdefault(instruction.action, model.ActionNeed(instruction.action, instruction.privileges))
            if instruction.action.casefold() == "originate":  # awaited or not: it tells when the dialling is over
                names.add(ORIGINATE_ANSWER)
            if instruction.awaits_call:
                names.update(_DIALLING)
    allowed = allowances(step.operation for step in instructions if isinstance(step, model.Errand))
    events = tuple(model.EventNeed(name, catalog.classes_of(name)) for name in names)
    own = model.Needs(events, tuple(actions.values()), "", (), allowed)
    return with_picture(own, reads(flows), catalog.classes_of, catalog.privileges_of)


def _patterns(flow: model.Flow) -> Iterator[triggers.Pattern]:
    if isinstance(flow.trigger, triggers.OnEvents):
        for stage in flow.trigger.stages:
            yield stage.pattern
            if stage.unless is not None:
                yield stage.unless
        if flow.trigger.times is not None and flow.trigger.times.reset is not None:
            yield flow.trigger.times.reset.pattern
    if flow.until is not None:
        yield flow.until
    for instruction in (*flow.body, *flow.final):
        if isinstance(instruction, model.Await):
            yield from (entry.pattern for entry in instruction.entries)
