"""Events of a recipe's tests, completed: what an event must carry and the test leaves out gets a plausible value.

Belongs here: values that fit the catalogue and each other: one Channel, one Uniqueid, one Linkedid for a test. Never
here: the live picture of a simulated server (`pbx`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from amiflow.ami.catalog import Catalog, Header, exists
from amiflow.ami.message import Message
from amiflow.engine.effects import Send
from amiflow.plan import testmodel as tm

Headers = Sequence[tuple[str, str]]

ASTERISK = "22"  # the version that the events of tests are as of
AMI = "11.0.0"  # its number in the banner
_UNIQUEID = "1800000000"
_FURTHER = 100  # what the numbers of further channels of a side begin with

_BY_NAME = {
    "priority": "1",
    "language": "en",
    "accountcode": "",
    "channelstate": "6",
    "channelstatedesc": "Up",
    "reason": "0",
}
_NAMED = {
    "context": "default",
    "extension": "100",
    "queue": "test",
    "conference": "100",
    "bridge": "bridge-1",
    "interface": "PJSIP/test",
    "device": "PJSIP/test",
    "peer": "PJSIP/test",
    "endpoint": "test",
    "agent": "1",
    "mailbox": "100@default",
    "parkinglot": "default",
}
_REASONS = {"failed": "0", "no_answer": "3", "busy": "5", "congestion": "8"}
_TYPED = {"int": "0", "number": "0", "duration": "0", "text": "test"}


class Plausible:
    """Completes the events of one test."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._sides: dict[str, int] = {"": 1}
        self._named: dict[str, str] = {}
        self._owners: dict[str, str] = {}

    def event(self, name: str, given: Headers, absent: frozenset[str], wall: float) -> Message:
        """The event with the headers given, without those that the test says are absent (names in lower case)."""
        entry = self._catalog.event(name)
        carried = {header.casefold() for header, _ in given} | absent
        filled = [] if entry is None else [header for header in entry.headers.values() if _is_due(header, carried)]
        said = {header.casefold(): text for header, text in given}
        self._learn(said)
        return Message.build(
            [("Event", name), *given, *((header.name, self._value(header, wall, said)) for header in filled)]
        )

    def _learn(self, said: Mapping[str, str]) -> None:
        """A channel and its Uniqueid, where the test gives both."""
        for key, name in said.items():
            own = said.get(key.removesuffix("channel") + "uniqueid") if key.endswith("channel") else None
            if own is not None:
                self._named[name], self._owners[own] = own, name

    def _value(self, header: Header, wall: float, said: Mapping[str, str]) -> str:
        key = header.name.casefold()
        if header.names in ("channel", "uniqueid", "linkedid"):
            return self._id(key, header.names, said)
        if key in _BY_NAME:
            return _BY_NAME[key]
        if header.values:
            return header.values[0]
        if header.type == "bool":
            return header.false or "0"
        if header.type == "time":
            return _moment(wall, header.unit)
        return _NAMED.get(header.names or "", _TYPED[header.type])

    def _id(self, key: str, kind: str, said: Mapping[str, str]) -> str:
        """`DestChannel`, `TransfereeUniqueid`: a channel of its own for each side of an event, of one call. A channel
        that the test names keeps its Uniqueid, and the first one of a side is that side's."""
        if kind == "linkedid":
            return f"{_UNIQUEID}.1"
        side = key.removesuffix(kind)
        number = self._sides.setdefault(side, len(self._sides) + 1)
        own, channel = said.get(f"{side}uniqueid"), said.get(f"{side}channel")
        if kind == "channel":
            usual = f"{_UNIQUEID}.{number}"
            return self._owners.get(own or usual, f"PJSIP/test-{number:08}")
        return self._uniqueid(channel, number)

    def _uniqueid(self, channel: str | None, number: int) -> str:
        usual = f"{_UNIQUEID}.{number}"
        if channel is None:
            return usual
        if channel not in self._named:
            free = usual if usual not in self._owners else f"{_UNIQUEID}.{len(self._owners) + _FURTHER}"
            self._named[channel], self._owners[free] = free, channel
        return self._named[channel]


def _is_due(header: Header, carried: set[str]) -> bool:
    return not header.optional and header.name.casefold() not in carried and exists(header, ASTERISK)


def _moment(wall: float, unit: str | None) -> str:
    moment = datetime.fromtimestamp(wall, UTC)
    match unit:
        case "iso":
            return moment.isoformat()
        case "local":
            return moment.strftime("%Y-%m-%d %H:%M:%S")
    return str(int(wall))


def originate_response(send: Send, reply: tm.Reply | tm.ReplyOriginate | None) -> Message:
    """What Asterisk tells of a call once it was answered, or could not be had."""
    sent = {name.casefold(): value for name, value in send.headers}
    failed = isinstance(reply, tm.ReplyOriginate)
    reason = _REASONS[reply.outcome] if isinstance(reply, tm.ReplyOriginate) else "4"
    channel = sent.get("channel", "")
    device = "/".join(channel.split("/")[:2])  # without the options of a Local channel, or the address of PJSIP
    half = ";1" if channel.casefold().startswith("local/") else ""
    place = ("application", "data") if sent.get("application") else ("context", "exten")
    headers = (
        ("Event", "OriginateResponse"),
        ("ActionID", send.action_id),
        ("Response", "Failure" if failed else "Success"),
        ("Channel", channel if failed else f"{device}-00000001{half}"),
        *((name.capitalize(), sent.get(name, "")) for name in place),
        ("Reason", reason),
        ("Uniqueid", sent.get("channelid", "<unknown>")),
        ("CallerIDNum", "<unknown>"),
        ("CallerIDName", "<unknown>"),
    )
    return Message.build(headers)
