-- Our tables against the ground truth, as far as `simulator.verdict` does not compare them: the history, the evidence,
-- the places in the log, findings, and what is there that should not be. All rows of a query are differences.

-- name: plan
-- Large joins in memory where they fit; compiling these statements takes longer than running them on a short log.
SET LOCAL work_mem = '128MB';
SET LOCAL jit = off

-- name: events_unpaired
-- Observations that are missing, doubled (an observation of the truth at another place or account), or unknown.
SELECT CASE WHEN o.alpaca_order_id IS NULL THEN 'missing'
            WHEN EXISTS (SELECT FROM ground_truth.events k
                         WHERE k.alpaca_order_id = o.alpaca_order_id AND k.event = o.event
                           AND (k.execution_id, k.event_at, k.updated_at_ns)
                               IS NOT DISTINCT FROM (o.execution_id, o.event_at, o.updated_at_ns)) THEN 'doubled'
            ELSE 'unknown' END AS kind,
       format('%%s %%s at %%s:%%s', coalesce(t.alpaca_order_id, o.alpaca_order_id), coalesce(t.event, o.event),
              coalesce(t.partition, o.partition), coalesce(t."offset", o."offset")) AS subject
FROM order_events o
FULL JOIN ground_truth.events t
  ON t.alpaca_order_id = o.alpaca_order_id AND t.account_id = o.account_id AND t.topic = o.topic
 AND t.partition = o.partition AND t."offset" = o."offset"
WHERE o.alpaca_order_id IS NULL OR t.alpaca_order_id IS NULL

-- name: events_repeated
-- A record says one thing of an order: a second row from the same place is a double of the first.
SELECT 'doubled' AS kind, format('%%s at %%s:%%s', alpaca_order_id, partition, "offset") AS subject
FROM order_events
GROUP BY alpaca_order_id, account_id, topic, partition, "offset"
HAVING count(*) > 1

-- name: evidence_unpaired
-- Statements about executions (legs, busts, corrections) that are missing or unknown.
SELECT CASE WHEN o.alpaca_order_id IS NULL THEN 'missing' ELSE 'unknown' END AS kind,
       format('%%s %%s %%s', coalesce(t.alpaca_order_id, o.alpaca_order_id), coalesce(t.kind, o.kind),
              coalesce(t.evidence_id, o.evidence_id)) AS subject
FROM fill_evidence o
FULL JOIN (SELECT * FROM ground_truth.evidence WHERE kind <> 'frame') t
  ON t.alpaca_order_id = o.alpaca_order_id AND t.account_id = o.account_id AND t.kind = o.kind
 AND t.evidence_id = o.evidence_id
WHERE o.alpaca_order_id IS NULL OR t.alpaca_order_id IS NULL

-- name: twin_of_fill
-- Whether the order has another fill of the same quantity, price and time.
SELECT EXISTS (
    SELECT FROM fills f JOIN fills g USING (alpaca_order_id, account_id, qty, price, transacted_at)
    WHERE f.alpaca_order_id = %(order_id)s AND f.fill_key = %(fill_key)s AND g.fill_key <> f.fill_key
)

-- name: other_accounts
-- The log tells of one account only.
SELECT 'executions' AS "table", alpaca_order_id AS subject FROM executions WHERE account_id <> %(account_id)s
UNION ALL
SELECT 'fills', alpaca_order_id || ' ' || fill_key FROM fills WHERE account_id <> %(account_id)s

-- name: findings_unpaired
-- Open discrepancies that the truth does not call for, and those it calls for that are not there: only an order that was
-- filled beyond its quantity stays open, for people (B8); all others close themselves when everything is applied. Members
-- that were stopped and refused (F7) are no fault: a sweep would close them, and none runs.
SELECT CASE WHEN o.subject IS NULL THEN 'missing' ELSE 'unknown' END AS kind,
       format('%%s of %%s', coalesce(t.type, o.type), coalesce(t.subject, o.subject)) AS subject
FROM (SELECT type, subject FROM discrepancies WHERE state = 'open' AND type <> 'second_writer') o
FULL JOIN (SELECT 'overfill' AS type, alpaca_order_id AS subject
           FROM ground_truth.orders WHERE filled_qty > qty) t USING (type, subject)
WHERE o.subject IS NULL OR t.subject IS NULL

-- name: dead_letters
-- Every record of this log can be applied.
SELECT 'unknown' AS kind, format('%%s:%%s:%%s %%s', topic, partition, "offset", reason) AS subject FROM dead_letters

-- name: cursors
-- How far each partition is applied.
SELECT topic, partition, next_offset, max_offset FROM stream_cursors WHERE consumer_group = %(group)s

-- name: event_pairs
-- Rows of the history with what the truth says of them.
order_events o JOIN ground_truth.events t
  ON t.alpaca_order_id = o.alpaca_order_id AND t.account_id = o.account_id AND t.topic = o.topic
 AND t.partition = o.partition AND t."offset" = o."offset"

-- name: winner_pairs
-- Rows of orders with the observation that has to be their last word (I2): of those that say the row's status, the one of
-- the greatest version, then quantity, and of equal ones the first in the log.
executions o JOIN LATERAL (
    SELECT e.alpaca_order_id, e.cancel_requested_at, e.source AS last_source, e.topic AS last_topic,
           e.partition AS last_partition, e."offset" AS last_offset, 'external' AS origin, NULL::uuid AS decision_id
    FROM ground_truth.events e
    WHERE e.alpaca_order_id = o.alpaca_order_id AND e.status IS NOT DISTINCT FROM o.status
    ORDER BY e.updated_at_ns DESC, coalesce(e.filled_qty, 0) DESC, e.topic, e.partition, e."offset"
    LIMIT 1
) t ON true

-- name: fill_pairs
-- Fills with the first place in the log that tells of them. Times of reversals are here because the books do not have
-- them; the statement's nanoseconds may have been cut or rounded.
(SELECT f.alpaca_order_id, f.fill_key, f.activity_id, f.source, f.topic, f.partition, f."offset", f.transacted_at
 FROM fills f) o
JOIN (SELECT p.fill_key, p.alpaca_order_id, NULL::text AS activity_id, 'stream' AS source, p.topic, p.partition, p."offset",
             CASE WHEN abs(extract(epoch FROM f.transacted_at - p.at)) <= 0.000001 THEN f.transacted_at
                  ELSE p.at END AS transacted_at
      FROM ground_truth.fill_places p JOIN fills f USING (fill_key)) t USING (fill_key)

-- name: evidence_pairs
-- Statements about executions with their first place in the log.
fill_evidence o JOIN ground_truth.evidence t
  ON t.alpaca_order_id = o.alpaca_order_id AND t.account_id = o.account_id AND t.kind = o.kind
 AND t.evidence_id = o.evidence_id
