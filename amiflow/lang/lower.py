"""A checked tree becomes a plan: declarations, flows, and what is asked of the server.

Belongs here: the entry of the phase. It is given no tree with an error in it. Never here: steps (`lower_steps`),
expressions (`lower_expr`), tests (`lower_tests`).
"""

from __future__ import annotations

from datetime import timedelta
from typing import TypeVar, cast

from amiflow.lang import nodes
from amiflow.lang.bounds import Bounds, Product
from amiflow.lang.constants import Constants
from amiflow.lang.crontab import read_at, read_cron
from amiflow.lang.lower_expr import Lowering, store_name
from amiflow.lang.lower_steps import lower_body
from amiflow.lang.lower_stores import lower_kept
from amiflow.lang.needs import needs_of
from amiflow.plan import expressions as ir
from amiflow.plan import model, triggers
from amiflow.plan.types import TEXT, Coding, HeaderType
from amiflow.plan.walk import descendants
from amiflow.report.source import Span

LIFETIME = timedelta(hours=1)
"""The least lifetime of a flow that says none."""
INSTANCES = 1000
"""The most instances of a flow that says no `max`."""

_Clause = TypeVar("_Clause", bound=nodes.Clause)


def lower(file: nodes.File, lowering: Lowering) -> model.Plan:
    """The plan of a file in which every phase before found no error."""
    constants = Constants(file, lowering.bindings.declared, lowering.bindings.uses)
    params, secrets, lets = [], [], []
    kept = lower_kept(file.decls, lowering)
    for decl in file.decls:
        match decl:
            case nodes.ParamDecl():
                params.append(_param(decl, lowering))
            case nodes.SecretDecl(name=name, span=span):
                secrets.append(model.Secret(name.text, span))
            case nodes.LetDecl(name=name, value=value, span=span):
                lets.append(model.Constant(name.text, lowering.expr(value), span))
    flows = tuple(_flow(decl, lowering, constants) for decl in file.decls if isinstance(decl, nodes.FlowDecl))
    return model.Plan(
        version=model.VERSION,
        sources=tuple(lowering.sources.values()),
        params=tuple(params),
        secrets=tuple(secrets),
        constants=tuple(lets),
        flows=flows,
        needs=needs_of(flows, lowering.vocabulary.catalog),
        trusts=tuple(sorted(lowering.trusts.values(), key=lambda trust: (trust.span.path, trust.span.start))),
        stores=tuple(kept.stores),
        tables=tuple(kept.tables),
        pools=tuple(kept.pools),
        limits=tuple(kept.limits),
        hours=tuple(kept.hours),
    )


def _param(decl: nodes.ParamDecl, lowering: Lowering) -> model.Param:
    symbol = lowering.bindings.declared[decl.name]
    kind = lowering.checked.symbols.get(symbol, TEXT)
    default = lowering.expr(decl.default) if decl.default is not None else None
    return model.Param(decl.name.text, kind, default, decl.help, decl.span)


def _flow(flow: nodes.FlowDecl, lowering: Lowering, constants: Constants) -> model.Flow:
    trigger = _trigger(flow.trigger, lowering)
    bound = _clause(flow, nodes.MaxClause)
    cooldown = _clause(flow, nodes.CooldownClause)
    until = _clause(flow, nodes.UntilClause)
    server = _clause(flow, nodes.ServerClause)
    restart = _clause(flow, nodes.RestartClause)
    return model.Flow(
        name=flow.name.text,
        trigger=trigger,
        per=_per(flow, lowering),
        max=lowering.expr(bound.bound) if bound is not None else ir.Const(INSTANCES, flow.name.span),
        cooldown=lowering.expr(cooldown.period) if cooldown is not None else None,
        until=lowering.pattern(until.pattern) if until is not None else None,
        lasting=_lasting(flow, lowering, constants),
        server=server.server.value if server is not None else None,
        allows=tuple(
            model.Allow(clause.what.text, clause.reason.value, clause.span)
            for clause in flow.clauses
            if isinstance(clause, nodes.AllowClause)
        ),
        body=lower_body(lowering, flow.body),
        final=lower_body(lowering, flow.cleanup) if flow.cleanup is not None else (),
        span=flow.span,
        latest=cooldown is not None and cooldown.latest,
        urgent=_clause(flow, nodes.UrgentClause) is not None,
        after=restart.policy if restart is not None else "fail",
    )


def _clause(flow: nodes.FlowDecl, kind: type[_Clause]) -> _Clause | None:
    return next((clause for clause in flow.clauses if isinstance(clause, kind)), None)


# --- triggers and keys


