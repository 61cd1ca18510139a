"""Human words for what the grammar expects: every terminal has some, and groups of them have one name.

Belongs here: names for terminals and groups. Never: sentences (`explain`), or Lark.
"""

from __future__ import annotations

from amiflow.lang.grammar import Grammar
from amiflow.lang.lalr import END, FOREIGN

TERMINALS = {
    "NAME": "a name",
    "USEREVENT": "a user event",
    "KEY": "a header with its colon",
    "TEXT_KEY": "a header in quotes with its colon",
    "MEMBER": "a dot and a header's name",
    "NUMBER": "a number or a duration",
    "REGEX": 'a regular expression `r"…"`',
    "TEXT": 'a text in `"…"`',
    "OR_ELSE": "`or` with what happens then",
    "_RSQB_VALUE": "`]`",
    "COMPARE": "a comparison",
    "LEVEL": "`debug`, `info`, `warn` or `error`",
    "METHOD": "`get`, `post`, `put`, `patch`, `delete` or `head`",
    "DIALLED": "`busy`, `no_answer`, `congestion` or `failed`",
    "ENDED": "`done`, `failed` or `stopped`",
    "WARNING": "the name of a warning",
    "DAYS": "days such as `mon-fri`",
    "CLOCK": "a range of times such as `08:00-18:00`",
    "COMMENT": "a comment",
    "BLANK": "a blank",
    END: "the end of the recipe",
    FOREIGN: "a character that is not part of the language",
}

_GROUPS: tuple[tuple[str, frozenset[str]], ...] = (
    ("a declaration", frozenset({"PARAM", "FLOW", "TEST", "SECRET"})),
    ("a step", frozenset({"LOG", "IF", "WAIT", "FAIL"})),
    ("a test step", frozenset({"GIVEN", "EXPECT", "ADVANCE"})),
    ("a trigger", frozenset({"ON", "EVERY", "CRON"})),
    ("a clause", frozenset({"PER", "COOLDOWN", "LASTING"})),
    ("a value", frozenset({"TEXT", "NUMBER", "TRUE", "NONE"})),
    ("an operator", frozenset({"PLUS", "MINUS", "STAR"})),
)
_MEMBERS = {
    "a declaration": "PARAM SECRET LET IMPORT USEREVENT_WORD TABLE MAP COUNTER SERIES POOL LIMIT HOURS TASK FLOW TEST",
    "a step": "NAME USEREVENT LET VAR SET DELETE ADD WAIT IF FOR REPEAT BREAK CONTINUE PARALLEL WITH LOG STOP FAIL "
    "RETURN RAW HTTP EXEC APPEND SIGNAL",
    "a test step": "GIVEN START EVENT SIGNAL REPLY ROWS ADVANCE DISCONNECT RECONNECT RESTART REPEAT EXPECT",
    "a trigger": "ON EVERY AT CRON",
    "a clause": "PER MAX URGENT COOLDOWN UNTIL LASTING AFTER ALLOW SERVER",
    "a value": "NAME TEXT NUMBER REGEX TRUE FALSE NONE NOT MINUS LPAR LSQB LBRACE",
    "an operator": "PLUS MINUS STAR SLASH PERCENT COMPARE IN NOT LIKE MATCHES COALESCE OR AND MEMBER LSQB LPAR",
}


def word_for(grammar: Grammar, terminal: str) -> str:
    """What one terminal is called in a message."""
    known = TERMINALS.get(terminal)
    if known is not None:
        return known
    literal = grammar.literal(terminal)
    return f"`{literal}`" if literal else ""


def words_for(grammar: Grammar, expected: list[str]) -> list[str]:
    """What a list of terminals is called, groups first: `["a step", "`}`"]`."""
    rest = set(expected)
    names = []
    for name, marks in _GROUPS:
        if marks <= rest:
            names.append(name)
            rest -= set(_MEMBERS[name].split())
    if "NAME" in rest:
        rest = {terminal for terminal in rest if not _may_be_name(grammar, terminal)} | {"NAME"}
    return names + [word_for(grammar, terminal) for terminal in sorted(rest - {"USEREVENT", "TEXT_KEY", "_RSQB_VALUE"})]


def _may_be_name(grammar: Grammar, terminal: str) -> bool:
    """Where any name can stand, words of the language that can be names are not listed one by one."""
    literal = grammar.literal(terminal)
    return literal is not None and literal.isalpha() and terminal in grammar.soft


def one_of(names: list[str]) -> str:
    """`a`, `a or b`, `a, b or c`."""
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
