"""Lines to a descriptor, written beside the loop: a slow terminal, a full pipe or a closed one never holds up a call.

Belongs here: the thread that writes, its bound and what is dropped beyond it. Never here: what a line says (`log`).

The thread is woken by the first line and then lets a moment pass in which more gather: waking it for every line would
cost the loop more than all it does for an event, as each time the two contend for the interpreter.
"""

from __future__ import annotations

import errno
import os
import queue
import select
import threading

MOST = 10_000
MOST_TEXT = 64 << 20  # characters of those lines
_BATCH = 1000
_PAUSE = 0.02  # seconds in which lines gather


class Output:
    """A bounded queue of lines before a descriptor. When it is full, lines are dropped and the number of them is
    written in their place; when the reader is gone, all are dropped, silently, and the run goes on. Lines for which
    there is no room (a full disk) are dropped too; `trouble` is then why, in the system's words."""

    def __init__(self, descriptor: int, most: int = MOST, encoding: str = "utf-8") -> None:
        self._descriptor = descriptor
        self._encoding = encoding
        self._most = most
        self._taken = self._written = 0  # characters: the one is counted by the loop alone, the other by the thread
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self.dropped = 0
        self.broken = False
        self.trouble: str | None = None
        self._thread = threading.Thread(target=self._run, name="output", daemon=True)
        self._thread.start()

    def write(self, text: str) -> None:
        """Have this text and a line end written; returns at once. Text that the encoding cannot hold is escaped."""
        if self.broken:
            return
        if self._lines.qsize() >= self._most or self._taken - self._written > MOST_TEXT:
            self.dropped += 1
            return
        if self.dropped:
            self._put(f"... {self.dropped} lines were not written: the reader of this output is too slow")
            self.dropped = 0
        self._put(text)

    def _put(self, text: str) -> None:
        self._taken += len(text)
        self._lines.put(text)

    def close(self, patience: float) -> None:
        """Write what is due, waiting for at most so many seconds."""
        self._closing.set()
        self._lines.put(None)
        self._thread.join(patience)

    def _run(self) -> None:
        line: str | None = ""
        while line is not None and not self.broken:
            batch = []
            line = self._lines.get()
            self._closing.wait(_PAUSE)
            while line is not None:
                batch.append(line + "\n")
                if len(batch) >= _BATCH or self._lines.empty():
                    break
                line = self._lines.get()
            self._write_all("".join(batch).encode(self._encoding, "backslashreplace"))
            self._written += sum(map(len, batch)) - len(batch)

    def _write_all(self, data: bytes) -> None:
        while data:
            try:
                data = data[os.write(self._descriptor, data) :]
            except BlockingIOError:
                # Whoever shares the terminal or pipe with us may have made it so.
                select.select([], [self._descriptor], [])
            except OSError as error:
                self.broken = error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
                self.trouble = None if error.errno == errno.EPIPE else error.strerror
                return
