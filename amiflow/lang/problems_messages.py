"""Wording: events, actions and their headers, and the versions of Asterisk that have them.

Belongs here: one function a mistake, facts in, a diagnostic out. Never here: finding a mistake, drawing it
(`report.render`), a kind's rule and examples (`report.codes`), what all wording shares (`wording`).
"""

from __future__ import annotations

from collections.abc import Sequence

from amiflow.ami.catalog import Action, Catalog, Event, Header
from amiflow.lang import nodes
from amiflow.lang.scope import Symbol
from amiflow.lang.vocabulary import HeaderInfo, Vocabulary
from amiflow.lang.wording import an, choices, conversion, did_you_mean, listed, of_message, problem, replaced
from amiflow.plan.types import DURATION, INT, NUMBER, TEXT, MessageOf, Type, type_name
from amiflow.report.diagnostic import Diagnostic
from amiflow.report.source import Span
from amiflow.report.suggest import near


def unknown_event(name: nodes.Ident, catalog: Catalog) -> Diagnostic:
    known = [event.name for event in catalog.events]
    note = (f"`{name.text}` is an action",) if catalog.action(name.text) else ()
    return problem(
        "unknown-event",
        f"Asterisk has no event `{name.text}`",
        name.span,
        "no such event",
        notes=note,
        help=did_you_mean(name.text, known),
        edit=replaced(name.span, name.text, known),
    )


def unknown_userevent(name: nodes.Ident, known: Sequence[str]) -> Diagnostic:
    return problem(
        "unknown-event",
        f"no userevent `{name.text}` is declared",
        name.span,
        "not declared",
        notes=() if near(name.text, known) else choices(known, "declared are"),
        help=did_you_mean(name.text, known) or f"declare it: `userevent {name.text} {{ Header: text }}`",
    )


def row_event(name: nodes.Ident, spelling: str) -> Diagnostic:
    return problem(
        "row-event",
        f"`{spelling}` only comes as part of an action's answer",
        name.span,
        "never comes by itself",
        help="send the action and read its rows",
    )


def unknown_action(name: nodes.Ident, catalog: Catalog) -> Diagnostic:
    known = [action.name for action in catalog.actions]
    note = (f"`{name.text}` is an event",) if catalog.event(name.text) else ()
    help = did_you_mean(name.text, known)
    if help is None and not note:
        help = f'an action that is not described: `raw "{name.text}" {{ … }}`'
    return problem(
        "unknown-action",
        f"Asterisk has no action `{name.text}`",
        name.span,
        "no such action",
        notes=note,
        help=help,
        edit=replaced(name.span, name.text, known),
    )


def refused_action(name: nodes.Ident | nodes.PlainText, spelling: str, reason: str) -> Diagnostic:
    return problem(
        "refused-action", f"a recipe cannot send `{spelling}`", name.span, "never sent", notes=(reason.rstrip("."),)
    )


