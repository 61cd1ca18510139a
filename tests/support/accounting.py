"""What became of each action that `both_legs_to_conference` owed: done, failed, within a named gap, lost, done twice.

What belongs here: the judgement, from what the PBX told a client without fault, what crossed the lines, and the
journal. What never does: amiflow's own reading of any of that: messages are split by hand.

An action is owed for each basic bridge of two. It is accounted for where its Redirect reached the PBX and its flow
ended; where its flow ended as failed or stopped, which the recipe and the journal see; or where no flow began and one
of its two events happened within a gap that the journal names, or came when the run had been asked to end. An event
that a fault has altered on its way was never told to the run either, and no client can know: it is counted as garbled,
and only where the fault alters bytes.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain, pairwise
from typing import TypeAlias

from amiflow.engine.page import Row
from support.faults import END, Line

Headers: TypeAlias = dict[str, str]
Story: TypeAlias = tuple[int, int | None, int | None]
"""Which run of amiflow, which of its plans, which run of a flow."""
ON_ITS_WAY = 0.5  # seconds that an event may have been on its way when the run ended


@dataclass
class Account:
    """Of each bridge what became of it, and what is wrong: `lost`, `twice` and `faults` are to be empty."""

    fates: dict[str, str] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.twice or self.faults)


def headers(raw: bytes) -> Headers:
    """The first value of each header, by its name in lower case."""
    pairs = [line.split(": ", 1) for line in raw.decode("utf-8", "surrogateescape").split("\r\n")]
    return {pair[0].lower(): pair[1] for pair in reversed(pairs) if len(pair) == 2}


def messages(stream: bytes) -> list[bytes]:
    """The whole messages of a stream, without the banner."""
    _, _, rest = stream.partition(b"\r\n")
    whole = (rest if stream.startswith(b"Asterisk Call Manager") else stream).split(END)[:-1]
    return [one.lstrip(b"\r\n") for one in whole]


def told(line: Line) -> list[tuple[float, bytes]]:
    """The messages that came to a client, each with the time at which it was whole."""
    stream, passed = line.stream("to client"), line.passed["to client"]
    ends = list(accumulate(len(data) for _, data in passed))
    whole = accumulate(len(raw) + len(END) for raw in stream.split(END)[:-1])
    return [(passed[bisect_left(ends, end)][0], raw) for raw, end in zip(messages(stream), whole, strict=True)]


@dataclass
class Books:
    """All that the judgement is made from, each thing with its time: seconds of one clock that nobody sets. `seen` are
    the events as they happened, `rows` the journal's."""

    seen: Sequence[tuple[float, bytes]]
    lines: Sequence[Line]
    rows: Sequence[tuple[float, Row]]
    alters: bool = False
    """Whether the fault alters bytes."""
    slack: float = 0.001
    """How far two times of one thing may be apart: epochs are rounded, and a busy process reads later than another."""

    def __post_init__(self) -> None:
        rows = [row for _, row in self.rows]
        runs = accumulate(row.kind == "run-started" for row in rows)
        self._told = [((run, row.machine, row.instance), row) for run, row in zip(runs, rows, strict=True)]

    def judge(self) -> Account:
        account = Account()
        came = self._came()
        for bridge, events in self._bridges().items():
            fate = self._fate(bridge, events, came, account)
            account.fates[bridge] = fate
            if fate == "lost":
                account.lost.append(bridge)
        self._count_sent(account)
        self._look_through(account)
        return account

    def _bridges(self) -> dict[str, list[tuple[float, bytes]]]:
        """The first two events of each basic bridge."""
        found: dict[str, list[tuple[float, bytes]]] = {}
        for at, raw in self.seen:
            event = headers(raw)
            if event.get("event") == "BridgeEnter" and event["bridgetype"] == "basic":
                found.setdefault(event["bridgeuniqueid"], []).append((at, raw))
        return {bridge: events[:2] for bridge, events in found.items() if len(events) > 1}

    def _fate(self, bridge: str, events: list[tuple[float, bytes]], came: dict[bytes, float], account: Account) -> str:
        stories = self._stories(bridge)
        if not stories:
            return self._without_story(events, came)
        stories |= self._resumed(stories)
        ends = [row for story, row in self._told if row.kind == "flow-ended" and story in stories]
        if len(ends) != len(self._stories(bridge)):
            return "lost"
        word = ends[0].text.partition(":")[0]
        if word == "done" and not self._arrived({headers(raw)["channel"] for _, raw in events}):
            account.faults.append(f"{bridge} is called done, but its action never came to the PBX")
        if word == "failed" and not ends[0].text.partition(": ")[2]:
            account.faults.append(f"{bridge} failed without a reason")
        return word

    def _without_story(self, events: list[tuple[float, bytes]], came: dict[bytes, float]) -> str:
        if any(since - self.slack <= at <= until + self.slack for at, _ in events for since, until in self._gaps()):
            return "gap"
        if any(came.get(raw, at + ON_ITS_WAY) >= self._stopped_at() - self.slack for at, raw in events):
            return "after the end"
        if self.alters and any(raw not in came for _, raw in events):
            return "garbled"
        return "lost"

    def _came(self) -> dict[bytes, float]:
        """The messages that came to the client, and when each was whole."""
        found: dict[bytes, float] = {}
        for at, raw in chain.from_iterable(map(told, self.lines)):
            found.setdefault(raw, at)
        return found

    def _stopped_at(self) -> float:
        """When the run was asked to end."""
        return next((at for at, row in self.rows if row.kind == "stop-asked"), math.inf)

    def _stories(self, bridge: str) -> set[Story]:
        """The runs of flows that began with this bridge."""
        mark = f"BridgeUniqueid: {bridge}".encode()
        return {story for story, row in self._told if row.kind == "event" and row.message and mark in row.message}

    def _resumed(self, stories: set[Story]) -> set[Story]:
        """What these runs of flows are called where a later run of amiflow took them up."""
        names = {f"{run}.{instance}" + (f".{machine}" if machine else "") for run, machine, instance in stories}
        taken_up = [(story, json.loads(row.facts or "{}")) for story, row in self._told if row.kind == "resumed"]
        return {story for story, facts in taken_up if facts.get("of") in names}

    def _gaps(self) -> list[tuple[float, float]]:
        """The wall clock may have been set within a gap: one of a server ends with its row and is as long as it says,
        one between two runs is from the row before."""
        found = []
        for (before, _), (at, row) in pairwise([(0.0, self.rows[0][1]), *self.rows]):
            gap = json.loads(row.facts or "{}") if row.kind == "gap" else None
            if gap is not None:
                found.append((before if row.server is None else at - (gap["to"] - gap["from"]), at))
        return found

    def _redirects(self, streams: Iterable[bytes]) -> list[Headers]:
        found = [headers(raw) for stream in streams for raw in messages(b"\r\n" + stream)]
        return [one for one in found if one.get("action", "").lower() == "redirect"]

    def _arrived(self, channels: set[str]) -> bool:
        """Whether a Redirect of these came to the PBX."""
        came = self._redirects(line.stream("to server") for line in self.lines)
        named = {channel.lower() for channel in channels}  # a PBX takes channel names so
        return any({one.get("channel", "").lower(), one.get("extrachannel", "").lower()} <= named for one in came)

    def _count_sent(self, account: Account) -> None:
        """No two Redirects may be for one bridge, nor bear the same ActionID. After a restart Asterisk gives the same
        names again."""
        sent = self._redirects(bytes(line.put_in["to server"]) for line in self.lines)
        pairs = Counter(frozenset((one.get("channel", ""), one.get("extrachannel", ""))) for one in sent)
        ids = Counter(one.get("actionid", "") for one in sent)
        owed = Counter(frozenset(headers(raw)["channel"] for _, raw in events) for events in self._bridges().values())
        account.twice += [" and ".join(sorted(pair)) for pair, count in pairs.items() if count > max(1, owed[pair])]
        account.twice += [one for one, count in ids.items() if count > 1]

    def _look_through(self, account: Account) -> None:
        """Whatever the journal began, it ends."""
        begun = {row.action for _, row in self.rows if row.kind == "action"}
        ended = {row.action for _, row in self.rows if row.kind in ("answer", "unanswered", "withdrawn")}
        account.faults += [f"action {one} has no end in the journal" for one in begun - ended]
        flows = Counter(row.kind for _, row in self.rows)
        if flows["flow-started"] != flows["flow-ended"]:
            account.faults.append(f"{flows['flow-started']} flows began, {flows['flow-ended']} ended")
        if flows["lost"] > flows["gap"]:
            account.faults.append("a connection was lost, and no gap is named")
