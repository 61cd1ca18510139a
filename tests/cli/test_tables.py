"""Tables on the command line: found beside the recipe or in another folder, by `test` and by `run`, of plans too."""

from __future__ import annotations

from pathlib import Path

from support.command import Amiflow

RECIPE = """\
table vip(number: text, name: text) from "lists/vip.csv"
flow f on start { for row in vip { log row.name } }
test "t" { start expect log "Ada" }
"""


def _given(folder: Path) -> None:
    (folder / "recipes").mkdir()
    (folder / "recipes" / "r.flow").write_text(RECIPE)
    (folder / "other" / "lists").mkdir(parents=True)
    (folder / "other" / "lists" / "vip.csv").write_text("number,name\n1,Ada\n")


def test_a_table_stands_beside_its_recipe_or_below_a_root(amiflow: Amiflow, tmp_path: Path) -> None:
    _given(tmp_path)
    result = amiflow("run", "--simulate", "recipes/r.flow", "--root", "other")
    assert result.status == 0 and "Ada" in result.out
    result = amiflow("run", "--simulate", "recipes/r.flow")
    assert result.status == 2 and "cannot read recipes/lists/vip.csv, the table `vip`: No such file" in result.err
    result = amiflow("test", "recipes/r.flow")
    assert result.status == 2 and "cannot read recipes/lists/vip.csv" in result.err
    (tmp_path / "other" / "lists").rename(tmp_path / "recipes" / "lists")
    assert amiflow("test", "recipes/r.flow").status == 0
    (tmp_path / "plan.json").write_text(amiflow("plan", "--json", "recipes/r.flow").out)
    result = amiflow("run", "--simulate", "plan.json")
    assert result.status == 0 and "Ada" in result.out


def test_contents_that_do_not_fit_end_the_run(amiflow: Amiflow, tmp_path: Path) -> None:
    _given(tmp_path)
    (tmp_path / "other" / "lists" / "vip.csv").write_text("number,nam\n1,Ada\n")
    result = amiflow("run", "--dry-run", "recipes/r.flow", "--root", "other")
    assert result.status == 2 and "`vip` has no column `name`" in result.err
