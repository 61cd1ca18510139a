"""A plan of the run with its machine, and what tells of it.

Belongs here: that pair. Never here: who calls the machine (`loop`).
"""

from __future__ import annotations

from dataclasses import dataclass

from amiflow.engine.machine import Machine
from amiflow.live.narrator import Narrator
from amiflow.plan.model import Plan


@dataclass(slots=True)
class Runner:
    """A machine of the run, with what tells of it; `number` counts them from 0; `status` is none while it runs."""

    plan: Plan
    machine: Machine
    narrator: Narrator
    number: int = 0
    status: int | None = None
