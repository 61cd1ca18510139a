"""A scenario: what the simulated PBX has, and which calls come when.

Belongs here: the keys of a scenario file, its defaults, and everything that can be wrong with it. Never here: reading
YAML (the caller parses it, with scalars typed or as text), or playing the scenario (`pbx`).

A file is a mapping; every key may be left out:

    calls:                      # default: alice calls bob after 1s
      - at: 1s                  # after the first client has logged in
        from: PJSIP/alice
        to: bob                 # an extension of the endpoint's context
        hangs_up_after: 30s     # the caller hangs up; default: never
        every: 5s               # with `times`: the call comes again
        times: 3
    endpoints:                  # besides the defaults: alice and bob answer after 1s, carol is busy, dave only rings,
      PJSIP/erin:               # erin is congested
        callerid: '"Erin" <105>'
        context: default        # where its calls arrive
        does: answer            # answer | ring | busy | congestion
        after: 2s               # rings so long before it does so; default 1s
        hangs_up_after: 60s     # after it answered; default: never
    extensions:                 # added to the defaults; an extension of the same name replaces the default one
      default:
        "106": [Answer(), Wait(5), Dial(PJSIP/erin&PJSIP/bob,20), Hangup()]
        _9XX.: [ConfBridge(680)]
    queues:                     # besides support (Local/1234@default answers it) and waiting (nobody does)
      sales: [PJSIP/bob, PJSIP/carol]
    accounts:                   # default: amiflow with the secret amiflow, which may do everything
      wallboard: {secret: "1234", read: "call,agent", write: ""}
    ends: 2m                    # the scenario counts as ended then, whatever is still going on

Every endpoint has an extension of its own in `default`, by its name (`bob`) and by its number: it dials the endpoint
for 30 s. The applications are those of `APPLICATIONS`, and `${…}` reads variables.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Literal, TypeAlias, TypeVar, get_args

from amiflow.ami.asterisk import Account
from amiflow.ami.classes import CLASSES
from amiflow.report.suggest import near

Does: TypeAlias = Literal["answer", "ring", "busy", "congestion"]
Path: TypeAlias = tuple[str | int, ...]
Value = TypeVar("Value")

APPLICATIONS = (
    "Answer",
    "Busy",
    "ConfBridge",
    "Congestion",
    "Dial",
    "Echo",
    "Hangup",
    "NoOp",
    "Queue",
    "Ringing",
    "Set",
    "UserEvent",
    "Wait",
)
MOST_CALLS = 10_000  # of a scenario, so that `times` makes no endless list

_PART = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_STEP = re.compile(r"\s*([A-Za-z]+)\s*(?:\((.*)\))?\s*", re.DOTALL)
_DIGITS = {"X": "[0-9]", "Z": "[1-9]", "N": "[2-9]", ".": ".+", "!": ".*"}


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong at a place of the file: `path` leads there by keys and, from 0, list positions."""

    path: Path
    text: str
    help: str | None = None

    def __str__(self) -> str:
        place = "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in self.path).lstrip(".")
        return (f"{place}: " if place else "") + self.text + (f" ({self.help})" if self.help else "")


@dataclass(frozen=True, slots=True)
class Step:
    """One priority of an extension. `application` is spelt as in `APPLICATIONS`."""

    application: str
    data: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A telephone and how it behaves when called. Times are seconds; none: never."""

    name: str
    number: str | None = None
    caller_name: str | None = None
    context: str = "default"
    does: Does = "answer"
    after: float = 1.0
    hangs_up_after: float | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A call that comes in, `at` seconds after the beginning."""

    at: float
    endpoint: str
    exten: str
    hangs_up_after: float | None = None


Extensions: TypeAlias = Mapping[str, Mapping[str, tuple[Step, ...]]]


@dataclass(frozen=True, slots=True)
class Scenario:
    """A whole scenario. Calls are in the order of their times; `ends` is in seconds; none: when all is still."""

    calls: tuple[Call, ...]
    endpoints: Mapping[str, Endpoint]
    extensions: Extensions
    queues: Mapping[str, tuple[str, ...]]
    accounts: tuple[Account, ...]
    ends: float | None


