-- What apply writes, in the order in which it writes it. One transaction: rows, events, fills, dead letters, cursor (I3).

-- name: create_observed
-- The tables that a batch is copied into: observations as `order_events` has them, the greatest of each order marked,
-- and fills. `named` has the greatest of each order alone, by its key in `order_events`, where all went there directly.
-- Their columns stand as `core.observation` writes them.
CREATE TEMPORARY TABLE IF NOT EXISTS observed ON COMMIT DELETE ROWS AS
SELECT
    account_id, alpaca_order_id, source, event, execution_id, event_at, event_qty, event_price, position_qty,
    qty, notional, filled_qty, filled_avg_price, limit_price, stop_price, trail_price, trail_percent, hwm, created_at,
    updated_at, submitted_at, filled_at, canceled_at, expired_at, failed_at, replaced_at, cancel_requested_at,
    expires_at, client_order_id, symbol, asset_id, asset_class, side, position_intent, order_type, order_class,
    time_in_force, status, replaces, replaced_by, extended_hours,
    parent_order_id, ratio_qty, extra, event_key, status_rank, updated_at_ns, snapshot_ns, stated, topic, partition,
    "offset", known_at,
    true AS winner
FROM order_events
WITH NO DATA;
CREATE TEMPORARY TABLE IF NOT EXISTS observed_fills ON COMMIT DELETE ROWS AS
SELECT
    account_id, alpaca_order_id, fill_key, execution_id, symbol, side, qty, price, transacted_at, entry, source, topic,
    partition, "offset"
FROM fills
WITH NO DATA;
CREATE TEMPORARY TABLE IF NOT EXISTS named (
    alpaca_order_id text COLLATE "C", account_id text COLLATE "C", event_key uuid, source text, snapshot_ns bigint,
    stated bigint, status_rank smallint, topic text COLLATE "C", partition integer, "offset" bigint
) ON COMMIT DELETE ROWS

-- name: empty_observed
-- Takes out what was copied into them.
TRUNCATE observed, observed_fills

-- name: copy_named
-- Takes the greatest observation of each order; columns in the order in which `store.lines.named_lines` writes them.
COPY named (
    account_id, alpaca_order_id, event_key, source, snapshot_ns, stated, status_rank, topic, partition, "offset"
) FROM STDIN

-- name: named_observed
-- What `named` stands for, in full.
SELECT v.*, true AS winner
FROM named n
JOIN order_events v USING (alpaca_order_id, account_id, event_key)

-- name: named_briefly
-- The same, as far as `named` has it.
SELECT n.*, true AS winner FROM named n

-- name: copy_observed
-- Takes the batch.
COPY observed FROM STDIN

-- name: copy_observed_fills
-- Takes the fills of a batch.
COPY observed_fills FROM STDIN

-- name: copy_events
-- Takes the history of a batch of which every observation is expected to be new; fails where one is not.
COPY order_events (
    account_id, alpaca_order_id, source, event, execution_id, event_at, event_qty, event_price, position_qty,
    qty, notional, filled_qty, filled_avg_price, limit_price, stop_price, trail_price, trail_percent, hwm, created_at,
    updated_at, submitted_at, filled_at, canceled_at, expired_at, failed_at, replaced_at, cancel_requested_at,
    expires_at, client_order_id, symbol, asset_id, asset_class, side, position_intent, order_type, order_class,
    time_in_force, status, replaces, replaced_by, extended_hours,
    parent_order_id, ratio_qty, extra, event_key, status_rank, updated_at_ns, snapshot_ns, stated, topic, partition,
    "offset", known_at
) FROM STDIN

-- name: copy_fills
-- Takes the fills of such a batch.
COPY fills (
    account_id, alpaca_order_id, fill_key, execution_id, symbol, side, qty, price, transacted_at, entry, source, topic,
    partition, "offset"
) FROM STDIN

-- name: few_observed
-- The same rows from an array, as a subquery: put before a statement as `WITH observed AS (…)`, it spares a lone event the
-- temporary table, whose emptying at commit costs more than the commit.
SELECT * FROM unnest(%(seen)s)

-- name: few_fills
-- The same for fills.
SELECT * FROM unnest(%(seen_fills)s)

-- name: lock_shared
-- The schema's advisory lock, shared: taken before any row lock, so that a batch that brings evidence for an order
-- without a row can keep all others out.
SELECT pg_advisory_xact_lock_shared(hashtextextended('stream-reconcile.' || current_schema(), 0))

-- name: lock_exclusive
-- The same lock, for a batch that brings evidence for an order without a row.
SELECT pg_advisory_xact_lock(hashtextextended('stream-reconcile.' || current_schema(), 0))

-- name: advance_cursors
-- The fence (I4): moves the cursors or raises SR001.
SELECT advance_cursors(%(group)s, %(owner)s, %(topics)s, %(partitions)s, %(expected)s, %(epochs)s, %(topic_ids)s,
                       %(next_offsets)s, %(leader_epochs)s, %(record_times)s::timestamptz[])

