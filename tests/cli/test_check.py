"""`amiflow check`: formats, warnings that are allowed or denied, and mending."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.command import Amiflow

WARNED = 'param room = "680"\nflow f on start { log "hello" }\n'


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        (WARNED, ["unused-name"]),
        ('param room = "680"  # allow unused-name: for later\nflow f on start { log "hello" }\n', []),
        ('# allow unused-name: for later\n# and more\n\nparam room = "680"\nflow f on start { log "hello" }\n', []),
        (WARNED + "# allow unused-name: nobody\n", ["idle-allow", "unused-name"]),
        ('param room = "680"  # allow unused-name\nflow f on start { log room }\n', ["bad-allow"]),
        ('param room = "680"  # allow unused-nam: typo\nflow f on start { log room }\n', ["bad-allow"]),
        ('param room = "680"  # allow unknown-name: an error\nflow f on start { log room }\n', ["bad-allow"]),
        ('# allow calls to pass, unused-name or not\nflow f on start { log "hello" }\n', []),
    ],
)
def test_warnings_are_allowed_by_a_comment_with_a_reason(amiflow: Amiflow, text: str, codes: list[str]) -> None:
    Path("r.flow").write_text(text)
    found = json.loads(amiflow("check", "--format", "json", "r.flow").out)
    assert sorted(one["code"] for one in found) == codes


def test_denied_warnings_are_a_failure(amiflow: Amiflow) -> None:
    Path("r.flow").write_text(WARNED)
    assert amiflow("check", "r.flow").status == 0
    assert amiflow("check", "--deny", "warnings", "r.flow").status == 1
    assert amiflow("check", "--deny", "warnings", "right.flow").status == 0


def test_concise_is_one_line_each(amiflow: Amiflow) -> None:
    Path("r.flow").write_text(WARNED)
    result = amiflow("check", "--format", "concise", "r.flow")
    assert (result.out, result.err) == ("r.flow:1:7: warning[unused-name]: the param `room` is never used\n", "")


def test_github_annotations_are_escaped(amiflow: Amiflow) -> None:
    Path("100%,r.flow").write_text(WARNED)
    out = amiflow("check", "--format", "github", "100%,r.flow").out
    place = "file=100%25%2Cr.flow,line=1,endLine=1,title=unused-name,col=7,endColumn=10"
    assert out == f"::warning {place}::the param `room` is never used\n"


def test_a_recipe_that_is_named_in_several_ways_is_one(amiflow: Amiflow) -> None:
    Path("link.flow").symlink_to("right.flow")
    assert "1 recipe: no mistake found" in amiflow("check", "right.flow", "./right.flow", "link.flow").err


def test_sarif_names_rules_and_places(amiflow: Amiflow) -> None:
    (run,) = json.loads(amiflow("check", "--format", "sarif", ".").out)["runs"]
    (result,) = run["results"]
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    place = result["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("wrong.flow", 1)


def test_what_cannot_be_read_keeps_nothing_else_from_being_checked(amiflow: Amiflow) -> None:
    Path("latin1.flow").write_bytes(b"# \xe9\n")
    Path("plan.json").write_text("{}")
    given = ("latin1.flow", "plan.json", "wrong.flow", "right.flow")
    result = amiflow("check", *given)
    assert result.status == 2 and "latin1.flow is not UTF-8" in result.err and "plan.json: no plan" in result.err
    assert "wrong.flow:1:" in result.err and "2 recipes: 1 error\n" in result.err
    concise = amiflow("check", "--format", "concise", *given)
    assert (concise.status, concise.out.count("wrong.flow:1:")) == (2, 1) and "latin1.flow" in concise.err


def test_what_is_right_gives_empty_lists(amiflow: Amiflow) -> None:
    assert amiflow("check", "--format", "json", "right.flow").out == "[]\n"
    assert amiflow("check", "--format", "concise", "right.flow").out == ""
    assert json.loads(amiflow("check", "--format", "sarif", "right.flow").out)["runs"][0]["results"] == []


def test_fix_writes_what_is_beyond_doubt(amiflow: Amiflow) -> None:
    before = "Flow f on Hangup as h where h.Cause == 16&&h.Exten == '1' {\r\n  log \"over\";\r\n}\r\n"
    Path("r.flow").write_text(before, newline="")
    assert amiflow("check", "r.flow").status == 1 and Path("r.flow").read_bytes().decode() == before
    result = amiflow("check", "--fix", "r.flow")
    assert result.status == 0 and "mended r.flow" in result.err
    after = 'flow f on Hangup as h where h.Cause == 16 and h.Exten == "1" {\r\n  log "over"\r\n}\r\n'
    assert Path("r.flow").read_bytes().decode() == after


def test_fix_leaves_what_is_only_likely(amiflow: Amiflow) -> None:
    before = "flow f on Hangup as h { log h.Chanel }\n"
    Path("r.flow").write_text(before)
    result = amiflow("check", "--fix", "r.flow")
    assert result.status == 1 and "did you mean `Channel`?" in result.err and Path("r.flow").read_text() == before


SERVERS = "servers: {pbx: {host: 127.0.0.1, username: robot, secret: env:AMI_SECRET}}\n"


def test_whether_a_run_could_begin(amiflow: Amiflow, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("ready.flow").write_text('param room: text\nflow f on start { http get "http://crm.example/${room}" }\n')
    config = Path("amiflow.yaml")

    def checked() -> tuple[int, str]:
        result = amiflow("check", "ready.flow", "--config", "amiflow.yaml")
        return result.status, result.err

    config.write_text(SERVERS + "servrs: {}\n")
    assert checked()[0] == 2 and "unknown-key" in checked()[1]
    config.write_text(SERVERS)
    assert checked()[0] == 2 and "the param `room` has no value" in checked()[1]
    config.write_text(SERVERS + "params: {room: x}\n")
    assert checked()[0] == 2 and "the environment has no variable AMI_SECRET" in checked()[1]
    monkeypatch.setenv("AMI_SECRET", "hunter2")
    assert checked()[0] == 2 and "this run does not allow `http:crm.example`" in checked()[1]
    config.write_text(SERVERS + "params: {room: x}\nallow: ['http:crm.example']\n")
    status, err = checked()
    assert status == 0 and "amiflow.yaml: the recipes can be run with it on pbx" in err
    Path("ready.flow").write_text("flow f on strt { }\n")
    assert checked()[0] == 1
    Path("ready.flow").write_text('param n = 0\nlet share = 1 / n\nflow f on start { log "${share}" }\n')
    assert checked()[0] == 2 and "division by zero" in checked()[1]
    config.write_text(SERVERS + "params: {n: 2}\njournal: {file: ready.flow}\n")
    assert checked()[0] == 2 and "ready.flow is a text, and no journal" in checked()[1]


def test_what_is_not_allowed_is_shown_where_it_is_asked_for(amiflow: Amiflow) -> None:
    Path("asks.flow").write_text(
        'task note() { append "a.jsonl" {a: 1} }\n\nflow f on start {\n  log "x"\n  note()\n}\n'
    )
    err = amiflow("run", "asks.flow", "--simulate", "--no-journal").err
    assert "this run does not allow `append:a.jsonl`\n --> asks.flow:1:15\n" in err


def test_an_empty_configuration_is_told_what_it_lacks(amiflow: Amiflow) -> None:
    Path("empty.yaml").touch()
    result = amiflow("check", "right.flow", "--config", "empty.yaml")
    assert result.status == 2 and "empty.yaml names no server" in result.err
    assert "= help: write `servers:` in it" in result.err and "--host" not in result.err


def test_a_stored_plan_is_told_from_a_recipe(amiflow: Amiflow) -> None:
    plan = amiflow("plan", "--json", "right.flow").out
    Path("plan.json").write_text(plan)
    assert amiflow("check", "plan.json").err == "plan.json: a stored plan, which this amiflow can run\n"
    assert amiflow("check", "plan.json", "right.flow").err.endswith("\n1 recipe: no mistake found\n")
    for args in (("check", "--asterisk", "16"), ("check", "--fix"), ("test",), ("fmt",), ("fmt", "--check")):
        result = amiflow(*args, "plan.json")
        assert result.status == 2 and "plan.json is a stored plan, not a recipe" in result.err, args
    Path("plan.json").rename("plan.txt")
    result = amiflow("run", "plan.txt", "--dry-run")
    assert result.status == 2 and "take plans, named *.json" in result.err
    Path("broken.json").write_text(plan.replace('"version": 1', '"version": 0'))
    result = amiflow("check", "broken.json")
    assert result.status == 2 and "a plan of version 0" in result.err


def test_a_stored_plan_does_not_go_with_its_own_recipe(amiflow: Amiflow, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each event would be acted upon twice. The unit file asks `check` before each start, with plans too."""
    plan = amiflow("plan", "--json", "right.flow").out
    for name in ("plan.json", "copy.json"):
        Path(name).write_text(plan)
    Path("amiflow.yaml").write_text(SERVERS)
    monkeypatch.setenv("AMI_SECRET", "hunter2")
    assert amiflow("check", "plan.json", "--config", "amiflow.yaml").status == 0
    for command in (("run", "--dry-run"), ("check", "--config", "amiflow.yaml")):
        for other in ("right.flow", "copy.json"):
            result = amiflow(*command, "plan.json", other)
            assert result.status == 2 and f"plan.json and {other} are both of" in result.err, (command, other)


def test_an_import_that_is_not_there_is_told_with_who_wants_it(amiflow: Amiflow) -> None:
    Path("r.flow").write_text('import "nope.flow" as n\nflow f on start { log "x" }\n')
    for command in (("check",), ("check", "--fix"), ("plan",), ("run", "--dry-run")):
        result = amiflow(*command, "r.flow")
        assert result.status == 2 and "cannot read nope.flow: No such file or directory" in result.err, command
        assert "= help: it is imported by r.flow, or by what that imports" in result.err, command
