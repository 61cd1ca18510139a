"""The ways into a run from outside, opened as it begins and closed as it ends: control socket, HTTP port, kill switch.

Belongs here: what a run has of these, and which of them it must have. Never here: what comes in through them
(`control`, `http_port`, `killswitch`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from amiflow.live.config import HttpPort
from amiflow.live.control import Control
from amiflow.live.herald import Herald
from amiflow.live.killswitch import KillSwitch
from amiflow.live.log import Line, Log
from amiflow.live.problems import Trouble
from amiflow.live.requests import Mailbox
from amiflow.report.data import dataclass


@dataclass(frozen=True, slots=True)
class Outside:
    """What a run may do and hear beyond AMI: what is allowed (`http:HOST`, `exec:PATH`, `append:FILE`), and where its
    control socket is, if anywhere; `must_listen` says that it does not go on without one. `kill_switch` is a file,
    `herald` tells systemd, `web` is the HTTP port with its token; `hangup_ends`: SIGHUP means that the terminal is
    gone."""

    allow: tuple[str, ...] = ()
    control: str | None = None
    must_listen: bool = False
    kill_switch: str | None = None
    herald: Herald | None = None
    web: tuple[HttpPort, str] | None = None
    hangup_ends: bool = False


NOTHING_OUTSIDE = Outside()


@contextmanager
def listening(outside: Outside, needed: bool, log: Log, poke: Callable[[], None]) -> Iterator[Mailbox]:
    """What is asked of the run; `needed` says that it is of no use without. Raises Trouble where it cannot listen
    though it must."""
    with ExitStack() as doors:
        mailbox = Mailbox(poke)
        if outside.control is not None:
            _open_control(doors, outside.control, mailbox, log, needed or outside.must_listen)
        if outside.web is not None:
            _open_web(doors, *outside.web, mailbox, log)
        doors.callback(mailbox.close)  # before the doors, so that whoever waits gets an answer
        yield mailbox


def _open_control(doors: ExitStack, path: str, mailbox: Mailbox, log: Log, needed: bool) -> None:
    try:
        doors.callback(Control(path, mailbox).close)
    except Trouble as trouble:
        if needed:
            raise
        log.line(Line("warn", "control", f"{trouble}: this run cannot be asked or told anything"))


def _open_web(doors: ExitStack, settings: HttpPort, token: str, mailbox: Mailbox, log: Log) -> None:
    # Few runs have an HTTP port, and the library of metrics takes a while to import.
    from amiflow.live.http_port import Web

    web = Web(settings, token, mailbox)
    doors.callback(web.close)
    log.line(Line("info", "http", f"signals, health and metrics on http://{settings.host}:{web.port}"))


@contextmanager
def watching(path: str | None, poke: Callable[[], None]) -> Iterator[KillSwitch | None]:
    """The kill switch, where there is to be one."""
    switch = KillSwitch(path, poke) if path is not None else None
    try:
        yield switch
    finally:
        if switch is not None:
            switch.close()
