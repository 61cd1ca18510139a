"""Programs that nobody would write: made by the grammar's own rules, and recipes with pieces changed.

What belongs here: making texts, and the one judgement, that any of them gives diagnostics or a plan that can be stored
and run. What never does: how many are enough (the test and `make fuzz` say).
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import get_args
from unittest.mock import patch

from amiflow.ami.catalog import Catalog, load
from amiflow.lang import nodes
from amiflow.lang.compile import compile_recipe
from amiflow.lang.grammar import Grammar, build
from amiflow.lang.lower import lower
from amiflow.lang.lower_expr import Lowering
from amiflow.lang.parse import parse
from amiflow.plan import store
from amiflow.plan import testmodel as tm
from amiflow.plan.builtins import BUILTINS
from amiflow.plan.expressions import Const
from amiflow.plan.manager_conf import manager_conf
from amiflow.plan.model import Plan
from amiflow.plan.show import show
from amiflow.plan.triggers import OnSignal
from amiflow.plan.types import UNKNOWN
from amiflow.plan.walk import descendants
from amiflow.report.formats import formatted
from amiflow.report.render import render
from amiflow.report.source import Source, Span
from amiflow.tools.fmt import format_source
from amiflow.tools.testing import run_tests

PATIENCE = 30
"""Seconds after which a compiler counts as hanging; a hundredth of it is usual."""
DEPTH, WORDS = 25, 120
"""What a piece by the rules has at most, before everything in it is written as short as can be."""
IMPORTED = """
param room: text = "680"
secret key
counter calls within 1h max 10
map kept: {what: text} lasting 1h max 10 durable
pool lines max 2
hours office in "UTC" { mon-fri 08:00-18:00 }
task shout(what: text) { log what set kept[what] = {what: what} return {said: what} }
"""

# A few of each terminal that is no fixed word; what stands in NAMES makes programs that get past the names.
NAMES = ["a", "b", "c", "room", "text", "int", "bool", "duration", "time", "list", "call", "Newchannel", "Hangup",
         "DialEnd", "BridgeEnter", "QueueCallerJoin", "PeerStatus", "Originate", "Redirect", "QueuePause", "Getvar",
         "CoreShowChannels", "Status", "channels", "now", "server", "missed"]  # fmt: skip
SAMPLES: dict[str, list[str]] = {
    "COMPARE": ["==", "!=", "<=", ">=", "<", ">"],
    "LEVEL": ["debug", "info", "warn", "error"],
    "METHOD": ["get", "post", "put", "patch", "delete", "head"],
    "DIALLED": ["busy", "no_answer", "congestion", "failed"],
    "ENDED": ["done", "failed", "stopped"],
    "WARNING": ["unsafe-value", "unused-name", "no-such-thing"],
    "DAYS": ["mon", "mon-fri", "sun-sat", "fri-mon"],
    "CLOCK": ["08:00-17:00", "0-24", "17:00-08:00", "99:99-1.2.3"],
    "NAME": NAMES,
    "USEREVENT": ["UserEvent Room", "userevent Pin"],
    "KEY": ["Channel:", "Exten:", "ChanVariable(2):", "Variable:", "a:", "_b:", "Context:", "Priority:", "Uniqueid:"],
    "TEXT_KEY": ['"Channel":', '"":', '"a b":'],
    "MEMBER": [".Channel", ".Uniqueid", ".Linkedid", ".a", ".0", ".ChannelStateDesc", ".calls", ".size"],
    "NUMBER": ["0", "1", "3s", "10m", "1h30m", "250ms", "99999999999999999999d", "1.5", "1.2.3", "0x1f", "1e9", "7"],
    "REGEX": ['r"^[0-9]+$"', 'r"(a|aa)+$"', 'r"("', 'r"(?=a)"', 'r"a{1000}{1000}"', 'r""'],
    "TEXT": ['""', '"${a}"', '"${a.Channel} ${"x${b}"}"', '"PJSIP/bob"', '"${"', '"\\n\\t\\""', '"Europe/Berlin"',
             '"0 3 * * 1-5"', '"12:30"', '"prices.csv"', '"lib.flow"', '"\u00e4\u4e2d\U0001f600"', '"${[}"'],
    "OR_ELSE": ["or"],
    "_RSQB_VALUE": ["]"],
}  # fmt: skip
# Values of every type, and of none that is known; what can be made of any expression; steps with any in them.
VALUES = ["[]", "first([])", "none", "5", "1.5", "true", "5s", '"a"', 'r"a+"', "{}", "{a: 1}", "[1]", "[[]]", "pbx",
          "now()", 'json("[1, {}]")', 'channel("x")', "lib.room", 'lib.calls["a"]', "lib.shout", "lib", "lib.office",
          "lib.lines", 'lib.kept["a"].what', "hash(lib.key)"]  # fmt: skip
AROUND = ["{0}.Channel", "{0}.size", "{0}[0]", '{0}["a"]', "[{0}]", "first([{0}])", "[x for x in {0}]", "{{a: {0}}}",
          '"${{{0}}}"', "{0} ?? {0}", "{0} + {0}", "-{0}", "not {0}", "{0} == {0}", "{0} in {0}", "{0} like {0}",
          "{0} < 5", "len({0})", "sum({0})", "max({0})", "sort({0})", "text({0})", "json({0})", "trust({0})",
          "lib.shout({0})", "{0}.size({0})", "all({0}, {0})", "choose({0}, {0}, {0})"]  # fmt: skip
MORE = ["lib.shout({0}) or ignore", "json.size({0})", "len({0})", "add lib.calls[{0}]", 'set lib.kept["a"] = {0}',
        "delete lib.kept[{0}]", "with lib.lines within {0} {{ stop }}", "set lib.room = {0}", "signal x {{ a: {0} }}",
        'append "x.jsonl" {{a: {0}}}', 'let y = http post "http://a.example" json {0}', 'exec ["a", {0}]', "return {0}",
        'for y in {0} {{ log "${{y}}" }}', 'repeat 2 {{ log "${{{0}}}" }}', 'raw "X" {{ A: {0} }}', "fail {0}", "stop",
        "wait until {0} within 1s or ignore", "let y = {0}", "let y = lib.shout({0})"]  # fmt: skip
KINDS = EXPRESSIONS, STEPS, _ = [get_args(kind) for kind in (nodes.Expr, nodes.Step, nodes.TestStep)]
RUBBISH = ["\x00", "\ufeff", "\u2028", "\r", "\t", "'", "&&", "||", "=>", "${", '"', "\\", "#", "{", "}", "[", "]", "("]


class Maker:
    """Texts by the rules of a grammar; the same texts for the same seed."""

    def __init__(self, grammar: Grammar, dice: random.Random, recipes: list[str]) -> None:
        self.dice = dice
        self.recipes = recipes
        self._grammar = grammar
        self._names = [*NAMES, *BUILTINS]
        self._rules: dict[str, list[list[tuple[str, bool]]]] = {}
        for rule in grammar.rules:
            self._rules.setdefault(rule.origin, []).append(list(rule.expansion))
        self._least = self._lengths()
        self._lexemes = [word for name in grammar.terminals for word in self._words(name)]

    def text(self) -> str:
        """One text: by the rules, a recipe changed, both, or rubbish."""
        kind = self.dice.random()
        if kind < 0.2:
            return self.program()
        if kind < 0.65:
            return self.exchanged(self.dice.choice(self.recipes))
        if kind < 0.95:
            return self.changed(self.dice.choice(self.recipes) if kind < 0.85 else self.program())
        return "".join(self.dice.choices([*RUBBISH, *self._lexemes, "\n", " "], k=self.dice.randint(0, 80)))

    def program(self) -> str:
        """One to four declarations by the rules."""
        return "\n".join(self._by_rules("decl") for _ in range(self.dice.randint(1, 4))) + "\n"

    def changed(self, text: str) -> str:
        """A text with one to three pieces dropped, doubled, moved, or replaced by something else."""
        for _ in range(self.dice.randint(1, 3)):
            start, end = self._piece(text)
            part, kind = text[start:end], self.dice.randrange(6)
            other = self.dice.choice(self.recipes)
            begin, stop = self._piece(other)
            put = ("", part * 2, self.dice.choice(self._lexemes), self.dice.choice(RUBBISH), other[begin:stop],
                   self._by_rules(self.dice.choice(list(self._rules))))[kind]  # fmt: skip
            text = text[:start] + put + text[end:]
        return text

    def exchanged(self, text: str) -> str:
        """A recipe with one to three of its expressions or steps replaced by others that the grammar allows there: many
        of these get past the parser and the names."""
        if self.dice.random() < 0.5:
            text = f'import "lib.flow" as lib\n{text}'
        for _ in range(self.dice.randint(1, 3)):
            file, _ = parse(Source("r.flow", text), self._grammar)
            parts = {kind: [one.span for one in descendants(file) if isinstance(one, kind)] for kind in KINDS}
            if not parts[EXPRESSIONS]:
                break
            kind = self.dice.choice([kind for kind in KINDS if parts[kind]])
            span, other = self.dice.choices(parts[kind], k=2)
            old, put = text[span.start : span.end], text[other.start : other.end]
            own = [text[one.start : one.end] for one in parts[EXPRESSIONS]]
            value = self.dice.choice(self.dice.choice([VALUES, own]))
            if kind is EXPRESSIONS and self.dice.random() < 0.7:
                put = self.dice.choice([value, self.dice.choice(AROUND).format(self.dice.choice([old, value]))])
            elif kind is STEPS and self.dice.random() < 0.7:
                put = f"{old} {self.dice.choice(MORE).format(value)}"
            text = text[: span.start] + put + text[span.end :]
        return text

    def _piece(self, text: str) -> tuple[int, int]:
        """The ends of a word, of a few characters, or of some lines."""
        start = self.dice.randint(0, len(text))
        if self.dice.random() < 0.3:
            return start, min(len(text), start + self.dice.choice([1, 2, 40, 400]))
        ends = [at for at, sign in enumerate(text) if not sign.isalnum()] or [0]
        at = self.dice.randrange(len(ends))
        return ends[at], ends[min(len(ends) - 1, at + 1)]

    def _by_rules(self, rule: str) -> str:
        words: list[str] = []
        self._write(rule, 0, words)
        return " ".join(words)

    def _write(self, rule: str, depth: int, words: list[str]) -> None:
        bodies = self._rules[rule]
        if depth > DEPTH or len(words) > WORDS:
            least = min(self._cost(body) for body in bodies)
            bodies = [body for body in bodies if self._cost(body) == least]
        for name, is_word in self.dice.choice(bodies):
            if is_word:
                words.append(self._word(name))
            else:
                self._write(name, depth + 1, words)

    def _word(self, terminal: str) -> str:
        if terminal == "NAME":
            return self.dice.choice(self._names)
        return self.dice.choice(self._words(terminal))

    def _words(self, terminal: str) -> list[str]:
        if terminal in ("BLANK", "COMMENT"):
            return ["\n", "# why\n"]
        literal = self._grammar.literal(terminal)
        return [literal] if literal is not None else SAMPLES[terminal]

    def _lengths(self) -> dict[str, int]:
        """How many words the shortest text of each rule has."""
        self._least = {}
        while True:
            found = {rule: min(map(self._cost, bodies)) for rule, bodies in self._rules.items()}
            if found == self._least:
                return found
            self._least = found

    def _cost(self, body: list[tuple[str, bool]]) -> int:
        return sum(1 if is_word else self._least.get(name, 1000) for name, is_word in body)


def recipes() -> list[str]:
    """The texts of all recipes."""
    folder = Path(__file__).parents[2] / "recipes"
    return [path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.flow"))]


def maker(seed: int) -> Maker:
    """The maker of a seed's texts."""
    return Maker(build(), random.Random(seed), recipes())


