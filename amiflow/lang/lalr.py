"""Running the grammar's table: a scan, a parse in one go, and `Cursor`, a parse that can be copied, asked what it would
take next, and fed what is not in the text.

Belongs here: what the table means. Never here: how it is made (`grammar`), nodes, wording, or what to do about a
mistake.

Lark makes the table, once; it is run here, so that a start needs no Lark, and at less cost. A state scans only for what
it accepts: terminals of a higher priority one by one, as a state accepts few of them, and all others by one expression
for all states. A word of the language is a name where the state takes a name but not the word.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Literal, NamedTuple, TypeAlias

Start = Literal["file", "interpolation"]

MOST_OPEN = 4000
"""Parser states that a `Cursor` keeps: it copies them at each token, so that more would take time without bound."""
END = "$END"
FOREIGN = "FOREIGN"
"""Type of a token that no terminal of the grammar matches: a sign of another language, half a text, rubbish."""
NAME = "NAME"

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?![\"A-Za-z0-9_])")
_FOREIGN = re.compile(r"""r?"[^\n\r]*|'[^'\n\r]*'|&&|\|\||.""", re.DOTALL)
_ANY_WORD = "ANY_WORD"
_NOWHERE = -1


class Token(str):
    """A piece of the text and where it stands; with an empty value it is one that the text does not have."""

    __slots__ = ("end_pos", "start_pos", "type")

    type: str
    start_pos: int
    end_pos: int

    def __new__(cls, type_: str, value: str, start: int, end: int) -> Token:
        made = str.__new__(cls, value)
        made.type = type_
        made.start_pos = start
        made.end_pos = end
        return made

    @property
    def value(self) -> str:
        """Its text alone."""
        return str(self)


class Branch:
    """What a rule has put together. Like the received message it is no frozen data: very many are made, and thrown away
    again. One that covers no text stands at -1."""

    __slots__ = ("children", "data", "end_pos", "start_pos")

    def __init__(self, data: str, children: list[Branch | Token], start: int, end: int) -> None:
        self.data = data
        self.children = children
        self.start_pos = start
        self.end_pos = end


class Terminal(NamedTuple):
    """A kind of token; `literal` is its text where that is always the same, `kept` says whether trees hold it."""

    name: str
    pattern: str
    literal: str | None
    priority: int
    kept: bool
    ignored: bool


class Rule(NamedTuple):
    """How many symbols become one of `origin`, and the branch that they make: of `taken` symbols each with whether its
    children stand for it and how many nones come before it; with `single`, one child stands for the branch."""

    origin: str
    expansion: tuple[tuple[str, bool], ...]
    """The symbols, each with whether it is a terminal."""
    data: str
    single: bool
    taken: tuple[tuple[int, bool, int], ...]
    nones: int


class Table(NamedTuple):
    """States give, for a symbol, the next state, or below zero the inverse of the number of a rule."""

    terminals: tuple[Terminal, ...]
    rules: tuple[Rule, ...]
    states: tuple[dict[str, int], ...]
    starts: dict[str, tuple[int, int]]
    """The first and the last state for each start."""


Found: TypeAlias = tuple[str, int, int]
_Next: TypeAlias = Callable[[int], "tuple[str, Token | None, int, int] | None"]


