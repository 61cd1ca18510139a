"""`amiflow` as a user runs it: a process of its own, its log as JSON lines.

What belongs here: starting, waiting for log lines, stopping. What never does: what a test makes of them.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

AMIFLOW = str(Path(sys.executable).parent / "amiflow")
ROOT = Path(__file__).resolve().parents[2]
OWN = ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "RUNTIME_DIRECTORY")  # folders of the tests in place of the user's
Line = dict[str, Any]


class Amiflow:
    """A running `amiflow run …`; `lines` are its log so far, `errors` what else it wrote to standard error."""

    def __init__(
        self, *args: str, cwd: Path | None = None, patience: float = 30.0, program: Sequence[str] = (AMIFLOW,)
    ) -> None:
        self.lines: list[Line] = []
        self.errors = ""
        self._patience = patience
        self._changed = threading.Condition()
        command = [*program, "run", *args, "--log-format", "json"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        self._process: subprocess.Popen[str] = subprocess.Popen(command, cwd=cwd, env=clean_environment(), **pipes)
        self._readers = [threading.Thread(target=read, daemon=True) for read in (self._read_log, self._read_errors)]
        for reader in self._readers:
            reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(10)

    def wait(self, kind: str, text: str = "", times: int = 1) -> list[Line]:
        """The log lines of this kind that hold this text, as soon as there are so many."""
        return self._until(lambda: self.seen(kind, text), times, f"{times} `{kind}` with `{text}`")

    def seen(self, kind: str, text: str = "") -> list[Line]:
        """The log lines of this kind so far that hold this text."""
        return [line for line in list(self.lines) if line["kind"] == kind and text in line["text"]]

    def memory(self) -> float:
        """Its resident memory in mebibytes."""
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def end(self, by: signal.Signals | None = signal.SIGTERM) -> int:
        """The exit status, after this signal or, without one, when it ends by itself."""
        if by is not None:
            self._process.send_signal(by)
        status = self._process.wait(self._patience)
        for reader in self._readers:
            reader.join(5)
        return status

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def patiently(self, look: Callable[[], bool]) -> None:
        """Wait until it is so."""
        with self._changed:
            assert self._changed.wait_for(look, self._patience), f"not in time; the log:\n{self.story()}"

    def _until(self, look: Callable[[], list[Line]], times: int, what: str) -> list[Line]:
        with self._changed:
            if not self._changed.wait_for(
                lambda: len(look()) >= times or self._process.poll() is not None, self._patience
            ):
                raise AssertionError(f"no {what} in time; the log:\n{self.story()}")
        found = look()
        if len(found) < times:
            self.end(None)
            found = look()
        assert len(found) >= times, f"it ended without {what}; the log:\n{self.story()}"
        return found

    def story(self) -> str:
        """The log and the errors, for the message of a test that failed."""
        return "\n".join(f"{line['level']} {line['kind']} {line['text']}" for line in self.lines) + "\n" + self.errors

    def _read_log(self) -> None:
        assert self._process.stdout
        for text in self._process.stdout:
            with self._changed:
                self.lines.append(json.loads(text))
                self._changed.notify_all()
        with self._changed:
            self._process.wait()
            self._changed.notify_all()

    def _read_errors(self) -> None:
        assert self._process.stderr
        self.errors = self._process.stderr.read()


def clean_environment(**more: str) -> dict[str, str]:
    """The environment without what would change how amiflow runs, but for the tests' own folders."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AMIFLOW_", "XDG_"))}
    return kept | {name: os.environ[name] for name in OWN if name in os.environ} | more


def amiflow(*args: str, cwd: Path | None = None, timeout: float = 60.0, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    command: Sequence[str] = [AMIFLOW, *args]
    return subprocess.run(
        command, cwd=cwd, env=clean_environment(**env), capture_output=True, text=True, timeout=timeout, check=False
    )
