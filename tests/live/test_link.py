"""A link: what the peer does not take waits within bounds; the end is told."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from amiflow.live.link import MAX_WAITING, Link, LinkLost


@pytest.fixture
def pair() -> Iterator[tuple[Link, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    yield Link(ours, "peer", False, bytearray()), theirs
    ours.close()
    theirs.close()


def test_what_the_peer_does_not_take_waits_and_comes_in_order(pair: tuple[Link, socket.socket]) -> None:
    link, theirs = pair
    data = bytes(range(256)) * 16_384
    link.waiting += data
    link.flush()
    assert link.waiting
    received = bytearray()
    while len(received) < len(data):
        received += theirs.recv(1 << 20)
        link.flush()
    assert bytes(received) == data and not link.waiting


def test_a_peer_that_takes_nothing_is_given_up(pair: tuple[Link, socket.socket]) -> None:
    link, _ = pair
    with pytest.raises(LinkLost, match="takes no bytes"):
        for _ in range(3):
            link.waiting += b"x" * MAX_WAITING
            link.flush()


def test_bytes_come_as_they_are_and_the_end_is_told(pair: tuple[Link, socket.socket]) -> None:
    link, theirs = pair
    theirs.sendall(b"abc")
    room = bytearray(5)
    assert link.receive(memoryview(room)[1:]) == 3 and room == b"\0abc\0"
    assert link.receive(memoryview(room)) == 0
    theirs.close()
    with pytest.raises(LinkLost, match="the server closed the connection"):
        link.receive(memoryview(room))
