"""The actions that the PBX itself carries out, in Asterisk 22's words.

Belongs here: one function an action and the table of them. Never here: Login, Events, Filter and whatever else concerns
the session (`amiflow.ami.asterisk`), and who may do what.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TypeAlias

from amiflow.ami.request import Request
from amiflow.tools.pbx import dialplan
from amiflow.tools.pbx.answer import Answer, Reply, every, listing, refusal, success, whole
from amiflow.tools.pbx.applications import assign
from amiflow.tools.pbx.channel import Channel, Headers, Party
from amiflow.tools.pbx.commands import run_command
from amiflow.tools.pbx.exchange import Exchange
from amiflow.tools.pbx.originate import carry_out, read_order

Action: TypeAlias = Callable[[Exchange, Request, Reply], Answer | None]
"""Carries an action out. None: the answer comes later, through the Reply."""

VERSION = "22.10.1"
AMI_VERSION = "11.0.0"


def originate(exchange: Exchange, asked: Request, reply: Reply) -> Answer | None:
    """With `Async` it answers at once, without it when the call is answered or has failed."""
    order = read_order(exchange, asked)
    if isinstance(order, str):
        return refusal(order)
    queued = success("Originate successfully queued")
    if asked.get("Async").lower() in ("yes", "true", "y", "t", "1", "on"):
        exchange.schedule.spawn(carry_out(exchange, order, lambda answered: None, True))
        return queued
    if not order.application and not order.priority:
        return refusal("Originate with 'Exten' requires 'Context' and 'Priority'")

    def done(answered: bool) -> None:
        reply(queued if answered else refusal("Originate failed"))

    exchange.schedule.spawn(carry_out(exchange, order, done, False))
    return None


def redirect(exchange: Exchange, asked: Request, reply: Reply) -> Answer:
    """One or two channels go to a place of the dialplan, each when its thread next runs."""
    target = _target(exchange, asked, "")
    if isinstance(target, str):
        return refusal(target)
    extra = asked.get("ExtraChannel")
    extra_target = target
    if extra and asked.get("ExtraContext"):
        found = _target(exchange, asked, "Extra")
        if isinstance(found, str):
            return refusal(found)
        extra_target = found
    name = asked.get("Channel")
    if (channel := exchange.find(name)) is None:
        return refusal(f"Channel does not exist: {name}"[:255])
    if _ending(channel):
        return refusal("Redirect failed, channel not up.")
    if not extra:
        exchange.send(channel, *target)
        return success("Redirect successful")
    if (second := exchange.find(extra)) is None:
        return refusal(f"ExtraChannel does not exist: {extra}"[:255])
    if _ending(second):
        return refusal("Redirect failed, extra channel not up.")
    exchange.send(channel, *target)
    exchange.send(second, *extra_target)
    return success("Dual Redirect successful")


def _target(exchange: Exchange, asked: Request, prefix: str) -> tuple[str, str, int] | str:
    names = ("Channel", "Context", "Exten", "Priority") if not prefix else ("Exten", "Priority")
    for name in names:
        if not asked.get(prefix + name):
            return f"{prefix}{name} not specified"
    priority = whole(asked.get(prefix + "Priority"))
    if priority is None or priority < 1:
        return f"{prefix}Priority is invalid"
    return asked.get(prefix + "Context"), asked.get(prefix + "Exten"), priority


def _ending(channel: Channel) -> bool:
    return bool(channel.stops - {"goto"})


def hangup(exchange: Exchange, asked: Request, reply: Reply) -> Answer:
    """One channel, or all whose name fits `/regex/`."""
    name, cause = asked.get("Channel"), whole(asked.get("Cause"))
    cause = cause if cause is not None and 0 < cause <= 127 else 0
    if not name:
        return refusal("No channel specified")
    if name[0] == "/":
        if len(name) < 2 or name[-1] != "/":
            return refusal("Regex format invalid, Channel param should be /regex/")
        return _hang_up_all(exchange, name[1:-1], cause)
    channel = exchange.find(name)
    if channel is None:
        return refusal("No such channel")
    _hang_up(exchange, channel, cause)
    return success("Channel Hungup")


def _hang_up_all(exchange: Exchange, text: str, cause: int) -> Answer:
    try:
        pattern = re.compile(text)
    except (re.error, OverflowError, RecursionError):
        return refusal(f"Regex compile failed on: /{text}/")
    fitting = [one for one in exchange.channels.values() if pattern.search(one.name)]
    for channel in fitting:
        _hang_up(exchange, channel, cause)
    rows = ((("Event", "ChannelHungup"), ("Channel", one.name)) for one in fitting)
    return listing("Channels hung up will follow", "ChannelsHungupListComplete", rows)


def _hang_up(exchange: Exchange, channel: Channel, cause: int) -> None:
    channel.cause = cause or channel.cause
    exchange.stop(channel, "asked")


def bridge(exchange: Exchange, asked: Request, reply: Reply) -> Answer:
    """Two channels into a new basic bridge, wherever they are but in a conference, which lets nobody be taken out."""
    names = asked.get("Channel1"), asked.get("Channel2")
    if not all(names):
        return refusal("Missing channel parameter in request")
    found = [exchange.find(name) for name in names]
    for number, channel in enumerate(found, 1):
        if channel is None:
            return refusal(f"Channel{number} does not exist: {names[number - 1]}")
    one, two = (channel for channel in found if channel)
    for number, channel in ((1, one), (2, two)):
        held = channel.bridge is not None and channel.bridge.kind == "base"
        if one is two or held or _ending(channel) or not (channel.pbx or channel.bridge):
            return refusal(f"Unable to add Channel{number} to bridge: {channel.name}")
    together = exchange.new_bridge("basic", "simple_bridge")
    together.acquaints = True
    for channel in (one, two):
        exchange.aim(channel, together)
        exchange.stop(channel, "goto")
    return success("Channels have been bridged")


def status(exchange: Exchange, asked: Request, reply: Reply) -> Answer:
    """One channel or all."""
    channels = list(exchange.channels.values())
    if name := asked.get("Channel"):
        if (found := exchange.find(name)) is None:
            return refusal("No such channel")
        channels = [found]
    rows = [_status(exchange, asked, channel) for channel in channels]
    items = (("Items", str(len(rows))),)
    return listing("Channel status will follow", "StatusComplete", rows, items)


def _status(exchange: Exchange, asked: Request, channel: Channel) -> Headers:
    party = Party(channel.connected.number or None, channel.connected.name or None)
    answered = channel.answered
    names = [name.strip() for text in every(asked, "Variables") for name in text.split(",") if name.strip()]
    shown = [(name, dialplan.value(exchange, channel, name) or "(null)") for name in names]
    if asked.get("AllVariables").lower() in ("yes", "true", "y", "t", "1", "on"):
        shown += list(channel.variables.items())
    return (
        ("Event", "Status"),
        ("Privilege", "Call"),
        *channel.snapshot().headers(),
        ("Type", channel.technology),
        ("DNID", ""),
        ("EffectiveConnectedLineNum", party.number or "<unknown>"),
        ("EffectiveConnectedLineName", party.name or "<unknown>"),
        ("TimeToHangup", "0"),
        ("BridgeID", channel.bridge.uniqueid if channel.bridge else ""),
        ("Application", channel.application),
        ("Data", channel.data),
        ("Nativeformats", "(slin)"),
        ("Readformat", "slin"),
        ("Readtrans", ""),
        ("Writeformat", "slin"),
        ("Writetrans", ""),
        ("Callgroup", "0"),
        ("Pickupgroup", "0"),
        ("Seconds", str(int(exchange.now - answered) if answered is not None else 0)),
        *(("Variable", f"{name}={value}") for name, value in shown),
    )


def core_show_channels(exchange: Exchange, asked: Request, reply: Reply) -> Answer:
    """Every channel."""
    rows = (
        (
            ("Event", "CoreShowChannel"),
            *channel.snapshot().headers(),
            ("Application", channel.application),
            ("ApplicationData", channel.data),
            ("Duration", _clock(exchange.now - channel.born)),
            ("BridgeId", channel.bridge.uniqueid if channel.bridge else ""),
        )
        for channel in exchange.channels.values()
    )
    return listing("Channels will follow", "CoreShowChannelsComplete", rows)


def _clock(seconds: float) -> str:
    whole_seconds = int(seconds)
    return f"{whole_seconds // 3600:02d}:{whole_seconds // 60 % 60:02d}:{whole_seconds % 60:02d}"


def bridge_list(exchange: Exchange, asked: Request, reply: Reply) -> Answer:
    """Every bridge, or those of one BridgeType."""
    kind = asked.get("BridgeType")
    fitting = (one for one in exchange.bridges.values() if not kind or one.kind == kind)
    rows = ((("Event", "BridgeListItem"), *one.headers()) for one in fitting)
    return listing("Bridge listing will follow", "BridgeListComplete", rows)


def bridge_info(exchange: Exchange, asked: Request, reply: Reply) -> Answer:
    """The channels in one bridge."""
    uniqueid = asked.get("BridgeUniqueid")
    if not uniqueid:
        return refusal("BridgeUniqueid must be provided")
    found = exchange.bridges.get(uniqueid)
    if found is None:
        return refusal("Specified BridgeUniqueid not found")
    rows = ((("Event", "BridgeInfoChannel"), *member.snapshot().headers()) for member in found.members)
    return listing("Bridge channel listing will follow", "BridgeInfoComplete", rows, found.headers())


def confbridge_list(exchange: Exchange, asked: Request, reply: Reply) -> Answer:
    """The members of one conference."""
    room = asked.get("Conference")
    if not room:
        return refusal("No Conference name provided.")
    if not exchange.rooms:
        return refusal("No active conferences.")
    if (found := exchange.rooms.get(room)) is None:
        return refusal("No Conference by that name found.")
    rows = (_conference_row(exchange, room, member) for member in found.members)
    return listing("Confbridge user list will follow", "ConfbridgeListComplete", rows)


def _conference_row(exchange: Exchange, room: str, member: Channel) -> Headers:
    flags = ("Admin", "MarkedUser", "WaitMarked", "EndMarked", "EndMarkedAny", "Waiting", "Muted", "Talking")
    answered = member.answered if member.answered is not None else exchange.now
    head = (("Event", "ConfbridgeList"), ("Conference", room))
    seconds = ("AnsweredTime", str(int(exchange.now - answered)))
    return (*head, *((flag, "No") for flag in flags), seconds, *member.snapshot().headers())


def confbridge_list_rooms(exchange: Exchange, asked: Request, reply: Reply) -> Answer:
    """Every conference; without any it is an Error, in the words of Asterisk."""
    if not exchange.rooms:
        return refusal("No active conferences.")
    rows = (
        (
            ("Event", "ConfbridgeListRooms"),
            ("Conference", room),
            ("Parties", str(len(found.members))),
            ("Marked", "0"),
            ("Locked", "No"),
            ("Muted", "No"),
        )
        for room, found in exchange.rooms.items()
    )
    return listing("Confbridge conferences will follow", "ConfbridgeListRoomsComplete", rows)


def getvar(exchange: Exchange, asked: Request, reply: Reply) -> Answer:
    """A channel's or a global variable; one that nobody set is empty."""
    if not (name := asked.get("Variable")):
        return refusal("No variable specified")
    channel = exchange.find(asked.get("Channel")) if asked.get("Channel") else None
    if asked.get("Channel") and channel is None:
        return refusal("No such channel")
    return success("", (("Variable", name), ("Value", dialplan.value(exchange, channel, name))))


