"""The `test` blocks of a checked tree become `plan.testmodel`.

Never here: how tests are run, or steps of flows.
"""

from __future__ import annotations

from typing import cast

from amiflow.lang import nodes
from amiflow.lang.lower_errands import fields_of
from amiflow.lang.lower_expr import Lowering
from amiflow.plan import testmodel as model
from amiflow.plan.errands import Method

_UTC = "UTC"


def lower_test(test: nodes.TestDecl, lowering: Lowering) -> model.Test:
    """One test; it has been found right before."""
    return model.Test(test.name.value, _steps(test.steps, lowering), test.span)


def _steps(steps: tuple[nodes.TestStep, ...], lowering: Lowering) -> tuple[model.TestStep, ...]:
    return tuple(_step(step, lowering) for step in steps)


def _step(step: nodes.TestStep, lowering: Lowering) -> model.TestStep:
    span, expr = step.span, lowering.expr
    match step:
        case nodes.GivenParam(name=name, value=value):
            return model.GivenParam(name.text, expr(value), span)
        case nodes.GivenTable(name=name, rows=rows):
            return model.GivenTable(name.text, expr(rows), span)
        case nodes.GivenNow(time=time, zone=zone):
            return model.GivenNow(time.value, zone.value if zone is not None else _UTC, span)
        case nodes.TestStart():
            return model.Begin(span)
        case nodes.TestEvent(message=message, block=block):
            return _event(message, block, lowering, step)
        case nodes.Rows(action=action, rows=rows):
            given = tuple(_event(row.message, row.block, lowering, row) for row in rows)
            return model.Rows(_action(action, lowering), given, span)
        case nodes.Advance(duration=duration):
            return model.Advance(expr(duration), span)
        case nodes.Connection(change=change):
            return model.Connection(change, span)
        case nodes.TestRepeat(count=count, steps=inner):
            return model.RepeatSteps(expr(count), _steps(inner, lowering), span)
    return _answer_or_expectation(step, lowering)


def _answer_or_expectation(step: nodes.TestStep, lowering: Lowering) -> model.TestStep:
    span, expr = step.span, lowering.expr
    match step:
        case nodes.ReplyAction(message=message, block=block):
            return model.Reply(_action(message.name, lowering), lowering.headers(block, None), span)
        case nodes.ReplyDial(outcome=outcome):
            return model.ReplyOriginate(outcome, span)
        case nodes.ExpectAction(negated=negated, message=message, block=block, name=name):
            action, headers = _action(message.name, lowering), lowering.headers(block, message)
            if negated:
                return model.ExpectNoAction(action, headers, span)
            return model.ExpectAction(action, headers, name.text if name is not None else None, span)
        case nodes.ExpectLog(level=level, text=text):
            return model.ExpectLog(level or "info", lowering.expr(text), span)
        case nodes.ExpectFlow(flow=flow, outcome=outcome):
            return model.ExpectFlow(flow.text, outcome, span)
        case nodes.TestSignal(name=name, block=block):
            return model.GiveSignal(name.text, fields_of(block, lowering), span)
        case nodes.ReplyHttp(method=method, url=url, block=block):
            return model.ReplyHttp(cast("Method", method.text), expr(url), fields_of(block, lowering), span)
        case nodes.ReplyExec(block=block):
            return model.ReplyExec(fields_of(block, lowering), span)
        case nodes.ExpectHttp(method=method, url=url, block=block):
            return model.ExpectErrand(cast("Method", method.text), expr(url), fields_of(block, lowering), span)
        case nodes.ExpectAppend(path=path, block=block):
            return model.ExpectErrand("append", expr(path), fields_of(block, lowering), span)
        case nodes.ExpectExec(argv=argv):
            return model.ExpectExec(expr(argv), span)
        case nodes.ExpectSignal(name=name, block=block):
            return model.ExpectSignal(name.text, fields_of(block, lowering), span)
        case nodes.ExpectReturn(value=value):
            return model.ExpectReturn(expr(value), span)
        case nodes.ExpectNothing():
            return model.ExpectNothing(span)
        case _:
            raise AssertionError("a step that is not built has been refused before")


def _event(
    message: nodes.MessageName, block: nodes.Block, lowering: Lowering, step: nodes.TestEvent | nodes.Row
) -> model.GiveEvent:
    event = lowering.vocabulary.event(message.name.text)
    name = event.name if event is not None else message.name.text
    return model.GiveEvent(name, lowering.headers(block, message), None, step.span)


def _action(ident: nodes.Ident, lowering: Lowering) -> str:
    action = lowering.vocabulary.action(ident.text)
    return action.name if action is not None else ident.text
