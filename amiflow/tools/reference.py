"""Pages of the reference, printed from the tables: functions, diagnostics, events, actions, recipes.

Belongs here: Markdown made of rows that are the one place of these facts. Never here: facts of its own, or files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from amiflow.ami.catalog import Action, Catalog, Event, Header
from amiflow.plan.builtins import BUILTINS, Builtin
from amiflow.report.codes import CODES
from amiflow.report.kind import Code

_FENCES = {"recipe": "amiflow", "configuration": "yaml", "scenario": "yaml", "command": "text"}


def functions() -> str:
    """The builtin functions, each with its parameters, what it does, and examples."""
    lines = ["# Functions", "", "Only `name(` calls a function, so its name may be used for other things too."]
    for row in sorted(BUILTINS.values(), key=lambda row: row.name):
        lines += ["", f"## {row.name}", "", f"`{signature(row)}`", "", row.doc]
        if row.fails:
            lines += ["", f"Fails where {row.fails}."]
        if row.cleans:
            lines += ["", "Its result is safe to use where caller-controlled text is not."]
        if row.examples:
            lines += ["", "| expression | value |", "|---|---|"]
            lines += [f"| {_code(expression)} | {_code(value)} |" for expression, value in row.examples]
    return "\n".join(lines) + "\n"


def signature(row: Builtin) -> str:
    """The call as the reference writes it, such as `e164(number: text, country?: text) -> text?`."""
    parameters = [f"{one.name}{'?' if one.optional else ''}: {' | '.join(one.accepts)}" for one in row.parameters]
    return f"{row.name}({', '.join(parameters)}{', …' if row.variadic else ''}) -> {row.result}"


def diagnostics() -> str:
    """Every kind of diagnostic, with an example of the mistake and the same mended."""
    lines = ["# Diagnostics", "", "`amiflow explain KIND` prints one of them in the terminal."]
    for code in sorted(CODES.values(), key=lambda code: code.name):
        lines += ["", *_diagnostic(code)]
    return "\n".join(lines) + "\n"


def _diagnostic(code: Code) -> Iterator[str]:
    fence = _FENCES[code.language]
    yield from (f"## {code.name}", "", f"*{code.severity}*: {code.rule}", "", code.explanation, "")
    yield from ("Wrong:", "", f"```{fence}-wrong", code.bad.rstrip("\n"), "```", "")
    yield from ("Right:", "", f"```{fence}-example", code.good.rstrip("\n"), "```")


def events(catalog: Catalog) -> str:
    """The events of the catalogue with the headers that recipes may read."""
    lines = ["# Events", "", _LEGEND]
    for event in sorted(catalog.events, key=lambda event: event.name.casefold()):
        lines += ["", f"## {event.name}", "", _about_event(event), *_table(event.headers.values())]
    return "\n".join(lines) + "\n"


def actions(catalog: Catalog) -> str:
    """The actions of the catalogue with the headers that they take."""
    lines = ["# Actions", "", _LEGEND]
    for action in sorted(catalog.actions, key=lambda action: action.name.casefold()):
        lines += ["", f"## {action.name}", "", _about_action(action), *_table(action.headers.values())]
        if action.response:
            lines += ["", "Its response:", *_table(action.response.values())]
    return "\n".join(lines) + "\n"


_LEGEND = (
    "`T?` may be absent or `<unknown>`, and reads as `none`. *required* must be written; *repeated* may come or be "
    "written several times; *stranger* is controlled by a caller or somebody else; *code* becomes code or aim, and "
    "takes no text of a stranger."
)


def _about_event(event: Event) -> str:
    words = [f"Read: {' and '.join(event.classes) or 'any account'}."]
    words += ["A row of an event list."] if event.row else []
    words += ["The end of an event list."] if event.end else []
    words += ["May carry other headers."] if event.open else []
    return " ".join([*words, *_versions(event.since, event.until)])


def _about_action(action: Action) -> str:
    words = [f"Write: {' or '.join(action.privileges) or 'any account'}."]
    words += ["Merely reads."] if action.reads else []
    if action.list:
        which = "some requests " if action.list.announced else ""
        words.append(f"Answers {which}with a list of {', '.join(action.list.rows)}.")
    words += [f"Not for recipes: {action.refused}."] if action.refused else []
    return " ".join([*words, *_versions(action.since, action.until)])


def _versions(since: str | None, until: str | None) -> Iterator[str]:
    if since or until:
        yield f"Asterisk {since or '…'} to {until or '…'}."


def _table(headers: Iterable[Header]) -> list[str]:
    rows = [f"| `{header.name}` | {_type(header)} | {_notes(header)} |" for header in headers]
    return ["", "| header | type | |", "|---|---|---|", *rows] if rows else []


def _type(header: Header) -> str:
    unit = f" in {header.unit}" if header.unit else ""
    return f"{header.type}{'?' if header.optional else ''}{unit}"


def _notes(header: Header) -> str:
    marks = {
        "required": header.required,
        "repeated": header.repeated,
        "stranger": header.caller,
        "code": header.code,
    }
    words = [f"*{name}*" for name, holds in marks.items() if holds]
    words += [", ".join(_code(value) for value in header.values)] if header.values else []
    return "; ".join([*words, *_versions(header.since, header.until)])


def _code(text: str) -> str:
    """Text in a cell of a table, as code."""
    return f"`{text}`".replace("|", "\\|") if text else ""


def recipes(texts: Sequence[tuple[str, str]]) -> str:
    """The recipe library, by folder; each text is a pair of its path below `recipes/` and its source."""
    lines = ["# Recipes", "", "Each is explained in its head and carries its tests."]
    folder = None
    for path, source in sorted(texts, key=lambda text: (text[0].rpartition("/")[0], text[0])):
        if path.rpartition("/")[0] != folder:
            folder = path.rpartition("/")[0]
            lines += ["", f"## {folder or 'the showpiece, and a first look'}"]
        name = path.rpartition("/")[2].removesuffix(".flow").replace("_", " ")
        lines += ["", f"### {name}", "", f"`{path}`", "", "```amiflow", source.rstrip("\n"), "```"]
    return "\n".join(lines) + "\n"
