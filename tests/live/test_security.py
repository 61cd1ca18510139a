"""What must hold whoever is hostile: text is never run, strangers' files are not trusted, secrets do not get out."""

from __future__ import annotations

import ast
import io
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from amiflow.ami.message import Message
from amiflow.ami.reports import LoggedIn
from amiflow.cli import compiling
from amiflow.cli import main as main_module
from amiflow.live import config
from amiflow.live.clock import SystemClock
from amiflow.live.config import Server
from amiflow.live.log import Log
from amiflow.live.problems import Trouble
from amiflow.live.secrets import Mask, SecretSource
from amiflow.live.tidings import Tidings

SOURCES = Path(config.__file__).resolve().parents[1]
SECRET = "hunter2/ä &"

# --- text is never run ------------------------------------------------------------------------------------------------

# Each with its reason: methods of data classes are built from field names of this program, once, at import.
BUILDS_CODE = {"report/data.py"}
RUNS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "pickle.load", "pickle.loads", "yaml.load"}


def calls(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def test_no_text_is_run_as_code_and_no_shell_is_asked() -> None:
    found = []
    for path in sorted(SOURCES.rglob("*.py")):
        name = str(path.relative_to(SOURCES))
        for called, call in calls(ast.parse(path.read_text(encoding="utf-8"))):
            shell = any(one.arg == "shell" for one in call.keywords)
            if shell or (called in RUNS and name not in BUILDS_CODE):
                found.append(f"{name}:{call.lineno} {called}")
    assert found == []


# --- files of other users ---------------------------------------------------------------------------------------------


def test_a_configuration_that_others_can_write_is_not_taken_because_it_lies_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "amiflow.yaml"
    path.write_text("allow: [exec:/bin/sh]\n")
    path.chmod(0o644)
    assert config.find(None, {}) == "amiflow.yaml"
    path.chmod(0o666)
    with pytest.raises(Trouble, match="can be written by another user"):
        config.find(None, {})
    assert config.find("amiflow.yaml", {}) == "amiflow.yaml"  # whoever names it means it


def test_a_cache_folder_that_others_can_write_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lark unpickles what it finds there."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert compiling._cache_file() is not None
    (tmp_path / "amiflow").chmod(0o777)
    assert compiling._cache_file() is None
    (tmp_path / "amiflow").chmod(0o700)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert compiling._cache_file() is None


# --- secrets ----------------------------------------------------------------------------------------------------------


def masking() -> Mask:
    mask = Mask()
    mask.add(SECRET)
    return mask


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        f"https://crm.example/?key={SECRET}",
        "the server redirects (302): ask https://crm.example/?key=hunter2%2F%C3%A4%20%26 itself",
        "key=hunter2%2F%C3%A4+%26",
        repr({"secret": SECRET}),
        '{"secret": "hunter2/\\u00e4 &"}',
    ],
)
def test_a_secret_is_masked_however_it_is_written(text: str) -> None:
    assert "hunter2" not in masking()(text)


def test_a_raw_message_in_the_log_has_no_secret() -> None:
    lines: list[str] = []
    mask = masking()
    log = Log(lines.append, lambda: 0.0, mask, "json", "debug")
    message = Message.build([("Event", "X"), ("Value", SECRET)])
    log.server("debug", "pbx", "stray", f"belongs to nothing: {message!r}")
    assert len(lines) == 1 and "hunter2" not in lines[0]


def test_a_bug_in_a_worker_is_told_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(main_module, "say", said.append)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)

    def crashing(*_: object, obj: Mask, **__: object) -> int:
        obj.add(SECRET)
        worker = threading.Thread(target=lambda: {}[f"no {SECRET}"])  # type: ignore[misc]
        worker.start()
        worker.join()
        return 0

    monkeypatch.setattr(main_module.group, "main", crashing)
    assert main_module.main(["run"]) == 0
    assert len(said) == 1 and "KeyError" in said[0] and "hunter2" not in said[0]


# --- connections ------------------------------------------------------------------------------------------------------


def told(host: str, plain: bool, encrypted: bool) -> str:
    out = io.StringIO()
    log = Log(lambda line: print(line, file=out), lambda: 0.0, Mask())
    server = Server("pbx", host, 5038, "robot", SecretSource("literal", "x"))
    peer: Any = SimpleNamespace(name="pbx", server=server, link=SimpleNamespace(encrypted=encrypted))
    Tidings({}, log, SystemClock()).tell(peer, LoggedIn("11.0.0", plain))
    return out.getvalue()


@pytest.mark.parametrize(
    ("host", "plain", "encrypted", "warned"),
    [
        ("192.0.2.1", True, False, True),
        ("pbx.example", True, False, True),
        ("127.0.0.1", True, False, False),
        ("localhost", True, False, False),
        ("192.0.2.1", True, True, False),
        ("192.0.2.1", False, False, False),
    ],
)
def test_a_secret_sent_in_plain_text_to_another_machine_is_warned_of(
    host: str, plain: bool, encrypted: bool, warned: bool
) -> None:
    assert ("the secret was sent in plain text" in told(host, plain, encrypted)) == warned
