"""A recipe ready to be set: its words and signs with their comments, and which of the writer's line ends stay.

Belongs here: what follows from the outline together with the blanks and lines of the source. Never: columns and the
text that comes out (`typeset`), or what the single nodes look like (`outline`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate, pairwise

from amiflow.lang import nodes
from amiflow.lang.grammar import Grammar
from amiflow.report.data import dataclass
from amiflow.tools.outline import Outline, Outlines, Style, outline
from amiflow.tools.tokens import Tokens, start_of

_IN_GAP = re.compile(r"#[^\n]*|\n")
_GLUED = frozenset({"MEMBER", "OPTIONAL", "COMMA", "COLON"})
_LONG = (nodes.FlowDecl, nodes.TaskDecl, nodes.TestDecl)


@dataclass(frozen=True, slots=True)
class Remark:
    """A comment as written; `newlines` counts the line ends between it and what stands before it."""

    text: str
    newlines: int


@dataclass(frozen=True, slots=True)
class Piece:
    """A token. Before it stand comments, then `newlines` line ends. A comma between the items of a group is empty: it
    is set again where the group's style has one. The last piece is empty too: it has the comments at the end."""

    type: str
    text: str
    remarks: tuple[Remark, ...] = ()
    newlines: int = 0

    @property
    def apart(self) -> bool:
        """Whether an empty line stands between it and the piece before."""
        return self.newlines > 1 or any(remark.newlines > 1 for remark in self.remarks)


@dataclass(frozen=True, slots=True)
class Group:
    """Brackets and the items between them. `broken`: the items stand on lines of their own, however short they are.
    `whole`: no line ends up to `until` for another reason, so that it is written over lines if it does not fit.
    `leader`: the group whose decision is this one's too."""

    open: int
    close: int
    items: tuple[int, ...]
    style: Style
    broken: bool
    whole: bool
    leader: int
    until: int


@dataclass(frozen=True, slots=True)
class Start:
    """A line that always begins. `keep`: an empty line before it is kept; `force`: one is set. Comments behind lines of
    one `run` stand in one column."""

    indent: int
    keep: bool = False
    force: bool = False
    run: int | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """Everything about the layout but columns; all keys and members are indices of `pieces`. `wraps`: a statement goes
    on there on a new line. `blanks`: how many stand before a piece within a line. `widths`: how wide all is up to and
    with a piece when it is on one line."""

    pieces: tuple[Piece, ...]
    groups: Mapping[int, Group]
    starts: Mapping[int, Start]
    wraps: frozenset[int]
    blanks: tuple[int, ...]
    widths: tuple[int, ...]


def lay_out(text: str, respelt: str, file: nodes.File, grammar: Grammar) -> Sheet:
    """The layout of a recipe without syntax errors whose lines end with LF alone; `respelt` is `text` but for case."""
    tokens = Tokens(text, grammar)
    outlines = outline(file, tokens)
    pieces = tuple(_pieces(text, respelt, tokens, set(_separators(outlines.groups, tokens))))
    wraps = frozenset(_wraps(pieces, outlines))
    groups = _groups(pieces, outlines, wraps)
    commas = {item for group in outlines.groups if group.style.commas != "none" for item in group.items[1:]}
    blanks = _blanks(pieces, outlines, tokens)
    widths = _widths(pieces, blanks, commas)
    decls = [(tokens.at(decl.span), decl) for decl in file.decls]
    starts = dict(_starts(pieces, decls)) | {index: Start(indent) for index, indent in outlines.clauses.items()}
    _align_params(starts, outlines.defaults, blanks, widths)
    return Sheet(pieces, groups, starts, wraps, tuple(blanks), tuple(_widths(pieces, blanks, commas)))


# -- pieces -----------------------------------------------------------------------------------------------------------


def _separators(groups: Iterable[Outline], tokens: Tokens) -> Iterator[int]:
    for group in groups:
        for index in (*group.items[1:], group.close):
            if tokens.items[index - 1] == ",":
                yield index - 1


def _pieces(text: str, respelt: str, tokens: Tokens, separators: set[int]) -> Iterator[Piece]:
    end = 0
    for index, token in enumerate(tokens.items):
        start = start_of(token)
        if index in separators:
            yield Piece(token.type, "")
            continue
        remarks, newlines = _gap(text[end:start])
        end = start + len(token)
        yield Piece(token.type, _tidy(token.type, respelt[start:end]), remarks, newlines)
    yield Piece("", "", _gap(text[end:])[0])


def _gap(between: str) -> tuple[tuple[Remark, ...], int]:
    remarks: list[Remark] = []
    newlines = 0
    for match in _IN_GAP.finditer(between):
        if match[0] == "\n":
            newlines += 1
        else:
            remarks.append(Remark(match[0].rstrip(), newlines))
            newlines = 0
    return tuple(remarks), newlines


