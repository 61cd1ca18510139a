"""The command as a process of its own: what it imports, signals, pipes that close."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.command import Amiflow
from support.runs import answering
from support.scripted_ami import Action, Connection, scripted

ROOT = Path(__file__).resolve().parents[2]
ENTRY = "from amiflow.cli.main import entry; entry()"
REPLACED = "import sys; sys.stdin = sys.stdout = sys.stderr = None"  # as Python does for streams closed at its start
SECRET = ("--username", "robot", "--secret-file", "secret")
REPORT = """
import sys
from amiflow.cli.main import main
status = main(sys.argv[1:])
print("\\n".join(sorted(sys.modules)), file=sys.stderr)
sys.exit(status)
"""


def start(*args: str, code: str = ENTRY, **options: object) -> subprocess.Popen[str]:
    """An amiflow process, its output in pipes."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.Popen([sys.executable, "-c", code, *args], text=True, env=environ, **pipes)  # type: ignore[call-overload,no-any-return]


@pytest.fixture(autouse=True)
def folder(amiflow: Amiflow) -> None:
    """The small recipes, and a secret."""
    Path("secret").write_text("hunter2\n")
    Path("right.json").write_text(amiflow("plan", "right.flow", "--json").out)


def imported(*args: str) -> tuple[int, set[str]]:
    """The status of a command, and the modules that it needed."""
    process = start(*args, code=REPORT)
    _, err = process.communicate(timeout=60)
    return process.returncode, set(err.splitlines())


def test_a_stored_plan_runs_without_the_compiler() -> None:
    with scripted(answering()) as ami:
        where = ("--host", "127.0.0.1", "--port", str(ami.port), *SECRET)
        status, modules = imported("run", "right.json", *where)
    assert status == 0
    assert "amiflow.engine.machine" in modules
    assert not [name for name in modules if name == "lark" or name.startswith("amiflow.lang.")]


def test_a_command_imports_only_what_it_needs() -> None:
    imported("check", "right.flow")  # keeps the grammar's table
    status, modules = imported("check", "right.flow")
    assert status == 0
    assert "amiflow.lang.compile" in modules
    assert not modules & {"amiflow.engine.machine", "amiflow.live.loop", "amiflow.cli.run", "lark", "yaml", "sqlite3"}
    assert not modules & {"asyncio", "ssl", "socket", "importlib.resources", "zipfile", "email"}


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_ends_a_run_in_order(number: int, status: int) -> None:
    Path("waits.flow").write_text('flow f on start { Getvar { Variable: "x" } wait 10m } finally { log "tidied up" }\n')

    def kill(connection: Connection, action: Action) -> None:
        connection.answer(action, "Success", "Variable: x", "Value: y")
        process.send_signal(number)

    with scripted(answering(Getvar=kill)) as ami:
        process = start("run", "waits.flow", "--host", "127.0.0.1", "--port", str(ami.port), *SECRET)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (status, "")
    assert "tidied up" in out and ami.names()[-1] == "Logoff"


def is_running(pid: int) -> bool:
    """Whether there is such a process, and it has not ended without anybody asking how."""
    with contextlib.suppress(OSError):
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    return False


def test_a_program_of_a_recipe_ends_with_the_run() -> None:
    script = "echo \\$\\$ > new; mv new pid; exec sleep 600"
    Path("starts.flow").write_text(f'flow f on start {{ exec ["/bin/sh", "-c", "{script}"] within 10m or ignore }}\n')
    process = start("run", "starts.flow", "--simulate", "--allow", "exec:/bin/sh")
    while process.poll() is None and not Path("pid").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    patience = time.monotonic() + 60
    while (lives := is_running(int(Path("pid").read_text()))) and time.monotonic() < patience:
        time.sleep(0.01)
    assert not lives


def test_a_log_that_nobody_reads_any_more_does_no_harm() -> None:
    def close(connection: Connection, action: Action) -> None:
        os.close(reading)
        connection.answer(action, "Success", "Variable: x", "Value: y")

    Path("asks.flow").write_text('flow f on start { let r = Getvar { Variable: "x" } log "${r.Value}" }\n')
    reading, writing = os.pipe()
    with scripted(answering(Getvar=close)) as ami:
        process = start("run", "asks.flow", "--host", "127.0.0.1", "--port", str(ami.port), *SECRET, stdout=writing)
        os.close(writing)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert ami.names()[-1] == "Logoff"


