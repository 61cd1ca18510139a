"""Recipes run on the simulated PBX, and scenarios read from files.

Belongs here: a scenario's YAML with the places of its mistakes, and the run's one server put before the simulator.
Never here: what a scenario may say (`tools.scenario`), or sockets (`simulator`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import yaml

from amiflow.ami import catalog
from amiflow.live.clock import Clock
from amiflow.live.config import Server
from amiflow.live.document import Reader
from amiflow.live.doors import NOTHING_OUTSIDE, Outside
from amiflow.live.journal_db import Keep
from amiflow.live.log import Log
from amiflow.live.problems import Refused, Trouble, problem
from amiflow.live.reload import Told
from amiflow.live.run import BRAKES, Brakes, Events, Job, Load, run
from amiflow.live.secrets import SecretSource
from amiflow.live.simulator import Simulator
from amiflow.live.texts import read_text
from amiflow.plan.model import Plan
from amiflow.report.source import Source, Span
from amiflow.tools.scenario import Path as Place
from amiflow.tools.scenario import Scenario, default_scenario, read_scenario

NAME = "simulated"


def beside(recipes: Iterable[str]) -> str | None:
    """The scenario that lies beside one of these recipes or stored plans, `recipe.scenario.yaml`, where there is one.

    Raises Trouble where there are several.
    """
    paths = [Path(recipe).with_suffix(".scenario.yaml") for recipe in recipes]
    found = list(dict.fromkeys(str(path) for path in paths if path.is_file()))
    if len(found) > 1:
        raise Trouble(f"several scenarios lie beside the recipes: {', '.join(found)}", "choose one with `--scenario`")
    return found[0] if found else None


def load_scenario(path: str | None) -> Scenario:
    """The scenario in a file, or the default one. Raises Trouble where it cannot be read, Refused where it is wrong."""
    if path is None:
        return default_scenario()
    source = Source(path, read_text(path))
    reader = Reader(source)
    root = reader.root()
    data = reader.raw(root) if root is not None else {}
    scenario, problems = read_scenario(data) if not reader.found else (None, ())
    if scenario is None:
        found = [problem("bad-scenario", one.text, _span(reader, root, one.path), "here", one.help) for one in problems]
        raise Refused([*reader.found, *found], {path: source})
    return scenario


def _span(reader: Reader, node: yaml.Node | None, place: Place) -> Span:
    """Where in the text a place of the document is: the value, or what holds it where it is absent."""
    if node is None:
        return Span(reader.source.path, 0, 0)
    for step in place:
        inner = _inner(node, step)
        if inner is None:
            break
        node = inner
    return reader.span(node)


def _inner(node: yaml.Node, step: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step]  # type: ignore[no-any-return]  # what a sequence holds are nodes
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == step), None)
    return None


def run_simulated(
    jobs: Sequence[Job],
    scenario: Scenario,
    log: Log,
    clock: Clock,
    keep: Keep | None = None,
    outside: Outside = NOTHING_OUTSIDE,
    brakes: Brakes = BRAKES,
    load: Load | None = None,
) -> int:
    """Run the plans on a simulated PBX until the scenario has ended and no flow runs; returns the exit status.

    Flows for a certain server run on it too.
    """
    if not scenario.accounts:
        raise Trouble("the scenario has no account to log in with")
    simulator = Simulator(scenario, catalog.load(), begins_at_login=False)
    host, port = simulator.start()
    account = scenario.accounts[0]
    server = Server(NAME, host, port, account.username, SecretSource("literal", account.secret))
    load_here = partial(_load_here, load) if load is not None else None
    try:
        events = Events(simulator.begin, simulator.wait)
        return run(
            _here(jobs),
            [(server, account.secret)],
            log,
            clock,
            events=events,
            keep=keep,
            outside=outside,
            brakes=brakes,
            load=load_here,
        )
    finally:
        simulator.stop()


def _load_here(load: Load, told: Told) -> list[Job]:
    return _here(load(told))


def _here(jobs: Sequence[Job]) -> list[Job]:
    return [replace(job, plan=_anywhere(job.plan)) for job in jobs]


def _anywhere(plan: Plan) -> Plan:
    return replace(plan, flows=tuple(replace(flow, server=None) for flow in plan.flows))


def serve(scenario: Scenario, port: int) -> Simulator:
    """A simulated PBX that listens on this port of 127.0.0.1; the caller lets it serve. Raises Trouble."""
    try:
        return Simulator(scenario, catalog.load(), port)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else error.strerror  # Python adds words of its own
        raise Trouble(f"cannot listen on 127.0.0.1:{port}: {why}", "`--port 0` takes any free one") from None
