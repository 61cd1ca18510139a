"""A recipe that tests values in every way that what arrives can be sieved by, and in some that it cannot."""

RECIPE = """
param room: text = "700"
param least: int = 2

flow enters
  on BridgeEnter as e where e.BridgeNumChannels == least and e.Context == "default"
  then Hangup as h where h.Uniqueid == e.Uniqueid and h.Cause == 16 within 10m
  until VarSet as v where v.Uniqueid == e.Uniqueid and v.Value == "end"
{
  Redirect { Channel: e.Channel Context: "default" Exten: room Priority: 1 } or ignore
  wait any {
    VarSet as v where v.Uniqueid == e.Uniqueid and v.Value == room { log "set" }
    Newexten as x where x.Exten == room { Hangup { Channel: e.Channel } or ignore }
    after 1h { log "late" }
  }
}

flow calls
  on Newexten as x where x.Exten == room or x.Context == "other"
{
  Originate { Channel: "Local/1@default" Context: "default" Exten: "1" Priority: 1 } within 1m
    or as e { log "${e.kind}" }
}
"""
