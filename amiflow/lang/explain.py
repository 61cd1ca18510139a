"""A syntax error in human words: one `Mistake` becomes one diagnostic.

Belongs here: the wording of syntax errors. Never: the search for the way on (`recover`), a terminal's name (`words`).
"""

from __future__ import annotations

from amiflow.lang.grammar import Grammar
from amiflow.lang.lalr import END, FOREIGN, Token
from amiflow.lang.recover import Fix, Mistake
from amiflow.lang.words import one_of, word_for, words_for
from amiflow.report.diagnostic import Diagnostic, Edit, Label
from amiflow.report.source import Source, Span

_HABITS = {
    "&&": ("`&&` is not a sign of the language", "write `and`", "and"),
    "||": ("`||` is not a sign of the language", "write `or`", "or"),
    "!": ("`!` is not a sign of the language", "write `not`", "not "),
    ";": ("a step needs no `;`", "leave it out", ""),
    "===": ("`===` is not a sign of the language", "write `==`", "=="),
    "=": ("`=` gives a value and does not compare", "write `==`", "=="),
    "<>": ("`<>` is not a sign of the language", "write `!=`", "!="),
    "+=": ("`+=` is not a sign of the language", "write `set n = n + …`", None),
    "-=": ("`-=` is not a sign of the language", "write `set n = n - …`", None),
    ":=": ("`:=` is not a sign of the language", "write `=`", "="),
    ":": ("a value is given with `=`", "write `=`", "="),
    "=>": ("`=>` is not a sign of the language", "leave it out", ""),
    "chain": ("comparisons are not chained", "compare twice and join with `and`", None),
    "assign": ("a name gets a value with `let`", "write `let name = …`, or `var` and `set` for one that changes", None),
    "//": ("a comment begins with `#`", "write `#`", None),
    "action": (
        "an action cannot stand within an expression",
        "write it as a step of its own, `let r = Action { … }`, and take what you need of `r`",
        None,
    ),
    "piece": (
        "an answer is named before something of it is read",
        "write `let r = Action { … }`, and `r.Value` where its value is needed",
        None,
    ),
    "typed": ("types of names are not written: they are found", "leave the type out", None),
    "elif": ("`elif` is not a word of the language", "write `else if`", "else if"),
    "elsif": ("`elsif` is not a word of the language", "write `else if`", "else if"),
    "elseif": ("`elseif` is not a word of the language", "write `else if`", "else if"),
}

# What these mean is beyond doubt, so `--fix` may write it.
_CERTAIN = frozenset({"&&", "||", ";", "===", "<>", "elif", "elsif", "elseif"})


def explain(grammar: Grammar, source: Source, mistake: Mistake) -> Diagnostic:
    """The diagnostic of one mistake."""
    match mistake.fix.kind:
        case "closer":
            return _unclosed(grammar, source, mistake)
        case "insert":
            return _missing(grammar, source, mistake)
        case "within":
            return _no_within(source, mistake)
        case "habit":
            return _habit(source, mistake)
        case "colon":
            return _no_colon(source, mistake.fix.put[0])
        case "name" | "case" | "spelling":
            return _other_word(source, mistake)
        case "text":
            return _open_text(source, mistake)
        case "choice" | "drop" | "skip" | "unexpected":
            return _unexpected(grammar, source, mistake)


def _error(
    code: str,
    headline: str,
    label: Label,
    *secondary: Label,
    notes: tuple[str, ...] = (),
    help_: str | None = None,
    edit: Edit | None = None,
) -> Diagnostic:
    return Diagnostic(code, "error", headline, label, secondary, notes, help_, edit)


def _at(source: Source, found: Token) -> Span:
    return Span(source.path, found.start_pos or 0, found.end_pos or 0)


def _primary(span: Span, text: str) -> Label:
    return Label(span, text, primary=True)


# -- what is missing --------------------------------------------------------------------------------------------------


def _unclosed(grammar: Grammar, source: Source, mistake: Mistake) -> Diagnostic:
    """The opening bracket is to blame, not the word that stands where its partner should."""
    closer = word_for(grammar, mistake.fix.put[0].type).strip("`")
    place = Span(source.path, mistake.fix.offset, mistake.fix.offset)
    if mistake.opener is None:
        return _missing(grammar, source, mistake)
    opener = _at(source, mistake.opener)
    alone = source.position(opener.start)[0] != source.position(place.start)[0]
    written = closer
    if closer == "}" and alone:
        line = source.line(source.position(opener.start)[0]).lstrip("\ufeff")
        written = "\n" + line[: len(line) - len(line.lstrip())] + closer
    return _error(
        "unclosed",
        f"`{source.slice(opener)}` is not closed",
        _primary(opener, f"no `{closer}` for this"),
        Label(place, f"`{closer}` expected here"),
        edit=Edit(place, written, "likely"),
    )


