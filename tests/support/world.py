"""A whole run in one process and in virtual time: the real loop, sessions, machines and scribe on one side, the
simulated PBX on the other, and between them lines that faults befall.

What belongs here: clock, network and wake-up pair as the run is given them, and the PBX at the other end. What never
does: faults (`support.faults`), and what a run ought to come to (`support.accounting`).

`amiflow.live.run.run` is called as the command line calls it; replaced are the four things through which it touches the
world: `select`, the wake-up pair, the journal's file, and the collector that is tuned once for a whole process.
"""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from unittest import mock

from amiflow.ami import catalog
from amiflow.engine.effects import Effect, Input, Restored
from amiflow.engine.journal import of_run
from amiflow.engine.page import Row
from amiflow.live import run as running
from amiflow.live.config import Server, Timeouts
from amiflow.live.journal_db import About, Keep
from amiflow.live.link import END_OF_STREAM, LinkLost
from amiflow.live.log import Log
from amiflow.live.loop import JOURNAL
from amiflow.live.problems import Trouble
from amiflow.live.secrets import Mask, SecretSource
from amiflow.live.supervise import CONNECTS
from amiflow.live.wake import Finished
from amiflow.plan.model import Plan
from amiflow.tools.pbx.service import Service
from amiflow.tools.scenario import Scenario
from support.faults import Fault, Line
from support.journal import RowScribe

START = 1_800_000_000.0  # the epoch at which a world begins
TIMES = Timeouts(connect=5.0, login=5.0, keepalive=10.0, answer=5.0)
RESTART_PAUSE = 1.0  # seconds after which a service manager starts a run again that could not begin
MOST_TURNS = 200_000
_DESCRIPTORS = count(100)
_JUDGE = -1  # the number of the client that sees everything


@dataclass
class VirtualClock:
    """`at` is moved on by the world alone; `jumped` is by how much somebody has set the wall clock."""

    at: float = 0.0
    jumped: float = 0.0

    def now(self) -> float:
        return self.at

    def wall(self) -> float:
        return START + self.at + self.jumped


class VirtualLink:
    """The client's end of a line, as `amiflow.live.link.Link`."""

    encrypted = holds_more = False

    def __init__(self, line: Line, clock: VirtualClock) -> None:
        self.line = line
        self.descriptor = next(_DESCRIPTORS)
        self.arrived: list[bytes] = []
        self.waiting = bytearray()  # what is to be written
        self.ended = self.closed = False
        self._clock = clock

    @property
    def readable(self) -> bool:
        return not self.closed and bool(self.arrived or self.ended)

    def receive(self, room: memoryview) -> int:
        if self.arrived:
            data = self.arrived.pop(0)
            size = min(len(data), len(room))
            room[:size] = data[:size]
            if size < len(data):
                self.arrived.insert(0, data[size:])
            return size
        if self.ended:
            raise LinkLost(END_OF_STREAM)
        return 0

    def flush(self) -> None:
        data = bytes(self.waiting)
        self.waiting.clear()
        if self.ended and not self.arrived:
            raise LinkLost("broken pipe")
        self.line.put("to server", data, self._clock.now())

    def close(self) -> None:
        self.closed = True


