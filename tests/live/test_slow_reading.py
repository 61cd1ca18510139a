"""Asterisk cuts off who reads slowly: after 100 ms of a write that goes nowhere, mid-line and without an error.

amiflow reads on while everything else stands still, and tells a connection that ended so from others.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from amiflow.live.clock import SystemClock
from amiflow.live.journal_db import Keep
from amiflow.live.log import Log
from amiflow.live.output import Output
from amiflow.live.run import Job, run
from amiflow.live.secrets import Mask
from support.journal import slow_disk
from support.runs import Ran, answering, compiled, go, server_of, stop_with
from support.scripted_ami import Action, Connection, scripted

ASKS = """
userevent Go { Key: text }
flow asks on start { let r = Getvar { Variable: "X" } log r.Value }
flow acts on UserEvent Go as u { Hangup { Channel: trust(u.Key) } }
"""
KEEPS = """
flow told on Newchannel as n where n.Exten == "1" { log "x" }
flow kept on start after restart resume { Setvar { Variable: "X" Value: "1" } }
"""
GO = ("Event: UserEvent", "Privilege: user,all", "UserEvent: Go")
NOISE = b"Event: Newchannel\r\nPrivilege: call,all\r\nChannel: PJSIP/a-1\r\nExten: %d\r\nUniqueid: 1.1\r\n\r\n"
COMMANDS = ("Getvar", "Setvar", "Hangup")
MUCH = 100  # times 200 KiB: several times what the buffers of both sockets hold
PATIENCE = 60.0  # seconds, in place of 100 ms: a machine of tests may be busy elsewhere for as long


@contextmanager
def unread() -> Iterator[Output]:
    """A log whose reader never reads: not a byte more goes into the pipe."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while os.write(writing, b"x" * 4096):
            pass
    output = Output(writing, most=10)
    try:
        yield output
    finally:
        os.close(reading)
        output.close(10)
        os.close(writing)


def test_it_reads_on_while_disk_and_log_stand_still(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    may_write, stood_still = slow_disk(monkeypatch), list[bool]()

    def flood(connection: Connection, action: Action) -> None:
        connection.answer(action, "Success", "Value: 1")
        connection.stream.settimeout(PATIENCE)
        try:
            for number in range(MUCH):
                connection.stream.sendall(NOISE % 1 * 10 + NOISE % number * 2000)
            connection.say(*GO, "Key: PJSIP/b-1")
        except OSError:
            stop_with(signal.SIGTERM)

    def hang_up(connection: Connection, action: Action) -> None:
        stood_still.append(not may_write.is_set() and "Setvar" not in ami.names())
        may_write.set()
        connection.answer(action, "Success")

    plan, keep = compiled(ASKS + KEEPS), Keep(str(tmp_path / "journal.sqlite"), 1 << 30, 1e9, Mask())
    with scripted(answering(Getvar=flood, Hangup=hang_up), commands=COMMANDS) as ami, unread() as output:
        log = Log(output.write, lambda: 0.0, Mask(), level="debug")
        status = run([Job(plan, {}, {})], [(server_of(ami), "hunter2")], log, SystemClock(), keep=keep)
        assert (status, stood_still, len(ami.connections)) == (0, [True], 1) and output.dropped > 0


def test_a_message_that_was_cut_off_is_told_and_not_acted_upon() -> None:
    logins: list[Connection] = []

    def login(connection: Connection, _: Action) -> None:
        logins.append(connection)
        if len(logins) == 2:
            connection.say(*GO, "Key: PJSIP/b-1")

    def cut_off(connection: Connection, action: Action) -> None:
        connection.answer(action, "Success", "Value: 1")
        connection.stream.sendall("\r\n".join([*GO, "Key: PJSIP/a"]).encode())
        connection.stream.shutdown(socket.SHUT_WR)

    ran = Ran()
    with scripted(answering(login=login, Getvar=cut_off)) as ami:
        go(ASKS, [(server_of(ami), "hunter2")], ran)
    assert ran.said("the server closed the connection while ready, in the middle of a message (writetimeout exceeded?)")
    assert [action["Channel"] for action in ami.seen if action["Action"] == "Hangup"] == ["PJSIP/b-1"]
