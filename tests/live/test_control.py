"""The control socket: a question in, an answer out, and nobody else let in."""

import os
import queue
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from amiflow.live import caller, control
from amiflow.live.caller import ask
from amiflow.live.control import Control, parse
from amiflow.live.problems import Trouble
from amiflow.live.requests import (
    Answer,
    GiveSignal,
    Mailbox,
    PauseFlows,
    Request,
    ResumeFlows,
    StopFlow,
    TellStatus,
)
from support.amiflow_process import clean_environment
from support.descriptors import no_descriptors_for_a_while
from support.threads import no_more_threads

CLICK = {"signal": "click", "fields": {"agent": "Ann"}}


def left_behind(path: Path) -> None:
    """A socket that nobody listens at, as a killed run leaves it."""
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))


@contextmanager
def answering(tmp_path: Path) -> Iterator[str]:
    """The path of a control socket whose run answers each question at once."""

    def answer() -> None:
        for ticket in mailbox.take():
            ticket.answer(Answer({"n": 1}))

    path, mailbox = str(tmp_path / "c.sock"), Mailbox(answer)
    listening = Control(path, mailbox)
    try:
        yield path
    finally:
        listening.close()


def test_a_socket_that_was_taken_away_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the user's runtime folder goes when the user has logged out everywhere."""
    monkeypatch.setattr(control, "_LOOK", 0.01)
    folder = tmp_path / "user"
    folder.mkdir()
    with answering(folder) as path:
        Path(path).unlink()
        folder.rmdir()
        for _ in range(2000):
            if caller.is_answered(path):
                break
            threading.Event().wait(0.01)
        assert ask(path, CLICK, 10.0) == {"reply": {"n": 1}}
        assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
    assert not Path(path).exists()


def test_a_signal_is_answered(tmp_path: Path) -> None:
    path, poked = str(tmp_path / "run" / "c.sock"), queue.SimpleQueue[None]()
    mailbox = Mailbox(lambda: poked.put(None))
    listening = Control(path, mailbox)
    answers: list[object] = []
    asker = threading.Thread(target=lambda: answers.append(ask(path, CLICK, 10.0)))
    try:
        assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
        assert stat.S_IMODE(Path(path).parent.stat().st_mode) == 0o700
        asker.start()
        poked.get(timeout=10)
        (ticket,) = mailbox.take()
        assert ticket.request == GiveSignal("click", {"agent": "Ann"})
        ticket.answer(Answer({"n": 1}))
        asker.join(10)
        assert answers == [{"reply": {"n": 1}}]
    finally:
        listening.close()
    assert not Path(path).exists()


def test_where_there_is_no_thread_for_a_caller_the_next_is_served_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(tmp_path) as path:
        with monkeypatch.context() as patched, socket.socket(socket.AF_UNIX) as asker:
            patched.setattr(threading.Thread, "start", no_more_threads)
            asker.settimeout(10)
            asker.connect(path)
            assert asker.recv(1) == b""
        assert ask(path, CLICK, 10.0) == {"reply": {"n": 1}}


def test_where_there_is_no_descriptor_for_a_caller_the_next_is_served_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = no_descriptors_for_a_while(monkeypatch)
    with answering(tmp_path) as path:
        assert refused.wait(10)
        assert ask(path, CLICK, 10.0) == {"reply": {"n": 1}}


def test_the_end_of_the_run_answers_whoever_still_waits(tmp_path: Path) -> None:
    path, poked = str(tmp_path / "c.sock"), queue.SimpleQueue[None]()
    mailbox = Mailbox(lambda: poked.put(None))
    listening = Control(path, mailbox)
    answers: list[object] = []
    asker = threading.Thread(target=lambda: answers.append(ask(path, CLICK, 10.0)))
    try:
        asker.start()
        poked.get(timeout=10)
        mailbox.close()
        asker.join(10)
        assert answers == [{"error": "the run has ended", "kind": "over"}]
    finally:
        listening.close()


@pytest.mark.parametrize("line", [b"", b"\xff\xfe\n", b"[]\n", b'{"ask": "nonsense"}\n', b"[" * 60_000 + b"\n"])
def test_rubbish_is_refused(tmp_path: Path, line: bytes) -> None:
    path = str(tmp_path / "c.sock")
    listening = Control(path, Mailbox(lambda: None))
    try:
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.connect(path)
            stranger.sendall(line)
            stranger.shutdown(socket.SHUT_WR)
            assert b"this is no question to a run" in stranger.recv(4096)
    finally:
        listening.close()


@pytest.mark.parametrize("patience", ["NaN", "-1", "1e999", '"x"', "null"])
def test_an_odd_patience_is_none(tmp_path: Path, patience: str) -> None:
    with answering(tmp_path) as path, socket.socket(socket.AF_UNIX) as asker:
        asker.connect(path)
        asker.sendall(f'{{"signal": "click", "patience": {patience}}}\n'.encode())
        assert asker.recv(4096) == b'{"reply": {"n": 1}}'


def test_a_caller_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "c.sock")
    listening = Control(path, Mailbox(lambda: None))
    monkeypatch.setattr(control.os, "getuid", lambda: os.geteuid() + 1)
    monkeypatch.setattr(control, "_ROOT", -1)
    try:
        assert ask(path, {"ask": "status"}, 10.0) == {"error": "the run has ended, or refuses this user"}
    finally:
        monkeypatch.undo()
        listening.close()


