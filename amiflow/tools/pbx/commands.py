"""The console commands that `Action: Command` knows.

Belongs here: a command's output, line by line. Never here: the frame it is sent in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from amiflow.tools.pbx.channel import Channel, state_name
from amiflow.tools.pbx.exchange import Exchange

_ROW = "{:<64} {:<32} {:<7} {:<30}"


def run_command(exchange: Exchange, line: str) -> tuple[str, ...] | None:
    """The output of a command; none where there is no such command. An argument follows the longest known name."""
    words = line.split()
    for count in range(len(words), 0, -1):
        if (found := _COMMANDS.get(" ".join(words[:count]).lower())) is not None:
            return tuple(found(exchange, " ".join(words[count:])))
    return None


def _version(exchange: Exchange, rest: str) -> Iterable[str]:
    yield "Asterisk 22.10.1 simulated by amiflow"


def _uptime(exchange: Exchange, rest: str) -> Iterable[str]:
    minutes, seconds = divmod(int(exchange.now - exchange.start), 60)
    spent = f"{minutes} minutes, {seconds} seconds" if minutes else f"{seconds} seconds"
    return (f"System uptime: {spent}", f"Last reload: {spent}")


def _channels(exchange: Exchange, rest: str) -> Iterable[str]:
    if rest == "concise":
        return [_concise(exchange, channel) for channel in exchange.channels.values()]
    rows = [] if rest == "count" else [_ROW.format("Channel", "Location", "State", "Application(Data)")]
    for channel in exchange.channels.values() if rest != "count" else ():
        place = f"{channel.exten}@{channel.context}:{channel.priority}" if channel.exten else "(None)"
        does = f"{channel.application}({channel.data})" if channel.application else "(None)"
        rows.append(_ROW.format(channel.name, place, state_name(channel.state), does))
    return (*rows, f"{len(exchange.channels)} active channels", *_calls(exchange, ""))


def _concise(exchange: Exchange, channel: Channel) -> str:
    bridge = channel.bridge.uniqueid if channel.bridge else ""
    place = (channel.name, channel.context, channel.exten, channel.priority, state_name(channel.state))
    does = (channel.application or "(None)", channel.data, channel.caller.number or "", channel.account)
    rest = ("", "3", int(exchange.now - channel.born), bridge, channel.uniqueid)
    return "!".join(str(one) for one in (*place, *does, *rest))


def _calls(exchange: Exchange, rest: str) -> Iterable[str]:
    now = sum(1 for channel in exchange.channels.values() if channel.pbx)
    return (f"{now} active calls", f"{exchange.calls} calls processed")


def _request_hangup(exchange: Exchange, rest: str) -> Iterable[str]:
    one = exchange.find(rest)
    channels = list(exchange.channels.values()) if rest == "all" else [one] if one else []
    for channel in channels:
        exchange.stop(channel, "asked")
        yield f"Requested Hangup on channel '{channel.name}'"
    if not channels and rest != "all":
        yield f"{rest} is not a known channel"


def _bridges(exchange: Exchange, rest: str) -> Iterable[str]:
    row = "{:<36} {:<36} {:>5} {:<15} {:<15} {}"
    yield row.format("Bridge-ID", "Name", "Chans", "Type", "Technology", "Duration")
    for bridge in exchange.bridges.values():
        spent = int(exchange.now - bridge.born)
        clock = f"{spent // 3600:02d}:{spent // 60 % 60:02d}:{spent % 60:02d}"
        count = len(bridge.members) + bridge.announcers
        yield row.format(bridge.uniqueid, bridge.name or "<unknown>", count, bridge.kind, bridge.technology, clock)


def _rooms(exchange: Exchange, rest: str) -> Iterable[str]:
    if rest:
        room = exchange.rooms.get(rest)
        return [member.name for member in room.members] if room else [f"No conference bridge named '{rest}' found!"]
    head = ("Conference Bridge Name           Users  Marked Locked Muted", "=" * 32 + " ====== ====== ====== =====")
    return (*head, *(f"{name:<32} {len(room.members):>6} {0:>6} No     No" for name, room in exchange.rooms.items()))


_COMMANDS: Mapping[str, Callable[[Exchange, str], Iterable[str]]] = {
    "bridge show all": _bridges,
    "channel request hangup": _request_hangup,
    "confbridge list": _rooms,
    "core show calls": _calls,
    "core show channels": _channels,
    "core show uptime": _uptime,
    "core show version": _version,
}
