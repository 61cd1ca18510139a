"""Recipes that the documentation shows are right, their tests pass, and its links lead somewhere."""

import re
from pathlib import Path

import pytest

from amiflow.tools.testing import run_tests
from support.recipes import ROOT, compile_text

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
RECIPES = [
    pytest.param(text, id=f"{page.name}-{number}")
    for page in PAGES
    for number, text in enumerate(re.findall(r"```amiflow\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL))
]


@pytest.mark.parametrize("text", RECIPES)
def test_recipes_that_are_shown(text: str) -> None:
    compiled = compile_text(text)
    assert compiled.diagnostics == () and compiled.plan is not None
    assert [result.unmet for result in run_tests(compiled.plan, compiled.tests) if not result.passed] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    # The site's reference is printed from tables when it is built; MkDocs itself checks these links.
    links = re.findall(r"\]\((?!https?:|reference/)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


PROOFS = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8"))


def test_each_guarantee_names_tests_that_exist() -> None:
    assert len(PROOFS) > 50
    sources = {path: (ROOT / path).read_text(encoding="utf-8") for path, _ in PROOFS}
    assert [name for path, name in PROOFS if f"\ndef {name}(" not in sources[path]] == []
