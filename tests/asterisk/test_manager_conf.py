"""The account that `amiflow plan --manager-conf` prints, on real servers: it is enough, and no class is too much."""

import re
import subprocess
from itertools import count
from pathlib import Path

import pytest

from support.amiflow_process import AMIFLOW, ROOT, Amiflow
from support.lab import calls
from support.lab.server import AsteriskServer
from support.plain_ami import PlainAmi

ROBOT = "recipes/both_legs_to_conference.flow"
CALL = "recipes/manual/call_extension.flow"
BY_HAND = "recipes/manual/redirect_both_legs.flow"
WHO = "recipes/who_is_calling.flow"
NUMBERS = count(1)


def section(recipe: str) -> str:
    command = [AMIFLOW, "plan", "--manager-conf", recipe]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def classes(text: str, key: str) -> list[str]:
    found = re.search(rf"^{key} = (.*)$", text, re.MULTILINE)
    assert found is not None
    return [one for one in found[1].split(",") if one]


def options(asterisk: AsteriskServer, tmp_path: Path, text: str) -> list[str]:
    """Grants the account of a printed section, under a name of its own, and says how to log in with it."""
    name = f"least{next(NUMBERS)}"
    asterisk.grant(text.replace("[amiflow]", f"[{name}]").replace("secret = ; fill in", f"secret = {asterisk.secret}"))
    config = tmp_path / f"{name}.yaml"
    address = f"host: 127.0.0.1\n    port: {asterisk.ami_port}"
    config.write_text(f"servers:\n  lab:\n    {address}\n    username: {name}\n    secret: {asterisk.secret}\n")
    config.chmod(0o600)
    return ["--config", str(config)]


def less(text: str, key: str, one: str) -> str:
    left = ",".join(other for other in classes(text, key) if other != one)
    return re.sub(rf"^{key} = .*$", f"{key} = {left}", text, flags=re.MULTILINE)


def test_the_showpiece_runs_with_this_account(asterisk: AsteriskServer, judge: PlainAmi, tmp_path: Path) -> None:
    with Amiflow(ROBOT, *options(asterisk, tmp_path, section(ROBOT)), cwd=ROOT) as robot:
        robot.wait("ready")
        call = calls.bridged_call(judge)
        robot.wait("log", "both legs are in 680")
        assert calls.members(judge) == call.channels


def test_a_call_is_made_with_exactly_this_account(asterisk: AsteriskServer, tmp_path: Path) -> None:
    with Amiflow(
        CALL, "--param", "channel=Local/1234@default", *options(asterisk, tmp_path, section(CALL)), cwd=ROOT
    ) as robot:
        assert robot.end(None) == 0, robot.lines


@pytest.mark.parametrize("recipe", [ROBOT, CALL, BY_HAND])
def test_without_one_class_to_write_the_run_ends_and_names_it(
    asterisk: AsteriskServer, tmp_path: Path, recipe: str
) -> None:
    text = section(recipe)
    params = {
        CALL: ["channel=Local/1234@default"],
        BY_HAND: ["channel=Local/1@default-0;1", "extra_channel=Local/1@default-0;2"],
    }
    given = [word for one in params.get(recipe, []) for word in ("--param", one)]
    assert classes(text, "write")
    for one in classes(text, "write"):
        with Amiflow(recipe, *given, *options(asterisk, tmp_path, less(text, "write", one)), cwd=ROOT) as robot:
            assert robot.end(None) == 2
            assert f"needs the class {one}" in robot.errors or f"or {one}" in robot.errors, robot.errors


def test_without_one_class_to_read_its_events_do_not_come(
    asterisk: AsteriskServer, judge: PlainAmi, tmp_path: Path
) -> None:
    text = section(ROBOT)
    assert "call" in classes(text, "read")
    with Amiflow(ROBOT, *options(asterisk, tmp_path, less(text, "read", "call")), cwd=ROOT) as robot:
        robot.wait("ready")
        calls.bridged_call(judge)
        assert robot.end() == 0 and not robot.seen("log") and not robot.seen("sent")
