"""The control socket: questions to a run come in through it, and the answers go out.

Belongs here: the run's end of the socket, one line of JSON each way, who may use it. Never here: what a question means
(`desk`), the caller's end (`caller`).

It is a socket in the file system that only its owner can open (mode 0600, set before anybody can connect), and a caller
of another user is refused as well (SO_PEERCRED). One thread accepts, one thread serves a caller, and there is a bound
on both their number and their time; none touches a machine. A socket that was taken away is made again.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amiflow.live.caller import check_length, dead, default_path, is_answered
from amiflow.live.problems import Trouble
from amiflow.live.requests import (
    Answer,
    GiveSignal,
    Mailbox,
    PauseFlows,
    Reload,
    Request,
    ResumeFlows,
    StopFlow,
    TellStatus,
)
from amiflow.live.version import amiflow_version

_LONGEST = 64 * 1024  # bytes of a question
_PATIENCE = 3600.0  # seconds that a caller may wait for an answer
_HURRY = 5.0  # seconds in which a caller must have said what it wants, and take the answer
_LOOK = 20.0  # seconds between two looks whether the socket is still in its place
_PAUSE = 0.5  # seconds until the next attempt to let somebody in, where the system has no descriptor for it
_CALLERS = 32
_ROOT = 0
_MODE = 0o600


class Control:
    """Listens at the path. Raises Trouble where it cannot."""

    def __init__(self, path: str, mailbox: Mailbox) -> None:
        self.path = path
        self._mailbox = mailbox
        self._callers = threading.BoundedSemaphore(_CALLERS)
        self._closing = threading.Event()
        self._renewing = threading.Lock()
        self._socket = _listening(path)
        self._socket.settimeout(_LOOK)
        threading.Thread(target=self._accept, name="control", daemon=True).start()

    def close(self) -> None:
        """Listen no longer."""
        with self._renewing:
            self._closing.set()
            # Closing alone leaves `accept` asleep, and the socket open as long.
            self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()
            Path(self.path).unlink(missing_ok=True)

    # --- the threads

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                caller, _ = self._socket.accept()
            except TimeoutError:
                self._renew()
                continue
            except OSError:  # closed, or there is no descriptor for it, for now
                self._closing.wait(_PAUSE)
                continue
            if not _is_own(caller) or not self._callers.acquire(blocking=False):
                caller.close()
                continue
            try:
                threading.Thread(target=self._serve, args=(caller,), daemon=True).start()
            except RuntimeError:  # the system gives this process no more threads, for now
                caller.close()
                self._callers.release()

    def _renew(self) -> None:
        """The run may last for longer than the socket's folder: that of a user goes when nobody is logged in."""
        with self._renewing:
            if self._closing.is_set() or os.path.lexists(self.path):
                return
            try:
                fresh = _listening(self.path)
            except (Trouble, OSError):
                return  # there is no place for it, for now
            fresh.settimeout(_LOOK)
            self._socket.close()
            self._socket = fresh

    def _serve(self, caller: socket.socket) -> None:
        try:
            with caller:
                answer = self._answer(caller)
                caller.settimeout(_HURRY)
                caller.sendall(json.dumps(_plain(answer), ensure_ascii=False).encode("utf-8", "backslashreplace"))
        except OSError:
            return  # the caller has gone
        finally:
            self._callers.release()

    def _answer(self, caller: socket.socket) -> Answer:
        caller.settimeout(_HURRY)
        try:
            asked = json.loads(_line(caller))
        except (ValueError, RecursionError):
            asked = None
        request = parse(asked) if isinstance(asked, dict) else None
        if request is None:
            return Answer(None, "this is no question to a run", "wrong")
        patience = asked.get("patience")
        said = isinstance(patience, int | float) and patience >= 0  # which what is no number is not
        answer = self._mailbox.ask(request, min(patience, _PATIENCE) if said else _PATIENCE)
        if isinstance(answer.value, dict) and isinstance(request, TellStatus):
            return Answer({"version": amiflow_version(), **answer.value})
        return answer


def parse(asked: Mapping[str, Any]) -> Request | None:
    """The question that a line of JSON asks; none where it is no such thing."""
    match asked:
        case {"signal": str(name)}:
            fields = asked.get("fields", {})
            good = isinstance(fields, dict) and all(isinstance(text, str) for text in fields.values())
            return GiveSignal(name, fields) if good else None
        case {"ask": "status"}:
            return TellStatus()
        case {"ask": "reload"}:
            return Reload()
        case {"ask": "pause", "flow": str() | None as flow}:
            return PauseFlows(flow)
        case {"ask": "resume", "flow": str() | None as flow}:
            return ResumeFlows(flow)
        case {"ask": "stop", "flow": str(flow), "instance": int() | None as instance}:
            return StopFlow(flow, instance)
    return None


def _plain(answer: Answer) -> dict[str, object]:
    if answer.failure is None:
        return {"reply": answer.value}
    return {"error": answer.failure, "kind": answer.kind}


def _listening(path: str) -> socket.socket:
    """A socket that only this user can open. One that nobody listens at any more is taken over."""
    check_length(path)
    place = Path(path).parent
    listener = socket.socket(socket.AF_UNIX)
    try:
        _make_room(place, path)
        # On Linux the file gets the mode that the socket has, so that nobody can come in before; a umask would be in
        # force for other threads too.
        with contextlib.suppress(OSError):
            os.fchmod(listener.fileno(), _MODE)
        listener.bind(path)
        os.chmod(path, _MODE)
        listener.listen(_CALLERS)
    except OSError as error:
        listener.close()
        raise Trouble(f"cannot listen at {path}: {error.strerror or error}", "say where with --control PATH") from None
    except Trouble:
        listener.close()
        raise
    return listener


def _make_room(place: Path, path: str) -> None:
    """The folder, this user's own, without what runs left there that were killed."""
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Neither the folder nor a link in its place may be a stranger's: in /tmp anybody could have been there first.
    if not {place.stat().st_uid, place.lstat().st_uid} <= {os.getuid(), _ROOT}:
        raise Trouble(f"{place} belongs to another user", "say where to listen with --control PATH")
    if is_answered(path):
        raise Trouble(f"another run listens at {path}", "give this one a socket of its own with --control PATH")
    if path == default_path(os.environ):
        for left in dead(str(place)):
            Path(left).unlink(missing_ok=True)
    if Path(path).is_socket():
        Path(path).unlink()
    elif os.path.lexists(path):
        raise Trouble(f"cannot listen at {path}: it is there, and no socket", "name another path with --control PATH")


def _is_own(caller: socket.socket) -> bool:
    if not hasattr(socket, "SO_PEERCRED"):
        return True  # the file's mode alone decides
    size = struct.calcsize("3i")
    _, user, _ = struct.unpack("3i", caller.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return user in (os.getuid(), _ROOT)


def _line(caller: socket.socket) -> bytes:
    data = b""
    while b"\n" not in data and len(data) <= _LONGEST:
        piece = caller.recv(4096)
        if not piece:
            break
        data += piece
    return data.partition(b"\n")[0] if len(data) <= _LONGEST else b""
