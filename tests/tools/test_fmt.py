"""The formatter: what comes out is pinned by one long golden, what must hold for every recipe by random respacing."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from random import Random
from unittest.mock import patch

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from amiflow.ami.catalog import load
from amiflow.lang.grammar import build
from amiflow.lang.parse import parse
from amiflow.report.source import Source
from amiflow.tools import typeset
from amiflow.tools.fmt import format_source
from amiflow.tools.spelling import respell
from amiflow.tools.tokens import Tokens, start_of
from support.programs import programs
from support.properties import examples
from support.trees import shape

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RECIPES = sorted((ROOT / "recipes").rglob("*.flow"))
UNTIDY = HERE / "programs" / "untidy.flow"
SUBTLE = [
    "flow f on UserEvent n times within 1m { stop }",
    "flow f on UserEvent\ncount # many\ntimes within 1m { stop }",
    'test "x" { reply userevent\nbusy reply USEREVENT busy }',
    "let x = a or{b: 1}",
    "let x = 5 .x",
    "let x = h.Cause -1 - -a.b-c",
    "flow f on start { add xs[k] -1 add xs[k] [1][0] add xs[k] }",
    "flow f on start { if not(a) and(b) { log(x) } }",
    'let x = "${a["b"]} {" like r"x"#" # "',
]
SMALL = [*SUBTLE, *(program.text for program in programs(HERE.parent / "lang" / "programs" / "valid.flow"))]
"""Every construct of the language in few words."""
CORPUS = [*SMALL, *(path.read_text(encoding="utf-8") for path in [*RECIPES, UNTIDY])]


def formatted(text: str) -> str:
    out, problems = format_source(Source("x.flow", text))
    assert out is not None, problems
    return out


def in_flow(*steps: str) -> str:
    return "\n".join(["flow f", "  on start", "{", *(f"  {step}".rstrip() for step in steps), "}", ""])


# --- what comes out ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_the_recipes_are_formatted(path: Path) -> None:
    assert formatted(path.read_text(encoding="utf-8")) == path.read_text(encoding="utf-8")


def test_the_whole_language(golden: Callable[[Path, str], None]) -> None:
    golden(HERE / "golden" / "untidy.flow", formatted(UNTIDY.read_text(encoding="utf-8")))


@pytest.mark.parametrize("text", ["", "\n\n", " \t\r\n", "\ufeff"])
def test_an_empty_recipe_stays_empty(text: str) -> None:
    assert formatted(text) == ""


def test_a_mark_and_foreign_line_ends_are_taken_away() -> None:
    assert formatted("\ufeff# a\r\nlet b=1 \r\rlet c=2") == "# a\nlet b = 1\n\nlet c = 2\n"


def test_a_recipe_with_a_syntax_error_is_not_formatted() -> None:
    text = "\ufefflet a=1\r\nlet b ="
    out, problems = format_source(Source("x.flow", text))
    assert out is None
    assert [problem.span.start for problem in problems] == [
        problem.span.start for problem in parse(Source("", text))[1]
    ]


def test_a_block_on_one_line_stays_so_while_it_fits() -> None:
    fits = f'Hangup {{ Channel: "{"x" * 96}" }}'
    wide = fits.replace("x", "xx", 1)
    assert len(in_flow(fits).splitlines()[3]) == 120 and formatted(in_flow(fits)) == in_flow(fits)
    assert formatted(in_flow(wide)) == in_flow("Hangup {", f"  Channel: {wide[18:-2]}", "}")


def test_a_block_over_lines_stays_so_and_is_aligned() -> None:
    text = in_flow("Redirect { Channel: a", "Exten: b, Context :c }")
    assert formatted(text) == in_flow("Redirect {", "  Channel: a", "  Exten:   b", "  Context: c", "}")


def test_a_list_is_broken_at_its_items_or_not_at_all() -> None:
    assert formatted("let a = [\n1, 2]") == "let a = [\n  1,\n  2,\n]\n"
    assert formatted("let a = [f([\n1]), 2,]") == "let a = [f([\n  1,\n]), 2]\n"
    assert formatted("let a = [\n]") == "let a = []\n"


def test_all_branches_of_an_if_are_written_alike() -> None:
    assert formatted(in_flow("if a {stop} else {stop}")) == in_flow("if a { stop } else { stop }")
    assert formatted(in_flow("if a {stop} else {", "stop }")) == in_flow("if a {", "  stop", "} else {", "  stop", "}")
    wide = f'log "{"x" * 80}"'
    assert formatted(in_flow(f"if a {{ {wide} }} else {{ {wide} }}")) == in_flow(
        "if a {", f"  {wide}", "} else {", f"  {wide}", "}"
    )
    assert formatted(in_flow(f"if a {{ }} else {{ {wide}{wide[4:]} }}".replace('""', ""))) == in_flow(
        "if a {", "} else {", f"  {wide}{wide[4:]}".replace('""', ""), "}"
    )


def test_the_writer_decides_where_conditions_go_on() -> None:
    text = 'flow f on A as a\nwhere a.X\n!= 16 and\na.Y like\n"x" { stop }'
    assert formatted(text) == (
        'flow f\n  on A as a\n      where a.X\n      != 16\n      and a.Y\n      like "x"\n{\n  stop\n}\n'
    )


def test_empty_lines_are_kept_one_by_one_but_not_at_the_edges_of_a_body() -> None:
    text = in_flow("", "", "wait 1s", "", "", "wait 2s", "")
    assert formatted(text) == in_flow("wait 1s", "", "wait 2s")


def test_flows_tasks_and_tests_stand_apart() -> None:
    text = (
        "param a = 1\n# of f\nflow f on start { }\ntask t() { }\n# at the end of t\n\n# of x\n"
        'test "x" { }\nlet b = 1\nlet c = 1'
    )
    assert formatted(text) == (
        "param a = 1\n\n# of f\nflow f\n  on start\n{ }\n\ntask t() { }\n# at the end of t\n\n# of x\n"
        'test "x" { }\n\nlet b = 1\nlet c = 1\n'
    )


def test_params_that_stand_together_are_aligned_with_their_help() -> None:
    text = "param a=1 # one\nparam longer: text\nparam bb : int = 2#two\n\nparam ccc = 3 # three\n"
    assert formatted(text) == (
        "param a       = 1    # one\nparam longer: text\nparam bb: int = 2    #two\n\nparam ccc = 3   # three\n"
    )


@pytest.mark.parametrize("text", SUBTLE)
def test_where_blanks_matter_they_are_right(text: str) -> None:
    tree, problems = parse(Source("x.flow", text))
    assert not problems
    once = formatted(text)
    assert shape(parse(Source("x.flow", once))[0]) == shape(tree)
    assert formatted(once) == once


# --- comments ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "# alone\n",
        "# first\n\n# second\nlet a = 1   # behind\n\n# last\n",
        "flow f   # name\n  # trigger\n  on start   # behind\n  # brace\n{   # in\n"
        "  # first\n  stop   # behind\n  # last\n}   # end\n",
        in_flow("Hangup {", "  # alone", "}"),
        in_flow("Hangup {   # in", "  Channel: a   # why", "  # last", "} or {", "  # nothing to do", "}"),
        in_flow("if a {", "  stop", "}", "# otherwise", "else {", "  stop", "}"),
        "let a = [   # in\n  1,   # one\n  # two\n  2,\n  # last\n]   # behind\n",
        "let a =   # why\n    # own\n    1\n",
    ],
)
def test_comments_stay_at_their_places(text: str) -> None:
    assert formatted(text) == text


def test_comments_around_commas_stay_with_the_item_before() -> None:
    assert formatted("let a = [1 # one\n, # comma\n2]") == "let a = [\n  1,   # one\n  # comma\n  2,\n]\n"


# --- spelling ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "spelt"),
    [
        ("on newchannel as n where n.uniqueid == n.LINKEDID", "on Newchannel as n where n.Uniqueid == n.Linkedid"),
        (
            "on hangup | softhanguprequest as e where e.cause == 1",
            "on Hangup | SoftHangupRequest as e where e.Cause == 1",
        ),
        ("on nosuchevent as e where e.uniqueid == e.x", "on nosuchevent as e where e.uniqueid == e.x"),
        ('on Hangup as h where "${h.cause-TXT}" == x.cause', 'on Hangup as h where "${h.Cause-txt}" == x.cause'),
    ],
)
def test_triggers_get_the_catalogues_spelling(written: str, spelt: str) -> None:
    assert formatted(f"flow f {written} {{ }}") == f"flow f\n  {spelt}\n{{ }}\n"


@pytest.mark.parametrize(
    ("written", "spelt"),
    [
        ('hangup { channel: "a" "cause": 1 x: 2 }', 'Hangup { Channel: "a" "Cause": 1 x: 2 }'),
        (
            "let r = getvar { variable: r.channel }\nlog r.VALUE",
            "let r = Getvar { Variable: r.channel }\n  log r.Value",
        ),
        ("let c = originate { channel: a }\nlog c.uniqueid", "let c = Originate { Channel: a }\n  log c.Uniqueid"),
        (
            "let q = queuestatus { }\nlet s = [m.stateinterface for m in q.queuemember where m.PAUSED]",
            "let q = QueueStatus { }\n  let s = [m.StateInterface for m in q.QueueMember where m.Paused]",
        ),
        (
            "let q = parkedcalls { }\nfor p in q.rows { log p.parkeechannel }",
            "let q = ParkedCalls { }\n  for p in q.rows { log p.ParkeeChannel }",
        ),
        ("hangup { channel: a } or as e { log e.message }", "Hangup { Channel: a } or as e { log e.message }"),
    ],
)
def test_steps_get_the_catalogues_spelling(written: str, spelt: str) -> None:
    assert formatted(in_flow(written)) == in_flow(spelt)


def test_a_name_that_stands_for_different_messages_is_left() -> None:
    text = in_flow(
        "if a {",
        "  wait Hangup as x within 1s",
        "  log x.UNIQUEID",
        "} else {",
        "  let x = 1",
        "  log x.UNIQUEID",
        "}",
    )
    assert formatted(text) == text


def test_user_events_are_spelt_as_declared() -> None:
    text = 'userevent Conference { Room: text }\nflow f on userevent conference as u where u.room == "1" { }'
    assert 'on UserEvent Conference as u where u.Room == "1"' in formatted(text)


def test_tests_get_the_catalogues_spelling() -> None:
    steps = (
        'test "x" {\n  event hangup { channel: "a" }\n  reply getvar { response: "Error" }\n  reply originate busy\n'
        "  rows queuestatus [ queuemember { name: 1 } ]\n  expect originate { exten: 1 } as o\n"
        "  expect hangup { channel: o.channelid }\n}\nlimit originate 5 per 1s\n"
    )
    assert formatted(steps) == (
        'test "x" {\n  event Hangup { Channel: "a" }\n  reply Getvar { Response: "Error" }\n  reply Originate busy\n'
        "  rows QueueStatus [ QueueMember { Name: 1 } ]\n  expect Originate { Exten: 1 } as o\n"
        "  expect Hangup { Channel: o.ChannelId }\n}\n\nlimit Originate 5 per 1s\n"
    )


# --- what must always hold --------------------------------------------------------------------------------------------

GAPS = (" ", " ", " ", "\t ", "\n", "\n", "\r\n", "\n\n\n", " # remark\n", "\n# own\n", "\n\n  #two\n\n\t# more  \n\n")


def respaced(text: str, random: Random) -> str:
    """The same words and signs with other blanks, line ends and comments between them."""
    tokens = Tokens(text, build()).items
    out, end, before = [], 0, ""
    for token in tokens:
        start = start_of(token)
        written = text[end:start]
        # `add xs[k] value` and `or{` are told from others by what stands between.
        fixed = before in ("RSQB", "_RSQB_VALUE", "OR") or random.random() < 0.5
        out += [written if fixed else "" if not written and random.random() < 0.8 else random.choice(GAPS), str(token)]
        end, before = start + len(token), token.type
    return "".join(out) + random.choice(("", *GAPS))


def comments(text: str) -> list[str]:
    return [f"#{comment.text}" for comment in parse(Source("x.flow", text))[0].comments]


@examples(15)
@given(st.sampled_from(SMALL), st.randoms(use_true_random=False), st.integers(20, 120))
def test_formatting_keeps_meaning_and_comments_and_is_done_at_once(text: str, random: Random, width: int) -> None:
    recipe = respaced(text, random)
    tree, problems = parse(Source("x.flow", recipe))
    assume(not problems)
    with patch.object(typeset, "WIDTH", width):
        once = formatted(recipe)
        assert formatted(once) == once
    assert shape(parse(Source("x.flow", once))[0]) == shape(tree)
    assert comments(once) == comments(recipe)
    assert "\r" not in once and not re.search(r"[ \t]$|\n\n\n", once, re.MULTILINE)


def test_respelling_touches_case_alone() -> None:
    for text in CORPUS:
        file, _ = parse(Source("x.flow", text))
        assert respell(text, file, load()).casefold() == text.casefold()
