"""Near names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiflow.report.suggest import near

HEADERS = ["Channel", "Cause", "Cause-txt", "CallerIDNum", "CallerIDName", "Uniqueid", "Linkedid"]


@pytest.mark.parametrize(
    ("word", "best"),
    [
        ("CauseText", ["Cause-txt"]),
        ("chanel", ["Channel"]),
        ("Uniuqeid", ["Uniqueid"]),
        ("UNIQUEID", ["Uniqueid"]),
        ("CallerIDNam", ["CallerIDName", "CallerIDNum"]),
        ("Bridge", []),
        ("", []),
        ("x" * 1000, []),
    ],
)
def test_near(word: str, best: list[str]) -> None:
    assert near(word, HEADERS) == best


@given(st.text(alphabet="abcd", max_size=8), st.lists(st.text(alphabet="abcd", max_size=8)))
def test_at_most_three_and_never_the_word_itself(word: str, candidates: list[str]) -> None:
    found = near(word, candidates)
    assert len(found) <= 3 and word not in found and set(found) <= set(candidates)
