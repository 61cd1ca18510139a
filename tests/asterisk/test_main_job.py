"""amiflow, run as users run it, on real Asterisk servers; what came of it is asked over a plain connection."""

import signal
import textwrap
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from support.amiflow_process import ROOT, Amiflow, amiflow
from support.lab import calls
from support.lab.calls import BridgedCall
from support.lab.config import LATIN1_NAME
from support.lab.server import AsteriskServer
from support.lab.sip import SipEndpoints
from support.plain_ami import PlainAmi

ROBOT = "recipes/both_legs_to_conference.flow"
BY_HAND = "recipes/manual/redirect_both_legs.flow"
CALL = "recipes/manual/call_extension.flow"
VERSION = "recipes/manual/server_version.flow"

Connect = Callable[..., list[str]]
MakeCall = Callable[[], BridgedCall]


@pytest.fixture
def connect(asterisk: AsteriskServer, tmp_path: Path) -> Connect:
    """The options with which `amiflow run` reaches the server, as this account."""

    def options(account: str = "amiflow", **more: str) -> list[str]:
        settings = {
            "host": "127.0.0.1",
            "port": asterisk.ami_port,
            "username": account,
            "secret": asterisk.secret,
        } | more
        config = tmp_path / f"{account}.yaml"
        config.write_text("servers:\n  lab:\n" + "".join(f"    {key}: {value}\n" for key, value in settings.items()))
        config.chmod(0o600)
        return ["--config", str(config)]

    return options


@pytest.fixture
def recipe(tmp_path: Path) -> Callable[[str], str]:
    """Writes a recipe and gives its path."""

    def write(text: str) -> str:
        path = tmp_path / "recipe.flow"
        path.write_text(textwrap.dedent(text))
        return str(path)

    return write


def run(path: str, *options: str, patience: float = 30.0) -> Amiflow:
    return Amiflow(path, *options, cwd=ROOT, patience=patience)


def sent(robot: Amiflow, action: str) -> int:
    return len(robot.seen("sent", f"sends {action}"))


# --- 1. login ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("auth", ["plain", "md5", "auto"])
def test_login_and_the_servers_version(asterisk: AsteriskServer, connect: Connect, auth: str) -> None:
    with run(VERSION, *connect(auth=auth)) as robot:
        assert robot.end(None) == 0, robot.story()
        assert robot.seen("log", f"this is Asterisk {asterisk.version}")


def test_a_wrong_secret_ends_the_run_and_is_not_shown(connect: Connect) -> None:
    with run(VERSION, *connect(secret="hunter2")) as robot:
        assert robot.end(None) == 2
        assert "login as `amiflow` refused: Authentication failed" in robot.errors
        assert "hunter2" not in robot.story()


def test_an_account_without_the_privilege_is_told_the_class(connect: Connect) -> None:
    with run(CALL, "--param", "channel=Local/1234@default", *connect("nooriginate")) as robot:
        assert robot.end(None) == 2
        assert "the account `nooriginate` may not send Originate, which needs the class originate" in robot.errors


def test_an_account_that_reads_no_system_is_used_all_the_same(connect: Connect, judge: PlainAmi) -> None:
    with run(ROBOT, *connect("callonly")) as robot:
        robot.wait("logged-in")
        ready(robot)
        call = calls.bridged_call(judge)
        robot.wait("log", "both legs are in 680")
        assert calls.members(judge) == call.channels


def test_tls_with_a_known_authority(asterisk: AsteriskServer, connect: Connect) -> None:
    tls = f"{{ca: {asterisk.ca_file}, server_name: localhost}}"
    with run(VERSION, *connect(port=str(asterisk.tls_port), tls=tls)) as robot:
        assert robot.end(None) == 0, robot.story()
        assert robot.seen("logged-in", "over TLS")


