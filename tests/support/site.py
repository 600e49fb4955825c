"""The site of `run --role web` in the test's process, over a database that is filled by hand: no Kafka is needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

import psycopg
from psycopg.types.json import Jsonb

from stream_reconcile.commands.run_api import offer_reads
from stream_reconcile.commands.run_control import PATHS
from stream_reconcile.commands.run_operator import offer_operator
from stream_reconcile.commands.run_rewinds import offer_rewinds
from stream_reconcile.commands.servers import Servers
from stream_reconcile.config import Settings
from stream_reconcile.core.lag_state import LagState
from stream_reconcile.jobs.lag import LagReport, PartitionReport
from stream_reconcile.jobs.polled import Polled
from stream_reconcile.log.connection import KafkaConfig
from stream_reconcile.metrics import Metrics
from stream_reconcile.web.app import build_app
from stream_reconcile.web.control import Control
from stream_reconcile.web.page.aside import Aside
from stream_reconcile.web.readiness import Readiness
from stream_reconcile.web.server import HttpServer
from stream_reconcile.web.site import Site
from support.servers import SCHEMA
from support.waiting import wait_until

TOKEN = "0123456789abcdef-token"
ACCOUNT = "a-1"
GROUP = "g"
EVIDENCE = {
    "broker": {"status": "filled", "filled_qty": "10"},
    "ours": {"status": "new", "filled_qty": "0"},
    "sweep": "deep",
}
TOPIC = "alpaca.trade-updates.v1"


class Report:
    """What a thread reads of lag, without a Kafka to read it from: the figures are the test's."""

    def __init__(self, behind: int = 3, seconds: float = 1.5, state: LagState = LagState.OK) -> None:
        self.behind, self.seconds, self.state = behind, seconds, state

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        return

    def read(self) -> LagReport:
        part = PartitionReport(TOPIC, 0, 100, 100 + self.behind, 0, self.behind, self.seconds, self.state)
        return LagReport(GROUP, (part, PartitionReport(TOPIC, 1, 50, 50, 0, 0, 0.0, LagState.OK)))


@contextmanager
def serving_site(
    dsn: str,
    *,
    token: str | None = TOKEN,
    is_loopback: bool = True,
    report: Report | None = None,
    offered: bool = True,
    kafka: KafkaConfig | None = None,
    group: str = GROUP,
    aside: Aside | None = None,
) -> Iterator[str]:
    """The address where the site answers; with a `kafka`, whose topics begin with the group's name, rewinds do too."""
    readiness, control = Readiness(), Control()
    readiness.report("postgres", ready=True)
    settings = _settings(group, f"{group}." if kafka else "alpaca.")
    servers = Servers(kafka or KafkaConfig("kafka.invalid:9092"), dsn)
    offer_operator(control, settings, servers)
    if kafka is not None:
        offer_rewinds(control, settings, servers)
    metrics = Metrics("1.2.3")
    site = Site(readiness, "1.2.3", aside, on_cut_off=metrics.http.cut_off.inc)
    routes = [*site.routes(), *map(control.route, PATHS)]
    app = build_app(metrics, readiness, token=token, is_loopback=is_loopback, api=routes)
    server = HttpServer(app, "127.0.0.1", 0)
    server.start()
    lag: Polled[LagReport] = Polled("lag", lambda: report or Report(), every_s=0.5, too_old_s=60)
    lag.start()
    try:
        if offered:
            wait_until(lambda: lag.fresh, what="the first reading of lag")
            offer_reads(site, settings, servers, lag)
        yield server.url
    finally:
        site.close()
        lag.close()
        server.stop()


def _settings(group: str, prefix: str) -> Settings:
    defaults = {name: field.get_default(call_default_factory=True) for name, field in Settings.model_fields.items()}
    # No sweep runs: the proof that is filled in has to do for as long as a test may take.
    ours = {"consumer_group": group, "schema_": SCHEMA, "topic_prefix": prefix, "hot_interval_seconds": 600.0}
    return Settings.model_construct(**(defaults | ours))


def fill(dsn: str, orders: int = 7) -> None:
    """An account with all that the lists show: `orders` orders (o-0 is the newest), and of everything else a little."""
    with psycopg.connect(dsn, autocommit=True, options=f"-c search_path={SCHEMA}") as connection:
        connection.execute(
            _FILL,
            {
                "orders": orders,
                "now": datetime.now(UTC).replace(microsecond=0),
                "account": ACCOUNT,
                "topic": TOPIC,
                "group": GROUP,
            },
        )


