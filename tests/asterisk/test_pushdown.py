"""What a real server sends to a run that asks for its events by name, against one that has everything sent."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from support.amiflow_process import ROOT, Amiflow
from support.lab import calls
from support.lab.server import AsteriskServer
from support.plain_ami import PlainAmi

ROBOT = "recipes/both_legs_to_conference.flow"
CALLS = 100
AT_ONCE = 10  # Asterisk tells each leg of a conference of every other: a hundred calls in one would be told without end
# Shares of the bytes that come where everything is sent; Asterisk 16 also has the mask and the filter by name.
MOST = {"16": 0.30, "22": 0.12}


class Counting:
    """A way to a server's manager interface that counts the bytes which the server sends."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.received = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            client, _ = self._listener.accept()
            server = socket.create_connection(("127.0.0.1", self._to))
            ways = {client: server, server: client}
            with client, server:
                while all(self._pass_on(one, ways[one], one is server) for one in select.select(ways, [], [])[0]):
                    pass

    def _pass_on(self, source: socket.socket, target: socket.socket, counts: bool) -> bool:
        data = source.recv(65536)
        target.sendall(data)
        self.received += len(data) if counts else 0
        return bool(data)

    def close(self) -> None:
        """Take no further connection."""
        self._listener.close()


@pytest.fixture
def moved(asterisk: AsteriskServer, judge: PlainAmi, tmp_path: Path) -> Callable[..., tuple[int, int]]:
    """Makes calls while the robot runs with these options; how many bytes it got, and how many calls it moved."""

    def run(*options: str) -> tuple[int, int]:
        way = Counting(asterisk.ami_port)
        config = tmp_path / "amiflow.yaml"
        account = f"{{host: 127.0.0.1, port: {way.port}, username: amiflow, secret: {asterisk.secret}}}"
        config.write_text(f"servers:\n  lab: {account}\n")
        config.chmod(0o600)
        with Amiflow(ROBOT, "--config", str(config), "--no-journal", *options, cwd=ROOT, patience=60.0) as robot:
            robot.wait("ready")
            before = way.received
            for number in range(CALLS):
                calls.bridged_call(judge)
                robot.wait("flow-ended", "done", times=number + 1)
                if number % AT_ONCE == AT_ONCE - 1:
                    asterisk.clean()
            received = way.received - before
            assert robot.end() == 0, robot.story()
            way.close()
            return received, len(robot.seen("sent", "sends Redirect"))

    return run


def test_few_bytes_come_and_the_same_is_done(asterisk: AsteriskServer, moved: Callable[..., tuple[int, int]]) -> None:
    everything, actions = moved("--no-pushdown")
    asked_for, same = moved()
    assert actions == same == CALLS
    share = asked_for / everything
    print(f"Asterisk {asterisk.version}: {asked_for} of {everything} bytes, {share:.1%}")
    assert share < MOST[asterisk.version.split(".")[0]]
