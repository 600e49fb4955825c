"""Promoting a replay: brought to where the live rows go, and put in their place, while members of apply live on."""

from __future__ import annotations

import random
import time
import uuid
from contextlib import closing
from typing import Final

import psycopg
import structlog

from stream_reconcile.core.errors import PostgresUnreachable, RefusedError
from stream_reconcile.jobs.replay.compare import live_offsets
from stream_reconcile.jobs.replay.config import Progress, ReplayConfig
from stream_reconcile.jobs.replay.run import Replay
from stream_reconcile.log.codec import Codec
from stream_reconcile.log.topics import Partition
from stream_reconcile.store.connect import connect
from stream_reconcile.store.promote import Promoted, Promotion
from stream_reconcile.store.replay_schema import Coverage, ReplayState, coverage, read_state, require_replay

log = structlog.get_logger()

TRIES: Final = 60
MOST_LEFT: Final = 2_000
"""Records that may be left to replay while live apply is kept out."""
_ROUNDS: Final = 50
_AGAIN: Final = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)


def promote(
    config: ReplayConfig,
    codec: Codec,
    *,
    who: str,
    why: str,
    accept_lost: bool = False,
    progress: Progress = lambda _done, _total: None,
) -> Promoted:
    """Swap the derived tables. The schema of the replay holds what was live afterwards, and can be promoted back.

    Raises RefusedError where the replay lacks what the live tables may have (unless `accept_lost`, for what the log no
    longer holds), or where something is bound to the live tables; PostgresUnreachable where somebody keeps the tables
    locked. Nothing has changed then.
    """
    with connect(config.dsn, config.schema, name="stream-reconcile promote") as connection:
        state = require_replay(connection, config.live_schema, config.schema)
    _require_whole(config.schema, state, accept_lost=accept_lost)
    with (
        closing(Promotion(config.dsn, config.live_schema, config.schema)) as promotion,
        Replay(config, codec, owner=f"promote-{uuid.uuid4()}", progress=progress) as replay,
        connect(config.dsn, config.live_schema, name="stream-reconcile promote") as live,
    ):
        _approach(config, replay, live)
        promotion.prepare()
        _approach(config, replay, live)
        # What expired on the way here counts as well.
        _require_whole(config.schema, _state(config), accept_lost=accept_lost)

        def catch_up(rows: dict[tuple[str, int], Coverage]) -> None:
            replay.to(_offsets(replay, rows), hurry=True)

        for attempt in range(1, TRIES + 1):
            try:
                return promotion.swap(config.group, catch_up, replay.lost, who=who, why=why)
            except _AGAIN as error:
                log.info("promote_waits", why=type(error).__name__, attempt=attempt)
                time.sleep(random.uniform(0.1, 0.5))  # noqa: S311 - jitter
        raise PostgresUnreachable(
            f"the tables of schema {config.live_schema} are read or written without a pause: end what holds them (a "
            "long query, an open transaction: see pg_stat_activity), and promote again; nothing was changed"
        )


def _require_whole(schema: str, state: ReplayState, *, accept_lost: bool) -> None:
    lost = {(one.topic, one.partition): one for one in state.lost}
    for (topic, number), start in sorted(state.starts.items()):
        gone = lost.get((topic, number))
        if start > 0:
            raise RefusedError(
                f"schema {schema} was begun at {topic}:{number}:{start} and lacks what stands before: promoted, it "
                "would take that from the live tables. Replay from the first record, or `rewind` the live ones"
            )
        if gone is not None and not accept_lost:
            raise RefusedError(
                f"schema {schema} lacks {topic}:{number} from {gone.first} to {gone.next} ({gone.why}): promoted, it "
                "would take the rows made of these from the live tables. Use `rewind` to apply again what is there, or "
                "say --accept-lost where the live tables never had them"
            )


def _state(config: ReplayConfig) -> ReplayState:
    with connect(config.dsn, config.schema, name="stream-reconcile promote") as connection:
        return read_state(connection)


def _approach(config: ReplayConfig, replay: Replay, live: psycopg.Connection) -> None:
    """Come close to where the live rows go, so that little is left for the time in which live apply waits."""
    for _ in range(_ROUNDS):
        until = _offsets(replay, coverage(live, config.group))
        left = sum(max(0, at - replay.position[p]) for p, at in until.items())
        replay.to(until)
        if left <= MOST_LEFT:
            return
    raise RefusedError(
        "live apply goes on faster than the replay can follow: promote in a quieter hour, or with --share 0"
    )


def _offsets(replay: Replay, rows: dict[tuple[str, int], Coverage]) -> dict[Partition, int]:
    until, behind = live_offsets(replay, rows)
    if "made anew" in behind:
        raise RefusedError(f"{behind}: let it come that far, and promote again")
    # A replay that is further than live apply is welcome: the cursors follow it.
    return until
