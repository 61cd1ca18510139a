"""What the commands share that ask something of a run that goes on: which run, and its answer.

Belongs here: the option `--control`, and errors. Never here: what one command asks or prints.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from amiflow.cli.paths import FILE
from amiflow.live import caller
from amiflow.live.problems import Trouble

Command = TypeVar("Command", bound=Callable[..., Any])

_PATIENCE = 10.0


def control_option(command: Command) -> Command:
    """`--control`."""
    return click.option(
        "--control",
        metavar="PATH",
        type=FILE,
        help="The run's control socket; default: that of the one run that goes on.",
    )(command)


def ask(control: str | None, question: Mapping[str, object], patience: float = _PATIENCE, what: str = "") -> Any:
    """What the run answers. Raises Trouble, which begins with `what`, where it does not do it."""
    answer = caller.ask(control or caller.the_run(os.environ), question, patience)
    if "reply" not in answer:
        raise Trouble(f"{what}{answer.get('error', 'no reply came')}")
    return answer["reply"]
