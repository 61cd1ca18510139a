"""Recipes read again in a run: what is asked of the server, and what stays as it is."""

from __future__ import annotations

import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from amiflow.live import pushdown
from amiflow.live.clock import SystemClock
from amiflow.live.doors import NOTHING_OUTSIDE, Outside
from amiflow.live.herald import Herald
from amiflow.live.journal_db import Keep
from amiflow.live.journal_reader import Choice, reading
from amiflow.live.log import Log
from amiflow.live.problems import Trouble
from amiflow.live.reload import Needs, Reloader, Told
from amiflow.live.run import Job, run
from amiflow.live.secrets import Mask
from support.runs import Ran, answering, compiled, server_of, stop_with
from support.scripted_ami import COMMANDS, Action, Connection, ScriptedAmi, scripted
from support.threads import no_more_threads

CALLS = 'flow calls on DialBegin as d { log "dials ${d.DestChannel}" wait 10m }\n'
OTHERS = """
userevent Go { Key: text }
flow goes on UserEvent Go { log "goes" Hangup { Channel: "PJSIP/a-1" } }
"""


def go(
    ran: Ran,
    ami: ScriptedAmi,
    load: Callable[[Told], Sequence[Job]],
    pushdown: bool = True,
    outside: Outside = NOTHING_OUTSIDE,
    keep: Keep | None = None,
) -> None:
    plan = compiled(CALLS)
    log = Log(ran.lines.append, lambda: 0.0, Mask(), "text", "debug", sources=plan.sources)
    servers = [(server_of(ami), "hunter2")]
    ran.status = run(
        [Job(plan, {}, {})], servers, log, SystemClock(), pushdown=pushdown, outside=outside, load=load, keep=keep
    )


def until(condition: Callable[[], object]) -> None:
    for _ in range(2000):
        if condition():
            return
        time.sleep(0.005)
    raise AssertionError("it did not come to pass")


def beside(story: Callable[[Connection], None]) -> Callable[[Connection, Action], None]:
    """Tell the story from a thread of its own after the login, while the server goes on to answer."""

    def login(connection: Connection, _: Action) -> None:
        threading.Thread(target=story, args=(connection,), daemon=True).start()

    return login


def reloading(ran: Ran, then: Callable[[Connection], None]) -> Callable[[Connection, Action], None]:
    """After the login a call that the first recipe sees; then SIGHUP; then, once the others are in place, that."""

    def story(connection: Connection) -> None:
        until(lambda: ran.said("what happens from here on is seen"))
        connection.say("Event: DialBegin", "Privilege: call,all", "DestChannel: PJSIP/b-1")
        until(lambda: ran.said("dials PJSIP/b-1"))
        stop_with(signal.SIGHUP)
        until(lambda: ran.said("recipes are in place"))
        then(connection)

    return beside(story)


def say_go(connection: Connection) -> None:
    connection.say("Event: UserEvent", "Privilege: user,all", "UserEvent: Go", "Key: 1")


def test_the_server_is_asked_for_what_the_new_recipe_needs() -> None:
    ran = Ran()
    commands = (*COMMANDS, "Filter")
    with scripted(answering(login=reloading(ran, say_go)), commands=commands) as ami:
        go(ran, ami, lambda told: [Job(compiled(OTHERS), {}, {})])
    asked = [action for action in ami.seen if action["Action"] in ("Events", "Filter")]
    assert [action["Action"] for action in asked] == ["Filter", "Events", "Filter"]
    assert asked[1]["EventMask"] == "call,system,user"
    assert "DialBegin" in asked[0]["Filter"] and "UserEvent" not in asked[0]["Filter"]
    assert "UserEvent" in asked[2]["Filter"]
    assert ran.status == 0 and ran.said("goes") and ran.said("sends further classes of events")
    assert ran.said("1 recipes are in place; 1 runs go on by those of before")
    assert ran.said("actions sent: 1 Hangup")


