"""Reading recipes: what is right has no diagnostic, what is wrong has the one written at its line."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiflow.lang import nodes
from amiflow.lang.grammar import build
from amiflow.lang.parse import MAX_LINE, parse
from amiflow.report.codes import CODES
from amiflow.report.diagnostic import Diagnostic
from amiflow.report.render import render
from amiflow.report.source import Source
from support.programs import Program, programs
from support.properties import ANY, examples

HERE = Path(__file__).parent
VALID = programs(HERE / "programs" / "valid.flow")
INVALID = programs(HERE / "programs" / "invalid.flow")


def found(text: str) -> list[Diagnostic]:
    return parse(Source("r.flow", text))[1]


def expression(text: str) -> nodes.Expr:
    file, problems = parse(Source("e", f"let e = {text}"))
    (decl,) = file.decls
    assert not problems and isinstance(decl, nodes.LetDecl)
    return decl.value


@pytest.mark.parametrize("program", VALID, ids=lambda program: f"line{program.line}")
def test_valid(program: Program) -> None:
    source = Source("r.flow", program.text)
    problems = parse(source)[1]
    assert not problems, "\n".join(render(problem, {"r.flow": source}) for problem in problems)


@pytest.mark.parametrize("program", INVALID, ids=lambda program: f"line{program.line}")
def test_invalid(program: Program) -> None:
    source = Source("r.flow", program.text)
    shown = "\n".join(render(problem, {"r.flow": source}) for problem in parse(source)[1])
    got = [(source.position(one.span.start)[0], one.code, one.headline) for one in parse(source)[1]]
    assert len(got) == len(program.expected), shown
    for (line, code, headline), wanted in zip(got, program.expected, strict=True):
        assert (line, code) == wanted[:2] and headline.startswith(wanted[2]), shown


def test_golden(golden: Callable[[Path, str], None]) -> None:
    pieces = []
    for program in INVALID:
        source = Source("r.flow", program.text)
        pieces += [render(problem, {"r.flow": source}) for problem in parse(source)[1]]
    golden(HERE / "golden" / "syntax.txt", "\n".join(pieces))


KINDS = {code for program in INVALID for _, code, _ in program.expected} | {"nested-too-deep", "too-long"}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_examples_of_a_kind(kind: str) -> None:
    assert [problem.code for problem in found(CODES[kind].bad)] == [kind]
    assert not found(CODES[kind].good)


@pytest.mark.parametrize("deep", ["[" * 51 + "]" * 51, "(" * 3000 + "1" + ")" * 3000, "{" * 10_000])
def test_nesting_is_bounded(deep: str) -> None:
    file, problems = parse(Source("r", f"let a = {deep}\nlet b = 1\n"))
    assert [problem.code for problem in problems] == ["nested-too-deep"]
    assert [decl.name.text for decl in file.decls if isinstance(decl, nodes.LetDecl)] == ["b"]


@pytest.mark.parametrize("long", ["1" + " + 1" * 3000, "not " * 3000 + "x", "a" + ".b" * 3000, "- " * 900 + "1"])
def test_long_chains_are_bounded(long: str) -> None:
    assert [problem.code for problem in found(f"let a = {long}\n")] == ["nested-too-deep"]


def test_a_line_beyond_the_bound_is_refused() -> None:
    assert [problem.code for problem in found('let a = "' + "x" * MAX_LINE + '"\n')] == ["too-long"]


@pytest.mark.parametrize("text", ["\ufefflet a = 1\r\nlet b = 2\r\n", "let a = 1\rlet b = 2", "\ufeff", "", "\n"])
def test_marks_and_line_ends(text: str) -> None:
    assert not found(text)


def test_nul_and_binary_rubbish_get_one_diagnostic_a_declaration() -> None:
    assert [problem.code for problem in found("let a = \x00\x01\nlet b = 2\n")] == ["bad-character"]


def test_comments_and_help() -> None:
    text = '# head\nparam a = "#no" # the help\nparam b = 1\n# not b\'s\n'
    file, _ = parse(Source("r", text))
    assert [comment.text for comment in file.comments] == ["head", "the help", "not b's"]
    assert [decl.help for decl in file.decls if isinstance(decl, nodes.ParamDecl)] == ["the help", ""]


def test_spans_inside_texts_are_those_of_the_source() -> None:
    source = Source("e", 'let e = "ab ${upper(x.y)} c ${z}"')
    text = expression(source.text.removeprefix("let e = "))
    assert isinstance(text, nodes.Text)
    _, call, middle, name = text.parts
    assert isinstance(call, nodes.Call) and isinstance(name, nodes.Name) and middle == " c "
    assert [source.slice(call.span), source.slice(call.args[0].span), source.slice(name.span)] == [
        "upper(x.y)",
        "x.y",
        "z",
    ]


def test_precedence() -> None:
    node = expression("a or b and not c == d ?? e + f * -g.h")
    assert isinstance(node, nodes.Binary) and node.op == "or"
    right = node.right
    assert isinstance(right, nodes.Binary) and right.op == "and" and isinstance(right.right, nodes.Unary)
    compared = right.right.operand
    assert isinstance(compared, nodes.Binary) and compared.op == "==" and isinstance(compared.right, nodes.Binary)
    assert compared.right.op == "??"


def test_operators_of_one_level_group_to_the_left() -> None:
    node = expression("a - b - c")
    assert isinstance(node, nodes.Binary) and isinstance(node.left, nodes.Binary)
    assert isinstance(node.right, nodes.Name) and node.right.text == "c"


@pytest.mark.parametrize(("text", "ms"), [("250ms", 250), ("1h30m", 5_400_000), ("1d2h", 93_600_000), ("0s", 0)])
def test_durations(text: str, ms: int) -> None:
    node = expression(text)
    assert isinstance(node, nodes.Duration) and node.ms == ms


def test_escapes() -> None:
    node = expression(r'"\" \\ \n \t \$ \u{20AC} \${x}"')
    assert isinstance(node, nodes.Text) and node.parts == ('" \\ \n \t $ \u20ac ${x}',)


def test_a_value_is_added_on_the_line_of_its_bracket_only() -> None:
    file, _ = parse(Source("r", "flow f on start { add a[k] x\n add b[k]\n g(x) }"))
    flow = file.decls[0]
    assert isinstance(flow, nodes.FlowDecl)
    first, second, third = flow.body.steps
    assert isinstance(first, nodes.Add) and isinstance(first.value, nodes.Name)
    assert isinstance(second, nodes.Add) and second.value is None
    assert isinstance(third, nodes.Do)


def test_what_can_be_read_is_kept_around_a_mistake() -> None:
    file, problems = parse(Source("r", 'let a = 1\nflow f on start { ? ? ? }\nflow g on start { log "x" }\n'))
    assert problems
    assert [decl.name.text for decl in file.decls if not isinstance(decl, nodes.TestDecl)][-1] == "g"
    assert isinstance(file.decls[0], nodes.LetDecl)


@pytest.mark.parametrize("blank", ["\n", "\n\n", "\n\n\n", "\r\n\r\n"])
def test_giving_a_declaration_up_always_goes_forward(blank: str) -> None:
    text = f"let a = 1{blank}flow ) ) ) ){blank}flow ( ( ({blank}let b = 2{blank}"
    file, problems = parse(Source("r", text))
    assert problems and [decl.name.text for decl in file.decls if isinstance(decl, nodes.LetDecl)] == ["a", "b"]


# -- always -----------------------------------------------------------------------------------------------------------

SIGNS = ["x", "e.Channel", '"t"', "5s", "{", "}", "(", ")", "[", "]", "=", ",", ":", "\n", "#c\n", "Hangup"]
WORDS = st.sampled_from([*sorted(build().words), *SIGNS])


@examples(15)
@given(st.one_of(st.text(ANY, max_size=60), st.lists(WORDS, max_size=25).map(" ".join)))
def test_any_text_gives_a_file_and_diagnostics_that_can_be_shown(text: str) -> None:
    source = Source("r", text)
    file, problems = parse(source)
    assert isinstance(file, nodes.File)
    for problem in problems:
        assert problem.code in CODES and render(problem, {"r": source})
        assert 0 <= problem.span.start <= problem.span.end <= len(text)


SHOWPIECE = """\
flow both
  on BridgeEnter as one where one.BridgeType == "basic"
  then BridgeEnter as two where two.BridgeUniqueid == one.BridgeUniqueid within 10s
  per one.BridgeUniqueid
{
  Redirect {
    Channel: one.Channel
    Exten:   room
  }
  wait all {
    ConfbridgeJoin as a where a.Channel == one.Channel
    ConfbridgeJoin as b where b.Channel == two.Channel
  } within 5s or fail "late"
  if len([r.Channel for r in rows where (r.Duration > 4h)]) > max(1, 2) {
    for x in xs[0] {
      log "both legs are in ${room}"
    }
  } else {
    wait any {
      Hangup as h where h.Channel == one.Channel { stop }
      after 5s { fail "still there" }
    }
  }
}

