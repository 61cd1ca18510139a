"""`amiflow fmt` as a user meets it: files rewritten or shown, standard input, exit status."""

from __future__ import annotations

import io
import os
import resource
import sys
from pathlib import Path

import pytest

from amiflow.cli.files import write
from amiflow.live.problems import Trouble
from support.command import Amiflow

UNTIDY = 'param a=1 # help\nflow f on start{log "ö ${a}"}\n'
TIDY = 'param a = 1   # help\n\nflow f\n  on start\n{\n  log "ö ${a}"\n}\n'


def stdin(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="ascii"))


def folder(**files: str) -> Path:
    place = Path("recipes")
    place.mkdir()
    for name, text in files.items():
        (place / f"{name}.flow").write_bytes(text.encode())
    return place


def test_files_are_rewritten_and_counted(amiflow: Amiflow) -> None:
    place = folder(a=UNTIDY, b=TIDY)
    result = amiflow("fmt", "recipes")
    assert (result.status, result.out) == (0, "")
    assert result.err.splitlines() == [f"formatted {place}/a.flow", "2 recipes: 1 formatted, 1 in order"]
    assert (place / "a.flow").read_bytes() == TIDY.encode()
    assert amiflow("fmt", "recipes").err.splitlines() == ["2 recipes: 0 formatted, 2 in order"]


def test_a_file_in_order_is_not_written(amiflow: Amiflow) -> None:
    place = folder(a=TIDY)
    os.utime(place / "a.flow", (1, 1))
    assert amiflow("fmt", "recipes").status == 0
    assert (place / "a.flow").stat().st_mtime == 1


def test_without_a_path_the_recipes_of_this_folder_are_formatted(amiflow: Amiflow) -> None:
    folder(a=UNTIDY)
    assert amiflow("fmt").status == 0
    assert Path("recipes/a.flow").read_text(encoding="utf-8") == TIDY


def test_a_mark_and_foreign_line_ends_go(amiflow: Amiflow) -> None:
    place = folder(a="\ufeff" + TIDY.replace("\n", "\r\n"))
    amiflow("fmt", "recipes")
    assert (place / "a.flow").read_bytes() == TIDY.encode()


def test_check_shows_the_difference_and_writes_nothing(amiflow: Amiflow) -> None:
    place = folder(a=UNTIDY.rstrip("\n"), b=TIDY)
    result = amiflow("fmt", "--check", "recipes")
    assert result.status == 1
    assert result.err.splitlines() == [f"would format {place}/a.flow", "2 recipes: 1 to be formatted, 1 in order"]
    assert result.out.splitlines() == [
        f"--- {place}/a.flow",
        f"+++ {place}/a.flow",
        "@@ -1,2 +1,7 @@",
        "-param a=1 # help",
        '-flow f on start{log "ö ${a}"}',
        "\\ No newline at end of file",
        "+param a = 1   # help",
        "+",
        "+flow f",
        "+  on start",
        "+{",
        '+  log "ö ${a}"',
        "+}",
    ]
    assert (place / "a.flow").read_text(encoding="utf-8") == UNTIDY.rstrip("\n")


def test_check_of_what_is_in_order_is_silent_but_for_the_count(amiflow: Amiflow) -> None:
    folder(a=TIDY)
    result = amiflow("fmt", "--check", "recipes")
    assert (result.status, result.out, result.err) == (0, "", "1 recipe: 0 to be formatted, 1 in order\n")


def test_a_syntax_error_is_shown_and_its_file_left_while_others_are_formatted(amiflow: Amiflow) -> None:
    broken = 'flow f on start{log "a" fail}\n'
    place = folder(a=broken, b=UNTIDY)
    result = amiflow("fmt", "recipes")
    assert result.status == 1
    assert "error[syntax]" in result.err and "recipes/a.flow:1:" in result.err
    assert result.err.endswith("2 recipes: 1 formatted, 0 in order, 1 with syntax errors\n")
    assert (place / "a.flow").read_text() == broken
    assert (place / "b.flow").read_text(encoding="utf-8") == TIDY


def test_standard_input_is_printed(amiflow: Amiflow, monkeypatch: pytest.MonkeyPatch) -> None:
    stdin(monkeypatch, UNTIDY.encode())
    result = amiflow("fmt", "-")
    assert (result.status, result.out, result.err) == (0, TIDY, "")


@pytest.mark.parametrize(
    ("data", "args", "status", "words"),
    [
        (UNTIDY.encode(), ("--check",), 1, ""),
        (TIDY.encode(), ("--check",), 0, ""),
        (b"flow f", (), 1, "error["),
        (b"# \xe9", (), 2, "error: standard input is not UTF-8 text: byte 2 is 0xe9\n"),
    ],
)
def test_what_standard_input_comes_to(
    amiflow: Amiflow, monkeypatch: pytest.MonkeyPatch, data: bytes, args: tuple[str, ...], status: int, words: str
) -> None:
    stdin(monkeypatch, data)
    result = amiflow("fmt", *args, "-")
    assert result.status == status and result.err.startswith(words)


def test_a_file_that_cannot_be_written_is_trouble(amiflow: Amiflow, monkeypatch: pytest.MonkeyPatch) -> None:
    place = folder(a=UNTIDY)
    real = open

    def refuse(path: str, mode: str = "r", **options: str) -> object:
        if mode == "r+b":
            raise PermissionError(13, "Permission denied")
        return real(path, mode, **options)  # type: ignore[call-overload]

    monkeypatch.setattr("builtins.open", refuse)
    result = amiflow("fmt", "recipes")
    assert (result.status, result.err) == (2, f"error: cannot write {place}/a.flow: Permission denied\n")


def test_where_the_disk_has_no_room_a_recipe_stays_as_it_was(amiflow: Amiflow) -> None:
    place = folder(a=UNTIDY)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(UNTIDY.encode()), before[1]))
    try:
        with pytest.raises(Trouble, match=f"cannot write {place}/a.flow: File too large"):
            write(f"{place}/a.flow", TIDY)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (place / "a.flow").read_text() == UNTIDY
    assert amiflow("fmt", "recipes").status == 0 and (place / "a.flow").read_text() == TIDY


def test_a_shorter_text_leaves_nothing_of_the_longer_one(amiflow: Amiflow) -> None:
    place = folder(a=TIDY + "\n" * 50)
    assert amiflow("fmt", "recipes").status == 0 and (place / "a.flow").read_text() == TIDY