def test_a_certificate_that_does_not_verify_is_refused(asterisk: AsteriskServer, connect: Connect) -> None:
    with run(VERSION, *connect(port=str(asterisk.tls_port), tls="true")) as robot:
        assert robot.end(None) == 2
        assert "its certificate does not verify" in robot.errors


# --- 2. originate -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("exten", "status", "words"),
    [
        ("1234", 0, "answered and goes to 600@default"),
        ("busy", 1, "was not reached: busy"),
        ("noanswer", 1, "was not reached: no_answer"),
        ("congestion", 1, "was not reached: congestion"),
        ("nowhere", 1, "was not reached: failed"),
    ],
)
def test_each_outcome_of_an_originate(connect: Connect, exten: str, status: int, words: str) -> None:
    params = ["--param", f"channel=Local/{exten}@default", "--param", "ring_time=2s"]
    with run(CALL, *params, *connect()) as robot:
        assert robot.end(None) == status, robot.story()
        assert words in robot.story()


def test_other_flows_go_on_while_an_originate_waits(
    connect: Connect, recipe: Callable[[str], str], judge: PlainAmi
) -> None:
    path = recipe(
        """\
        flow rings
          on start
        {
          Originate { Channel: "Local/noanswer@default" Context: "default" Exten: "600" Priority: 1 Timeout: 4s }
            or as e { log "rang in vain: ${e.kind}" }
        }

        userevent Meanwhile { Number: int }

        flow answers
          on UserEvent Meanwhile as u
        {
          let r = Ping { }
          log "meanwhile ${u.Number}: ${r.Ping}"
        }
        """
    )
    with run(path, *connect()) as robot:
        robot.wait("answer", "Originate was answered")
        for number in range(5):
            judge.action("UserEvent", UserEvent="Meanwhile", Number=str(number))
        robot.wait("log", "meanwhile", times=5)
        robot.wait("log", "rang in vain: no_answer")
        said = [line["text"] for line in robot.seen("log")]
        assert said == [*(f"meanwhile {n}: Pong" for n in range(5)), "rang in vain: no_answer"]


@pytest.mark.parametrize("kind", ["busy", "congested"])
def test_a_sip_telephone_that_refuses(
    connect: Connect, recipe: Callable[[str], str], sip: SipEndpoints, kind: str
) -> None:
    """The OriginateResponse has Reason 0 whatever the telephone says; only DialEnd tells."""
    path = recipe(
        """\
        param telephone: text
        flow calls on start {
          Originate { Channel: trust(telephone) Application: "Wait" Data: "1" Timeout: 10s }
            or as e { log "${e.kind}: ${e.Message}" }
        }
        """
    )
    with run(path, "--param", f"telephone={sip.telephone(f'{kind}.xml')}", *connect()) as robot:
        assert robot.end(None) == 0, robot.story()
        said = {"busy": "busy: the called party is busy (DialStatus BUSY)"}
        assert [line["text"] for line in robot.seen("log")] == [
            said.get(kind, "congestion: congestion (DialStatus CONGESTION)")
        ]


# --- 3. the robot -----------------------------------------------------------------------------------------------------


def ready(robot: Amiflow) -> None:
    """The run sees events from here on."""
    robot.wait("ready")


def assert_moved(judge: PlainAmi, call: BridgedCall) -> None:
    """Exactly these two are in the conference, their bridge is gone, and nobody was hung up."""
    assert calls.members(judge) == call.channels
    judge.wait("BridgeDestroy", BridgeUniqueid=call.bridge)
    assert not [event for event in judge.seen("Hangup") if event.Channel in call.channels]


def test_the_robot_moves_two_given_channels(connect: Connect, judge: PlainAmi, bridged_call: MakeCall) -> None:
    call = bridged_call()
    one, two = call.one.Channel, call.two.Channel
    with run(BY_HAND, "--param", f"channel={one}", "--param", f"extra_channel={two}", *connect()) as robot:
        assert robot.end(None) == 0, robot.story()
    assert_moved(judge, call)