_ENDPOINTS = (
    Endpoint("PJSIP/alice", "101", "Alice"),
    Endpoint("PJSIP/bob", "102", "Bob"),
    Endpoint("PJSIP/carol", "103", "Carol", does="busy", after=0.0),
    Endpoint("PJSIP/dave", "104", "Dave", does="ring"),
    Endpoint("PJSIP/erin", "105", "Erin", does="congestion", after=0.0),
)
_EXTENSIONS = {
    "680": ("Answer()", "ConfBridge(680)", "Hangup()"),
    "681": ("Answer()", "ConfBridge(681)", "Hangup()"),
    "1234": ("Answer()", "Wait(600)", "Hangup()"),
    "600": ("Answer()", "Echo()"),
    "700": ("Answer()", "Queue(support)", "Hangup()"),
    "710": ("Answer()", "Queue(waiting)", "Hangup()"),
    "800": ("Dial(Local/1234@default)", "Hangup()"),
    "810": ("Ringing()", "Wait(2)", "Answer()", "Wait(600)"),
    "busy": ("Busy(10)",),
    "noanswer": ("Ringing()", "Wait(600)"),
    "congestion": ("Congestion(10)",),
    "short": ("Answer()", "Hangup()"),
    "event": ("Answer()", 'UserEvent(Laboratory,Room: 680,Pin: 0042,Note: a: b = "c" ${CHANNEL},Empty:)', "Wait(600)"),
    "quoted": ("Answer()", 'Set(QUOTED=say "hello" to O\'Brien \\\\ back)', "Wait(600)"),
}
_CALLS = (Call(1.0, "PJSIP/alice", "bob"),)
_QUEUES: Mapping[str, tuple[str, ...]] = {"support": ("Local/1234@default",), "waiting": ()}
_ACCOUNTS = (Account("amiflow", "amiflow"),)
_KEYS = ("calls", "endpoints", "extensions", "queues", "accounts", "ends")


def read_scenario(data: object) -> tuple[Scenario | None, tuple[Problem, ...]]:
    """The scenario of a parsed YAML document, an empty one being the default; none where there is a problem."""
    reader = _Reader()
    keys = reader.section(data, (), _KEYS)
    endpoints = {one.name: one for one in (*_ENDPOINTS, *reader.endpoints(keys.get("endpoints")))}
    scenario = Scenario(
        reader.calls(keys["calls"], endpoints) if "calls" in keys else _CALLS,
        MappingProxyType(endpoints),
        reader.extensions(keys.get("extensions"), endpoints),
        MappingProxyType({**_QUEUES, **reader.queues(keys.get("queues"), endpoints)}),
        reader.accounts(keys["accounts"]) if "accounts" in keys else _ACCOUNTS,
        reader.optional(keys, "ends", (), reader.seconds),
    )
    return (None if reader.problems else scenario), tuple(reader.problems)


def default_scenario() -> Scenario:
    """What a PBX without a scenario file has."""
    scenario, _ = read_scenario({})
    assert scenario is not None
    return scenario


@lru_cache(maxsize=512)
def pattern(text: str) -> re.Pattern[str]:
    """An extension pattern such as `_NXX.` as a regular expression. Raises re.error for a bad `[…]`."""
    pieces = re.findall(r"\[[^\]]+\]|.", text[1:], re.DOTALL)
    return re.compile("".join(_DIGITS.get(one.upper(), one if len(one) > 1 else re.escape(one)) for one in pieces))


