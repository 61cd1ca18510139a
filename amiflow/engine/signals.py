"""Signals from outside, and from other flows of the run: which flows they start, and what these reply.

Belongs here: the trigger `on signal`. Never here: how a signal comes in (`live.control`), the step `signal`
(`errands`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from amiflow.engine.admission import Admission
from amiflow.engine.core import Core
from amiflow.engine.effects import Signalled, SignalReply
from amiflow.engine.evaluate import EvaluationError
from amiflow.engine.instance import Instance
from amiflow.engine.ours import Line
from amiflow.engine.program import Program
from amiflow.engine.values import BadText, Value, read, to_plain
from amiflow.plan.triggers import OnSignal


class Signals:
    """The `on signal` flows of a machine. A signal whose sender waits gets one reply: that of the first flow that it
    started to end. `asked` are the runs whose end is awaited, each with the signal."""

    def __init__(self, core: Core, admission: Admission) -> None:
        self._core = core
        self._admission = admission
        self.asked: dict[Instance, str] = {}
        admission.discarded = self.ended

    def take(self, item: Signalled) -> None:
        """The signal has come."""
        wanted = [one for one in self._core.programs if _takes(one, item.name)]
        kind: Literal["unknown", "idle", "wrong"] = "idle" if wanted else "unknown"
        reason = "no flow was started by it" if wanted else "no flow takes this signal"
        started = []
        for program in wanted if not self._admission.closed else ():
            try:
                instance = self._start(program, item.fields, item.line)
            except (BadText, EvaluationError) as error:
                kind, reason, flow = "wrong", str(error), program.flow
                self._core.note("signal-refused", "warn", f"{item.name}: {error}", flow=flow.name, span=flow.span)
                continue
            if instance is None and (why := self._admission.paused(program.flow.name)) is not None:
                reason = f"{program.flow.name}: {why}"
            started += [instance] if instance is not None else []
        if item.signal_id is None:
            return
        if started:
            self.asked |= dict.fromkeys(started, item.signal_id)
        else:
            self._core.emit(SignalReply(item.signal_id, None, reason, kind))

    def _start(self, program: Program, fields: Mapping[str, str], line: Line) -> Instance | None:
        """Raises BadText where a field is missing, too much or of the wrong type; EvaluationError."""
        core, trigger, flow = self._core, program.flow.trigger, program.flow
        assert isinstance(trigger, OnSignal)
        server = core.servers[flow.server or core.options.servers[0]]
        names: dict[str, Value] = {trigger.name: _record(trigger, fields)} if trigger.name is not None else {}
        if trigger.name is None:
            _record(trigger, fields)
        if trigger.where is not None and not core.value(trigger.where, core.frame(names, server)):
            return None
        key = self._admission.key(program, names, server, None)
        return self._admission.start(program, server, names, key, None, line)

    def ended(self, instance: Instance) -> None:
        """A flow is over: if a signal's sender waits for it, this is the reply."""
        signal_id = self.asked.pop(instance, None)
        if signal_id is None:
            return
        self.asked = {one: other for one, other in self.asked.items() if other != signal_id}
        ending = instance.ending
        if ending is not None and ending.outcome == "failed":
            reason = ending.failure or "the flow failed"
            self._core.emit(SignalReply(signal_id, None, self._core.mask(reason), "failed"))
        elif ending is None or ending.outcome == "stopped":
            self._core.emit(SignalReply(signal_id, None, "the flow was stopped", "stopped"))
        else:
            self._core.emit(SignalReply(signal_id, to_plain(ending.result)))


def _takes(program: Program, signal: str) -> bool:
    trigger = program.flow.trigger
    return isinstance(trigger, OnSignal) and trigger.signal == signal


def _record(trigger: OnSignal, fields: Mapping[str, str]) -> Value:
    known = {field.name for field in trigger.fields}
    strange = sorted(fields.keys() - known)
    if strange:
        raise BadText(f"the signal {trigger.signal} has no field `{strange[0]}`")
    record = {}
    for field in trigger.fields:
        # What is left out, or left empty, may be none; what is there and of another type is a mistake of the sender's.
        given = fields.get(field.name)
        coding = replace(field.coding, optional=False) if given else field.coding
        try:
            record[field.name] = read(given, coding, False)
        except BadText as error:
            missing = field.name not in fields
            raise BadText(f"`{field.name}` is missing" if missing else f"`{field.name}`: {error}") from error
    return record
