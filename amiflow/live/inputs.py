"""What a run is given: each param's value from the place that wins, and each secret.

Belongs here: precedence (`--param`, then `--params FILE`, then the configuration, then the default, which the engine
evaluates), texts to values by the declared type, and words for what is unknown, missing or wrong. Never here: reading
files of params (`config`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import isfinite, nan
from typing import Any

from amiflow.live.config import Setting
from amiflow.live.document import Raw, Reader, boolean, seconds
from amiflow.live.problems import Trouble, nearest, problem
from amiflow.live.secrets import SecretSource, read_secret_file
from amiflow.plan.model import Param, Plan
from amiflow.plan.types import Data, ListOf, Maybe, RecordOf, Scalar, Type, type_name
from amiflow.report.data import dataclass
from amiflow.report.diagnostic import Diagnostic, Label, Severity
from amiflow.report.source import Source, Span

COMMAND_LINE = "--param"


class NotOfType(Exception):
    """A text is no value of the type that it should have."""


@dataclass(frozen=True, slots=True)
class Given:
    """Settings from one place, the winning places first. `strict` places may name no param that no recipe has."""

    settings: Mapping[str, Setting]
    strict: bool


def from_command_line(words: Sequence[str]) -> tuple[Given, Source, list[Diagnostic]]:
    """`--param name=value` words as settings, and the source that their spans point into: a line for each word."""
    source = Source(COMMAND_LINE, "\n".join(words))
    found, given, start = [], {}, 0
    for word in words:
        name, equals, value = word.partition("=")
        span = Span(COMMAND_LINE, start, start + len(word))
        if not equals or not name:
            help = "write `--param name=value`"
            found.append(problem("bad-param", "a param is given as name and value", span, "no value", help))
        elif name in given:
            found.append(problem("double-key", f"`{name}` is given twice", span, "the second one"))
        else:
            given[name] = Setting(value, span)
        start += len(word) + 1
    return Given(given, strict=True), source, found


def unknown(plans: Sequence[Plan], places: Iterable[Given]) -> Iterator[Diagnostic]:
    """Settings that no recipe of the run asks for: an error, in the configuration a warning."""
    known = {param.name for plan in plans for param in plan.params}
    for place in places:
        for name, setting in place.settings.items():
            if name not in known:
                span = Span(setting.span.path, setting.span.start, setting.span.start + len(name))
                headline = f"no recipe of this run has a param `{name}`"
                severity: Severity = "error" if place.strict else "warning"
                yield problem("unknown-param", headline, span, "not declared", nearest(name, known), severity)


def values(plan: Plan, places: Sequence[Given]) -> tuple[dict[str, Any], list[Diagnostic]]:
    """The values given for a plan's params, and what is wrong: a value of another type, a required one missing."""
    found: list[Diagnostic] = []
    result: dict[str, Any] = {}
    for param in plan.params:
        setting = next((place.settings[param.name] for place in places if param.name in place.settings), None)
        if setting is None:
            if param.default is None:
                found.append(_missing(param))
            continue
        try:
            result[param.name] = parse(setting.raw, param.type)
        except NotOfType as error:
            found.append(_wrong(param, setting, str(error)))
    return result, found


def _missing(param: Param) -> Diagnostic:
    help = f"give it with `--param {param.name}=…`, in a `--params` file or under `params:` of the configuration"
    return problem("missing-param", f"the param `{param.name}` has no value", param.span, "has no default", help)


def _wrong(param: Param, setting: Setting, why: str) -> Diagnostic:
    headline = f"the param `{param.name}` is of type {type_name(param.type)}"
    primary = Label(setting.span, why, primary=True)
    declared = Label(param.span, "declared here")
    return Diagnostic("bad-param", "error", headline, primary, (declared,))


def parse(raw: Raw, kind: Type) -> Any:
    """The value of a raw one, by its type. A text stands for a list or record as YAML writes it in one line:
    `[a, b]`. Raises NotOfType."""
    match kind:
        case Maybe(of=of):
            return None if raw is None or raw in ("none", "null") else parse(raw, of)
        case Scalar(name=name):
            if not isinstance(raw, str):
                raise NotOfType("no value" if raw is None else "several values")
            return _scalar(raw, name)
        case ListOf(item=item):
            if not isinstance(raw := _inline(raw), list):
                raise NotOfType("no list, such as `[a, b]`")
            return tuple(parse(one, item) for one in raw)
        case RecordOf(fields=fields):
            return _record(_inline(raw), dict(fields))
        case Data():
            return _data(_inline(raw))
    raise NotOfType(f"a {type_name(kind)} cannot be given")


def _inline(raw: Raw) -> Raw:
    if not isinstance(raw, str) or not raw.lstrip().startswith(("[", "{")):
        return raw
    reader = Reader(Source("", raw))
    node = reader.root()
    return reader.raw(node) if node is not None and not reader.found else raw


def _scalar(text: str, name: str) -> Any:
    match name:
        case "text":
            return text
        case "int":
            return _checked(int(text) if re.fullmatch(r"[+-]?\d{1,18}", text) else None, "no whole number")
        case "number":
            number = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?"
            value = float(text) if re.fullmatch(number, text) else nan
            return _checked(value if isfinite(value) else None, "no number")
        case "bool":
            return _checked(boolean(text), "neither `true` nor `false`")
        case "duration":
            return _checked(_length(text) if not text.isdigit() else None, "no duration, such as `1h30m`")
        case "time":
            return _checked(_moment(text), "no time, such as `2026-03-02T07:59:00Z`")
    raise NotOfType(f"a {name} cannot be given")


def _checked(value: Any, otherwise: str) -> Any:
    if value is None:
        raise NotOfType(otherwise)
    return value


def _length(text: str) -> timedelta | None:
    length = seconds(text)
    try:
        return timedelta(seconds=length) if length is not None else None
    except OverflowError:  # longer than can be counted
        return None


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):  # the latter for the first and last hours that there are
        return None


def _record(raw: Raw, fields: Mapping[str, Type]) -> dict[str, Any]:
    if not isinstance(raw, dict) or raw.keys() != fields.keys():
        raise NotOfType("no record with " + ", ".join(f"`{name}`" for name in fields))
    return {name: parse(raw[name], kind) for name, kind in fields.items()}


def _data(raw: Raw) -> Any:
    match raw:
        case dict():
            return {name: _data(value) for name, value in raw.items()}
        case list():
            return tuple(map(_data, raw))
    return raw


def secret_values(plan: Plan, environ: Mapping[str, str], configured: Mapping[str, SecretSource]) -> dict[str, str]:
    """The plan's secrets: from `AMIFLOW_SECRET_NAME`, the file that `AMIFLOW_SECRET_NAME_FILE` names, or the
    configuration's `secrets:`. Raises Trouble naming one that is nowhere."""
    return {secret.name: _secret(secret.name, environ, configured) for secret in plan.secrets}


def _secret(name: str, environ: Mapping[str, str], configured: Mapping[str, SecretSource]) -> str:
    variable, whose = "AMIFLOW_SECRET_" + re.sub(r"\W", "_", name).upper(), f"the secret `{name}`"
    if variable in environ:
        return SecretSource("env", variable).read(whose, environ)
    if variable + "_FILE" in environ:
        return read_secret_file(SecretSource("env", variable + "_FILE").read(whose, environ), whose)
    if name in configured:
        return configured[name].read(whose, environ)
    help = f"set {variable}, or {variable}_FILE to a file's path, or name it under `secrets:` of the configuration"
    raise Trouble(f"the secret `{name}` is not given", help)
