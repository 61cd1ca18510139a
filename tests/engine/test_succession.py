"""A plan that takes the place of another: what goes on, what is taken over, what is dropped."""

from __future__ import annotations

import gc
import inspect
import sys
import weakref
from datetime import UTC, datetime
from typing import Any

import pytest

from amiflow.engine import effects as fx
from amiflow.engine.core import Inputs, Options
from amiflow.engine.limits import Shared
from amiflow.engine.machine import Machine
from amiflow.engine.succession import same_triggers
from amiflow.plan.bounds import Caps
from amiflow.plan.likeness import alike
from amiflow.plan.model import Plan
from support.machines import START, event
from support.runs import compiled

HEAD = "userevent Go { Key: text N: text? }\n"


class Run:
    """Machines that follow one another, called as the loop calls them; `said` is what all of them say. One that is at
    its end is let go once its place is taken, or its recipe gone."""

    def __init__(self, recipe: str, servers: tuple[str, ...] = ("pbx",), **options: Any) -> None:
        self.options = Options("run", servers, **options)
        self.shared = Shared(self.options.caps)
        self.now, self.start = 0.0, START
        self.effects: list[fx.Effect] = []
        self.plans = [compiled(HEAD + recipe)]
        self.machines = [self._machine(self.plans[0])]
        self.over: set[Machine] = set()
        self.retired: set[Machine] = set()
        self.give(fx.ServerReady("pbx", "11.0.0", False))

    def _machine(self, plan: Plan) -> Machine:
        return Machine(plan, Inputs(), self.options, self.shared)

    def reload(self, recipe: str, ready: bool = True) -> None:
        new_plan = compiled(HEAD + recipe)
        new, before = self._machine(new_plan), self.machines[-1]
        new.take_over(before, same_triggers(self.plans[-1], new_plan), self.now, self.start + self.now)
        self.plans.append(new_plan)
        self.machines.append(new)
        if ready:
            self._hand(new, fx.ServerReady("pbx", "11.0.0", False))
        self.retire(before)

    def retire(self, machine: Machine) -> None:
        self.retired.add(machine)
        self._hand(machine, fx.Retire())

    def _hand(self, machine: Machine, item: fx.Input) -> None:
        new = machine.handle(item, self.now, self.start + self.now)
        self.effects += new
        if any(isinstance(effect, fx.Exit) for effect in new):
            self.over.add(machine)
        if machine in self.over & self.retired:
            for kept in (self.machines, self.over, self.retired):
                kept.remove(machine)
            machine.let_go()

    def give(self, item: fx.Input) -> None:
        for machine in list(self.machines):
            self._hand(machine, item)
        self.advance(0.0)

    def go(self, key: str = "k", n: str = "") -> None:
        self.give(fx.Received("pbx", event("UserEvent", UserEvent="Go", Key=key, N=n)))

    def event(self, name: str, **headers: str) -> None:
        self.give(fx.Received("pbx", event(name, **headers)))

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while due := [(at, one) for one in self.machines if (at := one.deadline()) is not None and at <= end]:
            at, machine = min(due, key=lambda pair: pair[0])
            self.now = max(self.now, at)
            self._hand(machine, fx.Tick())
        self.now = end

    @property
    def said(self) -> list[str]:
        return [effect.text for effect in self.effects if isinstance(effect, fx.Said)]

    @property
    def ended(self) -> list[str]:
        return [effect.outcome for effect in self.effects if isinstance(effect, fx.FlowEnded)]

    @property
    def changes(self) -> list[str]:
        return [effect.change for effect in self.effects if isinstance(effect, fx.StoreChanged)]

    def notes(self, kind: str) -> list[str]:
        return [effect.text for effect in self.effects if isinstance(effect, fx.Noted) and effect.kind == kind]


def says(word: str, clauses: str = "") -> str:
    return f'flow f on UserEvent Go as u {clauses} {{ log "{word} ${{u.N}}" wait 10s log "{word} end ${{u.N}}" }}\n'


