"""`amiflow completion`: the script that makes a shell complete amiflow's commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(context: click.Context, shell: str) -> int:
    """Print the completion script of a shell.

    For bash: eval "$(amiflow completion bash)" in ~/.bashrc; for fish: amiflow completion fish | source.
    """
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(context.find_root().command, {}, "amiflow", "_AMIFLOW_COMPLETE").source())
    return 0
