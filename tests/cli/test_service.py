"""A run that goes on, steered from other processes: `status`, `pause`, `resume`, `stop`."""

from __future__ import annotations

import http.client
import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import amiflow_process
from support.command import Amiflow

RECIPE = """
flow click on signal click() { return {ok: true} }
flow waits on signal begin() { wait 10m } finally { log "tidied up" }
flow tick every 1h { log "tick" }
"""
TOKEN = "0123456789abcdef"
QUIET = 'calls: [{at: 1h, from: PJSIP/alice, to: "600"}]\n'


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, amiflow: Amiflow) -> Iterator[amiflow_process.Amiflow]:
    """A run that nobody disturbs; the commands of this process find it by themselves."""
    Path("service.flow").write_text(RECIPE)
    Path("quiet.yaml").write_text(QUIET)
    Path("amiflow.yaml").write_text("http: {listen: 127.0.0.1:0, token: env:HTTP_TOKEN}\n")
    monkeypatch.setenv("HTTP_TOKEN", TOKEN)
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
    monkeypatch.setattr("amiflow.live.caller._places", lambda environ: [str(tmp_path / "run")])
    kept = ("--journal", str(tmp_path / "journal.sqlite"))
    with amiflow_process.Amiflow("service.flow", "--simulate", "--scenario", "quiet.yaml", *kept, cwd=tmp_path) as one:
        one.wait("ready")
        yield one


def test_a_run_is_steered_from_outside(run: amiflow_process.Amiflow, amiflow: Amiflow) -> None:
    state = json.loads(amiflow("status", "--json").out)
    (server,) = state["servers"].values()
    assert server["state"] == "ready" and server["gaps"] == 0
    assert state["flows"]["tick"] == {"running": 0, "queued": 0, "done": 0, "failed": 0, "stopped": 0}
    assert state["journal"]["written"] and state["journal"]["lost"] == 0 and state["paused"] == {}
    assert [recipe["file"] for recipe in state["recipes"]] == ["service.flow"]

    assert "click is paused" in amiflow("pause", "click").err
    assert amiflow("pause", "click").status == 2
    refused = amiflow("signal", "click")
    assert refused.status == 2 and "signal click: click: is paused" in refused.err
    told = amiflow("status").out
    assert "IS PAUSED" in told and "0 running; 1 suppressed" in told
    assert "click is resumed" in amiflow("resume", "click").err
    assert amiflow("signal", "click").out == '{"ok": true}\n'
    assert "nothing is paused" in amiflow("resume").err
    amiflow("pause")
    assert json.loads(amiflow("status", "--json").out)["paused"].keys() == {"click", "waits", "tick"}
    assert "only be resumed together" in amiflow("resume", "click").err
    amiflow("resume")

    assert "did you mean `click`?" in amiflow("pause", "clik").err
    assert "no run of waits goes on" in amiflow("stop", "waits").err
    assert run.end() == 0
    assert [line["text"] for line in run.seen("paused")] == [
        "click is paused: no run begins, those that there are go on",
        "all flows are paused: no run begins, those that there are go on",
    ]


def test_the_runs_of_one_flow_are_stopped(run: amiflow_process.Amiflow, amiflow: Amiflow) -> None:
    begun = amiflow("signal", "begin", "--timeout", "0.2")
    assert begun.status == 2 and "no answer came within 0.2 s" in begun.err
    run.wait("flow-started", "starts")
    assert "no run 7 of waits goes on" in amiflow("stop", "waits", "--instance", "7").err
    assert amiflow("stop", "waits").err == "stopping waits#1\n"
    run.wait("log", "tidied up")
    assert "0 running; 1 stopped" in amiflow("status").out
    assert run.end() == 0


def test_without_a_run_there_is_nothing_to_ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, amiflow: Amiflow
) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    monkeypatch.setattr("amiflow.live.caller._places", lambda environ: [str(tmp_path)])
    result = amiflow("status")
    assert result.status == 2 and "no run of this user goes on" in result.err


@pytest.mark.parametrize("seconds", ["-1", "0", "nan", "inf", "1e300"])
def test_what_cannot_be_waited_for_is_refused(amiflow: Amiflow, seconds: str) -> None:
    result = amiflow("signal", "click", f"--timeout={seconds}", "--control", "nowhere")
    assert result.status == 2 and "Invalid value for '--timeout'" in result.err


