"""The runner over real sockets, against a scripted server on loopback."""

from __future__ import annotations

import signal
import ssl
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from amiflow.live import link, supervise
from amiflow.live.clock import SystemClock
from amiflow.live.config import Server, Timeouts, Tls
from amiflow.live.journal_db import Keep
from amiflow.live.journal_reader import Choice, reading
from amiflow.live.link import Link
from amiflow.live.log import Log
from amiflow.live.loop import CONTROL, ERRANDS, JOURNAL, RELOAD, SOURCE, SWITCH
from amiflow.live.problems import Refused, Trouble
from amiflow.live.run import Job, run
from amiflow.live.secrets import Mask
from support.runs import Ran, answering, compiled, go, server_of, stop_with
from support.scripted_ami import Action, Connection, scripted

ON_START = """
flow asks on start {
  let r = Getvar { Variable: "ROOM" }
  log "the room is ${r.Value}"
}
"""
ON_EVENT = """
userevent Go { Key: text }
flow moves on UserEvent Go as u per u.Key {
  Redirect { Channel: "PJSIP/a-1" Context: "default" Exten: "680" Priority: 1 } or as e { log "outcome ${e.kind}" }
  Hangup { Channel: "PJSIP/a-1" }
}
"""
WAITS = """
flow waits on start {
  wait Shutdown within 10m
} finally {
  log "tidied up"
}
"""


def value(connection: Connection, action: Action) -> None:
    connection.answer(action, "Success", f"Variable: {action['Variable']}", "Value: 680")


def go_event(connection: Connection, _: Action) -> None:
    connection.say("Event: UserEvent", "Privilege: user,all", "UserEvent: Go", "Key: 1")


def refuse(connection: Connection, action: Action) -> None:
    connection.answer(action, "Error", "Message: Permission denied")


def test_a_run_logs_in_acts_and_logs_off() -> None:
    ran = Ran()
    with scripted(answering(Getvar=value)) as ami:
        go(ON_START, [(server_of(ami), "hunter2")], ran)
    assert ran.status == 0
    assert ami.names() == ["Challenge", "Login", "ListCommands", "Getvar", "Logoff"]
    assert ran.said("logged in to 127.0.0.1") and ran.said("the room is 680")
    assert ran.said("flows: 1 done; actions sent: 1 Getvar")
    assert not ran.said("hunter2")


def test_an_answer_that_denies_permission_is_explained() -> None:
    ran = Ran()
    with scripted(answering(Getvar=refuse)) as ami:
        go(ON_START, [(server_of(ami), "hunter2")], ran)
    assert ran.status == 1
    (frame,) = [line for line in ran.lines if "error[flow-failed]" in line]
    assert "recipe.flow:3" in frame and 'Getvar { Variable: "ROOM" }' in frame
    assert "its last action was Getvar Variable=ROOM" in frame
    assert "the answer was Error Message=Permission denied" in frame
    assert "help: Getvar needs `write = " in frame


def test_a_wrong_secret_is_trouble_that_says_so() -> None:
    with scripted(answering(), secret="another") as ami, pytest.raises(Trouble, match="login as `robot` refused: Auth"):
        go(ON_START, [(server_of(ami), "hunter2")], Ran())


def test_no_server_is_trouble_that_names_it() -> None:
    with scripted(answering()) as ami:
        server = server_of(ami)
    with pytest.raises(Trouble, match=rf"no manager interface at 127\.0\.0\.1:{server.port}: connection refused"):
        go(ON_START, [(server, "hunter2")], Ran())


def test_a_server_of_another_kind_is_trouble() -> None:
    with scripted(answering(), banner="SSH-2.0-OpenSSH_9.6") as ami, pytest.raises(Trouble, match=r"it says `SSH-2\.0"):
        go(ON_START, [(server_of(ami), "hunter2")], Ran())


