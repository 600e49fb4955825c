"""Making a fault happen."""

from __future__ import annotations

from functools import partial
from typing import Any

import psycopg

from stream_reconcile.core.errors import ConfigError, ReconcileError
from stream_reconcile.core.rewind_target import How, Target
from stream_reconcile.jobs.rewind import Rewinder
from stream_reconcile.log.topics import Partition

from .broker import ACCOUNT
from .kafka import PARTITIONS, TOPICS
from .processes import Surroundings
from .schedule import Fault
from .world import SECOND, Process


def happen(around: Surroundings, fault: Fault) -> None:
    """Now, or when its process comes to its point."""
    around.world.note(f"fault: {fault}")
    if fault.kind in ("kill", "stop"):
        action = around.world.kill if fault.kind == "kill" else partial(_stop, around, fault)
        if fault.point:
            around.world.aims.setdefault((fault.whom, fault.point), []).append(action)
        elif fault.whom in around.world.processes:
            action(around.world.processes[fault.whom])
        return
    HAPPENS[fault.kind](around, fault)


def _stop(around: Surroundings, fault: Fault, process: Process) -> None:
    around.world.stop(process, fault.seconds)


def _until(around: Surroundings, fault: Fault) -> int:
    return around.world.now_ns + int(fault.seconds * SECOND)


def _weather(name: str) -> Any:
    def change(around: Surroundings, fault: Fault) -> None:
        setattr(around.weather, name, _until(around, fault))

    return change


def _rest_stale(around: Surroundings, fault: Fault) -> None:
    around.weather.rest_stale_ns = _until(around, fault)
    around.weather.stale_s = 1.0 + fault.number


def _activities_late(around: Surroundings, fault: Fault) -> None:
    around.broker.activity_delay_s = 2.0 + 2 * fault.number
    around.world.after(fault.seconds, lambda: setattr(around.broker, "activity_delay_s", 0.0))


def _cut_from_group(around: Surroundings, fault: Fault) -> None:
    for consumer in around.log.group.members:
        if consumer.process.name == fault.whom:
            consumer.cut_since_ns, consumer.cut_until_ns = around.world.now_ns, _until(around, fault)


def _stolen(around: Surroundings, fault: Fault) -> None:
    def steal(process: Process) -> None:
        for consumer in list(around.log.group.members):
            if consumer.process is process:
                consumer.cut_since_ns, consumer.cut_until_ns = around.world.now_ns, around.world.now_ns + 2 * SECOND
                consumer.expelled = True
                around.log.group.leave(consumer)
        around.world.stop(process, fault.seconds)

    around.world.aims.setdefault((fault.whom, "commit"), []).append(steal)


def _unknown_commit(around: Surroundings, fault: Fault) -> None:
    around.database.unknown_next.add(fault.whom)


def _refused_connection(around: Surroundings, fault: Fault) -> None:
    around.database.refuse_next.add(fault.whom)


def _kafka_down(around: Surroundings, fault: Fault) -> None:
    around.log.down_until_ns = _until(around, fault)


def _kafka_loses_answers(around: Surroundings, fault: Fault) -> None:
    around.log.silent_until_ns = _until(around, fault)


def _postgres_restored(around: Surroundings, fault: Fault) -> None:
    """From a backup that was made some seconds before."""
    around.database.restore()
    del fault


def _partition(around: Surroundings, fault: Fault) -> Partition:
    return Partition(TOPICS.applied[fault.number % 4 if fault.number % 3 else 0], fault.number % PARTITIONS)


def _retention(around: Surroundings, fault: Fault) -> None:
    partition = _partition(around, fault)
    stretch = around.log.partitions[partition]
    around.log.cut(partition, stretch.low + len(stretch.records) * (fault.number + 1) // 10)


def _log_truncated(around: Surroundings, fault: Fault) -> None:
    partition = _partition(around, fault)
    around.log.truncate(partition, around.log.partitions[partition].high - 1 - fault.number)


def _topic_made_anew(around: Surroundings, fault: Fault) -> None:
    around.log.make(_partition(around, fault).topic)
    around.log.damaged = True


def _junk_record(around: Surroundings, fault: Fault) -> None:
    """It names its account and order, its account, or nothing."""
    keys = (f"{ACCOUNT}/order-{fault.number}", f"{ACCOUNT}/", "")
    around.log.append(_partition(around, fault).topic, keys[fault.number % 3].encode(), b"junk")


def _rewind(around: Surroundings, fault: Fault) -> None:
    target = (
        Target(How.EARLIEST, 0, "--to-earliest"),
        Target(How.SHIFT, -1 - fault.number, "--shift-by"),
        Target(How.OFFSET, fault.number, "--to-offset"),
    )[fault.number % 3]
    topics = TOPICS.applied if fault.number % 2 else TOPICS.applied[:1]

    def rewind(rewinder: Rewinder) -> None:
        plan = rewinder.plan(target, dict.fromkeys(topics))
        if plan.moves and not plan.refused:
            rewinder.execute(plan, who="operator", why="simulation")

    _operator(around, rewind)


def _undo(around: Surroundings, _fault: Fault) -> None:
    def undo(rewinder: Rewinder) -> None:
        plan = rewinder.plan_undo(None)
        if plan.moves and not plan.refused:
            rewinder.undo(plan, who="operator", why="simulation")

    _operator(around, undo)


def _operator(around: Surroundings, act: Any) -> None:
    def body(_process: Process) -> None:
        try:
            act(around.rewinder)
        except (ConfigError, ReconcileError, psycopg.Error) as error:
            around.world.note(f"operator: {type(error).__name__}: {error}")

    around.world.start("operator", body)


HAPPENS = {
    "unknown_commit": _unknown_commit,
    "refused_connection": _refused_connection,
    "cut_from_group": _cut_from_group,
    "stolen": _stolen,
    "rebalance": lambda around, fault: around.log.group.rebalance(fault.number),
    "rewind": _rewind,
    "undo": _undo,
    "socket_closed": lambda around, _fault: around.stream.close(),
    "socket_mute": _weather("mute_ns"),
    "socket_refused": _weather("refuses_ns"),
    "frames_lost": _weather("loses_ns"),
    "frames_twice": _weather("twice_ns"),
    "frames_late": _weather("late_ns"),
    "rest_down": _weather("rest_down_ns"),
    "rest_cut": _weather("rest_cut_ns"),
    "rest_stale": _rest_stale,
    "activities_late": _activities_late,
    "kafka_down": _kafka_down,
    "kafka_loses_answers": _kafka_loses_answers,
    "postgres_down": lambda around, fault: around.database.stop(fault.seconds),
    "postgres_restored": _postgres_restored,
    "retention": _retention,
    "topic_made_anew": _topic_made_anew,
    "log_truncated": _log_truncated,
    "junk_record": _junk_record,
}
