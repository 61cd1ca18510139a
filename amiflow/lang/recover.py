"""The way on behind a syntax error: what is missing is put in, tried out on copies of the parser.

Belongs here: the search for the smallest change after which reading goes on, and skipping to the next declaration where
there is none. Never: wording (`explain` makes one diagnostic of one `Fix`), or nodes.

A fix inserts, replaces or drops a few tokens up to four tokens before the one that the grammar refused, since a mistake
may show late (a missing `within` two tokens late). It is judged by how many tokens the grammar takes behind it. A
missing closing bracket is looked for by indentation before anything else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from amiflow.lang.grammar import Grammar
from amiflow.lang.lalr import END, FOREIGN, Branch, Cursor, Start, Token, token
from amiflow.report.source import Source
from amiflow.report.suggest import near

WINDOW = 12
"""Tokens that a fix is judged by."""
BACK = 4
"""Tokens before the refused one that a fix may begin at."""
HABIT = -50
"""Cost of what is known from other languages: it wins wherever anything can follow it."""
QUIET = 2
"""A mistake that follows another one within so many tokens is its echo, and is not reported."""
MOST = 100
"""Mistakes after which reading ends."""
MOST_ECHOES = 500
"""Changes after which reading ends, those included that are only echoes of mistakes."""

CLOSERS = {"LPAR": "RPAR", "LSQB": "RSQB", "LBRACE": "RBRACE"}
_CLOSES = {"RPAR": "LPAR", "RSQB": "LSQB", "_RSQB_VALUE": "LSQB", "RBRACE": "LBRACE"}
_DECLARING = frozenset(
    {"PARAM", "SECRET", "LET", "IMPORT", "USEREVENT_WORD", "TABLE", "MAP", "COUNTER", "SERIES", "POOL", "LIMIT"}
    | {"HOURS", "TASK", "FLOW", "TEST"}
)
DECLARATION = re.compile(
    r"(?:\A\ufeff?|(?:\r\n|\n|\r))"
    r"(?:param|secret|let|import|userevent|table|map|counter|series|pool|limit|hours|task|flow|test)(?=[ \t])"
)
"""The beginning of a declaration in column 1, from the line end before it."""
_LINE_END = re.compile(r"[\r\n]|\Z")
_ASSIGNING = re.compile(r"[ \t]*(?:[-+:]?=)(?!=)")
_HEADER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*(?:\([0-9]+\))?")
_HEADER_SIGN = re.compile(r"[ \t]*(==?)")
_BLOCK = re.compile(r'\{\s*(?:\}|(?:"[^"\n]*"|[A-Za-z0-9_][A-Za-z0-9_-]*(?:\([0-9]+\))?):)')
"""The beginning of an action's headers."""
_BEFORE_VALUE = frozenset(
    {"IF", "LPAR", "LSQB", "COMMA", "AND", "NOT", "COMPARE", "IN", "LIKE", "PLUS", "STAR", "SLASH", "RETURN", "KEY"}
)
"""Behind these an expression begins, and no step."""
_TYPED = re.compile(r"[ \t]*:[ \t]*[a-z]+\??[ \t]*=(?!=)")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

Kind = Literal[
    "closer",
    "insert",
    "within",
    "habit",
    "colon",
    "name",
    "case",
    "spelling",
    "choice",
    "text",
    "drop",
    "skip",
    "unexpected",
]


@dataclass(frozen=True, slots=True)
class Fix:
    """From token `at` on, `put` takes the place of what was read; reading goes on at `offset`. `what` names a habit."""

    kind: Kind
    at: int
    put: tuple[Token, ...]
    offset: int
    cost: int
    what: str = ""


@dataclass(frozen=True, slots=True)
class Mistake:
    """What `explain` needs: the fix, tokens before and behind its place, the refused one, what it should have been."""

    fix: Fix
    before: tuple[Token, ...]
    behind: tuple[Token, ...]
    refused: Token
    expected: list[str]
    opener: Token | None


