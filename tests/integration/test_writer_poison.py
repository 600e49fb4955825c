"""I8 in the writer: a record that Postgres refuses is put aside, alone, in the transaction that passes it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

import psycopg
import pytest

from stream_reconcile.core.fold import Fold
from stream_reconcile.core.timestamps import ms_text, parse_ns
from stream_reconcile.store.batch import Batch, batch_of, fold_records
from stream_reconcile.store.rows import moment, plausible_ms
from support.expected_rows import actual_tables, expected_tables
from support.log_records import TOPIC_ID, LogRecords
from support.wire_data import ACCOUNT, UPDATES, activity_json, frame, order_json
from support.writer_bench import WAYS, Bench, blank_counts

pytestmark = pytest.mark.rows_only

NO_DAY = {"created_at": "2026-02-30T00:00:00Z"}  # of the right shape: only Postgres knows that February has no such day
TEXTS = ["back\\slash", "a\tb\nc\rd", "\\N", "\\.", "", " 'quoted' \"twice\" ", "😀\x7f\x01", "%s {} $1"]
LONG_ID = {"client_order_id": "".join(chr(0x4E00 + n) for n in range(4_000))}  # more than an index can hold


@pytest.fixture(params=WAYS)
def bench(database: str, request: pytest.FixtureRequest) -> Iterator[Bench]:
    with contextlib.closing(Bench(database, **WAYS[request.param])) as bench:
        yield bench


@pytest.mark.parametrize("poison", [NO_DAY, LONG_ID], ids=["no_day", "long_id"])
@pytest.mark.parametrize("around", [0, 1, 200])
def test_one_poison_record_is_put_aside_and_the_rest_applied(bench: Bench, poison: dict[str, str], around: int) -> None:
    log = LogRecords()
    good = []
    for number in range(around):
        if number == around // 2:
            log.frame(frame("new", order_json(id="poison", **poison)))
        good.append(log.frame(frame("new", order_json(id=f"order-{number}"))))
    if not around:
        log.frame(frame("new", order_json(id="poison", **poison)))
    (bad,) = [record for record in log.records if record not in good]

    move = bench.claim(UPDATES)._replace(next_offset=len(log.records))
    written = bench.write(log.records, moves=[move])

    assert [letter.place for letter in written.dead_letters] == [bad.place]
    assert written.events == around
    counts = blank_counts(bench.connection)
    assert (counts["executions"], counts["order_events"], counts["dead_letters"]) == (around, around, 1)
    query = 'SELECT topic_id, "offset", payload, reason, error, account_id FROM dead_letters'
    ((topic_id, offset, payload, reason, error, account),) = bench.rows(query)
    assert (topic_id, offset, payload, account) == (TOPIC_ID, bad.place.offset, bad.payload, ACCOUNT)
    assert reason.startswith("sqlstate_")
    assert "2026" not in error
    assert "一" not in error  # nothing of the payload in it
    assert bench.open() == {(f"{UPDATES}:0:{bad.place.offset}", "undecodable")}
    assert bench.rows("SELECT next_offset FROM stream_cursors") == [(len(log.records),)]


def test_many_poison_records_among_good_ones(bench: Bench) -> None:
    log = LogRecords()
    for number in range(60):
        log.frame(frame("new", order_json(id=f"order-{number}", **(NO_DAY if number % 3 == 0 else {}))))
    written = bench.write(log.records)
    assert [letter.place.offset for letter in written.dead_letters] == list(range(0, 60, 3))
    assert blank_counts(bench.connection)["executions"] == 40


def test_what_evidence_does_beside_a_poison_record(bench: Bench) -> None:
    log = LogRecords()
    log.frame(frame("new", order_json(id="poison", **NO_DAY)))
    log.frame(frame("partial_fill", order_json(filled_qty="4"), execution_id="x", qty="4", price="2.5"))
    log.activity(json.dumps(activity_json()).encode())
    log.activity(json.dumps(activity_json(id="a2", qty="1")).encode())
    bench.write(log.records)
    assert actual_tables(bench.connection, ACCOUNT) == expected_tables(log.records[1:])


def test_poison_again_changes_nothing(bench: Bench) -> None:
    log = LogRecords()
    log.frame(frame("new"))
    log.frame(frame("new", order_json(id="poison", **NO_DAY)))
    bench.write(log.records)
    before = bench.versions()
    bench.write(log.records)
    assert bench.versions() == before
    assert len(bench.rows("SELECT FROM discrepancies")) == 1


@pytest.mark.parametrize("count", [1, 60])
def test_any_text_comes_back_as_it_was(bench: Bench, count: int) -> None:
    log = LogRecords()
    for place, text in enumerate(TEXTS):
        for number in range(count):
            order = order_json(id=f"order-{place}-{number}", client_order_id=text, status=text)
            log.frame(frame("new", order, execution_id=text, brand_new={"said": text}))
    bench.write(log.records)
    kept = [f"order-{place}-" for place in range(len(TEXTS))]
    found = bench.rows(
        "SELECT kept, e.client_order_id, e.status, said.execution_id, said.extra -> 'brand_new' ->> 'said', count(*)"
        " FROM unnest(%s::text[]) kept JOIN executions e ON starts_with(e.alpaca_order_id, kept)"
        " JOIN order_events said USING (alpaca_order_id) GROUP BY 1, 2, 3, 4, 5 ORDER BY 1",
        kept,
    )
    assert found == [(of, text, text, text or None, text, count) for of, text in zip(kept, TEXTS, strict=True)]


@pytest.mark.parametrize("count", [1, 60])
def test_i7_numbers_come_back_digit_for_digit(bench: Bench, count: int) -> None:
    log = LogRecords()
    for number in range(count):
        order = order_json(id=f"order-{number}", qty="0.010000000", limit_price="123456789012345678.000000001")
        log.frame(frame("new", order | {"filled_avg_price": 1.10}))
    bench.write(log.records)
    rows = bench.rows("SELECT DISTINCT qty, limit_price, filled_avg_price FROM executions")
    assert [[str(number) for number in row] for row in rows] == [["0.010000000", "123456789012345678.000000001", "1.1"]]
    assert isinstance(rows[0][0], Decimal)


def as_postgres_reads_it(server: str, text: str) -> object:
    with psycopg.connect(server) as connection:
        ((moment_read,),) = connection.execute("SELECT %s::timestamptz", [text]).fetchall()
        return moment_read


def test_i7_nanoseconds_are_rounded_as_postgres_rounds_them(postgres_server: str) -> None:
    fractions = ["", ".1", ".0000004", ".0000005", ".0000015", ".0000025", ".000000499", ".999999500", ".123456789"]
    for fraction in fractions:
        text = f"2026-09-18T13:24:50{fraction}Z"
        assert moment(parse_ns(text)) == as_postgres_reads_it(postgres_server, text), text


@pytest.mark.parametrize("milliseconds", [0, 1, 999, 1_789_737_890_019, -1, 2**62, -(2**62)])
def test_any_kafka_timestamp_is_a_time(postgres_server: str, milliseconds: int) -> None:
    found = as_postgres_reads_it(postgres_server, ms_text(plausible_ms(milliseconds)))
    assert isinstance(found, datetime)
    if 0 <= milliseconds < 2**61:
        assert round(found.timestamp() * 1000) == milliseconds


def test_what_was_refused_is_not_taken_for_known_in_the_batch_after_it(bench: Bench) -> None:
    log = LogRecords()
    log.frame(frame("new", order_json(id="order-1", **NO_DAY)))
    log.frame(frame("new", order_json(id="order-1", **NO_DAY)))
    first, again = log.records
    written = bench.writer.write(batch_of([first]))
    assert [letter.place for letter in written.dead_letters] == [first.place]
    # Decoded while the first was being written, as apply does: the second looks like the first one again.
    fold = Fold(recent=fold_records([first]).events)
    fold.add(again.parsed, again.known_at_ms)
    assert not fold.events
    written = bench.writer.write(Batch(fold, [], [], lambda: [again]))
    assert [letter.place for letter in written.dead_letters] == [again.place]
