"""What systemd is told, received on a socket of the test's own."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from amiflow.live.herald import Herald


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.setblocking(False)
        yield receiver


def heard(receiver: socket.socket) -> list[str]:
    words = []
    while True:
        try:
            words.append(receiver.recv(4096).decode())
        except BlockingIOError:
            return words


def environ(receiver: socket.socket, **more: str) -> dict[str, str]:
    return {"NOTIFY_SOCKET": receiver.getsockname(), **more}


def test_the_life_of_a_run(systemd: socket.socket) -> None:
    herald = Herald.from_environment(environ(systemd))
    herald.reloading(1.0)
    herald.ready_again()
    herald.ready()
    herald.ready()
    herald.status("pbx ready")
    herald.status("pbx ready")
    herald.reloading(12.5)
    herald.ready_again()
    herald.stopping()
    herald.close()
    assert heard(systemd) == [
        "READY=1",
        "STATUS=pbx ready",
        "RELOADING=1\nMONOTONIC_USEC=12500000",
        "READY=1",
        "STOPPING=1",
    ]


def test_signs_of_life_come_at_half_of_the_watchdogs_time(systemd: socket.socket) -> None:
    herald = Herald.from_environment(environ(systemd, WATCHDOG_USEC="30000000", WATCHDOG_PID=str(os.getpid())))
    for now in (100.0, 101.0, 114.9, 115.0, 116.0, 140.0):
        herald.tick(now)
    assert heard(systemd) == ["WATCHDOG=1"] * 3 and herald.deadline() == 155.0


@pytest.mark.parametrize(
    "more", [{}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "x"}, {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}]
)
def test_without_a_watchdog_of_ours_there_are_none(systemd: socket.socket, more: dict[str, str]) -> None:
    herald = Herald.from_environment(environ(systemd, **more))
    herald.tick(100.0)
    assert heard(systemd) == [] and herald.deadline() is None


def test_the_abstract_name_space() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(f"\0amiflow-test-{os.getpid()}")
        receiver.setblocking(False)
        Herald(f"@amiflow-test-{os.getpid()}").ready()
        assert heard(receiver) == ["READY=1"]


@pytest.mark.parametrize("address", [None, "/nowhere/at/all"])
def test_nobody_who_listens_is_no_trouble(address: str | None) -> None:
    herald = Herald(address, 1.0)
    herald.ready()
    herald.tick(1.0)
    herald.close()
