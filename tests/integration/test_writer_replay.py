"""I1, I2 and I10 in the writer, on whole histories: once, the same in any batches, and a replay writes nothing."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator

import pytest

from support.expected_rows import Tables, actual_tables, expected_findings, expected_tables
from support.histories import history_log, shuffled
from support.log_records import LogRecords
from support.wire_data import ACCOUNT, frame, order_json, sample
from support.writer_bench import WAYS, Bench

pytestmark = pytest.mark.rows_only


@pytest.fixture(params=WAYS)
def bench(database: str, request: pytest.FixtureRequest) -> Iterator[Bench]:
    with contextlib.closing(Bench(database, **WAYS[request.param])) as bench:
        yield bench


def write_in_batches(bench: Bench, log: LogRecords, size: int) -> None:
    for start in range(0, len(log.records), size):
        bench.write(log.records[start : start + size])


def assert_equal(actual: Tables, expected: Tables) -> None:
    for name, found, wanted in zip(Tables._fields, actual, expected, strict=True):
        different = {key for key in found.keys() | wanted.keys() if found.get(key) != wanted.get(key)}
        assert not different, (name, sorted(different)[:3])


@pytest.mark.parametrize(("sweep", "size"), [(False, 1), (False, 700), (True, 40), (True, 3_000)])
def test_i2_a_history_in_any_batches_gives_the_rows_of_the_pure_core(bench: Bench, sweep: bool, size: int) -> None:
    log, history = history_log(11, {1: 60, 40: 150}.get(size, 300), ACCOUNT, sweep=sweep)  # a batch takes its time
    write_in_batches(bench, shuffled(log, 5) if sweep else log, size)
    assert_equal(actual_tables(bench.connection, ACCOUNT), expected_tables(log.records))
    assert {found for _order, kinds in expected_findings(log.records).items() for found in kinds} <= {"overfill"}
    assert {kind for _subject, kind in bench.open()} <= {"overfill"}
    ((orders, distinct),) = bench.rows("SELECT count(*), count(DISTINCT alpaca_order_id) FROM executions")
    assert orders == distinct == len(history.truth)


@pytest.mark.parametrize("sweep", [False, True])
def test_i10_a_replay_writes_nothing(bench: Bench, sweep: bool) -> None:
    log, _ = history_log(12, 200, ACCOUNT, sweep=sweep)
    write_in_batches(bench, log, 500)
    before, findings = bench.versions(), bench.rows("SELECT count(*) FROM discrepancies")
    for size in (1_000, 77):
        write_in_batches(bench, log, size)
        assert bench.versions() == before
    write_in_batches(bench, shuffled(log, 1), 300)
    assert bench.versions() == before
    assert bench.rows("SELECT count(*) FROM discrepancies") == findings


def test_i10_a_replay_of_any_stretch_writes_nothing(bench: Bench) -> None:
    log, _ = history_log(13, 100, ACCOUNT, sweep=True)
    write_in_batches(bench, log, 60)
    before = bench.versions()
    for start, end in itertools.pairwise(range(0, len(log.records), 97)):
        bench.write(log.records[start + 13 : end])
        assert bench.versions() == before


def test_histories_in_order_open_nothing(bench: Bench) -> None:
    log, _ = history_log(14, 300, ACCOUNT, disturb=False)
    for start in range(0, len(log.records), 50):
        bench.write(log.records[start : start + 50])
        assert {kind for _subject, kind in bench.open()} <= {"trade_bust", "trade_correct", "overfill"}


def test_the_brokers_samples_are_applied(bench: Bench) -> None:
    log = LogRecords()
    for number in (3, 4, 5, 6, 14, 18, 19, 20, 21, 22, 23, 24, 25, 31, 32):
        log.frame(sample(number))
    for number in (26, 27, 28, 29, 30, 38, 41, 42, 43, 54, 55, 56, 61):
        log.snapshot(sample(number), received_at_ns=number)
    for each in ([log.records[0]], log.records, list(reversed(log.records))):
        written = bench.write(each)
        assert written.dead_letters == ()
    assert_equal(actual_tables(bench.connection, ACCOUNT), expected_tables(log.records))


@pytest.mark.parametrize("second_first", [False, True])
def test_an_execution_that_two_orders_claim_is_the_firsts_in_the_log(bench: Bench, second_first: bool) -> None:
    log = LogRecords()
    for number, qty in ((1, "4"), (2, "3")):
        order = order_json(id=f"order-{number}", filled_qty=qty, status="partially_filled")
        log.frame(frame("partial_fill", order, execution_id="one", qty=qty, price="2"))
    for record in reversed(log.records) if second_first else log.records:
        bench.write([record])
    expected = expected_tables(log.records)
    assert [row["alpaca_order_id"] for row in expected.fills.values()] == ["order-1"]
    assert_equal(actual_tables(bench.connection, ACCOUNT), expected)
    missing = {("order-2", "missing_fill")}
    assert {(subject, kind) for subject, kinds in expected_findings(log.records).items() for kind in kinds} == missing
    assert bench.open("missing_fill") == missing
