"""What happens in a run, told: one line an event, as text for people or as JSON for machines.

Belongs here: the form of a line, levels, masking, the source frame of a failure, and how many lines people can read.
Never here: writing to a descriptor (`output`), or what there is to say (`narrator`, `loop`).

A storm of events would make thousands of lines a second about single flows, which cost more than the flows themselves.
So the text form writes `MOST` of these in a second and then says how many it has left out. Never left out are warnings,
errors, and whatever is not about what a flow does; the JSON form, which machines read, is whole.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from datetime import UTC, datetime
from typing import NamedTuple

from amiflow.engine.effects import Level
from amiflow.engine.values import to_plain
from amiflow.live.config import LOG_LEVELS, LogFormat
from amiflow.live.secrets import Mask
from amiflow.report.diagnostic import Diagnostic
from amiflow.report.printable import clean
from amiflow.report.render import render
from amiflow.report.source import Source, Span

MOST = 200  # lines in a second about what flows do

_COLOURS = {"debug": "2", "info": "0", "warn": "33", "error": "31"}
_ALWAYS: frozenset[Level] = frozenset({"warn", "error"})
_PRIORITIES = {"debug": "<7>", "info": "<6>", "warn": "<4>", "error": "<3>"}
_NOTHING: Mapping[str, object] = {}


class Line(NamedTuple):
    """One thing that happened. `kind` is a word for machines; `server`, `flow` and `instance` say what it is about;
    `frame` shows the source, for people."""

    level: Level
    kind: str
    text: str
    server: str | None = None
    flow: str | None = None
    instance: int | None = None
    span: Span | None = None
    facts: Mapping[str, object] = _NOTHING
    frame: Diagnostic | None = None


class Log:
    """Takes what happened, gives lines to `write`. `wall` is the epoch in seconds. Where it is `prefixed`, each line
    begins with its level as the system's journal reads it (sd-daemon(3))."""

    def __init__(
        self,
        write: Callable[[str], None],
        wall: Callable[[], float],
        mask: Mask,
        form: LogFormat = "text",
        level: Level = "info",
        colour: bool = False,
        sources: Iterable[Source] = (),
        prefixed: bool = False,
    ) -> None:
        self._write = write
        self._wall = wall
        self._mask = mask
        self._form = form
        self._shown = frozenset(LOG_LEVELS[LOG_LEVELS.index(level) :])
        self._counts = frozenset[Level]() if form == "json" else self._shown - _ALWAYS
        self._colour = colour
        self._prefixed = prefixed
        self._sources = {source.path: source for source in sources}
        self._second = (-1, "")
        self._counted, self._room, self._left_out = 0, MOST, 0
        self._places: dict[int, tuple[Span, str]] = {}

    def about(self, sources: Iterable[Source]) -> Log:
        """The same log, for lines about these sources: a recipe that is read again has other lines."""
        other = copy(self)
        other._sources, other._places = {source.path: source for source in sources}, {}
        return other

    def masked(self, text: str) -> str:
        """The text with every known secret masked."""
        return self._mask(text)

    def takes(self, level: Level) -> bool:
        """Whether a line about what a flow does is to be written: its level is, and there were not too many. To be
        asked once for each, and before its text is made."""
        if level not in self._counts:
            return level in self._shown
        second = int(self._wall())
        if second != self._counted:
            self._counted, self._room = second, MOST
        self._room -= 1
        self._left_out += self._room < 0
        return self._room >= 0

    def server(self, level: Level, server: str, kind: str, text: str, **facts: object) -> None:
        """Something about a connection."""
        self.line(Line(level, kind, text, server=server, facts=facts))

    def line(self, line: Line) -> None:
        """Write a line, if its level is written at all."""
        if line.level not in self._shown:
            return
        # What recipes log themselves is not counted either: told before each of it, that would double a storm's lines.
        if self._left_out and (line.kind != "log" or int(self._wall()) != self._counted):
            left, self._left_out = self._left_out, 0
            text = f"{left} lines about flows are left out, at more than {MOST} in a second"
            self._put("info", self._text(Line("info", "left-out", text)))
        self._put(line.level, self._mask(self._json(line) if self._form == "json" else self._text(line)))

    def _put(self, level: Level, text: str) -> None:
        self._write(_prefixed(text, _PRIORITIES[level]) if self._prefixed else text)

    def _text(self, line: Line) -> str:
        who = f"{line.server} " if line.server else ""
        if line.flow:
            who += f"{line.flow}#{line.instance} " if line.instance is not None else f"{line.flow} "
        place = self._place(line.span) if line.span is not None else ""
        text = f"{self._moment()} {line.level:5} {who}{place}{clean(line.text)}"
        if self._colour:
            text = f"\x1b[{_COLOURS[line.level]}m{text}\x1b[0m"
        return f"{text}\n{render(line.frame, self._sources, colour=self._colour)}" if line.frame else text

    def _moment(self) -> str:
        """The local date and time, as a run lasts for months; its second is made once for all lines of it."""
        wall = self._wall()
        second = math.floor(wall)
        if second != self._second[0]:
            self._second = (second, datetime.fromtimestamp(second).strftime("%Y-%m-%d %H:%M:%S"))
        return f"{self._second[1]}.{int((wall - second) * 1000):03}"

    def _json(self, line: Line) -> str:
        moment = datetime.fromtimestamp(self._wall(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        fields: dict[str, object] = {"time": moment, "level": line.level, "kind": line.kind, "text": line.text}
        for name in ("server", "flow", "instance"):
            if getattr(line, name) is not None:
                fields[name] = getattr(line, name)
        if line.span and line.span.path in self._sources:
            fields["file"] = line.span.path
            fields["line"], fields["column"] = self._sources[line.span.path].position(line.span.start)
        if line.facts:
            fields["facts"] = {name: to_plain(value) for name, value in line.facts.items()}
        return json.dumps(fields)

    def _place(self, span: Span) -> str:
        """Kept by the span's identity: a plan has few, and they come again and again."""
        kept = self._places.get(id(span))
        if kept is None or kept[0] is not span:
            source = self._sources.get(span.path)
            place = f"({source.path}:{source.position(span.start)[0]}) " if source else ""
            kept = self._places[id(span)] = (span, place)
        return kept[1]


def _prefixed(text: str, priority: str) -> str:
    """The priority before every line: to the journal each is an entry."""
    return priority + text.rstrip("\n").replace("\n", f"\n{priority}")


def goes_to_journal(descriptor: int, environ: Mapping[str, str]) -> bool:
    """Whether what is written there is read by systemd's journal, which says in JOURNAL_STREAM what it reads."""
    try:
        stat = os.fstat(descriptor)
    except OSError:
        return False
    return environ.get("JOURNAL_STREAM") == f"{stat.st_dev}:{stat.st_ino}"
