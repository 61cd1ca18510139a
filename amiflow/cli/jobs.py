"""Recipes made ready to be run: their plans, the values of their params, their secrets and tables.

Belongs here: from paths and the configuration to jobs, each time anew, at the beginning of a run and at each reload.
Never here: what is then done with them (`run`, `check`), words for what is wrong (`live.inputs`, the compiler).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from amiflow.cli.files import expand
from amiflow.cli.recipes import Faulty, Loaded, Tell, plans
from amiflow.cli.setup import configuration
from amiflow.live import inputs
from amiflow.live.config import Config, load_settings
from amiflow.live.inputs import Given
from amiflow.live.problems import Refused, Trouble
from amiflow.live.reload import Told
from amiflow.live.run import Job
from amiflow.live.runner import recipe_of
from amiflow.live.secrets import Mask
from amiflow.live.tables import read_tables
from amiflow.report.data import dataclass
from amiflow.report.source import Source


@dataclass(frozen=True, slots=True)
class Values:
    """Where params and tables come from, beside the configuration: `--param`, `--params FILE` and `--root`."""

    params: tuple[str, ...] = ()
    params_file: str | None = None
    root: str | None = None


def jobs(loaded: Sequence[Loaded], values: Values, configured: Config, mask: Mask, tell: Tell) -> list[Job]:
    """The plans with the values of their params and their secrets. Raises Refused and Trouble."""
    _check_once(loaded)
    sources = {source.path: source for one in loaded for source in one.plan.sources}
    given, source, found = inputs.from_command_line(values.params)
    sources |= {source.path: source, configured.source.path: configured.source}
    places = [given]
    if values.params_file:
        settings, source, wrong = load_settings(values.params_file)
        sources[source.path] = source
        found += wrong
        places.append(Given(settings, strict=True))
    places.append(Given(configured.params, strict=False))
    found += inputs.unknown([one.plan for one in loaded], places)
    results = []
    for one in loaded:
        result, wrong = inputs.values(one.plan, places)
        results.append(result)
        found += wrong
    if any(one.severity == "error" for one in found):
        raise Refused(found, sources)
    tell(found, sources)
    return [_job(one, result, values.root, configured, mask) for one, result in zip(loaded, results, strict=True)]


def _check_once(loaded: Sequence[Loaded]) -> None:
    """Raises Trouble for a stored plan beside its own recipe, or beside another plan of it: both would act."""
    given: dict[str, str] = {}
    for one in loaded:
        recipe = recipe_of(one.plan)
        if recipe and recipe in given:
            text = f"{given[recipe]} and {one.path} are both of {recipe}, and everything would be done twice"
            raise Trouble(text, "give one of them")
        given[recipe] = one.path


def _job(loaded: Loaded, values: dict[str, object], root: str | None, configured: Config, mask: Mask) -> Job:
    secrets = inputs.secret_values(loaded.plan, os.environ, configured.secrets)
    for secret in secrets.values():
        mask.add(secret)
    return Job(loaded.plan, values, secrets, read_tables(loaded.plan.tables, root), configured.zone)


@dataclass(frozen=True, slots=True)
class Rereading:
    """Reads all that a run's jobs are made of once more; `configured` is what the configuration said when it began."""

    paths: tuple[str, ...]
    values: Values
    config_path: str | None
    configured: Config
    mask: Mask

    def __call__(self, told: Told) -> list[Job]:
        """The jobs. Raises Refused and Trouble."""
        try:
            loaded = plans(expand(self.paths), told.diagnostics)
        except Faulty:
            raise Trouble("the recipes have errors") from None
        configured = configuration(self.config_path, self.mask, told.diagnostics)
        if _fixed(configured) != _fixed(self.configured):
            told.text("of the configuration only params and secrets are taken up; the rest takes a restart")
        return jobs(loaded, self.values, configured, self.mask, told.diagnostics)


def _fixed(configured: Config) -> Config:
    """The configuration without what each reading takes up."""
    return replace(configured, params={}, secrets={}, source=Source("", ""))
