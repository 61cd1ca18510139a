"""`amiflow status`: what a run is doing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import click

from amiflow.cli.asking import ask, control_option
from amiflow.report.printable import clean

_RUNS = ("running", "queued")
_ENDS = ("done", "failed", "stopped")


@click.command()
@control_option
@click.option("--json", "in_json", is_flag=True, help="Everything, as one JSON object.")
def command(control: str | None, in_json: bool) -> int:
    """Tell what a run is doing: its servers, flows, actions, and what waits."""
    state = ask(control, {"ask": "status"})
    if in_json:
        click.echo(json.dumps(state, ensure_ascii=False, indent=2))
    else:
        for head, text in _told(state):
            click.echo(clean(f"{head:24} {text}"))
    return 0


def _told(state: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for one in state["recipes"]:
        yield "recipe", f"{one['file']} ({one['digest']})"
    yield "run", f"amiflow {state['version']}, pid {state['pid']}, since {_moment(state['since'])}"
    for name, server in state["servers"].items():
        yield f"server {name}", _server(server)
    for name, why in state["paused"].items():
        yield f"flow {name}", why.upper()
    for name, counts in state["flows"].items():
        yield f"flow {name}", _counts(counts)
    if state["pending"]:
        yield "matches", f"{state['pending']} wait for a further event"
    for name, counts in state["actions"].items():
        yield f"action {name}", ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
    if state["kill_switch"]:
        yield "kill switch", f"{state['kill_switch']['file']}, {'ON' if state['kill_switch']['on'] else 'off'}"
    yield "journal", _journal(state["journal"])


def _server(server: Mapping[str, Any]) -> str:
    words = [f"{server['state']} since {_moment(server['since'])}", server["address"], f"{server['events']} events"]
    if server["next_attempt"] is not None:
        words.append(f"next attempt in {server['next_attempt']:.1f} s")
    if server["gaps"]:
        words.append(f"{server['gaps']} gaps of {server['gap_seconds']:.1f} s in all")
    if server["queue"]:
        words.append(f"{server['queue']} actions wait to be sent")
    return ", ".join(words)


def _counts(counts: Mapping[str, int]) -> str:
    others = sorted(counts.keys() - {*_RUNS, *_ENDS, "started", "paused"})
    now = ", ".join(f"{counts[kind]} {kind}" for kind in _RUNS if counts.get(kind) or kind == "running")
    past = ", ".join(f"{counts[kind]} {kind}" for kind in (*_ENDS, *others) if counts.get(kind))
    return f"{now}; {past}" if past else now


def _journal(journal: Mapping[str, Any] | None) -> str:
    if journal is None:
        return "none"
    state = "" if journal["written"] else ", CANNOT BE WRITTEN"
    return f"{journal['file']}, {journal['waiting']} entries wait, {journal['lost']} entries lost{state}"


def _moment(text: str) -> str:
    """In the local time of whoever asks."""
    return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M:%S")
