"""Entries of the journal as people and machines read them.

Belongs here: the form of an entry. Never here: which entries (`journal_reader`).
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

from amiflow.live.journal_reader import Entry
from amiflow.live.narrator import describe, written
from amiflow.report.printable import clean


def moment(at: float) -> str:
    """Local time, to the millisecond."""
    return datetime.fromtimestamp(at).isoformat(sep=" ", timespec="milliseconds")


def as_text(entry: Entry) -> str:
    """One line: when, what, of which flow, where in the recipe, in words."""
    who = entry.server or ""
    if entry.flow is not None:
        who = f"{entry.flow}#{entry.story}" if entry.story is not None else entry.flow
    place = f"({entry.file}:{entry.line})" if entry.file is not None and entry.line is not None else ""
    parts = (moment(entry.at), f"{entry.level:5}", f"{entry.kind:14}", who, place, words(entry))
    return clean(" ".join(part for part in parts if part))


def words(entry: Entry) -> str:
    """What an entry says, with what tells most of its message."""
    if entry.message is None:
        return entry.text
    if entry.kind in ("action", "would-send"):
        return written(entry.message.headers)
    if entry.message.kind == "event":
        return (
            describe(entry.message)
            if entry.kind in ("event", "flow-started")
            else f"{entry.text} ({describe(entry.message)})"
        )
    return entry.text


def as_json(entry: Entry) -> str:
    """Everything as one JSON object; what is not known is left out."""
    time = datetime.fromtimestamp(entry.at, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    fields: dict[str, object] = {"id": entry.id, "time": time, "run": entry.run}
    fields |= {"story": str(entry.story)} if entry.story is not None else {}
    for name in ("kind", "level", "server", "flow", "file", "line", "action", "text"):
        if getattr(entry, name) is not None:
            fields[name] = getattr(entry, name)
    if entry.facts:
        fields["facts"] = entry.facts
    if entry.message is not None:
        fields["message"] = entry.message.headers
    return json.dumps(fields)
