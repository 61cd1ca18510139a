"""What every test shares."""

import gc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from amiflow.lang.grammar import build
from support import properties
from support.amiflow_process import OWN
from support.fault_table import faults, pytest_terminal_summary  # noqa: F401  # pytest finds them here

properties.register()

# They run when they are named (see the Makefile): the first need real servers, the second take minutes.
collect_ignore = ["asterisk", "faults"]


def pytest_configure(config: pytest.Config) -> None:
    """Load the grammar instead of building it, which takes half a second; with several workers this comes before them,
    so that they find it made. Lark sees whether it is the one that is asked for."""
    build(str(config.cache.mkdir("amiflow") / "grammar"))
    gc.disable()


def pytest_collection_finish() -> None:
    """Collect garbage only now, and only of what is made from here on: modules and tests stay for the whole run, and
    to look through them each time took a tenth of it."""
    gc.freeze()
    gc.enable()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite golden files with what comes out now")


@pytest.fixture(autouse=True, scope="session")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test writes its journal to the user's own, reads the user's configuration, or listens where the user's
    commands look for runs."""
    with pytest.MonkeyPatch.context() as patch:
        for name in OWN:
            patch.setenv(name, str(tmp_path_factory.mktemp("own")))
        yield


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """Compare a text with a file, or write it there with --update."""

    def compare(path: Path, text: str) -> None:
        if request.config.getoption("--update"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="")
        assert text == path.read_bytes().decode("utf-8")

    return compare
