"""Files that nobody would write by hand, given to the command as a process with a gigabyte and a minute: each is
refused in words, never by a traceback."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENTRY = "from amiflow.cli.main import entry; entry()"
RECIPE = 'param p: text = "x"\nflow f on start { log p }\n'
TABLE = 'table t(number: text, name: text) from "%s"\nflow f on start { for r in t { log r.name } }\n'
BOMB = "a: &a [x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


def refused(*args: str) -> str:
    """What a command says that is refused, within its limits."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))

    done = subprocess.run(
        [sys.executable, "-c", ENTRY, *args],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        errors="replace",
        timeout=60,
        preexec_fn=limit,
    )
    said = done.stdout + done.stderr
    assert done.returncode in (1, 2), said[-2000:]
    assert "Traceback" not in said and "error" in said
    return said


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ok.flow").write_text(RECIPE)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (("flow f on Hangup as h { log h.Channel }\n" * 100_000).encode(), "too long"),
        (b'flow f on start { log "' + b"x" * 10_000_000 + b'" }', "too long"),
        (bytes(range(256)) * 100, "not UTF-8"),
    ],
    ids=["lines", "line", "binary"],
)
def test_a_recipe(text: bytes, words: str) -> None:
    Path("bad.flow").write_bytes(text)
    assert words in refused("check", "bad.flow")


@pytest.mark.parametrize("args", ["check /dev/zero", "run ok.flow --simulate --no-journal --scenario /dev/zero"])
def test_a_text_without_end(args: str) -> None:
    assert "/dev/zero is too large" in refused(*args.split())


@pytest.mark.parametrize(
    "args",
    [
        "check gate",
        "check gate.json",
        "check ok.flow --config gate",
        "run ok.flow --simulate --no-journal --params gate",
        "run ok.flow --simulate --no-journal --scenario gate",
        "run ok.flow --simulate --journal gate",
        "run ok.flow --dry-run --events gate",
        "run ok.flow --host localhost --username u --no-journal --secret-file gate",
        "check ok.flow --config tls.yaml",
        "log --journal gate",
    ],
)
def test_a_pipe_that_nobody_writes_to(args: str) -> None:
    os.mkfifo("gate")
    os.mkfifo("gate.json")
    Path("tls.yaml").write_text("servers: {a: {host: localhost, username: u, secret: env:HOME, tls: {ca: gate}}}\n")
    said = refused(*args.split())
    assert "gate" in said and "no file" in said


@pytest.mark.parametrize(
    "text",
    [
        BOMB + "calls: *i\nparams: *i\np: *i\n",
        "p: &a [*a]\nparams: {p: *a}\n",
        "[" * 20000,
        'a: "\\U00110000"',
        "p: " + "x" * 2000000,
    ],
    ids=["bomb", "loop", "deep", "escape", "long"],
)
def test_a_document(text: str) -> None:
    Path("bad.yaml").write_text(text)
    refused("run", "ok.flow", "--simulate", "--no-journal", "--scenario", "bad.yaml")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("t.csv", "name\nbob\n", "no column `number`"),
        ("t.json", '[{"number": ' + "9" * 100_000 + "}]", "t.json"),
        ("t.yaml", '- {number: !!bool "zz", name: x}\n', "not of its tag"),
        ("t.yaml", '- {number: !!timestamp "zz", name: x}\n', "not of its tag"),
        ("t.yaml", '- {number: "1", name: x}\n' * 100_000, "too long to read"),
    ],
    ids=["key", "int", "bool", "time", "long"],
)
def test_a_table(name: str, text: str, words: str) -> None:
    Path(name).write_text(text)
    Path("bad.flow").write_text(TABLE % name)
    assert words in refused("run", "bad.flow", "--simulate", "--no-journal")


@pytest.mark.parametrize("text", ["[" * 100_000, '{"is": "Plan", "version": ' + "9" * 5000 + "}", "\0"])
def test_a_stored_plan(text: str) -> None:
    Path("bad.json").write_text(text)
    refused("run", "bad.json", "--dry-run")
