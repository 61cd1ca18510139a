"""Stores: their bounds, and what is written into them.

Belongs here: the rules of their declarations, and of the steps that change them. Never here: what is read from them
(`infer`), a stranger's text on its way through one (`safety`), wording (`problems_*`).
"""

from __future__ import annotations

from typing import TypeAlias

from amiflow.lang import nodes, problems_stores, problems_types, rules
from amiflow.lang.constants import Constants
from amiflow.lang.infer import Inference
from amiflow.plan.types import TEXT, UNKNOWN, StoreOf, Type, definite
from amiflow.plan.walk import descendants

Decl: TypeAlias = nodes.MapDecl | nodes.CounterDecl | nodes.SeriesDecl


COLUMN_TYPES = ("text", "int", "number", "bool")
TABLE_FILES = (".csv", ".json", ".yaml", ".yml")


def check_table(inference: Inference, table: nodes.TableDecl) -> None:
    """A table is asked by text, its first column, and its file is of a known kind."""
    first = table.columns[0] if table.columns else None
    if first is None or (first.type.optional or getattr(first.type, "name", first.name).text != "text"):
        inference.findings.say(problems_stores.bad_table_key(table, first))
    if table.path.value and not table.path.value.lower().endswith(TABLE_FILES):
        inference.findings.say(problems_stores.bad_table_file(table.path, TABLE_FILES))


def check_bounds(inference: Inference, constants: Constants, bounds: tuple[nodes.Expr, ...]) -> None:
    """What bounds a store is known when the run begins."""
    for bound in bounds:
        unknown = any(
            isinstance(node, nodes.Name) and node not in inference.bindings.uses for node in descendants(bound)
        )
        if not unknown and not constants.known_at_start(bound):
            inference.findings.say(problems_stores.unsteady_bound(bound))


def store_type(decl: Decl, written: Type) -> StoreOf:
    """The type of what a declaration introduces."""
    match decl:
        case nodes.MapDecl():
            return StoreOf("map", written)
        case nodes.CounterDecl():
            return StoreOf("counter", written)
        case nodes.SeriesDecl():
            return StoreOf("series", written)


def check_write(inference: Inference, step: nodes.Set | nodes.Delete | nodes.Add) -> None:
    """`set seen[k] = x`, `delete seen[k]`, `add misses[k]`, `add holds[k] x`."""
    target = step.target
    value = None if isinstance(step, nodes.Delete) else step.value
    given = inference.value(value) if value is not None else None
    if not isinstance(target, nodes.Index):
        if isinstance(target, nodes.Member):
            inference.findings.say(problems_stores.not_a_place(target, inference.infer(target.base)))
        return
    held = inference.holder(target.base)
    inference.expect(target.index, TEXT, "a store's key")
    if held == UNKNOWN:
        return
    verb = {nodes.Set: "set", nodes.Delete: "delete", nodes.Add: "add"}[type(step)]
    if not isinstance(held, StoreOf) or not _takes(held, step):
        inference.findings.say(problems_stores.wrong_store(target, verb, held, value is not None))
    elif value is not None and given is not None and not rules.fits(given, held.of):
        inference.findings.say(problems_types.type_mismatch(value, definite(given), held.of, f"`{_named(target)}`"))


def _takes(store: StoreOf, step: nodes.Set | nodes.Delete | nodes.Add) -> bool:
    match step:
        case nodes.Set():
            return store.kind == "map"
        case nodes.Add(value=value):
            return store.kind == ("counter" if value is None else "series")
        case nodes.Delete():
            return store.kind in ("map", "counter", "series")


def _named(target: nodes.Index) -> str:
    return target.base.text if isinstance(target.base, nodes.Name) else "the store"
