"""The wake-up pair: how signals and workers reach the loop, which sleeps in `wait`.

Belongs here: waiting, the pair, the signal handlers that do nothing (a system call that waits is restarted after a
handler, PEP 475, so that a handler alone would not wake the loop), and workers. Never here: what a signal or a result
means.
"""

from __future__ import annotations

import queue
import select
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, TypeVar

from amiflow.report.data import dataclass

Result = TypeVar("Result")

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def wait(watched: Sequence[int], writing: Sequence[int], timeout: float | None) -> list[int]:
    """Those of the descriptors `watched` that can be read from, once one can, one of `writing` takes bytes, or time is
    over."""
    try:
        return select.select(watched, writing, [], timeout)[0]
    except ValueError:  # a descriptor beyond 1023, which `select` cannot take: a process may have inherited many
        return _poll(watched, writing, timeout)


def _poll(watched: Sequence[int], writing: Sequence[int], timeout: float | None) -> list[int]:
    poll = select.poll()
    for one in {*watched, *writing}:
        poll.register(one, (select.POLLIN if one in watched else 0) | (select.POLLOUT if one in writing else 0))
    found = {one for one, event in poll.poll(None if timeout is None else timeout * 1000) if event & ~select.POLLOUT}
    return [one for one in watched if one in found]


@dataclass(frozen=True, slots=True)
class Finished(Generic[Result]):
    """What a worker came to: its result, or the exception that it raised."""

    name: str
    result: Result | None
    error: Exception | None


class Wake(Generic[Result]):
    """A socket pair: a byte in it is a signal's number, or 0 where a worker has left something."""

    def __init__(self) -> None:
        self._ours, self._theirs = socket.socketpair()
        self._ours.setblocking(False)
        self._theirs.setblocking(False)
        self._finished: queue.SimpleQueue[Finished[Result]] = queue.SimpleQueue()
        self.descriptor = self._ours.fileno()
        """For `select`."""

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Within it, SIGINT, SIGTERM and SIGHUP come in here instead of ending the process, but for what `nohup` has it
        ignore. For the main thread alone."""
        minded = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        before = {number: signal.signal(number, _do_nothing) for number in minded}
        descriptor = signal.set_wakeup_fd(self._theirs.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(descriptor)
            for number, handler in before.items():
                signal.signal(number, handler)

    def work(self, name: str, task: Callable[[], Result]) -> None:
        """Do this in a thread of its own; what it came to will be in `take`."""
        try:
            threading.Thread(target=self._run, args=(name, task), name=name, daemon=True).start()
        except RuntimeError as error:  # the system gives this process no more threads, for now
            self._leave(Finished(name, None, OSError(str(error))))

    def _run(self, name: str, task: Callable[[], Result]) -> None:
        try:
            finished = Finished(name, task(), None)
        except Exception as error:
            finished = Finished(name, None, error)
        self._leave(finished)

    def poke(self, name: str) -> None:
        """From a thread that goes on: what it has to say is to be asked for."""
        self._leave(Finished(name, None, None))

    def _leave(self, finished: Finished[Result]) -> None:
        self._finished.put(finished)
        try:
            self._theirs.send(b"\0")
        except OSError:
            return  # the pair is full, so that the loop is awake, or closed, so that there is none

    def take(self) -> tuple[list[int], list[Finished[Result]]]:
        """The signals and results that came since the last time."""
        try:
            data = self._ours.recv(4096)
        except BlockingIOError:
            data = b""
        finished = []
        while not self._finished.empty():
            finished.append(self._finished.get())
        return [number for number in data if number], finished

    def close(self) -> None:
        """Close the pair; a worker still at work is left to end by itself."""
        self._ours.close()
        self._theirs.close()


def _do_nothing(number: int, frame: object) -> None:
    """The signal has done its work by being written to the wake-up descriptor."""
