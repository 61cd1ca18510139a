"""The source frame, on everything that has ever broken one."""

from collections.abc import Callable
from pathlib import Path

import pytest

from amiflow.report.diagnostic import Diagnostic, Edit, Label, ordered
from amiflow.report.render import render
from amiflow.report.source import Source, Span

GOLDEN = Path(__file__).parent / "golden" / "frames.txt"
FLOW = 'flow missed\n  on Hangup as h\n     where h.CauseText == "busy"\n'


def label(text: str, piece: str, words: str, primary: bool = False, skip: int = 0) -> Label:
    start = text.index(piece, skip)
    return Label(Span("r.flow", start, start + len(piece)), words, primary)


def frame(text: str, *labels: Label, **more: object) -> str:
    diagnostic = Diagnostic("some-kind", "error", "something is wrong", labels[0], tuple(labels[1:]))
    return render(diagnostic, {"r.flow": Source("r.flow", text)}, **more)  # type: ignore[arg-type]


def at(start: int, end: int, words: str = "here") -> Label:
    return Label(Span("r.flow", start, end), words, primary=True)


def test_the_frame_of_the_manual() -> None:
    diagnostic = Diagnostic(
        "unknown-header",
        "error",
        "Hangup has no header `CauseText`",
        label(FLOW, "CauseText", "no such header", primary=True),
        (label(FLOW, "Hangup", "`h` is this event"),),
        notes=("it has 12 headers",),
        help="did you mean `Cause-txt`?",
    )
    assert render(diagnostic, {"r.flow": Source("r.flow", FLOW)}) == (
        "error[unknown-header]: Hangup has no header `CauseText`\n"
        " --> r.flow:3:14\n"
        "  |\n"
        "2 |   on Hangup as h\n"
        "  |      ------ `h` is this event\n"
        '3 |      where h.CauseText == "busy"\n'
        "  |              ^^^^^^^^^ no such header\n"
        "  |\n"
        "  = note: it has 12 headers\n"
        "  = help: did you mean `Cause-txt`?\n"
    )


FRAMES: dict[str, str] = {
    "tabs": frame("\tlog\tx y\n", label("\tlog\tx y\n", "x", "here", primary=True)),
    "wide": frame('a = "漢字" b\n', label('a = "漢字" b\n', "b", "here", primary=True)),
    "wide marked": frame('a = "漢字" b\n', label('a = "漢字" b\n', "漢字", "here", primary=True)),
    "without width": frame("e\u0301\u200b b\n", label("e\u0301\u200b b\n", "b", "here", primary=True)),
    "control": frame("a\x1b[31m\x00 b\n", label("a\x1b[31m\x00 b\n", "b", "here", primary=True)),
    "empty span": frame("log x\n", at(3, 3)),
    "end of text": frame("log x", at(5, 5)),
    "end after newline": frame("log x\n", at(6, 6)),
    "empty text": frame("", at(0, 0)),
    "over lines": frame("one {\n  two\n  three\n}\n", at(4, 21)),
    "over many lines": frame("{\n" + "  a\n" * 20 + "}\n", at(0, 83)),
    "line end in span": frame("one\ntwo\n", at(0, 4)),
    "two on a line": frame("a = b + c\n", at(4, 5, "left"), Label(Span("r.flow", 8, 9), "right")),
    "three on a line": frame(
        "a = b + c\n", at(4, 5, "middle"), Label(Span("r.flow", 0, 1), "first"), Label(Span("r.flow", 8, 9), "last")
    ),
    "one within another": frame("f(a, b)\n", at(2, 3, "inner"), Label(Span("r.flow", 0, 7), "outer")),
    "far apart": frame("a\n" * 200, at(300, 301, "wrong"), Label(Span("r.flow", 4, 5), "because")),
    "near": frame("a\n" * 20, at(10, 11, "wrong"), Label(Span("r.flow", 4, 5), "because")),
    "long line": frame("x" * 500 + " y " + "z" * 500, at(501, 502)),
    "long line, start": frame("y " + "z" * 500, at(0, 1)),
    "crlf": frame("a = 1\r\nb = 2\r\n", at(11, 12)),
    "byte-order mark": frame("\ufeffa = 1\n", at(1, 2)),
    "colour": frame("a = b + c\n", at(4, 5, "left"), Label(Span("r.flow", 8, 9), "right"), colour=True),
}


def test_frames(golden: Callable[[Path, str], None]) -> None:
    golden(GOLDEN, "\n".join(f"## {name}\n{text}" for name, text in FRAMES.items()))


@pytest.mark.parametrize("name", FRAMES)
def test_nothing_in_a_frame_moves_the_cursor(name: str) -> None:
    plain = FRAMES[name].replace("\x1b[", "") if name == "colour" else FRAMES[name]
    assert all(character == "\n" or character.isprintable() for character in plain)
    assert max(map(len, plain.splitlines())) < 160


def test_a_label_in_another_file_and_one_without_source() -> None:
    other = Label(Span("b.flow", 0, 1), "declared here")
    lost = Label(Span("c.flow", 5, 6), "used here")
    diagnostic = Diagnostic("some-kind", "warning", "two files", at(0, 1), (other, lost))
    sources = {"r.flow": Source("r.flow", "a\n"), "b.flow": Source("b.flow", "b\n")}
    assert render(diagnostic, sources) == (
        "warning[some-kind]: two files\n"
        " --> r.flow:1:1\n  |\n1 | a\n  | ^ here\n"
        " --> b.flow:1:1\n  |\n1 | b\n  | - declared here\n"
        " --> c.flow\n  = used here\n"
    )


def test_an_edit_without_words_of_its_own() -> None:
    edit = Edit(Span("r.flow", 1, 1), ")", "safe")
    diagnostic = Diagnostic("some-kind", "error", "not closed", at(0, 1), edit=edit)
    assert render(diagnostic, {"r.flow": Source("r.flow", "(\n")}).endswith("  |\n  = help: insert `)`\n")


def test_the_order_is_by_place() -> None:
    one = Diagnostic("b", "error", "x", at(5, 6))
    two = Diagnostic("a", "error", "x", at(1, 2))
    assert ordered([one, two]) == [two, one]
