"""Who wants this event: listeners indexed by event name and by the values that they compare for equality.

Belongs here: `Watch` (a pattern made ready), `Listener` (one that waits for it) and `Index`, whose cost for an event
does not grow with the number of listeners that compare other values. Never here: what a listener does with the event,
and whether the event really fits: the pattern's whole `where` decides that, the index only leaves out what cannot.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Literal, TypeAlias

from amiflow.ami.message import Message
from amiflow.engine.evaluate import EvaluationError, Frame, compile_expr
from amiflow.engine.values import BadText, Value, reader
from amiflow.plan.expressions import Both, Compare, Const, Expr, Global, Header, Local, conjuncts
from amiflow.plan.triggers import Key
from amiflow.plan.types import Coding
from amiflow.report.source import Span

Role: TypeAlias = Literal["start", "then", "unless", "without", "reset", "wait", "keep", "until"]
OF_RUNS = frozenset(("wait", "keep", "until"))
"""The roles of listeners whose owner is a run of a flow."""
Shape: TypeAlias = tuple[tuple[str, Coding], ...]


class Watch:
    """A pattern with its expressions compiled: which events, bound to which name, under which condition. `shape` are
    the headers that it compares for equality, `values` what it compares them with.

    `beyond` is what is left of the condition for an event that the index has found: where all that is compared with
    stays the same for the whole run, the index has compared it already.
    """

    __slots__ = ("beyond", "events", "name", "shape", "span", "values", "where")

    def __init__(
        self, events: tuple[str, ...], name: str | None, where: Expr | None, keys: tuple[Key, ...], span: Span
    ) -> None:
        self.events = events
        self.name = name
        self.where = compile_expr(where) if where is not None else None
        left = _beyond(name, where, keys)
        self.beyond = self.where if left == where else compile_expr(left) if left is not None else None
        self.shape: Shape = tuple((key.header, key.coding) for key in keys)
        self.values = tuple(compile_expr(key.value) for key in keys)
        self.span = span


def _beyond(name: str | None, where: Expr | None, keys: tuple[Key, ...]) -> Expr | None:
    """The condition without the comparisons that the keys stand for."""
    if where is None or not all(isinstance(key.value, Const | Global) for key in keys):
        return where
    tests = tuple(test for test in conjuncts(where) if not any(_is_same(test, name, key) for key in keys))
    return Both(tests, where.span) if tests else None


def _is_same(test: Expr, name: str | None, key: Key) -> bool:
    if not isinstance(test, Compare) or test.op != "==":
        return False
    return any(
        isinstance(one, Header)
        and isinstance(one.of, Local)
        and (one.of.name, one.name, one.coding, other) == (name, key.header, key.coding, key.value)
        for one, other in ((test.left, test.right), (test.right, test.left))
    )


class Listener:
    """Somebody who wants the events of a watch. `slot` says which of the owner's wishes it is; `order` counts; `live`
    says whether it is in an index; `certain`, that an event found there meets the whole condition."""

    __slots__ = ("certain", "live", "order", "owner", "role", "slot", "values", "watch")

    def __init__(self, watch: Watch, role: Role, owner: object, slot: int = 0) -> None:
        self.watch = watch
        self.role: Role = role
        self.owner = owner
        self.slot = slot
        self.order = 0
        self.live = False
        self.certain = False
        self.values: tuple[Value, ...] | None = None


_Place: TypeAlias = dict[Listener, None]  # a dict for its order and for leaving it at no cost


class _Keyed:
    """The listeners of one event name that compare the same headers, by the values that these are to have."""

    __slots__ = ("_readers", "_slots")

    def __init__(self, shape: Shape) -> None:
        self._readers = [reader(header, coding) for header, coding in shape]
        self._slots: dict[tuple[Value, ...], Listener | _Place] = {}  # most have one listener, which needs no dict

    def __bool__(self) -> bool:
        return bool(self._slots)

    def find(self, message: Message, escapes: bool) -> Listener | _Place | None:
        """Who wants the event. None where it lacks one of the headers, or has one that cannot be read: then no equality
        holds."""
        try:
            return self._slots.get(tuple([read_header(message, escapes) for read_header in self._readers]))
        except BadText:
            return None

    def put(self, values: tuple[Value, ...], listener: Listener) -> None:
        place = self._slots.get(values)
        if place is None:
            self._slots[values] = listener
        elif isinstance(place, Listener):
            self._slots[values] = {place: None, listener: None}
        else:
            place[listener] = None

    def take_out(self, values: tuple[Value, ...], listener: Listener) -> None:
        place = self._slots[values]
        if isinstance(place, dict):
            del place[listener]
        if not isinstance(place, dict) or not place:
            del self._slots[values]


class _Shelf:
    """The listeners of one event name."""

    __slots__ = ("keyed", "plain")

    def __init__(self) -> None:
        self.plain: _Place = {}
        self.keyed: dict[Shape, _Keyed] = {}


class Index:
    """The listeners on one server's events."""

    __slots__ = ("_added", "_shelves")

    def __init__(self) -> None:
        self._shelves: dict[str, _Shelf] = {}
        self._added = 0

    def add(self, listener: Listener, frame: Frame) -> None:
        """From now on the listener is among the candidates; the frame gives the values that it compares with."""
        listener.order = self._added
        listener.live = True
        self._added += 1
        listener.values = _wanted(listener.watch, frame)
        listener.certain = (listener.watch.where if listener.values is None else listener.watch.beyond) is None
        for name in listener.watch.events:
            shelf = self._shelves.setdefault(name, _Shelf())
            if listener.values is None:
                shelf.plain[listener] = None
            else:
                keyed = shelf.keyed.get(listener.watch.shape)
                if keyed is None:
                    keyed = shelf.keyed[listener.watch.shape] = _Keyed(listener.watch.shape)
                keyed.put(listener.values, listener)

    def remove(self, listener: Listener) -> None:
        """The listener is not among the candidates any more. It must have been added."""
        listener.live = False
        for name in listener.watch.events:
            shelf = self._shelves[name]
            if listener.values is None:
                del shelf.plain[listener]
            else:
                keyed = shelf.keyed[listener.watch.shape]
                keyed.take_out(listener.values, listener)
                if not keyed:
                    del shelf.keyed[listener.watch.shape]
            if not shelf.plain and not shelf.keyed:
                del self._shelves[name]

    def candidates(self, message: Message, escapes: bool) -> Sequence[Listener]:
        """All listeners whose compared values the event has, in the order in which they were added."""
        shelf = self._shelves.get(message.name)
        if shelf is None:
            return ()
        found = list(shelf.plain)
        for keyed in shelf.keyed.values():
            place = keyed.find(message, escapes)
            if isinstance(place, Listener):
                found.append(place)
            elif place is not None:
                found.extend(place)
        if len(found) > 1:
            found.sort(key=attrgetter("order"))
        return found


def _wanted(watch: Watch, frame: Frame) -> tuple[Value, ...] | None:
    """None where the watch compares nothing, or with what cannot be had or hashed: then every event is tried."""
    if not watch.shape:
        return None
    try:
        values = tuple([value(frame) for value in watch.values])
        hash(values)
    except (EvaluationError, TypeError):
        return None
    return values
