"""`amiflow trace`: the story of one run of a flow, with the recipe's lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click

from amiflow.cli.entries import as_json, moment, words
from amiflow.cli.paths import FILE
from amiflow.cli.setup import config_option, configuration, journal_path
from amiflow.live.journal_reader import Entry, Reader, reading
from amiflow.live.narrator import written
from amiflow.live.problems import Trouble
from amiflow.live.secrets import Mask
from amiflow.report.printable import clean

_HELP = "`amiflow log` shows ids, such as transfer#12.3"


@click.command()
@click.argument("word", metavar="ID")
@config_option
@click.option(
    "--journal", metavar="FILE", type=FILE, help="Default: the configuration's, else that of this user's runs."
)
@click.option("--json", "in_json", is_flag=True, help="A JSON object a line, with everything that is known.")
@click.pass_obj
def command(mask: Mask, /, word: str, config_path: str | None, journal: str | None, in_json: bool) -> int:
    """Tell one run of a flow: its events, steps, actions and answers, with times and the recipe's lines.

    ID is what `amiflow log` shows behind a flow's name, such as 12.3; or name and number as a run's own log shows them,
    such as transfer#3, which means the latest of them.
    """
    path = journal or journal_path(configuration(config_path, mask))
    with reading(path) as reader:
        story = reader.find(word)
        entries = reader.story(story) if story is not None else []
        if not entries:
            raise Trouble(f"the journal {path} has no `{word}`", _HELP)
        for line in map(as_json, entries) if in_json else _told(entries, reader):
            click.echo(line)
    return 0


def _told(entries: Sequence[Entry], reader: Reader) -> Iterator[str]:
    own = [entry for entry in entries if entry.story is not None]
    began, place = own[0].at, None
    yield f"{own[0].flow}#{own[0].story}, from {moment(began)}, {own[-1].at - began:.3f} s"
    for entry in entries:
        if entry.file is not None and (entry.file, entry.line) != place:
            place = (entry.file, entry.line)
            yield clean(f"  {entry.file}:{entry.line} | {reader.source_line(entry) or ''}")
        yield clean(f"{entry.at - began:+10.3f}  {entry.kind:14} {words(entry)}").rstrip()
        if entry.message is not None and entry.kind not in ("action", "would-send"):
            yield clean(" " * 12 + written([*entry.message.headers]))
