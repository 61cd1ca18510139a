"""The control socket: signals for the flows of a run come in through it, and their replies go out.

Belongs here: the socket, one line of JSON each way, who may use it. Never here: what a signal means (`engine.signals`).

It is a socket in the file system that only its owner can open (mode 0600, set before anybody can connect), and a caller
of another user is refused as well (SO_PEERCRED). One thread accepts, one thread serves a caller; neither touches a
machine: they leave signals for the loop.
"""

from __future__ import annotations

import json
import os
import queue
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from amiflow.engine.effects import Signalled, SignalReply
from amiflow.live.problems import Trouble

_LONGEST = 64 * 1024  # bytes of a signal
_PATIENCE = 3600.0  # seconds that a caller may wait for a reply
_HURRY = 5.0  # seconds in which a caller must have said what it wants
_CALLERS = 32


def default_path() -> str:
    """Where runs of this user listen, and `amiflow signal` looks, where nobody says otherwise."""
    folder = os.environ.get("XDG_RUNTIME_DIR") or f"/tmp/amiflow-{os.getuid()}"
    return f"{folder}/amiflow.sock"


class Control:
    """Listens at the path; `poke` is called where a signal has come. Raises Trouble where it cannot listen."""

    def __init__(self, path: str, poke: Callable[[], None]) -> None:
        self._path = path
        self._poke = poke
        self._signals: queue.SimpleQueue[Signalled] = queue.SimpleQueue()
        self._waiting: dict[str, queue.SimpleQueue[SignalReply]] = {}
        self._callers = threading.BoundedSemaphore(_CALLERS)
        self._number = 0
        self._socket = _listening(path)
        threading.Thread(target=self._accept, name="control", daemon=True).start()

    def take(self) -> Iterator[Signalled]:
        """The signals that have come since the last time."""
        while not self._signals.empty():
            yield self._signals.get()

    def reply(self, reply: SignalReply) -> None:
        """Give a caller what it waits for."""
        waiting = self._waiting.pop(reply.signal_id, None)
        if waiting is not None:
            waiting.put(reply)

    def close(self) -> None:
        """Listen no longer."""
        self._socket.close()
        Path(self._path).unlink(missing_ok=True)

    # --- the threads

    def _accept(self) -> None:
        while True:
            try:
                caller, _ = self._socket.accept()
            except OSError:
                return  # closed
            if not _is_own(caller) or not self._callers.acquire(blocking=False):
                caller.close()
                continue
            self._number += 1
            threading.Thread(target=self._serve, args=(caller, f"s{self._number}"), daemon=True).start()

    def _serve(self, caller: socket.socket, signal_id: str) -> None:
        try:
            with caller:
                answer = self._answer(caller, signal_id)
                caller.sendall(json.dumps(answer, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n")
        except OSError:
            return  # the caller has gone
        finally:
            self._callers.release()

    def _answer(self, caller: socket.socket, signal_id: str) -> dict[str, object]:
        caller.settimeout(_HURRY)
        signal = _signal(_line(caller), signal_id)
        if signal is None:
            return {"error": "this is no signal"}
        waiting = self._waiting[signal_id] = queue.SimpleQueue()
        self._signals.put(signal)
        self._poke()
        try:
            reply = waiting.get(timeout=_PATIENCE)
        except queue.Empty:
            self._waiting.pop(signal_id, None)
            return {"error": "no reply came"}
        return {"reply": reply.value} if reply.failure is None else {"error": reply.failure}


def _listening(path: str) -> socket.socket:
    """A socket that only this user can open. One that nobody listens at any more is taken over."""
    folder = Path(path).parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid not in (os.getuid(), 0):
        raise Trouble(f"{folder} belongs to another user", "say where to listen with --control PATH")
    listener = socket.socket(socket.AF_UNIX)
    if _is_answered(path):
        raise Trouble(f"another run listens at {path}", "give this one a socket of its own with --control PATH")
    before = os.umask(0o177)
    try:
        Path(path).unlink(missing_ok=True)
        listener.bind(path)
        listener.listen(_CALLERS)
    except OSError as error:
        listener.close()
        raise Trouble(f"cannot listen at {path}: {error.strerror}") from None
    finally:
        os.umask(before)
    return listener


def _is_answered(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except OSError:
            return False
        return True


def _is_own(caller: socket.socket) -> bool:
    if not hasattr(socket, "SO_PEERCRED"):
        return True  # the file's mode alone decides
    size = struct.calcsize("3i")
    _, user, _ = struct.unpack("3i", caller.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return user in (os.getuid(), 0)


def _line(caller: socket.socket) -> bytes:
    data = b""
    while b"\n" not in data and len(data) <= _LONGEST:
        piece = caller.recv(4096)
        if not piece:
            break
        data += piece
    return data.partition(b"\n")[0] if len(data) <= _LONGEST else b""


def _signal(line: bytes, signal_id: str) -> Signalled | None:
    try:
        asked = json.loads(line)
    except ValueError:
        return None
    if not isinstance(asked, dict) or not isinstance(asked.get("signal"), str):
        return None
    fields = asked.get("fields", {})
    if not isinstance(fields, dict) or not all(isinstance(text, str) for text in fields.values()):
        return None
    return Signalled(asked["signal"], fields, signal_id)


def send(path: str, name: str, fields: dict[str, str], patience: float) -> dict[str, object]:
    """Give a run a signal; what it answers: `reply` or `error`. Raises Trouble where no run listens."""
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(patience)
        try:
            caller.connect(path)
            caller.sendall(json.dumps({"signal": name, "fields": fields}).encode() + b"\n")
            answer = b""
            while piece := caller.recv(65536):
                answer += piece
        except TimeoutError:
            raise Trouble(f"no reply within {patience:g} s") from None
        except OSError as error:
            raise Trouble(f"no run listens at {path}: {error.strerror or error}") from None
    given = json.loads(answer) if answer else {"error": "the run has ended, or refuses this user"}
    return given if isinstance(given, dict) else {"error": "this is no run"}
