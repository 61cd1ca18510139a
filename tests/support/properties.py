"""How hard a property is searched: in every run of the tests a little, in `make properties` a lot; and any text at all.

Belongs here: the two efforts, and what properties of several files are searched with. Never here: the properties.
"""

from __future__ import annotations

from hypothesis import settings, strategies

DEEP = "deep"
TIMES = 40
"""How many times as many examples the deep run tries."""

ANY = strategies.characters(exclude_categories=["Cs"])
"""The characters of `strategies.text()`, which would ask a codec for each of a million, for a second where no run was
before."""


def register() -> None:
    """Make the deep run known as a profile: `pytest --hypothesis-profile=deep -m hypothesis`."""
    settings.register_profile(DEEP, max_examples=TIMES * settings.default.max_examples, deadline=None)


def examples(number: int) -> settings:
    """So many examples of a property in an ordinary run; no deadline, as the machine may be busy."""
    deep = settings.get_current_profile_name() == DEEP
    return settings(max_examples=number * TIMES if deep else number, deadline=None)
