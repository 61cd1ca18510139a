"""Plans built by hand, in a few words each: for tests of the engine that must not depend on the compiler."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from itertools import count
from typing import Any

from amiflow.plan import expressions as ir
from amiflow.plan import model as m
from amiflow.plan import triggers
from amiflow.plan.optimize import optimize
from amiflow.plan.types import OPEN, PLAIN, UNKNOWN
from amiflow.report.source import Span

_offsets = count()


def span() -> Span:
    """A span that no other node has."""
    start = next(_offsets)
    return Span("test.flow", start, start + 1)


def seconds(number: float) -> ir.Const:
    return ir.Const(timedelta(seconds=number), span())


def const(value: ir.LiteralValue) -> ir.Const:
    return ir.Const(value, span())


def local(name: str) -> ir.Local:
    return ir.Local(name, span())


def given(name: str) -> ir.Global:
    return ir.Global(name, span())


def expr(value: Any) -> ir.Expr:
    """An expression as it is; `"one.Channel"` is the header of a name, any other plain value a constant."""
    if isinstance(value, str) and "." in value and value.split(".")[0].isidentifier():
        name, header = value.split(".", 1)
        return ir.Header(local(name), header, OPEN, span())
    return const(value) if value is None or isinstance(value, str | int | float | timedelta) else value


def eq(left: Any, right: Any) -> ir.Compare:
    return ir.Compare("==", expr(left), expr(right), span())


def ne(left: Any, right: Any) -> ir.Compare:
    return ir.Compare("!=", expr(left), expr(right), span())


def both(*parts: ir.Expr) -> ir.Both:
    return ir.Both(parts, span())


def call(function: str, *args: Any) -> ir.Apply:
    return ir.Apply(function, tuple(map(expr, args)), span())


def join(*parts: Any) -> ir.Join:
    return ir.Join(tuple(map(expr, parts)), span())


def on(events: str, name: str | None = None, where: ir.Expr | None = None) -> triggers.Pattern:
    return triggers.Pattern(tuple(events.split("|")), name, where, (), span())


def chain(first: triggers.Pattern, *further: tuple[Any, ...]) -> triggers.OnEvents:
    """`chain(on(…), ("then", on(…), 10), ("without", on(…), 5, unless))`."""
    stages = [triggers.Stage("first", first, None, None)]
    for kind, pattern, within, *unless in further:
        stages.append(triggers.Stage(kind, pattern, unless[0] if unless else None, seconds(within)))
    return triggers.OnEvents(tuple(stages), span())


def start() -> triggers.OnRun:
    return triggers.OnRun("start", span())


def stop_moment() -> triggers.OnRun:
    return triggers.OnRun("stop", span())


def every(period: float) -> triggers.Every:
    return triggers.Every(seconds(period), span())


def act(
    action: str,
    headers: Mapping[str, Any] | None = None,
    *,
    into: str | None = None,
    within: float | None = None,
    retry: tuple[int, float] | None = None,
    handler: m.Handler | None = None,
    reads: bool = False,
    call: bool = False,
    rows: m.EventList | None = None,
) -> m.Act:
    values = tuple(m.HeaderValue(name, expr(value), PLAIN, span()) for name, value in (headers or {}).items())
    return m.Act(
        action,
        values,
        into,
        seconds(within) if within is not None else None,
        m.Retry(const(retry[0]), seconds(retry[1])) if retry is not None else None,
        handler,
        reads,
        call,
        rows,
        (),
        span(),
    )


def wait(
    *patterns: triggers.Pattern,
    within: float,
    mode: Any = "one",
    handler: m.Handler | None = None,
    targets: tuple[int, ...] = (),
    after: int | None = None,
) -> m.Await:
    entries = tuple(m.Entry(pattern, targets[slot] if targets else None) for slot, pattern in enumerate(patterns))
    return m.Await(mode, entries, seconds(within), after, handler, span())


def pause(number: float) -> m.Pause:
    return m.Pause(seconds(number), span())


def log(*parts: Any, level: Any = "info") -> m.Log:
    return m.Log(level, join(*parts), span())


def let(name: str, value: Any) -> m.Set:
    return m.Set(name, expr(value), span())


def jump(target: int) -> m.Jump:
    return m.Jump(target, span())


def unless(condition: ir.Expr, target: int) -> m.JumpUnless:
    return m.JumpUnless(condition, target, target, span())


def fail(text: Any) -> m.Fail:
    return m.Fail(expr(text), span())


def flow(
    name: str,
    trigger: triggers.Trigger | triggers.Pattern,
    *body: m.Instruction,
    final: tuple[m.Instruction, ...] = (),
    per: tuple[Any, ...] | None = None,
    policy: m.Policy = "single",
    known_at: int = 0,
    most: int = 1000,
    cooldown: float | None = None,
    until: triggers.Pattern | None = None,
    lasting: float = 3600,
    server: str | None = None,
    after: m.AfterRestart = "fail",
) -> m.Flow:
    return m.Flow(
        name,
        chain(trigger) if isinstance(trigger, triggers.Pattern) else trigger,
        m.Per(tuple(map(expr, per)), policy, known_at, span()) if per is not None else None,
        const(most),
        seconds(cooldown) if cooldown is not None else None,
        until,
        seconds(lasting),
        server,
        (),
        (*body, m.Stop(span())),
        (*final, m.Stop(span())) if final else (),
        span(),
        after=after,
    )


def plan(
    *flows: m.Flow,
    params: Mapping[str, Any] | None = None,
    secrets: tuple[str, ...] = (),
    indexed: bool = True,
) -> m.Plan:
    """A plan of these flows; without `indexed` its patterns have no keys, so that every event is tried."""
    made = m.Plan(
        m.VERSION,
        (),
        tuple(m.Param(name, UNKNOWN, expr(value), "", span()) for name, value in (params or {}).items()),
        tuple(m.Secret(name, span()) for name in secrets),
        (),
        flows,
        m.Needs((), (), "off"),
        (),
    )
    return optimize(made) if indexed else made


def stop() -> m.Stop:
    return m.Stop(span())


def field(name: str, member: str) -> ir.Field:
    return ir.Field(local(name), member, span())


def list_of(*items: Any) -> ir.ListExpr:
    return ir.ListExpr(tuple(map(expr, items)), span())


def each_row(name: str, row: str, header: str) -> ir.Each:
    """`[row.header for row in name.row]`."""
    return ir.Each(expr(f"item.{header}"), "item", field(name, row), None, span())