def put_discrepancy(dsn: str, kind: str, subject: str, since: timedelta = timedelta(minutes=3)) -> int:
    """An open finding; gives its number."""
    with psycopg.connect(dsn, autocommit=True, options=f"-c search_path={SCHEMA}") as connection:
        row = connection.execute(
            "INSERT INTO discrepancies (account_id, type, subject, evidence, first_seen_at) "
            "VALUES (%s, %s, %s, %s, %s) RETURNING discrepancy_id",
            [ACCOUNT, kind, subject, Jsonb(EVIDENCE), datetime.now(UTC) - since],
        ).fetchone()
        assert row is not None
        return int(row[0])


def last_proved(dsn: str, ago: timedelta) -> None:
    """All sweeps were that much earlier."""
    with psycopg.connect(dsn, autocommit=True, options=f"-c search_path={SCHEMA}") as connection:
        connection.execute(
            "UPDATE sweeps SET started_at = started_at - %(ago)s, finished_at = finished_at - %(ago)s, "
            "proven_equal_at = proven_equal_at - %(ago)s",
            {"ago": ago},
        )


def put_broker_away(dsn: str, ago: timedelta) -> None:
    """As ingest and sweep leave it when neither socket nor REST of the broker answer since then."""
    put_discrepancy(dsn, "stream_gap", "window", since=ago)
    with psycopg.connect(dsn, autocommit=True, options=f"-c search_path={SCHEMA}") as connection:
        since = datetime.now(UTC) - ago
        said = "GET /v2/orders: no answer within 10 s (timeout); it is asked again"
        connection.execute("UPDATE stream_sessions SET closed_at = %s, close_reason = 'unreachable'", [since])
        connection.execute(
            "INSERT INTO stream_gaps (account_id, window_start, reason) VALUES (%s, %s, 'unreachable')",
            [ACCOUNT, since],
        )
        connection.execute(
            "INSERT INTO sweeps (account_id, kind, owner, lease_epoch, window_start, started_at, finished_at, "
            "complete, requests, error) VALUES (%s, 'hot', 'host:1', 1, %s, now() - interval '25 s', "
            "now() - interval '5 s', false, 3, %s)",
            [ACCOUNT, since, said],
        )


