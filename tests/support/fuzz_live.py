"""Servers that mean ill, configurations and journals that nobody wrote: what reads them never breaks.

What belongs here: making them, and the judgement: no exception but the documented ones, no hang, no action that no
event explains. What never does: how many are enough (the test and `make fuzz` say).
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import traceback
from collections.abc import Callable
from functools import cache
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

from amiflow.live.config import parse
from amiflow.live.journal_reader import Choice, reading
from amiflow.live.problems import Refused, Trouble
from amiflow.report.source import Source
from support.accounting import headers, messages
from support.fuzz import bounded
from support.hostile import HostilePbx
from support.killing import KilledWorld
from support.recipes import plan_of
from support.showpiece import RECIPE, STOP, scenario
from support.world import VirtualPbx, World

PATIENCE = 60  # seconds after which something counts as hanging; a hundredth is usual


def judge_server(seed: int) -> None:
    """A run on a server that means ill. Raises AssertionError for an action that no two events of one bridge explain,
    or that is sent twice; and whatever the run raises."""
    dice = random.Random(seed)
    pbx = HostilePbx(scenario(), dice=dice, malice=dice.choice((0.05, 0.3, 0.9)))
    world = World([plan_of(RECIPE)], {"pbx": pbx}, STOP)
    with bounded(PATIENCE):
        status = world.run()
    assert status in (0, 2), status
    told = [headers(raw) for raw in chain.from_iterable(messages(line.stream("to client")) for line in pbx.lines)]
    inside: dict[str, set[str]] = {}
    for event in told:
        if "bridgeuniqueid" in event and "channel" in event:
            inside.setdefault(event["bridgeuniqueid"], set()).add(event["channel"])
    sent = [headers(raw) for line in pbx.lines for raw in messages(b"\r\n" + bytes(line.put_in["to server"]))]
    moves = [one for one in sent if one["action"] == "Redirect"]
    assert len(moves) == len({one["actionid"] for one in moves}), "an ActionID twice"
    for one in moves:
        legs = {one["channel"], one["extrachannel"]}
        assert any(legs <= channels for channels in inside.values()), f"{legs} were never in one bridge"


def judge_config(seed: int) -> None:
    """A configuration with pieces changed gives what it says, or diagnostics. Raises whatever its reader raises."""
    dice, text = random.Random(seed), CONFIG
    for _ in range(dice.randint(1, 6)):
        at, length = dice.randrange(len(text) + 1), dice.choice((0, 1, 3, 20))
        put = dice.choice((*PIECES, text[dice.randrange(len(text)) :][:20], chr(dice.randrange(1, 0x250))))
        text = text[:at] + put + text[at + length :]
    with bounded(PATIENCE):
        parse(Source("amiflow.yaml", text))


CONFIG = """
servers:
  main: {host: pbx.example, port: 5039, tls: {ca: ca.pem, verify: true}, username: robot, secret: "env:X", auth: md5}
  other:
    host: 127.0.0.1
    username: robot
    secret: hunter2
    timeouts: {connect: 2s, login: 2s, keepalive: 1s, answer: 1s}
params: {room: "680", list: [1, 2]}
log: {format: json, level: debug}
journal: {file: x.sqlite, max_size: 1MB, max_age: 1d}
limits: {actions_per_second: 5}
emergency: {numbers: ["112"], prefixes: ["0"]}
allow: ["http:crm.example"]
"""
PIECES = (
    *("\n", "  ", "- ", ": ", "{", "}", "[", "]", "&a ", "*a", "!!python/object:os.system ", "|\n", ">", '"', "'", "%"),
    *("\t", "<<: ", "? ", "---\n", "9" * 50, "1e999", "null", "~", "env:", "file:/", "\x00", "-0x1", ".inf", "\ud7ff"),
)


@cache
def journal() -> bytes:
    """A journal as a run leaves it."""
    with TemporaryDirectory() as folder:
        world = KilledWorld([plan_of(RECIPE)], VirtualPbx(scenario()), STOP, Path(folder), 0)
        world.run()
        return world.path.read_bytes()


def judge_journal(seed: int) -> None:
    """A journal with bytes changed gives entries, or trouble that says so."""
    dice, data = random.Random(seed), bytearray(journal())
    for _ in range(dice.choice((1, 10, 200))):
        at = dice.choice((dice.randrange(100), dice.randrange(len(data))))
        data[at : at + dice.choice((1, 1, 4, 100))] = dice.choice((b"", b"\0", b"\xff", dice.randbytes(4), b"\x7f" * 8))
    with TemporaryDirectory() as folder, bounded(PATIENCE):
        path = Path(folder) / "journal.sqlite"
        path.write_bytes(data)
        try:
            with reading(str(path)) as reader:
                for entry in reader.entries(Choice(channel="PJSIP/*", failed=dice.random() < 0.5)):
                    reader.source_line(entry)
                    if entry.story is not None:
                        reader.story(entry.story)
        except Trouble:
            return


KINDS: dict[str, Callable[[int], None]] = {"server": judge_server, "config": judge_config, "journal": judge_journal}


def main() -> int:
    """Try for a while; the first of each kind of failure is printed."""
    options = argparse.ArgumentParser(description="servers, configurations and journals that mean ill")
    options.add_argument("--seconds", type=float, default=60.0)
    options.add_argument("--seed", type=int, default=None, help="default: another one each time")
    given = options.parse_args()
    first = given.seed if given.seed is not None else random.SystemRandom().randrange(10**9)
    tried, failures, until = dict.fromkeys(KINDS, 0), set[str](), time.monotonic() + given.seconds
    seed = first
    while time.monotonic() < until:
        seed += 1
        for kind, judge in KINDS.items():
            tried[kind] += 1
            try:
                judge(seed)
            except (Exception, Refused) as error:
                place = traceback.extract_tb(error.__traceback__)[-1]
                what = f"{kind}: {type(error).__name__} at {Path(place.filename).name}:{place.lineno}"
                if what not in failures:
                    failures.add(what)
                    print(f"--- seed {seed}, {what}: {error}\n{traceback.format_exc(limit=-6)}", flush=True)
    counts = ", ".join(f"{count} of {kind}" for kind, count in tried.items())
    print(f"seeds from {first + 1}: {counts}; {len(failures)} kinds of failure")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
