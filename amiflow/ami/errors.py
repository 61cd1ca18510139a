"""Protocol errors that are ours.

Belongs here: what is raised where we are asked to do what must not be done. Asterisk's errors are no exceptions: its
bytes never raise, what is wrong with them becomes an item of the codec or an event of the session.
"""

from __future__ import annotations


class LocalError(Exception):
    """We were asked to send what must never be sent; nothing was sent, and the text says why."""
