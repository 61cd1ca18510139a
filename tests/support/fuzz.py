"""Programs that nobody would write: made by the grammar's own rules, and recipes with pieces changed.

What belongs here: making texts, and the one judgement, that any of them gives a plan or diagnostics. What never does:
how many are enough (the test and `make fuzz` say).
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
from pathlib import Path

from amiflow.ami.catalog import Catalog, load
from amiflow.lang.compile import compile_recipe
from amiflow.lang.grammar import Grammar, build
from amiflow.plan import store
from amiflow.plan.builtins import BUILTINS
from amiflow.plan.manager_conf import manager_conf
from amiflow.plan.show import show
from amiflow.report.formats import formatted
from amiflow.report.render import render
from amiflow.report.source import Source
from amiflow.tools.fmt import format_source

PATIENCE = 30
"""Seconds after which a compiler counts as hanging; a hundredth of it is usual."""
DEPTH, WORDS = 25, 120
"""What a piece by the rules has at most, before everything in it is written as short as can be."""
IMPORTED = 'param room: text = "680"\ncounter calls within 1h max 10\ntask shout(what: text) { log what }\n'

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
        if kind < 0.35:
            return self.program()
        if kind < 0.95:
            return self.changed(self.dice.choice(self.recipes) if kind < 0.8 else self.program())
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
    with bounded(PATIENCE):
        compiled = compile_recipe("r.flow", lambda path: text if path == "r.flow" else IMPORTED, catalog, grammar)
        wrong = any(one.severity == "error" for one in compiled.diagnostics)
        assert (compiled.plan is None) == wrong, compiled.diagnostics
        for one in compiled.diagnostics:
            assert render(one, compiled.sources)
        assert formatted("sarif", compiled.diagnostics, compiled.sources)
        if compiled.plan is not None:
            assert show(compiled.plan) and manager_conf(compiled.plan)
            assert store.load(store.dump(compiled.plan)) == compiled.plan
        laid, problems = format_source(Source("r.flow", text), grammar)
        assert (laid is None) == bool(problems)


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
