"""The project's own recipes, compiled, for tests that want real plans."""

from functools import cache
from pathlib import Path

from amiflow.ami import catalog
from amiflow.lang.compile import Compiled, compile_recipe
from amiflow.plan.model import Plan

ROOT = Path(__file__).resolve().parents[2]
RECIPES = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "recipes").rglob("*.flow"))


def compile_text(text: str, path: str = "t.flow") -> Compiled:
    """The recipe with this text."""
    return compile_recipe(path, lambda _path: text, catalog.load())


@cache
def compiled(path: str) -> Compiled:
    """The recipe at this path below the checkout; it must have no diagnostic."""
    return compile_recipe(path, lambda name: (ROOT / name).read_text(encoding="utf-8"), catalog.load())


def plan_of(path: str) -> Plan:
    """The plan of the recipe at this path."""
    plan = compiled(path).plan
    assert plan is not None
    return plan
