"""A recorded stream played to plans in virtual time: what they would have done, with nothing connected.

Belongs here: the recording's messages as inputs, and deadlines as they fall due on the way. Never here: reading the
file (`record`), words (`narrator`).

Raw bytes have no times of their own; there the events' `Timestamp` headers are taken, which Asterisk sends where
`timestampevents` is on. What a plan would send is told and taken as having succeeded; actions that only read are
answered with no rows. The recorder's own responses and event lists are left out: they answer nothing of ours.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import assert_never

from amiflow.ami.codec import Banner, Decoder, Malformed
from amiflow.ami.message import Message
from amiflow.engine import effects
from amiflow.engine.effects import (
    Errand,
    Exit,
    FlowEnded,
    Input,
    Noted,
    Recall,
    Remember,
    Said,
    Send,
    Signal,
    SignalReply,
    StoreChanged,
    Withdraw,
)
from amiflow.live.effects import imagined
from amiflow.live.journal_db import About, Keep
from amiflow.live.journal_file import Journal, writing
from amiflow.live.log import Log
from amiflow.live.problems import Trouble
from amiflow.live.record import Capture
from amiflow.live.run import Job, check_servers, machines, new_run_id, summarize
from amiflow.live.runner import Runner

_SECONDS = r"\d{1,10}(?:\.\d{1,9})?"  # of the epoch, as a `Timestamp` has them
_STAMP = re.compile(rb"(?<=\r\nTimestamp: )(%b)(?=\r\n)" % _SECONDS.encode(), re.IGNORECASE)


class VirtualClock:
    """A clock that stands still until it is set."""

    def __init__(self, wall: float) -> None:
        self._began = wall
        self.at = 0.0

    def now(self) -> float:
        return self.at

    def wall(self) -> float:
        return self._began + self.at


def play(jobs: Sequence[Job], capture: Capture, log: Log, clock: VirtualClock, keep: Keep | None = None) -> int:
    """Play the capture to the plans, to the end of every flow; returns the exit status. Without `keep` there is no
    journal. Raises Trouble where it is no stream of a manager interface, and Refused."""
    check_servers(jobs, [capture.server], _HELP)
    run_id = new_run_id()
    runners = machines(jobs, [capture.server], run_id, True, log, steps=keep is not None)
    about = About(run_id, (capture.server,), tuple(job.plan.sources for job in jobs))
    with writing(keep, about, clock, log, _wake_nobody) as journal:
        _play(runners, capture, clock, journal)
    summarize(runners, log, clock.at)
    return max((runner.status or 0 for runner in runners), default=0)


def beginning(capture: Capture) -> float:
    """The wall clock at its beginning: that of the recorder, else of the first `Timestamp`; 1970 where nobody knows."""
    if capture.begun is not None:
        return capture.begun
    found = next((found for piece in capture.pieces if (found := _STAMP.search(piece.data))), None)
    return float(found[1]) if found is not None else 0.0


_HELP = "choose with `--server NAME` which server of the configuration the recording is played as"
_MADE_BY = "`amiflow record -o FILE` writes a recording"


def _wake_nobody() -> None:
    """Nothing waits for the journal here: what it has to say is logged at the end."""


def _play(runners: Sequence[Runner], capture: Capture, clock: VirtualClock, journal: Journal | None) -> None:
    player = _Player(runners, clock, journal)
    for at, item in _inputs(capture):
        player.let_fall_due(at)
        clock.at = max(clock.at, at)
        player.give(item)
    player.give(effects.SourceEnded())
    player.let_fall_due(None)


def _inputs(capture: Capture) -> Iterator[tuple[float, Input]]:
    decoder, lists, greeted = Decoder(), set[str](), False
    stamps = _Stamps(capture.begun is None)
    heard = 0.0
    for piece in capture.pieces:
        if greeted and piece.data.startswith(b"Asterisk Call Manager"):
            # Since the last bytes nothing was seen: what does not come in that time is not known to be absent.
            yield heard, effects.ServerLost(capture.server, "the recorder lost the connection")
            decoder, lists, greeted = Decoder(), set(), False
        heard = piece.at
        for item in decoder.feed(piece.data):
            if isinstance(item, Malformed):
                raise Trouble(f"{capture.path} cannot be read: {item.reason}", _MADE_BY)
            if not greeted:
                version = item.version if isinstance(item, Banner) else ""
                yield piece.at, effects.ServerReady(capture.server, version, False)
                greeted = True
            if isinstance(item, Message) and not _is_answer(item, lists):
                yield stamps.time(item, piece.at), effects.Received(capture.server, item)
    if not greeted:
        raise Trouble(f"{capture.path} holds no message", _MADE_BY)


@dataclass(slots=True)
class _Stamps:
    """Times from `Timestamp` headers, where they are wanted; never going back."""

    wanted: bool
    first: float | None = None
    last: float = 0.0

    def time(self, message: Message, at: float) -> float:
        """Seconds since the first stamp, or `at` where stamps are not wanted."""
        if not self.wanted:
            return at
        stamp = message.get("Timestamp") or ""
        if re.fullmatch(_SECONDS, stamp):
            self.first = float(stamp) if self.first is None else self.first
            self.last = max(self.last, float(stamp) - self.first)
        return self.last


def _is_answer(message: Message, lists: set[str]) -> bool:
    """Whether this is a response, or belongs to an event list; `lists` are the ActionIDs of those that are open."""
    action_id = message.get("ActionID") or ""
    if message.kind != "event":
        if (message.get("EventList") or "").casefold() == "start":
            lists.add(action_id)
        return True
    if action_id not in lists or not action_id:
        return False
    if (message.get("EventList") or "").casefold() == "complete":
        lists.discard(action_id)
    return True


@dataclass(slots=True)
class _Player:
    """Gives inputs to the machines, and what they bring about to whom it concerns, in the order of time."""

    runners: Sequence[Runner]
    clock: VirtualClock
    journal: Journal | None
    inputs: deque[tuple[Runner | None, Input]] = field(default_factory=deque)

    def let_fall_due(self, limit: float | None) -> None:
        """What is due before the limit, whichever machine's it is."""
        while (due := self._next()) is not None and (limit is None or due[0] < limit):
            self.clock.at = max(self.clock.at, due[0])
            self.give(effects.Tick(), due[1])

    def _next(self) -> tuple[float, Runner] | None:
        going = [one for one in self.runners if one.status is None]
        dues = [(due, one) for one in going if (due := one.machine.deadline()) is not None]
        return min(dues, key=itemgetter(0), default=None)

    def give(self, item: Input, owner: Runner | None = None) -> None:
        """To this machine, or to all of them, until nothing more follows at this instant."""
        self.inputs.append((owner, item))
        while self.inputs:
            owner, item = self.inputs.popleft()
            if self.journal and owner is None and not isinstance(item, effects.Received):
                self.journal.add(self.clock.wall(), None, item, ())
            for runner in self.runners if owner is None else (owner,):
                if runner.status is None:
                    self._hand(runner, item)

    def _hand(self, runner: Runner, item: Input) -> None:
        brought = runner.machine.handle(item, self.clock.at, self.clock.wall())
        if self.journal:
            own = item if isinstance(item, effects.Sent | effects.Answered | effects.ErrandDone) else None
            self.journal.add(self.clock.wall(), runner.number, own, brought)
        for effect in brought:
            match effect:
                case Said() | Noted() | FlowEnded():
                    runner.narrator.tell(effect)
                case Exit(status=status):
                    runner.status = status
                case Send(action_id=action_id):
                    runner.narrator.handed(effect)
                    response = Message.build((("Response", "Success"), ("ActionID", action_id)))
                    self.inputs += [
                        (runner, effects.Sent(action_id)),
                        (runner, effects.Answered(action_id, response, ())),
                    ]
                    runner.narrator.sent(action_id)
                case Errand():
                    runner.narrator.does(effect)
                    self.inputs.append((runner, imagined(effect)))
                case Signal(name=name, fields=fields, line=line):
                    runner.narrator.does(effect)
                    self.inputs.append((None, effects.Signalled(name, fields, line=line)))
                case Withdraw() | Recall() | SignalReply() | Remember() | StoreChanged():
                    continue
                case _:
                    assert_never(effect)
