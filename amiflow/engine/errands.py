"""Errands of running flows: what is done outside of the PBX, by workers beside the loop, and awaited.

Belongs here: what becomes of an `Errand` step from its values to its outcome. Never here: doing it, and whether the run
allows it (`live.effects`).
"""

from __future__ import annotations

import json
import string
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import assert_never

from amiflow.ami.message import HALVES, to_bytes
from amiflow.engine.core import Core
from amiflow.engine.effects import (
    AppendRequest,
    Errand,
    ErrandDone,
    ExecRequest,
    ExecResult,
    HttpRequest,
    HttpResult,
    Recall,
    Request,
    Signal,
)
from amiflow.engine.evaluate import EvaluationError, Frame
from amiflow.engine.functions import parsed_json
from amiflow.engine.instance import Instance, OnErrand
from amiflow.engine.values import Failure, Value, to_plain, to_text
from amiflow.plan import model
from amiflow.plan.durations import duration_text
from amiflow.plan.errands import AppendCall, ExecCall, HttpCall, SignalCall
from amiflow.plan.expressions import Expr

_WITHIN = 5.0  # seconds, where the step says nothing
_PLAIN = frozenset(string.ascii_letters + string.digits + "-._~")
_READS = frozenset({"get", "head"})
_FIRST_ERROR = 400  # of the statuses of HTTP


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What an errand came to: a value or a failure, and whether it may be tried again."""

    value: Value = None
    failure: Failure | None = None
    again: bool = False


class Errands:
    """The open errands of a machine."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._open: dict[str, Instance] = {}

    # --- a step -------------------------------------------------------------------------------------------------------

    def begin(self, instance: Instance, step: model.Errand) -> bool:
        """Begin an errand. True where the flow goes on at once: its values cannot be had, or nothing is awaited."""
        try:
            if isinstance(step.operation, SignalCall):
                self._signal(instance, step, step.operation)
                return True
            block = self._prepare(instance, step)
        except EvaluationError as error:
            instance.break_off(step, Failure("failed", error.text), error.span)
            return True
        if self._core.options.shadow:
            self._pretend(instance, step, block.request)
            return True
        instance.block = block
        self._attempt(instance, block)
        return False

    def _prepare(self, instance: Instance, step: model.Errand) -> OnErrand:
        core, frame = self._core, self._core.frame(instance.names, instance.server)
        within = core.seconds(step.within, frame) if step.within is not None else _WITHIN
        times = core.count(step.retry.times, frame) if step.retry else 0
        every = core.seconds(step.retry.every, frame) if step.retry else 0.0
        return OnErrand(step, self._request(step, frame), within, times, every)

    def _request(self, step: model.Errand, frame: Frame) -> Request:
        value = self._core.value
        match step.operation:
            case HttpCall() as call:
                return self._http(call, frame)
            case ExecCall(argv=argv):
                words = tuple(map(to_text, value(argv, frame)))
                if not words or any("\0" in word for word in words):
                    raise EvaluationError("there is no program to be run", argv.span)
                return ExecRequest(words)
            case AppendCall(path=path, record=record):
                return AppendRequest(to_text(value(path, frame)), _json(value(record, frame)) + "\n")
            case SignalCall():
                raise AssertionError("a signal is not awaited")
            case other:
                assert_never(other)

    def _http(self, call: HttpCall, frame: Frame) -> HttpRequest:
        value = self._core.value
        url = to_text(value(call.url, frame))
        written = self._texts(call.headers, frame)
        if call.headers is not None and any(set(text) & {"\r", "\n", "\0"} for text in written.values()):
            raise EvaluationError("a value holds a line break", call.headers.span)
        if call.json is not None:
            kind, body = "application/json", _json(value(call.json, frame))
        elif call.form is not None:
            kind, body = "application/x-www-form-urlencoded", _form(self._texts(call.form, frame))
        elif call.body is not None:
            kind, body = "text/plain; charset=utf-8", to_text(value(call.body, frame))
        else:
            return HttpRequest(call.method, url, tuple(written.items()), None)
        own = {} if any(name.casefold() == "content-type" for name in written) else {"Content-Type": kind}
        return HttpRequest(call.method, url, tuple({**own, **written}.items()), body)

    def _texts(self, record: Expr | None, frame: Frame) -> dict[str, str]:
        fields: Mapping[str, Value] = self._core.value(record, frame) if record is not None else {}
        if record is not None and not isinstance(fields, dict):
            raise EvaluationError(f"{to_text(fields)} is no record", record.span)
        texts = {name: to_text(text) for name, text in fields.items() if text is not None}
        if record is not None and any(map(HALVES.search, texts.values())):
            raise EvaluationError("a value holds half a character", record.span)
        return texts

    def _signal(self, instance: Instance, step: model.Errand, call: SignalCall) -> None:
        core, frame = self._core, self._core.frame(instance.names, instance.server)
        fields = {name: to_text(core.value(value, frame)) for name, value in call.fields}
        promise = f"{core.options.prefix}-e{core.number('errand')}" if instance.program.keeps else ""
        core.emit(Signal(call.name, fields, instance.id, step.span, instance.own_line, promise))
        instance.position += 1

    def _pretend(self, instance: Instance, step: model.Errand, request: Request) -> None:
        """Note an errand instead of having it done, and go on as if it had succeeded."""
        core = self._core
        core.note("would-do", "info", describe(request), instance=instance, span=step.span)
        imagined = {"status": 200, "text": "", "data": None, "code": 0, "out": ""}
        self._succeed(instance, step, imagined)

    def _attempt(self, instance: Instance, block: OnErrand) -> None:
        core = self._core
        core.change(instance)
        block.between = False
        block.errand_id = f"{core.options.prefix}-e{core.number('errand')}"
        until = core.now + block.within
        block.timer = core.timers.set(until, "block", instance)
        self._open[block.errand_id] = instance
        promised = instance.program.keeps and not _reads(block.request)
        core.emit(Errand(block.errand_id, block.request, until, instance.id, block.step.span, promised))

    # --- what came of it ----------------------------------------------------------------------------------------------

    def done(self, item: ErrandDone) -> None:
        """An outcome; one that nobody waits for any more is let pass."""
        instance = self._open.pop(item.errand_id, None)
        block = instance.block if instance is not None else None
        if instance is None or not isinstance(block, OnErrand):
            return
        self._core.timers.cancel(block.timer)
        outcome = _outcome(item, _reads(block.request))
        if outcome.failure is None:
            self._core.note("errand-done", "debug", describe(block.request), instance=instance, span=block.step.span)
            self._succeed(instance, block.step, outcome.value)
            self._core.resume(instance)
        else:
            self._fail(instance, block, outcome.failure, outcome.again)

    def expire(self, instance: Instance, block: OnErrand) -> None:
        """The attempt's time is over, or the pause before the next one."""
        if block.between:
            self._attempt(instance, block)
            return
        self.abandon(block)
        text = f"{describe(block.request)}: no answer within {duration_text(timedelta(seconds=block.within))}"
        self._fail(instance, block, Failure("timeout", text), _reads(block.request))

    def abandon(self, block: OnErrand) -> None:
        """The flow waits no longer for the errand."""
        self._core.timers.cancel(block.timer)
        if self._open.pop(block.errand_id, None) is not None:
            self._core.emit(Recall(block.errand_id))

    def rejoin(self, instance: Instance, block: OnErrand) -> None:
        """The flow is in an errand after a restart: what merely reads is asked again."""
        if block.between:
            return
        self._core.timers.cancel(block.timer)
        if _reads(block.request):
            self._attempt(instance, block)
        else:
            text = f"{describe(block.request)}: amiflow was restarted before it was known what came of it"
            self._fail(instance, block, Failure("unknown", text), False)

    def _succeed(self, instance: Instance, step: model.Errand, value: Value) -> None:
        if step.into is not None:
            instance.names[step.into] = value
        instance.position += 1

    def _fail(self, instance: Instance, block: OnErrand, failure: Failure, again: bool) -> None:
        core, step = self._core, block.step
        core.change(instance)
        core.note("errand-failed", "debug", failure.message, instance=instance, span=step.span, failure=failure.kind)
        if again and block.attempts > 0:
            block.attempts -= 1
            block.between = True
            block.timer = core.timers.set(core.now + block.every, "block", instance)
        else:
            instance.break_off(step, failure)
            core.resume(instance)


