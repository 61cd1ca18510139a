"""A file laid out in the order of its text, once: many phases look for a few kinds of nodes in all of it.

Never here: what a name or a node means (`scope`), walks over a part of a tree (`plan.walk`).
"""

from __future__ import annotations

from amiflow.lang import nodes
from amiflow.plan.walk import children, is_leaf


class Whole:
    """A file with everything that is in it, outer before inner, and where in that each node with its own begins and
    ends."""

    __slots__ = ("_places", "everything", "file")

    def __init__(self, file: nodes.File) -> None:
        self.file = file
        self.everything: list[object] = []
        self._places: dict[object, tuple[int, int]] = {}
        self._add(file)

    def within(self, node: object) -> list[object]:
        """The node, which is of this file, and everything in it."""
        place = self._places.get(node)
        return [node] if place is None else self.everything[slice(*place)]

    def end(self, node: object) -> int:
        """Where in `everything` what is in the node ends; of a node that can hold others."""
        return self._places[node][1]

    def _add(self, node: object) -> None:
        """By recursion: blocks and expressions are no deeper than the parser lets them be."""
        everything = self.everything
        start = len(everything)
        everything.append(node)
        for child in children(node):
            if is_leaf(child):
                everything.append(child)
            else:
                self._add(child)
        self._places[node] = start, len(everything)
