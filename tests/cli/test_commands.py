"""Every command as a user meets it: exit status, what is printed where, and words for what is wrong."""

from __future__ import annotations

import errno
import json
import os
import signal
from pathlib import Path

import click
import pytest

from amiflow.cli import main as main_module
from amiflow.cli.main import COMMANDS, group, main
from amiflow.live.record import Writer
from support.command import Amiflow
from support.runs import answering, stop_with
from support.scripted_ami import scripted

# --- check, plan, test ------------------------------------------------------------------------------------------------


def test_check_of_what_is_right(amiflow: Amiflow) -> None:
    result = amiflow("check", "right.flow")
    assert (result.status, result.out, result.err.strip()) == (0, "", "1 recipe: no mistake found")


def test_check_of_a_folder_shows_each_mistake_with_its_line(amiflow: Amiflow) -> None:
    result = amiflow("check", ".")
    assert result.status == 1
    assert "wrong.flow:1:" in result.err and "did you mean" in result.err and "2 recipes: 1 error" in result.err


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("absent.flow", "cannot read absent.flow: No such file or directory"),
        ("empty", "no recipe (*.flow) in empty"),
        ("latin1.flow", "latin1.flow is not UTF-8 text: byte 2 is 0xe9"),
    ],
)
def test_what_cannot_be_read_is_said(amiflow: Amiflow, path: str, words: str) -> None:
    Path("empty").mkdir()
    Path("latin1.flow").write_bytes(b"# \xe9\n")
    result = amiflow("check", path)
    assert (result.status, result.err.strip()) == (2, f"error: {words}")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look into every folder")
def test_a_folder_that_may_not_be_read_is_not_taken_for_empty(amiflow: Amiflow, tmp_path: Path) -> None:
    (tmp_path / "recipes" / "closed").mkdir(parents=True, mode=0)
    assert "cannot read recipes/closed: Permission denied" in amiflow("check", "recipes").err


def test_a_folder_that_is_gone_is_said(amiflow: Amiflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    result = amiflow("check", "right.flow")
    assert (result.status, result.err) == (2, "error: the folder that amiflow was started in is no longer there\n")
    assert amiflow("explain", "syntax").status == 0


def test_plan_of_a_folder_says_what_to_do(amiflow: Amiflow) -> None:
    result = amiflow("plan", ".")
    assert result.status == 2
    assert "Is a directory" in result.err and "help: `amiflow check .`" in result.err


def test_an_empty_recipe_is_not_silent(amiflow: Amiflow) -> None:
    Path("nothing.flow").write_text("")
    result = amiflow("check", "nothing.flow")
    assert ("nothing.flow" in result.err and "1 warning" in result.err) or "1 error" in result.err


def test_plan_prints_text_and_json(amiflow: Amiflow) -> None:
    assert "flow says" in amiflow("plan", "right.flow").out
    assert json.loads(amiflow("plan", "right.flow", "--json").out)["is"] == "Plan"
    assert amiflow("plan", "wrong.flow").status == 1
    bounds = amiflow("plan", "right.flow", "--bounds").out
    assert "flow says" in bounds and "100  actions_per_second (`limits` of the configuration)" in bounds


def test_test_runs_the_tests_of_recipes(amiflow: Amiflow) -> None:
    result = amiflow("test", "right.flow")
    assert (result.status, result.err.strip()) == (0, "1 passed, 0 failed")
    Path("right.flow").write_text(Path("right.flow").read_text().replace('log "room 680, l', 'log "room 681, l'))
    result = amiflow("test", "right.flow")
    assert result.status == 1
    assert "error[test-failed]" in result.err and "right.flow:4" in result.err and "0 passed, 1 failed" in result.err
    assert amiflow("test", "wrong.flow").status == 1


# --- run --------------------------------------------------------------------------------------------------------------


def test_a_dry_run_prints_the_plan_and_connects_to_nothing(amiflow: Amiflow) -> None:
    result = amiflow("run", "right.flow", "--dry-run", "--param", "room=681")
    assert result.status == 0
    assert "flow says" in result.out and "nothing was connected to" in result.err


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--param", "rom=681"), "no recipe of this run has a param `rom`"),
        (("--param", "limit=many"), "the param `limit` is of type int"),
        (("--param", "room"), "a param is given as name and value"),
        (("--params", "absent.yaml"), "cannot read absent.yaml"),
        (("--params", "p.yaml"), "no recipe of this run has a param `rooms`"),
        (("--config", "absent.yaml"), "cannot read absent.yaml"),
        (("--config", "bad.yaml"), "the configuration has no key `server`"),
        (("--server", "pbx"), "the configuration has no server `pbx`"),
        (("--host", "192.0.2.1"), "with --host, --username and --secret-file must be given too"),
        (("--host", ""), "'' is no name or address"),
        (("--host", "pbx:5038"), "'pbx:5038' is no name or address; a port is given by --port"),
        (("--username", "robot"), "no server to connect to"),
        (("--params", "latin1.yaml"), "latin1.yaml is not UTF-8 text: byte 2 is 0xe9"),
        (("--config", "latin1.yaml"), "latin1.yaml is not UTF-8 text: byte 2 is 0xe9"),
        (("--events", "absent.ami"), "cannot read absent.ami"),
        (("--events", "bad.yaml"), "bad.yaml cannot be read: no Asterisk manager interface: it says `server: {}`"),
        (("--events", "empty.ami"), "empty.ami holds no message"),
        (("--simulate",), "--dry-run and --simulate exclude each other"),
        (("--scenario", "x"), "--scenario belongs to --simulate"),
        (("--log-format", "xml"), "'xml' is not one of"),
        (("--prams", "x"), "No such option"),
        (("--root", "absent"), "Directory 'absent' does not exist"),
        (("--config", ""), "an empty text names nothing"),
    ],
)
def test_what_is_wrong_with_the_usage_is_said(amiflow: Amiflow, args: tuple[str, ...], words: str) -> None:
    Path("p.yaml").write_text("rooms: 5\n")
    Path("bad.yaml").write_text("server: {}\n")
    Path("latin1.yaml").write_bytes(b"# \xe9\n")
    Path("empty.ami").touch()
    result = amiflow("run", "right.flow", "--dry-run", *args)
    assert result.status == 2
    assert words in result.err


