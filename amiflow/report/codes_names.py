"""Names: rows of the table of diagnostic kinds.

Belongs here: those rows. Never: code that finds a mistake, or the words of one single message.
"""

from __future__ import annotations

from amiflow.report.kind import Code

NAMES: tuple[Code, ...] = (
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
        "`given` and `--param` name a param.",
        "They set inputs of the recipe; constants and secrets are not set by them. In a configuration one\n"
        "too many is a warning: it may serve several recipes.",
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
        "`set` changes a `var` or a place in a map.",
        "What `let`, `as` and declarations introduce keeps its value. Counters and series take `add`, and all three\n"
        "`delete`; tables and lists are not changed.",
        'flow f on start { let n = 0 set n = n + 1 log "${n}" }\n',
        'flow f on start { var n = 0 set n = n + 1 log "${n}" }\n',
    ),
)
