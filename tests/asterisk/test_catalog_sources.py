"""The catalogue's sources are what the installed Asterisk says: its documentation, and what it lists by itself."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from amiflow.ami.catalog import exists, load
from support.lab.install import SUITES, tree
from support.plain_ami import PlainAmi

CATALOGUE = Path(__file__).parents[2] / "catalogue"


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, CATALOGUE / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("version", SUITES)
def test_the_extract_is_what_the_documentation_says(version: str) -> None:
    extract = script("extract")
    xml = tree(version) / "usr/share/asterisk/documentation/core-en_US.xml"
    assert (CATALOGUE / f"extract-{version}.json").read_text() == extract.text(extract.extract(xml))


def test_every_action_that_the_server_lists_is_known_with_its_privileges(judge: PlainAmi) -> None:
    version = str(judge.action("CoreSettings").get("AsteriskVersion")).partition("~")[0].partition("+")[0]
    wrong = []
    for name, text in judge.action("ListCommands"):
        listed = re.search(r"\(Priv: ([^)]*)\)$", text)
        if not listed:
            continue
        action = load().action(name)
        granted = tuple(c for c in listed[1].split(",") if c not in ("all", "<none>"))
        known = [grant.classes for grant in action.privileges_by_version if exists(grant, version)] if action else []
        if action is None or not exists(action, version) or known != [granted]:
            wrong.append((name, granted, known))
    assert wrong == []