def test_the_bridge_triggers_the_robot(connect: Connect, judge: PlainAmi, bridged_call: MakeCall) -> None:
    with run(ROBOT, *connect()) as robot:
        ready(robot)
        call = bridged_call()
        robot.wait("flow-ended", "done")
        assert_moved(judge, call)
        assert sent(robot, "Redirect") == 1
        assert robot.end(signal.SIGTERM) == 0


def test_a_stored_plan_does_the_same(connect: Connect, judge: PlainAmi, bridged_call: MakeCall, tmp_path: Path) -> None:
    stored = tmp_path / "plan.json"
    stored.write_text(amiflow("plan", ROBOT, "--json", cwd=ROOT).stdout)
    with run(str(stored), *connect()) as robot:
        ready(robot)
        call = bridged_call()
        robot.wait("flow-ended", "done")
        assert_moved(judge, call)


def test_shadow_decides_but_sends_nothing(connect: Connect, judge: PlainAmi, bridged_call: MakeCall) -> None:
    with run(ROBOT, "--shadow", *connect()) as robot:
        ready(robot)
        call = bridged_call()
        robot.wait("would-send", "Redirect")
        assert calls.members(judge) == set()
        assert not [event for event in judge.seen("Hangup") if event.Channel in call.channels]


def test_two_sip_endpoints_are_moved(connect: Connect, judge: PlainAmi, sip_call: MakeCall) -> None:
    with run(ROBOT, *connect()) as robot:
        ready(robot)
        call = sip_call()
        assert all(channel.startswith("PJSIP/") for channel in call.channels)
        robot.wait("flow-ended", "done")
        assert_moved(judge, call)


# --- 4. what goes wrong -----------------------------------------------------------------------------------------------


def test_a_room_that_does_not_exist_fails_the_flow(connect: Connect, judge: PlainAmi, bridged_call: MakeCall) -> None:
    with run(ROBOT, "--param", "room=99999", *connect()) as robot:
        ready(robot)
        call = bridged_call()
        failed = robot.wait("flow-ended", "failed: ")[0]
        assert f"{call.one.Channel} and {call.two.Channel} did not both reach 99999" in failed["text"]
        for channel in call.channels:
            judge.wait("Hangup", Channel=channel)


def test_a_channel_that_does_not_exist_is_shown_with_the_source_line(connect: Connect) -> None:
    params = ["--param", "channel=PJSIP/nobody-1", "--param", "extra_channel=PJSIP/nobody-2"]
    with run(BY_HAND, *params, *connect()) as robot:
        assert robot.end(None) == 1
        failed = robot.seen("flow-ended", "Channel does not exist: PJSIP/nobody-1")[0]
        line = (ROOT / BY_HAND).read_text().splitlines()[failed["line"] - 1]
        assert line.strip() == "Redirect {"


# --- 5. fifty at once -------------------------------------------------------------------------------------------------


def test_fifty_calls_at_once(connect: Connect, judge: PlainAmi) -> None:
    judge.timeout = 60
    with run(ROBOT, *connect(), patience=60) as robot:
        ready(robot)
        started = [calls.originate(judge, "Local/800@default") for _ in range(50)]
        robot.wait("flow-ended", "done", times=50)
        # The robot asks for few events, so it may be ahead of the judge, which is sent all.
        pairs = judge.until(lambda: found if len(found := _pairs(judge, started)) == 50 else None, "fifty pairs")
        moved = [frozenset(_redirected(line["text"])) for line in robot.seen("sent", "sends Redirect")]
        assert Counter(moved) == Counter(pairs.values())
        assert calls.members(judge) == {channel for pair in pairs.values() for channel in pair}
        assert not robot.seen("flow-ended", "failed")


