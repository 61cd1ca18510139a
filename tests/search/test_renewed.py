"""Recipes read again, and amiflow killed or stopped and started again, at any moments of a run: what a key and a pool
promise holds over all machines at every moment, and when all is over nothing is left.

The recipes of a run are of a few flows each, of pieces put together at random; what they send is answered at once.
"""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from amiflow.ami.message import Message
from amiflow.engine import effects as fx
from amiflow.engine.core import Inputs, Options
from amiflow.engine.instance import Instance
from amiflow.engine.machine import Machine
from amiflow.engine.snapshot import NOBODY
from amiflow.engine.succession import same_triggers
from amiflow.plan.model import Plan
from amiflow.tools.memory import Memory
from support.machines import START, event
from support.runs import compiled

HEAD = """
userevent Go { Key: text }
userevent Two { Key: text }
map seen: text lasting 20s max 3 durable
counter misses within 15s max 4
pool p max 2
pool q max 1
"""
TRIGGERS = (
    "on UserEvent Go as u per u.Key",
    "on UserEvent Two as u per u.Key",
    "on UserEvent Go as u then UserEvent Two as v where v.Key == u.Key within 10s per u.Key",
    "on UserEvent Go as u without UserEvent Two as v where v.Key == u.Key within 7s per u.Key",
)
POLICIES = ("single", "replace", "queued", "queued")
RESUME = "after restart resume"
CLAUSES = ("", "until Hangup", "cooldown 9s latest", RESUME, RESUME, f"until Hangup {RESUME}")
PIECES = (
    "wait 3s",
    "with p within 8s { wait 5s } or ignore",
    "with q within 12s { wait 4s with p within 5s { wait 1s } or ignore } or ignore",
    'set seen["k"] = "x"',
    'wait until not ("k" in seen) within 25s or ignore',
    'add misses["m"] wait until misses["m"] > 2 within 20s or ignore',
    'Hangup { Channel: "PJSIP/a-1" } within 2s retry 2 every 1s or ignore',
    "wait UserEvent Two within 5s or ignore",
    "parallel { { with q within 4s { wait 2s } or ignore } { wait UserEvent Two within 6s or ignore } }",
    'for x in ["a", "b"] parallel max 1 { with q within 7s { wait UserEvent Two within 2s or ignore } or ignore }',
    'if u.Key == "a" { fail "no" }',
)
ENDS = ("", "finally { wait 2s }", "finally { with q within 3s { wait 1s } or ignore Ping {} or ignore }")


def recipe(random: Random) -> Plan:
    """Flows of the same names in all recipes of a run, as policies of a name stay the same."""
    flows = [
        f"flow f{number} {random.choice(TRIGGERS)} {policy} {random.choice(CLAUSES)}"
        f" {{ {' '.join(random.choices(PIECES, k=random.randint(1, 3)))} }} {random.choice(ENDS)}"
        for number, policy in enumerate(POLICIES)
    ]
    return compiled(HEAD + "\n".join(random.sample(flows, random.randint(1, len(flows)))))


class World:
    """The machines of one run after the other, and what they have written down."""

    def __init__(self, random: Random) -> None:
        self.random, self.memory = random, Memory()
        self.now, self.life = 0.0, 0
        self.plan = recipe(random)
        self.begin()

    def begin(self) -> None:
        self.life, self.count = self.life + 1, 0
        self.over: set[Machine] = set()
        self.queue: list[tuple[Machine, fx.Input]] = []
        self.machines = [self.made()]
        self.hand(self.machines[0], self.memory.restored(()))
        self.give(fx.ServerReady("pbx", "11.0.0", False))

    def made(self) -> Machine:
        self.count += 1
        return Machine(self.plan, Inputs(), Options(f"run{self.life}m{self.count}", ("pbx",), keeping=True))

    def reload(self) -> None:
        before, old = self.machines[-1], self.plan
        self.plan = recipe(self.random)
        self.machines.append(self.made())
        self.machines[-1].take_over(before, same_triggers(old, self.plan), self.now, START + self.now)
        self.hand(self.machines[-1], fx.ServerReady("pbx", "11.0.0", False))
        self.hand(before, fx.Retire())

    def stop(self) -> None:
        self.give(fx.StopAsked("SIGTERM"))
        self.advance(60)
        assert self.over == {*self.machines}
        self.begin()

    def hand(self, machine: Machine, item: fx.Input) -> None:
        for effect in machine.handle(item, self.now, START + self.now):
            if isinstance(effect, fx.Send) and effect.instance != NOBODY:
                answer = fx.Answered(effect.action_id, Message.build([("Response", "Success")]), ())
                self.queue += [(machine, fx.Sent(effect.action_id)), (machine, answer)]
            elif isinstance(effect, fx.Remember | fx.StoreChanged):
                self.memory.take(effect, START + self.now)
            elif isinstance(effect, fx.Exit):
                self.over.add(machine)
        if machine in self.over and machine is not self.machines[-1] and machine in self.machines:
            self.machines.remove(machine)
            self.over.discard(machine)
            machine.let_go()

    def give(self, item: fx.Input) -> None:
        for machine in list(self.machines):
            self.hand(machine, item)
        self.advance(0.001)

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while True:
            while self.queue:
                self.hand(*self.queue.pop(0))
            due = [(at, place) for place, one in enumerate(self.machines) if (at := one.deadline()) is not None]
            if not due or min(due)[0] > end:
                break
            at, place = min(due)
            self.now = max(self.now, at)
            self.hand(self.machines[place], fx.Tick())
        self.now = end

    def step(self) -> None:
        match self.random.choices(("event", "time", "reload", "kill", "stop"), (50, 30, 10, 5, 5)):
            case ["event"]:
                name = self.random.choice(("Go", "Go", "Two"))
                self.give(fx.Received("pbx", event("UserEvent", UserEvent=name, Key=self.random.choice("ab"))))
                if self.random.random() < 0.1:
                    self.give(fx.Received("pbx", event("Hangup")))
            case ["time"]:
                self.advance(self.random.uniform(0.1, 8.0))
            case ["reload"]:
                self.reload()
            case ["kill"]:
                self.begin()
            case _:
                self.stop()

    # --- what must hold -----------------------------------------------------------------------------------------------

    def runs(self) -> list[Instance]:
        return [one for machine in self.machines for one in machine._core.instances.values()]

    def check(self) -> None:
        keys = Counter((one.program.flow.name, one.key) for one in self.runs() if one.state != "queued" and one.key)
        assert set(keys.values()) <= {1}
        taken = Counter(slot.pool for run in self.runs() for strand in run.strands() for slot in strand.slots)
        for pool, most in (("p", 2), ("q", 1)):
            pools = [machine._steps.pools for machine in self.machines]
            assert sum(one._taken[pool] for one in pools) == taken[pool] <= most
            assert taken[pool] == most or not any(one._waiting[pool] for one in pools), (
                "nobody waits beside a free slot"
            )

    def check_end(self) -> None:
        assert self.runs() == [] and self.memory.restored(()).flows == ()
        for machine in self.machines:
            actions, admitted = machine._actions, machine._admission._flows
            assert not (actions._open or actions._calls or actions._held or machine._conditions._waiting)
            assert [(one.count, one.turns) for one in admitted] == [(0, {})] * len(admitted)


@pytest.mark.parametrize("part", range(4))
def test_keys_and_pools_hold_over_all_machines_and_nothing_is_left(part: int) -> None:
    for seed in range(part * 25, (part + 1) * 25):
        world = World(Random(seed))
        for _ in range(60):
            world.step()
            world.check()
        world.advance(10_000)
        world.check_end()
