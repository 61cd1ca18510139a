"""The table of diagnostic kinds: one row each, from which `amiflow explain` and the reference are printed.

Belongs here: a kind's name, severity, rule, explanation and its two examples (both compiled by a test). Never: code
that finds a mistake, or the words of one single message.
"""

from __future__ import annotations

from dataclasses import dataclass

from amiflow.report.diagnostic import Severity


@dataclass(frozen=True, slots=True)
class Code:
    """A kind of diagnostic. `bad` is a recipe that has this mistake and no other, `good` the same one mended."""

    name: str
    severity: Severity
    rule: str
    explanation: str
    bad: str
    good: str


_ROWS: tuple[Code, ...] = (
    Code(
        "syntax",
        "error",
        "A recipe follows the grammar.",
        "Something is missing, misplaced or not part of the language. The label marks the place, and the help says\n"
        "what would be right there. Reading goes on behind it, so that one run shows all such mistakes.",
        'flow f on start { log "hello" fail }\n',
        'flow f on start { log "hello" fail "why" }\n',
    ),
    Code(
        "unclosed",
        "error",
        "Every bracket that is opened is closed.",
        "A `(`, `[` or `{` has no partner. The label marks the opening bracket that is left alone; where the closing\n"
        "one was expected is judged by the indentation.",
        'flow f on start {\n  log "${upper("x"}"\n}\n',
        'flow f on start {\n  log "${upper("x")}"\n}\n',
    ),
    Code(
        "unclosed-text",
        "error",
        "A text ends on the line on which it begins.",
        'A `"` has no partner on its line. A line break within a text is written `\\n`.',
        'let greeting = "hello\n',
        'let greeting = "hello"\n',
    ),
    Code(
        "bad-text",
        "error",
        "A text holds only the escapes that the language knows, and well-formed `${…}`.",
        'The escapes are `\\"`, `\\\\`, `\\n`, `\\t`, `\\$` and `\\u{…}` with the hexadecimal number of a character.',
        'let path = "C:\\dir"\n',
        'let path = "C:\\\\dir"\n',
    ),
    Code(
        "bad-number",
        "error",
        "A number is digits, perhaps a point and digits; a duration is whole numbers, each with its unit.",
        "The units are `ms`, `s`, `m`, `h` and `d`, the larger one first: `250ms`, `5s`, `1h30m`.",
        "let pause = 5min\n",
        "let pause = 5m\n",
    ),
    Code(
        "bad-time",
        "error",
        "Hours and days are written `08:00-18:00` and `mon-fri`.",
        "A time of day goes from 00:00 to 24:00, and a day is one of `mon tue wed thu fri sat sun`.",
        'hours office in "Europe/Berlin" { mon-fri 08:00-25:00 }\n',
        'hours office in "Europe/Berlin" { mon-fri 08:00-18:00 }\n',
    ),
    Code(
        "not-a-literal",
        "error",
        "Paths of imports and tables, zones, times and cron lines are plain texts.",
        "They are needed before the recipe runs, so they can hold no `${…}`.",
        'param zone = "UTC"\nflow f cron "0 8 * * *" in "${zone}" { log "morning" }\n',
        'flow f cron "0 8 * * *" in "UTC" { log "morning" }\n',
    ),
    Code(
        "nested-too-deep",
        "error",
        "Brackets and blocks are nested at most 50 deep, and expressions 100.",
        "The bound keeps reading a recipe within known time and memory, whatever the text is.",
        "let deep = " + "[" * 51 + "1" + "]" * 51 + "\n",
        "let deep = [1]\n",
    ),
    Code(
        "too-long",
        "error",
        "A line has at most 100,000 characters, a recipe 32 million.",
        "A text beyond that was not written by hand, and is refused unread.",
        'let a = "' + "x" * 100_000 + '"\n',
        'let a = "x"\n',
    ),
    Code(
        "bad-character",
        "error",
        "Outside texts and comments a recipe holds only the characters of its grammar.",
        "A character that no word, number or sign of the language begins with. Letters beyond ASCII belong into texts.",
        "let fee = 5 €\n",
        "let fee = 5\n",
    ),
    Code(
        "foreign-habit",
        "error",
        "The language has one way of writing each thing.",
        'Signs of other languages have their word here: `and` for `&&`, `or` for `||`, `not` for `!`, `"…"` for\n'
        "`'…'`, `==` to compare, `else if` for `elif`; a step needs no `;`.",
        "let both = true && false\n",
        "let both = true and false\n",
    ),
    Code(
        "keyword-as-name",
        "error",
        "A word of the language is no name.",
        "Most words of declarations and clauses can be names where the grammar can tell them apart; the words that\n"
        "begin a step or belong to an expression cannot. After a dot and as a header's key every word is free.",
        "let wait = 5s\n",
        "let pause = 5s\n",
    ),
    Code(
        "keyword-case",
        "error",
        "Words of the language are written in lower case.",
        "Case matters for them alone: event, action and header names are looked up without it.",
        'Flow f on start { log "hello" }\n',
        'flow f on start { log "hello" }\n',
    ),
    Code(
        "missing-within",
        "error",
        "Every wait has a bound.",
        "Nothing runs for ever: `within` says how long something is waited for.",
        "flow f on start { wait Hangup as h }\n",
        "flow f on start { wait Hangup as h within 30s }\n",
    ),
)

