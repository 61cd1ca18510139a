"""Signals and workers reach the loop through the pair."""

from __future__ import annotations

import os
import select
import signal

from amiflow.live.wake import Finished, Wake


def test_a_signal_is_a_byte_and_the_handlers_are_given_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    wake: Wake[int] = Wake()
    with wake.listening():
        os.kill(os.getpid(), signal.SIGTERM)
        select.select([wake.descriptor], [], [], 10)
        assert wake.take() == ([signal.SIGTERM], [])
    assert signal.getsignal(signal.SIGTERM) is before
    wake.close()


def test_a_worker_leaves_its_result_or_its_exception() -> None:
    wake: Wake[int] = Wake()

    def fail() -> int:
        raise OSError("no")

    seen: list[Finished[int]] = []
    wake.work("good", lambda: 7)
    wake.work("bad", fail)
    while len(seen) < 2:
        select.select([wake.descriptor], [], [], 10)
        seen += wake.take()[1]
    good, bad = sorted(seen, key=lambda one: one.name, reverse=True)
    assert (good.result, good.error) == (7, None)
    assert (bad.result, str(bad.error)) == (None, "no")
    wake.close()