def test_a_server_that_was_being_logged_in_to_is_asked_for_the_rest() -> None:
    """Its login has asked for what the recipe of before needed, and nothing else would ask again."""
    ran = Ran()

    def story(connection: Connection) -> None:
        until(lambda: ran.said("logged in to"))
        stop_with(signal.SIGHUP)
        until(lambda: ran.said("recipes are in place"))
        connection.say("Event: FullyBooted", "Privilege: system,all", "Uptime: 100", "Status: Fully Booted")
        until(lambda: "Events" in ami.names())
        say_go(connection)

    with scripted(answering(login=beside(story)), booted=False) as ami:
        go(ran, ami, lambda told: [Job(compiled(OTHERS), {}, {})])
    assert [action["EventMask"] for action in ami.seen if action["Action"] == "Events"] == ["call,system,user"]
    assert ran.status == 0 and ran.said("goes")


def test_a_filter_that_was_on_its_way_is_added_to() -> None:
    ran = Ran()

    def filter_(connection: Connection, action: Action) -> None:
        if ami.names().count("Filter") == 1:
            stop_with(signal.SIGHUP)
            until(lambda: ran.said("recipes are in place"))
        connection.answer(action, "Success", "Message: Filter added")
        if "UserEvent" in action["Filter"]:
            say_go(connection)

    with scripted(answering(Filter=filter_), commands=(*COMMANDS, "Filter")) as ami:
        go(ran, ami, lambda told: [Job(compiled(OTHERS), {}, {})])
    assert ran.status == 0 and ran.said("goes")


def test_what_ran_before_and_what_runs_now_is_told_with_its_own_lines(tmp_path: Path) -> None:
    ran, keep = Ran(), Keep(str(tmp_path / "journal.sqlite"), 1 << 30, 1e9, Mask())
    with scripted(answering(login=reloading(ran, say_go))) as ami:
        go(ran, ami, lambda told: [Job(compiled("\n\n\n" + OTHERS), {}, {})], pushdown=False, keep=keep)
    with reading(keep.path) as reader:
        entries = list(reader.entries(Choice()))
        said = {entry.text: reader.source_line(entry) for entry in entries if entry.kind == "log"}
        assert said["goes"] == OTHERS.splitlines()[2]
        assert said["dials PJSIP/b-1"] == CALLS.rstrip("\n")
    assert [entry.text for entry in entries if entry.kind == "reloaded"] == ["the recipes were read again"]
    assert ran.said("goes#2 (recipe.flow:6) goes") and ran.said("calls#1 (recipe.flow:1) dials")


@pytest.mark.parametrize("failure", [Trouble("the recipes have errors"), RuntimeError("oops")])
def test_what_cannot_be_read_changes_nothing(failure: Exception) -> None:
    def load(told: Told) -> Sequence[Job]:
        raise failure

    def login(connection: Connection) -> None:
        until(lambda: ran.said("what happens from here on is seen"))
        stop_with(signal.SIGHUP)
        until(lambda: ran.said("nothing is changed: the running recipes stay in place"))
        connection.say("Event: DialBegin", "Privilege: call,all", "DestChannel: PJSIP/b-1")
        until(lambda: ran.said("dials PJSIP/b-1"))
        stop_with(signal.SIGTERM)

    ran = Ran()
    with scripted(answering(login=beside(login))) as ami:
        go(ran, ami, load)
    assert ran.status == 0 and ran.said(str(failure))


def test_a_recipe_that_the_run_does_not_allow_changes_nothing() -> None:
    def login(_: Connection) -> None:
        until(lambda: ran.said("what happens from here on is seen"))
        stop_with(signal.SIGHUP)
        until(lambda: ran.said("nothing is changed"))
        stop_with(signal.SIGTERM)

    ran = Ran()
    wanting = 'flow f on DialBegin { exec ["/bin/rm"] }\n'
    with scripted(answering(login=beside(login))) as ami:
        go(ran, ami, lambda told: [Job(compiled(wanting), {}, {})])
    assert ran.said("error[not-allowed]: this run does not allow `exec:/bin/rm`")


def test_where_there_is_no_thread_for_it_nothing_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    poked: list[int] = []
    needs = Needs("off", None, (), ())
    reloader = Reloader(lambda first, told: ([], needs), needs, lambda: poked.append(1))
    monkeypatch.setattr(threading.Thread, "start", no_more_threads)
    reloader.begin(1, {})
    fresh = reloader.take()
    assert poked and fresh is not None and fresh.made is None
    assert fresh.told.frames == ["error: can't start new thread"]


