"""What the server of a recipe's test would list, when the machine asks what exists for its picture.

Belongs here: the lists of a server on which the test's events have happened. Never here: what the machine makes of them
(`engine.picture`, which is also what remembers the events here), answers to the recipe's own actions (`testing`).
"""

from __future__ import annotations

from collections.abc import Iterator

from amiflow.ami.message import Message
from amiflow.engine.picture import Headers, Picture
from amiflow.plan.picture import PARTS

_FREE, _UNAVAILABLE = "1", "5"
_Sent = tuple[tuple[str, str], ...]


class Listing:
    """A server as the events of a test have made it, connected or not."""

    def __init__(self) -> None:
        self.picture = Picture(PARTS)
        self._channels_told: dict[str, Headers] = {}

    def hear(self, event: Message) -> None:
        """The event happens on the server."""
        self.picture.hear(event)
        for side in ("", "Dest"):
            own, name = event.get(f"{side}Uniqueid"), event.get(f"{side}Channel")
            told = {"Uniqueid": own, "Channel": name, "Linkedid": event.get(f"{side}Linkedid") or own}
            if own is not None:
                self._channels_told[own] = {header: text for header, text in told.items() if text is not None}
        if event.name == "Hangup":
            self._channels_told.pop(event.get("Uniqueid") or "", None)

    def learn(self, sent: _Sent, rows: tuple[Message, ...]) -> None:
        """The test says what a list is to show."""
        self.picture.take(sent[0][1], _room(sent), rows)

    def rows(self, sent: _Sent) -> tuple[Message, ...]:
        """The rows of the list that this action asks for."""
        match sent[0][1]:
            case "CoreShowChannels":
                return tuple(self._channels())
            case "Status":  # any event of a channel shows that it exists, not only those that the picture learns from
                known = {one["Uniqueid"]: one for one in self._pbx("channels")}
                return tuple(_row("Status", {**one, **known.get(own, {})}) for own, one in self._channels_told.items())
            case "BridgeList":
                return tuple(_row("BridgeListItem", bridge) for bridge in self._pbx("bridges"))
            case "QueueStatus":
                return tuple(self._queues())
            case "ConfbridgeListRooms":
                return tuple(_row("ConfbridgeListRooms", {"Conference": room}) for room in self.picture.rooms)
            case "ConfbridgeList":
                return tuple(_row("ConfbridgeList", {"Uniqueid": own}) for own in self.picture.rooms[_room(sent)])
        devices = self.picture.devices.items()
        return tuple(_row("DeviceStateChange", {"Device": device, "State": state}) for device, state in devices)

    def _pbx(self, what: str) -> tuple[Headers, ...]:
        listed: tuple[Headers, ...] = self.picture.look("pbx", "")[what]
        return listed

    def _channels(self) -> Iterator[Message]:
        for channel in self._pbx("channels"):
            bridge = self.picture.look("bridge_of", channel["Uniqueid"]) or {}
            yield _row("CoreShowChannel", {**channel, "BridgeId": bridge.get("BridgeUniqueid", "")})

    def _queues(self) -> Iterator[Message]:
        for name, queue in self.picture.queues.items():
            yield _row("QueueParams", {"Queue": name})
            for interface, available in queue.members.items():
                status = _FREE if available else _UNAVAILABLE
                yield _row("QueueMember", {"Queue": name, "Location": interface, "Status": status})
            for caller in queue.callers:
                yield _row("QueueEntry", {"Queue": name, "Uniqueid": caller})


def _room(sent: _Sent) -> str:
    return dict(sent).get("Conference", "").casefold()


def _row(event: str, headers: Headers) -> Message:
    texts = ((name, text) for name, text in headers.items() if isinstance(text, str))
    return Message.build([("Event", event), *texts])
