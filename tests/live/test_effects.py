"""Errands really done: a web server on the loopback, a program, a file; and what is not allowed."""

import contextlib
import http.server
import os
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from amiflow.engine.effects import (
    AppendRequest,
    Errand,
    ErrandDone,
    ExecRequest,
    ExecResult,
    HttpRequest,
    HttpResult,
    Request,
)
from amiflow.live.bounded import LARGEST
from amiflow.live.effects import Workshop, allowed, needed
from amiflow.plan.errands import is_allowance
from amiflow.report.source import Span
from support.threads import no_more_threads


def do(request: Request, *names: str, patience: float = 50.0) -> ErrandDone:
    poked = threading.Semaphore(0)
    workshop = Workshop(allowed(names), poked.release)
    workshop.begin(errand("e1", request), patience)
    assert poked.acquire(timeout=patience + 50)
    (done,) = workshop.take()
    return done


def errand(errand_id: str, request: Request) -> Errand:
    return Errand(errand_id, request, 0.0, 1, Span("t.flow", 0, 1))


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "http://elsewhere.example/")
            self.end_headers()
            return
        if self.path == "/drip":
            with contextlib.suppress(OSError):
                self.wfile.write(b"HTTP/1.0 200 OK\r\nX: ")
                while True:
                    self.wfile.write(b"x")
                    time.sleep(0.02)
            return
        self.send_response(201)
        self.end_headers()
        self.wfile.write(body.upper() if self.path == "/up" else b"x" * (2 << 20))

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def host() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def post(host: str, path: str) -> HttpRequest:
    return HttpRequest("post", f"http://{host}{path}", (("X-Key", "1"),), "hello")


def test_a_request_is_answered(host: str) -> None:
    done = do(post(host, "/up"), f"http:{host}")
    assert done.result is not None and (done.result.status, done.result.text) == (201, "HELLO")  # type: ignore[union-attr]


def test_an_answer_may_be_waited_for_as_long_as_anybody_says(host: str) -> None:
    poked = threading.Semaphore(0)
    workshop = Workshop(allowed([f"http:{host}"]), poked.release)
    workshop.begin(errand("e", post(host, "/up")), 1e14)
    assert poked.acquire(timeout=50)
    assert [done.result for done in workshop.take()] == [HttpResult(201, "HELLO")]


def test_a_redirect_is_not_followed(host: str) -> None:
    assert "redirects (302)" in (do(post(host, "/moved"), f"http:{host}").failure or "")


@pytest.mark.parametrize("name", ["Host", "transfer-encoding", "Content-Length", "Connection"])
def test_a_recipe_does_not_say_to_whom_a_request_goes_or_where_it_ends(host: str, name: str) -> None:
    request = HttpRequest("post", f"http://{host}/up", ((name, "elsewhere.example"),), "hello")
    done = do(request, f"http:{host}")
    assert (done.failure, done.begun) == (f"the header {name} is not the recipe's to say", False)


def test_an_answer_is_bounded(host: str) -> None:
    assert "larger than" in (do(post(host, "/big"), f"http:{host}").failure or "")


def test_a_server_that_sends_a_byte_now_and_then_is_cut_off(host: str) -> None:
    assert do(post(host, "/drip"), f"http:{host}", patience=0.3).failure  # without an end of ours it would never come


def test_a_web_server_must_prove_who_it_is(certificate: Path) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # the refusal is what is wanted
    threading.Thread(target=server.serve_forever, daemon=True).start()
    host = f"127.0.0.1:{server.server_address[1]}"
    done = do(HttpRequest("get", f"https://{host}/", (), None), f"http:{host}")
    server.shutdown()
    server.server_close()
    assert done.begun is False and "certificate verify failed" in (done.failure or "")


def test_of_too_many_errands_the_next_fails_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amiflow.live.effects.MOST_ERRANDS", 2)
    poked = threading.Semaphore(0)
    workshop = Workshop(allowed(["exec:/bin/sleep"]), poked.release)
    for number in range(3):
        workshop.begin(errand(f"e{number}", ExecRequest(("/bin/sleep", "60"))), 0.5)
    assert poked.acquire(timeout=50)
    (done,) = workshop.take()
    assert (done.errand_id, done.failure, done.begun) == ("e2", "2 errands are being done or wait already", False)
    assert poked.acquire(timeout=50) and poked.acquire(timeout=50)
    assert workshop._room._value == 2  # both places are free again


