"""A manager interface of few lines on loopback, told by the test what to say: for the runner's tests over sockets.

It knows nothing of amiflow's own protocol code, so that it cannot share its mistakes.
"""

from __future__ import annotations

import hashlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Action = dict[str, str]
COMMANDS = ("Ping", "Logoff", "ListCommands", "Redirect", "Hangup", "Getvar", "Originate", "CoreSettings")


@dataclass
class Connection:
    """One client."""

    stream: socket.socket
    lock: threading.Lock = field(default_factory=threading.Lock)

    def say(self, *lines: str) -> None:
        """Send a message."""
        with self.lock:
            self.stream.sendall("\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape"))

    def answer(self, action: Action, word: str, *lines: str) -> None:
        """Send the response to an action."""
        self.say(f"Response: {word}", f"ActionID: {action['ActionID']}", *lines)

    def cut(self) -> None:
        """Close without a word."""
        with suppress(OSError):
            self.stream.shutdown(socket.SHUT_RDWR)
        self.stream.close()


Script = Callable[[Connection, Action], None]


@dataclass
class ScriptedAmi:
    """A server for one account; `script` is called for every action that it does not answer by itself, and, with the
    action `(login)`, after each login. `seen` are all actions, in order."""

    script: Script
    username: str = "robot"
    secret: str = "hunter2"
    commands: tuple[str, ...] = COMMANDS
    context: ssl.SSLContext | None = None
    banner: str = "Asterisk Call Manager/11.0.0"
    booted: bool = True
    seen: list[Action] = field(default_factory=list)
    connections: list[Connection] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def names(self) -> list[str]:
        """The names of the actions seen."""
        return [action["Action"] for action in self.seen]

    def close(self) -> None:
        """Stop listening and cut every client."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self.connections:
            connection.cut()
        self._thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                stream, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(stream,), daemon=True).start()

    def _serve(self, stream: socket.socket) -> None:
        try:
            if self.context:
                stream = self.context.wrap_socket(stream, server_side=True)
            connection = Connection(stream)
            self.connections.append(connection)
            stream.sendall(self.banner.encode() + b"\r\n")
            for action in _actions(stream):
                self.seen.append(action)
                self._handle(connection, action)
        except OSError:
            stream.close()

    def _handle(self, connection: Connection, action: Action) -> None:
        match action["Action"]:
            case "Challenge":
                connection.answer(action, "Success", "Challenge: 123456789")
            case "Login":
                self._log_in(connection, action)
            case "Ping":
                connection.answer(action, "Success", "Ping: Pong")
            case "ListCommands":
                connection.answer(action, "Success", *(f"{name}: does so (Priv: all)" for name in self.commands))
            case "Logoff":
                connection.answer(action, "Goodbye", "Message: Thanks for all the fish.")
                connection.cut()
            case _:
                self.script(connection, action)

    def _log_in(self, connection: Connection, action: Action) -> None:
        key = hashlib.md5(f"123456789{self.secret}".encode()).hexdigest()
        if action["Username"] != self.username or not (action.get("Secret") == self.secret or action.get("Key") == key):
            connection.answer(action, "Error", "Message: Authentication failed")
            connection.cut()
            return
        connection.answer(action, "Success", "Message: Authentication accepted")
        if self.booted:
            connection.say("Event: FullyBooted", "Privilege: system,all", "Uptime: 100", "Status: Fully Booted")
        self.script(connection, {"Action": "(login)"})


def _actions(stream: socket.socket) -> Iterator[Action]:
    buffer = b""
    while data := stream.recv(65536):
        buffer += data
        while b"\r\n\r\n" in buffer:
            message, buffer = buffer.split(b"\r\n\r\n", 1)
            lines = message.decode("utf-8", "surrogateescape").split("\r\n")
            yield dict(line.split(": ", 1) for line in lines)


@contextmanager
def scripted(script: Script, **options: object) -> Iterator[ScriptedAmi]:
    """A server for as long as the block lasts."""
    server = ScriptedAmi(script, **options)  # type: ignore[arg-type]
    try:
        yield server
    finally:
        server.close()
