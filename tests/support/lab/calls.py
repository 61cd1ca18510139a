"""Calls that tests put through a server, made over a plain AMI connection.

What belongs here: making a call and naming its two legs. What never does: what a test then does with them.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from support.plain_ami import Frame, PlainAmi


@dataclass(frozen=True, slots=True)
class BridgedCall:
    """Two legs in a basic bridge, as BridgeEnter named them, in the order in which they entered."""

    one: Frame
    two: Frame

    @property
    def channels(self) -> set[str]:
        return {self.one.Channel, self.two.Channel}

    @property
    def bridge(self) -> str:
        return self.one.BridgeUniqueid


def originate(ami: PlainAmi, channel: str, exten: str = "1234", **headers: str | list[str]) -> str:
    """Call `channel` and connect it to `exten`, without waiting for the outcome; the Uniqueid of the new channel."""
    uniqueid = f"lab-{uuid.uuid4()}"
    target = {"Context": "default", "Exten": exten, "Priority": "1"}
    answer = ami.action("Originate", Channel=channel, Async="true", ChannelId=uniqueid, **target, **headers)
    if answer.Response != "Success":
        raise RuntimeError(answer.Message)
    return uniqueid


def bridged_call(ami: PlainAmi, exten: str = "800") -> BridgedCall:
    """A call from extension `exten`, which dials 1234: two Local channels in a basic bridge."""
    uniqueid = originate(ami, f"Local/{exten}@default")
    return wait_for_bridge(ami, lambda event: event.get("Linkedid") == uniqueid)


def wait_for_bridge(ami: PlainAmi, ours: Callable[[Frame], bool]) -> BridgedCall:
    """The first two legs, of those whose BridgeEnter is `ours`, that share a basic bridge."""

    def pair() -> BridgedCall | None:
        enters = [event for event in ami.seen("BridgeEnter", BridgeType="basic") if ours(event)]
        first = {event.BridgeUniqueid: event for event in reversed(enters)}
        for event in enters:
            if event.Channel != first[event.BridgeUniqueid].Channel:
                return BridgedCall(first[event.BridgeUniqueid], event)
        return None

    return ami.until(pair, "two legs in a basic bridge")


def members(ami: PlainAmi, room: str = "680") -> set[str]:
    """The channels in a conference."""
    return {row.Channel for row in ami.listing("ConfbridgeList", Conference=room)}
