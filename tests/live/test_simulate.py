"""Recipes on the simulated PBX, and the places of a scenario file's mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from amiflow.live.clock import SystemClock
from amiflow.live.log import Log
from amiflow.live.problems import Refused, Trouble
from amiflow.live.run import Job
from amiflow.live.secrets import Mask
from amiflow.live.simulate import beside, load_scenario, run_simulated, serve
from amiflow.tools.scenario import default_scenario
from support.runs import compiled

RECIPE = """
flow moves on BridgeEnter as one where one.BridgeType == "basic"
  then BridgeEnter as two where two.BridgeUniqueid == one.BridgeUniqueid within 10s
{
  Redirect { Channel: one.Channel ExtraChannel: two.Channel Context: "default" Exten: "680" Priority: 1 }
}
flow sees on ConfbridgeJoin as j { log "in the room: ${j.Channel}" }
"""


def test_the_run_ends_when_the_scenario_has_and_all_that_actions_brought_about_was_seen(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(
        "calls: [{at: 50ms, from: PJSIP/alice, to: bob}]\nendpoints: {PJSIP/bob: {after: 50ms}}\n"
    )
    lines: list[str] = []
    plan = compiled(RECIPE)
    log = Log(lines.append, lambda: 0.0, Mask(), sources=plan.sources)
    status = run_simulated([Job(plan, {}, {})], load_scenario(str(tmp_path / "s.yaml")), log, SystemClock())
    assert status == 0
    assert len([line for line in lines if "in the room: PJSIP/" in line]) == 2
    assert "flows: 3 done; actions sent: 1 Redirect" in lines[-1]


def test_no_file_is_the_default_scenario() -> None:
    assert load_scenario(None) == default_scenario()


def test_the_scenario_beside_the_recipe_is_found(tmp_path: Path) -> None:
    for name in ("one.scenario.yaml", "two.scenario.yaml"):
        (tmp_path / name).write_text("calls: []\n")
    one, two, three = (str(tmp_path / name) for name in ("one.flow", "two.json", "three.flow"))
    assert beside([three]) is None
    assert beside([three, one]) == str(tmp_path / "one.scenario.yaml")
    assert beside([two, two]) == str(tmp_path / "two.scenario.yaml")
    with pytest.raises(Trouble, match=r"several scenarios .*one\.scenario.*two\.scenario"):
        beside([one, two])


def test_a_mistake_in_a_scenario_is_shown_at_its_place(tmp_path: Path) -> None:
    text = "calls:\n  - {at: soon, from: PJSIP/alice, to: bob}\nendpoint: {}\n"
    (tmp_path / "s.yaml").write_text(text)
    with pytest.raises(Refused) as refused:
        load_scenario(str(tmp_path / "s.yaml"))
    (source,) = refused.value.sources.values()
    found = {source.slice(one.span).strip(): one for one in refused.value.diagnostics}
    assert "soon" in found
    assert len(found) == 2


@pytest.mark.parametrize("text", ["calls: [", "- x\n"])
def test_what_is_no_scenario_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "s.yaml").write_text(text)
    with pytest.raises(Refused):
        load_scenario(str(tmp_path / "s.yaml"))


def test_what_cannot_be_had_is_trouble(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="cannot read"):
        load_scenario(str(tmp_path / "absent.yaml"))
    taken = serve(default_scenario(), 0)
    try:
        with pytest.raises(Trouble, match=r"cannot listen on 127\.0\.0\.1:\d+: Address already in use$"):
            serve(default_scenario(), taken.address[1])
    finally:
        taken.start()
        taken.stop()
