"""Classes of events that never come: when they are named, and when not."""

import pytest

from support.machines import Bench
from support.recipes import compile_text

WAITS = """flow f on UserEvent {
  wait %s within 5s%s
}
"""


def bench(text: str) -> Bench:
    plan = compile_text(text).plan
    assert plan is not None
    return Bench(plan)


@pytest.mark.parametrize(
    ("wanted", "named"),
    [
        ("DTMFEnd", "`dtmf`"),
        ("Hangup | DTMFEnd", "`call` or `dtmf`"),
        ("UserEvent | DTMFEnd", ""),
    ],
)
def test_a_flow_that_failed_for_want_of_an_event_names_its_class(wanted: str, named: str) -> None:
    run = bench(WAITS % (wanted, ""))
    run.event("UserEvent")
    run.advance(5)
    (failure,) = run.failures
    assert failure is not None and (f"no event of class {named} has come" in failure) == bool(named)
    assert named or "class" not in failure


def test_a_wait_that_is_handled_has_it_logged_once() -> None:
    run = bench(WAITS % ("DTMFEnd", " or ignore"))
    for _ in range(2):
        run.event("UserEvent")
        run.advance(5)
    (note,) = run.notes("unheard")
    assert "`dtmf`" in note.text and note.span is not None


def test_what_was_heard_is_not_doubted() -> None:
    run = bench(WAITS % ("DTMFEnd", ""))
    run.event("DTMFEnd")
    run.event("UserEvent")
    run.advance(5)
    run.stop()
    assert run.failures == ["no DTMFEnd within 5s"] and not run.notes("unheard")


def test_a_run_that_is_stopped_names_what_never_came() -> None:
    run = bench(WAITS % ("DTMFEnd", ""))
    run.event("UserEvent")
    run.stop()
    assert ["`dtmf`" in note.text and "`user`" not in note.text for note in run.notes("unheard")] == [True]
