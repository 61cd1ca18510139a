"""`amiflow plan`: what a recipe was compiled to, to be read or stored."""

from __future__ import annotations

import click

from amiflow.cli.recipes import Faulty, plans
from amiflow.plan.show import show
from amiflow.plan.store import dump


@click.command()
@click.argument("path", metavar="FILE")
@click.option(
    "--json", "as_json", is_flag=True, help="The whole plan, which `amiflow run` takes in place of the recipe."
)
def command(path: str, as_json: bool) -> int:
    """Print the plan of a recipe: triggers, steps, bounds, what is asked of the server and the privileges needed."""
    try:
        (loaded,) = plans([path])
    except Faulty:
        return 1
    click.echo(dump(loaded.plan) if as_json else show(loaded.plan), nl=False)
    return 0
