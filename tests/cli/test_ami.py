"""`amiflow ami`: every entry of the catalogue can be printed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from amiflow.ami.catalog import load
from amiflow.cli.ami import entry
from support.command import Amiflow

HERE = Path(__file__).parent


def test_golden(golden: Callable[[Path, str], None]) -> None:
    catalog = load()
    things = [catalog.event("Hangup"), catalog.event("QueueMember"), catalog.event("UserEvent")]
    actions = [catalog.action(name) for name in ("QueueStatus", "Originate", "Redirect", "Filter", "Logoff")]
    golden(HERE / "golden" / "ami.txt", "\n".join(entry(one) for one in (*things, *actions) if one is not None))


def test_every_entry_names_all_its_headers() -> None:
    for thing in (*load().events, *load().actions):
        text = entry(thing)
        assert all(header.name in text for header in thing.headers.values())


def test_a_version_leaves_out_what_it_lacks(amiflow: Amiflow) -> None:
    assert "Tenantid" in amiflow("ami", "hangup", "--asterisk", "22").out
    old = amiflow("ami", "hangup", "--asterisk", "16")
    assert old.status == 0 and "Tenantid" not in old.out and "Cause-txt" in old.out
    assert "not in Asterisk 16" in amiflow("ami", "SendFlash", "--asterisk", "16").out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("ami", "Hangupp"), "did you mean `Hangup`"),
        (("ami", "xyzzy"), "Error: Asterisk has no event or action 'xyzzy'\n"),
        (("ami", "Hangup", "--asterisk", "new"), "'--asterisk': 'new' is no version such as 16 or 18.26.0"),
        (("ami", "Hangup", "--asterisk", "5"), "known are 1.4, 1.6, 1.8 and 10 to 23"),
        (("check", "right.flow", "--asterisk", "99"), "known are 1.4, 1.6, 1.8 and 10 to 23"),
    ],
)
def test_what_is_unknown_is_said(amiflow: Amiflow, words: tuple[str, ...], said: str) -> None:
    result = amiflow(*words)
    assert result.status == 2 and said in result.err


def test_a_name_of_an_event_and_an_action_prints_both(amiflow: Amiflow) -> None:
    out = amiflow("ami", "Hangup").out
    assert "event Hangup" in out and "action Hangup" in out