-- name: upsert_executions
-- The row is the greatest observation (I2, as core.merge): version, filled quantity, status rank, snapshot above frame and
-- of snapshots the later; of what is still equal the first in the log. A stale observation locks the row all the same.
-- Gives the orders that went a step that deserves a look (core.lives.is_curious): the row as it stood before is what this
-- statement's own snapshot shows.
WITH written AS (
INSERT INTO executions AS e (
    account_id, alpaca_order_id,
    qty, notional, filled_qty, filled_avg_price, limit_price, stop_price, trail_price, trail_percent, hwm, created_at,
    updated_at, submitted_at, filled_at, canceled_at, expired_at, failed_at, replaced_at, cancel_requested_at,
    expires_at, client_order_id, symbol, asset_id, asset_class, side, position_intent, order_type, order_class,
    time_in_force, status, replaces, replaced_by, extended_hours,
    status_rank, updated_at_ns, snapshot_ns, stated, last_source, last_topic, last_partition, last_offset,
    parent_order_id, ratio_qty, parent_version_ns, has_evidence
)
SELECT o.account_id, o.alpaca_order_id,
    o.qty, o.notional, o.filled_qty, o.filled_avg_price, o.limit_price, o.stop_price, o.trail_price, o.trail_percent,
    o.hwm, o.created_at, o.updated_at, o.submitted_at, o.filled_at, o.canceled_at, o.expired_at, o.failed_at,
    o.replaced_at, o.cancel_requested_at, o.expires_at, o.client_order_id, o.symbol, o.asset_id, o.asset_class,
    o.side, o.position_intent, o.order_type, o.order_class, o.time_in_force, o.status, o.replaces, o.replaced_by,
    o.extended_hours,
    o.status_rank, o.updated_at_ns, o.snapshot_ns, o.stated, o.source, o.topic, o.partition, o."offset",
    o.parent_order_id, o.ratio_qty, CASE WHEN o.parent_order_id IS NOT NULL THEN o.updated_at_ns END,
    EXISTS (SELECT FROM fill_evidence v
            WHERE v.alpaca_order_id = o.alpaca_order_id AND v.account_id = o.account_id AND v.kind <> 'leg')
FROM observed o
WHERE o.winner
ORDER BY o.alpaca_order_id, o.account_id
ON CONFLICT (alpaca_order_id, account_id) DO UPDATE SET
    qty = excluded.qty, notional = excluded.notional, filled_qty = excluded.filled_qty,
    filled_avg_price = excluded.filled_avg_price, limit_price = excluded.limit_price,
    stop_price = excluded.stop_price, trail_price = excluded.trail_price, trail_percent = excluded.trail_percent,
    hwm = excluded.hwm, created_at = excluded.created_at, updated_at = excluded.updated_at,
    submitted_at = excluded.submitted_at, filled_at = excluded.filled_at, canceled_at = excluded.canceled_at,
    expired_at = excluded.expired_at, failed_at = excluded.failed_at, replaced_at = excluded.replaced_at,
    cancel_requested_at = excluded.cancel_requested_at, expires_at = excluded.expires_at,
    client_order_id = excluded.client_order_id, symbol = excluded.symbol, asset_id = excluded.asset_id,
    asset_class = excluded.asset_class, side = excluded.side, position_intent = excluded.position_intent,
    order_type = excluded.order_type, order_class = excluded.order_class, time_in_force = excluded.time_in_force,
    status = excluded.status, replaces = excluded.replaces, replaced_by = excluded.replaced_by,
    extended_hours = excluded.extended_hours,
    status_rank = excluded.status_rank, updated_at_ns = excluded.updated_at_ns, snapshot_ns = excluded.snapshot_ns,
    stated = excluded.stated, mixed = e.mixed OR e.stated <> excluded.stated, last_source = excluded.last_source,
    last_topic = excluded.last_topic, last_partition = excluded.last_partition, last_offset = excluded.last_offset,
    recorded_at = now()
WHERE excluded.updated_at_ns > e.updated_at_ns
   OR (excluded.updated_at_ns = e.updated_at_ns
       AND ((coalesce(excluded.filled_qty, 0), excluded.status_rank, excluded.snapshot_ns)
            > (coalesce(e.filled_qty, 0), e.status_rank, e.snapshot_ns)
            OR ((coalesce(excluded.filled_qty, 0), excluded.status_rank, excluded.snapshot_ns)
                = (coalesce(e.filled_qty, 0), e.status_rank, e.snapshot_ns)
                AND (excluded.last_topic, excluded.last_partition, excluded.last_offset)
                    < (e.last_topic, e.last_partition, e.last_offset))))
RETURNING e.alpaca_order_id, e.account_id, e.status_rank, CASE
    WHEN xmax <> 0 AND (e.status_rank < 600 OR e.status_rank = 940) THEN (
        SELECT b.status_rank FROM executions b
        WHERE b.alpaca_order_id = e.alpaca_order_id AND b.account_id = e.account_id
    ) END AS before
)
SELECT w.alpaca_order_id, w.account_id
FROM written w
WHERE (w.status_rank < 600 AND w.before >= 900) OR (w.status_rank = 940 AND w.before = 320)