def test_signals_health_and_metrics_over_http(run: amiflow_process.Amiflow) -> None:
    (line,) = run.seen("http")
    connection = http.client.HTTPConnection(line["text"].rpartition("/")[2], timeout=20)

    def ask(method: str, path: str) -> tuple[int, str]:
        connection.request(method, path, None, {"Authorization": f"Bearer {TOKEN}"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    assert ask("POST", "/signal/click") == (200, '{"ok": true}\n')
    assert ask("POST", "/signal/clack")[0] == 404
    assert ask("GET", "/ready") == (200, '{"alive": true, "ready": true, "servers": 1, "up": 1}\n')
    status, text = ask("GET", "/metrics")
    assert status == 200 and 'amiflow_flows_ended_total{flow="click",outcome="done"} 1.0' in text
    assert run.end() == 0 and not any(TOKEN in str(line) for line in run.lines)


def test_a_token_that_could_be_guessed_is_refused(amiflow: Amiflow, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("amiflow.yaml").write_text("http: {token: env:HTTP_TOKEN}\n")
    Path("service.flow").write_text(RECIPE)
    monkeypatch.setenv("HTTP_TOKEN", "short")
    result = amiflow("run", "service.flow", "--simulate")
    assert result.status == 2 and "shorter than 16 characters" in result.err


@pytest.mark.parametrize("token", [TOKEN + "\n", TOKEN + " x", "ü" * 16])
def test_a_token_that_nobody_could_send_is_refused(
    amiflow: Amiflow, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    Path("amiflow.yaml").write_text("http: {token: env:HTTP_TOKEN}\n")
    Path("service.flow").write_text(RECIPE)
    monkeypatch.setenv("HTTP_TOKEN", token)
    result = amiflow("run", "service.flow", "--simulate")
    assert result.status == 2 and "as no caller could send it" in result.err and token not in result.err


CHANGED = RECIPE.replace("{ok: true}", "{ok: false}")


def test_recipes_are_read_again(run: amiflow_process.Amiflow, amiflow: Amiflow) -> None:
    amiflow("signal", "begin", "--timeout", "0.2")
    run.wait("flow-started", "starts")
    before = json.loads(amiflow("status", "--json").out)["recipes"][0]["digest"]

    Path("service.flow").write_text("flow click on signal click() { retrun {ok: false} }\n")
    faulty = amiflow("reload")
    assert faulty.status == 1 and "service.flow:1" in faulty.err and "error: nothing is changed" in faulty.err
    assert amiflow("signal", "click").out == '{"ok": true}\n'
    (line,) = run.wait("reload", "nothing is changed")
    assert line["level"] == "error" and run.seen("reload", "service.flow:1:")

    Path("service.flow").write_text(CHANGED)
    good = amiflow("reload")
    assert (good.status, good.err) == (0, "the recipes are in place\n")
    assert amiflow("signal", "click").out == '{"ok": false}\n'
    state = json.loads(amiflow("status", "--json").out)
    assert len(state["recipes"]) == 1 and state["recipes"][0]["digest"] != before
    assert state["flows"]["waits"]["running"] == 1 and state["flows"]["click"]["done"] == 2
    run.wait("reload", "1 recipes are in place; 1 runs go on by those of before")
    assert amiflow("stop", "waits").err == "stopping waits#1\n"
    run.wait("log", "tidied up")
    assert run.end() == 0
    (summary,) = run.seen("summary")
    assert summary["facts"]["flows"] == {"done": 2, "stopped": 1}


def test_sighup_reads_them_again_too(run: amiflow_process.Amiflow, amiflow: Amiflow) -> None:
    Path("service.flow").write_text(CHANGED)
    run.send(signal.SIGHUP)
    run.wait("reload", "recipes are in place")
    assert amiflow("signal", "click").out == '{"ok": false}\n'
    assert run.end() == 0


def test_a_reload_says_what_takes_a_restart(run: amiflow_process.Amiflow, amiflow: Amiflow) -> None:
    Path("amiflow.yaml").write_text("log: {level: debug}\n")
    result = amiflow("reload")
    assert result.status == 0 and "only params and secrets are taken up; the rest takes a restart" in result.err
    Path("amiflow.yaml").write_text("nonsense: 1\n")
    result = amiflow("reload")
    assert result.status == 1 and "error[unknown-key]" in result.err


def test_systemd_hears_of_the_life_of_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(30)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "200000")
        run: amiflow_process.Amiflow = request.getfixturevalue("run")
        heard: list[str] = []

        def hear(wanted: str) -> None:
            while heard.count(wanted) < 1:
                heard.append(systemd.recv(4096).decode().split("\n")[0])

        hear("READY=1")
        hear("WATCHDOG=1")
        del heard[:]
        run.send(signal.SIGHUP)
        hear("RELOADING=1")
        hear("READY=1")
        assert run.end() == 0
        hear("STOPPING=1")
