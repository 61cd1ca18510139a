"""The threat model: each line of it names a test, and each of these exists."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def rows() -> list[list[str]]:
    """The cells of every line of a table but the headings."""
    lines = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8").splitlines()
    tables = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("| ")]
    return [cells for cells in tables if cells[0] != "threat"]


def names_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("cells", rows(), ids=lambda cells: cells[0])
def test_each_threat_has_an_answer_and_a_test_that_exists(cells: list[str]) -> None:
    threat, answer, tests = cells
    assert threat and answer and tests
    for test in tests.split():
        path, _, name = test.partition("::")
        assert name.startswith("test_") and name in names_in(ROOT / path), test


def test_there_are_four_parties_with_threats() -> None:
    text = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
    parts = text.split("\n## ")[1:]
    assert [part.split("\n")[0] for part in parts] == [
        "A hostile caller",
        "A hostile recipe",
        "A hostile server",
        "A hostile local user",
    ]
    assert all(part.count("\n| ") > 8 and "Not stopped:" in part for part in parts)
