"""A system that gives a process no more descriptors."""

from __future__ import annotations

import errno
import os
import socket
import threading
from typing import Any

import pytest


def no_descriptors_for_a_while(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """The next connection that is accepted is not, for lack of a descriptor; set once that has happened."""
    refused, accept = threading.Event(), socket.socket.accept

    def first_not(listener: socket.socket) -> tuple[socket.socket, Any]:
        if not refused.is_set():
            refused.set()
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return accept(listener)

    monkeypatch.setattr(socket.socket, "accept", first_not)
    return refused
