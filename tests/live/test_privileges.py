"""What the account may do, from the answer to ListCommands."""

from __future__ import annotations

from amiflow.ami.message import Message
from amiflow.live.privileges import asked_of, complaint, grant, missing, needed_on
from amiflow.plan.model import ActionNeed
from support.runs import compiled

NEEDS = (ActionNeed("Redirect", ("call",)), ActionNeed("Getvar", ("call", "reporting")), ActionNeed("Atxfer", ()))


def answer(*names: str, word: str = "Success") -> Message:
    return Message.build([("Response", word), ("ActionID", "1"), *((name, "Does so (Priv: all)") for name in names)])


def test_what_is_not_listed_is_missing_whatever_the_case() -> None:
    assert missing(NEEDS, answer("redirect", "GetVar", "Atxfer")) == []
    assert [need.name for need in missing(NEEDS, answer("Ping"))] == ["Redirect", "Getvar", "Atxfer"]


def test_each_server_is_asked_about_what_its_flows_send_and_about_the_lists_of_the_picture() -> None:
    one = compiled("""
flow everywhere on Hangup { Ping {} }
flow a on Hangup server "a" { Getvar { Variable: "X" } Hangup { Channel: "x" } }
flow b on Hangup server "b" { log "${len(pbx.channels)}" } finally { Hangup { Channel: "x" } }
""")
    other = compiled('flow c on Hangup server "c" { Getvar { Variable: "X" } }')
    asked = asked_of([one, other])
    lists = ["BridgeList", "CoreShowChannels"]
    assert {name: sorted(need.name for need in needed_on(asked, name)) for name in "abcd"} == {
        "a": sorted([*lists, "Getvar", "Ping", "Hangup"]),
        "b": sorted([*lists, "Ping", "Hangup"]),
        "c": sorted([*lists, "Getvar", "Ping"]),
        "d": sorted([*lists, "Ping"]),
    }


def test_without_the_list_nothing_is_missing() -> None:
    assert missing(NEEDS, answer("Redirect", word="Error")) == []
    assert missing(NEEDS, answer()) == []


def test_the_class_is_named() -> None:
    words = complaint("robot", NEEDS)
    assert "`robot` may not send Redirect, which needs the class call;" in words
    assert "Getvar, which needs the class call or reporting;" in words
    assert "the server has no action Atxfer" in words
    assert "`write = call`" in grant(NEEDS[0])
    assert "`write = reporting`" in grant(ActionNeed("CoreShowChannels", ("system", "reporting")))