def needless_raw(name: nodes.PlainText, known: str) -> Diagnostic:
    return problem(
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
    help = did_you_mean(name.text, known)
    notes = () if help else _where_it_is(name.text, message, vocabulary, known)
    if help is None and vocabulary.open(message) and owner is not None:
        help = f'a header that is not described is read as text: `{owner.name}["{name.text}"]`'
    secondary = ((owner.span, f"`{owner.name}` is {_what_it_is(message)}"),) if owner is not None else ()
    return problem(
        "unknown-header",
        f"{of_message(message)} has no header `{name.text}`",
        name.span,
        "no such header",
        secondary=secondary,
        notes=notes,
        help=help,
        edit=replaced(name.span, name.text, known),
    )


def _what_it_is(message: MessageOf) -> str:
    return {"event": "this event", "call": "this call", "error": "this error"}.get(
        message.kind, f"{of_message(message)}"
    )


def _where_it_is(name: str, message: MessageOf, vocabulary: Vocabulary, known: Sequence[str]) -> tuple[str, ...]:
    with_it = [one for one in message.names if vocabulary.header(MessageOf(message.kind, (one,)), name)]
    if with_it and len(message.names) > 1:
        return (f"only {' and '.join(with_it)} has it; of alternatives the headers common to all are known",)
    if message.kind == "event":
        events = vocabulary.events_with(name)
        if events:
            more = ", …" if len(events) > 4 else ""
            return (f"`{name}` is a header of {', '.join(events[:4])}{more}",)
    return choices(known, "there are")


def missing_header(block: nodes.Block, action: str, missing: Sequence[str]) -> Diagnostic:
    word = "header" if len(missing) == 1 else "headers"
    return problem(
        "missing-header",
        f"{action} needs the {word} {listed(missing)}",
        block.span,
        f"without {listed(missing)}",
    )


def missing_group(
    block: nodes.Block, action: str, complete: Sequence[Sequence[str]], missing: Sequence[Sequence[str]]
) -> Diagnostic:
    nearest = min(range(len(missing)), key=lambda at: len(missing[at]) - len(complete[at]))
    ways = ", or ".join(listed(way) for way in complete)
    return problem(
        "missing-header",
        f"{action} does not say enough without {listed(missing[nearest])}",
        block.span,
        "not enough",
        notes=(f"it needs {ways}",),
    )


def duplicate_header(key: nodes.Ident, earlier: nodes.Ident) -> Diagnostic:
    return problem(
        "duplicate-header",
        f"the header `{key.text}` is written twice",
        key.span,
        "again here",
        secondary=((earlier.span, "first here"),),
        help=f"a repeated header is given a list: `{key.text}: [a, b]`",
    )


def duplicate_key(key: nodes.Ident, earlier: nodes.Ident) -> Diagnostic:
    return problem(
        "duplicate-key",
        f"`{key.text}` is written twice",
        key.span,
        "again here",
        secondary=((earlier.span, "first here"),),
    )


def not_writable(key: nodes.Ident) -> Diagnostic:
    return problem(
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
        help = conversion(kind, wanted)
    return problem(
        "type-mismatch",
        f"`{info.name}` takes {an(type_name(wanted))}, not {an(type_name(kind))}",
        value.span,
        f"this is {an(type_name(kind))}",
        secondary=((entry.key.span, f"takes {an(type_name(wanted))}"),),
        help=help,
    )


_UNITS = {
    "ms": "milliseconds",
    "s": "seconds",
    "min": "minutes",
    "us": "microseconds",
    "hms": "hours, minutes and seconds",
    None: "seconds",
}

_SUFFIXES = {"ms": "ms", "s": "s", "min": "m"}


def _with_unit(value: nodes.Expr, info: HeaderInfo) -> str:
    if not isinstance(value, nodes.Int):
        return "30s"
    if info.coding.unit == "ms" and value.value % 1000 == 0:
        return f"{value.value // 1000}s"
    return f"{value.value}{_SUFFIXES.get(info.coding.unit or 's', 's')}"


def unknown_value(span: Span, text: str, values: Sequence[str]) -> Diagnostic:
    return problem(
        "unknown-value",
        f"`{text}` is not among the values that are known here",
        span,
        "perhaps misspelt",
        notes=() if near(text, values) else choices(values, "known are"),
        help=did_you_mean(text, values),
    )


def two_destinations(application: nodes.Ident, exten: nodes.Ident) -> Diagnostic:
    return problem(
        "originate-rule",
        "an Originate goes to an extension or to an application, not to both",
        application.span,
        "an application",
        secondary=((exten.span, "an extension"),),
        help="leave one of them out",
    )


def originate_async(entry: nodes.HeaderEntry) -> Diagnostic:
    return problem(
        "originate-rule",
        "`Async` is `true` or is not written",
        entry.value.span,
        "neither",
        notes=("an Originate is always sent asynchronously; without `Async` the step waits for its outcome",),
        help="leave the header out, or write `Async: true` to go on at once",
    )


def _span_of_versions(thing: Event | Action | Header) -> str:
    since = f"since Asterisk {thing.since}" if thing.since else ""
    until = f"until Asterisk {thing.until}" if thing.until else ""
    return f"it exists {' and '.join(filter(None, (since, until)))}"


def event_not_in_version(name: nodes.Ident, event: Event, asterisk: str) -> Diagnostic:
    headline = f"Asterisk {asterisk} has no event {event.name}"
    notes = (_span_of_versions(event),)
    return problem("event-not-in-version", headline, name.span, "not in this version", notes=notes)


def action_not_in_version(name: nodes.Ident, action: Action, asterisk: str) -> Diagnostic:
    headline = f"Asterisk {asterisk} has no action {action.name}"
    notes = (_span_of_versions(action),)
    return problem("action-not-in-version", headline, name.span, "not in this version", notes=notes)


def header_not_in_version(name: nodes.Ident, owner: str, header: Header, asterisk: str) -> Diagnostic:
    headline = f"{owner} has no header `{header.name}` in Asterisk {asterisk}"
    notes = (_span_of_versions(header),)
    return problem("header-not-in-version", headline, name.span, "not in this version", notes=notes)
