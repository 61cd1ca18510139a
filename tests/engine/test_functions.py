"""Each builtin row has a function; what the rows' examples do not show is shown here."""

from datetime import UTC, datetime, timedelta

import pytest

from amiflow.ami.message import Message
from amiflow.engine.functions import DEEPEST, HEARD, PURE, WORLDLY, Trouble, World, matches, regex
from amiflow.plan.builtins import BUILTINS


def test_rows_and_functions_agree() -> None:
    assert sorted([*PURE, *HEARD, *WORLDLY, "choose"]) == sorted(BUILTINS)


def test_time_functions_read_the_world_and_its_zone() -> None:
    world = World(wall=1772434740.0, zone="Europe/Berlin")
    now = WORLDLY["now"](world)
    assert now == datetime(2026, 3, 2, 6, 59, tzinfo=UTC)
    assert WORLDLY["format_time"](world, now, "%H:%M") == "07:59"
    assert WORLDLY["format_time"](world, now, "%H:%M", "UTC") == "06:59"
    assert WORLDLY["time_of_day"](world, now) == timedelta(hours=7, minutes=59)
    assert WORLDLY["weekday"](world, now) == "mon"
    with pytest.raises(Trouble, match="no time zone `Mars`"):
        WORLDLY["weekday"](world, now, "Mars")


def test_ours_asks_the_world() -> None:
    event = Message.build([("Event", "Hangup")])
    assert WORLDLY["ours"](World(ours=lambda e: e is event), event) is True
    assert WORLDLY["ours"](World(), event) is False


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("only", ("10a1", "0-9")),
        ("one_of", ("x", ("a", "b"))),
        ("peer_of", ("Local/800@default-0001;1",)),
        ("peer_of", ("nonsense",)),
        ("split", ("a", "")),
        ("groups", ("a", "(")),
        ("join", (("x" * 1000,) * 2000, ", ")),
        ("replace", ("x" * 2000, "x", "y" * 1000)),
    ],
)
def test_troubles(name: str, args: tuple[object, ...]) -> None:
    with pytest.raises(Trouble):
        PURE[name](*args)


def test_only_takes_ranges_and_a_dash() -> None:
    assert PURE["only"]("a-z", "a-z-") == "a-z"
    with pytest.raises(Trouble):
        PURE["only"]("a-z", "a-z")


def test_peer_of_cuts_only_the_unique_part() -> None:
    assert PURE["peer_of"]("PJSIP/sip-trunk-00000001") == "PJSIP/sip-trunk"


def test_chanvar_finds_the_first_of_that_name() -> None:
    event = Message.build([("Event", "Hangup"), ("ChanVariable", "A=1=2"), ("ChanVariable", "B=3")])
    assert HEARD["chanvar"](True, event, "A") == "1=2"
    assert HEARD["chanvar"](True, event, "C") is None


def test_escapes_of_channel_variables_are_undone_where_asterisk_makes_them() -> None:
    event = Message.build([("Event", "Hangup"), ("ChanVariable", "A=O\\'Brien\\?"), ("DestChanVariable", "B=\\\\")])
    assert HEARD["chanvar"](True, event, "A") == "O'Brien?"
    assert HEARD["all"](True, event, "destchanvariable") == ("B=\\",)
    assert HEARD["chanvar"](False, event, "A") == "O\\'Brien\\?"
    row = Message.build([("Event", "Status"), ("Variable", "A=O\\'Brien")])
    assert HEARD["chanvar"](True, row, "A") == "O\\'Brien"


def test_a_regular_expression_matches_the_whole_text_in_linear_time() -> None:
    assert matches("PJSIP/101", r"PJSIP/\d+")
    assert not matches("xPJSIP/101", r"PJSIP/\d+")
    assert not matches("a" * 5000, r"(a*)*b")


def test_text_that_was_no_utf8_can_be_matched() -> None:
    latin1 = b"Andr\xe9".decode("utf-8", "surrogateescape")
    assert matches(latin1, r"Andr.")
    assert PURE["groups"](f"€ {latin1} x", r"(\S+) (.*) (x)(y)?") == ("€", latin1, "x", "")


def test_a_wrong_regular_expression_is_trouble() -> None:
    with pytest.raises(Trouble, match="no regular expression"):
        regex("(?<=a)b")


def test_json_is_frozen() -> None:
    assert PURE["json"]('{"a": [1, {"b": null}]}') == {"a": (1, {"b": None})}
    assert PURE["json"]("[" * 100_000) is None


def test_json_that_nests_too_deep_to_be_written_is_none() -> None:
    deepest = "[" * DEEPEST + "]" * DEEPEST
    assert PURE["json"](deepest) is not None and PURE["json"](f"[{deepest}]") is None
    assert PURE["json"]('{"a":' * DEEPEST + deepest + "}" * DEEPEST) is None


@pytest.mark.parametrize("text", ["NaN", "[-Infinity]", '{"a": 1e999}', "1" * 5000])
def test_numbers_that_json_cannot_write_are_none(text: str) -> None:
    assert PURE["json"](text) is None


@pytest.mark.parametrize("text", ["9" * 400, "-" + "9" * 400, "nan", "inf"])
def test_a_number_is_finite(text: str) -> None:
    assert PURE["number"](text) is None
