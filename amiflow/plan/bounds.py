"""The bounds of a run: what it holds and does at most.

Belongs here: the caps that the configuration may change, with their defaults. Never here: keeping within them, or the
bounds that a recipe writes itself.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caps:
    """Brakes of the whole run, over all its recipes and servers. They are for a recipe that runs away: high enough for
    a busy site, low enough that the PBX and its trunks live until somebody looks.

    `actions_per_second`: a site at which twenty calls begin a second, with a handful of actions each, stays below;
    Asterisk answers some thousands a second. `calls_dialled_at_once`: from an Originate to its OriginateResponse; by
    default what one E1 carries. `actions_waiting`: for their turn, the connection or their answer. `loop_rounds`: how
    often within a minute a flow may be started by what it did itself, before that is taken for a loop.
    """

    actions_per_second: int = 100
    calls_dialled_at_once: int = 30
    actions_waiting: int = 10_000
    loop_rounds: int = 10


DEFAULT = Caps()


def caps_text(caps: Caps) -> str:
    """The caps in a line."""
    return (
        f"at most {caps.actions_per_second} actions a second, {caps.calls_dialled_at_once} calls dialled at once,"
        f" {caps.actions_waiting} actions waiting, {caps.loop_rounds} rounds of a loop"
    )
