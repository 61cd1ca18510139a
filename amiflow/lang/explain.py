"""A syntax error in human words, and the way on behind it."""

from __future__ import annotations

from dataclasses import dataclass

from amiflow.lang.grammar import Branch, Grammar, Start
from amiflow.report.diagnostic import Diagnostic, Label
from amiflow.report.source import Source, Span


@dataclass(frozen=True, slots=True)
class Repair:
    """A tree of what could be read, or None, and what was wrong."""

    tree: Branch | None
    problems: tuple[Diagnostic, ...]


def repair(grammar: Grammar, source: Source, start: int, end: int, rule: Start) -> Repair:
    """Read a text in which there is a mistake, up to the mistake."""
    cursor, last = grammar.cursor(source.text, start, end, rule), []
    while cursor.take((token := cursor.peek()).type):
        last.append(token)
        cursor.offset = token.end_pos or end
    label = Label(Span(source.path, token.start_pos or start, token.end_pos or end), "not expected here", primary=True)
    return Repair(None, (Diagnostic("syntax", "error", "the recipe cannot be read", label),))
