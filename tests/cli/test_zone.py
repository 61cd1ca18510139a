"""`zone:` of the configuration, through the whole command: when flows begin that name no zone, and what they read."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from amiflow.live.clock import SystemClock
from amiflow.live.record import Writer
from support.command import Amiflow

RECIPE = """\
flow opens at "09:00" on tue { log "at: ${format_time(now(), "%a %H:%M")}, ${time_of_day(now()) < 9h1m}" }
flow greets cron "0 9 3 mar *" { log "cron: ${weekday(now())}" }
flow elsewhere at "00:00" in "UTC" { log "elsewhere: ${format_time(now(), "%H:%M")}" }
"""
BEGUN = datetime(2026, 3, 2, 23, 59, 30, tzinfo=UTC).timestamp()  # in Tokyo Tuesday the 3rd, 08:59:30
SEEN = {
    "UTC": ["elsewhere: 00:00"],
    "Asia/Tokyo": ["at: Tue 09:00, true", "cron: tue", "elsewhere: 09:00"],
    "America/New_York": ["elsewhere: 19:00"],
}


WORDS = ("at: ", "cron: ", "elsewhere: ")


def said(out: str) -> list[str]:
    """What the flows logged."""
    return sorted(line[line.index(word) :] for line in out.splitlines() for word in WORDS if word in line)


@pytest.fixture(autouse=True)
def recipe(amiflow: Amiflow) -> None:
    Path("zone.flow").write_text(RECIPE)


@pytest.mark.parametrize("zone", SEEN)
def test_a_recording_of_a_minute_is_played_in_the_zone(amiflow: Amiflow, zone: str) -> None:
    Path("amiflow.yaml").write_text(f"zone: {zone}\n")
    with open("minute.ami", "wb") as file:
        capture = Writer.begin(file, "pbx", 0.0, BEGUN)
        capture.add(b"Asterisk Call Manager/11.0.0\r\n", 0.0)
        capture.add(b"Event: PeerStatus\r\nPeer: PJSIP/a\r\n\r\n", 60.0)
    result = amiflow("run", "zone.flow", "--dry-run", "--events", "minute.ami")
    assert (result.status, said(result.out)) == (0, SEEN[zone])


def test_a_run_lives_in_the_zone(amiflow: Amiflow, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real run, whose wall clock shows a second before nine in Tokyo."""
    asked: list[float] = []

    def wall() -> float:
        asked.append(time.time())
        return BEGUN + 29.0 + asked[-1] - asked[0]

    monkeypatch.setattr(SystemClock, "wall", staticmethod(wall))
    Path("amiflow.yaml").write_text("zone: Asia/Tokyo\n")
    Path("s.yaml").write_text('calls: [{at: 1500ms, from: PJSIP/alice, to: "666"}]\n')
    result = amiflow("run", "zone.flow", "--simulate", "--scenario", "s.yaml", "--no-journal")
    assert (result.status, said(result.out)) == (0, SEEN["Asia/Tokyo"])
