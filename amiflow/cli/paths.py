"""Files and folders as arguments and options name them.

Belongs here: what a shell is told, so that it completes them. Never here: opening one; who does that says in its own
words what is wrong with it.
"""

from __future__ import annotations

from typing import Any

import click


class _Named(click.Path):
    """A path that somebody has written: an empty one is a shell's variable that is not set."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail("an empty text names nothing", param, ctx)
        return super().convert(value, param, ctx)


FILE = _Named(readable=False)
FOLDER = _Named(exists=True, readable=False, file_okay=False)
