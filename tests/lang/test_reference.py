"""The language reference, sentence by sentence: each program shows what the sentence in its head says.

A program without a mark is right, and its tests pass; a mark stands where the compiler must object, with which words.
"""

from pathlib import Path

import pytest

from amiflow.tools.testing import run_tests
from support.programs import Program, programs
from support.recipes import ROOT, compile_text

HERE = Path(__file__).parent
SENTENCES = programs(HERE / "programs" / "reference.flow")
REFERENCE = " ".join((ROOT / "docs" / "language.md").read_text(encoding="utf-8").split())


@pytest.mark.parametrize("program", SENTENCES, ids=lambda program: f"line{program.line}")
def test_the_sentence_is_true(program: Program) -> None:
    head = program.text.splitlines()[0]
    assert head.startswith("#: ") and head.removeprefix("#: ") in REFERENCE
    made = compile_text(program.text, "r.flow")
    source = made.sources["r.flow"]
    got = [(source.position(one.span.start)[0], one.code, one.headline) for one in made.diagnostics]
    wanted = list(program.expected)
    for line, code, headline in got:
        fitting = [one for one in wanted if one[:2] == (line, code) and headline.startswith(one[2])]
        assert fitting, got
        wanted.remove(fitting[0])
    assert not wanted, got
    if made.plan is not None and not got:
        results = run_tests(made.plan, made.tests, tables={})
        assert [result.unmet.headline for result in results if result.unmet is not None] == []