def _pairs(judge: PlainAmi, started: list[str]) -> dict[str, frozenset[str]]:
    """The channels that were in the basic bridges of these calls, by bridge, where they were two."""
    enters = [event for event in judge.seen("BridgeEnter", BridgeType="basic") if event.Linkedid in started]
    ids = {event.BridgeUniqueid for event in enters}
    inside = {one: frozenset(event.Channel for event in enters if event.BridgeUniqueid == one) for one in ids}
    return {one: channels for one, channels in inside.items() if len(channels) == 2}


def _redirected(text: str) -> list[str]:
    """The two channels that a logged Redirect names."""
    words = dict(word.split("=", 1) for word in text.split() if "=" in word)
    return [words["Channel"], words["ExtraChannel"]]


# --- 6. a restart in mid-run ------------------------------------------------------------------------------------------


def test_asterisk_restarts_in_mid_run(asterisk: AsteriskServer, connect: Connect) -> None:
    with run(ROBOT, *connect(), patience=60) as robot:
        ready(robot)
        with asterisk.connect() as before:
            calls.bridged_call(before)
            robot.wait("flow-ended", "done")
        asterisk.restart()
        robot.wait("lost")
        robot.wait("ready", times=2)
        with asterisk.connect() as judge:
            call = calls.bridged_call(judge)
            robot.wait("flow-ended", "done", times=2)
            assert_moved(judge, call)
        assert sent(robot, "Redirect") == 2


# --- 7. odd texts -----------------------------------------------------------------------------------------------------


def test_a_latin1_caller_name_is_bound_and_logged_unharmed(
    connect: Connect,
    recipe: Callable[[str], str],
    judge: PlainAmi,
    latin1_call: MakeCall,
) -> None:
    path = recipe(
        """\
        flow named
          on NewCallerid as c where c.CallerIDName != none
        {
          UserEvent { UserEvent: "Seen" Name: c.CallerIDName }
          log "name ${c.CallerIDName}"
        }
        """
    )
    with run(path, *connect()) as robot:
        ready(robot)
        latin1_call()
        robot.wait("log", "name ")
        # The judge decodes Latin-1 both ways: what came in as a byte went out as the same byte.
        judge.wait("UserEvent", UserEvent="Seen", Name=LATIN1_NAME)


def test_quotes_in_a_variable_and_odd_headers_of_a_userevent(
    connect: Connect, recipe: Callable[[str], str], judge: PlainAmi
) -> None:
    path = recipe(
        """\
        userevent Laboratory { Room: text?  Pin: text?  Note: text?  Empty: text? }

        flow odd
          on UserEvent Laboratory as u
        {
          log "note ${u.Note} empty [${u.Empty}] odd ${u["X-Odd Header"]}"
        }

        flow quoted
          on VarSet as v where v.Variable == "QUOTED"
        {
          log "quoted ${v.Value}"
        }
        """
    )
    with run(path, *connect()) as robot:
        ready(robot)
        note = 'O\'Brien said "a: b" \\ end'
        judge.action("UserEvent", **{"UserEvent": "Laboratory", "Note": note, "Empty": "", "X-Odd Header": "x=1, y=2"})
        said = robot.wait("log", "note ")[0]["text"]
        assert said == f"note {note} empty [] odd x=1, y=2"
        calls.originate(judge, "Local/quoted@default")
        variable = judge.wait("VarSet", Variable="QUOTED").Value
        quoted = robot.wait("log", "quoted ")[0]["text"]
        assert quoted == "quoted " + variable.replace("\\\\", "\0").replace("\\", "").replace("\0", "\\")
        assert '"' in quoted


# --- 8. lists and commands --------------------------------------------------------------------------------------------


