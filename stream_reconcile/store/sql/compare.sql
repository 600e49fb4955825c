-- What the sweep asks of the tables when it compares the broker with them. It writes none of these tables.

-- name: copy_seen
-- Takes observations of a page into the connection's own table `observed` (apply.sql: create_observed).
COPY observed FROM STDIN

-- name: compare
-- Each observation against the row of its order, by the order of I2. Only what an observation states is compared.
-- One row for each, by what stands in place of its offset.
-- new: no row; newer: the broker is ahead; other: of one version, and it differs; same; older: the row is ahead.
-- net_qty of a multi-leg parent whose legs have what its units make of them (core.sums): its filled quantity.
-- to_bind: there is a decision for the row's client order id, and the two do not name each other. Where another order
-- stands under that id (A3, be it accepted), apply has looked and binds nothing: it would be published for ever.
SELECT CASE
           WHEN e.alpaca_order_id IS NULL THEN 'new'
           WHEN o.parent_order_id IS NOT NULL AND e.parent_order_id IS NULL THEN 'other'
           WHEN o.updated_at_ns > e.updated_at_ns THEN 'newer'
           WHEN o.updated_at_ns < e.updated_at_ns THEN 'older'
           WHEN (o.qty, o.notional, o.filled_qty, o.filled_avg_price, o.limit_price, o.stop_price, o.trail_price,
                 o.trail_percent, o.hwm, o.created_at, o.updated_at, o.submitted_at, o.filled_at, o.canceled_at, o.expired_at,
                 o.failed_at, o.replaced_at, o.cancel_requested_at, o.expires_at, o.client_order_id, o.symbol, o.asset_id,
                 o.asset_class, o.side, o.position_intent, o.order_type, o.order_class, o.time_in_force, o.status, o.replaces,
                 o.replaced_by, o.extended_hours)
                IS NOT DISTINCT FROM
                (e.qty, e.notional, e.filled_qty, e.filled_avg_price, e.limit_price, e.stop_price, e.trail_price,
                 e.trail_percent, e.hwm, e.created_at, e.updated_at, e.submitted_at, e.filled_at, e.canceled_at, e.expired_at,
                 e.failed_at, e.replaced_at, e.cancel_requested_at, e.expires_at, e.client_order_id, e.symbol, e.asset_id,
                 e.asset_class, e.side, e.position_intent, e.order_type, e.order_class, e.time_in_force, e.status, e.replaces,
                 e.replaced_by, e.extended_hours)
               THEN 'same'
           WHEN (o.stated >> 0 & 1 = 0 OR o.qty IS NOT DISTINCT FROM e.qty)
                AND (o.stated >> 1 & 1 = 0 OR o.notional IS NOT DISTINCT FROM e.notional)
                AND (o.stated >> 2 & 1 = 0 OR o.filled_qty IS NOT DISTINCT FROM e.filled_qty)
                AND (o.stated >> 3 & 1 = 0 OR o.filled_avg_price IS NOT DISTINCT FROM e.filled_avg_price)
                AND (o.stated >> 4 & 1 = 0 OR o.limit_price IS NOT DISTINCT FROM e.limit_price)
                AND (o.stated >> 5 & 1 = 0 OR o.stop_price IS NOT DISTINCT FROM e.stop_price)
                AND (o.stated >> 6 & 1 = 0 OR o.trail_price IS NOT DISTINCT FROM e.trail_price)
                AND (o.stated >> 7 & 1 = 0 OR o.trail_percent IS NOT DISTINCT FROM e.trail_percent)
                AND (o.stated >> 8 & 1 = 0 OR o.hwm IS NOT DISTINCT FROM e.hwm)
                AND (o.stated >> 9 & 1 = 0 OR o.created_at IS NOT DISTINCT FROM e.created_at)
                AND (o.stated >> 10 & 1 = 0 OR o.updated_at IS NOT DISTINCT FROM e.updated_at)
                AND (o.stated >> 11 & 1 = 0 OR o.submitted_at IS NOT DISTINCT FROM e.submitted_at)
                AND (o.stated >> 12 & 1 = 0 OR o.filled_at IS NOT DISTINCT FROM e.filled_at)
                AND (o.stated >> 13 & 1 = 0 OR o.canceled_at IS NOT DISTINCT FROM e.canceled_at)
                AND (o.stated >> 14 & 1 = 0 OR o.expired_at IS NOT DISTINCT FROM e.expired_at)
                AND (o.stated >> 15 & 1 = 0 OR o.failed_at IS NOT DISTINCT FROM e.failed_at)
                AND (o.stated >> 16 & 1 = 0 OR o.replaced_at IS NOT DISTINCT FROM e.replaced_at)
                AND (o.stated >> 17 & 1 = 0 OR o.cancel_requested_at IS NOT DISTINCT FROM e.cancel_requested_at)
                AND (o.stated >> 18 & 1 = 0 OR o.expires_at IS NOT DISTINCT FROM e.expires_at)
                AND (o.stated >> 19 & 1 = 0 OR o.client_order_id IS NOT DISTINCT FROM e.client_order_id)
                AND (o.stated >> 20 & 1 = 0 OR o.symbol IS NOT DISTINCT FROM e.symbol)
                AND (o.stated >> 21 & 1 = 0 OR o.asset_id IS NOT DISTINCT FROM e.asset_id)
                AND (o.stated >> 22 & 1 = 0 OR o.asset_class IS NOT DISTINCT FROM e.asset_class)
                AND (o.stated >> 23 & 1 = 0 OR o.side IS NOT DISTINCT FROM e.side)
                AND (o.stated >> 24 & 1 = 0 OR o.position_intent IS NOT DISTINCT FROM e.position_intent)
                AND (o.stated >> 25 & 1 = 0 OR o.order_type IS NOT DISTINCT FROM e.order_type)
                AND (o.stated >> 26 & 1 = 0 OR o.order_class IS NOT DISTINCT FROM e.order_class)
                AND (o.stated >> 27 & 1 = 0 OR o.time_in_force IS NOT DISTINCT FROM e.time_in_force)
                AND (o.stated >> 28 & 1 = 0 OR o.status IS NOT DISTINCT FROM e.status)
                AND (o.stated >> 29 & 1 = 0 OR o.replaces IS NOT DISTINCT FROM e.replaces)
                AND (o.stated >> 30 & 1 = 0 OR o.replaced_by IS NOT DISTINCT FROM e.replaced_by)
                AND (o.stated >> 31 & 1 = 0 OR o.extended_hours IS NOT DISTINCT FROM e.extended_hours)
               THEN 'same'
           WHEN (coalesce(o.filled_qty, 0), o.status_rank, o.snapshot_ns)
                > (coalesce(e.filled_qty, 0), e.status_rank, e.snapshot_ns) THEN 'other'
           ELSE 'older'
       END AS verdict,
       o.status, o.filled_qty, e.status AS our_status, e.filled_qty AS our_filled_qty,
       CASE WHEN o.filled_qty > 0 AND e.order_class = 'mleg' AND (
                SELECT count(*) > 0 AND bool_and(l.ratio_qty IS NULL OR o.filled_qty * l.ratio_qty = (
                    SELECT coalesce(sum(f.qty), 0) FROM fills f
                    WHERE f.alpaca_order_id = l.alpaca_order_id AND f.account_id = l.account_id))
                FROM executions l
                WHERE l.parent_order_id = o.alpaca_order_id AND l.account_id = o.account_id
            ) AND NOT EXISTS (
                SELECT FROM fills f WHERE f.alpaca_order_id = o.alpaca_order_id AND f.account_id = o.account_id
            ) THEN o.filled_qty
            ELSE (SELECT coalesce(sum(f.qty), 0) FROM fills f
                  WHERE f.alpaca_order_id = o.alpaca_order_id AND f.account_id = o.account_id)
       END AS net_qty,
       e.origin,
       CASE WHEN e.client_order_id <> '' THEN
                (SELECT count(*) FROM trade_decisions t
                 WHERE t.account_id = e.account_id AND t.client_order_id = e.client_order_id
                   AND (t.state <> 'bound' OR t.decision_id IS DISTINCT FROM e.decision_id)) > 0
                AND NOT EXISTS (SELECT FROM discrepancies a
                                WHERE a.account_id = e.account_id AND a.type = 'duplicate_client_id'
                                  AND a.subject = e.client_order_id)
            ELSE false END AS to_bind,
       CASE WHEN o.replaced_by <> '' AND NOT EXISTS (
           SELECT FROM executions s WHERE s.alpaca_order_id = o.replaced_by AND s.account_id = o.account_id
       ) THEN o.replaced_by END AS missing_successor,
       extract(epoch FROM o.submitted_at)::double precision AS submitted_s,
       o.updated_at_ns / 1e9::double precision AS updated_s,
       nullif(jsonb_strip_nulls(jsonb_build_object(
           'limit_price', CASE WHEN d.limit_price <> e.limit_price THEN ARRAY[e.limit_price::text, d.limit_price::text] END,
           'time_in_force', CASE WHEN lower(d.time_in_force) <> lower(e.time_in_force)
                                 THEN ARRAY[e.time_in_force, d.time_in_force] END,
           'qty', CASE WHEN d.qty <> e.qty THEN ARRAY[e.qty::text, d.qty::text] END)), '{}') AS drift
