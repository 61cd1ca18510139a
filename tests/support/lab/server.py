"""One Asterisk server: its process and its folders.

What belongs here: start, ready, stop, kill, command line, cleaning up between tests. What never does: what the
configuration says (`config`), what a test asserts.
"""

import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from pathlib import Path, PurePosixPath
from typing import Self

import trustme

from support.lab.config import HOST, LATIN1_NAME, SECRET, Folders, Ports, files
from support.lab.install import Missing, lacking, tree
from support.plain_ami import Frame, PlainAmi

READY_WITHIN = 60.0  # seconds; two to eight are usual
STOPPED_WITHIN = 20.0


class AsteriskServer:
    """A server of Asterisk `version` ("16" or "22") on 127.0.0.1. Its ports stay the same from start to start.

    Raises Missing when the machine lacks something, RuntimeError when the server does not come up.
    """

    host = HOST
    secret = SECRET

    def __init__(self, version: str) -> None:
        if wants := lacking():
            raise Missing("; ".join(wants))
        self.major = version
        self.heard: list[list[Frame]] = []
        """The events of each plain connection ever made to this server, as they come."""
        self.version = ""
        """The exact version, for example `16.28.0~dfsg-0+deb11u4`; empty before the first start."""
        self._root = tree(version)
        self._process: subprocess.Popen[bytes] | None = None
        self._claim, self.ports = _claim_ports()
        (self._root / "srv/amiflow").mkdir(parents=True, exist_ok=True)
        self._run = Path(tempfile.mkdtemp(prefix="run-", dir=self._root / "srv/amiflow"))
        self._folders = Folders(_modules(self._root), PurePosixPath("/") / self._run.relative_to(self._root))
        self.ca = trustme.CA()
        self._write()

    @property
    def ami_port(self) -> int:
        return self.ports.ami

    @property
    def tls_port(self) -> int:
        return self.ports.tls

    @property
    def sip_port(self) -> int:
        return self.ports.sip

    @property
    def log(self) -> Path:
        return self._run / "log/full"

    @property
    def ca_file(self) -> Path:
        """The certificate of the authority that signed this server's, as a PEM file."""
        return self._run / "ca.pem"

    @property
    def etc(self) -> Path:
        """The configuration's folder."""
        return self._run / "etc"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start and wait until the server is fully booted."""
        config = self._folders.etc / "asterisk.conf"
        command = ["chroot", str(self._root), "/usr/sbin/asterisk", "-C", str(config), "-U", "asterisk", "-f"]
        with (self._run / "console").open("ab") as out:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        try:
            self._wait_until_ready()
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Stop in order: sessions see Shutdown, then their end."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End at once: sessions see their connection end, and nothing before it."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        self.stop()
        self.start()

    def close(self) -> None:
        """Stop, and remove the run's folders."""
        self.stop()
        self._claim.close()
        shutil.rmtree(self._run)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def cli(self, command: str) -> str:
        """What the console prints for `command`, past every manager account."""
        config = str(self._folders.etc / "asterisk.conf")
        line = ["chroot", str(self._root), "/usr/sbin/asterisk", "-C", config, "-rx", command]
        return subprocess.run(line, check=True, capture_output=True, timeout=30).stdout.decode(errors="replace")

    def connect(self, account: str = "judge") -> PlainAmi:
        """A plain AMI connection, logged in."""
        ami = PlainAmi(self.ami_port)
        self.heard.append(ami.events)
        answer = ami.login(account, SECRET)
        if answer.Response != "Success":
            ami.close()
            raise RuntimeError(f"{account}: {answer.Message}")
        return ami

    def grant(self, section: str) -> None:
        """Add a section to manager.conf and have it read again."""
        with (self._run / "etc/manager.conf").open("a") as file:
            file.write(f"\n{section}")
        self.cli("manager reload")

    def tls_context(self) -> ssl.SSLContext:
        """Trusts this server's authority and no other."""
        return ssl.create_default_context(cafile=str(self.ca_file))

    def clean(self, within: float = 20.0) -> None:
        """Hang up every channel and wait until they are gone."""
        with self.connect() as ami:
            ami.command("channel request hangup all")
            deadline = time.monotonic() + within
            while channels := ami.listing("CoreShowChannels"):
                if time.monotonic() > deadline:
                    raise RuntimeError(f"channels that do not hang up: {[one.Channel for one in channels]}")
                time.sleep(0.05)

    def _write(self) -> None:
        etc = self._run / "etc"
        etc.mkdir()
        for name, text in files(self._folders, self.ports).items():
            (etc / name).write_bytes(text.replace("@LATIN1@", LATIN1_NAME).encode("latin-1"))
        certificate = self.ca.issue_cert(HOST, "localhost")
        certificate.private_key_pem.write_to_path(etc / "server.key")
        for blob in certificate.cert_chain_pems:
            blob.write_to_path(etc / "server.pem", append=True)
        self.ca.cert_pem.write_to_path(self.ca_file)
        for place in self._folders.written.values():
            (self._root / place.relative_to("/")).mkdir(exist_ok=True)
        (self._run / "varlib/moh").mkdir()
        (self._run / "key/keys").mkdir()
        user, group = _asterisk_ids(self._root)
        for path in (self._run, *self._run.rglob("*")):
            os.chown(path, user, group)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_WITHIN
        while True:
            if not self.running:
                raise RuntimeError(f"Asterisk {self.major} ended while starting:\n{self._last_words()}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"Asterisk {self.major} not ready in {READY_WITHIN:g} s:\n{self._last_words()}")
            try:
                with self.connect() as ami:
                    ami.wait("FullyBooted")
                    self.version = ami.action("CoreSettings").AsteriskVersion
                    return
            except (OSError, TimeoutError):
                time.sleep(0.1)

    def _last_words(self) -> str:
        return "\n".join((self._run / "console").read_text(errors="replace").splitlines()[-20:])

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(STOPPED_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _claim_ports() -> tuple[socket.socket, Ports]:
    """A free block of ports, below the range that the system hands out; it is ours while the socket is open."""
    for base in range(20000, 31000, 1000):
        claim = socket.socket()
        try:
            claim.bind((HOST, base))
            claim.listen()  # without it another run could bind the same port
            ports = Ports(base)
            _bind_once(ports)
            return claim, ports
        except OSError:
            claim.close()
    raise RuntimeError("no free block of ports from 20000 to 31000")


def _bind_once(ports: Ports) -> None:
    """Raises OSError when somebody else sits on one of them."""
    for kind, numbers in {
        socket.SOCK_STREAM: (ports.ami, ports.tls),
        socket.SOCK_DGRAM: (ports.sip, ports.old_sip, ports.iax),
    }.items():
        for number in numbers:
            with socket.socket(socket.AF_INET, kind) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, kind == socket.SOCK_STREAM)
                probe.bind((HOST, number))


def _modules(root: Path) -> PurePosixPath:
    """Where the tree keeps its modules: Debian has moved them."""
    found = next(root.glob("usr/lib/**/asterisk/modules"))
    return PurePosixPath("/") / found.relative_to(root)


def _asterisk_ids(root: Path) -> tuple[int, int]:
    lines = (root / "etc/passwd").read_text().splitlines()
    fields = next(line.split(":") for line in lines if line.startswith("asterisk:"))
    return int(fields[2]), int(fields[3])
