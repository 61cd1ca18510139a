"""What steps have done outside of the PBX becomes operations of the plan, and so does what tests say of it.

Never here: their place in the code (`lower_steps`).
"""

from __future__ import annotations

from typing import assert_never, cast

from amiflow.lang import nodes
from amiflow.lang.check_errands import ERRANDS
from amiflow.lang.lower_expr import Lowering
from amiflow.plan.errands import AppendCall, ExecCall, HttpCall, Method, Operation, SignalCall
from amiflow.plan.expressions import Expr


def lower_errand(errand: ERRANDS, lowering: Lowering) -> Operation:
    """One operation."""
    expr = lowering.expr
    match errand:
        case nodes.Http(method=method, url=url, parts=parts):
            given = {part.kind.text: expr(part.value) for part in parts}
            bodies = (given.get("json"), given.get("form"), given.get("body"))
            return HttpCall(cast("Method", method.text), expr(url), *bodies, given.get("headers"))
        case nodes.Exec(argv=argv):
            return ExecCall(expr(argv))
        case nodes.Append(path=path, record=record):
            return AppendCall(expr(path), expr(record))
        case nodes.Signal(name=name, block=block):
            return SignalCall(name.text, fields_of(block, lowering))
        case other:
            assert_never(other)


def fields_of(block: nodes.Block, lowering: Lowering) -> tuple[tuple[str, Expr], ...]:
    """The block as fields that have no header behind them."""
    return tuple((entry.key.text, lowering.expr(entry.value)) for entry in block.headers)
