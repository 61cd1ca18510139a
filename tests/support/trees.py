"""Trees compared by what they say, wherever it stands in the text."""

from __future__ import annotations

from dataclasses import fields, is_dataclass

from amiflow.lang import nodes
from amiflow.report.source import Span

# Names that are looked up without case.
_FOLDED = (nodes.MessageName, nodes.HeaderEntry, nodes.Member, nodes.Field, nodes.LimitDecl, nodes.Rows)


def shape(node: object, folded: bool = False) -> object:
    """The node without spans and comments, as nested tuples; names that are looked up without case in lower case."""
    if isinstance(node, tuple):
        return tuple(shape(one, folded) for one in node)
    if isinstance(node, nodes.Ident):
        return node.text.casefold() if folded else node.text
    if not is_dataclass(node):
        return node
    inside = isinstance(node, _FOLDED)
    values = [getattr(node, field.name) for field in fields(node) if field.name != "comments"]
    return (type(node).__name__, *(shape(value, inside) for value in values if not isinstance(value, Span)))
