"""The state of a run, as plain values: what `amiflow status` prints.

Belongs here: which figures there are, and where each is read. Never here: words and layout (`cli.status`), the counting
itself (`ledger`, the machines).

It is made when somebody asks, in the loop, so that its figures belong to one moment.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from amiflow.live.clock import Clock
from amiflow.live.journal_file import Journal
from amiflow.live.killswitch import KillSwitch
from amiflow.live.ledger import Ledger
from amiflow.live.meter import Meter
from amiflow.live.runner import Runner
from amiflow.live.supervise import Peer
from amiflow.plan.model import Plan

_STATES = {"connecting": "connecting", "up": "logging in", "waiting": "waiting", "over": "closed"}


class Status:
    """What there is to say of a run; the mappings and lists are the loop's own, as they are at the time of asking."""

    def __init__(
        self,
        run_id: str,
        peers: Mapping[str, Peer],
        runners: Sequence[Runner],
        ledger: Ledger,
        clock: Clock,
        journal: Journal | None,
        switch: KillSwitch | None,
        meter: Meter | None,
    ) -> None:
        self._run_id = run_id
        self._peers = peers
        self._runners = runners
        self._ledger = ledger
        self._clock = clock
        self._journal = journal
        self._switch = switch
        self._meter = meter

    def tell(self) -> dict[str, object]:
        """All of it."""
        now = self._clock.now()
        return {
            "run": self._run_id,
            "pid": os.getpid(),
            "since": self._moment(self._ledger.began),
            "seconds": round(now - self._ledger.began, 3),
            "recipes": [recipe(runner.plan) for runner in self._current()],
            "servers": {name: self._server(peer, now) for name, peer in self._peers.items()},
            "flows": flows(self._runners, self._ledger.past.counts),
            "pending": sum(runner.machine.pending for runner in self._runners),
            "paused": {name: why for runner in self._current() for name, why in runner.machine.paused().items()},
            "actions": _nested(self._ledger.actions),
            "kill_switch": {"file": self._switch.path, "on": self._switch.on} if self._switch else None,
            "journal": self._journal.state() if self._journal is not None else None,
        }

    def figures(self) -> dict[str, object]:
        """With how long things take."""
        return {**self.tell(), "times": (self._meter or Meter()).plain()}

    def health(self) -> dict[str, object]:
        """Little enough to be told to strangers: whether all is as it should be."""
        ready = sum(map(self._is_ready, self._peers.values()))
        off = self._switch is None or not self._switch.on
        return {"alive": True, "ready": off and ready == len(self._peers), "servers": len(self._peers), "up": ready}

    def headline(self) -> str:
        """In a line: the state of each server."""
        return ", ".join(f"{name} {self._state(peer)}" for name, peer in self._peers.items())

    def _state(self, peer: Peer) -> str:
        return "ready" if self._is_ready(peer) else _STATES[peer.phase]

    def _is_ready(self, peer: Peer) -> bool:
        """Whether flows can use it: it is logged in to, and nothing is left to be asked of it."""
        return peer.ready and self._ledger.lines[peer.name].ready

    def _current(self) -> list[Runner]:
        return [runner for runner in self._runners if runner.status is None and not runner.retired]

    def _server(self, peer: Peer, now: float) -> dict[str, object]:
        line = self._ledger.lines[peer.name]
        state = self._state(peer)
        return {
            "state": state,
            "since": self._moment(line.since),
            "address": f"{peer.server.host}:{peer.server.port}",
            "ami": line.version,
            "next_attempt": round(max(0.0, peer.pause - now), 3) if state == "waiting" else None,
            "reconnects": max(0, line.times_ready - 1),
            "gaps": line.gaps,
            "gap_seconds": round(line.blind_for(now), 3),
            "events": max((runner.machine.seen()[peer.name] for runner in self._runners), default=0),
            "queue": peer.queued,
        }

    def _moment(self, at: float) -> str:
        """A monotonic time as a time of day, by the clock as it is set now."""
        wall = self._clock.wall() - (self._clock.now() - at)
        return datetime.fromtimestamp(wall, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def recipe(plan: Plan) -> dict[str, str]:
    """Which recipe it is: its file, and a digest of all its texts."""
    digest = hashlib.sha256()
    for source in plan.sources:
        digest.update(source.text.encode("utf-8", "surrogateescape") + b"\0")
    return {"file": plan.sources[0].path if plan.sources else "", "digest": digest.hexdigest()[:12]}


def flows(runners: Iterable[Runner], past: Mapping[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    """Each flow's runs that there are, and how often what happened to it; those of one name count together."""
    found: dict[str, Counter[str]] = {}
    for (kind, name), count in past.items():
        found.setdefault(name, Counter(running=0, queued=0, done=0, failed=0, stopped=0))[kind] += count
    for runner in runners:
        for flow in runner.plan.flows:
            found.setdefault(flow.name, Counter(running=0, queued=0, done=0, failed=0, stopped=0))
        for (kind, name), count in runner.machine.counts().items():
            found.setdefault(name, Counter())[kind] += count
        for one in runner.machine.running():
            found[one.flow]["queued" if one.state == "queued" else "running"] += 1
    return {name: dict(counts) for name, counts in found.items()}


def _nested(counts: Mapping[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for (name, kind), count in sorted(counts.items()):
        found.setdefault(name, {})[kind] = count
    return found
