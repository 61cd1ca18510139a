"""What a plan asks of the server: events, actions, and the event mask that is asked for at login.

Never here: what an account must be granted in `manager.conf` terms (whoever prints that reads it from here).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from amiflow.ami.catalog import Catalog
from amiflow.plan import model, triggers
from amiflow.plan.errands import allowances
from amiflow.plan.picture import PARTS, reads

ORIGINATE_ANSWER = "OriginateResponse"
SYSTEM = "system"


def needs_of(flows: tuple[model.Flow, ...], catalog: Catalog) -> model.Needs:
    """The least that these flows need."""
    instructions = [instruction for flow in flows for instruction in (*flow.body, *flow.final)]
    names = {event for flow in flows for pattern in _patterns(flow) for event in pattern.events}
    actions: dict[str, model.ActionNeed] = {}
    for instruction in instructions:
        if isinstance(instruction, model.Act):
            actions.setdefault(instruction.action, model.ActionNeed(instruction.action, instruction.privileges))
            if (
                instruction.action.casefold() == "originate"
            ):  # awaited or not, it says that the call is dialled no longer
                names.add(ORIGINATE_ANSWER)
    looked = reads(flows)
    picture = tuple(part for part in PARTS if part in looked)
    for part in picture:
        names.update(PARTS[part].events)
        for name, _, _ in PARTS[part].actions:
            actions.setdefault(name, model.ActionNeed(name, _privileges(name, catalog)))
    allowed = allowances(step.operation for step in instructions if isinstance(step, model.Errand))
    events = tuple(model.EventNeed(name, _classes(name, catalog)) for name in sorted(names))
    return model.Needs(events, tuple(actions[name] for name in sorted(actions)), _mask(events), picture, allowed)


def _privileges(name: str, catalog: Catalog) -> tuple[str, ...]:
    action = catalog.action(name)
    return action.privileges if action is not None else ()


def _classes(name: str, catalog: Catalog) -> tuple[str, ...]:
    event = catalog.event(name)
    return event.classes if event is not None else ()


def _mask(events: Iterable[model.EventNeed]) -> str:
    """`system` is always among them, as FullyBooted and Shutdown tell of the server's own beginning and end."""
    classes = {one for event in events for one in event.classes}
    return ",".join(sorted(classes | {SYSTEM})) if classes else "off"


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
