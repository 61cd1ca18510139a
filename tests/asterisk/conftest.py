"""What the tests on real Asterisk stand on: running servers, and calls through them.

A test that asks for `asterisk` runs once on each version. For one version alone:
`@pytest.mark.parametrize("server", ["22"], indirect=True)`.
"""

import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.amiflow_process import ROOT, Amiflow
from support.catalog_check import missing_headers, unknown_things, wrong_values
from support.lab import calls
from support.lab.calls import BridgedCall
from support.lab.install import SUITES
from support.lab.server import AsteriskServer
from support.lab.sip import SipEndpoints
from support.plain_ami import PlainAmi


@pytest.fixture(scope="session", params=list(SUITES))
def server(request: pytest.FixtureRequest) -> Iterator[AsteriskServer]:
    """One server a version for the whole run. A test asks for `asterisk` instead, which cleans up.

    At the end, the catalogue must know every event that the judges saw, and all their headers, in this version.
    """
    with AsteriskServer(request.param) as running:
        yield running
    seen = [event for events in running.heard for event in events]
    assert seen and unknown_things(seen, running.major) == [], "the catalogue does not know what this server sends"
    assert wrong_values(seen) == [], "the catalogue knows another type"
    assert missing_headers(seen, running.major) == [], "the catalogue calls it required"


@pytest.fixture
def asterisk(server: AsteriskServer) -> Iterator[AsteriskServer]:
    """A running server without a channel; what the test leaves on it is hung up."""
    if not server.running:
        server.start()
    yield server
    if server.running:
        server.clean()


@pytest.fixture
def judge(asterisk: AsteriskServer) -> Iterator[PlainAmi]:
    """A plain connection of all privileges, which sees every event from here on."""
    with asterisk.connect() as ami:
        yield ami


@pytest.fixture
def bridged_call(judge: PlainAmi) -> Callable[[], BridgedCall]:
    """Makes a call of two Local channels in a basic bridge."""
    return lambda: calls.bridged_call(judge)


@pytest.fixture
def latin1_call(judge: PlainAmi) -> Callable[[], BridgedCall]:
    """Makes such a call whose caller name is `config.LATIN1_NAME` in Latin-1 bytes."""
    return lambda: calls.bridged_call(judge, "latin1")


@pytest.fixture
def robot(asterisk: AsteriskServer, tmp_path: Path) -> Callable[..., Amiflow]:
    """Begins to run a recipe of this text, with these further lines in the configuration; it sees events when this
    returns."""

    def begin(text: str, settings: str = "") -> Amiflow:
        config, recipe = tmp_path / "amiflow.yaml", tmp_path / "recipe.flow"
        address = f"host: 127.0.0.1\n    port: {asterisk.ami_port}"
        server = f"servers:\n  lab:\n    {address}\n    username: amiflow\n    secret: {asterisk.secret}\n"
        config.write_text(server + settings)
        config.chmod(0o600)
        recipe.write_text(textwrap.dedent(text))
        running = Amiflow(str(recipe), "--config", str(config), cwd=ROOT)
        running.wait("ready")
        return running

    return begin


@pytest.fixture
def sip(asterisk: AsteriskServer) -> Iterator[SipEndpoints]:
    """SIP endpoints of the server, played by sipp."""
    with SipEndpoints(asterisk.ports) as endpoints:
        yield endpoints
        asterisk.clean()  # while the endpoints still answer, else each BYE is retried for half a minute


@pytest.fixture
def sip_call(sip: SipEndpoints, judge: PlainAmi) -> Callable[..., BridgedCall]:
    """Makes a call of two PJSIP channels in a basic bridge, between two sipp endpoints; the caller's scenario is given
    where it is to do more than to call, such as `holder.xml`."""
    return lambda *caller: sip.call(judge, *caller)
