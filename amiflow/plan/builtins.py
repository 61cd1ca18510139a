"""The builtin functions as rows: name, parameters, result, doc, examples.

Belongs here: what a function is, as data; the compiler checks calls against it and the reference is printed from it.
Never here: what a function does (`engine.functions`, which has one entry a row; a test holds the two together, and runs
every example).
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from amiflow.plan.types import (
    BOOL,
    DURATION,
    INT,
    NO_ITEM,
    NUMBER,
    TEXT,
    TIME,
    UNKNOWN,
    Data,
    ListOf,
    Maybe,
    Type,
    maybe,
)
from amiflow.report.data import dataclass

Accepts: TypeAlias = Literal[
    "any", "text", "int", "number", "bool", "duration", "time", "list", "texts", "ordered", "sizable", "keyed",
    "event", "message", "data", "regex", "searchable", "ranked", "summed",
]  # fmt: skip
Result: TypeAlias = Literal[
    "text", "text?", "int", "int?", "number?", "bool", "bool?", "duration", "time", "texts", "data",
    "datas?", "first argument", "second argument", "item", "item?", "item? or argument", "text or text?",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter; `accepts` names what fits: `ordered` is int, number, duration, time or text, `sizable` text, list,
    record or data, `keyed` record or data, `searchable` text or list, `texts` a list of text, `ranked` a list of what
    has an order, `summed` one of numbers or durations."""

    name: str
    accepts: tuple[Accepts, ...]
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Builtin:
    """A row. `cleans` marks a result that caller-controlled text may safely become; `fails` says when a call fails at
    run time; `examples` are pairs of an expression and the text of its value."""

    name: str
    parameters: tuple[Parameter, ...]
    result: Result
    doc: str
    examples: tuple[tuple[str, str], ...] = ()
    cleans: bool = False
    fails: str = ""
    variadic: bool = False


def _p(name: str, *accepts: Accepts, optional: bool = False) -> Parameter:
    return Parameter(name, accepts, optional)


_ZONE = _p("zone", "text", optional=True)

