"""What the number in the banner says about the Asterisk behind it.

Belongs here: the table of AMI versions (`AMI_VERSION` of every Asterisk release) and questions that it can answer.
Never here: features themselves. The number is ambiguous for 1.1, 2.5.0 and 2.8.0, and never moves inside a major from
20 on; every question is answered for the oldest Asterisk that the number can mean.
"""

from __future__ import annotations

import re

_OLDEST = (
    ((1, 0), (1, 4)),
    ((1, 1), (1, 6)),
    ((1, 2), (10, 0)),
    ((1, 3), (11, 0)),
    ((1, 4), (12, 0)),
    ((2, 0), (12, 0)),
    ((2, 1), (12, 1)),
    ((2, 5), (12, 5)),
    ((2, 6), (13, 1)),
    ((2, 7), (13, 2)),
    ((2, 8), (13, 5)),
    ((2, 9), (13, 13)),
    ((2, 10), (13, 15)),
    ((3, 1), (14, 2)),
    ((4, 0), (15, 0)),
    ((5, 0), (16, 0)),
    ((6, 0), (17, 0)),
    ((7, 0), (18, 0)),
    ((8, 0), (19, 0)),
    ((9, 0), (20, 0)),
    ((10, 0), (21, 0)),
    ((11, 0), (22, 0)),
    ((12, 0), (23, 0)),
    ((13, 0), (24, 0)),
)


def oldest_asterisk(ami_version: str) -> tuple[int, int]:
    """The oldest Asterisk release, as (major, minor), with this AMI version; of a number not known, that of the next
    lower one. (0, 0) for a text that is no version."""
    parts = re.match(r"(\d{1,4})\.(\d{1,4})", ami_version)
    if not parts:
        return (0, 0)
    number = (int(parts[1]), int(parts[2]))
    return max((asterisk for ami, asterisk in _OLDEST if ami <= number), default=(0, 0))


def at_least(ami_version: str, asterisk: tuple[int, int]) -> bool:
    """Whether every Asterisk with this AMI version is of that release or a later one."""
    return oldest_asterisk(ami_version) >= asterisk


def escapes(ami_version: str) -> bool:
    """Whether the server C-escapes caller names and variables (Asterisk 13.5 and later)."""
    return at_least(ami_version, (13, 5))


def marks_lists(ami_version: str) -> bool:
    """Whether every event list is announced by `EventList: start` (Asterisk 13.2.0, astman_send_list_complete)."""
    return at_least(ami_version, (13, 2))
