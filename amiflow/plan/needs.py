"""What a plan asks of the server, as it is put together.

Belongs here: what the live picture adds to the needs, and the event mask. Never here: what a recipe's own steps need
(`lang.needs`), and which classes an account must have (the catalogue says so, to whoever asks with `Classes`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeAlias

from amiflow.plan.model import ActionNeed, EventNeed, Needs
from amiflow.plan.picture import PARTS

SYSTEM = "system"

Classes: TypeAlias = Callable[[str], tuple[str, ...]]


def with_picture(needs: Needs, parts: Iterable[str], to_read: Classes, to_write: Classes) -> Needs:
    """The needs with those of further parts of the picture: the events that change them, the lists that give them.
    `to_read` are the classes of an event, `to_write` those of an action."""
    picture = tuple(part for part in PARTS if part in {*needs.picture, *parts})
    events = {need.name: need for need in needs.events}
    actions = {need.name: need for need in needs.actions}
    for part in picture:
        for event in PARTS[part].events:
            events.setdefault(event, EventNeed(event, to_read(event)))
        for action, _, _ in PARTS[part].actions:
            actions.setdefault(action, ActionNeed(action, to_write(action)))
    all_events = tuple(events[name] for name in sorted(events))
    all_actions = tuple(actions[name] for name in sorted(actions))
    return replace(needs, events=all_events, actions=all_actions, mask=mask_of(all_events), picture=picture)


def mask_of(events: Iterable[EventNeed]) -> str:
    """`system` is always among them, as FullyBooted and Shutdown tell of the server's own beginning and end."""
    classes = {one for event in events for one in event.classes}
    return ",".join(sorted(classes | {SYSTEM})) if classes else "off"
