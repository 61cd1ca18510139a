"""A machine with everything that remembers, given short calls by the thousand, in virtual time.

`python -m support.soak --calls 200000` does so until somebody has had enough, and says what grew.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from amiflow.ami.catalog import Catalog
from amiflow.ami.message import Message
from amiflow.engine import effects as fx
from amiflow.engine.emergency import Numbers, guarded
from amiflow.plan.bounds import Caps
from amiflow.plan.model import Plan
from amiflow.report.source import Span
from support.machines import Bench
from support.runs import compiled
from support.sizes import sizes

RECIPE = """
map seen: text lasting 1m max 1000
counter misses within 1m max 1000
series holds: duration within 1m max 1000
pool lines max 3
limit Setvar 1000 per 1s

flow greets on Newchannel as c where c.Exten == "100" per c.Uniqueid cooldown 30s latest
  until Hangup as h where h.Uniqueid == c.Uniqueid
{
  set seen[c.Uniqueid] = c.Channel
  add misses[c.Uniqueid]
  add holds[c.Uniqueid] 5s
  with lines within 5s { Setvar { Channel: c.Channel Variable: "SEEN" Value: "1" } or ignore }
  wait Newstate as s where s.Uniqueid == c.Uniqueid within 1m or ignore
  Redirect { Channel: c.Channel Context: "default" Exten: "200" Priority: 1 } or ignore
  parallel { { wait 1s } { wait until channel(c.Channel) == none within 10s or ignore } }
}
flow follows on Newchannel as c then Hangup as h where h.Uniqueid == c.Uniqueid within 1m per c.Uniqueid {
  signal over id: c.Uniqueid
}
flow silent on Newchannel as c without Newstate as s where s.Uniqueid == c.Uniqueid within 20s { log "silent" }
flow often on Hangup as h 3 times within 1m per h.Uniqueid { log "often" }
flow heard on signal over(id: text) as s per s.id queued { log s.id }
flow dials on Hangup as h where h.Exten == "100" and not ours(h) urgent per h.Uniqueid {
  Originate { Channel: "PJSIP/1" Exten: "1" Context: "default" Priority: 1 } within 5s or ignore
} finally { log "over" }
flow looks on Hangup as h { exec ["/bin/true", h.Uniqueid] or ignore }
""".replace("signal over id: c.Uniqueid", "signal over { id: c.Uniqueid }")

PLAN_PARTS = (Plan, Span, Catalog)
SPELL = 0.05  # seconds between two calls


class Soak:
    """A machine at work. Every answer comes, every errand is done, every Originate is busy."""

    def __init__(self) -> None:
        self.bench = Bench(
            guarded(compiled(RECIPE)), caps=Caps(), emergency=Numbers(frozenset({"112"})), steps=True, max_pending=2000
        )
        self.calls = 0
        self.settle()

    def call(self) -> None:
        """One short call, now and then with an end that nobody tells of."""
        self.calls += 1
        own = f"{self.calls}.0"
        about = {"Channel": f"PJSIP/a-{self.calls}", "Uniqueid": own, "Linkedid": own}
        self.event("Newchannel", Exten="112" if self.calls % 50 == 0 else "100", **about)
        self.event("DialBegin", DialString="1@trunk", DestUniqueid=f"{own}x", **about)
        self.event("BridgeEnter", BridgeUniqueid=f"b{own}", **about)
        if self.calls % 3:
            self.event("Newstate", **about)
        self.event("BridgeLeave", BridgeUniqueid=f"b{own}", **about)
        self.event("BridgeDestroy", BridgeUniqueid=f"b{own}")
        self.event("Hangup", Exten="100", **about)
        self.bench.advance(SPELL)
        self.settle()

    def event(self, name: str, **headers: str) -> None:
        self.bench.event(name, **headers)
        self.settle()

    def settle(self) -> None:
        """Do what the machine has asked for."""
        while self.bench.effects:
            asked, self.bench.effects = self.bench.effects, []
            for effect in asked:
                self._do(effect)

    def _do(self, effect: fx.Effect) -> None:
        give = self.bench.give
        match effect:
            case fx.Send(action_id=action_id, headers=headers):
                give(fx.Sent(action_id))
                give(fx.Answered(action_id, Message.build([("Response", "Success")]), ()))
                if headers[0][1] == "Originate":
                    busy = {"ActionID": action_id, "Response": "Failure", "Reason": "5"}
                    self.bench.event("OriginateResponse", **busy)
            case fx.Errand(errand_id=errand_id):
                give(fx.ErrandDone(errand_id, fx.ExecResult(0, "")))
            case fx.Signal(name=name, fields=fields, line=line):
                give(fx.Signalled(name, fields, line=line))

    def rest(self) -> None:
        """Let an hour pass in which nothing happens."""
        for _ in range(60):
            self.bench.advance(60)
            self.settle()

    def sizes(self) -> Counter[str]:
        """What the machine holds, by where."""
        return sizes(self.bench.machine, PLAN_PARTS)


def grown(before: Counter[str], after: Counter[str], slack: int) -> dict[str, tuple[int, int]]:
    """What holds more than before, by more than the slack."""
    return {way: (before[way], size) for way, size in after.items() if size > before[way] + slack}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=200_000)
    calls = parser.parse_args(arguments).calls
    soak, sizes_then = Soak(), None
    for number in range(1, calls + 1):
        soak.call()
        if number == calls // 10:
            soak.rest()
            sizes_then = soak.sizes()
    soak.rest()
    assert sizes_then is not None
    print(
        f"{calls} calls; at rest after {calls // 10}: {sizes_then.total()} things, at the end: {soak.sizes().total()}"
    )
    print("grew:", grown(sizes_then, soak.sizes(), 0) or "nothing")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
