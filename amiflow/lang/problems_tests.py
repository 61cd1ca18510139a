"""Wording: tests of recipes that cannot say anything, or say it too late.

Belongs here: one function a mistake, facts in, a diagnostic out. Never here: finding a mistake, drawing it
(`report.render`), a kind's rule and examples (`report.codes`), what all wording shares (`wording`).
"""

from __future__ import annotations

from collections.abc import Sequence

from amiflow.lang import nodes
from amiflow.lang.wording import choices, problem
from amiflow.report.diagnostic import Diagnostic
from amiflow.report.source import Span


def expects_nothing(name: nodes.PlainText) -> Diagnostic:
    return problem(
        "wrong-test",
        "this test expects nothing, so it cannot fail",
        name.span,
        "no `expect` in it",
        help="say what should happen: `expect Action { … }`, or `expect nothing more`",
    )


def param_not_given(test: nodes.PlainText, name: str, declared: nodes.Ident) -> Diagnostic:
    return problem(
        "wrong-test",
        f"this test gives no value to the param `{name}`",
        test.span,
        f"no `given {name} = …`",
        secondary=((declared.span, "has no default"),),
    )


def late_step(span: Span, word: str, started: Span) -> Diagnostic:
    return problem(
        "wrong-test",
        f"`{word}` comes too late: the run has begun",
        span,
        "too late",
        secondary=((started, "the run begins here"),),
        help="move it up",
    )


def dial_reply(action: nodes.Ident, outcome: str) -> Diagnostic:
    return problem(
        "wrong-test",
        f"only an Originate can be `{outcome}`",
        action.span,
        "no call",
        help='for a refusal write `{ Response: "Error" Message: "…" }`',
    )


def no_list(action: nodes.Ident, name: str) -> Diagnostic:
    return problem("wrong-test", f"{name} answers with no rows", action.span, "no list action")


def foreign_row(event: nodes.Ident, action: str, rows: Sequence[str]) -> Diagnostic:
    return problem(
        "wrong-test",
        f"{action} has no rows `{event.text}`",
        event.span,
        "no row of this list",
        notes=choices(rows, "its rows are"),
    )