-- name: insert_events
-- Each distinct observation once, at its first place in the log; a snapshot as it was received last.
INSERT INTO order_events AS v (
    account_id, alpaca_order_id, event_key, source, event, event_at, execution_id, event_qty, event_price, position_qty,
    qty, notional, filled_qty, filled_avg_price, limit_price, stop_price, trail_price, trail_percent, hwm, created_at,
    updated_at, submitted_at, filled_at, canceled_at, expired_at, failed_at, replaced_at, cancel_requested_at,
    expires_at, client_order_id, symbol, asset_id, asset_class, side, position_intent, order_type, order_class,
    time_in_force, status, replaces, replaced_by, extended_hours,
    parent_order_id, ratio_qty, status_rank, updated_at_ns, snapshot_ns, stated, extra, topic, partition, "offset",
    known_at
)
SELECT
    account_id, alpaca_order_id, event_key, source, event, event_at, execution_id, event_qty, event_price, position_qty,
    qty, notional, filled_qty, filled_avg_price, limit_price, stop_price, trail_price, trail_percent, hwm, created_at,
    updated_at, submitted_at, filled_at, canceled_at, expired_at, failed_at, replaced_at, cancel_requested_at,
    expires_at, client_order_id, symbol, asset_id, asset_class, side, position_intent, order_type, order_class,
    time_in_force, status, replaces, replaced_by, extended_hours,
    parent_order_id, ratio_qty, status_rank, updated_at_ns, snapshot_ns, stated, extra, topic, partition, "offset",
    known_at
FROM observed
ON CONFLICT (alpaca_order_id, account_id, event_key) DO UPDATE SET
    (topic, partition, "offset", known_at) = (
        SELECT sight.topic, sight.partition, sight."offset", sight.known_at
        FROM (VALUES (v.topic, v.partition, v."offset", v.known_at),
                     (excluded.topic, excluded.partition, excluded."offset", excluded.known_at))
             AS sight(topic, partition, "offset", known_at)
        ORDER BY sight.topic, sight.partition, sight."offset"
        LIMIT 1
    ),
    snapshot_ns = greatest(v.snapshot_ns, excluded.snapshot_ns)
WHERE (excluded.topic, excluded.partition, excluded."offset") < (v.topic, v.partition, v."offset")
   OR excluded.snapshot_ns > v.snapshot_ns

-- name: state_parents
-- The parents of orders read inside one, where the statement is newer than the one that stands (core.merge.newer_parent).
UPDATE executions e
SET parent_order_id = w.parent_order_id, ratio_qty = w.ratio_qty, parent_version_ns = w.version_ns
FROM json_to_recordset(%(parents)s::json)
     AS w(order_id text, account_id text, version_ns bigint, parent_order_id text, ratio_qty numeric)
WHERE e.alpaca_order_id = w.order_id AND e.account_id = w.account_id
  AND (e.parent_version_ns IS NULL
       OR (w.version_ns, w.parent_order_id COLLATE "C", w.ratio_qty IS NOT NULL, coalesce(w.ratio_qty, 0))
          > (e.parent_version_ns, e.parent_order_id, e.ratio_qty IS NOT NULL, coalesce(e.ratio_qty, 0)))

-- name: insert_fills
-- Fill frames and legs are rows at once: an order that has no other evidence needs no more. Gives the orders of which an
-- execution stands there already with another content or by another statement, to be looked at with all their evidence.
WITH written AS (
    INSERT INTO fills AS f (
        account_id, alpaca_order_id, fill_key, execution_id, symbol, side, qty, price, transacted_at, entry, source,
        topic, partition, "offset"
    )
    SELECT account_id, alpaca_order_id, fill_key, execution_id, symbol, side, qty, price, transacted_at, entry, source,
           topic, partition, "offset"
    FROM observed_fills
    ON CONFLICT (fill_key, account_id) DO UPDATE SET recorded_at = f.recorded_at
    WHERE (f.qty, f.price, f.alpaca_order_id, f.entry, f.source)
          IS DISTINCT FROM (excluded.qty, excluded.price, excluded.alpaca_order_id, excluded.entry, excluded.source)
       OR (excluded.topic, excluded.partition, excluded."offset") < (f.topic, f.partition, f."offset")
       OR ((excluded.topic, excluded.partition, excluded."offset") <> (f.topic, f.partition, f."offset")
           AND (EXISTS (
                   SELECT FROM order_events v
                   WHERE v.alpaca_order_id = excluded.alpaca_order_id AND v.account_id = excluded.account_id
                     AND v.execution_id = excluded.execution_id AND v.topic = excluded.topic
                     AND v.partition = excluded.partition AND v."offset" = excluded."offset"
               )
               OR EXISTS (
                   SELECT FROM fill_evidence v
                   WHERE v.alpaca_order_id = excluded.alpaca_order_id AND v.account_id = excluded.account_id
                     AND v.evidence_id = excluded.execution_id AND v.topic = excluded.topic
                     AND v.partition = excluded.partition AND v."offset" = excluded."offset"
               )))
    RETURNING f.alpaca_order_id, f.account_id, f.fill_key, xmax <> 0 AS known
)
SELECT w.alpaca_order_id, w.account_id FROM written w WHERE w.known
UNION
SELECT o.alpaca_order_id, o.account_id
FROM written w JOIN observed_fills o ON o.fill_key = w.fill_key AND o.account_id = w.account_id
WHERE w.known

