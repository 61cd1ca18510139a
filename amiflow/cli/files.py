"""Recipes as files: found and read.

Belongs here: paths and texts. Never here: what the texts mean.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from io import FileIO
from pathlib import Path

from amiflow.live.problems import Trouble
from amiflow.live.texts import read_text

SUFFIX = ".flow"
STORED = ".json"  # a stored plan
_PLAN = re.compile(r'\s*\{\s*"is"\s*:\s*"Plan"')


def expand(paths: Iterable[str]) -> list[str]:
    """The recipes of these files and folders, sorted within a folder, each once: run twice it would act twice. Raises
    Trouble for a folder without one."""
    found: list[str] = []
    for path in paths:
        if os.path.isdir(path):
            inside = _inside(path)
            if not inside:
                raise Trouble(f"no recipe (*{SUFFIX}) in {path}")
            found += inside
        else:
            found.append(path)
    named: dict[str, str] = {}
    for path in found:
        named.setdefault(os.path.realpath(path), path)
    return list(named.values())


def _inside(folder: str) -> list[str]:
    """The recipes of a folder and of those in it. Raises Trouble where one of them cannot be looked into."""
    found = list[Path]()
    try:
        for place, _, names in os.walk(folder, onerror=_raised):
            found += [Path(place, name) for name in names if name.endswith(SUFFIX)]
        return sorted(str(one) for one in found if one.is_file())
    except OSError as error:
        raise Trouble(f"cannot read {error.filename}: {error.strerror}") from None


def _raised(error: OSError) -> None:
    raise error


def read(path: str) -> str:
    """A file's text, its line ends as they are. Raises Trouble where it cannot be read."""
    try:
        return read_text(path)
    except Trouble as trouble:
        if os.path.isdir(path):
            trouble.help = f"`amiflow check {path}` checks all recipes of a folder"
        raise


def read_recipe(path: str) -> str:
    """A recipe's text. Raises Trouble where it cannot be read, or is a stored plan."""
    text = read(path)
    if _PLAN.match(text):
        help = f"`amiflow run` and `amiflow plan` take plans, named *{STORED}; here the recipe itself is needed"
        raise Trouble(f"{path} is a stored plan, not a recipe", help)
    return text


def write(path: str, text: str) -> None:
    """Give a file this text; where that cannot be, as the disk is full, it has what it had before. Raises Trouble."""
    data = text.encode("utf-8")
    try:
        with open(path, "r+b", buffering=0) as file:
            before = file.read()
            try:
                _replace(file, data)
            except OSError:
                _replace(file, before)
                raise
    except OSError as error:
        raise Trouble(f"cannot write {path}: {error.strerror}") from None


def _replace(file: FileIO, data: bytes) -> None:
    """Over what there is, so that the way back takes no more room than there was."""
    file.seek(0)
    while data:
        data = data[file.write(data) :]
    file.truncate()
