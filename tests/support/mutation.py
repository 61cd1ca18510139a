"""How much of what can go wrong in a recipe the compiler knows: mutants of right recipes, and a table of the refused.

What belongs here: making mutants of a kind that a compiler can know, and judging them: refused, with a diagnostic at
the mutated line. What never does: which share is enough (the tests say).
"""

from __future__ import annotations

import itertools
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from amiflow.ami.catalog import Catalog, load
from amiflow.lang import nodes
from amiflow.lang.bind import bind
from amiflow.lang.check import check, vocabulary_of
from amiflow.lang.compile import compile_recipe
from amiflow.lang.grammar import Grammar, build
from amiflow.lang.parse import parse
from amiflow.lang.scope import Bindings, Checked, Symbol, conjuncts, plain_text
from amiflow.lang.vocabulary import HeaderInfo, Vocabulary
from amiflow.lang.walk import Whole
from amiflow.plan.builtins import BUILTINS
from amiflow.plan.types import MessageOf, definite
from amiflow.report.source import Source, Span

RECIPES = sorted((Path(__file__).parents[2] / "recipes").rglob("*.flow"))


@dataclass(frozen=True, slots=True)
class Mutant:
    """A recipe with one mistake; `lines` (from 1) are those where it is right to tell of it."""

    kind: str
    text: str
    lines: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Recipe:
    source: Source
    file: nodes.File
    bindings: Bindings
    checked: Checked
    vocabulary: Vocabulary

    def put(self, kind: str, span: Span, text: str, *also: Span) -> Mutant:
        """A mutant with `text` in the place of `span`; the beginnings of `also` are right places too."""
        whole = self.source.text[: span.start] + text + self.source.text[span.end :]
        mutated = Source(self.source.path, whole)
        places = [
            span.start,
            *(one.start + (len(text) - span.end + span.start) * (one.start > span.start) for one in also),
        ]
        return Mutant(kind, whole, tuple(dict.fromkeys(mutated.position(one)[0] for one in places)))


def mutants(source: Source, catalog: Catalog, grammar: Grammar) -> list[Mutant]:
    """Every mutant of a recipe."""
    file, _ = parse(source, grammar)
    bindings, _ = bind(Whole(file))
    vocabulary = vocabulary_of(bindings, catalog)
    checked, _ = check(bindings, vocabulary)
    recipe = _Recipe(source, file, bindings, checked, vocabulary)
    made = (mutant for node in bindings.whole.everything for maker in _MAKERS for mutant in maker(recipe, node))
    return list(made)


def told(mutant: Mutant, path: str, read: Callable[[str], str], catalog: Catalog, grammar: Grammar) -> bool:
    """Whether the mutant is refused, with a diagnostic at its line."""
    compiled = compile_recipe(path, lambda other: mutant.text if other == path else read(other), catalog, grammar)
    source = compiled.sources[path]
    return compiled.plan is None and any(
        problem.span.path == path and source.position(problem.span.start)[0] in mutant.lines
        for problem in compiled.diagnostics
    )


