"""The dialplan: which step is at a place, what its text expands to, and the thread that walks through it.

Belongs here: extensions, patterns, variables, the walk. Never here: what a step does (`applications`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from amiflow.tools.pbx.bridging import outcome, stay
from amiflow.tools.pbx.channel import Channel, state_name
from amiflow.tools.pbx.exchange import Exchange
from amiflow.tools.pbx.schedule import Thread
from amiflow.tools.scenario import Step, pattern

_VARIABLE = re.compile(r"\$\{([^${}]*)\}")
_SHOWN = {"BUSY": "Busy", "CONGESTION": "Congestion", "CHANUNAVAIL": "Congestion"}
_SLICE = re.compile(r"(.*?):(-?\d{1,9})(?::(-?\d{1,9}))?")


def steps(exchange: Exchange, context: str, exten: str) -> tuple[Step, ...]:
    """The steps of an extension, by its name, else by the first pattern that fits; none where there is none."""
    extensions = exchange.scenario.extensions.get(context, {})
    if exten in extensions:
        return extensions[exten]
    fitting = (found for name, found in extensions.items() if name[:1] == "_" and pattern(name).fullmatch(exten))
    return next(fitting, ())


def step(exchange: Exchange, context: str, exten: str, priority: int) -> Step | None:
    """The step at a place; priorities count from 1."""
    found = steps(exchange, context, exten)
    return found[priority - 1] if 0 < priority <= len(found) else None


def expand(exchange: Exchange, channel: Channel, text: str) -> str:
    """The text with each `${…}` replaced, inner ones first."""
    for _ in range(8):  # nested deeper than anybody writes; a variable that holds itself ends here
        text, count = _VARIABLE.subn(lambda found: value(exchange, channel, found[1]), text)
        if not count:
            break
    return text


def value(exchange: Exchange, channel: Channel | None, name: str) -> str:
    """What a variable or function is worth, with `:offset:length`; empty where there is none."""
    if (cut := _SLICE.fullmatch(name)) is not None:
        whole = value(exchange, channel, cut[1])
        rest = whole[int(cut[2]) :]
        return rest[: int(cut[3])] if cut[3] else rest
    if channel is not None and (built_in := _of_channel(channel).get(name)) is not None:
        return built_in
    if name.startswith("GLOBAL(") and name.endswith(")"):
        return exchange.variables.get(name[7:-1], "")
    own: Mapping[str, str] = channel.variables if channel else {}
    return own.get(name, exchange.variables.get(name, ""))


def _of_channel(channel: Channel) -> dict[str, str]:
    return {
        "CHANNEL": channel.name,
        "CHANNEL(name)": channel.name,
        "CHANNEL(state)": state_name(channel.state),
        "CHANNEL(linkedid)": channel.linkedid,
        "CHANNEL(uniqueid)": channel.uniqueid,
        "CHANNEL(channeltype)": channel.technology,
        "UNIQUEID": channel.uniqueid,
        "CONTEXT": channel.context,
        "EXTEN": channel.exten,
        "PRIORITY": str(channel.priority),
        "HANGUPCAUSE": str(channel.cause),
        "CALLERID(num)": channel.caller.number or "",
        "CALLERID(name)": channel.caller.name or "",
        "CONNECTEDLINE(num)": channel.connected.number or "",
        "CONNECTEDLINE(name)": channel.connected.name or "",
    }


def run(exchange: Exchange, channel: Channel) -> Thread:
    """A channel's PBX thread: walk through the dialplan from where the channel stands, then hang it up."""
    channel.pbx = True
    while (found := step(exchange, channel.context, channel.exten, channel.priority)) is not None:
        channel.application = found.application
        channel.data = expand(exchange, channel, found.data)
        exchange.publish(channel)
        goes_on = yield from exchange.applications[found.application](exchange, channel, channel.data)
        if channel.stops == {"goto"}:
            yield from _elsewhere(exchange, channel)
        elif goes_on and not channel.stops:
            channel.priority += 1
        else:
            break
        if channel.stops:
            break
    if found is None and not channel.stops:
        yield from _fall_through(exchange, channel)
    if channel.pbx:
        channel.pbx = False
        exchange.unload(channel)
    else:
        exchange.hang_up(channel)


def _fall_through(exchange: Exchange, channel: Channel) -> Thread:
    """The dialplan has no further step: a caller hears for ten seconds what became of the last Dial (pbx.c,
    `autofallthrough`, which is on by default)."""
    if shows := _SHOWN.get(channel.variables.get("DIALSTATUS", "")):
        channel.application = channel.data = ""
        yield from exchange.applications[shows](exchange, channel, "10")


def _elsewhere(exchange: Exchange, channel: Channel) -> Thread:
    """Follow a Redirect, which has set the place already, or a Bridge action: the next step has its turn afterwards, on
    a new PBX thread; who is hung up in the bridge has none to be unloaded (Asterisk 12+, ast_bridge_add_channel)."""
    channel.stops.clear()
    while (bridge := channel.joining) is not None:
        channel.joining = None
        channel.pbx = False
        channel.priority += 1
        channel.application = channel.data = ""
        yield from stay(exchange, bridge, channel)
        if outcome(channel) == "hangup":
            return
        channel.stops.clear()
    channel.pbx = True
