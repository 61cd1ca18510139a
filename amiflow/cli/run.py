"""`amiflow run`: recipes or stored plans at work, on servers, on a simulated PBX, on a recording, or not at all."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial

import click

from amiflow.cli.files import expand
from amiflow.cli.jobs import Rereading, Values, jobs
from amiflow.cli.paths import FILE, FOLDER
from amiflow.cli.recipes import Faulty, Loaded, plans
from amiflow.cli.setup import (
    Where,
    chosen,
    config_option,
    configuration,
    http_token,
    keep,
    logging_to_stdout,
    server_options,
    servers,
)
from amiflow.cli.terminal import say, show
from amiflow.live import record
from amiflow.live.caller import default_path
from amiflow.live.clock import Clock, SystemClock
from amiflow.live.config import LOG_FORMATS, Config, LogFormat
from amiflow.live.doors import Outside
from amiflow.live.dryrun import VirtualClock, beginning, play
from amiflow.live.herald import Herald
from amiflow.live.journal_db import Keep
from amiflow.live.log import Log
from amiflow.live.run import Brakes, Job, check_allowed, check_constants, check_servers, run
from amiflow.live.secrets import Mask
from amiflow.plan.errands import is_allowance
from amiflow.plan.show import show as plan_text
from amiflow.report.data import dataclass


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asks for, beside the files and servers."""

    params: tuple[str, ...]
    params_file: str | None
    dry_run: bool
    events: str | None
    shadow: bool
    simulate: bool
    scenario: str | None
    log_format: LogFormat | None
    verbose: bool
    journal: str | None
    no_journal: bool
    no_pushdown: bool
    no_caps: bool
    root: str | None
    allow: tuple[str, ...]
    control: str | None

    def values(self) -> Values:
        """Where params and tables come from."""
        return Values(self.params, self.params_file, self.root)

    def outside(self, configured: Config, mask: Mask) -> Outside:
        """What the run may do and hear beyond AMI."""
        path = self.control or default_path(os.environ)
        allow = (*self.allow, *configured.allow)
        web = (configured.http, http_token(configured.http, mask)) if configured.http else None
        herald = Herald.from_environment(os.environ)
        return Outside(allow, path, self.control is not None, configured.kill_switch, herald, web, sys.stdin.isatty())

    def brakes(self, configured: Config) -> Brakes:
        """What holds for the run as a whole."""
        return Brakes(None if self.no_caps else configured.limits, configured.emergency)

    def keep(self, configured: Config, mask: Mask, wanted: bool) -> Keep | None:
        """The journal as it is asked for; `wanted` says whether there is one where nothing is said of it."""
        if self.no_journal or not (wanted or self.journal):
            return None
        return keep(self.journal, configured, mask)


def _allowances(_context: click.Context, _option: click.Parameter, names: tuple[str, ...]) -> tuple[str, ...]:
    wrong = next((name for name in names if not is_allowance(name)), None)
    if wrong is not None:
        raise click.BadParameter(f"`{wrong}` is none of http:HOST, exec:PATH, append:FILE")
    return names


@click.command()
@click.argument("paths", metavar="FILE|DIR...", type=FILE, nargs=-1, required=True)
@server_options
@config_option
@click.option("--param", "params", metavar="NAME=VALUE", multiple=True, help="A param of the recipe.")
@click.option("--params", "params_file", metavar="FILE", type=FILE, help="Params from a YAML file.")
@click.option("--root", metavar="DIR", type=FOLDER, help="Where tables are; default: the recipe's folder.")
@click.option(
    "--allow", metavar="WHAT", multiple=True, callback=_allowances, help="http:HOST, exec:PATH or append:FILE."
)
@click.option(
    "--control", metavar="PATH", type=FILE, help="The run's control socket; default: one of its own, found by itself."
)
@click.option("--dry-run", is_flag=True, help="Check everything and print the plan; connect to nothing.")
@click.option(
    "--events", metavar="CAPTURE", type=FILE, help="With --dry-run: play a recording, and print what would be sent."
)
@click.option("--shadow", is_flag=True, help="Watch the live server and decide, but send only what merely reads.")
@click.option("--simulate", is_flag=True, help="Run on the embedded simulated PBX.")
@click.option(
    "--scenario", metavar="FILE", type=FILE, help="With --simulate: what the PBX has, and which calls come when."
)
@click.option("--log-format", type=click.Choice(LOG_FORMATS), help="Default: the configuration's, else text.")
@click.option("-v", "--verbose", is_flag=True, help="Log every detail.")
@click.option(
    "--journal",
    metavar="FILE",
    type=FILE,
    help="The journal's file, see `amiflow log`; the default depends on the user.",
)
@click.option("--no-journal", is_flag=True, help="Write no journal.")
@click.option("--no-pushdown", is_flag=True, help="Have the servers send every event; what is sent stays the same.")
@click.option("--no-caps", is_flag=True, hidden=True, help="For measurements: nothing is braked.")
@click.pass_obj
def command(
    mask: Mask,
    /,
    paths: tuple[str, ...],
    names: tuple[str, ...],
    host: str | None,
    port: int | None,
    username: str | None,
    secret_file: str | None,
    tls: bool,
    config_path: str | None,
    **options: object,
) -> int:
    """Run recipes (*.flow), all recipes of folders, or stored plans (*.json) until they have ended or are stopped.

    Ends with status 0, also after SIGTERM; 1 where a recipe has errors, or a flow of a recipe that only starts by
    itself failed; 2 for anything wrong with usage or environment; 130 when interrupted.
    """
    asked = Asked(**options)  # type: ignore[arg-type]  # the options above, by their names
    where = Where(names, host, port, username, secret_file, tls)
    _check_usage(asked, where)
    try:
        loaded = plans(expand(paths))
    except Faulty:
        return 1
    configured = configuration(config_path, mask)
    ready = jobs(loaded, asked.values(), configured, mask, partial(show, mask=mask))
    if asked.events is not None:
        return _replay(loaded, ready, asked.events, asked, where, configured, mask)
    if asked.dry_run:
        return _dry_run(loaded, ready, asked, where, configured, mask)
    load = Rereading(paths, asked.values(), config_path, configured, mask)
    if asked.simulate:
        return _simulate(loaded, ready, asked, configured, mask, load)
    on = servers(where, configured, mask, "; `--simulate` needs neither")
    clock, kept = SystemClock(), asked.keep(configured, mask, wanted=True)
    with _log(asked, configured, mask, clock, loaded) as log:
        outside, pushdown = asked.outside(configured, mask), not asked.no_pushdown
        brakes = asked.brakes(configured)
        return run(ready, on, log, clock, asked.shadow, None, kept, pushdown, brakes, outside, load)


