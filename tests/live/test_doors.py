"""The ways into a run: what is opened, what is done without, what closes."""

from __future__ import annotations

from pathlib import Path

import pytest

from amiflow.live.doors import Outside, listening
from amiflow.live.log import Log
from amiflow.live.problems import Trouble
from amiflow.live.secrets import Mask


def log_into(lines: list[str]) -> Log:
    return Log(lines.append, lambda: 0.0, Mask())


def test_a_run_goes_on_without_a_socket_that_nobody_needs(tmp_path: Path) -> None:
    lines: list[str] = []
    (tmp_path / "file").write_text("")
    outside = Outside(control=str(tmp_path / "file" / "socket"))
    with listening(outside, False, log_into(lines), lambda: None):
        assert len(lines) == 1 and "this run cannot be asked or told anything" in lines[0]


@pytest.mark.parametrize("must_listen", [True, False])
def test_it_ends_where_it_must_have_one(tmp_path: Path, must_listen: bool) -> None:
    (tmp_path / "file").write_text("")
    outside = Outside(control=str(tmp_path / "file" / "socket"), must_listen=must_listen)
    with pytest.raises(Trouble, match="cannot listen at"), listening(outside, not must_listen, log_into([]), _nobody):
        pass


def test_what_was_opened_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with listening(Outside(control=str(path)), True, log_into([]), _nobody):
        assert path.is_socket()
    assert not path.exists()


def _nobody() -> None:
    """Who is woken."""