@dataclass(slots=True)
class Recovery:
    """A text read with mistakes: the tokens that a parser takes, and the mistakes in order."""

    grammar: Grammar
    source: Source
    start: int
    end: int
    rule: Start
    tokens: list[Token] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)
    _checkpoint: tuple[int, Cursor] = field(init=False)
    _quiet_until: int = -1
    _changes: int = 0

    def run(self) -> Branch | None:
        """Read to the end; the tree of what could be read, or None where nothing could."""
        cursor = self.grammar.cursor(self.source.text, self.start, self.end, self.rule)
        history: list[Cursor] = []
        self._checkpoint = (0, cursor.fork())
        while True:
            refused = cursor.peek()
            if self._starts_declaration(refused) and cursor.expects(END):
                cursor.offset = refused.start_pos or 0
                self._checkpoint = (len(self.tokens), cursor.fork())
            before = cursor.fork()
            if cursor.take(refused.type):
                if refused.type == END:
                    return self.grammar.tree(self.tokens, self.rule)
                self.tokens.append(refused)
                cursor.offset = _end(refused)
                history = [*history[-BACK + 1 :], before]
                continue
            resumed = self._mend(history, before, refused)
            if resumed is None:
                return None
            cursor, history = resumed, []

    # -- choosing ------------------------------------------------------------------------------------------------------

    def _mend(self, history: list[Cursor], cursor: Cursor, refused: Token) -> Cursor | None:
        """A cursor behind the mistake, `tokens` changed to fit; None where reading ends."""
        best: tuple[int, Fix, Cursor] | None = None
        self._changes += 1
        for fix, base in self._candidates(history, cursor, refused):
            trial = _applied(fix, base)
            if trial is None:
                continue
            progress = _progress(trial.fork(), _end(refused))
            score = progress * 4 - fix.cost
            if (progress or fix.kind == "habit") and (best is None or score > best[0]):
                best = (score, fix, trial)
        if best is None or best[0] < 4 or self._exhausted():
            return self._panic(cursor, refused)
        _, fix, trial = best
        self._note(fix, cursor, refused)
        self.tokens[fix.at :] = fix.put
        return trial

    def _exhausted(self) -> bool:
        return len(self.mistakes) >= MOST or self._changes >= MOST_ECHOES

    def _note(self, fix: Fix, cursor: Cursor, refused: Token) -> None:
        place = fix.put[0].start_pos if fix.put else refused.start_pos
        echo = (place or 0) <= self._quiet_until
        self._quiet_until = self._behind(max(_end(refused), fix.offset), QUIET)
        if echo and fix.kind != "habit":
            return
        first = max(self._checkpoint[0], fix.at - 200)
        brackets = _open_brackets(self.tokens[self._checkpoint[0] : fix.at])
        opener = brackets[-1] if brackets else None
        before, behind = tuple(self.tokens[first : fix.at]), (*self.tokens[fix.at :], refused)
        self.mistakes.append(Mistake(fix, before, behind, refused, cursor.expected(), opener))

    def _behind(self, offset: int, count: int) -> int:
        """Where the `count`-th word or sign behind an offset begins."""
        for match in re.compile(r"[^\s\w]|\w+").finditer(self.source.text, offset, self.end):
            count -= 1
            if not count:
                return match.start()
        return offset

    def _panic(self, cursor: Cursor, refused: Token) -> Cursor | None:
        """Give the declaration up: on to the next one that begins in column 1."""
        at, checkpoint = self._checkpoint
        self._note(Fix("unexpected", len(self.tokens), (), _end(refused), 0), cursor, refused)
        behind = max((refused.start_pos or 0) - 2, checkpoint.offset + 1)
        following = DECLARATION.search(self.source.text, behind, self.end)
        if self.rule == "interpolation":
            return None
        resumed = checkpoint.fork()
        resumed.offset = self.end if following is None or self._exhausted() else following.start()
        self._checkpoint = (at, resumed.fork())
        del self.tokens[at:]
        return resumed

    def _starts_declaration(self, found: Token) -> bool:
        at = found.start_pos or 0
        first = at == self.start or self.source.text[at - 1] in "\r\n"
        return first and found.type in _DECLARING

    # -- candidates ----------------------------------------------------------------------------------------------------

    def _candidates(self, history: list[Cursor], cursor: Cursor, refused: Token) -> Iterator[tuple[Fix, Cursor]]:
        count = len(self.tokens)
        yield from self._by_indentation(refused)
        yield from ((fix, cursor) for fix in self._habits(count, refused, cursor))
        yield from self._late_habits(history, refused)
        for back, base in enumerate([cursor, *reversed(history)]):
            at = count - back
            first = refused if back == 0 else self.tokens[at]
            expected = base.expected()
            yield from ((fix, base) for fix in self._insertions(at, back, first, expected))
            yield from ((fix, base) for fix in self._replacements(at, back, first, expected))
        yield from ((fix, cursor) for fix in self._drops(count, refused))

    def _by_indentation(self, refused: Token) -> Iterator[tuple[Fix, Cursor]]:
        """A closing bracket before the first line that is too far left for the bracket open at that point."""
        first, base = self._checkpoint
        found = self._too_far_left(first, refused)
        if found is None:
            return
        at, opener = found
        replayed = base.fork()
        for earlier in self.tokens[first:at]:
            replayed.take(earlier.type)
        behind = self.tokens[at - 1]
        replayed.offset = _end(behind)
        put = token(CLOSERS[opener.type], "", _end(behind))
        yield Fix("closer", at, (put,), replayed.offset, -6), replayed

    def _too_far_left(self, first: int, refused: Token) -> tuple[int, Token] | None:
        """The place of the missing bracket as an index into `tokens`, and the bracket that it would close."""
        stack: list[Token] = []
        candidates = [*self.tokens[first:], refused]
        for index, found in enumerate(candidates):
            closes = bool(stack) and _CLOSES.get(found.type) == stack[-1].type
            if stack and self._leads_line(found):
                limit, here = self._indent(stack[-1]), self._indent(found)
                if here < limit or found.type == END or (here == limit and not closes):
                    return first + index, stack[-1]
            if found.type in CLOSERS:
                stack.append(found)
            elif closes:
                stack.pop()
        return None

    def _leads_line(self, found: Token) -> bool:
        before = self.source.text[self._line_start(found) : found.start_pos]
        return found.type == END or not before.strip(" \t\ufeff")

    def _indent(self, found: Token) -> int:
        start = self._line_start(found)
        line = self.source.text[start : found.start_pos]
        return 0 if found.type == END else len(line) - len(line.lstrip(" \t\ufeff"))

    def _line_start(self, found: Token) -> int:
        at = found.start_pos or 0
        return self.source.start_of(self.source.position(at)[0])

    def _insertions(self, at: int, back: int, first: Token, expected: list[str]) -> Iterator[Fix]:
        place = _end(self.tokens[at - 1]) if at else self.start
        for type_ in expected:
            if type_ == first.type or not (type_ in _INSERTABLE or type_ in _PHRASES):
                continue
            put = (self._missing(type_, place),)
            kind: Kind = "closer" if type_ in CLOSERS.values() else "insert"
            if type_ in _INSERTABLE:
                yield Fix(kind, at, put, place, _INSERTABLE[type_] + 2 * back)
            if type_ in _PHRASES:
                phrase = (*put, *(self._missing(other, place) for other in _PHRASES[type_]))
                bound = type_ in ("WITHIN", "AFTER")
                yield Fix(
                    "within" if bound else "insert",
                    at,
                    phrase,
                    place,
                    (2 if bound else 5 if type_ == "ON" else 6) + 2 * back,
                )

    def _missing(self, type_: str, place: int) -> Token:
        """A token without width: a word or sign as it would be written, or a name, text or number that is empty."""
        return Token(type_, self.grammar.literal(type_) or "", place, place)

    def _replacements(self, at: int, back: int, first: Token, expected: list[str]) -> Iterator[Fix]:
        """One word taken for another: a header without its colon, a keyword as a name, in capitals, or misspelt."""
        word, offset = str(first), _end(first)
        header = _HEADER.match(self.source.text, first.start_pos or 0, self.end)
        if header and "KEY" in expected:
            named = Token("NAME", header[0], first.start_pos, header.end())
            yield Fix("colon", at, (_key(named),), header.end(), 2 * back)
        if not _WORD.fullmatch(word):
            return
        if first.type != "NAME" and "NAME" in expected:
            yield Fix("name", at, (_as(first, "NAME"),), offset, 3 + 2 * back)
        for type_ in filter(_CHOICES.__contains__, expected):
            chosen = Token(type_, _CHOICES[type_], first.start_pos, offset)
            yield Fix("choice", at, (chosen,), offset, 4 + 2 * back)
        literals = {literal: type_ for type_ in expected if (literal := self.grammar.literal(type_))}
        if first.type == "NAME" and word.lower() in literals:
            yield Fix("case", at, (_as(first, literals[word.lower()]),), offset, 1 + 2 * back)
        elif first.type == "NAME":
            yield from (
                Fix("spelling", at, (_as(first, literals[other]),), offset, 3 + 2 * back, other)
                for other in near(word, [literal for literal in literals if literal.isalpha()])
            )

    def _drops(self, at: int, refused: Token) -> Iterator[Fix]:
        """The refused token, or the rest of its line where no bracket is open in it, left out."""
        if refused.type == END:
            return
        brackets = _open_brackets(self.tokens[self._checkpoint[0] :])
        partner = _CLOSES.get(refused.type)
        closes_nothing = partner is not None and not (brackets and brackets[-1].type == partner)
        yield Fix("drop", at, (), _end(refused), 3 if closes_nothing else 24)
        end = self._line_end(refused)
        if not set(self.source.text[refused.start_pos : end]) & set("(){}[]"):
            yield Fix("skip", at, (), end, 30)

    # -- habits --------------------------------------------------------------------------------------------------------

    def _habits(self, at: int, refused: Token, cursor: Cursor) -> Iterator[Fix]:
        """Signs of other languages, each with what is written here instead."""
        text, place = self.source.text, refused.start_pos or 0
        for sign, types in _SIGNS.items():
            if text.startswith(sign, place):
                put = tuple(token(type_, "", place) for type_ in types)
                yield Fix("habit", at, put, place + len(sign), HABIT, sign)
        written = str(refused)
        if refused.type == FOREIGN and written[0] == "'" and len(written) > 1:
            quoted = Token("TEXT", '"' + written[1:-1].replace('"', " ") + '"', place, _end(refused))
            yield Fix("habit", at, (quoted,), _end(refused), HABIT, "'")
        if refused.type == FOREIGN and written.startswith(('"', 'r"')):
            yield from self._open_text(at, refused)
        if refused.type == "NAME" and cursor.expects("KEY"):
            sign_found = _HEADER_SIGN.match(text, _end(refused), self.end)
            if sign_found:
                yield Fix("habit", at, (_key(refused),), sign_found.end(), HABIT, "header " + sign_found[1])
        if refused.type in ("COMPARE", "IN", "LIKE", "MATCHES") and cursor.expects("AND"):
            chained = (token("AND", "", place), token("NAME", "", place), refused)
            yield Fix("habit", at, chained, _end(refused), HABIT, "chain")
        if text.startswith("//", place):
            yield Fix("habit", at, (), self._line_end(refused), HABIT, "//")
        if refused.type == "MEMBER" and cursor.expects("RETRY"):
            yield Fix("habit", at, (), _end(refused), HABIT, "piece")

    def _late_habits(self, history: list[Cursor], refused: Token) -> Iterator[tuple[Fix, Cursor]]:
        """Habits that show late, and are mended from the token where they begin."""
        for back, base in enumerate(reversed(history), 1):
            at = len(self.tokens) - back
            following = refused if back == 1 else self.tokens[at + 1]
            yield from ((fix, base) for fix in self._late_habit(at, self.tokens[at], following))

    def _late_habit(self, at: int, last: Token, refused: Token) -> Iterator[Fix]:
        if refused.type == last.type == "SLASH" and _end(last) == refused.start_pos:
            yield Fix("habit", at, (), self._line_end(refused), HABIT, "//")
        if str(last) in ("elif", "elsif", "elseif"):
            put = (token("ELSE", "", last.start_pos or 0), token("IF", "", last.start_pos or 0))
            yield Fix("habit", at, put, _end(last), HABIT, str(last))
        if last.type in ("PLUS", "MINUS") and refused.type == "EQUAL":
            yield Fix("habit", at, (_as(refused, "EQUAL"),), _end(refused), HABIT, str(last) + "=")
        if self.source.text.startswith("<>", last.start_pos or 0):
            yield Fix("habit", at, (_as(last, "COMPARE"),), _end(last) + 1, HABIT, "<>")
        written = _BLOCK.match(self.source.text, refused.start_pos or 0, self.end)
        in_value = self.tokens[at - 1].type in _BEFORE_VALUE if at else self.rule == "interpolation"
        if last.type == "NAME" and str(last)[0].isupper() and written and in_value:
            hole = token("NAME", "", last.start_pos or 0)
            yield Fix("habit", at, (hole,), _behind_block(self.source.text, written.end(), self.end), HABIT, "action")
        typed = _TYPED.match(self.source.text, _end(last), self.end)
        if last.type == "NAME" and typed and at and self.tokens[at - 1].type in ("LET", "VAR"):
            yield Fix("habit", at, (last, token("EQUAL", "", typed.end())), typed.end(), HABIT, "typed")
        assigning = _ASSIGNING.match(self.source.text, _end(last), self.end)
        if last.type == "NAME" and assigning and not _open_inside(self.tokens[self._checkpoint[0] : at]):
            given = (token("LET", "", last.start_pos or 0), last, token("EQUAL", "", assigning.end()))
            yield Fix("habit", at, given, assigning.end(), HABIT, "assign")

    def _line_end(self, found: Token) -> int:
        match = _LINE_END.search(self.source.text, _end(found), self.end)
        return match.start() if match else self.end

    def _open_text(self, at: int, refused: Token) -> Iterator[Fix]:
        """The text ends with its line, or before the brackets that close what was open before it."""
        written, place = str(refused), refused.start_pos or 0
        whole = len(written)
        ends = {whole, len(written.rstrip(" \t\r)]},"))} - {0}
        type_ = "REGEX" if written.startswith("r") else "TEXT"
        value = 'r""' if type_ == "REGEX" else '""'
        for end in sorted(ends, reverse=True):
            put = Token(type_, value, place, place + end)
            yield Fix("text", at, (put,), place + end, -2 + (end != whole))