def test_a_missing_privilege_is_named() -> None:
    def stop(_: Connection) -> None:
        until(lambda: ran.said("may not send Hangup"))
        stop_with(signal.SIGTERM)

    ran = Ran()
    with scripted(answering(login=reloading(ran, stop)), commands=("Ping",)) as ami:
        go(ran, ami, lambda told: [Job(compiled(OTHERS), {}, {})])
    assert ran.status == 0


def test_sighup_tries_at_once_what_is_waited_for() -> None:
    """The second connection is made at once, though its pause would last half a second at least."""
    ran = Ran()

    def story(connection: Connection) -> None:
        if len(ami.connections) == 1:
            until(lambda: ran.said("what happens from here on is seen"))
            connection.cut()
            until(lambda: ran.said("connection lost"))
            stop_with(signal.SIGHUP)
        else:
            stop_with(signal.SIGTERM)

    with scripted(answering(login=beside(story))) as ami:
        go(ran, ami, lambda told: [Job(compiled(CALLS), {}, {})])
    assert ran.status == 0 and len(ami.connections) == 2


def test_a_recipe_that_is_new_begins_as_at_the_start_of_a_run_unless_the_kill_switch_is_on(tmp_path: Path) -> None:
    switch = tmp_path / "stop"
    added = 'flow starts on start { log "a new file begins" }\nflow waits on Shutdown { log "never" }\n'
    loads = iter(["first", "second"])

    def load(told: Told) -> Sequence[Job]:
        return [Job(compiled(CALLS), {}, {}), Job(compiled(added, f"{next(loads)}.flow"), {}, {})]

    def story(_: Connection) -> None:
        until(lambda: ran.said("what happens from here on is seen"))
        stop_with(signal.SIGHUP)
        until(lambda: ran.said("a new file begins"))
        switch.touch()
        until(lambda: ran.said("no flow begins"))
        stop_with(signal.SIGHUP)
        until(lambda: ran.said("starts (second.flow:1) the kill switch"))
        stop_with(signal.SIGTERM)

    ran = Ran()
    with scripted(answering(login=beside(story))) as ami:
        go(ran, ami, load, outside=Outside(kill_switch=str(switch)))
    assert sum("a new file begins" in line for line in ran.lines) == 1


def test_a_recipe_that_is_new_takes_up_what_earlier_runs_have_left(tmp_path: Path) -> None:
    keep = Keep(str(tmp_path / "journal.sqlite"), 1 << 30, 1e9, Mask())
    text = """
map seen: text lasting 10m max 9 durable
flow calls on DialBegin as d after restart resume {
  set seen["b"] = d.DestChannel
  log "waits"
  wait Hangup within 1m
  log "goes on: ${seen["b"] ?? "nothing"}"
}
"""
    kept = Job(compiled(text, "kept.flow"), {}, {})
    call = ("Event: DialBegin", "Privilege: call,all", "DestChannel: PJSIP/b-1")

    def first(connection: Connection) -> None:
        connection.say(*call)
        until(lambda: ran.said("waits"))
        stop_with(signal.SIGTERM)

    def second(connection: Connection) -> None:
        until(lambda: ran.said("what happens from here on is seen"))
        for number in (2, 3):  # once it is there, nothing is left to be taken up
            stop_with(signal.SIGHUP)
            until(lambda: sum("recipes are in place" in line for line in ran.lines) == number - 1)  # noqa: B023
        until(lambda: ran.said("goes on after a restart of amiflow"))
        connection.say("Event: Hangup", "Privilege: call,all", "Channel: PJSIP/c-1")
        until(lambda: ran.said("goes on: "))
        stop_with(signal.SIGTERM)

    for story in (first, second):
        ran = Ran()
        jobs = [kept] if story is first else [Job(compiled(CALLS), {}, {})]
        log = Log(ran.lines.append, lambda: 0.0, Mask(), "text", "debug", sources=kept.plan.sources)
        with scripted(answering(login=beside(story))) as ami:
            run(jobs, [(server_of(ami), "hunter2")], log, SystemClock(), load=lambda _: [*jobs, kept], keep=keep)  # noqa: B023
    assert ran.said("goes on: PJSIP/b-1") and sum("goes on after" in line for line in ran.lines) == 1


