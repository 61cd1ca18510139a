"""Waiting in a queue: the application Queue.

Belongs here: a caller's way from joining to leaving, and the members who are called meanwhile. Never here: the figures'
headers (`queue`).
"""

from __future__ import annotations

from dataclasses import dataclass

from amiflow.tools.pbx.applications import arguments, number
from amiflow.tools.pbx.bridging import outcome
from amiflow.tools.pbx.channel import Channel, Headers, State
from amiflow.tools.pbx.dial import Leg, drop, hear, join, place, rings, set_free, status_of, tell_dial
from amiflow.tools.pbx.exchange import Exchange, Running
from amiflow.tools.pbx.queue import Entry, Member, Queue
from amiflow.tools.pbx.schedule import Sleep, Thread
from amiflow.tools.pbx.technology import ANSWERED_ELSEWHERE

_RING = 15.0  # seconds a member is rung (queues.conf, `timeout`)
_RETRY = 5.0  # seconds until the next try (`retry`)


@dataclass(slots=True)
class _Wait:
    """One caller in one queue. `until`: when the caller's own patience ends."""

    exchange: Exchange
    queue: Queue
    entry: Entry
    until: float | None
    legs: dict[Leg, Member]
    answered: tuple[Leg, Member] | None = None
    rung: float = 0.0

    @property
    def caller(self) -> Channel:
        return self.entry.channel

    def over(self) -> bool:
        return bool(self.caller.stops) or (self.until is not None and self.exchange.now >= self.until)

    def tell(self, name: str, leg: Leg | None, member: Member | None, *more: Headers) -> None:
        called = leg.channel.snapshot().headers("Dest") if leg else ()
        who = (("Interface", member.interface), ("MemberName", member.interface)) if member else ()
        near = self.caller.snapshot().headers()
        self.exchange.tell(name, near, called, (("Queue", self.queue.name),), who, *more)


def run_queue(exchange: Exchange, channel: Channel, data: str) -> Running:
    """Queue(name[,options,url,announcement,seconds])"""
    name, *more = arguments(data)
    queue = exchange.queues.get(name)
    if queue is None:
        exchange.set_variable(channel, "QUEUESTATUS", "UNKNOWN")
        return True
    patience = number(more[3]) if len(more) > 3 else 0
    wait = _Wait(exchange, queue, Entry(channel, exchange.now), exchange.now + patience if patience else None, {})
    _join(wait)
    while not wait.over() and wait.answered is None:
        yield from _try(wait)
    if wait.answered is None:
        return _left(wait)
    return (yield from _talk(wait, *wait.answered))


def _join(wait: _Wait) -> None:
    wait.queue.entries.append(wait.entry)
    wait.exchange.set_device(f"Queue:{wait.queue.name}", "RINGING")
    count = str(len(wait.queue.entries))
    wait.tell("QueueCallerJoin", None, None, (("Position", count), ("Count", count)))


def _leave(wait: _Wait) -> None:
    position = str(wait.queue.position(wait.entry))
    wait.queue.entries.remove(wait.entry)
    if not wait.queue.entries:
        wait.exchange.set_device(f"Queue:{wait.queue.name}", "NOT_INUSE")
    wait.tell("QueueCallerLeave", None, None, (("Position", position), ("Count", str(len(wait.queue.entries)))))


def _left(wait: _Wait) -> bool:
    """The caller leaves without having been answered. Asterisk takes one whose own time is over for one who abandons
    the queue, too (queue_exec, record_abandoned)."""
    position = str(wait.queue.position(wait.entry))
    held = str(int(wait.exchange.now - wait.entry.since))
    wait.exchange.publish(wait.caller)  # one who was redirected: at the new place, with the old application
    wait.queue.abandoned += 1
    places = (("Position", position), ("OriginalPosition", position), ("HoldTime", held))
    wait.tell("QueueCallerAbandon", None, None, places)
    _leave(wait)
    wait.exchange.set_variable(wait.caller, "ABANDONED", "TRUE")
    if not wait.caller.stops:
        wait.exchange.set_variable(wait.caller, "QUEUESTATUS", "TIMEOUT")
    return not wait.caller.stops


