"""The HTTP port: replies and their statuses, who is let in, and what strangers cannot do."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from amiflow.live import http_port
from amiflow.live.config import HttpPort
from amiflow.live.http_port import Web
from amiflow.live.meter import Meter
from amiflow.live.problems import Trouble
from amiflow.live.requests import Answer, GiveSignal, Mailbox, TellFigures, TellHealth
from amiflow.live.secrets import SecretSource
from support.descriptors import no_descriptors_for_a_while

TOKEN = "0123456789abcdef0123456789abcdef"
KNOWN = {"Authorization": f"Bearer {TOKEN}"}
FIGURES: dict[str, Any] = {
    "seconds": 12.5,
    "servers": {
        "pbx": {"state": "ready", "events": 7, "reconnects": 1, "gaps": 1, "gap_seconds": 2.5, "queue": 3},
        "other": {"state": "waiting", "events": 0, "reconnects": 0, "gaps": 0, "gap_seconds": 0.0, "queue": 0},
    },
    "flows": {"f": {"running": 2, "queued": 1, "done": 5, "failed": 1, "stopped": 0, "started": 8, "suppressed": 4}},
    "pending": 6,
    "paused": {"f": "is paused"},
    "actions": {"Redirect": {"success": 5, "error": 1}},
    "kill_switch": {"file": "stop", "on": False},
    "journal": {"file": "j", "waiting": 9, "lost": 2, "written": True},
    "times": Meter().plain(),
}


class Clerk:
    """Answers in the loop's place, as the test says."""

    def __init__(self) -> None:
        self.answers: list[tuple[object, Answer]] = []
        self.asked: list[object] = []
        self._poked = threading.Semaphore(0)
        self.mailbox = Mailbox(self._poked.release)
        self._over = False
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        while not self._over:
            self._poked.acquire()
            for ticket in self.mailbox.take():
                self.asked.append(ticket.request)
                for request, answer in self.answers:
                    if request == ticket.request:
                        ticket.answer(answer)

    def close(self) -> None:
        self._over = True
        self._poked.release()
        self._thread.join(10)


@pytest.fixture(scope="module")
def opened() -> Iterator[tuple[Clerk, int]]:
    clerk = Clerk()
    door = Web(HttpPort("127.0.0.1", 0, SecretSource("literal", TOKEN), 0.3), TOKEN, clerk.mailbox)
    yield clerk, door.port
    clerk.mailbox.close()
    door.close()
    clerk.close()


@pytest.fixture
def clerk(opened: tuple[Clerk, int]) -> Clerk:
    opened[0].answers.clear()
    opened[0].asked.clear()
    return opened[0]


@pytest.fixture
def port(opened: tuple[Clerk, int], clerk: Clerk) -> int:
    return opened[1]


def ask(port: int, method: str, path: str, body: str | bytes | None = None, **headers: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): text for name, text in headers.items()})
        answer = connection.getresponse()
        text = answer.read().decode()
        return answer.status, json.loads(text) if answer.getheader("Content-Type") == "application/json" else text
    finally:
        connection.close()


