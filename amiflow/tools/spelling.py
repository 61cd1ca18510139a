"""The catalogue's spelling of the event, action and header names in a recipe.

Belongs here: which name of the tree is which entry of the catalogue, as far as the tree alone tells; what is not sure
is left. Never: blanks and lines (`layout`), or complaints about names that nobody knows (the compiler).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias

from amiflow.ami.catalog import Catalog, Header
from amiflow.lang import nodes
from amiflow.plan.walk import descendants
from amiflow.report.data import dataclass

Headers: TypeAlias = Callable[[str], str | None]
"""From a header's name in any case to its spelling in one message; None where that message has no such header."""


def respell(text: str, file: nodes.File, catalog: Catalog) -> str:
    """The recipe's text with known names respelt. A spelling differs in case alone, so every span stays right."""
    respelt = list(text)
    for name, spelling in _Speller(file, catalog).run():
        start = name.span.start + (text[name.span.start] == '"')
        written = text[start : start + len(spelling)]
        if written == name.text and _same(written, spelling):
            respelt[start : start + len(spelling)] = spelling
    return "".join(respelt)


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What is known of a name in one declaration: its headers, and the rows where it is a list action's response."""

    headers: Headers
    rows: tuple[str, ...] = ()


class _Speller:
    """One walk over a file."""

    def __init__(self, file: nodes.File, catalog: Catalog) -> None:
        self.file = file
        self.catalog = catalog
        declared = (decl for decl in file.decls if isinstance(decl, nodes.UserEventDecl))
        self.userevents: Mapping[str, nodes.UserEventDecl] = {decl.name.text.casefold(): decl for decl in declared}

    def run(self) -> Iterator[tuple[nodes.Ident, str]]:
        """Each name that the catalogue, or the file's own userevents, know, and its spelling."""
        for decl in self.file.decls:
            known = self._bindings(decl)
            for node in descendants(decl):
                yield from self._names(node)
                if isinstance(node, nodes.Member) and isinstance(node.base, nodes.Name):
                    yield from _found(node.name, _common(known.get(node.base.text, []), node.name.text))

    # -- names of messages and keys of blocks --------------------------------------------------------------------------

    def _names(self, node: object) -> Iterator[tuple[nodes.Ident, str]]:
        match node:
            case nodes.Pattern():
                for event in node.events:
                    yield from self._event(event)
            case nodes.TestEvent() | nodes.Row():
                yield from self._event(node.message)
                yield from _keys(node.block, self._of_event(node.message))
            case nodes.Action() | nodes.ExpectAction():
                yield from self._action(node.message)
                yield from _keys(node.block, self._of_action(node.message))
            case nodes.ReplyAction():
                yield from self._action(node.message)
                yield from _keys(node.block, self._of_response(node.message))
            case nodes.ReplyDial():
                yield from self._action(node.message)
            case nodes.Rows() | nodes.LimitDecl():
                action = self.catalog.action(node.action.text)
                yield from _found(node.action, action.name if action else None)

    def _event(self, message: nodes.MessageName) -> Iterator[tuple[nodes.Ident, str]]:
        event = self.catalog.event(message.name.text)
        yield from _found(message.name, event.name if event else None)
        yield from self._userevent(message)

    def _action(self, message: nodes.MessageName) -> Iterator[tuple[nodes.Ident, str]]:
        action = self.catalog.action(message.name.text)
        yield from _found(message.name, action.name if action else None)
        yield from self._userevent(message)

    def _userevent(self, message: nodes.MessageName) -> Iterator[tuple[nodes.Ident, str]]:
        own = message.userevent
        if own is not None and own.text.casefold() in self.userevents:
            yield own, self.userevents[own.text.casefold()].name.text

    # -- headers of messages -------------------------------------------------------------------------------------------

    def _of_event(self, message: nodes.MessageName) -> Headers:
        event = self.catalog.event(message.name.text)
        return self._with_fields(message, event.header if event else _nothing)

    def _of_action(self, message: nodes.MessageName) -> Headers:
        action = self.catalog.action(message.name.text)
        return self._with_fields(message, action.header if action else _nothing)

    def _of_response(self, message: nodes.MessageName) -> Headers:
        action = self.catalog.action(message.name.text)
        return self._with_fields(None, action.answer if action else _nothing)

    def _with_fields(self, message: nodes.MessageName | None, find: Callable[[str], Header | None]) -> Headers:
        own = message.userevent if message else None
        declared = self.userevents.get(own.text.casefold()) if own else None
        fields = {field.name.text.casefold(): field.name.text for field in declared.fields} if declared else {}

        def spelling(name: str) -> str | None:
            header = find(name)
            return fields.get(name.casefold()) or (header.name if header else None)

        return spelling

    # -- what a name stands for ----------------------------------------------------------------------------------------

    def _bindings(self, decl: nodes.Decl) -> dict[str, list[_Meaning]]:
        """For each name that the declaration introduces all that it may stand for; there is no shadowing, but
        branches beside each other may use one name for different things."""
        known: dict[str, list[_Meaning]] = {}
        for node in descendants(decl):
            for name, meanings in self._introduced(node, known):
                known.setdefault(name.text, []).extend(meanings)
        return known

    def _introduced(
        self, node: object, known: Mapping[str, list[_Meaning]]
    ) -> Iterator[tuple[nodes.Ident, Iterable[_Meaning]]]:
        match node:
            case nodes.Pattern(name=nodes.Ident() as name):
                yield name, [_Meaning(self._of_event(event)) for event in node.events]
            case nodes.ExpectAction(name=nodes.Ident() as name):
                yield name, [_Meaning(self._of_action(node.message))]
            case nodes.Let(name=name, value=nodes.Action() as action):
                yield name, [self._result(action.message)]
            case nodes.For(name=name, source=source) | nodes.Comprehension(name=name, source=source):
                yield name, [self._row(source, known)]
            case nodes.Let(name=name) | nodes.Var(name=name) | nodes.Field(name=name):
                yield name, [_UNKNOWN]
            case nodes.SignalTrigger(name=nodes.Ident() as name) | nodes.OrSteps(name=nodes.Ident() as name):
                yield name, [_UNKNOWN]
            case nodes.Repeat(name=nodes.Ident() as name):
                yield name, [_UNKNOWN]

    def _result(self, message: nodes.MessageName) -> _Meaning:
        """What `let r = Action { … }` gives: a call, or a response with its rows."""
        if message.name.text.casefold() == "originate":
            event = self.catalog.event("OriginateResponse")
            return _Meaning(self._with_fields(None, event.header if event else _nothing))
        action = self.catalog.action(message.name.text)
        rows = action.list.rows if action and action.list else ()
        kinds = {row.casefold(): row for row in rows}
        answer = self._of_response(message)
        return _Meaning(lambda name: kinds.get(name.casefold()) or answer(name), rows)

    def _row(self, source: nodes.Expr, known: Mapping[str, list[_Meaning]]) -> _Meaning:
        """What an item of `r.QueueMember`, or of the `r.rows` of a list with rows of one kind, is."""
        if not isinstance(source, nodes.Member) or not isinstance(source.base, nodes.Name):
            return _UNKNOWN
        meanings = known.get(source.base.text, [])
        rows = meanings[0].rows if len(meanings) == 1 else ()
        kinds = rows if source.name.text == "rows" else [row for row in rows if _same(row, source.name.text)]
        event = self.catalog.event(kinds[0]) if len(kinds) == 1 else None
        return _Meaning(self._with_fields(None, event.header)) if event else _UNKNOWN


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


def _nothing(name: str) -> None:
    return None


_UNKNOWN = _Meaning(_nothing)


def _found(name: nodes.Ident, spelling: str | None) -> Iterator[tuple[nodes.Ident, str]]:
    if spelling is not None:
        yield name, spelling


def _keys(block: nodes.Block, headers: Headers) -> Iterator[tuple[nodes.Ident, str]]:
    for entry in block.headers:
        yield from _found(entry.key, headers(entry.key.text))


def _common(meanings: list[_Meaning], name: str) -> str | None:
    """The spelling that all meanings of a name agree on."""
    spellings = {meaning.headers(name) for meaning in meanings}
    return spellings.pop() if len(spellings) == 1 else None
