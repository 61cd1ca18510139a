"""What is to be written down of a run: each input and effect of its machines as rows.

Belongs here: which facts there are, what each says, and what ties an answer to its action. Never here: where rows are
kept (`live.journal_file`). A scribe is fed in the order in which things happened, and need not be fed at once: it runs
beside the loop, which hands over nothing but references to frozen data.

An event is written where a flow began with it or took it; what nobody waited for is not. Of an event list only the
number of rows is written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import NamedTuple, assert_never

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
from amiflow.engine.values import to_plain
from amiflow.report.source import Source, Span


class Row(NamedTuple):
    """One entry. `at` is the epoch in seconds; `machine` counts the plans of a run from 0, none for what concerns the
    whole run; `action` is the ActionID; `facts` JSON; `message` an event, response or action as on the wire."""

    at: float
    machine: int | None
    instance: int | None
    kind: str
    level: Level
    server: str | None
    flow: str | None
    file: str | None
    line: int | None
    action: str | None
    text: str
    facts: str | None
    message: bytes | None


class Doing(NamedTuple):
    """An open action or errand: what it is, and whose."""

    what: str
    machine: int
    instance: int
    flow: str | None
    server: str | None
    span: Span


class Run(NamedTuple):
    """A run of a flow: the flow, its server, and where the flow is declared."""

    flow: str | None
    server: str | None
    span: Span | None


_NOBODY = Run(None, None, None)

_LEAVES = frozenset(("put-away", "suppressed"))
"""With these a run leaves without an end: put away, or, taken up in a queue, it never began."""

_UNKNOWN = "unknown: amiflow ended before the answer came"
_UNSENT = "unsent: amiflow ended before it could be sent"
_CUT_SHORT: tuple[str, Level, str] = ("flow-ended", "error", "failed: amiflow ended before it did")
_LEFT: tuple[str, Level, str] = ("put-away", "warn", "amiflow ended before it did: the next run takes it up")


class Scribe:
    """The rows of one run. `sources` are those of each machine's plan; `began` is when the run did."""

    def __init__(self, sources: Sequence[Iterable[Source]], servers: Iterable[str], began: float) -> None:
        self._latest: dict[str, Source] = {}
        self._sources: list[dict[str, Source]] = []
        self._lines: list[dict[int, tuple[Span, int | None]]] = []
        self._blind = dict.fromkeys(servers, began)
        self._new = set(self._blind)
        self._running: dict[tuple[int, int], Run] = {}
        self._open: dict[str, Doing] = {}
        self._on_wire: set[str] = set()
        self._remembered: set[tuple[int, int]] = set()
        for one in sources:
            self.introduce(one)

    def introduce(self, sources: Iterable[Source]) -> None:
        """The plan of the next machine. Recipes may be read again every few minutes, mostly for their tables, for as
        long as a run lasts: a text that is the same is kept once."""
        given = tuple(sources)
        for source in given:
            if self._latest.get(source.path) != source:
                self._latest[source.path] = source
        self._sources.append({source.path: self._latest[source.path] for source in given})
        self._lines.append({})

    def rows(self, at: float, machine: int | None, item: Input | None, effects: Sequence[Effect]) -> Iterator[Row]:
        """What an input was and what came of it; a machine of none is for an input that all are given."""
        if item is not None:
            yield from self._input(at, item)
        for effect in effects:
            yield from self._effect(at, machine or 0, effect)

    def last(self, at: float) -> Iterator[Row]:
        """The run is over: the gaps that it leaves open, and, where it was cut short, its actions and flows."""
        for action_id in list(self._open):
            text = _UNKNOWN if action_id in self._on_wire else _UNSENT
            yield self._of_action(at, action_id, "unanswered", "warn", text)
            self._close(action_id)
        for (machine, instance), (flow, _, span) in list(self._running.items()):
            kind, level, text = _LEFT if (machine, instance) in self._remembered else _CUT_SHORT
            yield self._row(at, machine, instance, kind, level, flow, span, text)
            del self._running[machine, instance]
        for server in list(self._blind):
            yield self._gap(at, server)

    # --- inputs -------------------------------------------------------------------------------------------------------

    def _input(self, at: float, item: Input) -> Iterator[Row]:
        match item:
            case Sent(action_id=action_id):
                if action_id in self._open:
                    self._on_wire.add(action_id)
                    yield self._of_action(at, action_id, "sent", "info", "is on the wire")
            case Answered():
                yield self._answer(at, item)
            case Unanswered(action_id=action_id, kind=kind, reason=reason):
                text = f"{kind}: {reason}" if reason else f"{kind}: the connection broke before the answer came"
                yield self._of_action(at, action_id, "unanswered", "warn", text)
                self._close(action_id)
            case ServerReady(server=server, ami_version=version, restarted=restarted, unseen=unseen):
                text = f"connected (manager interface {version or 'unknown'})"
                text += ", Asterisk was restarted" if restarted else ""
                yield of_run(at, "connected", "info", server, text, {})
                if server in self._blind:
                    yield self._gap(at, server, unseen)
            case ServerLost(server=server, reason=reason, silent=silent):
                self._blind.setdefault(server, at - silent)
                yield of_run(at, "lost", "warn", server, reason, {"silent": silent})
            case Pause(flow=flow, why=why):
                yield of_run(at, "paused", "warn", None, f"{flow or 'every flow'}: {why}", {"flow": flow})
            case Resume(flow=flow, why=why):
                yield of_run(at, "resumed", "info", None, f"{flow or 'every flow'}, which {why}", {"flow": flow})
            case StopRuns(flow=flow, instance=number):
                which = "every run" if number is None else f"run {number}"
                yield of_run(at, "stop-flow", "warn", None, f"{which} of {flow} is to stop", {"flow": flow})
            case Retire():
                yield of_run(at, "reloaded", "info", None, "the recipes were read again", {})
            case StopAsked(reason=reason):
                yield of_run(at, "stop-asked", "info", None, reason, {})
            case SourceEnded():
                yield of_run(at, "source-ended", "info", None, "nothing more will come", {})
            case ErrandDone():
                yield self._result(at, item)
            case Signalled(name=name, fields=given):
                yield of_run(at, "signal-came", "info", None, name, given)
            case Received() | Tick() | Restored():
                return
            case _:
                assert_never(item)

    def _gap(self, at: float, server: str, unseen: float | None = None) -> Row:
        """A gap ends. It is as long as it was, whatever the wall clock has been set to meanwhile."""
        since = min(self._blind.pop(server), at)
        since = since if unseen is None else at - unseen
        level: Level = "info" if server in self._new else "warn"  # until it is connected to nothing is missed
        self._new.discard(server)
        text = f"no events were seen for {at - since:.3f} s"
        return of_run(at, "gap", level, server, text, {"from": since, "to": at})

    def _answer(self, at: float, item: Answered) -> Row:
        words = item.response.get("Message")
        text = item.response.name + (f": {words}" if words else "")
        facts = {"rows": len(item.rows)} if item.rows else {}
        row = self._of_action(at, item.action_id, "answer", "info", text, facts, item.response.raw)
        self._close(item.action_id)
        return row

    def _of_action(
        self,
        at: float,
        action_id: str,
        kind: str,
        level: Level,
        text: str,
        facts: Mapping[str, object] | None = None,
        message: bytes | None = None,
    ) -> Row:
        doing = self._open.get(action_id)
        if doing is None:
            return Row(at, None, None, kind, level, None, None, None, None, action_id, text, _json(facts), message)
        span, line = doing.span, self._line(doing.machine, doing.span)
        said = f"{doing.what} {text}" if kind == "sent" else f"{doing.what}: {text}"
        whose = (doing.machine, doing.instance, kind, level, doing.server, doing.flow, span.path, line)
        return Row(at, *whose, action_id, said, _json(facts), message)

    def _close(self, action_id: str) -> None:
        self._open.pop(action_id, None)
        self._on_wire.discard(action_id)

    # --- effects ------------------------------------------------------------------------------------------------------

    def _effect(self, at: float, machine: int, effect: Effect) -> Iterator[Row]:
        match effect:
            case Noted():
                yield from self._note(at, machine, effect)
            case Send():
                yield self._action(at, machine, effect)
            case FlowEnded():
                yield self._end(at, machine, effect)
            case Withdraw(action_id=action_id):
                yield self._of_action(at, action_id, "withdrawn", "info", "its answer is awaited no longer")
                if action_id not in self._on_wire:
                    self._close(action_id)
            case Errand():
                yield self._errand(at, machine, effect)
            case Recall(errand_id=errand_id):
                yield self._of_action(at, errand_id, "recalled", "info", "its outcome is awaited no longer")
                self._close(errand_id)
            case Signal(name=name, fields=given, instance=instance, span=span):
                flow, _, _ = self._running.get((machine, instance), _NOBODY)
                yield self._row(at, machine, instance, "signal", "info", flow, span, name, given)
            case SignalReply(value=value, failure=failure):
                facts = {"value": value} if failure is None else {}
                yield of_run(at, "signal-reply", "info", None, failure or "a flow replies", facts)
            case Said(level=level, text=text, flow=flow, instance=instance, span=span):
                yield self._row(at, machine, instance, "log", level, flow, span, text)
            case Remember(instance=instance, state=state):
                change = self._remembered.discard if state is None else self._remembered.add
                change((machine, instance))
            case Exit():
                if machine < len(self._lines):
                    self._lines[machine].clear()
            case StoreChanged():
                return
            case _:
                assert_never(effect)

    def _action(self, at: float, machine: int, send: Send) -> Row:
        flow, _, _ = self._running.get((machine, send.instance), _NOBODY)
        what = send.headers[0][1]
        self._open[send.action_id] = Doing(what, machine, send.instance, flow, send.server, send.span)
        return self._of_action(at, send.action_id, "action", "info", "is to be sent", None, _on_wire(send.headers))

    def _errand(self, at: float, machine: int, errand: Errand) -> Row:
        flow, server, _ = self._running.get((machine, errand.instance), _NOBODY)
        what = describe(errand.request)
        self._open[errand.errand_id] = Doing(what, machine, errand.instance, flow, server, errand.span)
        facts = {field.name: getattr(errand.request, field.name) for field in fields(errand.request)}
        return self._of_action(at, errand.errand_id, "errand", "info", "is to be done", facts)

    def _result(self, at: float, item: ErrandDone) -> Row:
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
        row = self._of_action(at, item.errand_id, "errand-result", level, words, facts)
        self._close(item.errand_id)
        return row

    def _note(self, at: float, machine: int, note: Noted) -> Iterator[Row]:
        """The answer and the gap are written from the inputs, which say more."""
        if note.kind in ("answer", "gap"):
            return
        facts, message = note.facts, note.message
        if note.kind in ("flow-started", "resumed") and note.instance is not None and note.flow is not None:
            server, events = facts.get("server"), facts.get("events")
            self._running[machine, note.instance] = Run(
                note.flow, server if isinstance(server, str) else None, note.span
            )
            if isinstance(events, tuple):
                message = None
                for event in events:
                    yield self._row(
                        at, machine, note.instance, "event", "info", note.flow, note.span, event.name, None, event.raw
                    )
            facts = {name: facts[name] for name in ("key", "of", "after") if name in facts}
        raw = message.raw if message is not None else None
        if note.kind == "would-send":
            facts, raw = {}, _would(note)
        yield self._row(at, machine, note.instance, note.kind, note.level, note.flow, note.span, note.text, facts, raw)
        if note.kind in _LEAVES and note.instance is not None:
            self._running.pop((machine, note.instance), None)

    def _end(self, at: float, machine: int, ended: FlowEnded) -> Row:
        level: Level = "error" if ended.outcome == "failed" else "info"
        text = f"{ended.outcome}: {ended.failure}" if ended.failure else ended.outcome
        facts = {"result": ended.result} if ended.result is not None else None
        span = ended.span or self._running.get((machine, ended.instance), _NOBODY).span
        row = self._row(at, machine, ended.instance, "flow-ended", level, ended.flow, span, text, facts)
        self._running.pop((machine, ended.instance), None)
        return row

    def _row(
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
    ) -> Row:
        server = self._running.get((machine, instance), _NOBODY).server if instance is not None else None
        file, line = (span.path, self._line(machine, span)) if span is not None else (None, None)
        return Row(at, machine, instance, kind, level, server, flow, file, line, None, text, _json(facts), message)

    def _line(self, machine: int, span: Span) -> int | None:
        """The line of a span, kept by its identity: a plan has few, and they come again and again."""
        if machine >= len(self._sources):
            return None
        lines = self._lines[machine]
        kept = lines.get(id(span))
        if kept is None or kept[0] is not span:
            source = self._sources[machine].get(span.path)
            kept = lines[id(span)] = (span, source.position(span.start)[0] if source is not None else None)
        return kept[1]


def of_run(at: float, kind: str, level: Level, server: str | None, text: str, facts: Mapping[str, object]) -> Row:
    """An entry that concerns the whole run, or one of its servers."""
    return Row(at, None, None, kind, level, server, None, None, None, None, text, _json(facts), None)


def _would(note: Noted) -> bytes:
    """The action that a run in the shadow did not send."""
    headers = note.facts.get("headers")
    return _on_wire((("Action", note.text), *(headers if isinstance(headers, tuple) else ())))


def _on_wire(headers: Iterable[tuple[str, str]]) -> bytes:
    return to_bytes("\r\n".join([f"{name}: {value}" for name, value in headers]))


def _json(facts: Mapping[str, object] | None) -> str | None:
    return json.dumps({name: to_plain(fact) for name, fact in facts.items()}) if facts else None
