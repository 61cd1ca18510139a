"""Text of strangers made fit for a terminal and a line of a log.

Belongs here: the one way to spell out control characters, and bytes that are no UTF-8. Never: who wrote the text, or
where it goes.
"""

from __future__ import annotations

import re

_ODD = re.compile(r"[\x00-\x1f\x7f-\x9f\udc80-\udcff]")


def clean(text: str) -> str:
    """The text on one line, with control characters spelt out: what a stranger put into a header moves no cursor. What
    came as a surrogate escape, a byte that is no UTF-8, is shown as that byte (`\\xe9`)."""
    return _ODD.sub(_spelt, text)


def _spelt(found: re.Match[str]) -> str:
    char = found[0]
    return f"\\x{ord(char) - 0xDC00:02x}" if char >= "\udc80" else char.encode("unicode_escape").decode("ascii")
