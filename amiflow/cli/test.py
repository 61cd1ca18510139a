"""`amiflow test`: the tests that recipes carry, in virtual time."""

from __future__ import annotations

from typing import Literal

import click

from amiflow.cli.compiling import catalogue, compile_file
from amiflow.cli.files import expand
from amiflow.cli.paths import FILE
from amiflow.cli.reports import Tested, covered_text, json_report, junit_report
from amiflow.cli.terminal import complain, say, show
from amiflow.lang.compile import Compiled
from amiflow.live.problems import Trouble
from amiflow.live.tables import tables_for_tests
from amiflow.report.data import dataclass
from amiflow.tools.coverage import coverage
from amiflow.tools.outcome import Result
from amiflow.tools.testing import run_tests

Format = Literal["text", "junit", "json"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asks for, beside the recipes."""

    verbose: bool
    name: str | None
    covered: bool
    least: int | None
    how: Format


@click.command()
@click.argument("paths", metavar="FILE|DIR...", type=FILE, nargs=-1, required=True)
@click.option("-v", "--verbose", is_flag=True, help="Name every test, and show what happened in it.")
@click.option("-k", "name", metavar="NAME", help="Only tests with this in their names, in any case.")
@click.option("--coverage", "covered", is_flag=True, help="Tell which flows, steps and branches the tests reached.")
@click.option(
    "--min",
    "least",
    type=click.IntRange(0, 100),
    help="Fail where fewer per cent of a recipe's are.",
)
@click.option(
    "--format",
    "how",
    type=click.Choice(["text", "junit", "json"]),
    default="text",
    help="Default: text, for people, on standard error; the others go to standard output.",
)
def command(paths: tuple[str, ...], **options: object) -> int:
    """Run the tests of recipes, or of all recipes (*.flow) of folders; nothing is connected to."""
    asked = Asked(**options)  # type: ignore[arg-type]  # the options above, by their names
    if (asked.covered or asked.least is not None) and asked.name is not None:
        raise click.UsageError("coverage is of all tests: it and -k exclude each other.")
    unread: list[str] = []
    tested = [_tried(path, asked, unread) for path in expand(paths)]
    if asked.name is not None and not any(one.results for one in tested):
        raise click.UsageError(f"no test's name holds '{asked.name}'.")
    if asked.how == "junit":
        click.echo(junit_report(tested), nl=False)
    elif asked.how == "json":
        click.echo(json_report(tested), nl=False)
    else:
        _summary(tested, asked)
    if unread:
        return 2
    return 0 if all(_is_good(one, asked.least) for one in tested) else 1


def _tried(path: str, asked: Asked, unread: list[str]) -> Tested:
    """The recipe tested; one that cannot be read, or its table, keeps no other from being so."""
    try:
        return _tested(path, asked)
    except Trouble as trouble:
        complain(str(trouble), trouble.help)
        unread.append(path)
        return Tested(path, {}, None, None)


def _tested(path: str, asked: Asked) -> Tested:
    compiled = compile_file(path)
    show(compiled.diagnostics, compiled.sources)
    if compiled.plan is None:
        return Tested(path, compiled.sources, None, None)
    tests = tuple(one for one in compiled.tests if (asked.name or "").casefold() in one.name.casefold())
    results = run_tests(compiled.plan, tests, catalogue(), tables_for_tests(compiled.plan, tests))
    if asked.how == "text":
        for result in results:
            _report(path, result, compiled, asked.verbose)
    reached = coverage(compiled.plan, results) if asked.covered or asked.least is not None else None
    return Tested(path, compiled.sources, tuple(results), reached)


def _is_good(tested: Tested, least: int | None) -> bool:
    if tested.results is None or not all(result.passed for result in tested.results):
        return False
    return least is None or tested.share >= least


def _summary(tested: list[Tested], asked: Asked) -> None:
    if asked.covered or asked.least is not None:
        for one in tested:
            say(covered_text(one, asked.least))
    results = [result for one in tested for result in one.results or ()]
    passed = sum(result.passed for result in results)
    faulty = sum(one.results is None for one in tested)
    broken = f", {faulty} recipe{'s' * (faulty > 1)} with errors" if faulty else ""
    say(f"{passed} passed, {len(results) - passed} failed{broken}")


def _report(path: str, result: Result, compiled: Compiled, verbose: bool) -> None:
    if verbose:
        say(f"{'passed' if result.passed else 'FAILED'} {path}: {result.test.name}")
    diagnostic = result.diagnostic()
    if diagnostic:
        show([diagnostic], compiled.sources)
    if verbose or diagnostic:
        say("".join(f"  {line}\n" for line in result.trace_text(compiled.sources.values()).splitlines()))
