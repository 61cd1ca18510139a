"""The shape of a diagnostic kind.

Belongs here: what a kind has. Never: the kinds themselves (`codes`).
"""

from __future__ import annotations

from typing import Literal

from amiflow.report.data import dataclass
from amiflow.report.diagnostic import Severity

Language = Literal["recipe", "configuration", "scenario", "command"]


@dataclass(frozen=True, slots=True)
class Code:
    """A kind of diagnostic. `bad` is an example that has this mistake and no other, `good` the same one mended.

    `language` says what an example is: a recipe, an `amiflow.yaml`, a scenario of the simulated PBX, or the recipe
    `r.flow` (and behind a line `# amiflow.yaml` a configuration) with the command that was given, behind `$`.
    """

    name: str
    severity: Severity
    rule: str
    explanation: str
    bad: str
    good: str
    language: Language = "recipe"
