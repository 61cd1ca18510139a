"""What a wait for events sees: each running flow reads its server's events like a tape, from its own place on.

Belongs here: beginning a wait, offering it events, its end of time, the events kept for later waits, moving the place.
Never here: the index that finds who is to be offered an event (`dispatch`), other ways to wait (`steps`, `actions`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from amiflow.ami.message import Message
from amiflow.engine.core import Core
from amiflow.engine.dispatch import Listener, Watch
from amiflow.engine.instance import Awaiting, Instance
from amiflow.engine.values import Failure, FailureKind
from amiflow.plan.durations import duration_text
from amiflow.plan.model import Await


class Tape:
    """The waits of a machine's flows. An event that a wait takes is never offered to the same flow again."""

    def __init__(self, core: Core) -> None:
        self._core = core

    # --- a wait -------------------------------------------------------------------------------------------------------

    def begin(self, instance: Instance, step: Await) -> bool:
        """Begin a wait: first with the events kept, then with those to come. True where it is over at once."""
        core = self._core
        within = core.spell(step.within, instance)
        instance.movable = True
        timer = core.timers.set(core.now + within, "block", instance)
        wait = Awaiting(step, within, core.now, timer, [], [None] * len(step.entries), instance.place)
        instance.block = wait
        if core.options.steps:
            text = f"waits up to {duration_text(timedelta(seconds=within))} for {_missing(wait)}"
            core.note("step", "debug", text, instance=instance, span=step.span)
        if self._take_kept(instance, wait):
            return True
        if instance.dropped > instance.place:
            self._miss(instance, wait)
            return True
        for slot, watch in enumerate(instance.program.entries(step)):
            if wait.taken[slot] is None:
                self._listen(instance, wait, slot, watch)
        return False

    def _take_kept(self, instance: Instance, wait: Awaiting) -> bool:
        watches = instance.program.entries(wait.step)
        for number, message in [kept for kept in instance.kept or () if kept[0] > instance.place]:
            for slot, watch in enumerate(watches):
                if wait.taken[slot] is None and message.name in watch.events and self._fits(instance, watch, message):
                    if self._fill(instance, wait, slot, number, message):
                        return True
                    break
        return False

    def rejoin(self, instance: Instance, wait: Awaiting) -> None:
        """The flow stands in the wait after a restart."""
        for slot, watch in enumerate(instance.program.entries(wait.step)):
            if wait.taken[slot] is None:
                self._listen(instance, wait, slot, watch)

    def _listen(self, instance: Instance, wait: Awaiting, slot: int, watch: Watch) -> None:
        listener = Listener(watch, "wait", instance, slot)
        instance.server.index.add(listener, self._core.frame(instance.names, instance.server))
        wait.listeners.append(listener)

    def offer(self, instance: Instance, listeners: Sequence[Listener], message: Message) -> None:
        """An event that may fit what the instance waits for, or what it will wait for later."""
        wait, number = instance.block, instance.server.seen
        if isinstance(wait, Awaiting):
            taker = next((one for one in listeners if one.role == "wait" and self._wants(one, message)), None)
            if taker is not None and self._fill(instance, wait, taker.slot, number, message):
                self._core.resume(instance)
                return
            if taker is not None:
                wait.listeners.remove(taker)
                instance.server.index.remove(taker)
        if any(one.role == "keep" and self._wants(one, message) for one in listeners):
            self._keep(instance, number, message)

    def _wants(self, listener: Listener, message: Message) -> bool:
        instance = listener.owner
        return isinstance(instance, Instance) and self._fits(instance, listener.watch, message)

    def _fits(self, instance: Instance, watch: Watch, message: Message) -> bool:
        return self._core.fits(watch, message, instance.names, instance.server, instance.program.flow.name)

    def _fill(self, instance: Instance, wait: Awaiting, slot: int, number: int, message: Message) -> bool:
        """Take the event for one entry. True where that completes the wait: then the flow stands behind it."""
        self._core.change(instance)
        wait.taken[slot] = message
        wait.last = max(wait.last, number)
        if wait.step.mode == "all" and None in wait.taken:
            text = f"{message.name} came, {_missing(wait)} not yet"
            self._core.note("wait-part", "debug", text, instance=instance, span=wait.step.span, message=message)
            return False
        self.leave(instance, wait)
        self.move(instance, wait.last)
        self._go_on(instance, wait, slot)
        self._core.note(
            "wait-met", "debug", f"{message.name} came", instance=instance, span=wait.step.span, message=message
        )
        return True

    def _go_on(self, instance: Instance, wait: Awaiting, slot: int) -> None:
        for entry, message in zip(wait.step.entries, wait.taken, strict=True):
            if message is not None and entry.pattern.name is not None:
                instance.names[entry.pattern.name] = message
        target = wait.step.entries[slot].target
        instance.position = instance.position + 1 if target is None else target

    def expire(self, instance: Instance, wait: Awaiting) -> None:
        """The wait's time is over."""
        self.leave(instance, wait)
        gap = instance.server.gap_since(wait.since)
        kind: FailureKind = "gap" if gap else "timeout"
        text = f"no {_missing(wait)} within {duration_text(timedelta(seconds=wait.within))}"
        if gap:
            text += ", but the connection was down meanwhile"
        self._core.note(f"wait-{kind}", "debug", text, instance=instance, span=wait.step.span)
        if wait.step.timeout_target is not None:
            instance.position = wait.step.timeout_target
            return
        missing = [entry for entry, taken in zip(wait.step.entries, wait.taken, strict=True) if taken is None]
        text += self._core.missed(instance, wait.step, [entry.pattern.events for entry in missing])
        instance.break_off(wait.step, Failure(kind, text))

    def lose(self, instance: Instance, wait: Awaiting, why: str) -> None:
        """What it waits for cannot come any more, or came unseen."""
        self.leave(instance, wait)
        text = f"no {_missing(wait)}: {why}"
        self._core.note("wait-lost", "debug", text, instance=instance, span=wait.step.span)
        instance.break_off(wait.step, Failure("lost", text))
        self._core.resume(instance)

    def _miss(self, instance: Instance, wait: Awaiting) -> None:
        """An event that this wait may have wanted found no room among those kept."""
        self.leave(instance, wait)
        text = f"look-back-lost: more than {self._core.options.max_kept} events came that this wait might want"
        self._core.note("look-back-lost", "error", text, instance=instance, span=wait.step.span)
        instance.break_off(wait.step, Failure("lost", text))

    def leave(self, instance: Instance, wait: Awaiting) -> None:
        """The wait is over, one way or another."""
        self._core.timers.cancel(wait.timer)
        for listener in wait.listeners:
            instance.server.index.remove(listener)
        wait.listeners.clear()

    # --- events for later waits ---------------------------------------------------------------------------------------

    def arm(self, instance: Instance, entered: bool) -> None:
        """The flow stands still at a step: from now on keep what a later wait may want."""
        lookback = instance.program.lookback
        if not lookback.waits:
            return
        later = lookback.later(instance.code, instance.position, entered, instance.movable)
        if not later:
            return
        frame = self._core.frame(instance.names, instance.server)
        keepers = [Listener(watch, "keep", instance) for watch in later]
        for listener in keepers:
            instance.server.index.add(listener, frame)
        instance.keepers += tuple(keepers)

    def disarm(self, instance: Instance) -> None:
        """The flow goes on: what it keeps next depends on where it comes to stand."""
        for listener in instance.keepers:
            instance.server.index.remove(listener)
        instance.keepers = ()

    def _keep(self, instance: Instance, number: int, message: Message) -> None:
        self._core.change(instance)
        kept = instance.kept = instance.kept or []
        if len(kept) < self._core.options.max_kept:
            kept.append((number, message))
        else:
            instance.dropped = number

    def move(self, instance: Instance, number: int) -> None:
        """What is on the tape up to this number is past."""
        instance.place = number
        if instance.kept:
            instance.kept = [kept for kept in instance.kept if kept[0] > number] or None


def _missing(wait: Awaiting) -> str:
    step: Await = wait.step
    missing = (entry for entry, taken in zip(step.entries, wait.taken, strict=True) if taken is None)
    names = dict.fromkeys("|".join(entry.pattern.events) for entry in missing)
    return (" and " if step.mode == "all" else " or ").join(names)
