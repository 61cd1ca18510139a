"""An action's answer.

Belongs here: reading what was asked, shaping responses and event lists. Never here: what an action does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TypeAlias

from amiflow.ami.request import Request
from amiflow.report.data import dataclass
from amiflow.tools.pbx.channel import Headers


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, and the rows of a list. Each is a message's headers; the ActionID is put into each later."""

    response: Headers
    rows: tuple[Headers, ...] = ()


Reply: TypeAlias = Callable[[Answer], None]


def every(asked: Request, name: str) -> list[str]:
    """Every value of a repeated header, in any case."""
    return [value for key, value in asked.headers if key.lower() == name.lower()]


def success(message: str = "", *more: Headers) -> Answer:
    """`Response: Success`"""
    words: Headers = (("Message", message),) if message else ()
    return Answer((("Response", "Success"), *words, *(pair for group in more for pair in group)))


def refusal(message: str) -> Answer:
    """`Response: Error`"""
    return Answer((("Response", "Error"), ("Message", message)))


def listing(message: str, end: str, rows: Iterable[Headers], *more: Headers) -> Answer:
    """An event list: each row begins with its `Event`; `more` is what the last event has beyond the usual."""
    found = tuple(rows)
    last = (("Event", end), ("EventList", "Complete"), ("ListItems", str(len(found))))
    response = (("Response", "Success"), ("EventList", "start"), ("Message", message))
    return Answer(response, (*found, (*last, *(pair for group in more for pair in group))))


def whole(text: str) -> int | None:
    """The integer at the beginning of a text, as C's `%30d` reads it (`1x` is 1); none where there is none."""
    found = re.match(r"\s*([+-]?\d{1,30})", text)
    return int(found[1]) if found else None
