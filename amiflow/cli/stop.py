"""`amiflow stop`: the runs of one flow are ended, the rest of the run goes on."""

from __future__ import annotations

import click

from amiflow.cli.asking import ask, control_option
from amiflow.cli.terminal import say


@click.command()
@click.argument("flow")
@click.option("--instance", metavar="N", type=click.IntRange(1), help="Only this run of the flow: FLOW#N in the log.")
@control_option
def command(flow: str, instance: int | None, control: str | None) -> int:
    """End all runs of FLOW that go on, as `stopped`; each does what its `finally` says.

    New ones begin as before: `amiflow pause` first where they should not. SIGTERM ends the whole run.
    """
    stopped = ask(control, {"ask": "stop", "flow": flow, "instance": instance})["stopped"]
    say("stopping " + ", ".join(f"{flow}#{number}" for number in stopped))
    return 0
