"""What two servers told of the same calls, made comparable.

Belongs here: names for channels and bridges that do not depend on counters, each channel's own story, the headers of
each event. Never here: the calls.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

Frame = list[tuple[str, str]]
Story = tuple[tuple[str, ...], ...]

# Told by other parts of a server than the simulated PBX has, or of things that happen in a thread of their own whenever
# they like: device states and what queues make of them; test, billing and security events.
_NOT_COMPARED = {
    "Cdr",
    "CEL",
    "ChallengeSent",
    "DeviceStateChange",
    "FullyBooted",
    "QueueMemberStatus",
    "SuccessfulAuth",
    "TestEvent",
}
# Whose order among a channel's own events is up to the threads.
_ANYWHERE = {"AgentComplete", "ConfbridgeJoin", "ConfbridgeLeave", "OriginateResponse", "VarSet"}
# Variables that Queue sets for billing and the simulated one does not.
_BILLING = {
    "ANSWEREDTIME",
    "ANSWEREDTIME_MS",
    "DIALEDTIME",
    "DIALEDTIME_MS",
    "QUEUEPOSITION",
    "QUEUEWAIT",
    "QUEUEWAIT_MS",
}
_TOLD = (
    "ChannelState",
    "CallerIDNum",
    "ConnectedLineNum",
    "Context",
    "Exten",
    "Priority",
    "Application",
    "AppData",
    "Cause",
    "Cause-txt",
    "DialStatus",
    "DialString",
    "BridgeType",
    "BridgeTechnology",
    "BridgeCreator",
    "BridgeName",
    "Conference",
    "Admin",
    "Muted",
    "Queue",
    "Position",
    "Count",
    "Interface",
    "MemberName",
)
_NAMED = re.compile(r"(?:Local|PJSIP)/[^\s,]+-[0-9a-f]{8}(?:;[12])?")
_NUMBERED = re.compile(r"(.+)-([0-9a-f]{8})(;[12])?")


@dataclass
class Account:
    """What a server told. `stories`: each channel's events in order, with values and related ids; `headers`: of each
    event the sets of header names it was seen with; `loose`: what is of no channel, and what may stand anywhere in a
    channel's story, as often as it likes (BRIDGEPEER is told again whenever somebody comes or goes)."""

    stories: dict[str, Story] = field(default_factory=dict)
    headers: dict[str, set[tuple[str, ...]]] = field(default_factory=dict)
    loose: set[tuple[str, ...]] = field(default_factory=set)


class _Names:
    """Ids by the order of their making: the third channel to 1234 is `Local/1234@default#2;1` on every server."""

    def __init__(self, frames: list[dict[str, str]]) -> None:
        made = [frame["Channel"] for frame in frames if frame["Event"] == "Newchannel"]
        numbers: dict[str, list[str]] = {}
        for base, number in sorted({_parts(name)[:2] for name in made}, key=lambda parts: parts[1]):
            numbers.setdefault(base, []).append(number)
        self._numbers = numbers
        uniqueids = {frame["Uniqueid"]: frame["Channel"] for frame in frames if frame["Event"] == "Newchannel"}
        self._ids = {uniqueid: f"<{self.channel(name)}>" for uniqueid, name in uniqueids.items()}
        kinds: dict[str, int] = {}
        for frame in frames:
            if frame["Event"] == "BridgeCreate":
                kind = frame["BridgeType"]
                self._ids[frame["BridgeUniqueid"]] = f"<{kind} bridge {kinds.setdefault(kind, 0)}>"
                kinds[kind] += 1

    def channel(self, name: str) -> str:
        base, number, half = _parts(name)
        known = self._numbers.get(base, [])
        return f"{base}#{known.index(number)}{half}" if number in known else name

    def within(self, text: str) -> str:
        """A value with channel names in it."""
        return _NAMED.sub(lambda found: self.channel(found[0]), text)

    def identity(self, uniqueid: str) -> str:
        return self._ids.get(uniqueid, uniqueid)


def _parts(name: str) -> tuple[str, str, str]:
    found = _NUMBERED.fullmatch(name)
    return (found[1], found[2], found[3] or "") if found else (name, "", "")


def account(frames: Iterable[Frame]) -> Account:
    """What was told, in names that two servers share."""
    told = [frame for frame in frames if frame[0][0] == "Event" and frame[0][1] not in _NOT_COMPARED]
    names = _Names([dict(frame) for frame in told])
    found = Account()
    stories: dict[str, list[tuple[str, ...]]] = {}
    for frame in told:
        name, values = frame[0][1], dict(frame)
        found.headers.setdefault(name, set()).add(tuple(key for key, _ in frame if key != "Timestamp"))
        if values.get("Variable") in _BILLING:
            continue
        said = (name, *_said(names, values))
        owner = names.channel(values.get("Channel") or values.get("DestChannel") or values.get("LocalOneChannel", ""))
        if not owner or name in _ANYWHERE:
            said = (*said, owner, *_loosely(values))
            found.loose.add(said)
        else:
            stories.setdefault(owner, []).append(said)
    found.stories = {owner: tuple(story) for owner, story in stories.items()}
    return found


def _said(names: _Names, values: dict[str, str]) -> Iterable[str]:
    if values["Event"] == "VarSet":  # shows whatever snapshot was the last one published by then
        return
    for key in _TOLD:
        for prefix in ("", "Dest"):
            if prefix + key in values:
                yield f"{prefix}{key}={names.within(values[prefix + key])}"
    for key, value in values.items():
        if key.endswith(("niqueid", "inkedid")):
            yield f"{key}={names.identity(value)}"
        elif key.endswith("Channel") and key != "Channel":
            yield f"{key}={names.channel(value)}"


def _loosely(values: dict[str, str]) -> Iterable[str]:
    if values["Event"] == "VarSet":
        # Times and generated names differ in value.
        return (values["Variable"], values["Value"] if values["Variable"] == "DIALSTATUS" else "")
    # Whether the agent or the caller left first is a race that the agent's channel may lose.
    return (values["Response"], values["Reason"]) if "Response" in values else ()
