"""Types and rules of a whole file: declarations, triggers, clauses, and the order in which everything is looked at.

Belongs here: the entry of the phase. Never here: steps (`check_steps`), tests (`check_tests`), expressions (`infer`).
"""

from __future__ import annotations

from zoneinfo import available_timezones

from amiflow.ami.catalog import Catalog
from amiflow.lang import (
    nodes,
    problems_flows,
    problems_messages,
    problems_names,
    problems_safety,
    problems_stores,
    problems_types,
    rules,
)
from amiflow.lang.bounds import Bounds
from amiflow.lang.check_steps import Steps
from amiflow.lang.check_stores import COLUMN_TYPES, Decl, check_bounds, check_table, store_type
from amiflow.lang.check_tasks import type_written
from amiflow.lang.check_tests import check_test
from amiflow.lang.constants import Constants
from amiflow.lang.crontab import Times, is_zone, read_at, read_cron
from amiflow.lang.infer import Inference
from amiflow.lang.narrow import NOTHING
from amiflow.lang.scope import Bindings, Checked, Symbol
from amiflow.lang.vocabulary import HeaderInfo, Vocabulary
from amiflow.plan.model import EMERGENCY
from amiflow.plan.types import (
    BOOL,
    INT,
    NO_ITEM,
    NONE,
    TEXT,
    UNKNOWN,
    Coding,
    ListOf,
    Maybe,
    RecordOf,
    Scalar,
    StoreOf,
    Type,
    Unknown,
    maybe,
)
from amiflow.plan.walk import descendants
from amiflow.report.codes import CODES
from amiflow.report.diagnostic import Diagnostic

USEREVENT_TYPES = ("text", "int", "number", "bool")


def vocabulary_of(bindings: Bindings, catalog: Catalog) -> Vocabulary:
    """The catalogue together with the file's userevents."""
    declared = {
        key: (decl.name.text, tuple(_userevent_header(field) for field in decl.fields if field.name.text))
        for key, decl in bindings.userevents.items()
    }
    return Vocabulary(catalog, declared)


def _userevent_header(field: nodes.Field) -> HeaderInfo:
    kind = type_written(field.type)
    scalar = kind.of if isinstance(kind, Maybe) else kind
    optional = field.type.optional
    match scalar:
        case Scalar(name="int" | "number" | "bool" as name):
            return HeaderInfo(field.name.text, Coding(name, optional=optional), caller=True)
    return HeaderInfo(field.name.text, Coding(optional=optional), caller=True)


def check(bindings: Bindings, vocabulary: Vocabulary) -> tuple[Checked, list[Diagnostic]]:
    """What is known of every expression, symbol and header of the file, and what is wrong with it."""
    file, inference = bindings.whole.file, Inference(bindings, vocabulary)
    constants = Constants(file, bindings.declared, bindings.uses)
    checker = _Checker(inference, constants)
    for decl in file.decls:
        checker.declaration(decl)
    checker.exceptions(file)
    for decl in file.decls:
        if isinstance(decl, nodes.TaskDecl):
            checker.task(decl)
    for decl in file.decls:
        if isinstance(decl, nodes.FlowDecl):
            checker.flow(decl)
    params = {decl.name.text: decl for decl in file.decls if isinstance(decl, nodes.ParamDecl)}
    for decl in file.decls:
        if isinstance(decl, nodes.TestDecl):
            check_test(checker.steps, decl, params)
    checker.file(file)
    tables = Checked(inference.types, inference.symbols, inference.proofs, inference.written, inference.read)
    return tables, inference.findings.found