def _misspelt(word: str) -> str:
    """Two letters in the middle changed places, or one doubled where that makes no difference."""
    middle = max(1, len(word) // 2)
    swapped = word[: middle - 1] + word[middle : middle + 1] + word[middle - 1] + word[middle + 1 :]
    return swapped if swapped.casefold() != word.casefold() else word[:middle] + word[middle - 1] + word[middle:]


# --- one function a kind of mistake -----------------------------------------------------------------------------------


def _read_header(recipe: _Recipe, node: object) -> Iterator[Mutant]:
    if isinstance(node, nodes.Member) and (info := recipe.checked.read.get(node)) is not None and info.known:
        base = recipe.checked.types.get(node.base)
        kind = definite(base) if base is not None else None
        if not isinstance(kind, MessageOf) or recipe.vocabulary.open(kind):
            return
        if recipe.vocabulary.header(kind, wrong := _misspelt(node.name.text)) is None:
            yield recipe.put("a header misspelt where it is read", node.name.span, wrong)
        foreign = next(
            one for one in ("ParkingSpace", "Conference", "Queue") if not recipe.vocabulary.header(kind, one)
        )
        yield recipe.put("a header that this event has not", node.name.span, foreign)


def _written_header(recipe: _Recipe, node: object) -> Iterator[Mutant]:
    if not isinstance(node, nodes.Action):
        return
    action = recipe.vocabulary.action(node.message.name.text)
    if action is None:
        return
    plain = all("\n" not in recipe.source.slice(entry.span) for entry in node.block.headers)
    for entry in node.block.headers if plain else ():
        written = recipe.source.slice(entry.span)
        info = recipe.checked.written.get(entry)
        if not action.open and action.header(wrong := _misspelt(entry.key.text)) is None:
            yield recipe.put("a header misspelt where it is written", entry.key.span, wrong)
        yield recipe.put("a header written twice", entry.span, f"{written} {written}")
        if info is not None and info.required:
            yield recipe.put("a required header dropped", entry.span, "", node.span)
        yield from _wrong_value(recipe, entry, info)


def _wrong_value(recipe: _Recipe, entry: nodes.HeaderEntry, info: HeaderInfo | None) -> Iterator[Mutant]:
    if info is None or not info.known:
        return
    if info.coding.type in ("int", "bool", "duration", "number"):
        yield recipe.put("a value of a wrong type", entry.value.span, '"some text"')


def _event_name(recipe: _Recipe, node: object) -> Iterator[Mutant]:
    if isinstance(node, nodes.MessageName):
        wrong = _misspelt(node.name.text)
        known = recipe.vocabulary.event(wrong) or recipe.vocabulary.action(wrong)
        if known is None:
            yield recipe.put("an event or action misspelt", node.name.span, wrong)


def _name(recipe: _Recipe, node: object) -> Iterator[Mutant]:
    if isinstance(node, nodes.Name) and node in recipe.bindings.uses:
        wrong = _misspelt(node.text) if len(node.text) > 2 else node.text + "x"
        if not any(symbol.name == wrong for symbol in recipe.bindings.uses.values()):
            yield recipe.put("a name misspelt", node.span, wrong)


def _function(recipe: _Recipe, node: object) -> Iterator[Mutant]:
    if isinstance(node, nodes.Call) and node.module is None and node.name.text in BUILTINS:
        yield recipe.put("a function misspelt", node.name.span, _misspelt(node.name.text) + "x")


def _comparison(recipe: _Recipe, node: object) -> Iterator[Mutant]:
    if not isinstance(node, nodes.Binary) or node.op not in ("==", "!=", "<", "<=", ">", ">="):
        return
    match node.right:
        case nodes.Int(value=value):
            yield recipe.put("a number compared as a text", node.right.span, f'"{value}"')
        case nodes.Text() if node.op in ("==", "!="):
            yield recipe.put("a text compared as a number", node.right.span, "680")


def _bound(recipe: _Recipe, node: object) -> Iterator[Mutant]:
    within = getattr(node, "within", None)
    if isinstance(node, nodes.Then | nodes.Without | nodes.WaitEvent | nodes.WaitAll) and within is not None:
        start = recipe.source.text.rfind("within", 0, within.span.start)
        if start >= node.span.start and "\n" not in recipe.source.text[start : within.span.end]:
            span = Span(recipe.source.path, start, within.span.end)
            yield recipe.put("a bound left out", span, "", node.span, *_behind(recipe, span))


def _behind(recipe: _Recipe, span: Span) -> tuple[Span, ...]:
    """The next word: that something is missing before it may be told there."""
    text = recipe.source.text
    at = span.end
    while at < len(text) and text[at].isspace():
        at += 1
    return (Span(span.path, at, at),)


def _duration(recipe: _Recipe, node: object) -> Iterator[Mutant]:
    if isinstance(node, nodes.Duration):
        yield recipe.put("a duration with an unknown unit", node.span, f"{recipe.source.slice(node.span)}ec")


def _swapped(recipe: _Recipe, node: object) -> Iterator[Mutant]:
    """The name of another message of the same flow, which has not the header that is read."""
    if not isinstance(node, nodes.FlowDecl):
        return
    inside = recipe.bindings.whole.within(node)
    messages = {
        symbol for one in inside if isinstance(one, nodes.Ident) and (symbol := _message(recipe, one)) is not None
    }
    for member in inside:
        if isinstance(member, nodes.Member) and isinstance(member.base, nodes.Name) and member in recipe.checked.read:
            mine = recipe.bindings.uses.get(member.base)
            for other in sorted(messages - {mine}, key=lambda symbol: symbol.span.start):
                kind = definite(recipe.checked.symbols[other])
                if isinstance(kind, MessageOf) and not _has(recipe, kind, member.name.text):
                    yield recipe.put("a name swapped for another message's", member.base.span, other.name)


def _message(recipe: _Recipe, name: nodes.Ident) -> Symbol | None:
    symbol = recipe.bindings.declared.get(name)
    return symbol if symbol is not None and symbol.kind == "message" and symbol in recipe.checked.symbols else None


def _has(recipe: _Recipe, kind: MessageOf, header: str) -> bool:
    return recipe.vocabulary.header(kind, header) is not None or recipe.vocabulary.member(kind, header) is not None


def _moved_header(recipe: _Recipe, node: object) -> Iterator[Mutant]:
    """A header of one action written into the next one, which has not got it."""
    if not isinstance(node, nodes.Body):
        return
    actions = [
        step.operation for step in node.steps if isinstance(step, nodes.Do) and isinstance(step.operation, nodes.Action)
    ]
    for one, other in itertools.pairwise(actions):
        known = recipe.vocabulary.action(other.message.name.text)
        for entry in one.block.headers:
            if known is not None and not known.open and known.header(entry.key.text) is None:
                place = Span(recipe.source.path, other.block.span.start + 1, other.block.span.start + 1)
                yield recipe.put("a header moved to another action", place, f" {recipe.source.slice(entry.span)} ")


def _duplicated(recipe: _Recipe, node: object) -> Iterator[Mutant]:
    match node:
        case nodes.Record(entries=(first, *_)):
            yield recipe.put(
                "a key written twice", first.span, f"{recipe.source.slice(first.span)}, {first.key.text}: 1"
            )
        case nodes.FlowDecl(clauses=(first, *_)) if not isinstance(first, nodes.AllowClause):
            written = recipe.source.slice(first.span)
            yield recipe.put("a clause written twice", first.span, f"{written} {written}")
        case nodes.ParamDecl() | nodes.LetDecl() | nodes.SecretDecl():
            written = recipe.source.slice(node.span)
            yield recipe.put("a declaration written twice", node.span, f"{written}\n{written}", node.span)


def _spell(recipe: _Recipe, node: object) -> Iterator[Mutant]:
    """A duration given or compared as a bare number."""
    within = getattr(node, "within", None)
    if isinstance(within, nodes.Duration):
        yield recipe.put("a bound without its unit", within.span, "5")
    if isinstance(node, nodes.Binary) and isinstance(node.right, nodes.Duration):
        yield recipe.put("a duration beside a bare number", node.right.span, "5")


def _unbounded(recipe: _Recipe, node: object) -> Iterator[Mutant]:
    """Stores, pools and loops without what bounds them."""
    match node:
        case nodes.MapDecl(lasting=bound, max=most) | nodes.SeriesDecl(within=bound, max=most):
            cuts = [("lasting" if isinstance(node, nodes.MapDecl) else "within", bound), ("max", most)]
        case nodes.CounterDecl(within=bound, max=most):
            cuts = [("within", bound), ("max", most)]
        case nodes.With(within=bound):
            cuts = [("within", bound)]
        case nodes.Repeat(count=count):
            cuts = [("", count)]
        case _:
            return
    for word, bound in cuts:
        start = recipe.source.text.rfind(word, node.span.start, bound.span.start) if word else bound.span.start
        span = Span(recipe.source.path, start, bound.span.end)
        yield recipe.put("a store, pool or loop without its bound", span, "", node.span, *_behind(recipe, span))


def _unnamed(recipe: _Recipe, node: object) -> Iterator[Mutant]:
    """A pattern without the name that is used further on."""
    if isinstance(node, nodes.Pattern) and node.name is not None:
        symbol = recipe.bindings.declared.get(node.name)
        uses = [name.span for name, used in recipe.bindings.uses.items() if used is symbol]
        if uses:
            start = recipe.source.text.rfind("as", 0, node.name.span.start)
            yield recipe.put("a name not given", Span(recipe.source.path, start, node.name.span.end), "", *uses)


def _contradiction(recipe: _Recipe, node: object) -> Iterator[Mutant]:
    where = getattr(node, "where", None)
    for part in conjuncts(where) if isinstance(node, nodes.Pattern) and where is not None else ():
        if isinstance(part, nodes.Binary) and part.op == "==" and plain_text(part.right) is not None:
            left = recipe.source.slice(part.left.span)
            written = f'{recipe.source.slice(part.span)} and {left} == "~"'
            yield recipe.put("a condition that contradicts itself", part.span, written)


def _bracket(recipe: _Recipe, node: object) -> Iterator[Mutant]:
    if isinstance(node, nodes.Body | nodes.Block | nodes.ListOf | nodes.Record) and node.span.end > node.span.start:
        last = Span(recipe.source.path, node.span.end - 1, node.span.end)
        if recipe.source.slice(last) in "}])":
            yield recipe.put("a closing bracket left out", last, "", node.span, *_behind(recipe, last))


def _quote(recipe: _Recipe, node: object) -> Iterator[Mutant]:
    if isinstance(node, nodes.Text | nodes.PlainText) and "\n" not in recipe.source.slice(node.span):
        last = Span(recipe.source.path, node.span.end - 1, node.span.end)
        yield recipe.put("a closing quote left out", last, "", node.span)


def _of_test(recipe: _Recipe, node: object) -> Iterator[Mutant]:
    match node:
        case nodes.GivenParam(name=name) | nodes.GivenTable(name=name) | nodes.ExpectFlow(flow=name):
            yield recipe.put("a param, table or flow misspelt in a test", name.span, f"{name.text}x")


_MAKERS = (
    _read_header, _written_header, _event_name, _name, _function, _comparison, _bound, _duration, _swapped,
    _moved_header, _duplicated, _spell, _unbounded, _unnamed, _contradiction, _bracket, _quote, _of_test,
)  # fmt: skip


# --- the table --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tally:
    """How many mutants of each kind there were, and which were not told of, by recipe."""

    all: Counter[str]
    missed: list[tuple[str, Mutant]]

    @property
    def share(self) -> float:
        """Of all mutants those that were told of, 0 to 1."""
        return 1 - len(self.missed) / sum(self.all.values())

    def table(self) -> str:
        """A line for each kind."""
        missed = Counter(mutant.kind for _, mutant in self.missed)
        rows = [(kind, count, count - missed[kind]) for kind, count in sorted(self.all.items())]
        rows.append(("all", sum(self.all.values()), sum(self.all.values()) - len(self.missed)))
        return "".join(f"{kind:42} {told:6} of {count:6}  {100 * told / count:5.1f} %\n" for kind, count, told in rows)


def run(paths: Iterable[Path], every: int = 1) -> Tally:
    """Judge the mutants of these recipes, or each `every`-th of them."""
    catalog, grammar = load(), build()
    tally = Tally(Counter(), [])
    number = 0
    for path in paths:
        source = Source(str(path), path.read_text(encoding="utf-8"))
        for mutant in mutants(source, catalog, grammar):
            number += 1
            if number % every:
                continue
            tally.all[mutant.kind] += 1
            if not told(mutant, source.path, _read, catalog, grammar):
                tally.missed.append((source.path, mutant))
    return tally


def _read(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")


if __name__ == "__main__":
    result = run(RECIPES, int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    for path, mutant in result.missed:
        print(f"{path}:{mutant.lines[0]}: {mutant.kind}: {mutant.text.splitlines()[mutant.lines[0] - 1].strip()}")
    print(result.table(), end="")
    sys.exit(result.share < 0.95)
