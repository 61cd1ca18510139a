"""The account that `amiflow plan --manager-conf` prints, on real servers: no class of it is too much.

That it is enough is shown in test_recipes, which runs every recipe with just this account.
"""

import re
from pathlib import Path

import pytest

from support.accounts import classes, granted, less, section
from support.amiflow_process import ROOT, Amiflow
from support.lab import calls
from support.lab.server import AsteriskServer
from support.plain_ami import PlainAmi

SCENARIOS = Path(__file__).with_name("test_recipes.py").read_text(encoding="utf-8")
MADE = sorted(set(re.findall(r'run\("([a-z_/]+)"', SCENARIOS)) - {"manual/call_extension"})
"""The recipes that test_recipes runs and that wait for what happens."""
PARAMS = {
    "manual/call_extension": ["channel=Local/1234@default"],
    "manual/redirect_both_legs": ["channel=Local/1@default-0;1", "extra_channel=Local/1@default-0;2"],
    "queues/caller_waits_too_long": ["queue=waiting", "exten=1234"],
    "queues/overflow_rescue": ["queue=waiting", "exten=1234"],
}
NEEDED = [
    (name, key, one)
    for name in [*MADE, "manual/call_extension", "manual/redirect_both_legs"]
    for key in ("read", "write")
    for one in classes(section(f"recipes/{name}.flow"), key)
]


def chosen(key: str) -> list[tuple[str, str]]:
    return [(name, one) for name, of, one in NEEDED if of == key]


def robot(asterisk: AsteriskServer, folder: Path, name: str, key: str, one: str) -> Amiflow:
    recipe = f"recipes/{name}.flow"
    given = [word for param in PARAMS.get(name, []) for word in ("--param", param)]
    account = granted(asterisk, folder, less(section(recipe), key, one))
    return Amiflow(recipe, *given, *account, "--control", str(folder / "control"), cwd=ROOT)


def test_the_scenarios_are_found() -> None:
    assert len(MADE) > 15 and chosen("read") and chosen("write")


@pytest.mark.parametrize(("name", "one"), chosen("write"))
def test_without_one_class_to_write_the_run_ends_and_names_it(
    asterisk: AsteriskServer, tmp_path: Path, name: str, one: str
) -> None:
    with robot(asterisk, tmp_path, name, "write", one) as run:
        assert run.end(None) == 2
        assert re.search(rf"needs the class ([a-z]+ or )*{one}\b", run.errors), run.errors


@pytest.mark.parametrize(("name", "one"), [pair for pair in chosen("read") if pair[1] == "system"])
def test_without_system_to_read_the_login_says_so(
    asterisk: AsteriskServer, tmp_path: Path, name: str, one: str
) -> None:
    with robot(asterisk, tmp_path, name, "read", one) as run:
        run.wait("privileges", f"lacks the class {one}")


@pytest.mark.parametrize(("name", "one"), [pair for pair in chosen("read") if pair[1] != "system" and pair[0] in MADE])
def test_without_one_class_to_read_nothing_is_done_and_the_end_names_it(
    asterisk: AsteriskServer, judge: PlainAmi, tmp_path: Path, name: str, one: str
) -> None:
    with robot(asterisk, tmp_path, name, "read", one) as run:
        run.wait("ready")
        calls.bridged_call(judge)
        assert run.end() == 0 and run.seen("unheard", f"`{one}`"), run.story()


def test_a_call_whose_outcome_may_not_be_read_names_the_class(asterisk: AsteriskServer, tmp_path: Path) -> None:
    text = less(section("recipes/manual/call_extension.flow"), "read", "call")
    params = ("--param", "channel=Local/1234@default", "--param", "ring_time=1s")
    with Amiflow("recipes/manual/call_extension.flow", *params, *granted(asterisk, tmp_path, text), cwd=ROOT) as run:
        assert run.end(None) == 1 and run.seen("unheard", "`call`"), run.story()
