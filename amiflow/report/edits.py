"""Edits of diagnostics, carried out on a text.

Belongs here: which edits may be applied together, and applying them. Never: deciding what an edit is (its phase does),
or writing a file.
"""

from __future__ import annotations

from collections.abc import Iterable

from amiflow.report.diagnostic import Diagnostic, Edit
from amiflow.report.source import Source


def safe_edits(diagnostics: Iterable[Diagnostic], path: str) -> list[Edit]:
    """The safe edits of the source `path` in its order; of those that touch one another the first."""
    edits = [one.edit for one in diagnostics if one.edit is not None and one.edit.sure == "safe"]
    chosen: list[Edit] = []
    for edit in sorted({edit for edit in edits if edit.span.path == path}, key=lambda edit: edit.span.start):
        if not chosen or edit.span.start > chosen[-1].span.end:
            chosen.append(edit)
    return chosen


def apply(source: Source, edits: Iterable[Edit]) -> Source:
    """The source with edits carried out that do not overlap and are in its order."""
    pieces, at = [], 0
    for edit in edits:
        pieces += [source.text[at : edit.span.start], edit.replacement]
        at = edit.span.end
    return Source(source.path, "".join((*pieces, source.text[at:])))
