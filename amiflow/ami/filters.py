"""Event filters of a session, as the action Filter of Asterisk 22.1 adds them.

Belongs here: reading a filter, and whether an event passes a session's filters. Never here: who may set one
(`asterisk`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import re2

from amiflow.ami.message import to_bytes

WRONG = "Filter was formatted incorrectly.  Check the syntax of the filter given."
NO_PATTERN = "Filter did not compile.  Check the syntax of the filter given."

_CRITERION = re.compile(r"(action|name|header|method)\(([^()]*)\)")
_METHODS = ("regex", "exact", "starts_with", "ends_with", "contains", "none")


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter. `name` and `header` are empty where any event and its whole text are meant; `regex` is compiled where
    that is the method."""

    excludes: bool
    name: bytes
    header: bytes
    method: str
    pattern: bytes
    regex: Any

    def fits(self, raw: bytes) -> bool:
        """Whether it fits an event of these bytes."""
        if self.name and raw.partition(b"\r\n")[0] != b"Event: " + self.name:
            return False
        if not self.header:
            return self._fits_text(raw)
        start = b"\r\n" + self.header + b": "
        _, found, rest = raw.partition(start)
        return bool(found) and self._fits_text(rest.partition(b"\r\n")[0])

    def _fits_text(self, text: bytes) -> bool:
        match self.method:
            case "regex":
                return self.regex.search(text) is not None
            case "exact":
                return text == self.pattern
            case "starts_with":
                return text.startswith(self.pattern)
            case "ends_with":
                return text.endswith(self.pattern)
            case "contains":
                return self.pattern in text
            case _:
                return True


def read_filter(criteria: str, pattern: str) -> Filter | str:
    """The filter of `MatchCriteria` and `Filter`, or why there is none, in Asterisk's words.

    Without criteria it is a regular expression over the whole event, or one that excludes if it begins with `!`. With
    criteria but no method among them no pattern may be given, and what is named must be there.
    """
    parts = _read_criteria(criteria)
    if parts is None:
        return WRONG
    excludes = parts.get("action", "include") == "exclude"
    if not criteria and pattern.startswith("!"):
        excludes, pattern = True, pattern[1:]
    method = parts.get("method", "none" if criteria else "regex")
    if (method == "none") == bool(pattern) or (method == "none" and not parts.keys() & {"name", "header"}):
        return WRONG
    regex = None
    if method == "regex":
        options = re2.Options()
        options.log_errors = False
        try:
            regex = re2.compile(to_bytes(pattern), options)
        except re2.error:
            return NO_PATTERN
    named = to_bytes(parts.get("name", "")), to_bytes(parts.get("header", "").removesuffix(":"))
    return Filter(excludes, *named, method, to_bytes(pattern), regex)


def _read_criteria(criteria: str) -> dict[str, str] | None:
    parts: dict[str, str] = {}
    for item in criteria.split(",") if criteria else ():
        found = _CRITERION.fullmatch(item.strip())
        if not found or not found[2]:
            return None
        parts[found[1]] = found[2]
    wrong = parts.get("method", "regex") not in _METHODS or parts.get("action", "include") not in ("include", "exclude")
    return None if wrong else parts


def passes(filters: Sequence[Filter], raw: bytes) -> bool:
    """Whether a session with these filters gets the event: one that excludes wins, and where any includes, one must."""
    includes = [one for one in filters if not one.excludes]
    if includes and not any(one.fits(raw) for one in includes):
        return False
    return not any(one.fits(raw) for one in filters if one.excludes)
