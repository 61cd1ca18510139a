"""All wording of the compiler behind the parser: one function a mistake, facts in, a diagnostic out.

Belongs here: headlines, labels, notes and helps. Never here: finding a mistake, drawing it (`report.render`), a kind's
rule and examples (`report.codes`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from amiflow.ami.catalog import Action, Catalog, Event, Header
from amiflow.lang import nodes
from amiflow.lang.scope import SYMBOL_WORDS, Symbol, written
from amiflow.lang.vocabulary import HeaderInfo, Vocabulary
from amiflow.plan.builtins import Parameter
from amiflow.plan.durations import duration_text
from amiflow.plan.types import DURATION, INT, NONE, NUMBER, TEXT, ListOf, MessageOf, StoreOf, Type, definite, type_name
from amiflow.report.codes import CODES
from amiflow.report.diagnostic import Diagnostic, Edit, Label
from amiflow.report.source import Span
from amiflow.report.suggest import near

_FEW = 12  # as many names as people read; a longer list is left out


def _problem(
    code: str,
    headline: str,
    span: Span,
    label: str,
    *,
    secondary: Iterable[tuple[Span, str]] = (),
    notes: Iterable[str] = (),
    help: str | None = None,
    edit: Edit | None = None,
) -> Diagnostic:
    others = tuple(Label(place, text) for place, text in secondary)
    return Diagnostic(code, CODES[code].severity, headline, Label(span, label, True), others, tuple(notes), help, edit)


def _listed(names: Iterable[str], word: str = "and") -> str:
    quoted = [f"`{name}`" for name in names]
    return f" {word} ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)


def _did_you_mean(word: str, candidates: Iterable[str]) -> str | None:
    found = near(word, candidates)
    return f"did you mean {_listed(found, 'or')}?" if found else None


def _choices(candidates: Sequence[str], what: str) -> tuple[str, ...]:
    """The whole list, where it is short enough to be read."""
    return (f"{what} {_listed(candidates)}",) if 0 < len(candidates) <= _FEW else ()


def _replaced(span: Span, word: str, candidates: Iterable[str]) -> Edit | None:
    found = near(word, candidates)
    return Edit(span, found[0], "likely") if found else None


def _an(word: str) -> str:
    return f"an {word}" if word[:1] in "aeiou" else f"a {word}"


def _of(message: MessageOf) -> str:
    names = " or ".join(message.names)
    match message.kind:
        case "row":
            return f"the row {names}"
        case "response":
            return f"the response to {names}" if names else "this response"
        case "call":
            return "a call"
        case "error":
            return "the error of a step"
        case "http":
            return "the answer of a web server"
        case "exec":
            return "the end of a program"
        case "seen":
            return "the live picture" if message.names == ("pbx",) else _an(names)
    return names or "this action"


# --- names ------------------------------------------------------------------------------------------------------------


def unknown_name(
    name: nodes.Name, visible: Sequence[str], messages: Sequence[Symbol], elsewhere: Symbol | None
) -> Diagnostic:
    help = None if elsewhere is not None else _did_you_mean(name.text, visible)
    if help is None and messages and name.text[:1].isupper():
        help = f"headers are reached through their message: `{messages[0].name}.{name.text}`"
    return _problem(
        "unknown-name",
        f"nothing is called `{name.text}` here",
        name.span,
        "unknown here",
        secondary=((elsewhere.span, "known only in its own block"),) if elsewhere is not None else (),
        help=help,
        edit=None if elsewhere is not None else _replaced(name.span, name.text, visible),
    )


def used_before(name: nodes.Name, symbol: Symbol) -> Diagnostic:
    return _problem(
        "unknown-name",
        f"`{name.text}` is used before it is declared",
        name.span,
        "not known yet",
        secondary=((symbol.span, "declared here"),),
        help="move the declaration up",
    )


def duplicate_name(symbol: Symbol, earlier: Symbol) -> Diagnostic:
    return _problem(
        "duplicate-name",
        f"`{symbol.name}` is declared twice",
        symbol.span,
        "again here",
        secondary=((earlier.span, "first here"),),
        help="give one of them another name",
    )


def duplicate_declaration(what: str, name: nodes.Ident, earlier: nodes.Ident) -> Diagnostic:
    return _problem(
        "duplicate-name",
        f"the {what} `{name.text}` is declared twice",
        name.span,
        "again here",
        secondary=((earlier.span, "first here"),),
        help="give one of them another name",
    )


def shadowed(symbol: Symbol, earlier: Symbol) -> Diagnostic:
    return _problem(
        "shadowed",
        f"`{symbol.name}` hides a name that is in use here",
        symbol.span,
        "the same name again",
        secondary=((earlier.span, f"{SYMBOL_WORDS[earlier.kind]}"),),
        help="give it another name",
    )


def unused_name(symbol: Symbol) -> Diagnostic:
    what = {"param": "the param ", "secret": "the secret "}.get(symbol.kind, "")
    return _problem("unused-name", f"{what}`{symbol.name}` is never used", symbol.span, "never read")


def unused_userevent(name: nodes.Ident) -> Diagnostic:
    return _problem("unused-name", f"the userevent `{name.text}` is never used", name.span, "never named again")


def unknown_param(name: nodes.Ident, params: Sequence[str], symbol: Symbol | None) -> Diagnostic:
    headline = f"there is no param `{name.text}`"
    if symbol is not None:
        headline = f"`{name.text}` is {SYMBOL_WORDS[symbol.kind]}, and only params can be given"
    return _problem(
        "unknown-param",
        headline,
        name.span,
        "no param",
        notes=() if near(name.text, params) else _choices(params, "the params are"),
        help=_did_you_mean(name.text, params),
        edit=_replaced(name.span, name.text, params),
    )


def unknown_flow(name: nodes.Ident, flows: Sequence[str]) -> Diagnostic:
    return _problem(
        "unknown-flow",
        f"there is no flow `{name.text}`",
        name.span,
        "no such flow",
        notes=() if near(name.text, flows) else _choices(flows, "the flows are"),
        help=_did_you_mean(name.text, flows),
        edit=_replaced(name.span, name.text, flows),
    )


def unknown_signal(name: nodes.Ident, signals: Sequence[str]) -> Diagnostic:
    return _problem(
        "unknown-name",
        f"no flow takes a signal `{name.text}`",
        name.span,
        "no such signal",
        notes=_choices(signals, "there are"),
        help=_did_you_mean(name.text, signals),
    )


def not_a_var(target: nodes.Name, symbol: Symbol) -> Diagnostic:
    return _problem(
        "not-settable",
        f"`{target.text}` cannot be set",
        target.span,
        "no `var`",
        secondary=((symbol.span, SYMBOL_WORDS[symbol.kind]),),
        help=f"introduce it by `var {target.text} = …`" if symbol.kind == "let" else "use a `var` of its own",
    )


# --- stores -----------------------------------------------------------------------------------------------------------

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
    return _problem(
        "type-mismatch",
        f"`{name.text}` is {_an(kind.kind)}, and no value by itself",
        name.span,
        f"{_an(kind.kind)}",
        help=f"`{_ASKED[kind.kind].replace('{0}', name.text)}`",
    )


def wrong_store(target: nodes.Index, verb: str, held: Type, valued: bool) -> Diagnostic:
    name = written(target.base) or "x"
    help = f"`{_WRITTEN[held.kind].format(name)}`" if isinstance(held, StoreOf) and held.kind in _WRITTEN else None
    takes = "series" if valued else "counter"
    what = {"set": "map", "add": takes, "delete": "map, counter or series"}[verb]
    return _problem(
        "not-settable",
        f"`{verb}` takes a place in a {what} here, not in {_an(type_name(held))}",
        target.span,
        f"in {_an(type_name(held))}",
        help=help,
    )


def not_a_pool(pool: nodes.Expr, kind: Type) -> Diagnostic:
    return _problem(
        "type-mismatch",
        f"`with` takes a slot of a pool, not of {_an(type_name(kind))}",
        pool.span,
        f"this is {_an(type_name(kind))}",
        help="declare one: `pool lines max 5`",
    )


def never_open(name: nodes.Ident) -> Diagnostic:
    return _problem(
        "syntax",
        f"`{name.text}` is never open",
        name.span,
        "no hours",
        help="write when it is, such as `mon-fri 08:00-18:00`",
    )


def no_dates(closed: nodes.Expr, kind: Type) -> Diagnostic:
    return _problem(
        "type-mismatch",
        f"`except` takes a table by date or a list of dates, not {_an(type_name(kind))}",
        closed.span,
        f"this is {_an(type_name(kind))}",
        help='dates are texts such as `"2026-12-24"`',
    )


def no_hours(hours: nodes.Expr, kind: Type) -> Diagnostic:
    return _problem(
        "type-mismatch",
        f"what opens and closes are `hours`, not {_an(type_name(kind))}",
        hours.span,
        f"this is {_an(type_name(kind))}",
    )


def bad_table_key(table: nodes.TableDecl, first: nodes.Field | None) -> Diagnostic:
    return _problem(
        "unknown-type",
        f"the first column of the table `{table.name.text}` is its key, and a key is text",
        first.type.span if first is not None else table.name.span,
        "not `text`" if first is not None else "no columns",
        help="write `text` for the first column",
    )


def bad_table_file(path: nodes.PlainText, kinds: Sequence[str]) -> Diagnostic:
    return _problem(
        "syntax",
        f"`{path.value}` is no file that a table is read from",
        path.span,
        "unknown kind of file",
        notes=_choices(kinds, "its name ends in one of"),
    )


def unknown_table(name: nodes.Ident, tables: Sequence[str]) -> Diagnostic:
    return _problem(
        "unknown-param",
        f"there is no table `{name.text}`",
        name.span,
        "no table",
        notes=() if near(name.text, tables) else _choices(tables, "the tables are"),
        help=_did_you_mean(name.text, tables),
        edit=_replaced(name.span, name.text, tables),
    )


def unsteady_constant(name: nodes.Name, symbol: Symbol) -> Diagnostic:
    return _problem(
        "unknown-name",
        f"a constant of the file cannot read `{name.text}`, which changes",
        name.span,
        "changes while the run goes on",
        secondary=((symbol.span, SYMBOL_WORDS[symbol.kind]),),
        help="read it in a flow",
    )


def unsteady_bound(bound: nodes.Expr) -> Diagnostic:
    return _problem(
        "unknown-name",
        "the bound reads what is not known when the run begins",
        bound.span,
        "not known then",
        help="take a literal, a param or a constant of the file",
    )


# --- events, actions, headers -----------------------------------------------------------------------------------------


def unknown_event(name: nodes.Ident, catalog: Catalog) -> Diagnostic:
    known = [event.name for event in catalog.events]
    note = (f"`{name.text}` is an action",) if catalog.action(name.text) else ()
    return _problem(
        "unknown-event",
        f"Asterisk has no event `{name.text}`",
        name.span,
        "no such event",
        notes=note,
        help=_did_you_mean(name.text, known),
        edit=_replaced(name.span, name.text, known),
    )


def unknown_userevent(name: nodes.Ident, known: Sequence[str]) -> Diagnostic:
    return _problem(
        "unknown-event",
        f"no userevent `{name.text}` is declared",
        name.span,
        "not declared",
        notes=() if near(name.text, known) else _choices(known, "declared are"),
        help=_did_you_mean(name.text, known) or f"declare it: `userevent {name.text} {{ Header: text }}`",
    )


def row_event(name: nodes.Ident, spelling: str) -> Diagnostic:
    return _problem(
        "row-event",
        f"`{spelling}` only comes as part of an action's answer",
        name.span,
        "never comes by itself",
        help="send the action and read its rows",
    )


def unknown_action(name: nodes.Ident, catalog: Catalog) -> Diagnostic:
    known = [action.name for action in catalog.actions]
    note = (f"`{name.text}` is an event",) if catalog.event(name.text) else ()
    help = _did_you_mean(name.text, known)
    if help is None and not note:
        help = f'an action that is not described: `raw "{name.text}" {{ … }}`'
    return _problem(
        "unknown-action",
        f"Asterisk has no action `{name.text}`",
        name.span,
        "no such action",
        notes=note,
        help=help,
        edit=_replaced(name.span, name.text, known),
    )


def refused_action(name: nodes.Ident, spelling: str, reason: str) -> Diagnostic:
    return _problem(
        "refused-action", f"a recipe cannot send `{spelling}`", name.span, "never sent", notes=(reason.rstrip("."),)
    )


def needless_raw(name: nodes.PlainText, known: str) -> Diagnostic:
    return _problem(
        "needless-raw",
        f"`{known}` is an action that Asterisk's documentation describes",
        name.span,
        "needs no `raw`",
        help=f"write `{known} {{ … }}`, so that its headers are checked",
    )


_MEMBERS = {"error": ["kind", "Message"], "http": ["status", "text", "data"], "exec": ["code", "out"]}


def unknown_header(
    name: nodes.Ident, message: MessageOf, vocabulary: Vocabulary, owner: Symbol | None = None
) -> Diagnostic:
    known = _MEMBERS.get(message.kind) or vocabulary.headers(message)
    help = _did_you_mean(name.text, known)
    notes = () if help else _where_it_is(name.text, message, vocabulary, known)
    if help is None and vocabulary.open(message) and owner is not None:
        help = f'a header that is not described is read as text: `{owner.name}["{name.text}"]`'
    secondary = ((owner.span, f"`{owner.name}` is {_what_it_is(message)}"),) if owner is not None else ()
    return _problem(
        "unknown-header",
        f"{_of(message)} has no header `{name.text}`",
        name.span,
        "no such header",
        secondary=secondary,
        notes=notes,
        help=help,
        edit=_replaced(name.span, name.text, known),
    )


def _what_it_is(message: MessageOf) -> str:
    return {"event": "this event", "call": "this call", "error": "this error"}.get(message.kind, f"{_of(message)}")


def _where_it_is(name: str, message: MessageOf, vocabulary: Vocabulary, known: Sequence[str]) -> tuple[str, ...]:
    with_it = [one for one in message.names if vocabulary.header(MessageOf(message.kind, (one,)), name)]
    if with_it and len(message.names) > 1:
        return (f"only {' and '.join(with_it)} has it; of alternatives the headers common to all are known",)
    if message.kind == "event":
        events = vocabulary.events_with(name)
        if events:
            more = ", …" if len(events) > 4 else ""
            return (f"`{name}` is a header of {', '.join(events[:4])}{more}",)
    return _choices(known, "there are")


def missing_header(block: nodes.Block, action: str, missing: Sequence[str]) -> Diagnostic:
    word = "header" if len(missing) == 1 else "headers"
    return _problem(
        "missing-header",
        f"{action} needs the {word} {_listed(missing)}",
        block.span,
        f"without {_listed(missing)}",
    )


def missing_group(
    block: nodes.Block, action: str, complete: Sequence[Sequence[str]], missing: Sequence[Sequence[str]]
) -> Diagnostic:
    nearest = min(range(len(missing)), key=lambda at: len(missing[at]) - len(complete[at]))
    ways = ", or ".join(_listed(way) for way in complete)
    return _problem(
        "missing-header",
        f"{action} does not say enough without {_listed(missing[nearest])}",
        block.span,
        "not enough",
        notes=(f"it needs {ways}",),
    )


def duplicate_header(key: nodes.Ident, earlier: nodes.Ident) -> Diagnostic:
    return _problem(
        "duplicate-header",
        f"the header `{key.text}` is written twice",
        key.span,
        "again here",
        secondary=((earlier.span, "first here"),),
        help=f"a repeated header is given a list: `{key.text}: [a, b]`",
    )


def duplicate_key(key: nodes.Ident, earlier: nodes.Ident) -> Diagnostic:
    return _problem(
        "duplicate-key",
        f"`{key.text}` is written twice",
        key.span,
        "again here",
        secondary=((earlier.span, "first here"),),
    )


def not_writable(key: nodes.Ident) -> Diagnostic:
    return _problem(
        "not-writable",
        f"`{key.text}` is set by the runner",
        key.span,
        "not to be written",
        help="leave it out",
    )


def wrong_header_value(entry: nodes.HeaderEntry, value: nodes.Expr, kind: Type, info: HeaderInfo) -> Diagnostic:
    wanted = info.scalar
    help: str | None = None
    if wanted == DURATION and kind in (INT, NUMBER):
        help = f"write it with its unit, such as `{_with_unit(value, info)}`; it is sent in {_UNITS[info.coding.unit]}"
    elif wanted == TEXT and kind == DURATION:
        help = "nothing is known of this header's unit: write the number"
    elif wanted == TEXT and type_name(kind) == "bool":
        help = "nothing is known of this header's way to say yes: write it as a text"
    else:
        help = _conversion(kind, wanted)
    return _problem(
        "type-mismatch",
        f"`{info.name}` takes {_an(type_name(wanted))}, not {_an(type_name(kind))}",
        value.span,
        f"this is {_an(type_name(kind))}",
        secondary=((entry.key.span, f"takes {_an(type_name(wanted))}"),),
        help=help,
    )


_UNITS = {"ms": "milliseconds", "s": "seconds", "min": "minutes", "us": "microseconds", None: "seconds"}
_SUFFIXES = {"ms": "ms", "s": "s", "min": "m"}


def _with_unit(value: nodes.Expr, info: HeaderInfo) -> str:
    if not isinstance(value, nodes.Int):
        return "30s"
    if info.coding.unit == "ms" and value.value % 1000 == 0:
        return f"{value.value // 1000}s"
    return f"{value.value}{_SUFFIXES.get(info.coding.unit or 's', 's')}"


def unknown_value(span: Span, text: str, values: Sequence[str]) -> Diagnostic:
    return _problem(
        "unknown-value",
        f"`{text}` is not among the values that are known here",
        span,
        "perhaps misspelt",
        notes=() if near(text, values) else _choices(values, "known are"),
        help=_did_you_mean(text, values),
    )


# --- types ------------------------------------------------------------------------------------------------------------


def _conversion(kind: Type, wanted: Type) -> str | None:
    if kind == TEXT and wanted in (INT, NUMBER):
        name = type_name(wanted)
        return f"`{name}(x)` reads a text as {_an(name)}, and gives none where it is none: `{name}(x) ?? 0`"
    if wanted == TEXT and not isinstance(kind, ListOf | MessageOf):
        return 'write it into a text: `"${x}"`'
    if wanted == DURATION and kind in (INT, NUMBER):
        return "write the unit: `5s`, `10m`, `250ms`"
    return None


def type_mismatch(expr: nodes.Expr, kind: Type, wanted: Type, what: str) -> Diagnostic:
    return _problem(
        "type-mismatch",
        f"{what} takes {_an(type_name(wanted))}, not {_an(type_name(kind))}",
        expr.span,
        f"this is {_an(type_name(kind))}",
        help=_conversion(kind, wanted),
    )


def incomparable(binary: nodes.Binary, left: Type, right: Type) -> Diagnostic:
    one, other = type_name(definite(left)), type_name(definite(right))
    kinds = {one, other}
    help: str | None = None
    if kinds == {"text", "int"} or kinds == {"text", "number"}:
        name = "int" if "int" in kinds else "number"
        help = f"`{name}(x)` reads a text as {_an(name)}"
    elif kinds == {"duration", "int"}:
        help = "write the duration with its unit: `5s`"
    return _problem(
        "type-mismatch",
        f"{_an(one)} and {_an(other)} cannot be compared by `{binary.op}`",
        binary.op_span,
        "never sensible",
        secondary=((binary.left.span, _an(one)), (binary.right.span, _an(other))),
        help=help,
    )


def bad_operands(binary: nodes.Binary, left: Type, right: Type) -> Diagnostic:
    help = 'write both into one text: `"${a}${b}"`' if binary.op == "+" and TEXT in (left, right) else None
    return _problem(
        "type-mismatch",
        f"`{binary.op}` cannot join {_an(type_name(left))} and {_an(type_name(right))}",
        binary.op_span,
        "no such operation",
        secondary=((binary.left.span, _an(type_name(left))), (binary.right.span, _an(type_name(right)))),
        help=help,
    )


def bad_pattern(binary: nodes.Binary, kind: Type) -> Diagnostic:
    help = 'write a regular expression: `matches r"…"`' if binary.op == "matches" else 'write a text: `like "PJSIP/*"`'
    return _problem(
        "type-mismatch",
        f"`{binary.op}` takes no {type_name(kind)}",
        binary.right.span,
        f"this is {_an(type_name(kind))}",
        help=help,
    )


def not_a_holder(binary: nodes.Binary, kind: Type) -> Diagnostic:
    help = "`contains(text, part)` looks into a text" if kind == TEXT else None
    return _problem(
        "type-mismatch",
        f"`{binary.op}` looks into a list, not into {_an(type_name(kind))}",
        binary.right.span,
        f"this is {_an(type_name(kind))}",
        help=help,
    )


def not_a_list(source: nodes.Expr, kind: Type) -> Diagnostic:
    return _problem(
        "type-mismatch",
        f"`for` goes through a list, not through {_an(type_name(kind))}",
        source.span,
        f"this is {_an(type_name(kind))}",
    )


def mixed_list(expr: nodes.ListOf, kinds: Sequence[Type]) -> Diagnostic:
    names = list(dict.fromkeys(_an(type_name(kind)) for kind in kinds))
    return _problem("type-mismatch", f"a list cannot hold {' and '.join(names)}", expr.span, "items of several types")


def uneven_choice(call: nodes.Call, first: Type, second: Type) -> Diagnostic:
    return _problem(
        "type-mismatch",
        f"`choose` cannot give {_an(type_name(first))} or {_an(type_name(second))}",
        call.span,
        "two types",
        secondary=((call.args[1].span, _an(type_name(first))), (call.args[2].span, _an(type_name(second)))),
    )


def whole_message(expr: nodes.Expr, kind: Type) -> Diagnostic:
    return _problem(
        "type-mismatch",
        "a text takes single values, not a whole message",
        expr.span,
        f"this is {_an(type_name(definite(kind)))}",
        help="name one of its headers: `e.Channel`",
    )


def wrong_set(step: nodes.Set, kind: Type, held: Type, symbol: Symbol) -> Diagnostic:
    return _problem(
        "type-mismatch",
        f"`{symbol.name}` holds {_an(type_name(held))}, not {_an(type_name(kind))}",
        step.value.span,
        f"this is {_an(type_name(kind))}",
        secondary=((symbol.span, f"begins as {_an(type_name(held))}"),),
    )


def bad_key(key: nodes.Expr, kind: Type) -> Diagnostic:
    return _problem(
        "type-mismatch",
        f"a key is a text or a list of texts, not {_an(type_name(kind))}",
        key.span,
        f"this is {_an(type_name(kind))}",
        help="name a header, such as `per e.Uniqueid`",
    )


def reset_differs(reset: nodes.Reset, per: nodes.PerClause | None) -> Diagnostic:
    """`reset by … for key` forgets what was counted for one `per` key, so both are of one shape."""
    if per is None:
        return _problem(
            "missing-key",
            "`reset` needs a key to tell whose count begins anew",
            reset.span,
            "for which key?",
            help="give the flow a `per` clause",
        )
    return _problem(
        "missing-key",
        "the key behind `for` is not made like that of `per`",
        reset.key.span,
        "has another number of parts",
        secondary=((per.key.span, "this is what is counted"),),
    )


def no_parts(expr: nodes.Member | nodes.Index, kind: Type) -> Diagnostic:
    what = f"`.{expr.name.text}`" if isinstance(expr, nodes.Member) else "`[…]`"
    span = expr.name.span if isinstance(expr, nodes.Member) else expr.index.span
    held = kind.item if isinstance(kind, ListOf) else None
    help = "take one of its items: `first(xs)`, `xs[0]`, `for x in xs`" if isinstance(held, MessageOf) else None
    return _problem(
        "unknown-field",
        f"{_an(type_name(kind))} has no {what}",
        span,
        "nothing to take",
        secondary=((expr.base.span, _an(type_name(kind))),),
        help=help,
    )


def unknown_field(name: nodes.Ident, fields: Sequence[str]) -> Diagnostic:
    return _problem(
        "unknown-field",
        f"the record has no field `{name.text}`",
        name.span,
        "no such field",
        notes=() if near(name.text, fields) else _choices(fields, "it has"),
        help=_did_you_mean(name.text, fields),
        edit=_replaced(name.span, name.text, fields),
    )


def maybe_none(expr: nodes.Expr, kind: Type, header: str | None) -> Diagnostic:
    if kind == NONE:
        return _problem("maybe-none", "a value is needed here, and this is none", expr.span, "none")
    wanted, name = definite(kind), written(expr) or "x"
    test = f"test it first (`if {name} != none`{', or in the `where`' if header else ''})"
    default = _DEFAULTS.get(wanted)
    headline = f"`{name}` may be none, and a value is needed here"
    return _problem(
        "maybe-none",
        headline if written(expr) else "a value is needed here, and this may be none",
        expr.span,
        "a header that may be absent" if header else "may be none",
        help=test if isinstance(wanted, MessageOf) else f"give a default (`{name} ?? {default or 'y'}`), or {test}",
    )


_DEFAULTS: dict[Type, str] = {TEXT: '""', INT: "0", NUMBER: "0", DURATION: "0s"}


def const_condition(expr: nodes.Expr, value: bool) -> Diagnostic:
    word = "true" if value else "false"
    return _problem("const-condition", f"this condition is always {word}", expr.span, f"always {word}")


def picture_too_soon(span: Span, what: str) -> Diagnostic:
    return _problem(
        "misplaced",
        f"there is no `{what}` before the run has begun",
        span,
        "the live picture",
        help="look at it in a flow: in a `where`, a clause or a step",
    )


def never_changes(condition: nodes.Expr) -> Diagnostic:
    return _problem(
        "const-condition",
        "nothing that this condition reads changes while the flow waits",
        condition.span,
        "would stay as it is",
        notes=("`wait until` looks at the live picture and at stores",),
    )


def never_none(binary: nodes.Binary) -> Diagnostic:
    word = "false" if binary.op == "==" else "true"
    return _problem(
        "const-condition",
        f"this comparison is always {word}: the value is never none",
        binary.span,
        f"always {word}",
    )


def needless_default(binary: nodes.Binary) -> Diagnostic:
    return _problem(
        "const-condition",
        "the default is never used: the value is never none",
        binary.right.span,
        "never used",
        secondary=((binary.left.span, "never none"),),
    )


def unknown_type(span: Span, name: str | None, allowed: Sequence[str]) -> Diagnostic:
    headline = f"there is no type `{name}` here" if name else "a record cannot stand here"
    return _problem(
        "unknown-type",
        headline,
        span,
        "no type for this",
        notes=_choices(allowed, "the types are"),
        help=_did_you_mean(name, allowed) if name else None,
    )


def bad_regex(regex: nodes.Regex, reason: str) -> Diagnostic:
    return _problem(
        "bad-regex",
        "the regular expression cannot be read",
        regex.span,
        "not understood",
        notes=(f"the reason: {reason}",) if reason else (),
    )


# --- functions --------------------------------------------------------------------------------------------------------


def unknown_function(name: nodes.Ident, known: Sequence[str]) -> Diagnostic:
    return _problem(
        "unknown-function",
        f"there is no function `{name.text}`",
        name.span,
        "no such function",
        help=_did_you_mean(name.text, known),
        edit=_replaced(name.span, name.text, known),
    )


def wrong_count(call: nodes.Call, name: str, least: int, most: int | None) -> Diagnostic:
    if most is None:
        wanted = f"at least {_values(least)}"
    else:
        wanted = _values(least) if least == most else f"{least} to {_values(most)}"
    return _problem(
        "wrong-argument",
        f"`{name}` takes {wanted}, not {len(call.args)}",
        call.span,
        f"{_values(len(call.args))} given",
    )


def _values(count: int) -> str:
    return "no value" if count == 0 else f"{count} value{'s' if count > 1 else ''}"


_ACCEPTS = {
    "texts": "a list of texts",
    "ordered": "a number, duration, time or text",
    "sizable": "a text, list or record",
    "keyed": "a record",
    "message": "an event or a response",
    "regex": 'a regular expression `r"…"`',
    "searchable": "a text or a list",
    "data": "data",
    "text": "a text",
    "list": "a list",
}


def wrong_argument(call: nodes.Call, arg: nodes.Expr, kind: Type, parameter: Parameter) -> Diagnostic:
    wanted = " or ".join(_ACCEPTS.get(how, _an(how)) for how in parameter.accepts)
    help = _conversion(kind, TEXT) if parameter.accepts == ("text",) else None
    if type_name(kind) == "data":
        help = "convert it: `text(x)`, `int(x)`, `list(x)`"
    return _problem(
        "wrong-argument",
        f"`{call.name.text}` takes {wanted} as `{parameter.name}`, not {_an(type_name(kind))}",
        arg.span,
        f"this is {_an(type_name(kind))}",
        help=help,
    )


def gives_nothing(name: nodes.Ident, word: str) -> Diagnostic:
    return _problem(
        "misplaced", f"`{word}` gives nothing", name.span, "nothing to hold", help=f"write the `{word}` without `let`"
    )


def useless_call(call: nodes.Call) -> Diagnostic:
    return _problem(
        "useless-call",
        f"calling `{call.name.text}` does nothing by itself",
        call.span,
        "the result is lost",
        help=f"keep it: `let x = {call.name.text}(…)`",
    )


def import_cycle(decl: nodes.ImportDecl, path: str) -> Diagnostic:
    return _problem("import-cycle", f"`{path}` imports itself", decl.path.span, "leads back to it")


def imports_too_deep(decl: nodes.ImportDecl, most: int) -> Diagnostic:
    headline = f"at most {most} files import each other in a row"
    return _problem("nested-too-deep", headline, decl.path.span, "one too many")


def unused_import(decl: nodes.ImportDecl) -> Diagnostic:
    return _problem("unused-name", f"nothing of `{decl.name.text}` is used", decl.name.span, "never used")


def not_in_module(module: str, name: nodes.Ident, known: Sequence[str]) -> Diagnostic:
    return _problem(
        "unknown-name",
        f"`{module}` has no `{name.text}`",
        name.span,
        "not there",
        notes=_choices(known, "there are"),
        help=_did_you_mean(name.text, known),
        edit=_replaced(name.span, name.text, known),
    )


def builtin_name(name: nodes.Ident) -> Diagnostic:
    return _problem("duplicate-name", f"`{name.text}` is a function of the language", name.span, "taken")


def not_a_value(name: nodes.Name, symbol: Symbol) -> Diagnostic:
    return _problem(
        "useless-call",
        f"`{name.text}` is {SYMBOL_WORDS[symbol.kind]}, and no value",
        name.span,
        "no value",
        secondary=((symbol.span, "declared here"),),
    )


def buried_call(call: nodes.Call) -> Diagnostic:
    return _problem(
        "misplaced",
        f"the task `{call.name.text}` is called within an expression",
        call.span,
        "a step of its own",
        help=f"call it first: `let x = {call.name.text}(…)`",
    )


def recursive_task(call: nodes.Call, task: nodes.Ident) -> Diagnostic:
    return _problem(
        "recursive-task",
        f"the task `{task.text}` calls itself",
        call.span,
        "comes back to it",
        secondary=((task.span, "this task"),),
        help="write a `repeat`, which has a bound",
    )


def uneven_returns(task: nodes.Ident, kinds: Sequence[Type]) -> Diagnostic:
    return _problem(
        "type-mismatch",
        f"`{task.text}` returns {_listed(dict.fromkeys(map(type_name, kinds)))}, which have no type in common",
        task.span,
        "has more than one type",
    )


def tail_of_task(call: nodes.Call) -> Diagnostic:
    return _problem(
        "misplaced",
        "`within` and `retry` belong to an action, not to a task",
        call.span,
        "a task",
        help="bound the steps in the task, or call it in a `repeat`",
    )


def too_many_steps(name: nodes.Ident, most: int) -> Diagnostic:
    return _problem(
        "nested-too-deep",
        f"with the tasks that it calls `{name.text}` has more than {most:,} steps",
        name.span,
        "too many steps",
        help="tasks that call tasks multiply: call one in a loop instead",
    )


# --- bounds -----------------------------------------------------------------------------------------------------------


def bad_duration(expr: nodes.Expr, what: str) -> Diagnostic:
    help = "write the unit: `5s`, `10m`, `250ms`"
    edit = Edit(expr.span, f"{expr.value}s", "likely") if isinstance(expr, nodes.Int) else None
    return _problem(
        "bad-duration",
        f"{what} takes a duration, and a number has no unit",
        expr.span,
        "of what?",
        help=f"write `{expr.value}s` or `{expr.value}ms`" if isinstance(expr, nodes.Int) else help,
        edit=edit,
    )


def bad_bound(expr: nodes.Expr, what: str) -> Diagnostic:
    return _problem("bad-bound", f"{what} needs more than zero", expr.span, "not above zero")


def missing_bound(flow: nodes.Ident, place: Span) -> Diagnostic:
    return _problem(
        "missing-bound",
        f"how long `{flow.text}` may run cannot be known from its steps",
        place,
        "only the run will tell",
        secondary=((flow.span, "this flow"),),
        help="write the flow's lifetime as a clause: `lasting 2h`",
    )


def outlived(period: nodes.Expr, flow: str, lasting: timedelta, waits: timedelta) -> Diagnostic:
    return _problem(
        "outlived",
        f"`{flow}` would end before its own waits do",
        period.span,
        f"only {duration_text(lasting)}",
        notes=(f"its waits can take {duration_text(waits)}",),
        help=f"write at least `lasting {duration_text(waits)}`, or shorten the waits",
    )


# --- flows and steps --------------------------------------------------------------------------------------------------


def unreachable_step(step: nodes.Step) -> Diagnostic:
    return _problem(
        "unreachable-step",
        "this step is never reached",
        step.span,
        "never reached",
        notes=("every way through the steps before it has ended",),
    )


def misplaced(span: Span, word: str) -> Diagnostic:
    return _problem("misplaced", f"`{word}` stands outside a loop", span, "no `for` or `repeat` around it")


def return_in_branch(span: Span) -> Diagnostic:
    return _problem(
        "misplaced",
        "a parallel branch cannot return for all of them",
        span,
        "`return` in a branch",
        help="end the branch, or the whole flow with `stop` or `fail`",
    )


def shared_variable(target: nodes.Name, symbol: Symbol) -> Diagnostic:
    return _problem(
        "not-settable",
        f"a parallel branch cannot set `{target.text}`, which the others see",
        target.span,
        "set in a branch",
        secondary=((symbol.span, "declared outside"),),
        help="keep it in a `map`, or in a name of the branch",
    )


def misplaced_return(span: Span) -> Diagnostic:
    return _problem(
        "misplaced",
        "nobody takes what this flow returns",
        span,
        "`return` in a flow",
        help="end the flow with `stop` or `fail`",
    )


def needless_tail(step: nodes.Let) -> Diagnostic:
    return _problem(
        "misplaced",
        "`within`, `retry` and `or` belong to an action, not to a value",
        step.value.span,
        "a plain value",
        help="for a default write `x ?? y`",
    )


def two_destinations(application: nodes.Ident, exten: nodes.Ident) -> Diagnostic:
    return _problem(
        "originate-rule",
        "an Originate goes to an extension or to an application, not to both",
        application.span,
        "an application",
        secondary=((exten.span, "an extension"),),
        help="leave one of them out",
    )


def originate_async(entry: nodes.HeaderEntry) -> Diagnostic:
    return _problem(
        "originate-rule",
        "`Async` is `true` or is not written",
        entry.value.span,
        "neither",
        notes=("an Originate is always sent asynchronously; without `Async` the step waits for its outcome",),
        help="leave the header out, or write `Async: true` to go on at once",
    )


def empty_wait(span: Span) -> Diagnostic:
    return _problem("empty-flow", "this wait names no event", span, "nothing to wait for")


def empty_flow(name: nodes.Ident, body: nodes.Body) -> Diagnostic:
    return _problem("empty-flow", f"the flow `{name.text}` has no steps", body.span, "nothing is done")


def no_flows(span: Span) -> Diagnostic:
    return _problem("no-flows", "this recipe has no flow: it does nothing", span.head(), "no `flow` in this file")


def duplicate_clause(clause: nodes.Clause, earlier: nodes.Clause) -> Diagnostic:
    return _problem(
        "duplicate-clause",
        "a clause is written at most once",
        clause.span,
        "again here",
        secondary=((earlier.span, "first here"),),
    )


def _span_of_versions(thing: Event | Action | Header) -> str:
    since = f"since Asterisk {thing.since}" if thing.since else ""
    until = f"until Asterisk {thing.until}" if thing.until else ""
    return f"it exists {' and '.join(filter(None, (since, until)))}"


def event_not_in_version(name: nodes.Ident, event: Event, asterisk: str) -> Diagnostic:
    headline = f"Asterisk {asterisk} has no event {event.name}"
    notes = (_span_of_versions(event),)
    return _problem("event-not-in-version", headline, name.span, "not in this version", notes=notes)


def action_not_in_version(name: nodes.Ident, action: Action, asterisk: str) -> Diagnostic:
    headline = f"Asterisk {asterisk} has no action {action.name}"
    notes = (_span_of_versions(action),)
    return _problem("action-not-in-version", headline, name.span, "not in this version", notes=notes)


def header_not_in_version(name: nodes.Ident, owner: str, header: Header, asterisk: str) -> Diagnostic:
    headline = f"{owner} has no header `{header.name}` in Asterisk {asterisk}"
    notes = (_span_of_versions(header),)
    return _problem("header-not-in-version", headline, name.span, "not in this version", notes=notes)


def bad_allow(what: nodes.Ident, warnings: Sequence[str]) -> Diagnostic:
    return _problem(
        "bad-allow",
        f"`{what.text}` is no warning that can be allowed",
        what.span,
        "no such warning",
        notes=() if near(what.text, warnings) else _choices(warnings, "the warnings are"),
        help=_did_you_mean(what.text, warnings),
    )


def allow_without_reason(span: Span, code: str) -> Diagnostic:
    return _problem(
        "bad-allow",
        f"allowing `{code}` needs a reason",
        span,
        "no reason",
        help=f"write `# allow {code}: why it is meant`",
    )


def idle_allow(span: Span, code: str) -> Diagnostic:
    headline = f"nothing here is warned of as `{code}`"
    return _problem("idle-allow", headline, span, "allows nothing", help="leave the comment out")


def default_uses(name: nodes.Name, symbol: Symbol) -> Diagnostic:
    return _problem(
        "param-default",
        f"the default of a param cannot use `{name.text}`",
        name.span,
        SYMBOL_WORDS[symbol.kind],
        notes=("params are known before anything else of the file; a default may use the params above it",),
    )


def not_yet(span: Span, what: str) -> Diagnostic:
    return _problem(
        "not-yet",
        f"{what} is not there yet",
        span,
        "not there yet",
        notes=("it belongs to the language, and this version of amiflow cannot run it",),
    )


# --- tests ------------------------------------------------------------------------------------------------------------


def expects_nothing(name: nodes.PlainText) -> Diagnostic:
    return _problem(
        "wrong-test",
        "this test expects nothing, so it cannot fail",
        name.span,
        "no `expect` in it",
        help="say what should happen: `expect Action { … }`, or `expect nothing more`",
    )


def param_not_given(test: nodes.PlainText, name: str, declared: nodes.Ident) -> Diagnostic:
    return _problem(
        "wrong-test",
        f"this test gives no value to the param `{name}`",
        test.span,
        f"no `given {name} = …`",
        secondary=((declared.span, "has no default"),),
    )


def late_step(span: Span, word: str, started: Span) -> Diagnostic:
    return _problem(
        "wrong-test",
        f"`{word}` comes too late: the run has begun",
        span,
        "too late",
        secondary=((started, "the run begins here"),),
        help="move it up",
    )


def bad_moment(time: nodes.PlainText) -> Diagnostic:
    return _problem(
        "bad-moment",
        f"`{time.value}` is no date and time",
        time.span,
        "cannot be read",
        help='write it as `"2026-03-02 07:59"`',
    )


def bad_schedule(text: nodes.PlainText, why: str) -> Diagnostic:
    return _problem(
        "bad-moment",
        why,
        text.span,
        "cannot be read",
        help='write `at "07:30"` or `cron "MINUTE HOUR DAY MONTH WEEKDAY"`, such as `cron "*/5 8-18 * * mon-fri"`',
    )


def unknown_zone(zone: nodes.PlainText, known: Sequence[str]) -> Diagnostic:
    return _problem(
        "bad-moment",
        f"there is no time zone `{zone.value}`",
        zone.span,
        "no such zone",
        help=_did_you_mean(zone.value, known) or 'zones are written as `"Europe/Berlin"` or `"UTC"`',
    )


def dial_reply(action: nodes.Ident, outcome: str) -> Diagnostic:
    return _problem(
        "wrong-test",
        f"only an Originate can be `{outcome}`",
        action.span,
        "no call",
        help='for a refusal write `{ Response: "Error" Message: "…" }`',
    )


def no_list(action: nodes.Ident, name: str) -> Diagnostic:
    return _problem("wrong-test", f"{name} answers with no rows", action.span, "no list action")


def foreign_row(event: nodes.Ident, action: str, rows: Sequence[str]) -> Diagnostic:
    return _problem(
        "wrong-test",
        f"{action} has no rows `{event.text}`",
        event.span,
        "no row of this list",
        notes=_choices(rows, "its rows are"),
    )


# --- safety -----------------------------------------------------------------------------------------------------------


def unsafe_value(value: nodes.Expr, header: str, source: Span, what: str, why: str) -> Diagnostic:
    return _problem(
        "unsafe-value",
        f"{what} reaches `{header}` unchecked",
        value.span,
        why if source == value.span else "can be anything",
        secondary=((source, why),) if source != value.span else (),
        notes=(f"text in `{header}` becomes code or aim",),
        help='clean it (`digits(x)`, `only(x, "0-9")`, `one_of(x, […])`), test it for equality, or say `trust(x)`',
    )


def secret_shown(expr: nodes.Expr, secret: Symbol) -> Diagnostic:
    return _problem(
        "secret-shown",
        f"the secret `{secret.name}` would be shown",
        expr.span,
        "printed here",
        secondary=((secret.span, "declared as a secret"),),
        help="leave it out of texts for people",
    )


def feedback_loop(trigger: Span, action: nodes.Ident, spelling: str, event: str) -> Diagnostic:
    return _problem(
        "feedback-loop",
        f"{spelling} causes {event}, which starts this flow again",
        action.span,
        f"causes {event}",
        secondary=((trigger, f"starts at {event}"),),
        help='exclude its own events (`where not ours(e)`), or say `allow feedback-loop "reason"`',
    )


def too_long(span: Span, most: int) -> Diagnostic:
    return _problem(
        "nested-too-deep",
        f"an expression has at most {most} operators in a row",
        span,
        "too long",
        help="write `x in [a, b, c]`, or name parts of it by `let`",
    )
