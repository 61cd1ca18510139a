"""The grammar as something that can be run: the only importer of Lark.

Belongs here: finding and building the parser, a parse in one go, and `Cursor`, a parse that can be copied, asked what
it would take next, and fed what is not in the text. Never: nodes, wording, or what to do about a mistake.
"""

from __future__ import annotations

import re
from array import array
from pathlib import Path
from typing import Any, Literal, TypeAlias

from lark import Lark, Tree
from lark import Token as Token
from lark.exceptions import UnexpectedCharacters, UnexpectedInput
from lark.grammar import Rule
from lark.lexer import ContextualLexer, LexerState, LineCounter
from lark.parsers.lalr_analysis import IntParseTable, Reduce, Shift
from lark.parsers.lalr_parser import LALR_Parser, _Parser
from lark.utils import TextSlice

Branch: TypeAlias = Tree[Token]
Start = Literal["file", "interpolation"]

MOST_OPEN = 4000
"""Parser states that a `Cursor` keeps: it copies them at each token, so that more would take time without bound."""
END = "$END"
FOREIGN = "FOREIGN"
"""Type of a token that no terminal of the grammar matches: a sign of another language, half a text, rubbish."""

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?![\"A-Za-z0-9_])")
_FOREIGN = re.compile(r"""r?"[^\n\r]*|'[^'\n\r]*'|&&|\|\||.""", re.DOTALL)