def test_a_missing_privilege_is_named_before_anything_is_done() -> None:
    ran = Ran()
    with (
        scripted(answering(login=go_event), commands=("Ping", "Hangup")) as ami,
        pytest.raises(Trouble, match="may not send Redirect, which needs the class call") as trouble,
    ):
        go(ON_EVENT, [(server_of(ami), "hunter2")], ran)
    assert trouble.value.help == "Redirect needs `write = call` for this account in manager.conf"
    assert "Redirect" not in ami.names()


def test_a_server_may_deny_what_only_flows_for_another_one_need() -> None:
    recipe = """
flow f on signal begun() server "pbx" {
  Getvar { Channel: "PJSIP/a-1" Variable: "ROOM" }
  Hangup { Channel: "PJSIP/a-1" }
}
flow g on start server "watched" { log "watches" signal begun {} wait 1m }
"""
    ran = Ran()
    with scripted(answering(Getvar=value)) as ami, scripted(answering(), commands=("Ping",)) as watched:
        go(recipe, [(server_of(watched, "watched"), "hunter2"), (server_of(ami), "hunter2")], ran)
    assert ran.status == 0 and ran.said("watches")


def test_a_broken_line_leaves_the_outcome_unknown_and_the_run_comes_back() -> None:
    def cut(connection: Connection, _: Action) -> None:
        connection.cut()

    def first_login_only(connection: Connection, action: Action) -> None:
        if len(ami.connections) == 1:
            go_event(connection, action)

    ran = Ran()
    with scripted(answering(login=first_login_only, Redirect=cut)) as ami:
        go(ON_EVENT, [(server_of(ami), "hunter2")], ran)
    assert ran.status == 0
    assert ran.said("outcome unknown") and ran.said("connection lost")
    assert (len(ami.connections), ami.names().count("Redirect"), ami.names().count("Hangup")) == (2, 1, 1)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_ends_the_run_in_order(number: int, status: int) -> None:
    def stop(connection: Connection, action: Action) -> None:
        connection.answer(action, "Success", "Value: x", "Variable: x")
        stop_with(number)

    ran = Ran()
    recipe = ON_START + WAITS
    with scripted(answering(Getvar=stop)) as ami:
        go(recipe, [(server_of(ami), "hunter2")], ran)
    assert ran.status == status
    assert ran.said("tidied up") and ami.names()[-1] == "Logoff"


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_a_second_interrupt_ends_it_at_once(first: int) -> None:
    def stop(connection: Connection, action: Action) -> None:
        if action["Variable"] == "first":
            connection.answer(action, "Success", "Variable: first", "Value: x")
        stop_with(first if action["Variable"] == "first" else signal.SIGINT)

    ran = Ran()
    recipe = 'flow f on start { Getvar { Variable: "first" } wait 10m } finally { Getvar { Variable: "last" } }'
    with scripted(answering(Getvar=stop)) as ami:
        go(recipe, [(server_of(ami), "hunter2")], ran)
    assert ran.status == 130
    assert "Logoff" not in ami.names()
    assert ran.said("cut off by a second ^C: 1 run of a flow, without the rest of its `finally`")


def test_a_second_request_to_terminate_changes_nothing() -> None:
    def stop(connection: Connection, action: Action) -> None:
        stop_with(signal.SIGTERM)
        connection.answer(action, "Success", "Variable: x", "Value: x")

    ran = Ran()
    recipe = 'flow f on start { Getvar { Variable: "x" } wait 10m } finally { Getvar { Variable: "y" } }'
    with scripted(answering(Getvar=stop)) as ami:
        go(recipe, [(server_of(ami), "hunter2")], ran)
    assert ran.status == 0
    assert ami.names()[-2:] == ["Getvar", "Logoff"]


def test_shadow_sends_only_what_reads() -> None:
    ran = Ran()
    recipe = ON_START.replace("let r", 'Hangup { Channel: "PJSIP/a-1" }\n  let r')
    with scripted(answering(Getvar=value), commands=("Ping",)) as ami:
        go(recipe, [(server_of(ami), "hunter2")], ran, shadow=True)
    assert ran.status == 0
    assert ran.said("would send Hangup Channel=PJSIP/a-1") and ran.said("the room is 680")
    assert "Hangup" not in ami.names() and "Getvar" in ami.names()


