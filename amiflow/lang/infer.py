"""Types of expressions: each gets one, or a diagnostic and the unknown type.

Belongs here: expressions, with the facts that hold where they stand. Never here: steps and declarations (`check_steps`,
`check`), the rules of types (`rules`), wording (`problems_*`).
"""

from __future__ import annotations

import re2

from amiflow.lang import (
    nodes,
    operators,
    problems_flows,
    problems_messages,
    problems_names,
    problems_stores,
    problems_types,
    rules,
)
from amiflow.lang.narrow import NOTHING, Both, Facts, Narrowing, joined, path_of
from amiflow.lang.scope import Bindings, Findings, Groups, Symbol, key_of, plain_text
from amiflow.lang.vocabulary import FAILURE_KINDS, HeaderInfo, Vocabulary, open_header, sent
from amiflow.plan.builtins import BUILTINS, Builtin, Parameter, result_type
from amiflow.plan.picture import QUESTIONS, Question
from amiflow.plan.types import (
    BOOL,
    DATA,
    DURATION,
    INT,
    NO_ITEM,
    NONE,
    NUMBER,
    REGEX,
    TEXT,
    UNKNOWN,
    Data,
    ListOf,
    Maybe,
    MessageOf,
    RecordOf,
    StoreOf,
    Type,
    Unknown,
    definite,
    maybe,
)

TRUST = "trust"
PICTURE = "pbx"
"""The live picture's own name, which needs no declaration."""


