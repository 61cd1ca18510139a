"""`amiflow explain`: every kind that is raised anywhere has a row, and its examples are what they say."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from amiflow.cli.explain import explanation
from amiflow.live import config, simulate
from amiflow.live import run as live_run
from amiflow.live.problems import Refused
from amiflow.report.codes import CODES
from amiflow.report.kind import Code
from amiflow.report.source import Source
from support.command import Amiflow

HERE = Path(__file__).parent
SOURCES = sorted((HERE.parent.parent / "amiflow").rglob("*.py"))
MAKERS = {"Diagnostic", "problem", "_problem", "Flaw", "_flaw"}


def rows(language: str) -> list[Code]:
    return [row for row in CODES.values() if row.language == language]


def raised(tree: ast.AST) -> Iterator[str]:
    """The codes that a module makes diagnostics of."""
    for call in ast.walk(tree):
        if isinstance(call, ast.Call):
            name = getattr(call.func, "id", getattr(call.func, "attr", ""))
            first = call.args[:1] if name in MAKERS else []
            for value in (*first, *(word.value for word in call.keywords if word.arg == "code")):
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    yield value.value


def test_every_kind_that_is_raised_is_a_row() -> None:
    used = {code for path in SOURCES for code in raised(ast.parse(path.read_text(encoding="utf-8")))}
    assert {"unused-name", "test-failed", "unknown-key", "bad-scenario"} <= used
    assert used <= CODES.keys()


def test_every_row_is_raised() -> None:
    texts = [path.read_text(encoding="utf-8") for path in SOURCES if not path.name.startswith("codes_")]
    assert [name for name in CODES if not any(f'"{name}"' in text for text in texts)] == []


def test_golden(golden: Callable[[Path, str], None]) -> None:
    rule = "\n" + "-" * 80 + "\n\n"
    golden(HERE / "golden" / "explain.txt", rule.join(explanation(row) for row in CODES.values()))


def test_explain_prints_a_row_and_lists_them(amiflow: Amiflow) -> None:
    assert amiflow("explain", "unused-name").out == explanation(CODES["unused-name"])
    assert all(name in amiflow("explain").out for name in CODES)
    wrong = amiflow("explain", "unused-nam")
    assert wrong.status == 2 and "did you mean `unused-name`?" in wrong.err
    assert "'nope'; `amiflow explain` lists all" in amiflow("explain", "nope").err


@pytest.mark.parametrize("row", rows("configuration"), ids=lambda row: row.name)
def test_examples_of_configurations(row: Code) -> None:
    assert [one.code for one in config.parse(Source("amiflow.yaml", row.bad), True)[1]] == [row.name]
    assert config.parse(Source("amiflow.yaml", row.good), True)[1] == []


@pytest.mark.parametrize("row", rows("scenario"), ids=lambda row: row.name)
def test_examples_of_scenarios(row: Code, tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_text(row.bad)
    with pytest.raises(Refused) as refused:
        simulate.load_scenario(str(path))
    assert {one.code for one in refused.value.diagnostics} == {row.name}
    path.write_text(row.good)
    assert simulate.load_scenario(str(path)).accounts


@pytest.mark.parametrize("row", rows("command"), ids=lambda row: row.name)
def test_examples_of_commands(row: Code, amiflow: Amiflow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PBX_SECRET", "secret")
    monkeypatch.setattr(live_run.Loop, "run", lambda loop: 0) if row.name == "unknown-server" else None
    bad = given(row.bad, amiflow)
    assert bad[0] != 0 and f"{row.severity}[{row.name}]" in bad[1]
    good = given(row.good, amiflow)
    assert good[0] == 0 and f"[{row.name}]" not in good[1]


def given(example: str, amiflow: Amiflow) -> tuple[int, str]:
    files, _, line = example.rpartition("$ amiflow ")
    recipe, _, settings = files.partition("# amiflow.yaml\n")
    Path("r.flow").write_text(recipe)
    Path("amiflow.yaml").write_text(settings)
    result = amiflow(*line.split())
    return result.status, result.out + result.err
