"""Wording: flows, their bounds, moments and clauses, and steps that are out of place.

Belongs here: one function a mistake, facts in, a diagnostic out. Never here: finding a mistake, drawing it
(`report.render`), a kind's rule and examples (`report.codes`), what all wording shares (`wording`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from amiflow.lang import nodes
from amiflow.lang.scope import Symbol
from amiflow.lang.wording import an, did_you_mean, listed, problem
from amiflow.plan.durations import duration_text
from amiflow.plan.types import Type, type_name
from amiflow.report.diagnostic import Diagnostic, Edit
from amiflow.report.source import Span


def bad_key(key: nodes.Expr, kind: Type) -> Diagnostic:
    return problem(
        "type-mismatch",
        f"a key is a text or a list of texts, not {an(type_name(kind))}",
        key.span,
        f"this is {an(type_name(kind))}",
        help="name a header, such as `per e.Uniqueid`",
    )


def reset_differs(reset: nodes.Reset, per: nodes.PerClause | None) -> Diagnostic:
    """`reset by … for key` forgets what was counted for one `per` key, so both are of one shape."""
    if per is None:
        return problem(
            "missing-key",
            "`reset` needs a key to tell whose count begins anew",
            reset.span,
            "for which key?",
            help="give the flow a `per` clause",
        )
    return problem(
        "missing-key",
        "the key behind `for` is not made like that of `per`",
        reset.key.span,
        "has another number of parts",
        secondary=((per.key.span, "this is what is counted"),),
    )


def picture_too_soon(span: Span, what: str) -> Diagnostic:
    return problem(
        "misplaced",
        f"there is no `{what}` before the run has begun",
        span,
        "the live picture",
        help="look at it in a flow: in a `where`, a clause or a step",
    )


def never_changes(condition: nodes.Expr) -> Diagnostic:
    return problem(
        "const-condition",
        "nothing that this condition reads changes while the flow waits",
        condition.span,
        "would stay as it is",
        notes=("`wait until` looks at the live picture and at stores",),
    )


def gives_nothing(name: nodes.Ident, word: str) -> Diagnostic:
    return problem(
        "misplaced", f"`{word}` gives nothing", name.span, "nothing to hold", help=f"write the `{word}` without `let`"
    )


def useless_call(call: nodes.Call) -> Diagnostic:
    return problem(
        "useless-call",
        f"calling `{call.name.text}` does nothing by itself",
        call.span,
        "the result is lost",
        help=f"keep it: `let x = {call.name.text}(…)`",
    )


def buried_call(call: nodes.Call) -> Diagnostic:
    return problem(
        "misplaced",
        f"the task `{call.name.text}` is called within an expression",
        call.span,
        "a step of its own",
        help=f"call it first: `let x = {call.name.text}(…)`",
    )


def recursive_task(call: nodes.Call, task: nodes.Ident) -> Diagnostic:
    return problem(
        "recursive-task",
        f"the task `{task.text}` calls itself",
        call.span,
        "comes back to it",
        secondary=((task.span, "this task"),),
        help="write a `repeat`, which has a bound",
    )


def uneven_returns(task: nodes.Ident, kinds: Sequence[Type]) -> Diagnostic:
    return problem(
        "type-mismatch",
        f"`{task.text}` returns {listed(dict.fromkeys(map(type_name, kinds)))}, which have no type in common",
        task.span,
        "has more than one type",
    )


def tail_of_task(call: nodes.Call) -> Diagnostic:
    return problem(
        "misplaced",
        "`within` and `retry` belong to an action, not to a task",
        call.span,
        "a task",
        help="bound the steps in the task, or call it in a `repeat`",
    )


def too_many_steps(name: nodes.Ident, most: int) -> Diagnostic:
    return problem(
        "nested-too-deep",
        f"with the tasks that it calls `{name.text}` has more than {most:,} steps",
        name.span,
        "too many steps",
        help="tasks that call tasks multiply: call one in a loop instead",
    )


def bad_duration(expr: nodes.Expr, what: str) -> Diagnostic:
    help = "write the unit: `5s`, `10m`, `250ms`"
    edit = Edit(expr.span, f"{expr.value}s", "likely") if isinstance(expr, nodes.Int) else None
    return problem(
        "bad-duration",
        f"{what} takes a duration, and a number has no unit",
        expr.span,
        "of what?",
        help=f"write `{expr.value}s` or `{expr.value}ms`" if isinstance(expr, nodes.Int) else help,
        edit=edit,
    )


def bad_bound(expr: nodes.Expr, what: str) -> Diagnostic:
    return problem("bad-bound", f"{what} needs more than zero", expr.span, "not above zero")


def missing_bound(flow: nodes.Ident, place: Span) -> Diagnostic:
    return problem(
        "missing-bound",
        f"how long `{flow.text}` may run cannot be known from its steps",
        place,
        "only the run will tell",
        secondary=((flow.span, "this flow"),),
        help="write the flow's lifetime as a clause: `lasting 2h`",
    )


def outlived(period: nodes.Expr, flow: str, lasting: timedelta, waits: timedelta) -> Diagnostic:
    return problem(
        "outlived",
        f"`{flow}` would end before its own waits do",
        period.span,
        f"only {duration_text(lasting)}",
        notes=(f"its waits can take {duration_text(waits)}",),
        help=f"write at least `lasting {duration_text(waits)}`, or shorten the waits",
    )


def unreachable_step(step: nodes.Step) -> Diagnostic:
    return problem(
        "unreachable-step",
        "this step is never reached",
        step.span,
        "never reached",
        notes=("every way through the steps before it has ended",),
    )


def acts_after_hangup(channel: nodes.Expr, action: str, hung_up: Span) -> Diagnostic:
    return problem(
        "after-hangup",
        f"{action} comes too late for this channel, which has been hung up",
        channel.span,
        "gone by now",
        secondary=((hung_up, "its end"),),
        help="do it before, or to another channel",
    )


def waits_after_hangup(channel: nodes.Expr, event: str, hung_up: Span) -> Diagnostic:
    return problem(
        "after-hangup",
        f"{event} does not come any more of a channel that has been hung up",
        channel.span,
        "gone by now",
        secondary=((hung_up, "its end"),),
        help="wait for it before the channel is hung up",
    )


def misplaced(span: Span, word: str) -> Diagnostic:
    return problem("misplaced", f"`{word}` stands outside a loop", span, "no `for` or `repeat` around it")


def return_in_branch(span: Span) -> Diagnostic:
    return problem(
        "misplaced",
        "a parallel branch cannot return for all of them",
        span,
        "`return` in a branch",
        help="end the branch, or the whole flow with `stop` or `fail`",
    )


def shared_variable(target: nodes.Name, symbol: Symbol) -> Diagnostic:
    return problem(
        "not-settable",
        f"a parallel branch cannot set `{target.text}`, which the others see",
        target.span,
        "set in a branch",
        secondary=((symbol.span, "declared outside"),),
        help="keep it in a `map`, or in a name of the branch",
    )


def misplaced_return(span: Span) -> Diagnostic:
    return problem(
        "misplaced",
        "nobody takes what this flow returns",
        span,
        "`return` in a flow",
        help="end the flow with `stop` or `fail`",
    )


def needless_tail(step: nodes.Let) -> Diagnostic:
    return problem(
        "misplaced",
        "`within`, `retry` and `or` belong to an action, not to a value",
        step.value.span,
        "a plain value",
        help="for a default write `x ?? y`",
    )


def empty_wait(span: Span) -> Diagnostic:
    return problem("empty-flow", "this wait names no event", span, "nothing to wait for")


def empty_flow(name: nodes.Ident, body: nodes.Body) -> Diagnostic:
    return problem("empty-flow", f"the flow `{name.text}` has no steps", body.span, "nothing is done")


def no_flows(span: Span) -> Diagnostic:
    return problem("no-flows", "this recipe has no flow: it does nothing", span.head(), "no `flow` in this file")


def duplicate_clause(clause: nodes.Clause, earlier: nodes.Clause) -> Diagnostic:
    return problem(
        "duplicate-clause",
        "a clause is written at most once",
        clause.span,
        "again here",
        secondary=((earlier.span, "first here"),),
    )


def bad_moment(time: nodes.PlainText) -> Diagnostic:
    return problem(
        "bad-moment",
        f"`{time.value}` is no date and time",
        time.span,
        "cannot be read",
        help='write it as `"2026-03-02 07:59"`, with a year from 1970 to 8999',
    )


def bad_schedule(text: nodes.PlainText, why: str) -> Diagnostic:
    return problem(
        "bad-moment",
        why,
        text.span,
        "cannot be read",
        help='write `at "07:30"` or `cron "MINUTE HOUR DAY MONTH WEEKDAY"`, such as `cron "*/5 8-18 * * mon-fri"`',
    )


def unknown_zone(zone: nodes.PlainText, known: Sequence[str]) -> Diagnostic:
    return problem(
        "bad-moment",
        f"there is no time zone `{zone.value}`",
        zone.span,
        "no such zone",
        help=did_you_mean(zone.value, known) or 'zones are written as `"Europe/Berlin"` or `"UTC"`',
    )
