"""Ingest, sweep and apply killed or frozen at chosen points, each made sure by a lock or by a trap in a line."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Final

from stream_reconcile.demo.programs import Program
from support.waiting import wait_until

from .link import produces
from .place import RATE, Scene
from .sight import CAUGHT_WITHIN_S, Held, holder_of, logged, program_at, wait_for_takeover
from .strike import Strike, a_while

_INGEST: Final = "stream-reconcile ingest%"
_SWEEP: Final = "stream-reconcile sweep%"
_APPLY: Final = "stream-reconcile apply"
_BURST: Final = 300.0
"""Events a second, of which a batch becomes large enough to be copied."""
_LAST_SWEEP: Final = """
SELECT s.sweep_id FROM sweeps s
JOIN leases l ON l.job = 'sweep' AND l.account_id = s.account_id AND l.owner = s.owner AND l.epoch = s.lease_epoch
WHERE s.finished_at IS NULL AND l.expires_at > clock_timestamp()
ORDER BY s.started_at DESC LIMIT 1
FOR UPDATE OF s SKIP LOCKED
"""


def _killed_as_it_publishes(topic: str, *, drop: float = 0.0) -> Strike:
    """Records of the topic are at Kafka, and no answer has come back."""

    def strike(scene: Scene, rng: random.Random) -> None:
        control, link = scene.whole.simulator.control, scene.links["kafka"]
        if drop:
            control.fault("drop", probability=drop)
        trap = link.trap(produces(getattr(scene.whole.topics, topic)))
        program = program_at(scene, "kafka", trap.wait(CAUGHT_WITHIN_S))
        assert program is not None
        program.kill()
        link.heal()
        control.clear_faults()
        a_while(rng)

    return strike


def _ingest_killed_before_its_session_is_recorded(scene: Scene, rng: random.Random) -> None:
    """The socket listens again, and the table still has the session before."""
    holder = holder_of(scene, "ingest")
    before = len(logged(holder, "stream_listening"))
    with Held(scene, "LOCK TABLE stream_sessions IN EXCLUSIVE MODE") as held:
        scene.whole.simulator.control.fault("disconnect_abrupt")
        wait_until(
            lambda: len(logged(holder, "stream_listening")) > before, timeout=CAUGHT_WITHIN_S, what="a new socket"
        )
        held.caught(_INGEST, "-- newest")
        holder.kill()
    a_while(rng)


def _ingest_killed_with_a_new_lease(scene: Scene, rng: random.Random) -> None:
    """It has the lease of the one before, and has written and published nothing under it."""
    holder_of(scene, "ingest").kill()
    with Held(scene, "LOCK TABLE stream_sessions IN EXCLUSIVE MODE") as held:
        held.caught(_INGEST, "-- newest").kill()
    a_while(rng)


def _killed_at(application: str, statement: str, lock: str) -> Strike:
    """At a statement that waits for the lock."""

    def strike(scene: Scene, rng: random.Random) -> None:
        with Held(scene, lock) as held:
            held.caught(application, statement).kill()
        a_while(rng)

    return strike


def _sweep_killed_as_it_writes_its_result(scene: Scene, rng: random.Random) -> None:
    """Its row is held from while it reads on."""
    with Held(scene) as held:
        wait_until(lambda: held.execute(_LAST_SWEEP), timeout=CAUGHT_WITHIN_S, what="a sweep under way")
        held.caught(_SWEEP, "-- finish").kill()
    a_while(rng)


def _apply_killed_in_a_rebalance(scene: Scene, rng: random.Random) -> None:
    """A third copy comes; who claims a cursor is killed, or another one, whose cursors it may be."""
    third = scene.programs.start("a third copy", "run", **scene.settings)
    wait_until(lambda: _is_connected(scene, third), timeout=CAUGHT_WITHIN_S, what="the third copy's apply")
    with Held(scene, "LOCK TABLE stream_cursors IN SHARE MODE") as held:
        claimant = held.caught(_APPLY, "-- claim")
        others = [program for program in (*scene.copies, third) if program is not claimant]
        (claimant if rng.random() < 0.5 else rng.choice(others)).kill()
    a_while(rng)
    third.kill()


def _is_connected(scene: Scene, program: Program) -> bool:
    query = "SELECT client_port FROM pg_stat_activity WHERE application_name = %(application)s"
    ports = [row["client_port"] for row in scene.whole.rows(query, application=_APPLY)]
    clients = scene.links["postgres"].clients
    return any(program_at(scene, "postgres", clients.get(port, 0)) is program for port in ports)


def _frozen_where(is_it: Callable[[str], bool], *, afresh: bool = False) -> Strike:
    """Apply, at a statement of its transaction, until others took over; it goes on as a zombie.

    `afresh`: with new connections, whose first large batch goes by temporary tables.
    """

    def strike(scene: Scene, rng: random.Random) -> None:
        control = scene.whole.simulator.control
        control.flow(_BURST)
        if afresh:
            scene.links["postgres"].cut()
        frozen: list[Program] = []

        def freeze() -> bool:
            # Released each time: while they wait the next batches grow, and grow into the other ways to the tables.
            with Held(scene, "LOCK TABLE order_events IN SHARE MODE") as held:
                program, statement = held.caught_at_any(_APPLY)
                if is_it(statement):
                    program.freeze()
                    frozen.append(program)
            return bool(frozen)

        wait_until(freeze, timeout=CAUGHT_WITHIN_S, what="apply at that statement")
        control.flow(RATE)
        wait_for_takeover(scene, frozen[0])
        a_while(rng)

    return strike


POINTS: Final[Mapping[str, Strike]] = {
    "ingest killed as it publishes": _killed_as_it_publishes("trade_updates"),
    "ingest killed before its session is recorded": _ingest_killed_before_its_session_is_recorded,
    "ingest killed with a new lease": _ingest_killed_with_a_new_lease,
    "sweep killed as it publishes": _killed_as_it_publishes("order_snapshots", drop=0.3),
    "sweep killed at its barrier": _killed_at(
        _SWEEP, "-- cursors", "LOCK TABLE stream_cursors IN ACCESS EXCLUSIVE MODE"
    ),
    "sweep killed as it writes its result": _sweep_killed_as_it_writes_its_result,
    "sweep killed before its proof": _killed_at(_SWEEP, "-- close_windows", "LOCK TABLE stream_gaps IN SHARE MODE"),
    "apply killed in a rebalance": _apply_killed_in_a_rebalance,
    "apply frozen in COPY": _frozen_where(lambda statement: statement.startswith("-- copy_")),
    "apply frozen before its commit": _frozen_where(
        lambda statement: statement.startswith("-- insert_events"), afresh=True
    ),
    "apply frozen at its commit": _frozen_where(lambda statement: "write_few" in statement),
}
