"""Trees of the grammar as plain values, those of our own parser and those of Lark, so that they can be compared."""

from __future__ import annotations

from functools import cache
from typing import Any

from amiflow.lang.grammar import grammar_text, lark
from amiflow.lang.lalr import Branch, Start, Token


def shape(piece: Branch | Token | None) -> Any:
    """What a piece is, with where it stands and what is in it."""
    if piece is None:
        return None
    if isinstance(piece, Token):
        return piece.type, str(piece), piece.start_pos, piece.end_pos
    place = (piece.start_pos, piece.end_pos) if piece.start_pos >= 0 else None
    return piece.data, place, [shape(one) for one in piece.children]


def shape_by_lark(text: str, rule: Start) -> Any:
    """The same of what Lark itself makes of the text; none where it finds a mistake in it."""
    from lark.exceptions import UnexpectedInput

    try:
        return _shape(_lark().parse(text, rule))
    except UnexpectedInput:
        return None


@cache
def _lark() -> Any:
    return lark(grammar_text(), propagate_positions=True)


def _shape(piece: Any) -> Any:
    if piece is None:
        return None
    if isinstance(piece, str):
        return piece.type, str(piece), piece.start_pos, piece.end_pos  # type: ignore[attr-defined]
    place = None if piece.meta.empty else (piece.meta.start_pos, piece.meta.end_pos)
    return str(piece.data), place, [_shape(one) for one in piece.children]
