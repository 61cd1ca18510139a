"""Captures: what is written is read again, and what is no capture is raw bytes."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiflow.live import record
from amiflow.live.problems import Trouble
from amiflow.live.record import Capture, Piece, Writer
from support.properties import examples

chunks = st.lists(st.tuples(st.integers(0, 10**9), st.binary(max_size=60)), max_size=8)


def written(pieces: list[tuple[int, bytes]]) -> bytes:
    file = io.BytesIO()
    writer = Writer.begin(file, "pbx1", 100.0, 1_700_000_000.5)
    for micros, data in pieces:
        writer.add(data, 100.0 + micros / 1e6)
    assert (writer.pieces, writer.size) == (len(pieces), sum(len(data) for _, data in pieces))
    return file.getvalue()


@examples(25)
@given(chunks)
def test_what_is_written_is_read_again(pieces: list[tuple[int, bytes]]) -> None:
    capture = record.parse(written(pieces), "x")
    assert (capture.server, capture.begun) == ("pbx1", 1_700_000_000.5)
    assert [(round(piece.at * 1e6), piece.data) for piece in capture.pieces] == pieces


@examples(25)
@given(chunks, st.integers(0, 400))
def test_a_capture_cut_short_gives_its_whole_pieces(pieces: list[tuple[int, bytes]], kept: int) -> None:
    whole = written(pieces)
    head = whole.index(b"\n") + 1
    capture = record.parse(whole[: head + kept], "x")
    assert capture.pieces == record.parse(whole, "x").pieces[: len(capture.pieces)]


def test_raw_bytes_are_one_piece() -> None:
    assert record.parse(b"Asterisk Call Manager/11.0.0\r\n", "x") == Capture(
        "capture", None, (Piece(0.0, b"Asterisk Call Manager/11.0.0\r\n"),), "x"
    )
    assert record.parse(b"", "x").pieces == ()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b'{"amiflow":"capture","version":9,"server":"a","begun":1}\n', "version 9"),
        (b'{"amiflow":"capture"\n', "damaged"),
        (b'{"amiflow":"capture","version":1,"server":"a","begun":1}\nnonsense\n', "damaged"),
        (b'{"amiflow":"capture","version":1,"server":"a","begun":1e400}\n', "damaged"),
        (b'{"amiflow":"capture","version":1,"server":"a","begun":1e15}\n', "damaged"),
        (b'{"amiflow":"capture","version":1,"server":"a","begun":1}\n{"at":NaN,"bytes":0}\n\n', "damaged"),
        (b'{"amiflow":"capture","version":1,"server":"a","begun":1}\n{"at":0,"bytes":1e400}\n\n', "damaged"),
        (b'{"amiflow":"capture","version":1,"server":"a","begun":1}\n{"at":0,"bytes":-5}\n\n', "damaged"),
    ],
)
def test_a_damaged_capture_is_trouble(content: bytes, why: str) -> None:
    with pytest.raises(Trouble, match=why):
        record.parse(content, "x")


def test_a_file_that_cannot_be_read_is_trouble(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="absent"):
        record.read(str(tmp_path / "absent"))
