"""Types and values: rows of the table of diagnostic kinds.

Belongs here: those rows. Never: code that finds a mistake, or the words of one single message.
"""

from __future__ import annotations

from amiflow.report.kind import Code

TYPES: tuple[Code, ...] = (
    Code(
        "type-mismatch",
        "error",
        "A value has the type that its place asks for.",
        "A text is no number: `int(x)` reads one. A duration has its unit, a header its own way to write it.",
        'flow f on Hangup as h where h.Cause == "16" { log h.Channel }\n',
        "flow f on Hangup as h where h.Cause == 16 { log h.Channel }\n",
    ),
    Code(
        "maybe-none",
        "error",
        "A value that may be absent is tested, or given a default, before it is needed.",
        "A header that Asterisk may leave out or fill with `<unknown>` may be none, and so may `int(x)`. A comparison\n"
        "that holds shows that it is not; `x ?? default` gives a default. In `log` and `fail` none prints as `-`.",
        'flow f on Newchannel as c { let n = len(c.CallerIDName) log "${n}" }\n',
        'flow f on Newchannel as c { let n = len(c.CallerIDName ?? "") log "${n}" }\n',
    ),
    Code(
        "unknown-type",
        "error",
        "Types are `text int number bool duration time list data`.",
        "A userevent's headers are `text int number bool`. `T?` may be none.",
        'param room: string = "680"\nflow f on start { log "${room}" }\n',
        'param room: text = "680"\nflow f on start { log "${room}" }\n',
    ),
    Code(
        "unknown-field",
        "error",
        "A part is taken of what has it.",
        "A record has the fields that it was written with; texts, numbers and lists have none.",
        'flow f on start { let r = {queue: "a"} log r.queu }\n',
        'flow f on start { let r = {queue: "a"} log r.queue }\n',
    ),
    Code(
        "unknown-function",
        "error",
        "A function is one of the builtin ones.",
        "They have a name space of their own: a name directly before `(`.",
        'flow f on start { log uper("x") }\n',
        'flow f on start { log upper("x") }\n',
    ),
    Code(
        "wrong-argument",
        "error",
        "A function is given what it takes.",
        "As many values as it has parameters, each of a type that fits.",
        "flow f on start { log upper(5) }\n",
        'flow f on start { log upper("five") }\n',
    ),
    Code(
        "bad-regex",
        "error",
        "A regular expression is one that always ends in time.",
        "Back references and look-around are not part of it.",
        'flow f on Newchannel as c where c.Channel matches r"(a" { log c.Channel }\n',
        'flow f on Newchannel as c where c.Channel matches r"(a)" { log c.Channel }\n',
    ),
    Code(
        "const-condition",
        "warning",
        "A condition decides something.",
        "One that is always true or always false is often a misspelling.",
        "flow f on Newchannel as c where c.Channel != none { log c.Channel }\n",
        'flow f on Newchannel as c where c.AccountCode != "" { log c.Channel }\n',
    ),
    Code(
        "never-matches",
        "error",
        "Some event can fit each `where`.",
        "A pattern whose parts contradict each other, or what is known where it stands, is waited for in vain.",
        'flow f on DialEnd as d where d.DialStatus == "BUSY" and d.DialStatus == "NOANSWER" { log d.Channel }\n',
        'flow f on DialEnd as d where d.DialStatus in ["BUSY", "NOANSWER"] { log d.Channel }\n',
    ),
)
