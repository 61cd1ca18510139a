"""Whether a flow is still the same: a hash of its code and of the declarations that its code mentions.

Belongs here: what of a plan decides whether a run that was written down can be taken up by this plan. Never here: what
is written down, and taking it up (`engine.restart`).

The hash is of the instructions, not of the text, so that comments, layout and the flow's place in the file change
nothing, and a version of amiflow that makes other instructions does. Of a declaration counts what the code relies on:
a param's type, a constant's expression, what a store holds, a table's columns. Values of params, the bounds of stores
and pools, and the clauses that concern only a beginning (`max`, `cooldown`, `lasting`) are read anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from typing import Any

from amiflow.plan.expressions import Global, Stored
from amiflow.plan.keeping import Put, Remove, kind_of
from amiflow.plan.model import Flow, Plan
from amiflow.plan.types import type_name
from amiflow.plan.walk import FIELDS, descendants
from amiflow.report.source import Span


def identity(plan: Plan, flow: Flow) -> str:
    """The hash. Flows of two plans that have the same one go on from the same place in the same way."""
    code = (flow.name, flow.trigger, flow.per, flow.until, flow.body, flow.final, flow.after)
    closure = _closure(plan, code)
    mentioned = {name: meaning for name, meaning in _declared(plan).items() if name in closure}
    text = json.dumps([_plain(code), _plain(mentioned)], sort_keys=True)
    return sha256(text.encode()).hexdigest()[:16]


def _declared(plan: Plan) -> dict[str, Any]:
    """What code can rely on, of each declaration."""
    return {
        **{param.name: type_name(param.type) for param in plan.params},
        **{constant.name: constant.value for constant in plan.constants},
        **{store.name: kind_of(store) for store in plan.stores},
        **{table.name: [[name, type_name(kind)] for name, kind in table.columns] for table in plan.tables},
    }


def _closure(plan: Plan, code: tuple[object, ...]) -> set[str]:
    """The declarations that the code mentions, and those that these mention."""
    constants = {constant.name: constant.value for constant in plan.constants}
    found: set[str] = set()
    left = list(_mentions(code))
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += _mentions(constants.get(name))
    return found


def _mentions(value: Any) -> Iterator[str]:
    for part in descendants(value):
        match part:
            case Global(name=name) | Stored(name=name) | Put(store=name) | Remove(store=name):
                yield name


def _plain(value: Any) -> Any:
    """The value as JSON can hold it, without any place in a source."""
    names = FIELDS[type(value)]
    if names is not None:
        parts = [(name, getattr(value, name)) for name in names]
        return {"is": type(value).__name__} | {name: _plain(part) for name, part in parts if not isinstance(part, Span)}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, timedelta):
        return {"is": "duration", "us": value // timedelta(microseconds=1)}
    return value
