"""What calls are made with: Local channels and the simulated PJSIP endpoints.

Belongs here: making channels, calling, ringing, answering, and how an endpoint behaves. Never here: who calls whom and
what for (`dial`, `queues`, `originate`, the scenario's calls).
"""

from __future__ import annotations

from amiflow.report.data import dataclass
from amiflow.tools.pbx import dialplan
from amiflow.tools.pbx.bridging import may_be_answered
from amiflow.tools.pbx.channel import Channel, Frame, Party, State
from amiflow.tools.pbx.exchange import Exchange, pause
from amiflow.tools.pbx.schedule import Thread
from amiflow.tools.scenario import Endpoint

NO_ANSWER = 19
BUSY, CONGESTED = 17, 34
ANSWERED_ELSEWHERE = 26
CANCELLED = 127  # what PJSIP makes of a call that its caller gave up before it was answered (487)
_TRIP = 0.01  # seconds until an endpoint's first sign of life


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a new channel is to have. `uniqueids`: its own and, of a Local channel, the other half's."""

    linkedid: str | None = None
    uniqueids: tuple[str | None, str | None] = (None, None)


def request(exchange: Exchange, dialled: str, wanted: Wanted) -> Channel | None:
    """A channel towards `Local/exten@context` or `PJSIP/endpoint`, not yet called; none where none is to be had."""
    technology, _, resource = dialled.partition("/")
    clash = any(exchange.taken(one) for one in wanted.uniqueids if one)
    if clash or not resource or exchange.full():
        return None
    if technology == "Local":
        return _local(exchange, resource, wanted)
    endpoint = exchange.scenario.endpoints.get(device_of(dialled))
    return _pjsip(exchange, endpoint, wanted) if technology == "PJSIP" and endpoint else None


def device_of(dialled: str) -> str:
    """`PJSIP/bob` of `PJSIP/bob/sip:bob@host` or `PJSIP/bob@trunk`'s endpoint `PJSIP/trunk`."""
    technology, _, resource = dialled.partition("/")
    endpoint = resource.partition("/")[0]
    return f"{technology}/{endpoint.rpartition('@')[2]}"


def _local(exchange: Exchange, resource: str, wanted: Wanted) -> Channel:
    target = resource.partition("/")[0]
    exten, _, context = target.partition("@")
    context = context or "default"
    device, number = f"Local/{exten}@{context}", exchange.new_number("Local")
    first = wanted.uniqueids[0] or exchange.new_uniqueid()
    # Where only the first is chosen, the second is that with `;2` (core_local.c, Asterisk 12.2+).
    second = wanted.uniqueids[1] or (f"{first};2" if wanted.uniqueids[0] else exchange.new_uniqueid())
    linkedid = wanted.linkedid or first
    one, two = (
        Channel(f"{device}-{number};{half}", device, uniqueid, linkedid, exchange.now, context, exten)
        for half, uniqueid in ((1, first), (2, second))
    )
    one.peer, two.peer = two, one
    two.state = State.RING
    exchange.add(one)
    exchange.add(two)
    return one


def _pjsip(exchange: Exchange, endpoint: Endpoint, wanted: Wanted) -> Channel:
    uniqueid = wanted.uniqueids[0] or exchange.new_uniqueid()
    name = f"{endpoint.name}-{exchange.new_number('PJSIP')}"
    linkedid = wanted.linkedid or uniqueid
    channel = Channel(name, endpoint.name, uniqueid, linkedid, exchange.now, endpoint.context, "s")
    channel.caller = Party(endpoint.number, endpoint.caller_name)
    return exchange.add(channel)


