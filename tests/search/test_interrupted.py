"""A run that is interrupted where nothing is on its way, and goes on at once, does what an uninterrupted one does.

What falls due at the same moment has no order that outlives a restart, so no two times of the recipe add up to one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TypeAlias

from hypothesis import example, given, settings
from hypothesis import strategies as st

from amiflow.ami.message import Message
from amiflow.engine import effects as fx
from amiflow.engine.snapshot import NOBODY
from amiflow.lang.compile import compile_recipe
from amiflow.plan.model import Plan
from support.lives import Lives

RECIPE = """\
userevent A { K: text N: text }
userevent B { K: text N: text }
userevent C { K: text N: text }
pool lines max 1

flow waits on UserEvent A as a per a.K queued after restart resume {
  wait UserEvent B as b where b.K == a.K within 5003ms or { log "${a.K}${a.N}: no b" stop }
  DBPut { Family: "f" Key: "k" Val: digits(b.N) }
  wait 2011ms
  wait UserEvent C as c where c.K == a.K and c.N != b.N within 4019ms or as e { log "${a.K}${a.N}: no c" stop }
  log "${a.K}${a.N}: ${b.N} ${c.N}"
}
flow counts on UserEvent A as a per a.K replace until UserEvent C as c where c.K == a.K after restart resume {
  var sum = 0
  repeat 3 every 3037ms as i { set sum = sum + i wait 1051ms log "${a.K}${a.N}: round ${i}" }
  log "${a.K}${a.N}: ${sum}"
} finally { wait 1063ms log "${a.K}${a.N}: over" }
flow spreads on UserEvent B as b lasting 2h after restart resume {
  with lines within 6067ms {
    for k in ["1", "2", "3"] parallel max 2 {
      wait any {
        UserEvent A as a where a.K == k { log "${b.N} ${k}: a ${a.N}" }
        UserEvent C as c where c.K == k { wait 1091ms log "${b.N} ${k}: c ${c.N}" }
        after 3079ms { log "${b.N} ${k}: nothing" }
      }
    }
  } or { log "${b.N}: no line" stop }
  wait all { UserEvent A as x where x.K == b.K  UserEvent C as y where y.K == b.K } within 4099ms or { stop }
  log "${b.N}: all of ${x.N} ${y.N}"
}
"""
Step: TypeAlias = tuple[str, str, int] | float | None  # an event, time, or a restart

EVENTS = st.tuples(st.sampled_from("ABC"), st.sampled_from("123"), st.integers(0, 9))
TIMES = st.sampled_from([0.5, 1.0, 2.0, 3.5])
STEPS = st.lists(st.one_of(EVENTS, EVENTS, TIMES, st.none()), min_size=4, max_size=24)


@cache
def plan() -> Plan:
    made = compile_recipe("r.flow", lambda _: RECIPE)
    assert made.plan is not None, made.diagnostics
    return made.plan


def done(steps: Sequence[Step]) -> list[list[str]]:
    """What each step but a restart has brought about, in no order: of things at one moment it is not promised."""
    lives, told = Lives(plan()), list[list[str]]()
    for step in [*steps, 30.0]:
        before = len(lives.effects)
        match step:
            case None:
                lives.come_back()
                answer(lives)
                assert not [one for one in lives.effects[before:] if isinstance(one, fx.Said | fx.FlowEnded)]
                continue
            case float():
                end = lives.now + step
                while (due := lives.machine.deadline()) is not None and due + lives.booted <= end:
                    lives.now = max(lives.now, due + lives.booted)
                    lives.give(fx.Tick())
                    answer(lives)
                lives.now = end
            case (name, key, count):
                lives.event("UserEvent", UserEvent=name, K=key, N=f"{count}{len(told)}")
                answer(lives)
        told.append(sorted(filter(None, map(_told, lives.effects[before:]))))
    return told


def answer(lives: Lives) -> None:
    """Whatever was sent is answered at once."""
    sends = [one for one in lives.effects if isinstance(one, fx.Send)]
    while lives.answered < len(sends):
        send = sends[lives.answered]
        lives.answered += 1
        lives.give(fx.Sent(send.action_id))
        word = "Error" if send.instance == NOBODY else "Success"
        lives.give(fx.Answered(send.action_id, Message.build([("Response", word)]), ()))
        sends = [one for one in lives.effects if isinstance(one, fx.Send)]


def _told(effect: fx.Effect) -> str:
    match effect:
        case fx.Said(text=text):
            return text
        case fx.Send(headers=headers, instance=instance) if instance != NOBODY:
            return " ".join(value for _, value in headers)
        case fx.FlowEnded(flow=flow, outcome=outcome):
            return f"{flow} {outcome}"
    return ""


@given(STEPS)
@settings(max_examples=15, deadline=None)
@example([("A", "1", 1), None, ("B", "1", 2), 1.0, ("C", "1", 3), None, 1.0, None])
@example([("B", "1", 1), ("B", "2", 2), None, ("A", "1", 3), None, 3.0, None, ("C", "3", 4), None, 0.5, None])
@example([("A", "1", 1), ("A", "1", 2), None, 3.0, ("A", "1", 3), None, ("C", "1", 4), None, 0.5, None, 2.0])
def test_interrupted_it_does_the_same(steps: list[Step]) -> None:
    assert done(steps) == done([step for step in steps if step is not None])
