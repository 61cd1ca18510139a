"""`amiflow reload`: a run reads its recipes again, and says what is wrong with them."""

from __future__ import annotations

import click

from amiflow.cli.asking import ask, control_option
from amiflow.cli.terminal import complain, say
from amiflow.report.printable import clean

_PATIENCE = 120.0


@click.command()
@control_option
def command(control: str | None) -> int:
    """Have a run read its recipes, params and tables again, as SIGHUP does, and print what is wrong with them.

    Flows begin by the new recipes at once; what runs already goes on as it began. Where anything is wrong nothing
    changes, and the exit status is 1.
    """
    answer = ask(control, {"ask": "reload"}, _PATIENCE)
    for text in answer["told"]:
        say("\n".join(map(clean, text.split("\n"))) + "\n")
    if answer["changed"]:
        say("the recipes are in place")
        return 0
    complain("nothing is changed: the running recipes stay in place")
    return 1