FROM observed o
LEFT JOIN executions e ON e.alpaca_order_id = o.alpaca_order_id AND e.account_id = o.account_id
LEFT JOIN trade_decisions d ON d.decision_id = e.decision_id AND d.client_order_id = e.client_order_id
                           AND d.alpaca_order_id = e.alpaca_order_id
                           AND e.replaces IS NULL AND e.parent_order_id IS NULL
ORDER BY o."offset"

-- name: quiet_rows
-- Rows of these orders of which there is nothing to say but whether they are as the broker has them: their fills add up
-- (of a multi-leg parent by its legs), a successor is there, terms are as decided, no decision waits to be bound, the
-- origin is of no interest, and time alone makes no finding of it.
-- Numbers as text, for what the broker writes is text.
SELECT e.alpaca_order_id, e.parent_order_id, e.updated_at_ns,
       e.qty::text, e.notional::text, e.filled_qty::text, e.filled_avg_price::text, e.limit_price::text,
       e.stop_price::text, e.trail_price::text, e.trail_percent::text, e.hwm::text, e.created_at, e.updated_at,
       e.submitted_at, e.filled_at, e.canceled_at, e.expired_at, e.failed_at, e.replaced_at, e.cancel_requested_at,
       e.expires_at, e.client_order_id, e.symbol, e.asset_id, e.asset_class, e.side, e.position_intent, e.order_type,
       e.order_class, e.time_in_force, e.status, e.replaces, e.replaced_by, e.extended_hours
