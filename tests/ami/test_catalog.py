"""The catalogue: what recipes are checked against is whole, consistent, well typed, and what the sources make of it."""

import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiflow.ami.catalog import Action, Event, Header, exists, load
from support.properties import examples

ROOT = Path(__file__).parents[2]
CATALOG = load()
SOURCES = [json.loads((ROOT / "catalogue" / f"{name}.json").read_text()) for name in ("extract-16", "extract-22")]
HISTORY = json.loads((ROOT / "catalogue" / "privileges.json").read_text())


def event(name: str) -> Event:
    found = CATALOG.event(name)
    assert found is not None, name
    return found


def action(name: str) -> Action:
    found = CATALOG.action(name)
    assert found is not None, name
    return found


def of_event(name: str) -> Header:
    owner, _, header = name.partition(".")
    found = event(owner).header(header)
    assert found is not None, name
    return found


def of_action(name: str) -> Header:
    owner, _, header = name.partition(".")
    found = action(owner).header(header)
    assert found is not None, name
    return found


ENTRIES = [*CATALOG.events, *CATALOG.actions]
HEADERS = [(entry.name, header) for entry in ENTRIES for header in entry.headers.values()]
HEADERS += [(one.name, header) for one in CATALOG.actions for header in one.response.values()]


# --- the data and its sources


def test_the_committed_file_is_what_the_script_builds() -> None:
    done = subprocess.run([sys.executable, "catalogue/build.py", "--check"], cwd=ROOT, check=False)
    assert done.returncode == 0, "run: python catalogue/build.py"


def test_every_documented_or_surveyed_name_is_there() -> None:
    for source in [*SOURCES, HISTORY]:
        assert [name for name in source["events"] if not CATALOG.event(name)] == []
        assert [name for name in source["actions"] if not CATALOG.action(name)] in ([], ["FilterList"])


def test_no_name_is_there_twice() -> None:
    for entries in (CATALOG.events, CATALOG.actions):
        names = [entry.name.casefold() for entry in entries]
        assert len(names) == len(set(names))


def test_the_extracts_hold_names_and_no_prose() -> None:
    for source in SOURCES:
        texts = re.findall(r'"([^"]*)"', json.dumps(source))
        assert [text for text in texts if len(text.split()) > 4] == []


def test_load_gives_one_catalogue_and_one_object_for_an_entry() -> None:
    assert load() is CATALOG
    assert event("newexten") is event("NewExten")
    assert action("originate") is action("ORIGINATE")


# --- look-up


@given(st.sampled_from(ENTRIES), st.randoms(use_true_random=False))
@examples(25)
def test_look_up_ignores_case_and_keeps_the_wire_s_spelling(entry: Event | Action, random: object) -> None:
    def shaken(name: str) -> str:
        return "".join(random.choice((c.lower(), c.upper())) for c in name)  # type: ignore[attr-defined]

    found = (CATALOG.event if isinstance(entry, Event) else CATALOG.action)(shaken(entry.name))
    assert found is entry
    for header in entry.headers.values():
        assert entry.header(shaken(header.name)) is header


def test_unknown_names_are_none() -> None:
    assert CATALOG.event("Hungup") is None
    assert CATALOG.action("Redirekt") is None
    assert event("Hangup").header("CauseText") is None
    assert action("Redirect").header("Extension") is None
    assert action("Ping").answer("Pong") is None


@pytest.mark.parametrize(
    ("documented", "wire"),
    [("NewExten", "Newexten"), ("agentlogin", "AgentLogin"), ("queuememberringinuse", "QueueMemberRinginuse")],
)
def test_events_are_spelled_as_on_the_wire(documented: str, wire: str) -> None:
    assert event(documented).name == wire


@pytest.mark.parametrize(
    ("documented", "wire"),
    [
        ("QueueParams.ServiceLevelPerf", "ServicelevelPerf"),
        ("EndpointDetail.Allowoverlap", "AllowOverlap"),
        ("CEL.UserField", "Userfield"),
        ("AsyncAGIExec.CommandID", "CommandId"),
        ("Hangup.cause-TXT", "Cause-txt"),
    ],
)
def test_headers_are_spelled_as_on_the_wire(documented: str, wire: str) -> None:
    assert of_event(documented).name == wire


def test_a_header_that_is_misspelled_in_the_documentation() -> None:
    assert of_event("TransportDetail.AsyncOperations").type == "int"
    assert event("TransportDetail").header("AsycOperations") is None


def test_an_event_of_cel_may_have_a_name_of_its_own() -> None:
    assert of_event("CEL.EventName").values == ()


