"""`amiflow test`: the tests that recipes carry, in virtual time."""

from __future__ import annotations

import click

from amiflow.cli.compiling import catalogue, compile_file
from amiflow.cli.files import expand
from amiflow.cli.terminal import say, show
from amiflow.lang.compile import Compiled
from amiflow.live.tables import tables_for_tests
from amiflow.tools.outcome import Result
from amiflow.tools.testing import run_tests


@click.command()
@click.argument("paths", metavar="FILE|DIR...", nargs=-1, required=True)
@click.option("-v", "--verbose", is_flag=True, help="Name every test, and show what happened in it.")
def command(paths: tuple[str, ...], verbose: bool) -> int:
    """Run the tests of recipes, or of all recipes (*.flow) of folders; nothing is connected to."""
    passed = failed = faulty = 0
    for path in expand(paths):
        compiled = compile_file(path)
        show(compiled.diagnostics, compiled.sources)
        if compiled.plan is None:
            faulty += 1
            continue
        results = run_tests(compiled.plan, compiled.tests, catalogue(), tables_for_tests(compiled.plan, compiled.tests))
        for result in results:
            _report(path, result, compiled, verbose)
        passed += sum(result.passed for result in results)
        failed += sum(not result.passed for result in results)
    say(f"{passed} passed, {failed} failed" + (f", {faulty} recipes with errors" if faulty else ""))
    return 1 if failed or faulty else 0


def _report(path: str, result: Result, compiled: Compiled, verbose: bool) -> None:
    if verbose:
        say(f"{'passed' if result.passed else 'FAILED'} {path}: {result.test.name}")
    diagnostic = result.diagnostic()
    if diagnostic:
        show([diagnostic], compiled.sources)
    if verbose or diagnostic:
        say("".join(f"  {line}\n" for line in result.trace_text(compiled.sources.values()).splitlines()))
