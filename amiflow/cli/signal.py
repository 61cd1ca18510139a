"""`amiflow signal`: a signal for the flows of a run, and the reply of the first that ends."""

from __future__ import annotations

import json
import math
from typing import Any

import click

from amiflow.cli.asking import ask, control_option

_LONGEST = 86400.0


class Seconds(click.FloatRange):
    """A time that can be waited; what is no number is within no bounds, and lies outside none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        seconds = float(super().convert(value, param, ctx))
        if math.isnan(seconds):
            self.fail(f"{value} is no number.", param, ctx)
        return seconds


@click.command()
@click.argument("name")
@click.argument("fields", metavar="[KEY=VALUE]...", nargs=-1)
@control_option
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=Seconds(0.0, _LONGEST, min_open=True),
    default=60.0,
    show_default=True,
    help="How long to wait.",
)
def command(name: str, fields: tuple[str, ...], control: str | None, timeout: float) -> int:
    """Give a signal to a run of amiflow, and print what the flow returns, as JSON."""
    given = {}
    for field in fields:
        key, equals, value = field.partition("=")
        if not equals or not key or key in given:
            raise click.UsageError(f"`{field}`: a field is given once, as key=value")
        given[key] = value
    reply = ask(control, {"signal": name, "fields": given}, timeout, f"signal {name}: ")
    if reply is not None:
        click.echo(json.dumps(reply, ensure_ascii=False))
    return 0