def test_names_with_a_part_of_their_own_are_found_and_kept() -> None:
    variable = of_event("OriginateResponse.ChanVariable(SIP/[2001:db8::1]-1)")
    assert (variable.name, variable.repeated) == ("ChanVariable(SIP/[2001:db8::1]-1)", True)
    assert of_event("RTCPSent.Report0SourceSSRC").name == "Report0SourceSSRC"
    assert of_action("AOCMessage.UnitAmount(3)").type == "int"
    assert of_action("UpdateConfig.Var-000012").code


def test_any_event_has_the_envelope() -> None:
    for name in ("Hangup", "QueueMember"):
        stamp = of_event(f"{name}.Timestamp")
        assert (stamp.type, stamp.unit, stamp.optional) == ("time", "epoch.usec", True)
        assert of_event(f"{name}.ActionID").optional
    assert "timestamp" not in event("Hangup").headers


# --- consistency


@pytest.mark.parametrize("kind", ["events", "actions"])
def test_versions_are_versions(kind: str) -> None:
    for entry in getattr(CATALOG, kind):
        for thing in (entry, *entry.headers.values()):
            bounds = [bound for bound in (thing.since, thing.until) if bound is not None]
            assert all(re.fullmatch(r"\d+(\.\d+)*", bound) for bound in bounds), (entry.name, thing)


def test_every_type_has_what_it_needs_and_nothing_else() -> None:
    units = {"duration": {"us", "ms", "s", "min", "hms"}, "time": {"epoch", "epoch.usec", "iso", "local"}}
    for owner, header in HEADERS:
        where = f"{owner}.{header.name}"
        if header.type in units:
            assert header.unit in units[header.type], where
        else:
            assert header.unit is None, where
        assert bool(header.true) == bool(header.false) == (header.type == "bool"), where
        assert not (header.type == "bool" and header.values), where
        assert len(set(header.values)) == len(header.values), where
        assert header.type != "int" or all(re.fullmatch(r"-?\d+", value) for value in header.values), where


def test_flags_belong_to_their_side() -> None:
    for one in CATALOG.events:
        assert [h.name for h in one.headers.values() if h.required or h.code] == [], one.name
    for act in CATALOG.actions:
        assert [h.name for h in act.headers.values() if h.optional or h.caller or h.escaped] == [], act.name
        assert "actionid" not in act.headers
        assert "actionid" not in act.response


def test_a_header_that_not_every_version_sends_is_optional() -> None:
    for one in CATALOG.events:
        for header in one.headers.values():
            narrower = header.since not in (None, one.since) or header.until not in (None, one.until)
            assert header.optional or not narrower, f"{one.name}.{header.name}"


def test_lists_are_made_of_events_that_say_so() -> None:
    for act in CATALOG.actions:
        if act.list:
            assert act.list.rows, act.name
            assert all(event(row).row for row in act.list.rows), act.name
            assert not act.list.end or event(act.list.end).end, act.name
            assert act.reads != act.list.announced, act.name
    assert {act.name for act in CATALOG.actions if act.list and act.list.announced} == {"Hangup"}
    assert {act.name for act in CATALOG.actions if act.list and not act.list.end} == {"FAXSession", "FAXStats"}


def test_what_ends_a_list_counts_its_rows() -> None:
    for one in CATALOG.events:
        if one.end:
            assert one.headers["listitems"].type == "int", one.name


def test_causes_are_events() -> None:
    for act in CATALOG.actions:
        assert all(event(name) for name in act.causes), act.name
        assert not (act.causes and act.reads), act.name


def test_alternatives_are_made_of_headers() -> None:
    for act in CATALOG.actions:
        assert all(act.header(name) for group in act.one_of for name in group), act.name


# --- versions


@pytest.mark.parametrize(
    ("since", "until", "there", "not_there"),
    [
        (None, None, ["1.4", "22.10.1"], []),
        ("12", None, ["12", "12.0.0", "16"], ["11", "11.25.3", "1.8"]),
        (None, "1.8", ["1.4", "1.8", "1.8.32"], ["10", "11"]),
        ("18.26", None, ["18.26.1", "18", "20"], ["18.25.9", "16"]),
        ("16", "16", ["16", "16.28.0"], ["15.7", "17.0"]),
    ],
)
def test_exists(since: str | None, until: str | None, there: list[str], not_there: list[str]) -> None:
    header = Header("X", since=since, until=until)
    assert [v for v in there if not exists(header, v)] == []
    assert [v for v in not_there if exists(header, v)] == []


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("Link", "1.4"),
        ("Unlink", "1.8"),
        ("Bridge", "11"),
        ("Dial", "11"),
        ("Join", "11"),
        ("Leave", "11"),
        ("AGIExec", "11"),
        ("AsyncAGI", "11"),
        ("Masquerade", "11"),
        ("Transfer", "11"),
        ("QueueMemberPaused", "11"),
        ("DTMF", "11"),
        ("MusicOnHold", "11"),
        ("NewPeerAccount", "11"),
        ("Agentcallbacklogin", "1.4"),
        ("MonitorStart", "20"),
    ],
)
def test_what_went_away_says_when(name: str, last: str) -> None:
    assert event(name).until == last


