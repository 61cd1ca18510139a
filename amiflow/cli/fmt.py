"""`amiflow fmt`: recipes in the house's layout."""

from __future__ import annotations

import re
import sys
from difflib import unified_diff

import click

from amiflow.cli.compiling import grammar
from amiflow.cli.files import expand, read_recipe, write
from amiflow.cli.paths import FILE
from amiflow.cli.terminal import say, show
from amiflow.live.problems import Trouble
from amiflow.report.source import Source
from amiflow.tools.fmt import format_source

STDIN = "-"
_LINE = re.compile(r"[^\n]*\n|[^\n]+")


@click.command()
@click.argument("paths", metavar="[FILE|DIR|-]...", type=FILE, nargs=-1)
@click.option("--check", is_flag=True, help="Write nothing: show what would change, and exit with 1 if anything would.")
def command(paths: tuple[str, ...], check: bool) -> int:
    """Put recipes, or all recipes (*.flow) of folders, into the house's layout.

    Without a path: those of this folder; for -, standard input, which is printed. Comments stay, and what a recipe
    means never changes. Names of events, actions and headers get the catalogue's spelling. Lines end with LF, and a
    byte-order mark goes. A recipe with a syntax error is left as it is.
    """
    changed: list[str] = []
    faulty: list[str] = []
    recipes = expand(paths or (".",))
    for path in recipes:
        source = Source(path, _standard_input() if path == STDIN else read_recipe(path))
        text, problems = format_source(source, grammar())
        if text is None:
            faulty.append(path)
            show(problems, {path: source})
            continue
        if text != source.text:
            changed.append(path)
        _deliver(source, text, check)
    if recipes != [STDIN]:
        _summary(len(recipes), changed, faulty, check)
    return 1 if faulty or (check and changed) else 0


def _deliver(source: Source, text: str, check: bool) -> None:
    """Write or print the formatted text, or show how it differs. Raises Trouble for a file that cannot be written."""
    if check:
        _print(_difference(source, text))
    elif source.path == STDIN:
        _print(text)
    elif text != source.text:
        write(source.path, text)


def _difference(source: Source, text: str) -> str:
    """A unified diff that `patch` takes; empty if nothing differs."""
    before, after = _LINE.findall(source.text), _LINE.findall(text)
    lines = unified_diff(before, after, source.path, source.path)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _summary(count: int, changed: list[str], faulty: list[str], check: bool) -> None:
    for path in changed:
        say(f"{'would format' if check else 'formatted'} {path}")
    parts = [
        f"{len(changed)} {'to be formatted' if check else 'formatted'}",
        f"{count - len(changed) - len(faulty)} in order",
    ]
    if faulty:
        parts.append(f"{len(faulty)} with syntax errors")
    say(f"{count} recipe{'' if count == 1 else 's'}: {', '.join(parts)}")


def _standard_input() -> str:
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise Trouble(
            f"standard input is not UTF-8 text: byte {error.start} is {error.object[error.start]:#04x}"
        ) from None


def _print(text: str) -> None:
    """As UTF-8 whatever the terminal's encoding is: it is a recipe, not a message."""
    click.echo(text.encode("utf-8"), nl=False)
