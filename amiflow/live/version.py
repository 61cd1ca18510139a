"""Which amiflow this is.

Belongs here: that one question. It is asked of the installed package's metadata, which takes a while the first time:
the loop never asks.
"""

from __future__ import annotations


def amiflow_version() -> str:
    """The installed version."""
    # It takes a fifth of a small command's time to import, and few commands ask.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("amiflow")
    except PackageNotFoundError:
        return "(not installed)"