def _trigger(trigger: nodes.Trigger, lowering: Lowering) -> triggers.Trigger:
    match trigger:
        case nodes.EventTrigger(first=first, links=links, times=times, span=span):
            begin = triggers.Stage("first", lowering.pattern(first), None, None)
            counted = _times(times, lowering) if times is not None else None
            return triggers.OnEvents((begin, *(_stage(link, lowering) for link in links)), span, counted)
        case nodes.SignalTrigger():
            return _on_signal(trigger, lowering)
        case nodes.EveryTrigger(period=period, span=span):
            return triggers.Every(lowering.expr(period), span)
        case nodes.LifecycleTrigger(moment=moment, span=span):
            return triggers.OnRun(moment, span)
        case nodes.HoursTrigger(hours=hours, edge=edge, span=span):
            return triggers.OnHours(store_name(hours), edge, span)
        case nodes.AtTrigger() | nodes.CronTrigger():
            return _cron(trigger)
        case _:
            raise AssertionError("a trigger that is not built has been refused before")


def _cron(trigger: nodes.AtTrigger | nodes.CronTrigger) -> triggers.Cron:
    times = read_at(trigger) if isinstance(trigger, nodes.AtTrigger) else read_cron(trigger.line.value)
    assert not isinstance(times, str), "what cannot be read has been refused before"
    zone = trigger.zone.value if trigger.zone is not None else None
    return triggers.Cron(times.minutes, times.hours, times.days, times.months, times.weekdays, zone, trigger.span)


def _times(times: nodes.Times, lowering: Lowering) -> triggers.Times:
    reset = times.reset
    forgets = triggers.Reset(lowering.pattern(reset.pattern), _key(reset.key, lowering)) if reset is not None else None
    return triggers.Times(lowering.expr(times.count), lowering.expr(times.within), forgets)


def _key(key: nodes.Expr, lowering: Lowering) -> tuple[ir.Expr, ...]:
    return tuple(map(lowering.expr, key.items if isinstance(key, nodes.ListOf) else (key,)))


def _on_signal(trigger: nodes.SignalTrigger, lowering: Lowering) -> triggers.OnSignal:
    fields = tuple(triggers.SignalField(arg.name.text, _field_coding(arg.type)) for arg in trigger.args)
    name = trigger.name.text if trigger.name is not None else None
    where = lowering.expr(trigger.where) if trigger.where is not None else None
    return triggers.OnSignal(trigger.signal.text, fields, name, where, trigger.span)


def _field_coding(written: nodes.TypeExpr) -> Coding:
    kind = written.name.text if isinstance(written, nodes.NamedType) else "text"
    return Coding(cast("HeaderType", kind), optional=written.optional)


def _stage(link: nodes.Then | nodes.Without, lowering: Lowering) -> triggers.Stage:
    within = lowering.expr(link.within)
    if isinstance(link, nodes.Without):
        return triggers.Stage("without", lowering.pattern(link.pattern), None, within)
    unless = lowering.pattern(link.unless) if link.unless is not None else None
    return triggers.Stage("then", lowering.pattern(link.pattern), unless, within)


def _per(flow: nodes.FlowDecl, lowering: Lowering) -> model.Per | None:
    clause = _clause(flow, nodes.PerClause)
    if clause is None:
        return None
    known_at = _known_at(flow.trigger, clause.key, lowering)
    return model.Per(_key(clause.key, lowering), clause.policy or "single", known_at, clause.span)


def _known_at(trigger: nodes.Trigger, key: nodes.Expr, lowering: Lowering) -> int:
    """The index of the last stage of which the key uses the event's name."""
    if not isinstance(trigger, nodes.EventTrigger):
        return 0
    names = [trigger.first.name, *(link.pattern.name for link in trigger.links)]
    symbols = [lowering.bindings.declared.get(name) if name is not None else None for name in names]
    used = [lowering.bindings.uses.get(node) for node in descendants(key) if isinstance(node, nodes.Name)]
    return max((symbols.index(symbol) for symbol in used if symbol is not None and symbol in symbols), default=0)


# --- lifetimes


def _lasting(flow: nodes.FlowDecl, lowering: Lowering, constants: Constants) -> ir.Expr:
    written = _clause(flow, nodes.LastingClause)
    if written is not None:
        return lowering.expr(written.period)
    bound, span = Bounds(constants, lowering.bindings.calls).flow(flow), flow.name.span
    if not bound.later:
        return ir.Const(max(LIFETIME, bound.known), span)
    total: ir.Expr = ir.Const(bound.known, span)
    for product in bound.later:
        total = ir.Binary("+", total, _product(product, lowering, span), span)
    return ir.Apply("max", (ir.Const(LIFETIME, span), total), span)


def _product(product: Product, lowering: Lowering, span: Span) -> ir.Expr:
    base = product.duration
    total = ir.Const(base, span) if isinstance(base, timedelta) else lowering.expr(base)
    for count in product.counts:
        total = ir.Binary("*", total, lowering.expr(count), span)
    return total if product.times == 1 else ir.Binary("*", total, ir.Const(product.times, span), span)
