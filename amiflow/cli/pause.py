"""`amiflow pause`: no flow of a run begins any more, until `amiflow resume`."""

from __future__ import annotations

import click

from amiflow.cli.asking import ask, control_option
from amiflow.cli.terminal import say


@click.command()
@click.argument("flow", required=False)
@control_option
def command(flow: str | None, control: str | None) -> int:
    """Let no run of FLOW begin, or without FLOW of any flow; those that there are go on.

    What would have begun one is counted as suppressed, and is in the journal.
    """
    ask(control, {"ask": "pause", "flow": flow})
    say(f"{flow or 'every flow'} is paused; `amiflow resume{f' {flow}' if flow else ''}` ends that")
    return 0