def test_what_came_later_says_when() -> None:
    assert event("BridgeEnter").since == "12"
    assert event("DialState").since == "14"
    assert not exists(event("BridgeEnter"), "11.25")
    assert exists(event("BridgeEnter"), "16.28.0")
    assert exists(of_event("Hangup.TechCause"), "22")
    assert not exists(of_event("Hangup.TechCause"), "16.28.0")
    assert not exists(of_action("Filter.MatchCriteria"), "16.28.0")
    assert exists(of_action("Login.Events"), "16")
    assert exists(of_event("AgentLogoff.Channel"), "16")
    assert exists(of_event("AttendedTransfer.TransferTargetChannel"), "16")
    assert not exists(of_event("OutboundRegistrationDetail.SecurityNegotiation"), "16")


def test_classes_follow_the_version() -> None:
    assert event("Newexten").classes == ("dialplan",)
    granted = {
        version: [g.classes for g in event("Newexten").classes_by_version if exists(g, version)]
        for version in ("1.4", "11", "13", "22")
    }
    assert granted == {"1.4": [("call",)], "11": [("dialplan",)], "13": [("call",)], "22": [("dialplan",)]}
    assert event("VoicemailPasswordChange").classes == ("system", "user")
    assert event("QueueMember").classes == ()


def test_privileges() -> None:
    assert action("Redirect").privileges == ("call",)
    assert action("Hangup").privileges == ("system", "call")
    assert action("Originate").privileges == ("originate",)
    assert action("Command").privileges == ("command",)
    assert action("BridgeKick").privileges == ()
    assert [g.classes for g in action("MixMonitorMute").privileges_by_version] == [(), ("system", "call")]


# --- what recipes lean on


SNAPSHOT = {
    "Channel": Header("Channel", names="channel"),
    "CallerIDNum": Header("CallerIDNum", optional=True, caller=True),
    "CallerIDName": Header("CallerIDName", optional=True, caller=True, escaped=True),
    "ConnectedLineNum": Header("ConnectedLineNum", optional=True, caller=True),
    "ConnectedLineName": Header("ConnectedLineName", optional=True, caller=True, escaped=True),
    "Language": Header("Language"),
    "AccountCode": Header("AccountCode"),
    "Context": Header("Context", names="context"),
    "Exten": Header("Exten", caller=True, names="extension"),
    "Priority": Header("Priority", "int"),
    "Uniqueid": Header("Uniqueid", names="uniqueid"),
    "Linkedid": Header("Linkedid", names="linkedid"),
    "ChanVariable": Header("ChanVariable", optional=True, repeated=True, caller=True, escaped=True),
}


@pytest.mark.parametrize(
    "name", ["Newchannel", "Newstate", "Newexten", "Hangup", "BridgeEnter", "ConfbridgeJoin", "QueueCallerJoin", "Hold"]
)
def test_a_channel_s_snapshot(name: str) -> None:
    assert {header: of_event(f"{name}.{header}") for header in SNAPSHOT} == SNAPSHOT


def test_a_prefixed_snapshot_is_typed_alike() -> None:
    for header, expected in SNAPSHOT.items():
        assert of_event(f"DialBegin.Dest{header}") == dataclasses.replace(expected, name=f"Dest{header}")


def test_a_dial_without_a_caller_has_no_caller_s_headers() -> None:
    for name in ("DialBegin", "DialState", "DialEnd"):
        assert of_event(f"{name}.Channel").optional
        assert of_event(f"{name}.Linkedid").optional
        assert not of_event(f"{name}.DestChannel").optional


