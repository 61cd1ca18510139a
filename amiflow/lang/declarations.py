"""From the grammar's tree to nodes, the outermost part: declarations, triggers and clauses.

Belongs here: one small function for each form. Never: steps and expressions, or checks beyond a token's own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from amiflow.lang import literals, nodes
from amiflow.lang.expressions import (
    Reading,
    expr,
    fields,
    ident,
    optional_expr,
    optional_ident,
    optional_pattern,
    optional_plain,
    pattern,
    plain,
    ref,
    type_of,
)
from amiflow.lang.lalr import Branch, Token
from amiflow.lang.steps import body, optional_body, test_steps
from amiflow.report.source import Span


def declaration(reading: Reading, tree: Branch) -> nodes.Decl:
    return _DECLARATIONS[tree.data](reading, tree)


def _children(tree: Branch) -> list[Any]:
    return cast(list[Any], tree.children)


# -- inputs, constants, stores ----------------------------------------------------------------------------------------


def _param(reading: Reading, tree: Branch) -> nodes.Decl:
    name, type_, default = _children(tree)
    found = None if type_ is None else type_of(reading, type_)
    return nodes.ParamDecl(reading.span(tree), ident(reading, name), found, optional_expr(reading, default), "")


def _secret(reading: Reading, tree: Branch) -> nodes.Decl:
    return nodes.SecretDecl(reading.span(tree), ident(reading, _children(tree)[0]))


def _constant(reading: Reading, tree: Branch) -> nodes.Decl:
    name, value = _children(tree)
    return nodes.LetDecl(reading.span(tree), ident(reading, name), expr(reading, value))


def _import(reading: Reading, tree: Branch) -> nodes.Decl:
    path, name = _children(tree)
    return nodes.ImportDecl(reading.span(tree), plain(reading, path), ident(reading, name))


def _userevent(reading: Reading, tree: Branch) -> nodes.Decl:
    name, headers = _children(tree)
    return nodes.UserEventDecl(reading.span(tree), ident(reading, name), fields(reading, headers))


def _table(reading: Reading, tree: Branch) -> nodes.Decl:
    name, columns, path = _children(tree)
    return nodes.TableDecl(reading.span(tree), ident(reading, name), fields(reading, columns), plain(reading, path))


def _map(reading: Reading, tree: Branch) -> nodes.Decl:
    name, value, lasting, most, durable = _children(tree)
    return nodes.MapDecl(
        reading.span(tree),
        ident(reading, name),
        type_of(reading, value),
        expr(reading, lasting),
        expr(reading, most),
        durable is not None,
    )


def _counter(reading: Reading, tree: Branch) -> nodes.Decl:
    name, within, most, durable = _children(tree)
    span = reading.span(tree)
    return nodes.CounterDecl(
        span, ident(reading, name), expr(reading, within), expr(reading, most), durable is not None
    )


def _series(reading: Reading, tree: Branch) -> nodes.Decl:
    name, value, within, most, durable = _children(tree)
    return nodes.SeriesDecl(
        reading.span(tree),
        ident(reading, name),
        type_of(reading, value),
        expr(reading, within),
        expr(reading, most),
        durable is not None,
    )


def _pool(reading: Reading, tree: Branch) -> nodes.Decl:
    name, most = _children(tree)
    return nodes.PoolDecl(reading.span(tree), ident(reading, name), expr(reading, most))


def _limit(reading: Reading, tree: Branch) -> nodes.Decl:
    action, most, per = _children(tree)
    return nodes.LimitDecl(reading.span(tree), ident(reading, action), expr(reading, most), expr(reading, per))


def _hours(reading: Reading, tree: Branch) -> nodes.Decl:
    name, zone, *openings, exceptions = _children(tree)
    return nodes.HoursDecl(
        reading.span(tree),
        ident(reading, name),
        plain(reading, zone),
        tuple(_opening(reading, piece) for piece in openings),
        () if exceptions is None else tuple(ref(reading, piece) for piece in _children(exceptions)),
    )


def _opening(reading: Reading, tree: Branch) -> nodes.Opening:
    days, *clocks = _children(tree)
    ranges = tuple(_clock(reading, token) for token in clocks)
    return nodes.Opening(reading.span(tree), _days(reading, days), ranges)


def _days(reading: Reading, tree: Branch) -> tuple[nodes.DayRange, ...]:
    found = []
    for token in cast(list[Token], tree.children):
        first, _, last = str(token).partition("-")
        days = cast(tuple[nodes.Day, nodes.Day], (first, last or first))
        found.append(nodes.DayRange(reading.span(token), *days))
    return tuple(found)


def _clock(reading: Reading, token: Token) -> nodes.ClockRange:
    span = reading.span(token)
    times = literals.clock(str(token)) if token else (0, 0)
    if isinstance(times, literals.Flaw):
        reading.flaw("bad-time", span.start, times, None if times.instead else "times are written `08:00-18:00`")
        times = (0, 0)
    return nodes.ClockRange(span, *times)


# -- tasks, flows, tests ----------------------------------------------------------------------------------------------


def _task(reading: Reading, tree: Branch) -> nodes.Decl:
    name, arguments, steps = _children(tree)
    return nodes.TaskDecl(reading.span(tree), ident(reading, name), fields(reading, arguments), body(reading, steps))


def _flow(reading: Reading, tree: Branch) -> nodes.Decl:
    name, trigger, *clauses, steps, cleanup = _children(tree)
    return nodes.FlowDecl(
        reading.span(tree),
        ident(reading, name),
        _trigger(reading, trigger),
        tuple(_clause(reading, piece) for piece in clauses),
        body(reading, steps),
        optional_body(reading, cleanup),
    )


def _test(reading: Reading, tree: Branch) -> nodes.Decl:
    name, steps = _children(tree)
    return nodes.TestDecl(reading.span(tree), plain(reading, name), test_steps(reading, steps))


_DECLARATIONS: dict[str, Callable[[Reading, Branch], nodes.Decl]] = {
    "param": _param,
    "secret": _secret,
    "constant": _constant,
    "import_": _import,
    "userevent": _userevent,
    "table": _table,
    "map": _map,
    "counter": _counter,
    "series": _series,
    "pool": _pool,
    "limit": _limit,
    "hours": _hours,
    "task": _task,
    "flow": _flow,
    "test": _test,
}


# -- triggers ---------------------------------------------------------------------------------------------------------


def _trigger(reading: Reading, tree: Branch) -> nodes.Trigger:
    span, pieces = reading.span(tree), _children(tree)
    match tree.data:
        case "event_trigger":
            return _event_trigger(reading, span, pieces)
        case "lifecycle_trigger":
            return nodes.LifecycleTrigger(span, pieces[0].value)
        case "hours_trigger":
            return nodes.HoursTrigger(span, ref(reading, pieces[0]), pieces[1].value)
        case "signal_trigger":
            name, arguments, bound, where = pieces
            return nodes.SignalTrigger(
                span,
                ident(reading, name),
                fields(reading, arguments),
                optional_ident(reading, bound),
                optional_expr(reading, where),
            )
        case "every_trigger":
            return nodes.EveryTrigger(span, expr(reading, pieces[0]))
        case "at_trigger":
            time, days, zone = pieces
            ranges = () if days is None else _days(reading, days)
            return nodes.AtTrigger(span, plain(reading, time), ranges, optional_plain(reading, zone))
        case _:
            return nodes.CronTrigger(span, plain(reading, pieces[0]), optional_plain(reading, pieces[1]))


def _event_trigger(reading: Reading, span: Span, pieces: list[Any]) -> nodes.EventTrigger:
    first, *links, times = pieces
    return nodes.EventTrigger(
        span,
        pattern(reading, first),
        tuple(_link(reading, piece) for piece in links),
        None if times is None else _times(reading, times),
    )


def _link(reading: Reading, tree: Branch) -> nodes.Then | nodes.Without:
    span, pieces = reading.span(tree), _children(tree)
    what, within = pattern(reading, pieces[0]), expr(reading, pieces[-1])
    if tree.data == "without":
        return nodes.Without(span, what, within)
    return nodes.Then(span, what, optional_pattern(reading, pieces[1]), within)


def _times(reading: Reading, tree: Branch) -> nodes.Times:
    number, within, reset = _children(tree)
    found = None if reset is None else _reset(reading, reset)
    return nodes.Times(reading.span(tree), expr(reading, number), expr(reading, within), found)


def _reset(reading: Reading, tree: Branch) -> nodes.Reset:
    what, key = _children(tree)
    return nodes.Reset(reading.span(tree), pattern(reading, what), expr(reading, key))


# -- clauses ----------------------------------------------------------------------------------------------------------


def _clause(reading: Reading, tree: Branch) -> nodes.Clause:
    span, pieces = reading.span(tree), _children(tree)
    match tree.data:
        case "per":
            key, policy = pieces
            return nodes.PerClause(span, expr(reading, key), None if policy is None else policy.value)
        case "max_":
            return nodes.MaxClause(span, expr(reading, pieces[0]))
        case "urgent":
            return nodes.UrgentClause(span)
        case "cooldown":
            return nodes.CooldownClause(span, expr(reading, pieces[0]), pieces[1] is not None)
        case "until":
            return nodes.UntilClause(span, pattern(reading, pieces[0]))
        case "lasting":
            return nodes.LastingClause(span, expr(reading, pieces[0]))
        case "after_restart":
            return nodes.RestartClause(span, pieces[0].value)
        case "allow":
            return nodes.AllowClause(span, ident(reading, pieces[0]), plain(reading, pieces[1]))
        case _:
            return nodes.ServerClause(span, plain(reading, pieces[0]))
