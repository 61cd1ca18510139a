"""What of a recipe a certain Asterisk does not have: events, actions and headers.

Belongs here: finding them, for `amiflow check --asterisk 16`, and for which versions that can be done. Never here: a
server that is connected, whose version only a run knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from amiflow.ami.catalog import Action, Event, Header, exists
from amiflow.lang import nodes, problems_messages
from amiflow.lang.scope import Checked
from amiflow.lang.vocabulary import Vocabulary
from amiflow.lang.walk import Whole
from amiflow.plan.types import MessageOf
from amiflow.report.diagnostic import Diagnostic

_EARLY, _FIRST, _LAST = ("1.4", "1.6", "1.8"), 10, 23
_SERIES = (*_EARLY, *map(str, range(_FIRST, _LAST + 1)))

KNOWN = f"{', '.join(_EARLY)} and {_FIRST} to {_LAST}"
"""The Asterisk versions of which is known what they have, in words."""


def is_known(asterisk: str) -> bool:
    """Whether it is a version ("16", "18.26.0") of which is known what it has."""
    shaped = re.fullmatch(r"\d{1,3}(\.\d{1,4}){0,3}", asterisk, re.ASCII)
    return shaped is not None and f"{asterisk}.".startswith(tuple(f"{one}." for one in _SERIES))


def not_in_version(whole: Whole, checked: Checked, vocabulary: Vocabulary, asterisk: str) -> list[Diagnostic]:
    """What an Asterisk of that version ("16", "18.26.0") lacks. Of alternatives (`on A | B`) one is enough, and of
    those that there are, each must have the headers that are read."""
    return [problem for node in whole.everything for problem in _of(node, checked, vocabulary, asterisk)]


def _of(node: object, checked: Checked, vocabulary: Vocabulary, asterisk: str) -> Iterator[Diagnostic]:
    match node:
        case nodes.Pattern(events=events):
            known = [(one, event) for one in events if (event := vocabulary.event(one.name.text)) is not None]
            if known and not any(exists(event, asterisk) for _, event in known):
                yield problems_messages.event_not_in_version(known[0][0].name, known[0][1], asterisk)
        case nodes.Action(message=message, block=block):
            action = vocabulary.action(message.name.text)
            if action is None:
                return
            if not exists(action, asterisk):
                yield problems_messages.action_not_in_version(message.name, action, asterisk)
            else:
                yield from _written(block, action, asterisk)
        case nodes.Member() | nodes.Index() if node in checked.read:
            name = node.name if isinstance(node, nodes.Member) else None
            base = checked.types.get(node.base)
            if name is not None and isinstance(base, MessageOf):
                yield from _read(name, base, vocabulary, asterisk)


def _written(block: nodes.Block, action: Action, asterisk: str) -> Iterator[Diagnostic]:
    for entry in block.headers:
        header = action.header(entry.key.text)
        if header is not None and not exists(header, asterisk):
            yield problems_messages.header_not_in_version(entry.key, action.name, header, asterisk)


def _read(name: nodes.Ident, base: MessageOf, vocabulary: Vocabulary, asterisk: str) -> Iterator[Diagnostic]:
    for alternative in base.names:
        thing = vocabulary.action(alternative) if base.kind in ("action", "response") else vocabulary.event(alternative)
        header = _header(thing, base, name.text)
        if thing is not None and header is not None and exists(thing, asterisk) and not exists(header, asterisk):
            yield problems_messages.header_not_in_version(name, thing.name, header, asterisk)
            return


def _header(thing: Event | Action | None, base: MessageOf, name: str) -> Header | None:
    if isinstance(thing, Action) and base.kind == "response":
        return thing.answer(name)
    return thing.header(name) if thing is not None else None
