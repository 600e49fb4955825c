"""Two members that write the same orders at once (3a): no wrong row, and no false discrepancy left behind."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import threading
from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from stream_reconcile.core.sums import Finding
from stream_reconcile.store.batch import Record, batch_of
from support.expected_rows import actual_tables, expected_findings, expected_tables
from support.histories import history_log
from support.log_records import LogRecords
from support.waiting import wait_until
from support.wild_orders import logs
from support.wire_data import activity_json, frame, order_json
from support.writer_bench import WAYS, Bench

pytestmark = pytest.mark.rows_only

SETTINGS = settings(
    max_examples=int(os.environ.get("RECONCILE_WRITER_EXAMPLES", "25")),
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
RETRIED = ("40P01", "40001", "55P03")  # as jobs/apply does: locks taken crosswise
SUMS = {Finding.MISSING_FILL, Finding.EXCESS_FILL}
_accounts = (f"acct-{n}" for n in itertools.count())


@pytest.fixture(params=WAYS)
def members(database: str, request: pytest.FixtureRequest) -> Iterator[tuple[Bench, Bench]]:
    limits = WAYS[request.param]
    with (
        contextlib.closing(Bench(database, "one", **limits)) as one,
        contextlib.closing(Bench(database, "two", **limits)) as two,
    ):
        yield one, two


def write_at_once(members: tuple[Bench, Bench], shares: list[list[list[Record]]]) -> int:
    """Each member writes its batches in a thread of its own; gives how often one had to be written again."""
    together = threading.Barrier(len(members))
    failures: list[BaseException] = []
    retries = itertools.count()

    def write(member: Bench, batches: list[list[Record]]) -> None:
        try:
            together.wait(timeout=30)
            for batch in batches:
                while True:
                    try:
                        member.writer.write(batch_of(batch))
                        break
                    except psycopg.Error as error:
                        if error.sqlstate not in RETRIED:
                            raise
                        next(retries)
        except BaseException as error:
            failures.append(error)
            raise

    threads = [
        threading.Thread(target=write, args=(member, batches)) for member, batches in zip(members, shares, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=100)
    assert not failures
    assert not any(thread.is_alive() for thread in threads)
    return next(retries)


def assert_right(bench: Bench, records: list[Record], account_id: str) -> None:
    actual, expected = actual_tables(bench.connection, account_id), expected_tables(records)
    assert actual.executions == expected.executions
    assert actual.order_events == expected.order_events
    assert actual.fill_evidence == expected.fill_evidence
    assert actual.fills == expected.fills
    query = "SELECT subject, type FROM discrepancies WHERE account_id = %s AND state = 'open'"
    standing = set(bench.rows(query, account_id))
    for order_id, findings in expected_findings(records).items():
        found = {kind for subject, kind in standing if subject == order_id} & SUMS
        assert found <= findings, order_id
        if actual.executions[order_id]["last_source"] == "stream":
            assert found == findings & SUMS, order_id


@SETTINGS
@given(log=logs, rng=st.randoms(use_true_random=True))
def test_i9_two_members_at_once_leave_the_rows_and_findings_of_one(
    members: tuple[Bench, Bench], log: LogRecords, rng: random.Random
) -> None:
    account_id = next(_accounts)
    own = LogRecords(account_id)
    for record in log.records:
        received = max((o.snapshot_ns for o in record.parsed.observations), default=0)
        own.add(record.place.topic, record.payload, received_at_ns=received)
    shares: list[list[list[Record]]] = [[], []]
    for record in rng.sample(own.records, len(own.records)):
        shares[rng.random() < 0.5].append([record])
    write_at_once(members, shares)
    assert_right(members[0], own.records, account_id)


@pytest.mark.parametrize("size", [1, 7, 60])
def test_i9_two_members_and_whole_histories(members: tuple[Bench, Bench], size: int) -> None:
    log, _ = history_log(21 + size, 60, next(_accounts), sweep=True)
    rng = random.Random(size)
    shares: list[list[list[Record]]] = []
    records = rng.sample(log.records, len(log.records))
    for share in (records[::2], records[1::2]):
        shares.append([share[start : start + size] for start in range(0, len(share), size)])
    write_at_once(members, shares)
    assert_right(members[0], log.records, log.account_id)
    assert {kind for _subject, kind in members[0].open()} <= {"overfill"}


def test_i1_two_members_that_apply_the_same_records_write_each_order_once(members: tuple[Bench, Bench]) -> None:
    log, history = history_log(31, 80, next(_accounts))
    batches = [log.records[start : start + 10] for start in range(0, len(log.records), 10)]
    write_at_once(members, [batches, batches])
    assert_right(members[0], log.records, log.account_id)
    assert members[0].rows("SELECT count(*) FROM executions") == [(len(history.truth),)]


def test_i9_a_leg_filled_while_its_parent_is_written(members: tuple[Bench, Bench]) -> None:
    one, two = members
    log = LogRecords(next(_accounts))
    leg = order_json(id="leg-a", ratio_qty="1", order_class="mleg")
    parent = order_json(id="parent", order_class="mleg", symbol="", legs=None)
    known = log.frame(frame("new", parent | {"legs": [leg]}))
    filled = log.frame(frame("fill", parent | {"filled_qty": "1", "updated_at": "2026-09-18T13:25:00Z"}))
    said = activity_json(order_id="leg-a", qty="1", cum_qty="1")
    activity = log.activity(json.dumps(said).encode())
    one.write([known])

    thread = threading.Thread(target=two.write, args=([activity],))
    with one.connection.transaction():
        one.write([filled])  # short of the leg's fill, as far as this member can see
        thread.start()
        waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND pid = %s"
        pid = two.connection.info.backend_pid
        wait_until(lambda: one.rows(waiting, pid), what="the other member to wait for the parent's row")
    thread.join(timeout=30)
    assert not thread.is_alive()
    assert ("parent", "missing_fill") not in one.open()
    assert one.rows("SELECT state FROM discrepancies WHERE type = 'missing_fill' AND subject = 'parent'") == [
        ("resolved",)
    ]
