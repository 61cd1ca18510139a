"""The same faults over real sockets: a real process with many servers, each behind a proxy of its own, of which one
fault each disturbs no other."""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from support.amiflow_process import Amiflow
from support.fault_table import Told
from support.faults import Corrupt, Cut, Delay, Duplicate, Fault, Flood, HalfOpen, Merge, Pieces, Stall
from support.gauntlet import Gauntlet
from support.showpiece import count, messages_at, places

SOON, LATE = 2.0, 9.0  # seconds after the first call comes the second one; that nobody answers is known after 5 s
NEVER = 3600.0
STATES = ("ready", "lost", "not-connected")
EVERY, GROUPS = 100, 4


def run(folder: Path, faults: Sequence[Fault | None], pause: float, name: str, tell: Told) -> None:
    with Gauntlet(folder, faults, NEVER) as gauntlet, gauntlet.start() as robot:
        for station in gauntlet.stations:
            robot.patiently(lambda name=station.name: last_word(robot, name) != "")
        for station in gauntlet.stations:
            station.begin()
        time.sleep(pause)
        for station in gauntlet.stations:
            robot.patiently(lambda name=station.name: last_word(robot, name) == "ready")
            station.call_again()
        robot.wait("log", "PJSIP/erin", times=len(faults))
        status = robot.end(signal.SIGTERM)
        count(name, gauntlet.ordeals(status, [robot.story()]), tell)


def last_word(robot: Amiflow, server: str) -> str:
    """What the log said last of the connection to the server; nothing before it was there or had failed."""
    told = [one["kind"] for one in list(robot.lines) if one.get("server") == server and one["kind"] in STATES]
    return told[-1] if told else ""


@pytest.mark.parametrize("group", range(GROUPS))
def test_cut_at_every_hundredth_byte(group: int, tmp_path: Path, faults: Told) -> None:
    cuts = [Cut(direction, at) for direction, at in places()[::EVERY]][group::GROUPS]
    run(tmp_path, cuts, SOON, "over real sockets, at every hundredth byte: the connection is cut", faults)


def test_all_other_faults(tmp_path: Path, faults: Told) -> None:
    noise = b"Event: RTCPSent\r\nPrivilege: reporting,all\r\nBody: Event: BridgeEnter\r\n\r\n" * 200
    others: list[Fault] = [
        HalfOpen("to client", 3000),
        HalfOpen("to server", 560),
        Stall("to client", 2500, 0.7),
        Stall("to client", 3500, 8.0),
        Delay("to client", 1500, 0.3),
        Pieces("to client", 0, 1),
        Pieces("to server", 0, 1),
        Merge("to client", 0, 0.4),
        Duplicate("to client", messages_at()[-3]),
        Corrupt("to client", 3100, 4),
        Flood("to client", messages_at()[4], noise, 20),
    ]
    run(tmp_path, others, LATE, "over real sockets: one of each other fault", faults)