def judge(text: str, catalog: Catalog, grammar: Grammar) -> None:
    """Raises AssertionError, or what the compiler raised, where a text gives neither a plan nor diagnostics, or what
    it gives cannot be shown, stored or formatted; TimeoutError where that takes too long."""
    with bounded(PATIENCE), patch("amiflow.lang.compile.lower", lower_typed):
        compiled = compile_recipe("r.flow", lambda path: text if path == "r.flow" else IMPORTED, catalog, grammar)
        wrong = any(one.severity == "error" for one in compiled.diagnostics)
        assert (compiled.plan is None) == wrong, compiled.diagnostics
        for one in compiled.diagnostics:
            assert render(one, compiled.sources)
        assert formatted("sarif", compiled.diagnostics, compiled.sources)
        if compiled.plan is not None:
            assert show(compiled.plan) and manager_conf(compiled.plan)
            stored = store.load(store.dump(compiled.plan))
            assert stored == compiled.plan
            complete = all(param.default is not None for param in stored.params)
            run_tests(stored, [*compiled.tests, *([rehearsal(stored)] if complete else [])], catalog)
        laid, problems = format_source(Source("r.flow", text), grammar)
        assert (laid is None) == bool(problems)


def lower_typed(file: nodes.File, lowering: Lowering) -> Plan:
    """The compiler's last phase, where each expression has a type. Raises AssertionError for one that the checker has
    not looked at, or knows nothing of, and yet says nothing about: the engine would find out what it is."""
    everything = lowering.bindings.whole.everything
    targets = {node.target for node in everything if isinstance(node, nodes.Set | nodes.Delete | nodes.Add)}
    for node in everything:
        if isinstance(node, EXPRESSIONS) and node not in targets:
            kind = lowering.checked.types.get(node)
            assert kind is not None and repr(UNKNOWN) not in repr(kind), f"{kind}: {lowering.slice(node.span)}"
    return lower(file, lowering)


