"""Warnings that are meant: which of them a recipe allows, by a flow's clause or by a comment with a reason.

A comment `# allow unused-name: the reason` stands on the warning's line, or alone on the line above it. Belongs here:
telling what is allowed, and what allows nothing. Never here: finding what is warned of.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from amiflow.lang import nodes, problems_safety
from amiflow.report.codes import CODES
from amiflow.report.data import dataclass
from amiflow.report.diagnostic import Diagnostic
from amiflow.report.source import Source, Span

_ALLOW = re.compile(r"allow\s+(?P<code>[a-z]+(?:-[a-z]+)+)\s*(?::\s*(?P<reason>\S.*)?)?$")
_WARNINGS = [code.name for code in CODES.values() if code.severity == "warning"]
_WITHOUT_WHOLE_TEXT = frozenset({"unused-name", "empty-flow", "no-flows", "wrong-test"})
_OF_BLOCKS = frozenset({"unknown-name", "maybe-none", "misplaced", "unreachable-step", "missing-bound"})
"""What hangs on which steps are in which block."""


@dataclass(frozen=True, slots=True)
class _Allow:
    """A comment that allows a kind of warning on a line."""

    code: str
    line: int
    span: Span


def meant(
    found: Iterable[Diagnostic], file: nodes.File, source: Source, syntax: Sequence[Diagnostic]
) -> list[Diagnostic]:
    """What is to be told: without allowed warnings, without repeats, without what cannot be told while parts of the
    text are unread or a block has no end, and with what is wrong with comments that allow."""
    unclosed = [one.span.start for one in syntax if one.code == "unclosed"]
    torn = [decl.span for decl in file.decls if any(decl.span.start <= at < decl.span.end for at in unclosed)]
    clauses = [
        (flow.span, clause)
        for flow in file.decls
        if isinstance(flow, nodes.FlowDecl)
        for clause in flow.clauses
        if isinstance(clause, nodes.AllowClause) and clause.what.text in _WARNINGS
    ]
    allows, told = _allows(file, source)
    used: set[_Allow | nodes.AllowClause] = set()
    for problem in dict.fromkeys(found):
        if problem.severity == "warning":
            line = source.position(problem.span.start)[0]
            here = [one for one in allows if (one.code, one.line) == (problem.code, line)]
            around = [one for span, one in clauses if problem.code == one.what.text and _within(problem.span, span)]
            used.update(here, around)
            if here or around:
                continue
        if syntax and problem.code in _WITHOUT_WHOLE_TEXT:
            continue
        if problem.code not in _OF_BLOCKS or not any(_within(problem.span, span) for span in torn):
            told.append(problem)
    if syntax:
        return told
    told += [problems_safety.idle_allow(one.span, one.code, "comment") for one in allows if one not in used]
    idle = [one for _, one in clauses if one not in used]
    return [*told, *(problems_safety.idle_allow(one.span, one.what.text, "clause") for one in idle)]


def _within(inner: Span, outer: Span) -> bool:
    return outer.start <= inner.start < outer.end


def _allows(file: nodes.File, source: Source) -> tuple[list[_Allow], list[Diagnostic]]:
    allows: list[_Allow] = []
    wrong: list[Diagnostic] = []
    for comment in file.comments:
        match = _ALLOW.match(comment.text)
        if match is None:
            continue
        code = match["code"]
        if code not in _WARNINGS:
            start = source.text.index(code, comment.span.start)
            wrong.append(
                problems_safety.bad_allow(nodes.Ident(Span(source.path, start, start + len(code)), code), _WARNINGS)
            )
        elif not match["reason"]:
            wrong.append(problems_safety.allow_without_reason(comment.span, code))
        else:
            allows.append(_Allow(code, _line_meant(comment, source), comment.span))
    return allows, wrong


def _line_meant(comment: nodes.Comment, source: Source) -> int:
    """Its own line, or for a comment alone on its line the first line below that is more than a comment."""
    line = source.position(comment.span.start)[0]
    if source.text[source.start_of(line) : comment.span.start].strip(" \t\ufeff"):
        return line
    line += 1
    while line < source.lines and (source.line(line).strip() or "#").startswith("#"):
        line += 1
    return line
