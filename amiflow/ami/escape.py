"""Asterisk's C-escapes, undone.

Belongs here: the inverse of `ast_escape_c_alloc`, which Asterisk 13.5 and later applies to CallerIDName,
ConnectedLineName, ChanVariable and VarSet's Value. Never here: which headers those are (the catalogue says it).
"""

from __future__ import annotations

import re

_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_MEANT = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", "'": "'", '"': '"', "?": "?",
}  # fmt: skip


def unescape(text: str) -> str:
    """The text before Asterisk escaped it; a backslash before any other character stands for itself."""
    return _ESCAPE.sub(lambda found: _MEANT.get(found[1], found[0]), text)
