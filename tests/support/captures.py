"""Conversations of real servers as they were recorded: `NAME.ami.gz`, and `NAME.req.ami.gz` with the client's side."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "ami" / "transcripts"


def names() -> list[str]:
    """Every capture, without its endings."""
    return sorted(path.name.removesuffix(".ami.gz") for path in FOLDER.glob("*.ami.gz") if ".req." not in path.name)


@cache
def from_server(name: str) -> bytes:
    """What the server said."""
    return gzip.decompress((FOLDER / f"{name}.ami.gz").read_bytes())


@cache
def from_client(name: str) -> bytes:
    """What the client said."""
    return gzip.decompress((FOLDER / f"{name}.req.ami.gz").read_bytes())


def frames(data: bytes) -> list[bytes]:
    """The frames after the banner, cut at blank lines without the help of the codec."""
    _, _, body = data.partition(b"\r\n")
    return [frame.removeprefix(b"\r\n") for frame in re.split(rb"\r\n(?:\r\n)+", body) if frame.strip(b"\r\n")]


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    """The data, cut into pieces of that size."""
    return (data[start : start + size] for start in range(0, len(data), size))
