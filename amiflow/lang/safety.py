"""Where text that a stranger controls, or a secret, goes where it must not; and flows that start themselves.

Belongs here: following values through `let`, interpolation and functions, and what makes them harmless. Never here:
which headers are sources or targets (the catalogue says), wording (`problems_*`).
"""

from __future__ import annotations

from amiflow.lang import nodes, problems_safety
from amiflow.lang.feedback import feedback
from amiflow.lang.infer import TRUST
from amiflow.lang.scope import Bindings, Checked, Findings, Symbol
from amiflow.lang.vocabulary import Vocabulary
from amiflow.plan.builtins import BUILTINS
from amiflow.plan.picture import QUESTIONS
from amiflow.plan.types import TEXT, Data, ListOf, MessageOf, RecordOf, StoreOf, Type, Unknown, definite
from amiflow.plan.walk import children, descendants
from amiflow.report.data import dataclass
from amiflow.report.diagnostic import Diagnostic
from amiflow.report.source import Span

_NAMING = (
    nodes.LetDecl, nodes.Var, nodes.Let, nodes.SignalTrigger, nodes.Set, nodes.Add, nodes.Call, nodes.For,
    nodes.Comprehension,
)  # fmt: skip
"""Nodes that give something to a name."""
_LEADING = (
    nodes.Action, nodes.Raw, nodes.Http, nodes.Exec, nodes.Append, nodes.Log, nodes.Fail, nodes.OrFail,
)  # fmt: skip
"""Nodes that lead values out of the recipe."""
_KEEPS_CHANNEL = frozenset({"lower", "upper", "trim"})
_OF_CHANNEL = frozenset({"tech_of", "peer_of"})


@dataclass(frozen=True, slots=True)
class Taint:
    """What a value may be: anything at all (`unsafe`, with where that comes from), or a channel name in one piece."""

    unsafe: bool
    span: Span
    what: str
    why: str = ""


def safety(bindings: Bindings, checked: Checked, vocabulary: Vocabulary) -> list[Diagnostic]:
    """Every unsafe value, shown secret and feedback loop of the file."""
    walk, decls = _Walk(bindings, checked), bindings.whole.file.decls
    for decl in decls:
        if isinstance(decl, nodes.LetDecl):
            walk.names(decl)
    walk.stores()
    for decl in decls:
        if isinstance(decl, nodes.FlowDecl):
            walk.flow(decl)
            walk.findings.found += feedback(decl, bindings, vocabulary)
        elif isinstance(decl, nodes.TaskDecl):
            walk.flow(decl)
    return walk.findings.found