def grammar_text() -> str:
    """The grammar; in a wheel it lies beside the code, in a checkout beside the package."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "_grammar" / "amiflow.lark"
    path = inside if inside.exists() else package.parent / "grammar" / "amiflow.lark"
    return path.read_text(encoding="utf-8")


class _CompactParser(LALR_Parser):
    """Lark's parser with its table put away compactly: a warm start is mostly the loading of 26,000 entries.

    A state is two strings of 16-bit numbers, of symbols and of actions: a shift's state, or behind all states a rule.
    """

    def serialize(self, memo: Any = None) -> dict[str, Any]:
        table = self._parse_table
        symbols = sorted({symbol for actions in table.states.values() for symbol in actions})
        rules = list({arg: None for row in table.states.values() for action, arg in row.values() if action is Reduce})
        index = {symbol: number for number, symbol in enumerate(symbols)}
        codes = {rule: len(table.states) + number for number, rule in enumerate(rules)}
        rows = [
            (
                array("H", (index[symbol] for symbol in row)).tobytes(),
                array("H", (codes[arg] if action is Reduce else arg for action, arg in row.values())).tobytes(),
            )
            for _, row in sorted(table.states.items())
        ]
        ends = (table.start_states, table.end_states)
        return {"symbols": symbols, "rules": [rule.serialize(memo) for rule in rules], "rows": rows, "ends": ends}

    @classmethod
    def deserialize(  # type: ignore[override]
        cls, data: dict[str, Any], memo: dict[int, Any], callbacks: Any, debug: bool = False
    ) -> _CompactParser:
        symbols, rows = data["symbols"], data["rows"]
        actions: list[tuple[Any, Any]] = [(Shift, number) for number in range(len(rows))]
        actions += [(Reduce, Rule.deserialize(rule, memo)) for rule in data["rules"]]
        states = {
            number: dict(
                zip(
                    map(symbols.__getitem__, array("H", keys)),
                    map(actions.__getitem__, array("H", codes)),
                    strict=True,
                )
            )
            for number, (keys, codes) in enumerate(rows)
        }
        parser = cls.__new__(cls)
        table: Any = IntParseTable(states, *data["ends"])  # type: ignore[no-untyped-call]
        parser._parse_table = table
        parser.parser = _Parser(table, callbacks, debug)
        return parser


class Grammar:
    """The parser made from the grammar's text. `cache` is a file that Lark may keep the parse table in, or None."""

    def __init__(self, cache: str | None = None) -> None:
        self._lark = Lark(
            grammar_text(),
            parser="lalr",
            lexer="contextual",
            start=["file", "interpolation"],
            propagate_positions=True,
            maybe_placeholders=True,
            cache=cache or False,
            _plugins={"LALR_Parser": _CompactParser},
        )
        fresh = self._lark.parse_interactive("", "file")
        lexer = fresh.lexer_thread.lexer
        assert isinstance(lexer, ContextualLexer)
        self.lexer = lexer
        self.states = fresh.parser_state.parse_conf.states
        self.soft = frozenset(rule.expansion[0].name for rule in self._lark.rules if rule.origin.name in ("id", "word"))
        """Terminals that are names as well."""
        patterns = {terminal.name: terminal.pattern for terminal in self._lark.terminals}
        self._literals: dict[str, str] = {
            name: pattern.value for name, pattern in patterns.items() if pattern.type == "str"
        }
        self.words = {literal: name for name, literal in self._literals.items() if literal.isalpha()}
        """Words of the language, each with its terminal."""
        self.text_pattern: str = self._lark.get_terminal("TEXT").pattern.to_regexp()

    @property
    def terminals(self) -> tuple[str, ...]:
        """The names of all terminals, ignored ones included."""
        return tuple(sorted(terminal.name for terminal in self._lark.terminals))

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules, as sequences of symbols without operators."""
        return tuple(self._lark.rules)

    def literal(self, terminal: str) -> str | None:
        """The text of a terminal that is always the same word or sign, else None."""
        return self._literals.get(terminal)

    def parse(self, text: str, start: int, end: int, rule: Start) -> Branch | None:
        """The tree of `text[start:end]`, or None if there is any mistake in it."""
        run = self._lark.parse_interactive("", rule)
        run.lexer_thread.state = _lexer_state(text, start, end)
        try:
            tree: Branch = run.resume_parse()  # type: ignore[no-untyped-call]
        except UnexpectedInput:
            return None
        return tree

    def tree(self, tokens: list[Token], rule: Start) -> Branch:
        """The tree of tokens that a `Cursor` took, END left out."""
        run = self._lark.parse_interactive("", rule)
        for token in tokens:
            run.feed_token(token)
        tree: Branch = run.feed_eof(tokens[-1] if tokens else None)  # type: ignore[no-untyped-call]
        return tree

    def cursor(self, text: str, start: int, end: int, rule: Start) -> Cursor:
        conf = self._lark.parse_interactive("", rule).parser_state.parse_conf
        return Cursor(self, text, start, end, [conf.start_state], conf.end_state)


class Cursor:
    """A parse in progress that keeps parser states only, so that a copy costs next to nothing and changes nothing."""

    __slots__ = ("_end_state", "_grammar", "_stack", "end", "offset", "text")

    def __init__(self, grammar: Grammar, text: str, offset: int, end: int, stack: list[int], end_state: int) -> None:
        self._grammar = grammar
        self._stack = stack
        self._end_state = end_state
        self.text = text
        self.offset = offset
        self.end = end

    def fork(self) -> Cursor:
        """An independent copy."""
        return Cursor(self._grammar, self.text, self.offset, self.end, list(self._stack), self._end_state)

    def peek(self) -> Token:
        """The next token as this place of the grammar reads it, else as any place would, else FOREIGN; or END."""
        lexer = self._grammar.lexer
        try:
            return lexer.lexers[self._stack[-1]].next_token(_lexer_state(self.text, self.offset, self.end))
        except EOFError:
            return token(END, "", self.end)
        except UnexpectedCharacters as error:
            place = error.pos_in_stream or self.offset
        word = _WORD.match(self.text, place, self.end)
        if word:
            return token(self._grammar.words.get(word[0], "NAME"), word[0], place)
        try:
            return lexer.root_lexer.next_token(_lexer_state(self.text, place, self.end))
        except UnexpectedCharacters:
            match = _FOREIGN.match(self.text, place, self.end)
            return token(FOREIGN, match[0] if match else self.text[place], place)

    def take(self, type_: str) -> bool:
        """Go on by a token of this type; False, with nothing changed, where the grammar has no room for it."""
        if len(self._stack) > MOST_OPEN:
            return False
        states, stack = self._grammar.states, list(self._stack)
        while True:
            entry = states[stack[-1]].get(type_)
            if entry is None:
                return False
            action, argument = entry
            if action is Shift:
                stack.append(argument)
                break
            size = len(argument.expansion)
            if size:
                del stack[-size:]
            stack.append(states[stack[-1]][argument.origin.name][1])
            if type_ == END and stack[-1] == self._end_state:
                break
        self._stack = stack
        return True

    def expected(self) -> list[str]:
        """The types of token that could stand here, END perhaps among them, in alphabetical order."""
        choices = self._grammar.states[self._stack[-1]]
        return sorted(name for name in choices if name.lstrip("$").isupper() and self.fork().take(name))


def token(type_: str, value: str, start: int) -> Token:
    """A token that stands at `start`; with an empty value it is one that the text does not have."""
    return Token(type_, value, start, 1, 1, 1, 1, start + len(value))


def _lexer_state(text: str, start: int, end: int) -> LexerState:
    counter = LineCounter("\n")  # type: ignore[no-untyped-call]
    counter.char_pos = start
    return LexerState(TextSlice(text, start, end), counter)


_BUILT: list[Grammar] = []


def build(cache: str | None = None) -> Grammar:
    """The grammar, made once a process: the `cache` of whoever asks first counts. Lark checks what is in it by the
    grammar's text, its own and Python's version."""
    if not _BUILT:
        _BUILT.append(Grammar(cache))
    return _BUILT[0]
