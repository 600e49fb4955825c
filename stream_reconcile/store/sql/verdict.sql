-- What is compared with a ground truth (`simulator.verdict`); nothing here changes anything.

-- name: orders_by_id
-- Rows of these orders, with all that a broker states about an order.
SELECT alpaca_order_id, updated_at_ns, client_order_id, symbol, asset_id, asset_class, side, order_type, order_class,
       time_in_force, extended_hours, position_intent, qty, notional, filled_qty, filled_avg_price, limit_price, stop_price,
       trail_price, trail_percent, hwm, status, created_at, submitted_at, updated_at, filled_at, canceled_at, expired_at,
       failed_at, replaced_at, expires_at, replaces, replaced_by, parent_order_id, ratio_qty
FROM executions
WHERE account_id = %(account_id)s AND alpaca_order_id = ANY(%(order_ids)s)

-- name: fills_by_order
-- Fills of these orders.
SELECT alpaca_order_id, fill_key, execution_id, symbol, side, qty, price, transacted_at, entry, reverses
FROM fills
WHERE account_id = %(account_id)s AND alpaca_order_id = ANY(%(order_ids)s)

-- name: row_counts
-- How many rows an account has in both tables.
SELECT (SELECT count(*) FROM executions WHERE account_id = %(account_id)s) AS executions,
       (SELECT count(*) FROM fills WHERE account_id = %(account_id)s) AS fills

-- name: order_ids
-- All orders that the account has a row or a fill of, each once for each table, with the status or the fill's key.
SELECT 'executions' AS "table", alpaca_order_id, '' AS fill_key, status AS value
FROM executions WHERE account_id = %(account_id)s
UNION ALL
SELECT 'fills', alpaca_order_id, fill_key, entry FROM fills WHERE account_id = %(account_id)s

-- name: members
-- How many partitions each member of the group owns.
SELECT owner, count(*) AS partitions FROM stream_cursors WHERE consumer_group = %(group)s GROUP BY owner ORDER BY owner

-- name: first_event
-- When the first observation was committed.
SELECT min(recorded_at) AS recorded_at FROM order_events

-- name: records_with_events
-- Records of a topic that brought an observation which none before them had brought.
SELECT count(*) AS records
FROM (SELECT DISTINCT partition, "offset" FROM order_events WHERE topic = %(topic)s) r

-- name: open_findings
-- Differences that stand open. Not that a write was refused: nothing differs by it, and it is open for a minute more.
SELECT type, count(*) AS count
FROM discrepancies
WHERE state = 'open' AND type <> 'second_writer'
GROUP BY type
ORDER BY type

-- name: proven
-- How long ago the newest sweep began that proved the rows equal to the broker, in seconds.
SELECT extract(epoch FROM clock_timestamp() - max(proven_equal_at))::double precision FROM agreement

-- name: repaired
-- Observations that sweeps brought.
SELECT count(*) FROM order_events WHERE source = 'sweep'

-- name: unbound
-- Decisions that no order is bound to.
SELECT count(*) FROM trade_decisions WHERE state <> 'bound'

-- name: first_proof
-- The first sweep that began after a time and proved the rows equal to the broker.
SELECT kind, proven_equal_at, coalesce(finished_at, clock_timestamp()) AS finished_at
FROM sweeps
WHERE proven_equal_at >= %(since)s
ORDER BY proven_equal_at
LIMIT 1

-- name: repairs_between
-- What sweeps published that began in a stretch of time.
SELECT coalesce(sum(published), 0)::bigint AS repairs
FROM sweeps
WHERE started_at >= %(since)s AND (%(until)s::timestamptz IS NULL OR started_at <= %(until)s)

-- name: findings_between
-- What was found in a stretch of time, of these types.
SELECT type, count(*) AS found, count(*) FILTER (WHERE state = 'open') AS still_open
FROM discrepancies
WHERE first_seen_at >= %(since)s AND (%(until)s::timestamptz IS NULL OR first_seen_at <= %(until)s)
  AND type = ANY (%(types)s)
GROUP BY type
ORDER BY type
