"""Running and testing recipes: rows of the table of diagnostic kinds.

Belongs here: those rows: configuration, params, scenarios, and what a run or a test tells. Never: code that finds a
mistake, or the words of one single message.
"""

from __future__ import annotations

from amiflow.report.kind import Code

_ROOM = "param room: text\nflow f on start { log room }\n\n"
_COUNT = 'param number: int = 5\nflow f on start { log "${number}" }\n\n'
_SERVER = "servers:\n  pbx:\n    host: 127.0.0.1\n    username: amiflow\n    secret: env:PBX_SECRET\n"
_RATE = 'param seconds: int\nlet rate = 60 / seconds\nflow f on start { log "${rate}" }\n\n'
_WRITES = 'flow f on start { append "calls.jsonl" {note: "begun"} }\n\n'

OPERATIONS: tuple[Code, ...] = (
    Code(
        "unknown-key",
        "error",
        "A YAML file has the keys that are described.",
        "A misspelt key would change nothing, and nobody would know.",
        _SERVER.replace("host:", "hots:") + "    host: 127.0.0.1\n",
        _SERVER,
        "configuration",
    ),
    Code(
        "missing-setting",
        "error",
        "A server has a host, a username and a secret.",
        "What cannot be guessed is written.",
        _SERVER.replace("    username: amiflow\n", ""),
        _SERVER,
        "configuration",
    ),
    Code(
        "double-key",
        "error",
        "A key is written once, and a param is given once on a command line.",
        "Which of two values holds should not depend on who reads them.",
        _SERVER + "    host: 127.0.0.2\n",
        _SERVER,
        "configuration",
    ),
    Code(
        "bad-value",
        "error",
        "A key has a value of the kind that it takes.",
        "A port is a number, a time such as `10s`, a size such as `512MB`; what is no YAML is refused here too.",
        _SERVER + "    port: many\n",
        _SERVER + "    port: 5038\n",
        "configuration",
    ),
    Code(
        "secret-exposed",
        "warning",
        "A secret is for the one who runs amiflow alone.",
        "It stands in a configuration that others may read. A file of its own or the environment keeps it apart.",
        _SERVER.replace("env:PBX_SECRET", "opensesame"),
        _SERVER,
        "configuration",
    ),
    Code(
        "bad-scenario",
        "error",
        "A scenario says what the simulated PBX has, and which calls come when.",
        "A name in it means something that it declares, and its values have the kinds that are described.",
        "accounts: many\n",
        "accounts:\n  amiflow: {secret: s}\n",
        "scenario",
    ),
    Code(
        "bad-param",
        "error",
        "A param's value is of the type that the recipe declares.",
        "On a command line it is written as `--param name=value`.",
        _COUNT + "$ amiflow run r.flow --dry-run --param number=five\n",
        _COUNT + "$ amiflow run r.flow --dry-run --param number=5\n",
        "command",
    ),
    Code(
        "missing-param",
        "error",
        "A param without a default is given.",
        "On the command line, in a file of params, or in the configuration.",
        _ROOM + "$ amiflow run r.flow --dry-run\n",
        _ROOM + "$ amiflow run r.flow --dry-run --param room=680\n",
        "command",
    ),
    Code(
        "no-value",
        "error",
        "A constant has a value for the params that are given.",
        "Constants are worked out once, before the run begins.",
        _RATE + "$ amiflow run r.flow --simulate --no-journal --param seconds=0\n",
        _RATE + "$ amiflow run r.flow --simulate --no-journal --param seconds=10\n",
        "command",
    ),
    Code(
        "unknown-server",
        "error",
        "A flow's `server` is one of the run's.",
        "A flow for a server that is not there would never start. The simulated PBX stands for any.",
        'flow f on start server "pbxx" { log "hello" }\n\n# amiflow.yaml\n' + _SERVER + "\n$ amiflow run r.flow\n",
        'flow f on start server "pbx" { log "hello" }\n\n# amiflow.yaml\n' + _SERVER + "\n$ amiflow run r.flow\n",
        "command",
    ),
    Code(
        "not-allowed",
        "error",
        "What a recipe does beyond AMI is allowed by the run.",
        "Nothing is fetched, posted, executed or written unless who starts the run says so: by `--allow`, or in\n"
        "the configuration.",
        _WRITES + "$ amiflow run r.flow --simulate --no-journal\n",
        _WRITES + "$ amiflow run r.flow --simulate --no-journal --allow append:calls.jsonl\n",
        "command",
    ),
    Code(
        "flow-failed",
        "error",
        "A flow does what it says, or its `or` says what then.",
        "The label is the step that failed. Without an `or`, an error, a time that ran out or `fail` ends the flow.",
        'flow f on start { fail "no room" }\n\n$ amiflow run r.flow --simulate --no-journal\n',
        'flow f on start { log "a room" }\n\n$ amiflow run r.flow --simulate --no-journal\n',
        "command",
    ),
    Code(
        "test-failed",
        "error",
        "A test's expectations are met.",
        "The label is the expectation that was not; what came instead and all that happened are printed with it.",
        'flow f on start { log "hello" }\ntest "t" { start expect log "goodbye" }\n\n$ amiflow test r.flow\n',
        'flow f on start { log "hello" }\ntest "t" { start expect log "hello" }\n\n$ amiflow test r.flow\n',
        "command",
    ),
)
