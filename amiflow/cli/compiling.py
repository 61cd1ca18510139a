"""The compiler with what it needs from the world: the catalogue, recipes' texts, a place to keep the parse table.

Belongs here: that one call. Never here: what becomes of the result.
"""

from __future__ import annotations

import os
import sys
from functools import cache, partial

import click

from amiflow.ami import catalog
from amiflow.cli.files import read_recipe
from amiflow.lang.compile import Compiled, compile_recipe
from amiflow.lang.grammar import Grammar, build
from amiflow.lang.versions import KNOWN, is_known
from amiflow.live.problems import Trouble
from amiflow.report.source import Source


def compile_file(path: str, asterisk: str | None = None) -> Compiled:
    """Compile one recipe, perhaps for one Asterisk version. Raises Trouble where it cannot be read."""
    return compile_recipe(path, partial(_read, path), catalogue(), grammar(), asterisk)


def compile_source(source: Source, asterisk: str | None = None) -> Compiled:
    """Compile a text that is not, or not yet, in its file. Raises Trouble where what it imports cannot be read."""

    def given(path: str) -> str:
        return source.text if path == source.path else _read(source.path, path)

    return compile_recipe(source.path, given, catalogue(), grammar(), asterisk)


def _read(recipe: str, path: str) -> str:
    """The recipe's text, or that of a file that it imports."""
    try:
        return read_recipe(path)
    except Trouble as trouble:
        if path != recipe:
            trouble.help = f"it is imported by {recipe}, or by what that imports"
        raise


def asterisk_version(context: click.Context, parameter: click.Parameter, text: str | None) -> str | None:
    """An Asterisk version as an option's value. Raises BadParameter for anything else."""
    if text is not None and not is_known(text):
        words = f"'{text}' is no version such as 16 or 18.26.0; known are {KNOWN}"
        raise click.BadParameter(words, context, parameter)
    return text


@cache
def catalogue() -> catalog.Catalog:
    """The facts about events and actions."""
    return catalog.load()


@cache
def grammar() -> Grammar:
    """What reads recipes."""
    return build(_cache_file())


def _cache_file() -> str | None:
    """The file that keeps the parse table between runs; none where there is no folder for it. What reads it checks that
    it was made of the same grammar."""
    root = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = os.path.join(root, "amiflow")
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        about = os.stat(folder)
    except OSError:
        return None
    # What reads the file trusts it as code: nobody else may be able to put one there.
    if about.st_uid != os.geteuid() or about.st_mode & 0o022:
        return None
    return os.path.join(folder, f"grammar-{sys.version_info.major}.{sys.version_info.minor}")
