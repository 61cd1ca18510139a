"""Makes the trees that the servers run in: one Debian suite each, in a cache folder outside the checkout.

What belongs here: the suites, the cache, apt-get and debootstrap. What never does: a server's configuration, a process
that outlives the call. No mirror is named: debootstrap and apt-get use what the machine is set up with.
"""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SUITES = {"16": "bullseye", "22": "sid"}  # Asterisk's major version -> the Debian suite that carries it
PACKAGES = {"debootstrap": "debootstrap", "sipp": "sip-tester"}  # program -> Debian package


class Missing(Exception):
    """The laboratory cannot run on this machine; the text says what is lacking and what to do."""


def cache() -> Path:
    """The folder of the trees: `AMIFLOW_ASTERISK_CACHE`, else `~/.cache/amiflow/asterisk`."""
    named = os.environ.get("AMIFLOW_ASTERISK_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "amiflow" / "asterisk"


def tree(version: str) -> Path:
    """The root of the tree of Asterisk `version`, installed or not."""
    return cache() / SUITES[version]


def installed(version: str) -> bool:
    return (tree(version) / "usr/sbin/asterisk").exists()


def lacking() -> list[str]:
    """What keeps the laboratory from running here as it stands, in words; empty when it can run."""
    found = [] if os.geteuid() == 0 else ["root: debootstrap and chroot need it"]
    found += [f"the program {tool} (Debian package {package})" for tool, package in PACKAGES.items() if not _has(tool)]
    return found + [f"Asterisk {version} in {tree(version)}" for version in SUITES if not installed(version)]


def install() -> None:
    """Install whatever is lacking; nothing when nothing is. Raises Missing."""
    if os.geteuid() != 0:
        raise Missing("\n  - ".join(["not root, so nothing can be installed. Lacking:", *lacking()]))
    _install_programs()
    cache().mkdir(parents=True, exist_ok=True)
    with _only_one():
        for version in SUITES:
            if not installed(version):
                _bootstrap(version)


def _install_programs() -> None:
    wanted = [package for tool, package in PACKAGES.items() if not _has(tool)]
    if not wanted:
        return
    if not _has("apt-get"):
        raise Missing(f"no apt-get here; install by hand: {' '.join(wanted)}")
    noninteractive = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], check=False, env=noninteractive)  # one broken list spoils not the rest
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *wanted]
    if subprocess.run(command, check=False, env=noninteractive).returncode or not all(map(_has, PACKAGES)):
        raise Missing(f"apt-get could not install {' '.join(wanted)}; its words are above")


def _bootstrap(version: str) -> None:
    """A tree appears under its name only when it is whole."""
    place, suite = tree(version), SUITES[version]
    if place.exists():
        raise Missing(f"{place} is there, but holds no Asterisk; remove it and try again")
    partial = place.with_name(f".{suite}.partial")
    _remove(partial)
    print(f"installing Asterisk {version} (Debian {suite}) into {place}; this takes a minute or two", flush=True)
    log = cache() / f"{suite}.log"
    with log.open("wb") as out:
        command = ["debootstrap", "--variant=minbase", "--include=asterisk", suite, str(partial)]
        status = subprocess.run(command, check=False, stdout=out, stderr=subprocess.STDOUT).returncode
    if status or not (partial / "usr/sbin/asterisk").exists():
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        _remove(partial)
        raise Missing(f"debootstrap {suite} failed with status {status} (whole log: {log}):\n{tail}")
    partial.rename(place)


def _remove(folder: Path) -> None:
    # A debootstrap that was cut short may leave /proc mounted in there: never go down into it.
    if folder.exists():
        subprocess.run(["rm", "-rf", "--one-file-system", str(folder)], check=True)


@contextmanager
def _only_one() -> Iterator[None]:
    with (cache() / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _has(tool: str) -> bool:
    return shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") is not None
