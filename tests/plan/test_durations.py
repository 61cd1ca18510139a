"""Durations are written as recipes write them."""

from datetime import timedelta

import pytest

from amiflow.plan.durations import duration_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (timedelta(0), "0s"),
        (timedelta(milliseconds=250), "250ms"),
        (timedelta(seconds=90), "1m30s"),
        (timedelta(hours=1, minutes=30), "1h30m"),
        (timedelta(days=1, seconds=1, milliseconds=5), "1d1s5ms"),
        (timedelta(seconds=-5), "-5s"),
        (timedelta(microseconds=1500), "1ms"),
    ],
)
def test_duration_text(value: timedelta, text: str) -> None:
    assert duration_text(value) == text
