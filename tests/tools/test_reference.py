"""The reference has a place for every row of its tables, in order, and its tables are tables."""

import re

from amiflow.ami import catalog
from amiflow.lang.compile import compile_recipe
from amiflow.plan.builtins import BUILTINS
from amiflow.report.codes import CODES
from amiflow.tools import reference
from amiflow.tools.testing import run_tests
from support.recipes import RECIPES, ROOT


def headings(page: str, level: int = 2) -> list[str]:
    return re.findall(rf"^{'#' * level} (.+)$", page, re.MULTILINE)


def test_every_function_is_there_with_its_examples() -> None:
    page = reference.functions()
    assert headings(page) == sorted(BUILTINS)
    assert "`e164(number: text, country?: text) -> text?`" in page
    assert '| `int("42")` | `42` |' in page


def test_every_example_of_a_function_is_true() -> None:
    examples = [example for row in BUILTINS.values() for example in row.examples]
    logs = "\n".join(f'log "${{{expression}}}"' for expression, _ in examples)
    wanted = "\n".join(f'expect log "{value}"' for _, value in examples)
    text = f'flow f on start {{\n{logs}\n}}\ntest "t" {{\nstart\n{wanted}\nexpect nothing more\n}}\n'
    made = compile_recipe("r.flow", lambda _: text)
    assert made.plan is not None, [one.headline for one in made.diagnostics]
    (result,) = run_tests(made.plan, made.tests)
    assert result.unmet is None, (result.unmet.headline, result.unmet.came[:1])


def test_every_kind_of_diagnostic_is_there_wrong_and_right() -> None:
    page = reference.diagnostics()
    kinds = [line for line in headings(page) if line in CODES]
    assert kinds == sorted(CODES)
    assert page.count("Wrong:") == page.count("Right:") == len(CODES)


def test_every_event_and_action_is_there() -> None:
    known = catalog.load()
    events, actions = reference.events(known), reference.actions(known)
    assert headings(events) == sorted((event.name for event in known.events), key=str.casefold)
    assert headings(actions) == sorted((action.name for action in known.actions), key=str.casefold)
    assert "| `BridgeNumChannels` | int |" in events
    assert re.search(r"\| `Timeout` \| duration in ms \|", actions)


def test_a_cell_of_a_table_is_not_cut_by_what_is_in_it() -> None:
    known = catalog.load()
    for page in (reference.events(known), reference.actions(known), reference.functions()):
        for line in page.splitlines():
            if line.startswith("| "):
                assert len(re.findall(r"(?<!\\)\|", line)) in (3, 4), line


def test_every_recipe_is_there_by_folder() -> None:
    texts = [(path.removeprefix("recipes/"), (ROOT / path).read_text()) for path in RECIPES]
    page = reference.recipes(texts)
    assert len(headings(page, 3)) == len(RECIPES)
    assert "## manual\n" in page