def test_what_waits_for_a_place_can_be_withdrawn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("amiflow.live.effects._AT_ONCE", 1)
    poked = threading.Semaphore(0)
    path = tmp_path / "calls.jsonl"
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    workshop = Workshop(allowed(["exec:/bin/cat", f"append:{path}"]), poked.release)
    workshop.begin(errand("busy", ExecRequest(("/bin/cat", str(gate)))), 60.0)
    opened = os.open(gate, os.O_WRONLY)  # once the program reads
    workshop.begin(errand("late", AppendRequest(str(path), "1\n")), 60.0)
    assert workshop.waiting("late") and not workshop.waiting("busy")
    assert workshop.withdraw("late") and not workshop.withdraw("late") and not workshop.withdraw("busy")
    os.close(opened)
    assert poked.acquire(timeout=50) and poked.acquire(timeout=50)
    assert [(done.errand_id, done.begun) for done in workshop.take()] == [("busy", True), ("late", False)]
    assert not path.exists()


def test_where_there_is_no_thread_for_it_an_errand_fails_and_keeps_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    workshop = Workshop(allowed(["exec:/bin/true"]), lambda: None)
    room = workshop._room._value
    monkeypatch.setattr(threading.Thread, "start", no_more_threads)
    workshop.begin(errand("e", ExecRequest(("/bin/true",))), 0.5)
    assert [(done.failure, done.begun) for done in workshop.take()] == [("can't start new thread", False)]
    assert workshop._room._value == room


def test_a_mistake_of_our_own_keeps_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amiflow.live.effects._done", lambda request, *_: {}[request])
    poked = threading.Semaphore(0)
    workshop = Workshop(allowed(["exec:/bin/true"]), poked.release)
    room = workshop._room._value
    workshop.begin(errand("e", ExecRequest(("/bin/true",))), 0.5)
    assert poked.acquire(timeout=50)
    (done,) = workshop.take()
    assert "a mistake of amiflow's own, KeyError" in (done.failure or "") and done.begun
    assert workshop._room._value == room


def test_a_server_that_is_not_there_has_seen_nothing() -> None:
    done = do(post("127.0.0.1:1", "/"), "http:127.0.0.1:1")
    assert done.begun is False and "no connection" in (done.failure or "")


@pytest.mark.parametrize(
    "request_",
    [
        HttpRequest("get", "https://crm.example/", (), None),
        ExecRequest(("/bin/echo", "x")),
        AppendRequest("calls.jsonl", "{}\n"),
    ],
)
def test_what_is_not_allowed_is_not_done(request_: Request) -> None:
    done = do(request_, "http:other.example", "exec:/bin/ech", "append:call.jsonl")
    assert done.failure == f"this run does not allow it: start it with --allow {needed(request_)}" and not done.begun


def test_what_is_no_url_is_said_to_be_none() -> None:
    done = do(HttpRequest("get", "http://user@crm.example/", (), None), "http:crm.example")
    assert (done.failure, done.begun) == ("this is no URL of http or https", False)


def test_a_program_runs_without_a_shell_and_without_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_OURS", "x")
    assert do(ExecRequest(("/bin/echo", "$HOME;ls")), "exec:/bin/echo").result == ExecResult(0, "$HOME;ls\n")
    result = do(ExecRequest(("/usr/bin/env",)), "exec:/usr/bin/env").result
    assert isinstance(result, ExecResult) and "SECRET_OF_OURS" not in result.out


@pytest.mark.parametrize(
    "script", ["sleep 60", "exec >&-; sleep 60", "setsid sleep 60 & exit 0"], ids=["is busy", "is silent", "leaves one"]
)
def test_a_program_that_takes_too_long_is_ended(script: str) -> None:
    """Also where somebody whom it has left behind still could write."""
    done = do(ExecRequest(("/bin/sh", "-c", script)), "exec:/bin/sh", patience=0.2)
    assert (done.failure, done.begun) == ("the time is over", True)