@dataclass
class VirtualPbx:
    """A simulated PBX at the other end; `faults` befall its connections in their order, `down` are spells in which it
    takes none. `seen` is each event with its time, as a client sees it that has every right and no fault."""

    scenario: Scenario
    faults: Sequence[Fault | None] = ()
    down: Sequence[tuple[float, float]] = ()
    lines: list[Line] = field(default_factory=list)
    seen: list[tuple[float, bytes]] = field(default_factory=list)
    _links: dict[int, VirtualLink] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.service = Service(self.scenario, catalog.load(), START, "123456789", begins_at_login=False)
        self.service.connect(_JUDGE)
        account = self.scenario.accounts[0]
        login = f"Action: Login\r\nUsername: {account.username}\r\nSecret: {account.secret}\r\n\r\n"
        self.service.receive(_JUDGE, login.encode(), START)
        self.service.data_to_send(_JUDGE, START)
        self.service.begin(START)

    def connect(self, clock: VirtualClock) -> VirtualLink:
        """A new connection. Raises ConnectionRefusedError."""
        if any(since <= clock.at < until for since, until in self.down):
            raise ConnectionRefusedError(111, "Connection refused")
        number = len(self.lines)
        line = Line(self.faults[number] if number < len(self.faults) else None)
        self.lines.append(line)
        self.service.connect(number)
        self._links[number] = VirtualLink(line, clock)
        return self._links[number]

    def exchange(self, now: float) -> None:
        """Carry bytes to and fro until nothing moves at this moment."""
        self.service.advance(START + now)
        moved = True
        while moved:
            carried = [self._carry(number, link, now) for number, link in list(self._links.items())]
            moved = any(carried)
        told = self.service.data_to_send(_JUDGE, START + now)
        self.seen += [(now, one) for one in told.split(b"\r\n\r\n") if one]

    def _carry(self, number: int, link: VirtualLink, now: float) -> bool:
        line = link.line
        asked = b"" if self.service.busy(number) else line.take("to server", now)
        if asked:
            self.service.receive(number, asked, START + now)
        line.put("to client", self.service.data_to_send(number, START + now), now)
        answered = line.take("to client", now)
        if answered and not link.closed:
            link.arrived.append(answered)
        if (line.is_cut or link.closed or self.service.left(number)) and not (answered or asked):
            link.ended = True
            self.service.disconnect(number)
            del self._links[number]
        return bool(asked or answered)

    def deadline(self) -> float | None:
        """When something happens here next."""
        own = self.service.deadline()
        due = [link.line.deadline() for link in self._links.values()]
        return min((one for one in [*due, None if own is None else own - START] if one is not None), default=None)


class Killed(BaseException):  # no handler of the run's own may catch it
    """`kill -9`: from here on the run does nothing any more."""


class MemoryJournal:
    """The journal's rows in a list, each with its time by the clock that nobody sets; one for all runs of a world."""

    def __init__(self, clock: VirtualClock) -> None:
        self.rows: list[tuple[float, Row]] = []
        self.lost = 0
        self._clock = clock
        self._scribe: RowScribe | None = None
        self._promised: list[str] = []
        self._poke: Callable[[], None] = lambda: None

    def begin(self, about: About, poke: Callable[[], None]) -> None:
        """A run begins; what is between it and the one before is a gap, as `live.journal_db` has it."""
        at, self._poke = self._clock.wall(), poke
        if self.rows:
            self._write([of_run(at, "gap", "info", None, "nothing is written of these servers", {"to": at})])
        self._write([of_run(at, "run-started", "info", None, "the run begins", {})])
        self._scribe = RowScribe(about.sources, about.servers, at)

    def add(self, at: float, machine: int | None, item: Input | None, effects: Sequence[Effect]) -> None:
        assert self._scribe is not None
        self._write(self._scribe.rows(at, machine, item, effects))

    def flush(self) -> None:
        """Nothing is put off here."""

    def left(self, patience: float) -> list[Restored]:
        return []

    def close(self, patience: float) -> None:
        assert self._scribe is not None
        self._write(self._scribe.rest(self._clock.wall()))

    def _write(self, rows: Iterable[Row]) -> None:
        self.rows += [(self._clock.at, row) for row in rows]

    def promise(self, action_id: str) -> None:
        self._promised.append(action_id)
        self._poke()

    def kept(self) -> list[str]:
        kept, self._promised = self._promised, []
        return kept

    def complaints(self) -> list[str]:
        return []


