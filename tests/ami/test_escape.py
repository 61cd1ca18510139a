"""The escapes of Asterisk 13.5 and later."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiflow.ami.escape import unescape

# ast_escape_c_alloc
_ESCAPED = {"\a": "a", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t", "\v": "v", **dict.fromkeys("\\'\"?")}


def escape(text: str) -> str:
    return "".join("\\" + (_ESCAPED[one] or one) if one in _ESCAPED else one for one in text)


@given(st.text(st.sampled_from("\a\b\f\n\r\t\v\\'\"?ntab é")))
def test_what_asterisk_escapes_is_undone(text: str) -> None:
    assert unescape(escape(text)) == text


@pytest.mark.parametrize(
    ("sent", "meant"),
    [(r"O\'Brien", "O'Brien"), (r"a\\nb", r"a\nb"), (r"\x", r"\x"), ("end\\", "end\\"), ("\\\n", "\\\n"), ("", "")],
)
def test_single_cases(sent: str, meant: str) -> None:
    assert unescape(sent) == meant
