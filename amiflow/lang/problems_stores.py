"""Wording: stores, tables, pools and hours, and the constants that cannot read them.

Belongs here: one function a mistake, facts in, a diagnostic out. Never here: finding a mistake, drawing it
(`report.render`), a kind's rule and examples (`report.codes`), what all wording shares (`wording`).
"""

from __future__ import annotations

from collections.abc import Sequence

from amiflow.lang import nodes
from amiflow.lang.scope import SYMBOL_WORDS, Symbol, written
from amiflow.lang.wording import an, choices, did_you_mean, problem, replaced
from amiflow.plan.types import StoreOf, Type, type_name
from amiflow.report.diagnostic import Diagnostic
from amiflow.report.suggest import near

_ASKED = {
    "map": "{0}[k]",
    "counter": "{0}[k]",
    "series": "{0}[k]",
    "table": "{0}[k]",
    "pool": "with {0} within 30s { … }",
    "hours": "now() in {0}",
}

_WRITTEN = {"map": "set {0}[k] = x", "counter": "add {0}[k]", "series": "add {0}[k] x"}


def whole_store(name: nodes.Name, kind: StoreOf) -> Diagnostic:
    return problem(
        "type-mismatch",
        f"`{name.text}` is {an(kind.kind)}, and no value by itself",
        name.span,
        f"{an(kind.kind)}",
        help=f"`{_ASKED[kind.kind].replace('{0}', name.text)}`",
    )


def not_a_place(target: nodes.Member, held: Type) -> Diagnostic:
    return problem(
        "not-settable",
        f"`{written(target) or target.name.text}` cannot be set",
        target.span,
        f"part of {an(type_name(held))}",
        help="use a `var` of its own",
    )


def wrong_store(target: nodes.Index, verb: str, held: Type, valued: bool) -> Diagnostic:
    name = written(target.base) or "x"
    help = f"`{_WRITTEN[held.kind].format(name)}`" if isinstance(held, StoreOf) and held.kind in _WRITTEN else None
    takes = "series" if valued else "counter"
    what = {"set": "map", "add": takes, "delete": "map, counter or series"}[verb]
    return problem(
        "not-settable",
        f"`{verb}` takes a place in a {what} here, not in {an(type_name(held))}",
        target.span,
        f"in {an(type_name(held))}",
        help=help,
    )


def not_a_pool(pool: nodes.Expr, kind: Type) -> Diagnostic:
    return problem(
        "type-mismatch",
        f"`with` takes a slot of a pool, not of {an(type_name(kind))}",
        pool.span,
        f"this is {an(type_name(kind))}",
        help="declare one: `pool lines max 5`",
    )


def never_open(name: nodes.Ident) -> Diagnostic:
    return problem(
        "syntax",
        f"`{name.text}` is never open",
        name.span,
        "no hours",
        help="write when it is, such as `mon-fri 08:00-18:00`",
    )


def no_dates(closed: nodes.Expr, kind: Type) -> Diagnostic:
    return problem(
        "type-mismatch",
        f"`except` takes a table by date or a list of dates, not {an(type_name(kind))}",
        closed.span,
        f"this is {an(type_name(kind))}",
        help='dates are texts such as `"2026-12-24"`',
    )


def no_hours(hours: nodes.Expr, kind: Type) -> Diagnostic:
    return problem(
        "type-mismatch",
        f"what opens and closes are `hours`, not {an(type_name(kind))}",
        hours.span,
        f"this is {an(type_name(kind))}",
    )


def bad_table_key(table: nodes.TableDecl, first: nodes.Field | None) -> Diagnostic:
    return problem(
        "unknown-type",
        f"the first column of the table `{table.name.text}` is its key, and a key is text",
        first.type.span if first is not None else table.name.span,
        "not `text`" if first is not None else "no columns",
        help="write `text` for the first column",
    )


def bad_table_file(path: nodes.PlainText, kinds: Sequence[str]) -> Diagnostic:
    return problem(
        "syntax",
        f"`{path.value}` is no file that a table is read from",
        path.span,
        "unknown kind of file",
        notes=choices(kinds, "its name ends in one of"),
    )


def unknown_table(name: nodes.Ident, tables: Sequence[str]) -> Diagnostic:
    return problem(
        "unknown-param",
        f"there is no table `{name.text}`",
        name.span,
        "no table",
        notes=() if near(name.text, tables) else choices(tables, "the tables are"),
        help=did_you_mean(name.text, tables),
        edit=replaced(name.span, name.text, tables),
    )


def unsteady_constant(name: nodes.Name, symbol: Symbol) -> Diagnostic:
    return problem(
        "unknown-name",
        f"a constant of the file cannot read `{name.text}`, which changes",
        name.span,
        "changes while the run goes on",
        secondary=((symbol.span, SYMBOL_WORDS[symbol.kind]),),
        help="read it in a flow",
    )


def unsteady_bound(bound: nodes.Expr) -> Diagnostic:
    return problem(
        "unknown-name",
        "the bound reads what is not known when the run begins",
        bound.span,
        "not known then",
        help="take a literal, a param or a constant of the file",
    )
