"""Wording: types of expressions, conditions that decide nothing, and calls of functions.

Belongs here: one function a mistake, facts in, a diagnostic out. Never here: finding a mistake, drawing it
(`report.render`), a kind's rule and examples (`report.codes`), what all wording shares (`wording`).
"""

from __future__ import annotations

from collections.abc import Sequence

from amiflow.lang import nodes
from amiflow.lang.scope import Symbol, written
from amiflow.lang.wording import an, choices, conversion, did_you_mean, problem, replaced
from amiflow.plan.builtins import Parameter
from amiflow.plan.types import DURATION, INT, NONE, NUMBER, TEXT, ListOf, MessageOf, Type, definite, type_name
from amiflow.report.diagnostic import Diagnostic
from amiflow.report.source import Span
from amiflow.report.suggest import near


def type_mismatch(expr: nodes.Expr, kind: Type, wanted: Type, what: str) -> Diagnostic:
    return problem(
        "type-mismatch",
        f"{what} takes {an(type_name(wanted))}, not {an(type_name(kind))}",
        expr.span,
        f"this is {an(type_name(kind))}",
        help=conversion(kind, wanted),
    )


def incomparable(binary: nodes.Binary, left: Type, right: Type) -> Diagnostic:
    one, other = type_name(definite(left)), type_name(definite(right))
    kinds = {one, other}
    help: str | None = None
    if kinds == {"text", "int"} or kinds == {"text", "number"}:
        name = "int" if "int" in kinds else "number"
        help = f"`{name}(x)` reads a text as {an(name)}"
    elif kinds == {"duration", "int"}:
        help = "write the duration with its unit: `5s`"
    return problem(
        "type-mismatch",
        f"{an(one)} and {an(other)} cannot be compared by `{binary.op}`",
        binary.op_span,
        "never sensible",
        secondary=((binary.left.span, an(one)), (binary.right.span, an(other))),
        help=help,
    )


def bad_operands(binary: nodes.Binary, left: Type, right: Type) -> Diagnostic:
    help = 'write both into one text: `"${a}${b}"`' if binary.op == "+" and TEXT in (left, right) else None
    return problem(
        "type-mismatch",
        f"`{binary.op}` cannot join {an(type_name(left))} and {an(type_name(right))}",
        binary.op_span,
        "no such operation",
        secondary=((binary.left.span, an(type_name(left))), (binary.right.span, an(type_name(right)))),
        help=help,
    )


def bad_pattern(binary: nodes.Binary, kind: Type) -> Diagnostic:
    help = 'write a regular expression: `matches r"…"`' if binary.op == "matches" else 'write a text: `like "PJSIP/*"`'
    return problem(
        "type-mismatch",
        f"`{binary.op}` takes no {type_name(kind)}",
        binary.right.span,
        f"this is {an(type_name(kind))}",
        help=help,
    )


def not_a_holder(binary: nodes.Binary, kind: Type) -> Diagnostic:
    help = "`contains(text, part)` looks into a text" if kind == TEXT else None
    return problem(
        "type-mismatch",
        f"`{binary.op}` looks into a list, not into {an(type_name(kind))}",
        binary.right.span,
        f"this is {an(type_name(kind))}",
        help=help,
    )


def not_a_list(source: nodes.Expr, kind: Type) -> Diagnostic:
    return problem(
        "type-mismatch",
        f"`for` goes through a list, not through {an(type_name(kind))}",
        source.span,
        f"this is {an(type_name(kind))}",
    )


def mixed_list(expr: nodes.ListOf, kinds: Sequence[Type]) -> Diagnostic:
    names = list(dict.fromkeys(an(type_name(kind)) for kind in kinds))
    return problem("type-mismatch", f"a list cannot hold {' and '.join(names)}", expr.span, "items of several types")


def uneven_choice(call: nodes.Call, first: Type, second: Type) -> Diagnostic:
    return problem(
        "type-mismatch",
        f"`choose` cannot give {an(type_name(first))} or {an(type_name(second))}",
        call.span,
        "two types",
        secondary=((call.args[1].span, an(type_name(first))), (call.args[2].span, an(type_name(second)))),
    )


def whole_message(expr: nodes.Expr, kind: Type) -> Diagnostic:
    return problem(
        "type-mismatch",
        "a text takes single values, not a whole message",
        expr.span,
        f"this is {an(type_name(definite(kind)))}",
        help="name one of its headers: `e.Channel`",
    )


def wrong_set(step: nodes.Set, kind: Type, held: Type, symbol: Symbol) -> Diagnostic:
    return problem(
        "type-mismatch",
        f"`{symbol.name}` holds {an(type_name(held))}, not {an(type_name(kind))}",
        step.value.span,
        f"this is {an(type_name(kind))}",
        secondary=((symbol.span, f"begins as {an(type_name(held))}"),),
    )


def no_parts(expr: nodes.Member | nodes.Index, kind: Type) -> Diagnostic:
    what = f"`.{expr.name.text}`" if isinstance(expr, nodes.Member) else "`[…]`"
    span = expr.name.span if isinstance(expr, nodes.Member) else expr.index.span
    held = kind.item if isinstance(kind, ListOf) else None
    help = "take one of its items: `first(xs)`, `xs[0]`, `for x in xs`" if isinstance(held, MessageOf) else None
    return problem(
        "unknown-field",
        f"{an(type_name(kind))} has no {what}",
        span,
        "nothing to take",
        secondary=((expr.base.span, an(type_name(kind))),),
        help=help,
    )