def _missing(grammar: Grammar, source: Source, mistake: Mistake) -> Diagnostic:
    fix = mistake.fix
    if mistake.before and mistake.before[-1].type == "REPEAT":
        label = _primary(_at(source, mistake.before[-1]), "how often?")
        return _error("syntax", "`repeat` does not say how often", label, help_="write a number: `repeat 3 { … }`")
    what = _wanted(grammar, mistake)
    last = mistake.before[-1] if mistake.before else None
    after = f" after `{_short(str(last))}`" if last and str(last) else ""
    place = Span(source.path, fix.offset, fix.offset)
    literal = grammar.literal(fix.put[0].type) if len(fix.put) == 1 else None
    edit = Edit(place, f" {literal}", "likely") if literal else None
    return _error("syntax", f"{what} is missing{after}", _primary(place, f"{what} belongs here"), edit=edit)


def _wanted(grammar: Grammar, mistake: Mistake) -> str:
    """What the inserted tokens are called: a value where any value can stand, else the terminal's words."""
    first = mistake.fix.put[0].type
    types = [put.type for put in mistake.fix.put]
    if types == ["LBRACE", "RBRACE"]:
        return "`{ … }`"
    if types == ["ON", "START"]:
        return "a trigger"
    if (
        first in ("NAME", "TEXT", "NUMBER")
        and not mistake.behind[:-1]
        and "a value" in words_for(grammar, mistake.expected)
    ):
        return "a value"
    return word_for(grammar, first)


def _no_within(source: Source, mistake: Mistake) -> Diagnostic:
    words = ("wait", "then", "without", "with", "times", "counter", "series")
    if mistake.fix.put[0].type == "AFTER":
        return _no_after(source, mistake)
    start = next((found for found in reversed(mistake.before) if str(found) in words), mistake.before[-1])
    place = Span(source.path, mistake.fix.offset, mistake.fix.offset)
    return _error(
        "missing-within",
        f"`{start}` has no `within`",
        _primary(_at(source, start), "for how long?"),
        Label(place, "`within` and a duration belong here"),
        help_="add a bound, as in `within 30s`",
        edit=Edit(place, " within 30s", "likely"),
    )


def _no_after(source: Source, mistake: Mistake) -> Diagnostic:
    start = next((found for found in reversed(mistake.before) if found.type == "WAIT"), mistake.before[-1])
    place = Span(source.path, mistake.fix.offset, mistake.fix.offset)
    return _error(
        "missing-within",
        "`wait any` has no `after`",
        _primary(_at(source, start), "for how long?"),
        Label(place, "`after` belongs here"),
        help_="add what happens when time is over, as in `after 30s { … }`",
    )


def _no_colon(source: Source, found: Token) -> Diagnostic:
    span = _at(source, found)
    name = _short(str(found)[:-1])
    return _error(
        "syntax",
        f"the header `{name}` has no colon",
        _primary(span.tail(), "`:` belongs here"),
        edit=Edit(span.tail(), ":", "likely"),
    )


# -- what is other than it should be ----------------------------------------------------------------------------------


def _habit(source: Source, mistake: Mistake) -> Diagnostic:
    fix, what = mistake.fix, mistake.fix.what
    if what.startswith("header "):
        return _header_sign(source, fix, what.removeprefix("header "))
    start = fix.put[0].start_pos if what == "'" else mistake.behind[0].start_pos
    if what == "'":
        span = Span(source.path, start or 0, fix.offset)
        inside = source.slice(span)[1:-1]
        edit = None if set(inside) & set('"\\$') else Edit(span, f'"{inside}"', "safe")
        return _error("foreign-habit", 'a text stands in `"…"`', _primary(span, "wrong quotes"), edit=edit)
    headline, help_, instead = _HABITS[what]
    width = len(mistake.behind[0]) if what in ("assign", "chain", "action", "piece", "typed") else len(what)
    span = Span(source.path, start or 0, (start or 0) + width)
    edit = None if instead is None else _sign_replaced(source, span, what, instead)
    label = _primary(span, "not written like this")
    return _error("foreign-habit", headline, label, help_=help_, edit=edit)