def test_a_run_goes_on_as_it_began_and_the_next_is_of_the_new_plan() -> None:
    run = Run(says("old"))
    run.go(n="1")
    run.reload(says("new"))
    run.go(n="2")
    run.advance(10)
    assert run.said == ["old 1", "new 2", "old end 1", "new end 2"]
    assert len(run.machines) == 1


def test_the_machine_of_before_ends_when_nothing_runs_there() -> None:
    run = Run(says("old") + 'flow last on stop { log "stops" }\n')
    run.reload(says("new"))
    assert len(run.machines) == 1 and run.said == []


def test_numbers_of_runs_go_on() -> None:
    run = Run(says("old"))
    run.go()
    run.reload(says("new"))
    run.go()
    started = [one.instance for one in run.effects if isinstance(one, fx.Noted) and one.kind == "flow-started"]
    assert started == [1, 2]


@pytest.mark.parametrize(
    ("policy", "said", "ended"),
    [
        ("single", ["old 1", "old end 1", "new 4"], ["done"]),
        ("replace", ["old 1", "new 2", "new 3", "new end 3", "new 4"], ["stopped", "stopped", "done"]),
        ("queued", ["old 1", "old end 1", "new 2", "new end 2", "new 3", "new end 3", "new 4"], ["done"] * 3),
        ("parallel", ["old 1", "new 2", "new 3", "old end 1", "new end 2", "new end 3", "new 4"], ["done"] * 3),
    ],
)
def test_a_key_is_minded_across_the_change(policy: str, said: list[str], ended: list[str]) -> None:
    run = Run(says("old", f"per u.Key {policy}"))
    run.go(n="1")
    run.reload(says("new", f"per u.Key {policy}"))
    run.go(n="2")
    run.go(n="3")
    run.advance(40)
    run.go(n="4")
    assert run.said == said and run.ended == ended


def test_who_waits_in_the_old_plan_goes_before_who_waits_in_the_new() -> None:
    run = Run(says("old", "per u.Key queued"))
    run.go(n="1")
    run.go(n="2")
    run.reload(says("new", "per u.Key queued"))
    run.go(n="3")
    run.advance(40)
    assert run.said == ["old 1", "old end 1", "old 2", "old end 2", "new 3", "new end 3"]


def test_a_run_that_is_replaced_by_time_has_all_of_its_finally() -> None:
    """Its machine has not been called since the event a minute ago."""
    ends = 'per h.Channel replace { log "in" wait 10m } finally { wait 29s log "over" }\n'
    recipe = "flow f on Hangup as h without Newchannel within 60s " + ends
    run = Run(recipe)
    run.event("Hangup", Channel="x")
    run.advance(60)
    run.event("Hangup", Channel="x")
    run.reload(recipe)
    run.advance(90)
    assert run.said == ["in", "over", "in"] and run.notes("finally-failed") == []


def test_a_thousand_changes_while_a_run_of_each_goes_on_are_too_many_for_no_stack() -> None:
    recipe = "flow f on UserEvent Go as u per u.Key queued { log u.Key wait 1d }\n"
    run = Run(recipe)
    run.go("first")
    limit, depth = sys.getrecursionlimit(), len(inspect.stack())
    try:
        for number in range(120):
            run.reload(recipe)
            run.go(str(number))
        sys.setrecursionlimit(depth + 100)
        run.go("first")
        run.give(fx.StopRuns("f", 1))
    finally:
        sys.setrecursionlimit(limit)
    assert run.said.count("first") == 2


def test_keys_are_minded_over_several_changes() -> None:
    run = Run(says("a", "per u.Key queued"))
    run.go(n="1")
    run.reload(says("b", "per u.Key queued"))
    run.go(n="2")
    run.reload(says("c", "per u.Key queued"))
    run.go(n="3")
    run.advance(40)
    assert run.said == ["a 1", "a end 1", "b 2", "b end 2", "c 3", "c end 3"] and len(run.machines) == 1


