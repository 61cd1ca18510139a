"""What a command that touches a server needs: its configuration, and servers with their secrets.

Belongs here: the options for that, shared by commands, and the precedence of command line over configuration. Never
here: what is then run.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import click

from amiflow.cli.paths import FILE
from amiflow.cli.recipes import Tell
from amiflow.cli.terminal import complain, in_colour, show
from amiflow.live import config
from amiflow.live.clock import Clock
from amiflow.live.config import PORT, TLS_PORT, Config, HttpPort, LogFormat, Server, Tls, is_host
from amiflow.live.journal_db import Keep, check
from amiflow.live.journal_file import default_path
from amiflow.live.log import Log, goes_to_journal
from amiflow.live.output import Output
from amiflow.live.problems import Refused, Trouble, nearest
from amiflow.live.secrets import Mask, SecretSource
from amiflow.live.texts import refuse_pipe
from amiflow.report.data import dataclass
from amiflow.report.source import Source

Command = TypeVar("Command", bound=Callable[..., Any])

_SHORTEST_TOKEN = 16
_PATIENCE = 2.0
"""Seconds that the end of a run waits for a slow reader of its log."""
_HELP = "write `--host`, `--username` and `--secret-file`, or `servers:` in amiflow.yaml"


@dataclass(frozen=True, slots=True)
class Where:
    """Which servers, as the command line says it."""

    names: tuple[str, ...]
    host: str | None
    port: int | None
    username: str | None
    secret_file: str | None
    tls: bool

    @property
    def changes(self) -> bool:
        """Whether anything but names is given."""
        return self.tls or any(one is not None for one in (self.host, self.port, self.username, self.secret_file))


def _host(_context: click.Context, _option: click.Parameter, text: str | None) -> str | None:
    if text is not None and not is_host(text):
        raise click.BadParameter(f"'{text}' is no name or address; a port is given by --port.")
    return text


def server_options(command: Command) -> Command:
    """The options that `Where` is made of."""
    for option in reversed(
        (
            click.option("--server", "names", metavar="NAME", multiple=True, help="A server of the configuration."),
            click.option(
                "--host", callback=_host, help="The server's name or address, in place of the configured one."
            ),
            click.option("--port", type=click.IntRange(1, 65535), help=f"Default {PORT}, with TLS {TLS_PORT}."),
            click.option("--username", help="The account in manager.conf."),
            click.option(
                "--secret-file", metavar="FILE", type=FILE, help="A file whose first line is the account's secret."
            ),
            click.option("--tls", is_flag=True, help="Connect over TLS, the certificate verified."),
        )
    ):
        command = option(command)
    return command


def config_option(command: Command) -> Command:
    """`--config`."""
    return click.option(
        "--config",
        "config_path",
        metavar="FILE",
        type=FILE,
        help="Default: the first of ./amiflow.yaml, ~/.config/amiflow/amiflow.yaml, /etc/amiflow/amiflow.yaml.",
    )(command)


def journal_path(configured: Config) -> str:
    """Where the journal is, if the command line names none: as the configuration says, or the default place."""
    return configured.journal.file or default_path(os.environ, os.geteuid() == 0)


def keep(explicit: str | None, configured: Config, mask: Mask) -> Keep:
    """How the journal is kept. Raises Trouble where its path is something else."""
    path = explicit or journal_path(configured)
    check(path)
    return Keep(path, configured.journal.max_size, configured.journal.max_age, mask)


def configuration(path: str | None, mask: Mask, tell: Tell | None = None) -> Config:
    """The configuration; its warnings are told, or shown. Raises Trouble, and Refused where it has errors."""
    found_at = config.find(path, os.environ)
    if found_at is None:
        return Config()
    try:
        result, diagnostics = config.load(found_at)
    except Trouble as trouble:
        if path is None:
            trouble.help = "it was found: `--config FILE` names another"
        raise
    sources = {result.source.path: result.source}
    if any(one.severity == "error" for one in diagnostics):
        raise Refused(diagnostics, sources)
    (tell or partial(show, mask=mask))(diagnostics, sources)
    return result


def chosen(where: Where, configured: Config, instead: str = "") -> list[Server]:
    """The servers of the run; `instead` is what else there is to do where there is none. Raises Trouble."""
    found = [_named(name, configured) for name in dict.fromkeys(where.names)] or list(configured.servers.values())
    if where.changes and where.host and not where.names:
        found = [_from_command_line(where)]
    elif where.changes and len(found) > 1:
        raise Trouble("the options for a server fit one server, not several", "choose it with `--server`")
    elif where.changes:
        found = [_changed(one, where) for one in found]
    if not found:
        raise Trouble("no server to connect to", _HELP + instead)
    return found


def servers(where: Where, configured: Config, mask: Mask, instead: str = "") -> list[tuple[Server, str]]:
    """Those that are chosen, each with its secret, which is masked from now on. Raises Trouble."""
    wanted = chosen(where, configured, instead)
    for server in wanted:
        _check_authority(server.name, server.tls)
    read = [(server, server.secret.read(f"the secret of {server.name}", os.environ)) for server in wanted]
    for server, secret in read:
        mask.add(secret)
        _check_account(server, secret)
    return read


def http_token(settings: HttpPort, mask: Mask) -> str:
    """The token of the HTTP port, which is masked from now on. Raises Trouble."""
    token = settings.token.read("`token` of `http`", os.environ)
    if re.search(r"[^!-~]", token):
        text = "`token` of `http` has a blank, a line end or a letter beyond ASCII, as no caller could send it"
        raise Trouble(text, "`openssl rand -hex 32` makes one")
    if len(token) < _SHORTEST_TOKEN:
        text = f"`token` of `http` is shorter than {_SHORTEST_TOKEN} characters, and could be guessed"
        raise Trouble(text, "`openssl rand -hex 32` makes one")
    mask.add(token)
    return token


def _check_authority(name: str, tls: Tls | None) -> None:
    """Raises Trouble where the file of authorities cannot be used: no server could be reached."""
    if tls is None:
        return
    # Commands that reach no server over TLS start faster without it.
    from amiflow.live.link import reason_of, tls_context

    if tls.ca is not None:
        refuse_pipe(tls.ca)
    try:
        tls_context(tls)
    except OSError as error:
        raise Trouble(f"the authority of {name}: cannot read {tls.ca}: {reason_of(error)}") from None


def _check_account(server: Server, secret: str) -> None:
    """Raises Trouble where user name or secret could not be sent as it is: no login would ever be possible."""
    # Commands that log in nowhere start faster without it.
    from amiflow.live.login import unsendable

    why = unsendable(server, secret)
    if why is not None:
        raise Trouble(f"{server.name}: {why}", "each is one line; of `env:NAME` all of the value counts")


def _named(name: str, configured: Config) -> Server:
    if name not in configured.servers:
        raise Trouble(f"the configuration has no server `{name}`", nearest(name, configured.servers) or _HELP)
    return configured.servers[name]


def _from_command_line(where: Where) -> Server:
    lacking = [
        option
        for option, value in (("--username", where.username), ("--secret-file", where.secret_file))
        if value is None
    ]
    if lacking or where.host is None or where.username is None or where.secret_file is None:
        raise Trouble(f"with --host, {' and '.join(lacking)} must be given too")
    port = where.port or (TLS_PORT if where.tls else PORT)
    secret = SecretSource("file", where.secret_file)
    return Server(where.host, where.host, port, where.username, secret, Tls() if where.tls else None)


def _changed(server: Server, where: Where) -> Server:
    port = where.port or (TLS_PORT if where.tls and server.tls is None and server.port == PORT else server.port)
    return replace(
        server,
        host=where.host or server.host,
        port=port,
        username=where.username or server.username,
        secret=SecretSource("file", where.secret_file) if where.secret_file else server.secret,
        tls=(server.tls or Tls()) if where.tls else server.tls,
    )


@contextmanager
def logging_to_stdout(
    configured: Config, mask: Mask, clock: Clock, form: LogFormat | None, verbose: bool, sources: Iterable[Source] = ()
) -> Iterator[Log]:
    """A log on standard output, all of it written at the end, as far as its reader keeps up."""
    sys.stdout.flush()
    output = Output(sys.stdout.fileno(), encoding=sys.stdout.encoding)
    chosen, prefixed = form or configured.log_format, goes_to_journal(sys.stdout.fileno(), os.environ)
    colour = chosen == "text" and in_colour(sys.stdout)
    level = "debug" if verbose else configured.log_level
    try:
        yield Log(output.write, clock.wall, mask, chosen, level, colour, sources, prefixed)
    finally:
        output.close(_PATIENCE)
        if output.trouble:
            complain(f"lines of the log could not be written: {output.trouble}")
