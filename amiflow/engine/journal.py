"""What is to be written down of a run: each input and effect of its machines as entries.

Belongs here: which facts there are, what each says, and what ties an answer to its action. Never here: an entry's form
(`page`), and where entries are kept (`live.journal_file`). A scribe is fed in the order in which things happened, by
the loop itself: an entry costs about as much as handing its facts to a thread, which would then make it of them while
the loop waits for the interpreter.

An event is written where a flow began with it or took it; what nobody waited for is not. Of an event list only the
number of rows is written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import TypeAlias, assert_never

from amiflow.ami.message import to_bytes
from amiflow.engine.effects import (
    Answered,
    Effect,
    Errand,
    ErrandDone,
    ExecResult,
    Exit,
    FlowEnded,
    HttpResult,
    Input,
    Level,
    Noted,
    Pause,
    Recall,
    Received,
    Remember,
    Restored,
    Resume,
    Retire,
    Said,
    Send,
    Sent,
    ServerLost,
    ServerReady,
    Signal,
    Signalled,
    SignalReply,
    SourceEnded,
    StopAsked,
    StopRuns,
    StoreChanged,
    Tick,
    Unanswered,
    Withdraw,
)
from amiflow.engine.errands import describe
from amiflow.engine.page import MOST_ROWS, Page, Row
from amiflow.engine.values import to_plain
from amiflow.report.source import Source, Span


class Batch:
    """What a scribe has written: pages, of which only the last is not full, and what is to outlive the run, each with
    its time and machine, or the end of a machine. `size` is about what the full ones take, in bytes of memory."""

    __slots__ = ("pages", "remembered", "size")

    def __init__(self) -> None:
        self.pages = [Page()]
        self.remembered: list[tuple[float, int, Remember | StoreChanged | Exit]] = []
        self.size = 0

    @property
    def count(self) -> int:
        """How many entries there are."""
        return sum(len(page.records) for page in self.pages)

    def turn_page(self) -> Page:
        """A new page, as the last is full."""
        self.size += self.pages[-1].size + MOST_ROWS * _OF_RECORD
        self.pages.append(Page())
        return self.pages[-1]


Doing: TypeAlias = tuple[str, int | None, int | None, str | None, str | None, Span | None]
"""An open action or errand: what it is, and whose: machine, instance, flow, server and span."""

_Rare: TypeAlias = Withdraw | Errand | Recall | Signal | SignalReply | Said | Exit | Remember | StoreChanged

Run: TypeAlias = tuple[str | None, str | None, Span | None]
"""A run of a flow: the flow, its server, and where the flow is declared."""

_OF_RECORD = 200  # bytes of memory that an entry takes beside its pieces
_OF_START = ("key", "of", "after")  # the facts of a beginning that are written as such
_NOTHING: Mapping[str, object] = {}
_SAID = {"action": "{}: is to be sent", "sent": "{} is on the wire"}  # of an action, where it is not `what: text`
_NOTHING_OPEN: Doing = ("", None, None, None, None, None)
_NOBODY: Run = (None, None, None)

_LEAVES = frozenset(("put-away", "suppressed"))
"""With these a run leaves without an end: put away, or, taken up in a queue, it never began."""

_UNKNOWN = "unknown: amiflow ended before the answer came"
_UNSENT = "unsent: amiflow ended before it could be sent"
_CUT_SHORT: tuple[str, Level, str] = ("flow-ended", "error", "failed: amiflow ended before it did")
_LEFT: tuple[str, Level, str] = ("put-away", "warn", "amiflow ended before it did: the next run takes it up")


class Scribe:
    """Writes the entries of one run. `sources` are those of each machine's plan; `began` is when the run did."""

    def __init__(self, sources: Sequence[Iterable[Source]], servers: Iterable[str], began: float) -> None:
        self._latest: dict[str, Source] = {}
        self._machines = 0
        self._over: set[int] = set()
        self._sources: dict[int, dict[str, Source]] = {}
        self._lines: dict[int, dict[int, tuple[Span, int | None]]] = {}
        self._blind = dict.fromkeys(servers, began)
        self._new = set(self._blind)
        self._running: dict[tuple[int, int], Run] = {}
        self._open: dict[str, Doing] = {}
        self._on_wire: set[str] = set()
        self._remembered: set[tuple[int, int]] = set()
        self._batch = Batch()
        self._page = self._batch.pages[-1]
        for one in sources:
            self.introduce(one)

    def introduce(self, sources: Iterable[Source]) -> None:
        """The plan of the next machine. Recipes may be read again every few minutes, mostly for their tables, for as
        long as a run lasts: a text that is the same is kept once, and nothing of machines at their end."""
        given = tuple(sources)
        for source in given:
            if self._latest.get(source.path) != source:
                self._latest[source.path] = source
        self._sources[self._machines] = {source.path: self._latest[source.path] for source in given}
        self._lines[self._machines] = {}
        self._machines += 1

    def begin(self, batch: Batch) -> None:
        """From here on write into this batch."""
        self._batch, self._page = batch, batch.pages[-1]

    def take(self, at: float, machine: int | None, item: Input | None, effects: Iterable[Effect]) -> None:
        """Write what an input was and what came of it; a machine of none is for an input that all are given."""
        if item is not None:
            self._input(at, item)
        for effect in effects:
            if isinstance(effect, Noted):  # these three are what a run is full of
                self._note(at, machine or 0, effect)
            elif isinstance(effect, Send):
                self._action(at, machine or 0, effect)
            elif isinstance(effect, FlowEnded):
                self._end(at, machine or 0, effect)
            else:
                self._effect(at, machine or 0, effect)

    def of_run(self, at: float, kind: str, level: Level, text: str, facts: Mapping[str, object] | None = None) -> None:
        """Write an entry that concerns the whole run."""
        self._of_run(at, kind, level, None, text, facts)

    def last(self, at: float) -> None:
        """The run is over: the gaps that it leaves open, and, where it was cut short, its actions and flows."""
        for action_id in list(self._open):
            text = _UNKNOWN if action_id in self._on_wire else _UNSENT
            self._of_action(at, action_id, "unanswered", "warn", text)
            self._close(action_id)
        for (machine, instance), (flow, _, span) in list(self._running.items()):
            kind, level, text = _LEFT if (machine, instance) in self._remembered else _CUT_SHORT
            self._of_flow(at, machine, instance, kind, level, flow, span, text)
            del self._running[machine, instance]
        for server in list(self._blind):
            self._gap(at, server)

    # --- inputs -------------------------------------------------------------------------------------------------------

    def _input(self, at: float, item: Input) -> None:
        match item:
            case Sent(action_id=action_id):
                if action_id in self._open:
                    self._on_wire.add(action_id)
                    self._of_action(at, action_id, "sent", "info", None)
            case Answered():
                self._answer(at, item)
            case Unanswered(action_id=action_id, kind=kind, reason=reason):
                text = f"{kind}: {reason}" if reason else f"{kind}: the connection broke before the answer came"
                self._of_action(at, action_id, "unanswered", "warn", text)
                self._close(action_id)
            case ServerReady(server=server, ami_version=version, restarted=restarted, unseen=unseen):
                text = f"connected (manager interface {version or 'unknown'})"
                text += ", Asterisk was restarted" if restarted else ""
                self._of_run(at, "connected", "info", server, text)
                if server in self._blind:
                    self._gap(at, server, unseen)
            case ServerLost(server=server, reason=reason, silent=silent):
                self._blind.setdefault(server, at - silent)
                self._of_run(at, "lost", "warn", server, reason, {"silent": silent})
            case Pause(flow=flow, why=why):
                self._of_run(at, "paused", "warn", None, f"{flow or 'every flow'}: {why}", {"flow": flow})
            case Resume(flow=flow, why=why):
                self._of_run(at, "resumed", "info", None, f"{flow or 'every flow'}, which {why}", {"flow": flow})
            case StopRuns(flow=flow, instance=number):
                which = "every run" if number is None else f"run {number}"
                self._of_run(at, "stop-flow", "warn", None, f"{which} of {flow} is to stop", {"flow": flow})
            case Retire():
                self._of_run(at, "reloaded", "info", None, "the recipes were read again")
            case StopAsked(reason=reason):
                self._of_run(at, "stop-asked", "info", None, reason)
            case SourceEnded():
                self._of_run(at, "source-ended", "info", None, "nothing more will come")
            case ErrandDone():
                self._result(at, item)
            case Signalled(name=name, fields=given):
                self._of_run(at, "signal-came", "info", None, name, given)
            case Received() | Tick() | Restored():
                return
            case _:
                assert_never(item)

    def _gap(self, at: float, server: str, unseen: float | None = None) -> None:
        """A gap ends. It is as long as it was, whatever the wall clock has been set to meanwhile."""
        since = min(self._blind.pop(server), at)
        since = since if unseen is None else at - unseen
        level: Level = "info" if server in self._new else "warn"  # until it is connected to nothing is missed
        self._new.discard(server)
        text = f"no events were seen for {at - since:.3f} s"
        self._of_run(at, "gap", level, server, text, {"from": since, "to": at})

    def _answer(self, at: float, item: Answered) -> None:
        action_id, message = item.action_id, item.response.raw
        what, machine, instance, flow, server, span = self._open.pop(action_id, _NOTHING_OPEN)
        self._on_wire.discard(action_id)
        facts = {"rows": len(item.rows)} if item.rows else None
        self._put(at, machine, instance, "answer", "info", server, flow, span, what, action_id, None, facts, message)

    def _close(self, action_id: str) -> None:
        doing = self._open.pop(action_id, None)
        self._on_wire.discard(action_id)
        if doing is not None and doing[1] in self._over:
            self._forget(doing[1])

    def _forget(self, machine: int) -> None:
        """It is at its end: nothing is told of it any more, but what becomes of what it has left on the wire."""
        if all(of != machine for _, of, *_ in self._open.values()):
            self._over.discard(machine)
            self._sources.pop(machine, None)
            self._lines.pop(machine, None)

    # --- effects ------------------------------------------------------------------------------------------------------

    def _effect(self, at: float, machine: int, effect: _Rare) -> None:
        match effect:
            case Withdraw(action_id=action_id):
                self._of_action(at, action_id, "withdrawn", "info", "its answer is awaited no longer")
                if action_id not in self._on_wire:
                    self._close(action_id)
            case Errand():
                self._errand(at, machine, effect)
            case Recall(errand_id=errand_id):
                self._of_action(at, errand_id, "recalled", "info", "its outcome is awaited no longer")
                self._close(errand_id)
            case Signal(name=name, fields=given, instance=instance, span=span):
                flow, _, _ = self._running.get((machine, instance), _NOBODY)
                self._of_flow(at, machine, instance, "signal", "info", flow, span, name, given)
            case SignalReply(value=value, failure=failure):
                facts = {"value": value} if failure is None else None
                self._of_run(at, "signal-reply", "info", None, failure or "a flow replies", facts)
            case Said(level=level, text=text, flow=flow, instance=instance, span=span):
                self._of_flow(at, machine, instance, "log", level, flow, span, text)
            case Remember(instance=instance, state=state):
                change = self._remembered.discard if state is None else self._remembered.add
                change((machine, instance))
                self._batch.remembered.append((at, machine, effect))
            case StoreChanged():
                self._batch.remembered.append((at, machine, effect))
            case Exit():
                self._over.add(machine)
                self._forget(machine)
                self._batch.remembered.append((at, machine, effect))
            case _:
                assert_never(effect)

    def _action(self, at: float, machine: int, send: Send) -> None:
        server, action_id, headers, _, _, _, instance, span, _ = send
        flow, _, _ = self._running.get((machine, instance), _NOBODY)
        what = headers[0][1]
        self._open[action_id] = what, machine, instance, flow, server, span
        self._put(
            at, machine, instance, "action", "info", server, flow, span, what, action_id, None, None, _on_wire(headers)
        )

    def _errand(self, at: float, machine: int, errand: Errand) -> None:
        flow, server, _ = self._running.get((machine, errand.instance), _NOBODY)
        what = describe(errand.request)
        self._open[errand.errand_id] = what, machine, errand.instance, flow, server, errand.span
        facts = {field.name: getattr(errand.request, field.name) for field in fields(errand.request)}
        self._of_action(at, errand.errand_id, "errand", "info", "is to be done", facts)

    def _result(self, at: float, item: ErrandDone) -> None:
        match item.result:
            case HttpResult(status=status, text=text):
                words, facts = f"status {status}", {"text": text}
            case ExecResult(code=code, out=out):
                words, facts = f"ended with {code}", {"out": out}
            case None:
                words, facts = item.failure or "done", {}
            case other:
                assert_never(other)
        level: Level = "warn" if item.failure is not None else "info"
        self._of_action(at, item.errand_id, "errand-result", level, words, facts)
        self._close(item.errand_id)

    def _note(self, at: float, machine: int, note: Noted) -> None:
        """The answer and the gap are written from the inputs, which say more."""
        kind, level, text, flow, instance, span, facts, message = note
        if kind in ("answer", "gap"):
            return
        if kind in ("flow-started", "resumed") and instance is not None and flow is not None:
            of, events = facts.get("server"), facts.get("events")
            server = of if isinstance(of, str) else None
            self._running[machine, instance] = flow, server, span
            if isinstance(events, tuple):
                message = None
                for event in events:
                    self._of_flow(at, machine, instance, "event", "info", flow, span, event.name, None, event.raw)
            facts = {name: facts[name] for name in _OF_START if name in facts} if len(facts) > 1 else _NOTHING
        else:
            _, server, _ = self._running.get((machine, instance), _NOBODY) if instance is not None else _NOBODY
        raw = message.raw if message is not None else None
        if kind == "would-send":
            facts, raw = {}, _would(note)
        self._put(at, machine, instance, kind, level, server, flow, span, "", None, text, facts, raw)
        if kind in _LEAVES and instance is not None:
            self._running.pop((machine, instance), None)

    def _end(self, at: float, machine: int, ended: FlowEnded) -> None:
        flow, instance, outcome, failure, span, result, _ = ended
        level: Level = "error" if outcome == "failed" else "info"
        text = f"{outcome}: {failure}" if failure else outcome
        facts = {"result": result} if result is not None else None
        _, server, declared = self._running.pop((machine, instance), _NOBODY)
        self._put(at, machine, instance, "flow-ended", level, server, flow, span or declared, "", None, text, facts)

    # --- entries ------------------------------------------------------------------------------------------------------

    def _of_run(
        self,
        at: float,
        kind: str,
        level: Level,
        server: str | None,
        text: str,
        facts: Mapping[str, object] | None = None,
    ) -> None:
        """An entry that concerns the whole run, or one of its servers."""
        self._put(at, None, None, kind, level, server, None, None, "", None, text, facts)

    def _of_flow(
        self,
        at: float,
        machine: int,
        instance: int | None,
        kind: str,
        level: Level,
        flow: str | None,
        span: Span | None,
        text: str,
        facts: Mapping[str, object] | None = None,
        message: bytes | None = None,
    ) -> None:
        _, server, _ = self._running.get((machine, instance), _NOBODY) if instance is not None else _NOBODY
        self._put(at, machine, instance, kind, level, server, flow, span, "", None, text, facts, message)

    def _of_action(
        self,
        at: float,
        action_id: str,
        kind: str,
        level: Level,
        text: str | None,
        facts: Mapping[str, object] | None = None,
        message: bytes | None = None,
    ) -> None:
        what, machine, instance, flow, server, span = self._open.get(action_id, _NOTHING_OPEN)
        self._put(at, machine, instance, kind, level, server, flow, span, what, action_id, text, facts, message)

    def _put(
        self,
        at: float,
        machine: int | None,
        instance: int | None,
        kind: str,
        level: Level,
        server: str | None,
        flow: str | None,
        span: Span | None,
        what: str,
        action: str | None,
        text: str | None,
        facts: Mapping[str, object] | None,
        message: bytes | None = None,
    ) -> None:
        page = self._page
        key = (machine, kind, level, server, flow, id(span), what)
        number = page.known.get(key)
        if number is None:
            file, line = (span.path, self._line(machine, span)) if span is not None else (None, None)
            said = _SAID.get(kind, "{}: ").format(what) if what else ""
            number = page.introduce(key, (machine, kind, level, server, flow, file, line, said), span)
        page.add(at, number, instance, action, text, _json(facts) if facts else None, message)
        if page.full:
            self._page = self._batch.turn_page()

    def _line(self, machine: int | None, span: Span) -> int | None:
        """The line of a span, kept by its identity: a plan has few, and they come again and again."""
        if machine is None or machine not in self._sources:
            return None
        lines = self._lines[machine]
        kept = lines.get(id(span))
        if kept is None or kept[0] is not span:
            source = self._sources[machine].get(span.path)
            kept = lines[id(span)] = (span, source.position(span.start)[0] if source is not None else None)
        return kept[1]


def of_run(at: float, kind: str, level: Level, server: str | None, text: str, facts: Mapping[str, object]) -> Row:
    """An entry that concerns the whole run, or one of its servers."""
    return Row(at, None, None, kind, level, server, None, None, None, None, text, _json(facts) if facts else None, None)


def _would(note: Noted) -> bytes:
    """The action that a run in the shadow did not send."""
    headers = note.facts.get("headers")
    return _on_wire((("Action", note.text), *(headers if isinstance(headers, tuple) else ())))


def _on_wire(headers: Iterable[tuple[str, str]]) -> bytes:
    return to_bytes("\r\n".join(map(": ".join, headers)))


def _json(facts: Mapping[str, object]) -> str:
    return json.dumps({name: to_plain(fact) for name, fact in facts.items()})
