"""`python -m support.lab install` and `python -m support.lab serve VERSION`."""

import signal
import sys

from support.lab.install import Missing, install, lacking
from support.lab.server import AsteriskServer

USAGE = "usage: python -m support.lab install | check | serve 16 | serve 22"


def main(arguments: list[str]) -> int:
    match arguments:
        case ["install"]:
            return _install()
        case ["check"]:
            return _check()
        case ["serve", ("16" | "22") as version]:
            return _serve(version)
        case _:
            print(USAGE, file=sys.stderr)
            return 2


def _install() -> int:
    try:
        install()
    except Missing as reason:
        print(f"The tests on real Asterisk cannot run here: {reason}", file=sys.stderr)
        return 1
    return 0


def _check() -> int:
    wants = lacking()
    for want in wants:
        print(f"lacking: {want}", file=sys.stderr)
    return 1 if wants else 0


def _serve(version: str) -> int:
    with AsteriskServer(version) as server:
        ports = f"AMI {server.ami_port}, TLS {server.tls_port}, SIP {server.sip_port}"
        print(f"Asterisk {server.version} on 127.0.0.1: {ports}; log {server.log}; ^C ends it", flush=True)
        signal.sigwait({signal.SIGINT, signal.SIGTERM})
    return 0


if __name__ == "__main__":
    # Blocked from the start, so that the server inherits it and ^C at the terminal stops it in order, through us.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    sys.exit(main(sys.argv[1:]))
