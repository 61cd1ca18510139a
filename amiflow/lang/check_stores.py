"""Stores: their bounds, and what is written into them.

Belongs here: the rules of `map`, `counter` and `series`. Never here: what is read from them (`infer`), a stranger's text
on its way through one (`safety`), wording (`problems`).
"""

from __future__ import annotations

from typing import TypeAlias

from amiflow.lang import nodes, problems, rules
from amiflow.lang.constants import Constants
from amiflow.lang.infer import Inference
from amiflow.lang.scope import descendants
from amiflow.plan.types import TEXT, StoreOf, Type, Unknown, definite

Decl: TypeAlias = nodes.MapDecl | nodes.CounterDecl | nodes.SeriesDecl


def check_bounds(inference: Inference, constants: Constants, bounds: tuple[nodes.Expr, ...]) -> None:
    """What bounds a store is known when the run begins."""
    for bound in bounds:
        unknown = any(
            isinstance(node, nodes.Name) and node not in inference.bindings.uses for node in descendants(bound)
        )
        if not unknown and not constants.known_at_start(bound):
            inference.findings.say(problems.unsteady_bound(bound))


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
        inference.infer(target)
        return
    held = inference.holder(target.base)
    inference.expect(target.index, TEXT, "a store's key")
    if isinstance(held, Unknown):
        return
    verb = {nodes.Set: "set", nodes.Delete: "delete", nodes.Add: "add"}[type(step)]
    if not isinstance(held, StoreOf) or not _takes(held, step):
        inference.findings.say(problems.wrong_store(target, verb, held, value is not None))
    elif value is not None and given is not None and not rules.fits(given, held.of):
        inference.findings.say(problems.type_mismatch(value, definite(given), held.of, f"`{_named(target)}`"))


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
