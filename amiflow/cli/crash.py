"""Our own bug, told so that it can be reported: one block to paste, without a secret in it.

Belongs here: the report. Never here: what to do about it (`main`).
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence

from amiflow.live.version import amiflow_version


def report(error: BaseException, args: Sequence[str], mask: Callable[[str], str]) -> str:
    """The report: versions, the command line with the params' values left out, the traceback."""
    # Only a crash needs it.
    import platform

    lines = [
        "amiflow has met a bug of its own. Please report it, with this text:",
        "",
        f"amiflow {amiflow_version()}, Python {platform.python_version()}, {platform.platform()}",
        f"command: amiflow {' '.join(_bare(args))}",
        f"encoding: {sys.stdout.encoding}, {sys.getfilesystemencoding()}",
        "",
        "".join(traceback.format_exception(error)).rstrip("\n"),
    ]
    return mask("\n".join(lines))


def _bare(args: Sequence[str]) -> list[str]:
    """The words of the command line, each `name=value` without its value."""
    return [f"{word.split('=', 1)[0]}=..." if "=" in word else word for word in args]
