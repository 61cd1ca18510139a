"""The contents of tables: rows as a file gives them become records of the declared types, by the first column.

Belongs here: what a cell may be, missing columns, keys that are missing or doubled. Never here: files (`live.tables`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from amiflow.engine.functions import PURE
from amiflow.engine.values import Value, to_text
from amiflow.plan.keeping import Table
from amiflow.plan.types import TEXT, Maybe, Type, definite, type_name

Rows: TypeAlias = Mapping[str, Mapping[str, Value]]
"""The records of a table by their key, in the order of the file."""


class TableError(Exception):
    """The contents do not fit the declaration; the text says which row, counted from 1, and why."""


def build(table: Table, rows: Iterable[object]) -> Rows:
    """The table's records. Columns that it does not declare are left out. Raises TableError."""
    built: dict[str, Mapping[str, Value]] = {}
    first = table.columns[0][0]
    for number, row in enumerate(rows, 1):
        if not isinstance(row, Mapping):
            raise TableError(f"row {number} of `{table.name}` has no columns")
        record = {name: _cell(table, number, row, name, kind) for name, kind in table.columns}
        key = record[first]
        if key in built:
            raise TableError(f"row {number} of `{table.name}` has the key `{key}` again")
        built[key] = record
    return built


def _cell(table: Table, number: int, row: Mapping[object, object], name: str, kind: Type) -> Value:
    optional = isinstance(kind, Maybe)
    if name not in row and not optional:
        raise TableError(f"row {number} of `{table.name}` has no column `{name}`")
    given = row.get(name)
    absent = given is None or (optional and given == "")
    value = None if absent else _read(given, definite(kind))
    is_key = name == table.columns[0][0]
    if (value is None and not (optional and absent)) or (is_key and value == ""):
        shown = to_text(given) if isinstance(given, str | int | float) and given != "" else "nothing"
        raise TableError(f"`{name}` in row {number} of `{table.name}` is {shown}, not {type_name(kind)}")
    return value


def _read(given: object, kind: Type) -> Value:
    """The cell as a value of that type; none where it is none."""
    if kind == TEXT:
        return to_text(given) if isinstance(given, str | int | float) else None
    if isinstance(given, bool) and type_name(kind) != "bool":
        return None
    return PURE[type_name(kind)](given)
