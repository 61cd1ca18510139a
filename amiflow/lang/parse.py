"""Text in, tree and diagnostics out: reading never raises, whatever the text is.

Belongs here: the order of the work, the bounds on size and depth, comments. Never: what to do about a syntax error
(`explain`), or how single nodes are made (`declarations`, `steps`, `expressions`).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import replace

from amiflow.lang import nodes
from amiflow.lang.declarations import declaration
from amiflow.lang.explain import explain
from amiflow.lang.expressions import Reading
from amiflow.lang.grammar import Grammar, build
from amiflow.lang.lalr import Branch, Start
from amiflow.lang.recover import DECLARATION, Recovery
from amiflow.report.diagnostic import Diagnostic, Label, ordered
from amiflow.report.source import Source, Span

MAX_NESTING = 50
"""How deep brackets may be nested."""
MAX_LINE = 100_000
"""Characters in one line."""
MAX_LINES = 20_000
MAX_TEXT = 1_000_000
"""Characters in one recipe."""

_OPEN = "([{"
_LONG_LINE = re.compile(rf"[^\n\r]{{{MAX_LINE + 1}}}")


def parse(source: Source, grammar: Grammar | None = None) -> tuple[nodes.File, list[Diagnostic]]:
    """The tree of a recipe and what is wrong with its syntax; the tree holds everything that could be read."""
    grammar = grammar or build()
    refusal = _refusal(source)
    if refusal is not None:
        return nodes.File(Span(source.path, 0, 0), (), ()), [refusal]
    comments, too_deep = _scan(source, grammar)
    reading = _reading(source, grammar)
    decls: list[nodes.Decl] = []
    for start, end in _pieces(source, too_deep):
        tree = grammar.parse(source.text, start, end, "file")
        if tree is None:
            tree = _mended(reading, grammar, start, end, "file")
        if tree is not None:
            decls.extend(_with_help(declaration(reading, piece), source, comments) for piece in _branches(tree))
    reading.problems.extend(_nested_too_deep(source, place) for place in too_deep)
    file = nodes.File(Span(source.path, 0, len(source.text)), tuple(decls), comments)
    return file, ordered(reading.problems)


def _reading(source: Source, grammar: Grammar) -> Reading:
    def interpolation(start: int, end: int) -> Branch | None:
        tree = grammar.parse(source.text, start, end, "interpolation")
        return _mended(reading, grammar, start, end, "interpolation") if tree is None else tree

    reading = Reading(source, interpolation)
    return reading


def _mended(reading: Reading, grammar: Grammar, start: int, end: int, rule: Start) -> Branch | None:
    recovery = Recovery(grammar, reading.source, start, end, rule)
    tree = recovery.run()
    reading.problems.extend(explain(grammar, reading.source, mistake) for mistake in recovery.mistakes)
    return tree


def _branches(tree: Branch) -> list[Branch]:
    return [piece for piece in tree.children if not isinstance(piece, str)]


# -- bounds -----------------------------------------------------------------------------------------------------------


def _refusal(source: Source) -> Diagnostic | None:
    """Texts that are refused unread."""
    if len(source.text) > MAX_TEXT:
        label = Label(Span(source.path, 0, 0), f"{len(source.text)} characters", primary=True)
        return Diagnostic("too-long", "error", "the recipe is too long", label, notes=(f"at most {MAX_TEXT} are read",))
    if source.lines > MAX_LINES:
        label = Label(Span(source.path, 0, 0), f"{source.lines} lines", primary=True)
        notes = (f"at most {MAX_LINES} are read",)
        return Diagnostic("too-long", "error", "the recipe is too long", label, notes=notes)
    long = _LONG_LINE.search(source.text) if len(source.text) > MAX_LINE else None
    if long is None:
        return None
    label = Label(Span(source.path, long.start(), long.start()), "this line", primary=True)
    return Diagnostic(
        "too-long", "error", "a line is too long", label, notes=(f"a line has at most {MAX_LINE} characters",)
    )


def _scan(source: Source, grammar: Grammar) -> tuple[tuple[nodes.Comment, ...], list[int]]:
    """One pass over brackets and comments, texts passed over: the comments, and where nesting goes beyond the bound."""
    comments: list[nodes.Comment] = []
    too_deep: list[int] = []
    depth, told = 0, False
    for match in _scanner(grammar.text_pattern).finditer(source.text):
        piece, start = match[0], match.start()
        if piece[0] == "#":
            comments.append(nodes.Comment(Span(source.path, start, match.end()), piece[1:].strip()))
        elif piece in _OPEN:
            depth += 1
            if depth > MAX_NESTING and not told:
                told = True
                too_deep.append(start)
        elif piece in ")]}":
            depth = max(0, depth - 1)
        elif piece[0] != '"' and piece[0] != "r":
            depth, told = 0, False
    return tuple(comments), too_deep


def _scanner(text_pattern: str) -> re.Pattern[str]:
    regex = r'r"(?:[^"\\\n\r]|\\[^\n\r])*"'
    return re.compile(rf'{regex}|{text_pattern}|"[^\n\r]*|#[^\n\r]*|[()\[\]{{}}]|{DECLARATION.pattern}')


def _pieces(source: Source, too_deep: list[int]) -> list[tuple[int, int]]:
    """What is given to the parser: all of the text but the declarations that are nested too deep."""
    at = 1 if source.text.startswith("\ufeff") else 0
    if not too_deep:
        return [(at, len(source.text))]
    starts = [match.start() for match in DECLARATION.finditer(source.text)]
    pieces = []
    for place in too_deep:
        behind = bisect_left(starts, place)
        begin = starts[behind - 1] if behind else at
        if begin > at:
            pieces.append((at, begin))
        at = max(at, starts[behind] if behind < len(starts) else len(source.text))
    return [*pieces, (at, len(source.text))]


def _nested_too_deep(source: Source, place: int) -> Diagnostic:
    label = Label(
        Span(source.path, place, place + 1), f"bracket number {MAX_NESTING + 1} within each other", primary=True
    )
    return Diagnostic("nested-too-deep", "error", "brackets are nested too deep", label)


# -- help of params ---------------------------------------------------------------------------------------------------


def _with_help(decl: nodes.Decl, source: Source, comments: tuple[nodes.Comment, ...]) -> nodes.Decl:
    """A param with the comment behind it on its last line as its help."""
    if not isinstance(decl, nodes.ParamDecl):
        return decl
    index = bisect_left(comments, decl.span.end, key=lambda comment: comment.span.start)
    if index == len(comments):
        return decl
    between = source.text[decl.span.end : comments[index].span.start]
    return decl if between.strip(" \t") else replace(decl, help=comments[index].text)