@pytest.mark.parametrize(
    ("header", "type", "unit"),
    [
        ("Hangup.Cause", "int", None),
        ("Newstate.ChannelState", "int", None),
        ("BridgeEnter.BridgeNumChannels", "int", None),
        ("QueueCallerJoin.Position", "int", None),
        ("QueueCallerJoin.Count", "int", None),
        ("QueueEntry.Wait", "duration", "s"),
        ("QueueParams.Holdtime", "duration", "s"),
        ("QueueParams.ServicelevelPerf", "number", None),
        ("QueueMember.LastCall", "time", "epoch"),
        ("AgentComplete.TalkTime", "duration", "s"),
        ("AgentRingNoAnswer.RingTime", "duration", "ms"),
        ("CoreShowChannel.Duration", "duration", "hms"),
        ("Cdr.BillableSeconds", "duration", "s"),
        ("Cdr.StartTime", "time", "local"),
        ("DTMFEnd.DurationMs", "duration", "ms"),
        ("ChannelTalkingStop.Duration", "duration", "ms"),
        ("MeetmeLeave.Duration", "duration", "s"),
        ("ContactStatus.RoundtripUsec", "duration", "us"),
        ("OriginateResponse.Reason", "int", None),
        ("ParkedCall.ParkingTimeout", "duration", "s"),
        ("SuccessfulAuth.EventTV", "time", "iso"),
        ("FullyBooted.Uptime", "duration", "s"),
        ("Hangup.Cause-txt", "text", None),
    ],
)
def test_types_of_event_headers(header: str, type: str, unit: str | None) -> None:
    found = of_event(header)
    assert (found.type, found.unit) == (type, unit)


@pytest.mark.parametrize(
    ("header", "true", "false"),
    [
        ("ConfbridgeJoin.Admin", "Yes", "No"),
        ("QueueMember.Paused", "1", "0"),
        ("QueueMemberPause.Paused", "1", "0"),
        ("MessageWaiting.Waiting", "1", "0"),
        ("ConfbridgeTalking.TalkingStatus", "on", "off"),
        ("Shutdown.Restart", "True", "False"),
        ("EndpointDetail.RtpSymmetric", "true", "false"),
        ("ContactStatusDetail.AuthenticateQualify", "1", "0"),
        ("OutboundRegistrationDetail.SupportOutbound", "yes", "no"),
        ("PeerEntry.Dynamic", "yes", "no"),
    ],
)
def test_bools_of_events(header: str, true: str, false: str) -> None:
    found = of_event(header)
    assert (found.type, found.true, found.false) == ("bool", true, false)


@pytest.mark.parametrize(
    ("header", "values"),
    [
        ("BridgeEnter.BridgeType", {"basic", "base", "stasis"}),
        ("DialEnd.DialStatus", {"ANSWER", "BUSY", "NOANSWER", "CANCEL", "CHANUNAVAIL", "CONGESTION"}),
        ("Newstate.ChannelStateDesc", {"Up", "Ring", "Ringing", "Dialing Offhook"}),
        ("DeviceStateChange.State", {"NOT_INUSE", "INUSE", "UNAVAILABLE"}),
        ("OriginateResponse.Response", {"Success", "Failure"}),
    ],
)
def test_enumerations(header: str, values: set[str]) -> None:
    assert values <= set(of_event(header).values)


def test_optional_and_certain_headers() -> None:
    assert of_event("BridgeEnter.SwapUniqueid").optional
    assert of_event("BridgeEnter.BridgeName").optional
    assert of_event("OriginateResponse.Uniqueid").optional
    assert of_event("UserEvent.Channel").optional
    assert of_event("EndpointList.Contacts").optional
    assert of_event("AuthDetail.EndpointName").optional
    assert of_event("ContactStatusDetail.RoundtripUsec").optional
    assert not of_event("UserEvent.UserEvent").optional
    assert not of_event("BridgeEnter.BridgeUniqueid").optional
    assert not of_event("Newexten.AppData").optional


def test_what_a_stranger_controls() -> None:
    for name in (
        "Newexten.AppData",
        "VarSet.Value",
        "DialBegin.DialString",
        "DTMFEnd.Digit",
        "DBGetResponse.Val",
        "Cdr.Source",
        "CEL.CallerIDname",
        "QueueEntry.CallerIDName",
        "ContactStatus.URI",
        "Newchannel.Exten",
        "BlindTransfer.Extension",
    ):
        assert of_event(name).caller, name
    for name in (
        "Newchannel.Channel",
        "Hangup.Cause-txt",
        "QueueMember.Location",
        "BridgeEnter.BridgeUniqueid",
        "BlindTransfer.Result",
    ):
        assert not of_event(name).caller, name
    answer = action("Getvar").answer("Value")
    assert answer
    assert answer.caller


