"""Dialling: what a dialled channel says, and the application Dial.

Belongs here: calling out for a channel and joining the two. Never here: Queue and Originate, which hear channels out in
the same way but tell it otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from amiflow.tools.pbx.applications import arguments, number
from amiflow.tools.pbx.bridging import guest, outcome, stay
from amiflow.tools.pbx.channel import Bridge, Channel, Frame, Party, State
from amiflow.tools.pbx.exchange import Exchange, Running
from amiflow.tools.pbx.schedule import Sleep, Thread
from amiflow.tools.pbx.technology import (
    ANSWERED_ELSEWHERE,
    Wanted,
    answer,
    call,
    indicate,
    request,
    start,
)

Word: TypeAlias = Frame | Literal["gone", "goto"]
Status: TypeAlias = Literal["ANSWER", "BUSY", "CONGESTION", "CHANUNAVAIL", "NOANSWER", "CANCEL"]

_CLEARED = (
    "DIALSTATUS",
    "DIALEDPEERNUMBER",
    "DIALEDPEERNAME",
    "ANSWEREDTIME",
    "ANSWEREDTIME_MS",
    "DIALEDTIME",
    "DIALEDTIME_MS",
    "RINGTIME",
    "RINGTIME_MS",
    "PROGRESSTIME",
    "PROGRESSTIME_MS",
)
_OF_CAUSE: dict[int, Status] = {17: "BUSY", 34: "CONGESTION", 3: "CHANUNAVAIL", 20: "CHANUNAVAIL"}
_OF_FRAME: dict[str, Status] = {"busy": "BUSY", "congestion": "CONGESTION"}
_WORST_FIRST: tuple[Status, ...] = ("BUSY", "CONGESTION", "CHANUNAVAIL")
_OUTGOING = "(Outgoing Line)"


@dataclass(frozen=True, slots=True, eq=False)
class Leg:
    """A channel that is being called, and the resource that was dialled for it (`bob` of `PJSIP/bob`)."""

    channel: Channel
    dialled: str


def hear(channel: Channel) -> Word | None:
    """The next thing that a called channel's far end says; none: it is silent."""
    if channel.frames:
        return channel.frames.popleft()
    if channel.stops & {"device", "asked"}:
        return "gone"
    return "goto" if channel.stops else None


def status_of(channel: Channel, word: Word) -> Status:
    """How a call that failed is reported (ast_hangup_cause_to_dial_status)."""
    return _OF_FRAME.get(word) or _OF_CAUSE.get(channel.cause, "NOANSWER")


def rings(exchange: Exchange, channel: Channel) -> None:
    """A called channel rings; a Local one learns it here, an endpoint's has rung already."""
    if channel.state is State.DOWN:
        exchange.set_state(channel, State.RINGING)


def tell_dial(exchange: Exchange, name: str, caller: Channel | None, called: Channel, word: tuple[str, str]) -> None:
    """DialBegin, DialState or DialEnd; an Originate's have no caller."""
    near = caller.snapshot().headers() if caller else ()
    seen = called.cached() if name == "DialBegin" else called.snapshot()
    exchange.tell(name, near, seen.headers("Dest"), (word,))


def place(exchange: Exchange, caller: Channel, dialled: str, application: str) -> Leg | None:
    """Call `PJSIP/bob` or `Local/…` for a caller; none where it cannot be called."""
    channel = request(exchange, dialled, Wanted(linkedid=caller.linkedid))
    if channel is None:
        return None
    resource = dialled.partition("/")[2]
    for bare, name in caller.heritage.items():
        exchange.set_variable(channel, name if name.startswith("__") else bare, caller.variables[bare])
    exchange.set_variable(channel, "DIALEDPEERNUMBER", resource)
    if channel.caller.number is None:
        channel.caller = Party(caller.exten, channel.caller.name)
    channel.connected = caller.caller
    channel.exten = caller.exten if application == "AppDial" else channel.exten
    channel.application, channel.data = application, _OUTGOING
    exchange.publish(channel)
    if not call(exchange, channel):
        exchange.hang_up(channel)
        return None
    return Leg(channel, resource)


def join(exchange: Exchange, caller: Channel, called: Channel) -> Thread:
    """Put both into a new basic bridge; comes back when the caller has left it."""
    bridge = exchange.new_bridge("basic", "simple_bridge")
    exchange.schedule.spawn(_called(exchange, bridge, called))
    yield Sleep(until=exchange.now)  # the called one enters first
    yield from stay(exchange, bridge, caller)


def _called(exchange: Exchange, bridge: Bridge, channel: Channel) -> Thread:
    yield from guest(exchange, bridge, channel)
    if channel.dialplan_next:
        set_free(exchange, channel)


def set_free(exchange: Exchange, channel: Channel) -> None:
    """A called channel that was redirected walks through the dialplan on its own."""
    channel.dialplan_next = False
    channel.stops.clear()
    start(exchange, channel)


def drop(exchange: Exchange, caller: Channel, legs: Iterable[Leg], status: str, cause: int = 0) -> None:
    """Give up calling these."""
    for leg in legs:
        tell_dial(exchange, "DialEnd", caller, leg.channel, ("DialStatus", status))
        if not leg.channel.local:
            leg.channel.cause = leg.channel.cause or caller.cause or 16
        leg.channel.cause = cause or leg.channel.cause
        exchange.hang_up(leg.channel)


