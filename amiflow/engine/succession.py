"""A plan takes the place of another in a run that goes on: what it takes over, and what both mind of each other as long
as runs of the other go on.

Belongs here: the chain of machines that followed one another. Never here: reading recipes again (`cli`), and when a
machine's place is taken (`live.reload`).

Runs of flows go on in the machine that they began in, to their end; no other run begins there. Taken over are

- stores whose declaration is the same: both machines have the same store, with the bounds that it has by the params of
  now, and a change in one is seen by the other's `wait until`;
- keys: a run of the other machine that goes on for a key of the flow of that name is minded as if it were an own one;
- slots of a pool that the other's runs still have, and what the other sent under a `limit` for the same action;
- of a flow whose trigger, key and server are the same: its pending matches, its counts, its cooldowns and its beat.

Everything else begins anew. What is pending of other flows is dropped, and noted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from operator import itemgetter

from amiflow.engine.admission import Admission, KeyAt
from amiflow.engine.core import Core
from amiflow.engine.durable import Durable
from amiflow.engine.instance import Instance
from amiflow.engine.limits import Limits
from amiflow.engine.matching import Matching
from amiflow.engine.moments import Moments
from amiflow.engine.pools import Pools
from amiflow.engine.restart import Restarts
from amiflow.engine.stores import Held
from amiflow.plan.likeness import alike
from amiflow.plan.model import Flow, Plan

DROPPED = "the recipe was read again, and this flow's trigger, key or server is another, or it is gone"


class Kin:
    """A machine in the chain; `before` is the one whose place it took, `after` the one that took its place."""

    def __init__(
        self,
        core: Core,
        admission: Admission,
        matching: Matching,
        moments: Moments,
        pools: Pools,
        limits: Limits,
        durable: Durable,
        restarts: Restarts,
    ) -> None:
        self.core = core
        self.admission = admission
        self.pools = pools
        self.before: Kin | None = None
        self.after: Kin | None = None
        self.is_over = False
        self._matching = matching
        self._moments = moments
        self._limits = limits
        self._durable = durable
        self._restarts = restarts

    def take_over(self, before: Kin, same: Collection[str], now: float, wall: float) -> None:
        """Take the place of another machine of the same run; `same` are the flows of the same trigger and key. The
        other one may have been told the time long ago."""
        self.before, before.after = before, self
        self.core.go_on_from(before.core)
        self.core.now, self.core.world.wall = max(now, before.core.now), wall
        for server in self.core.servers.values() if before.is_over else ():
            server.forget_line()
        self._share_stores(before)
        self.core.relatives = [before.core, *before.core.relatives]
        for other in self.core.relatives:
            other.relatives.append(self.core)
        for kin in (self, before):
            kin.admission.kin = kin.pools.kin = kin
        self._restarts.go_on_from(before._restarts)
        self._limits.go_on_from(before._limits)
        self.admission.go_on_from(before.admission, same, DROPPED)
        self._matching.go_on_from(before._matching, same, DROPPED)
        self._moments.go_on_from(before._moments, same)

    def _share_stores(self, before: Kin) -> None:
        declared = {store.name: store for store in before.core.plan.stores}
        for store in self.core.plan.stores:
            if store.name not in declared or not alike(store, declared[store.name]):
                self._durable.begin_anew(store.name)
                self._leave_to_me(store.name)
            else:
                own, held = self.core.world.globals[store.name], before.core.world.globals[store.name]
                self.core.world.globals[store.name] = held
                held.keep_time(self.core.clock)
                lasting, gone = held.lasting, held.keep_bounds(own)
                if held.lasting != lasting:
                    self._durable.write_anew(store.name)
                else:
                    for key in gone:
                        self._durable.evict(store.name, key)
                before.core.touch(f"store {store.name}")

    def _leave_to_me(self, store: str) -> None:
        for earlier in self._earlier():
            earlier._durable.let_go(store)

    def leave(self) -> None:
        """The machine is no more: those before and after it are neighbours now, and stores take the time of them."""
        if self.before is not None:
            self.before.after = self.after
        if self.after is not None:
            self.after.before = self.before
        for other in self.core.relatives:
            other.relatives.remove(self.core)
            for store in self.core.plan.stores:
                held: Held = self.core.world.globals[store.name]
                if other.world.globals.get(store.name) is held:
                    held.keep_time(other.clock)

    @property
    def is_last(self) -> bool:
        """Whether no run of an earlier machine goes on."""
        return not any(kin.core.instances for kin in self._earlier())

    def end(self) -> None:
        """The machine has come to its end, for which a later one may wait (`is_last`)."""
        self.is_over = True
        later = self._next()
        if later is not None:
            later._limits.take_dials(self._limits)
        for kin in self._later():
            kin.core.stirred = True

    # --- keys ---------------------------------------------------------------------------------------------------------

    def holder(self, flow: str, at: KeyAt) -> Instance | None:
        """The run of an earlier machine that has the key of the flow of that name."""
        return next((held for kin in self._earlier() if (held := kin.admission.holder(flow, at)) is not None), None)

    def stop(self, instance: Instance) -> None:
        """End a run of an earlier machine, for one that takes its place."""
        for kin in self._earlier():
            kin.core.now = max(kin.core.now, self.core.now)
            if kin.admission.stop(instance):
                return

    def outdo(self, flow: str, at: KeyAt) -> None:
        """A newer run waits for the key: who waits for it in an earlier machine does so no longer."""
        for kin in self._earlier():
            kin.core.stirred = kin.admission.outdo(flow, at) or kin.core.stirred

    def freed(self, instance: Instance) -> None:
        """A run of this machine, or an earlier one, has ended: the next one is to see who waits for its key. It does so
        when it has had the same input, which may end who waits, too, or be what it will wait for."""
        later = self._next()
        if later is not None:
            later.core.now = max(later.core.now, self.core.now)
            later.core.freed.append(instance)
            later.core.stirred = True

    # --- pools --------------------------------------------------------------------------------------------------------

    def taken(self, pool: str) -> int:
        """The slots that runs of other machines have."""
        return sum(kin.pools.taken(pool) for kin in self._all() if kin is not self)

    def serve(self, pool: str) -> None:
        """Give free slots to those who wait, in whatever machine; who has waited longest is first."""
        while any(kin._serve_first(pool, self) for kin in self._waiting(pool)):
            pass

    def _waiting(self, pool: str) -> list[Kin]:
        waits = [(since, kin) for kin in self._all() if (since := kin.pools.waits_since(pool)) is not None]
        return [kin for _, kin in sorted(waits, key=itemgetter(0))]

    def _serve_first(self, pool: str, giver: Kin) -> bool:
        self.core.now = max(self.core.now, giver.core.now)
        served = self.pools.serve_first(pool)
        self.core.stirred = self.core.stirred or (served and self is not giver)
        return served

    def _all(self) -> Iterator[Kin]:
        """All of the chain, the oldest first."""
        yield from reversed(list(self._earlier()))
        yield self
        yield from self._later()

    def _earlier(self) -> Iterator[Kin]:
        """Those before it, the nearest first; there may be a thousand, each with a run that goes on."""
        kin = self.before
        while kin is not None:
            yield kin
            kin = kin.before

    def _next(self) -> Kin | None:
        return next((kin for kin in self._later() if not kin.is_over), None)

    def _later(self) -> Iterator[Kin]:
        kin = self.after
        while kin is not None:
            yield kin
            kin = kin.after


def same_triggers(before: Plan, now: Plan) -> frozenset[str]:
    """The flows whose trigger, key and server are the same in two plans. Of large plans this takes long."""
    old = {flow.name: flow for flow in before.flows}
    return frozenset(
        flow.name for flow in now.flows if flow.name in old and alike(_beginning(flow), _beginning(old[flow.name]))
    )


def _beginning(flow: Flow) -> tuple[object, ...]:
    return flow.trigger, flow.per, flow.server
