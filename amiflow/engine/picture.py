"""What exists now on one server: channels, bridges, queues, conferences, devices, from lists and the events since.

Belongs here: the tables, what each event and each row of a list does to them, and what recipes are shown of them. Never
here: asking the server for the lists (`snapshot`), and which events are wanted (`plan.picture`).

Asterisk sends no event inside a list, and an event that was queued before a list may come after it: it repeats what the
list has told already, or is followed by those that lead up to what the list told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from amiflow.ami.message import Message
from amiflow.engine.values import Value, read_bool
from amiflow.plan.expressions import LookWhat
from amiflow.plan.picture import THINGS

Headers: TypeAlias = dict[str, str]
_Members: TypeAlias = dict[str, None]  # uniqueids, in the order in which they came

Container: TypeAlias = Mapping[str, object]

MOST_THINGS = 100_000
"""Channels, bridges, queues, conferences and devices of one server, of each kind: ten times a large PBX."""

_AVAILABLE = frozenset({"0", "1"})
"""Device states in which a queue calls a member: unknown and not in use (`member_status_available`, app_queue)."""


@dataclass(slots=True)
class Queue:
    """`members` by interface: whether a call can be given to them; `callers` by Uniqueid."""

    members: dict[str, bool] = field(default_factory=dict)
    callers: _Members = field(default_factory=dict)


class Picture:
    """The tables of one server. Things that were handed out are never changed: an event makes new ones. Of each kind
    there are at most `MOST_THINGS`; further ones are `left_out`, and counted.

    `queues`, `rooms` and `devices` are by name in lower case; others read them only.
    """

    def __init__(self, parts: Iterable[str]) -> None:
        self.parts = tuple(parts)
        self._channels: dict[str, Headers] = {}
        self._names: dict[str, str] = {}
        self._bridges: dict[str, Headers] = {}
        self._inside: dict[str, _Members] = {}
        self._bridge_of: dict[str, str] = {}
        self.queues: dict[str, Queue] = {}
        self.rooms: dict[str, _Members] = {}
        self.devices: dict[str, str] = {}
        self.left_out = 0

    # --- what recipes are shown ---------------------------------------------------------------------------------------

    def look(self, what: LookWhat, key: str) -> Value:
        """The thing asked for, as a record of its headers' texts and its members; none where it may be none."""
        match what:
            case "channel":
                return self._channel(key)
            case "peer":
                return self._peer(key)
            case "bridge_of":
                bridge = self._bridge_of.get(self.id_of(key), "")
                return self._bridge(bridge) if bridge in self._bridges else None
            case "call":
                found = tuple(one for one in self._channels.values() if one.get("Linkedid") == key)
                return {"Linkedid": key, "channels": found}
            case "device":
                return {"Device": key, "State": self.devices.get(key.casefold())}
            case "queue":
                return self._queue(key)
            case "conference":
                return {"Conference": key, "members": self._shown(self.rooms.get(key.casefold(), ()))}
            case "pbx":
                return {"channels": tuple(self._channels.values()), "bridges": tuple(map(self._bridge, self._bridges))}

    def id_of(self, channel: str) -> str:
        """The Uniqueid of a channel that is given by name or by Uniqueid; empty where there is no such channel."""
        return channel if channel in self._channels else self._names.get(channel, "")

    def inside(self, bridge: str) -> Iterable[str]:
        """The channels in a bridge, by Uniqueid."""
        return self._inside.get(bridge, ())

    def beside(self, own: str) -> Iterable[str]:
        """The channels in the same bridge, and itself."""
        return self.inside(self._bridge_of.get(own, ""))

    def linked(self, own: str) -> Iterable[str]:
        """The channels of the same call, and itself."""
        call = self._channels.get(own, {}).get("Linkedid")
        return (one for one, channel in self._channels.items() if call and channel.get("Linkedid") == call)

    def _channel(self, name: str) -> Headers | None:
        return self._channels.get(self.id_of(name))

    def _peer(self, name: str) -> Headers | None:
        own = self.id_of(name)
        others = [one for one in self._inside.get(self._bridge_of.get(own, ""), ()) if one != own]
        return self._channels.get(others[0]) if len(others) == 1 else None

    def _bridge(self, bridge: str) -> Value:
        return {**self._bridges[bridge], "channels": self._shown(self._inside.get(bridge, ()))}

    def _queue(self, name: str) -> Value:
        queue = self.queues.get(name.casefold())
        if queue is None:
            return {"Queue": name, "available": None, "waiting": None}
        return {"Queue": name, "available": sum(queue.members.values()), "waiting": len(queue.callers)}

    def _shown(self, ids: Iterable[str]) -> tuple[Headers, ...]:
        return tuple(self._channels[one] for one in ids if one in self._channels)

    # --- events -------------------------------------------------------------------------------------------------------

    def hear(self, event: Message) -> tuple[str, ...]:
        """What the event changes; the parts that are others now."""
        name = event.name
        if name.startswith("Queue"):
            return self._hear_queue(event)
        if name.startswith("Confbridge"):
            return self._hear_conference(event)
        if name.startswith("Bridge"):
            return self._hear_bridge(event)
        match name:
            case "DeviceStateChange":
                self._tell_device(event)
                return ("devices",)
            case "Rename":
                return self._rename(event)
            case "Hangup":
                return self._forget(event.get("Uniqueid") or "")
            case "Newchannel":
                return ("channels",) if self._tell_channel(event) else ()
            case "Newstate" | "NewCallerid" | "NewConnectedLine" | "NewAccountCode" if self._is_there(event):
                return ("channels",) if self._tell_channel(event) else ()
        return ()

    def _tell_channel(self, message: Message) -> bool:
        """Keep what an event or row says of a channel. False where it says nothing new."""
        own, name = message.get("Uniqueid"), message.get("Channel")
        if own is None or name is None:
            return False
        old = self._channels.get(own)
        if old is None and not self._has_room(self._channels, own):
            return False
        new = {**(old or {}), **_kept(message, "channel")}
        if new == old:
            return False
        if old is not None and old["Channel"] != name:
            self._unname(old)
        self._channels[own] = new
        self._names[name] = own
        return True

    def _is_there(self, event: Message) -> bool:
        """Not after its Hangup: a change that another thread was about to make may come even then (seen on 16)."""
        return event.get("Uniqueid") in self._channels

    def _unname(self, channel: Headers) -> None:
        """The name may be another channel's by now, as a masquerade swaps names."""
        if self._names.get(channel["Channel"]) == channel["Uniqueid"]:
            del self._names[channel["Channel"]]

    def _rename(self, event: Message) -> tuple[str, ...]:
        old, name = self._channels.get(event.get("Uniqueid") or ""), event.get("Newname")
        if old is None or name is None:
            return ()
        self._unname(old)
        self._channels[old["Uniqueid"]] = {**old, "Channel": name}
        self._names[name] = old["Uniqueid"]
        return ("channels",)

    def _forget(self, own: str) -> tuple[str, ...]:
        old = self._channels.pop(own, None)
        if old is None:
            return ()
        self._unname(old)
        self._leave_bridge(own)
        for room in [name for name, members in self.rooms.items() if own in members]:
            self._leave_room(room, own)
        return ("channels", "bridges", "conferences")

    def _has_room(self, things: Container, key: str) -> bool:
        """Whether one more of these may be kept: a server that never tells of an end must not fill the memory."""
        if key in things or len(things) < MOST_THINGS:
            return True
        self.left_out += 1
        return False

    # --- bridges

    def _hear_bridge(self, event: Message) -> tuple[str, ...]:
        bridge, own = event.get("BridgeUniqueid"), event.get("Uniqueid")
        if bridge is None:
            return ()
        match event.name:
            case "BridgeCreate":
                self._tell_bridge(bridge, event)
            case "BridgeEnter" if own is not None:
                self._tell_bridge(bridge, event)
                self._tell_channel(event)
                self._enter(bridge, own)
                if event.get("BridgeType") == "basic" and (linkedid := event.get("Linkedid")):
                    self._join_calls(bridge, linkedid)
            case "BridgeLeave" if own is not None:
                if bridge in self._bridges:  # the last to leave may come after its end
                    self._tell_bridge(bridge, event)
                self._tell_channel(event)
                if self._bridge_of.get(own) == bridge:
                    self._leave_bridge(own)
            case "BridgeDestroy":
                self._bridges.pop(bridge, None)
                for member in tuple(self._inside.get(bridge, ())):
                    self._leave_bridge(member)
            case _:
                return ()
        return ("channels", "bridges")

    def _tell_bridge(self, bridge: str, event: Message) -> None:
        if self._has_room(self._bridges, bridge):
            self._bridges[bridge] = _kept(event, "bridge")

    def _enter(self, bridge: str, own: str) -> None:
        self._leave_bridge(own)
        if own not in self._channels:
            return
        self._bridge_of[own] = bridge
        self._inside.setdefault(bridge, {})[own] = None

    def _join_calls(self, bridge: str, linkedid: str) -> None:
        """Whoever enters a basic bridge shows the oldest Linkedid in it; those inside get it too, and no event tells
        (`ast_bridge_channel_update_linkedids`, 12+)."""
        for own in self._inside.get(bridge, ()):
            if self._channels[own].get("Linkedid") != linkedid:
                self._channels[own] = {**self._channels[own], "Linkedid": linkedid}

    def _leave_bridge(self, own: str) -> None:
        bridge = self._bridge_of.pop(own, None)
        if bridge is not None:
            members = self._inside[bridge]
            del members[own]
            if not members:
                del self._inside[bridge]

    # --- conferences

    def _hear_conference(self, event: Message) -> tuple[str, ...]:
        room, own = (event.get("Conference") or "").casefold(), event.get("Uniqueid")
        match event.name:
            case "ConfbridgeJoin" if own is not None:
                self._tell_channel(event)
                if own in self._channels and self._has_room(self.rooms, room):
                    self.rooms.setdefault(room, {})[own] = None
            case "ConfbridgeLeave" if own is not None:
                self._leave_room(room, own)
            case "ConfbridgeEnd":
                self.rooms.pop(room, None)
            case _:
                return ()
        return ("conferences",)

    def _leave_room(self, room: str, own: str) -> None:
        members = self.rooms.get(room, {})
        members.pop(own, None)
        if not members:
            self.rooms.pop(room, None)

    # --- queues and devices

    def _hear_queue(self, event: Message) -> tuple[str, ...]:
        name = event.get("Queue")
        if name is None:
            return ()
        if not self._has_room(self.queues, name.casefold()):
            return ()
        queue = self.queues.setdefault(name.casefold(), Queue())
        match event.name:
            case "QueueMemberAdded" | "QueueMemberStatus" | "QueueMemberPause":
                if self._has_room(queue.members, event.get("Interface") or ""):
                    queue.members[event.get("Interface") or ""] = _is_available(event)
            case "QueueMemberRemoved":
                queue.members.pop(event.get("Interface") or "", None)
            case "QueueCallerJoin":
                if self._has_room(queue.callers, event.get("Uniqueid") or ""):
                    queue.callers[event.get("Uniqueid") or ""] = None
            case "QueueCallerLeave":
                queue.callers.pop(event.get("Uniqueid") or "", None)
            case _:
                return ()
        return ("queues",)

    def _tell_device(self, message: Message) -> None:
        device = (message.get("Device") or "").casefold()
        if self._has_room(self.devices, device):
            self.devices[device] = message.get("State") or ""

    # --- lists --------------------------------------------------------------------------------------------------------

    def clear(self) -> None:
        """Nothing exists any more: Asterisk was restarted."""
        self.list_channels(())
        self.list_bridges(())
        self.list_queues(())
        self.list_rooms(())
        self.list_devices(())

    def take(self, action: str, room: str, rows: tuple[Message, ...]) -> None:
        """What a list action told: of everything of its kind, or of the members of a room."""
        match action:
            case "CoreShowChannels":
                self.list_channels(rows)
            case "BridgeList":
                self.list_bridges(rows)
            case "QueueStatus":
                self.list_queues(rows)
            case "DeviceStateList":
                self.list_devices(rows)
            case "ConfbridgeListRooms":
                self.list_rooms(row.get("Conference") or "" for row in rows)
            case _:
                self.list_members(room, rows)

    def list_channels(self, rows: Iterable[Message]) -> None:
        """All channels there are; each row says which bridge it is in (`BridgeId`, Asterisk 12+)."""
        self._channels, self._names, self._inside, self._bridge_of = {}, {}, {}, {}
        for row in rows:
            bridge = row.get("BridgeId") or row.get("BridgeID")
            if self._tell_channel(row) and bridge:
                self._enter(bridge, row.get("Uniqueid") or "")

    def list_bridges(self, rows: Iterable[Message]) -> None:
        """All bridges there are."""
        self._bridges = {row.get("BridgeUniqueid") or "": _kept(row, "bridge") for row in rows}

    def list_queues(self, rows: Iterable[Message]) -> None:
        """All queues there are, with their members and callers."""
        self.queues = {}
        for row in rows:
            queue = self.queues.setdefault((row.get("Queue") or "").casefold(), Queue())
            if row.name == "QueueMember":
                queue.members[row.get("Location") or ""] = _is_available(row)
            elif row.name == "QueueEntry":
                queue.callers[row.get("Uniqueid") or ""] = None

    def list_rooms(self, names: Iterable[str]) -> None:
        """All conferences there are; who is in them is to follow."""
        self.rooms = {name.casefold(): self.rooms.get(name.casefold(), {}) for name in names}

    def list_members(self, room: str, rows: Iterable[Message]) -> None:
        """Who is in a conference."""
        ids = [row.get("Uniqueid") or self._names.get(row.get("Channel") or "", "") for row in rows]
        if ids:
            self.rooms[room.casefold()] = dict.fromkeys(ids)
        else:
            self.rooms.pop(room.casefold(), None)

    def list_devices(self, rows: Iterable[Message]) -> None:
        """All devices there are."""
        self.devices = {}
        for row in rows:
            self._tell_device(row)


def _kept(message: Message, thing: str) -> Headers:
    """The headers of a message that the picture keeps of such a thing."""
    pairs = ((name, message.get(name)) for name in THINGS[thing].headers)
    return {name: text for name, text in pairs if text is not None}


def _is_available(member: Message) -> bool:
    """As `QueueSummary` counts `Available`: a member who is not paused and whose device could take a call."""
    return member.get("Status") in _AVAILABLE and not read_bool(member.get("Paused") or "")