def whole(port: int, method: str, path: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and all that follows them, as it comes over the wire."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as caller:
        caller.sendall(f"{method} {path} HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode())
        answer = b"".join(iter(lambda: caller.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return int(first.split()[1]), {name.casefold(): text for name, text in (one.split(": ") for one in lines)}, body


def test_a_signal_is_answered(clerk: Clerk, port: int) -> None:
    fields = {"agent": "Zoë", "n": "5", "loud": "true", "pace": "0.5"}
    clerk.answers.append((GiveSignal("click", fields), Answer({"ok": True})))
    body = json.dumps({"agent": "Zoë", "n": 5, "loud": True, "pace": 0.5, "none": None})
    assert ask(port, "POST", "/signal/click", body, **KNOWN) == (200, {"ok": True})


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (Answer(None), 200),
        (Answer(None, "no flow takes this signal", "unknown"), 404),
        (Answer(None, "`agent` is missing", "wrong"), 400),
        (Answer(None, "no flow was started by it", "idle"), 409),
        (Answer(None, "no agent", "failed"), 500),
        (Answer(None, "the flow was stopped", "stopped"), 503),
        (Answer(None, "the run has ended", "over"), 503),
    ],
)
def test_how_a_signal_was_met(clerk: Clerk, port: int, answer: Answer, status: int) -> None:
    clerk.answers.append((GiveSignal("click", {}), answer))
    expected = {"error": answer.failure} if answer.failure else None
    assert ask(port, "POST", "/signal/click", **KNOWN) == (status, expected)


def test_a_reply_that_does_not_come(port: int) -> None:
    status, body = ask(port, "POST", "/signal/click", **KNOWN)
    assert status == 504 and "within 0.3 s" in body["error"]


def test_a_reply_that_nobody_waits_for(clerk: Clerk, port: int) -> None:
    status, body = ask(port, "POST", "/signal/click", Prefer="respond-async", **KNOWN)
    assert (status, body) == (202, {"accepted": "click"})
    while not clerk.asked:
        threading.Event().wait(0.01)
    assert clerk.asked == [GiveSignal("click", {})]


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer Zoë"]
)
@pytest.mark.parametrize(("method", "path"), [("POST", "/signal/click"), ("GET", "/metrics")])
def test_without_the_token_nothing_is_done(clerk: Clerk, port: int, authorization: str, method: str, path: str) -> None:
    headers = {"Authorization": authorization.encode().decode("latin-1")} if authorization else {}
    status, body = ask(port, method, path, **headers)
    assert status == 401 and "Authorization: Bearer TOKEN" in body["error"] and clerk.asked == []


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status"),
    [
        ("GET", "/signal/click", None, {}, 405),
        ("GET", "/", None, {}, 404),
        ("OPTIONS", "*", None, {}, 404),
        ("POST", "/signal/", None, {}, 404),
        ("POST", "/signal/../../etc/passwd", None, {}, 404),
        ("POST", "/signal/a%0ab", None, {}, 404),
        ("BREW", "/signal/click", None, {}, 501),
        ("POST", "/signal/click", "[1]", {}, 400),
        ("POST", "/signal/click", "{", {}, 400),
        ("POST", "/signal/click", b"\xff", {}, 400),
        ("POST", "/signal/click", "[" * 60_000, {}, 400),
        ("POST", "/signal/click", '{"a": {}}', {}, 400),
        ("POST", "/signal/click", '{"a": NaN}', {}, 400),
        ("POST", "/signal/click", '{"a": 1, "a": 2}', {}, 400),
        ("POST", "/signal/click", "a=1", {"Content_Type": "application/x-www-form-urlencoded"}, 415),
        ("POST", "/signal/click", "x" * 70_000, {}, 413),
        ("POST", "/signal/click", "{}", {"Transfer_Encoding": "chunked"}, 411),
        ("POST", "/signal/click", "{}", {"Content_Length": "-1"}, 400),
    ],
)
def test_what_is_refused(
    clerk: Clerk, port: int, method: str, path: str, body: str | bytes | None, headers: dict[str, str], status: int
) -> None:
    got, answer = ask(port, method, path, body, **KNOWN, **headers)
    assert got == status and answer["error"] and clerk.asked == []


@pytest.mark.parametrize(
    ("path", "allowed"),
    [("/signal/click", "POST"), ("/health", "GET, HEAD"), ("/ready", "GET, HEAD"), ("/metrics", "GET, HEAD")],
)
def test_another_method_is_told_which_there_are(clerk: Clerk, port: int, path: str, allowed: str) -> None:
    methods = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"}
    for method in methods - set(allowed.split(", ")):
        status, headers, _ = whole(port, method, path)
        assert (status, headers["allow"]) == (405, allowed), method
    assert clerk.asked == []


@pytest.mark.parametrize("path", ["/health", "/ready", "/metrics", "/signal/click", "/nowhere"])
def test_head_says_what_get_says_without_its_body(clerk: Clerk, port: int, path: str) -> None:
    clerk.answers += [(TellHealth(), Answer({"alive": True, "ready": False})), (TellFigures(), Answer(FIGURES))]
    status, headers, body = whole(port, "GET", path)
    assert int(headers["content-length"]) == len(body) > 0
    got, same, nothing = whole(port, "HEAD", path)
    assert (got, nothing, same.keys()) == (status, b"", headers.keys())


def test_a_body_that_is_cut_off(clerk: Clerk, port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as caller:
        head = f"POST /signal/click HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 20\r\n\r\n"
        caller.sendall(head.encode() + b"{}")
        caller.shutdown(socket.SHUT_WR)
        assert b"400" in caller.recv(4096).split(b"\r\n")[0]
    assert clerk.asked == []


def test_headers_without_end_are_bounded(clerk: Clerk, port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as caller:
        caller.sendall(b"GET /health HTTP/1.1\r\n" + b"X-Header: " + b"x" * 30_000 + b"\r\n\r\n")
        assert caller.recv(4096).startswith(b"HTTP/1.1 431")
    assert clerk.asked == []


def test_whoever_is_slow_is_cut_off(clerk: Clerk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_port, "_HURRY", 0.0)
    door = Web(HttpPort("127.0.0.1", 0, SecretSource("literal", TOKEN)), TOKEN, clerk.mailbox)
    try:
        with socket.create_connection(("127.0.0.1", door.port), timeout=20) as caller:
            caller.sendall(b"GET /hea")
            assert caller.recv(4096) == b""
    finally:
        door.close()


def test_there_are_only_so_many_workers(clerk: Clerk, port: int) -> None:
    """Those who say nothing hold the places; one more is turned away, and let in when a place is free."""
    clerk.answers.append((TellHealth(), Answer({"alive": True, "ready": True})))
    idle = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(http_port._WORKERS)]
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=20) as extra:
            assert extra.recv(10) == b""
    finally:
        for one in idle:
            one.close()
    status = 0
    while status != 200:
        try:
            status, _ = ask(port, "GET", "/health")
        except (http.client.HTTPException, OSError):
            continue
    assert status == 200


