"""Helpers of the command line's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from amiflow.cli.main import main
from support.command import RIGHT, WRONG, Amiflow, Result


@pytest.fixture
def amiflow(
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Amiflow:
    """Runs a command in an empty folder of its own, in this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
    (tmp_path / "right.flow").write_text(RIGHT)
    (tmp_path / "wrong.flow").write_text(WRONG)

    def run(*args: str) -> Result:
        capfd.readouterr()
        status = main(args)
        return Result(status, *capfd.readouterr())

    return run