FOLLOWED = """
flow f on BridgeEnter as one then BridgeEnter as two where two.BridgeUniqueid == one.BridgeUniqueid within 10s
{{ log "{word}" }}
"""


def test_a_pending_match_goes_on_where_the_trigger_is_the_same() -> None:
    run = Run(FOLLOWED.format(word="old"))
    run.event("BridgeEnter", BridgeUniqueid="b", Channel="PJSIP/a-1")
    run.advance(6)
    run.reload("# moved down\n\n" + FOLLOWED.format(word="new"))
    run.event("BridgeEnter", BridgeUniqueid="b", Channel="PJSIP/b-1")
    assert run.said == ["new"] and run.notes("match-dropped") == []


def test_its_time_goes_on_too() -> None:
    run = Run(FOLLOWED.format(word="old"))
    run.event("BridgeEnter", BridgeUniqueid="b", Channel="PJSIP/a-1")
    run.advance(6)
    run.reload(FOLLOWED.format(word="new"))
    run.advance(6)
    assert run.notes("match-dropped") == ["what should follow did not come in time"]


def test_a_pending_match_of_another_trigger_is_dropped_and_told() -> None:
    run = Run(FOLLOWED.format(word="old"))
    run.event("BridgeEnter", BridgeUniqueid="b", Channel="PJSIP/a-1")
    run.reload(FOLLOWED.format(word="new").replace("10s", "20s"))
    assert run.notes("match-dropped") == [
        "the recipe was read again, and this flow's trigger, key or server is another, or it is gone"
    ]
    run.event("BridgeEnter", BridgeUniqueid="b", Channel="PJSIP/b-1")
    assert run.said == []


def test_counts_and_cooldowns_go_on() -> None:
    counted = 'flow f on UserEvent Go as u 3 times within 1m per u.Key { log "third" }\n'
    cooling = 'flow g on UserEvent Go as u per u.Key cooldown 1m latest { log "g ${u.N}" }\n'
    run = Run(counted + cooling)
    run.go(n="1")
    run.go(n="2")
    run.reload(cooling + counted)
    run.go(n="3")
    assert run.said == ["g 1", "third"]
    run.advance(60)
    assert run.said == ["g 1", "third", "g 3"]


def test_a_beat_goes_on_and_never_overlaps() -> None:
    beat = 'flow f every 60s { log "tick" wait 100s }\n'
    run = Run(beat)
    run.advance(50)
    run.reload(beat)
    run.advance(10)
    assert run.said == ["tick"]
    run.reload(beat)
    run.advance(60)
    assert run.said == ["tick"]
    run.advance(60)
    assert run.said == ["tick", "tick"]


DAILY = 'flow daily at "{:%H:%M}" in "UTC" {{ log "now" }}\n'


def at(seconds: float) -> str:
    return DAILY.format(datetime.fromtimestamp(START + seconds, UTC))


def test_a_time_begins_at_the_change_though_nothing_was_heard_for_long() -> None:
    """The machine of before had no reason to be called, and does not know how late it is."""
    for added in ('flow g every 60s { log "now" }\n', at(600)):
        run = Run(says("x"))
        run.advance(1000)
        run.reload(says("x") + added)
        run.advance(59)
        assert run.said == []


@pytest.mark.parametrize("back", [0.0, 0.0005, 5.0])
def test_a_time_that_is_past_is_not_met_again(back: float) -> None:
    """The wall clock may have been set back, or the timer have been a moment early."""
    run = Run(at(600))
    run.advance(600)
    run.start -= back
    run.reload(at(600))
    run.advance(60)
    assert run.said == ["now"]


def test_a_time_that_has_just_come_is_not_missed() -> None:
    run = Run(at(600))
    run.advance(599)
    run.now += 2
    run.reload(at(600))
    run.advance(0)
    assert run.said == ["now"]


