"""The simple dialplan applications.

Belongs here: what acts on one channel alone. Never here: what joins channels (`dial`, `conference`, `queues`).
"""

from __future__ import annotations

import re

from amiflow.tools.pbx.channel import Channel, Frame, Party, State
from amiflow.tools.pbx.exchange import Exchange, Running, pause
from amiflow.tools.pbx.technology import BUSY, CONGESTED, answer, indicate

_SETTLING = 0.5  # seconds that Answer waits for a voice before it goes on (pbx.c, __ast_answer)


def rest(exchange: Exchange, channel: Channel, seconds: float | None) -> Running:
    """Stay for some seconds (none: for ever); False when stopped before."""
    until = None if seconds is None else exchange.now + seconds
    while not channel.stops:
        if until is not None and exchange.now >= until:
            return True
        yield pause(channel, until)
    return False


def run_answer(exchange: Exchange, channel: Channel, data: str) -> Running:
    """Answer([seconds])"""
    if channel.state is State.UP:
        return True
    answer(exchange, channel)
    return (yield from rest(exchange, channel, max(_SETTLING, number(data))))


def run_wait(exchange: Exchange, channel: Channel, data: str) -> Running:
    """Wait(seconds)"""
    return (yield from rest(exchange, channel, number(data)))


def run_echo(exchange: Exchange, channel: Channel, data: str) -> Running:
    """Echo()"""
    return (yield from rest(exchange, channel, None))


def run_hangup(exchange: Exchange, channel: Channel, data: str) -> Running:
    """Hangup([cause])"""
    yield from ()
    channel.cause = int(number(data)) or channel.cause or 16
    return False


def run_noop(exchange: Exchange, channel: Channel, data: str) -> Running:
    """NoOp(text)"""
    yield from ()
    return True


def run_ringing(exchange: Exchange, channel: Channel, data: str) -> Running:
    """Ringing()"""
    yield from ()
    indicate(exchange, channel, "ringing")
    return True


def run_busy(exchange: Exchange, channel: Channel, data: str) -> Running:
    """Busy([seconds])"""
    return (yield from _refuse(exchange, channel, "busy", BUSY, data))


def run_congestion(exchange: Exchange, channel: Channel, data: str) -> Running:
    """Congestion([seconds])"""
    return (yield from _refuse(exchange, channel, "congestion", CONGESTED, data))


def _refuse(exchange: Exchange, channel: Channel, frame: Frame, cause: int, data: str) -> Running:
    indicate(exchange, channel, frame)
    if channel.state is not State.UP:
        channel.cause = cause
        exchange.set_state(channel, State.BUSY)
        if not channel.local:  # SIP's refusal is the end of the call
            exchange.other_end_hung_up(channel, cause)
    yield from rest(exchange, channel, number(data) if data.strip() else None)
    return False


def run_user_event(exchange: Exchange, channel: Channel, data: str) -> Running:
    """UserEvent(name[,header: value]...)"""
    yield from ()
    name, *pieces = arguments(data)
    body = tuple(_header(piece) for piece in pieces if ":" in piece)
    exchange.tell("UserEvent", channel.snapshot().headers(), (("UserEvent", name),), body)
    return True


def _header(piece: str) -> tuple[str, str]:
    name, _, value = piece.partition(":")
    return name.strip(), value.strip()


def run_set(exchange: Exchange, channel: Channel, data: str) -> Running:
    """Set(name=value)"""
    yield from ()
    name, _, value = data.partition("=")
    assign(exchange, channel, name.strip(), value)
    return True


def assign(exchange: Exchange, channel: Channel | None, name: str, value: str) -> None:
    """Set a variable, or a caller ID through its function. Another function keeps what is written and tells nothing."""
    if channel is not None and name in ("CALLERID(num)", "CALLERID(name)"):
        number, text = channel.caller.number, channel.caller.name
        channel.caller = Party(value, text) if name == "CALLERID(num)" else Party(number, value)
        exchange.publish(channel)
    elif name.startswith("GLOBAL(") and name.endswith(")"):
        exchange.set_variable(None, name[7:-1], value)
    elif name.endswith(")"):
        (exchange.variables if channel is None else channel.variables)[name] = value
    else:
        exchange.set_variable(channel, name, value)


def arguments(data: str) -> list[str]:
    """The arguments of an application: apart at commas, not at those in quotes or brackets; quotes are dropped."""
    pieces, piece, depth, quoted, escaped = [], "", 0, False, False
    for one in data:
        if escaped:
            piece, escaped = piece + one, False
        elif one == "\\":
            escaped = True
        elif one == '"':
            quoted = not quoted
        elif one == "," and not depth and not quoted:
            pieces.append(piece)
            piece = ""
        else:
            depth = max(0, depth + (one in "([") - (one in ")]"))
            piece += one
    return [*pieces, piece]


def number(text: str) -> float:
    """The number at the beginning of a text; 0 where there is none."""
    found = re.match(r"\s*(\d{1,9}(?:\.\d{1,6})?)", text)
    return float(found[1]) if found else 0.0
