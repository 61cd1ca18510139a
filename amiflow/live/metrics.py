"""The state of a run as metrics for Prometheus.

Belongs here: which figure of `status` and `meter` has which name. Never here: counting, and the text form (the
library's).

The figures are read when somebody asks. The library is imported with this module, and so only where the HTTP port is
configured.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from amiflow.live.meter import BOUNDS

CONTENT_TYPE: str = CONTENT_TYPE_LATEST
_ENDS = ("done", "failed", "stopped")
_OF_FLOWS = (*_ENDS, "started", "running", "queued")


def render(figures: Mapping[str, Any], version: str) -> bytes:
    """All metrics, as text; `figures` are `Status.tell()` with the meter's under `times`."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(figures, version))
    ProcessCollector(registry=registry)
    text: bytes = generate_latest(registry)
    return text


class _Collector:
    def __init__(self, figures: Mapping[str, Any], version: str) -> None:
        self._figures = figures
        self._version = version

    def collect(self) -> Iterator[Any]:
        """The families, in the order of the documentation."""
        yield _gauge("amiflow_info", "Which amiflow this is.", ["version"], {(self._version,): 1})
        yield _gauge("amiflow_uptime_seconds", "Since the run began.", [], {(): self._figures["seconds"]})
        yield from _servers(self._figures["servers"])
        yield from _flows(self._figures)
        yield from _actions(self._figures["actions"], self._figures["times"])
        yield from _state(self._figures)


def _servers(servers: Mapping[str, Any]) -> Iterator[Any]:
    def each(key: str) -> dict[tuple[str], float]:
        return {(name,): server[key] for name, server in servers.items()}

    ready = {(name,): float(server["state"] == "ready") for name, server in servers.items()}
    yield _gauge("amiflow_server_ready", "Whether the server can be used.", ["server"], ready)
    yield _counter("amiflow_events", "Events of the server that were looked at.", ["server"], each("events"))
    yield _counter("amiflow_reconnects", "How often the server came back.", ["server"], each("reconnects"))
    yield _counter("amiflow_gaps", "Times without events of the server.", ["server"], each("gaps"))
    yield _counter("amiflow_gap_seconds", "How long these lasted in all.", ["server"], each("gap_seconds"))
    yield _gauge("amiflow_actions_queued", "Actions that wait to be sent.", ["server"], each("queue"))


def _flows(figures: Mapping[str, Any]) -> Iterator[Any]:
    flows: Mapping[str, Mapping[str, int]] = figures["flows"]

    def each(kind: str) -> dict[tuple[str], float]:
        return {(name,): counts.get(kind, 0) for name, counts in flows.items()}

    ended = {(name, end): counts.get(end, 0) for name, counts in flows.items() for end in _ENDS}
    others = {
        (name, kind): count for name, counts in flows.items() for kind, count in counts.items() if kind not in _OF_FLOWS
    }
    yield _gauge("amiflow_matches_pending", "Matches that wait for a further event.", [], {(): figures["pending"]})
    yield _counter("amiflow_flows_started", "Runs of the flow that began.", ["flow"], each("started"))
    yield _counter("amiflow_flows_ended", "Runs of the flow that ended.", ["flow", "outcome"], ended)
    yield _gauge("amiflow_flows_running", "Runs of the flow that go on.", ["flow"], each("running"))
    yield _gauge("amiflow_flows_queued", "Runs of the flow that wait for their turn.", ["flow"], each("queued"))
    yield _counter("amiflow_flow_notes", "What else happened to the flow, by kind.", ["flow", "kind"], others)
    paused = {(name,): float(name in figures["paused"]) for name in flows}
    yield _gauge("amiflow_flow_paused", "Whether no run of the flow begins.", ["flow"], paused)


def _actions(actions: Mapping[str, Mapping[str, int]], times: Mapping[str, Any]) -> Iterator[Any]:
    counts = {(name, end): count for name, ends in actions.items() for end, count in ends.items()}
    yield _counter("amiflow_actions", "Actions, by what came of them.", ["action", "outcome"], counts)
    answers = HistogramMetricFamily("amiflow_action_seconds", "From the sending to the answer.", labels=["action"])
    for name, histogram in times["answers"].items():
        answers.add_metric([name], _buckets(histogram), histogram["sum"])
    yield answers
    text = "From reading an event to sending the action that it brought about."
    reaction = HistogramMetricFamily("amiflow_event_to_action_seconds", text, labels=[])
    reaction.add_metric([], _buckets(times["reaction"]), times["reaction"]["sum"])
    yield reaction


def _state(figures: Mapping[str, Any]) -> Iterator[Any]:
    switch, journal = figures["kill_switch"], figures["journal"]
    if switch is not None:
        yield _gauge("amiflow_kill_switch", "Whether the kill switch is on.", [], {(): float(switch["on"])})
    if journal is not None:
        yield _gauge("amiflow_journal_backlog", "Entries that wait to be written.", [], {(): journal["waiting"]})
        yield _counter("amiflow_journal_entries_lost", "Entries that could not be.", [], {(): journal["lost"]})
        text = "Whether the journal can be written now."
        yield _gauge("amiflow_journal_written", text, [], {(): float(journal["written"])})


def _gauge(name: str, text: str, labels: list[str], values: Mapping[Any, float]) -> Any:
    family = GaugeMetricFamily(name, text, labels=labels)
    for label, value in values.items():
        family.add_metric(label, value)
    return family


def _counter(name: str, text: str, labels: list[str], values: Mapping[Any, float]) -> Any:
    """The text form adds `_total` to the name. The values are by the tuple of their labels' texts."""
    family = CounterMetricFamily(name, text, labels=labels)
    for label, value in values.items():
        family.add_metric(label, value)
    return family


def _buckets(histogram: Mapping[str, Any]) -> list[tuple[str, float]]:
    total, found = 0, []
    for bound, count in zip((*map(str, BOUNDS), "+Inf"), histogram["counts"], strict=True):
        total += count
        found.append((bound, float(total)))
    return found
