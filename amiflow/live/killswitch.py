"""The kill switch: a file that, as long as it exists, keeps everything from being done that changes anything.

Belongs here: looking for the file, and what is refused meanwhile. Never here: refusing it (`loop`), telling flows not
to begin (`desk`).

The file is looked for once before the run begins, and then by a thread, so that a file system that hangs does not hold
up the loop. So from its making to its effect passes a quarter of a second, and what the loop does in one turn. A file
that cannot be looked for (a denied permission, an error of the disk) counts as there: who pulls the switch of a
machine that is out of order means it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from amiflow.engine.effects import Errand, HttpRequest, Send

_PAUSE = 0.25  # seconds between two looks


class KillSwitch:
    """Watches for the file; `poke` is called where it has come or gone."""

    def __init__(self, path: str, poke: Callable[[], None]) -> None:
        self.path = path
        self.on = _is_there(path)
        self.why = f"the kill switch {path} is on"
        self._poke = poke
        self._closing = threading.Event()
        threading.Thread(target=self._watch, name="kill-switch", daemon=True).start()

    def _watch(self) -> None:
        while not self._closing.wait(_PAUSE):
            there = _is_there(self.path)
            if there != self.on:
                self.on = there
                self._poke()

    def close(self) -> None:
        """Look for it no longer."""
        self._closing.set()

    @property
    def has_folder(self) -> bool:
        """Whether anybody could make the file."""
        return os.path.isdir(os.path.dirname(self.path) or ".")


def changes(effect: Send | Errand) -> bool:
    """Whether this does more than read. What a program that is run does is unknown, so that it counts."""
    if isinstance(effect, Send):
        return not effect.reads
    return not (isinstance(effect.request, HttpRequest) and effect.request.method in ("get", "head"))


def _is_there(path: str) -> bool:
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True