def test_two_servers_each_have_their_own_flow() -> None:
    ran = Ran()
    with scripted(answering(Getvar=value)) as one, scripted(answering(Getvar=value)) as two:
        go(ON_START, [(server_of(one, "one"), "hunter2"), (server_of(two, "two"), "hunter2")], ran)
    assert ran.status == 0
    assert one.names().count("Getvar") == two.names().count("Getvar") == 1
    assert ran.said("flows: 2 done")


@pytest.mark.parametrize(
    ("recipe", "told"), [(ON_START, True), (ON_START.replace("start {", 'start server "a" {'), False)]
)
def test_a_server_of_two_names_is_warned_of(recipe: str, told: bool) -> None:
    ran = Ran()
    with scripted(answering(Getvar=value)) as ami:
        go(recipe, [(server_of(ami, "a"), "hunter2"), (server_of(ami, "b"), "hunter2")], ran)
    assert ran.said(f"a and b are one server, 127.0.0.1:{ami.port}: what flows do for each event is done twice") == told


def context_of(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    return context


def test_tls_with_a_known_authority_works(certificate: Path) -> None:
    ran = Ran()
    tls = Tls(str(certificate / "cert.pem"), True, "pbx.example")
    with scripted(answering(Getvar=value), context=context_of(certificate)) as ami:
        go(ON_START, [(server_of(ami, tls=tls), "hunter2")], ran)
    assert ran.status == 0
    assert ran.said("over TLS")


@pytest.mark.parametrize(
    ("authority", "name", "reason"),
    [(False, "pbx.example", "self-signed certificate"), (True, "other.example", "Hostname mismatch")],
)
def test_a_certificate_that_does_not_verify_is_refused(
    certificate: Path, authority: bool, name: str, reason: str
) -> None:
    tls = Tls(str(certificate / "cert.pem") if authority else None, True, name)
    with (
        scripted(answering(), context=context_of(certificate)) as ami,
        pytest.raises(Trouble, match=f"its certificate does not verify: {reason}") as trouble,
    ):
        go(ON_START, [(server_of(ami, tls=tls), "hunter2")], Ran())
    assert ami.seen == []
    assert trouble.value.help is not None and "`ca` is the file of its authority" in trouble.value.help


def test_a_port_without_tls_is_told_from_one_that_has_it(certificate: Path) -> None:
    for context, tls, words in ((None, Tls(), "`tlsenable = yes`"), (context_of(certificate), None, "needs `tls`")):
        with scripted(answering(), context=context) as ami, pytest.raises(Trouble) as trouble:
            go(ON_START, [(replace(server_of(ami, tls=tls), timeouts=Timeouts(login=0.1)), "hunter2")], Ran())
        assert trouble.value.help is not None and words in trouble.value.help


def test_a_server_that_sends_no_fully_booted_is_told_of() -> None:
    ran = Ran()
    with scripted(answering(Getvar=value), booted=False) as ami:
        go(ON_START, [(server_of(ami), "hunter2")], ran)
    assert ran.status == 0
    assert ran.said("pbx no FullyBooted came: Asterisk is still starting, or the account lacks `read = system`")


def test_a_certificate_need_not_verify_where_that_is_asked_for(certificate: Path) -> None:
    ran = Ran()
    with scripted(answering(Getvar=value), context=context_of(certificate)) as ami:
        go(ON_START, [(server_of(ami, tls=Tls(verify=False)), "hunter2")], ran)
    assert ran.status == 0
    assert ran.said("its certificate is not verified: anybody on the way may be this server")


OLD = """
flow old on start {
  let q = QueueStatus { }
  log "members ${[m.Name for m in q.QueueMember]} of ${len(q.QueueParams)}"
  let c = CoreShowChannels { }
  log "channels ${[r.Channel for r in c.rows]}"
  let o = Command { Command: "core show version" }
  log "output ${all(o, "Output")}"
  Hangup { Channel: "SIP/a-1" }
}
flow named on Newchannel as n { log "name ${n.CallerIDName}" }
"""


@pytest.mark.parametrize("banner", ["Asterisk Call Manager/1.1", "Asterisk Call Manager/1.3"])
def test_a_server_as_old_as_asterisk_1_8_or_11_is_understood(banner: str) -> None:
    """No FullyBooted where `send_fullybooted` is off, no EventList on QueueStatus, bare Command output, no escapes."""

    def queues(connection: Connection, action: Action) -> None:
        number = f"ActionID: {action['ActionID']}"
        connection.answer(action, "Success", "Message: Queue status will follow")
        connection.say("Event: QueueParams", "Queue: support", number)
        connection.say("Event: QueueMember", "Queue: support", "Name: SIP/a", number)
        connection.say("Event: QueueMember", "Queue: other", "Name: SIP/stranger")
        connection.say("Event: Newchannel", "Privilege: call,all", "Channel: SIP/a-1", "CallerIDName: O\\'B\\n")
        connection.say("Event: QueueStatusComplete", number)

    def channels(connection: Connection, action: Action) -> None:
        number = f"ActionID: {action['ActionID']}"
        connection.answer(action, "Success", "EventList: start", "Message: Channels will follow")
        connection.say("Event: CoreShowChannel", number, "Channel: SIP/a-1")
        connection.say("Event: CoreShowChannelsComplete", "EventList: Complete", "ListItems: 1", number)

    def command(connection: Connection, action: Action) -> None:
        number = f"ActionID: {action['ActionID']}"
        connection.say("Response: Follows", "Privilege: Command", number, "a: b\n\r\n\r\n  c\n--END COMMAND--")

    ran = Ran()
    script = answering(QueueStatus=queues, CoreShowChannels=channels, Command=command)
    commands = ("QueueStatus", "CoreShowChannels", "Command", "Hangup")
    with scripted(script, banner=banner, booted=False, commands=commands) as ami:
        go(OLD, [(server_of(ami), "hunter2")], ran)
    assert ran.status == 0
    assert ran.said("members [SIP/a] of 1") and ran.said("channels [SIP/a-1]")
    assert ran.said("output [a: b, , ,   c]")
    assert ran.said("name O\\'B\\n")


def test_a_flow_for_a_server_that_is_not_of_the_run_is_refused() -> None:
    recipe = 'flow f on start server "elsewhere" { log "x" }'
    with scripted(answering()) as ami, pytest.raises(Refused, match="no server of this run is called `elsewhere`"):
        go(recipe, [(server_of(ami), "hunter2")], Ran())
    assert ami.seen == []


def test_a_server_that_comes_late_is_waited_for_where_another_one_is_there() -> None:
    ran = Ran()
    with scripted(answering()) as gone:
        absent = server_of(gone, "absent")
    with scripted(answering(Getvar=value)) as ami:
        recipe = ON_START.replace("\n}", '\n  Hangup { Channel: "PJSIP/a-1" }\n}')
        go(recipe, [(absent, "hunter2"), (server_of(ami), "hunter2")], ran)
    assert ran.status == 0
    assert ran.said(f"absent no connection to 127.0.0.1:{absent.port}: connection refused; next attempt in 0.")


def test_a_server_that_comes_late_and_denies_what_is_needed_ends_no_run_on_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried: list[str] = []

    def connect(server: Server) -> Link:
        tried.append(server.name)
        if tried.count("late") == 1 and server.name == "late":
            raise ConnectionRefusedError
        return link.connect(server)

    def wait(connection: Connection, action: Action) -> None:
        while not ran.said("late the account `robot` may not send Getvar"):
            time.sleep(0.01)
        value(connection, action)

    monkeypatch.setattr(supervise, "connect", connect)
    ran = Ran()
    with scripted(answering(Getvar=wait)) as ami, scripted(answering(Getvar=refuse), commands=("Ping",)) as late:
        recipe = ON_START.replace(" }\n", " } within 20s\n")
        go(recipe, [(server_of(late, "late"), "hunter2"), (server_of(ami), "hunter2")], ran)
    assert ran.said("the room is 680") and ran.said("flows: 1 done, 1 failed")


def test_a_refusal_by_one_server_ends_in_order_what_has_begun_on_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asterisk takes a second to refuse a login: by then others are at work. No recipes are read again any more."""

    def connect(server: Server) -> Link:
        if server.name == "refusing":
            began.wait(20)
        return link.connect(server)

    def note(connection: Connection, action: Action) -> None:
        began.set()
        if action["Variable"] == "late":
            stop_with(signal.SIGHUP)
        value(connection, action)

    monkeypatch.setattr(supervise, "connect", connect)
    began, ran = threading.Event(), Ran()
    last = 'Getvar { Variable: "late" } Getvar { Variable: "last" }'
    plan = compiled(ON_START.replace("\n}", f"\n  wait Shutdown within 1h\n}} finally {{ {last} }}"))
    jobs, log = [Job(plan, {}, {})], Log(ran.lines.append, lambda: 0.0, Mask(), "text", "debug")
    with scripted(answering(Getvar=note)) as ami, scripted(answering(), secret="other") as other:
        servers = [(server_of(other, "refusing"), "hunter2"), (server_of(ami), "hunter2")]
        with pytest.raises(Trouble, match="refusing: login as `robot` refused"):
            run(jobs, servers, log, SystemClock(), load=lambda told: jobs)
    assert ran.said("stops: refusing: login as `robot` refused") and not ran.said("reads recipes")
    assert [one["Variable"] for one in ami.seen if one["Action"] == "Getvar"] == ["ROOM", "late", "last"]


def test_an_answer_to_what_a_recipe_that_is_over_has_left_on_the_wire_is_told(tmp_path: Path) -> None:
    """The flow, and with it its machine, ends while its action is under way; another recipe goes on."""
    head = "userevent Go { Key: text }\nuserevent Bye { Key: text }\n"
    aim = 'Channel: "PJSIP/a-1" Context: "x" Exten: "1" Priority: 1'
    first = compiled(f"{head}flow a on start until UserEvent Go {{ Redirect {{ {aim} }} within 20s }}", "a.flow")
    other = compiled(f'{head}flow b on UserEvent Bye {{ Hangup {{ Channel: "PJSIP/b-1" }} }}', "b.flow")

    def redirect(connection: Connection, action: Action) -> None:
        connection.say("Event: UserEvent", "Privilege: user,all", "UserEvent: Go", "Key: 1")
        connection.answer(action, "Success", "Message: moved")
        connection.say("Event: UserEvent", "Privilege: user,all", "UserEvent: Bye", "Key: 1")

    ran, keep = Ran(), Keep(str(tmp_path / "journal.sqlite"), 1 << 30, 1e9, Mask())
    log = Log(ran.lines.append, lambda: 0.0, Mask(), "text", "debug")
    with scripted(answering(Redirect=redirect)) as ami:
        jobs = [Job(plan, {}, {}) for plan in (first, other)]
        assert run(jobs, [(server_of(ami), "hunter2")], log, SystemClock(), keep=keep) == 0
    with reading(keep.path) as reader:
        told = [entry.text for entry in reader.entries(Choice()) if entry.kind in ("answer", "unanswered")]
    assert told == ["Redirect: Success: moved", "Hangup: Success: done"]


@pytest.mark.parametrize("name", [SOURCE, JOURNAL, ERRANDS, CONTROL, SWITCH, RELOAD])
def test_a_server_may_be_called_as_a_worker_of_ours_is(name: str) -> None:
    ran = Ran()
    with scripted(answering(Getvar=value)) as ami:
        go(ON_START, [(server_of(ami, name), "hunter2")], ran)
    assert ran.status == 0 and ran.said("the room is 680")
