"""What all wording of the compiler shares: the diagnostic itself, lists of names, suggestions, articles.

Belongs here: pieces of sentences that more than one `problems_*` needs. Never here: the words of one mistake.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from amiflow.plan.types import DURATION, INT, NUMBER, TEXT, ListOf, MessageOf, Type, type_name
from amiflow.report.codes import CODES
from amiflow.report.diagnostic import Diagnostic, Edit, Label
from amiflow.report.source import Span
from amiflow.report.suggest import near

_FEW = 12  # as many names as people read; a longer list is left out


def problem(
    code: str,
    headline: str,
    span: Span,
    label: str,
    *,
    secondary: Iterable[tuple[Span, str]] = (),
    notes: Iterable[str] = (),
    help: str | None = None,
    edit: Edit | None = None,
) -> Diagnostic:
    others = tuple(Label(place, text) for place, text in secondary)
    return Diagnostic(code, CODES[code].severity, headline, Label(span, label, True), others, tuple(notes), help, edit)


def listed(names: Iterable[str], word: str = "and") -> str:
    quoted = [f"`{name}`" for name in names]
    return f" {word} ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)


def did_you_mean(word: str, candidates: Iterable[str]) -> str | None:
    found = near(word, candidates)
    return f"did you mean {listed(found, 'or')}?" if found else None


def choices(candidates: Sequence[str], what: str) -> tuple[str, ...]:
    """The whole list, where it is short enough to be read."""
    return (f"{what} {listed(candidates)}",) if 0 < len(candidates) <= _FEW else ()


def replaced(span: Span, word: str, candidates: Iterable[str]) -> Edit | None:
    found = near(word, candidates)
    return Edit(span, found[0], "likely") if found else None


def an(word: str) -> str:
    return f"an {word}" if word[:1] in "aeiou" else f"a {word}"


def of_message(message: MessageOf) -> str:
    names = " or ".join(message.names)
    match message.kind:
        case "row":
            return f"the row {names}"
        case "response":
            return f"the response to {names}" if names else "this response"
        case "call":
            return "a call"
        case "error":
            return "the error of a step"
        case "http":
            return "the answer of a web server"
        case "exec":
            return "the end of a program"
        case "seen":
            return "the live picture" if message.names == ("pbx",) else an(names)
    return names or "this action"


def conversion(kind: Type, wanted: Type) -> str | None:
    if kind == TEXT and wanted in (INT, NUMBER):
        name = type_name(wanted)
        return f"`{name}(x)` reads a text as {an(name)}, and gives none where it is none: `{name}(x) ?? 0`"
    if wanted == TEXT and not isinstance(kind, ListOf | MessageOf):
        return 'write it into a text: `"${x}"`'
    if wanted == DURATION and kind in (INT, NUMBER):
        return "write the unit: `5s`, `10m`, `250ms`"
    return None
