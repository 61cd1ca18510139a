"""Being in a bridge: entering, staying, leaving, and what becomes of a channel that has no dialplan to go back to.

Belongs here: basic bridges, and what conferences share with them. Never here: why channels meet (`dial`, `queues`,
`conference`, the Bridge action).
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from amiflow.tools.pbx.channel import Bridge, Channel, State
from amiflow.tools.pbx.exchange import Exchange
from amiflow.tools.pbx.schedule import Sleep, Thread

NORMAL_CLEARING = 16
End: TypeAlias = Literal["goto", "hangup", "dissolved"]


def enter(exchange: Exchange, bridge: Bridge, channel: Channel) -> None:
    """A channel becomes a member. In a basic bridge all take the oldest call's Linkedid, as Asterisk 12+ does."""
    bridge.members.append(channel)
    channel.bridge = bridge
    if bridge.kind == "basic":
        oldest = min(bridge.members, key=lambda member: member.born).linkedid
        for member in bridge.members:
            member.linkedid = oldest
    exchange.publish(channel)
    exchange.tell("BridgeEnter", bridge.headers(), channel.snapshot().headers())
    if bridge.kind == "basic" and len(bridge.members) == 2:
        _introduce(exchange, bridge)


def _introduce(exchange: Exchange, bridge: Bridge) -> None:
    one, two = bridge.members
    exchange.set_variable(one, "BRIDGEPEER", two.name)
    exchange.set_variable(two, "BRIDGEPEER", one.name)
    if bridge.acquaints:
        for channel, other in ((one, two), (two, one)):
            channel.connected = other.caller
            exchange.publish(channel)
    if one.technology == two.technology == "PJSIP":
        bridge.technology = "native_rtp"


def leave(exchange: Exchange, bridge: Bridge, channel: Channel) -> None:
    """A channel is a member no more; a basic bridge falls apart, an empty one is destroyed."""
    for member in bridge.members if bridge.kind == "basic" and len(bridge.members) == 2 else ():
        if member.joining is None:
            exchange.set_variable(member, "BRIDGEPEER", "")
    bridge.members.remove(channel)
    channel.bridge = None
    exchange.publish(channel)
    exchange.tell("BridgeLeave", bridge.headers(), channel.snapshot().headers())
    if bridge.kind == "basic":
        dissolve(exchange, bridge)
    if not bridge.members and bridge.kind == "basic":
        exchange.destroy(bridge)


def dissolve(exchange: Exchange, bridge: Bridge) -> None:
    """Send everybody out."""
    bridge.dissolved = True
    exchange.schedule.wake(bridge)


def stay(exchange: Exchange, bridge: Bridge, channel: Channel) -> Thread:
    """Be in the bridge until hung up, sent elsewhere or dissolved, which it may be already. `outcome` tells which.

    Whoever leaves other than by a Bridge action gets a cause, 16 where it has none (Asterisk 12+, channel_set_cause).
    """
    if bridge.dissolved:
        return
    enter(exchange, bridge, channel)
    while not channel.stops and not bridge.dissolved:
        yield Sleep((channel, bridge))
    if channel.joining is None and not channel.cause:
        channel.cause = NORMAL_CLEARING
    leave(exchange, bridge, channel)


def outcome(channel: Channel) -> End:
    """Why a channel has left its bridge. A hang-up outweighs a redirect."""
    if channel.stops - {"goto"}:
        return "hangup"
    return "goto" if channel.stops else "dissolved"


def guest(exchange: Exchange, bridge: Bridge, channel: Channel) -> Thread:
    """The thread of a channel without a PBX in a bridge: a dialled leg. It ends when the channel is hung up, or as soon
    as it is sent to the dialplan: `dialplan_next` is set then."""
    yield from stay(exchange, bridge, channel)
    while (end := outcome(channel)) == "goto" and (following := channel.joining) is not None:
        channel.joining = None
        channel.stops.discard("goto")
        yield from stay(exchange, following, channel)
    if end == "goto":
        channel.dialplan_next = True
    else:
        exchange.hang_up(channel)


def may_be_answered(channel: Channel) -> bool:
    """Whether answering a channel changes it: one that was called is answered by its far end alone."""
    return channel.state is State.RING
