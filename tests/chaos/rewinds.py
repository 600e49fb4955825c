"""`make rewinds`: rewinds of a live group under flow, with kills. Exit status 0 only if all is equal in the end.

Three members apply what keeps coming. Again and again cursors are set back, by offset, time, duration, number or to
the earliest, some of it is taken back, and members are killed (SIGKILL) and start again. A reader looks at all orders
all the time. At the end every table is compared with the truth, and Kafka's own tool with the cursors.
"""

from __future__ import annotations

import logging
import random
import secrets
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import structlog
import typer
from backlogs import PARTITIONS
from own_servers import ACCOUNT, SCHEMA, OwnServers
from rich.console import Console

from stream_reconcile.core.errors import FencedError, ReconcileError
from stream_reconcile.core.rewind_target import How, target
from stream_reconcile.demo.programs import Program, Programs
from stream_reconcile.jobs.rewind import Rewinder
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.log.topics import Partition
from stream_reconcile.store.connect import connect
from support.kafka_tools import consumer_group
from support.rewinding import reading
from support.waiting import wait_until

from .checker import Report, check
from .long_log import TOPICS, Log, fill
from .run import _KAFKA, GROUP

console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
MEMBERS: Final = 3
UNDOS: Final = 0.35
"""Share of the rewinds after which the newest is taken back."""
NOTHING: Final = "nothing to move"
_PER_REWIND_S: Final = 1.5
_TRIES: Final = 40
_CAUGHT_UP_WITHIN_S: Final = 300.0


def main(
    rewinds: Annotated[int, typer.Option(min=1, help="Rewinds, one after another; undos come besides.")] = 50,
    kills: Annotated[int, typer.Option(min=0, help="SIGKILLs among them.")] = 5,
    per_second: Annotated[float, typer.Option(min=1, help="Records that come each second.")] = 500,
    seed: Annotated[int | None, typer.Option(help="Repeats history, order of the log and rewinds.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where the servers keep their data while they run.")] = None,
) -> None:
    """Rewind a live group of three, again and again; then compare the tables with the truth."""
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    logging.getLogger("stream_reconcile.kafka").setLevel(logging.ERROR)
    _say(f"seed {seed}: repeat this run with SEED={seed}")
    events = round(max(2_000.0, rewinds * _PER_REWIND_S * per_second))
    with OwnServers(data_dir, _KAFKA) as servers, servers.database() as dsn, Programs(servers.directory) as programs:
        faults = _run(servers, dsn, programs, random.Random(seed), rewinds, kills, events, seed, per_second)
    for fault in faults:
        console.print(f"[red]{fault}")
    raise typer.Exit(1 if faults else 0)


def _run(
    servers: OwnServers,
    dsn: str,
    programs: Programs,
    rng: random.Random,
    rewinds: int,
    kills: int,
    events: int,
    seed: int,
    per_second: float,
) -> list[str]:
    bootstrap = servers.kafka.bootstrap_servers
    rewinder = Rewinder(dsn, SCHEMA, KafkaConfig(bootstrap), group=GROUP, topics=TOPICS)
    own = {"KAFKA_BOOTSTRAP_SERVERS": bootstrap, "DATABASE_URL": dsn, "RECONCILE_MIGRATE": "0"}
    filled: list[Log] = []
    filler = threading.Thread(
        target=lambda: filled.append(fill(servers, dsn, events=events, seed=seed, per_second=per_second))
    )
    filler.start()
    members = [programs.start(f"member {number}", "run", "--role", "apply", **own) for number in range(MEMBERS)]
    with reading(lambda: servers.connect(dsn)) as reader:
        owners = f"SELECT count(DISTINCT owner) = {MEMBERS} FROM stream_cursors"
        wait_until(lambda: bool(servers.query(dsn, owners)[0][0]), timeout=90, what="all to have partitions")
        done = _storm(rewinder, members, rng, rewinds, kills)
        _say(f"{dict(done)}; waiting for the end of {events:,} records")
        filler.join()
        if not filled:
            return ["the log was not filled"]
        ends = filled[0].ends

        def stands() -> dict[Partition, int]:
            cursors = "SELECT topic, partition, next_offset FROM stream_cursors"
            return {Partition(topic, number): offset for topic, number, offset in servers.query(dsn, cursors)}

        def applied() -> bool:
            now = stands()
            return all(now.get(partition) == end for partition, end in ends.items())

        wait_until(applied, timeout=_CAUGHT_UP_WITHIN_S, what="all to be applied")
        told = _tool_in_the_middle(bootstrap, rewinder, members, stands, ends)
        wait_until(applied, timeout=_CAUGHT_UP_WITHIN_S, what="all to be applied once more")
    programs.require_alive()
    found = _compare(dsn, ends)
    faults = [*told, *(str(fault) for fault in found.listed)]
    faults += [f"order {order} went back from {before} to {after}" for order, before, after in reader.went_back[:20]]

    def tool_agrees() -> bool:
        lines = consumer_group(bootstrap, GROUP)
        return {p: (line.committed, line.lag) for p, line in lines.items()} == {p: (end, 0) for p, end in ends.items()}

    try:
        wait_until(tool_agrees, timeout=30, what="Kafka's own tool to say what the cursors say")
    except AssertionError as error:
        faults.append(str(error))
    _say(
        f"{found.orders:,} orders, {found.fills:,} fills, {found.events:,} events compared, the orders looked at "
        f"{reader.looks} times meanwhile: {len(faults)} differences"
    )
    return faults


