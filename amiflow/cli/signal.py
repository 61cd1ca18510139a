"""`amiflow signal`: a signal for the flows of a run, and the reply of the first that it started."""

from __future__ import annotations

import json

import click

from amiflow.live.control import default_path, send
from amiflow.live.problems import Trouble


@click.command()
@click.argument("name")
@click.argument("fields", metavar="[KEY=VALUE]...", nargs=-1)
@click.option("--control", metavar="PATH", help="The run's control socket; default: that of this user.")
@click.option("--timeout", metavar="SECONDS", type=float, default=60.0, show_default=True, help="How long to wait.")
def command(name: str, fields: tuple[str, ...], control: str | None, timeout: float) -> int:
    """Give a signal to a run of amiflow, and print what the flow returns, as JSON."""
    given = {}
    for field in fields:
        key, equals, value = field.partition("=")
        if not equals or not key or key in given:
            raise click.UsageError(f"`{field}`: a field is given once, as key=value")
        given[key] = value
    answer = send(control or default_path(), name, given, timeout)
    if "reply" not in answer:
        raise Trouble(f"signal {name}: {answer.get('error', 'no reply')}")
    if answer["reply"] is not None:
        click.echo(json.dumps(answer["reply"], ensure_ascii=False))
    return 0
