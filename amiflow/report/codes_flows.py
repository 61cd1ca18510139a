"""Flows and their steps: rows of the table of diagnostic kinds.

Belongs here: those rows. Never: code that finds a mistake, or the words of one single message.
"""

from __future__ import annotations

from amiflow.report.kind import Code

FLOWS: tuple[Code, ...] = (
    Code(
        "bad-duration",
        "error",
        "A duration has its unit.",
        "`5` could be seconds or milliseconds; `5s` cannot.",
        'flow f on start { wait Hangup within 5 log "over" }\n',
        'flow f on start { wait Hangup within 5s log "over" }\n',
    ),
    Code(
        "bad-bound",
        "error",
        "A bound is more than zero.",
        "Nothing can come in no time, and nothing is done no times.",
        'flow f on start { wait 0s log "over" }\n',
        'flow f on start { wait 1s log "over" }\n',
    ),
    Code(
        "missing-bound",
        "error",
        "Every flow has a lifetime.",
        "It is the sum of the flow's own bounds. Where that depends on what the run will bring, it is written.",
        "flow f on start {\n  let r = QueueStatus { }\n  for m in r.QueueMember { wait 1m log m.Name }\n}\n",
        "flow f on start lasting 2h {\n  let r = QueueStatus { }\n  for m in r.QueueMember { wait 1m log m.Name }\n}\n",
    ),
    Code(
        "outlived",
        "error",
        "A flow lives as long as its own waits.",
        "`lasting` ends the flow whatever it is doing.",
        'flow f on start lasting 10s { wait 1m log "over" }\n',
        'flow f on start lasting 2m { wait 1m log "over" }\n',
    ),
    Code(
        "unreachable-step",
        "error",
        "Every step can be reached.",
        "Behind `stop`, `fail`, `break` and `continue` nothing is done.",
        'flow f on start { stop log "hello" }\n',
        'flow f on start { log "hello" stop }\n',
    ),
    Code(
        "after-hangup",
        "warning",
        "A channel is used before it is hung up.",
        "Asterisk refuses actions on a channel that is gone, and of the events of living channels it has no more.\n"
        "It is gone behind the action Hangup, and where its event Hangup was seen.",
        "flow f on Newchannel as c {\n  Hangup { Channel: c.Channel }\n"
        '  Setvar { Channel: c.Channel Variable: "GONE" Value: "1" }\n}\n',
        'flow f on Newchannel as c {\n  Setvar { Channel: c.Channel Variable: "GONE" Value: "1" }\n'
        "  Hangup { Channel: c.Channel }\n}\n",
    ),
    Code(
        "misplaced",
        "error",
        "A step stands where it means something.",
        "`break` and `continue` belong into a loop, `return` into what is called, `or` behind what can fail.",
        'flow f on start { log "hello" break }\n',
        'flow f on start { repeat 3 { log "hello" break } }\n',
    ),
    Code(
        "useless-call",
        "error",
        "A step does something.",
        "A function only gives a value.",
        'flow f on start { upper("x") }\n',
        'flow f on start { let x = upper("x") log x }\n',
    ),
    Code(
        "empty-flow",
        "error",
        "A flow has steps, and a wait has events.",
        "One without does nothing at all.",
        "flow f on start { }\n",
        'flow f on start { log "hello" }\n',
    ),
    Code(
        "no-flows",
        "warning",
        "A recipe has a flow.",
        "Without one nothing happens when it is run.",
        "# nothing\n",
        'flow f on start { log "hello" }\n',
    ),
    Code(
        "duplicate-clause",
        "error",
        "Each clause is written at most once.",
        "Only `allow` may be repeated.",
        'flow f on start max 1 max 2 { log "hello" }\n',
        'flow f on start max 2 { log "hello" }\n',
    ),
    Code(
        "bad-allow",
        "error",
        "`allow` names a warning, in a comment with a reason.",
        "Errors cannot be allowed. In a comment: `# allow unused-name: the reason`.",
        'flow f on start allow feedback-lop "meant" { log "hello" }\n',
        'flow f on Hangup as h allow feedback-loop "meant" { Hangup { Channel: h.Channel } }\n',
    ),
    Code(
        "idle-allow",
        "warning",
        "A comment or clause that allows a warning stands where it is given.",
        "`# allow unused-name: the reason` holds for its own line or, alone on a line, for the next, and the clause\n"
        '`allow feedback-loop "reason"` for its flow. When the warning is gone, so should they be; and\n'
        "`allow emergency` is for a flow that changes something.",
        'flow f on start {\n  log "hello"  # allow const-condition: for a trial\n}\n',
        'flow f on start {\n  if 1 == 1 { log "hello" }  # allow const-condition: for a trial\n}\n',
    ),
    Code(
        "bad-import",
        "error",
        "What is imported is a recipe, by a path relative to the file that imports it.",
        "So a recipe reads only what belongs to it: other recipes (`*.flow`), and tables in its folder.",
        'import "/etc/passwd" as users\nflow f on start { log users.text }\n',
        'let text = "hello"\nflow f on start { log text }\n',
    ),
    Code(
        "import-cycle",
        "error",
        "A file does not import itself, directly or through others.",
        "What both need belongs in a third file.",
        'import "r.flow" as me\nflow f on start { log me.text }\n',
        'let text = "hello"\nflow f on start { log text }\n',
    ),
    Code(
        "recursive-task",
        "error",
        "A task does not call itself, directly or through others.",
        "Each run has a bound; a loop with a count does what recursion would.",
        'flow f on start { again("x") }\ntask again(what: text) { log what again(what) }\n',
        'flow f on start { again("x") }\ntask again(what: text) { repeat 3 { log what } }\n',
    ),
    Code(
        "missing-key",
        "error",
        "A `reset` names the key whose count begins anew.",
        "The key behind `for` has the same parts as the one behind `per`.",
        "flow f on Hangup as h 3 times within 1h reset by Newchannel as n for n.Channel { log h.Channel }\n",
        "flow f on Hangup as h 3 times within 1h reset by Newchannel as n for n.Channel per h.Channel {\n"
        "  log h.Channel\n}\n",
    ),
    Code(
        "wrong-test",
        "error",
        "A test can fail.",
        "It expects something, its inputs come before the run begins, and its answers are such as the action can have.",
        'flow f on start { log "hello" }\ntest "t" { start }\n',
        'flow f on start { log "hello" }\ntest "t" { start expect log "hello" }\n',
    ),
    Code(
        "bad-moment",
        "error",
        "A date, a time of day, a cron line and a zone are such as exist.",
        "A zone is a name of the time zone database. A cron line has five fields (minute, hour, day of the month,\n"
        "month, day of the week), each `*`, a number or name, a range, a list or a step.",
        'flow f on start { log "hello" }\n'
        'test "t" { given now = "2026-03-02 25:00" in "UTC" start expect log "hello" }\n',
        'flow f on start { log "hello" }\n'
        'test "t" { given now = "2026-03-02 07:59" in "UTC" start expect log "hello" }\n',
    ),
)