def _try(wait: _Wait) -> Thread:
    """Ring everybody once; nobody answering, rest before the next time."""
    exchange = wait.exchange
    wait.rung = exchange.now
    for member in wait.queue.members:
        _call(wait, member)
    yield from _listen(wait, exchange.now + _RING)
    if wait.answered is None:
        _give_up(wait)
        yield from _rest(wait, exchange.now + _RETRY)


def _call(wait: _Wait, member: Member) -> None:
    leg = place(wait.exchange, wait.caller, member.interface, "AppQueue")
    if leg is None:
        return
    wait.legs[leg] = member
    leg.channel.exten = wait.caller.exten
    wait.tell("AgentCalled", leg, member)
    tell_dial(wait.exchange, "DialBegin", wait.caller, leg.channel, ("DialString", member.interface))


def _listen(wait: _Wait, until: float) -> Thread:
    while True:
        for leg in tuple(wait.legs):
            _hear(wait, leg)
        if wait.answered or not wait.legs or wait.over() or wait.exchange.now >= until:
            return
        bound = until if wait.until is None else min(until, wait.until)
        yield Sleep((wait.caller, *(leg.channel for leg in wait.legs)), bound)


def _hear(wait: _Wait, leg: Leg) -> None:
    while wait.answered is None and leg in wait.legs and (word := hear(leg.channel)) is not None:
        if word == "ringing":
            rings(wait.exchange, leg.channel)
            tell_dial(wait.exchange, "DialState", wait.caller, leg.channel, ("DialStatus", "RINGING"))
            continue
        member = wait.legs.pop(leg)
        if word == "answer":
            wait.answered = leg, member
        elif word == "goto":
            set_free(wait.exchange, leg.channel)
        else:
            drop(wait.exchange, wait.caller, (leg,), status_of(leg.channel, word))
            _unanswered(wait, leg, member)


def _give_up(wait: _Wait) -> None:
    status = "CANCEL" if wait.caller.stops else "NOANSWER"
    for leg, member in wait.legs.items():
        drop(wait.exchange, wait.caller, (leg,), status)
        if status == "NOANSWER":
            _unanswered(wait, leg, member)
    wait.legs.clear()


def _unanswered(wait: _Wait, leg: Leg, member: Member) -> None:
    ringing = int((wait.exchange.now - wait.rung) * 1000)
    wait.tell("AgentRingNoAnswer", leg, member, (("RingTime", str(ringing)),))


def _rest(wait: _Wait, until: float) -> Thread:
    while not wait.over() and wait.exchange.now < until:
        yield Sleep((wait.caller,), until if wait.until is None else min(until, wait.until))


def _talk(wait: _Wait, leg: Leg, member: Member) -> Running:
    exchange, queue, called = wait.exchange, wait.queue, leg.channel
    exchange.set_state(called, State.UP)
    tell_dial(exchange, "DialEnd", wait.caller, called, ("DialStatus", "ANSWER"))
    for other in wait.legs:  # told once more when they are hung up (Asterisk 16, 22)
        tell_dial(exchange, "DialEnd", wait.caller, other.channel, ("DialStatus", "CANCEL"))
    drop(exchange, wait.caller, tuple(wait.legs), "CANCEL", ANSWERED_ELSEWHERE)
    _leave(wait)
    held, rung = int(exchange.now - wait.entry.since), int(exchange.now - wait.rung)
    queue.held, member.talking = held, member.talking + 1
    wait.tell("AgentConnect", leg, member, (("HoldTime", str(held)), ("RingTime", str(rung))))
    talking = exchange.now
    yield from join(exchange, wait.caller, called)
    talked = int(exchange.now - talking)
    queue.completed, queue.talked = queue.completed + 1, talked
    member.talking, member.taken, member.last = member.talking - 1, member.taken + 1, int(exchange.now)
    times = (("HoldTime", str(held)), ("TalkTime", str(talked)))
    end = outcome(wait.caller)
    reason = {"dissolved": "agent", "hangup": "caller", "goto": "transfer"}[end]
    wait.tell("AgentComplete", None if called.gone else leg, member, times, (("Reason", reason),))
    return False
