"""Secrets are found where they are said to be, and never shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from amiflow.live.problems import Trouble
from amiflow.live.secrets import Mask, SecretSource


def test_the_three_places(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("from the file\nsecond line\n")
    environ = {"S": "from the environment"}
    read = [SecretSource.parse(text, str(tmp_path)).read("x", environ) for text in ("env:S", "file:s", "lit:eral")]
    assert read == ["from the environment", "from the file", "lit:eral"]


def test_a_byte_order_mark_is_not_part_of_it(tmp_path: Path) -> None:
    (tmp_path / "s").write_bytes(b"\xef\xbb\xbfhunter2\r\n")
    assert SecretSource.parse("file:s", str(tmp_path)).read("x", {}) == "hunter2"


@pytest.mark.parametrize("text", ["env:ABSENT", "env:EMPTY", "file:absent", "file:empty", "file:."])
def test_a_secret_that_is_not_there_is_trouble_that_names_whose(tmp_path: Path, text: str) -> None:
    (tmp_path / "empty").write_text("")
    with pytest.raises(Trouble, match="the secret of pbx1: "):
        SecretSource.parse(text, str(tmp_path)).read("the secret of pbx1", {"EMPTY": ""})


def test_no_secret_in_a_repr() -> None:
    assert "hunter2" not in repr(SecretSource.parse("hunter2", ""))


def test_the_mask_hides_a_secret_in_every_form() -> None:
    mask = Mask()
    for secret in ("hunter", "hunter2", 'a"b\\c', ""):
        mask.add(secret)
    assert mask("hunter2 hunter x") == "*** *** x"
    assert mask(json.dumps({"k": 'a"b\\c'})) == '{"k": "***"}'
    assert mask(repr('a"b\\c')) == "'***'"


def test_a_secret_that_is_no_utf8_is_hidden_too(tmp_path: Path) -> None:
    (tmp_path / "s").write_bytes(b"gr\xfcn\n")
    mask = Mask()
    mask.add(SecretSource.parse("file:s", str(tmp_path)).read("x", {}))
    assert mask("gr\udcfcn gr%FCn") == "*** ***"
    assert mask.finds(b"so gr\xfcn") and not mask.finds(b"so gr\xc3\xbcn")
