"""`amiflow plan`: what a recipe was compiled to, to be read or stored."""

from __future__ import annotations

import click

from amiflow.cli.paths import FILE
from amiflow.cli.recipes import Faulty, plans
from amiflow.plan.bounds import bounds_text
from amiflow.plan.manager_conf import manager_conf as account
from amiflow.plan.show import show
from amiflow.plan.store import dump


@click.command()
@click.argument("path", metavar="FILE", type=FILE)
@click.option(
    "--json", "as_json", is_flag=True, help="The whole plan, which `amiflow run` takes in place of the recipe."
)
@click.option("--manager-conf", is_flag=True, help="The account in manager.conf with the least that the recipe needs.")
@click.option("--bounds", is_flag=True, help="The plan, and behind it the bounds of every run.")
def command(path: str, as_json: bool, manager_conf: bool, bounds: bool) -> int:
    """Print the plan of a recipe: triggers, steps, bounds, what is asked of the server and the privileges needed."""
    if as_json + manager_conf + bounds > 1:
        raise click.UsageError("--json, --manager-conf and --bounds exclude each other.")
    try:
        (loaded,) = plans([path])
    except Faulty:
        return 1
    if manager_conf:
        click.echo(account(loaded.plan), nl=False)
        return 0
    click.echo(dump(loaded.plan) if as_json else show(loaded.plan), nl=False)
    if bounds:
        click.echo(f"\n{bounds_text()}", nl=False)
    return 0
