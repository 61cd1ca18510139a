"""The one loop: servers' bytes to machines, machines' effects to servers, until every machine is at its end.

Belongs here: waiting, the order of things within a turn, and who gets what. Never here: when to connect again
(`supervise`), what a flow does (`engine`), words (`narrator`, `tidings`), what is asked at login (`login`).

A turn: sleep until something is readable, a signal or worker has come, or the earliest deadline; read what is there, up
to a bound, from every server (Asterisk cuts off a client that lets 100 ms pass while its buffers are full); then act on
it; then let fall due what is due. So an input that came before a deadline is handled before its timer, and is given to
the machine at that deadline at the latest, though it may have been read a little later.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from typing import TypeAlias, assert_never

from amiflow.ami.reports import Answered, Event, Ready, Sent, Unanswered
from amiflow.engine import effects
from amiflow.engine.effects import (
    Errand,
    Exit,
    FlowEnded,
    Input,
    Noted,
    Recall,
    Remember,
    Said,
    Send,
    Signal,
    SignalReply,
    StoreChanged,
    Withdraw,
)
from amiflow.live.clock import Clock
from amiflow.live.company import Company
from amiflow.live.desk import Desk
from amiflow.live.journal_file import promise_of
from amiflow.live.killswitch import changes
from amiflow.live.ledger import Ledger
from amiflow.live.link import Link
from amiflow.live.log import Line, Log
from amiflow.live.login import Asking
from amiflow.live.privileges import Asked
from amiflow.live.problems import Trouble
from amiflow.live.reload import Reloader, Renewal
from amiflow.live.requests import Ticket
from amiflow.live.runner import Runner
from amiflow.live.status import Status
from amiflow.live.supervise import CONNECTS, Peer, PeerEvent, Refusal
from amiflow.live.tidings import Tidings
from amiflow.live.wake import Finished, Wake, wait

READ_IN_A_TURN = 1 << 20
_FAREWELL = 3.0
_QUIET = 0.3
SOURCE, JOURNAL, ERRANDS, CONTROL, SWITCH, RELOAD = "source", "journal", "errands", "control", "kill switch", "reload"
"""The names of who wakes the loop: the worker whose end means that no server will send anything more, the journal, who
does errands, who asks something of the run, who watches the kill switch, and who reads recipes again."""

_TOLD = (Noted, FlowEnded, Said)  # what there is nothing to do about
_KEPT = (Remember, StoreChanged)  # what the journal has
_Wanted: TypeAlias = Send | Withdraw | Errand | Recall | Signal | SignalReply | Exit
_OWN = (Sent, Answered, effects.Unanswered, effects.ErrandDone)  # what one machine alone is given
_OF_ACTIONS = (Sent, Answered)


class Loop:
    """A run. `needs` are the actions that the account is asked about at login; none where nothing is to be sent.
    `event_filter` is what the servers are asked to send. `run` returns the exit status; `runners` and `ledger` say what
    there is and what has happened."""

    def __init__(
        self,
        peers: Sequence[Peer],
        runners: Sequence[Runner],
        needs: Sequence[Asked],
        log: Log,
        clock: Clock,
        wake: Wake[Link | None],
        run_id: str,
        event_filter: str | None = None,
        company: Company | None = None,
    ) -> None:
        company = company or Company()
        self._peers = {peer.name: peer for peer in peers}
        self.runners = list(runners)
        self._log = log
        self._clock = clock
        self._wake = wake
        self._begun = company.begun
        self._journal = company.journal
        self._workshop = company.workshop
        self._mailbox = company.mailbox
        self._switch = company.switch
        self._herald = company.herald
        self._meter = company.meter
        self._read_at = 0.0
        self.ledger = Ledger(self._peers, clock.now())
        status = Status(
            run_id, self._peers, self.runners, self.ledger, clock, company.journal, company.switch, company.meter
        )
        self._desk = Desk(self.runners, status, log, lambda item: self._inputs.append((None, item)))
        self._promised: dict[str, tuple[Runner, _Wanted]] = {}
        self._owners: dict[str, Runner] = {}
        self._asking = Asking(needs, event_filter, run_id, log, clock, self._heard, self._be_ready)
        self._tidings = Tidings(self._peers, log, clock)
        self._renewal = self._renewing(company.reloader) if company.reloader is not None else None
        self._hangup_ends = company.hangup_ends
        self._inputs: list[tuple[Runner | None, Input]] = []
        self._stopped_by: int | None = None
        self._cut = False
        self._source_ended = False
        self._quiet_at = 0.0

    def restore(self, runner: Runner, item: effects.Restored) -> None:
        """What earlier runs have left to the machine; to be called before `run`."""
        self._inputs.append((runner, item))

    def _renewing(self, reloader: Reloader) -> Renewal:
        self._desk.renew = self._renew
        return Renewal(
            reloader,
            self.runners,
            self._peers,
            self._asking,
            self.ledger,
            self._log,
            self._hand,
            self._journal,
            self._clock,
            self._desk.pauses,
        )

    # --- the run ---

    def run(self) -> int:
        """Run to the end. Raises Trouble where a login is refused at the first attempt, an account lacks what the plans
        need, or no server can be reached; what has begun on other servers by then is ended in order before."""
        try:
            self._look_at_switch()
            for peer in self._peers.values():
                peer.begin()
            while not self._cut and self._goes_on():
                try:
                    self._turn()
                except Trouble as trouble:
                    self._desk.give_up(trouble)
                    self._renew_no_more()
                    self._act()
            return self._desk.concluded(self._end())
        finally:
            for peer in self._peers.values():
                peer.cut()

    def _goes_on(self) -> bool:
        """Without a machine, as in a recording, until a signal comes."""
        for runner in self.runners:
            if runner.status is None:
                return True
        return not self.runners and self._stopped_by is None

    def _end(self) -> int:
        if not self._cut:
            for peer in self._peers.values():
                self._heard(peer, peer.leave(self._clock.now()))
            self._write()
        until = self._clock.now() + _FAREWELL
        while not self._cut and any(peer.phase == "up" for peer in self._peers.values()) and self._clock.now() < until:
            self._turn(until)
        if self._cut:
            self._tidings.cut(sum(len(runner.machine.running()) for runner in self.runners))
        if self._stopped_by is not None:
            return 0 if self._stopped_by in (signal.SIGTERM, signal.SIGHUP) and not self._cut else 130
        return max(self.ledger.past.status, *(runner.status or 0 for runner in self.runners), 0)

    def _turn(self, until: float | None = None) -> None:
        deadline = self._deadline(until)
        readable = self._sleep(deadline)
        if self._wake.descriptor in readable:
            self._woken()
        for peer in self._peers.values():
            if peer.link is not None and peer.link.descriptor in readable:
                self._read_at = self._clock.now()
                self._heard(peer, peer.read(self._read_at, READ_IN_A_TURN))
        self._write()  # what waits in a link, or waited for an answer, does not wait for all else that came with it
        if self._inputs:
            self._act()
        if deadline is not None and self._clock.now() >= deadline:
            self._fall_due()
        if self._source_ended and self._is_quiet(bool(readable)):
            self._inputs.append((None, effects.SourceEnded()))
            self._source_ended = False
            self._act()
        if self._renewal is not None:
            self._renewal.prune()

    def _sleep(self, deadline: float | None) -> list[int]:
        """The descriptors of who has something to say, once anybody has or the deadline has come."""
        watched, writing, hidden = [self._wake.descriptor], list[int](), list[int]()
        for peer in self._peers.values():
            if (link := peer.link) is not None:
                watched.append(link.descriptor)
                if link.waiting:
                    writing.append(link.descriptor)
                if link.encrypted and link.holds_more:
                    hidden.append(link.descriptor)
        timeout = None if deadline is None else max(0.0, deadline - self._clock.now())
        readable = wait(watched, writing, 0.0 if hidden else timeout)
        return readable + hidden if hidden else readable

    def _deadline(self, until: float | None) -> float | None:
        """When a turn is to be made at the latest; asked for once a turn, as what a turn sets is seen by the next."""
        dues = [until, self._herald.deadline(), *map(Peer.deadline, self._peers.values())]
        dues += [runner.machine.deadline() for runner in self.runners]
        if self._source_ended:
            dues.append(max(self._quiet_at, self._clock.now() + _QUIET / 2))
        return min([due for due in dues if due is not None], default=None)

    # --- coming in ---

    def _woken(self) -> None:
        signals, finished = self._wake.take()
        for number in signals:
            if number == signal.SIGHUP and self._renewal is not None and not self._hangup_ends:
                self._renew(None)
            else:
                self._stop(number)
        for one in finished:
            if one.name == SOURCE:
                self._finish_source(one)
            elif one.name == JOURNAL:
                self._hear_journal()
            elif one.name == ERRANDS:
                self._fetch_errands()
            elif one.name == CONTROL:
                for ticket in self._mailbox.take() if self._mailbox else ():
                    self._desk.take(ticket)
            elif one.name == RELOAD and self._renewal is not None:
                self._renewal.finish()
                if not self._renewal.busy:  # else all is read once more
                    self._herald.ready_again()
            elif one.name == SWITCH:
                self._look_at_switch()
            elif one.name.startswith(CONNECTS):
                peer = self._peers[one.name.removeprefix(CONNECTS)]
                self._heard(peer, peer.connected(one, self._clock.now()))

    def _renew(self, ticket: Ticket | None) -> None:
        """Read the recipes again; and whoever is waited for is tried at once."""
        now = self._clock.now()
        for peer in self._peers.values():
            peer.hurry(now)
        if self._renewal is not None:
            self._herald.reloading(now)
            self._renewal.begin(ticket)

    def _renew_no_more(self) -> None:
        if self._renewal is not None:
            self._renewal.closed = True

    def _look_at_switch(self) -> None:
        """What changes anything and waits to be sent or done is refused, as what comes later will be."""
        if self._switch is None or not self._desk.switched(self._switch):
            return
        for one, runner in list(self._owners.items()):
            effect = runner.narrator.pending(one) or self._workshop.waiting(one)
            if effect is not None and changes(effect) and self._withdraw(effect):
                self._refuse(effect, runner, self._switch.why)

    def _withdraw(self, effect: Send | Errand) -> bool:
        if isinstance(effect, Errand):
            return self._workshop.withdraw(effect.errand_id)
        return self._peers[effect.server].withdraw(effect.action_id)

    def _refuse(self, effect: Send | Errand, runner: Runner, why: str) -> None:
        runner.narrator.refused(effect, why)
        if isinstance(effect, Send):
            self._of(effect.action_id, effects.Unanswered(effect.action_id, "refused", why))
        else:
            self._of(effect.errand_id, effects.ErrandDone(effect.errand_id, None, why, begun=False))
            self._owners.pop(effect.errand_id, None)

    def _refusal(self, effect: Send | Errand) -> str | None:
        """Why it must not be done; none where it may."""
        return self._switch.why if self._switch is not None and self._switch.on and changes(effect) else None

    def _stop(self, number: int) -> None:
        """The first signal asks for an orderly end, a ^C after it ends the run at once. A further SIGTERM does not: who
        ends a process group, as `timeout` does, may reach us twice."""
        if self._stopped_by is not None:
            self._cut = self._cut or number == signal.SIGINT
            return
        self._stopped_by = number
        self._renew_no_more()
        self._herald.stopping()
        self._inputs.append((None, effects.StopAsked(signal.Signals(number).name)))

    def _finish_source(self, finished: Finished[Link | None]) -> None:
        if finished.error:
            raise finished.error
        self._source_ended = True
        self._renew_no_more()

    def _hear_journal(self) -> None:
        """Some intentions are on disk, so that their actions may go; or something is wrong with the journal."""
        for promise in self._journal.kept() if self._journal else ():
            if promise in self._promised:
                self._bring_about(*self._promised.pop(promise))
        for text in self._journal.complaints() if self._journal else ():
            self._log.line(Line("error", "journal", text))

    def _is_quiet(self, heard: bool) -> bool:
        """Whether no flow runs and nothing has come for a moment: what our last actions brought about is in too."""
        now = self._clock.now()
        if heard or any(runner.machine.running() for runner in self.runners):
            self._quiet_at = now + _QUIET
        return now >= self._quiet_at

    def _heard(self, peer: Peer, events: Sequence[PeerEvent]) -> None:
        for event in events:
            if isinstance(event, Event):
                self._inputs.append((None, effects.Received(peer.name, event.message)))
            elif isinstance(event, _OF_ACTIONS) and (owner := self._owners.get(event.action_id)) is not None:
                self._inputs.append((owner, event))
            else:
                self._hear(peer, event)

    def _hear(self, peer: Peer, event: PeerEvent) -> None:
        match event:
            case Sent() | Event():
                return  # of a question of our own
            case Answered():
                self._asking.answered(event)
            case Unanswered(action_id=action_id, sent=sent):
                self._asking.unanswered(action_id)
                reason = "" if sent else "the connection broke before it could be sent"
                self._of(action_id, effects.Unanswered(action_id, "unknown" if sent else "unsent", reason))
            case Ready():
                self._tidings.logged_in(peer, event)
                self._asking.begin(peer, event)
            case _:
                if (lost := self._tidings.tell(peer, event)) is not None:
                    self._herald.status(self._desk.headline())
                    self.ledger.lost(peer.name, lost.silent, self._clock.now())
                    self._inputs.append((None, lost))

    def _of(self, action_id: str, item: Input) -> None:
        if (owner := self._owners.get(action_id)) is not None:
            self._inputs.append((owner, item))

    def _be_ready(self, peer: Peer, ready: Ready) -> None:
        now = self._clock.now()
        self.ledger.ready(peer.name, ready.ami_version, now)
        version, unseen = ready.ami_version, peer.take_unseen(now)
        self._inputs.append((None, effects.ServerReady(peer.name, version, peer.restarted, unseen, ready.uptime)))
        peer.restarted = False
        if self._renewal is not None:
            self._renewal.catch_up(peer)
        self._log.server("info", peer.name, "ready", "ready: what happens from here on is seen")
        self._herald.ready()
        self._herald.status(self._desk.headline())
        if self._begun:
            begun, self._begun = self._begun, None
            begun()

    # --- acting ---

    def _act(self) -> None:
        while self._inputs:
            inputs, self._inputs = self._inputs, []
            for owner, item in inputs:
                if owner is not None:
                    self._hand(owner, item)
                    continue
                if not isinstance(item, effects.Received):
                    self._desk.goes_out(item)
                    if self._journal:
                        self._journal.add(self._clock.wall(), None, item, ())
                for runner in self.runners:
                    self._hand(runner, item)
            self._write()  # before what follows from it: whoever waits for an action waits for nothing else
        if self._journal:
            self._journal.flush()

    def _hand(self, runner: Runner, item: Input) -> None:
        if runner.status is not None:
            self._hear_late(runner, item)
            return
        own = item if isinstance(item, _OWN) else None
        if isinstance(own, Sent):
            runner.narrator.sent(own.action_id)
        at, wall, deadline = self._clock.now(), self._clock.wall(), runner.machine.deadline()
        if deadline is not None and deadline < at and not isinstance(item, effects.Tick):
            at = deadline
        brought = runner.machine.handle(item, at, wall)
        if self._journal is not None and (own is not None or brought):
            self._journal.add(wall, runner.number, own, brought)
        if self._meter is not None:
            self._meter.measure(item, brought, self._read_at, self._clock.now())
        for effect in brought:
            if isinstance(effect, _TOLD):
                runner.narrator.tell(effect)
            elif isinstance(effect, _KEPT):
                continue
            elif self._journal is not None and (promise := promise_of(effect)):
                self._promised[promise] = (runner, effect)
                self._journal.promise(promise)
            else:
                self._bring_about(runner, effect)
        if own is not None and not isinstance(own, Sent):
            self._conclude(runner, own)

    def _hear_late(self, runner: Runner, item: Input) -> None:
        """Of an action that a machine at its end has left on the wire: its outcome is to be told, and it is over."""
        if isinstance(item, _OWN):
            if self._journal:
                self._journal.add(self._clock.wall(), runner.number, item, ())
            self._conclude(runner, item)

    def _conclude(self, runner: Runner, item: Input) -> None:
        if isinstance(item, Answered):
            self._settle(runner, item.action_id, "error" if item.response.name == "Error" else "success")
        elif isinstance(item, effects.Unanswered):
            self._settle(runner, item.action_id, item.kind)

    def _settle(self, runner: Runner, action_id: str, outcome: str) -> None:
        self._owners.pop(action_id, None)
        if (send := runner.narrator.settled(action_id)) is not None:
            self.ledger.settled(send.headers[0][1], outcome)
            if self._meter is not None:
                self._meter.settled(send, outcome in ("success", "error"), self._clock.now())

    def _bring_about(self, runner: Runner, effect: _Wanted) -> None:
        match effect:
            case Send():
                self._send(runner, effect)
            case Withdraw(server=server, action_id=action_id):
                if self._promised.pop(action_id, None) is None and self._peers[server].withdraw(action_id):
                    self._settle(runner, action_id, "withdrawn")
            case Errand(errand_id=errand_id, until=until):
                self._owners[errand_id] = runner
                if (why := self._refusal(effect)) is not None:
                    self._refuse(effect, runner, why)
                    return
                runner.narrator.does(effect)
                self._workshop.begin(effect, until - self._clock.now())
            case Recall(errand_id=errand_id):
                if self._promised.pop(errand_id, None) is None:
                    self._workshop.withdraw(errand_id)
                self._owners.pop(errand_id, None)
            case Signal(name=name, fields=fields, line=line):
                runner.narrator.does(effect)
                self._inputs.append((None, effects.Signalled(name, fields, line=line)))
            case SignalReply():
                self._desk.reply(effect)
            case Exit(status=status):
                runner.status = status
                if self._renewal is not None:
                    self._renewal.over(runner)
            case _:
                assert_never(effect)

    def _fetch_errands(self) -> None:
        for done in self._workshop.take():
            self._of(done.errand_id, done)
            self._owners.pop(done.errand_id, None)

    def _send(self, runner: Runner, send: Send) -> None:
        self._owners[send.action_id] = runner
        runner.narrator.handed(send)
        if (why := self._refusal(send)) is not None:
            self._refuse(send, runner, why)
            return
        peer = self._peers[send.server]
        result = peer.submit(send, self._clock.now())
        if isinstance(result, Refusal):
            self._of(send.action_id, effects.Unanswered(send.action_id, result.kind, result.reason))
        else:
            self._heard(peer, result)

    def _fall_due(self) -> None:
        now = self._clock.now()
        self._herald.tick(now)
        for peer in self._peers.values():
            self._heard(peer, peer.tick(now))
        self._act()
        for runner in self.runners:
            deadline = runner.machine.deadline()
            if deadline is not None and now >= deadline:
                self._hand(runner, effects.Tick())
        self._write()  # what time alone brought about
        self._act()

    def _write(self) -> None:
        for peer in self._peers.values():
            if peer.link is not None and peer.link.waiting:
                self._heard(peer, peer.write(self._clock.now()))