def test_a_period_that_is_another_does_not_overlap_with_the_last_run_either() -> None:
    beat = 'flow f every %s { log "tick" wait 100s }\n'
    run = Run(beat % "60s")
    run.advance(60)
    run.reload(beat % "30s")
    run.advance(99)
    assert run.said == ["tick"]
    run.advance(21)
    assert run.said == ["tick", "tick"]


STORED = """
map seen: text lasting {lasting} max 100
flow asks on UserEvent Go as u where u.Key in seen {{ log "{word} sees ${{seen[u.Key] ?? "nothing"}}" }}
flow puts on UserEvent Go as u {{ set seen[u.Key] = "{word}" }}
"""


def test_a_store_of_the_same_declaration_carries_over() -> None:
    run = Run(STORED.format(lasting="10m", word="old"))
    run.go("k")
    run.reload(STORED.format(lasting="10m", word="new"))
    run.go("k")
    assert run.said == ["new sees old"]


def test_the_time_of_its_entries_goes_on() -> None:
    recipe = STORED.format(lasting="10m", word="x")
    run = Run(recipe)
    run.advance(60)
    run.go("k")
    run.reload(recipe)
    run.advance(599)
    run.go("k")
    assert run.said == ["x sees x"]
    run.reload(recipe)
    run.advance(601)
    run.go("k")
    assert run.said == ["x sees x"]


def test_what_an_old_run_stores_is_as_fresh_as_what_a_new_one_does() -> None:
    """The machine that is called first must not take the time of the other's last call."""
    store = "map seen: text lasting 10s max 100\n"
    old = store + 'flow puts on DialBegin { wait UserEvent Go as u within 5m set seen[u.Key] = "x" }\n'
    new = store + 'flow asks on UserEvent Go as u where u.Key in seen { log "still there" }\n'
    run = Run(old)
    run.event("DialBegin", DestChannel="PJSIP/a-1")
    run.reload(new)
    run.advance(200)
    run.go("k")
    run.advance(5)
    run.go("k")
    assert run.said.count("still there") == 2


@pytest.mark.parametrize("store", ["map seen: text lasting", "counter seen within", "series seen: int within"])
def test_its_bounds_are_those_of_the_params_now(store: str) -> None:
    put = {"map": 'set seen[u.Key] = "x"', "counter": "add seen[u.Key]", "series": "add seen[u.Key] 1"}[
        store.split()[0]
    ]
    rest = f"""{store} keep max most durable
flow f on UserEvent Go as u {{ {put} }}
flow asks on Hangup {{ for key in ["a", "b", "c", "d"] where key in seen {{ log key }} }}
"""
    run = Run("param keep = 10m\nparam most = 9\n" + rest, keeping=True)
    for key in "abc":
        run.go(key)
    run.reload("param keep = 10m\nparam most = 2\n" + rest)
    assert len(run.changes) == 4 and run.changes[-1] == "evict"
    run.reload("param keep = 20m\nparam most = 2\n" + rest)
    run.advance(601)
    run.event("Hangup")
    assert run.said == ["b", "c"]
    run.go("d")
    run.event("Hangup")
    assert run.said[2:] == ["c", "d"]
    run.advance(599)
    run.event("Hangup")
    assert run.said[4:] == ["d"]


