"""From a recipe's text to its plan: the phases, in order, and what they found.

Belongs here: the pipeline. Never here: reading files (`read` is handed in), drawing diagnostics.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from amiflow.ami.catalog import Catalog, load
from amiflow.lang import nodes
from amiflow.lang.allowing import meant
from amiflow.lang.bind import bind
from amiflow.lang.check import check, vocabulary_of
from amiflow.lang.check_picture import picture_problems
from amiflow.lang.decided import decided
from amiflow.lang.depth import too_deep
from amiflow.lang.emergency import idle_emergencies
from amiflow.lang.grammar import Grammar
from amiflow.lang.hungup import after_hangup
from amiflow.lang.imports import Importer
from amiflow.lang.lower import lower
from amiflow.lang.lower_expr import Lowering
from amiflow.lang.lower_tests import lower_test
from amiflow.lang.parse import parse
from amiflow.lang.safety import safety
from amiflow.lang.scope import Bindings, Checked
from amiflow.lang.versions import not_in_version
from amiflow.lang.vocabulary import Vocabulary
from amiflow.lang.walk import Whole
from amiflow.plan.model import Plan
from amiflow.plan.optimize import optimize
from amiflow.plan.testmodel import Test
from amiflow.report.data import dataclass
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

    bindings: Bindings
    checked: Checked
    vocabulary: Vocabulary
    found: tuple[Diagnostic, ...]


_Phase: TypeAlias = Callable[[_Analysed], list[Diagnostic]]

# Phases that only look, behind `bind` and `check`, whose tables they read.
_PHASES: tuple[_Phase, ...] = (
    lambda known: picture_problems(known.bindings),
    lambda known: safety(known.bindings, known.checked, known.vocabulary),
    lambda known: decided(known.bindings, known.checked, known.found),
    lambda known: after_hangup(known.bindings, known.checked),
    lambda known: list(idle_emergencies(known.bindings, known.vocabulary)),
)


def compile_recipe(
    path: str,
    read: Callable[[str], str],
    catalog: Catalog | None = None,
    grammar: Grammar | None = None,
    asterisk: str | None = None,
) -> Compiled:
    """Compile the recipe that `read(path)` gives; what `read` raises is the caller's. Nothing else is raised. With
    `asterisk`, a version such as "16", it is compiled for that one.

    Without a catalogue it is the shipped one; without a grammar one is built (a quarter of a second).
    """
    catalog = load() if catalog is None else catalog
    source = Source(path, read(path))
    sources = {path: source}
    own, syntax = parse(source, grammar)
    whole = Whole(own)
    deep = too_deep(whole)
    if deep is not None:
        said = any(problem.code == deep.code for problem in syntax)
        return Compiled(None, (), tuple(ordered(syntax if said else [*syntax, deep])), sources)
    importer = Importer(read, grammar)
    file = importer.whole(own, path)
    sources |= importer.sources
    bindings, names = bind(whole if file is own else Whole(file))
    vocabulary = vocabulary_of(bindings, catalog)
    checked, rules = check(bindings, vocabulary)
    known = _Analysed(bindings, checked, vocabulary, (*names, *rules))
    found = [*names, *rules, *(problem for phase in _PHASES for problem in phase(known))]
    if asterisk is not None:
        found += not_in_version(bindings.whole, checked, vocabulary, asterisk)
    # What a file that is imported is warned of, it is warned of where it is checked itself.
    found = [*importer.found, *(one for one in found if one.severity == "error" or one.span.path == path)]
    diagnostics = tuple(ordered([*syntax, *meant(found, file, source, syntax)]))
    if any(problem.severity == "error" for problem in diagnostics):
        return Compiled(None, (), diagnostics, sources)
    lowering = Lowering(sources, bindings, checked, vocabulary)
    plan = optimize(lower(file, lowering))
    tests = tuple(lower_test(decl, lowering) for decl in file.decls if isinstance(decl, nodes.TestDecl))
    return Compiled(plan, tests, diagnostics, sources)