def test_what_is_over_does_not_begin_again() -> None:
    """A recipe of `on start` flows alone has come to its end; another one keeps the run."""
    ran = Ran()
    plans = [compiled('flow begins on start { log "begins" }', "a.flow"), compiled(CALLS + OTHERS, "b.flow")]

    def load(told: Told) -> list[Job]:
        return [Job(plan, {}, {}) for plan in plans]

    def again(connection: Connection) -> None:
        for number in (2, 3):
            stop_with(signal.SIGHUP)
            until(lambda: sum("recipes are in place" in line for line in ran.lines) == number)  # noqa: B023
        say_go(connection)

    log = Log(ran.lines.append, lambda: 0.0, Mask(), "text", "debug", sources=plans[1].sources)
    with scripted(answering(login=reloading(ran, again))) as ami:
        assert run(load(Told()), [(server_of(ami), "hunter2")], log, SystemClock(), load=load) == 0
    assert sum(line.endswith(" begins") for line in ran.lines) == 1
    assert ran.said("goes")


def test_what_has_failed_before_is_in_the_exit_status() -> None:
    """The machine that knows it is let go, as another has taken its place."""
    ran = Ran()
    waits = "userevent Go { Key: text }\nflow waits on start { wait UserEvent Go within 1m }"
    plans = [compiled('flow fails on start { fail "no" }', "a.flow"), compiled(waits, "b.flow")]

    def story(connection: Connection) -> None:
        until(lambda: ran.said("failed: no"))
        stop_with(signal.SIGHUP)
        until(lambda: ran.said("recipes are in place"))
        say_go(connection)

    def load(told: Told) -> list[Job]:
        return [Job(plan, {}, {}) for plan in plans]

    log = Log(ran.lines.append, lambda: 0.0, Mask(), "text", "debug", sources=plans[1].sources)
    with scripted(answering(login=beside(story))) as ami:
        assert run(load(Told()), [(server_of(ami), "hunter2")], log, SystemClock(), load=load) == 1


def test_what_a_run_of_before_keeps_is_kept_though_the_new_machine_has_heard_nothing_yet(tmp_path: Path) -> None:
    """Its server is away; the store's entries last for longer by now, and are written down anew."""
    ran, keep = Ran(), Keep(str(tmp_path / "journal.sqlite"), 1 << 30, 1e9, Mask())
    text = """
param keep = {}
map seen: text lasting keep max 9 durable
flow calls on DialBegin {{ set seen["a"] = "1" log "puts a" wait 400ms set seen["b"] = "1" log "puts b" }}
flow asks on Hangup {{ if "a" in seen {{ log "a" }} }}
"""

    def story(connection: Connection) -> None:
        if len(ami.connections) > 1:
            return
        connection.say("Event: FullyBooted", "Privilege: system,all", "Uptime: 100", "Status: Fully Booted")
        until(lambda: ran.said("what happens from here on is seen"))
        connection.say("Event: DialBegin", "Privilege: call,all", "DestChannel: PJSIP/b-1")
        until(lambda: ran.said("puts a"))
        connection.cut()
        until(lambda: ran.said("connection lost"))
        stop_with(signal.SIGHUP)
        until(lambda: ran.said("puts b"))
        stop_with(signal.SIGTERM)

    plan, longer = compiled(text.format("10m")), compiled(text.format("20m"))
    log = Log(ran.lines.append, lambda: 0.0, Mask(), "text", "debug", sources=plan.sources)
    with scripted(answering(login=beside(story)), booted=False) as ami:
        servers = [(server_of(ami), "hunter2")]
        run([Job(plan, {}, {})], servers, log, SystemClock(), load=lambda _: [Job(longer, {}, {})], keep=keep)
    with closing(sqlite3.connect(keep.path)) as db:
        kept = db.execute("SELECT key, lasting FROM store_entry ORDER BY id").fetchall()
    assert kept == [('"a"', 1200.0), ('"b"', 1200.0)]