def rehearsal(plan: Plan) -> tm.Test:
    """Each event and signal of the plan comes, time passes, and amiflow is restarted."""
    at = Span("r.flow", 0, 0)
    events = [tm.GiveEvent(need.name, (), None, at) for need in plan.needs.events]
    signals = [
        tm.GiveSignal(one.signal, tuple((field.name, Const("1", at)) for field in one.fields), at)
        for one in (flow.trigger for flow in plan.flows)
        if isinstance(one, OnSignal)
    ]
    later = tm.Advance(Const(timedelta(hours=1), at), at)
    return tm.Test("rehearsal", (tm.Begin(at), *events, *signals, later, tm.Connection("restart", at), later), at)


@contextmanager
def bounded(seconds: int) -> Iterator[None]:
    def ring(*_: object) -> None:
        raise TimeoutError(f"no answer within {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def main() -> int:
    """Try texts for a while; the first of each kind of failure is printed."""
    options = argparse.ArgumentParser(description="feed the compiler with texts that nobody would write")
    options.add_argument("--seconds", type=float, default=60.0)
    options.add_argument("--seed", type=int, default=None, help="default: another one each time")
    given = options.parse_args()
    seed = given.seed if given.seed is not None else random.SystemRandom().randrange(10**6)
    made, catalog, grammar = maker(seed), load(), build()
    failures: dict[str, str] = {}
    count, until = 0, time.monotonic() + given.seconds
    while time.monotonic() < until:
        count += 1
        text = made.text()
        try:
            judge(text, catalog, grammar)
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            kind = f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}"
            if kind not in failures:
                failures[kind] = text
                print(
                    f"--- {kind}: {error}\n{''.join(traceback.format_tb(error.__traceback__)[-3:])}\n{text!r}",
                    flush=True,
                )
    print(f"seed {seed}: {count} texts, {len(failures)} kinds of failure")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