def setvar(exchange: Exchange, asked: Request, reply: Reply) -> Answer:
    """Of a channel, else a global one."""
    if not (name := asked.get("Variable")):
        return refusal("No variable specified")
    channel = exchange.find(asked.get("Channel")) if asked.get("Channel") else None
    if asked.get("Channel") and channel is None:
        return refusal("No such channel")
    assign(exchange, channel, name, asked.get("Value"))
    return success("Variable Set")


def user_event(exchange: Exchange, asked: Request, reply: Reply) -> Answer:
    """Everybody sees the sender's headers, and its ActionID too."""
    own = ("action", "actionid", "userevent")
    head: Headers = (("ActionID", asked.action_id),) if asked.action_id else ()
    body = tuple(pair for pair in asked.headers if pair[0].lower() not in own)
    exchange.tell("UserEvent", (("UserEvent", asked.get("UserEvent")),), head, body)
    return success("Event Sent")


def command(exchange: Exchange, asked: Request, reply: Reply) -> Answer:
    """A line of the console, as far as `commands` knows it."""
    if not (line := asked.get("Command")):
        return refusal("No command provided")
    output = run_command(exchange, line)
    word = "Success" if output is not None else "Error"
    unknown = f"No such command '{line}' (type 'core show help {line}' for other possible commands)"
    lines = tuple(("Output", one) for one in ((unknown,) if output is None else output or ("",)))
    return Answer((("Response", word), ("Message", "Command output follows"), *lines))


