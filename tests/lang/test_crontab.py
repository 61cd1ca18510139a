"""Cron lines, field by field."""

import pytest

from amiflow.lang.crontab import Times, read_cron


@pytest.mark.parametrize(
    ("line", "times"),
    [
        ("* * * * *", Times((), ())),
        ("0 8 1 1 7", Times((0,), (8,), (1,), (1,), (7,))),
        ("*/20 8-10 * * mon-wed", Times((0, 20, 40), (8, 9, 10), weekdays=(1, 2, 3))),
        ("5/30 0 * JAN-mar,dec 0", Times((5, 35), (0,), months=(1, 2, 3, 12), weekdays=(7,))),
        ("1,3,2-4 0-6/3 31 * fri", Times((1, 2, 3, 4), (0, 3, 6), (31,), (), (5,))),
        ("0 0 31 feb mon", Times((0,), (0,), (31,), (2,), (1,))),
    ],
)
def test_what_a_line_means(line: str, times: Times) -> None:
    assert read_cron(line) == times


@pytest.mark.parametrize(
    "line",
    [
        *("", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8"),
        *("* * 31 feb *", "5-3 * * * *", "*/0 * * * *", "* * * foo *", "1, * * * *", "-1 * * * *", "1-2-3 * * * *"),
    ],
)
def test_what_is_none(line: str) -> None:
    assert isinstance(read_cron(line), str)
