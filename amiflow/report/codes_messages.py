"""Events, actions and headers: rows of the table of diagnostic kinds.

Belongs here: those rows. Never: code that finds a mistake, or the words of one single message.
"""

from __future__ import annotations

from amiflow.report.kind import Code

MESSAGES: tuple[Code, ...] = (
    Code(
        "unknown-event",
        "error",
        "Events are those of Asterisk, and the userevents that the file declares.",
        "The names are Asterisk's own, in any case.",
        "flow f on Hangpu as h { log h.Channel }\n",
        "flow f on Hangup as h { log h.Channel }\n",
    ),
    Code(
        "row-event",
        "error",
        "What starts a flow or is waited for is an event that comes by itself.",
        "Rows of lists and the events that end them come only as part of an action's answer.",
        'flow f on QueueStatusComplete { log "done" }\n',
        'flow f on start { let r = QueueStatus { } log "${len(r.QueueMember)} members" }\n',
    ),
    Code(
        "unknown-action",
        "error",
        "Actions are those of Asterisk.",
        'The names are Asterisk\'s own, in any case. An action of another module is sent by `raw "Name" { … }`.',
        "flow f on Newchannel as c { Hangupp { Channel: c.Channel } }\n",
        "flow f on Newchannel as c { Hangup { Channel: c.Channel } }\n",
    ),
    Code(
        "refused-action",
        "error",
        "What belongs to the connection is the runner's.",
        "A recipe does not log in or off, nor send an action that Asterisk never answers.",
        "flow f on start { Logoff { } }\n",
        "flow f on start { Ping { } }\n",
    ),
    Code(
        "needless-raw",
        "warning",
        "`raw` is for actions that are not described.",
        "Nothing of a `raw` action is checked.",
        'flow f on start { raw "Ping" { } }\n',
        "flow f on start { Ping { } }\n",
    ),
    Code(
        "unknown-header",
        "error",
        "A message has the headers that Asterisk gives it.",
        "Of alternatives (`on A | B as e`) the headers common to all are known. Where a message may carry more, such\n"
        'as a UserEvent, they are read as text: `u["Room"]`.',
        "flow f on Hangup as h { log h.CauseText }\n",
        "flow f on Hangup as h { log h.Cause-txt }\n",
    ),
    Code(
        "missing-header",
        "error",
        "An action carries what it needs.",
        "Without it Asterisk would refuse the action, or do something else.",
        'flow f on BridgeEnter as b { Redirect { Channel: b.Channel Context: "default" Priority: 1 } }\n',
        'flow f on BridgeEnter as b { Redirect { Channel: b.Channel Context: "default" Exten: "680" Priority: 1 } }\n',
    ),
    Code(
        "duplicate-header",
        "error",
        "A header is written once.",
        "A header that is to be repeated is given a list.",
        'flow f on start { UserEvent { UserEvent: "Hi" Note: "a" Note: "b" } }\n',
        'flow f on start { UserEvent { UserEvent: "Hi" Note: ["a", "b"] } }\n',
    ),
    Code(
        "duplicate-key",
        "error",
        "A record's key is written once.",
        "So are a userevent's headers and what a test gives.",
        'flow f on start { let r = {a: 1 a: 2} log "${r.a}" }\n',
        'flow f on start { let r = {a: 1 b: 2} log "${r.a}" }\n',
    ),
    Code(
        "not-writable",
        "error",
        "Identifiers of the connection are the runner's.",
        "`ActionID`, and an Originate's `ChannelId` and `OtherChannelId`, are allocated by it, so that answers and\n"
        "events find their step.",
        'flow f on start { Ping { ActionID: "1" } }\n',
        "flow f on start { Ping { } }\n",
    ),
    Code(
        "originate-rule",
        "error",
        "An Originate is always sent asynchronously, and to one destination.",
        "Without `Async` its step waits for the outcome; with `Async: true` it goes on at once. A synchronous one\n"
        "would hold up the whole connection while the telephone rings.",
        'flow f on start { Originate { Channel: "PJSIP/1" Application: "Echo" Async: false } }\n',
        'flow f on start { Originate { Channel: "PJSIP/1" Application: "Echo" } }\n',
    ),
    Code(
        "unknown-value",
        "warning",
        "A header is compared with values that it is known to have.",
        "Asterisk's lists of values are not complete, so this is no error.",
        'flow f on BridgeEnter as b where b.BridgeType == "basics" { log b.Channel }\n',
        'flow f on BridgeEnter as b where b.BridgeType == "basic" { log b.Channel }\n',
    ),
    Code(
        "event-not-in-version",
        "error",
        "An event is one that the wanted Asterisk has.",
        "Asked for with `amiflow check --asterisk 16`. Of alternatives (`on A | B`) one that it has is enough.",
        'flow f on Bridge as b { log "bridged" }\n\n$ amiflow check --asterisk 16 r.flow\n',
        'flow f on Bridge | BridgeEnter as b { log "bridged" }\n\n$ amiflow check --asterisk 16 r.flow\n',
        "command",
    ),
    Code(
        "action-not-in-version",
        "error",
        "An action is one that the wanted Asterisk has.",
        "Asked for with `amiflow check --asterisk 16`. What it does not know it answers with an error.",
        "flow f on Newchannel as c { SendFlash { Channel: c.Channel } }\n\n$ amiflow check --asterisk 16 r.flow\n",
        "flow f on Newchannel as c { SendFlash { Channel: c.Channel } }\n\n$ amiflow check --asterisk 18 r.flow\n",
        "command",
    ),
    Code(
        "header-not-in-version",
        "error",
        "A header is one that the message has in the wanted Asterisk.",
        "Asked for with `amiflow check --asterisk 16`. One that is not there reads as none.",
        "flow f on Hangup as h { log h.Tenantid }\n\n$ amiflow check --asterisk 16 r.flow\n",
        "flow f on Hangup as h { log h.Tenantid }\n\n$ amiflow check --asterisk 20 r.flow\n",
        "command",
    ),
)
