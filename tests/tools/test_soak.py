"""What a machine remembers does not grow with the calls that it has seen."""

import pytest

from support.soak import Soak, grown


@pytest.fixture(scope="module")
def soaked() -> Soak:
    soak = Soak()
    for _ in range(120):
        soak.call()
    soak.rest()
    return soak


def test_at_rest_it_holds_no_more_after_many_calls_than_after_few(soaked: Soak) -> None:
    before = soaked.sizes()
    for _ in range(120):
        soaked.call()
    soaked.rest()
    assert grown(before, soaked.sizes(), 0) == {}
    assert soaked.bench.machine.running() == ()


def test_each_part_of_it_was_at_work(soaked: Soak) -> None:
    counts = soaked.bench.machine.counts()
    started = {name for kind, name in counts if kind == "started"}
    assert started == {"greets", "follows", "silent", "heard", "dials", "looks"}
