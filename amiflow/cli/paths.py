"""Files and folders as arguments and options name them.

Belongs here: what a shell is told, so that it completes them. Never here: opening one; who does that says in its own
words what is wrong with it.
"""

from __future__ import annotations

import click

FILE = click.Path(readable=False)
FOLDER = click.Path(readable=False, file_okay=False)
