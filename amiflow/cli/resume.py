"""`amiflow resume`: what was paused begins again."""

from __future__ import annotations

import click

from amiflow.cli.asking import ask, control_option
from amiflow.cli.terminal import say


@click.command()
@click.argument("flow", required=False)
@control_option
def command(flow: str | None, control: str | None) -> int:
    """End the pause of FLOW, or without FLOW every pause."""
    ask(control, {"ask": "resume", "flow": flow})
    say(f"{flow or 'every flow'} is resumed")
    return 0