def test_a_secret_that_is_no_text_is_sent_as_it_is(amiflow: Amiflow) -> None:
    Path("secret").write_bytes(b"caf\xe9\n")
    where = ("--host", "127.0.0.1", "--port", "1", "--username", "robot", "--secret-file", "secret")
    result = amiflow("run", "right.flow", "--no-journal", *where)
    assert result.status == 2 and "connection refused" in result.err


SERVERS = """\
servers:
  pbx: {host: 127.0.0.1, port: 1, username: u, secret: hunter2}
  lab: {host: 127.0.0.1, port: 1, username: u, secret: hunter2}
"""


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        ('flow f on start server "pbxx" { log "x" }', "no server of this run is called `pbxx`"),
        ('param n = 0\nlet x = 10 / n\nflow f on start { log "${x}" }', "division by zero"),
        ('flow f on start { exec ["/bin/true"] within 5s }', "this run does not allow `exec:/bin/true`"),
    ],
)
def test_a_dry_run_refuses_what_the_run_would(amiflow: Amiflow, recipe: str, words: str) -> None:
    Path("amiflow.yaml").write_text(SERVERS)
    Path("amiflow.yaml").chmod(0o600)
    Path("late.flow").write_text(recipe)
    for mode in ((), ("--dry-run",)):
        result = amiflow("run", "late.flow", "--no-journal", *mode)
        assert result.status == 2 and words in result.err, mode


@pytest.mark.parametrize(
    ("text", "words"),
    [(None, "no such file or directory"), ("no certificate", "TLS failed: no certificate or crl found")],
)
def test_a_file_of_authorities_that_cannot_be_used_is_told_before_anything_is_connected(
    amiflow: Amiflow, text: str | None, words: str
) -> None:
    Path("amiflow.yaml").write_text(SERVERS.replace("port: 1,", "port: 1, tls: {ca: authority.pem},", 1))
    Path("amiflow.yaml").chmod(0o600)
    if text is not None:
        Path("authority.pem").write_text(text)
    for mode in ((), ("--dry-run",)):
        result = amiflow("run", "right.flow", "--server", "pbx", "--no-journal", *mode)
        assert result.status == 2
        assert f"the authority of pbx: cannot read authority.pem: {words}" in result.err