class _Walk:
    def __init__(self, bindings: Bindings, checked: Checked) -> None:
        self.findings = Findings()
        self._bindings = bindings
        self._checked = checked
        self._taints: dict[Symbol, Taint] = {}
        self._secrets: dict[Symbol, Symbol] = {}
        self._found: dict[nodes.Expr, Taint | None] = {}  # else a chain of equalities would be followed 2^n times

    # --- what names hold, in the order in which they get it

    def stores(self) -> None:
        """Learn what stores may hold, whichever flow it comes from: each round follows it through one store more."""
        everything = self._bindings.whole.everything
        writes = [node for node in everything if isinstance(node, (nodes.Set, nodes.Add))]
        if not any(isinstance(node.target, nodes.Index) for node in writes):
            return
        for _ in range(len(writes) + 1):
            before = dict(self._taints)
            for here in everything:
                self.names(here)
            if before == self._taints:
                break

    def flow(self, flow: nodes.FlowDecl | nodes.TaskDecl) -> None:
        """Follow what the flow's names hold, and look where that goes; in its tasks too."""
        reached = list(self._bindings.reached(flow))
        naming = [node for node in reached if isinstance(node, _NAMING)]
        before = None
        while before != self._taints:  # a loop can carry a value from one variable to the next, once a round
            before = dict(self._taints)
            for node in naming:
                self.names(node)
        for step in reached:
            if isinstance(step, _LEADING):
                self._step(step)

    def names(self, node: object) -> None:
        """Learn what the names that this node introduces or sets may hold."""
        match node:
            case nodes.LetDecl(name=name, value=value) | nodes.Var(name=name, value=value):
                self._learn(self._bindings.declared.get(name), value)
            case nodes.Let(name=name, value=value):
                if not isinstance(
                    value, nodes.Action | nodes.Raw | nodes.Http | nodes.Exec | nodes.Append | nodes.Signal
                ):
                    self._learn(self._bindings.declared.get(name), value)
            case nodes.SignalTrigger(name=name) if name is not None and name in self._bindings.declared:
                self._taints[self._bindings.declared[name]] = Taint(
                    True, name.span, "what a signal carries", "whoever sends the signal controls this"
                )
            case nodes.Set(target=nodes.Name() as target, value=value):
                self._learn(self._bindings.uses.get(target), value)
            case (
                nodes.Set(target=nodes.Index(base=nodes.Name() as store), value=value)
                | nodes.Add(target=nodes.Index(base=nodes.Name() as store), value=value)
            ):
                if value is not None:
                    self._learn(self._bindings.uses.get(store), value)
            case nodes.Call() if node in self._bindings.calls:
                for field, arg in zip(self._bindings.calls[node].args, node.args, strict=False):
                    self._learn(self._bindings.declared.get(field.name), arg)
            case nodes.For(name=name, source=source) | nodes.Comprehension(name=name, source=source):
                symbol, kind = self._bindings.declared.get(name), self._checked.type_of(source)
                if symbol is not None and isinstance(kind, StoreOf) and kind.kind != "table":
                    self._taints[symbol] = Taint(
                        True, source.span, "a key of a store", "flows put there what they like"
                    )
                else:
                    self._learn(symbol, source)

    def _learn(self, symbol: Symbol | None, value: nodes.Expr) -> None:
        if symbol is None:
            return
        taint = self.taint(value)
        known = self._taints.get(symbol)
        if taint is not None and (known is None or (taint.unsafe and not known.unsafe)):
            self._taints[symbol] = taint
            self._found.clear()
        secret = self._secret_in(value)
        if secret is not None:
            self._secrets[symbol] = secret

    # --- where values go

    def _step(self, node: object) -> None:
        match node:
            case nodes.Action(block=block) | nodes.Raw(block=block):
                for entry in block.headers:
                    self._header(entry, raw=isinstance(node, nodes.Raw))
            case nodes.Http(url=url):
                self._aim(url, "http")
            case nodes.Exec(argv=argv):
                self._aim(argv, "exec")
            case nodes.Append(path=path):
                self._aim(path, "append")
            case nodes.Log(text=text) | nodes.Fail(reason=text) | nodes.OrFail(reason=text):
                secret = self._secret_in(text)
                if secret is not None:
                    self.findings.say(problems_safety.secret_shown(text, secret))

    def _aim(self, value: nodes.Expr, what: str) -> None:
        taint = self.taint(value)
        if taint is not None and taint.unsafe:
            self.findings.say(problems_safety.unsafe_value(value, what, taint.span, taint.what, taint.why))

    def _header(self, entry: nodes.HeaderEntry, raw: bool) -> None:
        info = self._checked.written.get(entry)
        if info is None or not (info.code or raw):
            return
        taint = self.taint(entry.value)
        if taint is not None and taint.unsafe:
            self.findings.say(problems_safety.unsafe_value(entry.value, info.name, taint.span, taint.what, taint.why))

    # --- what an expression may be

    def taint(self, expr: nodes.Expr) -> Taint | None:
        """None for what is harmless: numbers, times, constants, params, and what was compared with such."""
        if expr not in self._found:
            self._found[expr] = self._taint(expr)
        return self._found[expr]

    def _taint(self, expr: nodes.Expr) -> Taint | None:
        if not _can_carry(self._checked.type_of(expr)) or self._proven(expr):
            return None
        match expr:
            case nodes.Text(parts=parts):
                return self._worst([part for part in parts if not isinstance(part, str)])
            case nodes.ListOf(items=items):
                return self._worst(items)
            case nodes.Record(entries=entries):
                return self._worst([entry.value for entry in entries])
            case nodes.Comprehension(item=item):
                return self.taint(item)
            case nodes.Name():
                symbol = self._bindings.uses.get(expr)
                return self._taints.get(symbol) if symbol is not None else None
            case nodes.Member(base=base) | nodes.Index(base=base):
                return self._part(expr, base)
            case nodes.Call():
                return self._call(expr)
            case nodes.Binary(left=left, right=right):
                return self._worst((left, right))
        return None

    def _worst(self, parts: list[nodes.Expr] | tuple[nodes.Expr, ...]) -> Taint | None:
        found = [taint for part in parts if (taint := self.taint(part)) is not None]
        return next((taint for taint in found if taint.unsafe), found[0] if found else None)

    def _part(self, expr: nodes.Member | nodes.Index, base: nodes.Expr) -> Taint | None:
        kind = definite(self._checked.type_of(base))
        if not isinstance(kind, MessageOf):
            return self.taint(base)
        info = self._checked.read.get(expr)
        if info is None:
            unnamed = isinstance(expr, nodes.Index) or kind.kind in ("error", "http", "exec")
            return Taint(True, expr.span, "text from outside", "anybody may have written this") if unnamed else None
        if info.caller:
            return Taint(True, expr.span, f"`{info.name}`", "a caller controls this")
        return Taint(False, expr.span, info.name) if info.channel else None

    def _call(self, call: nodes.Call) -> Taint | None:
        task = self._bindings.calls.get(call)
        if task is not None:
            return self._worst([node.value for node in descendants(task.body) if isinstance(node, nodes.Return)])
        name = call.name.text
        row = BUILTINS.get(name)
        if call.module is not None or name == TRUST or (row is not None and row.cleans):
            return None
        if name in QUESTIONS:
            return None  # what is read of it is judged by itself
        if name in ("chanvar", "all"):
            return Taint(True, call.span, f"what `{name}` reads", "a caller may control this")
        args = call.args[1:] if name == "choose" else call.args
        worst = self._worst(args)
        if worst is None or worst.unsafe or name in _KEEPS_CHANNEL or name == "choose":
            return worst
        return (
            None
            if name in _OF_CHANNEL
            else Taint(True, call.span, "a piece of a channel name", "pieces of it can be anything")
        )

    def _proven(self, expr: nodes.Expr) -> bool:
        """Whether it was compared, with success, with something harmless."""
        groups = self._checked.proofs.get(expr, ())
        return any(all(self._is_harmless(other) for other in group) for group in groups)

    def _is_harmless(self, expr: nodes.Expr) -> bool:
        taint = self.taint(expr)
        kind = definite(self._checked.type_of(expr))
        known = not isinstance(kind, StoreOf) or kind.kind == "table"  # what other stores have, flows put there
        return taint is None and known and not isinstance(kind, MessageOf | Unknown)

    def _secret_in(self, expr: object) -> Symbol | None:
        if isinstance(expr, nodes.Name):
            symbol = self._bindings.uses.get(expr)
            if symbol is None:
                return None
            return symbol if symbol.kind == "secret" else self._secrets.get(symbol)
        if isinstance(expr, nodes.Call) and expr.name.text in ("hash", "len"):
            return None
        return next((secret for part in children(expr) if (secret := self._secret_in(part)) is not None), None)


def _can_carry(kind: Type) -> bool:
    """Whether a value of the type can hold text of a stranger's."""
    match definite(kind):
        case ListOf(item=item):
            return _can_carry(item)
        case StoreOf(of=of):
            return _can_carry(of)
        case RecordOf(fields=fields):
            return any(_can_carry(field) for _, field in fields)
        case MessageOf() | Data() | Unknown():
            return True
        case other:
            return other == TEXT