class Inference:
    """The tables under construction, and `facts`: what is known at the place that is being looked at."""

    def __init__(self, bindings: Bindings, vocabulary: Vocabulary) -> None:
        self.bindings = bindings
        self.vocabulary = vocabulary
        self.findings = Findings()
        self.types: dict[nodes.Expr, Type] = {}
        self.symbols: dict[Symbol, Type] = {}
        self.proofs: dict[nodes.Expr, Groups] = {}
        self.written: dict[nodes.HeaderEntry, HeaderInfo] = {}
        self.read: dict[nodes.Expr, HeaderInfo] = {}
        self.softened: set[Symbol] = set()
        self.facts: Facts = NOTHING
        self.narrowing = Narrowing(bindings.uses, lambda expr: self.types.get(expr, UNKNOWN))
        self._prints = False
        self._holders: set[nodes.Expr] = set()

    # --- what callers ask for

    def infer(self, expr: nodes.Expr) -> Type:
        """The expression's type, perhaps one that may be none."""
        kind = self._kind(expr)
        if isinstance(kind, ListOf | RecordOf) and rules.depth(kind) > rules.DEEPEST:
            self.findings.say(problems_types.too_deep(expr, rules.DEEPEST))
            kind = UNKNOWN
        path = path_of(expr, self.bindings.uses)
        fact = self.facts.get(path) if path is not None else None
        if fact is not None:
            kind = definite(kind) if fact.present else kind
            self.proofs[expr] = fact.proofs
        self.types[expr] = kind
        return kind

    def value(self, expr: nodes.Expr) -> Type:
        """The type of an expression that stands where a value is needed."""
        return self._present(expr, self.infer(expr))

    def _present(self, expr: nodes.Expr, kind: Type) -> Type:
        if isinstance(kind, Maybe) or kind == NONE:
            self.findings.say(problems_types.maybe_none(expr, kind, self.reason_for_none(expr)))
            return definite(kind) if isinstance(kind, Maybe) else UNKNOWN
        return kind

    def holder(self, expr: nodes.Expr) -> Type:
        """The type of an expression where a store may stand as a whole."""
        self._holders.add(expr)
        return self.value(expr)

    def expect(self, expr: nodes.Expr, wanted: Type, what: str) -> Type:
        """As `value`, and it fits the wanted type; `what` names the place for people."""
        kind = self.value(expr)
        if not rules.fits(kind, wanted):
            self.findings.say(problems_types.type_mismatch(expr, kind, wanted, what))
            return UNKNOWN
        return kind

    def condition(self, expr: nodes.Expr) -> Both:
        """Check a condition; what is known where it holds, and where it does not."""
        self.expect(expr, BOOL, "a condition")
        constant = operators.constant_truth(expr, self.bindings.uses)
        if constant is not None:
            self.findings.say(problems_types.const_condition(expr, constant))
        return self.narrowing.of(expr)

    def printed(self, expr: nodes.Expr) -> None:
        """A text for people (`log`, `fail`), in which none prints as `-`."""
        before, self._prints = self._prints, True
        kind = self.infer(expr)
        self._prints = before
        if not rules.fits(definite(kind), TEXT) and kind != NONE:
            self.findings.say(problems_types.type_mismatch(expr, kind, TEXT, "a message"))

    def assume(self, facts: Facts) -> None:
        """From here on these hold as well."""
        self.facts = joined(self.facts, facts)

    # --- one function a kind of expression

    def _kind(self, expr: nodes.Expr) -> Type:
        """The most frequent kinds come first."""
        match expr:
            case nodes.Name():
                return self._name(expr)
            case nodes.Member():
                return self._member(expr)
            case nodes.Text():
                return self._text(expr)
            case nodes.Int():
                return INT
            case nodes.Number():
                return NUMBER
            case nodes.Duration():
                return DURATION
            case nodes.Bool():
                return BOOL
            case nodes.Nothing():
                return NONE
            case nodes.Regex():
                return self._regex(expr)
            case nodes.ListOf(items=items):
                return self._list(expr, [self.infer(item) for item in items])
            case nodes.Record():
                return self._record(expr)
            case nodes.Comprehension():
                return self._comprehension(expr)
            case nodes.Index():
                return self._index(expr)
            case nodes.Call():
                return self._call(expr)
            case nodes.Unary():
                return self._unary(expr)
            case nodes.Binary():
                return self._binary(expr)
            case nodes.Hole():
                return UNKNOWN

    def _text(self, text: nodes.Text) -> Type:
        for part in text.parts:
            if isinstance(part, str):
                continue
            kind = self.infer(part) if self._prints else self.value(part)
            if isinstance(definite(kind), MessageOf):
                self.findings.say(problems_types.whole_message(part, kind))
            elif kind == REGEX:
                self.findings.say(problems_types.type_mismatch(part, kind, TEXT, "a text"))
        return TEXT

    def _regex(self, regex: nodes.Regex) -> Type:
        options = re2.Options()
        options.log_errors = False
        try:
            re2.compile(regex.pattern.encode("utf-8", "replace"), options)
        except re2.error as error:
            self.findings.say(problems_types.bad_regex(regex, _reason(error)))
        return REGEX

    def _list(self, expr: nodes.ListOf, kinds: list[Type]) -> Type:
        item = rules.unified(kinds)
        if item is None:
            self.findings.say(problems_types.mixed_list(expr, kinds))
        return ListOf(UNKNOWN if item is None else item if kinds else NO_ITEM)

    def _record(self, record: nodes.Record) -> Type:
        seen: dict[str, nodes.Ident] = {}
        for entry in record.entries:
            if entry.key.text in seen:
                self.findings.say(problems_messages.duplicate_key(entry.key, seen[entry.key.text]))
            seen.setdefault(entry.key.text, entry.key)
        return RecordOf(tuple((entry.key.text, self.infer(entry.value)) for entry in record.entries))

    def _comprehension(self, each: nodes.Comprehension) -> Type:
        self.bind_item(each.name, each.source)
        before = self.facts
        if each.where is not None:
            self.assume(self.condition(each.where)[0])
        item = self.infer(each.item)
        self.facts = before
        return ListOf(item)

    def bind_item(self, name: nodes.Ident, source: nodes.Expr) -> None:
        """Give a loop's name the type of the items of what it goes through."""
        held = self.holder(source)
        if isinstance(held, StoreOf) and held.kind == "table":
            held = ListOf(held.of)
        elif isinstance(held, StoreOf) and held.kind in ("map", "counter", "series"):
            held = ListOf(TEXT)
        elif isinstance(held, StoreOf) and isinstance(source, nodes.Name):
            self.findings.say(problems_stores.whole_store(source, held))
            held = UNKNOWN
        if not isinstance(held, ListOf | Unknown):
            self.findings.say(problems_types.not_a_list(source, held))
        symbol = self.bindings.declared.get(name)
        if symbol is not None:
            self.symbols[symbol] = held.item if isinstance(held, ListOf) else UNKNOWN

    def _name(self, name: nodes.Name) -> Type:
        symbol = self.bindings.uses.get(name)
        if symbol is None:
            return MessageOf("seen", (PICTURE,)) if name.text == PICTURE else UNKNOWN
        if symbol.kind in ("task", "module"):
            self.findings.say(problems_names.not_a_value(name, symbol))
        kind = self.symbols.get(symbol, UNKNOWN)
        if isinstance(kind, StoreOf) and name not in self._holders:
            self.findings.say(problems_stores.whole_store(name, kind))
            return UNKNOWN
        return maybe(kind) if symbol in self.softened else kind

    def _member(self, member: nodes.Member) -> Type:
        """None has no members; but what a store may lack, it may lack in parts: `waiting[k].queue`."""
        base = self.infer(member.base)
        lacking = isinstance(base, Maybe) and self._is_looked_up(member.base)
        kind = self._part(member, definite(base) if lacking else self._present(member.base, base))
        if lacking:
            return maybe(kind)
        return UNKNOWN if isinstance(base, Maybe) else kind  # that it may be none has been said: no more of it

    def _is_looked_up(self, expr: nodes.Expr) -> bool:
        if isinstance(expr, nodes.Call):
            return expr.module is None and expr.name.text in QUESTIONS
        return isinstance(expr, nodes.Index) and isinstance(self.types.get(expr.base), StoreOf)

    def _part(self, member: nodes.Member, base: Type) -> Type:
        name = member.name.text
        if not name:
            return UNKNOWN
        match base:
            case Unknown() | Data():
                return base
            case RecordOf(fields=fields):
                return self._field(dict(fields), member.name)
            case MessageOf():
                found = self.vocabulary.member(base, name)
                if found is not None:
                    return found
                return self._header(member, base, member.name, named=True)
        self.findings.say(problems_types.no_parts(member, base))
        return UNKNOWN

    def _field(self, fields: dict[str, Type], name: nodes.Ident) -> Type:
        if name.text not in fields:
            self.findings.say(problems_types.unknown_field(name, list(fields)))
            return UNKNOWN
        return fields[name.text]

    def _header(self, expr: nodes.Member | nodes.Index, base: MessageOf, name: nodes.Ident, named: bool) -> Type:
        info = self.vocabulary.header(base, name.text)
        if info is None and not named and self.vocabulary.open(base):
            info = open_header(name.text, caller=True)
            info = sent(info) if base.kind == "action" else info
        if info is None:
            path = path_of(expr.base, self.bindings.uses)
            owner = path[0] if path is not None and isinstance(path[0], Symbol) and len(path) == 1 else None
            self.findings.say(problems_messages.unknown_header(name, base, self.vocabulary, owner))
            return UNKNOWN
        self.read[expr] = info
        return info.type

    def _index(self, index: nodes.Index) -> Type:
        base = self.holder(index.base)
        match base:
            case StoreOf(kind="map" | "counter" | "series" | "table" as store, of=of):
                self.expect(index.index, TEXT, "a store's key")
                return {"map": maybe(of), "table": maybe(of), "counter": of, "series": ListOf(of)}[store]
            case ListOf(item=item):
                self.expect(index.index, INT, "a position in a list")
                return maybe(item)
            case RecordOf(fields=fields) if isinstance(index.index, nodes.Text):
                self.infer(index.index)
                return self._field(dict(fields), key_of(index.index))
            case MessageOf():
                self.expect(index.index, TEXT, "a header's name")
                if isinstance(index.index, nodes.Text) and plain_text(index.index) is not None:
                    return self._header(index, base, key_of(index.index), named=False)
                if base.kind in rules.HEADED:
                    return maybe(TEXT)
            case Data() | Unknown():
                key = self.value(index.index)
                if not isinstance(key, Data | Unknown) and key not in (INT, TEXT):
                    self.findings.say(problems_types.type_mismatch(index.index, key, TEXT, "a field's name"))
                return base
            case RecordOf():
                self.expect(index.index, TEXT, "a field's name")
                return DATA
        self.findings.say(problems_types.no_parts(index, base))
        return UNKNOWN

    # --- calls

    def _call(self, call: nodes.Call) -> Type:
        if call.module is not None:
            return self._unknown_call(call)
        name = call.name.text
        if call in self.bindings.calls:
            self._arguments(call)
            self.findings.say(problems_flows.buried_call(call))
            return UNKNOWN
        if name == TRUST:
            return self._trust(call)
        row = BUILTINS.get(name)
        if name in QUESTIONS and name != PICTURE:
            return self._look(call, QUESTIONS[name])
        if row is None:
            return self._unknown_call(call)
        return self._builtin(call, row)

    def _arguments(self, call: nodes.Call) -> list[Type]:
        return [self.infer(arg) for arg in call.args]

    def _trust(self, call: nodes.Call) -> Type:
        kinds = self._arguments(call)
        if len(kinds) != 1:
            self.findings.say(problems_types.wrong_count(call, TRUST, 1, 1))
            return UNKNOWN
        return kinds[0]

    def _look(self, call: nodes.Call, question: Question) -> Type:
        """What the live picture gives for a name or id."""
        if len(call.args) != 1:
            self._arguments(call)
            self.findings.say(problems_types.wrong_count(call, call.name.text, 1, 1))
        else:
            self.expect(call.args[0], TEXT, f"the {question.argument} of `{call.name.text}`")
        kind = MessageOf("seen", (question.thing,))
        return maybe(kind) if question.may_be_none else kind

    def _unknown_call(self, call: nodes.Call) -> Type:
        self._arguments(call)
        if call.module is None and call.name.text:
            self.findings.say(problems_types.unknown_function(call.name, [*BUILTINS, TRUST, *QUESTIONS]))
        return UNKNOWN

    def _builtin(self, call: nodes.Call, row: Builtin) -> Type:
        least = sum(not parameter.optional for parameter in row.parameters)
        most = None if row.variadic else len(row.parameters)
        if len(call.args) < least or (most is not None and len(call.args) > most):
            self._arguments(call)
            self.findings.say(problems_types.wrong_count(call, row.name, least, most))
            return UNKNOWN
        if row.name == "choose":
            return self._choose(call)
        last = len(row.parameters) - 1
        kinds = [self._argument(call, row.parameters[min(at, last)], arg) for at, arg in enumerate(call.args)]
        if any(isinstance(kind, Unknown) for kind in kinds) and row.result.startswith(("first", "item")):
            return UNKNOWN
        self._known_header_asked(call, row, kinds)
        return result_type(row, tuple(kinds))

    def _argument(self, call: nodes.Call, parameter: Parameter, arg: nodes.Expr) -> Type:
        kind = self.value(arg)
        if not any(rules.accepts(how, kind) for how in parameter.accepts):
            self.findings.say(problems_types.wrong_argument(call, arg, kind, parameter))
            return UNKNOWN
        return kind

    def _choose(self, call: nodes.Call) -> Type:
        """Lazy, so each value is seen with what the condition shows."""
        condition, *values = call.args
        branches = self.condition(condition)
        before = self.facts
        kinds = []
        for value, facts in zip(values, branches, strict=True):
            self.assume(facts)
            kinds.append(self.infer(value))
            self.facts = before
        kind = rules.unified(kinds)
        if kind is None:
            self.findings.say(problems_types.uneven_choice(call, kinds[0], kinds[1]))
        return UNKNOWN if kind is None else kind

    def _known_header_asked(self, call: nodes.Call, row: Builtin, kinds: list[Type]) -> None:
        """`all(e, "Variable")`: a header that the message cannot carry is a misspelling here too."""
        if row.name != "all" or not isinstance(kinds[0], MessageOf):
            return
        asked = call.args[1]
        if isinstance(asked, nodes.Text) and (name := plain_text(asked)) is not None:
            known = self.vocabulary.header(kinds[0], name)
            if known is None and not self.vocabulary.open(kinds[0]):
                self.findings.say(problems_messages.unknown_header(key_of(asked), kinds[0], self.vocabulary))

    # --- operators

    def _unary(self, unary: nodes.Unary) -> Type:
        if unary.op == "not":
            self.expect(unary.operand, BOOL, "`not`")
            return BOOL
        kind = self.value(unary.operand)
        if isinstance(kind, Unknown) or kind in rules.NUMERIC or kind == DURATION:
            return kind
        self.findings.say(problems_types.type_mismatch(unary.operand, kind, NUMBER, "`-`"))
        return UNKNOWN

    def _binary(self, binary: nodes.Binary) -> Type:
        match binary.op:
            case "and" | "or":
                return self._junction(binary)
            case "==" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "not in" | "like" | "matches":
                return self._comparison(binary)
            case "??":
                return self._default(binary)
        left, right = self.value(binary.left), self.value(binary.right)
        if binary.op_span.start == binary.op_span.end:  # the operator is missing, and the parser has said so
            return UNKNOWN
        kind = rules.arithmetic(binary.op, left, right)
        if kind is None:
            self.findings.say(problems_types.bad_operands(binary, left, right))
        return UNKNOWN if kind is None else kind

    def _junction(self, binary: nodes.Binary) -> Type:
        word = f"`{binary.op}`"
        self.expect(binary.left, BOOL, word)
        holds, fails = self.narrowing.of(binary.left)
        before = self.facts
        self.assume(holds if binary.op == "and" else fails)
        self.expect(binary.right, BOOL, word)
        self.facts = before
        return BOOL

    def _comparison(self, binary: nodes.Binary) -> Type:
        if binary.op in ("in", "not in"):
            self._holders.add(binary.right)
        left = self.infer(binary.left)
        right = self.value(binary.right) if binary.op in ("like", "matches") else self.infer(binary.right)
        wrong = operators.wrong_comparison(binary, left, right)
        if wrong is not None:
            self.findings.say(wrong)
        elif binary.op in ("==", "!=", "in", "not in"):
            self._known_value(binary.left, binary.right)
            self._known_value(binary.right, binary.left)
        return BOOL

    def _known_value(self, side: nodes.Expr, other: nodes.Expr) -> None:
        """A text that the header's enumeration does not have; the lists are not complete, so it is a warning."""
        texts = other.items if isinstance(other, nodes.ListOf) else (other,)
        values = self._values_of(side)
        for text in texts:
            literal = plain_text(text)
            if literal is not None and values and literal not in values:
                self.findings.say(problems_messages.unknown_value(text.span, literal, values))

    def _values_of(self, expr: nodes.Expr) -> tuple[str, ...]:
        if expr in self.read:
            return self.read[expr].values
        if isinstance(expr, nodes.Member) and expr.name.text == "kind":
            base = self.types.get(expr.base, UNKNOWN)
            return FAILURE_KINDS if isinstance(base, MessageOf) and base.kind == "error" else ()
        return ()

    def _default(self, binary: nodes.Binary) -> Type:
        left, right = self.infer(binary.left), self.infer(binary.right)
        if not isinstance(left, Maybe | Data | Unknown) and left != NONE:
            self.findings.say(problems_types.needless_default(binary))
        kind = operators.defaulted(left, right)
        if kind is None:
            self.findings.say(problems_types.incomparable(binary, left, right))
        return UNKNOWN if kind is None else kind

    def reason_for_none(self, expr: nodes.Expr) -> str | None:
        """The header that may be absent, by the catalogue's name."""
        info = self.read.get(expr)
        return info.name if info is not None else None


def _reason(error: Exception) -> str:
    """What the engine of regular expressions says, which may be bytes."""
    said = error.args[0] if error.args else ""
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
