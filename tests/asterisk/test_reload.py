"""Recipes read again on real Asterisk: what the new ones need in addition really comes, over the same connection."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from support import amiflow_process
from support.amiflow_process import Amiflow
from support.lab import calls
from support.lab.server import AsteriskServer
from support.plain_ami import PlainAmi

HEAD = 'userevent Go { Key: text }\nflow one on UserEvent Go as u where u.Key == "1" { log "one goes" wait 1m }\n'
MORE = HEAD + 'flow two on BridgeEnter as b { log "two sees ${b.Channel}" }\n'


def test_further_classes_and_names_of_events_come(asterisk: AsteriskServer, judge: PlainAmi, tmp_path: Path) -> None:
    recipe, config, control = tmp_path / "r.flow", tmp_path / "amiflow.yaml", str(tmp_path / "control")
    recipe.write_text(HEAD)
    account = f"{{host: 127.0.0.1, port: {asterisk.ami_port}, username: amiflow, secret: {asterisk.secret}}}"
    config.write_text(f"servers:\n  lab: {account}\n")
    os.chmod(config, 0o600)
    with Amiflow(str(recipe), "--config", str(config), "--control", control, cwd=tmp_path) as robot:
        robot.wait("filter", "sends only events of the names that the flows listen to")
        robot.wait("ready")
        judge.action("UserEvent", UserEvent="Go", Key="1")
        robot.wait("log", "one goes")

        recipe.write_text(MORE)
        done = amiflow_process.amiflow("reload", "--control", control)
        assert done.returncode == 0, done.stderr
        robot.wait("mask", "sends further classes of events")
        robot.wait("filter", "sends only events of the names that the flows listen to", times=2)
        call = calls.bridged_call(judge)
        for channel in call.channels:
            robot.wait("log", f"two sees {channel}")
        judge.action("UserEvent", UserEvent="Go", Key="1")
        robot.wait("log", "one goes", times=2)
        assert len(robot.seen("logged-in")) == 1 and not robot.seen("lost")
        assert robot.end(signal.SIGTERM) == 0, robot.story()
