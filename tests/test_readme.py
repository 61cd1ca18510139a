"""What the README prints is run here: recipes, commands, configuration, account."""

import configparser
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from amiflow.cli.main import COMMANDS
from support.amiflow_process import AMIFLOW, ROOT, clean_environment
from support.recipes import compile_text

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(
    r"(?:<!-- (?P<what>file|manager\.conf for): (?P<name>\S+) -->\n)?```(?P<kind>[\w-]+)\n(?P<text>.*?)```", re.DOTALL
)
BLOCKS = [match.groupdict() for match in BLOCK.finditer(README)]
# What this test does not run itself, with the file that does.
RUN_BY = {
    "make": ".ci/run",
    "python3": "Makefile",
    "~/amiflow/bin/pip": "Makefile",
    "~/amiflow/bin/amiflow": ".ci/wheel-check",
}


def blocks(kind: str) -> list[dict[str, str]]:
    return [block for block in BLOCKS if block["kind"] == kind]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the README shows."""
    made = tmp_path_factory.mktemp("readme")
    for block in BLOCKS:
        if block["what"] == "file":
            (made / block["name"]).write_text(block["text"], encoding="utf-8")
    return made


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = f"{Path(AMIFLOW).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["sh", "-c", command], cwd=folder, env=clean_environment(PATH=path), capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("block", blocks("amiflow"), ids=lambda block: block["name"])
def test_recipes_have_no_mistake(block: dict[str, str]) -> None:
    assert compile_text(block["text"]).diagnostics == ()


def consoles() -> list[tuple[str, str]]:
    return [
        (command, output)
        for block in blocks("console")
        for command, output in re.findall(r"^\$ ([^\n]+)\n((?:(?!\$ )[^\n]*\n)*)", block["text"], re.MULTILINE)
    ]


@pytest.mark.parametrize(("command", "output"), consoles(), ids=lambda text: text.split("\n")[0])
def test_commands_print_what_is_shown(folder: Path, command: str, output: str) -> None:
    done = run(command, folder)
    assert (done.stdout + done.stderr).strip() == output.strip()


def shell_lines() -> list[str]:
    return [line for block in blocks("sh") for line in block["text"].splitlines()]


@pytest.mark.parametrize("line", shell_lines())
def test_shell_lines_work(folder: Path, line: str) -> None:
    words = shlex.split(line)
    if words[0] in RUN_BY:
        assert (line if words[0] == "make" else words[1]) in (ROOT / RUN_BY[words[0]]).read_text()
        return
    # A live server is another test's; that the line is right as far as it goes is seen without one.
    live = "run" in words and not {"--simulate", "--dry-run"} & set(words)
    done = run(line.replace(" --shadow", "") + (" --dry-run" if live else ""), folder)
    assert done.returncode == 0, done.stderr


def test_commands_in_the_text_exist() -> None:
    help_of = {name: run(f"amiflow {name} --help", ROOT).stdout for name in re.findall(r"`amiflow (\w+)", README)}
    assert all(text.startswith("Usage:") for text in help_of.values()), help_of
    for command, option in re.findall(r"`amiflow (\w+)[^`]*?(--[\w-]+)", README):
        assert option in help_of[command]


def test_every_command_is_in_the_table() -> None:
    assert set(re.findall(r"^\| `amiflow (\w+)", README, re.MULTILINE)) == set(COMMANDS)


def test_the_account_has_just_what_the_recipe_needs(folder: Path) -> None:
    block = next(block for block in blocks("ini") if block["what"] == "manager.conf for")
    account = configparser.ConfigParser()
    account.read_string(block["text"])
    plan = compile_text((folder / block["name"]).read_text()).plan
    assert plan is not None
    read = {name for event in plan.needs.events for name in event.classes} | {"system"}
    assert account["amiflow"]["read"] == ",".join(sorted(read))
    assert account["amiflow"]["write"] == ",".join(sorted({name for act in plan.needs.actions for name in act.classes}))
