"""Conferences: the application ConfBridge.

Belongs here: rooms and their members. Never here: menus, recording, passwords: the room is as confbridge.conf's
`quiet=yes` makes it.
"""

from __future__ import annotations

from amiflow.tools.pbx.applications import arguments
from amiflow.tools.pbx.bridging import NORMAL_CLEARING, enter, leave
from amiflow.tools.pbx.channel import Bridge, Channel, Headers
from amiflow.tools.pbx.exchange import Exchange, Running
from amiflow.tools.pbx.schedule import Sleep
from amiflow.tools.pbx.technology import answer


def run_conf_bridge(exchange: Exchange, channel: Channel, data: str) -> Running:
    """ConfBridge(room)"""
    room = arguments(data)[0]
    answer(exchange, channel)
    bridge = _room(exchange, room)
    enter(exchange, bridge, channel)
    _introduce(exchange, bridge)
    _tell(exchange, "ConfbridgeJoin", bridge, channel, (("Admin", "No"), ("Muted", "No")))
    while not channel.stops:
        yield Sleep((channel,))
    _go(exchange, bridge, channel)
    exchange.set_variable(channel, "CONFBRIDGE_RESULT", "HANGUP")
    return False


def _room(exchange: Exchange, room: str) -> Bridge:
    if (bridge := exchange.rooms.get(room)) is not None:
        return bridge
    bridge = exchange.new_bridge("base", "softmix", creator="ConfBridge", name=room)
    exchange.rooms[room] = bridge
    # The announcer is a pair of channels without events, which count in names, uniqueids and members.
    exchange.new_number("Local")
    exchange.new_uniqueid()
    exchange.new_uniqueid()
    bridge.announcers = 1
    exchange.tell("ConfbridgeStart", (("Conference", room),), bridge.headers())
    exchange.set_device(f"confbridge:{room}", "INUSE")
    return bridge


def _introduce(exchange: Exchange, bridge: Bridge) -> None:
    for channel in bridge.members:
        others = [f"CBAnn/{bridge.name}", *(member.name for member in bridge.members if member is not channel)]
        exchange.set_variable(channel, "BRIDGEPEER", ",".join(others))


def _go(exchange: Exchange, bridge: Bridge, channel: Channel) -> None:
    room = bridge.name
    channel.cause = channel.cause or NORMAL_CLEARING
    exchange.set_variable(channel, "BRIDGEPEER", "")
    _tell(exchange, "ConfbridgeLeave", bridge, channel, (("Admin", "No"),))
    leave(exchange, bridge, channel)
    _introduce(exchange, bridge)
    if not bridge.members:
        exchange.tell("ConfbridgeEnd", (("Conference", room),), bridge.headers())
        exchange.set_device(f"confbridge:{room}", "NOT_INUSE")
        del exchange.rooms[room]
        exchange.destroy(bridge)


def _tell(exchange: Exchange, name: str, bridge: Bridge, channel: Channel, more: Headers) -> None:
    exchange.tell(name, (("Conference", bridge.name),), bridge.headers(), channel.snapshot().headers(), more)
