"""What a server is asked not to send: a filter of the session's events by name.

Belongs here: the filter as the action `Filter` takes it, and what its answer means. Never here: the event mask of
the login (`run`), or when to ask (`loop`: before anybody is told that the server is ready, so that nothing can be lost
between).

One filter names all events, since the first that includes any leaves out all others at once. It is a regular expression
over the event's text, which every Asterisk from 10 on takes; the criteria of 22.1 and others are not used, as an older
server ignores them silently and takes the rest for something else. Answers, rows of event lists and the FullyBooted of
the login pass any filter, an OriginateResponse does not: it is named where a flow awaits a call.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from amiflow.ami.codec import MAX_LINE
from amiflow.ami.message import Message, to_bytes
from amiflow.ami.scanner import Wanted

NOT_THERE = "its events cannot be filtered by name: the account lacks `system`, or Asterisk is older than 10"
_ALWAYS = ("FullyBooted", "Shutdown")
_NAME = re.compile(r"\w+")


def event_filter(wanted: Iterable[Wanted]) -> str | None:
    """The filter that lets pass the events of these names, none where no line holds it or a name is an odd one."""
    names = sorted({one.event for one in wanted}.union(_ALWAYS))
    # A POSIX expression is given as one line: the line end behind the name can be written as a class alone.
    text = f"^Event: ({'|'.join(names)})[[:cntrl:]]"
    fits = len(to_bytes(f"Filter: {text}")) <= MAX_LINE and all(map(_NAME.fullmatch, names))
    return text if fits else None


def both(one: str, other: str) -> str:
    """The mask of all classes of two masks."""
    return "on" if "on" in (one, other) else ",".join(sorted({*one.split(","), *other.split(",")}))


def adds(before: str, now: str) -> bool:
    """Whether a mask of events has more classes than another."""
    return before != "on" and (now == "on" or not set(now.split(",")) <= set(before.split(",")))


def ask(text: str) -> tuple[tuple[str, str], ...]:
    """The action that adds the filter to the session."""
    return (("Action", "Filter"), ("Operation", "Add"), ("Filter", text))


def granted(response: Message) -> str:
    """What the answer says, for the log."""
    if response.name == "Success":
        return "sends only events of the names that the flows listen to"
    return f"does not filter its events by name: {response.get('Message') or response.name}"
