-- Lists that people page through, newest first: each call gives the rows after a key, by (key, id) descending. Every
-- filter that is null is none. The caller plans each statement anew, so that a filter that is null costs nothing.

-- name: executions_changed
-- Orders whose row changed at the broker between two times. A row has the version of one of its events, so the events of
-- these times name them all, and an index of the history finds these.
SELECT account_id, alpaca_order_id, client_order_id, symbol, asset_class, side, order_type, order_class, time_in_force,
       qty, notional, filled_qty, filled_avg_price, limit_price, stop_price, status, origin, decision_id, submitted_at,
       updated_at, updated_at_ns, parent_order_id, replaces, replaced_by, last_source, last_topic, last_partition,
       last_offset, recorded_at
FROM executions e
WHERE (alpaca_order_id, account_id) IN (SELECT v.alpaca_order_id, v.account_id FROM order_events v
                                        WHERE v.updated_at_ns >= %(since_ns)s AND v.updated_at_ns <= %(newest_ns)s)
  AND updated_at_ns >= %(since_ns)s
  AND (%(until_ns)s::bigint IS NULL OR updated_at_ns < %(until_ns)s)
  AND (%(key_ns)s::bigint IS NULL
       OR (updated_at_ns, alpaca_order_id, account_id) < (%(key_ns)s, %(key_order)s, %(key_account)s))
  AND (%(account_id)s::text IS NULL OR account_id = %(account_id)s)
  AND (%(symbol)s::text IS NULL OR symbol = %(symbol)s)
  AND (%(side)s::text IS NULL OR side = %(side)s)
  AND (%(origin)s::text IS NULL OR origin = %(origin)s)
  AND (%(status)s::text[] IS NULL OR status = ANY (%(status)s))
  AND (%(not_status)s::text[] IS NULL OR status <> ALL (%(not_status)s))
ORDER BY updated_at_ns DESC, alpaca_order_id DESC, account_id DESC
LIMIT %(limit)s

-- name: executions
-- The same over all orders, where those of a stretch of time are not enough: it reads the whole table.
SELECT account_id, alpaca_order_id, client_order_id, symbol, asset_class, side, order_type, order_class, time_in_force,
       qty, notional, filled_qty, filled_avg_price, limit_price, stop_price, status, origin, decision_id, submitted_at,
       updated_at, updated_at_ns, parent_order_id, replaces, replaced_by, last_source, last_topic, last_partition,
       last_offset, recorded_at
FROM executions e
WHERE (%(since_ns)s::bigint IS NULL OR updated_at_ns >= %(since_ns)s)
  AND (%(until_ns)s::bigint IS NULL OR updated_at_ns < %(until_ns)s)
  AND (%(key_ns)s::bigint IS NULL
       OR (updated_at_ns, alpaca_order_id, account_id) < (%(key_ns)s, %(key_order)s, %(key_account)s))
  AND (%(account_id)s::text IS NULL OR account_id = %(account_id)s)
  AND (%(symbol)s::text IS NULL OR symbol = %(symbol)s)
  AND (%(side)s::text IS NULL OR side = %(side)s)
  AND (%(origin)s::text IS NULL OR origin = %(origin)s)
  AND (%(status)s::text[] IS NULL OR status = ANY (%(status)s))
  AND (%(not_status)s::text[] IS NULL OR status <> ALL (%(not_status)s))
ORDER BY updated_at_ns DESC, alpaca_order_id DESC, account_id DESC
LIMIT %(limit)s

-- name: executions_by_id
-- Orders whose id, or whose client order id, begins so; both are found by an index.
SELECT account_id, alpaca_order_id, client_order_id, symbol, asset_class, side, order_type, order_class, time_in_force,
       qty, notional, filled_qty, filled_avg_price, limit_price, stop_price, status, origin, decision_id, submitted_at,
       updated_at, updated_at_ns, parent_order_id, replaces, replaced_by, last_source, last_topic, last_partition,
       last_offset, recorded_at
FROM executions e
WHERE (alpaca_order_id ^@ %(begins)s OR client_order_id ^@ %(begins)s)
  AND (%(client_order_id)s::text IS NULL OR client_order_id = %(client_order_id)s)
  AND (%(since_ns)s::bigint IS NULL OR updated_at_ns >= %(since_ns)s)
  AND (%(until_ns)s::bigint IS NULL OR updated_at_ns < %(until_ns)s)
  AND (%(key_ns)s::bigint IS NULL
       OR (updated_at_ns, alpaca_order_id, account_id) < (%(key_ns)s, %(key_order)s, %(key_account)s))
  AND (%(account_id)s::text IS NULL OR account_id = %(account_id)s)
  AND (%(symbol)s::text IS NULL OR symbol = %(symbol)s)
  AND (%(side)s::text IS NULL OR side = %(side)s)
  AND (%(origin)s::text IS NULL OR origin = %(origin)s)
  AND (%(status)s::text[] IS NULL OR status = ANY (%(status)s))
  AND (%(not_status)s::text[] IS NULL OR status <> ALL (%(not_status)s))
ORDER BY updated_at_ns DESC, alpaca_order_id DESC, account_id DESC
LIMIT %(limit)s

