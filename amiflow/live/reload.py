"""Recipes read again while a run goes on: on a worker, then put in the place of those of before, or not at all.

Belongs here: when that is done, what new plans need of the servers, and what is told of it. Never here: reading and
compiling (`cli` hands in a `load`), what a machine takes over of another (`engine.succession`).

A recipe that is wrong leaves everything as it is. A recipe is known by the path of its file. A file that is new begins
as at the beginning of a run, with what earlier runs have left to it; where one is gone its runs go on to their end. The
servers are asked for more events where the new plans need more; what fewer plans need is not taken back, as a filter
cannot be: it goes with the connection.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import TypeAlias

from amiflow.ami.scanner import Wanted
from amiflow.engine.effects import Input, Pause, Restored, Retire, ServerReady
from amiflow.engine.succession import same_triggers
from amiflow.live import pushdown
from amiflow.live.clock import Clock
from amiflow.live.journal_file import Journal
from amiflow.live.ledger import Ledger
from amiflow.live.log import Line, Log
from amiflow.live.login import Asking
from amiflow.live.privileges import Asked, together
from amiflow.live.problems import Refused, Trouble
from amiflow.live.pushdown import event_filter
from amiflow.live.requests import Answer, Ticket
from amiflow.live.runner import Runner, recipe_of
from amiflow.live.supervise import Peer
from amiflow.plan.model import Plan
from amiflow.report.diagnostic import Diagnostic, ordered
from amiflow.report.formats import formatted
from amiflow.report.render import render
from amiflow.report.source import Source


@dataclass(slots=True)
class Told:
    """What there is to say of recipes and configuration that were read again."""

    lines: list[tuple[bool, str]] = field(default_factory=list)  # for the log; whether it is an error
    frames: list[str] = field(default_factory=list)  # for whoever asked

    def diagnostics(self, found: Iterable[Diagnostic], sources: Mapping[str, Source]) -> None:
        """Diagnostics, as `amiflow check` shows them."""
        for one in ordered(found):
            self.lines.append((one.severity == "error", formatted("concise", [one], sources).rstrip("\n")))
            self.frames.append(render(one, sources).rstrip("\n"))

    def text(self, text: str, error: bool = False) -> None:
        """Something that has no place in a source."""
        self.lines.append((error, text))
        self.frames.append(f"error: {text}" if error else text)


@dataclass(frozen=True, slots=True)
class Needs:
    """What plans need of the servers: a mask and a filter of events, the events themselves, and the actions that the
    account is to send."""

    mask: str
    filter: str | None
    wanted: tuple[Wanted, ...]
    actions: tuple[Asked, ...]

    def also(self, other: Needs) -> Needs:
        """What these and others need."""
        actions = together((*self.actions, *other.actions))
        wanted = tuple(dict.fromkeys((*self.wanted, *other.wanted)))
        asked = event_filter(wanted) if self.filter is not None and other.filter is not None else None
        return Needs(pushdown.both(self.mask, other.mask), asked, wanted, actions)


@dataclass(frozen=True, slots=True)
class Fresh:
    """Machines that are ready to take the places of those of before, and what they need; none where something is
    wrong. `same` are the flows of each recipe that have the trigger of before."""

    made: tuple[Sequence[Runner], Needs] | None
    same: Mapping[str, Collection[str]]
    told: Told


_ENDS = Answer(None, "the run ends", "over")

Load: TypeAlias = Callable[[int, Told], tuple[Sequence[Runner], Needs]]
"""Reads all again, and makes machines, the first with that number. Raises Refused and Trouble."""


class Reloader:
    """Reads on a worker; `poke` is called when that is done. `needs` are those of the machines that the run began
    with."""

    def __init__(self, load: Load, needs: Needs, poke: Callable[[], None]) -> None:
        self.needs = needs
        self.poke = poke
        self._load = load
        self._done: queue.SimpleQueue[Fresh] = queue.SimpleQueue()

    def begin(self, first: int, plans: Mapping[str, Plan]) -> None:
        """Read; the new machines are counted from that number on, and are to take the places of those of these plans,
        by their recipes."""
        try:
            threading.Thread(target=self._work, args=(first, plans), name="reload", daemon=True).start()
        except RuntimeError as error:  # the system gives this process no more threads, for now
            told = Told()
            told.text(str(error), error=True)
            self._done.put(Fresh(None, {}, told))
            self.poke()

    def take(self) -> Fresh | None:
        """What reading gave, where it is done."""
        return self._done.get() if not self._done.empty() else None

    def _work(self, first: int, plans: Mapping[str, Plan]) -> None:
        told = Told()
        made: tuple[Sequence[Runner], Needs] | None = None
        same: dict[str, Collection[str]] = {}
        try:
            made = self._load(first, told)
            for plan in (runner.plan for runner in made[0]):
                if recipe_of(plan) in plans:
                    same[recipe_of(plan)] = same_triggers(plans[recipe_of(plan)], plan)
        except Refused as refused:
            told.diagnostics(refused.diagnostics, refused.sources)
        except Trouble as trouble:
            told.text(str(trouble), error=True)
        except Exception as error:  # a mistake of our own must not end a run that goes well
            told.text(f"a mistake of amiflow's own, {type(error).__name__}: {error}", error=True)
        self._done.put(Fresh(made, same, told))
        self.poke()


class Renewal:
    """The loop's side: whoever asked, and the change itself. `runners` is the loop's own list; `hand` gives an input to
    one of them, `pauses` are those that there are. Once it is `closed`, as the run ends, nothing
    is read any more."""

    def __init__(
        self,
        reloader: Reloader,
        runners: list[Runner],
        peers: Mapping[str, Peer],
        asking: Asking,
        ledger: Ledger,
        log: Log,
        hand: Callable[[Runner, Input], None],
        journal: Journal | None,
        clock: Clock,
        pauses: Callable[[], Sequence[Pause]],
    ) -> None:
        self._reloader = reloader
        self._runners = runners
        self._peers = peers
        self._asking = asking
        self._ledger = ledger
        self._log = log
        self._hand = hand
        self._journal = journal
        self._clock = clock
        self._pauses = pauses
        self._made = len(runners)
        self._mask = reloader.needs.mask
        self._needs: list[tuple[tuple[Runner, ...], Needs]] = [(tuple(runners), reloader.needs)]
        self._waiting: list[Ticket] = []
        self._next: list[Ticket] = []
        self._gone: list[Runner] = []
        self._fresh: Fresh | None = None
        self._claims: list[str] = []
        self.busy = False
        self.closed = False
        self._again = False

    def begin(self, ticket: Ticket | None = None) -> None:
        """Read all again; once more, where that is being done already and may have missed the last change."""
        if self.closed:
            if ticket is not None:
                ticket.answer(_ENDS)
            return
        if ticket is not None:
            (self._next if self.busy else self._waiting).append(ticket)
        if self.busy:
            self._again = True
            return
        self.busy = True
        self._log.line(Line("info", "reload", "reads recipes, params and tables again"))
        self._reloader.begin(self._made, {recipe_of(runner.plan): runner.plan for runner in self._current()})

    def finish(self) -> None:
        """Reading is done, or it is known what earlier runs have left to recipes that are new."""
        if self._fresh is None:
            fresh = self._reloader.take()
            if fresh is not None:
                self._read(fresh)
        elif self._journal is not None and (found := self._journal.claimed()) is not None:
            fresh, self._fresh = self._fresh, None
            self._conclude(fresh, dict(zip(self._claims, found, strict=False)))

    def _read(self, fresh: Fresh) -> None:
        for error, text in fresh.told.lines:
            self._log.line(Line("error" if error else "warn", "reload", text))
        there = {recipe_of(runner.plan) for runner in self._current()}
        recipes = dict.fromkeys(recipe_of(runner.plan) for runner in fresh.made[0]) if fresh.made is not None else ()
        self._claims = [recipe for recipe in recipes if recipe not in there]
        if self._journal is None or not self._claims or self.closed:
            self._conclude(fresh, {})
        else:
            self._fresh = fresh
            self._journal.claim(self._claims, self._reloader.poke)

    def _conclude(self, fresh: Fresh, left: dict[str, Restored]) -> None:
        if self.closed:
            for ticket in (*self._waiting, *self._next):
                ticket.answer(_ENDS)
            return
        if fresh.made is None:
            self._log.line(Line("error", "reload", "nothing is changed: the running recipes stay in place"))
        else:
            self._put_in_place(*fresh.made, fresh.same, left)
        told = [self._log.masked(text) for text in fresh.told.frames]
        answer = Answer({"changed": fresh.made is not None, "told": told})
        for ticket in self._waiting:
            ticket.answer(answer)
        self.busy, self._waiting, self._next = False, self._next, []
        if self._again:
            self._again = False
            self.begin()

    def _current(self) -> list[Runner]:
        """The machines whose place is to be taken: also of a recipe that has come to its end, lest that begin again.
        Two may be of one recipe, which was given by two paths."""
        return [runner for runner in self._runners if not runner.retired]

    def _put_in_place(
        self, fresh: Sequence[Runner], needs: Needs, same: Mapping[str, Collection[str]], past: dict[str, Restored]
    ) -> None:
        if self._journal is not None:
            self._journal.add(self._clock.wall(), None, Retire(), ())
        old = self._current()
        left, alive = list(old), next((runner for runner in self._runners if runner.status is None), None)
        for runner in fresh:
            if self._journal is not None:
                self._journal.introduce(recipe_of(runner.plan), runner.plan.sources)
            before = next((one for one in left if recipe_of(one.plan) == recipe_of(runner.plan)), None)
            if before is not None:
                left.remove(before)
                self._take_over(runner, before, same.get(recipe_of(runner.plan), ()))
            if alive is not None:
                runner.machine.heed(alive.machine)
            for pause in self._pauses() if before is None else ():
                self._hand(runner, pause)
        self._made += len(fresh)
        self._runners += fresh
        for runner in old:
            runner.retired = True
        self._needs.append((tuple(fresh), needs))
        self._ask_for_more()
        for runner in fresh:
            # What becomes of stores is written before runs of others write on.
            self._hand(runner, past.pop(recipe_of(runner.plan), Restored()))
            for peer in self._peers.values():
                line, uptime = self._ledger.lines[peer.name], peer.uptime(self._clock.now())
                if line.ready:
                    self._hand(runner, ServerReady(peer.name, line.version, False, uptime=uptime))
        for runner in old:
            if runner.status is None:
                self._hand(runner, Retire())
            else:
                self.over(runner)
        runs = sum(len(runner.machine.running()) for runner in old)
        text = f"{len(fresh)} recipes are in place; {runs} runs go on by those of before"
        self._log.line(Line("info", "reload", text))

    def _take_over(self, runner: Runner, before: Runner, same: Collection[str]) -> None:
        """What is due, and was not yet told, is due still."""
        now, due = self._clock.now(), before.machine.deadline()
        runner.machine.take_over(before.machine, same, now if due is None else min(now, due), self._clock.wall())

    def _ask_for_more(self) -> None:
        """Runs of before go on: what they need is needed as long."""
        going_on = ((tuple(one for one in runners if one.status is None), needs) for runners, needs in self._needs)
        self._needs = [(runners, needs) for runners, needs in going_on if runners]
        needs = reduce(Needs.also, (needs for _, needs in self._needs))
        self._asking.renew(needs.actions, needs.filter)
        for peer in self._peers.values():
            peer.want(needs.mask, needs.wanted)
            if self._ledger.lines[peer.name].ready:
                self._asking.ask_for_more(peer, needs.mask)
        self._mask = needs.mask

    def catch_up(self, peer: Peer) -> None:
        """The server is ready: while it was being logged in to, recipes may have been read that need more of it."""
        if self._asking.lacks(peer, self._mask):
            self._asking.ask_for_more(peer, self._mask)

    def over(self, runner: Runner) -> None:
        """A machine has come to its end; the loop may be going through all of them just now."""
        if runner.retired:
            self._gone.append(runner)

    def prune(self) -> None:
        """Machines whose place was taken, and that are at their end, are let go; what they counted is kept."""
        while self._gone:
            runner = self._gone.pop()
            self._runners.remove(runner)
            narrator, status = runner.narrator, runner.status or 0
            self._ledger.past.keep(runner.machine.counts(), narrator.outcomes, narrator.actions, status)
            runner.machine.let_go()
