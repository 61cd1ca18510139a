"""`amiflow log`: what the journal holds, an entry a line."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import datetime

import click

from amiflow.cli.entries import as_json, as_text
from amiflow.cli.paths import FILE
from amiflow.cli.setup import config_option, configuration, journal_path
from amiflow.cli.terminal import say
from amiflow.live.document import seconds
from amiflow.live.journal_reader import Choice, reading
from amiflow.live.secrets import Mask


class Since(click.ParamType[float]):
    """A length of time before now, or a moment; gives the epoch in seconds."""

    name = "since"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        text = str(value)
        length = seconds(text) if not re.fullmatch(r"[\d.]+", text) else None
        if length is not None:
            return time.time() - length
        try:
            return datetime.fromisoformat(text).timestamp()
        except ValueError:
            self.fail(f"`{text}` is neither a length of time such as 1h30m nor a moment such as 2026-03-02T07:59.")


@click.command()
@config_option
@click.option(
    "--journal", metavar="FILE", type=FILE, help="Default: the configuration's, else that of this user's runs."
)
@click.option("--flow", metavar="NAME", help="Only what concerns this flow.")
@click.option("--channel", metavar="NAME", help="Only runs of flows in which this channel was named (* for any text).")
@click.option("--since", type=Since(), metavar="TIME", help="Only from here on: 1h30m (ago), 2026-03-02T07:59.")
@click.option("--failed", is_flag=True, help="Only runs of flows that failed.")
@click.option("--json", "in_json", is_flag=True, help="A JSON object a line, with everything that is known.")
@click.pass_obj
def command(mask: Mask, /, config_path: str | None, journal: str | None, in_json: bool, **chosen: object) -> int:
    """Print what happened, oldest first: each event that started a flow, step, action, answer, wait and gap.

    `#12.3` behind a flow's name is the id that `amiflow trace` takes.
    """
    path = journal or journal_path(configuration(config_path, mask))
    with reading(path) as reader:
        entry = None
        for entry in reader.entries(_choice(chosen)):
            click.echo(as_json(entry) if in_json else as_text(entry))
    if entry is None:
        say(f"the journal {path} holds no such entry")
    return 0


def _choice(chosen: Mapping[str, object]) -> Choice:
    return Choice(**chosen)  # type: ignore[arg-type]  # the options of the command, by their names
