"""Signals and workers reach the loop through the pair."""

from __future__ import annotations

import os
import select
import signal
import socket
import threading

import pytest

from amiflow.live.wake import Finished, Wake, wait
from support.threads import no_more_threads


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


def test_where_there_is_no_thread_for_it_work_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a connection that cannot be made: it is tried again, and the run goes on."""
    wake: Wake[int] = Wake()
    monkeypatch.setattr(threading.Thread, "start", no_more_threads)
    wake.work("pbx", lambda: 7)
    _, (finished,) = wake.take()
    assert isinstance(finished.error, OSError) and str(finished.error) == "can't start new thread"
    wake.close()


def test_descriptors_beyond_what_select_takes_are_waited_for_too() -> None:
    near, far = socket.socketpair()
    many = socket.socket(fileno=os.dup2(near.fileno(), 1500))
    with near, far, many:
        assert wait([1500], [], 0.0) == [] and wait([1500], [1500], None) == []
        far.send(b"x")
        assert wait([1500], [], None) == [1500] and wait([1500], [1500], None) == [1500]
        many.recv(1)
        far.close()
        assert wait([1500], [], None) == [1500]  # its end is to be read
