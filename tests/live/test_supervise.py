"""The pauses between attempts to connect, and what tells that the server was restarted meanwhile."""

from __future__ import annotations

import re
import socket
import threading

import pytest

from amiflow.ami.codec import ROOM
from amiflow.ami.reports import Unanswered
from amiflow.ami.session import SessionOptions
from amiflow.live.config import Server
from amiflow.live.link import Link
from amiflow.live.secrets import SecretSource
from amiflow.live.supervise import Backoff, Peer
from amiflow.live.wake import Finished, Wake


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


WEEKS = 28 * 86400


class Connected:
    """A peer whose connections are pairs of sockets, and whose time is given."""

    def __init__(self) -> None:
        wake: Wake[Link | None] = Wake()
        wake.work = lambda name, job: None  # type: ignore[method-assign,misc,assignment]
        secret = SecretSource("literal", "s")
        options = SessionOptions("robot", "s", "af", auth="plain")
        self.peer = Peer(Server("pbx", "127.0.0.1", 5038, "robot", secret, None), options, wake, lambda: 0.0)
        wake.close()

    def log_in(self, now: float) -> None:
        """A new connection, up to the answer to the login."""
        near, self.far = socket.socketpair()
        near.setblocking(False)
        self.peer.begin()
        self.peer.connected(Finished("pbx", Link(near, "pbx", False, bytearray()), None), now)
        self.hear("Asterisk Call Manager/11.0.0\r\n", now)
        self.peer.write(now)
        actions = re.findall(rb"ActionID: (\S+)", self.far.recv(9999))
        self.hear(f"Response: Success\r\nActionID: {actions[-1].decode()}\r\n\r\n", now)

    def hear(self, text: str, now: float) -> None:
        self.far.sendall(text.encode())
        self.peer.read(now, 9999)

    def booted(self, uptime: int, now: float) -> None:
        self.hear(f"Event: FullyBooted\r\nUptime: {uptime}\r\n\r\n", now)

    def lose(self, now: float) -> None:
        self.far.close()
        self.peer.read(now, 9999)


@pytest.mark.parametrize(("uptime", "restarted"), [(1105, False), (4, True)])
@pytest.mark.parametrize("late", [0.0, 5.0])
def test_a_restart_is_known_by_the_time_of_booting_however_late_it_is_told(
    uptime: int, restarted: bool, late: float
) -> None:
    connected = Connected()
    peer = connected.peer
    connected.log_in(0.0)
    connected.booted(1000, 0.0)
    connected.lose(50.0)
    connected.log_in(105.0 - late)
    if late:
        peer.tick(105.0 - late + 2.0)
    assert peer.ready == bool(late) and not peer.restarted
    connected.booted(uptime, 105.0)
    assert peer.ready and peer.restarted == restarted
    assert peer.take_unseen(105.0) == 105.0  # since it was last heard, at the first login
    peer.cut()
    connected.far.close()


@pytest.mark.parametrize(("uptime", "restarted"), [(WEEKS + 80, False), (WEEKS - 3600, False), (8, True)])
def test_a_clock_that_goes_slow_or_was_set_back_on_the_server_is_no_restart(uptime: int, restarted: bool) -> None:
    """Its Uptime is of its wall clock: after weeks of one connection that may be off by more than seconds."""
    connected, lost = Connected(), float(WEEKS)
    connected.log_in(0.0)
    connected.booted(100, 0.0)
    connected.peer.take_unseen(0.0)
    connected.hear("Event: Hangup\r\nChannel: PJSIP/a-1\r\n\r\n", lost)
    connected.lose(lost)
    connected.log_in(lost + 10.0)
    connected.booted(uptime, lost + 10.0)
    assert connected.peer.restarted == restarted
    connected.peer.cut()
    connected.far.close()


def test_a_server_that_goes_again_before_it_was_told_to_be_ready_was_unseen_all_the_time() -> None:
    connected = Connected()
    peer = connected.peer
    for now in (0.0, 50.0, 100.0):
        connected.log_in(now)
        connected.booted(int(1000 + now), now)
        if now == 0.0:
            assert peer.take_unseen(now) is None
        if now < 100.0:
            connected.lose(now + 1.0)
    assert peer.take_unseen(100.0) == 100.0
    connected.lose(103.0)
    connected.log_in(110.0)
    connected.booted(1110, 110.0)
    connected.lose(110.0)
    assert peer.take_unseen(110.0) == 10.0  # since 100.0, when it was last heard; and it is gone already
    connected.log_in(120.0)
    connected.booted(1120, 120.0)
    assert peer.take_unseen(120.0) == 10.0
    peer.cut()
    connected.far.close()


def test_what_is_there_is_read_at_once_up_to_a_bound() -> None:
    connected = Connected()
    peer = connected.peer
    connected.log_in(0.0)
    connected.booted(1000, 0.0)
    text = b"Event: Newchannel\r\nChannel: PJSIP/a-1\r\n\r\n"
    count = 4 * ROOM // len(text)
    writing = threading.Thread(target=connected.far.sendall, args=(text * count,))
    writing.start()
    found: list[int] = []
    while sum(found) < count:
        found.append(len(peer.read(1.0, 2 * ROOM)))
    writing.join(30)
    assert sum(found) == count and max(found) <= 3 * ROOM // len(text) and not peer.read(1.0, ROOM)
    peer.cut()
    connected.far.close()


def test_a_server_may_be_gone_in_the_same_breath_in_which_it_was_ready() -> None:
    connected = Connected()
    connected.log_in(0.0)
    connected.booted(1, 0.0)
    connected.lose(0.0)
    assert connected.peer.link is None
    assert connected.peer.submit_own("q1", (("Action", "ListCommands"),), 0.0, 5.0) == [Unanswered("q1", sent=False)]