def unknown_field(name: nodes.Ident, fields: Sequence[str]) -> Diagnostic:
    return problem(
        "unknown-field",
        f"the record has no field `{name.text}`",
        name.span,
        "no such field",
        notes=() if near(name.text, fields) else choices(fields, "it has"),
        help=did_you_mean(name.text, fields),
        edit=replaced(name.span, name.text, fields),
    )


def maybe_none(expr: nodes.Expr, kind: Type, header: str | None) -> Diagnostic:
    if kind == NONE:
        return problem("maybe-none", "a value is needed here, and this is none", expr.span, "none")
    wanted, name = definite(kind), written(expr) or "x"
    test = f"test it first (`if {name} != none`{', or in the `where`' if header else ''})"
    default = _DEFAULTS.get(wanted)
    headline = f"`{name}` may be none, and a value is needed here"
    return problem(
        "maybe-none",
        headline if written(expr) else "a value is needed here, and this may be none",
        expr.span,
        "a header that may be absent" if header else "may be none",
        help=test if isinstance(wanted, MessageOf) else f"give a default (`{name} ?? {default or 'y'}`), or {test}",
    )


_DEFAULTS: dict[Type, str] = {TEXT: '""', INT: "0", NUMBER: "0", DURATION: "0s"}


def const_condition(expr: nodes.Expr, value: bool) -> Diagnostic:
    word = "true" if value else "false"
    return problem("const-condition", f"this condition is always {word}", expr.span, f"always {word}")


def never_matches(part: nodes.Expr, reason: nodes.Expr | None) -> Diagnostic:
    return _ruled_out("never-matches", "nothing can ever fit this `where`", part, reason)


def never_holds(part: nodes.Expr, reason: nodes.Expr | None) -> Diagnostic:
    return _ruled_out("const-condition", "this condition is always false", part, reason)


def _ruled_out(code: str, headline: str, part: nodes.Expr, reason: nodes.Expr | None) -> Diagnostic:
    return problem(
        code,
        headline,
        part.span,
        "cannot hold here",
        secondary=((reason.span, "because this holds"),) if reason is not None else (),
        notes=() if reason is not None else ("what is known where it stands rules it out",),
    )


def never_none(binary: nodes.Binary) -> Diagnostic:
    word = "false" if binary.op == "==" else "true"
    return problem(
        "const-condition",
        f"this comparison is always {word}: the value is never none",
        binary.span,
        f"always {word}",
    )


def needless_default(binary: nodes.Binary) -> Diagnostic:
    return problem(
        "const-condition",
        "the default is never used: the value is never none",
        binary.right.span,
        "never used",
        secondary=((binary.left.span, "never none"),),
    )


def unknown_type(span: Span, name: str | None, allowed: Sequence[str]) -> Diagnostic:
    headline = f"there is no type `{name}` here" if name else "a record cannot stand here"
    return problem(
        "unknown-type",
        headline,
        span,
        "no type for this",
        notes=choices(allowed, "the types are"),
        help=did_you_mean(name, allowed) if name else None,
    )


def bad_regex(regex: nodes.Regex, reason: str) -> Diagnostic:
    return problem(
        "bad-regex",
        "the regular expression cannot be read",
        regex.span,
        "not understood",
        notes=(f"the reason: {reason}",) if reason else (),
    )


def unknown_function(name: nodes.Ident, known: Sequence[str]) -> Diagnostic:
    return problem(
        "unknown-function",
        f"there is no function `{name.text}`",
        name.span,
        "no such function",
        help=did_you_mean(name.text, known),
        edit=replaced(name.span, name.text, known),
    )


def wrong_count(call: nodes.Call, name: str, least: int, most: int | None) -> Diagnostic:
    if most is None:
        wanted = f"at least {_values(least)}"
    else:
        wanted = _values(least) if least == most else f"{least} to {_values(most)}"
    return problem(
        "wrong-argument",
        f"`{name}` takes {wanted}, not {len(call.args)}",
        call.span,
        f"{_values(len(call.args))} given",
    )


def _values(count: int) -> str:
    return "no value" if count == 0 else f"{count} value{'s' if count > 1 else ''}"


_ACCEPTS = {
    "texts": "a list of texts",
    "ranked": "a list of numbers, durations, times or texts",
    "summed": "a list of numbers or durations",
    "ordered": "a number, duration, time or text",
    "sizable": "a text, list or record",
    "keyed": "a record",
    "event": "an event",
    "message": "an event or a response",
    "regex": 'a regular expression `r"…"`',
    "searchable": "a text or a list",
    "data": "data",
    "text": "a text",
    "list": "a list",
}


def wrong_argument(call: nodes.Call, arg: nodes.Expr, kind: Type, parameter: Parameter) -> Diagnostic:
    wanted = " or ".join(_ACCEPTS.get(how, an(how)) for how in parameter.accepts)
    help = conversion(kind, TEXT) if parameter.accepts == ("text",) else None
    if type_name(kind) == "data":
        help = "convert it: `text(x)`, `int(x)`, `list(x)`"
    return problem(
        "wrong-argument",
        f"`{call.name.text}` takes {wanted} as `{parameter.name}`, not {an(type_name(kind))}",
        arg.span,
        f"this is {an(type_name(kind))}",
        help=help,
    )


def too_long(span: Span, most: int) -> Diagnostic:
    return problem(
        "nested-too-deep",
        f"an expression has at most {most} operators in a row",
        span,
        "too long",
        help="write `x in [a, b, c]`, or name parts of it by `let`",
    )


def too_deep(expr: nodes.Expr, most: int) -> Diagnostic:
    headline = f"lists and records are at most {most} deep in each other"
    return problem("nested-too-deep", headline, expr.span, "too deep")
