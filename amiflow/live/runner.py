"""A plan of the run with its machine, and what tells of it.

Belongs here: that pair, and what a recipe is known by. Never here: who calls the machine (`loop`).
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from amiflow.engine.machine import Machine
from amiflow.live.narrator import Narrator
from amiflow.plan.model import Plan


@dataclass(slots=True, eq=False)
class Runner:
    """A machine of the run, with what tells of it; `number` counts them from 0; `status` is none while it runs;
    `retired`: another one has taken its place, or its recipe is gone."""

    plan: Plan
    machine: Machine
    narrator: Narrator
    number: int = 0
    status: int | None = None
    retired: bool = False


def recipe_of(plan: Plan) -> str:
    """What a recipe is known by, in another run or when it is read again: the path of its file."""
    return os.path.abspath(plan.sources[0].path) if plan.sources else ""
