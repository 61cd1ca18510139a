"""What a stranger could do, and what a flow could do to itself: rows of the table of diagnostic kinds.

Belongs here: those rows. Never: code that finds a mistake, or the words of one single message.
"""

from __future__ import annotations

from amiflow.report.kind import Code

SAFETY: tuple[Code, ...] = (
    Code(
        "unsafe-value",
        "error",
        "Text that a caller controls does not become code or aim.",
        "A caller's name, a dialled number, a UserEvent's or a variable's value can be anything. Before it is\n"
        "dialled, run or made a variable it is cleaned (`digits`, `e164`, `only`, `one_of`), or was found equal to\n"
        "something known.\n"
        "`trust(x)` is the explicit way past this; the plan lists it.",
        'flow f on Hangup as h {\n  Originate { Channel: "PJSIP/${h.Exten}" Application: "Echo" }\n}\n',
        'flow f on Hangup as h {\n  Originate { Channel: "PJSIP/${digits(h.Exten)}" Application: "Echo" }\n}\n',
    ),
    Code(
        "secret-shown",
        "error",
        "A secret is never printed.",
        "`log` and `fail` write for people.",
        'secret token\nflow f on start { log "with ${token}" }\n',
        'secret token\nflow f on start { log "with ${hash(token)}" }\n',
    ),
    Code(
        "feedback-loop",
        "warning",
        "A flow does not start itself.",
        "Its action raises the event that it waits for. `where not ours(e)` excludes the events that this run caused.",
        "flow f on Hangup as h { Hangup { Channel: h.Channel } }\n",
        "flow f on Hangup as h where not ours(h) { Hangup { Channel: h.Channel } }\n",
    ),
)