_ROWS = (
    Builtin(
        "int",
        (_p("x", "text", "number", "bool", "data"),),
        "int?",
        "The whole number in a text; a fraction is cut off; none where there is none.",
        (('int("42")', "42"), ('int(" -7 ")', "-7"), ('int("4x")', "-"), ("int(2.9)", "2")),
        cleans=True,
    ),
    Builtin(
        "number",
        (_p("x", "text", "number", "data"),),
        "number?",
        "The number in a text; none where there is none.",
        (('number("0.5")', "0.5"), ('number("half")', "-")),
        cleans=True,
    ),
    Builtin(
        "text",
        (_p("x", "any"),),
        "text or text?",
        "The value as `${…}` prints it; of `data`, none where it is null.",
        (("text(42)", "42"), ("text(1h30m)", "1h30m"), ("text(true)", "true")),
    ),
    Builtin(
        "bool",
        (_p("x", "text", "int", "bool", "data"),),
        "bool?",
        "True for `yes true on 1 y t`, false for `no false off 0 n f`, as Asterisk reads them; else none.",
        (('bool("yes")', "true"), ('bool("0")', "false"), ('bool("maybe")', "-")),
        cleans=True,
    ),
    Builtin(
        "list",
        (_p("x", "data"),),
        "datas?",
        "The items of a JSON array; none where it is no array.",
        (('list(json("[1, 2]"))', "[1, 2]"), ('list(json("7"))', "-")),
    ),
    Builtin(
        "len",
        (_p("x", "sizable"),),
        "int",
        "How many characters, items or fields.",
        (('len("abc")', "3"), ("len([1, 2])", "2")),
    ),
    Builtin("lower", (_p("x", "text"),), "text", "The text in lower case.", (('lower("SIP/A")', "sip/a"),)),
    Builtin("upper", (_p("x", "text"),), "text", "The text in upper case.", (('upper("sip")', "SIP"),)),
    Builtin("trim", (_p("x", "text"),), "text", "The text without blanks at its ends.", (('trim("  a b ")', "a b"),)),
    Builtin(
        "digits",
        (_p("x", "text"),),
        "text",
        "The text's digits 0 to 9; everything else is dropped.",
        (('digits("+49 (30) 123")', "4930123"), ('digits("none")', "")),
        cleans=True,
    ),
    Builtin(
        "e164",
        (_p("number", "text"), _p("country", "text", optional=True)),
        "text?",
        "The number in international form (`+` and 7 to 15 digits). `+…` and `00…` are international, and a `(0)` in "
        "them is left out; another number is national and needs `country`, whose code replaces one leading 0. None "
        "where that gives no number.",
        (
            ('e164("0049 30 1234567")', "+49301234567"),
            ('e164("+49 (0)30 1234567")', "+49301234567"),
            ('e164("030 1234567", "49")', "+49301234567"),
            ('e164("030 1234567")', "-"),
            ('e164("anonymous", "49")', "-"),
        ),
        cleans=True,
    ),
    Builtin(
        "only",
        (_p("x", "text"), _p("characters", "text")),
        "text",
        "The text, which must consist of the given characters and ranges alone.",
        (('only("1001", "0-9")', "1001"), ('only("a-b", "a-z_-")', "a-b")),
        cleans=True,
        fails="the text has another character",
    ),
    Builtin(
        "one_of",
        (_p("x", "text"), _p("allowed", "texts")),
        "text",
        "The text, which must be one of the list.",
        (('one_of("sales", ["sales", "support"])', "sales"),),
        cleans=True,
        fails="the text is none of them",
    ),
    Builtin(
        "choose",
        (_p("condition", "bool"), _p("then", "any"), _p("otherwise", "any")),
        "second argument",
        "The second value if the condition holds, else the third; the other is not evaluated.",
        (('choose(1 < 2, "yes", "no")', "yes"), ("choose(false, 1 / 0, 2)", "2")),
    ),
    Builtin(
        "split",
        (_p("x", "text"), _p("separator", "text")),
        "texts",
        "The pieces between the separators.",
        (('split("a,b,,c", ",")', "[a, b, , c]"), ('split("", ",")', "[]")),
        fails="the separator is empty",
    ),
    Builtin(
        "join",
        (_p("xs", "list"), _p("separator", "text")),
        "text",
        "The items as text, with the separator between them.",
        (('join(["a", "b"], "&")', "a&b"),),
    ),
    Builtin(
        "replace",
        (_p("x", "text"), _p("old", "text"), _p("new", "text")),
        "text",
        "The text with every `old` replaced by `new`.",
        (('replace("1-2-3", "-", "")', "123"),),
    ),
    Builtin(
        "groups",
        (_p("x", "text"), _p("pattern", "regex")),
        "texts",
        "What the groups of the pattern took where it matches the whole text (an unused one took nothing), else `[]`.",
        (('groups("SIP/101-0a", r"(\\w+)/(\\d+)-.*")', "[SIP, 101]"), ('groups("x", r"(\\d+)")', "[]")),
    ),
    Builtin(
        "starts_with",
        (_p("x", "text"), _p("prefix", "text")),
        "bool",
        "Whether the text begins so.",
        (('starts_with("PJSIP/101", "PJSIP/")', "true"),),
    ),
    Builtin(
        "ends_with",
        (_p("x", "text"), _p("suffix", "text")),
        "bool",
        "Whether the text ends so.",
        (('ends_with("Local/1@a-0;2", ";2")', "true"),),
    ),
    Builtin(
        "contains",
        (_p("x", "searchable"), _p("part", "any")),
        "bool",
        "Whether the text has this part, or the list this item.",
        (('contains("support-de", "port")', "true"), ("contains([1, 2], 3)", "false")),
    ),
    Builtin("first", (_p("xs", "list"),), "item?", "The first item.", (("first([3, 1])", "3"), ("first([])", "-"))),
    Builtin("last", (_p("xs", "list"),), "item?", "The last item.", (("last([3, 1])", "1"),)),
    Builtin(
        "min",
        (_p("x", "ordered", "ranked"), _p("y", "ordered", optional=True)),
        "item? or argument",
        "The least of the list (none of an empty one), or of the arguments.",
        (("min([3, 1])", "1"), ("min(2, 5)", "2"), ("min([])", "-")),
        variadic=True,
    ),
    Builtin(
        "max",
        (_p("x", "ordered", "ranked"), _p("y", "ordered", optional=True)),
        "item? or argument",
        "The greatest of the list (none of an empty one), or of the arguments.",
        (("max([3, 1])", "3"), ("max(5s, 1m)", "1m")),
        variadic=True,
    ),
    Builtin(
        "sum",
        (_p("xs", "summed"), _p("start", "number", "duration", optional=True)),
        "item",
        "The sum of the list's numbers or durations; of an empty one `start`, or 0.",
        (("sum([1, 2, 3])", "6"), ("sum([10s, 50s])", "1m"), ("sum([])", "0")),
    ),
    Builtin(
        "sort",
        (_p("xs", "ranked"),),
        "first argument",
        "The items in ascending order.",
        (("sort([3, 1, 2])", "[1, 2, 3]"),),
        fails="the items cannot be compared",
    ),
    Builtin(
        "unique",
        (_p("xs", "list"),),
        "first argument",
        "The items without repeats, the first of each kept in its place.",
        (('unique(["a", "b", "a"])', "[a, b]"),),
    ),
    Builtin(
        "take",
        (_p("xs", "list"), _p("count", "int")),
        "first argument",
        "The first items, at most so many.",
        (("take([1, 2, 3], 2)", "[1, 2]"),),
    ),
    Builtin(
        "keys",
        (_p("x", "keyed"),),
        "texts",
        "The names of the fields.",
        (("keys({a: 1, b: 2})", "[a, b]"),),
    ),
    Builtin(
        "format_time",
        (_p("t", "time"), _p("format", "text"), _ZONE),
        "text",
        "The time by a strftime format, in the zone (by default the run's own).",
        (),
        fails="the zone is not known",
    ),
    Builtin("now", (), "time", "The present time."),
    Builtin(
        "time_of_day",
        (_p("t", "time"), _ZONE),
        "duration",
        "How long after midnight, by the clock of the zone: compare it with `8h30m`.",
        (),
        fails="the zone is not known",
    ),
    Builtin(
        "weekday",
        (_p("t", "time"), _ZONE),
        "text",
        "`mon tue wed thu fri sat sun`.",
        (),
        cleans=True,
        fails="the zone is not known",
    ),
    Builtin(
        "tech_of",
        (_p("channel", "text"),),
        "text",
        "The channel technology.",
        (('tech_of("PJSIP/1001-0000000a")', "PJSIP"),),
    ),
    Builtin(
        "peer_of",
        (_p("channel", "text"),),
        "text",
        "The endpoint of a channel, by which it can be dialled again.",
        (('peer_of("PJSIP/1001-0000000a")', "PJSIP/1001"),),
        fails="it is a Local channel or no channel name",
    ),
    Builtin(
        "chanvar",
        (_p("e", "message"), _p("name", "text")),
        "text?",
        "A channel variable that the message carries in its repeated `ChanVariable` or `Variable` headers.",
    ),
    Builtin(
        "all",
        (_p("e", "message"), _p("header", "text")),
        "texts",
        "All values of a repeated header, in order.",
    ),
    Builtin(
        "json",
        (_p("x", "text"),),
        "data",
        "The JSON in a text; none where it is no JSON, or nests lists and records more than 100 deep.",
        (('json("{\\"a\\": 7}").a', "7"), ('json("{")', "-")),
    ),
    Builtin(
        "hash",
        (_p("x", "text"),),
        "text",
        "A fingerprint of the text: the first 16 hexadecimal digits of its SHA-256.",
        (('hash("abc")', "ba7816bf8f01cfea"),),
        cleans=True,
    ),
    Builtin(
        "ours",
        (_p("e", "event"),),
        "bool",
        "Whether this run caused the event: its Uniqueid, Linkedid or ActionID begins with this run's prefix, or an "
        "action of this run named the same channel, interface, queue, device or room within the last 2 s.",
    ),
)

BUILTINS = {row.name: row for row in _ROWS}

_RESULTS: dict[str, Type] = {
    "text": TEXT,
    "text?": maybe(TEXT),
    "int": INT,
    "int?": maybe(INT),
    "number?": maybe(NUMBER),
    "bool": BOOL,
    "bool?": maybe(BOOL),
    "duration": DURATION,
    "time": TIME,
    "texts": ListOf(TEXT),
    "data": Data(),
    "datas?": Maybe(ListOf(Data())),
}


def result_type(row: Builtin, args: tuple[Type, ...]) -> Type:
    """The type that a call gives for arguments of these types, which fit the row's parameters."""
    if row.result in _RESULTS:
        return _RESULTS[row.result]
    if row.result == "text or text?":
        return maybe(TEXT) if isinstance(args[0], Data) else TEXT
    if row.result == "second argument":
        return args[1]
    head = args[0]
    if row.result == "first argument":
        return head
    item = head.item if isinstance(head, ListOf) else UNKNOWN
    if row.result == "item":  # of no items it is that with which it starts
        return item if item != NO_ITEM else args[1] if len(args) > 1 else INT
    if row.result == "item? or argument" and not isinstance(head, ListOf):
        return NUMBER if NUMBER in args else head
    return maybe(item)