class Listener(Herald):
    """Keeps what systemd is told."""

    def __init__(self, told: list[str]) -> None:
        super().__init__()
        self.told = told

    def _say(self, text: str) -> None:
        if not text.startswith("STATUS"):
            self.told.append(text.partition("\n")[0])


def test_systemd_is_told_of_no_reading_as_the_run_ends() -> None:
    ran, told = Ran(), list[str]()
    plan = compiled('flow calls on DialBegin { log "begins" wait 10m } finally { log "ends" wait 300ms }\n')

    def story(connection: Connection) -> None:
        until(lambda: ran.said("what happens from here on is seen"))
        connection.say("Event: DialBegin", "Privilege: call,all", "DestChannel: PJSIP/b-1")
        until(lambda: ran.said("begins"))
        stop_with(signal.SIGTERM)
        until(lambda: ran.said("ends"))
        stop_with(signal.SIGHUP)

    log = Log(ran.lines.append, lambda: 0.0, Mask(), "text", "debug", sources=plan.sources)
    with scripted(answering(login=beside(story))) as ami:
        servers, outside = [(server_of(ami), "hunter2")], Outside(herald=Listener(told))
        assert run([Job(plan, {}, {})], servers, log, SystemClock(), load=lambda _: [], outside=outside) == 0
    assert told == ["READY=1", "STOPPING=1"]


def test_systemd_is_told_that_all_is_read_when_it_is(tmp_path: Path) -> None:
    """A second SIGHUP while recipes are being read has them read once more."""
    ran, told, entered, go_on = Ran(), list[str](), threading.Semaphore(0), threading.Semaphore(0)

    def load(_: Told) -> list[Job]:
        told.append("reads")
        entered.release()
        go_on.acquire()
        return [Job(compiled(CALLS), {}, {})]

    def story(_: Connection) -> None:
        until(lambda: "READY=1" in told)
        stop_with(signal.SIGHUP)
        entered.acquire()
        stop_with(signal.SIGHUP)
        until(lambda: told.count("RELOADING=1") == 2)
        go_on.release()
        entered.acquire()
        go_on.release()
        until(lambda: told[-1] == "READY=1")
        stop_with(signal.SIGTERM)

    with scripted(answering(login=beside(story))) as ami:
        go(ran, ami, load, outside=Outside(herald=Listener(told)))
    assert told == ["READY=1", "RELOADING=1", "reads", "RELOADING=1", "reads", "READY=1", "STOPPING=1"]


def test_no_machine_of_before_begins_anything_though_two_are_of_one_recipe() -> None:
    """Which was given by two paths."""
    ran, plan = Ran(), compiled(CALLS)

    def dial(connection: Connection) -> None:
        connection.say("Event: DialBegin", "Privilege: call,all", "DestChannel: PJSIP/c-1")
        say_go(connection)

    log = Log(ran.lines.append, lambda: 0.0, Mask(), "text", "debug", sources=plan.sources)
    with scripted(answering(login=reloading(ran, dial))) as ami:
        twice, servers = [Job(plan, {}, {})] * 2, [(server_of(ami), "hunter2")]
        run(twice, servers, log, SystemClock(), load=lambda told: [Job(compiled(OTHERS), {}, {})])
    assert ran.said("goes") and not ran.said("dials PJSIP/c-1")


def test_a_terminal_that_is_closed_ends_the_run() -> None:
    def story(_: Connection) -> None:
        until(lambda: ran.said("what happens from here on is seen"))
        stop_with(signal.SIGHUP)

    ran = Ran()
    with scripted(answering(login=beside(story))) as ami:
        go(ran, ami, lambda told: [], outside=Outside(hangup_ends=True))
    assert ran.status == 0 and ran.said("stops: SIGHUP") and ami.names()[-1] == "Logoff"


@pytest.mark.parametrize(
    ("before", "now", "wider"),
    [
        ("call,system", "call,system", False),
        ("call,system", "system", False),
        ("system", "call,system", True),
        ("system", "on", True),
        ("on", "call", False),
    ],
)
def test_which_mask_is_asked_for(before: str, now: str, wider: bool) -> None:
    assert pushdown.adds(before, now) is wider and not pushdown.adds(pushdown.both(before, now), now)
