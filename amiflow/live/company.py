"""What goes along with a run besides its servers and plans: the journal, workers, and the ways in from outside.

Belongs here: the list of it. Never here: opening and closing any of it (`doors`, `run`), using it (`loop`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from amiflow.live.effects import Workshop, allowed
from amiflow.live.herald import Herald
from amiflow.live.journal_file import Journal
from amiflow.live.killswitch import KillSwitch
from amiflow.live.meter import Meter
from amiflow.live.reload import Reloader
from amiflow.live.requests import Mailbox


def _nobody() -> None:
    """Who is told of errands done where there are none."""


@dataclass(frozen=True, slots=True)
class Company:
    """What goes along with a run besides its servers, where there is any; `begun` is called when the first server is
    ready. `hangup_ends`: SIGHUP means that the terminal is gone."""

    begun: Callable[[], None] | None = None
    journal: Journal | None = None
    workshop: Workshop = field(default_factory=lambda: Workshop(allowed(()), _nobody))
    mailbox: Mailbox | None = None
    switch: KillSwitch | None = None
    herald: Herald = field(default_factory=Herald)
    meter: Meter | None = None
    reloader: Reloader | None = None
    hangup_ends: bool = False