@pytest.mark.parametrize("store", ["map seen: text lasting", "series seen: text within"])
def test_what_is_kept_of_it_lasts_as_long_as_it_is_held_now(store: str) -> None:
    put = 'set seen[u.Key] = u.N ?? ""' if store.startswith("map") else 'add seen[u.Key] u.N ?? ""'
    rest = f"{store} keep max 9 durable\nflow f on UserEvent Go as u {{ {put} }}\n"
    asks = 'flow asks on Hangup { if "a" in seen { log "a" } delete seen["b"] }\n'
    run = Run("param keep = 10m\n" + rest + asks, keeping=True)
    run.go("b", "1")
    run.event("Hangup")
    for key in "aba":
        run.advance(1)
        run.go(key, "2")
    run.effects.clear()
    run.reload("param keep = 20m\n" + rest + asks)
    run.event("Hangup")
    kept = [(one.change, one.entry) for one in run.effects if isinstance(one, fx.StoreChanged)]
    assert [change for change, _ in kept] == ["clear", *["set" if put[0] == "s" else "add"] * (len(kept) - 2), "remove"]
    times = {"map": [2.0, 3.0], "series": [1.0, 2.0, 3.0]}[store.split()[0]]
    assert [entry.at - START for _, entry in kept[1:-1]] == times
    assert {(entry.value, entry.lasting) for _, entry in kept[1:-1]} == {("2", 1200.0)}


def test_a_machine_that_is_over_is_let_go() -> None:
    run = Run(STORED.format(lasting="10m", word="old") + says("old"))
    run.go("k")
    first, triggers = weakref.ref(run.machines[0]), weakref.ref(run.machines[0]._matching)
    gc.disable()
    try:
        run.reload(STORED.format(lasting="10m", word="new") + says("new"))
        run.advance(10)
        assert first() is None and triggers() is None and len(run.machines) == 1
    finally:
        gc.enable()


def test_a_store_keeps_its_time_though_the_machine_that_had_it_last_is_let_go() -> None:
    """The run goes on in the first of three; what it puts into the store asked the second one for the time."""
    puts = 'map seen: text lasting %s max 9\nflow f on UserEvent Go as u { wait 10s set seen[u.Key] = "x" log "put" }\n'
    for another in (puts % "11m", None):
        run = Run(puts % "10m")
        run.go()
        run.reload(puts % "10m")
        if another is not None:
            run.reload(another)
        else:
            run.retire(run.machines[-1])
        run.advance(10)
        assert run.said == ["put"]


def test_a_machine_that_was_over_at_once_is_followed_by_others() -> None:
    """Of `on start` flows alone nothing is left to begin, while those of the first machine go on."""
    starts = 'flow f on start { wait 10s log "over" }\n'
    run = Run(starts)
    for _ in range(3):
        run.reload(starts)
    run.advance(10)
    assert run.said == ["over"]
    run.reload(starts)
    assert len(run.machines) == 1


def test_another_store_begins_empty() -> None:
    run = Run(STORED.format(lasting="10m", word="old"))
    run.go("k")
    run.reload(STORED.format(lasting="11m", word="new"))
    run.go("k")
    assert run.said == []


def test_what_an_old_run_puts_into_its_own_store_does_not_outlive_amiflow() -> None:
    """It is of another kind: the next run would drop the store for it, with all that the new plan has put there."""
    puts = "flow puts on DialBegin { wait UserEvent Go as u within 5m set seen[u.Key] = %s }\n"
    run = Run("map seen: text lasting 1h max 100 durable\n" + puts % '"x"', keeping=True)
    run.event("DialBegin", DestChannel="PJSIP/a-1")
    run.reload("map seen: int lasting 1h max 100 durable\n" + puts % "1")
    run.go("k")
    assert run.ended == ["done"]
    assert run.changes == ["clear"]


def test_what_a_store_held_that_was_gone_for_a_while_does_not_come_back_after_a_restart() -> None:
    """It is another one by now, and began empty."""
    store, asks = (
        "map seen: text lasting 1h max 100 durable\n",
        'flow f on UserEvent Go as u { set seen[u.Key] = "x" }\n',
    )
    run = Run(store + asks, keeping=True)
    run.go("k")
    run.reload(says("without"))
    run.reload(store + asks)
    assert run.changes == ["set", "clear"]


