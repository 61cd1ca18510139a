"""Actions of running flows: sending, awaiting the answer, attempts.

Belongs here: what becomes of an `Act` step from its headers to its outcome. Never here: the connection's business (one
action outstanding at a time, matching responses: `ami.session`), and what only Originate has (`originate`).
"""

from __future__ import annotations

from datetime import timedelta

from amiflow.ami.message import Message
from amiflow.engine.core import Core
from amiflow.engine.drafts import Drafts
from amiflow.engine.effects import Answered, Noted, Send, Sent, Unanswered, Withdraw
from amiflow.engine.emergency import Guard
from amiflow.engine.evaluate import EvaluationError
from amiflow.engine.hangups import Hangups
from amiflow.engine.instance import Acting, Instance
from amiflow.engine.limits import Limits, Shared
from amiflow.engine.originate import (
    DIAL_END_WITHIN,
    default_within,
    dress,
    explained,
    imagined,
    is_originate,
    is_unexplained,
    outcome,
)
from amiflow.engine.server import Server
from amiflow.engine.tape import Tape
from amiflow.engine.values import Call, Failure, FailureKind, Reply, Value
from amiflow.plan.durations import duration_text
from amiflow.plan.model import Act


class Actions:
    """The open actions of a machine."""

    def __init__(self, core: Core, tape: Tape, shared: Shared) -> None:
        self._core = core
        self._tape = tape
        self._named = shared.named
        self._open: dict[str, Instance] = {}
        self._calls: dict[str, Instance] = {}  # those that are awaited, by the Uniqueid chosen for them
        self._held: dict[Instance, None] = {}
        self._drafts = Drafts(core)
        self._most_waiting = core.options.caps.actions_waiting if core.options.caps is not None else None
        self.hangups = Hangups(core)
        self.limits = Limits(core, self._turn, shared)

    @property
    def cleaning(self) -> bool:
        """Whether calls are still to be hung up."""
        return len(self.hangups) > 0

    # --- a step -------------------------------------------------------------------------------------------------------

    def begin(self, instance: Instance, step: Act) -> bool:
        """Begin an action. True where the flow goes on at once: its headers cannot be had, or nothing is sent."""
        try:
            acting = self._drafts.prepare(instance, step)
        except EvaluationError as error:
            text = f"{step.action}: {error.text}"
            self._core.note("action-failed", "debug", text, instance=instance, span=error.span, failure="failed")
            instance.break_off(step, Failure("failed", error.text), error.span)
            return True
        if self._core.options.shadow and not step.reads:
            why = self._forbidden(instance, acting)
            if why is None:
                self._pretend(instance, acting)
            else:
                instance.break_off(step, self._forbid(instance, step, why))
            return True
        if self._most_waiting is not None and self._is_full(self._most_waiting, instance.program.flow.urgent):
            self._refuse(instance, step)
            return True
        instance.block = acting
        self._attempt(instance, acting)
        return False

    def _is_full(self, most: int, urgent: bool) -> bool:
        """Whether as many actions as may wait do: for their turn, the connection or their answer. `urgent` ones find
        room beside all the others."""
        most = most * 2 if urgent else most
        return len(self._open) + len(self._held) + len(self.hangups) + self.limits.waiting >= most

    def _refuse(self, instance: Instance, step: Act) -> None:
        core = self._core
        text = "too many actions wait already (`actions_waiting` under `limits` of the configuration)"
        core.counters["action-refused", instance.program.flow.name] += 1
        if core.is_due("actions_waiting"):
            core.note("action-refused", "error", f"{step.action}: {text}", instance=instance, span=step.span)
        instance.break_off(step, Failure("failed", text))

    def _attempt(self, instance: Instance, acting: Acting) -> None:
        core = self._core
        acting.since = core.now
        acting.until = core.now + acting.within
        acting.timer = core.timers.set(acting.until, "block", instance)
        if instance.server.ready:
            self._hand(instance, acting)
        else:
            self._hold(instance, acting)

    def _hold(self, instance: Instance, acting: Acting) -> None:
        acting.phase = "held"
        self._held[instance] = None

    def _turn(self, instance: Instance) -> None:
        """Its turn in a limit has come."""
        if isinstance(instance.block, Acting):
            self._core.change(instance)
            blind = not instance.server.ready or self._is_blind(instance, instance.block.step)
            (self._hold if blind else self._send)(instance, instance.block)

    def _hand(self, instance: Instance, acting: Acting) -> None:
        if instance.server.guard is not None and self._is_blind(instance, acting.step):
            self._hold(instance, acting)
        elif self.limits.admits(acting.step.action, instance):
            self._send(instance, acting)
        else:
            acting.phase = "limited"

    def _is_blind(self, instance: Instance, step: Act) -> bool:
        """Whether it is to wait until it is known which calls must not be touched."""
        return instance.server.blind and not instance.program.allows_emergency and not step.reads

    def _guard(self, instance: Instance) -> Guard | None:
        return None if instance.program.allows_emergency else instance.server.guard

    def _send(self, instance: Instance, acting: Acting) -> None:
        core, step, headers = self._core, acting.step, acting.headers
        if instance.server.guard is not None and (why := self._forbidden(instance, acting)) is not None:
            self._fail(instance, acting, self._forbid(instance, step, why), False)
            return
        acting.phase = "handed"
        acting.action_id = f"{core.options.prefix}-{core.number('action')}"
        if is_originate(step.action):
            self._calls.pop(acting.channel_id, None)
            headers, acting.channel_id = dress(headers, f"{core.options.prefix}-c{core.number('call')}")
            acting.dial = acting.refusal = None
        if step.awaits_call:
            self._calls[acting.channel_id] = instance
        self._move(instance, acting)
        self._open[acting.action_id] = instance
        if not step.reads:
            self._remember(instance, acting, headers)
        if acting.channel_id:
            self.limits.dials(acting.action_id, default_within(headers))
        core.emit(
            Send(
                instance.server.name,
                acting.action_id,
                (("Action", step.action), *headers),
                step.event_list,
                step.reads,
                acting.until,
                instance.id,
                step.span,
                # It may go on after a restart: what it may have sent must be known then.
                promised=instance.program.keeps and not step.reads,
            )
        )

    def _forbidden(self, instance: Instance, acting: Acting) -> str | None:
        """Why the action must not be sent, as far as is known now."""
        guard = self._guard(instance)
        return guard.forbids(acting.step.action, acting.headers) if guard is not None else None

    def _forbid(self, instance: Instance, step: Act, why: str) -> Failure:
        core = self._core
        text = f"{why}: only a flow with `allow emergency` may do that"
        core.counters["emergency", instance.program.flow.name] += 1
        core.note("emergency", "error", f"{step.action} was not sent: {text}", instance=instance, span=step.span)
        return Failure("failed", text)

    def _remember(self, instance: Instance, acting: Acting, headers: tuple[tuple[str, str], ...]) -> None:
        """What the action names and begins is this flow's doing."""
        core, action, line = self._core, acting.step.action, instance.own_line
        self._named.record(core.now, instance.server.name, action, headers, line)
        if core.options.caps is not None and (acting.channel_id or action.casefold() == "userevent"):
            self._named.began(core.now, acting.channel_id or acting.action_id, line)

    def _move(self, instance: Instance, acting: Acting) -> None:
        """The place moves to the sending: here, and once more when the bytes have really gone (`sent`)."""
        if instance.movable and not acting.step.reads:
            acting.moves = True
            instance.movable = False
            self._tape.move(instance, instance.server.seen)

    def _unmove(self, instance: Instance, acting: Acting) -> None:
        """It was not sent after all: the next action is the first again."""
        if acting.moves:
            acting.moves = False
            instance.movable = True

    def _pretend(self, instance: Instance, acting: Acting) -> None:
        """Note an action instead of sending it, and go on as if it had succeeded."""
        core, step, headers = self._core, acting.step, acting.headers
        if is_originate(step.action):
            headers, acting.channel_id = dress(headers, f"{core.options.prefix}-c{core.number('call')}")
        self._move(instance, acting)
        shown = tuple((name, core.mask(text)) for name, text in headers)
        core.note("would-send", "info", step.action, instance=instance, span=step.span, headers=shown)
        response = Message.build((("Response", "Success"), ("Message", "Not sent")))
        value: Value = imagined(headers, acting.channel_id) if step.awaits_call else self._given(acting, response, ())
        self._succeed(instance, step, value)

    # --- what came of it ----------------------------------------------------------------------------------------------

    def sent(self, item: Sent) -> None:
        """The action is on the wire."""
        holder = self._open.get(item.action_id)
        acting = holder.block if holder is not None else None
        if holder is not None and isinstance(acting, Acting) and acting.phase == "handed":
            if holder.program.keeps:
                self._core.change(holder)
            acting.phase = "sent"
            if acting.moves:
                acting.moves = False
                self._tape.move(holder, holder.server.seen)

    def answered(self, item: Answered) -> bool:
        """The response came. False where it is of no action that a flow waits for."""
        holder, response = self._open.pop(item.action_id, None), item.response
        if response.name == "Error":
            self.limits.dialled(item.action_id)
        if holder is None or not isinstance(holder.block, Acting):
            self.hangups.over(item.action_id)
            return False
        acting = holder.block
        name, at, facts = holder.program.flow.name, acting.step.span, {"action_id": item.action_id}
        self._core.tell(Noted("answer", "debug", response.name, name, holder.id, at, facts, response))
        if response.name == "Error":
            self._fail(holder, acting, Failure("error", _refusal(response)), True)
        elif acting.step.awaits_call:
            self._core.change(holder)
            acting.phase = "called"
            self._open[item.action_id] = holder
        else:
            value = self._given(acting, response, item.rows) if acting.step.into is not None else None
            self._finish(holder, acting, value)
        return True

    def called(self, message: Message) -> None:
        """An OriginateResponse; it may come before the response."""
        action_id = message.get("ActionID") or ""
        self.limits.dialled(action_id)
        holder = self._open.get(action_id)
        acting = holder.block if holder is not None else None
        if holder is None or not isinstance(acting, Acting) or not acting.step.awaits_call:
            return
        result = outcome(message, acting.channel_id)
        if isinstance(result, Failure) and acting.dial is not None and is_unexplained(message):
            self._core.change(holder)
            acting.refusal = result
            self._explain(holder, acting)
            return
        del self._open[action_id]
        if isinstance(result, Call):
            self._finish(holder, acting, result)
        else:
            self._fail(holder, acting, result, True)

    def dialled(self, message: Message) -> None:
        """A DialBegin or DialEnd, perhaps of a call that is awaited."""
        instance = self._calls.get(message.get("DestUniqueid") or "")
        if instance is not None and isinstance(instance.block, Acting):
            self._core.change(instance)
            instance.block.dial = message.get("DialStatus") or ""
            self._explain(instance, instance.block)

    def _explain(self, instance: Instance, acting: Acting) -> None:
        """The call has failed: why, if that is known; else its DialEnd is waited for."""
        if acting.refusal is None:
            return
        if acting.dial:
            del self._open[acting.action_id]
            self._fail(instance, acting, explained(acting.refusal, acting.dial), True)
        else:
            self._core.timers.cancel(acting.timer)
            acting.timer = self._core.timers.set(self._core.now + DIAL_END_WITHIN, "block", instance)

    def unanswered(self, item: Unanswered) -> None:
        """No response will come."""
        if item.kind != "unknown":
            self.limits.dialled(item.action_id)
        holder = self._open.pop(item.action_id, None)
        (self.hangups.unsent if item.kind == "unsent" else self.hangups.over)(item.action_id)
        if holder is None or not isinstance(holder.block, Acting):
            return
        acting = holder.block
        match item.kind:
            case "unsent":
                self._core.change(holder)
                self._unmove(holder, acting)
                self._hold(holder, acting)  # for the rest of its time
            case "unknown":
                acting.phase = "sent"
                self._drop_call(holder, acting)
                text = item.reason or "the connection broke before the answer came"
                self._fail(holder, acting, Failure("unknown", text), acting.step.reads)
            case "invalid" | "refused":
                self._unmove(holder, acting)
                self._fail(holder, acting, Failure("failed", item.reason), False)

    def expire(self, instance: Instance, acting: Acting) -> None:
        """The attempt's time is over, or the pause before the next one."""
        if acting.phase == "between":
            self._core.change(instance)
            self._attempt(instance, acting)
            return
        if acting.refusal is not None:
            del self._open[acting.action_id]
            self._fail(instance, acting, acting.refusal, True)
            return
        phase, spell = acting.phase, duration_text(timedelta(seconds=acting.within))
        kept_back = self.abandon(instance, acting)
        match phase:
            case "held" if not instance.server.ready:
                self._fail(instance, acting, Failure("disconnected", f"no connection within {spell}"), True)
            case "held" if self._is_blind(instance, acting.step):
                text = f"not sent within {spell}: it is not known yet which calls are emergency calls"
                self._fail(instance, acting, Failure("timeout", text), True)
            case "limited" | "held" | "handed":
                self._unmove(instance, acting)
                why = f": {kept_back}" if kept_back else ""
                self._fail(instance, acting, Failure("timeout", f"could not be sent within {spell}{why}"), True)
            case "sent":
                self._fail(instance, acting, Failure("timeout", f"no answer within {spell}"), acting.step.reads)
            case _:
                gap = instance.server.gap_since(acting.since)
                kind: FailureKind = "unknown" if gap else "timeout"
                text = f"no OriginateResponse within {spell}"
                text += self._core.missed(instance, acting.step, [("OriginateResponse",)])
                self._fail(instance, acting, Failure(kind, text), False)

    def abandon(self, instance: Instance, acting: Acting) -> str | None:
        """The flow waits no longer for the action; a call that it began and has not got is hung up. What had kept the
        action back, where it had to wait for its turn."""
        kept_back = self.leave(instance, acting)
        if acting.phase == "handed":
            self.limits.dialled(acting.action_id)
        if acting.phase == "sent" or (acting.phase == "handed" and not self._core.retract(acting.action_id)):
            self._core.emit(Withdraw(instance.server.name, acting.action_id))
        self._drop_call(instance, acting)
        return kept_back

    def leave(self, instance: Instance, acting: Acting) -> str | None:
        """The flow waits no longer for the action, and leaves all as it is. What had kept it back."""
        self._core.timers.cancel(acting.timer)
        self._held.pop(instance, None)
        kept_back = self.limits.leave(acting.step.action, instance)
        self._open.pop(acting.action_id, None)
        self._calls.pop(acting.channel_id, None)
        return kept_back

    def _given(self, acting: Acting, response: Message, rows: tuple[Message, ...]) -> Value:
        """What the step's name is bound to."""
        is_call = is_originate(acting.step.action)
        return Call(None, acting.channel_id, response) if is_call else Reply(response, rows)

    def _finish(self, instance: Instance, acting: Acting, value: Value) -> None:
        core = self._core
        core.timers.cancel(acting.timer)
        if acting.channel_id:
            self._calls.pop(acting.channel_id, None)
        self._succeed(instance, acting.step, value)
        core.resume(instance)

    def _succeed(self, instance: Instance, step: Act, value: Value) -> None:
        if step.into is not None:
            instance.names[step.into] = value
        instance.position += 1

    def _fail(self, instance: Instance, acting: Acting, failure: Failure, again: bool) -> None:
        """The attempt failed: try again where that is allowed and asked for, else the step has failed."""
        core, step = self._core, acting.step
        core.change(instance)
        core.timers.cancel(acting.timer)
        self._calls.pop(acting.channel_id, None)
        text = f"{step.action}: {failure.message}"
        core.note("action-failed", "debug", text, instance=instance, span=step.span, failure=failure.kind)
        if again and acting.attempts > 0:
            acting.attempts -= 1
            acting.phase = "between"
            acting.timer = core.timers.set(core.now + acting.every, "block", instance)
        else:
            instance.break_off(step, failure)
            core.resume(instance)

    # --- after a restart ----------------------------------------------------------------------------------------------

    def rejoin(self, instance: Instance, acting: Acting) -> None:
        """The flow is in an action after a restart; what is held goes out next. What has gone out, or may have, and
        changes something is never sent again."""
        match acting.phase:
            case "between":
                pass
            case "called":
                self._open[acting.action_id] = self._calls[acting.channel_id] = instance
                self.limits.dials(acting.action_id, max(acting.until - self._core.now, 0.0))
            case "handed" | "sent" if not acting.step.reads:
                acting.phase = "sent"
                self._drop_call(instance, acting)
                text = "amiflow was restarted before the answer came"
                self._fail(instance, acting, Failure("unknown", text), False)
            case _ if acting.until <= self._core.now:
                spell = duration_text(timedelta(seconds=acting.within))
                self._fail(instance, acting, Failure("disconnected", f"no connection within {spell}"), True)
            case _:
                self._hold(instance, acting)

    def forsake(self, instance: Instance, acting: Acting) -> None:
        """The flow will not go on after a restart: a call that it may have begun is hung up."""
        self._core.timers.cancel(acting.timer)
        acting.phase = "sent" if acting.phase == "handed" else acting.phase
        self._drop_call(instance, acting)

    def found(self, instance: Instance, acting: Acting, channel: str) -> None:
        """The call that it awaits was answered while nobody listened."""
        self._close(acting)
        self._finish(instance, acting, Call(channel, acting.channel_id, None))

    def lose(self, instance: Instance, acting: Acting, why: str) -> None:
        """The call that it awaits is no more, and how it went was not seen."""
        self._close(acting)
        self._fail(instance, acting, acting.refusal or Failure("lost", f"no OriginateResponse: {why}"), False)

    def _close(self, acting: Acting) -> None:
        del self._open[acting.action_id]
        self.limits.dialled(acting.action_id)

    # --- connections --------------------------------------------------------------------------------------------------

    def connected(self, server: Server) -> None:
        """The server can be used again: what waited for it goes out, in its order."""
        for instance in [held for held in self._held if held.server is server]:
            del self._held[instance]
            self._core.change(instance)
            if isinstance(instance.block, Acting):
                self._hand(instance, instance.block)
        self.hangups.connected(server)

    def _drop_call(self, instance: Instance, acting: Acting) -> None:
        """A call that the flow began and has not got is hung up."""
        if acting.step.awaits_call and acting.phase in ("sent", "called"):
            self.hangups.begin(instance, acting.channel_id, acting.step.span)


def _refusal(response: Message) -> str:
    """The server's words. Of a command they are in its output: from Asterisk 14 on its Message says only that output
    follows."""
    output = next(filter(None, response.all("Output")), None)
    return output or response.get("Message") or "the server refused"