-- name: inspect
-- Orders of this batch that need a closer look: fills that do not add up (I9; of a multi-leg parent those of its legs) or
-- an open finding that may close, evidence beyond fills, observations that state different fields; legs whose parent is
-- not in the batch, for it may have to be looked at; rows and late words that core.lives has something to say about.
SELECT o.alpaca_order_id, o.account_id, e.mixed OR e.stated <> o.stated OR seen.before AS merge, e.has_evidence
FROM observed o
JOIN executions e ON e.alpaca_order_id = o.alpaca_order_id AND e.account_id = o.account_id
CROSS JOIN LATERAL (
    SELECT coalesce(sum(f.qty), 0) AS net
    FROM fills f
    WHERE f.alpaca_order_id = o.alpaca_order_id AND f.account_id = o.account_id
) n
CROSS JOIN LATERAL (
    SELECT o.source = 'sweep' AND EXISTS (
        SELECT FROM order_events v
        WHERE v.alpaca_order_id = o.alpaca_order_id AND v.account_id = o.account_id AND v.event_key = o.event_key
          AND (v.topic, v.partition, v."offset", v.snapshot_ns)
              IS DISTINCT FROM (o.topic, o.partition, o."offset", o.snapshot_ns)
    ) AS before
) seen
WHERE o.winner
  AND (seen.before OR e.filled_qty > e.qty OR e.mixed OR e.has_evidence OR e.stated <> o.stated
       OR (e.status_rank < 600 AND o.status_rank >= 900)
       OR (e.status_rank = 940 AND (e.cancel_requested_at IS NOT NULL OR o.status_rank = 320))
       OR (e.replaced_at IS NOT NULL AND EXISTS (
               SELECT FROM fills f
               WHERE f.alpaca_order_id = e.alpaca_order_id AND f.account_id = e.account_id
                 AND f.entry = 'trade' AND f.transacted_at > e.replaced_at))
       OR CASE
           WHEN e.order_class = 'mleg' THEN (
               SELECT CASE WHEN count(*) = 0 THEN n.net <> coalesce(e.filled_qty, 0)
                           ELSE n.net <> 0 OR bool_or(m.net <> coalesce(e.filled_qty, 0) * l.ratio_qty) END
               FROM executions l
               CROSS JOIN LATERAL (
                   SELECT coalesce(sum(f.qty), 0) AS net
                   FROM fills f
                   WHERE f.alpaca_order_id = l.alpaca_order_id AND f.account_id = l.account_id
               ) m
               WHERE l.parent_order_id = e.alpaca_order_id AND l.account_id = e.account_id
           )
           ELSE n.net <> coalesce(e.filled_qty, 0)
       END
       OR (e.parent_order_id IS NOT NULL AND coalesce(e.order_class, '') NOT IN ('bracket', 'oco', 'oto')
           AND (e.parent_order_id, e.account_id) NOT IN (SELECT p.alpaca_order_id, p.account_id FROM observed p))
       OR EXISTS (SELECT FROM discrepancies d
                  WHERE d.subject = o.alpaca_order_id AND d.account_id = o.account_id AND d.state = 'open'))

-- name: insert_evidence
-- Statements about executions that are no plain frame, each distinct one once, at its first place in the log; gives
-- each that was written, and whether it is new.
INSERT INTO fill_evidence AS v (
    account_id, alpaca_order_id, evidence_key, kind, evidence_id, previous_execution_id, symbol, side, qty, price,
    transacted_at_ns, cum_qty, explained_from, topic, partition, "offset", position, known_at
)
SELECT account_id, order_id, evidence_key, kind, evidence_id, previous_execution_id, symbol, side, qty, price,
       transacted_at_ns, cum_qty, explained_from, topic, partition, "offset", position,
       to_timestamp(known_at_ms / 1000.0)
FROM json_to_recordset(%(evidence)s::json) AS w(
    account_id text, order_id text, evidence_key uuid, kind text, evidence_id text, previous_execution_id text,
    symbol text, side text, qty numeric, price numeric, transacted_at_ns bigint, cum_qty numeric,
    explained_from numeric, topic text, partition integer, "offset" bigint, position integer, known_at_ms bigint
)
ORDER BY order_id, account_id, evidence_key
ON CONFLICT (alpaca_order_id, account_id, evidence_key) DO UPDATE SET
    topic = excluded.topic, partition = excluded.partition, "offset" = excluded."offset",
    position = excluded.position, known_at = excluded.known_at
WHERE (excluded.topic, excluded.partition, excluded."offset", excluded.position)
      < (v.topic, v.partition, v."offset", v.position)
RETURNING account_id, alpaca_order_id, kind, evidence_id, previous_execution_id, xmax = 0 AS added

-- name: orders_without_row
-- Of the given orders those that have no row: evidence about them needs the exclusive lock.
SELECT w.order_id, w.account_id
FROM unnest(%(orders)s::text[], %(accounts)s::text[]) AS w(order_id, account_id)
WHERE NOT EXISTS (SELECT FROM executions e WHERE e.alpaca_order_id = w.order_id AND e.account_id = w.account_id)

-- name: mark_evidence
-- Locks the rows of orders that evidence came for, in key order, and marks them.
WITH locked AS (
    SELECT e.alpaca_order_id, e.account_id
    FROM executions e
    JOIN unnest(%(orders)s::text[], %(accounts)s::text[]) AS w(order_id, account_id)
      ON e.alpaca_order_id = w.order_id AND e.account_id = w.account_id
    ORDER BY e.alpaca_order_id, e.account_id
    FOR UPDATE OF e
)
UPDATE executions e SET has_evidence = true
FROM locked l
WHERE e.alpaca_order_id = l.alpaca_order_id AND e.account_id = l.account_id AND NOT e.has_evidence