def test_only_what_asterisk_escapes_is_escaped() -> None:
    assert of_event("VarSet.Value").escaped
    for name in (
        "Newexten.AppData",
        "QueueEntry.CallerIDName",
        "OriginateResponse.CallerIDName",
        "OriginateResponse.ChanVariable",
        "CEL.CallerIDname",
    ):
        assert not of_event(name).escaped, name


def test_where_text_becomes_code() -> None:
    expected = {
        "Originate": "Channel Exten Context Application Data Variable PreDialGoSub",
        "Redirect": "Exten Context ExtraExten ExtraContext",
        "Atxfer": "Exten Context",
        "BlindTransfer": "Exten Context",
        "Hangup": "Channel",
        "Setvar": "Variable Value",
        "Getvar": "Variable",
        "Command": "Command",
        "AGI": "Command",
        "DialplanExtensionAdd": "Context Extension Priority Application ApplicationData",
        "MixMonitor": "File Command options",
        "DBPut": "Family Key Val",
        "QueuePause": "",
        "Ping": "",
    }
    for name, headers in expected.items():
        found = {header.name.casefold() for header in action(name).headers.values() if header.code}
        assert found == set(headers.casefold().split()), name


def test_what_actions_require() -> None:
    def required(name: str) -> set[str]:
        return {header.name for header in action(name).headers.values() if header.required}

    assert required("Redirect") == {"Channel", "Context", "Exten", "Priority"}
    assert required("Originate") == {"Channel"}
    assert action("Originate").one_of == (("Exten", "Context", "Priority"), ("Application",))
    assert required("Hangup") == {"Channel"}
    assert required("Getvar") == {"Variable"}
    assert required("Ping") == set()


@pytest.mark.parametrize(
    ("header", "type", "unit"),
    [
        ("Originate.Timeout", "duration", "ms"),
        ("AbsoluteTimeout.Timeout", "duration", "s"),
        ("Park.Timeout", "duration", "ms"),
        ("PlayDTMF.Duration", "duration", "ms"),
        ("Originate.Priority", "text", None),
        ("Redirect.Priority", "text", None),
        ("QueuePenalty.Penalty", "int", None),
        ("Hangup.Cause", "int", None),
    ],
)
def test_types_of_action_headers(header: str, type: str, unit: str | None) -> None:
    found = of_action(header)
    assert (found.type, found.unit) == (type, unit)


def test_bools_of_actions() -> None:
    spelled = {
        name: of_action(name).true
        for name in ("Originate.Async", "QueuePause.Paused", "MixMonitorMute.State", "MuteAudio.State")
    }
    assert spelled == {
        "Originate.Async": "true",
        "QueuePause.Paused": "true",
        "MixMonitorMute.State": "1",
        "MuteAudio.State": "on",
    }


def test_responses_are_described() -> None:
    assert {name: header.type for name, header in action("Getvar").response.items()} == {
        "variable": "text",
        "value": "text",
    }
    output = action("Command").answer("Output")
    assert output
    assert output.repeated
    version = action("CoreSettings").answer("AsteriskVersion")
    assert version
    assert version.type == "text"
    assert action("ListCommands").response_open
    assert not action("Ping").response_open
    assert action("Hangup").answer("Message") == Header("Message", optional=True)


def test_what_merely_reads() -> None:
    for name in (
        "Ping",
        "CoreSettings",
        "Status",
        "CoreShowChannels",
        "QueueStatus",
        "Getvar",
        "DBGet",
        "ListCommands",
    ):
        assert action(name).reads, name
    for name in (
        "Originate",
        "Redirect",
        "Hangup",
        "Setvar",
        "UserEvent",
        "Command",
        "QueuePause",
        "Events",
        "Filter",
        "WaitEvent",
    ):
        assert not action(name).reads, name


def test_what_actions_cause() -> None:
    assert "UserEvent" in action("UserEvent").causes
    assert "VarSet" in action("Setvar").causes
    assert "Hangup" in action("Hangup").causes
    assert "OriginateResponse" in action("Originate").causes
    assert "QueueMemberPause" in action("QueuePause").causes


def test_what_is_never_sent_says_why() -> None:
    assert {act.name for act in CATALOG.actions if act.refused} == {
        "IAXnetstats",
        "Queues",
        "WaitEvent",
        "Login",
        "Logoff",
        "Challenge",
        "Events",
        "Filter",
    }


def test_open_ones_take_any_header() -> None:
    assert event("UserEvent").open
    assert action("UserEvent").open
    assert not event("Hangup").open
    assert not action("Redirect").open
