"""What people read: diagnostics and messages on standard error, in colour where a terminal wants it.

Belongs here: printing. Never here: wording, which comes with what is printed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from typing import TextIO

import click

from amiflow.live.secrets import Mask
from amiflow.report.diagnostic import Diagnostic, ordered
from amiflow.report.printable import clean
from amiflow.report.render import render
from amiflow.report.source import Source


def in_colour(stream: TextIO) -> bool:
    """Whether this stream is a terminal whose user has not asked for plain text (`NO_COLOR`)."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


def show(diagnostics: Iterable[Diagnostic], sources: Mapping[str, Source], mask: Mask | None = None) -> None:
    """Print diagnostics in a stable order."""
    for one in ordered(diagnostics):
        text = render(one, sources, colour=in_colour(sys.stderr))
        say((mask(text) if mask else text).rstrip("\n") + "\n")


def say(text: str) -> None:
    """A line to standard error."""
    click.echo(text, err=True, color=True)


def complain(text: str, help: str | None = None) -> None:
    """An error without a source, worn like the others."""
    bold = in_colour(sys.stderr)
    say(f"{click.style('error', fg='red', bold=True) if bold else 'error'}: {clean(text)}")
    if help:
        say(f"  = help: {clean(help)}")
