"""The files of a plan's tables: CSV with a line of headings, JSON and YAML as a list of records.

Belongs here: finding and reading them. Never here: what their rows must be like (`engine.tables`).
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path

import yaml

from amiflow.engine.tables import Rows, TableError, build
from amiflow.live.problems import Trouble
from amiflow.plan.keeping import Table
from amiflow.plan.model import Plan
from amiflow.plan.testmodel import GivenTable, Test

MOST_YAML = 1_000_000
MOST_BYTES = 64 << 20


def read_tables(tables: Iterable[Table], root: str | None = None) -> Mapping[str, Rows]:
    """The contents of each table; a path is relative to `root`, else to the recipe's folder. Raises Trouble."""
    return {table.name: _read(table, root) for table in tables}


def tables_for_tests(plan: Plan, tests: Sequence[Test]) -> Mapping[str, Rows]:
    """The contents of the tables that not every test gives itself. Raises Trouble."""
    given = [{step.name for step in test.steps if isinstance(step, GivenTable)} for test in tests]
    return read_tables(table for table in plan.tables if not all(table.name in names for names in given))


def _read(table: Table, root: str | None) -> Rows:
    folder = Path(root) if root is not None else Path(table.span.path).parent
    path = folder / table.path
    if not _is_within(path, folder):
        remedy = "put the file there, or name its folder with `--root`"
        raise Trouble(f"{path}, the table `{table.name}`, is outside of {folder}", remedy)
    try:
        if path.exists() and not path.is_file():
            raise TableError("this is no file")
        if path.exists() and path.stat().st_size > MOST_BYTES:
            raise TableError(f"a table of more than {MOST_BYTES >> 20} MiB is too large")
        text = path.read_text(encoding="utf-8-sig")
        return build(table, _rows(path.suffix.lower(), text))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise Trouble(f"cannot read {path}, the table `{table.name}`: {reason}") from None
    except (TableError, ValueError, RecursionError, csv.Error, yaml.YAMLError) as error:
        raise Trouble(f"{path}: {error}") from None


def _is_within(path: Path, folder: Path) -> bool:
    """Whether the path as it is written stays in the folder: a recipe says which of the files that were given to it it
    reads, not which of all files. A link in the folder was put there by whoever gave it the folder."""
    inner, outer = os.path.abspath(path), os.path.abspath(folder)
    return os.path.commonpath((inner, outer)) == outer


def _rows(kind: str, text: str) -> list[object]:
    if kind == ".csv":
        return list(csv.DictReader(io.StringIO(text, newline="")))
    data = json.loads(text) if kind == ".json" else _yaml(text)
    if not isinstance(data, list):
        raise TableError("a list of records is wanted")
    return [_plain(row) for row in data]


def _yaml(text: str) -> object:
    if len(text) > MOST_YAML:
        raise TableError(f"a YAML file of more than {MOST_YAML} characters takes too long to read; write CSV or JSON")
    try:
        return yaml.safe_load(text)
    except (KeyError, AttributeError):  # `!!bool maybe`, `!!timestamp maybe`
        raise TableError("a value is not of its tag") from None


def _plain(row: object) -> object:
    """YAML reads `2026-12-24` as a date; to a table it is a text."""
    if not isinstance(row, dict):
        return row
    return {key: cell.isoformat() if isinstance(cell, date) else cell for key, cell in row.items()}
