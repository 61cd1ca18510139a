"""The table of bounds: it says what is in force, and so does the documentation."""

from importlib import import_module
from pathlib import Path

import pytest

from amiflow.engine.core import Options
from amiflow.plan.bounds import BOUNDS, Bound, Caps, bounds_text

_OPTIONS = Options("", ())
# Where each bound is in force: a module's constant, or a default of the machine's options.
IN_FORCE = {
    "runs of an urgent flow, which its `max` does not bind": "engine.admission:MOST_URGENT",
    "matches of a flow that are pending": _OPTIONS.max_pending,
    "keys of a flow that `N times` counts": _OPTIONS.max_pending,
    "keys of a flow that cool down": _OPTIONS.max_pending,
    "events kept for the later waits of a run": _OPTIONS.max_kept,
    "steps of a run without a wait": "engine.steps:MOST_STEPS",
    "characters of a text, items of a list": "engine.functions:LONGEST",
    "lists and records in each other, as a recipe writes them": "lang.rules:DEEPEST",
    "lists and records in each other, in JSON and as a loop nests them": "engine.functions:DEEPEST",
    "things of a kind in the live picture of a server": "engine.picture:MOST_THINGS",
    "calls and user events whose line of causes is followed": "engine.ours:_MOST_IDS",
    "errands being done at once": "live.effects:_AT_ONCE",
    "errands with those that wait": "live.effects:MOST_ERRANDS",
    "bytes of a web server's answer, of a program's output": "live.bounded:LARGEST",
    "bytes of a message from a server": "ami.codec:MAX_MESSAGE",
    "lines of a message from a server": "ami.codec:MAX_LINES",
    "bytes of the event lists that a server is sending": "ami.lists:MAX_LIST",
    "bytes read from a server before they are acted upon": "live.loop:READ_IN_A_TURN",
    "bytes that a server does not take": "live.link:MAX_WAITING",
    "bytes of a line of an action": "ami.codec:MAX_LINE",
    "headers of an action": "ami.codec:MAX_HEADERS",
    "lines of the log that wait for its reader": "live.output:MOST",
    "characters of those lines": "live.output:MOST_TEXT",
    "bytes of entries that wait for the journal": "live.journal_file:MOST_WAITING",
    "characters of a text in the journal": "engine.page:MOST_TEXT",
    "values in the configuration, aliases counted": "live.document:MOST_NODES",
    "characters of a recipe, plan, scenario or file of settings": "live.texts:MOST",
    "bytes of a table's file": "live.tables:MOST_BYTES",
    "callers of the control socket at once": "live.control:_CALLERS",
    "bytes of a question to it": "live.control:_LONGEST",
    "requests to the HTTP port at once": "live.http_port:_WORKERS",
    "bytes of the headers of a request to it": "live.http_port:_HEADERS",
    "bytes of the body of a request to it": "live.http_port:_LARGEST",
}


def value(place: str | int) -> int:
    if isinstance(place, int):
        return place
    module, name = place.split(":")
    found = getattr(import_module(f"amiflow.{module}"), name)
    assert isinstance(found, int)
    return found


@pytest.mark.parametrize("bound", BOUNDS, ids=lambda bound: bound.of)
def test_each_bound_is_the_one_in_force(bound: Bound) -> None:
    assert value(IN_FORCE[bound.of]) == bound.most


def test_none_is_missing_in_the_documentation() -> None:
    text = Path(__file__).parents[2].joinpath("docs", "limits.md").read_text(encoding="utf-8")
    rows = [f"| {bound.of} | {bound.most:,} | {bound.beyond} |" for bound in BOUNDS]
    assert [row for row in rows if row not in text] == []


def test_they_are_printed_with_the_caps_in_force() -> None:
    lines = bounds_text(Caps(actions_per_second=7)).splitlines()
    assert lines[1].split() == ["7", "actions_per_second", "(`limits`", "of", "the", "configuration)"]
    assert len(lines) == 1 + 4 + len(BOUNDS)
