"""A header's text becomes a value and a value a header's text, as the catalogue's coding says."""

from datetime import UTC, datetime, timedelta

import pytest

from amiflow.ami.message import Message
from amiflow.engine.values import BadText, Call, Failure, Reply, Value, read, to_plain, to_text, write
from amiflow.plan.types import Coding

MS = Coding("duration", "ms")
S = Coding("duration", "s")


@pytest.mark.parametrize(
    ("text", "coding", "value"),
    [
        ("16", Coding("int"), 16),
        ("0.5", Coding("number"), 0.5),
        ("yes", Coding("bool"), True),
        ("0", Coding("bool"), False),
        ("30000", MS, timedelta(seconds=30)),
        ("30", S, timedelta(seconds=30)),
        ("00:01:05", S, timedelta(seconds=65)),
        ("1795400087.5", Coding("time", "epoch"), datetime(2026, 11, 23, 2, 14, 47, 500000, tzinfo=UTC)),
        ("2026-11-23T02:14:47.563+0000", Coding("time", "iso"), datetime(2026, 11, 23, 2, 14, 47, 563000, tzinfo=UTC)),
        ("a b", Coding("text"), "a b"),
        ("", Coding("text"), ""),
        ("<unknown>", Coding("text"), "<unknown>"),
    ],
)
def test_read(text: str, coding: Coding, value: Value) -> None:
    assert read(text, coding, escapes=True) == value


@pytest.mark.parametrize("coding", [Coding("text", optional=True), Coding("int", optional=True)])
@pytest.mark.parametrize("text", [None, "<unknown>"])
def test_optional_headers_read_as_none(text: str | None, coding: Coding) -> None:
    assert read(text, coding, escapes=True) is None


@pytest.mark.parametrize(
    ("text", "coding"),
    [
        (None, Coding("text")),
        ("x", Coding("int")),
        ("maybe", Coding("bool")),
        ("1e999", S),
        ("1e999", Coding("number")),
        ("nan", Coding("number")),
        ("noon", Coding("time", "iso")),
    ],
)
def test_text_that_is_no_value_is_refused(text: str | None, coding: Coding) -> None:
    with pytest.raises(BadText):
        read(text, coding, escapes=True)


def test_optional_text_that_is_no_value_is_none() -> None:
    assert read("x", Coding("int", optional=True), escapes=True) is None


def test_escapes_are_undone_only_where_the_server_makes_them() -> None:
    name = Coding("text", escaped=True)
    assert read("O\\'Brien", name, escapes=True) == "O'Brien"
    assert read("O\\'Brien", name, escapes=False) == "O\\'Brien"
    assert read("O\\'Brien", Coding("text"), escapes=True) == "O\\'Brien"


@pytest.mark.parametrize(
    ("value", "coding", "text"),
    [
        (timedelta(seconds=30), MS, "30000"),
        (timedelta(seconds=30), S, "30"),
        (timedelta(milliseconds=250), S, "1"),
        (True, Coding("bool", None, "yes", "no"), "yes"),
        (False, Coding("bool", None, "1", "0"), "0"),
        (680, Coding("text"), "680"),
        (2.0, Coding("number"), "2"),
        (("a=1", "b=2"), Coding("text"), ("a=1", "b=2")),
        (datetime(2026, 11, 23, tzinfo=UTC), Coding("time", "epoch"), "1795392000"),
    ],
)
def test_write(value: Value, coding: Coding, text: str) -> None:
    assert write(value, coding) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (True, "true"),
        (1.5, "1.5"),
        (3.0, "3"),
        (timedelta(minutes=90), "1h30m"),
        (datetime(2026, 3, 2, 7, 59, tzinfo=UTC), "2026-03-02T07:59:00Z"),
        (("a", None, 2), "[a, -, 2]"),
        ({"a": ("b",)}, "{a: [b]}"),
        (Failure("busy", "it is"), "busy: it is"),
    ],
)
def test_to_text(value: Value, text: str) -> None:
    assert to_text(value) == text


def test_a_call_knows_its_channel_better_than_its_response() -> None:
    response = Message.build([("Event", "OriginateResponse"), ("Uniqueid", "<unknown>"), ("Reason", "4")])
    call = Call("PJSIP/a-1", "u-1", response)
    assert (call.get("CHANNEL"), call.get("UniqueID"), call.get("Reason")) == ("PJSIP/a-1", "u-1", "4")
    assert Call(None, "u-1", None).get("Reason") is None


def test_a_reply_reads_its_response() -> None:
    reply = Reply(Message.build([("Response", "Success"), ("Value", "7"), ("Output", "a"), ("Output", "b")]), ())
    assert reply.get("value") == "7"
    assert reply.all("output") == ["a", "b"]


def test_any_value_can_be_made_plain() -> None:
    moment = datetime(2026, 3, 2, 7, 59, tzinfo=UTC)
    message = Message.build([("Event", "Hangup"), ("Channel", "PJSIP/a-1")])
    value = {"list": (1, 2.5, None, True), "time": moment, "within": timedelta(milliseconds=1500), "event": message}
    assert to_plain(value) == {
        "list": [1, 2.5, None, True],
        "time": "2026-03-02T07:59:00Z",
        "within": 1.5,
        "event": "Hangup",
    }
