"""Errands done: requests to web servers, programs, lines of files, each in a worker beside the loop.

Belongs here: what the run allows, and how each kind of errand is done within its time and bounded in size. Never here:
what a flow makes of the outcome (`engine.errands`).
"""

from __future__ import annotations

import contextlib
import os
import queue
import select
import signal
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import assert_never

from amiflow.engine.effects import (
    AppendRequest,
    Errand,
    ErrandDone,
    ExecRequest,
    ExecResult,
    HttpRequest,
    HttpResult,
    Request,
)
from amiflow.live.bounded import LARGEST, NO_URL, OVER, Failed, left
from amiflow.plan.errands import host_of
from amiflow.report.data import dataclass

_AT_ONCE = 16  # errands in the works; the others wait for one of these to end
MOST_ERRANDS = 500  # with those that wait: each has a thread of its own
_GRACE = 0.5  # seconds beyond its time: the flow's own clock is to be the first to say that this is over
_LOOK = 3600.0  # seconds for which `poll` can wait at a stretch; it takes no more than 24 days
_LONGEST = 1e9  # seconds, beyond which the system's own clocks count no more
_MODE = 0o600
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a run allows: `http:crm.example`, `exec:/usr/local/bin/notify`, `append:calls.jsonl`."""

    names: frozenset[str]

    def covers(self, name: str) -> bool:
        """Whether it is among them, however it is written."""
        return _normal(name) in self.names

    def allows(self, request: Request) -> bool:
        """Whether this may be done."""
        return needed(request) in self.names


def allowed(names: Iterable[str]) -> Allowed:
    """From names as people write them."""
    return Allowed(frozenset(map(_normal, names)))


def _normal(name: str) -> str:
    kind, _, what = name.partition(":")
    return f"append:{os.path.abspath(what)}" if kind == "append" else f"http:{what.lower()}" if kind == "http" else name


def needed(request: Request) -> str:
    """What a run must allow for this."""
    match request:
        case HttpRequest(url=url):
            return f"http:{host_of(url)}"
        case ExecRequest(argv=argv):
            return f"exec:{argv[0]}"
        case AppendRequest(path=path):
            return _normal(f"append:{path}")
        case other:
            assert_never(other)


def imagined(errand: Errand) -> ErrandDone:
    """What comes of it where nothing is to be done: success."""
    match errand.request:
        case HttpRequest():
            return ErrandDone(errand.errand_id, HttpResult(200, ""))
        case ExecRequest():
            return ErrandDone(errand.errand_id, ExecResult(0, ""))
        case AppendRequest():
            return ErrandDone(errand.errand_id, None)
        case other:
            assert_never(other)


class Programs:
    """Those that run now. None outlives the run, as nobody would end it in its time any more."""

    def __init__(self) -> None:
        self._running = set[subprocess.Popen[bytes]]()
        self._over = False

    def add(self, process: subprocess.Popen[bytes]) -> None:
        """It runs. Raises Failed where it is to be ended at once."""
        self._running.add(process)  # before the look, so that either this or the end sees it
        if self._over:
            raise Failed("the run is over", begun=True)

    def remove(self, process: subprocess.Popen[bytes]) -> None:
        """It has ended."""
        self._running.discard(process)

    def end(self) -> None:
        """End them all, and each that still begins."""
        self._over = True
        for process in list(self._running):
            _kill(process)


class Workshop:
    """Does errands, a few at a time, each in a thread of its own; `poke` is called where one has been done."""

    def __init__(self, what: Allowed, poke: Callable[[], None]) -> None:
        self._allowed = what
        self._poke = poke
        self._places = threading.BoundedSemaphore(_AT_ONCE)
        self._room = threading.BoundedSemaphore(MOST_ERRANDS)
        self._waiting: dict[str, Errand] = {}  # what loop or worker takes out first, it has
        self._done: queue.SimpleQueue[ErrandDone] = queue.SimpleQueue()
        self._programs = Programs()

    def begin(self, errand: Errand, patience: float) -> None:
        """Begin an errand that is to be done within so many seconds; one too many fails at once."""
        patience = min(patience, _LONGEST)
        if not self._room.acquire(blocking=False):
            self._refuse(errand, f"{MOST_ERRANDS} errands are being done or wait already")
            return
        self._waiting[errand.errand_id] = errand
        try:
            threading.Thread(target=self._work, args=(errand, patience), name=errand.errand_id, daemon=True).start()
        except RuntimeError as error:  # the system gives this process no more threads
            del self._waiting[errand.errand_id]
            self._room.release()
            self._refuse(errand, str(error))

    def close(self) -> None:
        """The run is over."""
        self._programs.end()

    def _refuse(self, errand: Errand, why: str) -> None:
        self._done.put(ErrandDone(errand.errand_id, None, why, begun=False))
        self._poke()

    def take(self) -> Iterator[ErrandDone]:
        """What has been done since the last time."""
        while not self._done.empty():
            yield self._done.get()

    def waiting(self, errand_id: str) -> Errand | None:
        """The errand, as long as it has not been begun."""
        return self._waiting.get(errand_id)

    def withdraw(self, errand_id: str) -> bool:
        """Whether the errand could still be kept from being done."""
        return self._waiting.pop(errand_id, None) is not None

    def _work(self, errand: Errand, patience: float) -> None:
        self._done.put(self._do(errand, patience))
        self._waiting.pop(errand.errand_id, None)
        self._room.release()
        self._poke()

    def _do(self, errand: Errand, patience: float) -> ErrandDone:
        """Do it now, within so many seconds; nothing is raised that an errand could cause."""
        end = time.monotonic() + patience + _GRACE
        request = errand.request
        if isinstance(request, HttpRequest) and host_of(request.url) is None:
            return ErrandDone(errand.errand_id, None, NO_URL, begun=False)
        if not self._allowed.allows(request):
            text = f"this run does not allow it: start it with --allow {needed(request)}"
            return ErrandDone(errand.errand_id, None, text, begun=False)
        if not self._places.acquire(timeout=max(0.0, patience)):
            return ErrandDone(errand.errand_id, None, "too much is being done at once", begun=False)
        try:
            if not self.withdraw(errand.errand_id):
                return ErrandDone(errand.errand_id, None, "nobody waits for it any more", begun=False)
            return ErrandDone(errand.errand_id, _done(request, end, self._programs))
        except Failed as failure:
            return ErrandDone(errand.errand_id, None, str(failure), failure.begun)
        except (OSError, ValueError) as error:
            return ErrandDone(errand.errand_id, None, str(error) or type(error).__name__)
        except Exception as error:  # a mistake of our own must not keep a place for ever
            return ErrandDone(errand.errand_id, None, f"a mistake of amiflow's own, {type(error).__name__}: {error}")
        finally:
            self._places.release()


def _done(request: Request, end: float, programs: Programs) -> HttpResult | ExecResult | None:
    match request:
        case HttpRequest():
            from amiflow.live.web import fetch  # the libraries behind it take 2 MB that most runs do not need

            return fetch(request, end)
        case ExecRequest(argv=argv):
            return _run(argv, end, programs)
        case AppendRequest(path=path, line=line):
            _append(path, line)
            return None
        case other:
            assert_never(other)


# --- programs and files


def _run(argv: tuple[str, ...], end: float, programs: Programs) -> ExecResult:
    """Run a program in a session of its own, with nothing of this process's environment."""
    if not argv[0].startswith("/"):
        raise Failed(f"`{argv[0]}` is no absolute path", begun=False)
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PATH": _PATH, "LANG": "C.UTF-8"},
            start_new_session=True,
        )
    except OSError as error:
        raise Failed(f"`{argv[0]}` cannot be run: {error.strerror}", begun=False) from error
    with process:
        try:
            programs.add(process)
            out = _output(process, end)
            return ExecResult(process.wait(left(end)), out.decode("utf-8", "replace"))
        except Failed:
            _kill(process)
            raise
        except subprocess.TimeoutExpired:
            _kill(process)
            raise Failed(OVER, begun=True) from None
        finally:
            programs.remove(process)