def _tidy(type_: str, text: str) -> str:
    """The token without superfluous blanks of its own."""
    match type_:
        case "KEY" | "TEXT_KEY":
            return text[:-1].rstrip(" \t") + ":"
        case "USEREVENT":
            return " ".join(text.split())
    return text


# -- lines and groups -------------------------------------------------------------------------------------------------


def _wraps(pieces: tuple[Piece, ...], outlines: Outlines) -> Iterator[int]:
    for index in outlines.soft:
        operand = pieces[outlines.operands.get(index, index)]
        if pieces[index].newlines or (operand.newlines and not operand.remarks):
            yield index
    for index, (name, following) in enumerate(pairwise(pieces)):
        # On one line a word behind `UserEvent` would be read as the name of a user event.
        apart = following.type == "DIALLED" or (following.type == "NAME" and following.newlines > 0)
        if apart and name.type == "NAME" and name.text.casefold() == "userevent":
            yield index + 1


def _groups(pieces: tuple[Piece, ...], outlines: Outlines, wraps: frozenset[int]) -> dict[int, Group]:
    ended = _counter(bool(piece.newlines or piece.remarks) for piece in pieces)
    broken = {group.open for group in outlines.groups if _is_broken(group, pieces, ended)}
    broken.update(one for group in outlines.groups if not broken.isdisjoint(group.together) for one in group.together)
    fixed = _counter(bool(index in wraps or piece.remarks or index - 1 in broken) for index, piece in enumerate(pieces))
    closes = {group.open: group.close for group in outlines.groups}
    groups = {}
    for group in outlines.groups:
        until = closes[group.together[-1]]
        whole = fixed[until] == fixed[group.open]
        is_broken, leader = group.open in broken, group.together[0]
        groups[group.open] = Group(group.open, group.close, group.items, group.style, is_broken, whole, leader, until)
    return groups


def _counter(marks: Iterable[bool]) -> list[int]:
    """How many marks there are up to and with each index."""
    return list(accumulate(map(int, marks)))


def _is_broken(group: Outline, pieces: tuple[Piece, ...], ended: list[int]) -> bool:
    """Whether the writer, or the style, puts the items on lines of their own; without any only comments do."""
    if not group.items:
        return bool(pieces[group.close].remarks)
    match group.style.breaks:
        case "always":
            return True
        case "any":
            return ended[group.close] > ended[group.open]
        case "item":
            return any(ended[index] > ended[index - 1] for index in (*group.items, group.close))


def _starts(pieces: tuple[Piece, ...], decls: list[tuple[int, nodes.Decl]]) -> Iterator[tuple[int, Start]]:
    """The first lines of declarations. Long ones stand apart; params that stand together are one run."""
    before: nodes.Decl | None = None
    run = 0
    for index, decl in decls:
        is_param = isinstance(decl, nodes.ParamDecl)
        if not isinstance(before, nodes.ParamDecl) or pieces[index].apart:
            run = index
        force = isinstance(before, _LONG) or (before is not None and isinstance(decl, _LONG))
        yield index, Start(0, keep=True, force=force, run=run if is_param else None)
        before = decl
    yield len(pieces) - 1, Start(0, keep=True)


# -- blanks -----------------------------------------------------------------------------------------------------------


def _blanks(pieces: tuple[Piece, ...], outlines: Outlines, tokens: Tokens) -> list[int]:
    """How many blanks stand before each piece within a line."""
    blanks = [0 if piece.type in _GLUED else 1 for piece in pieces]
    for index, piece in enumerate(pieces):
        if piece.type == "MEMBER" and pieces[index - 1].type == "NUMBER":
            blanks[index] = 1  # `5 .x` is not `5.x`
        if piece.text == "{" and pieces[index - 1].type == "OR":
            blanks[index] = 0  # `or {` begins a handler
    padded = {group.open for group in outlines.groups if group.style.padded}
    for open_, close in tokens.pairs:
        if open_ not in padded:
            blanks[open_ + 1] = blanks[close] = 0
    for group in outlines.groups:
        if pieces[group.open].text == "(":
            blanks[group.open] = 0
        for item in group.items[1:]:
            blanks[item] = group.style.gap
    for index in outlines.glued:
        blanks[index] = 0
    return blanks


def _widths(pieces: tuple[Piece, ...], blanks: list[int], commas: set[int]) -> list[int]:
    return list(accumulate(blanks[i] + len(piece.text) + (i in commas) for i, piece in enumerate(pieces)))


def _align_params(
    starts: Mapping[int, Start], defaults: Mapping[int, int], blanks: list[int], widths: list[int]
) -> None:
    """Put the `=` of the params of one run into one column."""
    heads = {index: widths[sign - 1] - widths[index] for index, sign in defaults.items()}
    widest: dict[int | None, int] = {}
    for index, head in heads.items():
        run = starts[index].run
        widest[run] = max(widest.get(run, 0), head)
    for index, head in heads.items():
        blanks[defaults[index]] += widest[starts[index].run] - head
