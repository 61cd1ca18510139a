"""The architecture holds, and the checker that says so catches each kind of violation."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.layers import read, read_project, violations

ROOT = Path(__file__).resolve().parent.parent
LAW = '"""The law."""\n'
SMALL = {
    "amiflow/__init__.py": LAW,
    "amiflow/report/__init__.py": LAW,
    "amiflow/report/source.py": LAW + "class Span: pass\n",
    "amiflow/plan/__init__.py": LAW,
    "amiflow/plan/model.py": LAW + "from amiflow.report.source import Span\n",
    "amiflow/lang/__init__.py": LAW,
    "amiflow/lang/grammar.py": LAW + "import lark\nimport importlib.resources\n",
    "amiflow/tools/__init__.py": LAW,
    "amiflow/tools/pbx.py": LAW + "from amiflow.plan import model\n",
    "amiflow/live/__init__.py": LAW,
    "amiflow/live/link.py": LAW + "import socket\nimport amiflow.tools.pbx\n",
    "amiflow/cli/__init__.py": LAW,
    "amiflow/cli/main.py": LAW + "import click\n",
}


def found(**changed: str) -> list[str]:
    """What the checker says of the small project with these files (`live__link`) replaced or added."""
    texts = {f"amiflow/{name.replace('__', '/', 1)}.py": text for name, text in changed.items()}
    return violations(read(SMALL | texts))


def test_the_project_keeps_to_its_architecture() -> None:
    files = read_project(ROOT)
    assert len(files) > 20
    assert violations(files) == []


def test_a_small_project_that_keeps_to_it_passes() -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("module", "text", "complaint"),
    [
        ("plan__model", "from amiflow.live.link import x", "plan may not import live"),
        ("live__link", "from amiflow.lang.grammar import x", "live may not import lang"),
        ("lang__grammar", "from amiflow.engine import machine", "lang may not import engine"),
        ("report__source", "from amiflow import plan", "report may not import plan"),
        ("tools__pbx", "def f():\n    # late\n    from amiflow.live.link import x", "tools may not import live"),
        ("tools__pbx", "from amiflow.lang.grammar import x", "amiflow.live.link: lang is within reach"),
        ("live__link", "import amiflow.tools", "amiflow.tools is no module"),
        ("live__link", "from amiflow.tools import Pbx", "amiflow.tools:Pbx is no module"),
        ("live__link", "from . import loop", "a relative import"),
        ("plan__model", "import socket", "touches a socket"),
        ("plan__model", "from time import monotonic", "touches the clock"),
        ("plan__model", "import threading", "touches a thread"),
        ("plan__model", "import random", "touches randomness"),
        ("plan__model", "import logging", "touches logging"),
        ("plan__model", "import os.path", "touches the environment"),
        ("plan__model", "from pathlib import Path", "touches a file"),
        ("plan__model", "text = open('x').read()", "touches a file (open)"),
        ("plan__model", "import datetime\nx = datetime.datetime.now()", "touches the clock (datetime.datetime.now)"),
        ("lang__grammar", "import socket", "touches a socket"),
        ("lang__parse", "from lark import Token", "Lark belongs into lang/grammar.py"),
        ("live__link", "import click", "Click belongs into cli/"),
        ("cli__main", "def f():\n    import click", "without a comment that says why"),
        ("live____init__", "x = 1", "holds more than its docstring"),
    ],
)
def test_a_violation_is_named(module: str, text: str, complaint: str) -> None:
    said = found(**{module: LAW + text + "\n"})
    assert [line for line in said if complaint in line], said


def test_a_file_without_its_law_is_named() -> None:
    assert found(live__link="import socket\n") == ["amiflow.live.link: opens with no docstring"]


def test_a_circle_is_named() -> None:
    said = found(live__link=LAW + "from amiflow.live import loop\n", live__loop=LAW + "from amiflow.live import link\n")
    assert said == ["modules import each other in a circle: amiflow.live.link, amiflow.live.loop"]


@pytest.mark.parametrize(
    "text", ["from sys import intern", "from pathlib import PurePosixPath", "from io import StringIO"]
)
def test_what_touches_nothing_is_allowed(text: str) -> None:
    assert found(plan__model=LAW + text + "\n") == []
