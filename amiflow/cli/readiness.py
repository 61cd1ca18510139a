"""Whether a run could begin: recipes and configuration together, with nothing connected to.

Belongs here: that one question, for `check`, which imports this only when it is asked. Never here: the recipes' own
mistakes.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

from amiflow.cli.jobs import Values, jobs
from amiflow.cli.recipes import Loaded
from amiflow.cli.setup import Where, configuration, http_token, keep, servers
from amiflow.cli.terminal import say, show
from amiflow.live.doors import Outside
from amiflow.live.log import Log
from amiflow.live.problems import Trouble
from amiflow.live.run import check_allowed, check_constants, check_servers
from amiflow.live.secrets import Mask


def _tell_nobody(_: str) -> None:
    """What a log writes to where nothing is run."""


def check_ready(path: str, loaded: Sequence[Loaded], mask: Mask) -> None:
    """Say that the recipes can be run with this configuration: that there are its servers with their secrets, the
    recipes' params, tables and constants, a place for the journal, and that they are allowed what they need. Raises
    Refused and Trouble where not."""
    configured = configuration(path, mask)
    ready = jobs(loaded, Values(), configured, mask, partial(show, mask=mask))
    if not configured.servers:
        raise Trouble(f"{path} names no server to connect to", "write `servers:` in it")
    names = [server.name for server, _ in servers(Where((), None, None, None, None, False), configured, mask)]
    if configured.http is not None:
        http_token(configured.http, mask)
    keep(None, configured, mask)
    check_servers(ready, names)
    check_allowed(ready, Outside(configured.allow))
    check_constants(ready, Log(_tell_nobody, time.time, mask))
    say(f"{path}: the recipes can be run with it on {', '.join(names)}")
