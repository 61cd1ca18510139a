"""How hard a property is searched: in every run of the tests a little, in `make properties` a lot; and any text at all.

Every run of the tests tries the same examples, so that what is found judges the change that brought it. `make
properties` tries others each time, but in continuous integration: Hypothesis knows that by `CI` in the environment.

Belongs here: the two efforts, and what properties of several files are searched with. Never here: the properties.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings, strategies

ORDINARY = "ordinary"
DEEP = "deep"
TIMES = 40
"""How many times as many examples the deep run tries."""

ANY = strategies.characters(exclude_categories=["Cs"])
"""The characters of `strategies.text()`, which would ask a codec for each of a million, for a second where no run was
before."""


def register() -> None:
    """Make both known as profiles, without a deadline, as the machine may be busy; the deep one is taken by
    `pytest --hypothesis-profile=deep -m hypothesis`."""
    patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.register_profile(ORDINARY, patient, derandomize=True, database=None)
    settings.register_profile(DEEP, patient, max_examples=TIMES * patient.max_examples)
    settings.load_profile(ORDINARY)


def examples(number: int) -> settings:
    """So many examples of a property in an ordinary run."""
    return settings(max_examples=number * TIMES if settings.get_current_profile_name() == DEEP else number)
