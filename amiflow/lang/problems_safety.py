"""Wording: unsafe values, secrets and loops, and the warnings that are meant.

Belongs here: one function a mistake, facts in, a diagnostic out. Never here: finding a mistake, drawing it
(`report.render`), a kind's rule and examples (`report.codes`), what all wording shares (`wording`).
"""

from __future__ import annotations

from collections.abc import Sequence

from amiflow.lang import nodes
from amiflow.lang.scope import Symbol
from amiflow.lang.wording import choices, did_you_mean, problem
from amiflow.report.diagnostic import Diagnostic
from amiflow.report.source import Span
from amiflow.report.suggest import near


def bad_allow(what: nodes.Ident, warnings: Sequence[str]) -> Diagnostic:
    return problem(
        "bad-allow",
        f"`{what.text}` is no warning that can be allowed",
        what.span,
        "no such warning",
        notes=() if near(what.text, warnings) else choices(warnings, "the warnings are"),
        help=did_you_mean(what.text, warnings),
    )


def allow_without_reason(span: Span, code: str) -> Diagnostic:
    return problem(
        "bad-allow",
        f"allowing `{code}` needs a reason",
        span,
        "no reason",
        help=f"write `# allow {code}: why it is meant`",
    )


def idle_allow(span: Span, code: str, what: str) -> Diagnostic:
    headline = f"nothing here is warned of as `{code}`"
    return problem("idle-allow", headline, span, "allows nothing", help=f"leave the {what} out")


def idle_emergency(span: Span) -> Diagnostic:
    headline = "nothing in this flow could touch an emergency call"
    return problem("idle-allow", headline, span, "allows nothing", help="leave the clause out")


def unsafe_value(value: nodes.Expr, header: str, source: Span, what: str, why: str) -> Diagnostic:
    return problem(
        "unsafe-value",
        f"{what} reaches `{header}` unchecked",
        value.span,
        why if source == value.span else "can be anything",
        secondary=((source, why),) if source != value.span else (),
        notes=(f"text in `{header}` becomes code or aim",),
        help='clean it (`digits(x)`, `only(x, "0-9")`, `one_of(x, […])`), test it for equality, or say `trust(x)`',
    )


def secret_shown(expr: nodes.Expr, secret: Symbol) -> Diagnostic:
    return problem(
        "secret-shown",
        f"the secret `{secret.name}` would be shown",
        expr.span,
        "printed here",
        secondary=((secret.span, "declared as a secret"),),
        help="leave it out of texts for people",
    )


def feedback_loop(trigger: Span, action: nodes.Ident, spelling: str, event: str) -> Diagnostic:
    return problem(
        "feedback-loop",
        f"{spelling} causes {event}, which starts this flow again",
        action.span,
        f"causes {event}",
        secondary=((trigger, f"starts at {event}"),),
        help='exclude its own events (`where not ours(e)`), or say `allow feedback-loop "reason"`',
    )
