"""What is peculiar to an Originate: its ids, its bounds, and what its OriginateResponse means.

Belongs here: facts and pure functions about Originate. Never here: sending and awaiting, which it shares with all
actions (`actions`).
"""

from __future__ import annotations

from functools import lru_cache

from amiflow.ami.message import Message
from amiflow.engine.values import Call, Failure, FailureKind

Headers = tuple[tuple[str, str], ...]

_RING = 30.0  # seconds; Asterisk's own default for an Originate without Timeout
_GRACE = 5.0  # seconds beyond the ringing, for the OriginateResponse to arrive

# Reason of OriginateResponse is the last AST_CONTROL_ frame of the dialling: 0 none (no such extension, technology or
# device, or hung up), 1 hangup, 3 ringing when the time ran out, 4 answer, 5 busy, 8 congestion (Asterisk 1.4 to 22).
_REASONS: dict[str, tuple[FailureKind, str]] = {
    "1": ("no_answer", "nobody answered"),
    "3": ("no_answer", "nobody answered in time"),
    "5": ("busy", "the called party is busy"),
    "8": ("congestion", "congestion"),
}
# A party that refuses hangs up, and Reason is 0, where its channel driver sends no frame of busy or congestion (PJSIP,
# 486 and 503): then DialEnd alone says why. It comes shortly before or after the OriginateResponse (Asterisk 16, 22).
_STATUSES: dict[str, FailureKind] = {"BUSY": "busy", "CONGESTION": "congestion", "NOANSWER": "no_answer"}
DIAL_END_WITHIN = 1.0  # seconds, for a DialEnd that comes after


@lru_cache(maxsize=1024)  # asked for each action
def is_originate(action: str) -> bool:
    """Whether the action is the one that begins a call."""
    return action.casefold() == "originate"


def default_within(headers: Headers) -> float:
    """How long to wait for an awaited call, in seconds. A Timeout of 0, which rings for ever, is no time to wait."""
    ring = _header(headers, "timeout")
    given = int(ring) / 1000 if ring is not None and ring.isdecimal() else 0.0
    return (given or _RING) + _GRACE


def dress(headers: Headers, own_id: str) -> tuple[Headers, str]:
    """The headers as they are sent, and the call's Uniqueid.

    Always asynchronous, as Asterisk otherwise holds up the whole connection. The Uniqueid is chosen beforehand
    (ChannelId, Asterisk 12.2+; at most 149 characters), so that the call's events are known from the first on, and it
    can be hung up before it has a name.
    """
    bare = tuple(pair for pair in headers if pair[0].casefold() != "async")
    channel_id = _header(bare, "channelid")
    dressed = (*bare, ("Async", "true"))
    if channel_id is None:
        channel_id = own_id
        dressed += (("ChannelId", own_id),)
    is_local = (_header(bare, "channel") or "").casefold().startswith("local/")
    if is_local and _header(bare, "otherchannelid") is None:
        dressed += (("OtherChannelId", f"{channel_id};2"),)
    return dressed, channel_id


def outcome(response: Message, channel_id: str) -> Call | Failure:
    """What an OriginateResponse says."""
    if response.get("Response") == "Success":
        return Call(response.get("Channel"), channel_id, response)
    reason = response.get("Reason") or "0"
    kind, text = _REASONS.get(reason, ("failed", "the call failed"))
    return Failure(kind, f"{text} (Reason {reason})")


def is_unexplained(response: Message) -> bool:
    """Whether an OriginateResponse says that the call failed, and not why."""
    return response.get("Response") != "Success" and (response.get("Reason") or "0") == "0"


def explained(failure: Failure, dial_status: str) -> Failure:
    """What is known of the failure once its DialEnd has come."""
    kind = _STATUSES.get(dial_status, failure.kind)
    text = next((text for other, text in _REASONS.values() if other == kind), "the call failed")
    return Failure(kind, f"{text} (DialStatus {dial_status})")


def imagined(headers: Headers, channel_id: str) -> Call:
    """The call of an Originate that is only noted, not sent: as if the dialled party had answered."""
    return Call(_header(headers, "channel"), channel_id, None)


def _header(headers: Headers, name: str) -> str | None:
    return next((value for key, value in headers if key.casefold() == name), None)