class _Checker:
    def __init__(self, inference: Inference, constants: Constants) -> None:
        self.inference = inference
        self.constants = constants
        self.steps = Steps(inference, constants)
        self.say = inference.findings.say
        self._limited: dict[str, nodes.Ident] = {}
        self._bounds = Bounds(constants, inference.bindings.calls)

    # --- declarations

    def declaration(self, decl: nodes.Decl) -> None:
        match decl:
            case nodes.ParamDecl():
                self._param(decl)
            case nodes.SecretDecl(name=name):
                self._give(name, TEXT)
            case nodes.LetDecl(name=name, value=value):
                self._give(name, self.inference.infer(value))
                self._steady(value)
            case nodes.UserEventDecl(fields=fields):
                self._fields(fields, USEREVENT_TYPES)
            case nodes.MapDecl() | nodes.CounterDecl() | nodes.SeriesDecl():
                self._store(decl)
            case nodes.TableDecl():
                self._table(decl)
            case nodes.LimitDecl():
                self._limit(decl)
            case nodes.HoursDecl():
                self._hours(decl)
            case nodes.PoolDecl(name=name, max=most):
                self.steps.count(most, "`max`")
                self._give(name, StoreOf("pool", NO_ITEM))

    def _hours(self, hours: nodes.HoursDecl) -> None:
        if not is_zone(hours.zone.value) and not _unread(hours.zone):
            self.say(problems_flows.unknown_zone(hours.zone, sorted(available_timezones())))
        if not hours.openings:
            self.say(problems_stores.never_open(hours.name))
        self._give(hours.name, StoreOf("hours", BOOL))

    def exceptions(self, file: nodes.File) -> None:
        """What is behind `except` may be declared further down."""
        for closed in [one for decl in file.decls if isinstance(decl, nodes.HoursDecl) for one in decl.exceptions]:
            kind = self.inference.holder(closed)
            is_table = isinstance(kind, StoreOf) and kind.kind == "table"
            if not is_table and not rules.fits(kind, ListOf(TEXT)):
                self.say(problems_stores.no_dates(closed, kind))

    def _limit(self, limit: nodes.LimitDecl) -> None:
        catalog = self.inference.vocabulary.catalog
        action = catalog.action(limit.action.text)
        if action is None:
            self.say(problems_messages.unknown_action(limit.action, catalog))
        elif action.name in self._limited:
            self.say(problems_names.duplicate_declaration("limit", limit.action, self._limited[action.name]))
        else:
            self._limited[action.name] = limit.action
        self.steps.count(limit.count, "`limit`")
        self.steps.duration(limit.per, "`per`")
        check_bounds(self.inference, self.constants, (limit.count, limit.per))

    def _table(self, table: nodes.TableDecl) -> None:
        self._fields(table.columns, COLUMN_TYPES)
        check_table(self.inference, table)
        columns = tuple((column.name.text, type_written(column.type)) for column in table.columns)
        self._give(table.name, StoreOf("table", RecordOf(columns)))

    def _store(self, decl: Decl) -> None:
        written: Type = INT
        if not isinstance(decl, nodes.CounterDecl):
            self._known_type(decl.value, tuple(rules.TYPE_NAMES), records=True)
            written = type_written(decl.value)
        if isinstance(decl, nodes.MapDecl):
            spell, what = decl.lasting, "`lasting`"
        else:
            spell, what = decl.within, "`within`"
        self.steps.duration(spell, what)
        self.steps.count(decl.max, "`max`")
        check_bounds(self.inference, self.constants, (spell, decl.max))
        self._give(decl.name, store_type(decl, written))

    def _give(self, name: nodes.Ident, kind: Type) -> None:
        symbol = self.inference.bindings.declared.get(name)
        if symbol is not None:
            self.inference.symbols[symbol] = kind

    def _param(self, param: nodes.ParamDecl) -> None:
        written = None
        if param.type is not None:
            self._known_type(param.type, tuple(rules.TYPE_NAMES), records=True)
            written = type_written(param.type)
        given = self.inference.infer(param.default) if param.default is not None else None
        if param.default is not None:
            self._only_params(param.default)
        if written is not None and given is not None and param.default is not None and not rules.fits(given, written):
            self.say(problems_types.type_mismatch(param.default, given, written, "the default"))
        kind = written if written is not None else (given if given is not None else TEXT)
        if kind in (NONE, ListOf(NO_ITEM)):
            kind = maybe(TEXT) if kind == NONE else ListOf(TEXT)
        self._give(param.name, kind)

    def _steady(self, value: nodes.Expr) -> None:
        """Constants are had once, when the run begins."""
        for name in descendants(value):
            symbol = self.inference.bindings.uses.get(name) if isinstance(name, nodes.Name) else None
            if isinstance(name, nodes.Name) and symbol is not None and symbol.kind == "store":
                self.say(problems_stores.unsteady_constant(name, symbol))

    def _only_params(self, default: nodes.Expr) -> None:
        """Params are inputs: they are known before anything else of the file is."""
        for name in descendants(default):
            if isinstance(name, nodes.Name):
                symbol = self.inference.bindings.uses.get(name)
                if symbol is not None and symbol.kind not in ("param", "item"):
                    self.say(problems_names.default_uses(name, symbol))

    def _fields(self, fields: tuple[nodes.Field, ...], allowed: tuple[str, ...]) -> None:
        seen: dict[str, nodes.Ident] = {}
        for field in fields:
            key = field.name.text.casefold()
            if key in seen and key:
                self.say(problems_messages.duplicate_key(field.name, seen[key]))
            seen.setdefault(key, field.name)
            self._known_type(field.type, allowed)

    def _known_type(self, written: nodes.TypeExpr, allowed: tuple[str, ...], records: bool = False) -> None:
        if isinstance(written, nodes.RecordType):
            if records:
                self._fields(written.fields, allowed)
                return
            self.say(problems_types.unknown_type(written.span, None, allowed))
        elif written.name.text and written.name.text not in allowed:
            self.say(problems_types.unknown_type(written.span, written.name.text, allowed))

    def file(self, file: nodes.File) -> None:
        if not any(isinstance(decl, nodes.FlowDecl | nodes.TaskDecl) for decl in file.decls):
            self.say(problems_flows.no_flows(file.span))

    def task(self, task: nodes.TaskDecl) -> None:
        for field in task.args:
            self._known_type(field.type, tuple(rules.TYPE_NAMES), records=True)
        self.steps.tasks.result(task)

    # --- flows

    def flow(self, flow: nodes.FlowDecl) -> None:
        inference = self.inference
        inference.facts = NOTHING
        self._trigger(flow.trigger)
        self._clauses(flow.clauses)
        self._same_key(flow)
        self.steps.returns = isinstance(flow.trigger, nodes.SignalTrigger)
        at_start = inference.facts
        if not flow.body.steps:
            self.say(problems_flows.empty_flow(flow.name, flow.body))
        self.steps.body(flow.body.steps)
        if flow.cleanup is not None:
            inference.facts = at_start
            inference.softened = self._declared_in(flow.body)
            self.steps.body(flow.cleanup.steps)
            inference.softened = set()
        if self.steps.tasks.fits(flow.name, flow.body, flow.cleanup):
            self._lifetime(flow)
        inference.facts = NOTHING

    def _declared_in(self, body: nodes.Body) -> set[Symbol]:
        declared = self.inference.bindings.declared
        idents = (node for node in descendants(body) if isinstance(node, nodes.Ident))
        return {declared[ident] for ident in idents if ident in declared}

    def _trigger(self, trigger: nodes.Trigger) -> None:
        match trigger:
            case nodes.EventTrigger(first=first, links=links, times=times):
                self.inference.assume(self.steps.pattern(first))
                for link in links:
                    self._link(link)
                if times is not None:
                    self._times(times)
            case nodes.HoursTrigger(hours=hours):
                kind = self.inference.holder(hours)
                if not isinstance(kind, Unknown) and not (isinstance(kind, StoreOf) and kind.kind == "hours"):
                    self.say(problems_stores.no_hours(hours, kind))
            case nodes.SignalTrigger(args=args, name=name, where=where):
                self._fields(args, USEREVENT_TYPES)
                if name is not None:
                    self._give(name, RecordOf(tuple((arg.name.text, type_written(arg.type)) for arg in args)))
                if where is not None:
                    self.inference.assume(self.inference.condition(where)[0])
            case nodes.EveryTrigger(period=period):
                self.steps.duration(period, "`every`")
            case nodes.AtTrigger(time=text, zone=zone):
                self._calendar(read_at(trigger), text, zone)
            case nodes.CronTrigger(line=text, zone=zone):
                self._calendar(read_cron(text.value), text, zone)

    def _calendar(self, read: Times | str, text: nodes.PlainText, zone: nodes.PlainText | None) -> None:
        if isinstance(read, str) and not _unread(text):
            self.say(problems_flows.bad_schedule(text, read))
        if zone is not None and not is_zone(zone.value) and not _unread(zone):
            self.say(problems_flows.unknown_zone(zone, sorted(available_timezones())))

    def _times(self, times: nodes.Times) -> None:
        self.steps.count(times.count, "`times`")
        self.steps.duration(times.within, "`within`")
        if times.reset is not None:
            self.inference.facts, before = NOTHING, self.inference.facts
            self.inference.assume(self.steps.pattern(times.reset.pattern))
            self._key(times.reset.key)
            self.inference.facts = before

    def _link(self, link: nodes.Then | nodes.Without) -> None:
        self.steps.duration(link.within, "`within`")
        if isinstance(link, nodes.Then):
            if link.unless is not None:
                self.steps.pattern(link.unless)
            self.inference.assume(self.steps.pattern(link.pattern))
        else:
            self.steps.pattern(link.pattern)

    def _same_key(self, flow: nodes.FlowDecl) -> None:
        """What `reset` forgets is what `per` counts."""
        times = flow.trigger.times if isinstance(flow.trigger, nodes.EventTrigger) else None
        if times is None or times.reset is None:
            return
        per = next((clause for clause in flow.clauses if isinstance(clause, nodes.PerClause)), None)
        if per is None or _parts(per.key) != _parts(times.reset.key):
            self.say(problems_flows.reset_differs(times.reset, per))

    def _clauses(self, clauses: tuple[nodes.Clause, ...]) -> None:
        seen: dict[type, nodes.Clause] = {}
        for clause in clauses:
            if not isinstance(clause, nodes.AllowClause) and type(clause) in seen:
                self.say(problems_flows.duplicate_clause(clause, seen[type(clause)]))
            seen.setdefault(type(clause), clause)
            self._clause(clause)

    def _clause(self, clause: nodes.Clause) -> None:
        match clause:
            case nodes.PerClause(key=key):
                self._key(key)
            case nodes.MaxClause(bound=bound):
                self.steps.count(bound, "`max`")
            case nodes.CooldownClause(period=period):
                self.steps.duration(period, "`cooldown`")
            case nodes.LastingClause(period=period):
                self.steps.duration(period, "`lasting`")
            case nodes.UntilClause(pattern=pattern):
                self.steps.pattern(pattern)
            case nodes.AllowClause(what=what):
                warnings = [code.name for code in CODES.values() if code.severity == "warning"]
                if what.text and what.text not in (*warnings, EMERGENCY):
                    self.say(problems_safety.bad_allow(what, [*warnings, EMERGENCY]))

    def _key(self, key: nodes.Expr) -> None:
        kind = self.inference.infer(key)
        parts = kind.item if isinstance(key, nodes.ListOf) and hasattr(kind, "item") else kind
        inner = parts.of if isinstance(parts, Maybe) else parts
        if inner != UNKNOWN and not rules.is_scalar(inner):
            self.say(problems_flows.bad_key(key, kind))

    def _lifetime(self, flow: nodes.FlowDecl) -> None:
        written = next((clause for clause in flow.clauses if isinstance(clause, nodes.LastingClause)), None)
        if written is None:
            for place in self._bounds.flow(flow).endless[:1]:
                self.say(problems_flows.missing_bound(flow.name, place))
            return
        lasting = self.constants.duration(written.period)
        waits = self._bounds.noticed.flow(flow).known
        if lasting is not None and lasting < waits:
            self.say(problems_flows.outlived(written.period, flow.name.text, lasting, waits))


def _parts(key: nodes.Expr) -> int:
    return len(key.items) if isinstance(key, nodes.ListOf) else 1


def _unread(text: nodes.PlainText) -> bool:
    """Whether the parser has complained about the text, and it stands empty."""
    return not text.value and text.span.end - text.span.start != len('""')