def _behind_block(text: str, offset: int, end: int) -> int:
    """Behind the `}` that closes the block whose beginning ends at the offset."""
    depth = 0 if text[offset - 1] == "}" else 1
    while offset < end and depth > 0:
        depth += {"{": 1, "}": -1}.get(text[offset], 0)
        offset += 1
    return offset


_SIGNS: dict[str, tuple[str, ...]] = {
    "&&": ("AND",),
    "||": ("OR",),
    "!": ("NOT",),
    ";": (),
    "===": ("COMPARE",),
    "=": ("COMPARE",),
    "+=": ("EQUAL",),
    "-=": ("EQUAL",),
    ":=": ("EQUAL",),
    ":": ("EQUAL",),
    "=>": (),
}

_CHOICES = {"METHOD": "get", "ENDED": "done", "DIALLED": "failed", "LEVEL": "info"}
"""Words of a short list, and the one that stands for a wrong one in the tree."""

_PHRASES: dict[str, tuple[str, ...]] = {
    "WITHIN": ("NUMBER",),
    "AFTER": ("NUMBER", "LBRACE", "RBRACE"),
    "ON": ("START",),
    "AS": ("NAME",),
    "EQUAL": ("NAME",),
    "LBRACE": ("RBRACE",),
    "FROM": ("TEXT",),
    "IN": ("TEXT",),
    **dict.fromkeys(("EVERY", "LASTING", "MAX", "PER"), ("NUMBER",)),
}
"""What may be missing together with a word or sign."""

