"""`amiflow service`: a unit file for systemd, hardened, with the paths of this installation.

Belongs here: what is filled into the unit file, which lies beside. Never here: what systemd is told by a run
(`live.herald`).
"""

from __future__ import annotations

import os
import pwd
import re
import sys
from pathlib import Path
from string import Template

import click

from amiflow.cli.files import expand, read
from amiflow.cli.paths import FILE
from amiflow.cli.terminal import say
from amiflow.live.problems import Trouble

_TEMPLATE = Path(__file__).with_name("data") / "amiflow.service"
_ACCOUNT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


@click.command()
@click.argument("paths", metavar="FILE|DIR...", type=FILE, nargs=-1, required=True)
@click.option("--config", metavar="FILE", type=FILE, default="/etc/amiflow/amiflow.yaml", show_default=True)
@click.option("--user", metavar="NAME", help="An account that exists; default: one that systemd makes for the time.")
def command(paths: tuple[str, ...], config: str, user: str | None) -> int:
    """Print a unit file that runs these recipes as a service.

    amiflow service /etc/amiflow/recipes > /etc/systemd/system/amiflow.service

    The recipes must be there; whether they are right is looked at before each start of the service.
    """
    places = [os.path.abspath(path) for path in (*paths, config)]
    odd = next((path for path in places if not path.isprintable() or set(path) & set(" \"'\\$%;")), None)
    if odd is not None:
        raise Trouble(f"`{odd}` cannot stand in a unit file as it is", "give it a name without blanks and signs")
    for path in expand(paths):
        read(path)
    if not os.path.exists(config):
        say(f"{config} is not there yet: without it the service will not start")
    if user is not None and not _ACCOUNT.fullmatch(user):
        raise click.BadParameter(f"`{user}` is no name of an account", param_hint="'--user'")
    if user is not None and not _is_known(user):
        say(f"there is no account {user} yet: without it the service will not start")
    amiflow = Path(sys.argv[0]).absolute() if os.path.basename(sys.argv[0]) == "amiflow" else _beside_python()
    text = Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        amiflow=amiflow,
        config=places[-1],
        recipes=" ".join(places[:-1]),
        who=f"User={user}" if user else "DynamicUser=yes",
        # Where amiflow itself, a recipe or the configuration is below a home, this must not be hidden.
        home="read-only" if any(str(one).startswith(("/home/", "/root/")) for one in (amiflow, *places)) else "yes",
    )
    click.echo(text, nl=False)
    return 0


def _is_known(account: str) -> bool:
    try:
        return bool(pwd.getpwnam(account))
    except KeyError:
        return False


def _beside_python() -> Path:
    return Path(sys.executable).absolute().parent / "amiflow"