@pytest.mark.parametrize(
    ("secret", "words"),
    [("hunter2\n", "the value of `Secret` holds a CR, LF or NUL"), ("x" * 2000, "the line of `Secret` has 2008 bytes")],
)
@pytest.mark.parametrize("command", [("run", "right.flow", "--no-journal"), ("check", "--config", "amiflow.yaml")])
def test_a_secret_that_cannot_be_sent_is_told_before_anything_is_connected(
    amiflow: Amiflow, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], secret: str, words: str
) -> None:
    monkeypatch.setenv("AMI_SECRET", secret)
    Path("amiflow.yaml").write_text("servers: {pbx: {host: h, username: u, secret: env:AMI_SECRET}}\n")
    Path("amiflow.yaml").chmod(0o600)
    result = amiflow(*command, *(("right.flow",) if command[0] == "check" else ()))
    assert result.status == 2 and f"error: pbx: {words}" in result.err and secret not in result.err


def test_a_dry_run_without_servers_takes_those_that_flows_name_for_given(amiflow: Amiflow) -> None:
    Path("named.flow").write_text('flow f every 1m server "pbx" { log "x" }')
    assert amiflow("run", "named.flow", "--dry-run").status == 0


def test_a_recording_is_played_as_the_server_that_is_named(amiflow: Amiflow) -> None:
    Path("amiflow.yaml").write_text(SERVERS)
    Path("amiflow.yaml").chmod(0o600)
    Path("named.flow").write_text('flow f on Hangup as h server "pbx" { log "gone: ${h.Channel}" }')
    raw = "Asterisk Call Manager/11.0.0\r\nEvent: Hangup\r\nChannel: PJSIP/a-1\r\nUniqueid: 1\r\nLinkedid: 1\r\n\r\n"
    Path("capture.ami").write_text(raw, newline="")
    base = ("run", "named.flow", "--dry-run", "--events", "capture.ami")
    unnamed = amiflow(*base)
    assert unnamed.status == 2
    assert "no server of this run is called `pbx`" in unnamed.err and "`--server NAME`" in unnamed.err
    named = amiflow(*base, "--server", "pbx")
    assert named.status == 0 and "gone: PJSIP/a-1" in named.out
    assert "the configuration has no server `pbxx`" in amiflow(*base, "--server", "pbxx").err
    Path("amiflow.yaml").write_text(
        "servers: {pbx: {host: x, username: u, secret: env:ABSENT, tls: {ca: absent}}}\nhttp: {token: env:ABSENT}\n"
    )
    assert amiflow(*base, "--server", "pbx").status == 0  # it may be played where the server's secrets are not


@pytest.mark.parametrize("option", [("--host", "pbx"), ("--server", "pbx"), ("--tls",)])
def test_a_simulated_run_takes_no_options_for_a_server(amiflow: Amiflow, option: tuple[str, ...]) -> None:
    result = amiflow("run", "right.flow", "--simulate", *option)
    assert result.status == 2 and "the options for a server do not go with --simulate" in result.err


def test_an_error_of_the_recipe_is_status_1(amiflow: Amiflow) -> None:
    assert amiflow("run", "wrong.flow", "--dry-run").status == 1


def test_a_required_param_is_asked_for_at_its_declaration(amiflow: Amiflow) -> None:
    Path("needs.flow").write_text('param who: text\nflow f on start { log "${who}" }\n')
    result = amiflow("run", "needs.flow", "--dry-run")
    assert result.status == 2
    assert "needs.flow:1:" in result.err and "--param who=" in result.err


def test_a_configuration_that_was_only_found_and_cannot_be_read_may_be_replaced(amiflow: Amiflow) -> None:
    Path("amiflow.yaml").write_bytes(b"# \xe9\n")
    result = amiflow("run", "right.flow", "--dry-run")
    assert result.status == 2 and "amiflow.yaml is not UTF-8" in result.err and "`--config FILE` names" in result.err
    assert amiflow("run", "right.flow", "--dry-run", "--config", "/dev/null").status == 0


