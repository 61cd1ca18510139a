"""The headers of actions, of a test's events and of its expectations: do they exist and fit, is any missing.

Never here: which action it is and what becomes of its answer (`check_steps`, `check_tests`).
"""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

from amiflow.lang import nodes, problems_messages, problems_types, rules
from amiflow.lang.infer import Inference
from amiflow.lang.scope import plain_text
from amiflow.lang.vocabulary import USER_EVENT, HeaderInfo, open_header
from amiflow.plan.types import BOOL, DURATION, NONE, TEXT, ListOf, Maybe, MessageOf, Type, Unknown, definite

Role: TypeAlias = Literal["action", "event", "reply", "expect"]

OURS = frozenset({"action", "actionid"})
ALLOCATED = frozenset({"channelid", "otherchannelid"})
_WIRE_INT = re.compile(r"[+-]?[0-9]{1,12}")
_WIRE_NUMBER = re.compile(r"[+-]?[0-9]{1,12}(\.[0-9]{1,12})?")
_WIRE_BOOL = frozenset({"1", "0", "yes", "no", "true", "false", "on", "off"})


def check_block(inference: Inference, block: nodes.Block, message: MessageOf, role: Role) -> None:
    """Check what is written into a message of that kind."""
    seen: dict[str, nodes.Ident] = {}
    for entry in block.headers:
        key = entry.key.text.casefold()
        if not key:
            inference.infer(entry.value)
            continue
        if key in seen:
            inference.findings.say(problems_messages.duplicate_header(entry.key, seen[key]))
        seen.setdefault(key, entry.key)
        _entry(inference, entry, message, role)
    if role == "action" and _complete(block):
        unknown = any(entry not in inference.written for entry in block.headers)
        if not unknown:
            _missing(inference, block, message, set(seen))


def _complete(block: nodes.Block) -> bool:
    """Whether every header could be read: one that was not may be the one that seems to be missing."""
    return all(entry.key.text for entry in block.headers)


def _entry(inference: Inference, entry: nodes.HeaderEntry, message: MessageOf, role: Role) -> None:
    key = entry.key.text.casefold()
    if role == "action" and (key in OURS or (message.names == ("Originate",) and key in ALLOCATED)):
        inference.infer(entry.value)
        inference.written[entry] = open_header(entry.key.text)
        inference.findings.say(problems_messages.not_writable(entry.key))
        return
    info = inference.vocabulary.header(message, entry.key.text)
    if info is None and (inference.vocabulary.writable(message) or not message.names):
        info = open_header(entry.key.text)
    if info is None:
        inference.infer(entry.value)
        inference.findings.say(problems_messages.unknown_header(entry.key, message, inference.vocabulary))
        return
    inference.written[entry] = info
    _value(inference, entry, info, role)


def _value(inference: Inference, entry: nodes.HeaderEntry, info: HeaderInfo, role: Role) -> None:
    kind = inference.infer(entry.value)
    if role == "action" and (isinstance(kind, Maybe) or kind == NONE):
        inference.findings.say(problems_types.maybe_none(entry.value, kind, inference.reason_for_none(entry.value)))
        return
    if kind == NONE:
        return
    items = entry.value.items if isinstance(entry.value, nodes.ListOf) else (entry.value,)
    held = definite(kind)
    for item in items:
        kind_of_item = held.item if isinstance(held, ListOf) else held
        _single(inference, entry, item, definite(kind_of_item), info)


def _single(inference: Inference, entry: nodes.HeaderEntry, value: nodes.Expr, kind: Type, info: HeaderInfo) -> None:
    literal = plain_text(value)
    if isinstance(kind, Unknown):
        return
    if literal is not None:
        if not readable(literal, info):
            inference.findings.say(problems_messages.wrong_header_value(entry, value, kind, info))
        elif info.values and literal.casefold() not in {known.casefold() for known in info.values}:
            inference.findings.say(problems_messages.unknown_value(value.span, literal, info.values))
    elif not _writable(kind, info):
        inference.findings.say(problems_messages.wrong_header_value(entry, value, kind, info))


def readable(text: str, info: HeaderInfo) -> bool:
    """Whether a text, as it would stand on the wire, is a value of the header."""
    match info.coding.type:
        case "int":
            return _WIRE_INT.fullmatch(text) is not None
        case "number" | "duration":
            return _WIRE_NUMBER.fullmatch(text) is not None
        case "bool":
            return text.casefold() in _WIRE_BOOL
    return True


def _writable(kind: Type, info: HeaderInfo) -> bool:
    wanted = info.scalar
    if wanted == TEXT:
        return rules.is_scalar(kind) and kind != DURATION and (kind != BOOL or not info.known)
    return rules.fits(kind, wanted)


def _missing(inference: Inference, block: nodes.Block, message: MessageOf, present: set[str]) -> None:
    """Required headers, one of the sets that complete the action, the fields of a declared userevent."""
    name = message.names[0] if message.names else ""
    action = inference.vocabulary.action(name) if name else None
    if action is None:
        return
    required = [header.name for header in action.headers.values() if header.required]
    if " " in name:
        required = [header for header in required if header != USER_EVENT]
        _, _, own = name.partition(" ")
        fields = inference.vocabulary.userevents.get(own.casefold(), ("", ()))[1]
        required += [field.name for field in fields if not field.coding.optional]
    missing = [header for header in required if header.casefold() not in present]
    if missing:
        inference.findings.say(problems_messages.missing_header(block, action.name, missing))
    groups = [[header for header in group if header.casefold() not in present] for group in action.one_of]
    if groups and all(groups):
        inference.findings.say(problems_messages.missing_group(block, action.name, action.one_of, groups))
    for group in action.together:
        lacking = [header for header in group if header.casefold() not in present]
        if 0 < len(lacking) < len(group):
            inference.findings.say(problems_messages.missing_group(block, action.name, [group], [lacking]))
