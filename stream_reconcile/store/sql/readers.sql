-- What status pages and commands read; nothing here changes anything.

-- name: counts
-- Rows of the tables that grow, exactly; a full scan of each, so seconds where there are tens of millions.
SELECT (SELECT count(*) FROM executions) AS executions,
       (SELECT count(*) FROM order_events) AS order_events,
       (SELECT count(*) FROM fills) AS fills,
       (SELECT count(*) FROM fill_evidence) AS fill_evidence,
       (SELECT count(*) FROM trade_decisions) AS trade_decisions,
       (SELECT count(*) FROM discrepancies WHERE state = 'open') AS open_discrepancies,
       (SELECT count(*) FROM dead_letters WHERE resolved_at IS NULL) AS open_dead_letters,
       (SELECT count(*) FROM stream_gaps WHERE closed_at IS NULL) AS open_gaps

-- name: accounts
-- Accounts that this installation is pinned to.
SELECT account_id, key_fingerprint, pinned_at FROM accounts ORDER BY account_id

-- name: cursors
-- How far each partition of a consumer group is applied.
SELECT topic, partition, next_offset, max_offset, owner, epoch, leader_epoch, cluster_id, topic_id, last_record_at
FROM stream_cursors
WHERE consumer_group = %(group)s
ORDER BY topic, partition

-- name: leases
-- Who may run ingest and sweep of each account; held: not expired by the database's clock.
SELECT job, account_id, owner, epoch, expires_at, expires_at > clock_timestamp() AS held
FROM leases
ORDER BY job, account_id

-- name: sessions
-- Newest websocket sessions of each account, newest first.
SELECT s.*
FROM (SELECT DISTINCT account_id FROM stream_sessions) a
CROSS JOIN LATERAL (
    SELECT session_id, account_id, owner, lease_epoch, opened_at, listening_at, closed_at, close_reason, good_until,
           good_until_ns, frames
    FROM stream_sessions
    WHERE account_id = a.account_id
    ORDER BY opened_at DESC
    LIMIT %(per_account)s
) s
ORDER BY s.account_id, s.opened_at DESC

-- name: open_gaps
-- Windows in which frames may still be missing, oldest first.
SELECT gap_id, account_id, session_id, window_start, window_end, reason, opened_at
FROM stream_gaps
WHERE closed_at IS NULL
ORDER BY account_id, window_start

-- name: open_discrepancies
-- Differences that are open, oldest first.
SELECT discrepancy_id, account_id, type, subject, state, evidence, first_seen_at, last_seen_at, attempts
FROM discrepancies
WHERE state = 'open' AND (%(account_id)s::text IS NULL OR account_id = %(account_id)s)
ORDER BY first_seen_at, discrepancy_id
LIMIT %(limit)s

-- name: open_discrepancy_counts
-- Open differences by account and type.
SELECT account_id, type, count(*) AS count
FROM discrepancies
WHERE state = 'open'
GROUP BY account_id, type
ORDER BY account_id, type

-- name: dead_letters
-- Records put aside, oldest first, without their bytes.
SELECT topic_id, topic, partition, "offset", kafka_timestamp, account_id, order_id, reason, error, recorded_at, retries,
       retried_at, retry_result, resolved_at
FROM dead_letters
WHERE resolved_at IS NULL OR %(resolved_too)s
ORDER BY topic, partition, "offset", recorded_at
LIMIT %(limit)s

-- name: open_dead_letter_count
-- Records put aside that no retry has applied yet.
SELECT count(*) FROM dead_letters WHERE resolved_at IS NULL

-- name: dead_letter
-- One record put aside, with its bytes (the reader role may not see those); of a topic made anew the newest.
SELECT topic_id, topic, partition, "offset", kafka_timestamp, account_id, order_id, reason, error, recorded_at, retries,
       retried_at, retry_result, resolved_at, key, payload
FROM dead_letters
WHERE topic = %(topic)s AND partition = %(partition)s AND "offset" = %(offset)s
ORDER BY recorded_at DESC, topic_id
LIMIT 1

-- name: agreement
-- Until when the rows are proven equal to the broker.
SELECT account_id, scope, proven_equal_at, blocked_by FROM agreement ORDER BY account_id, scope

-- name: why
-- Which observation made the row of an order, and from where.
SELECT why(%(order_id)s, %(account_id)s) AS why