-- name: merge_again
-- Rows made from the whole history of their orders (core.merge.merge): the greatest observation, and of a field that it
-- does not state the newest statement (absent is not null). For orders whose observations state different fields, and
-- for a snapshot that was seen before: it may be the last word again, and is named by its first place.
UPDATE executions e SET
    qty = m.qty, notional = m.notional, filled_qty = m.filled_qty, filled_avg_price = m.filled_avg_price,
    limit_price = m.limit_price, stop_price = m.stop_price, trail_price = m.trail_price,
    trail_percent = m.trail_percent, hwm = m.hwm, created_at = m.created_at, updated_at = m.updated_at,
    submitted_at = m.submitted_at, filled_at = m.filled_at, canceled_at = m.canceled_at, expired_at = m.expired_at,
    failed_at = m.failed_at, replaced_at = m.replaced_at, cancel_requested_at = m.cancel_requested_at,
    expires_at = m.expires_at, client_order_id = m.client_order_id, symbol = m.symbol, asset_id = m.asset_id,
    asset_class = m.asset_class, side = m.side, position_intent = m.position_intent, order_type = m.order_type,
    order_class = m.order_class, time_in_force = m.time_in_force, status = m.status, replaces = m.replaces,
    replaced_by = m.replaced_by, extended_hours = m.extended_hours, status_rank = m.status_rank,
    updated_at_ns = m.updated_at_ns, snapshot_ns = m.snapshot_ns, stated = m.stated, last_source = m.source,
    last_topic = m.topic, last_partition = m.partition, last_offset = m."offset", mixed = m.mixed,
    recorded_at = now()
FROM (
    SELECT v.alpaca_order_id, v.account_id, min(v.stated) <> max(v.stated) AS mixed,
        (array_agg(v.status_rank ORDER BY v.place))[1] AS status_rank,
        (array_agg(v.updated_at_ns ORDER BY v.place))[1] AS updated_at_ns,
        (array_agg(v.snapshot_ns ORDER BY v.place))[1] AS snapshot_ns,
        (array_agg(v.stated ORDER BY v.place))[1] AS stated,
        (array_agg(v.source ORDER BY v.place))[1] AS source,
        (array_agg(v.topic ORDER BY v.place))[1] AS topic,
        (array_agg(v.partition ORDER BY v.place))[1] AS partition,
        (array_agg(v."offset" ORDER BY v.place))[1] AS "offset",
        (array_agg(v.qty ORDER BY v.place) FILTER (WHERE v.stated >> 0 & 1 = 1))[1] AS qty,
        (array_agg(v.notional ORDER BY v.place) FILTER (WHERE v.stated >> 1 & 1 = 1))[1] AS notional,
        (array_agg(v.filled_qty ORDER BY v.place) FILTER (WHERE v.stated >> 2 & 1 = 1))[1] AS filled_qty,
        (array_agg(v.filled_avg_price ORDER BY v.place) FILTER (WHERE v.stated >> 3 & 1 = 1))[1] AS filled_avg_price,
        (array_agg(v.limit_price ORDER BY v.place) FILTER (WHERE v.stated >> 4 & 1 = 1))[1] AS limit_price,
        (array_agg(v.stop_price ORDER BY v.place) FILTER (WHERE v.stated >> 5 & 1 = 1))[1] AS stop_price,
        (array_agg(v.trail_price ORDER BY v.place) FILTER (WHERE v.stated >> 6 & 1 = 1))[1] AS trail_price,
        (array_agg(v.trail_percent ORDER BY v.place) FILTER (WHERE v.stated >> 7 & 1 = 1))[1] AS trail_percent,
        (array_agg(v.hwm ORDER BY v.place) FILTER (WHERE v.stated >> 8 & 1 = 1))[1] AS hwm,
        (array_agg(v.created_at ORDER BY v.place) FILTER (WHERE v.stated >> 9 & 1 = 1))[1] AS created_at,
        (array_agg(v.updated_at ORDER BY v.place) FILTER (WHERE v.stated >> 10 & 1 = 1))[1] AS updated_at,
        (array_agg(v.submitted_at ORDER BY v.place) FILTER (WHERE v.stated >> 11 & 1 = 1))[1] AS submitted_at,
        (array_agg(v.filled_at ORDER BY v.place) FILTER (WHERE v.stated >> 12 & 1 = 1))[1] AS filled_at,
        (array_agg(v.canceled_at ORDER BY v.place) FILTER (WHERE v.stated >> 13 & 1 = 1))[1] AS canceled_at,
        (array_agg(v.expired_at ORDER BY v.place) FILTER (WHERE v.stated >> 14 & 1 = 1))[1] AS expired_at,
        (array_agg(v.failed_at ORDER BY v.place) FILTER (WHERE v.stated >> 15 & 1 = 1))[1] AS failed_at,
        (array_agg(v.replaced_at ORDER BY v.place) FILTER (WHERE v.stated >> 16 & 1 = 1))[1] AS replaced_at,
        (array_agg(v.cancel_requested_at ORDER BY v.place) FILTER (WHERE v.stated >> 17 & 1 = 1))[1] AS cancel_requested_at,
        (array_agg(v.expires_at ORDER BY v.place) FILTER (WHERE v.stated >> 18 & 1 = 1))[1] AS expires_at,
        (array_agg(v.client_order_id ORDER BY v.place) FILTER (WHERE v.stated >> 19 & 1 = 1))[1] AS client_order_id,
        (array_agg(v.symbol ORDER BY v.place) FILTER (WHERE v.stated >> 20 & 1 = 1))[1] AS symbol,
        (array_agg(v.asset_id ORDER BY v.place) FILTER (WHERE v.stated >> 21 & 1 = 1))[1] AS asset_id,
        (array_agg(v.asset_class ORDER BY v.place) FILTER (WHERE v.stated >> 22 & 1 = 1))[1] AS asset_class,
        (array_agg(v.side ORDER BY v.place) FILTER (WHERE v.stated >> 23 & 1 = 1))[1] AS side,
        (array_agg(v.position_intent ORDER BY v.place) FILTER (WHERE v.stated >> 24 & 1 = 1))[1] AS position_intent,
        (array_agg(v.order_type ORDER BY v.place) FILTER (WHERE v.stated >> 25 & 1 = 1))[1] AS order_type,
        (array_agg(v.order_class ORDER BY v.place) FILTER (WHERE v.stated >> 26 & 1 = 1))[1] AS order_class,
        (array_agg(v.time_in_force ORDER BY v.place) FILTER (WHERE v.stated >> 27 & 1 = 1))[1] AS time_in_force,
        (array_agg(v.status ORDER BY v.place) FILTER (WHERE v.stated >> 28 & 1 = 1))[1] AS status,
        (array_agg(v.replaces ORDER BY v.place) FILTER (WHERE v.stated >> 29 & 1 = 1))[1] AS replaces,
        (array_agg(v.replaced_by ORDER BY v.place) FILTER (WHERE v.stated >> 30 & 1 = 1))[1] AS replaced_by,
        (array_agg(v.extended_hours ORDER BY v.place) FILTER (WHERE v.stated >> 31 & 1 = 1))[1] AS extended_hours
    FROM (
        SELECT h.*, row_number() OVER (
            PARTITION BY h.alpaca_order_id, h.account_id
            ORDER BY h.updated_at_ns DESC, coalesce(h.filled_qty, 0) DESC, h.status_rank DESC, h.snapshot_ns DESC,
                     h.topic, h.partition, h."offset", h.event_key
        ) AS place
        FROM order_events h
        JOIN unnest(%(orders)s::text[], %(accounts)s::text[]) AS w(order_id, account_id)
          ON h.alpaca_order_id = w.order_id AND h.account_id = w.account_id
    ) v
    GROUP BY v.alpaca_order_id, v.account_id
) m
WHERE e.alpaca_order_id = m.alpaca_order_id AND e.account_id = m.account_id
  AND (
      e.qty, e.notional, e.filled_qty, e.filled_avg_price, e.limit_price, e.stop_price, e.trail_price,
      e.trail_percent, e.hwm, e.created_at, e.updated_at, e.submitted_at, e.filled_at, e.canceled_at, e.expired_at,
      e.failed_at, e.replaced_at, e.cancel_requested_at, e.expires_at, e.client_order_id, e.symbol, e.asset_id,
      e.asset_class, e.side, e.position_intent, e.order_type, e.order_class, e.time_in_force, e.status, e.replaces,
      e.replaced_by, e.extended_hours, e.status_rank, e.updated_at_ns, e.snapshot_ns, e.stated, e.last_source,
      e.last_topic, e.last_partition, e.last_offset, e.mixed
  ) IS DISTINCT FROM (
      m.qty, m.notional, m.filled_qty, m.filled_avg_price, m.limit_price, m.stop_price, m.trail_price,
      m.trail_percent, m.hwm, m.created_at, m.updated_at, m.submitted_at, m.filled_at, m.canceled_at, m.expired_at,
      m.failed_at, m.replaced_at, m.cancel_requested_at, m.expires_at, m.client_order_id, m.symbol, m.asset_id,
      m.asset_class, m.side, m.position_intent, m.order_type, m.order_class, m.time_in_force, m.status, m.replaces,
      m.replaced_by, m.extended_hours, m.status_rank, m.updated_at_ns, m.snapshot_ns, m.stated, m.source, m.topic,
      m.partition, m."offset", m.mixed
  )