def _tool_in_the_middle(
    bootstrap: str,
    rewinder: Rewinder,
    members: list[Program],
    stands: Callable[[], dict[Partition, int]],
    ends: dict[Partition, int],
) -> list[str]:
    """All is read again, and members stand still in the middle of it: what Kafka's own tool says of the group then.

    The group is shown positions after they are committed, so it may be behind the cursors, and is never ahead.
    """
    everything = target({How.EARLIEST: True}, now_ms=rewinder.now_ms)
    rewinder.execute(rewinder.plan(everything, {TOPICS.trade_updates: None}), who="chaos", why="chaos tool")
    begun = {p: at for p, at in stands().items() if p.topic == TOPICS.trade_updates}
    wait_until(lambda: any(stands()[p] > at for p, at in begun.items()), timeout=30, what="members to take it up")
    for member in members:
        member.freeze()
    now, told = stands(), consumer_group(bootstrap, GROUP)
    for member in members:
        member.thaw()
    behind = sum(line.lag for line in told.values())
    _say(f"in the middle of a rewind Kafka's own tool says {behind:,} records, the cursors {_behind(now, ends):,}")
    wrong = [
        f"{p.topic}:{p.partition}: the tool says {line.committed}, lag {line.lag}; cursor {now[p]}, end {ends[p]}"
        for p, line in told.items()
        if not line.committed <= now[p] or line.lag != ends[p] - line.committed
    ]
    return wrong if behind else ["Kafka's own tool saw nothing of the rewind: the log is too short for that"]


def _behind(stands: dict[Partition, int], ends: dict[Partition, int]) -> int:
    return sum(max(0, end - stands.get(partition, 0)) for partition, end in ends.items())


def _storm(rewinder: Rewinder, members: list[Program], rng: random.Random, rewinds: int, kills: int) -> Counter[str]:
    done: Counter[str] = Counter()
    begun = datetime.now(UTC)
    kill_at = set(rng.sample(range(rewinds), min(kills, rewinds)))
    for number in range(rewinds):
        if number in kill_at:
            victim = rng.choice(members)
            victim.kill()
            victim.start()
            done["kills"] += 1
        while (kind := _once(rewinder, rng, begun)) == NOTHING:
            done[kind] += 1
        done[kind] += 1
        if rng.random() < UNDOS:
            time.sleep(rng.uniform(0, 0.3))
            done[_tried(lambda: _undo(rewinder))] += 1
        if number % 10 == 9:
            _say(f"{number + 1} of {rewinds}: {dict(done)}")
        time.sleep(rng.uniform(0.1, 0.8))  # so that some are taken up and some are not
    return done


def _once(rewinder: Rewinder, rng: random.Random, begun: datetime) -> str:
    """One rewind, tried again where a claim came in between; gives what it was, or NOTHING."""
    how = rng.choice([*How])
    since = datetime.now(UTC) - begun
    asked: dict[How, Any] = {
        How.OFFSET: rng.randrange(500),
        How.DATETIME: (begun + since * rng.random()).isoformat(),
        How.DURATION: f"PT{max(1, round(timedelta(seconds=30).total_seconds() * rng.random()))}S",
        How.SHIFT: -rng.randrange(1, 1_000),
        How.EARLIEST: True,
    }
    numbers = frozenset(rng.sample(range(PARTITIONS), rng.randint(1, PARTITIONS)))

    def rewind() -> str:
        plan = rewinder.plan(target({how: asked[how]}, now_ms=rewinder.now_ms), {TOPICS.trade_updates: numbers})
        if not plan.moves:
            return NOTHING
        rewinder.execute(plan, who="chaos", why=f"chaos {how}")
        return str(how)

    return _tried(rewind)


def _undo(rewinder: Rewinder) -> str:
    try:
        plan = rewinder.plan_undo(None)
    except ReconcileError:
        return "nothing to undo"
    if not plan.moves:
        return "nothing to undo"
    rewinder.undo(plan, who="chaos", why="chaos undo")
    return "undo"


def _tried(action: Callable[[], str]) -> str:
    for _ in range(_TRIES):
        try:
            return action()
        except FencedError:
            continue
    raise FencedError("a cursor was claimed again and again")


def _compare(dsn: str, ends: dict[Partition, int]) -> Report:
    with connect(dsn, SCHEMA, name="chaos checker", statement_timeout_ms=0) as connection:
        return check(connection, account_id=ACCOUNT, group=GROUP, ends=ends)


def _say(text: str) -> None:
    console.print(f"[dim]{time.strftime('%H:%M:%S')}[/] {text}")


if __name__ == "__main__":
    typer.run(main)