def _check_usage(asked: Asked, where: Where) -> None:
    modes = [name for name in ("dry_run", "shadow", "simulate") if getattr(asked, name)]
    if len(modes) > 1:
        raise click.UsageError(" and ".join(f"--{name.replace('_', '-')}" for name in modes) + " exclude each other.")
    if asked.events and not asked.dry_run:
        raise click.UsageError("--events belongs to --dry-run.")
    if asked.scenario and not asked.simulate:
        raise click.UsageError("--scenario belongs to --simulate.")
    if asked.simulate and (where.names or where.changes):
        raise click.UsageError("the options for a server do not go with --simulate, which is a server of its own.")
    if asked.journal and asked.no_journal:
        raise click.UsageError("--journal and --no-journal exclude each other.")


def _log(
    asked: Asked, configured: Config, mask: Mask, clock: Clock, loaded: Sequence[Loaded]
) -> AbstractContextManager[Log]:
    sources = [source for one in loaded for source in one.plan.sources]
    return logging_to_stdout(configured, mask, clock, asked.log_format, asked.verbose, sources)


def _simulate(
    loaded: Sequence[Loaded], ready: Sequence[Job], asked: Asked, configured: Config, mask: Mask, load: Rereading
) -> int:
    # The simulated PBX is of no use to a run on a real one, which starts faster without it.
    from amiflow.live.simulate import beside, load_scenario, run_simulated

    path = asked.scenario or beside([one.path for one in loaded])
    scenario, clock = load_scenario(path), SystemClock()
    kept = asked.keep(configured, mask, wanted=False)
    with _log(asked, configured, mask, clock, loaded) as log:
        outside, brakes = asked.outside(configured, mask), asked.brakes(configured)
        return run_simulated(ready, scenario, log, clock, kept, outside, brakes, load)


def _dry_run(
    loaded: Sequence[Loaded], ready: Sequence[Job], asked: Asked, where: Where, configured: Config, mask: Mask
) -> int:
    if where.names or where.changes or configured.servers:
        check_servers(ready, [server.name for server, _ in servers(where, configured, mask)])
    check_allowed(ready, asked.outside(configured, mask))
    with _log(asked, configured, mask, SystemClock(), loaded) as log:
        check_constants(ready, log)
    for one in loaded:
        click.echo(plan_text(one.plan), nl=False)
    click.echo(f"\n{asked.brakes(configured).text()}")
    say("dry run: recipes, params, secrets and configuration are right; nothing was connected to")
    return 0


def _replay(
    loaded: Sequence[Loaded],
    ready: Sequence[Job],
    events: str,
    asked: Asked,
    where: Where,
    configured: Config,
    mask: Mask,
) -> int:
    """Play a recording, also where the server's secrets are not."""
    if where.names or where.changes or configured.servers:
        check_servers(ready, [server.name for server in chosen(where, configured)])
    check_allowed(ready, Outside((*asked.allow, *configured.allow)))
    capture = record.read(events)
    if len(where.names) == 1:
        capture = replace(capture, server=where.names[0])
    clock = VirtualClock(beginning(capture))
    with _log(asked, configured, mask, clock, loaded) as log:
        return play(ready, capture, log, clock, asked.keep(configured, mask, wanted=False))
