"""Privilege classes, as bits and as the words that say which of them somebody has or wants.

Belongs here: Asterisk's table of classes and how it reads a list of them (strings_to_mask). Never here: which class an
event or an action has (`catalog`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from amiflow.ami.versions import at_least

EVERYTHING = 0x7FFFFFFF

# perms of Asterisk's manager.c, in its order, which is the order in which an event's Privilege names them.
BITS = {
    "system": 1,
    "call": 2,
    "log": 4,
    "verbose": 8,
    "command": 16,
    "agent": 32,
    "user": 64,
    "config": 128,
    "dtmf": 256,
    "reporting": 512,
    "cdr": 1024,
    "dialplan": 2048,
    "originate": 4096,
    "agi": 8192,
    "cc": 32768,
    "aoc": 65536,
    "test": 131072,
    "security": 262144,
    "message": 1 << 30,
}
_WORDS = {**BITS, "all": EVERYTHING, "none": 0}
CLASSES = frozenset(_WORDS)
# Where an event changed its class: the newer one, the Asterisk that has it for certain, and the one before (Newexten;
# TestEvent; Cdr).
_MOVED = (("dialplan", (16, 0), "call"), ("reporting", (12, 0), "test"), ("cdr", (1, 6), "call"))
_TRUE = frozenset(("yes", "true", "y", "t", "1", "on"))
_FALSE = frozenset(("no", "false", "n", "f", "0", "off"))


def bits(classes: Iterable[str]) -> int:
    """The bits of these classes. Raises KeyError for a name that is none."""
    mask = 0
    for name in classes:
        mask |= BITS[name]
    return mask


def privilege(classes: Iterable[str]) -> str:
    """An event's Privilege header; Asterisk appends `all` to whatever it is."""
    mask = bits(classes)
    return ",".join([name for name, bit in BITS.items() if mask & bit] + ["all"])


def read_permissions(text: str) -> int:
    """The bits of a list as manager.conf's `read` and `write` have it: lower-case names, commas and no blanks."""
    *items, last = text.split(",")
    mask = _WORDS.get(last, 0)
    for item in items:
        # ast_instring compares only as many letters as the item has, except for the last one.
        for name, bit in _WORDS.items():
            mask |= bit if name.startswith(item) else 0
    return mask


def mask_for(mask: str, ami_version: str) -> str:
    """The mask for a server that may be older: with the classes in which it sends the same events."""
    classes = mask.split(",")
    older = {before for now, since, before in _MOVED if now in classes and not at_least(ami_version, since)}
    return ",".join([*classes, *sorted(older.difference(classes))])


def read_mask(text: str) -> int | None:
    """The event mask of a login's `Events` or of the action Events; None for an empty one, which is no mask."""
    if not text:
        return None
    if re.fullmatch("[0-9]+", text):
        return int(text) & EVERYTHING
    if text.lower() in _FALSE:
        return 0
    return EVERYTHING if text.lower() in _TRUE else read_permissions(text)