def test_a_closed_pipe_is_no_bug() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = start("plan", "right.flow", "--json", stdout=writing)
    os.close(writing)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (2, "")


@pytest.mark.parametrize("command", [("plan",), ("run", "--simulate")])
def test_streams_that_are_closed_from_the_start_do_no_harm(command: tuple[str, ...]) -> None:
    process = start(*command, "right.flow", code=f"import os; os.closerange(0, 3); {REPLACED}; {ENTRY}")
    assert process.wait(60) == 0


def test_a_full_disk_is_no_bug() -> None:
    with open("/dev/full", "w") as full:
        process = start("plan", "right.flow", stdout=full)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (2, "error: the system has no room for this: No space left on device\n")


def test_a_log_that_finds_no_room_ends_no_run() -> None:
    with open("/dev/full", "w") as full:
        process = start("run", "right.flow", "--simulate", stdout=full)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert err == "error: lines of the log could not be written: No space left on device\n"


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_simulated_pbx_serves_any_client_until_stopped(number: int, status: int, amiflow: Amiflow) -> None:
    process = start("simulate", "--port", "0")
    assert process.stderr is not None
    port = process.stderr.readline().split(":")[1].split(",")[0]
    Path("secret").write_text("amiflow\n")
    where = ("--host", "127.0.0.1", "--port", port, "--username", "amiflow", "--secret-file", "secret")
    assert amiflow("run", "right.flow", *where).status == 0
    assert "cannot listen on 127.0.0.1" in amiflow("simulate", "--port", port).err
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err.strip()) == (status, "")


COMPLETES = """\
eval "$(amiflow completion bash)"
compopt() { echo "compopt $2"; }
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_amiflow_completion amiflow
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("ru",), ["run"]),
        (("run", "--sec"), ["--secret-file"]),
        (("run", "--log-format", ""), ["text", "json"]),
        (("check", ""), ["compopt default"]),
        (("run", "r.flow", "--config", ""), ["compopt default"]),
        (("run", "r.flow", "--root", ""), ["compopt dirnames"]),
    ],
)
def test_bash_completes_commands_options_choices_and_files(words: tuple[str, ...], found: list[str]) -> None:
    command = Path("bin/amiflow")
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{ENTRY}" "$@"\n')
    command.chmod(0o755)
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{command.parent.resolve()}:{os.environ['PATH']}"}
    line = ["bash", "-c", COMPLETES, "bash", "amiflow", *words]
    done = subprocess.run(line, text=True, capture_output=True, timeout=60, env=environ, check=True)
    assert done.stdout.split("\n")[: len(found)] == found and done.stderr == ""


ASKS = """
flow click on signal click(agent: text) as s {
  if s.agent == "nobody" { fail "there is no ${s.agent}" }
  log "${s.agent} clicks"
  return {agent: s.agent, ok: true}
}
"""


def give(*args: str) -> tuple[int, str, str]:
    """What comes of `amiflow signal`: its status, output and errors."""
    process = start("signal", *args)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_a_signal_reaches_a_run_and_its_reply_comes_back(tmp_path: Path) -> None:
    Path("asks.flow").write_text(ASKS)
    Path("long.yaml").write_text('calls: [{at: 1h, from: PJSIP/alice, to: "600"}]\n')
    place = ("--control", str(tmp_path / "control" / "run"))
    assert "no run listens" in give("click", "agent=Ann", *place)[2]
    process = start("run", "asks.flow", "--simulate", "--scenario", "long.yaml", *place)
    try:
        assert process.stdout is not None
        assert any("ready" in line for line in process.stdout)
        assert give("click", "agent=Zoë", *place) == (0, '{"agent": "Zoë", "ok": true}\n', "")
        status, out, err = give("click", "agent=nobody", *place)
        assert (status, out) == (2, "") and "signal click: there is no nobody" in err
        status, out, err = give("clack", "agent=Ann", *place)
        assert (status, out) == (2, "") and "signal clack: no flow takes this signal; did you mean `click`?" in err
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 0 and "Zoë clicks" in out
        assert not Path(place[1]).exists()
    finally:
        process.kill()


@pytest.mark.parametrize("fields", [["agent"], ["=Ann"], ["agent=Ann", "agent=Ben"]])
def test_a_signal_with_odd_fields_is_wrong_usage(fields: list[str], tmp_path: Path) -> None:
    status, out, err = give("click", *fields, "--control", str(tmp_path / "c"))
    assert (status, out) == (2, "") and "a field is given once, as key=value" in err
