"""What is asked of a server between its login and the moment from which the flows may use it.

Belongs here: which actions the account may send, the filter of its events, and whether it could log in at all. Never
here: the login itself (`ami.session`), what a lack means in words (`privileges`), the filter's text (`pushdown`).

The questions are the runner's own actions: no machine sees them or their answers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from amiflow.ami.classes import mask_for
from amiflow.ami.codec import header_line
from amiflow.ami.errors import LocalError
from amiflow.ami.reports import Answered, Ready
from amiflow.ami.versions import at_least
from amiflow.live import pushdown
from amiflow.live.clock import Clock
from amiflow.live.config import Server
from amiflow.live.log import Log
from amiflow.live.privileges import Asked, complaint, grant, missing, needed_on
from amiflow.live.problems import Trouble
from amiflow.live.supervise import Peer, PeerEvent

_PATIENCE = 5.0
UNBOOTED = "FullyBooted has not come: the server is still starting, or the account's `read =` lacks the class system"


def unsendable(server: Server, secret: str) -> str | None:
    """Why nobody could log in with this user name and secret, where no line of AMI can carry one of them."""
    try:
        header_line("Username", server.username)
        header_line("Secret", secret)
    except LocalError as error:
        return str(error)
    return None


class Asking:
    """Asks at each login of each server. `needs` are the actions to be asked about, `event_filter` is what the server
    is to send; `heard` is given what a question brings about at once, `done` is called when nothing is left to ask."""

    def __init__(
        self,
        needs: Sequence[Asked],
        event_filter: str | None,
        run_id: str,
        log: Log,
        clock: Clock,
        heard: Callable[[Peer, Sequence[PeerEvent]], None],
        done: Callable[[Peer, Ready], None],
    ) -> None:
        self._needs = needs
        self._filter = event_filter
        self._run_id = run_id
        self._log = log
        self._clock = clock
        self._heard = heard
        self._done = done
        self._questions = 0
        self._wished: dict[str, str] = {}
        self._granted: dict[str, str] = {}
        self._more: dict[str, tuple[Peer, Literal["mask", "filter", "privileges"]]] = {}
        self._privileges: dict[str, tuple[Peer, Ready]] = {}
        self._filtering: dict[str, tuple[Peer, Ready]] = {}

    def begin(self, peer: Peer, ready: Ready) -> None:
        """The server is logged in: ask first what the account may do, where the plans send anything or events are to be
        filtered."""
        self._granted.pop(peer.name, None)
        if not ready.booted and at_least(ready.ami_version, (1, 6)):
            self._log.server("warn", peer.name, "privileges", UNBOOTED)
        if needed_on(self._needs, peer.name) or self._filter:
            self._ask(self._privileges, peer, ready, ("Action", "ListCommands"))
        else:
            self._done(peer, ready)

    def answered(self, answered: Answered) -> bool:
        """Whether this answers a question of ours. Raises Trouble where the account lacks what the plans need, at the
        first attempt: a server that comes later does not end what flows do on others."""
        if answered.action_id in self._privileges:
            self._weigh(*self._privileges.pop(answered.action_id), answered)
        elif answered.action_id in self._filtering:
            self._filtered(*self._filtering.pop(answered.action_id), answered)
        elif answered.action_id in self._more:
            self._hear_of_more(*self._more.pop(answered.action_id), answered)
        else:
            return False
        return True

    def unanswered(self, action_id: str) -> bool:
        """Whether this was a question of ours: the server is asked again at its next login."""
        return any(asked.pop(action_id, None) for asked in (self._privileges, self._filtering, self._more))

    def _ask(self, asked: dict[str, tuple[Peer, Ready]], peer: Peer, ready: Ready, *headers: tuple[str, str]) -> None:
        action_id = self._new_id()
        asked[action_id] = (peer, ready)
        self._submit(peer, action_id, headers)

    def _new_id(self) -> str:
        self._questions += 1
        return f"{self._run_id}q{self._questions}"

    def _submit(self, peer: Peer, action_id: str, headers: tuple[tuple[str, str], ...]) -> None:
        self._heard(peer, peer.submit_own(action_id, headers, self._clock.now(), _PATIENCE))

    def _weigh(self, peer: Peer, ready: Ready, answered: Answered) -> None:
        lacking = missing(needed_on(self._needs, peer.name), answered.response)
        if lacking and peer.attempts == 1:
            raise Trouble(f"{peer.name}: {complaint(peer.server.username, lacking)}", grant(lacking[0]))
        if lacking:
            self._log.server("error", peer.name, "privileges", complaint(peer.server.username, lacking))
        if self._filter and answered.response.get("Filter") is not None:
            self._wished[peer.name] = self._filter
            self._ask(self._filtering, peer, ready, *pushdown.ask(self._filter))
            return
        if self._filter:
            self._log.server("info", peer.name, "filter", pushdown.NOT_THERE)
        self._done(peer, ready)

    def _filtered(self, peer: Peer, ready: Ready, answered: Answered) -> None:
        """The server sends from now on only what its filter names, or, where it would not have it, all of the mask."""
        self._hear_of_filter(peer, answered)
        self._done(peer, ready)

    def _hear_of_filter(self, peer: Peer, answered: Answered) -> None:
        self._log.server("info", peer.name, "filter", pushdown.granted(answered.response))
        if answered.response.name == "Success":
            self._granted[peer.name] = self._wished[peer.name]

    # --- while the run goes on ---

    def renew(self, needs: Sequence[Asked], event_filter: str | None) -> None:
        """From the next login on this is to be asked."""
        self._needs = needs
        self._filter = event_filter

    def lacks(self, peer: Peer, mask: str) -> bool:
        """Whether the server was asked for less than is needed by now."""
        return pushdown.adds(peer.mask, mask) or self._granted.get(peer.name, self._filter) != self._filter

    def ask_for_more(self, peer: Peer, mask: str) -> None:
        """The flows need other events, or actions, than when the server was logged in to: ask it for what is new.
        Filters add up; one that is to go takes the connection with it."""
        if pushdown.adds(peer.mask, mask):
            peer.mask = mask
            self._ask_more(peer, "mask", ("Action", "Events"), ("EventMask", mask_for(mask, peer.ami_version)))
        if needed_on(self._needs, peer.name):
            self._ask_more(peer, "privileges", ("Action", "ListCommands"))
        granted = self._granted.get(peer.name)
        if granted is not None and self._filter is None:
            reason = "a filter of events cannot be lifted"
            self._heard(peer, peer.reconnect(reason, self._clock.now()))
        elif granted is not None and self._filter is not None and self._filter != granted:
            self._wished[peer.name] = self._filter
            self._ask_more(peer, "filter", *pushdown.ask(self._filter))

    def _ask_more(self, peer: Peer, what: Literal["mask", "filter", "privileges"], *headers: tuple[str, str]) -> None:
        action_id = self._new_id()
        self._more[action_id] = (peer, what)
        self._submit(peer, action_id, headers)

    def _hear_of_more(self, peer: Peer, what: Literal["mask", "filter", "privileges"], answered: Answered) -> None:
        if what == "filter":
            self._hear_of_filter(peer, answered)
        elif what == "mask":
            good = answered.response.name in ("Success", "Events On")  # the latter up to Asterisk 1.4.31
            text = "sends further classes of events" if good else "does not send the further classes of events"
            self._log.server("info" if good else "error", peer.name, "mask", text)
        elif lacking := missing(needed_on(self._needs, peer.name), answered.response):
            self._log.server("error", peer.name, "privileges", complaint(peer.server.username, lacking))