class World:
    """A run, and whatever befalls it, up to the signals `stop`: the first comes at `stop_at` or at the loop's turn
    `stop_turn`, each further one at the turn after."""

    descriptor = 0  # of the wake-up pair

    def __init__(
        self,
        plans: Sequence[Plan],
        pbxs: dict[str, VirtualPbx],
        stop_at: float,
        stop: Sequence[signal.Signals] = (signal.SIGTERM,),
        stop_turn: int = MOST_TURNS,
        times: Timeouts = TIMES,
    ) -> None:
        self.clock = VirtualClock()
        self.journal = MemoryJournal(self.clock)
        self.lines: list[str] = []
        self.pbxs = pbxs
        self.starts = 0
        self.keep: Any = mock.sentinel.keep
        self.jumps: list[tuple[float, float]] = []
        """When the wall clock is set, and by how much."""
        self._plans = plans
        self._stop_at = stop_at
        self._stop_turn = stop_turn
        self._signals = list(stop)
        self._times = times
        self._finished: list[Finished[Any]] = []
        self._links: dict[int, VirtualLink] = {}
        self.turns = 0

    def run(self) -> int:
        """Run to the end; one that cannot begin, or is killed, is started again, as a service manager does. Returns the
        status."""
        random.seed(0)  # the jitter of pauses
        with self._replaced():
            while True:
                self.starts += 1
                try:
                    return self._run()
                except (Trouble, Killed) as why:
                    self.lines.append(f"{type(why).__name__}: {why}")
                    self._finished.clear()
                    self._pass(RESTART_PAUSE)
                    if self.clock.at >= self._stop_at:
                        return 2

    def _run(self) -> int:
        log = Log(self.lines.append, self.clock.wall, Mask(), "text", "debug")
        servers = [(self._server(name), pbx.scenario.accounts[0].secret) for name, pbx in self.pbxs.items()]
        jobs = [running.Job(plan, {}, {}) for plan in self._plans]
        return running.run(jobs, servers, log, self.clock, keep=self.keep)

    def _server(self, name: str) -> Server:
        account = self.pbxs[name].scenario.accounts[0]
        secret = SecretSource("literal", account.secret)
        return Server(name, "127.0.0.1", 5038, account.username, secret, timeouts=self._times)

    @contextmanager
    def _replaced(self) -> Iterator[None]:
        with (
            mock.patch("amiflow.live.run.Wake", lambda: self),
            mock.patch("amiflow.live.run.writing", self._writing),
            mock.patch("amiflow.live.run._spare_the_collector", lambda: None),
            mock.patch("amiflow.live.wake.select.select", self._select),
        ):
            yield

    @contextmanager
    def _writing(self, keep: Keep, about: About, *_: object) -> Iterator[Any]:
        self.journal.begin(about, lambda: self.poke(JOURNAL))
        try:
            yield self.journal
        finally:
            self.journal.close(0)

    @property
    def rows(self) -> list[tuple[float, Row]]:
        """The journal, each entry with its time."""
        return self.journal.rows

    # --- the wake-up pair ---------------------------------------------------------------------------------------------

    @contextmanager
    def listening(self) -> Iterator[None]:
        yield

    def work(self, name: str, task: object) -> None:
        """All that a worker is asked for is to connect."""
        try:
            link = self.pbxs[name.removeprefix(CONNECTS)].connect(self.clock)
            self._links[link.descriptor] = link
            self._finished.append(Finished(name, link, None))
        except OSError as error:
            self._finished.append(Finished(name, None, error))

    def poke(self, name: str) -> None:
        self._finished.append(Finished(name, None, None))

    def take(self) -> tuple[list[int], list[Finished[Any]]]:
        finished, self._finished = self._finished, []
        signals: list[int] = []
        if self._is_stopped:
            signals.append(self._signals.pop(0))
        return signals, finished

    def close(self) -> None:
        """Nothing is held."""

    # --- the network --------------------------------------------------------------------------------------------------

    @property
    def readable(self) -> bool:
        return bool(self._finished) or self._is_stopped

    @property
    def _is_stopped(self) -> bool:
        """Whether a signal is there to be taken."""
        return bool(self._signals) and (self.clock.at >= self._stop_at or self.turns >= self._stop_turn)

    def _select(
        self, watched: Sequence[int], writing: Sequence[int], _: object, timeout: float | None
    ) -> tuple[list[int], Sequence[int], list[int]]:
        """As `select.select`, with time that passes where nothing is to be done."""
        self.turns += 1
        assert self.turns < MOST_TURNS, "the loop turns without end"
        until = None if timeout is None else self.clock.at + timeout
        while True:
            for pbx in self.pbxs.values():
                pbx.exchange(self.clock.at)
            ready = [one for one in watched if self._links.get(one, self).readable]
            if ready or (until is not None and self.clock.at >= until):
                return ready, writing, []
            self._sleep(until)

    def _sleep(self, until: float | None) -> None:
        due = [pbx.deadline() for pbx in self.pbxs.values()]
        stop = self._stop_at if self._signals else None
        times = [one for one in (*due, until, stop) if one is not None]
        assert times, "nothing will ever happen any more"
        self._set(max(self.clock.at, min(times)))

    def _pass(self, seconds: float) -> None:
        """Time passes without a run."""
        end = self.clock.at + seconds
        while True:
            for pbx in self.pbxs.values():
                pbx.exchange(self.clock.at)
            due = min((one for pbx in self.pbxs.values() if (one := pbx.deadline()) is not None), default=end)
            if due >= end:
                break
            self._set(max(self.clock.at, due))
        self._set(end)

    def _set(self, at: float) -> None:
        while self.jumps and self.jumps[0][0] <= at:
            self.clock.jumped += self.jumps.pop(0)[1]
        self.clock.at = at
