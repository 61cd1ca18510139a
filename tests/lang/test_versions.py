"""For which versions of Asterisk recipes can be checked."""

import pytest

from amiflow.lang.versions import is_known


@pytest.mark.parametrize("text", ["1.4", "1.4.42", "1.6.2.24", "1.8", "10", "16", "18.26.0", "23.1"])
def test_versions_of_which_is_known_what_they_have(text: str) -> None:
    assert is_known(text)


@pytest.mark.parametrize("text", ["", "1", "1.2", "1.5", "1.40", "5", "9", "24", "99", "16.", "16.x", "new", "१६"])
def test_others_are_not_known(text: str) -> None:
    assert not is_known(text)