def test_a_run_without_a_server_says_what_to_write(amiflow: Amiflow) -> None:
    result = amiflow("run", "right.flow")
    assert result.status == 2
    assert "no server to connect to" in result.err and "--simulate" in result.err


def test_a_literal_secret_never_shows(amiflow: Amiflow) -> None:
    Path("amiflow.yaml").write_text("servers:\n  a: {host: x, username: u, secret: hunter2, prot: 1}\n")
    result = amiflow("run", "right.flow", "--dry-run")
    assert result.status == 2
    assert "`prot`" in result.err and "hunter2" not in result.err + result.out


def test_precedence_of_params(amiflow: Amiflow) -> None:
    Path("p.yaml").write_text("room: '2'\nlimit: 2\n")
    Path("amiflow.yaml").write_text("params: {room: '3', limit: 3}\n")
    raw = "Asterisk Call Manager/11.0.0\r\n"
    Path("capture.ami").write_text(raw + "Response: Success\r\nActionID: 1\r\n\r\n", newline="")
    base = ("run", "right.flow", "--dry-run", "--events", "capture.ami")
    assert "room 3, limit 3" in amiflow(*base).out
    assert "room 2, limit 2" in amiflow(*base, "--params", "p.yaml").out
    assert "room 1, limit 2" in amiflow(*base, "--params", "p.yaml", "--param", "room=1").out


def test_a_run_on_a_server_from_the_command_line(amiflow: Amiflow) -> None:
    Path("secret").write_text("hunter2\n")
    with scripted(answering()) as ami:
        where = ("--host", "127.0.0.1", "--port", str(ami.port), "--username", "robot", "--secret-file", "secret")
        result = amiflow("run", "right.flow", *where, "--log-format", "json")
    assert result.status == 0
    lines = [json.loads(line) for line in result.out.splitlines()]
    (said,) = [line for line in lines if line["kind"] == "log"]
    assert (said["text"], said["flow"], said["line"]) == ("room 680, limit 5", "says", 3)
    assert lines[-1]["facts"] == {"flows": {"done": 1}, "actions": {}}


def test_the_showpiece_on_the_simulated_pbx_shows_what_happens(amiflow: Amiflow) -> None:
    recipe = Path(__file__).parents[2] / "recipes" / "both_legs_to_conference.flow"
    Path("s.yaml").write_text(
        "calls: [{at: 50ms, from: PJSIP/alice, to: bob}]\nendpoints: {PJSIP/bob: {after: 50ms}}\n"
    )
    result = amiflow("run", str(recipe), "--simulate", "--scenario", "s.yaml")
    assert (result.status, result.err) == (0, "")
    said = [
        "logged in to 127.0.0.1",
        "sees BridgeEnter Channel=PJSIP/",
        "starts: BridgeEnter Channel=PJSIP/",
        "sends Redirect Channel=PJSIP/",
        "Redirect was answered: Success, Dual Redirect successful",
        "both legs are in 680",
        " done\n",
        "logged off",
        "flows: 1 done; actions sent: 1 Redirect",
    ]
    places = [result.out.find(words) for words in said]
    assert -1 not in places and places == sorted(places), result.out


def test_a_protected_number_of_the_configuration_is_in_force(amiflow: Amiflow) -> None:
    """The showpiece moves calls to 680."""
    Path("amiflow.yaml").write_text('emergency: ["680"]\n')
    recipe = Path(__file__).parents[2] / "recipes" / "both_legs_to_conference.flow"
    Path("s.yaml").write_text(
        "calls: [{at: 50ms, from: PJSIP/alice, to: bob}]\nendpoints: {PJSIP/bob: {after: 50ms}}\n"
    )
    result = amiflow("run", str(recipe), "--simulate", "--scenario", "s.yaml", "--no-journal")
    assert "protected numbers: 680" in result.out
    assert "Redirect was not sent: it would dial 680: only a flow with `allow emergency` may do that" in result.out
    assert "sends Redirect" not in result.out


