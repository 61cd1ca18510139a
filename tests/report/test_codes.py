"""The table of kinds: every row can be printed."""

import re

import pytest

from amiflow.report.codes import CODES
from amiflow.report.kind import Code


@pytest.mark.parametrize("row", CODES.values(), ids=lambda row: row.name)
def test_a_row_is_complete(row: Code) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", row.name) and CODES[row.name] is row
    assert row.rule.endswith(".") and row.explanation and row.bad != row.good
