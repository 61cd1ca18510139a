"""Many events for a real process: what it did, and what memory that took.

What belongs here: a server that sends the benchmark's events as fast as they are read, and the process's memory while
it does. What never does: how many are enough (the tests and `make soak` say).
"""

from __future__ import annotations

import argparse
import contextlib
import math
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.server import Desk
from benchmarks.stream import Load, events
from support.amiflow_process import ROOT, Amiflow

RECIPE = ROOT / "benchmarks" / "redirect.flow"
QUIET = 3.0  # seconds without a further action after which no more is expected
BATCH = 128
RATE = 50_000  # events a second, of which 500 acted upon: what some thousands of calls at once would make


@dataclass
class Borne:
    """What came of a load: the channels that were to be acted upon, how often each was; mebibytes when the process was
    ready, after the first tenth and at the end; the highest meanwhile; whether the connection lasted."""

    wanted: set[bytes] = field(default_factory=set)
    done: dict[bytes, int] = field(default_factory=dict)
    fresh: float = 0.0
    tenth: float = 0.0
    end: float = 0.0
    highest: float = 0.0
    lasted: bool = True

    @property
    def lost(self) -> int:
        return len(self.wanted - self.done.keys())

    @property
    def twice(self) -> int:
        return sum(count - 1 for count in self.done.values())

    @property
    def wrong(self) -> int:
        return len(self.done.keys() - self.wanted)

    @property
    def growth(self) -> float:
        """By which share memory grew after the first tenth."""
        return self.end / self.tenth - 1


@contextlib.contextmanager
def process(folder: Path, *args: str, recipe: Path = RECIPE) -> Iterator[tuple[Amiflow, Desk]]:
    """amiflow with that recipe, connected to a server of ours and ready."""
    (folder / "secret").write_text("correct-horse-battery\n")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        where = ["--host", "127.0.0.1", "--port", str(listening.getsockname()[1]), "--username", "load"]
        files = ["--secret-file", str(folder / "secret"), "--journal", str(folder / "journal.sqlite")]
        with Amiflow(str(recipe), *where, *files, *args, patience=60) as running:
            listening.settimeout(30)
            client, _ = listening.accept()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            desk = Desk(client)
            desk.send(b"Asterisk Call Manager/11.0.0\r\n")
            while not desk.ready:
                desk.turn(0.1)
            with client:
                yield running, desk


def bear(running: Amiflow, desk: Desk, load: Load, rate: float = math.inf) -> Borne:
    """Send all of it, so many events a second, or as fast as they are read. At most speed the journal falls behind, and
    what waits for it takes memory, up to its bound."""
    borne = Borne(fresh=running.memory())
    began = time.perf_counter()
    batch, tenth = bytearray(), load.count // 10
    for number, (data, channel) in enumerate(events(load), 1):
        batch += data
        if channel is not None:
            borne.wanted.add(channel)
        if number % BATCH == 0 or number in (tenth, load.count):
            desk.send(bytes(batch))
            batch.clear()
            while desk.full and not desk.gone:
                desk.turn(0.05)
            desk.turn(0.0)
            while (early := began + number / rate - time.perf_counter()) > 0 and not desk.gone:
                desk.turn(early)
        if number in (tenth, load.count):
            _settle(desk, borne.wanted)
            memory = running.memory()
            borne.tenth, borne.end = borne.tenth or memory, memory
        if number % 10_000 == 0:
            borne.highest = max(borne.highest, running.memory())
    borne.done, borne.lasted = dict(desk.done), not desk.gone
    return borne


def _settle(desk: Desk, wanted: set[bytes]) -> None:
    """Until all is done, or nothing more comes."""
    desk.last = time.perf_counter()
    while not desk.gone and (not desk.empty or time.perf_counter() < desk.last + QUIET):
        if desk.empty and wanted <= desk.done.keys():
            return
        desk.turn(0.05)


def main() -> int:
    """`make soak`: the whole length."""
    options = argparse.ArgumentParser(description="bear many events, of which one in a hundred is acted upon")
    options.add_argument("--events", type=int, default=2_000_000)
    given = options.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, process(Path(folder), "--no-caps") as (running, desk):
        borne = bear(running, desk, Load(given.events, 100), RATE)
    print(
        f"{given.events} events, {len(borne.wanted)} to be acted upon, {time.monotonic() - began:.0f} s: "
        f"{borne.lost} lost, {borne.twice} twice, {borne.wrong} wrong; memory {borne.fresh:.1f} MiB fresh, "
        f"{borne.tenth:.1f} after the first tenth, {borne.end:.1f} at the end ({borne.growth:+.1%}), "
        f"{borne.highest:.1f} at most"
    )
    return 1 if borne.lost or borne.twice or borne.wrong or borne.growth > 0.05 or not borne.lasted else 0


if __name__ == "__main__":
    sys.exit(main())
