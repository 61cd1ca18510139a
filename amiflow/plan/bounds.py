"""The bounds of a run: what it holds and does at most.

Belongs here: the caps that the configuration may change, with their defaults, and the table of all other bounds, as it
is printed. Never here: keeping within them, or the bounds that a recipe writes itself.
"""

from __future__ import annotations

from dataclasses import fields

from amiflow.report.data import dataclass


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


@dataclass(frozen=True, slots=True)
class Bound:
    """A bound that nobody can change: at most so many `of` what, and what happens beyond."""

    of: str
    most: int
    beyond: str


BOUNDS = (
    # --- flows
    Bound("runs of an urgent flow, which its `max` does not bind", 10_000, "refused, an error in the log"),
    Bound("matches of a flow that are pending", 10_000, "the oldest is dropped, logged"),
    Bound("keys of a flow that `N times` counts", 10_000, "the oldest count is dropped, logged"),
    Bound("keys of a flow that cool down", 10_000, "the oldest may start again, logged"),
    Bound("events kept for the later waits of a run", 1_000, "that wait fails with `look-back-lost`"),
    Bound("steps of a run without a wait", 1_000_000, "the run fails"),
    Bound("characters of a text, items of a list", 1 << 20, "the step fails"),
    Bound("lists and records in each other, as a recipe writes them", 30, "refused"),
    Bound("lists and records in each other, in JSON and as a loop nests them", 100, "the step fails, the JSON is none"),
    Bound("things of a kind in the live picture of a server", 100_000, "left out, an error in the log"),
    Bound("calls and user events whose line of causes is followed", 10_000, "the oldest are no more"),
    # --- beyond AMI
    Bound("errands being done at once", 16, "further ones wait within their time"),
    Bound("errands with those that wait", 500, "the step fails"),
    Bound("bytes of a web server's answer, of a program's output", 1 << 20, "the step fails"),
    # --- connections
    Bound("bytes of a message from a server", 16 << 20, "the connection is closed, logged"),
    Bound("lines of a message from a server", 500_000, "the connection is closed, logged"),
    Bound("bytes of the event lists that a server is sending", 128 << 20, "the list is given up, the step fails"),
    Bound("bytes read from a server before they are acted upon", 1 << 20, "the rest is read in the next turn"),
    Bound("bytes that a server does not take", 8 << 20, "the connection is closed, logged"),
    Bound("bytes of a line of an action", 1021, "the step fails"),
    Bound("headers of an action", 127, "the step fails"),
    # --- log, journal, files
    Bound("lines of the log that wait for its reader", 10_000, "dropped, their number is written in their place"),
    Bound("characters of those lines", 64 << 20, "dropped, their number is written in their place"),
    Bound("bytes of entries that wait for the journal", 64 << 20, "lost, counted in the journal and the log"),
    Bound("characters of a text in the journal", 16_384, "cut off"),
    Bound("values in the configuration, aliases counted", 50_000, "refused"),
    Bound("characters of a recipe, plan, scenario or file of settings", 64 << 20, "refused"),
    Bound("bytes of a table's file", 64 << 20, "refused"),
    # --- asking the run
    Bound("callers of the control socket at once", 32, "refused"),
    Bound("bytes of a question to it", 64 << 10, "refused"),
    Bound("requests to the HTTP port at once", 16, "turned away"),
    Bound("bytes of the headers of a request to it", 16_384, "refused (431)"),
    Bound("bytes of the body of a request to it", 65_536, "refused (413)"),
)


def bounds_text(caps: Caps = DEFAULT) -> str:
    """All bounds of a run that no recipe writes, a line for each."""
    rows = [(getattr(caps, one.name), f"{one.name} (`limits` of the configuration)") for one in fields(Caps)]
    rows += [(bound.most, f"{bound.of}: {bound.beyond}") for bound in BOUNDS]
    return "bounds of every run\n" + "".join(f"  {most:>11,}  {text}\n" for most, text in rows)
