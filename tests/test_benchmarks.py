"""What the benchmark says of itself: rows that there are, what is missing, what a load holds. Nothing is measured."""

from __future__ import annotations

import re
import subprocess

import pytest

from benchmarks import __main__ as table
from benchmarks import peers
from benchmarks.process import Client
from benchmarks.stream import Load, events
from benchmarks.table import ratio, thousands


def test_a_row_that_is_none_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert table.main(["3", "13", "x"]) == 2
    assert "no such row: 13, x; there are 1, 2" in capsys.readouterr().err


def test_each_client_that_cannot_be_had_is_named_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(name: str) -> Client:
        if name == "pyst2":
            raise subprocess.CalledProcessError(1, "pip", stderr=b"looking\nno such version\n")
        return Client(name, (), {}, "PyPI")

    monkeypatch.setattr(peers, "_of_python", fails)
    monkeypatch.setattr(peers.shutil, "which", lambda _: None)
    found, missing = peers.libraries()
    assert [one.name for one in found] == ["asterisk-ami", "panoramisk", "pystrix"]
    assert missing == [
        "pyst2: cannot be installed (no such version)",
        "asterisk-manager: no `node` on this machine",
        "asterisk-ami-client: no `node` on this machine",
        "nami: no `node` on this machine",
        "ruby_ami: no `ruby` on this machine",
    ]


@pytest.mark.parametrize("load", [Load(1000, 100), Load(1000, 7, "one-name"), Load(5, 1)])
def test_a_load_says_what_is_to_be_done(load: Load) -> None:
    made = list(events(load))
    wanted = [channel for _, channel in made if channel]
    assert (len(made), len(wanted), len(set(wanted))) == (load.count, load.expected, load.expected)
    assert made == list(events(load))
    both = re.compile(rb"\AEvent: BridgeEnter\r\n(?s:.*)\r\nBridgeNumChannels: 2\r\n(?s:.*)\r\nContext: default\r\n")
    assert all((channel is not None) == bool(both.match(data)) for data, channel in made)
    assert all(data.endswith(b"\r\n\r\n") and data.count(b"\r\n\r\n") == 1 for data, _ in made)


def test_a_ratio_is_the_median_of_the_rounds_that_both_were_in() -> None:
    assert ratio([2.0, 6.0, 3.0], [1.0, 2.0, 3.0]) == 2.0
    assert ratio([2.0, 6.0, 3.0], [4.0]) == 0.5
    assert ratio([2.0, 6.0], [1.0, 0.0]) is None
    assert (thousands([1_000.0, 9_000.0, 2_000.0]), thousands([1_000.0, 0.0])) == ("2 k", "not whole")
