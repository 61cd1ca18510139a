"""A channel and a bridge, as data, and what events show of them.

Belongs here: their fields, a channel's snapshot, their headers. Never here: what happens to them (`exchange` and what
stands on it).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal, TypeAlias

Headers: TypeAlias = tuple[tuple[str, str], ...]
Frame: TypeAlias = Literal["answer", "ringing", "busy", "congestion"]
Reason: TypeAlias = Literal["device", "goto", "asked"]
"""Why a channel's thread is to stop what it does: the other end hung up, it goes to another place of the dialplan
(Redirect, Bridge), or a Hangup action. Asterisk calls them soft hang-ups."""

UNLOAD = 16  # AST_SOFTHANGUP_APPUNLOAD, what Asterisk 12+ writes as Cause of SoftHangupRequest when a PBX thread ends


class State(IntEnum):
    """Asterisk's channel states that occur here."""

    DOWN = 0
    RING = 4
    RINGING = 5
    UP = 6
    BUSY = 7


_STATES = {State.DOWN: "Down", State.RING: "Ring", State.RINGING: "Ringing", State.UP: "Up", State.BUSY: "Busy"}

_ESCAPES = str.maketrans(
    {
        "\a": "\\a",
        "\b": "\\b",
        "\f": "\\f",
        "\n": "\\n",
        "\r": "\\r",
        "\t": "\\t",
        "\v": "\\v",
        "\\": "\\\\",
        "'": "\\'",
        '"': '\\"',
        "?": "\\?",
    }
)


def escape(text: str) -> str:
    """The text as Asterisk 13.5+ writes names and variables into events (ast_escape_c_alloc)."""
    return text.translate(_ESCAPES)


@dataclass(frozen=True, slots=True)
class Party:
    """A caller ID; a part that nobody set is none."""

    number: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What events show of a channel at one moment."""

    name: str
    state: State
    caller: Party
    connected: Party
    account: str
    context: str
    exten: str
    priority: int
    uniqueid: str
    linkedid: str
    application: str
    data: str

    @property
    def place(self) -> tuple[str, str, int]:
        return self.context, self.exten, self.priority

    def headers(self, prefix: str = "") -> Headers:
        """The fifteen headers of a channel, each with `prefix` (`Dest`, `LocalOne` …)."""
        plain = (
            ("Channel", self.name),
            ("ChannelState", str(int(self.state))),
            ("ChannelStateDesc", _STATES[self.state]),
            *_party("CallerID", self.caller),
            *_party("ConnectedLine", self.connected),
            ("Language", "en"),
            ("AccountCode", self.account),
            ("Context", self.context),
            ("Exten", self.exten),
            ("Priority", str(self.priority)),
            ("Uniqueid", self.uniqueid),
            ("Linkedid", self.linkedid),
        )
        return tuple((prefix + name, value) for name, value in plain)


def _party(prefix: str, party: Party) -> Headers:
    name = "<unknown>" if party.name is None else escape(party.name)
    return (prefix + "Num", party.number or "<unknown>"), (prefix + "Name", name)


def state_name(state: State) -> str:
    """`Up` for State.UP."""
    return _STATES[state]


@dataclass(slots=True, eq=False)
class Channel:
    """A channel as it is. `device` is its name without the counter; `born` its time of creation, in seconds.

    `published` is the last snapshot that was told to the world: events that Asterisk makes of its cache show that one.
    """

    name: str
    device: str
    uniqueid: str
    linkedid: str
    born: float
    context: str
    exten: str
    state: State = State.DOWN
    priority: int = 1
    caller: Party = Party()
    connected: Party = Party()
    account: str = ""
    application: str = ""
    data: str = ""
    cause: int = 0
    answered: float | None = None
    variables: dict[str, str] = field(default_factory=dict)
    heritage: dict[str, str] = field(default_factory=dict)  # variables set as `_X` or `__X`, and how
    stops: set[Reason] = field(default_factory=set)
    frames: deque[Frame] = field(default_factory=deque)
    peer: Channel | None = None  # the other half of a Local channel
    bridge: Bridge | None = None
    joining: Bridge | None = None  # the bridge that a Bridge action sends it to
    pbx: bool = False  # a thread runs the dialplan on it
    dialplan_next: bool = False  # dialled, and redirected out of its bridge: it gets a PBX of its own
    gone: bool = False
    published: Snapshot | None = None

    @property
    def technology(self) -> str:
        """`PJSIP` of `PJSIP/alice-00000001`."""
        return self.name.partition("/")[0]

    @property
    def local(self) -> bool:
        return self.technology == "Local"

    def snapshot(self) -> Snapshot:
        """What an event made now shows."""
        return Snapshot(
            self.name,
            self.state,
            self.caller,
            self.connected,
            self.account,
            self.context,
            self.exten,
            self.priority,
            self.uniqueid,
            self.linkedid,
            self.application,
            self.data,
        )

    def cached(self) -> Snapshot:
        """What an event shows that is made of the last published snapshot."""
        return self.published or self.snapshot()


@dataclass(slots=True, eq=False)
class Bridge:
    """A bridge as it is. A basic one falls apart when one leaves; a conference's also holds its announcer, which is
    counted in BridgeNumChannels and never named (Asterisk 12+ does the same with its CBAnn channel)."""

    uniqueid: str
    kind: Literal["basic", "base"]
    technology: str
    creator: str
    name: str
    born: float
    announcers: int = 0
    acquaints: bool = False  # each member is shown the other's caller ID, as a Bridge action does
    members: list[Channel] = field(default_factory=list)
    dissolved: bool = False

    def headers(self) -> Headers:
        """The headers of a bridge in an event."""
        return (
            ("BridgeUniqueid", self.uniqueid),
            ("BridgeType", self.kind),
            ("BridgeTechnology", self.technology),
            ("BridgeCreator", self.creator or "<unknown>"),
            ("BridgeName", self.name or "<unknown>"),
            ("BridgeNumChannels", str(len(self.members) + self.announcers)),
            ("BridgeVideoSourceMode", "none"),
        )