def test_lists_empty_lists_and_lists_of_some_requests(
    connect: Connect, recipe: Callable[[str], str], judge: PlainAmi, bridged_call: MakeCall
) -> None:
    path = recipe(
        """\
        flow lists on start {
          let c = CoreShowChannels { }
          log "channels ${sort([r.Channel for r in c.rows])}"
          let q = QueueStatus { Queue: "support" }
          log "queues ${[p.Queue for p in q.QueueParams]} members ${[m.Location for m in q.QueueMember]}"
          ConfbridgeList { Conference: "681" } or as e { log "empty room: ${e.kind}, ${e.Message}" }
          let p = PJSIPShowEndpoints { }
          log "endpoints ${sort([e.ObjectName for e in p.rows])}"
          let h = Hangup { Channel: "/^Local\\\\/800@default/" }
          log "hung up ${sort([r.Channel for r in h.rows])}"
        }
        """
    )
    call = bridged_call()
    there = sorted(one.Channel for one in judge.listing("CoreShowChannels"))
    with run(path, *connect()) as robot:
        assert robot.end(None) == 0, robot.story()
        *told, hung_up = [line["text"] for line in robot.seen("log")]
        assert told == [
            f"channels [{', '.join(there)}]",
            "queues [support] members [Local/1234@default]",
            "empty room: error, No active conferences.",
            "endpoints [callee, caller]",
        ]
        # The one half of a Local channel goes with the other, sometimes before the server has come to it.
        one, other = (name for name in there if name.startswith("Local/800@"))
        assert hung_up in (f"hung up [{one}, {other}]", f"hung up [{one}]", f"hung up [{other}]")
    for channel in call.channels:
        judge.wait("Hangup", Channel=channel)


def test_the_output_of_commands_and_the_words_of_an_unknown_one(
    asterisk: AsteriskServer, connect: Connect, recipe: Callable[[str], str]
) -> None:
    path = recipe(
        """\
        flow commands on start {
          let r = Command { Command: "core show version" }
          log "${len(all(r, "Output"))}: ${r.Output}"
          Command { Command: "no such thing" } or as e { log "${e.kind}: ${e.Message}" }
        }
        """
    )
    with run(path, *connect()) as robot:
        assert robot.end(None) == 0, robot.story()
        version, unknown = (line["text"] for line in robot.seen("log"))
    assert version.startswith(f"1: Asterisk {asterisk.version} built by ")
    assert unknown.startswith("error: No such command 'no such thing'")


# --- 9. what can be sent ----------------------------------------------------------------------------------------------


def test_the_longest_line_arrives_whole_and_a_longer_one_is_not_sent(
    connect: Connect, recipe: Callable[[str], str], judge: PlainAmi
) -> None:
    path = recipe(
        """\
        param name: text
        flow longest on start {
          UserEvent { UserEvent: "Long" N: name }
          UserEvent { UserEvent: "Long" N: "${name}x" } or as e { log "${e.kind}: ${e.Message}" }
        }
        """
    )
    name = "x" * 1018  # with `N: ` a line of 1021 bytes
    with run(path, "--param", f"name={name}", *connect()) as robot:
        assert robot.end(None) == 0, robot.story()
        assert [line["text"] for line in robot.seen("log")] == [
            "failed: the line of `N` has 1022 bytes; Asterisk reads 1021"
        ]
    judge.wait("UserEvent", UserEvent="Long", N=name)
    judge.action("Ping")
    assert len(judge.seen("UserEvent", UserEvent="Long")) == 1


def test_many_outstanding_actions_each_get_their_own_answer(connect: Connect, recipe: Callable[[str], str]) -> None:
    path = recipe(
        """\
        flow many on start {
          for n in split("1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20", " ") parallel max 20 {
            Setvar { Variable: "MANY${n}" Value: "value ${n}" }
            let r = Getvar { Variable: "MANY${n}" }
            if r.Value != "value ${n}" { fail "${n} got ${r.Value}" }
          }
        }
        """
    )
    with run(path, *connect(outstanding="8")) as robot:
        assert robot.end(None) == 0, robot.story()
        assert sent(robot, "Setvar") == sent(robot, "Getvar") == 20
