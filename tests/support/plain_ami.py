"""An AMI connection in plain lines: the judge of what a server did.

What belongs here: a socket, a thread that reads it, waiting with a bound. What never does: amiflow, which it judges.
Text is Latin-1 both ways, so that a character is a byte and nothing is lost.
"""

import hashlib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO, TypeVar

T = TypeVar("T")


class Frame(list[tuple[str, str]]):
    """One message as the server sent it: header names and values, in order."""

    def get(self, name: str) -> str | None:
        return next(iter(self.all(name)), None)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self if key.lower() == name.lower()]

    def __getattr__(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise AttributeError(f"no header {name} in {list(self)}")
        return value

    def has(self, headers: dict[str, str]) -> bool:
        return all(self.get(name) == value for name, value in headers.items())


class PlainAmi:
    """`events` holds every event since the connection; what waits looks at all of them, from the first on."""

    def __init__(
        self, port: int, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None, timeout: float = 20
    ) -> None:
        plain = socket.create_connection((host, port), timeout)
        self.socket = tls.wrap_socket(plain, server_hostname=host) if tls else plain
        self.timeout = timeout
        self.events: list[Frame] = []
        self.closed = False
        self._answers: dict[str, Frame] = {}
        self._news = threading.Condition()
        self._count = 0
        stream = self.socket.makefile("rb")
        self.banner = stream.readline().decode("latin-1").rstrip("\r\n")
        self.socket.settimeout(None)
        self._reader = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._reader.start()

    def login(self, username: str, secret: str, **headers: str) -> Frame:
        return self.action("Login", Username=username, Secret=secret, **headers)

    def login_md5(self, username: str, secret: str) -> Frame:
        challenge = self.action("Challenge", AuthType="MD5").Challenge
        key = hashlib.md5((challenge + secret).encode()).hexdigest()
        return self.action("Login", AuthType="MD5", Username=username, Key=key)

    def action(self, name: str, **headers: str | list[str]) -> Frame:
        """Send an action and wait for its response. A list is a header sent once for each of its values."""
        self._count += 1
        number = f"plain-{id(self)}-{self._count}"
        lines = [f"Action: {name}", f"ActionID: {number}"]
        for key, value in headers.items():
            lines += [f"{key}: {one}" for one in (value if isinstance(value, list) else [value])]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        return self.until(lambda: self._answers.get(number), f"response to {name}")

    def listing(self, name: str, **headers: str | list[str]) -> list[Frame]:
        """The rows of a list action; none when the server answers Error, as it does to ConfbridgeList of no room."""
        answer = self.action(name, **headers)
        if answer.Response != "Success":
            return []

        def rows() -> list[Frame] | None:
            mine = [event for event in self.events if event.get("ActionID") == answer.ActionID]
            return mine[:-1] if mine and mine[-1].get("EventList") == "Complete" else None

        return self.until(rows, f"rows of {name}")

    def command(self, line: str) -> list[str]:
        return self.action("Command", Command=line).all("Output")

    def wait(self, event: str, after: int = 0, **headers: str) -> Frame:
        """The first event of that name with those headers, from place `after` in `events` on."""

        def found() -> Frame | None:
            return next((one for one in self.events[after:] if one.Event == event and one.has(headers)), None)

        return self.until(found, f"{event} {headers}")

    def seen(self, event: str, **headers: str) -> list[Frame]:
        """The events of that name with those headers so far."""
        return [one for one in list(self.events) if one.Event == event and one.has(headers)]

    def close(self) -> None:
        if not self.closed:
            self.socket.shutdown(socket.SHUT_RDWR)
        self._reader.join()
        self.socket.close()

    def __enter__(self) -> "PlainAmi":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self, stream: BinaryIO) -> None:
        frame = Frame()
        with suppress(OSError):
            for raw in stream:
                line = raw.decode("latin-1")
                # A bare LF ends no line in AMI: some values carry one.
                if not line.endswith("\r\n"):
                    continue
                if line != "\r\n":
                    name, _, value = line.removesuffix("\r\n").partition(":")
                    frame.append((name, value.removeprefix(" ")))
                elif frame:
                    self._take(frame)
                    frame = Frame()
        with self._news:
            self.closed = True
            self._news.notify_all()

    def _take(self, frame: Frame) -> None:
        with self._news:
            if frame[0][0] == "Event":
                self.events.append(frame)
            else:
                self._answers[frame.get("ActionID") or ""] = frame
            self._news.notify_all()

    def until(self, look: Callable[[], T | None], what: str) -> T:
        """What `look` finds, tried again at each message, within `timeout` seconds. Raises TimeoutError."""
        deadline = time.monotonic() + self.timeout
        with self._news:
            while (found := look()) is None:
                left = deadline - time.monotonic()
                if left <= 0 or self.closed:
                    why = "the server closed the connection" if self.closed else f"{self.timeout} s"
                    raise TimeoutError(f"no {what}: {why}; last events {self.events[-5:]}")
                self._news.wait(left)
        return found
