"""Files that somebody names, read whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from amiflow.live import texts
from amiflow.live.problems import Trouble
from amiflow.live.texts import read_text


def test_line_ends_stay_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes("a\r\nü\n".encode())
    assert read_text(str(tmp_path / "t")) == "a\r\nü\n"


def test_a_shells_pipe_is_read() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"from a program")
    os.close(writing)
    assert read_text(f"/dev/fd/{reading}") == "from a program"
    os.close(reading)


def test_what_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "MOST", 1 << 20)
    (tmp_path / "t").write_bytes(bytes((1 << 20) + 1))
    with pytest.raises(Trouble, match="too large: more than 1 MiB"):
        read_text(str(tmp_path / "t"))
