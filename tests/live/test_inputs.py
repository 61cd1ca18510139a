"""Params and secrets: which place wins, what a text becomes, and words for what is wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from amiflow.live import inputs
from amiflow.live.config import Setting
from amiflow.live.document import Raw
from amiflow.live.inputs import Given, NotOfType
from amiflow.live.problems import Trouble
from amiflow.live.secrets import SecretSource
from amiflow.plan.model import Secret
from amiflow.plan.types import BOOL, DATA, DURATION, INT, NUMBER, TEXT, TIME, ListOf, Maybe, RecordOf, Type
from amiflow.report.source import Span
from support.runs import compiled

PLAN = compiled(
    """
param room: text
param limit: int = 5
secret token
flow f on start { log "${room} ${limit}" }
"""
)


def given(strict: bool = True, **settings: Raw) -> Given:
    return Given({name: Setting(raw, Span("x", 0, 9)) for name, raw in settings.items()}, strict)


@pytest.mark.parametrize(
    ("raw", "kind", "value"),
    [
        ("0680", TEXT, "0680"),
        ("-42", INT, -42),
        ("1.5", NUMBER, 1.5),
        ("Yes", BOOL, True),
        ("off", BOOL, False),
        ("1h30m", DURATION, timedelta(minutes=90)),
        ("250ms", DURATION, timedelta(milliseconds=250)),
        ("2026-03-02T08:59:00+01:00", TIME, datetime(2026, 3, 2, 7, 59, tzinfo=UTC)),
        (["1", "2"], ListOf(INT), (1, 2)),
        ("[1, 2]", ListOf(INT), (1, 2)),
        ("[]", ListOf(TEXT), ()),
        ("{a: 1, b: x}", RecordOf((("a", INT), ("b", TEXT))), {"a": 1, "b": "x"}),
        (None, Maybe(INT), None),
        ("none", Maybe(INT), None),
        ("7", Maybe(INT), 7),
        ({"a": ["1"]}, DATA, {"a": ("1",)}),
    ],
)
def test_a_text_becomes_a_value_of_the_declared_type(raw: Raw, kind: Type, value: Any) -> None:
    assert inputs.parse(raw, kind) == value


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        ("abc", INT),
        ("1.0", INT),
        ("9" * 30, INT),
        ("1e9999", NUMBER),
        ("nan", NUMBER),
        ("1e999", NUMBER),
        ("9" * 20 + "d", DURATION),
        ("0001-01-01T00:00:00+14:00", TIME),
        ("maybe", BOOL),
        ("5", DURATION),
        ("5 s", DURATION),
        ("tomorrow", TIME),
        ("a, b", ListOf(TEXT)),
        ("[a", ListOf(TEXT)),
        ("{a: 1}", RecordOf((("b", INT),))),
        (None, TEXT),
        (["x"], TEXT),
    ],
)
def test_a_text_that_is_no_such_value_is_refused(raw: Raw, kind: Type) -> None:
    with pytest.raises(NotOfType):
        inputs.parse(raw, kind)


def test_the_first_place_wins() -> None:
    places = [given(room="a"), given(room="b", limit="1"), given(False, limit="2")]
    assert inputs.values(PLAN, places) == ({"room": "a", "limit": 1}, [])


def test_what_is_missing_or_wrong_is_named() -> None:
    _, missing = inputs.values(PLAN, [])
    assert [(one.code, one.headline) for one in missing] == [("missing-param", "the param `room` has no value")]
    _, wrong = inputs.values(PLAN, [given(room="a", limit="many")])
    assert [(one.headline, one.primary.text) for one in wrong] == [
        ("the param `limit` is of type int", "no whole number")
    ]
    assert wrong[0].secondary[0].span.path == "recipe.flow"


def test_an_unknown_name_is_an_error_with_a_suggestion_and_in_the_configuration_a_warning() -> None:
    strict, lax = inputs.unknown([PLAN], [given(rom="a"), given(False, fee="b")])
    assert (strict.severity, strict.help) == ("error", "did you mean `room`?")
    assert (lax.severity, lax.span) == ("warning", Span("x", 0, 3))


def test_the_command_line_is_read_as_name_and_value() -> None:
    place, source, found = inputs.from_command_line(["room=6=8", "limit=", "room=7", "x"])
    assert {name: one.raw for name, one in place.settings.items()} == {"room": "6=8", "limit": ""}
    assert [(one.code, source.slice(one.span)) for one in found] == [("double-key", "room=7"), ("bad-param", "x")]


def test_a_secret_of_an_imported_file_has_its_name_in_the_variable() -> None:
    plan = replace(PLAN, secrets=(Secret("queues.token", PLAN.secrets[0].span),))
    environ = {"AMIFLOW_SECRET_QUEUES_TOKEN": "e"}
    assert inputs.secret_values(plan, environ, {}) == {"queues.token": "e"}


def test_a_secret_comes_from_the_first_place_that_has_it(tmp_path: Path) -> None:
    (tmp_path / "t").write_text("from a file\n")
    environ = {"AMIFLOW_SECRET_TOKEN_FILE": str(tmp_path / "t")}
    configured = {"token": SecretSource("literal", "from the configuration")}
    assert inputs.secret_values(PLAN, environ | {"AMIFLOW_SECRET_TOKEN": "e"}, configured) == {"token": "e"}
    assert inputs.secret_values(PLAN, environ, configured) == {"token": "from a file"}
    assert inputs.secret_values(PLAN, {}, configured) == {"token": "from the configuration"}
    with pytest.raises(Trouble, match="the secret `token` is not given"):
        inputs.secret_values(PLAN, {}, {})


@pytest.mark.parametrize("variable", ["AMIFLOW_SECRET_TOKEN", "AMIFLOW_SECRET_TOKEN_FILE"])
def test_a_variable_of_a_secret_that_is_empty_is_named(variable: str) -> None:
    with pytest.raises(Trouble, match=f"the secret `token`: {variable} is empty"):
        inputs.secret_values(PLAN, {variable: ""}, {"token": SecretSource("literal", "x")})
