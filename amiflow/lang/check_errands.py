"""What steps have done outside of the PBX: requests, programs, lines of files, signals, and what their tests say of it.

Never here: the walk through steps (`check_steps`) and tests (`check_tests`), a stranger's text on its way out
(`safety`).
"""

from __future__ import annotations

from collections.abc import Mapping

from amiflow.lang import nodes, problems_messages, problems_types, rules
from amiflow.lang.infer import Inference
from amiflow.plan.types import DATA, INT, TEXT, UNKNOWN, ListOf, MessageOf, RecordOf, Type, definite

PARTS = ("json", "headers", "form", "body")
BODIES = ("json", "form", "body")
_REPLIES: Mapping[str, Mapping[str, Type]] = {
    "http": {"status": INT, "text": TEXT, "json": UNKNOWN, "failed": TEXT},
    "exec": {"code": INT, "out": TEXT, "failed": TEXT},
}

ERRANDS = nodes.Http | nodes.Exec | nodes.Append | nodes.Signal


def check_errand(inference: Inference, operation: ERRANDS) -> Type:
    """Check one; what its name is bound to."""
    match operation:
        case nodes.Http():
            _http(inference, operation)
            return MessageOf("http", ())
        case nodes.Exec(argv=argv):
            inference.expect(argv, ListOf(TEXT), "`exec`")
            return MessageOf("exec", ())
        case nodes.Append(path=path, record=record):
            inference.expect(path, TEXT, "a file's name")
            _record(inference, record, "a line of a file")
        case nodes.Signal(name=name, block=block):
            check_signal(inference, name, block)
            for entry in block.headers:
                _scalar(inference, entry)
    return UNKNOWN


def check_signal(inference: Inference, name: nodes.Ident, block: nodes.Block) -> list[nodes.SignalTrigger]:
    """Its fields are those of the flows that take it; which ones of the file do. A step's may be meant for those of
    another recipe of the run."""
    triggers = [flow.trigger for flow in inference.bindings.flows.values()]
    taken = [one for one in triggers if isinstance(one, nodes.SignalTrigger) and one.signal.text == name.text]
    known = {arg.name.text for one in taken for arg in one.args}
    _keys(inference, block)
    for entry in block.headers:
        if taken and entry.key.text not in known:
            inference.findings.say(problems_types.unknown_field(entry.key, sorted(known)))
    return taken


def _http(inference: Inference, call: nodes.Http) -> None:
    inference.expect(call.url, TEXT, "a URL")
    seen: dict[str, nodes.Ident] = {}
    for part in call.parts:
        kind = part.kind.text
        if kind in seen or (kind in BODIES and any(body in seen for body in BODIES)):
            earlier = seen.get(kind) or next(seen[body] for body in BODIES if body in seen)
            inference.findings.say(problems_messages.duplicate_key(part.kind, earlier))
        seen[kind] = part.kind
        if kind == "json":
            inference.expect(part.value, DATA, "JSON")
        elif kind == "body":
            inference.expect(part.value, TEXT, "a body")
        else:
            _record(inference, part.value, f"`{kind}`")


def _record(inference: Inference, value: nodes.Expr, what: str) -> None:
    kind = inference.value(value)
    fits = isinstance(definite(kind), RecordOf) or kind in (DATA, UNKNOWN)
    if not fits or not rules.fits(kind, DATA):
        inference.findings.say(problems_types.type_mismatch(value, kind, RecordOf(()), what))


def _scalar(inference: Inference, entry: nodes.HeaderEntry) -> None:
    kind = inference.value(entry.value)
    if kind != UNKNOWN and not rules.is_scalar(kind):
        inference.findings.say(problems_types.type_mismatch(entry.value, kind, TEXT, f"`{entry.key.text}`"))


def check_reply(inference: Inference, kind: str, block: nodes.Block) -> None:
    """`reply http … { status: 200 }`, `reply exec { code: 1 }`."""
    fields = _REPLIES[kind]
    _keys(inference, block)
    for entry in block.headers:
        if entry.key.text not in fields:
            inference.findings.say(problems_types.unknown_field(entry.key, list(fields)))
            inference.infer(entry.value)
        else:
            inference.expect(entry.value, fields[entry.key.text], f"`{entry.key.text}`")


def check_expected(inference: Inference, step: nodes.TestStep) -> None:
    """`expect http`, `exec`, `append`, `signal`."""
    match step:
        case nodes.ExpectHttp(url=url, block=block):
            inference.expect(url, TEXT, "a URL")
            _keys(inference, block)
            for entry in block.headers:
                if entry.key.text not in PARTS:
                    inference.findings.say(problems_types.unknown_field(entry.key, PARTS))
                inference.infer(entry.value)
        case nodes.ExpectExec(argv=argv):
            inference.expect(argv, ListOf(TEXT), "`exec`")
        case nodes.ExpectAppend(path=path, block=block):
            inference.expect(path, TEXT, "a file's name")
            _keys(inference, block)
            for entry in block.headers:
                inference.infer(entry.value)
        case nodes.ExpectSignal(block=block):
            _keys(inference, block)
            for entry in block.headers:
                inference.infer(entry.value)


def _keys(inference: Inference, block: nodes.Block) -> None:
    seen: dict[str, nodes.Ident] = {}
    for entry in block.headers:
        if entry.key.text in seen:
            inference.findings.say(problems_messages.duplicate_key(entry.key, seen[entry.key.text]))
        seen[entry.key.text] = entry.key
