"""A system that gives a process no more threads."""

from __future__ import annotations

import threading


def no_more_threads(_: threading.Thread) -> None:
    """In the place of `Thread.start`; the words are Python's own."""
    raise RuntimeError("can't start new thread")
