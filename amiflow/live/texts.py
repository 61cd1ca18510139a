"""Files that somebody names, read whole.

Belongs here: that reading one comes to an end, and the words where it cannot be read. Never here: what a text means.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress

from amiflow.live.problems import Trouble

MOST = 64 << 20


def read_text(path: str) -> str:
    """A file's text, its line ends as they are. Raises Trouble where it cannot be read."""
    refuse_pipe(path)
    try:
        with open(path, encoding="utf-8", newline="") as file:
            text = file.read(MOST + 1)
    except UnicodeDecodeError as error:
        words = f"{path} is not UTF-8 text: byte {error.start} is {error.object[error.start]:#04x}"
        raise Trouble(words) from None
    except OSError as error:
        raise Trouble(f"cannot read {path}: {error.strerror}") from None
    if len(text) > MOST:
        raise Trouble(f"{path} is too large: more than {MOST >> 20} MiB")
    return text


def refuse_pipe(path: str) -> None:
    """Raises Trouble for a pipe that lies in a folder: to open it waits for whoever writes to it, which may be nobody,
    ever. One without a name, as a shell's `<(…)` and /dev/stdin are, comes with its writer."""
    with suppress(OSError, ValueError):  # whoever opens it says in his own words what is wrong with it
        if stat.S_ISFIFO(os.stat(path).st_mode) and os.path.exists(os.path.realpath(path)):
            raise Trouble(f"cannot read {path}: it is a pipe (FIFO), and no file", "name a file")
