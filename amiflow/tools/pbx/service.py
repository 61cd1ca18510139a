"""The PBX behind its manager interface, without I/O: several clients, each with its session, on one exchange.

Belongs here: sessions, what each may ask for and see, ListCommands, when the scenario's clock starts. Never here:
sockets (`live.simulator`), the session's own protocol (`amiflow.ami.asterisk`), what the PBX does (`pbx`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from amiflow.ami.asterisk import ServerOptions, ServerSession
from amiflow.ami.catalog import Catalog
from amiflow.ami.classes import bits, privilege, read_permissions
from amiflow.ami.request import Request
from amiflow.tools.pbx.actions import ACTIONS, AMI_VERSION
from amiflow.tools.pbx.answer import Answer, success
from amiflow.tools.pbx.exchange import Event
from amiflow.tools.pbx.pbx import Pbx
from amiflow.tools.scenario import Scenario

_LIST = "listcommands"
_OWNED = {name.lower(): name for name in ACTIONS} | {_LIST: "ListCommands"}
# What a session sees to by itself, with the classes that it asks for.
_SESSION: dict[str, Sequence[str]] = {
    "Challenge": (),
    "Events": (),
    "Filter": ("system",),
    "Login": (),
    "Logoff": (),
    "Ping": (),
}


@dataclass(slots=True)
class _Client:
    """`leaves`: when its connection is to be cut, once its session has said that it ends."""

    session: ServerSession
    leaves: float | None = None
    left: bool = False


class Service:
    """A manager interface. Clients are known by numbers that the owner chooses. Times are epoch seconds.

    The scenario begins when the first client has logged in, or by `begin` alone where `begins_at_login` is false.
    `challenge` is some decimal digits for MD5 logins.
    """

    def __init__(
        self, scenario: Scenario, catalog: Catalog, now: float, challenge: str, begins_at_login: bool = True
    ) -> None:
        self._pbx = Pbx(scenario, now, self._tell)
        self._catalog = catalog
        self._start = now
        self._begins_at_login = begins_at_login
        self._options = ServerOptions(scenario.accounts, self._needed, AMI_VERSION, challenge)
        self._clients: dict[int, _Client] = {}

    def begin(self, now: float) -> None:
        """Let the scenario begin; a second time means nothing."""
        self._pbx.begin(now)

    def connect(self, number: int) -> None:
        """A client has come."""
        self._clients[number] = _Client(ServerSession(self._options, self._start))

    def disconnect(self, number: int) -> None:
        """A client is gone."""
        del self._clients[number]

    def receive(self, number: int, data: bytes, now: float) -> None:
        """Bytes of a client."""
        self._clients[number].session.receive(data)
        self.advance(now)

    def advance(self, now: float) -> None:
        """Let everything happen that happens by `now`, and answer what can be answered."""
        self._pbx.advance(now)
        while self._serve(now):
            self._pbx.advance(now)
        for client in self._clients.values():
            closing = client.session.closing
            if closing is not None and client.leaves is None:
                client.leaves = now + closing.delay

    def data_to_send(self, number: int, now: float) -> bytes:
        """The bytes to be written to a client now; they are handed out once."""
        client = self._clients[number]
        data = client.session.data_to_send()
        closing = client.session.closing
        if closing is not None and client.leaves is not None and not client.left and client.leaves <= now:
            client.left = True
            data += closing.farewell
        return data

    def busy(self, number: int) -> bool:
        """Whether nothing is to be read from a client at present."""
        return self._clients[number].session.busy

    def left(self, number: int) -> bool:
        """Whether a client's connection is to be cut once its bytes are written."""
        return self._clients[number].left

    def deadline(self) -> float | None:
        """When something happens by itself next; none: never."""
        leaving = [client.leaves for client in self._clients.values() if client.leaves is not None and not client.left]
        own = self._pbx.deadline()
        return min(leaving if own is None else [*leaving, own], default=None)

    @property
    def ended(self) -> bool:
        """Whether the scenario is over (see Pbx.ended)."""
        return self._pbx.ended

    def _serve(self, now: float) -> bool:
        served = False
        for session in [client.session for client in self._clients.values()]:
            while (request := session.next_request(now)) is not None:
                served = True
                self._carry_out(session, request, now)
            if session.account is not None and self._begins_at_login:
                self._pbx.begin(now)
        return served

    def _carry_out(self, session: ServerSession, request: Request, now: float) -> None:
        if request.name.lower() == _LIST:
            _respond(session, request, self._list_commands(session))
            return
        answer = self._pbx.act(request, partial(_respond, session, request), now)
        if answer is not None:
            _respond(session, request, answer)

    def _tell(self, event: Event) -> None:
        known = self._catalog.event(event.name)
        classes = known.classes if known else ()
        for client in self._clients.values():
            client.session.event(event.name, classes, event.headers)

    def _needed(self, action: str) -> Sequence[str] | None:
        name = _OWNED.get(action.lower())
        known = self._catalog.action(name) if name else None
        return known.privileges if known else None

    def _list_commands(self, session: ServerSession) -> Answer:
        may = read_permissions(session.account.write) if session.account else 0
        needs = {name: self._needed(name) or () for name in _OWNED.values()} | _SESSION
        own = {name: classes for name, classes in sorted(needs.items()) if not classes or bits(classes) & may}
        return success("", tuple((name, f"(Priv: {_privileges(classes)})") for name, classes in own.items()))


def _privileges(classes: Sequence[str]) -> str:
    return privilege(classes) if classes else "<none>"


def _respond(session: ServerSession, request: Request, answer: Answer) -> None:
    session.respond(request, answer.response, answer.rows)
