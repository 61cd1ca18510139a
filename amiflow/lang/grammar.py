"""The grammar as something that can be run: the only importer of Lark, which makes the parser's table of it.

Belongs here: finding the grammar, making the table, and keeping it. Never here: how the table is run (`lalr`), nodes,
wording, or what to do about a mistake.
"""

from __future__ import annotations

import marshal
from pathlib import Path
from typing import Any
from zlib import crc32

from amiflow.lang.lalr import Branch, Cursor, Parser, Rule, Scanner, Start, Table, Terminal, Token, literals

_STARTS: tuple[Start, ...] = ("file", "interpolation")
_FORM = 1  # of what is kept; another number where that changes


def grammar_text() -> str:
    """The grammar; in a wheel it lies beside the code, in a checkout beside the package."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "_grammar" / "amiflow.lark"
    path = inside if inside.exists() else package.parent / "grammar" / "amiflow.lark"
    return path.read_text(encoding="utf-8")


class Grammar:
    """The grammar, ready to be run. `cache` is a file in which its table may be kept, or None: to make it takes a
    quarter of a second, to load it a few milliseconds."""

    def __init__(self, cache: str | None = None) -> None:
        text = grammar_text()
        table = _kept(cache, text) if cache is not None else None
        if table is None:
            table = _made_by_lark(text)
            if cache is not None:
                _keep(cache, text, table)
        self._table = table
        self._scanner = Scanner(table)
        self._parser = Parser(table, self._scanner)
        self._literals = literals(table.terminals)
        self.words = self._scanner.words
        """Words of the language, each with its terminal."""
        self.soft = frozenset(rule.expansion[0][0] for rule in table.rules if rule.origin in ("id", "word"))
        """Terminals that are names as well."""
        self.rules = table.rules
        self.text_pattern = next(one.pattern for one in table.terminals if one.name == "TEXT")

    @property
    def terminals(self) -> tuple[str, ...]:
        """The names of all terminals, ignored ones included."""
        return tuple(sorted(one.name for one in self._table.terminals))

    def literal(self, terminal: str) -> str | None:
        """The text of a terminal that is always the same word or sign, else None."""
        return self._literals.get(terminal)

    def parse(self, text: str, start: int, end: int, rule: Start) -> Branch | None:
        """The tree of `text[start:end]`, or None if there is any mistake in it."""
        return self._parser.parse(text, start, end, rule)

    def tree(self, tokens: list[Token], rule: Start) -> Branch:
        """The tree of tokens that a `Cursor` took, END left out."""
        return self._parser.tree(tokens, rule)

    def cursor(self, text: str, start: int, end: int, rule: Start) -> Cursor:
        """A parse in progress, at the beginning of `text[start:end]`."""
        first, last = self._table.starts[rule]
        return Cursor(self._table, self._scanner, text, start, end, [first], last)


_BUILT: list[Grammar] = []


def build(cache: str | None = None) -> Grammar:
    """The grammar, made once a process: the `cache` of whoever asks first counts. What is in it is used if it was made
    of the same grammar."""
    if not _BUILT:
        _BUILT.append(Grammar(cache))
    return _BUILT[0]


# -- the table, made and kept -----------------------------------------------------------------------------------------


def lark(text: str, **options: Any) -> Any:
    """The grammar as Lark has it."""
    from lark import Lark  # it takes longer to import than a recipe takes to be checked, and few starts make a table

    given: dict[str, Any] = {"parser": "lalr", "lexer": "contextual", "start": list(_STARTS), **options}
    return Lark(text, maybe_placeholders=True, **given)


def _made_by_lark(text: str) -> Table:
    made = lark(text)
    confs = {start: made.parse_interactive("", start).parser_state.parse_conf for start in _STARTS}
    states = confs["file"].states
    numbers = {rule: number for number, rule in enumerate(made.rules)}
    ignored = set(made.ignore_tokens)
    kept = {
        symbol.name
        for rule in made.rules
        for symbol in rule.expansion
        if symbol.is_term and (rule.options.keep_all_tokens or not symbol.filter_out)
    }
    terminals = sorted(
        made.terminals,
        key=lambda one: (-one.priority, -one.pattern.max_width, -len(one.pattern.value), one.name),
    )
    return Table(
        tuple(
            Terminal(
                one.name,
                one.pattern.to_regexp(),
                one.pattern.value if one.pattern.type == "str" else None,
                one.priority,
                one.name in kept,
                one.name in ignored,
            )
            for one in terminals
        ),
        tuple(map(_rule, made.rules)),
        tuple(
            {symbol: arg if isinstance(arg, int) else ~numbers[arg] for symbol, (_, arg) in states[number].items()}
            for number in range(len(states))
        ),
        {start: (conf.start_state, conf.end_state) for start, conf in confs.items()},
    )


def _rule(rule: Any) -> Rule:
    """What Lark's own builder of trees does with a rule, as data."""
    empty = rule.options.empty_indices or [False] * len(rule.expansion)
    before = [len(nones) for nones in "".join(str(int(one)) for one in empty).split("0")]
    taken, nones = [], 0
    for place, symbol in enumerate(rule.expansion):
        nones += before[place]
        if rule.options.keep_all_tokens or not (symbol.is_term and symbol.filter_out):
            taken.append((place, not symbol.is_term and symbol.name.startswith("_"), nones))
            nones = 0
    return Rule(
        str(rule.origin.name),
        tuple((str(symbol.name), symbol.is_term) for symbol in rule.expansion),
        str(rule.alias or rule.origin.name),
        rule.options.expand1 and not rule.alias,
        tuple(taken),
        nones + before[-1],
    )


def _kept(cache: str, text: str) -> Table | None:
    """The table that a file keeps; none where it is another grammar's, or damaged."""
    try:
        data = Path(cache).read_bytes()
    except OSError:
        return None
    if crc32(data[4:]).to_bytes(4, "big") != data[:4]:
        return None
    form, of, terminals, rules, states, starts = marshal.loads(data[4:])
    if (form, of) != (_FORM, text):
        return None
    return Table(tuple(Terminal(*one) for one in terminals), tuple(Rule(*one) for one in rules), states, starts)


def _keep(cache: str, text: str, table: Table) -> None:
    """Put the table away as a whole, where that can be: another process may be reading."""
    terminals, rules = tuple(map(tuple, table.terminals)), tuple(map(tuple, table.rules))
    plain: Any = (_FORM, text, terminals, rules, table.states, table.starts)
    data = marshal.dumps(plain)
    target = Path(cache)
    new = target.with_name(f"{target.name}.{id(table):x}.new")
    try:
        new.write_bytes(crc32(data).to_bytes(4, "big") + data)
        new.replace(target)
    except OSError:
        new.unlink(missing_ok=True)