FROM executions e
WHERE e.account_id = %(account_id)s AND e.alpaca_order_id = ANY (%(orders)s::text[])
  AND (e.origin = 'own' OR NOT %(with_origins)s)
  AND e.status = ANY (%(stuck)s) IS NOT TRUE
  AND CASE WHEN e.filled_qty IS NULL THEN true
           -- none filled, and yet fills: what was taken back while nobody listened
           WHEN e.filled_qty = 0 THEN
               (SELECT coalesce(sum(f.qty), 0) = 0 FROM fills f
                WHERE f.alpaca_order_id = e.alpaca_order_id AND f.account_id = e.account_id)
           WHEN e.order_class = 'mleg' AND e.parent_order_id IS NULL THEN
               (SELECT coalesce(sum(f.qty), 0) = 0 FROM fills f
                WHERE f.alpaca_order_id = e.alpaca_order_id AND f.account_id = e.account_id)
               AND (SELECT count(*) > 0 AND bool_and(l.ratio_qty IS NULL OR e.filled_qty * l.ratio_qty = (
                        SELECT coalesce(sum(f.qty), 0) FROM fills f
                        WHERE f.alpaca_order_id = l.alpaca_order_id AND f.account_id = l.account_id))
                    FROM executions l
                    WHERE l.parent_order_id = e.alpaca_order_id AND l.account_id = e.account_id)
           ELSE e.filled_qty = (SELECT coalesce(sum(f.qty), 0) FROM fills f
                                WHERE f.alpaca_order_id = e.alpaca_order_id AND f.account_id = e.account_id)
      END
  AND CASE WHEN e.replaced_by <> ''
           THEN (SELECT count(*) FROM executions s
                 WHERE s.alpaca_order_id = e.replaced_by AND s.account_id = e.account_id) > 0
           ELSE true END
  AND CASE WHEN e.decision_id IS NOT NULL AND e.replaces IS NULL AND e.parent_order_id IS NULL
           THEN NOT coalesce((SELECT d.limit_price <> e.limit_price OR lower(d.time_in_force) <> lower(e.time_in_force)
                                     OR d.qty <> e.qty
                              FROM trade_decisions d
                              WHERE d.decision_id = e.decision_id AND d.client_order_id = e.client_order_id
                                AND d.alpaca_order_id = e.alpaca_order_id), false)
           ELSE true END
  AND CASE WHEN e.client_order_id <> ''
           THEN (SELECT count(*) FROM trade_decisions t
                 WHERE t.account_id = e.account_id AND t.client_order_id = e.client_order_id
                   AND (t.state <> 'bound' OR t.decision_id IS DISTINCT FROM e.decision_id)) = 0
           ELSE true END

