"""Asking a run from another process: which runs there are, the question, the answer.

Belongs here: where the sockets are, and the caller's end of one. Never here: the run's end (`control`), what commands
make of an answer (`cli`).
"""

from __future__ import annotations

import json
import os
import socket
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from amiflow.live.problems import Trouble

SUFFIX = ".sock"
_SERVICE = "/run/amiflow"  # RuntimeDirectory= of the unit file
_LONGEST_PATH = 107  # bytes, on Linux (sun_path of struct sockaddr_un)
_PROBE = 2.0  # seconds in which a socket must let us in


def folder(environ: Mapping[str, str]) -> str:
    """Where this user's runs have their sockets: where systemd says, else the user's own runtime folder."""
    service, user = environ.get("RUNTIME_DIRECTORY"), environ.get("XDG_RUNTIME_DIR")
    if service:
        return service.split(":")[0]
    return os.path.join(user, "amiflow") if user else f"/tmp/amiflow-{os.getuid()}"


def default_path(environ: Mapping[str, str]) -> str:
    """Where this process listens, where nobody says otherwise."""
    return os.path.join(folder(environ), f"{os.getpid()}{SUFFIX}")


def check_length(path: str) -> None:
    """Raises Trouble where the system takes no such path for a socket, which its own words do not explain."""
    length = len(os.fsencode(path))
    if length > _LONGEST_PATH:
        text = f"the path of a socket has at most {_LONGEST_PATH} bytes, and {path} has {length}"
        raise Trouble(text, "name a shorter one with --control PATH")


def is_answered(path: str) -> bool:
    """Whether somebody listens there."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(_PROBE)
        try:
            probe.connect(path)
        except OSError:
            return False
        return True


def runs(environ: Mapping[str, str]) -> list[str]:
    """The sockets of the runs that this user may ask: its own, and that of the service."""
    return [path for place in _places(environ) for path in _sockets(place) if is_answered(path)]


def _places(environ: Mapping[str, str]) -> list[str]:
    return list(dict.fromkeys((folder(environ), f"/tmp/amiflow-{os.getuid()}", _SERVICE)))


def dead(place: str) -> Iterator[str]:
    """The sockets in a folder that were left by processes of this user that are no more."""
    for path in _sockets(place):
        try:
            os.kill(int(Path(path).stem), 0)
        except ProcessLookupError:
            if _owner_of_socket(path) == os.getuid():
                yield path
        except (ValueError, OverflowError, PermissionError):
            continue  # no name of ours, or a process that lives


def _sockets(place: str) -> Iterator[str]:
    """Those in a folder, unless it belongs to a stranger, who could answer in a run's name."""
    try:
        owners = {os.stat(place).st_uid, os.lstat(place).st_uid}
        names = sorted(os.listdir(place))
    except OSError:
        return
    if os.getuid() != 0 and not owners <= {os.getuid(), 0}:
        return
    paths = (os.path.join(place, name) for name in names if name.endswith(SUFFIX))
    yield from (path for path in paths if _owner_of_socket(path) is not None)


def _owner_of_socket(path: str) -> int | None:
    """Whose socket it is; none where it is none, or no longer there."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_uid if stat.S_ISSOCK(found.st_mode) else None


def the_run(environ: Mapping[str, str]) -> str:
    """The socket of the one run that there is. Raises Trouble where there is none, or are several."""
    found = runs(environ)
    if not found:
        raise Trouble("no run of this user goes on", "start one with `amiflow run`, or name its socket with --control")
    if len(found) > 1:
        raise Trouble(f"{len(found)} runs go on: {', '.join(found)}", "say which one is meant with --control PATH")
    return found[0]


def ask(path: str, question: Mapping[str, object], patience: float) -> Mapping[str, object]:
    """What the run at the path answers: `reply`, or `error` with its `kind`. Raises Trouble where no run listens."""
    check_length(path)
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(patience)
        try:
            caller.connect(path)
            caller.sendall(json.dumps({**question, "patience": patience}).encode() + b"\n")
            answer = b""
            while piece := caller.recv(65536):
                answer += piece
        except TimeoutError:
            raise Trouble(f"no answer came within {patience:g} s") from None
        except (ConnectionResetError, BrokenPipeError):
            answer = b""
        except OSError as error:
            raise Trouble(f"no run listens at {path}: {error.strerror or error}") from None
    try:
        given = json.loads(answer) if answer else {"error": "the run has ended, or refuses this user"}
    except ValueError:  # it was killed while it answered, or it is no run
        given = None
    return given if isinstance(given, dict) else {"error": "what answers there is no run, or one that has ended"}
