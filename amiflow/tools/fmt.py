"""The formatter: a recipe's text in, the same recipe in the house's layout out.

Belongs here: the order of the work, and what is done to a text before it is read. Never: files (`cli.fmt`).

What comes out has LF line ends, no byte-order mark and no blanks at line ends. Words, signs, texts, numbers and
comments are the writer's own, in the writer's order; only the case of names that the catalogue knows, blanks, line
ends and the commas between the items of a group are set anew. Formatting what was formatted changes nothing.
"""

from __future__ import annotations

import re

from amiflow.ami.catalog import load
from amiflow.lang.grammar import Grammar, build
from amiflow.lang.parse import parse
from amiflow.report.diagnostic import Diagnostic
from amiflow.report.source import Source
from amiflow.tools.layout import lay_out
from amiflow.tools.spelling import respell
from amiflow.tools.typeset import typeset

_LINE_END = re.compile(r"\r\n?")


def format_source(source: Source, grammar: Grammar | None = None) -> tuple[str | None, list[Diagnostic]]:
    """The formatted text, and no diagnostics; or None, and what is wrong with the recipe's syntax."""
    grammar = grammar or build()
    text = _LINE_END.sub("\n", source.text.removeprefix("\ufeff"))
    file, problems = parse(Source(source.path, text), grammar)
    if problems:
        return None, problems if text == source.text else parse(source, grammar)[1]
    return typeset(lay_out(text, respell(text, file, load()), file, grammar)), []
