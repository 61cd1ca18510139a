"""SIP endpoints, played by sipp: one calls through the server, one answers.

What belongs here: sipp processes, their ports and scenarios (tests/asterisk/sipp). What never does: the
server's own side.
"""

import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

from support.lab.calls import BridgedCall, wait_for_bridge
from support.lab.config import HOST, Ports
from support.plain_ami import Frame, PlainAmi

SCENARIOS = Path(__file__).parents[2] / "asterisk" / "sipp"
LIFETIME = 120  # seconds, after which sipp ends by itself whatever happens


class SipEndpoints:
    """The endpoints of one server's tests; `close` ends them all. At most nine calls, by the number of ports."""

    def __init__(self, ports: Ports) -> None:
        self._sip = ports.sip
        self._free = iter(zip(ports.endpoints, ports.media, strict=False))
        self._running: list[subprocess.Popen[bytes]] = []
        self._folder = tempfile.TemporaryDirectory(prefix="amiflow-sipp-")

    def call(self, ami: PlainAmi, caller: str = "caller.xml") -> BridgedCall:
        """A call, see `dial`, once it is answered: two PJSIP channels in a basic bridge."""
        first = self.dial(ami, caller)
        return wait_for_bridge(ami, lambda event: event.Linkedid == first.Uniqueid)

    def dial(self, ami: PlainAmi, caller: str = "caller.xml") -> Frame:
        """Begins a call from one endpoint, which plays the scenario `caller`, to another, through extension 85PORT: the
        Newchannel of its channel."""
        dialled = f"85{self._run('callee.xml')}"
        self._run(caller, f"{HOST}:{self._sip}", "-s", dialled)
        return ami.wait("Newchannel", Exten=dialled)

    def ring(self, extension: str, caller: str) -> None:
        """Begins a call from an endpoint, which plays the scenario `caller`, to an extension of the server's own."""
        self._run(caller, f"{HOST}:{self._sip}", "-s", extension)

    def telephone(self, scenario: str) -> str:
        """An endpoint that plays a scenario when it is called: the channel to originate."""
        return f"PJSIP/callee/sip:callee@{HOST}:{self._run(scenario)}"

    def close(self) -> None:
        for process in self._running:
            process.terminate()
        for process in self._running:
            process.wait()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, scenario: str, *arguments: str) -> int:
        """Start an endpoint; its port, once it listens there."""
        port, media = next(self._free)
        command = ["sipp", *arguments, "-sf", str(SCENARIOS / scenario), "-i", HOST, "-p", str(port), "-mp", str(media)]
        bounds = ["-m", "1", "-timeout", str(LIFETIME), "-nostdin"]
        log = Path(self._folder.name) / f"{port}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [*command, *bounds], cwd=log.parent, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )
        self._running.append(process)
        while _is_free(port):
            if process.poll() is not None:
                raise RuntimeError(f"sipp {scenario} ended at once:\n{log.read_text(errors='replace')}")
            time.sleep(0.01)
        return port


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True