def test_a_simulated_run_takes_the_scenario_beside_the_recipe(amiflow: Amiflow) -> None:
    Path("calls.flow").write_text('flow f on Newchannel as n { log "calls ${n.Exten}" }\n')
    Path("calls.scenario.yaml").write_text('calls: [{at: 500ms, from: PJSIP/alice, to: "102"}]\n')
    assert "calls 102" in amiflow("run", "calls.flow", "--simulate").out


def test_a_recording_is_written_once_and_can_be_played(amiflow: Amiflow) -> None:
    Path("secret").write_text("hunter2\n")
    Path("hangs.flow").write_text('flow f on Hangup as h { log "gone: ${h.Channel}" }\n')

    def login(connection: object, _: object) -> None:
        connection.say("Event: Hangup", "Privilege: call,all", "Channel: PJSIP/a-1", "Uniqueid: 1.1", "Linkedid: 1.1")  # type: ignore[attr-defined]
        stop_with(signal.SIGTERM)

    with scripted(answering(login=login)) as ami:
        where = ("--host", "127.0.0.1", "--port", str(ami.port), "--username", "robot", "--secret-file", "secret")
        assert amiflow("record", *where, "-o", "capture.ami").status == 0
        again = amiflow("record", *where, "-o", "capture.ami")
    assert (again.status, again.err.strip()) == (2, "error: cannot write capture.ami: File exists")
    assert Path("capture.ami").stat().st_mode & 0o777 == 0o600
    Path("wrong").write_text("hunter3\n")
    with scripted(answering()) as ami:
        where = ("--host", "127.0.0.1", "--port", str(ami.port), "--username", "robot", "--secret-file", "wrong")
        refused = amiflow("record", *where, "-o", "again.ami")
    assert refused.status == 2 and "login as `robot` refused" in refused.err and not Path("again.ami").exists()
    assert "`--simulate`" not in amiflow("record", "-o", "again.ami").err
    result = amiflow("run", "hangs.flow", "--dry-run", "--events", "capture.ami")
    assert result.status == 0 and "gone: PJSIP/a-1" in result.out


def test_a_recording_for_which_there_is_no_room_is_named(amiflow: Amiflow, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Writer, "add", full)
    Path("secret").write_text("hunter2\n")
    with scripted(answering()) as ami:
        where = ("--host", "127.0.0.1", "--port", str(ami.port), "--username", "robot", "--secret-file", "secret")
        result = amiflow("record", *where, "-o", "capture.ami")
    assert result.status == 2 and "cannot write all to capture.ami: No space left on device" in result.err
    assert Path("capture.ami").exists()


# --- the whole --------------------------------------------------------------------------------------------------------


def test_every_command_has_help(amiflow: Amiflow) -> None:
    assert set(group.list_commands(click.Context(group))) == set(COMMANDS)
    overview = amiflow("--help").out
    assert "..." not in overview.partition("Commands:")[2]
    for name in COMMANDS:
        assert f"\n  {name} " in overview
        assert f"Usage: amiflow {name}" in amiflow(name, "--help").out


def test_an_unknown_command_and_the_version(amiflow: Amiflow) -> None:
    wrong = amiflow("chekc")
    assert wrong.status == 2 and "No such command 'chekc'; did you mean `check`?" in wrong.err
    assert amiflow("--version").out.startswith("amiflow, version ")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(amiflow: Amiflow, shell: str) -> None:
    assert "_AMIFLOW_COMPLETE" in amiflow("completion", shell).out


def test_a_bug_of_our_own_is_reported_without_values(amiflow: Amiflow, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object, **options: object) -> int:
        raise RuntimeError("the unexpected")

    monkeypatch.setattr(main_module.group, "main", broken)
    result = amiflow("run", "x.flow", "--param", "pin=1234")
    assert result.status == 3
    assert "RuntimeError: the unexpected" in result.err and "--param pin=..." in result.err
    assert "1234" not in result.err


def test_interrupted_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*args: object, **options: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(main_module.group, "main", interrupted)
    assert main(["check", "x"]) == 130
