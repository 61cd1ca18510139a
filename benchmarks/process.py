"""One measurement: a server and a client as two processes, what the client cost and what the server saw.

Belongs here: starting and ending them, and reading CPU time and memory from /proc. Never here: which clients there are
(`peers`), and what is compared (`rows`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread

from benchmarks.stream import Load

_TICK = os.sysconf("SC_CLK_TCK")
_ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Client:
    """A client's name, command and environment; `{port}` in the command is replaced. It logs in, sends a UserEvent with
    the word BenchReady, then redirects. `registry` is where a library comes from."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    registry: str = ""


@dataclass(frozen=True, slots=True)
class Score:
    """Seconds of CPU, mebibytes at the beginning and the end, and what the server counted. Without `cpu` the client
    never got ready, or did not live to the end."""

    load: Load
    cpu: float | None
    memory: tuple[float, float]
    counts: Mapping[str, float]

    @property
    def rate(self) -> float | None:
        """Events a CPU second, where none of the actions is missing."""
        return self.load.count / self.cpu if self.cpu and self.whole else None

    @property
    def whole(self) -> bool:
        """Whether every action came, once, and no other."""
        return not any(self.counts.get(word, 1) for word in ("lost", "twice", "wrong"))


def fitting(client: Client, load: Load, seconds: float) -> Load:
    """As much of the load as the client does in so many seconds: some wait for each answer before they go on."""
    count = min(200, load.count)
    while True:
        score = measure(client, replace(load, count=count))
        took = score.counts.get("seconds", seconds) if score.whole else seconds
        if took > 0.3 or count == load.count:
            most = int(count * seconds / max(took, 0.001))
            return replace(load, count=max(200, min(load.count, most) // 100 * 100))
        count = min(load.count, count * 10)


def measure(client: Client, load: Load, rate: float | None = None, deaf: float | None = None) -> Score:
    """One run of the client under the load. With `deaf`, what it prints goes to a pipe that nobody reads for so many
    seconds from the beginning of the load."""
    words = [sys.executable, "-m", "benchmarks.server", str(load.count), str(load.every), load.kind]
    words += ["--rate", str(rate)] if rate else []
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_ROOT) as server:
        assert server.stdin and server.stdout
        running: subprocess.Popen[bytes] | None = None
        began = ended = (0.0, 0.0)
        counts: dict[str, float] = {}
        for line in server.stdout:
            said = json.loads(line)
            match said.pop("at"):
                case "listening":
                    running = _start(client, said["port"], subprocess.DEVNULL if deaf is None else subprocess.PIPE)
                case "start" if running:
                    began = _cost(running.pid)
                    if deaf is not None:
                        Thread(target=_drain, args=(running, deaf), daemon=True).start()
                case "end" if running:
                    ended, counts = _cost(running.pid), said
                    break
        _stop(running)
        server.stdin.close()
        server.kill()
    cpu = ended[0] - began[0] if ended[0] > began[0] else None
    return Score(load, cpu, (began[1], ended[1]), counts)


def _start(client: Client, port: int, output: int) -> subprocess.Popen[bytes]:
    command = [word.replace("{port}", str(port)) for word in client.command]
    environment = {**os.environ, **client.environment, "AMI_PORT": str(port), "PYTHONWARNINGS": "ignore"}
    nothing, errors = subprocess.DEVNULL, subprocess.STDOUT
    return subprocess.Popen(command, env=environment, cwd=_ROOT, stdin=nothing, stdout=output, stderr=errors)


def _drain(running: subprocess.Popen[bytes], deaf: float) -> None:
    time.sleep(deaf)
    assert running.stdout
    while os.read(running.stdout.fileno(), 1 << 16):
        pass


def _stop(running: subprocess.Popen[bytes] | None) -> None:
    if running:
        running.kill()
        running.wait()


def _cost(pid: int) -> tuple[float, float]:
    """CPU seconds and resident mebibytes of a process; zeros where it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0, 0.0
    return (int(fields[11]) + int(fields[12])) / _TICK, int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)
