"""What people automate beyond the recipes of this project: transfers, parking, conferences, AGI, odd values."""

from collections.abc import Callable

from support.amiflow_process import Amiflow
from support.lab import calls
from support.lab.calls import BridgedCall
from support.plain_ami import PlainAmi

Run = Callable[[str], Amiflow]
MakeCall = Callable[[], BridgedCall]

ON_GO = "userevent Go { Target: text }\nflow go on UserEvent Go as u {\n  let target = trust(u.Target)\n"


def said(robot: Amiflow) -> list[str]:
    return [line["text"] for line in robot.seen("log")]


def go(robot: Amiflow, judge: PlainAmi, target: str = "-") -> list[str]:
    """Has the flow run, and gives what it logged."""
    judge.action("UserEvent", UserEvent="Go", Target=target)
    robot.wait("flow-ended", "done")
    return said(robot)


def extension(judge: PlainAmi, exten: str, *steps: tuple[str, str]) -> None:
    for number, (application, data) in enumerate(steps, 1):
        step = {"Priority": str(number), "Application": application, "ApplicationData": data, "Replace": "yes"}
        judge.action("DialplanExtensionAdd", Context="default", Extension=exten, **step)


def test_an_attended_transfer_is_completed_by_who_hangs_up(robot: Run, judge: PlainAmi) -> None:
    steps = """
      Atxfer { Channel: target Context: "default" Exten: "600" }
      wait BridgeEnter as b where b.Channel like "Local/600@*" within 10s or fail "nobody answers"
      wait BridgeEnter as back where back.Channel == target within 10s or fail "they do not speak"
      Hangup { Channel: target }
      wait AttendedTransfer as t where t.OrigTransfererChannel == target within 10s or fail "no transfer"
      log "${t.Result} ${t.TransfereeChannel ?? "-"} to ${b.Channel}"
    }
    """
    extension(judge, "transfers", ("Dial", "Local/1234@default/n,60,tT"))
    call = calls.bridged_call(judge, "transfers")
    with robot(ON_GO + steps) as running:
        told = go(running, judge, call.two.Channel)
        consulted = next(e.Channel for e in judge.seen("BridgeEnter") if e.Channel.startswith("Local/600@"))
        assert told == [f"Success {call.one.Channel} to {consulted}"]


def test_who_is_parked_too_long_comes_back(robot: Run, judge: PlainAmi, bridged_call: MakeCall) -> None:
    steps = """
      Park { Channel: target Timeout: 1s TimeoutChannel: "Local/1234@default" }
      wait ParkedCall as p where p.ParkeeChannel == target within 5s or fail "not parked"
      let lot = ParkedCalls { }
      for row in lot.rows { log "${row.ParkingSpace} holds ${row.ParkeeChannel} for ${row.ParkingTimeout}" }
      wait ParkedCallTimeOut as t where t.ParkeeChannel == target within 10s or fail "parked for ever"
      log "after ${t.ParkingDuration} from ${t.ParkingSpace} to ${t.ParkerDialString}"
    }
    """
    channel = bridged_call().two.Channel
    with robot(ON_GO + steps) as running:
        assert go(running, judge, channel) == [
            f"7001 holds {channel} for 1s",
            "after 1s from 7001 to Local/1234@default",
        ]


def test_nobody_comes_into_a_locked_conference_and_one_is_put_out(robot: Run, judge: PlainAmi) -> None:
    steps = """
      ConfbridgeMute { Conference: "680" Channel: target }
      ConfbridgeLock { Conference: "680" }
      let c = Originate { Channel: "Local/680@default/n" Application: "Wait" Data: "60" }
      wait Hangup as h where h.Linkedid == c.Uniqueid within 10s or fail "it came in"
      let list = ConfbridgeList { Conference: "680" }
      for m in list.rows { log "${m.Channel} muted: ${m.Muted}" }
      ConfbridgeKick { Conference: "680" Channel: "all" }
      wait until len(conference("680").members) == 0 within 5s or fail "somebody stays"
      let gone = ConfbridgeList { Conference: "680" } or as e { log "${e.kind}: ${e.Message}" stop }
      log "${len(gone.rows)} are there"
    }
    """
    calls.originate(judge, "Local/680@default/n", "600")
    channel = judge.wait("ConfbridgeJoin", Conference="680").Channel
    with robot(ON_GO + steps) as running:
        assert go(running, judge, channel) == [f"{channel} muted: true", "error: No active conferences."]


def test_a_channel_is_led_by_commands(robot: Run, judge: PlainAmi) -> None:
    steps = """
    flow leads on AsyncAGIStart as s {
      for command in ["VERBOSE \\"hällo\\" 1", "GET VARIABLE SAID", "ASYNCAGI BREAK"] {
        AGI { Channel: s.Channel Command: command CommandID: "${hash(command)}" }
        wait AsyncAGIExec as x where x.CommandId == hash(command) within 5s or fail "not done"
        log "${x.Result}"
      }
    }
    """
    extension(judge, "agi", ("Set", "SAID=a b"), ("AGI", "agi:async"), ("Wait", "60"))
    with robot(steps) as running:
        calls.originate(judge, "Local/agi@default", "600")
        running.wait("flow-ended", "done")
        assert said(running)[:2] == ["200%20result%3D1%0A", "200%20result%3D1%20(a%20b)%0A"]


def test_values_come_back_as_they_were_sent(robot: Run, judge: PlainAmi) -> None:
    steps = """
    flow go on UserEvent as u where u.UserEvent == "Go" {
      let odd = "a,b;c=d \\"q\\" 'x' \\\\ $ \\u{24}{CHANNEL} ü ☎ \\t."
      DBPut { Family: "amiflow" Key: "odd" Val: odd }
      let kept = DBGet { Family: "amiflow" Key: "odd" }
      for row in kept.rows { log "database: ${row.Val == odd}" }
      DBDelTree { Family: "amiflow" }
      Setvar { Variable: "ODD" Value: odd }
      let found = Getvar { Variable: "ODD" }
      log "variable: ${found.Value == odd}"
      QueueAdd { Queue: "waiting" Interface: "Local/600@default" MemberName: odd Penalty: 3 }
      QueuePause { Queue: "waiting" Interface: "Local/600@default" Paused: true Reason: odd }
      let listed = QueueStatus { Queue: "waiting" Member: "Local/600@default" }
      for m in listed.QueueMember { log "member: ${m.Name == odd} ${m.PausedReason == odd} ${m.Paused} ${m.Penalty}" }
      QueueRemove { Queue: "waiting" Interface: "Local/600@default" }
    }
    """
    with robot(steps) as running:
        assert go(running, judge) == ["database: true", "variable: true", "member: true true true 3"]
