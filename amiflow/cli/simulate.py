"""`amiflow simulate`: the simulated PBX by itself, for any client."""

from __future__ import annotations

import signal

import click

from amiflow.cli.paths import FILE
from amiflow.cli.terminal import say
from amiflow.live.simulate import load_scenario, serve


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=5038, show_default=True, help="0 takes any free one.")
@click.option("--scenario", metavar="FILE", type=FILE, help="What the PBX has, and which calls come when.")
def command(port: int, scenario: str | None) -> int:
    """Serve a simulated PBX on 127.0.0.1 until stopped by ^C.

    Its manager interface knows the account `amiflow` with the secret `amiflow`, unless the scenario says otherwise.
    """
    simulator = serve(load_scenario(scenario), port)
    host, taken = simulator.address
    signal.signal(signal.SIGTERM, _leave)
    say(f"simulated PBX on {host}:{taken}, until ^C")
    simulator.serve()
    return 0


def _leave(number: int, frame: object) -> None:
    """SIGTERM is a way to end that is meant; what is open is closed on the way out."""
    raise SystemExit(0)
