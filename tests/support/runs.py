"""Recipes run by the real runner against a scripted server, with the log's lines in a list."""

from __future__ import annotations

import functools
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from amiflow.ami import catalog
from amiflow.lang.compile import compile_recipe
from amiflow.live.clock import SystemClock
from amiflow.live.config import Server, Timeouts, Tls
from amiflow.live.log import Log
from amiflow.live.run import Job, run
from amiflow.live.secrets import Mask, SecretSource
from amiflow.plan.model import Plan
from support.scripted_ami import Action, Connection, Script, ScriptedAmi


@functools.cache
def facts() -> catalog.Catalog:
    return catalog.load()


def compiled(text: str, path: str = "recipe.flow") -> Plan:
    """The plan of a recipe that has no mistake."""
    result = compile_recipe(path, lambda _: text, facts())
    assert result.plan is not None, result.diagnostics
    return result.plan


def server_of(ami: ScriptedAmi, name: str = "pbx", tls: Tls | None = None) -> Server:
    """How to reach a scripted server."""
    times = Timeouts(connect=5.0, login=5.0)
    secret = SecretSource("literal", "hunter2")
    return Server(name, "127.0.0.1", ami.port, "robot", secret, tls, timeouts=times)


@dataclass
class Ran:
    """What came of a run."""

    lines: list[str] = field(default_factory=list)
    status: int = -1

    def said(self, part: str) -> bool:
        """Whether the log has a line with this in it."""
        return any(part in line for line in self.lines)


def go(
    recipe: str,
    servers: Sequence[tuple[Server, str]],
    ran: Ran,
    shadow: bool = False,
    form: str = "text",
) -> Ran:
    """Run the recipe to its end; `ran` is given, so that its lines are there though an exception comes."""
    plan = compiled(recipe)
    log = Log(
        ran.lines.append, lambda: 0.0, Mask(), "json" if form == "json" else "text", "debug", sources=plan.sources
    )
    ran.status = run([Job(plan, {}, {})], servers, log, SystemClock(), shadow)
    return ran


def stop_with(number: int) -> None:
    """Send a signal to ourselves, as a user would."""
    os.kill(os.getpid(), number)


def answering(**answers: Callable[[Connection, Action], None]) -> Script:
    """A script that calls these by the action's name (`login` after a login), answers anything else with Success, and
    asks the run to end after an action `Hangup`."""

    def script(connection: Connection, action: Action) -> None:
        name = action["Action"].strip("()")
        if name in answers:
            answers[name](connection, action)
        elif name != "login":
            connection.answer(action, "Success", "Message: done")
        if name == "Hangup":
            stop_with(signal.SIGTERM)

    return script