-- name: origins
-- Where these orders come from by now; not of those that have found a decision, or that one waits for (to_bind).
SELECT e.alpaca_order_id, e.origin
FROM executions e
WHERE e.account_id = %(account_id)s AND e.alpaca_order_id = ANY (%(orders)s) AND e.origin <> 'own'
  AND NOT EXISTS (SELECT FROM trade_decisions t
                  WHERE t.account_id = e.account_id AND t.client_order_id = e.client_order_id AND e.client_order_id <> ''
                    AND (t.state <> 'bound' OR t.decision_id IS DISTINCT FROM e.decision_id)
                    AND NOT EXISTS (SELECT FROM discrepancies a
                                    WHERE a.account_id = e.account_id AND a.type = 'duplicate_client_id'
                                      AND a.subject = e.client_order_id))

-- name: open_rows
-- Orders of the account that are open by our rows, oldest check first; a status that we don't know counts as open.
-- `due`: past the absence grace.
SELECT e.alpaca_order_id, e.client_order_id,
       coalesce(e.submitted_at, e.created_at, e.recorded_at) + %(grace_s)s * interval '1 second' <= clock_timestamp() AS due
FROM executions e
LEFT JOIN order_checks c ON c.account_id = e.account_id AND c.id_kind = 'order' AND c.id = e.alpaca_order_id
WHERE e.account_id = %(account_id)s AND NOT coalesce(e.status = ANY (%(terminal)s), false)
ORDER BY c.checked_at NULLS FIRST, e.alpaca_order_id

-- name: known_orders
-- Which of these order ids have a row.
SELECT e.alpaca_order_id
FROM executions e
WHERE e.account_id = %(account_id)s AND e.alpaca_order_id = ANY (%(orders)s)

-- name: standing_fills
-- The trades of these orders, as far as an activity is compared with them: reversals explain nothing. A time that 64 bits
-- don't hold, which is a dead letter today, may stand in a row from before: it is brought to their bounds.
SELECT f.alpaca_order_id, f.fill_key, f.activity_id, f.qty, f.price,
       CASE WHEN f.transacted_at < '1677-09-22 00:00:00+00' THEN -9223372036854775808
            WHEN f.transacted_at > '2262-04-11 00:00:00+00' THEN 9223372036854775807
            ELSE (extract(epoch FROM f.transacted_at) * 1000000000)::bigint END AS transacted_at_ns
FROM fills f
WHERE f.account_id = %(account_id)s AND f.alpaca_order_id = ANY (%(orders)s) AND f.entry IN ('trade', 'correction')

-- name: known_activities
-- Which of these activities apply has.
SELECT v.evidence_id
FROM fill_evidence v
WHERE v.account_id = %(account_id)s AND v.alpaca_order_id = ANY (%(orders)s) AND v.kind = 'activity'

-- name: missing_fills
-- Orders whose fills do not add up, oldest first: their activities are asked for by order.
SELECT d.subject
FROM discrepancies d
WHERE d.account_id = %(account_id)s AND d.state = 'open'
  AND d.type IN ('missing_fill', 'excess_fill', 'conflicting_fill', 'unexplained_fill')
ORDER BY d.first_seen_at
LIMIT %(limit)s

-- name: letters
-- Records that could not be read and that nothing has made up for yet, oldest first.
SELECT d.account_id, d.subject, l.order_id, coalesce(l.kafka_timestamp, l.recorded_at), l.recorded_at
FROM discrepancies d
JOIN dead_letters l ON l.account_id = d.account_id AND l.resolved_at IS NULL
                   AND l.topic || ':' || l.partition || ':' || l."offset" = d.subject
WHERE d.account_id = ANY (%(accounts)s) AND d.state = 'open' AND d.type = 'undecodable'
ORDER BY d.first_seen_at, d.discrepancy_id
LIMIT %(limit)s

-- name: answered_decisions
-- Which of these client order ids belong to decisions that wait for nothing any more.
SELECT d.client_order_id
FROM trade_decisions d
WHERE d.account_id = %(account_id)s AND d.client_order_id = ANY (%(client_ids)s)
  AND d.state NOT IN ('planned', 'submitted', 'unknown')