-- name: fills
-- Executions of orders, the newest first; those without a time come last.
SELECT account_id, alpaca_order_id, fill_key, execution_id, activity_id, symbol, side, qty, price, transacted_at, entry,
       reverses, source, topic, partition, "offset", recorded_at
FROM fills
WHERE (%(since)s::timestamptz IS NULL OR transacted_at >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR transacted_at < %(until)s)
  AND (%(key_at)s::timestamptz IS NULL
       OR (coalesce(transacted_at, '-infinity'), fill_key, account_id) < (%(key_at)s, %(key_fill)s, %(key_account)s))
  AND (%(account_id)s::text IS NULL OR account_id = %(account_id)s)
  AND (%(order_id)s::text IS NULL OR alpaca_order_id = %(order_id)s)
  AND (%(symbol)s::text IS NULL OR symbol = %(symbol)s)
  AND (%(side)s::text IS NULL OR side = %(side)s)
  AND (%(entry)s::text IS NULL OR entry = %(entry)s)
ORDER BY coalesce(transacted_at, '-infinity') DESC, fill_key DESC, account_id DESC
LIMIT %(limit)s

-- name: positions
-- What sweeps have read of each position that is not zero, with the prices of the account's newest reading.
SELECT k.account_id, k.symbol, k.last_qty AS qty, k.last_at AS read_at, k.baseline_qty, k.since, k.misfit_since,
       p.qty_available, p.side, p.asset_class, p.avg_entry_price, p.current_price, p.market_value, p.cost_basis,
       p.unrealized_pl, p.topic, p.partition, p."offset"
FROM known_positions k
LEFT JOIN position_snapshots p
    ON p.account_id = k.account_id AND p.symbol = k.symbol
   AND p.as_of = (SELECT max(n.as_of) FROM position_snapshots n WHERE n.account_id = k.account_id)
WHERE k.symbol <> '' AND k.last_qty <> 0
  AND (%(account_id)s::text IS NULL OR k.account_id = %(account_id)s)
  AND (%(symbol)s::text IS NULL OR k.symbol = %(symbol)s)
  AND (%(key_account)s::text IS NULL OR (k.account_id, k.symbol) > (%(key_account)s, %(key_symbol)s))
ORDER BY k.account_id, k.symbol
LIMIT %(limit)s

-- name: sweeps
-- Runs of the sweep, the newest first: of each account and kind by its index, since there is one every few seconds.
SELECT s.sweep_id, s.account_id, s.kind, s.owner, s.window_start, s.started_at, s.finished_at, s.complete,
       s.proven_equal_at, s.requests, s.pages, s.orders, s.activities, s.published, s.unchecked, s.resume_before, s.error
FROM accounts a
CROSS JOIN unnest(ARRAY['hot', 'gap', 'deep', 'full']) AS k(kind)
CROSS JOIN LATERAL (
    SELECT * FROM sweeps o
    WHERE o.account_id = a.account_id AND o.kind = k.kind
      AND (%(since)s::timestamptz IS NULL OR o.started_at >= %(since)s)
      AND (%(complete)s::boolean IS NULL OR o.complete = %(complete)s)
      AND (%(proven)s::boolean IS NULL OR (o.proven_equal_at IS NOT NULL) = %(proven)s)
      AND (%(key_at)s::timestamptz IS NULL
           OR (o.started_at <= %(key_at)s AND (o.started_at, o.sweep_id) < (%(key_at)s, %(key_id)s::uuid)))
    ORDER BY o.started_at DESC, o.sweep_id DESC
    LIMIT %(limit)s
) s
WHERE (%(account_id)s::text IS NULL OR a.account_id = %(account_id)s)
  AND (%(kind)s::text IS NULL OR k.kind = %(kind)s)
ORDER BY s.started_at DESC, s.sweep_id DESC
LIMIT %(limit)s

-- name: discrepancies
-- What differed, the newest first.
SELECT discrepancy_id, account_id, type, subject, state, evidence, first_seen_at, last_seen_at, attempts,
       resolved_at, resolution, resolved_by
FROM discrepancies
WHERE (%(state)s::text IS NULL OR state = %(state)s)
  AND (%(type)s::text IS NULL OR type = %(type)s)
  AND (%(account_id)s::text IS NULL OR account_id = %(account_id)s)
  AND (%(subject)s::text IS NULL OR subject = %(subject)s)
  AND (%(since)s::timestamptz IS NULL OR last_seen_at >= %(since)s)
  AND (%(key_id)s::bigint IS NULL OR discrepancy_id < %(key_id)s)
ORDER BY discrepancy_id DESC
LIMIT %(limit)s

-- name: dead_letters
-- Records put aside, in the order of the log, without their bytes.
SELECT topic_id, topic, partition, "offset", kafka_timestamp, account_id, order_id, reason, error, recorded_at, retries,
       retried_at, retry_result, resolved_at
