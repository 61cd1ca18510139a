"""What a recipe keeps becomes part of the plan: stores, tables, pools, limits and hours.

Never here: the steps that use them (`lower_steps`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from amiflow.lang import nodes
from amiflow.lang.crontab import weekdays_of
from amiflow.lang.lower_expr import Lowering
from amiflow.plan import keeping
from amiflow.plan.types import RecordOf, StoreOf


@dataclass(slots=True)
class Kept:
    """The declarations of a file, in their order."""

    stores: list[keeping.Store] = field(default_factory=list)
    tables: list[keeping.Table] = field(default_factory=list)
    pools: list[keeping.Pool] = field(default_factory=list)
    limits: list[keeping.Limit] = field(default_factory=list)
    hours: list[keeping.Hours] = field(default_factory=list)


def lower_kept(decls: Iterable[nodes.Decl], lowering: Lowering) -> Kept:
    """All that is kept."""
    kept, expr = Kept(), lowering.expr
    for decl in decls:
        match decl:
            case nodes.MapDecl() | nodes.CounterDecl() | nodes.SeriesDecl():
                kept.stores.append(_store(decl, lowering))
            case nodes.TableDecl(name=name, path=path, span=span):
                of = _type(name, lowering).of
                assert isinstance(of, RecordOf)
                kept.tables.append(keeping.Table(name.text, of.fields, path.value, span))
            case nodes.PoolDecl(name=name, max=most, span=span):
                kept.pools.append(keeping.Pool(name.text, expr(most), span))
            case nodes.LimitDecl(action=action, count=count, per=per, span=span):
                known = lowering.vocabulary.action(action.text)
                assert known is not None
                kept.limits.append(keeping.Limit(known.name, expr(count), expr(per), span))
            case nodes.HoursDecl():
                kept.hours.append(_hours(decl, lowering))
    return kept


def _type(name: nodes.Ident, lowering: Lowering) -> StoreOf:
    kind = lowering.checked.symbols[lowering.bindings.declared[name]]
    assert isinstance(kind, StoreOf)
    return kind


def _store(decl: nodes.MapDecl | nodes.CounterDecl | nodes.SeriesDecl, lowering: Lowering) -> keeping.Store:
    kind, name, expr = _type(decl.name, lowering), decl.name.text, lowering.expr
    match decl:
        case nodes.MapDecl(lasting=lasting, max=most, span=span):
            return keeping.MapStore(name, kind.of, expr(lasting), expr(most), span, decl.durable)
        case nodes.CounterDecl(within=within, max=most, span=span):
            return keeping.CounterStore(name, expr(within), expr(most), span, decl.durable)
        case nodes.SeriesDecl(within=within, max=most, span=span):
            return keeping.SeriesStore(name, kind.of, expr(within), expr(most), span, decl.durable)


def _hours(decl: nodes.HoursDecl, lowering: Lowering) -> keeping.Hours:
    openings = tuple(
        keeping.Opening(weekdays_of(opening.days), tuple((one.start, one.end) for one in opening.ranges))
        for opening in decl.openings
    )
    exceptions = tuple(map(lowering.expr, decl.exceptions))
    return keeping.Hours(decl.name.text, decl.zone.value, openings, exceptions, decl.span)
