"""What came of recipes' tests, for machines, and what they reached.

Belongs here: these layouts. Never here: running tests.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from xml.etree import ElementTree

from amiflow.report.data import dataclass
from amiflow.report.render import render
from amiflow.report.source import Source
from amiflow.tools.coverage import Coverage
from amiflow.tools.outcome import Result


@dataclass(frozen=True, slots=True)
class Tested:
    """A recipe: what came of its tests, none where it has errors, and what they reached, where that is asked for."""

    path: str
    sources: Mapping[str, Source]
    results: tuple[Result, ...] | None
    coverage: Coverage | None

    @property
    def share(self) -> float:
        """Of the steps and branches those reached, in per cent; a recipe without a step has reached them all."""
        found = self.coverage
        if found is None or not found.all_steps:
            return 100.0
        return 100 * (found.steps + found.branches) / (found.all_steps + found.all_branches)

    def missed(self) -> list[str]:
        """What no test reached, as `path:line`, for a branch with what of it."""
        found = self.coverage.missed if self.coverage is not None else ()
        places = (
            (f"{one.span.path}:{self.sources[one.span.path].position(one.span.start)[0]}", one.way) for one in found
        )
        return list(dict.fromkeys(place + (f": {way}" if way is not None else "") for place, way in places))


def covered_text(tested: Tested, least: int | None) -> str:
    """A line for people, with the places missed."""
    found = tested.coverage
    if found is None:
        return f"{tested.path}: not run"
    low = f", less than {least} %" if least is not None and tested.share < least else ""
    head = f"{tested.path}: {found.flows} of {found.all_flows} flows, {found.steps} of {found.all_steps} steps"
    head += f", {found.branches} of {found.all_branches} branches"
    return "\n".join((f"{head} ({tested.share:.0f} %{low})", *(f"  missed {place}" for place in tested.missed())))


def json_report(tested: Iterable[Tested]) -> str:
    """A list of recipes, each with its tests."""
    return json.dumps([_recipe(one) for one in tested], indent=2, ensure_ascii=False) + "\n"


def _recipe(tested: Tested) -> dict[str, Any]:
    record: dict[str, Any] = {"path": tested.path, "compiled": tested.results is not None}
    record["tests"] = [_test(result, tested.sources) for result in tested.results or ()]
    if (found := tested.coverage) is not None:
        counts = {"flows": [found.flows, found.all_flows], "steps": [found.steps, found.all_steps]}
        counts["branches"] = [found.branches, found.all_branches]
        record["coverage"] = {**counts, "percent": round(tested.share, 1), "missed": tested.missed()}
    return record


def _test(result: Result, sources: Mapping[str, Source]) -> dict[str, Any]:
    source = sources.get(result.test.span.path)
    line = source.position(result.test.span.start)[0] if source is not None else 1
    return {"name": result.test.name, "line": line, "passed": result.passed, "failure": _failure(result, sources)}


def _failure(result: Result, sources: Mapping[str, Source]) -> str | None:
    diagnostic = result.diagnostic()
    return None if diagnostic is None else render(diagnostic, sources) + result.trace_text(sources.values())


def junit_report(tested: Iterable[Tested]) -> str:
    """JUnit's XML, a suite for each recipe; one that does not compile is a suite with an error."""
    root = ElementTree.Element("testsuites", name="amiflow")
    for one in tested:
        failed = sum(not result.passed for result in one.results or ())
        faulty = one.results is None
        counts = {"tests": str(len(one.results or ()) + faulty), "failures": str(failed), "errors": str(int(faulty))}
        suite = ElementTree.SubElement(root, "testsuite", {"name": one.path, **counts})
        if one.coverage is not None:
            _covered(suite, one)
        if faulty:
            case = ElementTree.SubElement(suite, "testcase", classname=one.path, name="compiles")
            ElementTree.SubElement(case, "error", message="the recipe has errors, or cannot be read")
        for result in one.results or ():
            _case(suite, one, result)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _covered(suite: ElementTree.Element, tested: Tested) -> None:
    properties = ElementTree.SubElement(suite, "properties")
    ElementTree.SubElement(properties, "property", name="coverage", value=f"{tested.share:.1f}")
    for place in tested.missed():
        ElementTree.SubElement(properties, "property", name="missed", value=_xml(place))


def _case(suite: ElementTree.Element, tested: Tested, result: Result) -> None:
    case = ElementTree.SubElement(suite, "testcase", classname=tested.path, name=_xml(result.test.name))
    text = _failure(result, tested.sources)
    if result.unmet is not None and text is not None:
        ElementTree.SubElement(case, "failure", message=_xml(result.unmet.headline)).text = _xml(text)


def _xml(text: str) -> str:
    """Without the characters that XML 1.0 cannot hold."""
    return "".join(one if one in "\t\n\r" or (one >= " " and one not in "\ufffe\uffff") else "?" for one in text)
