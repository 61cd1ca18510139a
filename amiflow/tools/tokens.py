"""The tokens of a recipe, found by the places of its nodes.

Belongs here: which token a node begins with, which one stands before or behind it, and the partners of brackets.
Never: what follows from that for the layout (`outline`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator

from amiflow.lang.grammar import Grammar
from amiflow.lang.lalr import END, Token
from amiflow.report.source import Span

_OPENERS = frozenset("([{")
_CLOSERS = frozenset(")]}")


class Tokens:
    """The tokens of a text without syntax errors. All indices are of `items`; what is in a text is no token."""

    __slots__ = ("_partners", "_starts", "items")

    def __init__(self, text: str, grammar: Grammar) -> None:
        self.items = tuple(_read(text, grammar))
        self._starts = [start_of(token) for token in self.items]
        self._partners = dict(_pairs(self.items))

    def at(self, span: Span) -> int:
        """The token that a node begins with."""
        return bisect_left(self._starts, span.start)

    def behind(self, span: Span) -> int:
        """The first token behind a node."""
        return bisect_left(self._starts, span.end)

    def opening(self, span: Span) -> int:
        """The bracket that a node begins with, parentheses around the node passed over."""
        index = self.at(span)
        while self.items[index] == "(":
            index += 1
        return index

    def closing(self, index: int) -> int:
        """The bracket that closes the one at `index`."""
        return self._partners[index]

    @property
    def pairs(self) -> Iterable[tuple[int, int]]:
        """All brackets, each with the one that closes it."""
        return self._partners.items()


def start_of(token: Token) -> int:
    """The offset at which a token begins."""
    assert token.start_pos is not None
    return token.start_pos


def _read(text: str, grammar: Grammar) -> Iterator[Token]:
    cursor = grammar.cursor(text, 0, len(text), "file")
    while (token := cursor.peek()).type != END:
        cursor.take(token.type)
        cursor.offset = start_of(token) + len(token)
        yield token


def _pairs(tokens: tuple[Token, ...]) -> Iterator[tuple[int, int]]:
    opened: list[int] = []
    for index, token in enumerate(tokens):
        if token in _OPENERS:
            opened.append(index)
        elif token in _CLOSERS:
            yield opened.pop(), index
