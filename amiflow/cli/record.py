"""`amiflow record`: what a server sends, written down with its times."""

from __future__ import annotations

import os

import click

from amiflow.cli.paths import FILE
from amiflow.cli.setup import Where, config_option, configuration, logging_to_stdout, server_options, servers
from amiflow.live.clock import SystemClock
from amiflow.live.problems import Trouble
from amiflow.live.record import Writer
from amiflow.live.run import record
from amiflow.live.secrets import Mask


@click.command()
@server_options
@config_option
@click.option(
    "-o", "--output", metavar="CAPTURE", type=FILE, required=True, help="The file to write; it must not exist yet."
)
@click.pass_obj
def command(mask: Mask, /, config_path: str | None, output: str, **where: object) -> int:
    """Log in to a server and record every event that the account may read, until stopped by ^C.

    `amiflow run FILE --dry-run --events CAPTURE` plays it to a recipe. It holds callers' numbers and names: only its
    owner may read it.
    """
    configured = configuration(config_path, mask)
    chosen = servers(Where(**where), configured, mask)  # type: ignore[arg-type]  # the server options, by their names
    if len(chosen) != 1:
        raise Trouble("a recording is of one server", "choose it with `--server`")
    server, secret = chosen[0]
    clock = SystemClock()
    try:
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise Trouble(f"cannot write {output}: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "wb") as file, logging_to_stdout(configured, mask, clock, None, False) as log:
            try:
                return record(server, secret, Writer.begin(file, server.name, clock.now(), clock.wall()), log, clock)
            except Trouble:
                os.unlink(output)  # nothing was seen, and the next attempt may take the same name
                raise
    except OSError as error:
        help = "what came before is in it, and can be played"
        raise Trouble(f"cannot write all to {output}: {error.strerror}", help) from None
