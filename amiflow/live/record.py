"""Captures: the bytes that a server sent, with the times at which they came.

Belongs here: the format, written and read. Never here: connections (`loop`), or what the bytes mean (`dryrun`).

A capture is a line of JSON, `{"amiflow":"capture","version":1,"server":…,"begun":…}` with the wall clock in seconds,
then pieces: a line `{"at":1.25,"bytes":512}` (seconds since the beginning), so many raw bytes, and a line end. A file
that does not begin so is taken as the raw bytes alone, all of one moment: what `nc` or a packet dump leaves.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO

from amiflow.live.problems import Trouble
from amiflow.live.texts import refuse_pipe

_MARK = b'{"amiflow":"capture"'
VERSION = 1
_LONGEST = 1e9  # seconds of a recording


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes that came together, `at` seconds after the beginning."""

    at: float
    data: bytes


@dataclass(frozen=True, slots=True)
class Capture:
    """A recorded stream; `begun` is the wall clock at its beginning, none where it is not known."""

    server: str
    begun: float | None
    pieces: tuple[Piece, ...]
    path: str = "the recording"


@dataclass(slots=True)
class Writer:
    """Writes a capture as the bytes come."""

    _file: BinaryIO
    _began: float
    pieces: int = 0
    size: int = 0

    @staticmethod
    def begin(file: BinaryIO, server: str, now: float, wall: float) -> Writer:
        """Write the head; `now` is monotonic, `wall` the epoch. Raises OSError as writing does."""
        head = {"amiflow": "capture", "version": VERSION, "server": server, "begun": round(wall, 3)}
        file.write(_line(head))
        return Writer(file, now)

    def add(self, data: bytes, now: float) -> None:
        """Write one piece and flush it, so that a capture cut short is whole up to there."""
        self._file.write(_line({"at": round(now - self._began, 6), "bytes": len(data)}) + data + b"\n")
        self._file.flush()
        self.pieces += 1
        self.size += len(data)


def _line(fields: dict[str, object]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode("ascii") + b"\n"


def read(path: str) -> Capture:
    """The capture in a file, or the raw bytes of one. Raises Trouble where it cannot be read or is not what it says."""
    refuse_pipe(path)
    try:
        with open(path, "rb") as file:
            return parse(file.read(), path)
    except OSError as error:
        raise Trouble(f"cannot read {path}: {error.strerror}") from None


def parse(content: bytes, path: str) -> Capture:
    """The capture in these bytes; `path` is for the words of a Trouble. A last piece cut short is left out."""
    if not content.startswith(_MARK):
        return Capture("capture", None, (Piece(0.0, content),) if content else (), path)
    head, _, rest = content.partition(b"\n")
    try:
        fields = json.loads(head)
        if fields["version"] != VERSION:
            raise Trouble(f"{path} is a capture of version {fields['version']}, and only {VERSION} is known")
        begun = float(fields["begun"])
        datetime.fromtimestamp(begun, UTC)  # raises where that is no time
        return Capture(str(fields["server"]), begun, tuple(_pieces(rest)), path)
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise Trouble(f"{path} is a damaged capture: {error}") from None


def _pieces(rest: bytes) -> Iterator[Piece]:
    start = 0
    while (end := rest.find(b"\n", start)) >= 0:
        fields = json.loads(rest[start:end])
        at, size = float(fields["at"]), int(fields["bytes"])
        if not 0.0 <= at < _LONGEST or size < 0:
            raise ValueError(f"a piece of {size} bytes at {at:g} s")
        data = rest[end + 1 : end + 1 + size]
        if len(data) < size:
            return
        yield Piece(at, data)
        start = end + 2 + len(data)
