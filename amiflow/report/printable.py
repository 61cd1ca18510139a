"""Text of strangers made fit for a terminal and a line of a log.

Belongs here: the one way to spell control characters out. Never: who wrote the text, or where it goes.
"""

from __future__ import annotations

import re

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def clean(text: str) -> str:
    """The text on one line, with control characters spelt out: what a stranger put into a header moves no cursor."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)