def test_what_the_account_may_lack_is_said_once_for_all_changes() -> None:
    recipe = "flow f on DialBegin { wait UserEvent Go within 10s or ignore }\n"
    run = Run(recipe)
    for _ in range(3):
        run.event("DialBegin", DestChannel="PJSIP/a-1")
        run.advance(10)
        run.reload(recipe)
    assert len(run.notes("unheard")) == 1


def test_a_wait_in_the_old_plan_sees_what_the_new_one_stores() -> None:
    store = "map free: text lasting 10m max 100\n"
    waits = 'flow waits on DialBegin as d { wait until "k" in free within 1m log "old sees it" }\n'
    sets = 'flow sets on UserEvent Go as u { set free[u.Key] = "x" }\n'
    run = Run(store + waits + sets)
    run.event("DialBegin", DestChannel="PJSIP/a-1")
    run.reload(store + sets)
    run.go("k")
    assert run.said == ["old sees it"]


POOLED = """
pool lines max 1
flow f on UserEvent Go as u {{
  with lines within 1m {{ log "{word} ${{u.N}}" wait 10s }}
}}
"""


def test_slots_that_old_runs_have_are_taken() -> None:
    run = Run(POOLED.format(word="old"))
    run.go(n="1")
    run.reload(POOLED.format(word="new"))
    run.go(n="2")
    assert run.said == ["old 1"]
    run.advance(10)
    assert run.said == ["old 1", "new 2"]


def test_who_waited_longest_for_a_slot_has_it_in_whatever_machine() -> None:
    later = 'flow later on DialBegin {{ wait 5s with lines within 1m {{ log "{word} later" wait 10s }} }}\n'
    run = Run((POOLED + later).format(word="old"))
    run.event("DialBegin", DestChannel="PJSIP/a-1")
    run.reload((POOLED + later).format(word="new"))
    run.go(n="1")
    run.advance(6)
    run.go(n="2")
    run.advance(30)
    assert run.said == ["new 1", "old later", "new 2"]


def test_what_old_runs_sent_counts_in_a_limit() -> None:
    limited = """
limit Getvar 1 per 10s
flow f on UserEvent Go as u { Getvar { Variable: "x" } within 1m or ignore }
"""
    run = Run(limited)
    run.go()
    run.reload(limited)
    run.go()

    def sent() -> int:
        return sum(isinstance(effect, fx.Send) for effect in run.effects)

    assert sent() == 1
    run.advance(10)
    assert sent() == 2


def test_a_flow_that_kept_starting_itself_is_held_by_the_next_machine_too() -> None:
    again = 'flow f on signal go() { log "round" wait 1s signal go {} }\n'
    run = Run(again, caps=Caps(loop_rounds=3))
    for rounds in (3, 4, 5):
        run.give(fx.Signalled("go", {}))
        for _ in range(9):
            run.advance(1)
            if isinstance(last := run.effects[-1], fx.FlowEnded) and last.flow == "f":
                (signal,) = [one for one in run.effects[-4:] if isinstance(one, fx.Signal)][-1:]
                run.give(fx.Signalled("go", {}, line=signal.line))
        assert run.said == ["round"] * rounds
        run.reload(again)


def test_a_call_that_is_being_dialled_has_its_place_though_its_machine_is_at_its_end() -> None:
    dials = """
flow f on UserEvent Go as u { Originate { Channel: "PJSIP/1" Application: "Echo" Async: true } or ignore log u.Key }
"""
    run = Run(dials, caps=Caps(calls_dialled_at_once=1))

    def answer() -> str:
        action_id = [effect for effect in run.effects if isinstance(effect, fx.Send)][-1].action_id
        run.give(fx.Answered(action_id, event("Answer", Response="Success"), ()))
        return action_id

    run.go("a")
    first = answer()
    run.reload(dials)
    assert run.said == ["a"] and len(run.machines) == 1
    run.go("b")
    assert sum(isinstance(effect, fx.Send) for effect in run.effects) == 1
    run.event("OriginateResponse", ActionID=first, Response="Success", Channel="PJSIP/1-a")
    answer()
    assert run.said == ["a", "b"]