-- name: frames_of
-- Fill frames of the given orders, as evidence. A time that 64 bits don't hold, which is a dead letter today, may stand in
-- a row from before: it is brought to their bounds.
SELECT v.account_id, v.alpaca_order_id, v.execution_id, v.event_qty, v.event_price,
       CASE WHEN v.event_at < '1677-09-22 00:00:00+00' THEN -9223372036854775808
            WHEN v.event_at > '2262-04-11 00:00:00+00' THEN 9223372036854775807
            ELSE (extract(epoch FROM v.event_at) * 1000000000)::bigint END AS transacted_at_ns, v.filled_qty, v.symbol, v.side,
       v.topic, v.partition, v."offset"
FROM order_events v
JOIN unnest(%(orders)s::text[], %(accounts)s::text[]) AS w(order_id, account_id)
  ON v.alpaca_order_id = w.order_id AND v.account_id = w.account_id
WHERE v.source = 'stream' AND v.event IN ('fill', 'partial_fill') AND v.execution_id <> ''
  AND v.event_qty IS NOT NULL AND v.event_price IS NOT NULL AND v.event_at IS NOT NULL

-- name: evidence_of
-- All other evidence of the given orders.
SELECT v.account_id, v.alpaca_order_id, v.kind, v.evidence_id, v.previous_execution_id, v.symbol, v.side, v.qty, v.price,
       v.transacted_at_ns, v.cum_qty, v.explained_from, v.topic, v.partition, v."offset", v.position
FROM fill_evidence v
JOIN unnest(%(orders)s::text[], %(accounts)s::text[]) AS w(order_id, account_id)
  ON v.alpaca_order_id = w.order_id AND v.account_id = w.account_id

-- name: fills_of
-- Fill rows of the given orders.
SELECT f.account_id, f.alpaca_order_id, f.fill_key, f.execution_id, f.activity_id, f.symbol, f.side, f.qty, f.price,
       f.transacted_at, f.entry, f.reverses, f.source, f.topic, f.partition, f."offset"
