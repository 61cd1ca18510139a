"""`amiflow explain`: what a kind of diagnostic means, with an example that has it and the same one mended."""

from __future__ import annotations

import click

from amiflow.live.problems import nearest
from amiflow.report.codes import CODES
from amiflow.report.kind import Code
from amiflow.report.suggest import near


@click.command()
@click.argument("kind", required=False)
def command(kind: str | None) -> int:
    """Explain a kind of diagnostic, such as unknown-header; without one, list all kinds."""
    if kind is None:
        width = max(map(len, CODES))
        click.echo("".join(f"{row.name.ljust(width)}  {row.rule}\n" for row in CODES.values()), nl=False)
        return 0
    row = CODES.get(kind.strip("[]"))
    if row is None:
        close = near(kind, sorted(CODES))
        help = nearest(kind, close) if close else "`amiflow explain` lists all"
        raise click.UsageError(f"No such kind '{kind}'; {help}")
    click.echo(explanation(row), nl=False)
    return 0


def explanation(row: Code) -> str:
    """A row of the table as text for people."""
    return (
        f"{row.severity}[{row.name}]: {row.rule}\n\n{row.explanation}\n\n"
        f"Wrong:\n\n{_example(row.bad)}\nRight:\n\n{_example(row.good)}"
    )


def _example(text: str) -> str:
    lines = (line if len(line) <= 200 else f"{line[:100]}...{line[-20:]}" for line in text.splitlines())
    return "".join(f"    {line}".rstrip() + "\n" for line in lines)