def test_where_there_is_no_descriptor_for_a_caller_it_is_not_asked_for_all_the_time(
    clerk: Clerk, monkeypatch: pytest.MonkeyPatch
) -> None:
    paused = threading.Event()
    refused = no_descriptors_for_a_while(monkeypatch)
    monkeypatch.setattr(time, "sleep", lambda seconds: paused.set())
    door = Web(HttpPort("127.0.0.1", 0, SecretSource("literal", TOKEN)), TOKEN, clerk.mailbox)
    clerk.answers.append((TellHealth(), Answer({"alive": True, "ready": True})))
    try:
        assert ask(door.port, "GET", "/health")[0] == 200
        assert refused.is_set() and paused.is_set()
    finally:
        door.close()


@pytest.mark.parametrize(
    ("state", "health", "ready"),
    [({"alive": True, "ready": True}, 200, 200), ({"alive": True, "ready": False}, 200, 503)],
)
def test_health_is_told_to_everybody(clerk: Clerk, port: int, state: dict[str, bool], health: int, ready: int) -> None:
    clerk.answers.append((TellHealth(), Answer(state)))
    assert ask(port, "GET", "/health") == (health, state)
    assert ask(port, "GET", "/ready") == (ready, state)


def test_a_loop_that_does_not_turn_is_not_healthy(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_port, "_PROMPT", 0.05)
    assert ask(port, "GET", "/health") == (503, {"alive": False})
    assert ask(port, "GET", "/ready") == (503, {"alive": False})


def test_the_metrics_are_what_prometheus_reads(clerk: Clerk, port: int) -> None:
    meter = Meter()
    meter.reaction.add(0.003)
    clerk.answers.append((TellFigures(), Answer({**FIGURES, "times": meter.plain()})))
    status, text = ask(port, "GET", "/metrics", **KNOWN)
    found = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert status == 200
    expected = {
        ("amiflow_server_ready", "pbx"): 1,
        ("amiflow_server_ready", "other"): 0,
        ("amiflow_events_total", "pbx"): 7,
        ("amiflow_gap_seconds_total", "pbx"): 2.5,
        ("amiflow_actions_queued", "pbx"): 3,
        ("amiflow_flows_ended_total", "done", "f"): 5,
        ("amiflow_flows_running", "f"): 2,
        ("amiflow_flow_notes_total", "f", "suppressed"): 4,
        ("amiflow_flow_paused", "f"): 1,
        ("amiflow_actions_total", "Redirect", "error"): 1,
        ("amiflow_event_to_action_seconds_bucket", "0.0025"): 0,
        ("amiflow_event_to_action_seconds_bucket", "0.005"): 1,
        ("amiflow_event_to_action_seconds_count",): 1,
        ("amiflow_kill_switch",): 0,
        ("amiflow_journal_backlog",): 9,
        ("amiflow_journal_entries_lost_total",): 2,
    }
    assert {key: found.get(key) for key in expected} == expected
    assert ("process_resident_memory_bytes",) in found


def test_a_port_that_is_taken(clerk: Clerk, port: int) -> None:
    with pytest.raises(Trouble, match=f"cannot listen on 127.0.0.1:{port} for HTTP: Address already in use"):
        Web(HttpPort("127.0.0.1", port, SecretSource("literal", TOKEN)), TOKEN, clerk.mailbox)


def test_the_newer_address_family(clerk: Clerk) -> None:
    try:
        door = Web(HttpPort("::1", 0, SecretSource("literal", TOKEN)), TOKEN, clerk.mailbox)
    except Trouble as trouble:
        pytest.skip(str(trouble))
    clerk.answers.append((TellHealth(), Answer({"alive": True})))
    try:
        with socket.create_connection(("::1", door.port), timeout=20) as caller:
            caller.sendall(b"GET /health HTTP/1.0\r\n\r\n")
            assert caller.recv(4096).startswith(b"HTTP/1.1 200")
    finally:
        door.close()