def _sign_replaced(source: Source, span: Span, sign: str, instead: str) -> Edit:
    """With blanks where words would touch otherwise."""
    before, after = source.text[: span.start][-1:], source.text[span.end : span.end + 1]
    if not instead.strip():
        return Edit(span, "" if not after or after.isspace() else " ", "safe" if sign in _CERTAIN else "likely")
    left = "" if not before or before.isspace() or not instead[0].isalpha() else " "
    right = "" if not after or after.isspace() or not instead[-1].isalpha() else " "
    return Edit(span, left + instead + right, "safe" if sign in _CERTAIN else "likely")


def _header_sign(source: Source, fix: Fix, sign: str) -> Diagnostic:
    span = Span(source.path, fix.offset - len(sign), fix.offset)
    name = _short(str(fix.put[0])[:-1])
    edit = Edit(Span(source.path, fix.put[0].end_pos or 0, fix.offset), ":", "safe")
    headline = f"the header `{name}` is followed by `{sign}`"
    return _error("foreign-habit", headline, _primary(span, "`:` belongs here"), help_=f"write `{name}:`", edit=edit)


def _other_word(source: Source, mistake: Mistake) -> Diagnostic:
    found = mistake.fix.put[0]
    span, word = _at(source, found), _short(str(found))
    if mistake.fix.kind == "name":
        label = _primary(span, "needs another name")
        return _error("keyword-as-name", f"`{word}` is a word of the language, not a name", label)
    if mistake.fix.kind == "case":
        edit = Edit(span, word.lower(), "safe")
        label = _primary(span, "capital letters")
        help_ = f"write `{word.lower()}`"
        return _error("keyword-case", f"`{word}` is written in lower case", label, help_=help_, edit=edit)
    right = mistake.fix.what
    label = _primary(span, "unknown word")
    edit = Edit(span, right, "likely")
    return _error("syntax", f"`{word}` is no word of the language", label, help_=f"did you mean `{right}`?", edit=edit)


def _open_text(source: Source, mistake: Mistake) -> Diagnostic:
    written = str(mistake.refused)
    start = mistake.refused.start_pos or 0
    code = written.find("${")
    if code >= 0 and '"' in written[code:]:
        span = Span(source.path, start + code, start + code + 2)
        return _error("unclosed", "`${` is not closed", _primary(span, "no `}` for this"))
    span = Span(source.path, start, start + written.index('"') + 1)
    end = Span(source.path, mistake.fix.offset, mistake.fix.offset)
    return _error(
        "unclosed-text",
        "a text is not closed",
        _primary(span, 'no `"` for this on its line'),
        help_="a line break within a text is written `\\n`",
        edit=Edit(end, '"', "likely"),
    )


def _unexpected(grammar: Grammar, source: Source, mistake: Mistake) -> Diagnostic:
    refused = mistake.refused
    span = _at(source, refused)
    names = words_for(grammar, mistake.expected)
    help_ = f"expected {one_of(names)}" if 0 < len(names) <= 5 else None
    if refused.type == END:
        headline = "the text ends too early" if mistake.opener is None else "the recipe ends within a block"
        return _error("syntax", headline, _primary(span, "something is missing here"), help_=help_)
    word = _short(str(refused))
    if refused.type == "OR":
        label = _primary(span, "not a condition")
        help_ = 'write `or { … }`, `or ignore`, `or stop`, `or continue`, `or break` or `or fail "…"`'
        return _error("syntax", "`or` is followed by what happens on failure", label, help_=help_)
    if refused.type == "OPTIONAL":
        headline = "`? :` is not part of the language"
        return _error("foreign-habit", headline, _primary(span, "not a sign here"), help_="write `choose(c, a, b)`")
    if refused.type == FOREIGN:
        label = _primary(span, "not part of the language")
        help_ = "a name has letters from a to z, digits and `_`" if word.isalpha() else help_
        return _error("bad-character", f"{_visible(word)} cannot stand here", label, help_=help_)
    if refused.type in ("RPAR", "RSQB", "RBRACE") and mistake.fix.kind == "drop":
        edit = Edit(span, "", "likely")
        return _error("syntax", f"`{word}` closes nothing", _primary(span, "nothing is open"), edit=edit)
    return _error("syntax", f"`{word}` cannot stand here", _primary(span, "not expected"), help_=help_)


def _visible(word: str) -> str:
    return f"`{word}`" if word.isprintable() else f"the character U+{ord(word[0]):04X}"


def _short(word: str) -> str:
    return word if len(word) <= 40 else word[:39] + "…"