-- name: unresolved_decisions
-- Decisions that have no order yet. `due`: past the absence grace, counted from when it was submitted, else from when
-- it may be, else from when it was written.
SELECT d.decision_id, d.client_order_id, d.state, d.submit_result, d.submitted_at IS NOT NULL AS submitted,
       coalesce(d.submitted_at, d.not_before, d.inserted_at) + %(grace_s)s * interval '1 second' <= clock_timestamp()
           AS due
FROM trade_decisions d
WHERE d.account_id = %(account_id)s AND d.state IN ('planned', 'submitted', 'unknown')
ORDER BY coalesce(d.submitted_at, d.not_before, d.inserted_at), d.decision_id
LIMIT %(limit)s

-- name: too_much_filled
-- Orders whose fills have been more than the broker says for longer than the grace, with their rows; multi-leg aside.
SELECT e.alpaca_order_id, e.filled_qty, e.filled_avg_price, e.updated_at_ns
FROM discrepancies d
JOIN executions e ON e.alpaca_order_id = d.subject AND e.account_id = d.account_id
WHERE d.account_id = %(account_id)s AND d.state = 'open' AND d.type = 'excess_fill'
  AND d.first_seen_at <= clock_timestamp() - %(grace_s)s * interval '1 second'
  AND e.filled_qty IS NOT NULL AND e.order_class IS DISTINCT FROM 'mleg'
ORDER BY d.first_seen_at
LIMIT %(limit)s

-- name: too_little_filled
-- The same, of these orders, where executions are missing, with what the broker says of the whole; nothing has happened to
-- them for the grace either, for the last execution may be one whose frame and activity are still on their way.
SELECT e.alpaca_order_id, coalesce(e.symbol, ''), coalesce(e.side, ''), e.filled_qty, e.filled_avg_price
FROM discrepancies d
JOIN executions e ON e.alpaca_order_id = d.subject AND e.account_id = d.account_id
WHERE d.account_id = %(account_id)s AND d.state = 'open' AND d.type = 'missing_fill' AND d.subject = ANY (%(orders)s)
  AND d.first_seen_at <= clock_timestamp() - %(grace_s)s * interval '1 second'
  AND coalesce(e.updated_at <= clock_timestamp() - %(grace_s)s * interval '1 second', true)
  AND e.filled_qty IS NOT NULL AND e.order_class IS DISTINCT FROM 'mleg'
ORDER BY d.first_seen_at

-- name: fills_of
-- All rows of fills of these orders, with their times as above.
SELECT f.alpaca_order_id, f.fill_key, f.execution_id, f.activity_id, f.entry, f.qty, f.price,
       CASE WHEN f.transacted_at < '1677-09-22 00:00:00+00' THEN -9223372036854775808
            WHEN f.transacted_at > '2262-04-11 00:00:00+00' THEN 9223372036854775807
            ELSE (extract(epoch FROM f.transacted_at) * 1000000000)::bigint END AS transacted_at_ns, coalesce(f.symbol, ''),
       coalesce(f.side, ''), f.reverses
FROM fills f
WHERE f.account_id = %(account_id)s AND f.alpaca_order_id = ANY (%(orders)s)

-- name: standing_residuals
-- Which of these orders have a residual that nothing has reversed.
SELECT DISTINCT f.alpaca_order_id
FROM fills f
WHERE f.account_id = %(account_id)s AND f.alpaca_order_id = ANY (%(orders)s) AND f.entry = 'residual'
  AND NOT EXISTS (SELECT FROM fills r WHERE r.reverses = f.fill_key AND r.alpaca_order_id = f.alpaca_order_id
                  AND r.account_id = f.account_id)

-- name: waiting_reversals
-- Busts and corrections of these orders whose original has no row. What a correction states is not what it takes back.
SELECT DISTINCT v.alpaca_order_id, v.previous_execution_id, CASE WHEN v.kind = 'bust' THEN v.qty END
FROM fill_evidence v
WHERE v.account_id = %(account_id)s AND v.alpaca_order_id = ANY (%(orders)s) AND v.kind IN ('bust', 'correction')
  AND v.previous_execution_id <> ''
  AND NOT EXISTS (SELECT FROM fills f
                  WHERE f.fill_key = 'x:' || v.previous_execution_id AND f.account_id = v.account_id)
