"""What every test shares: the command line's options."""

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--asterisk", action="store_true", help="also run tests/asterisk, on real servers (needs root)")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    wanted = config.getoption("--asterisk") or collection_path != Path(__file__).parent / "asterisk"
    return None if wanted else True
