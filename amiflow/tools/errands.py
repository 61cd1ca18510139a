"""Errands in recipe tests: what the world answers, and whether what was done is what a test expects.

Never here: doing anything (`live.effects`), the order of expectations (`testing`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TypeAlias, assert_never

from amiflow.engine import effects as fx
from amiflow.engine.errands import quoted
from amiflow.engine.functions import parsed_json
from amiflow.engine.values import Value, to_plain, to_text
from amiflow.plan import testmodel as tm
from amiflow.plan.expressions import Compare, Const, Expr
from amiflow.report.source import Span
from amiflow.tools.outcome import Did, Item, Returned

Expected: TypeAlias = tm.ExpectErrand | tm.ExpectExec | tm.ExpectSignal | tm.ExpectReturn
Evaluate: TypeAlias = Callable[[Expr], Value]


class Errands:
    """The world outside of a test: everything succeeds, unless the test has said otherwise for the next one."""

    def __init__(self) -> None:
        self.replies: list[tm.ReplyHttp | tm.ReplyExec] = []

    def answer(self, errand: fx.Errand, value: Evaluate) -> fx.ErrandDone:
        """What comes of it."""
        match errand.request:
            case fx.HttpRequest() as request:
                return self._http(errand.errand_id, request, value)
            case fx.ExecRequest():
                fields = self._take(lambda reply: isinstance(reply, tm.ReplyExec), value)
                if "failed" in fields:
                    return fx.ErrandDone(errand.errand_id, None, fields["failed"])
                result = fx.ExecResult(fields.get("code", 0), fields.get("out", ""))
                return fx.ErrandDone(errand.errand_id, result)
            case fx.AppendRequest():
                return fx.ErrandDone(errand.errand_id, None)
            case other:
                assert_never(other)

    def _http(self, errand_id: str, request: fx.HttpRequest, value: Evaluate) -> fx.ErrandDone:
        def is_meant(reply: tm.ReplyHttp | tm.ReplyExec) -> bool:
            return (
                isinstance(reply, tm.ReplyHttp)
                and reply.method == request.method
                and like(request.url, reply.url, value)
            )

        fields = self._take(is_meant, value)
        if "failed" in fields:
            return fx.ErrandDone(errand_id, None, fields["failed"])
        text = json.dumps(to_plain(fields["json"])) if "json" in fields else fields.get("text", "")
        return fx.ErrandDone(errand_id, fx.HttpResult(fields.get("status", 200), text))

    def _take(self, is_meant: Callable[[tm.ReplyHttp | tm.ReplyExec], bool], value: Evaluate) -> dict[str, Value]:
        reply = next((reply for reply in self.replies if is_meant(reply)), None)
        if reply is None:
            return {}
        self.replies.remove(reply)
        return _values(reply.fields, value)


def meets(item: Item, step: Expected, value: Evaluate) -> bool:
    """Whether what was done, or returned, is what the step expects."""
    match item, step:
        case Returned(value=returned, failure=None), tm.ExpectReturn(value=wanted):
            return bool(returned == to_plain(value(wanted)))
        case Did(what=fx.HttpRequest() as request), tm.ExpectErrand(target=target, fields=fields):
            return request.method == step.what and like(request.url, target, value) and _sent(request, fields, value)
        case Did(what=fx.AppendRequest(path=path, line=line)), tm.ExpectErrand(what="append", target=target):
            return like(path, target, value) and _within(_values(step.fields, value), parsed_json(line))
        case Did(what=fx.ExecRequest(argv=argv)), tm.ExpectExec(argv=wanted):
            globs = [Const(to_text(one), wanted.span) for one in value(wanted)]
            return len(argv) == len(globs) and all(map(partial(like, value=value), argv, globs))
        case Did(what=fx.Signal(name=name, fields=given)), tm.ExpectSignal(signal=wanted, fields=fields):
            texts = {field: to_text(text) for field, text in _values(fields, value).items()}
            return name == wanted and _within(texts, given)
    return False


def wanted(step: Expected, value: Evaluate) -> str:
    """The expectation in words."""
    match step:
        case tm.ExpectErrand(what=what, target=target, fields=fields):
            word = what if what == "append" else f"http {what}"
            return f'{word} "{to_text(value(target))}" {to_text(_values(fields, value))}'
        case tm.ExpectExec(argv=argv):
            return f"exec {to_text(value(argv))}"
        case tm.ExpectSignal(signal=name, fields=fields):
            return f"signal {name} {to_text(_values(fields, value))}"
        case tm.ExpectReturn(value=returned):
            return f"return {to_text(value(returned))}"
        case other:
            assert_never(other)


def like(text: str, glob: Expr, value: Evaluate) -> bool:
    """Whether the text is like the glob."""
    span: Span = glob.span
    return bool(value(Compare("like", Const(text, span), glob, span)))


def _values(fields: Iterable[tuple[str, Expr]], value: Evaluate) -> dict[str, Value]:
    return {name: value(expr) for name, expr in fields}


def _sent(request: fx.HttpRequest, fields: Iterable[tuple[str, Expr]], value: Evaluate) -> bool:
    """Whether the request carries these: a body at least so much, headers without regard to case."""
    headers = {name.casefold(): text for name, text in request.headers}
    for name, wanted in _values(fields, value).items():
        match name:
            case "headers":
                lower = {key.casefold(): to_text(text) for key, text in wanted.items()}
                fits = _within(lower, headers)
            case "json":
                fits = _within(to_plain(wanted), parsed_json(request.body or ""))
            case "form":
                pairs = (pair.partition("=") for pair in (request.body or "").split("&"))
                fits = _within(
                    {key: quoted(to_text(text)) for key, text in wanted.items()}, {key: text for key, _, text in pairs}
                )
            case _:
                fits = request.body == to_text(wanted)
        if not fits:
            return False
    return True


def _within(wanted: Value, given: Value) -> bool:
    """Whether a record has these fields at least; everything else is to be equal."""
    if isinstance(wanted, Mapping) and isinstance(given, Mapping):
        return all(name in given and _within(to_plain(value), given[name]) for name, value in wanted.items())
    return bool(to_plain(wanted) == to_plain(given))
