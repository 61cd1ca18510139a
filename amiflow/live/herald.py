"""What systemd is told of a run: that it is ready, reloads or stops, its state in a line, and that the loop turns.

Belongs here: systemd's notification protocol (sd_notify(3)), a datagram for each word. Never here: what is ready
(`loop`), the unit file (`cli.service`).

Without NOTIFY_SOCKET in the environment nothing is told. A word that cannot be sent is dropped: the run does not depend
on who listens. Where systemd wants to see a sign of life, it gets one at half of the time that it waits, from within
the loop, so that a loop that hangs is noticed.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping


class Herald:
    """Tells whoever listens at the address; `watchdog` are the seconds within which it wants a sign of life."""

    def __init__(self, address: str | None = None, watchdog: float | None = None) -> None:
        self._socket: socket.socket | None = None
        self._every = watchdog / 2 if watchdog else None
        self._due = 0.0
        self._status = ""
        self._was_ready = False
        self._stops = False
        if address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.setblocking(False)
            # An address that begins with @ is in the abstract name space.
            self._address = "\0" + address[1:] if address.startswith("@") else address

    @staticmethod
    def from_environment(environ: Mapping[str, str]) -> Herald:
        """As systemd asks for it; what it asks of another process is none of ours."""
        usec, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID")
        wanted = usec.isdigit() and int(usec) > 0 and pid in (None, str(os.getpid()))
        return Herald(environ.get("NOTIFY_SOCKET"), int(usec) / 1_000_000 if wanted else None)

    def ready(self) -> None:
        """The run is up; said once."""
        if not self._was_ready:
            self._was_ready = True
            self._say("READY=1")

    def reloading(self, now: float) -> None:
        """Recipes are read again, unless the run ends; `ready_again` is to follow. `now` is monotonic."""
        if self._was_ready and not self._stops:
            self._say(f"RELOADING=1\nMONOTONIC_USEC={int(now * 1_000_000)}")

    def ready_again(self) -> None:
        """They have been read."""
        if self._was_ready:
            self._say("READY=1")

    def stopping(self) -> None:
        """The run ends."""
        self._stops = True
        self._say("STOPPING=1")

    def status(self, text: str) -> None:
        """The state of the run in a line, as `systemctl status` shows it."""
        if text != self._status:
            self._status = text
            self._say(f"STATUS={text}")

    def deadline(self) -> float | None:
        """When `tick` has something to say."""
        return self._due if self._every is not None and self._socket else None

    def tick(self, now: float) -> None:
        """The loop turns."""
        if self._every is not None and now >= self._due:
            self._due = now + self._every
            self._say("WATCHDOG=1")

    def close(self) -> None:
        """Nothing more is to be told."""
        if self._socket:
            self._socket.close()

    def _say(self, text: str) -> None:
        if self._socket is None:
            return
        try:
            self._socket.sendto(text.encode("utf-8", "backslashreplace"), self._address)
        except OSError:
            return