def describe(request: Request) -> str:
    """What is to be done, in a few words: without bodies, headers and what stands behind a URL's `?`."""
    match request:
        case HttpRequest(method=method, url=url):
            return f"http {method} {url.partition('?')[0]}"
        case ExecRequest(argv=argv):
            return f"exec {argv[0]}"
        case AppendRequest(path=path):
            return f"append {path}"
        case other:
            assert_never(other)


def _reads(request: Request) -> bool:
    return isinstance(request, HttpRequest) and request.method in _READS


def _outcome(item: ErrandDone, reads: bool) -> _Outcome:
    match item.result:
        case HttpResult(status=status, text=text) if status >= _FIRST_ERROR:
            return _Outcome(None, Failure("error", f"the server answered {status}: {text[:200].strip()}"), True)
        case HttpResult(status=status, text=text):
            return _Outcome({"status": status, "text": text, "data": parsed_json(text)})
        case ExecResult(code=code, out=out):
            return _Outcome({"code": code, "out": out})
        case None if item.failure is not None:
            return _Outcome(None, Failure("failed", item.failure), reads or not item.begun)
        case None:
            return _Outcome()
        case other:
            assert_never(other)


def _form(fields: Mapping[str, str]) -> str:
    return "&".join(f"{quoted(name)}={quoted(text)}" for name, text in fields.items())


def quoted(text: str) -> str:
    """Percent-encoded but for letters, digits and `-._~`, as RFC 3986 wants it."""
    return "".join(chr(byte) if chr(byte) in _PLAIN else f"%{byte:02X}" for byte in to_bytes(text))


def _json(value: Value) -> str:
    return json.dumps(to_plain(value), ensure_ascii=False)
