"""Recipes that nobody would write by hand: each gets a diagnostic, and none takes long or raises."""

from __future__ import annotations

import pytest

from amiflow.lang.compile import Compiled, compile_recipe
from amiflow.lang.imports import MOST_OPEN
from amiflow.lang.parse import MAX_LINES, MAX_TEXT

MATCHING = 'flow f on Hangup as h where h.Channel matches r"%s" { log "x" }\n'


def compiled(text: str) -> Compiled:
    return compile_recipe("r.flow", lambda path: text)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("flow f on start {\n" + '  log "x"\n' * 100_000 + "}\n", "too-long"),
        ("\n" * MAX_LINES, "too-long"),
        ("# x" + "\n#" + ("x" * 90_000 + "\n#") * (MAX_TEXT // 90_000 + 1), "too-long"),
        ('flow f on start { log "' + "x" * 10_000_000 + '" }\n', "too-long"),
        ("let a = " + "(" * 10_000 + "1" + ")" * 10_000, "nested-too-deep"),
        ("let a = " + "[" * 10_000, "nested-too-deep"),
        ("flow f on start " + "{ if true\n" * 10_000 + "}" * 10_000, "nested-too-deep"),
        ("let a = " + "not " * 10_000 + "true", "nested-too-deep"),
        ("let a = " + "1 + " * 10_000 + "1", "nested-too-deep"),
        ("\0" * 1000, "bad-character"),
        ("".join(map(chr, range(256))) * 20, None),
        ("flow f on {\n" * 1000, "syntax"),
        ('import "r.flow" as me\nflow f on start { log me.text }\n', "import-cycle"),
        ("flow f on start { wait for 99999999999999999999999999d }\n", "bad-number"),
        ("flow f every " + "9" * 5000 + 's { log "y" }\n', "bad-number"),
        ("let a = " + "9" * 50_000 + "\n", "bad-number"),
        (MATCHING % r"(?=a)b\1", "bad-regex"),
        (MATCHING % "((((a{100}){100}){100}){100})", "bad-regex"),
        ("let a = " + "-" * 10_000, None),
    ],
    ids=range(19),
)
def test_a_monstrous_text_is_refused(text: str, code: str | None) -> None:
    found = compiled(text)
    assert found.plan is None
    assert {one.severity for one in found.diagnostics} >= {"error"}
    assert code is None or code in {one.code for one in found.diagnostics}


def test_reading_ends_after_many_mistakes() -> None:
    assert len(compiled("flow f on {\n" * 2000).diagnostics) < 500


def test_files_that_import_each_other_without_end_are_refused() -> None:
    def chain(path: str) -> str:
        number = int(path.removesuffix(".flow"))
        return f'import "{number + 1}.flow" as c\nparam p: text = "x"\n'

    found = compile_recipe("0.flow", chain)
    assert found.plan is None
    assert "nested-too-deep" in {one.code for one in found.diagnostics}
    assert len(found.sources) == MOST_OPEN


def test_a_regular_expression_that_blows_up_elsewhere_is_allowed() -> None:
    assert compiled(MATCHING % "(a|aa)+$").plan is not None