def test_what_keeps_a_signal_from_starting_anything_is_told_by_the_last_machine_alone() -> None:
    recipe = "flow f on signal go(n: int) as s { wait 1h }\n"
    run = Run(recipe)
    run.give(fx.Signalled("go", {"n": "1"}))
    run.reload(recipe)
    run.give(fx.Signalled("go", {"n": "x"}))
    assert len(run.notes("signal-refused")) == 1
    run.give(fx.Pause("f", "is paused"))
    run.give(fx.Signalled("go", {"n": "1"}, "asks"))
    assert run.notes("suppressed") == ["is paused"]
    replies = [effect for effect in run.effects if isinstance(effect, fx.SignalReply)]
    assert sorted((reply.kind, reply.failure) for reply in replies) == [
        ("idle", "f: is paused"),
        ("idle", "no flow was started by it"),
    ]


def test_on_start_is_past() -> None:
    recipe = 'flow f on start { log "starts" }\nflow g on UserEvent Go { log "goes" }\n'
    run = Run(recipe)
    assert run.said == ["starts"]
    run.reload(recipe)
    run.give(fx.ServerLost("pbx", "gone"))
    run.give(fx.ServerReady("pbx", "11.0.0", False))
    assert run.said == ["starts"]


def test_on_reconnect_runs_for_a_line_that_broke_before() -> None:
    recipe = 'flow f on reconnect { log "back" }\n'
    run = Run(recipe)
    run.give(fx.ServerLost("pbx", "gone"))
    run.reload(recipe, ready=False)
    run.advance(5)
    run.give(fx.ServerReady("pbx", "11.0.0", False))
    assert run.said == ["back"]


def test_what_befell_the_line_since_a_machine_was_over_is_not_of_now() -> None:
    run = Run('flow f on start { wait 5s log "over" }\n')
    run.give(fx.ServerLost("pbx", "gone"))
    run.advance(5)
    run.give(fx.ServerReady("pbx", "11.0.0", False))
    run.reload('flow f on reconnect { log "back" }\n')
    assert run.said == ["over"]
    run.give(fx.ServerLost("pbx", "gone"))
    run.give(fx.ServerReady("pbx", "11.0.0", False))
    assert run.said == ["over", "back"]


def test_a_pause_stays() -> None:
    run = Run(says("old"))
    run.give(fx.Pause("f", "is paused"))
    run.reload(says("new"))
    run.go()
    assert run.said == []


def test_a_stop_ends_the_runs_of_both_and_on_stop_runs_once() -> None:
    recipe = says("x") + 'flow last on stop { log "stops" }\n'
    run = Run(recipe)
    run.go(n="1")
    run.reload(recipe)
    run.go(n="2")
    run.give(fx.StopAsked("SIGTERM"))
    assert run.ended == ["stopped", "stopped", "done"] and run.said == ["x 1", "x 2", "stops"]
    assert run.over == {*run.machines}


def test_on_stop_waits_for_the_finally_of_runs_of_before() -> None:
    recipe = 'flow f on UserEvent Go { wait 1d } finally { wait 5s log "over" }\nflow last on stop { log "stops" }\n'
    run = Run(recipe)
    run.go()
    run.reload(recipe)
    run.give(fx.StopAsked("SIGTERM"))
    assert run.said == []
    run.advance(5)
    assert run.said == ["over", "stops"] and run.over == {*run.machines}


@pytest.mark.parametrize(
    "end",
    [
        fx.StopAsked("SIGTERM"),
        fx.StopRuns("f"),
        fx.ServerReady("pbx", "11.0.0", restarted=True),
        fx.Received("pbx", event("Shutdown")),
    ],
)
def test_who_waits_for_a_run_of_before_does_not_begin_as_all_are_ended(end: fx.Input) -> None:
    """It would do what its finally says, and nothing else."""
    recipe = 'flow f on Hangup as h per "k" queued until Shutdown { log "in" wait 10m } finally { log "over" }\n'
    run = Run(recipe)
    run.event("Hangup", Channel="a", Uniqueid="1")
    run.reload(recipe)
    run.event("Hangup", Channel="b", Uniqueid="2")
    run.give(end)
    assert run.said == ["in", "over"]


