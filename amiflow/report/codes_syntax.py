"""What the reader of recipes finds: rows of the table of diagnostic kinds.

Belongs here: those rows. Never: code that finds a mistake, or the words of one single message.
"""

from __future__ import annotations

from amiflow.report.kind import Code

SYNTAX: tuple[Code, ...] = (
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
        "The units are `ms`, `s`, `m`, `h` and `d`, the larger one first: `250ms`, `5s`, `1h30m`. "
        'What is dialled is text, as a number does not keep its leading zero: `"0301234"`.',
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
        "A line has at most 100,000 characters, a recipe 20,000 lines and a million.",
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