def core_settings(exchange: Exchange, asked: Request, reply: Reply) -> Answer:
    """As an Asterisk 22 says it."""
    settings: Headers = (
        ("AMIversion", AMI_VERSION),
        ("AsteriskVersion", VERSION),
        ("SystemName", ""),
        ("CoreMaxCalls", "0"),
        ("CoreMaxLoadAvg", "0.000000"),
        ("CoreRunUser", ""),
        ("CoreRunGroup", ""),
        ("CoreMaxFilehandles", "1024"),
        ("CoreRealTimeEnabled", "No"),
        ("CoreCDRenabled", "No"),
        ("CoreHTTPenabled", "No"),
        ("SoundsSearchCustomDir", "No"),
    )
    return success("", settings)


def core_status(exchange: Exchange, asked: Request, reply: Reply) -> Answer:
    """Start, and the number of calls."""
    began = datetime.fromtimestamp(exchange.start, UTC)
    day, clock = f"{began:%Y-%m-%d}", f"{began:%H:%M:%S}"
    now = sum(1 for channel in exchange.channels.values() if channel.pbx)
    times = (("CoreStartupDate", day), ("CoreStartupTime", clock), ("CoreReloadDate", day), ("CoreReloadTime", clock))
    return success("", (*times, ("CoreCurrentCalls", str(now)), ("CoreProcessedCalls", str(exchange.calls))))


