"""What a machine does, put into words: its effects become lines of the log, and its counts the summary at the end.

Belongs here: which fact is told at which level, and what helps to understand a failure: the event that led there, the
last action, its answer. Never here: the form of a line (`log`). There is a narrator for each machine, as instances are
numbered by machine.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from amiflow.ami.message import Message, to_text
from amiflow.engine import errands
from amiflow.engine.effects import Errand, FlowEnded, Level, Noted, Said, Send, Signal
from amiflow.live.log import Line, Log
from amiflow.live.privileges import grant
from amiflow.plan.model import ActionNeed, Plan
from amiflow.report.diagnostic import Diagnostic, Label
from amiflow.report.source import Span

# what people want to see of a run that goes well, though the engine counts it as detail
_TOLD = frozenset({"flow-started", "match-started", "wait-part", "wait-met", "answer"})
# what tells most of an event, in this order
_TELLING = (
    b"UserEvent",
    b"Channel",
    b"DestChannel",
    b"CallerIDNum",
    b"Context",
    b"Exten",
    b"BridgeUniqueid",
    b"Conference",
    b"Queue",
    b"Interface",
    b"Cause-txt",
    b"DialStatus",
    b"Reason",
)
_MOST = 4
# one search for all of them: a run tells of events far more often than it fails
_FIND = re.compile(rb"\r\n(%b): ([^\r]+)" % b"|".join(_TELLING))


def describe(message: Message) -> str:
    """An event in few words: its name and what tells most of it."""
    found = dict(reversed(_FIND.findall(message.raw)))  # of a repeated one the first
    telling = [to_text(b"%b=%b" % (name, found[name])) for name in _TELLING if name in found]
    return " ".join([message.name, *telling[:_MOST]])


def written(headers: Iterable[tuple[str, str]]) -> str:
    """An action in one line: its name, and every header."""
    (_, action), *rest = headers
    return " ".join([action, *(f"{name}={value}" for name, value in rest)])


@dataclass(slots=True)
class _Story:
    """Of a running flow what would explain its failure: what it began with, its last action, the answer to that."""

    flow: str
    cause: Message | None
    send: Send | None = None
    answer: Message | None = None


class Narrator:
    """Tells of one machine."""

    def __init__(self, log: Log, plan: Plan) -> None:
        self._log = log
        self._needs = {need.name: need for need in plan.needs.actions}
        self._running: dict[int, _Story] = {}
        self._of: dict[str, Send] = {}
        self.outcomes: Counter[str] = Counter()
        self.actions: Counter[str] = Counter()

    def tell(self, effect: Said | Noted | FlowEnded) -> None:
        """What the engine says, or says that it did."""
        match effect:
            case Noted():
                self._note(effect)
            case Said():
                self._log.line(Line(effect.level, "log", effect.text, None, effect.flow, effect.instance, effect.span))
            case FlowEnded():
                self._end(effect)

    def does(self, effect: Errand | Signal) -> None:
        """Something is to be done outside of the PBX."""
        if self._log.takes("info"):
            what = errands.describe(effect.request) if isinstance(effect, Errand) else f"signal {effect.name}"
            self._log.line(
                Line("info", "does", f"does {what}", None, self._flow(effect.instance), effect.instance, effect.span)
            )

    def handed(self, send: Send) -> None:
        """The machine wants this to be sent."""
        self._of[send.action_id] = send

    def sent(self, action_id: str) -> None:
        """It is among the bytes to be written."""
        send = self._of.get(action_id)
        if send:
            self.actions[send.headers[0][1]] += 1
            story = self._running.get(send.instance)
            if story is not None:
                story.send, story.answer = send, None
            if self._log.takes("info"):
                text, flow = f"sends {written(send.headers)}", story.flow if story else None
                self._log.line(Line("info", "sent", text, send.server, flow, send.instance, send.span))

    def pending(self, action_id: str) -> Send | None:
        """The action, as long as something may still come of it."""
        return self._of.get(action_id)

    def refused(self, effect: Send | Errand, why: str) -> None:
        """It is kept from being done."""
        if isinstance(effect, Send):
            text = f"does not send {written(effect.headers)}: {why}"
        else:
            text = f"does not do {errands.describe(effect.request)}: {why}"
        flow = self._flow(effect.instance)
        self._log.line(Line("error", "refused", text, None, flow, effect.instance, effect.span))

    def settled(self, action_id: str) -> Send | None:
        """Nothing more will come of it; what it was."""
        return self._of.pop(action_id, None)

    def _note(self, note: Noted) -> None:
        kind, instance = note.kind, note.instance
        level: Level = "info" if kind in _TOLD else note.level
        if instance is not None:
            if kind == "flow-started":
                self._running[instance] = _Story(note.flow or "", note.message)
            elif kind == "answer" and (story := self._running.get(instance)):
                story.send, story.answer = self._answered(note), note.message
        if self._log.takes(level):
            text = self._text(note)
            self._log.line(Line(level, note.kind, text, None, note.flow, note.instance, note.span, note.facts))

    def _text(self, note: Noted) -> str:
        match note.kind, note.message:
            case "flow-started", message:
                return f"starts: {describe(message)}" if message else "starts"
            case (("match-started" | "wait-part" | "wait-met"), Message() as message):
                return f"{'sees' if note.kind == 'match-started' else 'has'} {describe(message)}"
            case "answer", Message() as message:
                send = self._answered(note)
                action = send.headers[0][1] if send else "the action"
                words = message.get("Message")
                return f"{action} was answered: {message.name}" + (f", {words}" if words else "")
            case "would-send", _:
                headers = note.facts.get("headers")
                pairs = headers if isinstance(headers, tuple) else ()
                return "would send " + written((("Action", note.text), *pairs))
            case _, Message() as message:
                return f"{note.text} ({describe(message)})"
        return note.text

    def _answered(self, note: Noted) -> Send | None:
        """The action that an answer is to; others of the same run may have been sent since."""
        action_id = note.facts.get("action_id")
        return self._of.get(action_id) if isinstance(action_id, str) else None

    def _flow(self, instance: int) -> str | None:
        story = self._running.get(instance)
        return story.flow if story else None

    # --- ends ---

    def _end(self, ended: FlowEnded) -> None:
        self.outcomes[ended.outcome] += 1
        story = self._running.pop(ended.instance, None)
        failed = ended.outcome == "failed"
        level: Level = "error" if failed else "info"
        if self._log.takes(level):
            text = f"{ended.outcome}: {ended.failure}" if ended.failure else ended.outcome
            frame = self._frame(ended, ended.span, story or _Story(ended.flow, None)) if failed and ended.span else None
            self._log.line(Line(level, "flow-ended", text, None, ended.flow, ended.instance, ended.span, frame=frame))

    def _frame(self, ended: FlowEnded, span: Span, story: _Story) -> Diagnostic:
        """The failure as a diagnostic: the step in its source, and what led there."""
        notes = []
        if story.cause:
            notes.append(f"it began with {_whole(story.cause)}")
        send, answer = story.send, story.answer
        if send:
            notes.append(f"its last action was {written(send.headers)}")
        if answer:
            notes.append(f"the answer was {_whole(answer)}")
        headline = f"flow `{ended.flow}` failed: {ended.failure}"
        label = Label(span, "this step", primary=True)
        # What a call gives to its task is no step of the task.
        calls = tuple(Label(call, "called here") for call in ended.calls if not call.holds(span))
        return Diagnostic("flow-failed", "error", headline, label, calls, tuple(notes), self._help(send, answer))

    def _help(self, send: Send | None, answer: Message | None) -> str | None:
        if not send or not answer or (answer.get("Message") or "").casefold() != "permission denied":
            return None
        action = send.headers[0][1]
        return grant(self._needs.get(action, ActionNeed(action, ())))


def _whole(message: Message) -> str:
    """All of a message that is short, with the headers that say nothing left out."""
    dull = {"event", "response", "privilege", "actionid"}
    pairs = [f"{name}={value}" for name, value in message.headers if name.casefold() not in dull and value]
    return " ".join([message.name, *pairs[:24]])
