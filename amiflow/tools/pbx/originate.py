"""The action Originate: a call out, and then a place of the dialplan or one application for the channel that answered.

Belongs here: checking the request, the call's thread, its OriginateResponse. Never here: the other actions (`actions`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator

from amiflow.ami.request import Request
from amiflow.report.data import dataclass
from amiflow.tools.pbx import dialplan
from amiflow.tools.pbx.answer import every, whole
from amiflow.tools.pbx.applications import arguments, assign
from amiflow.tools.pbx.channel import Channel, Headers, Party, State
from amiflow.tools.pbx.dial import Word, hear, rings, set_free, status_of, tell_dial
from amiflow.tools.pbx.exchange import Exchange, pause
from amiflow.tools.pbx.schedule import Sleep, Thread
from amiflow.tools.pbx.technology import NO_ANSWER, Wanted, call, request, start

_LONGEST_UNIQUEID = 149
# Reasons of OriginateResponse (Asterisk's control frames by number; 0: failed without one)
_FAILED, _TIMEOUT, _ANSWERED, _BUSY, _CONGESTION = 0, 3, 4, 5, 8
_REASONS: dict[Word, int] = {"answer": _ANSWERED, "busy": _BUSY, "congestion": _CONGESTION}


@dataclass(frozen=True, slots=True)
class Order:
    """An Originate that was found good. `timeout` is in seconds; none: it rings for ever."""

    dialled: str
    context: str
    exten: str
    priority: int
    application: str
    data: str
    timeout: float | None
    caller: Party
    account: str
    variables: Headers
    uniqueids: tuple[str | None, str | None]
    action_id: str


def read_order(exchange: Exchange, asked: Request) -> Order | str:
    """What is to be called, or Asterisk's words of refusal."""
    priority, timeout = asked.get("Priority"), asked.get("Timeout")
    if not asked.get("Channel"):
        return "Channel not specified"
    if priority and whole(priority) is None:
        return "Invalid priority"
    if timeout and whole(timeout) is None:
        return "Invalid timeout"
    if "/" not in asked.get("Channel"):
        return "Invalid channel"
    if any(len(asked.get(name)) > _LONGEST_UNIQUEID for name in ("ChannelId", "OtherChannelId")):
        return f"Uniqueid length exceeds maximum of {_LONGEST_UNIQUEID}\n"
    order = _order(asked, whole(priority) or 0, whole(timeout))
    if order.priority:
        known = dialplan.step(exchange, order.context, order.exten, order.priority)
        return order if known else "Extension does not exist."
    return order


def _order(asked: Request, priority: int, millis: int | None) -> Order:
    pairs = (pair for text in every(asked, "Variable") for pair in arguments(text) if "=" in pair)
    return Order(
        asked.get("Channel"),
        asked.get("Context"),
        asked.get("Exten"),
        priority,
        asked.get("Application"),
        asked.get("Data"),
        30.0 if millis is None else millis / 1000 if millis > 0 else None,
        caller_id(asked.get("CallerID")),
        asked.get("Account"),
        tuple((name, value) for name, _, value in (pair.partition("=") for pair in pairs) if name),
        (asked.get("ChannelId") or None, asked.get("OtherChannelId") or None),
        asked.action_id,
    )


def caller_id(text: str) -> Party:
    """`"Bob" <102>`, `<102>`, `102` or a name alone. What only parts the digits of a number is dropped."""
    full = re.fullmatch(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^<]*?))\s*<([^>]*)>\s*', text)
    if full:
        name = re.sub(r"\\(.)", r"\1", full[1]) if full[1] is not None else full[2]
        return Party(_digits(full[3]) or full[3] or None, name or None)
    text = text.strip().strip('"')
    if digits := _digits(text):
        return Party(digits, None)
    return Party(None, text or None)


