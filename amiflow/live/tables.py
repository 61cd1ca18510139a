"""The files of a plan's tables: CSV with a line of headings, JSON and YAML as a list of records.

Belongs here: finding and reading them. Never here: what their rows must be like (`engine.tables`).
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

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
        return build(table, _rows(table, path.suffix.lower(), text))
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


def _rows(table: Table, kind: str, text: str) -> list[Any]:
    if kind == ".csv":
        return _csv(table, text)
    data = json.loads(text, object_pairs_hook=_record) if kind == ".json" else _yaml(text)
    if not isinstance(data, list):
        raise TableError("a list of records is wanted")
    return data


def _csv(table: Table, text: str) -> list[Any]:
    rows = csv.DictReader(io.StringIO(text, newline=""))
    headings = _record((name, None) for name in rows.fieldnames or () if name)
    missing = next((name for name, _ in table.columns if name not in headings), None)
    if missing is not None:
        raise TableError(f"`{table.name}` has no column `{missing}`")
    cells: list[dict[Any, Any]] = list(rows)
    for number, row in enumerate(cells, 1):
        if any(row.get(None, ())):  # such as a comma within a name: all cells behind it would be in other columns
            raise TableError(f"row {number} of `{table.name}` has more cells than there are columns")
    return cells


def _record(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for name, cell in pairs:
        if name in record:
            raise TableError(f"`{name}` is written twice")
        record[name] = cell
    return record


def _yaml(text: str) -> object:
    if len(text) > MOST_YAML:
        raise TableError(f"a YAML file of more than {MOST_YAML} characters takes too long to read; write CSV or JSON")
    try:
        return _AsWritten(text).get_single_data()
    except (KeyError, AttributeError):  # `!!bool maybe`, `!!timestamp maybe`
        raise TableError("a value is not of its tag") from None


_KEPT = ("tag:yaml.org,2002:null", "tag:yaml.org,2002:merge")


class _AsWritten(yaml.SafeLoader):
    """Values are the texts that stand there, as in CSV: it is the columns that say what they are, and YAML takes the
    number `0301` for an octal one, the name `No` for false and `2026-12-24` for a date."""

    yaml_implicit_resolvers = {  # noqa: RUF012 (the base class has it as a variable of instances)
        first: [form for form in forms if form[0] in _KEPT]
        for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        _record((str(key.value), None) for key, _ in node.value)
        return super().construct_mapping(node, deep)