# --- names ------------------------------------------------------------------------------------------------------------

_NAMES: tuple[Code, ...] = (
    Code(
        "unknown-name",
        "error",
        "A name is declared before it is used.",
        "Names are params, secrets and constants of the file, what `as` and `let` introduce, and loop variables;\n"
        "each is known from its declaration to the end of its block.",
        'param room = "680"\nflow f on start { log "to ${rom} or ${room}" }\n',
        'param room = "680"\nflow f on start { log "to ${room}" }\n',
    ),
    Code(
        "duplicate-name",
        "error",
        "A name is declared once.",
        "Two declarations of one name in the same block, or two flows or userevents of one name.",
        'flow f on start { let x = 1 log "${x}" let x = 2 log "${x}" }\n',
        'flow f on start { let x = 1 log "${x}" let y = 2 log "${y}" }\n',
    ),
    Code(
        "shadowed",
        "error",
        "A name never hides another.",
        "There is one rule for all names: an inner block sees the names of the blocks around it, and cannot take one\n"
        "of them for something else.",
        'param room = "680"\nflow f on start { log room let room = "681" log room }\n',
        'param room = "680"\nflow f on start { log room let other = "681" log other }\n',
    ),
    Code(
        "unused-name",
        "warning",
        "What is declared is used.",
        "A name that nothing reads is often a misspelling of one that something should.",
        'param room = "680"\nflow f on start { log "hello" }\n',
        'param room = "680"\nflow f on start { log "hello ${room}" }\n',
    ),
    Code(
        "unknown-param",
        "error",
        "`given` names a param.",
        "A test sets inputs of the recipe; constants and secrets are not set by it.",
        'param room = "680"\nflow f on start { log room }\ntest "t" { given rom = "681" start expect log "681" }\n',
        'param room = "680"\nflow f on start { log room }\ntest "t" { given room = "681" start expect log "681" }\n',
    ),
    Code(
        "unknown-flow",
        "error",
        "`expect flow` names a flow of the file.",
        "The name is the one behind `flow`.",
        'flow greet on start { log "hello" }\ntest "t" { start expect flow gret done }\n',
        'flow greet on start { log "hello" }\ntest "t" { start expect flow greet done }\n',
    ),
    Code(
        "param-default",
        "error",
        "A param's default uses literals and params above it.",
        "Params are inputs: they are known before constants and secrets of the file are.",
        'let room = "680"\nparam first = room\nflow f on start { log first }\n',
        'param first = "680"\nflow f on start { log first }\n',
    ),
    Code(
        "not-settable",
        "error",
        "`set` changes a `var`.",
        "What `let`, `as` and declarations introduce keeps its value.",
        'flow f on start { let n = 0 set n = n + 1 log "${n}" }\n',
        'flow f on start { var n = 0 set n = n + 1 log "${n}" }\n',
    ),
)

# --- events, actions, headers -----------------------------------------------------------------------------------------

_MESSAGES: tuple[Code, ...] = (
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
)

# --- types and values -------------------------------------------------------------------------------------------------

_TYPES: tuple[Code, ...] = (
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
)

# --- flows and steps --------------------------------------------------------------------------------------------------

_FLOWS: tuple[Code, ...] = (
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
        "`allow` names a warning.",
        "Errors cannot be allowed.",
        'flow f on start allow feedback-lop "meant" { log "hello" }\n',
        'flow f on start allow feedback-loop "meant" { log "hello" }\n',
    ),
    Code(
        "missing-key",
        "error",
        "A `reset` names the key whose count begins anew.",
        "The key behind `for` has the same parts as the one behind `per`.",
        'flow f on Hangup as h 3 times within 1h reset by Newchannel as n for n.Channel { log h.Channel }\n',
        "flow f on Hangup as h 3 times within 1h reset by Newchannel as n for n.Channel per h.Channel {\n"
        "  log h.Channel\n}\n",
    ),
    Code(
        "not-yet",
        "error",
        "This version runs a part of the language.",
        "The construct is right, and cannot be run yet.",
        'flow f on start after restart resume { log "hello" }\n',
        'flow f on start { log "hello" }\n',
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
        "A zone is a name of the time zone database. A cron line has five fields (minute, hour, day of the month, month,\n"
        "day of the week), each `*`, a number or name, a range, a list or a step.",
        'flow f on start { log "hello" }\n'
        'test "t" { given now = "2026-03-02 25:00" in "UTC" start expect log "hello" }\n',
        'flow f on start { log "hello" }\n'
        'test "t" { given now = "2026-03-02 07:59" in "UTC" start expect log "hello" }\n',
    ),
)

# --- safety -----------------------------------------------------------------------------------------------------------

_SAFETY: tuple[Code, ...] = (
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

CODES: dict[str, Code] = {row.name: row for row in (*_ROWS, *_NAMES, *_MESSAGES, *_TYPES, *_FLOWS, *_SAFETY)}
