"""The load: what a manager session sees of many short calls, as bytes.

Belongs here: events as Asterisk 22 writes them, with fresh channels and ids, and which of them are to be acted upon.
Never here: who sends them (`server`). The same arguments give the same bytes.

To be acted upon is a BridgeEnter with two channels; another one in each call has one, so that the name is no sign.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["calls", "one-name"]
BLOCK = 1 << 17

_SNAPSHOT = (
    "Channel: {channel}\r\nChannelState: 6\r\nChannelStateDesc: Up\r\nCallerIDNum: {number}\r\n"
    "CallerIDName: Caller {number}\r\nConnectedLineNum: <unknown>\r\nConnectedLineName: <unknown>\r\nLanguage: en\r\n"
    "AccountCode: \r\nContext: {context}\r\nExten: 8{number}\r\nPriority: 3\r\nUniqueid: {unique}\r\n"
    "Linkedid: {unique}\r\n"
)
_BRIDGE = (
    "BridgeUniqueid: b{unique}\r\nBridgeType: basic\r\nBridgeTechnology: simple_bridge\r\nBridgeCreator: <unknown>\r\n"
    "BridgeName: <unknown>\r\nBridgeNumChannels: {inside}\r\nBridgeVideoSourceMode: none\r\n"
)
_CALL = (
    ("Newchannel", "call", ""),
    ("VarSet", "dialplan", "Variable: SIPCALLID\r\nValue: 5f3a{number}@192.0.2.7\r\n"),
    ("Newexten", "dialplan", "Extension: 8{number}\r\nApplication: Set\r\nAppData: x=Event: BridgeEnter\r\n"),
    ("VarSet", "dialplan", "Variable: DIALEDPEERNUMBER\r\nValue: {number}\r\n"),
    ("Newexten", "dialplan", "Extension: 8{number}\r\nApplication: Dial\r\nAppData: PJSIP/agent,30\r\n"),
    ("NewConnectedLine", "call", ""),
    ("Newstate", "call", ""),
    ("BridgeEnter", "call", _BRIDGE),
    ("RTCPSent", "reporting", "To: 192.0.2.7:4000\r\nFrom: 192.0.2.1:4001\r\nSSRC: 0x1c2d3e4f\r\nSentPackets: 250\r\n"),
    ("RTCPReceived", "reporting", "To: 192.0.2.1:4001\r\nFrom: 192.0.2.7:4000\r\nSSRC: 0x4f3e2d1c\r\nLost: 0\r\n"),
    ("DeviceStateChange", "call", "Device: PJSIP/agent\r\nState: INUSE\r\n"),
    ("BridgeLeave", "call", _BRIDGE),
    ("SoftHangupRequest", "call", "Cause: 16\r\n"),
    ("Hangup", "call", "Cause: 16\r\nCause-txt: Normal Clearing\r\n"),
)


def _template(name: str, classes: str, own: str) -> str:
    """A bridge's headers stand before those of the channel, other headers of the event's own behind them."""
    headers = own + _SNAPSHOT if own is _BRIDGE else _SNAPSHOT + own
    return f"Event: {name}\r\nPrivilege: {classes},all\r\n{headers}\r\n"


_EVENTS = tuple(_template(*event) for event in _CALL)
_ENTER = _EVENTS[7]


@dataclass(frozen=True, slots=True)
class Load:
    """So many events of a kind; every `every`-th (counted from the first) is to be acted upon."""

    count: int
    every: int
    kind: Kind = "calls"

    @property
    def expected(self) -> int:
        """How many are to be acted upon."""
        return (self.count + self.every - 1) // self.every


def events(load: Load) -> Iterator[tuple[bytes, bytes | None]]:
    """Each event, and the channel that is to be redirected for it, if any."""
    dice = random.Random(load.count)
    for number in range(load.count):
        act = number % load.every == 0
        template = _ENTER if act or load.kind == "one-name" else _EVENTS[number % len(_EVENTS)]
        channel = f"PJSIP/agent{dice.randrange(90):02}-{number:08x}"
        fields = {
            "channel": channel,
            "number": 1000 + dice.randrange(9000),
            "unique": f"1795399051.{number}",
            "context": "default" if act or dice.random() < 0.5 else "other",
            "inside": 2 if act else 1,
        }
        yield template.format(**fields).encode(), channel.encode() if act else None
