"""Offsets, lines and columns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiflow.report.source import Source, Span


@pytest.mark.parametrize(
    ("text", "offset", "place"),
    [
        ("", 0, (1, 1)),
        ("ab\ncd", 1, (1, 2)),
        ("ab\ncd", 3, (2, 1)),
        ("ab\r\ncd", 4, (2, 1)),
        ("ab\rcd", 3, (2, 1)),
        ("ab\n", 3, (2, 1)),
        ("ab", 99, (1, 3)),
    ],
)
def test_position(text: str, offset: int, place: tuple[int, int]) -> None:
    assert Source("s", text).position(offset) == place


def test_lines_are_without_their_ends() -> None:
    source = Source("s", "a\r\nb\n\nc")
    assert [source.line(number) for number in range(1, source.lines + 1)] == ["a", "b", "", "c"]


@given(st.text(alphabet="ab\r\n\té漢", max_size=30), st.integers(0, 30))
def test_a_position_leads_back_to_its_offset(text: str, offset: int) -> None:
    source = Source("s", text)
    offset = min(offset, len(text))
    line, column = source.position(offset)
    assert source.start_of(line) + column - 1 == offset


def test_spans() -> None:
    source = Source("s", "one two")
    one, two = Span("s", 0, 3), Span("s", 4, 7)
    assert source.slice(one.to(two)) == "one two"
    assert (one.tail(), two.head()) == (Span("s", 3, 3), Span("s", 4, 4))
