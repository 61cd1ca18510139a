"""Flows whose own actions raise the event that starts them.

Belongs here: the look at the catalogue's `causes` and at what a trigger excludes. Never here: what the dialplan does
later (the run-time loop guard's).
"""

from __future__ import annotations

from amiflow.lang import nodes, problems_safety
from amiflow.lang.scope import Bindings, conjuncts
from amiflow.lang.vocabulary import Vocabulary
from amiflow.report.diagnostic import Diagnostic


def feedback(flow: nodes.FlowDecl, bindings: Bindings, vocabulary: Vocabulary) -> list[Diagnostic]:
    """A warning for the first action that can, by itself, make the whole trigger true again."""
    if not isinstance(flow.trigger, nodes.EventTrigger) or flow.trigger.times is not None:
        return []
    patterns = [flow.trigger.first, *(link.pattern for link in flow.trigger.links if isinstance(link, nodes.Then))]
    for action in bindings.reached(flow.body):
        if isinstance(action, nodes.Action):
            caused = [_caused(pattern, action, bindings, vocabulary) for pattern in patterns]
            if all(caused) and caused[0] is not None:
                known = vocabulary.catalog.action(action.message.name.text)
                spelling = known.name if known else action.message.name.text
                return [
                    problems_safety.feedback_loop(flow.trigger.first.span, action.message.name, spelling, caused[0])
                ]
    return []


def _caused(pattern: nodes.Pattern, action: nodes.Action, bindings: Bindings, vocabulary: Vocabulary) -> str | None:
    """The pattern's event that the action raises, unless the pattern excludes it."""
    known = vocabulary.catalog.action(action.message.name.text)
    events = {name.casefold() for name in known.causes} if known else set()
    mine = [message for message in pattern.events if message.name.text.casefold() in events]
    if not mine or _excluded(pattern, action, bindings):
        return None
    message = mine[0]
    if message.userevent is not None and _other_userevent(message.userevent.text, action):
        return None
    event = vocabulary.catalog.event(message.name.text)
    return event.name if event else None


def _other_userevent(name: str, action: nodes.Action) -> bool:
    written = _written(action).get("userevent")
    return written is not None and written.casefold() != name.casefold()


def _excluded(pattern: nodes.Pattern, action: nodes.Action, bindings: Bindings) -> bool:
    """`not ours(e)`, or a test (`==`, `!=`, or of a bool by itself) that the value which the action writes fails."""
    if pattern.where is None or pattern.name is None:
        return False
    symbol = bindings.declared.get(pattern.name)
    written = _written(action)
    whole = "userevent" in written  # such an event carries what it is given, and nothing else
    for part in conjuncts(pattern.where):
        equal = True
        match part:
            case nodes.Unary(op="not", operand=nodes.Call(name=nodes.Ident(text="ours"))):
                return True
            case nodes.Binary(op="==" | "!=" as op, left=header, right=right):
                equal, tested = op == "==", _plain(right)
            case nodes.Unary(op="not", operand=header):
                tested = "false"
            case header:
                tested = "true"
        match header:
            case (
                nodes.Member(base=nodes.Name() as name, name=nodes.Ident(text=key))
                | nodes.Index(base=nodes.Name() as name, index=nodes.Text(parts=(str() as key,)))
            ) if bindings.uses.get(name) is symbol and tested is not None:
                mine = written.get(key.casefold())
                decided = mine is not None or (whole and key.casefold() not in written)
                if decided and (mine == tested) is not equal:
                    return True
    return False


def _written(action: nodes.Action) -> dict[str, str | None]:
    """What the action says, by its headers' names in lower case; none where that is known at run time only."""
    values = {entry.key.text.casefold(): _plain(entry.value) for entry in action.block.headers}
    own = action.message.userevent
    return values if own is None else {"userevent": own.text, **values}


def _plain(value: nodes.Expr) -> str | None:
    match value:
        case nodes.Text(parts=()):
            return ""
        case nodes.Text(parts=(str() as text,)):
            return text
        case nodes.Int(value=number):
            return str(number)
        case nodes.Bool(value=flag):
            return "true" if flag else "false"
    return None