_FILL = """
WITH account AS (
    INSERT INTO accounts (account_id, key_fingerprint, pinned_at) VALUES (%(account)s, 'f', %(now)s)
), decision AS (
    INSERT INTO trade_decisions (decision_id, account_id, client_order_id, symbol, side, qty, order_type, time_in_force,
                                 decided_at, submitted_at, state, alpaca_order_id, bound_at)
    VALUES ('00000000-0000-0000-0000-00000000d001', %(account)s, 'c-0', 'AAPL', 'buy', 10, 'market', 'day', %(now)s,
            %(now)s, 'bound', 'o-0', %(now)s)
), orders AS (
    SELECT n, 'o-' || n AS id, %(now)s::timestamptz - n * interval '1 second' AS at,
           CASE WHEN n %% 2 = 0 THEN 'AAPL' ELSE 'BTC/USD' END AS symbol,
           CASE WHEN n %% 3 = 0 THEN 'filled' WHEN n %% 3 = 1 THEN 'new' ELSE 'canceled' END AS status
    FROM generate_series(0, %(orders)s - 1) AS g(n)
), executions_in AS (
    INSERT INTO executions (account_id, alpaca_order_id, client_order_id, symbol, asset_class, side, order_type,
                            time_in_force, qty, filled_qty, filled_avg_price, status, created_at, submitted_at,
                            updated_at, updated_at_ns, decision_id, origin, status_rank, snapshot_ns, stated,
                            last_source, last_topic, last_partition, last_offset, recorded_at)
    SELECT %(account)s, id, 'c-' || n, symbol, 'us_equity', CASE WHEN n %% 2 = 0 THEN 'buy' ELSE 'sell' END, 'market',
           'day', 10, CASE WHEN status = 'filled' THEN 10 ELSE 0 END, CASE WHEN status = 'filled' THEN 0.0000001 END,
           status, at, at, at, extract(epoch FROM at)::bigint * 1000000000,
           CASE WHEN n = 0 THEN '00000000-0000-0000-0000-00000000d001'::uuid END,
           CASE WHEN n = 0 THEN 'own' ELSE 'external' END, 0, 0, 0, 'stream', %(topic)s, 0, n, at
    FROM orders
), events_in AS (
    INSERT INTO order_events (account_id, alpaca_order_id, event_key, source, event, event_at, status, qty, filled_qty,
                              symbol, updated_at, status_rank, updated_at_ns, snapshot_ns, stated, topic, partition,
                              "offset", known_at, recorded_at)
    SELECT %(account)s, id, gen_random_uuid(), CASE WHEN k = 0 THEN 'stream' ELSE 'sweep' END,
           CASE WHEN k = 0 THEN 'new' ELSE status END, at, CASE WHEN k = 0 THEN 'new' ELSE status END, 10, 0, symbol,
           at, 0, extract(epoch FROM at)::bigint * 1000000000, 0, 0, %(topic)s, 0, n * 2 + k, at, at
    FROM orders CROSS JOIN generate_series(0, 1) AS t(k)
), fills_in AS (
    INSERT INTO fills (account_id, alpaca_order_id, fill_key, execution_id, symbol, side, qty, price, transacted_at,
                       entry, source, topic, partition, "offset", recorded_at)
    SELECT %(account)s, id, 'x:' || n, 'e-' || n, symbol, 'buy', 10, 187.5, CASE WHEN n < 6 THEN at END, 'trade',
           'stream', %(topic)s, 0, n, at
    FROM orders WHERE status = 'filled'
), sweeps_in AS (
    INSERT INTO sweeps (account_id, kind, owner, lease_epoch, window_start, started_at, finished_at, complete,
                        proven_equal_at, requests, pages, orders)
    SELECT %(account)s, CASE WHEN n %% 3 = 0 THEN 'deep' ELSE 'hot' END, 'host:1', 1,
           %(now)s::timestamptz - interval '1 hour', at, at + interval '1 second', true, at, 3, 1, 20
    FROM (SELECT n, %(now)s::timestamptz - n * interval '10 seconds' AS at FROM generate_series(0, 6) AS g(n)) s
), leases_in AS (
    INSERT INTO leases (job, account_id, owner, epoch, expires_at)
    VALUES ('ingest', %(account)s, 'host:1', 1, now() + interval '1 hour'),
           ('sweep', %(account)s, 'host:1', 1, now() + interval '1 hour')
), session_in AS (
    INSERT INTO stream_sessions (account_id, owner, lease_epoch, opened_at, listening_at, good_until_ns, frames)
    VALUES (%(account)s, 'host:1', 1, %(now)s, %(now)s, extract(epoch FROM %(now)s::timestamptz)::bigint * 1000000000,
            1234)
), cursors_in AS (
    INSERT INTO stream_cursors (consumer_group, topic, partition, next_offset, max_offset, owner, epoch, cluster_id,
                                topic_id, last_record_at)
    SELECT %(group)s, %(topic)s, p, 100 - 50 * p, 100 - 50 * p, 'host:2', 1700000000000, 'c', 't', %(now)s
    FROM generate_series(0, 1) AS g(p)
), discrepancies_in AS (
    INSERT INTO discrepancies (account_id, type, subject, state, evidence, first_seen_at, last_seen_at, resolved_at,
                               resolution, resolved_by)
    SELECT %(account)s, 'missed_terminal', 'o-' || n, 'resolved', '{"broker": {"status": "filled"}}', %(now)s, %(now)s,
           %(now)s, 'the two sides agree again', 'sweep'
    FROM generate_series(0, 4) AS g(n)
), letters_in AS (
    INSERT INTO dead_letters (topic_id, topic, partition, "offset", key, payload, kafka_timestamp, account_id, reason,
                              error, recorded_at, resolved_at)
    SELECT 't', %(topic)s, 0, n, 'k', 'the bytes of the broker', %(now)s, %(account)s, 'schema', 'no such schema',
           %(now)s, CASE WHEN n > 0 THEN %(now)s::timestamptz END
    FROM generate_series(0, 4) AS g(n)
), actions_in AS (
    INSERT INTO operator_actions (action, account_id, subject, who, why, before, after, requested_at, finished_at)
    SELECT 'sweep', %(account)s, 'hot', 'alice', 'a doubt', NULL, '{"complete": true}', %(now)s, %(now)s
    FROM generate_series(0, 4)
), positions_in AS (
    INSERT INTO position_snapshots (account_id, as_of, symbol, qty, side, avg_entry_price, current_price, market_value,
                                    source, topic, partition, "offset", known_at)
    SELECT %(account)s, %(now)s, s, 10, 'long', 187.5, 190, 1900, 'sweep', 'alpaca.account-snapshots.v1', 0, 1, %(now)s
    FROM unnest(ARRAY['AAPL', 'BTCUSD', 'MSFT']) AS u(s)
)
INSERT INTO known_positions (account_id, symbol, last_qty, last_at)
SELECT %(account)s, s, 10, %(now)s FROM unnest(ARRAY['AAPL', 'BTCUSD', 'MSFT']) AS u(s)
"""