def _digits(number: str) -> str:
    """A number as Asterisk keeps it (`ast_isphonenumber`, `ast_shrink_phone_number`); empty where it is none."""
    return re.sub(r"[() .-]", "", number) if re.fullmatch(r"[0-9*#+() .-]+", number) else ""


def carry_out(exchange: Exchange, order: Order, done: Callable[[bool], None], response: bool) -> Thread:
    """The call's thread. `done` hears whether it was answered; `response`: an OriginateResponse is to be sent."""
    channel = request(exchange, order.dialled, Wanted(uniqueids=order.uniqueids))
    reason = _FAILED
    if channel is not None:
        _dress(exchange, order, channel)
        reason = yield from _ring(exchange, order, channel)
    answered = reason == _ANSWERED
    if response:
        _respond(exchange, order, channel if answered else None, reason)
    done(answered)
    if channel is not None and answered:
        yield from _connect(exchange, order, channel)


def _dress(exchange: Exchange, order: Order, channel: Channel) -> None:
    channel.application, channel.data = "AppDial2", "(Outgoing Line)"
    channel.account = order.account
    exchange.publish(channel)
    for name, value in reversed(order.variables):
        assign(exchange, channel, name, value)
    if order.caller != Party():
        channel.caller = order.caller
        exchange.publish(channel)
        channel.connected = order.caller
        exchange.publish(channel)


def _ring(exchange: Exchange, order: Order, channel: Channel) -> Generator[Sleep, None, int]:
    if not call(exchange, channel):
        exchange.hang_up(channel)
        return _FAILED
    resource = order.dialled.partition("/")[2]
    tell_dial(exchange, "DialBegin", None, channel, ("DialString", resource))
    until = None if order.timeout is None else exchange.now + order.timeout
    while True:
        word = hear(channel)
        if word == "ringing":
            rings(exchange, channel)
            tell_dial(exchange, "DialState", None, channel, ("DialStatus", "RINGING"))
        elif word is not None:
            return _end(exchange, channel, word)
        elif until is not None and exchange.now >= until:
            channel.cause = NO_ANSWER
            exchange.hang_up(channel)
            return _TIMEOUT
        else:
            yield pause(channel, until)


def _end(exchange: Exchange, channel: Channel, word: Word) -> int:
    if word == "goto":  # redirected before it was answered: taken away from here
        set_free(exchange, channel)
        return _FAILED
    if word == "answer":
        exchange.set_state(channel, State.UP)
        tell_dial(exchange, "DialEnd", None, channel, ("DialStatus", "ANSWER"))
    else:
        tell_dial(exchange, "DialEnd", None, channel, ("DialStatus", status_of(channel, word)))
        exchange.hang_up(channel)
    return _REASONS.get(word, _FAILED)


def _respond(exchange: Exchange, order: Order, channel: Channel | None, reason: int) -> None:
    place: Headers = (("Context", order.context), ("Exten", order.exten))
    if order.application:
        place = (("Application", order.application), ("Data", order.data))
    exchange.tell(
        "OriginateResponse",
        (("ActionID", order.action_id),) if order.action_id else (),
        (("Response", "Success" if channel else "Failure"), ("Channel", channel.name if channel else order.dialled)),
        place,
        (("Reason", str(reason)), ("Uniqueid", channel.uniqueid if channel else order.uniqueids[0] or "<unknown>")),
        (("CallerIDNum", order.caller.number or "<unknown>"), ("CallerIDName", order.caller.name or "<unknown>")),
    )


def _connect(exchange: Exchange, order: Order, channel: Channel) -> Thread:
    if not order.application:
        channel.context, channel.exten = order.context or channel.context, order.exten or channel.exten
        channel.priority = order.priority or 1
        start(exchange, channel)
        return
    application = exchange.applications.get(order.application)
    channel.application, channel.data = order.application, order.data
    exchange.publish(channel)
    if application is not None:
        yield from application(exchange, channel, order.data)
    if channel.stops == {"goto"}:
        set_free(exchange, channel)
    else:
        exchange.hang_up(channel)
