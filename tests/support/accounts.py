"""Accounts that hold just what `amiflow plan --manager-conf` prints, or one class less, on a real server."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from itertools import count
from pathlib import Path

from support.amiflow_process import AMIFLOW, ROOT
from support.lab.server import AsteriskServer

_NUMBERS = count(1)


@cache
def section(recipe: str) -> str:
    """What is printed for this recipe."""
    command = [AMIFLOW, "plan", "--manager-conf", recipe]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def classes(text: str, key: str) -> list[str]:
    """The classes to `read` or `write` of a printed section."""
    found = re.search(rf"^{key} = (.*)$", text, re.MULTILINE)
    assert found is not None
    return [one for one in found[1].split(",") if one]


def less(text: str, key: str, one: str) -> str:
    """The section without one of these classes."""
    left = ",".join(other for other in classes(text, key) if other != one)
    return re.sub(rf"^{key} = .*$", f"{key} = {left}", text, flags=re.MULTILINE)


def granted(asterisk: AsteriskServer, folder: Path, text: str) -> list[str]:
    """Grants the account of a printed section, under a name of its own, and says how to log in with it."""
    name = f"least{next(_NUMBERS)}"
    asterisk.grant(text.replace("[amiflow]", f"[{name}]").replace("secret = ; fill in", f"secret = {asterisk.secret}"))
    config = folder / f"{name}.yaml"
    address = f"host: 127.0.0.1\n    port: {asterisk.ami_port}"
    config.write_text(f"servers:\n  lab:\n    {address}\n    username: {name}\n    secret: {asterisk.secret}\n")
    config.chmod(0o600)
    return ["--config", str(config)]
