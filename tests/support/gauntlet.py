"""A real amiflow process between proxies: several simulated servers, each behind one, and the books of each.

What belongs here: putting the pieces together, and the journal's file as rows for `support.accounting`. What never
does: faults, and what a test makes of the books.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from amiflow.ami import catalog
from amiflow.engine.page import Row
from amiflow.live.journal_reader import Choice, reading
from amiflow.live.simulator import Simulator
from support.accounting import Account, Books, told
from support.amiflow_process import AMIFLOW, ROOT, Amiflow
from support.fault_proxy import FaultProxy
from support.faults import Corrupt, Fault
from support.plain_ami import PlainAmi
from support.showpiece import RECIPE, Ordeal, scenario

LAG = 0.3  # seconds by which a process may be behind on a busy machine
TIMES = "{connect: 2s, login: 2s, keepalive: 1s, answer: 1s}"


@dataclass
class Station:
    """A simulated server, what is in front of it, and a client without fault that sees everything."""

    name: str
    simulator: Simulator
    proxy: FaultProxy
    window: FaultProxy
    judge: PlainAmi

    def begin(self) -> None:
        """Its calls begin now."""
        self.simulator.begin()

    def call_again(self) -> None:
        """Erin calls Frank, now that a run is there to see it."""
        self.judge.action(
            "Originate", Channel="PJSIP/erin", Context="default", Exten="frank", Priority="1", Async="true"
        )


class Gauntlet:
    """As many servers as faults. `start` gives a process that is connected, or tries to be, to all of them."""

    def __init__(
        self,
        folder: Path,
        faults: Sequence[Fault | None],
        second_call: float,
        recipe: str = RECIPE,
        journals: Path | None = None,
    ) -> None:
        self.journal = (journals or folder) / "journal.sqlite"
        self.stations: list[Station] = []
        self._folder = folder
        self._faults = faults
        self._second_call = second_call
        self._recipe = recipe
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for number, fault in enumerate(self._faults):
                self.stations.append(self._station(stack, f"pbx{number}", fault))
            self._stack = stack.pop_all()
        self._write()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _station(self, stack: ExitStack, name: str, fault: Fault | None) -> Station:
        simulator = Simulator(scenario(self._second_call), catalog.load(), begins_at_login=False)
        simulator.start()
        stack.callback(simulator.stop)
        port = simulator.address[1]
        proxy, window = stack.enter_context(FaultProxy(port, [fault])), stack.enter_context(FaultProxy(port))
        account = scenario().accounts[0]
        judge = stack.enter_context(PlainAmi(window.port))
        judge.login(account.username, account.secret)
        return Station(name, simulator, proxy, window, judge)

    def _write(self) -> None:
        account = scenario().accounts[0]
        whose = f"username: {account.username}, secret: {account.secret}, timeouts: {TIMES}"
        servers = [f"  {one.name}: {{host: 127.0.0.1, port: {one.proxy.port}, {whose}}}\n" for one in self.stations]
        config = self._folder / "amiflow.yaml"
        config.write_text(f"servers:\n{''.join(servers)}journal: {{file: {self.journal}}}\n")
        config.chmod(0o600)

    def start(self, *args: str, program: Sequence[str] = (AMIFLOW,)) -> Amiflow:
        """A new process."""
        return Amiflow(self._recipe, "--config", str(self._folder / "amiflow.yaml"), *args, cwd=ROOT, program=program)

    def ordeals(self, status: int, log: Sequence[str] = ()) -> list[Ordeal]:
        """What became of each server's calls."""
        rows = rows_of(self.journal, time.time() - time.monotonic())
        result = []
        for station, fault in zip(self.stations, self._faults, strict=True):
            account = self._account(station, fault, rows)
            fates = tuple(account.fates.values())
            result.append(Ordeal(fault, account, status, tuple(log), fates))
        return result

    def _account(self, station: Station, fault: Fault | None, rows: Sequence[tuple[float, Row]]) -> Account:
        own = [(at, row) for at, row in rows if row.server in (None, station.name)]
        seen = told(station.window.lines[0])
        return Books(seen, station.proxy.lines, own, isinstance(fault, Corrupt), LAG).judge()


def rows_of(journal: Path, epoch: float) -> list[tuple[float, Row]]:
    """The journal's entries as rows, each with its time in seconds since an epoch."""
    with reading(str(journal)) as reader:
        return [
            (
                one.at - epoch,
                Row(
                    one.at,
                    one.story.machine if one.story else None,
                    one.story.instance if one.story else None,
                    one.kind,
                    one.level,  # type: ignore[arg-type]  # as it was written
                    one.server,
                    one.flow,
                    one.file,
                    one.line,
                    one.action,
                    one.text,
                    json.dumps(one.facts),
                    one.message.raw if one.message is not None else None,
                ),
            )
            for one in reader.entries(Choice())
        ]
