"""What befalls real servers, and a robot that works on them: every call is moved, or its flow says why not, or it is
within a gap that the journal names.

The robot is connected through a proxy, which sees what it sends; so is a client that is told everything.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path

import pytest

from support.accounting import Account, Books, told
from support.amiflow_process import ROOT, Amiflow
from support.fault_proxy import FaultProxy
from support.fault_table import Told
from support.gauntlet import LAG, rows_of
from support.lab import calls
from support.lab.server import READY_WITHIN, AsteriskServer
from support.plain_ami import PlainAmi

ROBOT = "recipes/both_legs_to_conference.flow"
TEXTS = {f"Text{number}": "x" * 900 for number in range(9)}  # 16 MB in two thousand events, more than any buffers hold


class Scene:
    """A server, a robot at work on it, and a client that sees everything; `look` is to be called after a restart."""

    def __init__(self, asterisk: AsteriskServer, folder: Path, stack: ExitStack) -> None:
        self.asterisk = asterisk
        self.journal = folder / "journal.sqlite"
        self._folder = folder
        self._stack = stack
        self.front = stack.enter_context(FaultProxy(asterisk.ami_port))
        self._window = stack.enter_context(FaultProxy(asterisk.ami_port))
        self.judge = self.look()

    def look(self) -> PlainAmi:
        """A new connection of the client that sees everything, once the server is there."""
        deadline = time.monotonic() + READY_WITHIN
        while True:
            judge = None
            try:
                judge = PlainAmi(self._window.port)
                if judge.login("judge", self.asterisk.secret).Response == "Success":
                    judge.wait("FullyBooted")
                    self.judge = self._stack.enter_context(judge)
                    return judge
            except (OSError, TimeoutError):
                if time.monotonic() > deadline:
                    raise
            if judge is not None:
                judge.close()
            time.sleep(0.1)

    def robot(self, *args: str, account: str = "amiflow") -> Amiflow:
        """The robot, which sees events from here on."""
        config = self._folder / "amiflow.yaml"
        server = f"{{host: 127.0.0.1, port: {self.front.port}, username: {account}, secret: {self.asterisk.secret}}}"
        config.write_text(f"servers:\n  lab: {server}\njournal: {{file: {self.journal}}}\n")
        config.chmod(0o600)
        started = Amiflow(ROBOT, "--config", str(config), *args, cwd=ROOT, patience=60)
        self._stack.enter_context(started)
        started.wait("ready")
        return started

    def account(self) -> Account:
        """What became of every call."""
        seen = list(chain.from_iterable(map(told, self._window.lines)))
        rows = rows_of(self.journal, time.time() - time.monotonic())
        return Books(seen, self.front.lines, rows, slack=LAG).judge()


@pytest.fixture
def scene(asterisk: AsteriskServer, tmp_path: Path) -> Iterator[Scene]:
    with ExitStack() as stack:
        yield Scene(asterisk, tmp_path, stack)


def settled(scene: Scene, robot: Amiflow, faults: Told, name: str, stop: bool = True) -> Account:
    """End the robot, and put what came of it into the table."""
    status = robot.end(signal.SIGTERM)
    account = scene.account()
    faults(
        f"Asterisk {scene.asterisk.major}: {name}",
        injected=1,
        survived=int(status == 0 and not account.faults),
        lost=len(account.lost),
        twice=len(account.twice),
    )
    assert status == 0 and account.is_clean, f"{account}\n{robot.story()}"
    return account


def moved(scene: Scene, robot: Amiflow) -> None:
    """A call is made, and moved."""
    done = len(robot.seen("flow-ended", "done"))
    calls.bridged_call(scene.judge)
    robot.wait("flow-ended", "done", times=done + 1)


def restart_now(scene: Scene) -> None:
    scene.asterisk.cli("core restart now")


def kill(scene: Scene) -> None:
    scene.asterisk.kill()
    scene.asterisk.start()


@pytest.mark.parametrize(("name", "befalls"), [("core restart now", restart_now), ("kill -9 of Asterisk", kill)])
def test_the_server_goes_and_comes_back(
    scene: Scene, faults: Told, name: str, befalls: Callable[[Scene], None]
) -> None:
    robot = scene.robot()
    moved(scene, robot)
    befalls(scene)
    robot.wait("lost")
    robot.wait("ready", times=2)
    scene.look()
    moved(scene, robot)
    if name == "core restart now":
        assert robot.seen("shutdown", "Asterisk restarts")
    account = settled(scene, robot, faults, name)
    assert list(account.fates.values()) == ["done", "done"]
    assert [row.level for _, row in rows_of(scene.journal, 0.0) if row.kind == "gap"] == ["info", "warn"]


def test_manager_reload(scene: Scene, faults: Told) -> None:
    robot = scene.robot()
    moved(scene, robot)
    scene.asterisk.cli("manager reload")
    moved(scene, robot)
    settled(scene, robot, faults, "manager reload")


def test_the_conference_module_is_unloaded(scene: Scene, faults: Told) -> None:
    robot = scene.robot()
    moved(scene, robot)
    scene.asterisk.clean()
    scene.asterisk.cli("module unload -f app_confbridge.so")
    try:
        calls.bridged_call(scene.judge)
        (failed,) = robot.wait("flow-ended", "failed: ")
        assert "did not both reach 680" in failed["text"]
    finally:
        scene.asterisk.cli("module load app_confbridge.so")
    moved(scene, robot)
    account = settled(scene, robot, faults, "module unload app_confbridge")
    assert list(account.fates.values()) == ["done", "failed", "done"]


def test_the_accounts_permissions_are_changed(scene: Scene, faults: Told) -> None:
    with changing(scene.asterisk) as write:
        robot = scene.robot(account="changing")
        moved(scene, robot)
        write("reporting,system")
        scene.front.cut()
        robot.wait("privileges", "may not send Redirect, which needs the class call")
        robot.wait("ready", times=2)
        calls.bridged_call(scene.judge)
        (failed,) = robot.wait("flow-ended", "failed: Permission denied")
        assert failed["line"]
        write("all")
        scene.front.cut()
        robot.wait("ready", times=3)
        moved(scene, robot)
        account = settled(scene, robot, faults, "the account's permissions are changed")
    assert list(account.fates.values()) == ["done", "failed", "done"]


@contextmanager
def changing(asterisk: AsteriskServer) -> Iterator[Callable[[str], None]]:
    """An account whose write classes can be changed, for as long as the block lasts."""
    path = asterisk.etc / "manager.conf"
    before = path.read_text()

    def write(classes: str) -> None:
        path.write_text(f"{before}\n[changing]\nsecret={asterisk.secret}\nread=all\nwrite={classes}\n")
        asterisk.cli("manager reload")

    write("all")
    try:
        yield write
    finally:
        path.write_text(before)
        asterisk.cli("manager reload")


@pytest.mark.parametrize("flood", [0, 2000])
def test_a_client_that_is_stopped_for_five_seconds(scene: Scene, faults: Told, flood: int) -> None:
    """With a flood the server's buffers fill, and it cuts the client off; without, it sees all a little later."""
    robot = scene.robot(*(["--no-pushdown"] if flood else []))
    moved(scene, robot)
    robot.send(signal.SIGSTOP)
    stopped = time.monotonic()
    for _ in range(3):
        calls.bridged_call(scene.judge)
    for number in range(flood):
        scene.judge.action("UserEvent", UserEvent="Flood", Number=str(number), **TEXTS)
    time.sleep(max(0.0, 5.0 - (time.monotonic() - stopped)))
    robot.send(signal.SIGCONT)
    if flood:
        robot.wait("lost")
        robot.wait("ready", times=2)
    else:
        robot.wait("flow-ended", times=4)
    scene.asterisk.clean()
    moved(scene, robot)
    name = "the client is stopped for 5 s" + (" in a flood of events" if flood else "")
    account = settled(scene, robot, faults, name)
    if not flood:
        assert list(account.fates.values()) == ["done"] * 5


def test_two_hundred_calls_with_a_restart_in_the_middle(scene: Scene, faults: Told) -> None:
    robot = scene.robot()
    begun = time.monotonic()
    for number in range(200):
        if number == 100:
            restart_now(scene)
            scene.look()
        time.sleep(max(0.0, begun + number * 0.28 - time.monotonic()))
        calls.originate(scene.judge, "Local/800@default")
        if number % 10 == 9:
            clear(scene.judge)
    robot.wait("ready", times=2)
    moved(scene, robot)
    account = settled(scene, robot, faults, "200 calls in 60 s, with a restart in the middle")
    fates = list(account.fates.values())
    assert len(fates) > 190 and fates.count("done") > 150, account


def clear(judge: PlainAmi) -> None:
    """Hang up who has reached the room, so that the server has something else to do than to mix them."""
    for channel in calls.members(judge):
        judge.action("Hangup", Channel=channel)
