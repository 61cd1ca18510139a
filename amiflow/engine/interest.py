"""Which events can matter to a machine, so that the connection need not make objects of the others.

Belongs here: reading events, and values that their headers must have, off a plan, once the params are known. Never
here: how unwanted events are left out (`ami.scanner`) or not sent at all (`live.pushdown`).

An event is wanted where any pattern of the plan has its name: of a trigger, a wait, an `until`. Of the keys that
dispatch is indexed by, those with a value that is known for the whole run become tests. An event that fails them is
one that dispatch would not find a listener for. What is needed for more than patterns (an OriginateResponse, the
dialling of a call that is awaited, what changes the live picture) is never tested.
"""

from __future__ import annotations

from amiflow.ami.message import to_bytes
from amiflow.ami.scanner import Value, Wanted
from amiflow.engine.functions import World
from amiflow.plan.expressions import Const, Global
from amiflow.plan.model import Act, Plan
from amiflow.plan.picture import PARTS
from amiflow.plan.triggers import Key, Pattern
from amiflow.plan.walk import descendants

_MORE_THAN_PATTERNS = frozenset(("OriginateResponse", "FullyBooted", "Shutdown"))
_OF_CALLS = frozenset(("DialBegin", "DialEnd"))


def interest(plan: Plan, world: World) -> tuple[Wanted, ...]:
    """The events that can matter to the plan; `world` holds the values of its params and constants."""
    patterns = [part for part in descendants(plan.flows) if isinstance(part, Pattern)]
    named = {name for pattern in patterns for name in pattern.events}
    needed = (need.name for need in plan.needs.events)
    pictured = {event for part in plan.needs.picture for event in PARTS[part].events}
    awaits = any(isinstance(part, Act) and part.awaits_call for part in descendants(plan.flows))
    whole = pictured | _MORE_THAN_PATTERNS | (_OF_CALLS if awaits else frozenset())
    wanted = {Wanted(name): None for name in needed if name not in named or name in whole}
    for pattern in patterns:
        values = tuple(value for key in pattern.keys if (value := _value(key, world)) is not None)
        wanted |= {Wanted(name, values): None for name in pattern.events}
    return tuple(wanted)


def _value(key: Key, world: World) -> Value | None:
    """The test that a key makes, none where its value may change or its header is read in more ways than one."""
    match key.value:
        case Const(value=value):
            wanted = value
        case Global(name=name):
            wanted = world.globals[name]
        case _:
            return None
    if key.header.casefold() == "event":
        return None
    if key.coding.type == "int" and type(wanted) is int:
        return Value(key.header, wanted)
    if key.coding.type == "text" and isinstance(wanted, str) and _has_bytes(wanted):
        return Value(key.header, wanted, key.coding.escaped)
    return None


def _has_bytes(text: str) -> bool:
    """Half a character (a lone surrogate of UTF-16) has none."""
    try:
        to_bytes(text)
    except UnicodeEncodeError:
        return False
    return True
