"""From a recipe's text to its plan: the phases, in order, and what they found.

Belongs here: the pipeline. Never here: reading files (`read` is handed in), drawing diagnostics.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from amiflow.ami.catalog import Catalog, load
from amiflow.lang import nodes
from amiflow.lang.bind import bind
from amiflow.lang.check import check, vocabulary_of
from amiflow.lang.check_picture import picture_problems
from amiflow.lang.depth import too_deep
from amiflow.lang.grammar import Grammar
from amiflow.lang.lower import lower
from amiflow.lang.lower_expr import Lowering
from amiflow.lang.lower_tests import lower_test
from amiflow.lang.notyet import not_yet
from amiflow.lang.parse import parse
from amiflow.lang.safety import safety
from amiflow.lang.scope import Bindings, Checked
from amiflow.plan.model import Plan
from amiflow.plan.optimize import optimize
from amiflow.plan.testmodel import Test
from amiflow.report.diagnostic import Diagnostic, ordered
from amiflow.report.source import Source


@dataclass(frozen=True, slots=True)
class Compiled:
    """What became of a recipe. `plan` is none where a diagnostic is an error; `sources` are the texts by path."""

    plan: Plan | None
    tests: tuple[Test, ...]
    diagnostics: tuple[Diagnostic, ...]
    sources: Mapping[str, Source]


@dataclass(frozen=True, slots=True)
class _Analysed:
    """What the phases know so far."""

    file: nodes.File
    bindings: Bindings
    checked: Checked
    catalog: Catalog


_Phase: TypeAlias = Callable[[_Analysed], list[Diagnostic]]

# Phases that only look, behind `bind` and `check`, whose tables they read.
_PHASES: tuple[_Phase, ...] = (
    lambda known: not_yet(known.file, known.bindings),
    lambda known: picture_problems(known.file, known.bindings),
    lambda known: safety(known.file, known.bindings, known.checked, vocabulary_of(known.bindings, known.catalog)),
)


def compile_recipe(
    path: str, read: Callable[[str], str], catalog: Catalog | None = None, grammar: Grammar | None = None
) -> Compiled:
    """Compile the recipe that `read(path)` gives; what `read` raises is the caller's. Nothing else is raised.

    Without a catalogue it is the shipped one; without a grammar one is built (a quarter of a second).
    """
    catalog = load() if catalog is None else catalog
    source = Source(path, read(path))
    sources = {path: source}
    file, syntax = parse(source, grammar)
    deep = too_deep(file)
    if deep is not None:
        said = any(problem.code == deep.code for problem in syntax)
        return Compiled(None, (), tuple(ordered(syntax if said else [*syntax, deep])), sources)
    bindings, names = bind(file)
    checked, rules = check(file, bindings, catalog)
    known = _Analysed(file, bindings, checked, catalog)
    found = [*names, *rules, *(problem for phase in _PHASES for problem in phase(known))]
    diagnostics = tuple(ordered([*syntax, *_meant(found, file, bool(syntax))]))
    if any(problem.severity == "error" for problem in diagnostics):
        return Compiled(None, (), diagnostics, sources)
    lowering = Lowering(source, bindings, checked, vocabulary_of(bindings, catalog))
    plan = optimize(lower(file, lowering))
    tests = tuple(lower_test(decl, lowering) for decl in file.decls if isinstance(decl, nodes.TestDecl))
    return Compiled(plan, tests, diagnostics, sources)


_WITHOUT_WHOLE_TEXT = frozenset({"unused-name", "empty-flow", "no-flows", "wrong-test"})


def _meant(found: Iterable[Diagnostic], file: nodes.File, incomplete: bool) -> Iterable[Diagnostic]:
    """Leave out warnings that a flow allows, what cannot be told while parts of the text are unread, and repeats."""
    allowed = [
        (flow.span, clause.what.text)
        for flow in file.decls
        if isinstance(flow, nodes.FlowDecl)
        for clause in flow.clauses
        if isinstance(clause, nodes.AllowClause)
    ]
    for problem in dict.fromkeys(found):
        meant = problem.severity == "warning" and any(
            problem.code == code and span.start <= problem.span.start < span.end for span, code in allowed
        )
        if not meant and not (incomplete and problem.code in _WITHOUT_WHOLE_TEXT):
            yield problem
