-- Decisions on their way to the log, and back from it into a restored database.

-- name: changed_since
-- Decisions written, submitted or bound after a watermark, in that order; one whose submission lies in the future is
-- there once that time has come. What a program may write and Python can't hold (infinity, years BC) is brought near.
SELECT decision_id, account_id, client_order_id, symbol, side, qty, notional, order_type, limit_price, time_in_force,
       CASE WHEN decided_at > held.last THEN held.last WHEN decided_at < held.first THEN held.first
            ELSE decided_at END AS decided_at,
       CASE WHEN not_before > held.last THEN held.last WHEN not_before < held.first THEN held.first
            ELSE not_before END AS not_before,
       CASE WHEN submitted_at > held.last THEN held.last WHEN submitted_at < held.first THEN held.first
            ELSE submitted_at END AS submitted_at,
       submit_result, state, alpaca_order_id, bound_at, inserted_by, inserted_at, changed_at
FROM trade_decisions
CROSS JOIN LATERAL (
    SELECT greatest(inserted_at, bound_at, CASE WHEN submitted_at <= now() THEN submitted_at END) AS changed_at
) changed
CROSS JOIN (
    VALUES (timestamptz '0001-01-02 00:00:00+00', timestamptz '9999-12-30 00:00:00+00')
) AS held(first, last)
WHERE greatest(inserted_at, bound_at, submitted_at) >= %(changed_at)s::timestamptz  -- no less than changed_at, and indexed
  AND (changed_at, decision_id) > (%(changed_at)s::timestamptz, %(decision_id)s::uuid)
ORDER BY changed_at, decision_id
LIMIT %(limit)s

-- name: restore
-- Inserts the decisions that are not here, neither by their id nor by account and client order id; gives their ids.
-- `bound` comes back only where the order's row names the decision: else apply or the sweep binds it once more.
INSERT INTO trade_decisions (
    decision_id, account_id, client_order_id, symbol, side, qty, notional, order_type, limit_price, time_in_force,
    decided_at, not_before, submitted_at, submit_result, state, alpaca_order_id, bound_at, inserted_by, inserted_at
)
SELECT w.decision_id, w.account_id, w.client_order_id, w.symbol, w.side, w.qty, w.notional, w.order_type, w.limit_price,
       w.time_in_force, w.decided_at, w.not_before, w.submitted_at, w.submit_result,
       CASE WHEN w.state = 'bound' AND NOT named.here THEN 'planned' ELSE w.state END,
       CASE WHEN named.here THEN w.alpaca_order_id END,
       CASE WHEN named.here THEN w.bound_at END,
       w.inserted_by, w.inserted_at
FROM json_to_recordset(%(decisions)s::json) AS w(
    decision_id uuid, account_id text, client_order_id text, symbol text, side text, qty numeric, notional numeric,
    order_type text, limit_price numeric, time_in_force text, decided_at timestamptz, not_before timestamptz,
    submitted_at timestamptz, submit_result text, state text, alpaca_order_id text, bound_at timestamptz,
    inserted_by text, inserted_at timestamptz
)
CROSS JOIN LATERAL (
    SELECT EXISTS (
        SELECT FROM executions e
        WHERE e.alpaca_order_id = w.alpaca_order_id AND e.account_id = w.account_id AND e.decision_id = w.decision_id
    ) AS here
) named
ORDER BY w.inserted_at, w.decision_id
ON CONFLICT DO NOTHING
RETURNING decision_id

-- name: lead
-- Whether this session is the one that copies; until it ends.
SELECT pg_try_advisory_lock(hashtextextended('stream-reconcile decisions.' || current_schema(), 0))

-- name: end_if_silent
-- This session ends if it says nothing for so long: one that leads and stands still would lead for ever. (Nothing before
-- Postgres 14, which has no such limit.)
SELECT set_config('idle_session_timeout', %(limit)s, false)
FROM pg_settings
WHERE name = 'idle_session_timeout'

-- name: progress
-- How far it has come.
SELECT topic_id, next_offsets, changed_at, decision_id
FROM decision_copies
WHERE topic = %(topic)s

-- name: note_progress
-- It has come so far.
INSERT INTO decision_copies (topic, topic_id, next_offsets, changed_at, decision_id)
VALUES (%(topic)s, %(topic_id)s, %(next_offsets)s, %(changed_at)s, %(decision_id)s)
ON CONFLICT (topic) DO UPDATE SET
    topic_id = excluded.topic_id, next_offsets = excluded.next_offsets, changed_at = excluded.changed_at,
    decision_id = excluded.decision_id
