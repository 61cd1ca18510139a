"""Flows that say they may touch calls of protected numbers, and have nothing that could.

Never here: which calls these are, and refusing an action (the engine's, as the numbers are the configuration's).
"""

from __future__ import annotations

from collections.abc import Iterator

from amiflow.lang import nodes, problems_safety
from amiflow.lang.scope import Bindings
from amiflow.lang.vocabulary import Vocabulary
from amiflow.plan.model import EMERGENCY
from amiflow.report.diagnostic import Diagnostic


def idle_emergencies(bindings: Bindings, vocabulary: Vocabulary) -> Iterator[Diagnostic]:
    """A warning for each `allow emergency` of a flow that changes nothing."""
    for flow in bindings.whole.file.decls:
        if not isinstance(flow, nodes.FlowDecl):
            continue
        allows = [one for one in flow.clauses if isinstance(one, nodes.AllowClause) and one.what.text == EMERGENCY]
        if allows and not any(_may_touch(node, vocabulary) for node in bindings.reached(flow)):
            yield problems_safety.idle_emergency(allows[0].span)


def _may_touch(node: object, vocabulary: Vocabulary) -> bool:
    """Whether it is an action that could; of one that is not known that cannot be told."""
    if not isinstance(node, nodes.Action):
        return isinstance(node, nodes.Raw)
    known = vocabulary.catalog.action(node.message.name.text)
    return known is None or not known.reads
