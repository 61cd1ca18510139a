"""The clients that are compared: amiflow as users run it, the machine's limit, and libraries for the same job.

Belongs here: their commands, and installing each library into a place of its own in a cache folder, so that none of
them is a dependency of this project; and what to say of those that cannot be had. Never here: what they do (`clients`).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.process import Client

_HERE = Path(__file__).parent
PYTHON = ("asterisk-ami", "panoramisk", "pystrix", "pyst2")
NODE = ("asterisk-manager", "asterisk-ami-client", "nami")
RUBY = ("ruby_ami",)


def amiflow(recipe: str, *more: str, outstanding: int = 1) -> Client:
    """`amiflow run` of one of the benchmark's recipes, with journal and log as by default; only caps are lifted.

    With `outstanding` actions may be under way at once, as the configuration allows.
    """
    cache = _cache() / "run"
    cache.mkdir(parents=True, exist_ok=True)
    secret, config = cache / "secret", cache / f"outstanding-{outstanding}.yaml"
    secret.write_text("correct-horse-battery\n")
    server = {"host": "127.0.0.1", "username": "bench", "secret": f"file:{secret}", "outstanding": outstanding}
    config.write_text(json.dumps({"servers": {"bench": server}}))
    options = ("--config", str(config), "--server", "bench", "--port", "{port}")
    program = (sys.executable, "-c", "from amiflow.cli.main import entry; entry()", "run", str(_HERE / recipe))
    kept = {"XDG_STATE_HOME": str(cache), "XDG_CONFIG_HOME": str(cache), "PYTHONPATH": str(_HERE.parent)}
    journal = () if "--no-journal" in more else ("--journal", str(cache / "journal.db"))
    for left in cache.glob("journal.db*"):
        left.unlink()
    return Client("amiflow", (*program, *options, "--no-caps", *journal, *more), kept)


def limit() -> Client:
    """One regular expression over what is received."""
    return Client("limit", (sys.executable, _script("limit.py")), {})


def awaiting() -> Client:
    """The same limit where each action awaits the answer to the one before."""
    return Client("awaiting", (sys.executable, _script("awaiting.py")), {})


def libraries() -> tuple[list[Client], list[str]]:
    """The libraries that are there or can be installed, and what to say of the others."""
    found: list[Client] = []
    missing: list[str] = []
    makers: tuple[tuple[Callable[[str], Client], tuple[str, ...]], ...] = (
        (_of_python, PYTHON),
        (_of_node, NODE),
        (_of_ruby, RUBY),
    )
    for make, names in makers:
        for name in names:
            try:
                found.append(make(name))
            except FileNotFoundError as error:
                missing.append(f"{name}: {error.strerror or error}")
            except subprocess.CalledProcessError as error:
                said = error.stderr.decode(errors="replace").strip().splitlines()
                missing.append(f"{name}: cannot be installed ({said[-1] if said else error})")
    return found, missing


def _of_python(name: str) -> Client:
    place = _cache() / name
    python = place / "bin" / "python"
    if not python.exists():
        _make(place, [sys.executable, "-m", "venv", str(place)], [str(python), "-m", "pip", "install", "-q", name])
    return Client(name, (str(python), _script(f"{name.replace('-', '_')}.py")), {}, "PyPI")


def _of_node(name: str) -> Client:
    node, npm = _program("node"), _program("npm")
    place = _cache() / f"node-{name}"
    if not (place / "node_modules" / name).exists():
        _make(place, [npm, "install", "--no-audit", "--no-fund", "--prefix", str(place), name])
    script = _script(f"{name.replace('-', '_')}.js")
    return Client(name, (node, script), {"NODE_PATH": str(place / "node_modules")}, "npm")


def _of_ruby(name: str) -> Client:
    """As the system has it (Debian's ruby-ami), else as a gem."""
    ruby = _program("ruby")
    place = _cache() / f"ruby-{name}"
    client = Client(name, (ruby, "-W0", _script(f"{name}.rb")), {"GEM_PATH": f"{place}:"}, "gem")
    known = subprocess.run([ruby, "-e", f"require '{name}'"], check=False, capture_output=True)
    if known.returncode != 0 and not place.exists():
        _make(place, [_program("gem"), "install", "--quiet", "--no-document", "--install-dir", str(place), name])
    return client


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise FileNotFoundError(2, f"no `{name}` on this machine")
    return path


def _make(place: Path, *commands: list[str]) -> None:
    """Fill a folder; where that fails none of it stays."""
    place.mkdir(parents=True, exist_ok=True)
    try:
        for command in commands:
            subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        shutil.rmtree(place, ignore_errors=True)
        raise


def _script(name: str) -> str:
    return str(_HERE / "clients" / name)


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "amiflow-bench"