def test_no_program_outlives_the_run(tmp_path: Path) -> None:
    """Nobody would end it in its time any more."""
    poked = threading.Semaphore(0)
    workshop = Workshop(allowed(["exec:/bin/sh"]), poked.release)
    script = f"echo $$ > {tmp_path}/new; mv {tmp_path}/new {tmp_path}/pid; sleep 600"
    workshop.begin(errand("e1", ExecRequest(("/bin/sh", "-c", script))), 600.0)
    while not (tmp_path / "pid").exists():
        time.sleep(0.01)
    workshop.close()
    assert poked.acquire(timeout=50)  # its thread has seen it end
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
    workshop.begin(errand("e2", ExecRequest(("/bin/sh", "-c", f"touch {tmp_path}/late; sleep 600"))), 600.0)
    assert poked.acquire(timeout=50)
    assert [done.failure for done in workshop.take()][1:] == ["the run is over"]


@pytest.mark.parametrize("patience", [3e6, 1e14])
def test_a_program_may_be_waited_for_as_long_as_anybody_says(patience: float) -> None:
    poked = threading.Semaphore(0)
    workshop = Workshop(allowed(["exec:/bin/echo"]), poked.release)
    workshop.begin(errand("e", ExecRequest(("/bin/echo", "x"))), patience)
    assert poked.acquire(timeout=50)
    assert [done.result for done in workshop.take()] == [ExecResult(0, "x\n")]


def test_a_program_that_writes_without_end_is_ended() -> None:
    done = do(ExecRequest(("/usr/bin/yes",)), "exec:/usr/bin/yes", patience=60.0)
    assert (done.failure, done.begun) == (f"it wrote more than {LARGEST} bytes", True)


@pytest.mark.parametrize("program", ["echo", "/nowhere/at/all"])
def test_a_program_that_cannot_be_run(program: str) -> None:
    done = do(ExecRequest((program,)), f"exec:{program}")
    assert done.failure and not done.begun


def test_lines_are_appended_and_links_are_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    for line in ("1\n", "2\n"):
        assert do(AppendRequest(str(path), line), f"append:{path}").failure is None
    assert path.read_text() == "1\n2\n" and path.stat().st_mode & 0o777 == 0o600
    link = tmp_path / "link"
    link.symlink_to(path)
    assert do(AppendRequest(str(link), "3\n"), f"append:{link}").failure


def test_a_line_for_which_there_is_no_room_is_not_appended_in_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is nearly full takes the beginning of a line."""
    monkeypatch.setattr(os, "write", lambda descriptor, data: len(data) - 2)
    done = do(AppendRequest(str(tmp_path / "f"), "12345\n"), f"append:{tmp_path}/f")
    assert (done.failure, done.begun) == ("there was room for 4 bytes of 6", True)


def test_the_path_that_was_allowed_is_the_one_that_is_written_to(tmp_path: Path) -> None:
    """Behind a link `..` leads elsewhere: to what the system would open, not to what was allowed."""
    for folder in ("allowed", "elsewhere/inner"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "allowed" / "link").symlink_to(tmp_path / "elsewhere" / "inner")
    way = str(tmp_path / "allowed" / "link" / ".." / "calls.jsonl")
    assert do(AppendRequest(way, "1\n"), f"append:{tmp_path}/allowed/calls.jsonl").failure is None
    assert (tmp_path / "allowed" / "calls.jsonl").read_text() == "1\n"
    assert not (tmp_path / "elsewhere" / "calls.jsonl").exists()


def test_what_is_no_file_is_not_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    assert "is no file" in (do(AppendRequest(str(pipe), "1\n"), f"append:{pipe}").failure or "")
    os.close(reader)
    assert do(AppendRequest(str(pipe), "1\n"), f"append:{pipe}").failure  # nobody reads it: no wait either


@pytest.mark.parametrize(("name", "right"), [("http:crm.example", True), ("exec:", False), ("crm.example", False)])
def test_what_people_may_write(name: str, right: bool) -> None:
    assert is_allowance(name) == right
