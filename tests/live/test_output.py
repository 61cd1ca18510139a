"""Lines are written beside the loop: in order, bounded, and with no harm from a reader that is slow or gone."""

from __future__ import annotations

import os

import pytest

from amiflow.live.output import Output


def test_lines_are_written_in_order_and_odd_characters_escaped() -> None:
    reading, writing = os.pipe()
    output = Output(writing)
    for number in range(2500):
        output.write(f"line {number}")
    output.write("caf\udce9 ☎")
    output.close(10)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        assert file.read() == b"".join(b"line %d\n" % number for number in range(2500)) + b"caf\\udce9 \xe2\x98\x8e\n"


def test_a_reader_that_is_gone_does_no_harm() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    output = Output(writing)
    output.write("x")
    output.close(10)
    assert output.broken
    output.write("y")
    os.close(writing)


def test_a_reader_that_does_not_read_costs_lines_which_are_counted() -> None:
    reading, writing = os.pipe()
    output = Output(writing, most=10)
    written = 0
    while not output.dropped:
        output.write("x" * 1000)
        written += 1
    drained = b""
    while drained.count(b"\n") < written - output.dropped:
        drained += os.read(reading, 1 << 20)
    output.write("the last")
    output.close(10)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        assert file.read() == b"... 1 lines were not written: the reader of this output is too slow\nthe last\n"


def test_long_lines_that_nobody_reads_are_bounded_by_their_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amiflow.live.output.MOST_TEXT", 1 << 20)
    reading, writing = os.pipe()
    output = Output(writing)
    for _ in range(30):
        output.write("x" * (1 << 17))
    assert output.dropped > 10
    os.close(reading)
    output.close(10)
    os.close(writing)


def test_a_full_disk_costs_lines_and_is_told() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    output = Output(full)
    output.write("x")
    output.close(10)
    os.close(full)
    assert (output.broken, output.trouble) == (False, "No space left on device")


def test_an_output_that_does_not_block_loses_nothing() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    output = Output(writing)
    for _ in range(100):
        output.write("x" * 9999)
    with os.fdopen(reading, "rb") as file:
        read = b"".join(file.readline() for _ in range(100))
        output.close(10)
    os.close(writing)
    assert (len(read), output.broken) == (1_000_000, False)


def test_what_the_terminal_cannot_show_is_escaped() -> None:
    reading, writing = os.pipe()
    output = Output(writing, encoding="iso8859-1")
    output.write("caf\xe9 ☎")
    output.close(10)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        assert file.read() == b"caf\xe9 \\u260e\n"
