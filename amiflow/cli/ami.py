"""`amiflow ami`: what the catalogue knows of an event or an action."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import click

from amiflow.ami.catalog import Action, Event, Grant, Header, exists
from amiflow.cli.compiling import asterisk_version, catalogue
from amiflow.live.problems import nearest


@click.command()
@click.argument("name", metavar="EVENT|ACTION")
@click.option("--asterisk", metavar="VERSION", callback=asterisk_version, help="Only what one version has, such as 16.")
def command(name: str, asterisk: str | None) -> int:
    """Print what is known of an event or action: headers, types, privilege classes, versions."""
    known = catalogue()
    found: list[Event | Action] = [one for one in (known.event(name), known.action(name)) if one is not None]
    if not found:
        names = [*(one.name for one in known.events), *(one.name for one in known.actions)]
        help = nearest(name, names)
        raise click.UsageError(f"Asterisk has no event or action '{name}'" + (f"; {help}" if help else ""))
    click.echo("\n".join(entry(one, asterisk) for one in found), nl=False)
    return 0


def entry(thing: Event | Action, asterisk: str | None = None) -> str:
    """An entry as text for people; with a version, without the headers that it lacks."""
    lines = list(_event(thing) if isinstance(thing, Event) else _action(thing))
    tables = [("headers", thing.headers)]
    if isinstance(thing, Action):
        tables.append(("response", thing.response))
    for title, headers in tables:
        rows = [one for one in headers.values() if asterisk is None or exists(one, asterisk)]
        lines += [f"  {title}:", *_table(rows, title != "headers" or isinstance(thing, Event))] if rows else []
    if asterisk is not None and not exists(thing, asterisk):
        lines.append(f"  not in Asterisk {asterisk}")
    return "\n".join(lines) + "\n"


def _event(event: Event) -> Iterator[str]:
    yield f"event {event.name}{_versions(event)}"
    if event.row or event.end:
        yield f"  {'a row of a list' if event.row else 'the end of a list'}" + ("" if event.classes else " alone")
    yield from _classes("read", event.classes_by_version, "all of")
    if event.open:
        yield "  may carry other headers"


def _action(action: Action) -> Iterator[str]:
    yield f"action {action.name}{_versions(action)}"
    if action.refused is not None:
        yield f"  not for recipes: {action.refused}"
    yield from _classes("write", action.privileges_by_version, "one of")
    yield f"  {'merely reads' if action.reads else 'changes something'}"
    if action.list is not None:
        which = "some requests " if action.list.announced else ""
        yield f"  answers {which}with a list of {', '.join(action.list.rows)}; its end: {action.list.end or 'none'}"
    if action.causes:
        yield f"  causes {', '.join(action.causes)}"
    if action.one_of:
        yield f"  needs one of: {'; '.join(' + '.join(group) for group in action.one_of)}"
    if action.response_open:
        yield "  its response may carry other headers"


def _classes(word: str, grants: Iterable[Grant], which: str) -> Iterator[str]:
    for grant in grants:
        names = ", ".join(grant.classes)
        need = f"{which} {names}" if len(grant.classes) > 1 else names
        yield f"  {word}: {need or 'every account'}{_versions(grant)}"


def _versions(thing: Event | Action | Header | Grant) -> str:
    since = f" since {thing.since}" if thing.since else ""
    until = f" until {thing.until}" if thing.until else ""
    return f" ({(since + until).strip()})" if since or until else ""


def _table(headers: list[Header], received: bool) -> Iterator[str]:
    width = max(len(one.name) for one in headers)
    for one in headers:
        yield f"    {one.name.ljust(width)}  {', '.join(_facts(one, received))}{_versions(one)}"


def _facts(header: Header, received: bool) -> Iterator[str]:
    yield f"{header.type} in {header.unit}" if header.unit else header.type
    if header.true or header.false:
        yield f"{header.true or '-'} or {header.false or '-'}"
    if header.values:
        yield " | ".join(header.values)
    if not received:
        yield "required" if header.required else "optional"
    elif header.optional:
        yield "may be absent"
    flags = {"repeated": header.repeated, "a caller controls it": header.caller, "becomes code": header.code}
    yield from (words for words, holds in flags.items() if holds)
    if header.names:
        yield f"the name of: {header.names}"