@dataclass(slots=True)
class Dialling:
    """One Dial: the legs still being called, and what became of the others."""

    exchange: Exchange
    caller: Channel
    legs: list[Leg]
    failed: list[Status]
    began: float
    answered: Leg | None = None

    def listen(self) -> None:
        """Take in what the legs have said."""
        for leg in tuple(self.legs):
            while self.answered is None and leg in self.legs and (word := hear(leg.channel)) is not None:
                self._take(leg, word)

    def _take(self, leg: Leg, word: Word) -> None:
        if word == "answer":
            self.legs.remove(leg)
            self.answered = leg
        elif word == "ringing":
            self._ring(leg)
        elif word == "goto":
            self.legs.remove(leg)
            self.failed.append("NOANSWER")
            set_free(self.exchange, leg.channel)
        else:
            self._fail(leg, status_of(leg.channel, word))

    def _fail(self, leg: Leg, status: Status) -> None:
        self.legs.remove(leg)
        self.failed.append(status)
        self.caller.cause = leg.channel.cause or self.caller.cause
        tell_dial(self.exchange, "DialEnd", self.caller, leg.channel, ("DialStatus", status))
        self.exchange.hang_up(leg.channel)

    def _ring(self, leg: Leg) -> None:
        rings(self.exchange, leg.channel)
        _set_time(self.exchange, self.caller, "RINGTIME", self.exchange.now - self.began)
        tell_dial(self.exchange, "DialState", self.caller, leg.channel, ("DialStatus", "RINGING"))
        indicate(self.exchange, self.caller, "ringing")

    def status(self) -> Status:
        """What DIALSTATUS is when nobody is called any more."""
        return next((one for one in _WORST_FIRST if one in self.failed), "NOANSWER")


def run_dial(exchange: Exchange, channel: Channel, data: str) -> Running:
    """Dial(technology/resource[&…][,seconds[,options]]); of the options only `g` means something here."""
    targets, seconds, options = [*arguments(data), "", ""][:3]
    for name in _CLEARED:
        exchange.set_variable(channel, name, "")
    dialling = Dialling(exchange, channel, [], [], exchange.now)
    for target in targets.split("&"):
        _begin(dialling, target)
    yield from _until_answered(dialling, exchange.now + number(seconds) if number(seconds) else None)
    if dialling.answered is None:
        return _given_up(dialling)
    return (yield from _talk(dialling, dialling.answered, "g" in options))


def _begin(dialling: Dialling, target: str) -> None:
    exchange, caller = dialling.exchange, dialling.caller
    leg = place(exchange, caller, target.strip(), "AppDial")
    if leg is None:
        dialling.failed.append("CHANUNAVAIL")
        return
    dialling.legs.append(leg)
    tell_dial(exchange, "DialBegin", caller, leg.channel, ("DialString", leg.dialled))
    if not leg.channel.local:
        caller.connected = leg.channel.caller
        exchange.publish(caller)


def _until_answered(dialling: Dialling, until: float | None) -> Thread:
    exchange, caller = dialling.exchange, dialling.caller
    while True:
        dialling.listen()
        late = until is not None and exchange.now >= until
        if dialling.answered or not dialling.legs or caller.stops or late:
            return
        yield Sleep((caller, *(leg.channel for leg in dialling.legs)), until)


def _given_up(dialling: Dialling) -> bool:
    exchange, caller = dialling.exchange, dialling.caller
    cancelled = bool(caller.stops)
    status: Status = "CANCEL" if cancelled else dialling.status()
    drop(exchange, caller, dialling.legs, status if cancelled else "NOANSWER")
    exchange.set_variable(caller, "DIALSTATUS", status)
    return not cancelled


def _talk(dialling: Dialling, leg: Leg, goes_on: bool) -> Running:
    exchange, caller, called = dialling.exchange, dialling.caller, leg.channel
    exchange.set_state(called, State.UP)
    drop(exchange, caller, dialling.legs, "CANCEL", ANSWERED_ELSEWHERE)
    exchange.set_variable(caller, "DIALSTATUS", "ANSWER")
    exchange.set_variable(caller, "DIALEDPEERNAME", called.name)
    exchange.set_variable(caller, "DIALEDPEERNUMBER", leg.dialled)
    called.exten = ""  # Dial takes its own place off the leg without telling; the bridge tells it
    tell_dial(exchange, "DialEnd", caller, called, ("DialStatus", "ANSWER"))
    answer(exchange, caller)
    talking = exchange.now
    yield from join(exchange, caller, called)
    end = outcome(caller)
    if end != "goto":
        _set_time(exchange, caller, "ANSWEREDTIME", exchange.now - talking)
        _set_time(exchange, caller, "DIALEDTIME", exchange.now - dialling.began)
    exchange.set_variable(caller, "DIALSTATUS", "ANSWER")
    return goes_on and end == "dissolved"


def _set_time(exchange: Exchange, channel: Channel, name: str, seconds: float) -> None:
    exchange.set_variable(channel, name, str(int(seconds)))
    exchange.set_variable(channel, name + "_MS", str(int(seconds * 1000)))
