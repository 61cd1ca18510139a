"""What is printed for people moves no cursor, whoever wrote it."""

from __future__ import annotations

import pytest

from amiflow.cli.terminal import complain


def test_control_characters_of_a_peer_are_spelt_out(capsys: pytest.CaptureFixture[str]) -> None:
    complain("it says `\x1b]0;owned\x07\r\n`", "see \x9b2J")
    assert capsys.readouterr().err == ("error: it says `\\x1b]0;owned\\x07\\r\\n`\n  = help: see \\x9b2J\n")
