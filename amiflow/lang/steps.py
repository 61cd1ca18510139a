"""From the grammar's tree to nodes, second half: steps of flows, tasks and tests.

Belongs here: one small function for each kind of step. Never: expressions, or declarations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from amiflow.lang import nodes
from amiflow.lang.expressions import (
    Reading,
    args,
    block,
    expr,
    ident,
    member_name,
    message,
    optional_block,
    optional_expr,
    optional_ident,
    optional_plain,
    pattern,
    plain,
    record,
    ref,
    whole_name,
)
from amiflow.lang.lalr import Branch, Token
from amiflow.report.diagnostic import Diagnostic, Label
from amiflow.report.source import Span


def _children(tree: Branch) -> list[Any]:
    return cast(list[Any], tree.children)


def body(reading: Reading, tree: Branch) -> nodes.Body:
    return nodes.Body(reading.span(tree), tuple(step(reading, piece) for piece in cast(list[Branch], tree.children)))


def optional_body(reading: Reading, tree: Branch | None) -> nodes.Body | None:
    return None if tree is None else body(reading, tree)


def step(reading: Reading, tree: Branch) -> nodes.Step:
    return _STEPS[tree.data](reading, tree)


# -- operations -------------------------------------------------------------------------------------------------------


def _operation(reading: Reading, tree: Branch) -> nodes.Operation:
    span, pieces = reading.span(tree), _children(tree)
    match tree.data:
        case "action":
            return nodes.Action(span, message(reading, pieces[0]), block(reading, pieces[1]))
        case "raw":
            return nodes.Raw(span, plain(reading, pieces[0]), block(reading, pieces[1]))
        case "http":
            parts = tuple(_http_part(reading, piece) for piece in pieces[2:])
            return nodes.Http(span, ident(reading, pieces[0]), expr(reading, pieces[1]), parts)
        case "exec":
            return nodes.Exec(span, expr(reading, pieces[0]))
        case "append":
            return nodes.Append(span, expr(reading, pieces[0]), record(reading, pieces[1]))
        case "signal":
            return nodes.Signal(span, ident(reading, pieces[0]), block(reading, pieces[1]))
        case _:
            return _task_call(reading, tree)


_OPERATIONS = frozenset({"action", "raw", "http", "exec", "append", "signal"})


def _http_part(reading: Reading, tree: Branch) -> nodes.HttpPart:
    kind, value = _children(tree)
    return nodes.HttpPart(reading.span(tree), ident(reading, kind), expr(reading, value))


def _task_call(reading: Reading, tree: Branch) -> nodes.Call:
    first, member, arguments = _children(tree)
    name = ident(reading, first)
    if member is None:
        return nodes.Call(reading.span(tree), None, name, args(reading, arguments))
    return nodes.Call(reading.span(tree), name, member_name(reading, member), args(reading, arguments))


def _tail(reading: Reading, tree: Branch) -> nodes.Tail:
    within, retry, handler = _children(tree)
    return nodes.Tail(
        optional_expr(reading, within),
        None if retry is None else _retry(reading, retry),
        _optional_handler(reading, handler),
    )


def _retry(reading: Reading, tree: Branch) -> nodes.Retry:
    count, every = _children(tree)
    return nodes.Retry(reading.span(tree), expr(reading, count), expr(reading, every))


def _optional_handler(reading: Reading, tree: Branch | None) -> nodes.Handler | None:
    if tree is None:
        return None
    span, pieces = reading.span(tree), _children(tree)
    match tree.data:
        case "or_steps":
            return nodes.OrSteps(span, optional_ident(reading, pieces[1]), body(reading, pieces[2]))
        case "or_word":
            return nodes.OrWord(span, pieces[1].value)
        case _:
            return nodes.OrFail(span, expr(reading, pieces[1]))


def _do(reading: Reading, tree: Branch) -> nodes.Step:
    operation, tail = _children(tree)
    return nodes.Do(reading.span(tree), _operation(reading, operation), _tail(reading, tail))


def _let(reading: Reading, tree: Branch) -> nodes.Step:
    name, piece, end = _children(tree)
    operation = not isinstance(piece, Token) and piece.data in _OPERATIONS
    value: nodes.Expr | nodes.Operation
    value = _operation(reading, piece) if operation else expr(reading, piece)
    tail = _tail(reading, end)
    if not operation and not isinstance(value, nodes.Call | nodes.Hole):
        tail = _without_tail(reading, end, tail)
    return nodes.Let(reading.span(tree), ident(reading, name), value, tail)


def _without_tail(reading: Reading, tree: Branch, tail: nodes.Tail) -> nodes.Tail:
    """Only what is awaited takes `within`, `retry` and `or`; a plain value does not."""
    if tail.within is not None or tail.retry is not None or tail.handler is not None:
        label = Label(reading.span(tree), "nothing to wait for", primary=True)
        headline = "a plain value takes no `within`, `retry` or handler"
        help_ = "keep them for actions, tasks, `http` and `exec`; a default for none is `x ?? default`"
        reading.problems.append(Diagnostic("syntax", "error", headline, label, help=help_))
    return nodes.Tail(None, None, None)


# -- values and stores ------------------------------------------------------------------------------------------------


def _var(reading: Reading, tree: Branch) -> nodes.Step:
    name, value = _children(tree)
    return nodes.Var(reading.span(tree), ident(reading, name), expr(reading, value))


def _set(reading: Reading, tree: Branch) -> nodes.Step:
    target, value = _children(tree)
    place = _slot(reading, target) if target.data == "slot" else ref(reading, target)
    return nodes.Set(reading.span(tree), place, expr(reading, value))


def _slot(reading: Reading, tree: Branch) -> nodes.Expr:
    base, index = _children(tree)
    return nodes.Index(reading.span(tree), ref(reading, base), expr(reading, index))


def _delete(reading: Reading, tree: Branch) -> nodes.Step:
    return nodes.Delete(reading.span(tree), _slot(reading, _children(tree)[0]))


def _add(reading: Reading, tree: Branch) -> nodes.Step:
    base, index, *value = _children(tree)
    store, place = ref(reading, base), expr(reading, index)
    end = reading.source.text.find("]", place.span.end) + 1
    target = nodes.Index(Span(store.span.path, store.span.start, max(end, place.span.end)), store, place)
    return nodes.Add(reading.span(tree), target, expr(reading, value[0]) if value else None)


# -- waits ------------------------------------------------------------------------------------------------------------


def _pause(reading: Reading, tree: Branch) -> nodes.Step:
    return nodes.Pause(reading.span(tree), expr(reading, _children(tree)[0]))


def _wait_event(reading: Reading, tree: Branch) -> nodes.Step:
    what, within, handler = _children(tree)
    span = reading.span(tree)
    return nodes.WaitEvent(span, pattern(reading, what), expr(reading, within), _optional_handler(reading, handler))


def _wait_all(reading: Reading, tree: Branch) -> nodes.Step:
    *patterns, within, handler = _children(tree)
    return nodes.WaitAll(
        reading.span(tree),
        tuple(pattern(reading, piece) for piece in patterns),
        expr(reading, within),
        _optional_handler(reading, handler),
    )


def _wait_any(reading: Reading, tree: Branch) -> nodes.Step:
    *branches, after, otherwise = _children(tree)
    found = tuple(_wait_branch(reading, piece) for piece in branches)
    return nodes.WaitAny(reading.span(tree), found, expr(reading, after), body(reading, otherwise))


def _wait_branch(reading: Reading, tree: Branch) -> nodes.WaitBranch:
    what, steps = _children(tree)
    return nodes.WaitBranch(reading.span(tree), pattern(reading, what), body(reading, steps))


def _wait_until(reading: Reading, tree: Branch) -> nodes.Step:
    condition, within, handler = _children(tree)
    span = reading.span(tree)
    return nodes.WaitUntil(span, expr(reading, condition), expr(reading, within), _optional_handler(reading, handler))


# -- control ----------------------------------------------------------------------------------------------------------


def _if(reading: Reading, tree: Branch) -> nodes.Step:
    *branches, otherwise = _children(tree)
    found = tuple(_if_branch(reading, piece) for piece in branches)
    return nodes.If(reading.span(tree), found, optional_body(reading, otherwise))


def _if_branch(reading: Reading, tree: Branch) -> nodes.IfBranch:
    condition, steps = _children(tree)
    return nodes.IfBranch(reading.span(tree), expr(reading, condition), body(reading, steps))


def _for(reading: Reading, tree: Branch) -> nodes.Step:
    name, source, where, parallel, steps = _children(tree)
    return nodes.For(
        reading.span(tree),
        ident(reading, name),
        expr(reading, source),
        optional_expr(reading, where),
        optional_expr(reading, parallel),
        body(reading, steps),
    )


def _repeat(reading: Reading, tree: Branch) -> nodes.Step:
    count, every, name, steps = _children(tree)
    return nodes.Repeat(
        reading.span(tree),
        expr(reading, count),
        optional_expr(reading, every),
        optional_ident(reading, name),
        body(reading, steps),
    )


def _parallel(reading: Reading, tree: Branch) -> nodes.Step:
    return nodes.Parallel(reading.span(tree), tuple(body(reading, piece) for piece in _children(tree)))


def _with(reading: Reading, tree: Branch) -> nodes.Step:
    pool, within, steps, handler = _children(tree)
    return nodes.With(
        reading.span(tree),
        ref(reading, pool),
        expr(reading, within),
        body(reading, steps),
        _optional_handler(reading, handler),
    )


def _log(reading: Reading, tree: Branch) -> nodes.Step:
    level, text = _children(tree)
    return nodes.Log(reading.span(tree), _level(level), expr(reading, text))


def _level(token: Token | None) -> nodes.Level | None:
    return None if token is None else cast(nodes.Level, token.value)


def _fail(reading: Reading, tree: Branch) -> nodes.Step:
    return nodes.Fail(reading.span(tree), expr(reading, _children(tree)[0]))


def _return(reading: Reading, tree: Branch) -> nodes.Step:
    return nodes.Return(reading.span(tree), expr(reading, _children(tree)[0]))


_STEPS: dict[str, Callable[[Reading, Branch], nodes.Step]] = {
    "do": _do,
    "let": _let,
    "var": _var,
    "set": _set,
    "delete": _delete,
    "add": _add,
    "add_value": _add,
    "pause": _pause,
    "wait_event": _wait_event,
    "wait_all": _wait_all,
    "wait_any": _wait_any,
    "wait_until": _wait_until,
    "if_": _if,
    "for_": _for,
    "repeat": _repeat,
    "break_": lambda reading, tree: nodes.Break(reading.span(tree)),
    "continue_": lambda reading, tree: nodes.Continue(reading.span(tree)),
    "parallel": _parallel,
    "with_": _with,
    "log": _log,
    "stop": lambda reading, tree: nodes.Stop(reading.span(tree)),
    "fail": _fail,
    "return_": _return,
}


# -- steps of a test --------------------------------------------------------------------------------------------------


def test_steps(reading: Reading, tree: Branch) -> tuple[nodes.TestStep, ...]:
    return tuple(_test_step(reading, piece) for piece in cast(list[Branch], tree.children))


def _test_step(reading: Reading, tree: Branch) -> nodes.TestStep:
    if tree.data.startswith("expect_"):
        return _expectation(reading, tree)
    if tree.data.startswith("reply_"):
        return _reply(reading, tree)
    span, pieces = reading.span(tree), _children(tree)
    match tree.data:
        case "given_param":
            return nodes.GivenParam(span, whole_name(reading, pieces[0]), expr(reading, pieces[1]))
        case "given_table":
            return nodes.GivenTable(span, whole_name(reading, pieces[0]), expr(reading, pieces[1]))
        case "given_now":
            return nodes.GivenNow(span, plain(reading, pieces[1]), optional_plain(reading, pieces[2]))
        case "test_start":
            return nodes.TestStart(span)
        case "test_event":
            return nodes.TestEvent(span, message(reading, pieces[0]), block(reading, pieces[1]))
        case "test_signal":
            return nodes.TestSignal(span, ident(reading, pieces[0]), block(reading, pieces[1]))
        case "rows":
            return nodes.Rows(span, ident(reading, pieces[0]), tuple(_row(reading, piece) for piece in pieces[1:]))
        case "advance":
            return nodes.Advance(span, expr(reading, pieces[0]))
        case "connection":
            return nodes.Connection(span, pieces[0].value)
        case _:
            return nodes.TestRepeat(span, expr(reading, pieces[0]), test_steps(reading, pieces[1]))


def _row(reading: Reading, tree: Branch) -> nodes.Row:
    name, headers = _children(tree)
    return nodes.Row(reading.span(tree), message(reading, name), block(reading, headers))


def _reply(reading: Reading, tree: Branch) -> nodes.TestStep:
    span, pieces = reading.span(tree), _children(tree)
    match tree.data:
        case "reply_action":
            return nodes.ReplyAction(span, message(reading, pieces[0]), block(reading, pieces[1]))
        case "reply_dial":
            return nodes.ReplyDial(span, message(reading, pieces[0]), pieces[1].value)
        case "reply_http":
            method, url, headers = pieces
            return nodes.ReplyHttp(span, ident(reading, method), expr(reading, url), block(reading, headers))
        case _:
            return nodes.ReplyExec(span, block(reading, pieces[0]))


def _expectation(reading: Reading, tree: Branch) -> nodes.TestStep:
    span, pieces = reading.span(tree), _children(tree)
    match tree.data:
        case "expect_action":
            name, headers, bound = pieces
            what = message(reading, name)
            found = optional_block(reading, headers, what.span)
            return nodes.ExpectAction(span, False, what, found, optional_ident(reading, bound))
        case "expect_no_action":
            what = message(reading, pieces[1])
            return nodes.ExpectAction(span, True, what, optional_block(reading, pieces[2], what.span), None)
        case "expect_log":
            return nodes.ExpectLog(span, _level(pieces[0]), expr(reading, pieces[1]))
        case "expect_http":
            url = expr(reading, pieces[1])
            return nodes.ExpectHttp(span, ident(reading, pieces[0]), url, optional_block(reading, pieces[2], url.span))
        case "expect_exec":
            return nodes.ExpectExec(span, expr(reading, pieces[0]))
        case "expect_append":
            return nodes.ExpectAppend(span, expr(reading, pieces[0]), block(reading, pieces[1]))
        case "expect_signal":
            signal = ident(reading, pieces[0])
            return nodes.ExpectSignal(span, signal, optional_block(reading, pieces[1], signal.span))
        case "expect_return":
            return nodes.ExpectReturn(span, expr(reading, pieces[0]))
        case "expect_flow":
            return nodes.ExpectFlow(span, ident(reading, pieces[0]), pieces[1].value)
        case _:
            return nodes.ExpectNothing(span)