@dataclass(slots=True)
class _Reader:
    """Reads values and notes what is wrong with them; what is wrong is left out."""

    problems: list[Problem] = field(default_factory=list)

    def bad(self, path: Path, text: str, help: str | None = None) -> None:
        if not any(one.path == path for one in self.problems):
            self.problems.append(Problem(path, text, help))

    # --- the sections -------------------------------------------------------------------------------------------------

    def calls(self, data: object, endpoints: Collection[str]) -> tuple[Call, ...]:
        calls = [one for place, item in self.items(data, ("calls",)) for one in self.call(item, place, endpoints)]
        if len(calls) > MOST_CALLS:
            self.bad(("calls",), f"more than {MOST_CALLS} calls")
        return tuple(sorted(calls, key=lambda call: call.at))

    def call(self, data: object, path: Path, endpoints: Collection[str]) -> list[Call]:
        known = ("at", "from", "to", "hangs_up_after", "every", "times")
        keys = self.section(data, path, known)
        if missing := [key for key in ("from", "to") if key not in keys]:
            self.bad(path, f"a call has no `{missing[0]}`")
            return []
        caller, exten = self.text(keys["from"], (*path, "from")), self.text(keys["to"], (*path, "to"))
        if caller and caller not in endpoints:
            self.bad((*path, "from"), f"there is no endpoint `{caller}`", _hint(caller, endpoints))
        at = self.optional(keys, "at", path, self.seconds) or 0.0
        every = self.optional(keys, "every", path, self.seconds) or 0.0
        times = self.optional(keys, "times", path, self.count)
        if times is not None and times > 1 and not every:
            self.bad(path, "a call that comes several times needs `every`")
        ends = self.optional(keys, "hangs_up_after", path, self.seconds)
        return [Call(at + number * every, caller, exten, ends) for number in range(1 if times is None else times)]

    def endpoints(self, data: object) -> Iterable[Endpoint]:
        for name, path, item in self.entries(data, ("endpoints",)):
            if re.fullmatch(r"PJSIP/[A-Za-z0-9_.+-]+", name):
                yield self.endpoint(name, item, path)
            else:
                self.bad(path, f"`{name}` is no endpoint's name", "write it as `PJSIP/name`")

    def endpoint(self, name: str, data: object, path: Path) -> Endpoint:
        keys = self.section(data, path, ("callerid", "context", "does", "after", "hangs_up_after"))
        number, caller_name = self.optional(keys, "callerid", path, self.caller_id) or (None, None)
        does: Does = self.optional(keys, "does", path, self.does) or "answer"
        after = self.optional(keys, "after", path, self.seconds)
        usual = 0.0 if does in ("busy", "congestion") else 1.0
        return Endpoint(
            name,
            number,
            caller_name,
            self.optional(keys, "context", path, self.text) or "default",
            does,
            usual if after is None else after,
            self.optional(keys, "hangs_up_after", path, self.seconds),
        )

    def extensions(self, data: object, endpoints: Mapping[str, Endpoint]) -> Extensions:
        contexts = {"default": _own_extensions(endpoints.values())}
        contexts["default"].update({name: tuple(map(_known_step, steps)) for name, steps in _EXTENSIONS.items()})
        for context, path, entry in self.entries(data, ("extensions",)):
            for exten, place, items in self.entries(entry, path):
                contexts.setdefault(context, {})[exten] = self.steps(exten, items, place)
        return MappingProxyType({context: MappingProxyType(found) for context, found in contexts.items()})

    def steps(self, exten: str, data: object, path: Path) -> tuple[Step, ...]:
        if exten.startswith("_"):
            try:
                pattern(exten)
            except re.error:
                self.bad(path, f"`{exten}` is no pattern")
        steps = tuple(self.step(item, place) for place, item in self.items(data, path))
        if not steps:
            self.bad(path, f"extension `{exten}` has no steps")
        return steps

    def step(self, data: object, path: Path) -> Step:
        text = self.text(data, path)
        found = _STEP.fullmatch(text)
        if found is None:
            self.bad(path, f"`{text}` is no step", "write it as `Application(arguments)`")
            return Step("NoOp", "")
        name = next((one for one in APPLICATIONS if one.lower() == found[1].lower()), None)
        if name is None:
            self.bad(path, f"the simulated PBX has no application `{found[1]}`", _hint(found[1], APPLICATIONS))
        return Step(name or "NoOp", found[2] or "")

    def queues(self, data: object, endpoints: Collection[str]) -> Mapping[str, tuple[str, ...]]:
        queues = {}
        for name, path, item in self.entries(data, ("queues",)):
            queues[name] = tuple(self.member(one, place, endpoints) for place, one in self.items(item, path))
        return queues

    def member(self, data: object, path: Path, endpoints: Collection[str]) -> str:
        text = self.text(data, path)
        if not re.fullmatch(r"(Local|PJSIP)/\S+", text):
            self.bad(path, f"`{text}` is no member", "write it as `PJSIP/name` or `Local/exten@context`")
        elif text.startswith("PJSIP/") and text not in endpoints:
            self.bad(path, f"there is no endpoint `{text}`", _hint(text, endpoints))
        return text

    def accounts(self, data: object) -> tuple[Account, ...]:
        found = tuple(self.account(name, item, path) for name, path, item in self.entries(data, ("accounts",)))
        if not found:
            self.bad(("accounts",), "without an account nobody can log in")
        return found

    def account(self, name: str, data: object, path: Path) -> Account:
        keys = self.section(data, path, ("secret", "read", "write"))
        if "secret" not in keys:
            self.bad(path, f"account `{name}` has no `secret`")
        texts = {key: self.text(keys.get(key, "all"), (*path, key)) for key in ("secret", "read", "write")}
        for key in ("read", "write"):
            for word in filter(None, texts[key].split(",")):
                if word not in CLASSES:
                    self.bad((*path, key), f"there is no class `{word}`", _hint(word, CLASSES))
        return Account(name, **texts)

    # --- values -------------------------------------------------------------------------------------------------------

    def section(self, data: object, path: Path, known: Collection[str]) -> dict[str, object]:
        keys = {}
        for name, place, item in self.entries(data, path):
            if name in known:
                keys[name] = item
            else:
                self.bad(place, f"there is no key `{name}` here", _hint(name, known))
        return keys

    def entries(self, data: object, path: Path) -> list[tuple[str, Path, object]]:
        if data is None:
            return []
        if not isinstance(data, Mapping):
            self.bad(path, "a mapping of keys and values is wanted here")
            return []
        return [(str(key), (*path, str(key)), item) for key, item in data.items()]

    def items(self, data: object, path: Path) -> list[tuple[Path, object]]:
        if data is None:
            return []
        if not isinstance(data, list | tuple):
            self.bad(path, "a list is wanted here")
            return []
        return [((*path, number), item) for number, item in enumerate(data)]

    def optional(
        self, keys: Mapping[str, object], key: str, path: Path, read: Callable[[object, Path], Value]
    ) -> Value | None:
        return read(keys[key], (*path, key)) if keys.get(key) is not None else None

    def text(self, data: object, path: Path) -> str:
        if isinstance(data, bool) or not isinstance(data, str | int | float):
            self.bad(path, "a text is wanted here")
            return ""
        text = str(data)
        if any(one in text for one in "\r\n\0"):
            self.bad(path, "a text of one line is wanted here")
        return text

    def seconds(self, data: object, path: Path) -> float:
        text = self.text(data, path)
        if re.fullmatch(r"\d{1,9}(\.\d{1,6})?", text):
            return float(text)
        if re.fullmatch(f"({_PART.pattern})+", text):
            return sum(float(amount) * _UNITS[unit] for amount, unit in _PART.findall(text))
        self.bad(path, f"`{text}` is no duration", "write it as `2s` or `1m30s`")
        return 0.0

    def count(self, data: object, path: Path) -> int:
        text = self.text(data, path)
        if re.fullmatch(r"\d{1,6}", text) and 1 <= int(text) <= MOST_CALLS:
            return int(text)
        self.bad(path, f"`{text}` is no number from 1 to {MOST_CALLS}")
        return 1

    def does(self, data: object, path: Path) -> Does:
        text, known = self.text(data, path), get_args(Does)
        found: Does | None = next((one for one in known if one == text), None)
        if found is None:
            self.bad(path, f"an endpoint cannot `{text}`", _hint(text, known))
        return found or "answer"

    def caller_id(self, data: object, path: Path) -> tuple[str | None, str | None]:
        text = self.text(data, path)
        found = re.fullmatch(r'\s*(?:"([^"]*)"|([^<"]*?))\s*<([^<>]*)>\s*', text)
        if found is not None:
            return found[3] or None, found[1] or found[2] or None
        if re.fullmatch(r"[\d*#+]+", text):
            return text, None
        self.bad(path, f"`{text}` is no caller ID", 'write it as `"Name" <number>`')
        return None, None


def _own_extensions(endpoints: Iterable[Endpoint]) -> dict[str, tuple[Step, ...]]:
    own: dict[str, tuple[Step, ...]] = {}
    for endpoint in endpoints:
        steps = (Step("Dial", f"{endpoint.name},30"), Step("Hangup", ""))
        own[endpoint.name.partition("/")[2]] = steps
        if endpoint.number:
            own[endpoint.number] = steps
    return own


def _known_step(text: str) -> Step:
    name, _, rest = text.partition("(")
    return Step(name, rest[:-1])


def _hint(word: str, known: Collection[str]) -> str:
    close = near(word, sorted(known))
    words = ", ".join(f"`{one}`" for one in (close or sorted(known)))
    return f"did you mean {words}?" if close else f"there is {words}"
