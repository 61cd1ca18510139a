"""The live picture as tables: what recipes may ask of it, what its things are made of, and where that comes from.

Belongs here: one row for each function, kind of thing and part of the picture. Never here: the picture itself
(`engine.picture`), how it is asked for at a server (`engine.snapshot`), types of expressions (`lang.infer`).
"""

from __future__ import annotations

from typing import Any

from amiflow.plan.expressions import Look, LookWhat, Stored
from amiflow.plan.types import INT, ListOf, MessageOf, Type, maybe
from amiflow.plan.walk import descendants
from amiflow.report.data import dataclass


@dataclass(frozen=True, slots=True)
class Question:
    """What a recipe may ask: the name of the one argument (none for `pbx`), the kind of thing that it gives, whether
    there may be none, and the parts of the picture that the answer is read from."""

    argument: str | None
    thing: str
    may_be_none: bool
    parts: tuple[str, ...]
    doc: str


@dataclass(frozen=True, slots=True)
class Thing:
    """A kind of thing: the event that describes its headers, which of these the picture keeps, and which of them may be
    missing; and its members that are no headers."""

    event: str
    headers: tuple[str, ...]
    optional: tuple[str, ...]
    members: tuple[tuple[str, Type], ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the picture: the list actions that give it at a connect (of all versions from Asterisk 12 on), with
    the names of their rows and of the event that ends the list, and the events that change it."""

    actions: tuple[tuple[str, tuple[str, ...], str], ...]
    events: tuple[str, ...]


QUESTIONS: dict[LookWhat, Question] = {
    "channel": Question(
        "name or uniqueid", "channel", True, ("channels",), "The channel of that name or Uniqueid, as it is now."
    ),
    "peer": Question(
        "channel", "channel", True, ("channels",), "The other channel in the channel's bridge, where there is just one."
    ),
    "bridge_of": Question("channel", "bridge", True, ("channels", "bridges"), "The bridge that the channel is in."),
    "call": Question("linkedid", "call", False, ("channels",), "The call: all channels with that Linkedid."),
    "device": Question("device", "device", False, ("devices",), "A device and its state; none if it was never told."),
    "queue": Question("queue", "queue", False, ("queues",), "A queue; its numbers are none if there is no such queue."),
    "conference": Question("conference", "conference", False, ("channels", "conferences"), "A ConfBridge room."),
    "pbx": Question(None, "pbx", False, ("channels", "bridges"), "Everything that there is."),
}

_CHANNEL = MessageOf("seen", ("channel",))
_CHANNELS = ("channels", ListOf(_CHANNEL))

THINGS: dict[str, Thing] = {
    "channel": Thing(
        "Newchannel",
        (
            "Channel", "Uniqueid", "Linkedid", "ChannelState", "ChannelStateDesc", "CallerIDNum", "CallerIDName",
            "ConnectedLineNum", "ConnectedLineName", "Language", "AccountCode",
        ),
        (),
        (),
    ),
    "bridge": Thing(
        "BridgeCreate",
        ("BridgeUniqueid", "BridgeType", "BridgeTechnology", "BridgeCreator", "BridgeName", "BridgeNumChannels"),
        (),
        (_CHANNELS,),
    ),
    "call": Thing("Newchannel", ("Linkedid",), (), (_CHANNELS,)),
    "device": Thing("DeviceStateChange", ("Device", "State"), ("State",), ()),
    "queue": Thing("QueueCallerJoin", ("Queue",), (), (("available", maybe(INT)), ("waiting", maybe(INT)))),
    "conference": Thing("ConfbridgeJoin", ("Conference",), (), (("members", ListOf(_CHANNEL)),)),
    "pbx": Thing("", (), (), (_CHANNELS, ("bridges", ListOf(MessageOf("seen", ("bridge",)))))),
}  # fmt: skip

PARTS: dict[str, Part] = {
    "channels": Part(
        (("CoreShowChannels", ("CoreShowChannel",), "CoreShowChannelsComplete"),),
        (
            "Newchannel", "Newstate", "NewCallerid", "NewConnectedLine", "NewAccountCode", "Rename", "BridgeEnter",
            "BridgeLeave", "Hangup",
        ),
    ),
    "bridges": Part(
        (("BridgeList", ("BridgeListItem",), "BridgeListComplete"),),
        ("BridgeCreate", "BridgeEnter", "BridgeLeave", "BridgeDestroy"),
    ),
    "queues": Part(
        (("QueueStatus", ("QueueParams", "QueueMember", "QueueEntry"), "QueueStatusComplete"),),
        (
            "QueueMemberAdded", "QueueMemberStatus", "QueueMemberPause", "QueueMemberRemoved", "QueueCallerJoin",
            "QueueCallerLeave",
        ),
    ),
    "conferences": Part(
        (
            ("ConfbridgeListRooms", ("ConfbridgeListRooms",), "ConfbridgeListRoomsComplete"),
            ("ConfbridgeList", ("ConfbridgeList",), "ConfbridgeListComplete"),
        ),
        ("ConfbridgeJoin", "ConfbridgeLeave", "ConfbridgeEnd"),
    ),
    # Who dialled and was dialled, for protected numbers: no list tells more of it than that of the channels.
    "emergency": Part((), ("DialBegin",)),
    "devices": Part(
        (("DeviceStateList", ("DeviceStateChange",), "DeviceStateListComplete"),),
        ("DeviceStateChange",),
    ),
}  # fmt: skip


def reads(tree: Any) -> frozenset[str]:
    """What a tree of the plan reads that changes by itself: parts of the picture, and names of stores."""
    found: set[str] = set()
    for node in descendants(tree):
        if isinstance(node, Look):
            found.update(QUESTIONS[node.what].parts)
        elif isinstance(node, Stored):
            found.add(f"store {node.name}")
    return frozenset(found)
