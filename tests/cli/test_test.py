"""`amiflow test`: which tests, what they reach, and reports for machines."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from support.command import Amiflow

RECIPE = """param loud = false
flow f on Hangup as h {
  if loud {
    log warn "over"
  } else {
    log "over"
  }
}
test "quiet" { event Hangup { } expect log "over" }
test "also quiet" { event Hangup { } expect log "OTHER" }
"""


TABLE = """table t(a: text) from "absent.csv"
flow f on start { for r in t { log r.a } }
test "one" { start expect log "x" }
"""


@pytest.fixture
def half(amiflow: Amiflow) -> Amiflow:
    Path("half.flow").write_text(RECIPE)
    Path("whole.flow").write_text(
        RECIPE.replace('"also quiet" { event', '"loud" { given loud = true event').replace(
            'log "OTHER"', 'log warn "over"'
        )
    )
    return amiflow


def test_a_name_chooses_tests(half: Amiflow) -> None:
    assert half("test", "half.flow").status == 1
    only = half("test", "-k", "loud", "whole.flow", "half.flow")
    assert only.status == 0 and "1 passed, 0 failed" in only.err
    assert half("test", "-k", "nobody", "whole.flow").status == 2


def test_coverage_names_what_is_missed_and_can_be_asked_for(half: Amiflow) -> None:
    whole = half("test", "--coverage", "--min", "100", "whole.flow")
    assert whole.status == 0 and "1 of 1 flows" in whole.err and "(100 %)" in whole.err and "missed" not in whole.err
    Path("half.flow").write_text(RECIPE.replace("OTHER", "over"))
    part = half("test", "--coverage", "half.flow")
    assert part.status == 0 and "missed half.flow:4" in part.err
    low = half("test", "--min", "90", "half.flow")
    assert low.status == 1 and "less than 90 %" in low.err


def test_json_report(half: Amiflow) -> None:
    result = half("test", "--format", "json", "--coverage", "half.flow")
    (recipe,) = json.loads(result.out)
    assert result.status == 1
    assert [(one["name"], one["line"], one["passed"]) for one in recipe["tests"]] == [
        ("quiet", 9, True),
        ("also quiet", 10, False),
    ]
    assert "OTHER" in recipe["tests"][1]["failure"] and recipe["coverage"]["missed"] == [
        "half.flow:3: the condition never holds",
        "half.flow:4",
    ]


def test_junit_report(half: Amiflow) -> None:
    result = half("test", "--format", "junit", "half.flow", "wrong.flow")
    suites = ElementTree.fromstring(result.out.removeprefix('<?xml version="1.0" encoding="UTF-8"?>'))
    assert [(one.get("name"), one.get("failures"), one.get("errors")) for one in suites] == [
        ("half.flow", "1", "0"),
        ("wrong.flow", "0", "1"),
    ]
    (failure,) = suites.iter("failure")
    assert failure.text is not None and "test-failed" in failure.text


def test_junit_report_says_what_is_missed(half: Amiflow) -> None:
    result = half("test", "--format", "junit", "--coverage", "half.flow")
    (suite,) = ElementTree.fromstring(result.out.removeprefix('<?xml version="1.0" encoding="UTF-8"?>'))
    found = [(one.get("name"), one.get("value")) for one in suite.iter("property")]
    assert found == [
        ("coverage", "60.0"),
        ("missed", "half.flow:3: the condition never holds"),
        ("missed", "half.flow:4"),
    ]


def test_what_cannot_be_read_keeps_nothing_else_from_being_tested(half: Amiflow) -> None:
    Path("latin1.flow").write_bytes(b"# \xe9\n")
    Path("table.flow").write_text(TABLE)
    result = half("test", "--format", "junit", "latin1.flow", "table.flow", "whole.flow")
    assert result.status == 2 and "latin1.flow is not UTF-8" in result.err and "cannot read absent.csv" in result.err
    suites = ElementTree.fromstring(result.out)
    assert [(one.get("name"), one.get("errors")) for one in suites] == [
        ("latin1.flow", "1"),
        ("table.flow", "1"),
        ("whole.flow", "0"),
    ]
