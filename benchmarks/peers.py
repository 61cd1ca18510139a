"""The clients that are compared: amiflow as users run it, the machine's limit, and libraries from PyPI.

Belongs here: their commands, and installing each library into an environment of its own, in a cache folder, so that
none of them is a dependency of this project. Never here: what they do (`clients`).
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.process import Client

_HERE = Path(__file__).parent
LIBRARIES = ("asterisk-ami", "panoramisk", "pystrix", "pyst2")
_CLIENTS = {"asterisk-ami": "asterisk_ami.py"}


def amiflow(recipe: str, *more: str, name: str = "amiflow") -> Client:
    """`amiflow run` of one of the benchmark's recipes, with journal and log as by default; only caps are lifted."""
    cache = _cache() / "run"
    cache.mkdir(parents=True, exist_ok=True)
    secret = cache / "secret"
    secret.write_text("correct-horse-battery\n")
    options = ("--host", "127.0.0.1", "--port", "{port}", "--username", "bench", "--secret-file", str(secret))
    program = (sys.executable, "-c", "from amiflow.cli.main import entry; entry()", "run", str(_HERE / recipe))
    kept = {"XDG_STATE_HOME": str(cache), "XDG_CONFIG_HOME": str(cache), "PYTHONPATH": str(_HERE.parent)}
    journal = () if "--no-journal" in more else ("--journal", str(cache / "journal.db"))
    for left in cache.glob("journal.db*"):
        left.unlink()
    return Client(name, (*program, *options, "--no-caps", *journal, *more), kept)


def limit() -> Client:
    """One regular expression over what is received."""
    return Client("limit", (sys.executable, str(_HERE / "clients" / "limit.py")), {})


def libraries() -> tuple[list[Client], list[str]]:
    """The libraries that are there or can be installed, and what to say of the others."""
    found, missing = [], []
    for library in LIBRARIES:
        python = _cache() / library / "bin" / "python"
        try:
            if not python.exists():
                _install(library, python)
        except (OSError, subprocess.CalledProcessError) as error:
            missing.append(f"{library}: cannot be installed ({error})")
            continue
        script = _CLIENTS.get(library, f"{library}.py")
        found.append(Client(library, (str(python), str(_HERE / "clients" / script)), {}))
    return found, missing


def _install(library: str, python: Path) -> None:
    place = python.parent.parent
    try:
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True, capture_output=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", library], check=True, capture_output=True)
    except subprocess.CalledProcessError:
        subprocess.run(["rm", "-rf", str(place)], check=False)
        raise


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "amiflow-bench"