class Scanner:
    """Finds the next token of a text, for each state of a table."""

    __slots__ = ("_accepted", "_general", "_kept", "_special", "_states", "_wide", "skip", "words")

    def __init__(self, table: Table) -> None:
        self._states = table.states
        self._kept = frozenset(one.name for one in table.terminals if one.kept)
        self._special = [one for one in table.terminals if one.priority > 0]
        common = [one for one in table.terminals if one.priority == 0 and not one.ignored]
        self.words = {one.literal: one.name for one in common if one.literal is not None and one.literal.isalpha()}
        """Words of the language, each with its terminal."""
        signs = [one for one in common if one.literal not in self.words]
        self._general = re.compile(_either([*((one.name, one.pattern) for one in signs), (_ANY_WORD, _WORD.pattern)]))
        skipped = _either((one.name, one.pattern) for one in table.terminals if one.ignored)
        self.skip = re.compile(f"(?:{skipped})*").match
        self._wide: dict[str, Callable[[str, int, int], re.Match[str] | None]] = {}
        self._accepted: dict[int, tuple[tuple[str, Callable[[str, int, int], re.Match[str] | None]], ...]] = {}

    def at(self, state: int, text: str, place: int, end: int) -> Found | None:
        """What the state accepts at the place, behind what is ignored: its type, beginning and end; END at the end."""
        matched = self.skip(text, place, end)
        if matched is not None:
            place = matched.end()
        if place == end:
            return END, end, end
        special = self._accepted.get(state)
        for name, match in self._for(state) if special is None else special:
            if (found := match(text, place, end)) is not None:
                return name, place, found.end()
        found = self._general.match(text, place, end)
        if found is None:
            return None
        kind, row = found.lastgroup, self._states[state]
        if kind in (NAME, _ANY_WORD):
            word = self.words.get(found[0])
            kind = word if word in row else kind
        return (kind, place, found.end()) if kind in row else None

    def anywhere(self, text: str, place: int, end: int) -> Found | None:
        """What any state accepts there."""
        for one in self._special:
            if (found := self._matching(one)(text, place, end)) is not None:
                return one.name, place, found.end()
        found = self._general.match(text, place, end)
        if found is None or found.lastgroup is None:
            return None
        return self.words.get(found[0], found.lastgroup), place, found.end()

    def token(self, found: Found, text: str) -> Token | None:
        """The token, where trees hold such."""
        kind, start, stop = found
        return Token(kind, text[start:stop], start, stop) if kind in self._kept else None

    def _for(self, state: int) -> tuple[tuple[str, Callable[[str, int, int], re.Match[str] | None]], ...]:
        row = self._states[state]
        self._accepted[state] = tuple((one.name, self._matching(one)) for one in self._special if one.name in row)
        return self._accepted[state]

    def _matching(self, one: Terminal) -> Callable[[str, int, int], re.Match[str] | None]:
        if one.name not in self._wide:
            self._wide[one.name] = re.compile(one.pattern).match
        return self._wide[one.name]


def _either(patterns: Iterable[tuple[str, str]]) -> str:
    return "|".join(f"(?P<{name}>{pattern})" for name, pattern in patterns)


class Parser:
    """Makes trees by a table."""

    __slots__ = ("_rules", "_scanner", "_table")

    def __init__(self, table: Table, scanner: Scanner) -> None:
        self._table = table
        self._scanner = scanner
        self._rules = [(rule.origin, len(rule.expansion), _passes_on(rule), rule) for rule in table.rules]

    def parse(self, text: str, start: int, end: int, rule: Start) -> Branch | None:
        """The tree of `text[start:end]`, or None if there is any mistake in it."""
        at, token, place = self._scanner.at, self._scanner.token, start

        def following(state: int) -> tuple[str, Token | None, int, int] | None:
            nonlocal place
            found = at(state, text, place, end)
            if found is None:
                return None
            kind, begin, place = found
            return kind, token(found, text), begin, place

        return self._run(following, rule)

    def tree(self, tokens: Iterable[Token], rule: Start) -> Branch:
        """The tree of tokens that a `Cursor` took, END left out."""
        left = iter(tokens)

        def following(_: int) -> tuple[str, Token | None, int, int]:
            found = next(left, None)
            return (END, None, 0, 0) if found is None else (found.type, found, found.start_pos, found.end_pos)

        made = self._run(following, rule)
        assert made is not None, "a cursor took these tokens"
        return made

    def _run(self, following: _Next, rule: Start) -> Branch | None:
        states, rules = self._table.states, self._rules
        state, last = self._table.starts[rule]
        stack, values, begins, ends = [state], list[Branch | Token | None](), list[int](), list[int]()
        while (found := following(state)) is not None:
            kind, token, begin, end = found
            action = states[state].get(kind)
            while action is not None and action < 0:
                origin, size, passes_on, made = rules[~action]
                if passes_on:
                    stack.pop()
                else:
                    start, stop = _extent(begins, ends, size) if size else (_NOWHERE, _NOWHERE)
                    value = _branch(made, values[len(values) - size :], start, stop)
                    if size:
                        del stack[-size:], values[-size:], begins[-size:], ends[-size:]
                    values.append(value)
                    begins.append(start)
                    ends.append(stop)
                state = states[stack[-1]][origin]
                stack.append(state)
                if state == last and kind == END:
                    tree = values[-1]
                    assert isinstance(tree, Branch)
                    return tree
                action = states[state].get(kind)
            if action is None:
                return None
            state = action
            stack.append(state)
            values.append(token)
            begins.append(begin)
            ends.append(end)
        return None


