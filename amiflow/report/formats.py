"""Diagnostics for machines: one line each, JSON, GitHub's annotations, SARIF.

Belongs here: these layouts. Never: the frame for people (`render`), or any wording of a diagnostic.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from amiflow.report.codes import CODES
from amiflow.report.diagnostic import Diagnostic, Edit
from amiflow.report.source import Source, Span

Format = Literal["concise", "json", "github", "sarif"]
Place = tuple[int, int]
_NOWHERE: tuple[Place, Place] = ((1, 1), (1, 1))


def formatted(how: Format, diagnostics: Iterable[Diagnostic], sources: Mapping[str, Source]) -> str:
    """All diagnostics as one text, ending in a newline if there is any. Lines and columns count from 1, columns in
    characters; an end is exclusive."""
    return _LAYOUTS[how](tuple(diagnostics), sources)


def _places(span: Span, sources: Mapping[str, Source]) -> tuple[Place, Place]:
    source = sources.get(span.path)
    return (source.position(span.start), source.position(span.end)) if source is not None else _NOWHERE


def _concise(diagnostics: Iterable[Diagnostic], sources: Mapping[str, Source]) -> str:
    return "".join(_concise_line(one, _places(one.span, sources)[0]) for one in diagnostics)


def _concise_line(one: Diagnostic, place: Place) -> str:
    headline = " ".join(one.headline.split())
    return f"{one.span.path}:{place[0]}:{place[1]}: {one.severity}[{one.code}]: {headline}\n"


def _json(diagnostics: Iterable[Diagnostic], sources: Mapping[str, Source]) -> str:
    rows = [_record(one, sources) for one in diagnostics]
    return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"


def _record(one: Diagnostic, sources: Mapping[str, Source]) -> dict[str, Any]:
    return {
        "code": one.code,
        "severity": one.severity,
        "message": one.headline,
        **_where(one.span, sources),
        "labels": [
            {**_where(label.span, sources), "text": label.text, "primary": label.primary}
            for label in (one.primary, *one.secondary)
        ],
        "notes": list(one.notes),
        "help": one.help,
        "edit": _edit(one.edit, sources),
    }


def _where(span: Span, sources: Mapping[str, Source]) -> dict[str, Any]:
    (line, column), (end_line, end_column) = _places(span, sources)
    return {"path": span.path, "line": line, "column": column, "end_line": end_line, "end_column": end_column}


def _edit(edit: Edit | None, sources: Mapping[str, Source]) -> dict[str, Any] | None:
    if edit is None:
        return None
    return {**_where(edit.span, sources), "replacement": edit.replacement, "sure": edit.sure}


def _github(diagnostics: Iterable[Diagnostic], sources: Mapping[str, Source]) -> str:
    return "".join(_annotation(one, sources) for one in diagnostics)


def _annotation(one: Diagnostic, sources: Mapping[str, Source]) -> str:
    """A workflow command; GitHub's columns are inclusive."""
    (line, column), (end_line, end_column) = _places(one.span, sources)
    values = {"file": one.span.path, "line": line, "endLine": end_line, "title": one.code}
    if line == end_line:
        values |= {"col": column, "endColumn": max(column, end_column - 1)}
    words = ",".join(f"{key}={_escaped(str(value), True)}" for key, value in values.items())
    text = "\n".join((one.headline, *one.notes, *((f"help: {one.help}",) if one.help else ())))
    return f"::{one.severity} {words}::{_escaped(text)}\n"


def _escaped(text: str, of_property: bool = False) -> str:
    for sign in "%\r\n" + (":," if of_property else ""):
        text = text.replace(sign, f"%{ord(sign):02X}")
    return text


def _sarif(diagnostics: Iterable[Diagnostic], sources: Mapping[str, Source]) -> str:
    found = tuple(diagnostics)
    rules = list(dict.fromkeys(one.code for one in found))
    run = {
        "tool": {"driver": {"name": "amiflow", "rules": [_rule(code) for code in rules]}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(one, rules, sources) for one in found],
    }
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    return json.dumps({"$schema": schema, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False) + "\n"


def _rule(code: str) -> dict[str, Any]:
    row = CODES[code]
    return {"id": code, "shortDescription": {"text": row.rule}, "fullDescription": {"text": row.explanation}}


def _result(one: Diagnostic, rules: list[str], sources: Mapping[str, Source]) -> dict[str, Any]:
    return {
        "ruleId": one.code,
        "ruleIndex": rules.index(one.code),
        "level": one.severity,
        "message": {"text": "\n".join((one.headline, *one.notes, *((one.help,) if one.help else ())))},
        "locations": [{"physicalLocation": _physical(one.span, sources)}],
        "relatedLocations": [
            {"physicalLocation": _physical(label.span, sources), "message": {"text": label.text}}
            for label in one.secondary
        ],
    }


def _physical(span: Span, sources: Mapping[str, Source]) -> dict[str, Any]:
    (line, column), (end_line, end_column) = _places(span, sources)
    region = {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column}
    return {"artifactLocation": {"uri": span.path.replace("\\", "/")}, "region": region}


_LAYOUTS: Mapping[Format, Callable[[tuple[Diagnostic, ...], Mapping[str, Source]], str]] = {
    "concise": _concise,
    "json": _json,
    "github": _github,
    "sarif": _sarif,
}