FROM fills f
JOIN unnest(%(orders)s::text[], %(accounts)s::text[]) AS w(order_id, account_id)
  ON f.alpaca_order_id = w.order_id AND f.account_id = w.account_id

-- name: put_fills
-- Writes fill rows as the evidence gives them. Where two orders claim one execution id, the first in the log has it.
INSERT INTO fills AS f (
    account_id, alpaca_order_id, fill_key, execution_id, activity_id, symbol, side, qty, price, transacted_at, entry,
    reverses, source, topic, partition, "offset"
)
SELECT *
FROM unnest(
    %(account_id)s::text[], %(alpaca_order_id)s::text[], %(fill_key)s::text[], %(execution_id)s::text[],
    %(activity_id)s::text[], %(symbol)s::text[], %(side)s::text[], %(qty)s::numeric[], %(price)s::numeric[],
    %(transacted_at)s::timestamptz[], %(entry)s::text[], %(reverses)s::text[], %(source)s::text[], %(topic)s::text[],
    %(partition)s::integer[], %(offset)s::bigint[]
) AS w(account_id, alpaca_order_id, fill_key, execution_id, activity_id, symbol, side, qty, price, transacted_at, entry,
       reverses, source, topic, partition, "offset")
ORDER BY fill_key, account_id
ON CONFLICT (fill_key, account_id) DO UPDATE SET
    alpaca_order_id = excluded.alpaca_order_id, execution_id = excluded.execution_id,
    activity_id = excluded.activity_id, symbol = excluded.symbol, side = excluded.side, qty = excluded.qty,
    price = excluded.price, transacted_at = excluded.transacted_at, entry = excluded.entry,
    reverses = excluded.reverses, source = excluded.source, topic = excluded.topic, partition = excluded.partition,
    "offset" = excluded."offset", recorded_at = now()
WHERE f.alpaca_order_id = excluded.alpaca_order_id
   OR (excluded.topic, excluded.partition, excluded."offset") < (f.topic, f.partition, f."offset")

-- name: drop_fill
-- Takes away a row that the evidence no longer gives: an activity that found its frame.
DELETE FROM fills WHERE fill_key = %s AND account_id = %s AND alpaca_order_id = %s

-- name: lock_orders
-- Locks the rows of orders in key order before their evidence is read: who has the lock second sees what the first wrote.
SELECT FROM executions e
JOIN unnest(%(orders)s::text[], %(accounts)s::text[]) AS w(order_id, account_id)
  ON e.alpaca_order_id = w.order_id AND e.account_id = w.account_id
ORDER BY e.alpaca_order_id, e.account_id
FOR NO KEY UPDATE OF e

-- name: lock_parents
-- The multi-leg parents of the given orders, locked, so that a member that is writing the parent at this moment sees our
-- fills or we see its row.
SELECT p.alpaca_order_id, p.account_id
FROM executions p
WHERE p.order_class = 'mleg' AND (p.alpaca_order_id, p.account_id) IN (
    SELECT e.parent_order_id, e.account_id
    FROM executions e
    JOIN unnest(%(orders)s::text[], %(accounts)s::text[]) AS w(order_id, account_id)
      ON e.alpaca_order_id = w.order_id AND e.account_id = w.account_id
    WHERE e.parent_order_id IS NOT NULL
)
ORDER BY p.alpaca_order_id, p.account_id
FOR NO KEY UPDATE OF p

-- name: sums_of
-- What I9 compares: rows of the given orders with the net of their fills, and the legs of multi-leg parents among them.
SELECT e.alpaca_order_id, e.account_id, e.filled_qty, e.qty, e.order_class, e.last_source, e.last_topic,
       e.last_partition, e.last_offset, e.parent_order_id, e.ratio_qty, f.net, f.fills,
       ARRAY(SELECT d.type FROM discrepancies d
             WHERE d.subject = e.alpaca_order_id AND d.account_id = e.account_id AND d.state = 'open') AS open_types
FROM (
    SELECT w.order_id, w.account_id
    FROM unnest(%(orders)s::text[], %(accounts)s::text[]) AS w(order_id, account_id)
    UNION
    SELECT l.alpaca_order_id, l.account_id
    FROM executions l
    WHERE l.parent_order_id IS NOT NULL AND (l.parent_order_id, l.account_id) IN (
        SELECT w.order_id, w.account_id FROM unnest(%(orders)s::text[], %(accounts)s::text[]) AS w(order_id, account_id)
    )
) wanted
JOIN executions e ON e.alpaca_order_id = wanted.order_id AND e.account_id = wanted.account_id
CROSS JOIN LATERAL (
    SELECT coalesce(sum(f.qty), 0) AS net, count(*) AS fills
    FROM fills f
    WHERE f.alpaca_order_id = e.alpaca_order_id AND f.account_id = e.account_id
) f

-- name: lives_of
-- What core.lives judges: rows of the given orders with what was said of them before. `ended`: the greatest observation
-- that said the order is over, of those with no more filled than the row (what was taken back opens an order rightly)
-- and with no bust or correction since.
SELECT e.account_id, e.alpaca_order_id AS order_id, e.status, e.cancel_requested_at::text, e.replaced_by, e.replaced_at::text,
       ended.status AS ended_status, ended.updated_at_ns AS ended_ns,
       e.status_rank = 940 AND coalesce(e.cancel_requested_at <= coalesce(e.filled_at, e.cancel_requested_at), EXISTS (
           SELECT FROM order_events v
           WHERE v.alpaca_order_id = e.alpaca_order_id AND v.account_id = e.account_id AND v.status_rank = 320
       )) AS filled_while_canceling,
       e.replaced_at IS NOT NULL AND EXISTS (
           SELECT FROM fills f
           WHERE f.alpaca_order_id = e.alpaca_order_id AND f.account_id = e.account_id
             AND f.entry = 'trade' AND f.transacted_at > e.replaced_at
       ) AS filled_after_replace
