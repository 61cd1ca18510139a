"""Files that import others: names, stores that are one, and whose line a mistake is on."""

from functools import cache

import pytest

from amiflow.lang.compile import Compiled, compile_recipe
from amiflow.lang.grammar import Grammar, build
from amiflow.plan.store import dump, load
from amiflow.tools.testing import run_tests


@cache
def grammar() -> Grammar:
    return build()


def compiled(main: str, **files: str) -> Compiled:
    """`lib__queues` stands for the file `d/lib/queues.flow`, beside `d/main.flow`."""
    texts = {f"d/{name.replace('__', '/')}.flow": text for name, text in files.items()} | {"d/main.flow": main}
    return compile_recipe("d/main.flow", texts.__getitem__, grammar=grammar())


def told(result: Compiled) -> list[tuple[str, str]]:
    return [(one.span.path, one.code) for one in result.diagnostics]


QUEUES = """\
import "base.flow" as base
param least: int = 2
map seen: text lasting 1h max 100
flow unused on start { log "never runs" }
task noted(what: text) {
  let loud = base.shout(what)
  set seen[what] = loud
  let words = [w for w in [seen[what]]]
  return words[0]
}
task often() { return least }
"""
BASE = """\
let mark = "!"
map told: text lasting 1h max 9
task shout(what: text) {
  set told[what] = what
  return upper(what) + mark
}
"""


def test_tasks_params_and_stores_of_other_files() -> None:
    result = compiled(
        """\
import "lib/queues.flow" as queues
import "lib/base.flow" as base
flow f on Newchannel as c {
  let n = queues.noted(c.Channel)
  let m = queues.often() or ignore
  log "${n} ${queues.seen[c.Channel]} ${m} ${queues.least} ${base.told[c.Channel]}"
}
test "t" {
  event Newchannel { Channel: "x" }
  expect log "X! X! 2 2 x"
}
""",
        lib__queues=QUEUES,
        lib__base=BASE,
    )
    assert result.plan is not None and not result.diagnostics
    plan = result.plan
    assert load(dump(plan)) == plan
    assert [source.path for source in plan.sources] == ["d/main.flow", "d/lib/queues.flow", "d/lib/base.flow"]
    assert [flow.name for flow in plan.flows] == ["f"]
    assert [param.name for param in plan.params] == ["queues.least"]
    assert [store.name for store in plan.stores] == ["queues.base.told", "queues.seen"]  # one, on whichever way
    (ran,) = run_tests(plan, result.tests)
    assert ran.passed, ran.trace_text(result.sources.values())


@pytest.mark.parametrize(
    ("main", "lib", "expected"),
    [
        ("q.gone()", "", [("d/main.flow", "unknown-name")]),
        ("log q.gone", "let gon = 1", [("d/main.flow", "unknown-name")]),
        ("qq.t(q.a)", 'let a = "1" task t() { log a }', [("d/main.flow", "unknown-name")]),
        ("q.t(1)", "task t(a: text) { log a }", [("d/main.flow", "type-mismatch")]),
        ('q.t("x")', "task t(a: text) { log b log a }", [("d/lib.flow", "unknown-name")]),
        ('q.t("x")', "task t(a: text) { log a", [("d/lib.flow", "unclosed")]),
        ('q.t("x")', 'let a = "1" task t(a: text) { log a }', [("d/lib.flow", "shadowed")]),
        ('q.t("x")', "let unused = 1 task t(a: text) { log a }", []),
        ('log "${q}" log q.a', 'let a = "1"', [("d/main.flow", "useless-call")]),
        ('log "x"', 'let a = "1"', [("d/main.flow", "unused-name")]),
        ("log q.a", 'import "main.flow" as m let a = "1" let b = m.x', [("d/lib.flow", "import-cycle")]),
    ],
)
def test_mistakes_are_told_where_they_are(main: str, lib: str, expected: list[tuple[str, str]]) -> None:
    result = compiled(f'import "lib.flow" as q\nflow f on start {{ {main} }}', lib=lib)
    assert told(result) == expected


def test_unsafe_values_are_followed_into_another_file() -> None:
    lib = 'task move(room: text) { Redirect { Channel: "PJSIP/1-1" Context: "x" Exten: room Priority: 1 } }'
    result = compiled('import "lib.flow" as q\nflow f on Newchannel as c { q.move(c.Exten) }', lib=lib)
    assert told(result) == [("d/lib.flow", "unsafe-value")]


def test_a_folder_above() -> None:
    texts = {"a/b/main.flow": 'import "../lib.flow" as q\nflow f on start { log q.x }', "a/lib.flow": 'let x = "1"'}
    result = compile_recipe("a/b/main.flow", texts.__getitem__, grammar=grammar())
    assert result.plan is not None and [one.name for one in result.plan.constants] == ["q.x"]


@pytest.mark.parametrize(
    ("table", "path"), [("vip.csv", "lib/vip.csv"), ("../vip.csv", "vip.csv"), ("/t.csv", "/t.csv")]
)
def test_a_table_stays_beside_its_file(table: str, path: str) -> None:
    lib = f'table vip(number: text, name: text) from "{table}"'
    main = 'import "lib/q.flow" as q\nflow f on Newchannel as c where c.Exten in q.vip { log "${c.Exten}" }'
    result = compiled(main, lib__q=lib)
    assert result.plan is not None and [one.path for one in result.plan.tables] == [path]


@pytest.mark.parametrize("path", ["/etc/passwd", "/srv/lib.flow", "../../etc/passwd", "secrets.json"])
def test_only_a_recipe_beside_this_one_is_read(path: str) -> None:
    read: list[str] = []

    def reading(name: str) -> str:
        read.append(name)
        return f'import "{path}" as other\nflow f on start {{ log "x" }}'

    found = compile_recipe("main.flow", reading, grammar=grammar())
    assert (found.diagnostics[0].code, read) == ("bad-import", ["main.flow"])


def test_a_test_gives_params_and_tables_of_other_files() -> None:
    lib = """\
param word: text
table people(number: text, name: text) from "people.csv"
task named(n: text) { return "${word} ${people[n].name ?? "-"}" }
"""
    result = compiled(
        """\
import "lib.flow" as lib
flow f on start { let x = lib.named("1") log x }
test "given" {
  given lib.word = "hello"
  given table lib.people = [{number: "1", name: "Ann"}]
  start
  expect log "hello Ann"
}
test "wrong" { given lib.wort = "x" expect nothing more }
""",
        lib=lib,
    )
    assert [one.headline for one in result.diagnostics] == [
        "this test gives no value to the param `lib.word`",
        "there is no param `lib.wort`",
    ]
    right = compiled(
        """\
import "lib.flow" as lib
flow f on start { let x = lib.named("1") log x }
test "given" {
  given lib.word = "hello"
  given table lib.people = [{number: "1", name: "Ann"}]
  start
  expect log "hello Ann"
}
""",
        lib=lib,
    )
    assert right.plan is not None
    assert [one.unmet for one in run_tests(right.plan, right.tests)] == [None]
