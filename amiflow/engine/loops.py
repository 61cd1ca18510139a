"""The guard against loops: a flow that what it does itself starts again and again, also by way of other flows.

Belongs here: following lines of cause and effect from start to start, and when a line is a loop. Never here: whose
doing an event is (`ours`), and whether a run may begin otherwise (`admission`).

Each call begins a line of its own, so that many calls are no loop, however fast they come. A line is a loop where it
has led to the same flow so many times within a minute. The flow is then not started by its own doing for a minute; what
comes from outside starts it as ever.
"""

from __future__ import annotations

from amiflow.ami.message import Message
from amiflow.engine.core import Core
from amiflow.engine.ours import Line, Named

_SPELL = 60.0  # seconds in which the rounds must come, and for which a flow is held then
_FLOWS = 16  # that a loop may lead through and still be found


class Loop(Exception):  # nothing went wrong here: it is what was looked for
    """The start would be one more round of a loop; the text says of which."""


class Loops:
    """The lines of one machine's flows, each of at most so many rounds; without caps (`most` is 0) there are none."""

    def __init__(self, core: Core, named: Named) -> None:
        self._core = core
        self._named = named
        self.most = core.options.caps.loop_rounds if core.options.caps is not None else 0
        self._held: dict[str, float] = {}

    def go_on_from(self, before: Loops) -> None:
        """What another machine, whose place this one takes, holds is held on."""
        self._held = before._held

    def line(self, flow: str, server: str, cause: Message | None, line: Line) -> Line:
        """The line that this start of the flow on that server ends, by the event or, where its `line` is given, by a
        signal; empty where nothing of it is this run's doing. Raises Loop."""
        now = self._core.now
        before = self._named.line(server, cause, now) if cause is not None else line
        if not before:
            return ()
        rounds = [when for name, when in before if name == flow and now - when <= _SPELL]
        if len(rounds) >= self.most:
            self._held[flow] = now + _SPELL
            often = (
                f"{len(rounds)} times in {now - rounds[0]:.1f} s (`loop_rounds` under `limits` of the configuration)"
            )
            raise Loop(f"it keeps starting itself, {often}: {_way(before, flow)}")
        if rounds and now < self._held.get(flow, 0.0):
            raise Loop(f"it kept starting itself within the last minute: {_way(before, flow)}")
        return (*before[1 - self.most * _FLOWS :], (flow, now))


def _way(line: Line, flow: str) -> str:
    """From the flow's last start to the one that was to be: `a > b > a`."""
    names = [name for name, _ in line]
    last = len(names) - 1 - names[::-1].index(flow)
    return " > ".join([*names[last:], flow])