_INSERTABLE: dict[str, int] = {
    **dict.fromkeys(("RPAR", "RSQB", "RBRACE"), 0),
    **dict.fromkeys(("LPAR", "LSQB", "LBRACE"), 1),
    **dict.fromkeys(("COLON", "COMMA", "EQUAL", "IN"), 2),
    **dict.fromkeys(("NAME", "TEXT", "NUMBER"), 3),
    **dict.fromkeys(("AS", "FOR", "FROM", "MAX", "EVERY", "BY", "TIMES", "PER", "LASTING", "WHERE", "ON", "IF"), 4),
    **dict.fromkeys(("SET", "LET", "MORE", "RESTART", "WITHIN", "COMPARE", "DAYS", "CLOCK"), 5),
    **dict.fromkeys(("LOG", "METHOD", "ENDED", "DIALLED", "WARNING", "IGNORE", "AFTER"), 6),
}
"""What may be put in, and what it costs: brackets and signs are forgotten more often than words."""


def _applied(fix: Fix, base: Cursor) -> Cursor | None:
    """A copy of the parser behind the fix, or None where the grammar has no room for what was put in."""
    trial = base.fork()
    for put in fix.put:
        if not trial.take(put.type):
            return None
    trial.offset = fix.offset
    return trial


def _progress(trial: Cursor, behind: int) -> int:
    """How many tokens that end behind an offset the grammar takes, the refused one included; all at the end."""
    count = 0
    while count < WINDOW:
        found = trial.peek()
        if not trial.take(found.type):
            return count
        if found.type == END:
            return WINDOW
        trial.offset = _end(found)
        count += trial.offset >= behind
    return count


def _open_brackets(tokens: list[Token]) -> list[Token]:
    """The opening brackets without a partner, the innermost last."""
    stack: list[Token] = []
    for found in tokens:
        if found.type in ("LPAR", "LSQB", "LBRACE"):
            stack.append(found)
        elif found.type in ("RPAR", "RSQB", "RBRACE", "_RSQB_VALUE") and stack:
            stack.pop()
    return stack


def _open_inside(tokens: list[Token]) -> bool:
    """Whether a round or square bracket is open: then this is an expression, and no step begins here."""
    brackets = _open_brackets(tokens)
    return bool(brackets) and brackets[-1].type != "LBRACE"


def _end(found: Token) -> int:
    return found.end_pos or 0


def _as(found: Token, type_: str) -> Token:
    return Token(type_, str(found), found.start_pos, found.end_pos)


def _key(found: Token) -> Token:
    return Token("KEY", str(found) + ":", found.start_pos, found.end_pos)
