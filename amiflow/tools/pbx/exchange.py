"""What exists in the PBX, and how each change of it is told.

Belongs here: channels, bridges, variables, devices; publishing, hanging up, sending a channel elsewhere. Never here:
what makes a channel do so: technologies, applications and actions are built on top.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from hashlib import md5
from typing import Literal, TypeAlias

from amiflow.tools.pbx.causes import CAUSES
from amiflow.tools.pbx.channel import UNLOAD, Bridge, Channel, Headers, Reason, State, escape
from amiflow.tools.pbx.queue import Member, Queue
from amiflow.tools.pbx.schedule import Schedule, Sleep
from amiflow.tools.scenario import Scenario

MOST_CHANNELS = 2000  # a dialplan that dials itself stops here, as with Asterisk's `maxcalls`
_PRESENTATION = ("CID-CallingPres", "0 (Presentation Allowed, Not Screened)")

Running: TypeAlias = Generator[Sleep, None, bool]
App: TypeAlias = Callable[["Exchange", Channel, str], Running]
"""A dialplan application: True lets the dialplan go on, False hangs up."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event for everybody who may see it; `ActionID` and `Privilege` are not among its headers."""

    name: str
    headers: Headers


@dataclass(slots=True)
class Exchange:
    """The whole state of the PBX. `start` is the epoch at which it started; `schedule.now` is epoch time too."""

    scenario: Scenario
    applications: Mapping[str, App]
    start: float
    emit: Callable[[Event], None]
    schedule: Schedule = field(init=False)
    channels: dict[str, Channel] = field(default_factory=dict)
    bridges: dict[str, Bridge] = field(default_factory=dict)
    rooms: dict[str, Bridge] = field(default_factory=dict)
    queues: dict[str, Queue] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    devices: dict[str, str] = field(default_factory=dict)
    calls: int = 0  # processed since the start
    _names: dict[str, int] = field(default_factory=dict)
    _serial: int = 0
    _bridges_made: int = 0

    def __post_init__(self) -> None:
        self.schedule = Schedule(self.start)
        self.queues = {name: Queue(name, members, self.start) for name, members in self.scenario.queues.items()}

    @property
    def now(self) -> float:
        return self.schedule.now

    # --- telling ------------------------------------------------------------------------------------------------------

    def tell(self, name: str, *headers: Headers) -> None:
        """Emit an event made of these groups of headers."""
        self.emit(Event(name, tuple(pair for group in headers for pair in group)))

    def publish(self, channel: Channel) -> None:
        """Tell what has changed of a channel since the last time, as Asterisk 16+ derives events from its snapshots."""
        old, new = channel.published, channel.snapshot()
        channel.published = new
        if old is None:
            self.tell("Newchannel", new.headers())
            return
        if new.state != old.state:
            self.tell("Newstate", new.headers())
        if new.application and (new.place != old.place or not old.application):
            application = (("Extension", new.exten), ("Application", new.application), ("AppData", new.data))
            self.tell("Newexten", new.headers(), application)
        if new.caller != old.caller:
            self.tell("NewCallerid", new.headers(), (_PRESENTATION,))
        if new.account != old.account:
            self.tell("NewAccountCode", new.headers(), (("OldAccountCode", old.account),))
        if new.connected != old.connected:
            self.tell("NewConnectedLine", new.headers())

    def set_state(self, channel: Channel, state: State) -> None:
        """Change a channel's state and tell it."""
        if channel.state != state:
            channel.state = state
            if state is State.UP and channel.answered is None:
                channel.answered = self.now
            self.publish(channel)
            self.look_at_device(channel.device)

    def set_variable(self, channel: Channel | None, name: str, value: str) -> None:
        """Set a variable of a channel, or a global one, and tell it."""
        if channel is None:
            self.variables[name] = value
        else:
            # Those whom a channel calls inherit a variable of one or two underscores; its name is without them.
            bare = name.lstrip("_")
            channel.variables[bare] = value
            channel.heritage.pop(bare, None)
            if name != bare:
                channel.heritage[bare] = name
        owner = channel.cached().headers() if channel else (("Channel", "none"), ("Uniqueid", "none"))
        self.tell("VarSet", owner, (("Variable", name), ("Value", escape(value))))

    # --- channels -----------------------------------------------------------------------------------------------------

    def new_uniqueid(self) -> str:
        """Asterisk's `epoch.number`."""
        self._serial += 1
        return f"{int(self.now)}.{self._serial - 1}"

    def new_number(self, technology: str) -> str:
        """The next number of a technology's channels, as names carry it."""
        self._names[technology] = self._names.get(technology, -1) + 1
        return f"{self._names[technology]:08x}"

    def full(self) -> bool:
        """Whether no further channel fits."""
        return len(self.channels) >= MOST_CHANNELS

    def taken(self, uniqueid: str) -> bool:
        """Whether a channel has that uniqueid."""
        return any(channel.uniqueid == uniqueid for channel in self.channels.values())

    def add(self, channel: Channel) -> Channel:
        """A new channel exists."""
        self.channels[channel.name] = channel
        self.publish(channel)
        return channel

    def find(self, name: str) -> Channel | None:
        """The channel of that name or uniqueid, in any case, as Asterisk looks it up."""
        if (exact := self.channels.get(name)) is not None:
            return exact
        low = name.lower()
        by_name = (one for one in self.channels.values() if one.name.lower() == low)
        return next(by_name, None) or next((one for one in self.channels.values() if one.uniqueid == name), None)

    def stop(self, channel: Channel, reason: Reason) -> None:
        """Ask a channel's thread to stop what it is doing."""
        channel.stops.add(reason)
        self.schedule.wake(channel)

    def other_end_hung_up(self, channel: Channel, cause: int) -> None:
        """The far end of a channel is gone (ast_queue_hangup_with_cause)."""
        if not channel.gone:
            channel.cause = cause or channel.cause
            self.tell("HangupRequest", channel.cached().headers(), (("Cause", str(cause)),))
            self.stop(channel, "device")

    def unload(self, channel: Channel) -> None:
        """The end of a PBX thread: the channel is hung up."""
        self.tell("SoftHangupRequest", channel.cached().headers(), (("Cause", str(UNLOAD)),))
        self.hang_up(channel)

    def hang_up(self, channel: Channel) -> None:
        """A channel ceases to exist; the other half of a Local channel hears of it first."""
        if channel.gone:
            return
        channel.gone = True
        peer = channel.peer
        if peer is not None and not peer.gone:
            if channel.name.endswith(";2") and (status := channel.variables.get("DIALSTATUS")):
                self.set_variable(peer, "CHANLOCALSTATUS", status)
            self.other_end_hung_up(peer, channel.cause)
        self.channels.pop(channel.name, None)
        self.aim(channel, None)
        cause = (("Cause", str(channel.cause)), ("Cause-txt", CAUSES.get(channel.cause, "Unknown")))
        self.tell("Hangup", channel.snapshot().headers(), cause)
        self.schedule.wake(channel)
        self.look_at_device(channel.device)

    def send(self, channel: Channel, context: str, exten: str, priority: int) -> None:
        """Send a channel to a place of the dialplan; its thread goes there when it next runs (ast_async_goto)."""
        self.aim(channel, None)
        channel.context, channel.exten, channel.priority = context, exten, priority
        self.stop(channel, "goto")

    # --- bridges ------------------------------------------------------------------------------------------------------

    def new_bridge(self, kind: Literal["basic", "base"], technology: str, creator: str = "", name: str = "") -> Bridge:
        """An empty bridge."""
        self._bridges_made += 1
        digest = md5(f"{self.start}:{self._bridges_made}".encode(), usedforsecurity=False).hexdigest()
        uniqueid = "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:]))
        bridge = self.bridges[uniqueid] = Bridge(uniqueid, kind, technology, creator, name, self.now)
        self.tell("BridgeCreate", bridge.headers())
        return bridge

    def aim(self, channel: Channel, bridge: Bridge | None) -> None:
        """Let a channel enter that bridge when it next runs, or none. A bridge that nobody is left to enter goes."""
        before, channel.joining = channel.joining, bridge
        if before is not None and not before.members and not self._awaited(before):
            self.destroy(before)

    def _awaited(self, bridge: Bridge) -> bool:
        return any(channel.joining is bridge for channel in self.channels.values())

    def destroy(self, bridge: Bridge) -> None:
        """An empty bridge ceases to exist."""
        bridge.announcers = 0
        bridge.dissolved = True
        if self.bridges.pop(bridge.uniqueid, None) is not None:
            self.tell("BridgeDestroy", bridge.headers())

    # --- devices ------------------------------------------------------------------------------------------------------

    def look_at_device(self, device: str) -> None:
        """Tell a device's state where it has changed."""
        whole = (one for one in self.channels.values() if one.peer is None or not one.peer.gone)
        states = {one.state for one in whole if one.device == device}
        if not states:
            self.set_device(device, "NOT_INUSE")
        elif states <= {State.RINGING, State.DOWN} and not device.startswith("Local/"):
            self.set_device(device, "RINGING" if State.RINGING in states else "NOT_INUSE")
        else:
            self.set_device(device, "INUSE")

    def set_device(self, device: str, state: str) -> None:
        """Tell a device's state where it is a new one."""
        if self.devices.get(device, "NOT_INUSE") != state:
            self.devices[device] = state
            self.tell("DeviceStateChange", (("Device", device), ("State", state)))
            for queue, member in self._memberships(device):
                member.state = state
                self.tell("QueueMemberStatus", (("Queue", queue.name),), member.status_headers())

    def _memberships(self, device: str) -> list[tuple[Queue, Member]]:
        queues = self.queues.values()
        return [(queue, member) for queue in queues for member in queue.members if member.interface == device]


def pause(channel: Channel, until: float | None) -> Sleep:
    """Sleep until that time or until something happens to the channel."""
    return Sleep((channel,), until)
