"""What the account may do, from the answer to ListCommands."""

from __future__ import annotations

from amiflow.ami.message import Message
from amiflow.live.privileges import complaint, grant, missing
from amiflow.plan.model import ActionNeed

NEEDS = (ActionNeed("Redirect", ("call",)), ActionNeed("Getvar", ("call", "reporting")), ActionNeed("Atxfer", ()))


def answer(*names: str, word: str = "Success") -> Message:
    return Message.build([("Response", word), ("ActionID", "1"), *((name, "Does so (Priv: all)") for name in names)])


def test_what_is_not_listed_is_missing_whatever_the_case() -> None:
    assert missing(NEEDS, answer("redirect", "GetVar", "Atxfer")) == []
    assert [need.name for need in missing(NEEDS, answer("Ping"))] == ["Redirect", "Getvar", "Atxfer"]


def test_without_the_list_nothing_is_missing() -> None:
    assert missing(NEEDS, answer("Redirect", word="Error")) == []
    assert missing(NEEDS, answer()) == []


def test_the_class_is_named() -> None:
    words = complaint("robot", NEEDS)
    assert "`robot` may not send Redirect, which needs the class call;" in words
    assert "Getvar, which needs the class call or reporting;" in words
    assert "the server has no action Atxfer" in words
    assert "`write = call`" in grant(NEEDS[0])