def _output(process: subprocess.Popen[bytes], end: float) -> bytes:
    """All that it writes. What it has started may hold its output open for longer than anybody waits, also where no
    signal to its session reaches that. Raises Failed."""
    assert process.stdout is not None
    pieces, size, watched = list[bytes](), 0, select.poll()
    watched.register(process.stdout, select.POLLIN)
    while True:
        if not watched.poll(min(left(end), _LOOK) * 1000):
            continue
        piece = os.read(process.stdout.fileno(), 65536)
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)
        size += len(piece)
        if size > LARGEST:
            raise Failed(f"it wrote more than {LARGEST} bytes", begun=True)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the program and what it has started, as far as that stays in its session and is this user's to end."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _append(path: str, line: str) -> None:
    """One write at the end of the file, so that lines of several processes never mix; a link is not followed, and what
    is no file (a pipe that nobody reads, a device) is not written to. The path is the one that was allowed, as the
    system may see another file in one with `..` behind a link."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    descriptor = os.open(os.path.abspath(path), flags, _MODE)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Failed(f"{path} is no file", begun=False)
        data = line.encode("utf-8", "surrogateescape")
        written = os.write(descriptor, data)
        if written < len(data):
            raise Failed(f"there was room for {written} bytes of {len(data)}", begun=True)
    finally:
        os.close(descriptor)