def arrive(exchange: Exchange, endpoint: Endpoint, exten: str) -> Channel | None:
    """A call comes in from an endpoint; its PBX thread starts. None where no channel fits any more, or the extension
    does not exist: PJSIP refuses such a call before there is a channel."""
    if exchange.full() or dialplan.step(exchange, endpoint.context, exten, 1) is None:
        return None
    uniqueid = exchange.new_uniqueid()
    name = f"{endpoint.name}-{exchange.new_number('PJSIP')}"
    channel = Channel(name, endpoint.name, uniqueid, uniqueid, exchange.now, endpoint.context, exten)
    channel.state, channel.caller = State.RING, Party(endpoint.number, endpoint.caller_name)
    exchange.add(channel)
    exchange.look_at_device(channel.device)
    start(exchange, channel)
    return channel


def start(exchange: Exchange, channel: Channel) -> None:
    """Start a PBX thread where the channel stands."""
    exchange.calls += 1
    channel.pbx = True
    exchange.schedule.spawn(dialplan.run(exchange, channel))


def call(exchange: Exchange, channel: Channel) -> bool:
    """Call the far end; False where it cannot be called, with nothing left of it but the channel itself."""
    if channel.local and channel.peer is not None:
        return _call_local(exchange, channel, channel.peer)
    exchange.schedule.spawn(_behave(exchange, channel, exchange.scenario.endpoints[channel.device]))
    return True


def _call_local(exchange: Exchange, one: Channel, two: Channel) -> bool:
    for name, value in one.variables.items():
        exchange.set_variable(two, one.heritage.get(name, name), value)
    two.caller, two.connected, two.account = one.connected, one.caller, one.account
    exchange.publish(two)
    if dialplan.step(exchange, two.context, two.exten, 1) is None:
        two.peer = one.peer = None
        exchange.hang_up(two)
        return False
    target = (("Context", two.context), ("Exten", two.exten), ("LocalOptimization", "Yes"))
    exchange.tell("LocalBridge", one.snapshot().headers("LocalOne"), two.snapshot().headers("LocalTwo"), target)
    start(exchange, two)
    return True


def _behave(exchange: Exchange, channel: Channel, endpoint: Endpoint) -> Thread:
    """An endpoint that is called: it rings, then does what the scenario says of it."""
    yield from _rest(exchange, channel, _TRIP)
    if channel.gone:
        return
    if endpoint.does in ("busy", "congestion") and endpoint.after == 0:
        exchange.other_end_hung_up(channel, BUSY if endpoint.does == "busy" else CONGESTED)
        return
    exchange.set_state(channel, State.RINGING)
    send(exchange, channel, "ringing")
    if endpoint.does == "ring":
        return
    yield from _rest(exchange, channel, endpoint.after)
    if channel.gone or channel.state is not State.RINGING:
        return
    if endpoint.does != "answer":
        exchange.other_end_hung_up(channel, BUSY if endpoint.does == "busy" else CONGESTED)
        return
    exchange.set_state(channel, State.UP)
    send(exchange, channel, "answer")
    if endpoint.hangs_up_after is not None:
        yield from end_later(exchange, channel, endpoint.hangs_up_after)


def end_later(exchange: Exchange, channel: Channel, seconds: float) -> Thread:
    """The person at an endpoint hangs up after a while."""
    yield from _rest(exchange, channel, seconds)
    exchange.other_end_hung_up(channel, 16 if channel.state is State.UP else CANCELLED)


def _rest(exchange: Exchange, channel: Channel, seconds: float) -> Thread:
    until = exchange.now + seconds
    while not channel.gone and exchange.now < until:
        yield pause(channel, until)


def send(exchange: Exchange, channel: Channel, frame: Frame) -> None:
    """Let whoever dialled this channel hear of it."""
    channel.frames.append(frame)
    exchange.schedule.wake(channel)


def indicate(exchange: Exchange, channel: Channel, frame: Frame) -> None:
    """Show the channel's own far end something: whoever dialled a Local channel hears it at the other half."""
    if channel.local and channel.peer is not None and not channel.peer.gone:
        send(exchange, channel.peer, frame)


def answer(exchange: Exchange, channel: Channel) -> None:
    """Answer an incoming channel (ast_raw_answer)."""
    if may_be_answered(channel):
        exchange.set_state(channel, State.UP)
        indicate(exchange, channel, "answer")
