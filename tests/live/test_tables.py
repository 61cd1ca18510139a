"""Tables from files: the same rows from each kind, and what is wrong with a file, with its place."""

import os
from pathlib import Path

import pytest

from amiflow.live.problems import Trouble
from amiflow.live.tables import read_tables
from amiflow.plan.keeping import Table
from amiflow.plan.types import BOOL, INT, NUMBER, TEXT, Maybe
from amiflow.report.source import Span

COLUMNS = (("number", TEXT), ("rank", INT), ("share", Maybe(NUMBER)), ("active", BOOL))
WANTED = {
    "100": {"number": "100", "rank": 2, "share": 0.5, "active": True},
    "2026-12-24": {"number": "2026-12-24", "rank": -1, "share": None, "active": False},
}
FILES = {
    "t.csv": "number,rank,share,active,note\n100,2,0.5,yes,x\n2026-12-24,-1,,no,y\n",
    "t.json": '[{"number": 100, "rank": 2, "share": 0.5, "active": true},'
    ' {"number": "2026-12-24", "rank": "-1", "share": null, "active": "no"}]',
    "t.yaml": "- {number: 100, rank: 2, share: 0.5, active: yes}\n- {number: 2026-12-24, rank: -1, active: no}\n",
}


def table(folder: Path, name: str) -> Table:
    return Table("t", COLUMNS, name, Span(str(folder / "r.flow"), 0, 1))


@pytest.mark.parametrize("name", FILES)
def test_every_kind_of_file_gives_the_same_rows(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(FILES[name], encoding="utf-8-sig")
    assert read_tables([table(tmp_path, name)]) == {"t": WANTED}
    assert read_tables([table(Path("elsewhere"), name)], str(tmp_path)) == {"t": WANTED}


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("t.csv", "number,rank,share\n100,2,\n", "`t` has no column `active`"),
        ("t.csv", "number,rank,Share,active\n100,2,0.5,yes\n", "`t` has no column `share`"),
        ("t.csv", "", "`t` has no column `number`"),
        ("t.csv", "number,rank,share,active\n100,2,,yes\n100,3,,no\n", "row 2 of `t` has the key `100` again"),
        ("t.csv", "number,rank,share,active\n,2,,yes\n", "`number` in row 1 of `t` is nothing, not text"),
        ("t.csv", "number,rank,share,active\n100,two,,yes\n", "`rank` in row 1 of `t` is two, not int"),
        ("t.csv", "number,rank,share,active\n100,\n", "`rank` in row 1 of `t` is nothing, not int"),
        ("t.csv", "number,rank,share,active\n100,2,,yes,x\n", "row 1 of `t` has more cells than there are columns"),
        ("t.csv", "number,rank,share,active,rank\n100,2,,yes,3\n", "`rank` is written twice"),
        ("t.csv", "number,rank,share,active\n100,2,much,yes\n", "`share` in row 1 of `t` is much, not number?"),
        ("t.json", '{"100": {}}', "a list of records is wanted"),
        ("t.json", "[1]", "row 1 of `t` has no columns"),
        ("t.json", "[", "Expecting value"),
        ("t.json", '[{"number": "1", "rank": true, "active": true}]', "`rank` in row 1 of `t` is true, not int"),
        ("t.json", '[{"number": ["1"], "rank": 1, "active": true}]', "`number` in row 1 of `t` is nothing, not text"),
        ("t.json", '[{"number": "1", "rank": 1, "rank": 2, "active": true}]', "`rank` is written twice"),
        ("t.yaml", "- {number: 1, rank: 1, rank: 2, active: yes}\n", "`rank` is written twice"),
        ("t.yaml", "a: [", "while parsing"),
    ],
)
def test_what_does_not_fit_is_told(tmp_path: Path, name: str, text: str, wanted: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(Trouble) as trouble:
        read_tables([table(tmp_path, name)])
    assert str(tmp_path / name) in str(trouble.value) and wanted in str(trouble.value)


def test_what_yaml_has_is_what_is_written_there(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text(
        "- {number: 0301, rank: 08, active: On, share: ~}\n- {number: No, rank: 1, active: n}\n"
    )
    rows = read_tables([table(tmp_path, "t.yaml")])["t"]
    assert rows == {
        "0301": {"number": "0301", "rank": 8, "share": None, "active": True},
        "No": {"number": "No", "rank": 1, "share": None, "active": False},
    }


def test_empty_columns_of_a_spreadsheet_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("number,rank,share,active,,\n100,2,,yes,,,\n")
    assert list(read_tables([table(tmp_path, "t.csv")])["t"]) == ["100"]


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="the table `t`: No such file"):
        read_tables([table(tmp_path, "t.csv")])
    (tmp_path / "t.csv").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(Trouble, match="not UTF-8"):
        read_tables([table(tmp_path, "t.csv")])


@pytest.mark.parametrize("name", ["/etc/passwd", "../t.csv", "inner/../../t.csv"])
def test_a_table_is_read_from_its_folder_alone(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "recipes"
    folder.mkdir()
    (tmp_path / "t.csv").write_text(FILES["t.csv"])
    with pytest.raises(Trouble, match="is outside of") as trouble:
        read_tables([table(folder, name)])
    assert trouble.value.help == "put the file there, or name its folder with `--root`"
    assert read_tables([table(folder, str(tmp_path / "t.csv"))], str(tmp_path)) == {"t": WANTED}


def test_what_is_no_file_or_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "t.csv")
    with pytest.raises(Trouble, match="this is no file"):
        read_tables([table(tmp_path, "t.csv")])
    monkeypatch.setattr("amiflow.live.tables.MOST_BYTES", 20)
    (tmp_path / "t.json").write_text(FILES["t.json"])
    with pytest.raises(Trouble, match="too large"):
        read_tables([table(tmp_path, "t.json")])


def test_aliases_that_double_each_other_are_refused_in_few_words(tmp_path: Path) -> None:
    lines = ["- &a0 [x, x]", *(f"- &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40))]
    (tmp_path / "t.yaml").write_text("\n".join([*lines, "- {number: *a39, rank: 1, active: yes}"]))
    with pytest.raises(Trouble) as trouble:
        read_tables([table(tmp_path, "t.yaml")])
    assert len(str(trouble.value)) < 500
