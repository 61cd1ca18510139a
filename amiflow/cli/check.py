"""`amiflow check`: whether recipes are right, with everything that is wrong with them."""

from __future__ import annotations

import click

from amiflow.cli.compiling import compile_file
from amiflow.cli.files import expand
from amiflow.cli.terminal import say, show


@click.command()
@click.argument("paths", metavar="FILE|DIR...", nargs=-1, required=True)
def command(paths: tuple[str, ...]) -> int:
    """Check recipes, or all recipes (*.flow) of folders, and say all that is wrong with them."""
    count = {"error": 0, "warning": 0}
    recipes = expand(paths)
    for path in recipes:
        compiled = compile_file(path)
        show(compiled.diagnostics, compiled.sources)
        for one in compiled.diagnostics:
            count[one.severity] += 1
    found = ", ".join(_number(amount, word) for word, amount in count.items() if amount)
    say(f"{_number(len(recipes), 'recipe')}: {found or 'no mistake found'}")
    return 1 if count["error"] else 0


def _number(amount: int, word: str) -> str:
    return f"{amount} {word}{'' if amount == 1 else 's'}"
