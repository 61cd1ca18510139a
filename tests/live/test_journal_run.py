"""The journal of real runs: what the loop hands over, and what a run does without a disk."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from amiflow.live.clock import SystemClock
from amiflow.live.doors import NOTHING_OUTSIDE, Outside
from amiflow.live.journal_db import Keep
from amiflow.live.journal_reader import Choice, Entry, reading
from amiflow.live.log import Log
from amiflow.live.run import Job, run
from amiflow.live.secrets import Mask
from support.journal import slow_disk
from support.runs import Ran, answering, compiled, server_of
from support.scripted_ami import Action, Connection, ScriptedAmi, scripted

TIDIES = """
flow tidies on start { log "begins" } finally { Setvar { Variable: "X" Value: "1" } or ignore }
"""


def go(path: Path, ami: ScriptedAmi, ran: Ran, *recipes: str, outside: Outside = NOTHING_OUTSIDE) -> Ran:
    plans = [compiled(text, f"recipe{number}.flow") for number, text in enumerate(recipes)]
    log = Log(ran.lines.append, lambda: 0.0, Mask(), "text", "debug")
    keep = Keep(str(path), 1 << 30, 1e9, Mask())
    jobs = [Job(plan, {}, {}) for plan in plans]
    ran.status = run(jobs, [(server_of(ami), "hunter2")], log, SystemClock(), keep=keep, outside=outside)
    return ran


def entries(path: Path) -> list[Entry]:
    with reading(str(path)) as reader:
        return list(reader.entries(Choice()))


COMMANDS = ("Setvar", "Hangup")


def test_a_run_goes_on_without_a_disk_says_so_and_counts(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with scripted(answering(), commands=COMMANDS) as ami:
        ran = go(tmp_path / "file" / "journal.sqlite", ami, Ran(), TIDIES)
    assert ran.status == 0 and "Setvar" in ami.names()
    assert ran.said("cannot be written: ") and ran.said("entries are not in the journal ")
    (complaint, *_) = [number for number, line in enumerate(ran.lines) if "cannot be written: " in line]
    assert complaint < len(ran.lines) - 3  # while the run went on, not at its end


def test_a_promised_action_waits_for_the_disk_and_others_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_write, waited = slow_disk(monkeypatch), threading.Event()
    recipe = """
    flow kept on start after restart resume { Setvar { Variable: "X" Value: "1" } }
    flow free on start { Hangup { Channel: "x" } }
    """

    def script(connection: Connection, action: Action) -> None:
        if action["Action"] == "Hangup":
            connection.answer(action, "Success")
            # the disk stands still until this answer has been dealt with and the next action is due
            threading.Timer(
                0.3, lambda: (waited.set() if "Setvar" not in ami.names() else None, may_write.set())
            ).start()
        elif action["Action"] == "Setvar":
            connection.answer(action, "Success")

    with scripted(script, commands=COMMANDS) as ami:
        ran = go(tmp_path / "journal.sqlite", ami, Ran(), recipe)
    assert waited.is_set() and ran.status == 0
    assert ami.names()[-3:] == ["Hangup", "Setvar", "Logoff"]


def test_a_promise_that_the_flow_no_longer_wants_is_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    may_write = slow_disk(monkeypatch)
    recipe = """
    flow f on start { stop } finally {
      Setvar { Variable: "X" Value: "1" } within 200ms or ignore
      let r = Getvar { Variable: "Y" } or ignore
    }
    """

    def value(connection: Connection, action: Action) -> None:
        may_write.set()
        connection.answer(action, "Success", "Value: 1")

    with scripted(answering(Getvar=value), commands=("Setvar", "Getvar")) as ami:
        ran = go(tmp_path / "journal.sqlite", ami, Ran(), recipe)
    assert ran.status == 0 and "Setvar" not in ami.names() and "Getvar" in ami.names()
    kinds = [one.kind for one in entries(tmp_path / "journal.sqlite") if one.story]
    assert kinds[:4] == ["flow-started", "action", "withdrawn", "action-failed"]


def test_a_gap_is_written_from_when_the_server_was_last_heard(tmp_path: Path) -> None:
    logins: list[Connection] = []

    def login(connection: Connection, action: Action) -> None:
        logins.append(connection)
        if len(logins) == 1:
            threading.Timer(0.3, connection.cut).start()
        else:
            connection.say("Event: Newchannel", "Channel: PJSIP/a-1", "Uniqueid: 1.1", "Linkedid: 1.1")

    with scripted(answering(login=login), commands=COMMANDS) as ami:
        go(tmp_path / "journal.sqlite", ami, Ran(), "flow f on Newchannel as n { Hangup { Channel: n.Channel } }\n")
    found = [one for one in entries(tmp_path / "journal.sqlite") if one.kind in ("connected", "lost", "gap")]
    assert [(one.kind, one.level) for one in found] == [
        ("connected", "info"),
        ("gap", "info"),
        ("lost", "warn"),
        ("connected", "info"),
        ("gap", "warn"),
    ]
    gap, lost = found[-1], found[2]
    assert gap.server == "pbx" and gap.facts["from"] < lost.at < gap.facts["to"] == gap.at


def test_each_recipe_of_a_run_has_its_own_stories(tmp_path: Path) -> None:
    first = 'flow one on start { log "first" }\n'
    second = '\nflow two on start { log "second" }\n'
    with scripted(answering()) as ami:
        go(tmp_path / "journal.sqlite", ami, Ran(), first, second)
    told = {
        (str(one.story), one.file, one.line): one.text
        for one in entries(tmp_path / "journal.sqlite")
        if one.kind == "log"
    }
    assert told == {("1.1", "recipe0.flow", 1): "first", ("1.1.1", "recipe1.flow", 2): "second"}


def test_an_errand_is_written_with_what_came_of_it(tmp_path: Path) -> None:
    recipe = 'flow f on start { exec ["/bin/true"] or ignore }\n'
    outside = Outside(("exec:/bin/true",))
    with scripted(answering()) as ami:
        go(tmp_path / "journal.sqlite", ami, Ran(), recipe, outside=outside)
    kinds = [one.kind for one in entries(tmp_path / "journal.sqlite") if one.story]
    assert kinds[:3] == ["flow-started", "errand", "errand-result"]
