"""`amiflow check`: whether recipes are right, with everything that is wrong with them."""

from __future__ import annotations

from collections import Counter
from typing import Literal

import click

from amiflow.cli.compiling import asterisk_version, compile_file, compile_source
from amiflow.cli.files import STORED, expand, write
from amiflow.cli.paths import FILE
from amiflow.cli.recipes import Loaded, stored
from amiflow.cli.terminal import complain, say, show
from amiflow.lang.compile import Compiled
from amiflow.live.problems import Trouble
from amiflow.live.secrets import Mask
from amiflow.report.diagnostic import Diagnostic
from amiflow.report.edits import apply, safe_edits
from amiflow.report.formats import Format, formatted
from amiflow.report.source import Source

_ROUNDS = 20
"""How often a recipe is mended and looked at again: one mistake may hide another."""


@click.command()
@click.argument("paths", metavar="FILE|DIR...", type=FILE, nargs=-1, required=True)
@click.option(
    "--format",
    "how",
    type=click.Choice(["text", "concise", "json", "github", "sarif"]),
    default="text",
    help="Default: text, for people, on standard error; the others go to standard output.",
)
@click.option("--deny", type=click.Choice(["warnings"]), help="Exit with 1 for warnings too.")
@click.option("--fix", is_flag=True, help="Mend what can be mended beyond doubt, and write the recipe.")
@click.option("--asterisk", metavar="VERSION", callback=asterisk_version, help="Check for one version, such as 16.")
@click.option(
    "--config", "config_path", metavar="FILE", type=FILE, help="Check that the recipes can be run with it, too."
)
@click.pass_obj
def command(
    mask: Mask,
    /,
    paths: tuple[str, ...],
    how: Literal["text"] | Format,
    deny: str | None,
    fix: bool,
    asterisk: str | None,
    config_path: str | None,
) -> int:
    """Check recipes, or all recipes (*.flow) of folders, and say all that is wrong with them;
    of a stored plan (*.json), whether it can be run.

    A warning that is meant is allowed by a comment with a reason, on its line or alone on the line above:
    # allow unused-name: read by hand.

    With --config it says as well whether a run could begin with them, before a service is restarted; with status 2
    where not.
    """
    count: Counter[str] = Counter()
    found: list[Diagnostic] = []
    sources: dict[str, Source] = {}
    given = expand(paths)
    # Only of a recipe can be said what an Asterisk lacks, and only a recipe can be mended.
    plans = [path for path in given if path.endswith(STORED) and not (asterisk or fix)]
    recipes = [path for path in given if path not in plans]
    good: list[Loaded] = []
    unread: list[str] = []
    for path in (*plans, *recipes):
        try:
            compiled = stored(path) if path in plans else _compiled(path, asterisk, fix)
        except Trouble as trouble:
            complain(str(trouble), trouble.help)
            unread.append(path)
            continue
        if isinstance(compiled, Loaded):
            good.append(compiled)
            continue
        if how == "text":
            show(compiled.diagnostics, compiled.sources)
        found += compiled.diagnostics
        sources |= compiled.sources
        count.update(one.severity for one in compiled.diagnostics)
        good += [Loaded(path, compiled.plan)] if compiled.plan is not None else []
    if how == "text":
        plans, recipes = ([path for path in some if path not in unread] for some in (plans, recipes))
        _summary(plans, recipes, count)
    else:
        click.echo(formatted(how, found, sources), nl=False)
    if unread:
        return 2
    if count["error"] or (deny and count["warning"]):
        return 1
    if config_path is not None:
        # What a run is made of is of no use to those who only check recipes, and check is to be quick.
        from amiflow.cli.readiness import check_ready

        check_ready(config_path, good, mask)
    return 0


def _compiled(path: str, asterisk: str | None, fix: bool) -> Compiled:
    compiled = compile_file(path, asterisk)
    return _mended(path, compiled, asterisk) if fix else compiled


def _mended(path: str, compiled: Compiled, asterisk: str | None) -> Compiled:
    """The recipe compiled once its safe edits are written to its file; as it was where they would do no good."""
    best = compiled
    for _ in range(_ROUNDS):
        edits = safe_edits(best.diagnostics, path)
        if not edits:
            break
        tried = compile_source(apply(best.sources[path], edits), asterisk)
        if len(tried.diagnostics) > len(best.diagnostics):
            break
        best = tried
    if best is not compiled:
        write(path, best.sources[path].text)
        say(f"mended {path}")
    return best


def _summary(plans: list[str], recipes: list[str], count: Counter[str]) -> None:
    for path in plans:
        say(f"{path}: a stored plan, which this amiflow can run")
    if recipes:
        words = ", ".join(_number(count[word], word) for word in ("error", "warning") if count[word])
        say(f"{_number(len(recipes), 'recipe')}: {words or 'no mistake found'}")


def _number(amount: int, word: str) -> str:
    return f"{amount} {word}{'' if amount == 1 else 's'}"
