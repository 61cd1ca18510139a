"""The table of kinds: every row can be printed."""

import re

from amiflow.report.codes import CODES


def test_a_row_is_complete() -> None:
    for row in CODES.values():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", row.name) and CODES[row.name] is row
        assert row.rule.endswith(".") and row.explanation and row.bad != row.good, row.name