def test_what_frees_a_slot_in_another_machine_is_seen_by_who_has_it_next() -> None:
    """It has waited for that since it began, and is to see what came since."""
    waits = (
        "pool lines max 1\nflow f on Hangup as h { with lines within 1m { wait Shutdown within 1m log h.Channel } }\n"
    )
    run = Run(waits)
    run.event("Hangup", Channel="a")
    run.reload(waits)
    run.event("Hangup", Channel="b")
    run.event("Shutdown")
    assert run.said == ["a", "b"]


def test_of_several_during_one_finally_the_newest_runs_of_whatever_machine() -> None:
    recipe = """
flow f on Hangup as h per "k" replace { log "${h.Channel} in" wait 10m } finally { wait 5s log "${h.Channel} over" }
"""
    run = Run(recipe)
    for channel in "abcd":
        run.event("Hangup", Channel=channel)
        run.reload(recipe)
    run.advance(5)
    assert run.said == ["a in", "a over", "d in"]
    assert run.notes("suppressed") == ["a newer one takes its place"] * 2


def test_what_ends_a_run_of_before_is_seen_by_who_waits_for_it() -> None:
    recipe = 'flow f on Hangup as h per "k" queued { wait Shutdown within 1m log "${h.Channel} goes" }\n'
    run = Run(recipe)
    run.event("Hangup", Channel="a")
    run.reload(recipe)
    run.event("Hangup", Channel="b")
    run.event("Shutdown")
    assert run.said == ["a goes", "b goes"]


def test_likeness_minds_what_is_said_and_not_where() -> None:
    def trigger(text: str) -> Any:
        return compiled(HEAD + text).flows[0].trigger

    assert alike(trigger(says("a")), trigger("\n# c\n" + says("b")))
    assert not alike(trigger(FOLLOWED.format(word="a")), trigger(FOLLOWED.format(word="a").replace("10s", "11s")))
    assert not alike((1,), (1, 2)) and not alike(1, True)


def test_a_limit_counts_what_was_sent_though_the_time_of_one_of_both_is_shorter() -> None:
    limited = """
limit Getvar 2 per {}
flow f on UserEvent Go as u {{
  Getvar {{ Variable: digits(u.Key) }} within 1m or ignore
  if u.Key != "1" {{ stop }}
  wait 4s
  Getvar {{ Variable: digits(u.Key) }} within 1m or ignore
}}
"""
    run = Run(limited.format("1s"))

    def sent() -> list[str]:
        sends = [effect for effect in run.effects if isinstance(effect, fx.Send)]
        for send in sends:
            run.give(fx.Answered(send.action_id, event("Answer", Response="Success"), ()))
        return [dict(send.headers)["Variable"] for send in sends]

    run.go("1")
    run.go("2")
    sent()
    run.reload(limited.format("10s"))
    run.advance(4)
    run.go("3")
    assert sent() == ["1", "2", "1"]
    run.advance(5)
    assert sent() == ["1", "2", "1"]
    run.advance(1)
    assert sent() == ["1", "2", "1", "3"]


def test_a_flow_that_is_for_another_server_by_now_does_not_begin_on_the_first() -> None:
    run = Run(FOLLOWED.format(word="old"), servers=("pbx", "other"))
    run.event("BridgeEnter", BridgeUniqueid="b", Channel="PJSIP/a-1")
    run.reload(FOLLOWED.format(word="new").replace("within 10s", 'within 10s server "other"'))
    run.event("BridgeEnter", BridgeUniqueid="b", Channel="PJSIP/b-1")
    assert run.said == []
