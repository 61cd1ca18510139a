"""The unit file: what is filled in, and what systemd's own tools say of it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from amiflow.live.control import _CALLERS
from amiflow.live.effects import MOST_ERRANDS
from amiflow.live.http_port import _WORKERS
from support.command import RIGHT, Amiflow

EXPOSURE = "20"  # tenths of a point; an unhardened service has 96

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")


@pytest.fixture
def unit(tmp_path: Path, amiflow: Amiflow) -> Path:
    """The unit file for the recipes of a folder."""
    for name in ("recipes", "etc"):
        Path(name).mkdir()
    for name in ("recipes/two.flow", "one.flow"):
        Path(name).write_text(RIGHT)
    Path("etc/amiflow.yaml").touch()
    result = amiflow("service", "recipes", "one.flow", "--config", "etc/amiflow.yaml")
    assert (result.status, result.err) == (0, "")
    path = tmp_path / "amiflow.service"
    path.write_text(result.out)
    return path


def test_paths_are_filled_in_as_absolute_ones(unit: Path, tmp_path: Path) -> None:
    lines = unit.read_text().splitlines()
    (start,) = [line for line in lines if line.startswith("ExecStart=")]
    assert start.endswith(
        f"/amiflow run --config {tmp_path}/etc/amiflow.yaml --log-format json {tmp_path}/recipes {tmp_path}/one.flow"
    )
    assert start.startswith("ExecStart=/") and "DynamicUser=yes" in lines and "$" not in unit.read_text()


def test_every_errand_may_have_its_thread(unit: Path) -> None:
    """And so may whoever asks the run, beside the run's own and what programs start."""
    (tasks,) = [line.removeprefix("TasksMax=") for line in unit.read_text().splitlines() if "TasksMax=" in line]
    assert int(tasks) >= 1.5 * (MOST_ERRANDS + _CALLERS + _WORKERS)


@needs_systemd
def test_systemd_finds_no_fault(unit: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@needs_systemd
def test_systemd_finds_it_hardened(unit: Path) -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE}", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout[-300:] + done.stderr


def test_an_account_of_its_own(amiflow: Amiflow) -> None:
    result = amiflow("service", "right.flow", "--user", "no_such_account")
    assert "\nUser=no_such_account\n" in result.out and "DynamicUser" not in result.out
    assert "there is no account no_such_account yet" in result.err
    assert "account" not in amiflow("service", "right.flow", "--user", "root").err


@pytest.mark.parametrize("path", ["my recipes", "50%.flow", 'a".flow', "${HOME}"])
def test_a_path_that_a_unit_file_reads_otherwise_is_refused(path: str, amiflow: Amiflow) -> None:
    result = amiflow("service", path)
    assert result.status == 2 and "cannot stand in a unit file as it is" in result.err


@pytest.mark.parametrize(("path", "words"), [("nope.flow", "cannot read nope.flow"), ("empty", "no recipe (*.flow)")])
def test_recipes_that_are_not_there_are_refused(path: str, words: str, amiflow: Amiflow) -> None:
    Path("empty").mkdir()
    result = amiflow("service", "right.flow", path)
    assert (result.status, result.out) == (2, "") and words in result.err


def test_a_configuration_that_is_not_there_yet_is_told(amiflow: Amiflow) -> None:
    result = amiflow("service", "right.flow", "--config", "later.yaml")
    assert result.status == 0 and result.err == "later.yaml is not there yet: without it the service will not start\n"


@pytest.mark.parametrize("user", ["a b", "", "a\nExecStart=/bin/sh"])
def test_what_is_no_account_does_not_get_into_the_unit_file(amiflow: Amiflow, user: str) -> None:
    result = amiflow("service", "right.flow", "--user", user)
    assert result.status == 2 and "is no name of an account" in result.err and result.out == ""
