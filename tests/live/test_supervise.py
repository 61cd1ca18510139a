"""The pauses between attempts to connect."""

from __future__ import annotations

from amiflow.live.supervise import Backoff


def test_pauses_grow_to_a_bound_and_begin_anew() -> None:
    backoff = Backoff(jitter=lambda: 0.0)
    assert [backoff.pause(refused=False) for _ in range(8)] == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    backoff.reset()
    assert backoff.pause(refused=False) == 0.5


def test_a_refused_login_is_not_tried_again_soon() -> None:
    backoff = Backoff(jitter=lambda: 0.0)
    assert [backoff.pause(refused=True) for _ in range(6)] == [30.0, 60.0, 120.0, 240.0, 480.0, 600.0]


def test_a_pause_is_shortened_at_random_by_up_to_a_half() -> None:
    assert Backoff(jitter=lambda: 0.5).pause(refused=True) == 22.5
    assert Backoff(jitter=lambda: 1.0).pause(refused=True) == 15.0