def queue_status(exchange: Exchange, asked: Request, reply: Reply) -> Answer:
    """Every queue, or one; a queue or member that does not exist gives an empty list."""
    rows = _queue_rows(exchange, asked.get("Queue"), asked.get("Member"))
    return listing("Queue status will follow", "QueueStatusComplete", rows)


def _queue_rows(exchange: Exchange, only: str, member_only: str) -> Iterator[Headers]:
    for queue in exchange.queues.values():
        if only and queue.name.lower() != only.lower():
            continue
        yield (("Event", "QueueParams"), *queue.params())
        for member in queue.members:
            if not member_only or member.interface == member_only:
                yield (("Event", "QueueMember"), ("Queue", queue.name), *member.row())
        for entry in queue.entries if not member_only else ():
            yield (
                ("Event", "QueueEntry"),
                ("Queue", queue.name),
                ("Position", str(queue.position(entry))),
                ("Channel", entry.channel.name),
                ("Uniqueid", entry.channel.uniqueid),
                ("CallerIDNum", entry.channel.caller.number or "unknown"),
                ("CallerIDName", entry.channel.caller.name or "unknown"),
                ("ConnectedLineNum", entry.channel.connected.number or "unknown"),
                ("ConnectedLineName", entry.channel.connected.name or "unknown"),
                ("Wait", str(int(exchange.now - entry.since))),
                ("Priority", "0"),
            )


def queue_summary(exchange: Exchange, asked: Request, reply: Reply) -> Answer:
    """The figures of every queue, or of one."""
    only = asked.get("Queue").lower()
    rows = (
        (
            ("Event", "QueueSummary"),
            ("Queue", queue.name),
            ("LoggedIn", str(len(queue.members))),
            ("Available", str(sum(1 for member in queue.members if member.state == "NOT_INUSE"))),
            ("Callers", str(len(queue.entries))),
            ("HoldTime", str(queue.held)),
            ("TalkTime", str(queue.talked)),
            ("LongestHoldTime", str(int(max((exchange.now - one.since for one in queue.entries), default=0)))),
        )
        for queue in exchange.queues.values()
        if not only or queue.name.lower() == only
    )
    return listing("Queue summary will follow", "QueueSummaryComplete", rows)


ACTIONS: Mapping[str, Action] = {
    "Bridge": bridge,
    "BridgeInfo": bridge_info,
    "BridgeList": bridge_list,
    "Command": command,
    "ConfbridgeList": confbridge_list,
    "ConfbridgeListRooms": confbridge_list_rooms,
    "CoreSettings": core_settings,
    "CoreShowChannels": core_show_channels,
    "CoreStatus": core_status,
    "Getvar": getvar,
    "Hangup": hangup,
    "Originate": originate,
    "QueueStatus": queue_status,
    "QueueSummary": queue_summary,
    "Redirect": redirect,
    "Setvar": setvar,
    "Status": status,
    "UserEvent": user_event,
}