FROM executions e
JOIN unnest(%(orders)s::text[], %(accounts)s::text[]) AS w(order_id, account_id)
  ON e.alpaca_order_id = w.order_id AND e.account_id = w.account_id
LEFT JOIN LATERAL (
    SELECT v.status, v.updated_at_ns
    FROM order_events v
    WHERE e.status_rank < 600 AND v.alpaca_order_id = e.alpaca_order_id AND v.account_id = e.account_id
      AND v.status_rank >= 900 AND coalesce(v.filled_qty, 0) <= coalesce(e.filled_qty, 0)
      AND NOT EXISTS (
          SELECT FROM order_events b
          WHERE b.alpaca_order_id = e.alpaca_order_id AND b.account_id = e.account_id
            AND b.event IN ('trade_bust', 'trade_correct') AND b.updated_at_ns >= v.updated_at_ns
      )
      AND NOT EXISTS (
          SELECT FROM fill_evidence b
          WHERE b.alpaca_order_id = e.alpaca_order_id AND b.account_id = e.account_id AND b.kind = 'reversal'
      )
    ORDER BY v.updated_at_ns DESC, v.status_rank DESC
    LIMIT 1
) ended ON true

-- name: record_discrepancies
-- Findings that are over as they are found: nothing is to be done about them. What stands in a row already, by the same
-- evidence, or by any where there can be but one (`once`), is recorded no second time.
INSERT INTO discrepancies (account_id, type, subject, evidence, state, resolved_at, resolution, resolved_by)
SELECT w.account_id, w.type, w.subject, w.evidence, 'resolved', now(), %(resolution)s, %(who)s
FROM unnest(%(accounts)s::text[], %(types)s::text[], %(subjects)s::text[], %(evidence)s::jsonb[], %(once)s::boolean[])
     AS w(account_id, type, subject, evidence, once)
WHERE NOT EXISTS (
    SELECT FROM discrepancies k
    WHERE k.account_id = w.account_id AND k.type = w.type AND k.subject = w.subject
      AND (w.once OR (k.evidence_hash = jsonb_hash_extended(w.evidence, 0) AND k.evidence = w.evidence))
)

-- name: insert_dead_letter
-- Puts a record aside with its bytes, in the transaction that passes it (I8); an old one stays as it is.
INSERT INTO dead_letters (
    topic_id, topic, partition, "offset", key, payload, kafka_timestamp, account_id, order_id, reason, error
)
VALUES (%s, %s, %s, %s, %s, %s, to_timestamp(%s::bigint / 1000.0), %s, %s, %s, %s)
ON CONFLICT (topic_id, partition, "offset") DO NOTHING

-- name: open_discrepancies
-- Opens findings, or touches those that are open; evidence that stands in a row already opens none anew. But sums that
-- agreed for a while, and do not any more by the same numbers, open their own row again: it says what is so now.
WITH wanted AS (
    SELECT w.account_id, w.type, w.subject, w.evidence
    FROM unnest(%(accounts)s::text[], %(types)s::text[], %(subjects)s::text[], %(evidence)s::jsonb[])
         AS w(account_id, type, subject, evidence)
), again AS (
    UPDATE discrepancies r
    SET state = 'open', last_seen_at = now(), resolved_at = NULL, resolution = NULL, resolved_by = NULL
    FROM wanted w
    WHERE r.account_id = w.account_id AND r.type = w.type AND r.subject = w.subject AND r.state = 'resolved'
      AND r.type IN ('missing_fill', 'excess_fill')
      AND r.evidence_hash = jsonb_hash_extended(w.evidence, 0) AND r.evidence = w.evidence
      AND NOT EXISTS (SELECT FROM discrepancies o
                      WHERE o.account_id = w.account_id AND o.type = w.type AND o.subject = w.subject
                        AND o.state = 'open')
)
INSERT INTO discrepancies AS d (account_id, type, subject, evidence)
SELECT w.account_id, w.type, w.subject, w.evidence
FROM wanted w
WHERE NOT EXISTS (
    SELECT FROM discrepancies k
    WHERE k.account_id = w.account_id AND k.type = w.type AND k.subject = w.subject AND k.state <> 'open'
      AND k.evidence_hash = jsonb_hash_extended(w.evidence, 0) AND k.evidence = w.evidence
)
ON CONFLICT (account_id, type, subject) WHERE state = 'open' DO UPDATE SET
    last_seen_at = now(), evidence = excluded.evidence

-- name: close_discrepancies
-- Closes findings when the two sides agree again.
UPDATE discrepancies d
SET state = 'resolved', resolved_at = now(), last_seen_at = now(), resolution = %(resolution)s, resolved_by = %(who)s
FROM unnest(%(accounts)s::text[], %(types)s::text[], %(subjects)s::text[]) AS w(account_id, type, subject)
WHERE d.account_id = w.account_id AND d.type = w.type AND d.subject = w.subject AND d.state = 'open'
