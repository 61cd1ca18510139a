"""The live picture in recipe tests: events keep it as on a server, and the lists show what they have made."""

import pytest

from amiflow.tools.testing import run_tests
from support.recipes import compile_text

FLOWS = """
map seen: text lasting 10m max 100

flow held
  on BridgeEnter as b where peer(b.Channel) != none
{
  let p = peer(b.Channel)
  if p != none {
    log "${b.Channel} talks to ${p.Channel}"
  }
  wait until bridge_of(b.Channel) == none within 1h
  log "over"
}

flow agents
  on UserEvent as u where u["Do"] == "agents"
{
  wait until queue("support").available > 0 within 1m or as e { log "none: ${e.kind}" stop }
  log "${queue("support").available} free, ${queue("support").waiting} wait"
}

flow remembers on UserEvent as u where u["Do"] == "remember" { set seen["x"] = "yes" log "remembered" }
flow forgotten on UserEvent as u where u["Do"] == "watch" { wait until seen["x"] == none within 1h log "forgotten" }
flow known on UserEvent as u where u["Do"] == "know" { wait until seen["x"] == "yes" within 1h log "known" }
flow began on start { log "${len(pbx.channels)} channels at the start" }
flow again on reconnect { log "${len(pbx.channels)} channels, ${device("PJSIP/1").State}" }
"""

CASES = {
    "peers": """
  event BridgeEnter { BridgeUniqueid: "b1" Channel: "PJSIP/a-1" }
  event BridgeEnter { BridgeUniqueid: "b1" Channel: "PJSIP/b-1" }
  expect log "0 channels at the start"
  expect log "PJSIP/b-1 talks to PJSIP/a-1"
  event BridgeLeave { BridgeUniqueid: "b1" Channel: "PJSIP/b-1" }
  expect log "over"
  expect nothing more""",
    "given rows": """
  rows QueueStatus [ QueueParams { Queue: "support" } QueueMember { Queue: "support" Location: "PJSIP/1" Status: 5 } ]
  rows CoreShowChannels [ CoreShowChannel { Channel: "PJSIP/z-1" Uniqueid: "9.9" } ]
  start
  expect log "1 channels at the start"
  event UserEvent { UserEvent: "x" "Do": "agents" }
  expect no QueueStatus { }
  event QueueCallerJoin { Queue: "support" Channel: "PJSIP/z-1" }
  event QueueMemberStatus { Queue: "support" Interface: "PJSIP/1" Status: 1 Paused: false }
  expect log "1 free, 1 wait"
  event QueueMemberPause { Queue: "Support" Interface: "PJSIP/1" Status: 1 Paused: true }
  event UserEvent { UserEvent: "x" "Do": "agents" }
  advance 1m
  expect log "none: timeout"
  expect nothing more""",
    "a reconnect finds what was there before": """
  event DeviceStateChange { Device: "PJSIP/1" State: "INUSE" }
  event Newchannel { Channel: "PJSIP/a-1" }
  event BridgeEnter { BridgeUniqueid: "b1" Channel: "PJSIP/a-1" }
  event BridgeEnter { BridgeUniqueid: "b1" Channel: "PJSIP/b-1" }
  event ConfbridgeJoin { Conference: "680" Channel: "PJSIP/c-1" }
  event QueueMemberStatus { Queue: "support" Interface: "PJSIP/1" Status: 1 Paused: false }
  event QueueCallerJoin { Queue: "support" Channel: "PJSIP/d-1" }
  expect log "PJSIP/b-1 talks *"
  disconnect
  advance 1s
  reconnect
  expect log "3 channels, INUSE"
  event UserEvent { UserEvent: "x" "Do": "agents" }
  expect log "1 free, 1 wait"
  event BridgeDestroy { BridgeUniqueid: "b1" }
  expect log "over\"""",
    "a store that forgets by itself": """
  start
  expect log "0 channels at the start"
  event UserEvent { UserEvent: "x" "Do": "remember" }
  expect log "remembered"
  event UserEvent { UserEvent: "x" "Do": "watch" }
  advance 9m
  expect flow remembers done
  advance 1m
  expect log "forgotten"
  expect nothing more""",
    "a store that is set": """
  event UserEvent { UserEvent: "x" "Do": "know" }
  event UserEvent { UserEvent: "x" "Do": "remember" }
  expect log "remembered"
  expect log "known\"""",
}


@pytest.mark.parametrize("steps", CASES.values(), ids=CASES)
def test_a_recipe_test_with_a_picture(steps: str) -> None:
    result = compile_text(f'{FLOWS}\ntest "t" {{{steps}\n}}\n')
    assert result.plan is not None, result.diagnostics
    found = run_tests(result.plan, result.tests)[0]
    assert found.passed, (found.unmet, found.trace_text(result.sources.values()))