FROM dead_letters
WHERE (NOT %(open_only)s OR resolved_at IS NULL)
  AND (%(topic)s::text IS NULL OR topic = %(topic)s)
  AND (%(reason)s::text IS NULL OR reason = %(reason)s)
  AND (%(order_id)s::text IS NULL OR order_id = %(order_id)s)
  AND (%(key_topic)s::text IS NULL
       OR (topic, partition, "offset", topic_id) > (%(key_topic)s, %(key_partition)s, %(key_offset)s, %(key_topic_id)s))
ORDER BY topic, partition, "offset", topic_id
LIMIT %(limit)s

-- name: actions
-- What people did, the newest first.
SELECT action_id, action, account_id, subject, who, why, before, after, requested_at, finished_at
FROM operator_actions
WHERE (%(action)s::text IS NULL OR action = %(action)s)
  AND (%(account_id)s::text IS NULL OR account_id = %(account_id)s)
  AND (%(key_id)s::bigint IS NULL OR action_id < %(key_id)s)
ORDER BY action_id DESC
LIMIT %(limit)s

-- name: accounts_of_order
-- Accounts that have an order of this id.
SELECT account_id FROM executions WHERE alpaca_order_id = %(order_id)s ORDER BY account_id

-- name: execution
-- One order with all that its row says.
SELECT account_id, alpaca_order_id, client_order_id, symbol, asset_id, asset_class, side, order_type, order_class,
       time_in_force, extended_hours, position_intent, qty, notional, filled_qty, filled_avg_price, limit_price,
       stop_price, trail_price, trail_percent, hwm, status, created_at, submitted_at, updated_at, updated_at_ns,
       filled_at, canceled_at, expired_at, failed_at, replaced_at, cancel_requested_at, expires_at, replaces,
       replaced_by, parent_order_id, ratio_qty, decision_id, origin, mixed, last_source, last_topic, last_partition,
       last_offset, recorded_at
FROM executions
WHERE alpaca_order_id = %(order_id)s AND account_id = %(account_id)s

-- name: order_events
-- What stream and sweeps said of one order, in the order in which the broker changed it.
SELECT event_key, source, event, event_at, execution_id, event_qty, event_price, position_qty, status, qty, filled_qty,
       filled_avg_price, limit_price, stop_price, updated_at, updated_at_ns, topic, partition, "offset", known_at,
       recorded_at
FROM order_events
WHERE alpaca_order_id = %(order_id)s AND account_id = %(account_id)s
ORDER BY updated_at_ns, known_at, topic, partition, "offset", event_key
LIMIT %(limit)s

-- name: intent
-- The decision that an order comes from.
SELECT decision_id, account_id, client_order_id, symbol, side, qty, notional, order_type, limit_price, time_in_force,
       decided_at, not_before, submitted_at, submit_result, state, alpaca_order_id, bound_at
FROM trade_decisions
WHERE decision_id = %(decision_id)s

-- name: changes
-- Orders of which records between two positions of the log were applied, the last to change first. Those are in rows
-- that were committed since the cursors stood at `starts`; `look_back` bounds what is read for it.
SELECT v.account_id, v.alpaca_order_id, e.symbol, e.side, e.status, e.qty, e.filled_qty, e.updated_at
FROM (SELECT DISTINCT o.account_id, o.alpaca_order_id
      FROM order_events o
      JOIN unnest(%(topics)s::text[], %(partitions)s::integer[], %(starts)s::bigint[], %(ends)s::bigint[])
          AS m(topic, partition, starts, ends)
          ON o.topic = m.topic AND o.partition = m.partition AND o."offset" >= m.starts AND o."offset" < m.ends
      WHERE o.recorded_at >= clock_timestamp() - make_interval(secs => %(look_back_s)s)) v
JOIN executions e ON e.alpaca_order_id = v.alpaca_order_id AND e.account_id = v.account_id
ORDER BY e.updated_at_ns DESC, e.alpaca_order_id DESC, e.account_id DESC
LIMIT %(limit)s

-- name: last_sweeps
-- Of each account and kind the newest run, and the oldest open finding that blocks a proof.
SELECT s.sweep_id, s.account_id, s.kind, s.owner, s.window_start, s.started_at, s.finished_at, s.complete,
       s.proven_equal_at, s.requests, s.pages, s.orders, s.activities, s.published, s.unchecked, s.resume_before, s.error
FROM accounts a
CROSS JOIN unnest(ARRAY['hot', 'gap', 'deep', 'full']) AS k(kind)
CROSS JOIN LATERAL (
    SELECT * FROM sweeps o WHERE o.account_id = a.account_id AND o.kind = k.kind ORDER BY o.started_at DESC LIMIT 1
) s
ORDER BY s.account_id, s.started_at DESC

-- name: blocked_since
-- When the oldest open finding that blocks a proof was seen first, by account.
SELECT account_id, min(first_seen_at) AS since
FROM discrepancies
WHERE state = 'open' AND blocks_proof(type)
GROUP BY account_id

-- name: table_sizes
-- Rows of executions and fills as the planner believes them to be; -1 where it has not looked yet.
SELECT (SELECT reltuples::bigint FROM pg_class WHERE oid = 'executions'::regclass) AS executions,
       (SELECT reltuples::bigint FROM pg_class WHERE oid = 'fills'::regclass) AS fills