@pytest.mark.parametrize(
    ("asked", "request_"),
    [
        ({"ask": "status"}, TellStatus()),
        ({"ask": "pause", "flow": None}, PauseFlows(None)),
        ({"ask": "resume", "flow": "f"}, ResumeFlows("f")),
        ({"ask": "stop", "flow": "f", "instance": 3}, StopFlow("f", 3)),
        ({"ask": "stop", "flow": None, "instance": 3}, None),
        ({"signal": "click", "fields": {"n": 3}}, None),
        ({"signal": "click", "fields": []}, None),
    ],
)
def test_what_a_question_is(asked: dict[str, object], request_: Request | None) -> None:
    assert parse(asked) == request_


def test_one_run_at_a_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "c.sock")
    listening = Control(path, Mailbox(lambda: None))
    try:
        with pytest.raises(Trouble, match="another run listens"):
            Control(path, Mailbox(lambda: None))
    finally:
        listening.close()


def test_a_socket_that_was_left_behind_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "c.sock"
    left_behind(path)
    Control(str(path), Mailbox(lambda: None)).close()


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("data")
    with pytest.raises(Trouble, match=r"cannot listen at .*: it is there, and no socket"):
        Control(str(path), Mailbox(lambda: None))
    assert path.read_text() == "data"


def test_the_path_may_be_too_long(tmp_path: Path) -> None:
    longest = str(tmp_path / "x").ljust(107, "x")
    Control(longest, Mailbox(lambda: None)).close()
    with pytest.raises(Trouble, match=r"at most 107 bytes, and .* has 108") as listening:
        Control(f"{longest}x", Mailbox(lambda: None))
    with pytest.raises(Trouble, match="at most 107 bytes") as asking:
        ask(f"{longest}x", CLICK, 1.0)
    assert listening.value.help == asking.value.help == "name a shorter one with --control PATH"


def test_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="no run listens"):
        ask(str(tmp_path / "c.sock"), CLICK, 1.0)


@pytest.mark.parametrize("answer", [b'{"reply": [1, 2', b"SSH-2.0-OpenSSH_9.6\r\n", b"[]"])
def test_an_answer_that_is_cut_off_or_none_of_a_run_is_told(tmp_path: Path, answer: bytes) -> None:
    path = str(tmp_path / "c.sock")

    def serve() -> None:
        caller, _ = listener.accept()
        with caller:
            caller.recv(4096)
            caller.sendall(answer)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        serving = threading.Thread(target=serve)
        serving.start()
        assert ask(path, CLICK, 10.0) == {"error": "what answers there is no run, or one that has ended"}
        serving.join(10)


def test_the_one_run_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run's default socket is its own; what a killed one left there is cleared away."""
    monkeypatch.setattr(caller, "_places", lambda environ: [caller.folder(environ)])
    environ = {"XDG_RUNTIME_DIR": str(tmp_path)}
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    with pytest.raises(Trouble, match="no run of this user goes on"):
        caller.the_run(environ)
    place = tmp_path / "amiflow"
    place.mkdir()
    dead = place / "4194305.sock"  # no process has so high a number
    left_behind(dead)
    left_behind(place / "another.sock")
    first = Control(caller.default_path(environ), Mailbox(lambda: None))
    second = Control(str(place / "second.sock"), Mailbox(lambda: None))
    try:
        with pytest.raises(Trouble, match=r"2 runs go on: .*second\.sock"):
            caller.the_run(environ)
        second.close()
        assert caller.the_run(environ) == str(place / f"{os.getpid()}.sock")
        assert not dead.exists() and (place / "another.sock").exists()
    finally:
        first.close()


@pytest.mark.parametrize(
    ("environ", "place"),
    [
        ({"RUNTIME_DIRECTORY": "/run/amiflow", "XDG_RUNTIME_DIR": "/run/user/7"}, "/run/amiflow"),
        ({"XDG_RUNTIME_DIR": "/run/user/7"}, "/run/user/7/amiflow"),
        ({}, f"/tmp/amiflow-{os.getuid()}"),
    ],
)
def test_where_sockets_are(environ: dict[str, str], place: str) -> None:
    assert caller.folder(environ) == place


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_a_stranger_is_neither_used_nor_believed(tmp_path: Path) -> None:
    theirs, link = tmp_path / "amiflow", tmp_path / "link"
    theirs.mkdir()
    listening = Control(str(theirs / "1.sock"), Mailbox(lambda: None))
    link.symlink_to(theirs)
    os.chown(link, 12345, 12345, follow_symlinks=False)
    try:
        with pytest.raises(Trouble, match="belongs to another user"):
            Control(str(link / "2.sock"), Mailbox(lambda: None))
        os.chown(theirs, 12345, 12345)
        with pytest.raises(Trouble, match="belongs to another user"):
            Control(str(theirs / "2.sock"), Mailbox(lambda: None))
    finally:
        listening.close()


def test_a_socket_that_goes_while_it_is_looked_for_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caller.os, "listdir", lambda place: ["1.sock"])
    assert list(caller._sockets(str(tmp_path))) == [] and list(caller.dead(str(tmp_path))) == []


def test_runs_of_tests_are_out_of_the_way_of_the_users_own() -> None:
    own = {caller.folder({}), os.path.join(os.environ.get("XDG_RUNTIME_DIR", "/"), "amiflow")}
    assert caller.folder(os.environ) not in own and caller.folder(clean_environment()) not in own
