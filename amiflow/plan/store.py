"""A plan as JSON and back.

Belongs here: the one codec, driven by the fields' annotations, so that a new node needs no line here. Every object is
`{"is": "ClassName", …}`; a duration is `{"is": "duration", "us": microseconds}`. Never here: reading or writing files.
Loading checks every type, and every jump, so that what comes out can be run: a plan may have been edited by hand.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import is_dataclass
from datetime import timedelta
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from amiflow.plan.model import (
    VERSION,
    Act,
    Again,
    Await,
    Code,
    Enter,
    Errand,
    Fork,
    ForkEach,
    Handler,
    Jump,
    JumpUnless,
    Next,
    Plan,
    Take,
    WaitUntil,
)
from amiflow.plan.walk import FIELDS


class StoreError(Exception):
    """The text is no plan that this amiflow can run; says where in it and why."""


def dump(plan: Plan) -> str:
    """The plan as JSON text, the same text for the same plan."""
    return json.dumps(_encode(plan), indent=1, ensure_ascii=False) + "\n"


def load(text: str) -> Plan:
    """The plan of a JSON text. Raises StoreError."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise StoreError(f"no JSON: {error}") from error
    if not isinstance(data, dict) or data.get("is") != "Plan":
        raise StoreError("no plan: `amiflow plan FILE --json` writes one")
    if data.get("version") != VERSION:
        raise StoreError(f"a plan of version {data.get('version')}; this amiflow runs version {VERSION}: compile again")
    try:
        plan = _decode(data, Plan, "plan")
    except RecursionError as error:
        raise StoreError("nested too deeply") from error
    assert isinstance(plan, Plan)
    for flow in plan.flows:
        _check_targets(flow.body, f"flow {flow.name}")
        _check_targets(flow.final, f"flow {flow.name}, finally")
    return plan


def _encode(value: Any) -> Any:
    names = FIELDS[type(value)]
    if names is not None:
        return {"is": type(value).__name__} | {name: _encode(getattr(value, name)) for name in names}
    if isinstance(value, tuple):
        return [_encode(item) for item in value]
    if isinstance(value, timedelta):
        return {"is": "duration", "us": value // timedelta(microseconds=1)}
    return value


@cache
def _hints(kind: type) -> dict[str, Any]:
    given = get_type_hints(kind)
    return {name: given[name] for name in FIELDS[kind] or ()}


def _decode(data: Any, hint: Any, place: str) -> Any:
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return _decode_union(data, get_args(hint), place)
    if origin is tuple:
        return _decode_tuple(data, get_args(hint), place)
    if origin is Literal:
        if data not in get_args(hint):
            raise StoreError(f"{place}: `{data}` is none of {', '.join(map(str, get_args(hint)))}")
        return data
    if is_dataclass(hint) and isinstance(hint, type):
        return _decode_object(data, hint, place)
    if hint is timedelta:
        us = _decode(data.get("us") if isinstance(data, dict) else None, int, place)
        try:
            return timedelta(microseconds=us)
        except OverflowError:
            raise StoreError(f"{place}: a duration too long for any clock") from None
    if type(data) is not hint and not (hint is float and type(data) is int):
        raise StoreError(f"{place}: {hint.__name__} wanted, not {data!r:.40}")
    return data


def _decode_union(data: Any, hints: tuple[Any, ...], place: str) -> Any:
    if isinstance(data, dict):
        tag = data.get("is")
        named = {"duration" if hint is timedelta else getattr(hint, "__name__", ""): hint for hint in hints}
        if not isinstance(tag, str) or tag not in named:
            raise StoreError(f"{place}: `{tag}` cannot stand here")
        return _decode(data, named[tag], place)
    if data is None and NoneType in hints:
        return None
    for hint in hints:
        if type(data) is hint:
            return data
    plain = [hint for hint in hints if hint is not NoneType and not is_dataclass(hint)]
    if len(plain) == 1:
        return _decode(data, plain[0], place)
    raise StoreError(f"{place}: {data!r:.40} cannot stand here")


def _decode_tuple(data: Any, hints: tuple[Any, ...], place: str) -> tuple[Any, ...]:
    if not isinstance(data, list):
        raise StoreError(f"{place}: a list wanted, not {data!r:.40}")
    if len(hints) == 2 and hints[1] is Ellipsis:
        return tuple(_decode(item, hints[0], f"{place}[{i}]") for i, item in enumerate(data))
    if len(data) != len(hints):
        raise StoreError(f"{place}: {len(hints)} items wanted, not {len(data)}")
    return tuple(_decode(item, hint, f"{place}[{i}]") for i, (item, hint) in enumerate(zip(data, hints, strict=True)))


def _decode_object(data: Any, kind: type, place: str) -> Any:
    if not isinstance(data, dict) or data.get("is") != kind.__name__:
        raise StoreError(f"{place}: {kind.__name__} wanted, not {data!r:.40}")
    hints = _hints(kind)
    if data.keys() - {"is"} != hints.keys():
        wrong = sorted((data.keys() - {"is"}) ^ hints.keys())
        raise StoreError(f"{place}: `{wrong[0]}` is missing or too much")
    return kind(**{name: _decode(data[name], hint, f"{place}.{name}") for name, hint in hints.items()})


def _targets(code: Code) -> Iterator[int]:
    for step in code:
        match step:
            case Fork(branches=branches, done=done):
                yield from (*branches, done)
            case ForkEach(body=body, done=done):
                yield from (body, done)
            case Enter(begin=begin, end=end, handler=handler):
                yield from (begin, end) if handler is None else (begin, end, handler.target)
            case (
                Act(handler=Handler(target=target))
                | Errand(handler=Handler(target=target))
                | WaitUntil(handler=Handler(target=target))
            ):
                yield target
            case Await():
                yield from (entry.target for entry in step.entries if entry.target is not None)
                yield from () if step.timeout_target is None else (step.timeout_target,)
                yield from () if step.handler is None else (step.handler.target,)
            case Take(end=end, handler=handler):
                yield from (end,) if handler is None else (end, handler.target)
            case JumpUnless(target=target, done=done):
                yield from (target, done)
            case Jump(target=target) | Next(done=target) | Again(done=target):
                yield target


def _check_targets(code: Code, place: str) -> None:
    for target in _targets(code):
        if not 0 <= target < len(code):
            raise StoreError(f"{place}: a step goes on at {target}, but there are {len(code)} steps")
