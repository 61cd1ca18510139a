"""The control socket: a signal in, a reply out, and nobody else let in."""

import queue
import stat
import threading
from pathlib import Path

import pytest

from amiflow.engine.effects import SignalReply
from amiflow.live.control import Control, send
from amiflow.live.problems import Trouble


def test_a_signal_is_answered(tmp_path: Path) -> None:
    path, poked = str(tmp_path / "run" / "c.sock"), queue.SimpleQueue[None]()
    control = Control(path, lambda: poked.put(None))
    answers: list[dict[str, object]] = []
    asker = threading.Thread(target=lambda: answers.append(send(path, "click", {"agent": "Ann"}, 10.0)))
    try:
        assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
        asker.start()
        poked.get(timeout=10)
        asked = next(control.take())
        assert (asked.name, asked.fields) == ("click", {"agent": "Ann"})
        control.reply(SignalReply(asked.signal_id or "", {"n": 1}))
        asker.join(10)
        assert answers == [{"reply": {"n": 1}}]
    finally:
        control.close()
    assert not Path(path).exists()


def test_one_run_at_a_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "c.sock")
    control = Control(path, lambda: None)
    try:
        with pytest.raises(Trouble, match="another run listens"):
            Control(path, lambda: None)
    finally:
        control.close()


def test_a_socket_that_was_left_behind_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "c.sock"
    path.write_text("")
    Control(str(path), lambda: None).close()


def test_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="no run listens"):
        send(str(tmp_path / "c.sock"), "click", {}, 1.0)