def _extent(begins: list[int], ends: list[int], size: int) -> tuple[int, int]:
    """From where to where the last symbols reach; what is empty says nothing of that."""
    start, stop = begins[-size], ends[-1]
    if start < 0 or stop < 0:
        start = next((one for one in begins[-size:] if one >= 0), _NOWHERE)
        stop = next((one for one in reversed(ends[-size:]) if one >= 0), _NOWHERE)
    return start, stop


def _passes_on(rule: Rule) -> bool:
    """Whether the rule has one symbol, which stands for it as it is."""
    return len(rule.expansion) == 1 and rule.single and rule.taken == ((0, False, 0),) and not rule.nones


def _branch(rule: Rule, values: list[Branch | Token | None], start: int, end: int) -> Branch | Token | None:
    children: list[Branch | Token | None] = []
    for place, inlined, nones in rule.taken:
        if nones:
            children += [None] * nones
        value = values[place]
        if not inlined:
            children.append(value)
        elif isinstance(value, Branch):
            # The branch is thrown away: a long list that is read from left to right is not copied at each step.
            children = [*children, *value.children] if children else value.children  # type: ignore[assignment]
    if rule.nones:
        children += [None] * rule.nones
    if rule.single and len(children) == 1:
        return children[0]
    return Branch(rule.data, children, start, end)  # type: ignore[arg-type]


class Cursor:
    """A parse in progress that keeps parser states only, so that a copy costs next to nothing and changes nothing."""

    __slots__ = ("_end_state", "_scanner", "_stack", "_table", "end", "offset", "text")

    def __init__(
        self, table: Table, scanner: Scanner, text: str, offset: int, end: int, stack: list[int], end_state: int
    ) -> None:
        self._table = table
        self._scanner = scanner
        self._stack = stack
        self._end_state = end_state
        self.text = text
        self.offset = offset
        self.end = end

    def fork(self) -> Cursor:
        """An independent copy."""
        stack = list(self._stack)
        return Cursor(self._table, self._scanner, self.text, self.offset, self.end, stack, self._end_state)

    def peek(self) -> Token:
        """The next token as this place of the grammar reads it, else as any place would, else FOREIGN; or END."""
        found = self._scanner.at(self._stack[-1], self.text, self.offset, self.end)
        if found is not None:
            kind, start, stop = found
            return Token(kind, self.text[start:stop], start, stop)
        skipped = self._scanner.skip(self.text, self.offset, self.end)
        place = self.offset if skipped is None else skipped.end()
        word = _WORD.match(self.text, place, self.end)
        if word:
            return token(self._scanner.words.get(word[0], NAME), word[0], place)
        found = self._scanner.anywhere(self.text, place, self.end)
        if found is not None:
            return Token(found[0], self.text[place : found[2]], place, found[2])
        match = _FOREIGN.match(self.text, place, self.end)
        return token(FOREIGN, match[0] if match else self.text[place], place)

    def take(self, type_: str) -> bool:
        """Go on by a token of this type; False, with nothing changed, where the grammar has no room for it."""
        stack = self._behind(type_)
        if stack is None:
            return False
        self._stack = stack
        return True

    def expects(self, type_: str) -> bool:
        """Whether a token of this type could stand here."""
        return self._behind(type_) is not None

    def expected(self) -> list[str]:
        """The types of token that could stand here, END perhaps among them, in alphabetical order."""
        choices = self._table.states[self._stack[-1]]
        return sorted(name for name in choices if name.lstrip("$").isupper() and self.expects(name))

    def _behind(self, type_: str) -> list[int] | None:
        """The states behind a token of this type."""
        if len(self._stack) > MOST_OPEN:
            return None
        states, rules, stack = self._table.states, self._table.rules, list(self._stack)
        while True:
            action = states[stack[-1]].get(type_)
            if action is None:
                return None
            if action >= 0:
                stack.append(action)
                return stack
            rule = rules[~action]
            if rule.expansion:
                del stack[-len(rule.expansion) :]
            stack.append(states[stack[-1]][rule.origin])
            if type_ == END and stack[-1] == self._end_state:
                return stack


def token(type_: str, value: str, start: int) -> Token:
    """A token that stands at `start`."""
    return Token(type_, value, start, start + len(value))


def literals(terminals: Iterable[Terminal]) -> Mapping[str, str]:
    """The terminals that are always the same word or sign, with that."""
    return {one.name: one.literal for one in terminals if one.literal is not None}
