"""A plan as stable text for people: the same plan gives the same bytes.

Belongs here: how expressions, triggers, steps and needs are written down. Never here: JSON (`plan.store`), diagnostics.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import assert_never

from amiflow.plan import errands, keeping, model, triggers
from amiflow.plan import expressions as ir
from amiflow.plan.durations import duration_text
from amiflow.plan.types import type_name
from amiflow.report.source import Source, Span


def show(plan: model.Plan) -> str:
    """The whole plan: inputs, what is asked of the server, and each flow with its bounds and numbered steps."""
    sources = {source.path: source for source in plan.sources}
    lines = [f"plan version {plan.version}: {', '.join(source.path for source in plan.sources)}", ""]
    lines += _section("params", _params(plan))
    lines += _section("secrets", (secret.name for secret in plan.secrets))
    lines += _section("constants", (f"{const.name} = {expression(const.value)}" for const in plan.constants))
    lines += _section("tables", map(table, plan.tables))
    lines += _section("pools", (f"{pool.name} max {expression(pool.max)}" for pool in plan.pools))
    lines += _section("limits", map(limit, plan.limits))
    lines += _section("hours", map(hours, plan.hours))
    lines += _section("stores", map(store, plan.stores))
    lines += _section("asks of the server", _needs(plan.needs))
    lines += _section("taken on trust", (f"{trust.text}  {_place(trust.span, sources)}" for trust in plan.trusts))
    for flow in plan.flows:
        lines += _flow(flow, sources)
    return "\n".join(lines).rstrip() + "\n"


def _section(title: str, rows: Iterator[str]) -> list[str]:
    found = [f"  {row}".rstrip() for row in rows]
    return [title, *found, ""] if found else []


def _params(plan: model.Plan) -> Iterator[str]:
    for param in plan.params:
        default = f" = {expression(param.default)}" if param.default else " (required)"
        yield f"{param.name}: {type_name(param.type)}{default}" + (f"    # {param.help}" if param.help else "")


def table(one: keeping.Table) -> str:
    """A table with its columns and file."""
    columns = ", ".join(f"{name}: {type_name(kind)}" for name, kind in one.columns)
    return f'{one.name}({columns}) from "{one.path}"'


def limit(one: keeping.Limit) -> str:
    """A limit, as it is declared."""
    return f"{one.action} {expression(one.count)} per {expression(one.per)}"


_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def hours(one: keeping.Hours) -> str:
    """Hours, as they are declared."""
    openings = map(_opening, one.openings)
    closed = f" except {', '.join(map(expression, one.exceptions))}" if one.exceptions else ""
    return f'{one.name} in "{one.zone}" {{ {"  ".join(openings)}{closed} }}'


def _opening(one: keeping.Opening) -> str:
    days = ",".join(_DAYS[day - 1] for day in one.days)
    return " ".join((days, *(f"{_clock(start)}-{_clock(end)}" for start, end in one.ranges)))


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def store(one: keeping.Store) -> str:
    """A store with its bounds."""
    durable = " durable" if one.durable else ""
    match one:
        case keeping.MapStore(name=name, value=value, lasting=lasting):
            return f"map {name}: {type_name(value)} lasting {expression(lasting)} max {expression(one.max)}{durable}"
        case keeping.CounterStore(name=name, within=within):
            return f"counter {name} within {expression(within)} max {expression(one.max)}{durable}"
        case keeping.SeriesStore(name=name, value=value, within=within):
            return f"series {name}: {type_name(value)} within {expression(within)} max {expression(one.max)}{durable}"
        case _:
            assert_never(one)


def _needs(needs: model.Needs) -> Iterator[str]:
    yield f"event mask  {needs.mask}"
    for allowed in needs.allowances:
        yield f"allow       {allowed}"
    if needs.picture:
        yield f"picture     {', '.join(needs.picture)}"
    for event in needs.events:
        yield f"event       {event.name}  read {' and '.join(event.classes) or '-'}"
    for action in needs.actions:
        yield f"action      {action.name}  write {' or '.join(action.classes) or '-'}"


def _place(span: Span, sources: Mapping[str, Source]) -> str:
    source = sources.get(span.path)
    return f"{span.path}:{source.position(span.start)[0]}" if source else span.path


def _flow(flow: model.Flow, sources: Mapping[str, Source]) -> list[str]:
    lines = [f"flow {flow.name}    {_place(flow.span, sources)}"]
    lines += [f"  {line}" for line in trigger(flow.trigger)]
    if flow.per:
        lines.append(f"  per {', '.join(map(expression, flow.per.key))} {flow.per.policy}")
    if flow.cooldown:
        lines.append(f"  cooldown {expression(flow.cooldown)}{' latest' if flow.latest else ''}")
    if flow.until:
        lines.append(f"  until {pattern(flow.until)}")
    lines.append(f"  max {expression(flow.max)}, lasting {expression(flow.lasting)}")
    lines += ["  urgent"] if flow.urgent else []
    lines += [f"  after restart {flow.after}"] if flow.after != "fail" else []
    lines += [f'  server "{flow.server}"'] if flow.server else []
    lines += [f'  allow {allow.code} "{allow.reason}"' for allow in flow.allows]
    lines += _code(flow.body, sources)
    if flow.final:
        lines += ["  finally", *_code(flow.final, sources)]
    return [*lines, ""]


def trigger(on: triggers.Trigger) -> list[str]:
    """The trigger, a line for each of its events."""
    match on:
        case triggers.OnEvents(stages=stages, times=times):
            return [*map(_stage, stages), *(_times(times) if times else ())]
        case triggers.OnRun(moment=moment):
            return [f"on {moment}"]
        case triggers.OnSignal():
            return [_on_signal(on)]
        case triggers.Every(period=period):
            return [f"every {expression(period)}"]
        case triggers.Cron():
            return [_cron(on)]
        case triggers.OnHours(hours=hours, edge=edge):
            return [f"on {hours} {edge}"]
        case _:
            assert_never(on)


def _cron(on: triggers.Cron) -> str:
    fields = (on.minutes, on.hours, on.days, on.months, on.weekdays)
    line = " ".join(",".join(map(str, field)) or "*" for field in fields)
    return f'cron "{line}"' + (f' in "{on.zone}"' if on.zone else "")


def _on_signal(on: triggers.OnSignal) -> str:
    fields = ", ".join(f"{one.name}: {one.coding.type}{'?' if one.coding.optional else ''}" for one in on.fields)
    name = f" as {on.name}" if on.name else ""
    where = f" where {expression(on.where)}" if on.where else ""
    return f"on signal {on.signal}({fields}){name}{where}"


def _stage(stage: triggers.Stage) -> str:
    word = {"first": "on", "then": "then", "without": "without"}[stage.kind]
    unless = f" unless {pattern(stage.unless)}" if stage.unless else ""
    within = f" within {expression(stage.within)}" if stage.within else ""
    return f"{word} {pattern(stage.pattern)}{unless}{within}"


def _times(times: triggers.Times) -> list[str]:
    lines = [f"{expression(times.count)} times within {expression(times.within)}"]
    if times.reset:
        lines.append(f"reset by {pattern(times.reset.pattern)} for {', '.join(map(expression, times.reset.key))}")
    return lines


def pattern(what: triggers.Pattern) -> str:
    """`E | F as name where cond`."""
    name = f" as {what.name}" if what.name else ""
    where = f" where {expression(what.where)}" if what.where else ""
    return f"{' | '.join(what.events)}{name}{where}"


def _code(code: model.Code, sources: Mapping[str, Source]) -> list[str]:
    lines = []
    for number, step in enumerate(code):
        source = sources.get(step.span.path)
        line = f":{source.position(step.span.start)[0]}" if source else ""
        first, *more = instruction(step).split("\n")
        lines.append(f"  {number:4}  {line:<6} {first}")
        lines += [f"               {text}" for text in more]
    return lines


def instruction(step: model.Instruction) -> str:
    """One step, with the numbers of the steps where it may go on; the entries of a wait have lines of their own."""
    match step:
        case model.Act():
            return _act(step)
        case model.Pause(duration=duration):
            return f"wait {expression(duration)}"
        case model.Await():
            return _await(step)
        case model.Take(pool=pool, within=within, handler=handler):
            return f"take one of {pool} up to {step.end}, within {expression(within)}{_handler(handler)}"
        case model.Errand():
            return _errand(step)
        case model.WaitUntil(condition=condition, within=within, handler=handler):
            return f"wait until {expression(condition)} within {expression(within)}{_handler(handler)}"
        case model.Set(name=name, value=value):
            return f"{name} = {expression(value)}"
        case model.Jump(target=target):
            return f"go to {target}"
        case model.JumpUnless(condition=condition, target=target):
            return f"unless {expression(condition)} go to {target}"
        case model.Next(items=items, name=name, done=done):
            return f"next {name} in {items}, at the end go to {done}"
        case model.Again():
            every = f" every {expression(step.every)}" if step.every else ""
            name_ = f" as {step.name}" if step.name else ""
            return f"repeat {expression(step.times)}{every}{name_}, at the end go to {step.done}"
        case model.Log(level=level, text=text):
            return f"log {level} {expression(text)}"
        case model.Stop():
            return "stop"
        case model.Fail(text=text):
            return f"fail {expression(text)}"
        case model.Reraise(error=error):
            return f"fail with {error}"
        case model.Fork(branches=branches, done=done):
            return f"in parallel {', '.join(map(str, branches))}, then go to {done}"
        case model.ForkEach(items=items, name=name, most=most, body=body, done=done):
            return f"for each {name} in {items} in parallel {body}, max {expression(most)}, then go to {done}"
        case model.Join():
            return "end of the branch"
        case model.Enter(task=task, into=into, end=end, handler=handler):
            return (f"{into} = " if into else "") + f"task {task}, up to {end}{_handler(handler)}"
        case model.Return(value=value):
            return f"return {expression(value)}"
        case keeping.Put(store=name, key=key, value=value):
            slot = f"{name}[{expression(key)}]"
            return f"add {slot}" if value is None else f"put {expression(value)} into {slot}"
        case keeping.Remove(store=name, key=key):
            return f"delete {name}[{expression(key)}]"
        case _:
            assert_never(step)


def _handler(handler: model.Handler | None) -> str:
    return "" if handler is None else f", or{f' as {handler.error}' if handler.error else ''} go to {handler.target}"


def _act(step: model.Act) -> str:
    headers = " ".join(f"{header.name}: {expression(header.value)}" for header in step.headers)
    into = f"{step.into} = " if step.into else ""
    within = f" within {expression(step.within)}" if step.within else ""
    retry = f" retry {expression(step.retry.times)} every {expression(step.retry.every)}" if step.retry else ""
    return f"{into}{step.action} {{ {headers} }}".replace("{  }", "{ }") + within + retry + _handler(step.handler)


def _errand(step: model.Errand) -> str:
    into = f"{step.into} = " if step.into else ""
    within = f" within {expression(step.within)}" if step.within else ""
    retry = f" retry {expression(step.retry.times)} every {expression(step.retry.every)}" if step.retry else ""
    return into + _operation(step.operation) + within + retry + _handler(step.handler)


def _operation(operation: errands.Operation) -> str:
    match operation:
        case errands.HttpCall(method=method, url=url):
            named = (("json", operation.json), ("form", operation.form), ("body", operation.body),
                     ("headers", operation.headers))  # fmt: skip
            parts = "".join(f" {name} {expression(value)}" for name, value in named if value is not None)
            return f"http {method} {expression(url)}{parts}"
        case errands.ExecCall(argv=argv):
            return f"exec {expression(argv)}"
        case errands.AppendCall(path=path, record=record):
            return f"append {expression(path)} {expression(record)}"
        case errands.SignalCall(name=name, fields=fields):
            return f"signal {name} {{" + ", ".join(f"{key}: {expression(value)}" for key, value in fields) + "}"


def _await(step: model.Await) -> str:
    entries = [pattern(e.pattern) + (f" go to {e.target}" if e.target is not None else "") for e in step.entries]
    within = f"within {expression(step.within)}"
    if step.mode == "one":
        return f"wait {entries[0]} {within}{_handler(step.handler)}"
    timeout = f" go to {step.timeout_target}" if step.timeout_target is not None else ""
    lines = [f"wait {step.mode} {{", *(f"  {entry}" for entry in entries), f"}} {within}{timeout}"]
    return "\n".join(lines) + _handler(step.handler)


# How tightly each kind of expression binds; an operand that binds less than its place wants is put in parentheses.
_LOOSEST, _AND, _NOT, _COMPARE, _DEFAULT, _SUM, _PRODUCT, _SIGN, _ATOM = range(9)


def expression(expr: ir.Expr) -> str:
    """The expression as a recipe would write it."""
    return _write(expr, _LOOSEST)


def _write(expr: ir.Expr, place: int) -> str:
    text, strength = _written(expr)
    return f"({text})" if strength < place else text


def _written(expr: ir.Expr) -> tuple[str, int]:
    match expr:
        case ir.Const(value=value):
            return _literal(value), _ATOM
        case ir.Local(name=name) | ir.Global(name=name) | ir.Stored(name=name):
            return name, _ATOM
        case ir.Look(what=what, key=key):
            return what if key is None else f"{what}({expression(key)})", _ATOM
        case ir.Header(of=of, name=name) | ir.Field(of=of, name=name):
            return f"{_write(of, _ATOM)}.{name}", _ATOM
        case ir.Keys(of=of):
            return f"keys of {_write(of, _ATOM)}", _NOT
        case ir.Rows(of=of):
            return f"rows of {_write(of, _ATOM)}", _NOT
        case ir.Index(of=of, key=key):
            return f"{_write(of, _ATOM)}[{expression(key)}]", _ATOM
        case ir.Binary(op=op, left=left, right=right):
            strength = _SUM if op in "+-" else _PRODUCT
            return f"{_write(left, strength)} {op} {_write(right, strength + 1)}", strength
        case ir.Negate(of=of):
            return f"-{_write(of, _SIGN)}", _SIGN
        case ir.Compare(op=op, left=left, right=right):
            return f"{_write(left, _DEFAULT)} {op} {_write(right, _DEFAULT)}", _COMPARE
        case ir.Matches(of=of, pattern=regex):
            return f'{_write(of, _DEFAULT)} matches r"{regex}"', _COMPARE
        case ir.Both(parts=parts):
            return " and ".join(_write(part, _NOT) for part in parts), _AND
        case ir.Either(parts=parts):
            return " or ".join(_write(part, _AND) for part in parts), _LOOSEST
        case ir.Not(of=of):
            return f"not {_write(of, _NOT)}", _NOT
        case ir.Default(of=of, default=default):
            return f"{_write(of, _DEFAULT)} ?? {_write(default, _SUM)}", _DEFAULT
        case ir.Join(parts=parts):
            return '"' + "".join(map(_piece, parts)) + '"', _ATOM
        case ir.ListExpr(items=items):
            return "[" + ", ".join(map(expression, items)) + "]", _ATOM
        case ir.RecordExpr(fields=fields):
            return "{" + ", ".join(f"{key}: {expression(value)}" for key, value in fields) + "}", _ATOM
        case ir.Each(item=item, name=name, source=source, where=where):
            condition = f" where {expression(where)}" if where else ""
            return f"[{expression(item)} for {name} in {_write(source, _DEFAULT)}{condition}]", _ATOM
        case ir.Apply(function=function, args=args):
            return f"{function}({', '.join(map(expression, args))})", _ATOM
        case _:
            assert_never(expr)


_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\u{d}", "$": "\\$"})


def _piece(part: ir.Expr) -> str:
    if isinstance(part, ir.Const) and isinstance(part.value, str):
        return part.value.translate(_ESCAPES)
    return "${" + expression(part) + "}"


def _literal(value: ir.LiteralValue) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case str():
            return f'"{value.translate(_ESCAPES)}"'
        case timedelta():
            return duration_text(value)
    return str(value)
