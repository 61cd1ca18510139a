"""What a machine does to a run: a disk that is full, or may not be written to, and descriptors that are all taken."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from amiflow.live.journal_reader import Choice, reading
from support.fault_table import Told
from support.gauntlet import Gauntlet

TAKEN = 10_000
CROWDED = f"""
import os, resource, sys
spare = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_NOFILE, ({TAKEN} + spare, {TAKEN} + spare))
while os.open(os.devnull, os.O_RDONLY) < {TAKEN} - 1:
    pass
from amiflow.cli.main import entry
entry()
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 KiB, of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def moved_twice(gauntlet: Gauntlet, faults: Told, name: str, *words: str) -> None:
    """Both calls are moved, the log says each of these words, and the run ends in order."""
    with gauntlet.start() as robot:
        robot.wait("ready")
        gauntlet.stations[0].begin()
        robot.wait("log", "PJSIP/erin")
        status = robot.end(signal.SIGTERM)
    sent = len(robot.seen("sent", "Redirect"))
    faults(name, survived=int(status == 0), lost=max(0, 2 - sent), twice=max(0, sent - 2))
    assert (status, sent) == (0, 2) and all(robot.seen("journal", one) for one in words), robot.story()


def test_the_disk_is_full(tmp_path: Path, disk: Path, faults: Told) -> None:
    with Gauntlet(tmp_path, [None], 3.0, journals=disk) as gauntlet:
        (disk / "filler").write_bytes(bytes(200 * 1024))
        moved_twice(gauntlet, faults, "the disk is full", "cannot be written: ", "entries are not in the journal")


def test_the_disk_fills_up_and_is_emptied_again(tmp_path: Path, disk: Path, faults: Told) -> None:
    with Gauntlet(tmp_path, [None], 12.0, journals=disk) as gauntlet, gauntlet.start() as robot:
        robot.wait("ready")
        filler = disk / "filler"
        with filler.open("wb") as file:
            fill(file.fileno())
        gauntlet.stations[0].begin()
        robot.wait("journal", "cannot be written: ")
        filler.unlink()
        robot.wait("log", "PJSIP/erin")
        status = robot.end(signal.SIGTERM)
    sent = len(robot.seen("sent", "Redirect"))
    faults("the disk fills up, and is emptied again", survived=int(status == 0), twice=max(0, sent - 2))
    assert (status, sent) == (0, 2) and robot.seen("journal", "is written again"), robot.story()
    with reading(str(gauntlet.journal)) as reader:
        kinds = [one.kind for one in reader.entries(Choice())]
    assert "entries-lost" in kinds and kinds[-1] == "run-ended"


def fill(descriptor: int) -> None:
    """Write until nothing more fits."""
    try:
        while os.write(descriptor, bytes(4096)):
            pass
    except OSError:
        return


def test_the_disk_may_only_be_read(tmp_path: Path, disk: Path, faults: Told) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with Gauntlet(tmp_path, [None], 3.0, journals=disk) as gauntlet:
        moved_twice(gauntlet, faults, "the disk is read-only", "cannot be written: ", "entries are not in the journal")


@pytest.mark.parametrize("spare", [*range(4, 20, 2), 40])
def test_descriptors_are_taken(tmp_path: Path, spare: int, faults: Told) -> None:
    """With too few left a run says so and ends; with a few more it works, whatever their numbers are."""
    with Gauntlet(tmp_path, [None], 1.0) as gauntlet:
        with gauntlet.start(program=[sys.executable, "-c", CROWDED, str(spare)]) as robot:
            robot.patiently(lambda: bool(robot.seen("ready")) or robot.ended)
            gauntlet.stations[0].begin()
            robot.patiently(lambda: bool(robot.seen("log", "PJSIP/erin")) or robot.ended)
            status = robot.end(None if robot.ended else signal.SIGTERM)
        worked = len(robot.seen("sent", "Redirect")) == 2
    survived = (status == 0 and worked) or (status == 2 and "oo many open files" in robot.story())
    faults("10,000 descriptors are taken, 4 to 40 left", survived=int(survived))
    assert survived and (worked or spare < 40), (status, robot.story())
