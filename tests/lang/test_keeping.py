"""What recipes keep: each program gets the diagnostics that stand at its lines, and no other."""

from functools import cache
from pathlib import Path

import pytest

from amiflow.ami.catalog import load
from amiflow.lang.compile import compile_recipe
from amiflow.lang.grammar import Grammar, build
from amiflow.plan.store import dump
from amiflow.plan.store import load as load_plan
from amiflow.report.render import render
from support.programs import Program, programs

FOLDER = Path(__file__).parent / "programs"
PROGRAMS = [
    program
    for name in ("stores.flow", "tables.flow", "pools.flow", "hours.flow")
    for program in programs(FOLDER / name)
]


@cache
def grammar() -> Grammar:
    return build()


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.text.strip().split("\n")[0])
def test_diagnostics(program: Program) -> None:
    result = compile_recipe("r.flow", lambda _: program.text, load(), grammar())
    source = result.sources["r.flow"]
    wanted, unwanted = list(program.expected), []
    for one in result.diagnostics:
        line = source.position(one.span.start)[0]
        fitting = [this for this in wanted if this[:2] == (line, one.code) and one.headline.startswith(this[2])]
        if fitting:
            wanted.remove(fitting[0])
        else:
            unwanted.append(render(one, result.sources))
    assert not unwanted and not wanted, "\n".join(unwanted)
    if result.plan is not None:
        assert load_plan(dump(result.plan)) == result.plan