test "it moves" {
  given room = "681"
  event BridgeEnter { BridgeUniqueid: "b1" Cause-txt: "basic" Channel: "PJSIP/a-1" }
  rows QueueStatus [
    QueueMember { Name: "a" }
  ]
  expect Redirect { Channel: "PJSIP/a-1" Exten: "681" }
}
"""


def test_one_bracket_or_colon_left_out_is_one_mistake() -> None:
    code = SHOWPIECE.replace("${room}", "_______")
    places = [at for at, sign in enumerate(code) if sign in "(){}[]:"]
    counts = [len(found(SHOWPIECE[:at] + SHOWPIECE[at + 1 :])) for at in places]
    assert len(places) > 40 and min(counts) >= 1
    assert counts.count(1) / len(counts) >= 0.9


def test_a_missing_closing_bracket_blames_the_one_it_should_close() -> None:
    source = Source("r", SHOWPIECE.replace("    }\n  } else {", "  } else {", 1))
    [problem] = parse(source)[1]
    assert source.line(source.position(problem.span.start)[0]).strip() == "for x in xs[0] {"
    assert source.slice(problem.span) == "{"


def test_a_count_behind_the_event_of_users_is_no_name_of_a_user_event() -> None:
    file, problems = parse(Source("r.flow", "flow f on UserEvent count times within 1m { stop }"))
    assert not problems
    assert isinstance(file.decls[0], nodes.FlowDecl) and isinstance(file.decls[0].trigger, nodes.EventTrigger)
    trigger = file.decls[0].trigger
    assert trigger.first.events[0].userevent is None
    assert trigger.times is not None and isinstance(trigger.times.count, nodes.Name)
    assert trigger.times.count.text == "count"
